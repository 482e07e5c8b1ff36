//! Operators that move values without changing them, on constants and on
//! computed values alike: an index table says where every output comes from.

use super::call::{Call, Value};
use super::importer::Importer;
use super::index::{self, NONE};
use super::rearrange::{Table, as_computed, expanded, permuted, select};
use super::tensor::{Data, Tensor, dimension};
use crate::error::{Error, Result};
use crate::net::Op;

pub fn dropout(call: &Call) -> Result<Value> {
    if call.optional(2).is_some() && call.number(2)? != 0.0 {
        return Err(Error::unsupported("in training mode").next("call model.eval() before the export"));
    }
    Ok(call.value(0)?.clone())
}

fn fits(value: &Value, shape: Vec<usize>) -> Result<Value> {
    if index::volume(&shape)? != index::volume(value.shape())? {
        return Err(Error::import(format!("cannot reshape {:?} to {shape:?}", value.shape())));
    }
    Ok(value.reshaped(shape))
}

pub fn reshape(call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let target = call.list("shape", 1)?.ok_or_else(|| Error::import("has no target shape"))?;
    let zero_copies = !call.flag("allowzero", false)?;
    let mut shape = vec![];
    for (k, &d) in target.iter().enumerate() {
        shape.push(match d {
            0 if zero_copies => *value
                .shape()
                .get(k)
                .ok_or_else(|| Error::import(format!("copies axis {k}, which is not there")))?,
            -1 => 1,
            d => dimension(d)?,
        });
    }
    let open: Vec<usize> = (0..target.len()).filter(|&k| target[k] == -1).collect();
    match open[..] {
        [] => {}
        [k] => {
            let (total, rest) = (index::volume(value.shape())?, index::volume(&shape)?);
            let size = total.checked_div(rest).filter(|s| s * rest == total);
            shape[k] = size
                .ok_or_else(|| Error::import(format!("cannot reshape {:?} to {target:?}", value.shape())))?;
        }
        _ => return Err(Error::import("has several open sizes")),
    }
    fits(value, shape)
}

pub fn flatten(call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let shape = value.shape();
    let axis = call.int("axis", 1)?;
    let axis = if axis == shape.len() as i64 { shape.len() } else { index::axis(axis, shape.len())? };
    fits(value, vec![index::volume(&shape[..axis])?, index::volume(&shape[axis..])?])
}

pub fn squeeze(call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let shape = value.shape();
    let axes = match call.list("axes", 1)? {
        Some(list) => index::axes(&list, shape.len())?,
        None => (0..shape.len()).filter(|&k| shape[k] == 1).collect(),
    };
    if let Some(bad) = axes.iter().find(|&&k| shape[k] != 1) {
        return Err(Error::import(format!("cannot drop axis {bad} of {shape:?}")));
    }
    fits(value, (0..shape.len()).filter(|k| !axes.contains(k)).map(|k| shape[k]).collect())
}

pub fn unsqueeze(call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let list = call.list("axes", 1)?.ok_or_else(|| Error::import("has no axes"))?;
    let rank = value.shape().len() + list.len();
    let axes = index::axes(&list, rank)?;
    let mut rest = value.shape().iter();
    let shape = (0..rank).map(|k| if axes.contains(&k) { 1 } else { rest.next().copied().unwrap_or(1) });
    fits(value, shape.collect())
}

