//! The product of layer norms by slopes of secants from the centre.
//!
//! Proves: |f(x) − f(c)| <= bound |x − c| for every x of a region around its centre c.
//! From: Avant & Morgansen 2023 in l2: where what a layer reads is within ε of its value at c, the argument z_j
//!   is within ε ‖row j of W D‖_2 of its own; the secant of its function up to there scales row j, rows whose
//!   function stays constant leave D, and ε grows by ‖diag(secants) W D‖ to the next layer. Here on any graph,
//!   by every norm that `walk` follows, for every function of one number, with norms that are proven.
//! Rounding: values at the centre are enclosures, everything else is rounded up.
//! Cost: the layer norms, and W² applied once for every layer.
//! Loose when: deep; derivatives anywhere but from the centre are not bounded.

use super::product::measured;
use super::walk::{Slopes, Walk};
use crate::analysis::ibp;
use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::layer::smooth::range;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Op;
use crate::num::Upper;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, mul_up, sub_down, sub_up};
use crate::problem::{Output, Problem, Quantity};
use crate::rules::secant::secants;
use crate::sweep::{Bounds, Chains, Ends, Prepared, Trace, enclosure, host_ends};
use ndarray::Array2;

/// Multiplications for every weight that the norm of a layer takes, about.
const NORMS: f64 = 100.0;

/// How far members of the region are from its centre in norm p.
fn radius(problem: &Problem, input: &Ends, centre: &Ends) -> f64 {
    let p = problem.quotient.in_norm;
    let apart = |j: usize| {
        let (l, h) = (input.lo[[0, j]], input.hi[[0, j]]);
        sub_up(h, centre.lo[[0, j]]).max(sub_up(centre.hi[[0, j]], l)).max(0.0)
    };
    let moves = (0..problem.net.inputs()).filter(|&j| !problem.region.is_fixed(j));
    let in_box = vector_norm_up(moves.map(apart).collect::<Vec<_>>(), p);
    match problem.region.ball_norm() {
        // ‖·‖_p <= ‖·‖_b for b <= p.
        Some((b, radius)) if b <= p => radius.ends().hi.min(in_box),
        _ => in_box,
    }
}

/// Values of all nodes at the centre.
fn at_centre<B: Backend>(prepared: &Prepared<B>, centre: &Ends) -> Bounds {
    let (b, net) = (prepared.backend, prepared.net);
    let mut trace = Trace::start(net);
    let mut at = Bounds::none(net.nodes.len());
    for k in 0..net.nodes.len() {
        prepared.step(&mut trace, k, (k == 0).then(|| b.upload(&enclosure(centre))), None);
        at.set(k, host_ends(b, trace.values[k].as_ref().expect("just computed")));
    }
    at
}

/// The largest magnitudes of secants between the value at the centre and others this far from it.
fn steepest(op: &Op, at: &Ends, far: &[f64]) -> Vec<f64> {
    let each = |(j, &far): (usize, &f64)| {
        let [c, d] = [at.lo[[0, j]], at.hi[[0, j]]];
        let [l, u] = if far.is_nan() {
            [f64::NEG_INFINITY, f64::INFINITY]
        } else {
            [sub_down(c, far), add_up(d, far)]
        };
        let [a, z] = match op {
            Op::Piecewise(f) => secants(f, j, [l, u], [c, d]),
            Op::Smooth(f) => {
                let (a, z) = range::slope(*f, l, u);
                [a, z]
            }
            _ => unreachable!("only functions of one number have slopes"),
        };
        a.abs().max(z.abs())
    };
    far.iter().enumerate().map(each).collect()
}

fn run<B: Backend>(context: &Context<B>) -> Result<Bound, Why> {
    let problem = context.problem;
    let prepared = context.main();
    let ends = problem.region.centre_ends().ok_or(CENTRE)?;
    let row = |v: &[f64]| Array2::from_shape_vec((1, v.len()), v.to_vec()).expect("one row");
    let centre = Ends { lo: row(ends.0), hi: row(ends.1) };
    let input = ibp::input(&prepared, &problem.region);
    let (lo, hi) = crate::sweep::ends2(&input, true);
    let radius = radius(problem, &Ends { lo, hi }, &centre);
    let at = at_centre(&prepared, &centre);
    if prepared.is_late() {
        return Err(Why::Late);
    }
    let narrow = problem.narrowed();
    let net = narrow.as_ref().unwrap_or(&problem.net);
    let slopes = |k: usize, rows: &dyn Fn() -> Vec<f64>| {
        let far: Vec<f64> =
            rows().into_iter().map(|s| if s == 0.0 { 0.0 } else { mul_up(s, radius) }).collect();
        steepest(&net.nodes[k].op, at.of(net.nodes[k].inputs[0]), &far)
    };
    let chains = Chains::none();
    let last = Walk::<B, B>::new(context, net, &chains, &slopes as &Slopes).run().ok_or(Why::Late)?;
    let output = if narrow.is_some() { Output::All } else { problem.quotient.output };
    let value: Upper = measured(&last, output, problem.quotient.out_norm);
    Ok(Bound {
        value,
        method: Avant::ROW.name,
        proof: Proof::digest("products and sums of layer norms by secants"),
    })
}

const CENTRE: Why = Why::Unfit("it bounds the quotient against the centre of a region: --quantity anchored");

/// The same as a method.
pub struct Avant;

impl Avant {
    pub const ROW: Row = Row {
        name: "avant",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "layer norms",
        paper: "Avant & Morgansen 2023",
        formula: "|f(x) − f(c)| ≤ Π ‖diag(r_k) W_k D_k‖ |x − c|, r the secants from the centre c as far as the product before reaches",
        loose: "deep: layer norms multiply; for `--quantity anchored` only",
        slopes: "secants from the values at the centre",
        stage: Stage { region: Some(2), tiny: Some(2), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Avant {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn answers(&self, problem: &Problem) -> bool {
        problem.quotient.quantity == Quantity::Anchored && !problem.region.is_point()
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        NORMS * net.parameters() as f64 + 2.0 * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        if !Method::<B>::answers(self, context.problem) {
            return Err(CENTRE);
        }
        Ok(run(context)?.into())
    }
}
