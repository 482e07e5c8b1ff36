//! How far a matrix with open slopes fed back into it can stretch: scalings that show it, in plain
//! arithmetic.
//!
//! Of (z, y) = G (x, e) with |e_j| <= reach_j |z_j|: where ‖K‖_2 <= 1 for
//!   K = diag(reach w, 1 / level) G diag(1 / s, 1 / w), every y has ‖y‖_2 <= level ‖s x‖_2.
//! Found by descent on the logarithms of w and s, with a small barrier where K's first rows reach 1.

use super::gram::gram_matrix;
use super::solve::{cholesky, log_determinant, substitute};
use super::spectral::spectral_upper;
use super::{descent, eigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// Positive scalings of open neurons and of inputs; inputs empty: all 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    pub neurons: Vec<f64>,
    pub inputs: Vec<f64>,
}

/// The least level of scalings, and where it is attained.
struct Level {
    square: f64,
    /// The input and the neurons' outputs that attain it, and the neurons' arguments, both scaled by K.
    v: Array1<f64>,
    z: Array1<f64>,
    /// Diagonals of Aᵀ(1 − AAᵀ)⁻¹A and of (1 − AAᵀ)⁻¹ for the rows A of K that feed back, and the
    /// logarithm of the determinant of 1 − AAᵀ.
    columns: Vec<f64>,
    rows: Vec<f64>,
    log: f64,
    scaling: Scaling,
}

pub struct Gain<'a> {
    pub matrix: ArrayView2<'a, f64>,
    pub reach: &'a [f64],
    /// How many neurons switch together, in order.
    pub groups: &'a [usize],
    /// Is Σ s² = 1 asked for, instead of s = 1?
    pub spread: bool,
}

/// When a descent ends.
pub struct Effort<'a> {
    /// Factorisations at most.
    pub calls: usize,
    /// The smallest gain of a step, relative to the level.
    pub tolerance: f64,
    /// A level that no lower one is better than.
    pub enough: f64,
    pub stop: &'a dyn Fn() -> bool,
}

