//! Scalar nonlinearities and softmax.

use super::arithmetic::clipped;
use super::call::{Call, Value};
use super::importer::Importer;
use super::index;
use super::rearrange::{expanded, permuted};
use super::tensor::Data;
use crate::error::{Error, Result};
use crate::layer::{Piecewise, Scale, Smooth};
use crate::net::Op;
use crate::num::Coefficient;

pub fn scalar(importer: &mut Importer, call: &Call, operator: &str) -> Result<Value> {
    let x = call.computed(0)?;
    let op = match operator {
        "Relu" => Op::Piecewise(Piecewise::RELU),
        "Abs" => Op::Piecewise(Piecewise::ABS),
        "LeakyRelu" => Op::Piecewise(Piecewise::Leaky { slope: call.float("alpha", 0.01)? }),
        "PRelu" => return prelu(importer, call),
        "Clip" => {
            let bound = |name, i, default: f64| match call.optional(i) {
                Some(_) => call.number(i),
                None => Ok(call.optional_float(name)?.unwrap_or(default)),
            };
            let lo = bound("min", 1, f64::NEG_INFINITY)?;
            let hi = bound("max", 2, f64::INFINITY)?;
            return clipped(importer, call, x, lo, hi).map(Value::Computed);
        }
        "HardSigmoid" => {
            let alpha = Coefficient::exact(call.float("alpha", 0.2)?);
            let beta = Coefficient::exact(call.float("beta", 0.5)?);
            let line = Op::Scale(Scale::new(vec![alpha], vec![beta], 1));
            let y = importer.follow(call, line, x)?;
            return clipped(importer, call, &y, 0.0, 1.0).map(Value::Computed);
        }
        "Sigmoid" => Op::Smooth(Smooth::Sigmoid),
        "Tanh" => Op::Smooth(Smooth::Tanh),
        "Softplus" => Op::Smooth(Smooth::Softplus),
        "Elu" => elu(call.float("alpha", 1.0)?)?,
        "Selu" => {
            // The standard's defaults, as f32.
            let y = importer.follow(call, elu(call.float("alpha", 1.673_263_2)?)?, x)?;
            let gamma = Coefficient::exact(call.float("gamma", 1.050_701)?);
            return importer.factor(call, &y, gamma).map(Value::Computed);
        }
        "Celu" => {
            let alpha = call.float("alpha", 1.0)?;
            if !alpha.is_finite() || alpha <= 0.0 {
                return Err(Error::unsupported(format!("alpha = {alpha}")));
            }
            let alpha = Coefficient::exact(alpha);
            let y = importer.factor(call, x, Coefficient::ONE.over(alpha))?;
            let y = importer.follow(call, elu(1.0)?, &y)?;
            return importer.factor(call, &y, alpha).map(Value::Computed);
        }
        "Gelu" => match &call.text("approximate", "none")?[..] {
            "none" => Op::Smooth(Smooth::Gelu { tanh: false }),
            "tanh" => Op::Smooth(Smooth::Gelu { tanh: true }),
            other => return Err(Error::unsupported(format!("approximation {other:?}"))),
        },
        _ => return Err(Error::unsupported("not among the supported operators")),
    };
    if let Op::Piecewise(Piecewise::Leaky { slope }) = op
        && !slope.is_finite()
    {
        return Err(Error::import(format!("has the slope {slope}")));
    }
    importer.follow(call, op, x).map(Value::Computed)
}

fn elu(alpha: f64) -> Result<Op> {
    if alpha.is_finite() && alpha >= 0.0 {
        return Ok(Op::Smooth(Smooth::Elu { alpha }));
    }
    Err(Error::unsupported(format!("alpha = {alpha}")))
}

fn prelu(importer: &mut Importer, call: &Call) -> Result<Value> {
    let x = call.computed(0)?;
    let (tensor, slopes) = call.weights(1)?;
    if index::broadcast(&x.shape, &tensor.shape)? != x.shape || slopes.is_empty() {
        return Err(Error::import("has slopes that do not fit its input"));
    }
    let function = match (index::pattern(&tensor.shape, &x.shape), &slopes[..]) {
        (_, &[slope]) => Piecewise::Leaky { slope },
        (Some(repeat), slopes) => {
            importer.charge_weights(slopes.len())?;
            Piecewise::PerFeature { slope: slopes.to_vec(), repeat }
        }
        (None, _) => match expanded(importer, call, call.value(1)?, &x.shape)? {
            Value::Constant(t) => match t.data {
                Data::Floats(v) => Piecewise::PerFeature { slope: v.to_vec(), repeat: 1 },
                Data::Integers(_) | Data::Reals(_) => {
                    return Err(Error::unsupported("slopes that are not floats"));
                }
            },
            Value::Computed(_) | Value::Gate(_) | Value::Unknown => {
                return Err(Error::unsupported("computed slopes"));
            }
        },
    };
    importer.follow(call, Op::Piecewise(function), x).map(Value::Computed)
}

/// The axis from which on, or along which, a softmax sums.
fn softmax_axis(call: &Call, rank: usize) -> Result<usize> {
    if call.opset < 13 {
        let axis = call.int("axis", 1)?;
        return if axis == rank as i64 { Ok(rank) } else { index::axis(axis, rank) };
    }
    index::axis(call.int("axis", -1)?, rank)
}

/// Does a softmax sum over all that it reads?
pub fn is_one_group(call: &Call) -> Result<bool> {
    let x = call.value(0)?;
    if matches!(x, Value::Unknown) {
        return Ok(true);
    }
    let axis = softmax_axis(call, x.shape().len())?;
    let group = if call.opset < 13 { &x.shape()[axis..] } else { &x.shape()[axis..=axis] };
    Ok(index::volume(group)? == index::volume(x.shape())?)
}

/// Groups must be consecutive: other axes are moved out of the way and back.
pub fn softmax(importer: &mut Importer, call: &Call) -> Result<Value> {
    let x = call.computed(0)?;
    let rank = x.shape.len();
    if call.opset < 13 {
        // The input counts as a matrix whose rows start at this axis.
        let axis = softmax_axis(call, rank)?;
        let group = index::volume(&x.shape[axis..])?;
        return importer.follow(call, Op::Softmax { group }, x).map(Value::Computed);
    }
    let axis = softmax_axis(call, rank)?;
    let mut order: Vec<usize> = (0..rank).filter(|&k| k != axis).collect();
    order.push(axis);
    let mut back = vec![0; rank];
    for (k, &a) in order.iter().enumerate() {
        back[a] = k;
    }
    let x = match permuted(importer, call, call.value(0)?, &order)? {
        Value::Computed(x) => x,
        other @ (Value::Constant(_) | Value::Gate(_) | Value::Unknown) => return Ok(other),
    };
    let group = x.shape.last().copied().unwrap_or(1);
    let y = importer.follow(call, Op::Softmax { group }, &x)?;
    permuted(importer, call, &Value::Computed(y), &back)
}
