//! The least level of scalings, and how it changes with them.

use super::system::{Gain, PANEL};
use crate::linalg::scaling::{Barrier, Scaling, Top};
use crate::linalg::solve::{back, cholesky, log_determinant, substitute};
use crate::linalg::{descent, eigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// The part of the mean curvature that every coordinate has at least.
const LEAST: f64 = 0.1;
/// Orders up to which all eigenvectors are computed, and the part of the largest eigenvalue from which on they
/// count.
const SMALL: usize = 48;
const COUNTS: f64 = 0.4;

/// Scalings with the products that they lead to.
pub struct Products {
    pub scaling: Scaling,
    /// What rows and columns of G are multiplied by.
    pub outer: Vec<f64>,
    pub columns: Array1<f64>,
    /// The factor of P = 1 − A Aᵀ for the rows A of K that feed back.
    pub factor: Array2<f64>,
}

/// The least level of scalings: that of the first of the steepest output directions.
#[derive(Clone, Debug)]
pub struct Level {
    pub scaling: Scaling,
    tops: Vec<Top>,
}

/// What is made small: log (Σ_i square_i ^ sharpness) / sharpness − weight log det P, over output directions i.
/// The sum is smooth where the largest ones are equal.
#[derive(Clone, Copy)]
pub struct Aim {
    pub weight: f64,
    pub sharpness: f64,
}

fn squares(x: ArrayView2<f64>) -> Vec<f64> {
    let mut sums = Array1::<f64>::zeros(x.ncols());
    for row in x.rows() {
        sums.zip_mut_with(&row, |sum, x| *sum += x * x);
    }
    sums.to_vec()
}

/// The largest eigenvalues of directions of the output and their vectors, as columns.
pub fn tops(q: &Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    if q.nrows() > SMALL || q.iter().any(|x| !x.is_finite()) {
        let (square, vector) = eigen::top(q);
        return (vec![square], vector.insert_axis(Axis(1)));
    }
    let (values, vectors) = eigen::symmetric(q);
    let count = values.iter().take_while(|x| **x >= COUNTS * values[0]).count();
    (values.iter().take(count).copied().collect(), vectors.slice_move(s![.., ..count]))
}

impl Gain<'_> {
    /// None where the rows that feed back are too large.
    pub fn products(&self, scaling: Scaling) -> Option<Products> {
        let outer: Vec<f64> = scaling.neurons.iter().zip(self.reach).map(|(w, r)| w * r).collect();
        let columns = self.columns(&scaling);
        let factor = cholesky(self.left(&outer, &columns))?;
        Some(Products { scaling, outer, columns, factor })
    }

    /// The least level, if there is one.
    pub fn level_of(&self, at: &Products) -> Option<Level> {
        let (m, n) = (self.neurons(), self.inputs());
        let (mut half, own) = self.outer(&at.outer, &at.columns);
        let panels: Vec<_> = half.axis_chunks_iter_mut(Axis(1), PANEL).collect();
        panels.into_par_iter().for_each(|panel| substitute(at.factor.view(), panel));
        let (levels, u) = tops(&(own + half.t().dot(&half)));
        if levels.first().is_none_or(|x| x.is_nan() || *x <= 0.0) {
            return None;
        }
        let mut z = half.dot(&u);
        back(at.factor.view(), z.view_mut());
        // v = Aᵀ z + Bᵀ u.
        let first = if self.spread { 0 } else { n };
        let rows = &z * &Array1::from(at.outer.clone()).insert_axis(Axis(1));
        let (a, b) = self.matrix.slice(s![.., first..]).split_at(Axis(0), m);
        let v = (a.t().dot(&rows) + b.t().dot(&u)) * at.columns.slice(s![first.., ndarray::NewAxis]);
        let top = |(k, square): (usize, f64)| {
            let parts = |x: ArrayView2<f64>| x.column(k).iter().map(|x| x * x / square).collect();
            let (entering, fed) = v.view().split_at(Axis(0), n - first);
            Top { square, fed: parts(fed), rising: parts(z.view()), entering: parts(entering) }
        };
        Some(Level { scaling: at.scaling.clone(), tops: levels.into_iter().enumerate().map(top).collect() })
    }

    /// Columns that L⁻¹ is applied to have no entries above their own row or the first that they feed.
    pub fn barrier(&self, at: &Products) -> Barrier {
        let (m, n) = (self.neurons(), self.inputs());
        let size = |first: usize, count: usize, entry: &dyn Fn(usize, usize) -> f64| {
            let mut panel = Array2::from_shape_fn((m - first, count), |(i, j)| entry(first + i, j));
            substitute(at.factor.slice(s![first.., first..]), panel.view_mut());
            squares(panel.view())
        };
        let unit =
            |from: usize| size(from, PANEL.min(m - from), &|i, j| if i == from + j { 1.0 } else { 0.0 });
        let column = |first: usize, from: usize, to: usize| {
            let scaled = |i: usize, j: usize| at.outer[i] * self.matrix[[i, from + j]] * at.columns[from + j];
            size(first, to - from, &scaled)
        };
        let panels = |count: usize| (0..count).step_by(PANEL).collect::<Vec<_>>().into_par_iter();
        let inputs = if self.spread { n } else { 0 };
        let rows = panels(m).flat_map_iter(unit).collect();
        let neurons = panels(m).flat_map_iter(|j| column(self.fed(j), n + j, n + m.min(j + PANEL))).collect();
        let inputs = panels(inputs).flat_map_iter(|j| column(0, j, n.min(j + PANEL))).collect();
        Barrier { log: log_determinant(&at.factor), rows, neurons, inputs }
    }
}