pub fn transpose(importer: &mut Importer, call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let rank = value.shape().len();
    let order = match call.ints("perm")? {
        Some(order) => order.iter().map(|&a| index::axis(a, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(Error::import(format!("{order:?} is no order of {rank} axes")));
    }
    permuted(importer, call, value, &order)
}

pub fn slice(importer: &mut Importer, call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let missing = || Error::import("has no starts or ends");
    let starts = call.list("starts", 1)?.ok_or_else(missing)?;
    let ends = call.list("ends", 2)?.ok_or_else(missing)?;
    let axes = call.list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = match call.optional(4) {
        Some(_) => call.integers(4)?.to_vec(),
        None => vec![1; starts.len()],
    };
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(Error::import("starts, ends, axes and steps differ in length"));
    }
    let rank = value.shape().len();
    index::axes(&axes, rank)?;
    let mut shape = value.shape().to_vec();
    let mut first = vec![0i64; rank];
    let mut step = vec![1i64; rank];
    for (k, &a) in axes.iter().enumerate() {
        let a = index::axis(a, rank)?;
        let d = shape[a] as i64;
        let from_end = |v: i64| if v < 0 { v.saturating_add(d) } else { v };
        let (s, e, by) = (from_end(starts[k]), from_end(ends[k]), steps[k].clamp(-(1 << 32), 1 << 32));
        let (s, span) = match by {
            0 => return Err(Error::import("has a step of 0")),
            1.. => (s.clamp(0, d), e.clamp(0, d) - s.clamp(0, d)),
            _ => (s.clamp(0, (d - 1).max(0)), s.clamp(0, (d - 1).max(0)) - e.clamp(-1, d - 1)),
        };
        shape[a] = if d == 0 { 0 } else { (span.max(0) as u64).div_ceil(by.unsigned_abs()) as usize };
        (first[a], step[a]) = (s, by);
    }
    let table = Table::by_axis(importer, value, shape, |k, i| (first[k] + i as i64 * step[k]) as u32)?;
    select(importer, call, value, table)
}

pub fn split(importer: &mut Importer, call: &Call) -> Result<Vec<Value>> {
    let value = call.value(0)?;
    let axis = index::axis(call.int("axis", 0)?, value.shape().len())?;
    let total = value.shape()[axis];
    let parts = call.int("num_outputs", call.node.output.len() as i64)?;
    let parts = usize::try_from(parts).ok().filter(|&p| p == call.node.output.len() && p > 0);
    let parts = parts.ok_or_else(|| Error::import("has a wrong number of outputs"))?;
    let sizes = match call.list("split", 1)? {
        Some(sizes) => sizes.iter().map(|&s| dimension(s)).collect::<Result<Vec<_>>>()?,
        None if call.opset < 18 && !total.is_multiple_of(parts) => {
            let text =
                format!("cannot split {total} into {parts} equal parts, and before opset 18 no others");
            return Err(Error::import(text).next("give the sizes, or export with opset 18"));
        }
        None => {
            let size = total.div_ceil(parts);
            (0..parts).map(|p| size.min(total.saturating_sub(p * size))).collect()
        }
    };
    if sizes.len() != parts || sizes.iter().sum::<usize>() != total {
        return Err(Error::import(format!("cannot split {total} into {sizes:?}")));
    }
    let mut out = vec![];
    let mut from = 0;
    for size in sizes {
        let mut shape = value.shape().to_vec();
        shape[axis] = size;
        let map = |k: usize, i: usize| if k == axis { (from + i) as u32 } else { i as u32 };
        let table = Table::by_axis(importer, value, shape, map)?;
        out.push(select(importer, call, value, table)?);
        from += size;
    }
    Ok(out)
}

pub fn pad(importer: &mut Importer, call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let rank = value.shape().len();
    let mode = call.text("mode", "constant")?;
    let list = call.list("pads", 1)?.ok_or_else(|| Error::import("has no pads"))?;
    let fill = match call.optional(2) {
        Some(_) => call.number(2)?,
        None => call.float("value", 0.0)?,
    };
    let axes = match call.optional(3) {
        Some(_) => call.integers(3)?.to_vec(),
        None => (0..rank as i64).collect(),
    };
    index::axes(&axes, rank)?;
    if list.len() != 2 * axes.len() {
        return Err(Error::import(format!("{} pads for {} axes", list.len(), axes.len())));
    }
    let mut shape = value.shape().to_vec();
    let mut front = vec![0i64; rank];
    for (k, &a) in axes.iter().enumerate() {
        let a = index::axis(a, rank)?;
        let (before, after) = (list[k], list[k + axes.len()]);
        let d = shape[a] as i64;
        let fine = match &mode[..] {
            "constant" => true,
            "reflect" => (0..d).contains(&before) && (0..d).contains(&after),
            "edge" => before >= 0 && after >= 0 && d > 0,
            other => return Err(Error::unsupported(format!("mode {other:?}"))),
        };
        if !fine {
            return Err(Error::import(format!("pads {before} and {after} around {d} in mode {mode:?}")));
        }
        shape[a] = dimension(d.saturating_add(before).saturating_add(after))?;
        front[a] = before;
    }
    let sizes: Vec<i64> = value.shape().iter().map(|&d| d as i64).collect();
    let map = |k: usize, i: usize| {
        let (at, d) = ((i as i64).saturating_sub(front[k]), sizes[k]);
        let at = match &mode[..] {
            "reflect" if at < 0 => -at,
            "reflect" if at >= d => 2 * (d - 1) - at,
            "edge" => at.clamp(0, d - 1),
            _ => at,
        };
        if (0..d).contains(&at) { at as u32 } else { NONE }
    };
    let table = Table { fill, ..Table::by_axis(importer, value, shape, map)? };
    select(importer, call, value, table)
}

pub fn gather(importer: &mut Importer, call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let axis = index::axis(call.int("axis", 0)?, value.shape().len())?;
    let size = value.shape()[axis] as i64;
    let places = call.integers(1)?;
    let mut rows = vec![];
    for &p in places.iter() {
        let at = if p < 0 { p.saturating_add(size) } else { p };
        if !(0..size).contains(&at) {
            return Err(Error::import(format!("takes element {p} of {size}")));
        }
        rows.push(at as u32);
    }
    let mut shape = value.shape().to_vec();
    shape[axis] = rows.len();
    let table = Table::by_axis(importer, value, shape, |k, i| if k == axis { rows[i] } else { i as u32 })?;
    let out = select(importer, call, value, table)?;
    let mut shape = value.shape().to_vec();
    shape.splice(axis..=axis, call.constant(1)?.shape.iter().copied());
    fits(&out, shape)
}

pub fn expand(importer: &mut Importer, call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let target = call.integers(1)?.iter().map(|&d| dimension(d)).collect::<Result<Vec<_>>>()?;
    let shape = index::broadcast(value.shape(), &target)?;
    expanded(importer, call, value, &shape)
}

pub fn tile(importer: &mut Importer, call: &Call) -> Result<Value> {
    let value = call.value(0)?;
    let from = value.shape().to_vec();
    let repeats = call.integers(1)?.iter().map(|&d| dimension(d)).collect::<Result<Vec<_>>>()?;
    if repeats.len() != from.len() {
        return Err(Error::import(format!("{} repeats for {} axes", repeats.len(), from.len())));
    }
    let shape = from.iter().zip(&repeats).map(|(&d, &r)| d.saturating_mul(r)).collect();
    let table = Table::by_axis(importer, value, shape, |k, i| (i % from[k]) as u32)?;
    select(importer, call, value, table)
}

pub fn concat(importer: &mut Importer, call: &Call) -> Result<Value> {
    let axis = call.int("axis", 1)?;
    let mut values = call.values()?;
    let rank = values[0].shape().len();
    let axis = index::axis(axis, rank)?;
    let mut shape = values[0].shape().to_vec();
    shape[axis] = 0;
    for value in &values {
        let own = value.shape();
        if own.len() != rank || (0..rank).any(|k| k != axis && own[k] != shape[k]) {
            return Err(Error::import(format!("cannot join {own:?} to {shape:?} along axis {axis}")));
        }
        shape[axis] = shape[axis].saturating_add(own[axis]);
    }
    if values.iter().any(|v| matches!(v, Value::Computed(_))) {
        values.retain(|v| index::volume(v.shape()).is_ok_and(|n| n > 0));
    }
    if let [one] = &values[..] {
        return Ok(one.clone());
    }
    // All parts one after the other, then the rows of the parts interleaved.
    let outer = index::volume(&shape[..axis])?;
    let total = index::volume(&shape)?;
    let joined = if values.iter().all(|v| matches!(v, Value::Constant(_))) {
        importer.charge_constant(total.saturating_mul(4))?;
        Value::Constant(joined(&values, total)?)
    } else {
        let parts = values.iter().map(|v| as_computed(importer, call, v)).collect::<Result<Vec<_>>>()?;
        let nodes = parts.iter().map(|p| p.node).collect();
        Value::Computed(importer.push(call, Op::Concat, nodes, shape.clone())?)
    };
    if outer <= 1 {
        return Ok(joined.reshaped(shape));
    }
    importer.charge_shape(&joined, &shape)?;
    let mut index = Vec::with_capacity(total);
    for row in 0..outer {
        let mut base = 0;
        for value in &values {
            let inner = index::volume(&value.shape()[axis..])?;
            index.extend((0..inner).map(|i| (base + row * inner + i) as u32));
            base += outer * inner;
        }
    }
    select(importer, call, &joined, Table::new(shape, index))
}

fn joined(values: &[Value], total: usize) -> Result<Tensor> {
    let (mut integers, mut reals) = (vec![], vec![]);
    for value in values {
        let Value::Constant(t) = value else { continue };
        match &t.data {
            Data::Integers(v) => integers.extend_from_slice(v),
            Data::Floats(_) | Data::Reals(_) => reals.extend(t.real_numbers()?),
        }
    }
    match (integers.len() == total, reals.len() == total) {
        (true, _) => Ok(Tensor::integers(vec![total], integers)),
        (_, true) => Ok(Tensor::reals(vec![total], reals)),
        _ => Err(Error::import("joins integers and floats")),
    }
}
