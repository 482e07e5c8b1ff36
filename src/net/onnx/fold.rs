//! Constants: nodes that are known without running the network.

use super::call::{Call, Value};
use super::importer::Importer;
use super::proto::data_type as t;
use super::tensor::{self, Data, Tensor, dimension};
use super::{index, tensor::exact};
use crate::error::{Error, Result};
use crate::num::Coefficient;
use half::{bf16, f16};
use std::sync::Arc;

pub fn constant(call: &Call) -> Result<Value> {
    let tensor = if let Some(proto) = call.tensor("value")? {
        tensor::decode(proto)?
    } else if let Some(x) = call.optional_float("value_float")? {
        Tensor::floats(vec![], vec![x])
    } else if let Some(v) = call.floats("value_floats")? {
        Tensor::floats(vec![v.len()], v.iter().map(|&x| x as f64).collect())
    } else if let Some(v) = call.ints("value_ints")? {
        Tensor::integers(vec![v.len()], v.to_vec())
    } else if call.node.attribute.iter().any(|a| a.name == "value_int") {
        Tensor::integers(vec![], vec![call.int("value_int", 0)?])
    } else {
        return Err(Error::unsupported("a constant that is neither numbers nor a tensor"));
    };
    Ok(Value::Constant(tensor))
}

pub fn constant_of_shape(importer: &mut Importer, call: &Call) -> Result<Value> {
    let shape = call.integers(0)?.iter().map(|&d| dimension(d)).collect::<Result<Vec<_>>>()?;
    let count = index::volume(&shape)?;
    importer.charge_constant(count)?;
    let value = match call.tensor("value")? {
        Some(proto) => tensor::decode(proto)?,
        None => Tensor::floats(vec![1], vec![0.0]),
    };
    let tensor = match &value.data {
        Data::Floats(v) if v.len() == 1 => Tensor::floats(shape, vec![v[0]; count]),
        Data::Integers(v) if v.len() == 1 => Tensor::integers(shape, vec![v[0]; count]),
        Data::Floats(_) | Data::Integers(_) | Data::Reals(_) => {
            return Err(Error::import("the value should be one number"));
        }
    };
    Ok(Value::Constant(tensor))
}

/// Probabilities as a dictionary: its values, in the order of the labels.
pub fn zip_map(call: &Call) -> Result<Value> {
    for name in ["classlabels_int64s", "classlabels_strings"] {
        call.known(name);
    }
    call.computed(0).cloned().map(Value::Computed)
}

pub fn shape(call: &Call) -> Result<Value> {
    let dims: Vec<i64> = call.value(0)?.shape().iter().map(|&d| d as i64).collect();
    let rank = dims.len() as i64;
    let clamp = |v: i64| (if v < 0 { v.saturating_add(rank) } else { v }).clamp(0, rank) as usize;
    let (start, end) = (clamp(call.int("start", 0)?), clamp(call.int("end", rank)?));
    let part = dims.get(start..end.max(start)).unwrap_or_default().to_vec();
    Ok(Value::Constant(Tensor::integers(vec![part.len()], part)))
}

pub fn size(call: &Call) -> Result<Value> {
    let count = index::volume(call.value(0)?.shape())?;
    Ok(Value::Constant(Tensor::integers(vec![], vec![count as i64])))
}

pub fn sqrt(importer: &mut Importer, call: &Call) -> Result<Value> {
    let tensor = call.constant(0)?;
    importer.charge_constant(tensor.len().saturating_mul(16))?;
    let roots = tensor.real_numbers()?.into_iter().map(Coefficient::sqrt).collect();
    Ok(Value::Constant(Tensor::reals(tensor.shape.clone(), roots)))
}

