//! Element-wise arithmetic: constants become `Scale`, computed operands `Add`.

use super::call::{Call, Computed, Value};
use super::importer::Importer;
use super::rearrange::expanded;
use super::tensor::Tensor;
use super::{fold, gelu, index};
use crate::error::{Error, Result};
use crate::layer::{Incidence, Piecewise, Scale, Smooth};
use crate::net::Op;
use crate::num::Coefficient;
use std::sync::Arc;

pub fn binary(importer: &mut Importer, call: &Call, operator: &str) -> Result<Value> {
    let (a, b) = (call.value(0)?, call.value(1)?);
    let out = match (a, b) {
        (Value::Gate(_), _) | (_, Value::Gate(_)) => return gelu::binary(importer, call, operator),
        (Value::Constant(x), Value::Constant(y)) => return fold::binary(importer, x, y, operator),
        (Value::Computed(x), Value::Constant(c)) => {
            with_constant(importer, call, x, c, &|c| behind(operator, c))?
        }
        (Value::Constant(c), Value::Computed(x)) => {
            with_constant(importer, call, x, c, &|c| before(operator, c))?
        }
        (Value::Computed(x), Value::Computed(y)) => match operator {
            "Add" => add(importer, call, &[x.clone(), y.clone()])?,
            "Sub" => {
                let negative = importer.factor(call, y, Coefficient::exact(-1.0))?;
                add(importer, call, &[x.clone(), negative])?
            }
            "Mul" => gated(importer, call, x, y)?,
            _ => return Err(Error::unsupported("of two computed values")),
        },
        _ => return Ok(Value::Unknown),
    };
    Ok(Value::Computed(out))
}

/// x sigmoid(x).
fn gated(importer: &mut Importer, call: &Call, a: &Computed, b: &Computed) -> Result<Computed> {
    for (x, s) in [(a, b), (b, a)] {
        let node = &importer.net.nodes[s.node];
        let matches = matches!(node.op, Op::Smooth(Smooth::Sigmoid)) && node.inputs == [x.node];
        if matches && x.shape == s.shape {
            return importer.follow(call, Op::Smooth(Smooth::Silu), x);
        }
    }
    Err(Error::unsupported("of two computed values, other than x·sigmoid(x)"))
}

/// `Scale` with coefficients broadcast from a constant of shape `from`.
pub fn scale(
    importer: &mut Importer,
    call: &Call,
    x: &Computed,
    from: &[usize],
    coefficients: Vec<(Coefficient, Coefficient)>,
) -> Result<Computed> {
    let shape = index::broadcast(&x.shape, from)?;
    let x = expanded(importer, call, &Value::Computed(x.clone()), &shape)?.into_computed()?;
    let (coefficients, repeat) = match index::pattern(from, &shape) {
        Some(repeat) => (coefficients, repeat),
        None => {
            importer.charge(index::volume(&shape)?.saturating_mul(12))?;
            let places = index::strided(&shape, &index::broadcast_strides(from, &shape));
            (places.iter().map(|&i| coefficients[i as usize]).collect(), 1)
        }
    };
    let (factor, shift) = coefficients.into_iter().unzip();
    importer.follow(call, Op::Scale(Scale::new(factor, shift, repeat)), &x)
}

/// Factor and shift that `x operator c` is.
fn behind(operator: &str, c: Coefficient) -> Result<(Coefficient, Coefficient)> {
    match operator {
        "Add" => Ok((Coefficient::ONE, c)),
        "Sub" => Ok((Coefficient::ONE, c.negated())),
        "Mul" => Ok((c, Coefficient::ZERO)),
        "Div" => Ok((Coefficient::ONE.over(c), Coefficient::ZERO)),
        _ => Err(Error::unsupported("of a constant by a computed value")),
    }
}

/// Factor and shift that `c operator x` is.
fn before(operator: &str, c: Coefficient) -> Result<(Coefficient, Coefficient)> {
    match operator {
        "Add" => Ok((Coefficient::ONE, c)),
        "Sub" => Ok((Coefficient::exact(-1.0), c)),
        "Mul" => Ok((c, Coefficient::ZERO)),
        _ => Err(Error::unsupported("of a constant by a computed value")),
    }
}

fn with_constant(
    importer: &mut Importer,
    call: &Call,
    x: &Computed,
    constant: &Tensor,
    one: &dyn Fn(Coefficient) -> Result<(Coefficient, Coefficient)>,
) -> Result<Computed> {
    let coefficients = importer.reals(constant)?.into_iter().map(one).collect::<Result<Vec<_>>>()?;
    scale(importer, call, x, &constant.shape, coefficients)
}

