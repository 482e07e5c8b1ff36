//! Pooling and reductions: windows under a maximum, or window sums and a scale.

use super::call::{Call, Computed, Value};
use super::conv::{Window, kernel, spatial, window};
use super::importer::Importer;
use super::index;
use super::tensor::{Data, Tensor};
use crate::error::{Error, Result};
use crate::layer::{Incidence, Scale};
use crate::net::{Op, pool_windows};
use crate::num::Coefficient;
use std::sync::Arc;

/// Windows over `x` and the shape of the result.
fn windows(
    importer: &mut Importer,
    call: &Call,
    x: &Computed,
) -> Result<(Window, Arc<Incidence>, Vec<usize>)> {
    let (axes, input) = spatial(&x.shape)?;
    let w = window(call, axes, input, kernel(call, axes)?, call.flag("ceil_mode", false)?)?;
    if w.dilation != [1, 1] && call.text("auto_pad", "")?.starts_with("SAME") {
        // The standard and its most used runtime disagree about this case.
        return Err(Error::unsupported("auto_pad SAME with dilations"));
    }
    let channels = index::volume(&x.shape[..2])?;
    let mut shape = x.shape[..2].to_vec();
    shape.extend(&w.output[2 - axes..]);
    let taps = index::volume(&w.kernel)?;
    importer.charge(index::volume(&shape)?.saturating_mul(taps.saturating_add(1)))?;
    let windows = pool_windows(channels, &w.shape(1, channels, channels));
    Ok((w, Arc::new(windows), shape))
}

pub fn max_pool(importer: &mut Importer, call: &Call) -> Result<Value> {
    if call.node.output.iter().skip(1).any(|o| !o.is_empty()) {
        return Err(Error::unsupported("with indices as a second output"));
    }
    let x = call.computed(0)?;
    let (_, windows, shape) = windows(importer, call, x)?;
    importer.push(call, Op::Max(windows), vec![x.node], shape).map(Value::Computed)
}

pub fn average_pool(importer: &mut Importer, call: &Call) -> Result<Value> {
    let x = call.computed(0)?;
    let with_pads = call.flag("count_include_pad", false)?;
    let (w, windows, shape) = windows(importer, call, x)?;
    // Places of the (padded) input that a window covers, per axis.
    let covered = |axis: usize, o: usize| {
        let (from, end) = match with_pads {
            true => (0, w.input[axis] + w.pad[axis] + w.end[axis]),
            false => (w.pad[axis], w.pad[axis] + w.input[axis]),
        };
        let at = |t: usize| o * w.stride[axis] + t * w.dilation[axis];
        (0..w.kernel[axis]).filter(|&t| (from..end).contains(&at(t))).count()
    };
    let [rows, columns] = [0, 1].map(|a| (0..w.output[a]).map(|o| covered(a, o)).collect::<Vec<_>>());
    let sums = importer.push(call, Op::Select { incidence: windows, fill: 0.0 }, vec![x.node], shape)?;
    let share = |count: usize| Coefficient::ONE.over(Coefficient::exact(count as f64));
    let equal = |counts: &[usize]| counts.iter().all(|&c| c == counts[0]);
    let y = if equal(&rows) && equal(&columns) {
        importer.factor(call, &sums, share(rows[0] * columns[0]))?
    } else {
        importer.charge(rows.len().saturating_mul(columns.len()).saturating_mul(12))?;
        let counts = rows.iter().flat_map(|r| columns.iter().map(move |c| r * c));
        let factor: Vec<_> = counts.map(share).collect();
        let shift = vec![Coefficient::ZERO; factor.len()];
        importer.follow(call, Op::Scale(Scale::new(factor, shift, 1)), &sums)?
    };
    Ok(Value::Computed(y))
}

pub fn global(importer: &mut Importer, call: &Call, operator: &str) -> Result<Value> {
    let x = call.computed(0)?;
    if x.shape.len() < 3 {
        return Err(Error::import("its input has no spatial axes"));
    }
    let axes: Vec<usize> = (2..x.shape.len()).collect();
    let kind = if operator == "GlobalMaxPool" { "ReduceMax" } else { "ReduceMean" };
    let reduction = Reduction { axes: &axes, keep: true, operator: kind };
    over_axes(importer, call, x, &reduction).map(Value::Computed)
}

