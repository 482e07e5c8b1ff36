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
use crate::ops::linear::{Alpha, NodeEnds, Relaxation, relax, tighten, upper};
use crate::ops::{Ends, Prepared};
use crate::region::Region;
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

pub fn refine<B: Backend>(
    prepared: &Prepared<B>,
    region: &Region,
    budget: &Budget,
    ends: &NodeEnds,
    k: usize,
    open: &[usize],
    work: f64,
    own: &mut Ends,
) {
    let tunable = (1..=k).any(|n| matches!(prepared.net.nodes[n].op, Op::Piecewise(_)));
    if !tunable || own.lo.nrows() != 1 {
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
        if !budget.affords_on(prepared.backend, 6.0 * (STEPS * part.len()) as f64 * work) {
            return;
        }
        let best = optimise(prepared, region, ends, k, part);
        let (mut lo, mut hi) = (own.lo.clone(), own.hi.clone());
        for (w, value) in part.iter().zip(best) {
            if w.sign > 0.0 {
                hi[[0, w.feature]] = value;
            } else {
                lo[[0, w.feature]] = -value;
            }
        }
        tighten(own, &lo, &hi);
    }
}

/// Every wish is an item of its own, so that its slopes are its own.
fn optimise<B: Backend>(
    prepared: &Prepared<B>,
    region: &Region,
    ends: &NodeEnds,
    k: usize,
    wishes: &[Wish],
) -> Vec<f64> {
    let (b, net) = (prepared.backend, prepared.net);
    let count = wishes.len();
    let wide = |a: &Array2<f64>| a.broadcast((count, a.ncols())).expect("one item").to_owned();
    let ends: NodeEnds =
        ends.iter().map(|e| e.as_ref().map(|e| Ends { lo: wide(&e.lo), hi: wide(&e.hi) })).collect();
    let mut alpha: Alpha = (0..net.nodes.len())
        .map(|n| {
            let x = ends.get(*net.nodes[n].inputs.first()?)?.as_ref()?;
            let start = |l: f64, u: f64| if u > -l { 0.9 } else { 0.1 };
            let free = n <= k && matches!(net.nodes[n].op, Op::Piecewise(_));
            free.then(|| ndarray::Zip::from(&x.lo).and(&x.hi).map_collect(|&l, &u| start(l, u)))
        })
        .collect();
    let mut rows = Enclosure::zeros(count, 1, net.nodes[k].len());
    for (i, w) in wishes.iter().enumerate() {
        rows.centre[[i, 0, w.feature]] = w.sign;
    }
    let mut best = vec![f64::INFINITY; count];
    for step in 0..STEPS {
        let relaxations: Vec<Option<Relaxation>> = (0..net.nodes.len())
            .map(|n| {
                (n <= k && net.nodes[n].op.is_nonlinear()).then(|| relax(net, n, &ends, alpha[n].as_ref()))
            })
            .collect();
        let mut coefficients: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
        let top = upper(prepared, &relaxations, &ends, k, &rows, region, &mut |n, a| {
            coefficients[n] = Some(b.read(a).centre.remove_axis(Axis(1)))
        });
        for (best, &value) in best.iter_mut().zip(top.column(0)) {
            *best = best.min(value);
        }
        if step + 1 == STEPS || best.iter().all(|v| *v <= 0.0) {
            break;
        }
        let rate = 0.4 * (1.0 - step as f64 / STEPS as f64);
        descend(prepared, region, &relaxations, &coefficients, k, &mut alpha, rate);
    }
    best
}

/// One projected step on the slopes: the derivative of a bound by a neuron's
/// slope is its coefficient times the value that the lines give the neuron at
/// the maximiser.
fn descend<B: Backend>(
    prepared: &Prepared<B>,
    region: &Region,
    relaxations: &[Option<Relaxation>],
    coefficients: &[Option<Array2<f64>>],
    k: usize,
    alpha: &mut Alpha,
    rate: f64,
) {
    let (b, net) = (prepared.backend, prepared.net);
    let Some(input) = &coefficients[0] else { return };
    let x = maximiser(region, input).insert_axis(Axis(1));
    let mut values: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
    values[0] = Some(b.upload(&Enclosure::point(x)));
    let mut gradients: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    for n in 1..k {
        let node = &net.nodes[n];
        let inputs: Vec<&B::Block> =
            node.inputs.iter().map(|&i| values[i].as_ref().expect("topological order")).collect();
        let Some(relaxation) = &relaxations[n] else {
            values[n] = Some(prepared.value(n, &inputs).0);
            continue;
        };
        let z = b.read(inputs[0]).centre.remove_axis(Axis(1));
        // A node that is not on the way to k has no coefficients: any value serves.
        let zeros = Array2::zeros((z.nrows(), node.len()));
        let a = coefficients[n].as_ref().unwrap_or(&zeros);
        let y = match (relaxation, &node.op) {
            (Relaxation::Each(lines), op) => {
                if let Op::Piecewise(_) = op {
                    gradients[n] = Some(a * &z);
                }
                Array2::from_shape_fn(z.raw_dim(), |at| {
                    let (s, t) = if a[at] > 0.0 {
                        (lines.upper_slope[at], lines.upper_shift[at])
                    } else {
                        (lines.lower_slope[at], lines.lower_shift[at])
                    };
                    s * z[at] + t
                })
            }
            (Relaxation::Window(lines), Op::Max(windows)) => Array2::from_shape_fn(a.raw_dim(), |at| {
                let ceiling = lines.ceiling[at];
                let edge = windows.index[lines.edge[at] as usize] as usize;
                if a[at] > 0.0 && !ceiling.is_nan() { ceiling } else { z[[at.0, edge]] }
            }),
            _ => zeros.clone(),
        };
        values[n] = Some(b.upload(&Enclosure::point(y.insert_axis(Axis(1)))));
    }
    for (alpha, gradient) in alpha.iter_mut().zip(&gradients) {
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