/// Weight of the barrier.
const BARRIER: f64 = 2e-3;
/// The part of the mean curvature that every coordinate has at least.
const LEAST: f64 = 0.1;
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

    /// Those with Σ s² = 1; None where they are too far from 1.
    fn read(&self, logs: &[f64]) -> Option<Scaling> {
        if logs.iter().any(|l| l.is_nan() || l.abs() > RANGE) {
            return None;
        }
        let (w, s) = logs.split_at(self.neurons());
        let mut inputs: Vec<f64> = s.iter().map(|l| l.exp()).collect();
        let size = inputs.iter().map(|s| s * s).sum::<f64>().sqrt();
        inputs.iter_mut().for_each(|s| *s /= size);
        Some(Scaling { neurons: w.iter().map(|l| l.exp()).collect(), inputs })
    }

    /// The square of the least level of these scalings, if there is one.
    fn value(&self, scaling: Scaling) -> Option<Level> {
        let (m, n) = (self.neurons(), self.inputs());
        let ones = std::iter::repeat_n(1.0, if self.spread { 0 } else { n });
        let columns = ones.chain(scaling.inputs.iter().chain(&scaling.neurons).map(|x| 1.0 / x));
        let mut k = &self.matrix * &columns.collect::<Array1<f64>>();
        for (mut row, (w, r)) in k.rows_mut().into_iter().zip(scaling.neurons.iter().zip(self.reach)) {
            row *= w * r;
        }
        let (a, b) = k.view().split_at(Axis(0), m);
        // The last group feeds nothing but the output.
        let inner = n + m - self.groups.last().copied().unwrap_or(0);
        let a = a.slice_move(s![.., ..inner]);
        let mut p = -gram_matrix(a.t());
        p.diag_mut().mapv_inplace(|x| 1.0 + x);
        let factor = cholesky(p)?;
        // L⁻¹ (A, 1, A Bᵀ).
        let rows = b.nrows();
        let mut all = Array2::zeros((m, inner + m + rows));
        all.slice_mut(s![.., ..inner]).assign(&a);
        all.slice_mut(s![.., inner..inner + m]).diag_mut().fill(1.0);
        all.slice_mut(s![.., inner + m..]).assign(&a.dot(&b.slice(s![.., ..inner]).t()));
        substitute(factor.view(), all.view_mut());
        let (forward, outer) = all.view().split_at(Axis(1), inner + m);
        let q = gram_matrix(b.t()) + gram_matrix(outer);
        let (square, u) = eigen::top(&q);
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        let (la, l) = forward.split_at(Axis(1), inner);
        let half = outer.dot(&u);
        let mut v = b.t().dot(&u);
        v.slice_mut(s![..inner]).scaled_add(1.0, &la.t().dot(&half));
        let z = l.t().dot(&half);
        let squares = |x: ArrayView2<f64>| x.columns().into_iter().map(|c| c.dot(&c)).collect::<Vec<f64>>();
        Some(Level {
            square,
            v,
            z,
            columns: squares(la),
            rows: squares(l),
            log: log_determinant(&factor),
            scaling,
        })
    }

    fn descended(&self, at: &Level) -> descent::Value {
        let (m, n) = (self.neurons(), self.inputs());
        let energy = |i: usize| at.v[i] * at.v[i] / at.square;
        let column = |i: usize| at.columns.get(i).copied().unwrap_or(0.0);
        let neuron = |j: usize| {
            let level = at.z[j] * at.z[j] / at.square - energy(n + j);
            2.0 * (level + BARRIER * (at.rows[j] - 1.0 - column(n + j)))
        };
        let mut gradient: Vec<f64> = (0..m).map(neuron).collect();
        let mut curvature: Vec<f64> =
            (0..m).map(|j| 4.0 * (energy(n + j) + BARRIER * (at.rows[j] - 1.0 + column(n + j)))).collect();
        if self.spread {
            let plain: Vec<f64> = (0..n).map(|i| -2.0 * (energy(i) + BARRIER * column(i))).collect();
            let total: f64 = plain.iter().sum();
            gradient.extend(plain.iter().zip(&at.scaling.inputs).map(|(g, s)| g - s * s * total));
            curvature.extend(plain.iter().map(|g| -2.0 * g));
        }
        let least = LEAST * curvature.iter().sum::<f64>() / curvature.len().max(1) as f64 + 1e-12;
        curvature.iter_mut().for_each(|c| *c += least);
        descent::Value { value: at.square.ln() - BARRIER * at.log, gradient, curvature }
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

    /// The level of these scalings, if they hold at any, and every neuron's part in it.
    pub fn level(&self, scaling: &Scaling) -> Option<(f64, Vec<f64>)> {
        let found = self.value(scaling.clone())?;
        let n = self.inputs();
        Some((found.square.sqrt(), found.v.iter().skip(n).map(|v| v * v / found.square).collect()))
    }

    fn logs(&self, scaling: &Scaling) -> Vec<f64> {
        scaling.neurons.iter().chain(&scaling.inputs).map(|x| x.ln()).collect()
    }

    /// Better scalings; the given ones serve as start where they hold.
    pub fn improved(&self, start: Option<&Scaling>, effort: &Effort) -> Option<Scaling> {
        let mut enough = None;
        let mut rate = |logs: &[f64]| {
            let wanted = enough.is_none() && !(effort.stop)();
            let level = self.value(self.read(logs).filter(|_| wanted)?)?;
            if level.square.sqrt() <= effort.enough {
                enough = Some(level.scaling.clone());
            }
            Some(self.descended(&level))
        };
        let mut rated = |logs: Vec<f64>| rate(&logs).map(|value| (logs, value));
        let start = start.and_then(|s| rated(self.logs(s))).or_else(|| {
            let tries = SHARES.iter().filter_map(|&share| rated(self.first(share)));
            tries.min_by(|a, b| a.1.value.total_cmp(&b.1.value))
        })?;
        let lowest = descent::lower(&mut rate, start, effort.calls, effort.tolerance);
        enough.or_else(|| self.read(&lowest))
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
    use crate::num::random::Random;

    fn effort(calls: usize, tolerance: f64) -> Effort<'static> {
        Effort { calls, tolerance, enough: 0.0, stop: &|| false }
    }

    /// One neuron between one input and one output: |a b| r + |c| with c the way around it.
    #[test]
    fn one_neuron_is_exact() {
        let g = ndarray::array![[3.0, 0.0], [1.5, 2.0]];
        let gain = Gain { matrix: g.view(), reach: &[0.5], groups: &[1], spread: false };
        let scaling = gain.improved(None, &effort(100, 1e-9)).expect("scalings");
        let (level, _) = gain.level(&scaling).expect("a level");
        // y = 1.5 x + 2 e, |e| <= 0.5 · 3 |x|.
        assert!((4.5..4.52).contains(&level), "{level}");
    }

    /// The largest ‖y‖_2 / ‖x‖ of all slopes at their ends, for x at random.
    fn steepest(g: &Array2<f64>, reach: &[f64], inputs: usize, spread: bool, random: &mut Random) -> f64 {
        let m = reach.len();
        let mut most = 0.0f64;
        for choice in 0..1 << m {
            for _ in 0..20 {
                let mut v: Vec<f64> = (0..inputs).map(|_| random.normal()).collect();
                if spread {
                    v.iter_mut().for_each(|x| *x = x.signum());
                }
                let size = if spread { 1.0 } else { v.iter().map(|x| x * x).sum::<f64>().sqrt() };
                for j in 0..m {
                    let z: f64 = v.iter().zip(g.row(j)).map(|(v, g)| v * g).sum();
                    v.push(if choice >> j & 1 == 1 { z * reach[j] } else { -z * reach[j] });
                }
                let y = g.slice(s![m.., ..]).dot(&Array1::from(v));
                most = most.max(y.dot(&y).sqrt() / size);
            }
        }
        most
    }

    /// With two groups of two neurons: never below what slopes attain, at any scalings.
    #[test]
    fn no_slopes_exceed_the_level() {
        let mut random = Random(5);
        for case in 0..200 {
            let (inputs, outputs, spread) = (1 + case % 4, 1 + case % 3, case % 2 == 1);
            let mut g = Array2::from_shape_fn((4 + outputs, inputs + 4), |_| random.normal());
            for row in 0..4 {
                let feeds = inputs + row / 2 * 2;
                g.slice_mut(s![row, feeds..]).fill(0.0);
            }
            let reach: Vec<f64> = (0..4).map(|_| random.unit()).collect();
            let gain = Gain { matrix: g.view(), reach: &reach, groups: &[2, 2], spread };
            let truth = steepest(&g, &reach, inputs, spread, &mut random);
            for calls in [0, 5, 200] {
                let scaling = gain.improved(None, &effort(calls, 1e-6)).expect("scalings").rounded();
                let Some((level, parts)) = gain.level(&scaling) else { continue };
                let size: f64 = scaling.inputs.iter().map(|s| s * s).sum();
                let level = if spread { level * size.sqrt() } else { level };
                assert!(truth <= level * (1.0 + 1e-9), "case {case}: {truth} > {level}");
                assert!(level < 1e3 * truth && parts.len() == 4, "case {case}: {truth} {level}");
            }
        }
    }
}