pub fn reduce(importer: &mut Importer, call: &Call, operator: &str) -> Result<Value> {
    let value = call.value(0)?;
    let rank = value.shape().len();
    let keep = call.flag("keepdims", true)?;
    let nothing = call.flag("noop_with_empty_axes", false)?;
    let axes = match call.list("axes", 1)?.filter(|a| !a.is_empty()) {
        Some(list) => index::axes(&list, rank)?,
        None if nothing => return Ok(value.clone()),
        None => (0..rank).collect(),
    };
    match value {
        Value::Computed(x) => {
            let reduction = Reduction { axes: &axes, keep, operator };
            over_axes(importer, call, x, &reduction).map(Value::Computed)
        }
        Value::Constant(t) if axes.len() == rank => folded(t, keep, operator),
        Value::Constant(_) | Value::Gate(_) | Value::Unknown => {
            Err(Error::unsupported("of some axes of a constant"))
        }
    }
}

/// All axes of an integer constant.
fn folded(t: &Tensor, keep: bool, operator: &str) -> Result<Value> {
    let Data::Integers(v) = &t.data else { return Err(Error::unsupported("of float constants")) };
    let out = match operator {
        "ReduceProd" => v.iter().try_fold(1i64, |a, &b| a.checked_mul(b)),
        "ReduceSum" => v.iter().try_fold(0i64, |a, &b| a.checked_add(b)),
        "ReduceMax" => v.iter().copied().max(),
        "ReduceMin" => v.iter().copied().min(),
        _ => return Err(Error::unsupported("of an integer constant")),
    };
    let shape = if keep { vec![1; t.shape.len()] } else { vec![] };
    let out = out.ok_or_else(|| Error::import("integer overflow, or nothing to reduce"))?;
    Ok(Value::Constant(Tensor::integers(shape, vec![out])))
}

/// A reduction of some axes by an operator; `keep` leaves them with size 1.
struct Reduction<'a> {
    axes: &'a [usize],
    keep: bool,
    operator: &'a str,
}

fn over_axes(importer: &mut Importer, call: &Call, x: &Computed, reduction: &Reduction) -> Result<Computed> {
    let &Reduction { axes, keep, operator } = reduction;
    let rank = x.shape.len();
    let (kept, gone): (Vec<usize>, Vec<usize>) = (0..rank).partition(|k| !axes.contains(k));
    let length: usize = gone.iter().map(|&k| x.shape[k]).product();
    let shape: Vec<usize> = if keep {
        (0..rank).map(|k| if axes.contains(&k) { 1 } else { x.shape[k] }).collect()
    } else {
        kept.iter().map(|&k| x.shape[k]).collect()
    };
    if length == 1 {
        return Ok(Computed { node: x.node, shape });
    }
    importer.charge(x.len().saturating_mul(2))?;
    // Reduced axes last: each window is then a run of the table.
    let order: Vec<usize> = kept.into_iter().chain(gone).collect();
    let strides = index::strides(&x.shape);
    let sizes: Vec<usize> = order.iter().map(|&k| x.shape[k]).collect();
    let steps: Vec<usize> = order.iter().map(|&k| strides[k]).collect();
    let windows = Arc::new(Incidence::from_parts(
        x.len(),
        (0..=x.len() / length).map(|i| (i * length) as u32).collect(),
        index::strided(&sizes, &steps),
    ));
    match operator {
        "ReduceMax" => importer.push(call, Op::Max(windows), vec![x.node], shape),
        "ReduceMin" => {
            let minus = Coefficient::exact(-1.0);
            let x = importer.factor(call, x, minus)?;
            let y = importer.push(call, Op::Max(windows), vec![x.node], shape)?;
            importer.factor(call, &y, minus)
        }
        "ReduceSum" | "ReduceMean" => {
            let op = Op::Select { incidence: windows, fill: 0.0 };
            let y = importer.push(call, op, vec![x.node], shape)?;
            let count = if operator == "ReduceMean" { length as f64 } else { 1.0 };
            importer.factor(call, &y, Coefficient::ONE.over(Coefficient::exact(count)))
        }
        _ => Err(Error::unsupported("of computed values")),
    }
}
