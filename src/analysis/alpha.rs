//! Linear bounds with slopes optimised for one neuron each.
//!
//! Proves: the same inequalities as `crown`; every iterate is a bound.
//! From: Xu et al. 2021 (alpha-CROWN), with the slopes of one bound to itself
//!   and only for neurons close to a status: nothing else changes a Jacobian.
//! Rounding: as in `crown`; gradients are plain and only propose slopes.
//! Cost: STEPS times two passes per neuron that is nearly decided.
//! Loose when: the free slopes are not what costs.

use crate::analysis::Budget;
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::net::Op;
use crate::num::Norm;
use crate::region::Region;
use crate::rules::linear::{Alpha, Regions, Relaxation, Relaxed, relax};
use crate::sweep::{Bounds, Ends, Prepared, Spanned};
use ndarray::{Array2, Axis};

const STEPS: usize = 8;
/// A neuron counts as nearly decided when its nearer end is at most this share
/// of its width away from zero.
const NEAR: f64 = 0.2;
/// Bounds that are optimised together.
const TOGETHER: usize = 64;

/// One end of one neuron: the bound of `sign * z_j` that should fall below 0.
#[derive(Clone, Copy)]
struct Wish {
    feature: usize,
    sign: f64,
}

/// Where bounds of node k on a region are to be sharpened.
pub struct Near<'a, 'n, B: Backend> {
    pub prepared: &'a Prepared<'n, B>,
    pub region: &'a Region,
    pub budget: &'a Budget,
    /// Of one item.
    pub ends: &'a Bounds,
    pub k: usize,
}

impl<B: Backend> Near<'_, '_, B> {
    /// Of the open features, those that are nearly decided; `work`: multiplications up to the node.
    pub fn refine(&self, open: &[usize], work: f64, own: &mut Ends) {
        let tunable = (1..=self.k).any(|n| matches!(self.prepared.net.nodes[n].op, Op::Piecewise(_)));
        if !tunable {
            return;
        }
        let wishes: Vec<Wish> = open
            .iter()
            .filter_map(|&j| {
                let (l, u) = (own.lo[[0, j]], own.hi[[0, j]]);
                let near = l < 0.0 && u > 0.0 && (-l).min(u) <= NEAR * (u - l);
                near.then_some(Wish { feature: j, sign: if u < -l { 1.0 } else { -1.0 } })
            })
            .collect();
        for part in wishes.chunks(TOGETHER) {
            let price = 6.0 * (STEPS * part.len()) as f64 * work;
            if !self.budget.affords_on(self.prepared.backend, price) {
                return;
            }
            let best = self.optimise(part);
            let (mut lo, mut hi) = (own.lo.clone(), own.hi.clone());
            for (w, value) in part.iter().zip(best) {
                if w.sign > 0.0 {
                    hi[[0, w.feature]] = value;
                } else {
                    lo[[0, w.feature]] = -value;
                }
            }
            own.tighten(&lo, &hi);
        }
    }

    /// Every wish is an item of its own, so that its slopes are its own.
    fn optimise(&self, wishes: &[Wish]) -> Vec<f64> {
        let (b, net, k) = (self.prepared.backend, self.prepared.net, self.k);
        let count = wishes.len();
        let wide = |a: &Array2<f64>| a.broadcast((count, a.ncols())).expect("one item").to_owned();
        let ends = self.ends.map(|e| Ends { lo: wide(&e.lo), hi: wide(&e.hi) });
        let mut alpha = self.start(&ends);
        let mut rows = Enclosure::zeros(count, 1, net.nodes[k].len());
        for (i, w) in wishes.iter().enumerate() {
            rows.centre[[i, 0, w.feature]] = w.sign;
        }
        let mut best = vec![f64::INFINITY; count];
        let spans = Spanned::none(net.nodes.len());
        for step in 0..STEPS {
            let lines = |n: usize| {
                (n <= k && net.nodes[n].op.is_nonlinear()).then(|| relax(net, n, &ends, alpha[n].as_ref()))
            };
            let relaxations: Vec<Option<Relaxation>> = (0..net.nodes.len()).map(lines).collect();
            let lined = |r: &Option<Relaxation>| r.as_ref().map(|r| r.lined(b));
            let lined: Vec<_> = relaxations.iter().map(lined).collect();
            let relaxed =
                Relaxed { prepared: self.prepared, relaxations: &lined, ends: &ends, spans: &spans };
            let mut coefficients: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
            let top = relaxed.upper(k, b.upload(&rows), Regions::One(self.region), &mut |n, a| {
                coefficients[n] = Some(b.read(a).centre.remove_axis(Axis(1)))
            });
            for (best, &value) in best.iter_mut().zip(top.column(0)) {
                *best = best.min(value);
            }
            if step + 1 == STEPS || best.iter().all(|v| *v <= 0.0) {
                break;
            }
            let rate = 0.4 * (1.0 - step as f64 / STEPS as f64);
            descend(&mut alpha, &self.gradients(&relaxations, &coefficients), rate);
        }
        best
    }

