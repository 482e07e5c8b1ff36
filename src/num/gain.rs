//! How far a matrix with open slopes fed back into it can stretch: scalings that show it, in plain
//! arithmetic.
//!
//! Of (z, y) = G (x, e) with |e_j| <= reach_j |z_j|: where ‖K‖_2 <= 1 for
//!   K = diag(reach w, 1 / level) G diag(1 / s, 1 / w), every y has ‖y‖_2 <= level ‖s x‖_2.
//! Found by descent on the logarithms of w and s, with a small barrier where K's first rows reach 1.

use super::descent;
use super::eigen;
use super::linalg::{gram_matrix, spectral_upper};
use super::solve::{cholesky, inverse};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Positive scalings of open neurons and of inputs; inputs empty: all 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    pub neurons: Vec<f64>,
    pub inputs: Vec<f64>,
}

pub struct Gain<'a> {
    pub matrix: ArrayView2<'a, f64>,
    pub reach: &'a [f64],
    /// How many neurons switch together, in order.
    pub groups: &'a [usize],
    /// Is Σ s² = 1 asked for, instead of s = 1?
    pub spread: bool,
}

/// Weight of the barrier.
const BARRIER: f64 = 2e-3;
/// A descent's smallest step, as a part of the square of the level.
const TOLERANCE: f64 = 1e-4;
/// The first scalings leave this much to each group.
const SHARES: [f64; 4] = [0.35, 0.55, 0.75, 0.95];
/// Logarithms stay within.
const RANGE: f64 = 100.0;