pub fn add(importer: &mut Importer, call: &Call, parts: &[Computed]) -> Result<Computed> {
    let (parts, shape) = common(importer, call, parts)?;
    importer.push(call, Op::Add, parts.iter().map(|p| p.node).collect(), shape)
}

/// All operands in their common shape.
fn common(importer: &mut Importer, call: &Call, parts: &[Computed]) -> Result<(Vec<Computed>, Vec<usize>)> {
    let shape = parts.iter().try_fold(vec![], |s, p| index::broadcast(&s, &p.shape))?;
    let mut out = vec![];
    for part in parts {
        if let Value::Computed(x) = expanded(importer, call, &Value::Computed(part.clone()), &shape)? {
            out.push(x);
        }
    }
    Ok((out, shape))
}

fn split(values: Vec<Value>) -> (Vec<Computed>, Vec<Tensor>) {
    let (mut computed, mut constant) = (vec![], vec![]);
    for value in values {
        match value {
            Value::Computed(x) => computed.push(x),
            Value::Constant(t) => constant.push(t),
            Value::Gate(_) | Value::Unknown => {}
        }
    }
    (computed, constant)
}

/// n-ary sum.
pub fn sum(importer: &mut Importer, call: &Call) -> Result<Value> {
    let (computed, constants) = split(call.values()?);
    let mut total: Option<Tensor> = None;
    for next in constants {
        total = match total.take() {
            None => Some(next),
            Some(sum) => match fold::binary(importer, &sum, &next, "Add")? {
                Value::Constant(sum) => Some(sum),
                Value::Computed(_) | Value::Gate(_) | Value::Unknown => None,
            },
        };
    }
    match (&computed[..], total) {
        ([], Some(t)) => Ok(Value::Constant(t)),
        (parts, total) => {
            let x = if let [one] = parts { one.clone() } else { add(importer, call, parts)? };
            match total {
                Some(t) => with_constant(importer, call, &x, &t, &|c| behind("Add", c)).map(Value::Computed),
                None => Ok(Value::Computed(x)),
            }
        }
    }
}

pub fn negate(importer: &mut Importer, call: &Call) -> Result<Value> {
    if let Value::Constant(t) = call.value(0)? {
        return fold::binary(importer, &Tensor::integers(vec![], vec![0]), t, "Sub");
    }
    importer.factor(call, call.computed(0)?, Coefficient::exact(-1.0)).map(Value::Computed)
}

/// n-ary Max and Min; min(a, b) = -max(-a, -b).
pub fn extremum(importer: &mut Importer, call: &Call, minimum: bool) -> Result<Value> {
    let (computed, constants) = split(call.values()?);
    if computed.is_empty() {
        return Err(Error::unsupported("of constants"));
    }
    let minus = Coefficient::exact(-1.0);
    let mut x = if let [one] = &computed[..] {
        one.clone()
    } else {
        let mut parts = vec![];
        for part in &computed {
            parts.push(if minimum { importer.factor(call, part, minus)? } else { part.clone() });
        }
        let largest = largest(importer, call, &parts)?;
        if minimum { importer.factor(call, &largest, minus)? } else { largest }
    };
    for constant in &constants {
        x = bounded(importer, call, &x, constant, minimum)?;
    }
    Ok(Value::Computed(x))
}

fn largest(importer: &mut Importer, call: &Call, parts: &[Computed]) -> Result<Computed> {
    let (parts, shape) = common(importer, call, parts)?;
    let (n, k) = (index::volume(&shape)?, parts.len());
    let total = n.checked_mul(k).filter(|&t| t <= index::LONGEST);
    let total = total.ok_or_else(|| Error::import("is too large"))?;
    importer.charge(total.saturating_add(n))?;
    let nodes = parts.iter().map(|p| p.node).collect();
    let joined = importer.push(call, Op::Concat, nodes, vec![1, total])?;
    let windows = Incidence::from_parts(
        total,
        (0..=n).map(|i| (i * k) as u32).collect(),
        (0..n).flat_map(|i| (0..k).map(move |p| (p * n + i) as u32)).collect(),
    );
    importer.push(call, Op::Max(Arc::new(windows)), vec![joined.node], shape)
}