    /// Slopes to begin with.
    fn start(&self, ends: &Bounds) -> Alpha {
        let net = self.prepared.net;
        let of = |n: usize| {
            let x = ends.get(*net.nodes[n].inputs.first()?)?;
            let start = |l: f64, u: f64| if u > -l { 0.9 } else { 0.1 };
            let free = n <= self.k && matches!(net.nodes[n].op, Op::Piecewise(_));
            free.then(|| ndarray::Zip::from(&x.lo).and(&x.hi).map_collect(|&l, &u| start(l, u)))
        };
        (0..net.nodes.len()).map(of).collect()
    }

    /// The derivative of a bound by a neuron's slope is its coefficient times the value that the lines give
    /// the neuron at the maximiser.
    fn gradients(
        &self,
        relaxations: &[Option<Relaxation>],
        coefficients: &[Option<Array2<f64>>],
    ) -> Vec<Option<Array2<f64>>> {
        let (b, net) = (self.prepared.backend, self.prepared.net);
        let mut gradients: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
        let Some(input) = &coefficients[0] else { return gradients };
        let x = maximiser(self.region, input).insert_axis(Axis(1));
        let mut values: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        values[0] = Some(b.upload(&Enclosure::point(x)));
        for n in 1..self.k {
            let node = &net.nodes[n];
            let inputs: Vec<&B::Block> =
                node.inputs.iter().map(|&i| values[i].as_ref().expect("topological order")).collect();
            let Some(relaxation) = &relaxations[n] else {
                values[n] = Some(self.prepared.value(n, &inputs).0);
                continue;
            };
            let z = b.read(inputs[0]).centre.remove_axis(Axis(1));
            // A node that is not on the way to k has no coefficients: any value serves.
            let zeros = Array2::zeros((z.nrows(), node.len()));
            let a = coefficients[n].as_ref().unwrap_or(&zeros);
            if let (Relaxation::Each(_), Op::Piecewise(_)) = (relaxation, &node.op) {
                gradients[n] = Some(a * &z);
            }
            let y = on_lines(relaxation, &node.op, a, &z);
            values[n] = Some(b.upload(&Enclosure::point(y.insert_axis(Axis(1)))));
        }
        gradients
    }
}

/// The value of the line that a coefficient meets.
fn on_lines(relaxation: &Relaxation, op: &Op, a: &Array2<f64>, z: &Array2<f64>) -> Array2<f64> {
    match (relaxation, op) {
        (Relaxation::Each(lines), _) => Array2::from_shape_fn(z.raw_dim(), |at| {
            let (s, t) = if a[at] > 0.0 {
                (lines.upper_slope[at], lines.upper_shift[at])
            } else {
                (lines.lower_slope[at], lines.lower_shift[at])
            };
            s * z[at] + t
        }),
        (Relaxation::Window(lines), Op::Max(windows)) => Array2::from_shape_fn(a.raw_dim(), |at| {
            let ceiling = lines.ceiling[at];
            let edge = windows.index[lines.edge[at] as usize] as usize;
            if a[at] > 0.0 && !ceiling.is_nan() { ceiling } else { z[[at.0, edge]] }
        }),
        _ => Array2::zeros(a.raw_dim()),
    }
}

/// One projected step on the slopes.
fn descend(alpha: &mut Alpha, gradients: &[Option<Array2<f64>>], rate: f64) {
    for (alpha, gradient) in alpha.iter_mut().zip(gradients) {
        let (Some(alpha), Some(gradient)) = (alpha, gradient) else { continue };
        for (mut row, g) in alpha.rows_mut().into_iter().zip(gradient.rows()) {
            let size = g.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            if size > 0.0 && size.is_finite() {
                row.zip_mut_with(&g, |s, d| {
                    *s = (*s - rate * (d / size).signum() * (d / size).abs().sqrt()).clamp(0.0, 1.0)
                });
            }
        }
    }
}

/// Where each row of coefficients is largest on the region.
fn maximiser(region: &Region, rows: &Array2<f64>) -> Array2<f64> {
    let (Some((lo, hi)), Some(centre)) = (region.ends(), region.centre()) else { return rows.clone() };
    let mut x =
        Array2::from_shape_fn(rows.raw_dim(), |(i, j)| if rows[[i, j]] > 0.0 { hi[j] } else { lo[j] });
    if let Some((Norm::Two, radius)) = region.ball_norm() {
        let radius = radius.nearest();
        for (mut x, a) in x.rows_mut().into_iter().zip(rows.rows()) {
            let size = a.dot(&a).sqrt().max(1e-300);
            x.iter_mut().zip(a.iter().zip(centre)).for_each(|(x, (a, c))| *x = c + radius * a / size);
        }
    }
    x
}
