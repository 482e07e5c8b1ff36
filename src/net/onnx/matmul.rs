//! Products with a constant matrix: dense for one row, a convolution for many.

use super::arithmetic::scale;
use super::call::{Call, Computed, Value};
use super::importer::Importer;
use super::index;
use super::rearrange::permuted;
use crate::error::{Error, Result};
use crate::layer::{Affine, ConvShape, LinearMap};
use crate::net::Op;
use crate::num::Coefficient;
use crate::num::dd::two_prod;
use ndarray::Array2;
use std::sync::Arc;

fn push_map(
    importer: &mut Importer,
    call: &Call,
    x: &Computed,
    map: LinearMap,
    shape: Vec<usize>,
) -> Result<Computed> {
    let affine = Affine { map, bias: None, repeat: 1 };
    importer.push(call, Op::Affine(affine), vec![x.node], shape)
}

/// A convolution with `kernel` taps in a row, without padding.
fn conv_map(
    groups: usize,
    channels: [usize; 2],
    input: [usize; 2],
    kernel: usize,
    weight: Vec<f64>,
) -> LinearMap {
    let shape = ConvShape {
        groups,
        in_channels: channels[0],
        out_channels: channels[1],
        input,
        output: [input[0], input[1] + 1 - kernel],
        kernel: [1, kernel],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [0; 2],
    };
    LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false }
}

fn dense(rows: usize, columns: usize, w: Vec<f64>) -> Result<LinearMap> {
    let w = Array2::from_shape_vec((rows, columns), w);
    w.map(|w| LinearMap::Dense(Arc::new(w))).map_err(|e| Error::import(e.to_string()))
}

/// `count` matrices `rows x columns` one after the other, each transposed.
fn transposed(w: &[f64], count: usize, rows: usize, columns: usize) -> Vec<f64> {
    let mut out = Vec::with_capacity(w.len());
    for m in 0..count {
        let w = &w[m * rows * columns..(m + 1) * rows * columns];
        for c in 0..columns {
            out.extend((0..rows).map(|r| w[r * columns + c]));
        }
    }
    out
}

/// Matrices [k, n] of one size, given as `n x k`, one after the other.
struct Matrices {
    count: usize,
    columns: usize,
    weights: Vec<f64>,
}

/// x [.., groups.., t, k] times one matrix per group.
fn right(importer: &mut Importer, call: &Call, x: &Computed, matrices: Matrices) -> Result<Computed> {
    let Matrices { count: groups, columns: n, weights: w } = matrices;
    let (&k, lead) = x.shape.split_last().ok_or_else(|| Error::import("is applied to a scalar"))?;
    let rows = index::volume(lead)? / groups.max(1);
    let mut shape = lead.to_vec();
    shape.push(n);
    let total = index::volume(&shape)?;
    if groups == 1 && rows == 1 {
        return push_map(importer, call, x, dense(n, k, w)?, shape);
    }
    // As a picture of `rows x k` per group under a kernel of one full row.
    let map = conv_map(groups, [groups, groups.saturating_mul(n)], [rows, k], k, w);
    let y = push_map(importer, call, x, map, vec![groups, n, rows])?;
    debug_assert_eq!(total, y.len());
    permuted(importer, call, &Value::Computed(y), &[0, 2, 1])?.reshaped(shape).into_computed()
}

/// The matrix [m, t] times x [.., t, k].
fn left(importer: &mut Importer, call: &Call, x: &Computed, m: usize, w: Vec<f64>) -> Result<Computed> {
    let rank = x.shape.len();
    let (t, k) = (x.shape[rank - 2], x.shape[rank - 1]);
    if x.shape[..rank - 2].iter().any(|&d| d != 1) {
        // W x = (xᵀ Wᵀ)ᵀ for every x.
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(rank - 2, rank - 1);
        let x = permuted(importer, call, &Value::Computed(x.clone()), &order)?.into_computed()?;
        let y = right(importer, call, &x, Matrices { count: 1, columns: m, weights: w })?;
        return permuted(importer, call, &Value::Computed(y), &order)?.into_computed();
    }
    let mut shape = x.shape.clone();
    shape[rank - 2] = m;
    let map = if k == 1 { dense(m, t, w)? } else { conv_map(1, [t, m], [1, k], 1, w) };
    push_map(importer, call, x, map, shape)
}