/// To f32 and f64 an activation stays the real number it is, like in every other operator; shorter
/// floats are too coarse for that. A constant is rounded as the file says.
pub fn cast(importer: &mut Importer, call: &Call) -> Result<Value> {
    let to = call.int("to", 0)? as i32;
    let tensor = match call.value(0)? {
        Value::Constant(tensor) => tensor,
        computed if matches!(to, t::FLOAT | t::DOUBLE) => return Ok(computed.clone()),
        _ if t::is_float(to) => {
            let name = if to == t::FLOAT16 { "float16" } else { "bfloat16" };
            return Err(Error::unsupported(format!("rounds computed values to {name}, which has no slope"))
                .next("export the network in float32; weights may stay as they are"));
        }
        Value::Computed(_) | Value::Gate(_) | Value::Unknown => {
            return Err(Error::unsupported(format!("of computed values to the element type {to}")));
        }
    };
    importer.charge_constant(tensor.len())?;
    let round = |x: f64| match to {
        t::FLOAT => x as f32 as f64,
        t::FLOAT16 => nearest(x, f16::from_f64(x).to_bits(), |b| f16::from_bits(b).to_f64()),
        t::BFLOAT16 => nearest(x, bf16::from_f64(x).to_bits(), |b| bf16::from_bits(b).to_f64()),
        _ => x,
    };
    let integer = |i: i64| match to {
        t::INT32 => i as i32 as i64,
        t::BOOL => (i != 0) as i64,
        _ => i,
    };
    let data = match &tensor.data {
        _ if !(t::is_float(to) || matches!(to, t::INT32 | t::INT64 | t::BOOL)) => {
            return Err(Error::unsupported(format!("to the element type {to}")));
        }
        Data::Floats(v) if t::is_float(to) && v.iter().all(|&x| round(x) == x) => Data::Floats(v.clone()),
        Data::Floats(v) if t::is_float(to) => Data::Floats(Arc::new(v.iter().map(|&x| round(x)).collect())),
        Data::Floats(v) if to == t::BOOL => {
            Data::Integers(Arc::new(v.iter().map(|&x| (x != 0.0) as i64).collect()))
        }
        Data::Floats(v) => Data::Integers(Arc::new(v.iter().map(|&x| integer(x as i64)).collect())),
        Data::Integers(v) if t::is_float(to) => {
            let values = v.iter().map(|&i| exact(i).map(round)).collect::<Option<Vec<_>>>();
            Data::Floats(Arc::new(values.ok_or_else(|| Error::unsupported("of a huge integer"))?))
        }
        Data::Integers(v) => Data::Integers(Arc::new(v.iter().map(|&i| integer(i)).collect())),
        Data::Reals(_) => return Err(Error::unsupported("of a computed constant that is not a float")),
    };
    Ok(Value::Constant(Tensor { shape: tensor.shape.clone(), data }))
}

/// The 16-bit float nearest to x, ties to the even one, from one that is a neighbour of it: conversions from
/// f64 may go through f32 and round twice. Infinity counts as the number one step above the largest.
fn nearest(x: f64, near: u16, value: impl Fn(u16) -> f64) -> f64 {
    if !x.is_finite() {
        return value(near);
    }
    let size = |b: u16| match value(b) {
        v if v.is_infinite() => 2.0 * value(b - 1) - value(b - 2),
        v => v,
    };
    let around = [near.wrapping_sub(1), near, near.wrapping_add(1)].into_iter();
    let closer = |a: &u16, b: &u16| {
        let (d, e) = ((size(*a) - x).abs(), (size(*b) - x).abs());
        d.total_cmp(&e).then((a & 1).cmp(&(b & 1)))
    };
    around.filter(|&b| !value(b).is_nan()).min_by(closer).map_or(value(near), value)
}

/// Add, Sub, Mul and Div of two constants, as real numbers.
pub fn binary(importer: &mut Importer, a: &Tensor, b: &Tensor, operator: &str) -> Result<Value> {
    let shape = index::broadcast(&a.shape, &b.shape)?;
    let count = index::volume(&shape)?;
    importer.charge_constant(count.saturating_mul(16))?;
    let ia = index::strided(&shape, &index::broadcast_strides(&a.shape, &shape));
    let ib = index::strided(&shape, &index::broadcast_strides(&b.shape, &shape));
    let pairs = ia.iter().zip(&ib).map(|(&i, &j)| (i as usize, j as usize));
    if let (Data::Integers(x), Data::Integers(y)) = (&a.data, &b.data) {
        let one = |(i, j): (usize, usize)| {
            let (x, y): (i64, i64) = (x[i], y[j]);
            match operator {
                "Add" => x.checked_add(y),
                "Sub" => x.checked_sub(y),
                "Mul" => x.checked_mul(y),
                _ => x.checked_div(y),
            }
        };
        let values = pairs.map(one).collect::<Option<Vec<_>>>();
        let values = values.ok_or_else(|| Error::import("integer overflow or division by zero"))?;
        return Ok(Value::Constant(Tensor::integers(shape, values)));
    }
    let (x, y) = (a.real_numbers()?, b.real_numbers()?);
    let one = |(i, j): (usize, usize)| match operator {
        "Add" => x[i].plus(y[j]),
        "Sub" => x[i].minus(y[j]),
        "Mul" => x[i].times(y[j]),
        _ => x[i].over(y[j]),
    };
    Ok(Value::Constant(Tensor::reals(shape, pairs.map(one).collect())))
}