impl Level {
    /// None where there is no direction, or no sane number.
    pub fn new(scaling: Scaling, tops: Vec<Top>) -> Option<Level> {
        let sane = |top: &Top| {
            let parts = top.fed.iter().chain(&top.rising).chain(&top.entering);
            top.square > 0.0 && parts.chain([&top.square]).all(|x| x.is_finite())
        };
        (!tops.is_empty() && tops.iter().all(sane)).then_some(Level { scaling, tops })
    }

    pub fn get(&self) -> f64 {
        self.tops[0].square.sqrt()
    }

    /// Σ s², which multiplies the level's square.
    fn inputs(&self) -> f64 {
        let s = &self.scaling.inputs;
        if s.is_empty() { 1.0 } else { s.iter().map(|s| s * s).sum() }
    }

    /// The same for Σ s² = 1.
    pub fn of_unit(&self) -> f64 {
        self.get() * self.inputs().sqrt()
    }

    /// Every neuron's part in it.
    pub fn parts(&self) -> &[f64] {
        &self.tops[0].fed
    }

    /// What is made small, as a function of the logarithms of w and s, the latter divided by (Σ s²)^½ before.
    pub fn descended(&self, barrier: &Barrier, aim: Aim) -> descent::Value {
        let share = |top: &Top| (top.square / self.tops[0].square).powf(aim.sharpness);
        let all: f64 = self.tops.iter().map(share).sum();
        let mean = |part: fn(&Top) -> &[f64]| {
            let mut sum = Array1::zeros(part(&self.tops[0]).len());
            for top in &self.tops {
                sum.scaled_add(share(top) / all, &ndarray::aview1(part(top)));
            }
            sum
        };
        let (fed, rising, entering) = (mean(|t| &t.fed), mean(|t| &t.rising), mean(|t| &t.entering));
        let weight = aim.weight;
        let slope =
            |j: usize| 2.0 * (rising[j] - fed[j] + weight * (barrier.rows[j] - 1.0 - barrier.neurons[j]));
        let bend = |j: usize| 4.0 * (fed[j] + weight * (barrier.rows[j] - 1.0 + barrier.neurons[j]));
        let mut gradient: Vec<f64> = (0..fed.len()).map(slope).collect();
        let mut curvature: Vec<f64> = (0..fed.len()).map(bend).collect();
        let plain: Vec<f64> =
            entering.iter().zip(&barrier.inputs).map(|(e, b)| -2.0 * (e + weight * b)).collect();
        let (total, inputs) = (plain.iter().sum::<f64>(), self.inputs());
        gradient.extend(plain.iter().zip(&self.scaling.inputs).map(|(g, s)| g - s * s / inputs * total));
        curvature.extend(plain.iter().map(|g| -2.0 * g));
        let least = LEAST * curvature.iter().sum::<f64>() / curvature.len().max(1) as f64 + 1e-12;
        curvature.iter_mut().for_each(|c| *c += least);
        let smooth = 2.0 * self.of_unit().ln() + all.ln() / aim.sharpness;
        descent::Value { value: smooth - weight * barrier.log, gradient, curvature }
    }
}
