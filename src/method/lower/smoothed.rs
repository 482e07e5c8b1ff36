//! The gradient of a smoothed steepness: kinks as sigmoids of the argument.
//!
//! Proves: nothing; it says where to look for steep points.
//! From: the chain rule on uᵀJ(x)v for v dual to uᵀJ(x). The slopes are
//!   piecewise constant, so those of kinks are replaced by sigmoids as wide as
//!   what the argument does on the region.
//! Rounding: none here.
//! Cost: one value, one tangent and two adjoint passes per point.
//! Loose when: sigmoids are too wide to tell pieces apart, or too narrow to reach the next.

use super::points::{Ground, Proposal, dual, sample};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::layer::smooth::range;
use crate::layer::{Piece, Piecewise};
use crate::linalg::Enclosure;
use crate::method::context::Context;
use crate::net::{Net, Node, Op};
use crate::num::norms::vector_norm_up;
use crate::num::random::Random;
use crate::sweep::{Gate, Prepared, Trace, ends2};
use ndarray::{Array2, Array3, ArrayView2, Axis};

/// How far apart the arguments of kinks lie on the region: per node, features.
pub struct Spread(Vec<Option<Vec<f64>>>);

/// Sampled members that measure it.
const MEASURED: usize = 16;

impl Spread {
    pub fn new<B: Backend>(context: &Context<B>, ground: &Ground) -> Self {
        let (sketch, net) = (&ground.prepared(context), ground.net());
        let mut random = Random(context.seed ^ 0x5BAD);
        let count = (context.budget.rows(context.widest()) / 4).clamp(2, MEASURED);
        let points: Vec<Vec<f64>> =
            (0..count).map(|_| sample(&context.problem.region, net.inputs(), &mut random, true)).collect();
        let keep = arguments(net);
        let trace = sketch.values(upload(context, points.iter()), None, |k| keep[k]);
        let of = |node: &Node| {
            if !matches!(node.op, Op::Piecewise(_)) {
                return None;
            }
            let z = flat(context, trace.values[node.inputs[0]].as_ref().expect("kept"));
            let own: Vec<f64> = z.columns().into_iter().map(|c| c.std(0.0)).collect();
            let mean = own.iter().sum::<f64>() / own.len().max(1) as f64;
            let size = z.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            Some(own.iter().map(|s| s.max(0.2 * mean).max(1e-9 * size).max(1e-30)).collect())
        };
        Spread(net.nodes.iter().map(of).collect())
    }

    fn of(&self, node: usize, feature: usize) -> f64 {
        self.0[node].as_ref().map_or(1.0, |s| s[feature])
    }
}

/// Which nodes are read by nonlinear ones.
fn arguments(net: &Net) -> Vec<bool> {
    let mut keep = vec![false; net.nodes.len()];
    net.nodes.iter().filter(|n| n.op.is_nonlinear()).for_each(|n| keep[n.inputs[0]] = true);
    keep
}

fn upload<'p, B: Backend>(
    context: &Context<B>,
    points: impl ExactSizeIterator<Item = &'p Vec<f64>>,
) -> <Cpu as Backend>::Block {
    let shape = (points.len(), 1, context.problem.net.inputs());
    let x = Array3::from_shape_vec(shape, points.flatten().copied().collect()).expect("equal lengths");
    context.sketch().backend.upload(&Enclosure::point(x))
}

fn flat<B: Backend>(context: &Context<B>, x: &<Cpu as Backend>::Block) -> Array2<f64> {
    ends2(&context.sketch().backend.read(x), false).0
}

/// Slopes of nonlinear nodes where kinks are sigmoids, and how fast they change with the argument.
struct Softened {
    gates: Vec<Option<Gate<Cpu>>>,
    curvature: Vec<Option<Array2<f64>>>,
}

/// With sigmoids `widths` spreads wide, per point.
fn softened<B: Backend>(
    (context, sketch): (&Context<B>, &Prepared<Cpu>),
    spread: &Spread,
    trace: &Trace<Cpu>,
    widths: &[f64],
) -> Softened {
    let (b, net) = (sketch.backend, sketch.net);
    let mut gates: Vec<Option<Gate<Cpu>>> = trace.gates.clone();
    let mut curvature: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    for (k, node) in net.nodes.iter().enumerate() {
        if !matches!(node.op, Op::Piecewise(_) | Op::Smooth(_)) {
            continue;
        }
        let z = flat(context, trace.values[node.inputs[0]].as_ref().expect("kept"));
        let pair = |(i, j): (usize, usize)| match &node.op {
            Op::Piecewise(f) => {
                let own = spread.of(k, j) * widths[i];
                smoothed(f, j, z[[i, j]], 1.0 / own)
            }
            Op::Smooth(f) => {
                let (z, h) = (z[[i, j]], 1e-4);
                let bend = range::derivative(*f, z + h) - range::derivative(*f, z - h);
                (range::derivative(*f, z), bend / (2.0 * h))
            }
            _ => unreachable!("checked above"),
        };
        let pairs = Array2::from_shape_fn(z.raw_dim(), pair);
        let slope = pairs.mapv(|p| p.0);
        gates[k] = Some(Gate::Each(b.upload_slopes(&slope, &slope)));
        curvature[k] = Some(pairs.mapv(|p| p.1));
    }
    Softened { gates, curvature }
}

