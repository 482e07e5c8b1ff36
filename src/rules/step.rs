//! Linear nodes applied to the rows of a matrix.
//!
//! Proves: what is computed differs from the map times the matrix by at most `error` times the matrix's Frobenius norm,
//! and ‖|map|‖_2 is at most `size`. Rounding: plain arithmetic, bounded by γ |map| |x|.

use super::reach::rough;
use crate::layer::LinearMap;
use crate::layer::apply::{apply, terms};
use crate::net::{Net, Node, Op};
use crate::num::round::{add_up, gamma, mul_up, sqrt_up, sub_up};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// A linear node as maps from features of what it reads to some of its own.
pub struct Step<'s> {
    pub node: &'s Node,
    pub out: &'s [usize],
    /// Asked before every application; what was not applied then is never used.
    pub late: &'s (dyn Fn() -> bool + Sync),
}

impl Step<'_> {
    /// The i-th map times a matrix with rows for these features.
    pub fn times(&self, net: &Net, i: usize, features: &[usize], x: ArrayView2<f64>) -> Array2<f64> {
        let (node, out) = (self.node, self.out);
        let inputs = net.nodes[node.inputs[i]].len();
        match &node.op {
            Op::Affine(a) => match &a.map {
                LinearMap::Dense(w) => w.select(Axis(0), out).select(Axis(1), features).dot(&x),
                map @ LinearMap::Conv { .. } => by_columns(out.len(), x, |column| {
                    if (self.late)() {
                        return Array1::zeros(out.len());
                    }
                    let mut whole = Array1::zeros(inputs);
                    features.iter().zip(column).for_each(|(&j, v)| whole[j] = *v);
                    apply(map, whole.view()).select(Axis(0), out)
                }),
            },
            Op::Scale(s) => {
                let place = places(features, inputs);
                rows_of(out, x, |j| vec![(place[j], s.factor[s.index(j)].hi)])
            }
            Op::Select { incidence, .. } => {
                let place = places(features, inputs);
                let own = |j: usize| incidence.index[incidence.window(j)].iter();
                rows_of(out, x, |j| own(j).map(|&e| (place[e as usize], 1.0)).collect())
            }
            Op::Add => {
                let place = places(features, inputs);
                rows_of(out, x, |j| vec![(place[j], 1.0)])
            }
            Op::Concat => {
                let place = places(features, inputs);
                let at: usize = node.inputs[..i].iter().map(|&k| net.nodes[k].len()).sum();
                let own = |j: usize| j.checked_sub(at).filter(|&j| j < inputs);
                rows_of(out, x, |j| own(j).map(|j| (place[j], 1.0)).into_iter().collect())
            }
            Op::Input | Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => {
                unreachable!("only linear nodes are maps")
            }
        }
    }

    /// ‖|map|‖_2 at most.
    pub fn size(&self, i: usize) -> f64 {
        match &self.node.op {
            Op::Affine(a) => rough(&a.map),
            Op::Scale(s) => {
                self.out.iter().fold(0.0, |m: f64, &j| m.max(s.factor[s.index(j)].magnitude_up()))
            }
            Op::Select { incidence, .. } => {
                sqrt_up(mul_up(incidence.longest() as f64, incidence.reach() as f64))
            }
            // A node that is read twice adds twice.
            Op::Add | Op::Concat => {
                let own = self.node.inputs[i];
                self.node.inputs.iter().filter(|&&k| k == own).count() as f64
            }
            Op::Input | Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => f64::INFINITY,
        }
    }

    /// What one application loses, relative to the Frobenius norm of what it is applied to.
    pub fn error(&self, i: usize) -> f64 {
        let size = self.size(i);
        match &self.node.op {
            Op::Affine(a) => mul_up(gamma(terms(&a.map) + 4), size),
            Op::Scale(s) => {
                let away = |j: usize| {
                    let c = s.factor[s.index(j)];
                    let ends = c.ends();
                    sub_up(ends.hi, c.hi).max(sub_up(c.hi, ends.lo))
                };
                let away = self.out.iter().fold(0.0, |m: f64, &j| m.max(away(j)));
                add_up(away, mul_up(gamma(4), size))
            }
            Op::Select { incidence, .. } => mul_up(gamma(incidence.longest() + 4), size),
            Op::Input | Op::Add | Op::Concat => mul_up(gamma(4), size),
            Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => f64::INFINITY,
        }
    }
}

/// Of features their rows, of all others none.
fn places(features: &[usize], len: usize) -> Vec<Option<usize>> {
    let mut place = vec![None; len];
    features.iter().enumerate().for_each(|(t, &j)| place[j] = Some(t));
    place
}

/// Rows that are sums of few others.
fn rows_of(
    out: &[usize],
    x: ArrayView2<f64>,
    terms: impl Fn(usize) -> Vec<(Option<usize>, f64)>,
) -> Array2<f64> {
    let mut y = Array2::zeros((out.len(), x.ncols()));
    for (mut row, &j) in y.rows_mut().into_iter().zip(out) {
        for (place, factor) in terms(j) {
            if let Some(t) = place {
                row.scaled_add(factor, &x.row(t));
            }
        }
    }
    y
}

/// Column by column.
fn by_columns(
    rows: usize,
    x: ArrayView2<f64>,
    each: impl Fn(ndarray::ArrayView1<f64>) -> Array1<f64> + Sync,
) -> Array2<f64> {
    let columns: Vec<Array1<f64>> = (0..x.ncols()).into_par_iter().map(|c| each(x.column(c))).collect();
    let mut y = Array2::zeros((rows, x.ncols()));
    y.columns_mut().into_iter().zip(&columns).for_each(|(mut to, c)| to.assign(c));
    y
}