/// max(x, c) or min(x, c): a clip where c is one number, else c ± relu(±(x - c)).
fn bounded(
    importer: &mut Importer,
    call: &Call,
    x: &Computed,
    c: &Tensor,
    minimum: bool,
) -> Result<Computed> {
    let values = importer.reals(c)?;
    if let [one] = values[..]
        && one.is_exact()
    {
        let shape = index::broadcast(&x.shape, &c.shape)?;
        let x = Computed { shape, ..x.clone() };
        let (lo, hi) = if minimum { (f64::NEG_INFINITY, one.hi) } else { (one.hi, f64::INFINITY) };
        return clipped(importer, call, &x, lo, hi);
    }
    let sign = Coefficient::exact(if minimum { -1.0 } else { 1.0 });
    let before = values.iter().map(|c| (sign, c.times(sign).negated())).collect();
    let above = scale(importer, call, x, &c.shape, before)?;
    let above = importer.follow(call, Op::Piecewise(Piecewise::RELU), &above)?;
    scale(importer, call, &above, &c.shape, values.iter().map(|&c| (sign, c)).collect())
}

/// min(max(x, lo), hi) in its simplest form.
pub fn clipped(importer: &mut Importer, call: &Call, x: &Computed, lo: f64, hi: f64) -> Result<Computed> {
    if lo.is_nan() || hi.is_nan() || lo > hi || lo == f64::INFINITY || hi == f64::NEG_INFINITY {
        return Err(Error::import(format!("clips to [{lo}, {hi}]")));
    }
    let function = match (lo, hi) {
        (f64::NEG_INFINITY, f64::INFINITY) => return Ok(x.clone()),
        (0.0, f64::INFINITY) => Piecewise::RELU,
        _ => Piecewise::Clip { lo, hi },
    };
    importer.follow(call, Op::Piecewise(function), x)
}

/// γ (x - mean) / sqrt(var + ε) + β with coefficients in double-double.
pub fn batch_norm(importer: &mut Importer, call: &Call) -> Result<Value> {
    let x = call.computed(0)?;
    if call.flag("training_mode", false)? || !call.flag("spatial", true)? || call.node.output.len() > 1 {
        return Err(
            Error::unsupported("in training mode or per element").next("call model.eval() before the export")
        );
    }
    let epsilon = Coefficient::exact(call.float("epsilon", 1e-5)?);
    let channels = *x.shape.get(1).ok_or_else(|| Error::import("its input has no channel axis"))?;
    importer.charge(channels.saturating_mul(12))?;
    let mut parts = vec![];
    for i in 1..5 {
        let (tensor, values) = call.weights(i)?;
        if tensor.len() != channels {
            return Err(Error::import(format!("{} parameters for {channels} channels", tensor.len())));
        }
        parts.push(values.clone());
    }
    let at = |part: usize, c: usize| Coefficient::exact(parts[part][c]);
    let coefficients = (0..channels)
        .map(|c| {
            let factor = at(0, c).over(at(3, c).plus(epsilon).sqrt());
            (factor, at(1, c).minus(at(2, c).times(factor)))
        })
        .collect();
    let mut from = vec![1; x.shape.len() - 1];
    from[0] = channels;
    scale(importer, call, x, &from, coefficients).map(Value::Computed)
}

/// scikit-learn's StandardScaler and its kin: (x - offset)·scale along the last axis.
pub fn scaler(importer: &mut Importer, call: &Call) -> Result<Value> {
    let x = call.computed(0)?;
    let width = x.shape.last().copied().unwrap_or(1);
    let list = |name, default: f32| -> Result<Vec<f64>> {
        let stored = call.floats(name)?.filter(|v| !v.is_empty());
        Ok(stored.unwrap_or(&[default]).iter().map(|&v| v as f64).collect())
    };
    let (offsets, scales) = (list("offset", 0.0)?, list("scale", 1.0)?);
    let fits = |n: usize| n == 1 || n == width;
    if !fits(offsets.len()) || !fits(scales.len()) {
        let text = format!("{} offsets and {} factors for {width} columns", offsets.len(), scales.len());
        return Err(Error::import(text));
    }
    let count = offsets.len().max(scales.len());
    importer.charge(count.saturating_mul(12))?;
    let at = |values: &[f64], k: usize| Coefficient::exact(values[k % values.len()]);
    let coefficients = (0..count).map(|k| (at(&scales, k), at(&offsets, k).times(at(&scales, k)).negated()));
    scale(importer, call, x, &[count], coefficients.collect()).map(Value::Computed)
}