/// What points say of the way up.
pub struct Slope {
    /// Per point the gradient in x of the smoothed ‖uᵀJ‖.
    pub gradient: Array2<f64>,
    /// The sharp ‖uᵀJ‖.
    pub sizes: Vec<f64>,
    /// J v for the v that is dual to uᵀJ.
    pub images: Vec<Vec<f64>>,
}

/// With sigmoids `widths` spreads wide.
pub fn slope<B: Backend>(
    context: &Context<B>,
    (ground, spread): (&Ground, &Spread),
    climbers: &[Proposal],
    widths: &[f64],
) -> Slope {
    let sketch = &ground.prepared(context);
    let (b, net) = (sketch.backend, sketch.net);
    let (items, n) = (climbers.len(), net.inputs());
    let keep = arguments(net);
    let trace = sketch.values(upload(context, climbers.iter().map(|c| &c.x)), None, |k| keep[k]);
    let soft = softened((context, sketch), spread, &trace, widths);
    let rows: Vec<f64> = climbers.iter().flat_map(|c| context.problem.row(&c.u).centre).collect();
    let rows = Array3::from_shape_vec((items, 1, net.outputs()), rows).expect("one row per item");
    let rows = b.upload(&Enclosure::point(rows));
    let norm = context.problem.quotient.in_norm.dual();
    let sharp = context.without_fixed(b.read(&sketch.adjoints(&trace.gates, rows.clone(), |_, _| {})));
    let size = |g: ArrayView2<f64>| vector_norm_up(g.iter().map(|v| v.abs()), norm);
    let sizes = sharp.centre.outer_iter().map(size).collect();
    let mut outer: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    let g = b.read(&sketch.adjoints(&soft.gates, rows, |k, g| {
        if soft.curvature[k].is_some() {
            outer[k] = Some(flat(context, g));
        }
    }));
    let mut v = context.without_fixed(g).centre;
    for mut item in v.axis_iter_mut(Axis(0)) {
        let way = dual(item.as_slice().expect("one row"), norm);
        item.iter_mut().zip(way).for_each(|(a, d)| *a = d);
    }
    let mut inner: Vec<Option<Array2<f64>>> = vec![None; net.nodes.len()];
    let image = sketch.tangents(&soft.gates, b.upload(&Enclosure::point(v)), |k, t| {
        if keep[k] {
            inner[k] = Some(flat(context, t));
        }
    });
    let images = flat(context, &image).outer_iter().map(|v| v.to_vec()).collect();
    let start = bends(sketch, &soft, &outer, &inner);
    let gradient = if start.iter().all(|s| s.is_none()) {
        Array2::zeros((items, n))
    } else {
        b.read(&sketch.adjoints_from(&soft.gates, start, |_, _| {})).centre.remove_axis(Axis(1))
    };
    Slope { gradient, sizes, images }
}

/// What bends in the arguments do to the steepness: by adjoints behind a node and tangents before it.
fn bends(
    sketch: &Prepared<Cpu>,
    soft: &Softened,
    outer: &[Option<Array2<f64>>],
    inner: &[Option<Array2<f64>>],
) -> Vec<Option<<Cpu as Backend>::Block>> {
    let (b, net) = (sketch.backend, sketch.net);
    let mut start: Vec<Option<<Cpu as Backend>::Block>> = vec![None; net.nodes.len()];
    for (k, node) in net.nodes.iter().enumerate() {
        let (Some(c), Some(g)) = (&soft.curvature[k], &outer[k]) else { continue };
        let i = node.inputs[0];
        let Some(t) = &inner[i] else { continue };
        let part = b.upload(&Enclosure::point((c * g * t).insert_axis(Axis(1))));
        start[i] = Some(match start[i].take() {
            Some(s) => b.sum(&[&s, &part]),
            None => part,
        });
    }
    start
}

/// Every kink as a sigmoid of the argument: slope and its derivative.
fn smoothed(f: &Piecewise, feature: usize, z: f64, beta: f64) -> (f64, f64) {
    let step = |x: f64| 1.0 / (1.0 + (-beta * x).exp());
    let bump = |x: f64| {
        let s = step(x);
        beta * s * (1.0 - s)
    };
    let [first, second] = f.kinks(feature);
    let slope = |from: f64, to: f64| match f.piece(feature, from, to) {
        Piece::Fixed { slope, .. } => slope,
        Piece::Free { .. } => unreachable!("between kinks is one piece"),
    };
    let mut before = slope(f64::NEG_INFINITY, first.or(second).unwrap_or(f64::INFINITY));
    let mut found = (before, 0.0);
    for (kink, next) in [(first, second), (second, None)] {
        let Some(kink) = kink else { continue };
        let behind = slope(kink, next.unwrap_or(f64::INFINITY));
        found.0 += (behind - before) * step(z - kink);
        found.1 += (behind - before) * bump(z - kink);
        before = behind;
    }
    found
}