impl Gain<'_> {
    fn neurons(&self) -> usize {
        self.reach.len()
    }

    fn inputs(&self) -> usize {
        self.matrix.ncols() - self.neurons()
    }

    /// Scalings and factors 1 / s, 1 / w of the columns.
    fn read(&self, logs: &[f64]) -> (Scaling, Array1<f64>) {
        let (w, s) = logs.split_at(self.neurons());
        let mut inputs: Vec<f64> = s.iter().map(|l| l.exp()).collect();
        let size = inputs.iter().map(|s| s * s).sum::<f64>().sqrt();
        inputs.iter_mut().for_each(|s| *s /= size);
        let neurons: Vec<f64> = w.iter().map(|l| l.exp()).collect();
        let ones = std::iter::repeat_n(1.0, if self.spread { 0 } else { self.inputs() });
        let columns = ones.chain(inputs.iter().chain(&neurons).map(|x| 1.0 / x)).collect();
        (Scaling { neurons, inputs }, columns)
    }

    /// The rows of K that feed back, and those of the output at level 1.
    fn scaled(&self, scaling: &Scaling, columns: &Array1<f64>) -> (Array2<f64>, Array2<f64>) {
        let m = self.neurons();
        let mut k = &self.matrix * columns;
        for (mut row, (w, r)) in k.rows_mut().into_iter().zip(scaling.neurons.iter().zip(self.reach)) {
            row *= w * r;
        }
        (k.slice(s![..m, ..]).to_owned(), k.slice(s![m.., ..]).to_owned())
    }

    /// The square of the least level, its logarithm with the barrier, and the gradient of that.
    fn value(&self, logs: &[f64]) -> Option<(f64, descent::Value)> {
        let (m, n) = (self.neurons(), self.inputs());
        if logs.iter().any(|l| l.is_nan() || l.abs() > RANGE) {
            return None;
        }
        let (scaling, columns) = self.read(logs);
        let (a, b) = self.scaled(&scaling, &columns);
        let mut p = -gram_matrix(a.t());
        p.diag_mut().mapv_inplace(|x| 1.0 + x);
        let factor = cholesky(p)?;
        let (inverted, logdet) = if m > 0 { inverse(&factor) } else { (Array2::eye(0), 0.0) };
        let ab = a.dot(&b.t());
        let solved = inverted.dot(&ab);
        let q = gram_matrix(b.t()) + ab.t().dot(&solved);
        let (values, vectors) = eigen::symmetric(&q);
        let square = values[0];
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        let u = vectors.column(0);
        let v = b.t().dot(&u) + a.t().dot(&solved.dot(&u));
        let z = a.dot(&v);
        let t = inverted.dot(&a);
        let both = &t * &a;
        let (rows, cols) = (both.sum_axis(Axis(1)), both.sum_axis(Axis(0)));
        let neuron = |j: usize| {
            let level = (z[j] * z[j] - v[n + j] * v[n + j]) / square;
            2.0 * (level + BARRIER * (rows[j] - cols[n + j]))
        };
        let mut gradient: Vec<f64> = (0..m).map(neuron).collect();
        if self.spread {
            let input = |i: usize| -2.0 * (v[i] * v[i] / square + BARRIER * cols[i]);
            let plain: Vec<f64> = (0..n).map(input).collect();
            let total: f64 = plain.iter().sum();
            gradient.extend(plain.iter().zip(&scaling.inputs).map(|(g, s)| g - s * s * total));
        }
        Some((square, (square.ln() - BARRIER * logdet, gradient)))
    }

    /// Group after group, so that K's rows stay below 1 together.
    fn first(&self, share: f64) -> Vec<f64> {
        let (m, n) = (self.neurons(), self.inputs());
        let busy = self.groups.iter().filter(|g| **g > 0).count().max(1) as f64;
        let input = if self.spread { (n as f64).sqrt() } else { 1.0 };
        let mut right = vec![input; n];
        let mut logs = vec![];
        let mut at = 0;
        for &count in self.groups {
            let rows = self.matrix.slice(s![at..at + count, ..right.len()]);
            let scaled = &rows * &Array1::from(right.clone());
            let reach = Array1::from(self.reach[at..at + count].to_vec()).insert_axis(Axis(1));
            let size = spectral_upper((&scaled * &reach).view()).get();
            let weight = if size > 0.0 { share / (busy.sqrt() * size) } else { 1.0 };
            logs.extend(std::iter::repeat_n(weight.ln(), count));
            right.extend(std::iter::repeat_n(1.0 / weight, count));
            at += count;
        }
        debug_assert_eq!(logs.len(), m);
        logs.extend(std::iter::repeat_n(0.0, if self.spread { n } else { 0 }));
        logs
    }

    /// The level of these scalings, if they hold at any.
    pub fn level(&self, scaling: &Scaling) -> Option<f64> {
        Some(self.value(&self.logs(scaling))?.0.sqrt())
    }

    fn logs(&self, scaling: &Scaling) -> Vec<f64> {
        scaling.neurons.iter().chain(&scaling.inputs).map(|x| x.ln()).collect()
    }

    /// Better scalings, by at most so many factorisations; the given ones serve as start where they hold.
    pub fn improved(&self, start: Option<&Scaling>, calls: usize) -> Option<(f64, Scaling)> {
        let given = start.map(|s| self.logs(s)).filter(|l| self.value(l).is_some());
        let start = match given {
            Some(logs) => logs,
            None => {
                let tries = SHARES.iter().map(|&share| self.first(share));
                let rated = tries.filter_map(|l| Some((self.value(&l)?.1.0, l)));
                rated.min_by(|a, b| a.0.total_cmp(&b.0))?.1
            }
        };
        let logs = descent::lower(&mut |l| Some(self.value(l)?.1), start, calls, TOLERANCE);
        Some((self.value(&logs)?.0.sqrt(), self.read(&logs).0))
    }
}

impl Scaling {
    /// Few digits serve as well, and are short in files.
    pub fn rounded(&self) -> Scaling {
        let short = |x: &f64| format!("{x:.3e}").parse().unwrap_or(*x);
        let list = |l: &[f64]| l.iter().map(short).collect();
        Scaling { neurons: list(&self.neurons), inputs: list(&self.inputs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One neuron between one input and one output: |a b| r + |c| with c the way around it.
    #[test]
    fn one_neuron_is_exact() {
        let g = ndarray::array![[3.0, 0.0], [1.5, 2.0]];
        let gain = Gain { matrix: g.view(), reach: &[0.5], groups: &[1], spread: false };
        let (level, _) = gain.improved(None, 100).expect("scalings");
        // y = 1.5 x + 2 e, |e| <= 0.5 · 3 |x|.
        assert!((4.5..4.52).contains(&level), "{level}");
    }
}
