//! Search for steep points: samples, corners, and ascent on a smoothed norm.
//!
//! Proves: nothing by itself; the best proposals go to the witness.
//! From: sampled Clarke gradients (Bhowmick et al. 2021), smoothed sign ascent.
//!   The slope pattern is piecewise constant, so slopes are replaced by
//!   sigmoids of the pre-activation while climbing and evaluated exactly after.
//! Rounding: none here.
//! Cost: four plain passes per point and step.
//! Loose when: the steepest piece is small or far from every start.

use super::points::{FEW_OUTPUTS, Proposal, sample, score};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::LowerBound;
use crate::method::context::Context;
use crate::net::Op;
use crate::num::random::Random;
use crate::num::{Enclosure, Norm, Piecewise};
use crate::ops::sweep::ends2;
use crate::ops::{Gate, smooth};
use ndarray::{Array2, Array3, Axis};

const SAMPLES: usize = 48;
const CLIMBERS: usize = 6;
const STEPS: usize = 20;
/// Proposals that are handed to the witness.
const PROVED: usize = 3;

pub fn run<B: Backend>(context: &Context<B>, known: &LowerBound) -> LowerBound {
    let problem = context.problem;
    let n = problem.net.inputs();
    if problem.region.is_point() || problem.quotient.quantity == crate::problem::Quantity::Anchored {
        return LowerBound::NONE;
    }
    let rows = problem.rows().min(FEW_OUTPUTS) as f64;
    let pass = problem.net.products() * (1.0 + rows);
    if !context.budget.affords(pass * 8.0) {
        return LowerBound::NONE;
    }
    let mut random = Random(context.seed ^ 0x5EED);
    let mut points: Vec<Vec<f64>> = problem.region.centre().map(|c| c.to_vec()).into_iter().collect();
    let count = if context.budget.affords(pass * SAMPLES as f64) { SAMPLES } else { 7 };
    points.extend((0..count).map(|k| sample(&problem.region, n, &mut random, k % 2 == 1)));
    let mut all = score(context, &points);
    let steps = if problem.rows() > FEW_OUTPUTS { 0 } else { STEPS };
    all.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
    let mut climbers: Vec<Proposal> = all.iter().take(CLIMBERS).cloned().collect();
    for step in 0..steps {
        if context.budget.interrupted() || !context.budget.affords(pass * 4.0 * CLIMBERS as f64) {
            break;
        }
        let sharpness = 2.0 + 8.0 * step as f64 / STEPS as f64;
        let gradient = smoothed_gradient(context, &climbers, sharpness);
        let rate = 0.5 * (1.0 - step as f64 / STEPS as f64) + 0.02;
        let mut next = vec![];
        for (c, g) in climbers.iter().zip(gradient.outer_iter()) {
            let mut x = c.x.clone();
            advance(context, &mut x, g.as_slice().expect("one row"), rate);
            next.push(x);
            // A mutation: some coordinates jump to where a random member has them.
            let mut y = all[0].x.clone();
            let other = sample(&problem.region, n, &mut random, step % 2 == 0);
            for (a, b) in y.iter_mut().zip(other) {
                if random.unit() < 0.15 {
                    *a = b;
                }
            }
            problem.region.project(&mut y);
            next.push(y);
        }
        let scored = score(context, &next);
        climbers = scored.iter().step_by(2).cloned().collect();
        all.extend(scored);
        all.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
        all.truncate(4 * CLIMBERS);
    }
    all.retain(|p| p.estimate > known.value.get());
    super::prove_best(context, all, "ascent", PROVED)
}

/// One step along the gradient in the geometry of the region.
fn advance<B: Backend>(context: &Context<B>, x: &mut [f64], g: &[f64], rate: f64) {
    let region = &context.problem.region;
    let size = g.iter().map(|v| v * v).sum::<f64>().sqrt();
    if size.is_nan() || size == 0.0 {
        return;
    }
    match region.ends() {
        Some((lo, hi)) if context.problem.quotient.in_norm != Norm::Two => {
            for j in 0..x.len() {
                x[j] += rate * 0.5 * (hi[j] - lo[j]) * if g[j] == 0.0 { 0.0 } else { g[j].signum() };
            }
        }
        Some(_) => {
            let reach = region.width() * (x.len() as f64).sqrt().min(4.0);
            x.iter_mut().zip(g).for_each(|(v, d)| *v += rate * reach * d / size);
        }
        None => {
            let reach = 1.0 + x.iter().map(|v| v * v).sum::<f64>().sqrt();
            x.iter_mut().zip(g).for_each(|(v, d)| *v += rate * reach * d / size);
        }
    }
    region.project(x);
}