pub fn matmul(importer: &mut Importer, call: &Call) -> Result<Value> {
    let out = match (call.value(0)?, call.value(1)?) {
        (Value::Computed(x), Value::Constant(_)) => {
            let (tensor, w) = call.weights(1)?;
            let fits = || Error::import(format!("cannot multiply {:?} by {:?}", x.shape, tensor.shape));
            let (lead, k, n) = match tensor.shape[..] {
                [k] => (&[][..], k, 1),
                [ref lead @ .., k, n] => (lead, k, n),
                [] => return Err(fits()),
            };
            if x.shape.last() != Some(&k) || k == 0 || n == 0 {
                return Err(fits());
            }
            let groups = index::volume(lead)?;
            let own = &x.shape[..x.shape.len().saturating_sub(2)];
            let same = own.len() >= lead.len()
                && own.ends_with(lead)
                && own[..own.len() - lead.len()].iter().all(|&d| d == 1);
            if groups != 1 && !same || x.shape.len() == 1 && tensor.shape.len() > 2 {
                return Err(Error::unsupported("of several matrices with other leading axes"));
            }
            importer.charge_weights(w.len())?;
            let weights = transposed(w, groups, k, n);
            let y = right(importer, call, x, Matrices { count: groups, columns: n, weights })?;
            let mut shape = y.shape.clone();
            if tensor.shape.len() == 1 {
                shape.pop();
            }
            while shape.len() < tensor.shape.len() && x.shape.len() > 1 && tensor.shape.len() > 2 {
                shape.insert(0, 1);
            }
            Computed { shape, ..y }
        }
        (Value::Constant(_), Value::Computed(x)) => {
            let (tensor, w) = call.weights(0)?;
            let (&[m, t], [.., own, _]) = (
                tensor.shape.last_chunk::<2>().ok_or_else(|| Error::unsupported("of a constant vector"))?,
                &x.shape[..],
            ) else {
                return Err(Error::unsupported("of a constant by a computed vector"));
            };
            if t != *own || m == 0 {
                return Err(Error::import(format!("cannot multiply {:?} by {:?}", tensor.shape, x.shape)));
            }
            if tensor.shape[..tensor.shape.len() - 2].iter().any(|&d| d != 1) {
                return Err(Error::unsupported("of several constant matrices by a computed one"));
            }
            importer.charge_weights(w.len())?;
            let y = left(importer, call, x, m, w.to_vec())?;
            let mut shape = y.shape.clone();
            while shape.len() < tensor.shape.len() {
                shape.insert(0, 1);
            }
            Computed { shape, ..y }
        }
        (Value::Constant(_), Value::Constant(_)) => return Err(Error::unsupported("of two constants")),
        _ => return Err(Error::unsupported("of two computed values")),
    };
    Ok(Value::Computed(out))
}

/// alpha A B + beta C with one of A and B constant.
pub fn gemm(importer: &mut Importer, call: &Call) -> Result<Value> {
    let flips = [call.flag("transA", false)?, call.flag("transB", false)?];
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let side = match (call.value(0)?, call.value(1)?) {
        (Value::Computed(_), Value::Constant(_)) => 1,
        (Value::Constant(_), Value::Computed(_)) => 0,
        _ => return Err(Error::unsupported("without exactly one constant factor")),
    };
    let (tensor, stored) = call.weights(side)?;
    let &[rows, columns] = &tensor.shape[..] else {
        return Err(Error::import(format!("a factor of the shape {:?}", tensor.shape)));
    };
    let exact = stored.iter().all(|&w| {
        let (p, rest, slack) = two_prod(alpha, w);
        p.is_finite() && rest == 0.0 && slack == 0.0
    });
    importer.charge_weights(stored.len())?;
    let mut weights = stored.to_vec();
    if exact && alpha != 1.0 {
        weights.iter_mut().for_each(|w| *w *= alpha);
    }
    // The right factor is wanted as n x k, the left one as m x t.
    let flip = if side == 1 { !flips[1] } else { flips[0] };
    let (out, inner) = if flip { (columns, rows) } else { (rows, columns) };
    if flip {
        weights = transposed(&weights, 1, rows, columns);
    }
    let mut x = Value::Computed(call.computed(1 - side)?.clone());
    if x.shape().len() != 2 {
        return Err(Error::import(format!("a factor of the shape {:?}", x.shape())));
    }
    if flips[1 - side] {
        x = permuted(importer, call, &x, &[1, 0])?;
    }
    let Value::Computed(x) = x else { return Err(Error::import("is not computed")) };
    if x.shape[side] != inner || out == 0 || inner == 0 {
        return Err(Error::import(format!("cannot multiply {:?} and {:?}", x.shape, tensor.shape)));
    }
    let y = match side {
        1 => right(importer, call, &x, Matrices { count: 1, columns: out, weights })?,
        _ => left(importer, call, &x, out, weights)?,
    };
    let alpha = Coefficient::exact(if exact { 1.0 } else { alpha });
    let y = match call.optional(2) {
        None => importer.factor(call, &y, alpha)?,
        Some(Value::Constant(c)) => {
            let beta = Coefficient::exact(beta);
            let shifts = importer.reals(c)?.into_iter().map(|c| (alpha, beta.times(c))).collect();
            scale(importer, call, &y, &c.shape, shifts)?
        }
        Some(Value::Computed(c)) => {
            let y = importer.factor(call, &y, alpha)?;
            let c = importer.factor(call, c, Coefficient::exact(beta))?;
            super::arithmetic::add(importer, call, &[y, c])?
        }
        Some(Value::Gate(_) | Value::Unknown) => return Ok(Value::Unknown),
    };
    Ok(Value::Computed(y))
}