/// Gradient in x of ‖uᵀJ_s(x)‖ where the slopes of J_s are smoothed, items x 1 x inputs.
fn smoothed_gradient<B: Backend>(context: &Context<B>, climbers: &[Proposal], sharpness: f64) -> Array2<f64> {
    let sketch = context.sketch();
    let (b, net) = (sketch.backend, sketch.net);
    let (items, n) = (climbers.len(), net.inputs());
    let flat: Vec<f64> = climbers.iter().flat_map(|c| c.x.iter().copied()).collect();
    let x = Array3::from_shape_vec((items, 1, n), flat).expect("points of equal length");
    let keep: Vec<bool> = {
        let mut keep = vec![false; net.nodes.len()];
        for node in net.nodes.iter().filter(|n| n.op.is_nonlinear()) {
            keep[node.inputs[0]] = true;
        }
        keep
    };
    let trace = sketch.values(b.upload(&Enclosure::point(x)), &vec![], |k| keep[k]);
    // Smoothed slopes and their derivatives.
    let mut gates: Vec<Option<Gate<Cpu>>> = trace.gates.clone();
    let mut curvature: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    for (k, node) in net.nodes.iter().enumerate() {
        let slopes: Box<dyn Fn(usize, f64, f64) -> (f64, f64)> = match &node.op {
            Op::Piecewise(f) => {
                let f = f.clone();
                Box::new(move |j, z, width| smoothed(&f, j, z, sharpness / width))
            }
            Op::Smooth(f) => {
                let f = *f;
                Box::new(move |_, z, _| {
                    let h = 1e-4;
                    let d = smooth::derivative(f, z);
                    (d, (smooth::derivative(f, z + h) - smooth::derivative(f, z - h)) / (2.0 * h))
                })
            }
            _ => continue,
        };
        let (z, _) = ends2(&b.read(trace.values[node.inputs[0]].as_ref().expect("kept")), false);
        let width = (z.iter().map(|v| v * v).sum::<f64>() / z.len().max(1) as f64).sqrt().max(1e-30);
        let pairs = Array2::from_shape_fn(z.raw_dim(), |(i, j)| slopes(j, z[[i, j]], width));
        let slope = pairs.mapv(|p| p.0);
        gates[k] = Some(Gate::Each(b.upload_slopes(&slope, &slope)));
        curvature[k] = Some(pairs.mapv(|p| p.1));
    }
    let rows: Vec<f64> = climbers.iter().flat_map(|c| context.problem.row(&c.u)).collect();
    let rows = Array3::from_shape_vec((items, 1, net.outputs()), rows).expect("one row per item");
    let flat2 = |x: &<Cpu as Backend>::Block| ends2(&b.read(x), false).0;
    let mut outer: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    let g = b.read(&sketch.adjoints(&gates, b.upload(&Enclosure::point(rows)), |k, g| {
        if curvature[k].is_some() {
            outer[k] = Some(flat2(g));
        }
    }));
    let dual = context.problem.quotient.in_norm.dual();
    let mut v = context.without_fixed(g).centre;
    for mut item in v.axis_iter_mut(Axis(0)) {
        let size = item.iter().map(|a| a * a).sum::<f64>().sqrt().max(1e-300);
        let top = item.iter().fold(0.0f64, |m, a| m.max(a.abs()));
        item.mapv_inplace(|a| match dual {
            Norm::One => {
                if a == 0.0 {
                    0.0
                } else {
                    a.signum()
                }
            }
            Norm::Two => a / size,
            Norm::Inf => (a.abs() >= top) as u8 as f64 * a.signum(),
        });
    }
    let mut inner: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    sketch.tangents(&gates, b.upload(&Enclosure::point(v)), |k, t| {
        if keep[k] {
            inner[k] = Some(flat2(t));
        }
    });
    let mut start: Vec<Option<<Cpu as Backend>::Block>> = vec![None; net.nodes.len()];
    for (k, node) in net.nodes.iter().enumerate() {
        let (Some(c), Some(g)) = (&curvature[k], &outer[k]) else { continue };
        let Some(t) = &inner[node.inputs[0]] else { continue };
        let w = (c * g * t).insert_axis(Axis(1));
        let part = b.upload(&Enclosure::point(w));
        let i = node.inputs[0];
        start[i] = Some(match start[i].take() {
            Some(s) => b.sum(&[&s, &part]),
            None => part,
        });
    }
    if start.iter().all(|s| s.is_none()) {
        return Array2::zeros((items, n));
    }
    b.read(&sketch.adjoints_from(&gates, start, |_, _| {})).centre.remove_axis(Axis(1))
}

/// A kink as a sigmoid of the argument: slope and its derivative.
fn smoothed(f: &Piecewise, feature: usize, z: f64, beta: f64) -> (f64, f64) {
    let step = |x: f64| 1.0 / (1.0 + (-beta * x).exp());
    let bump = |x: f64| {
        let s = step(x);
        beta * s * (1.0 - s)
    };
    match f {
        Piecewise::Clip { lo, hi } => (step(z - lo) - step(z - hi), bump(z - lo) - bump(z - hi)),
        _ => {
            let a = f.slope_below(feature);
            (a + (1.0 - a) * step(z), (1.0 - a) * bump(z))
        }
    }
}
