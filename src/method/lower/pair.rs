//! Two points that prove a lower bound.
//!
//! Proves: ‖f(x) − f(y)‖_q / ‖x − y‖_p <= L for members x and y of the region;
//!   y is the centre for the anchored quotient.
//! From: the definition. Proposals by Boyd's power method (1974) on secants:
//!   u <- dual of f(x) − f(y), then both ends along the dual of uᵀJ, its mean;
//!   and by halving: one half of a secant is at least as steep.
//! Rounding: double-double values, mignitudes of the difference down, ‖x − y‖ up.
//! Cost: a value and an adjoint pass per proposal, two values in double-double.
//! Loose when: the steepest piece is shorter than its surroundings are flat.
//!   Exact when f is affine.

use super::points::{dual, sample, score};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{LowerBound, Witness};
use crate::layer::Scale;
use crate::linalg::Enclosure;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::num::norms::{vector_norm_down, vector_norm_up};
use crate::num::random::Random;
use crate::num::round::div_down;
use crate::num::{Coefficient, Lower};
use crate::problem::{Component, Quantity};
use ndarray::Array3;

/// Random starts where they are affordable.
const STARTS: usize = 8;
const ROUNDS: usize = 10;
/// Secants that are turned in every round.
const KEPT: usize = 8;
/// The part of the time left that turning may take: proofs come after it.
const SEARCHED: f64 = 0.85;
/// Proposals that are proven.
const PROVED: usize = 2;

/// The quotient of a pair; nothing where an end is no member or both are the same.
pub fn prove<B: Backend>(context: &Context<B>, x: &[f64], y: &[f64]) -> LowerBound {
    let (problem, exact) = (context.problem, &context.exact());
    let (region, q) = (&problem.region, &problem.quotient);
    let free = q.quantity == Quantity::Lipschitz || region.centre() == Some(y);
    if region.is_point() || !free || !region.contains(x) || !region.contains(y) {
        return LowerBound::NONE;
    }
    let way = distance(context, x, y);
    if !(way > 0.0 && way.is_finite()) {
        return LowerBound::NONE;
    }
    let b = exact.backend;
    let value = |x: &[f64]| exact.values(b.upload_near(&region.near(x)), None, |_| false).output().clone();
    let minus = Scale::uniform(Coefficient::exact(-1.0));
    let less = |a: <Cpu as Backend>::Block, c| b.sum(&[&a, &b.scale(&minus, &c, false)]);
    let gap = less(value(x), value(y));
    let one = |i: usize| b.slice(&gap, i..i + 1);
    let part = |of: Component| of.minus.map_or_else(|| one(of.plus), |j| less(one(of.plus), one(j)));
    let sizes: Vec<f64> = problem.components().map(|of| b.read(&part(of)).mignitude()[[0, 0, 0]]).collect();
    let size = vector_norm_down(sizes, q.out_norm);
    let value = Lower::proven(div_down(size, way));
    LowerBound { value, method: "pair", witness: Some(Witness::Pair { x: x.to_vec(), y: y.to_vec() }) }
}

/// ‖x − y‖ over the inputs that vary, rounded up.
fn distance<B: Backend>(context: &Context<B>, x: &[f64], y: &[f64]) -> f64 {
    vector_norm_up(context.problem.region.apart(x, y), context.problem.quotient.in_norm)
}

/// A pair, its unproven quotient, and the mean over both ends of uᵀJ for the
/// direction u of its difference.
struct Secant {
    ends: [Vec<f64>; 2],
    estimate: f64,
    row: Vec<f64>,
}

pub fn run<B: Backend>(context: &Context<B>, known: &LowerBound) -> Result<LowerBound, Why> {
    let problem = context.problem;
    let (region, n) = (&problem.region, problem.net.inputs());
    let pass = 2.0 * pass(&problem.net);
    if region.is_point() {
        return Err(super::POINT);
    }
    context.budget.admits(&Cpu::DOUBLE, pass * 24.0 + context.proof())?;
    let mut random = Random(context.seed ^ 0x9A12);
    let origin = vec![0.0; n];
    let centre = region.centre().unwrap_or(&origin).to_vec();
    let count = if context.budget.affords(pass * 8.0 * (ROUNDS * KEPT) as f64) { STARTS } else { 1 };
    // A point twice stands for the tangent there.
    let mut starts = vec![[centre.clone(), centre.clone()]];
    if let Some(Witness::Piece { x, .. }) = &known.witness {
        starts.push([x.clone(), x.clone()]);
    }
    for k in 0..count {
        let x = sample(region, n, &mut random, k % 2 == 1);
        let y = match problem.quotient.quantity {
            Quantity::Lipschitz => sample(region, n, &mut random, k % 2 == 1),
            Quantity::Anchored => centre.clone(),
        };
        starts.extend([[x.clone(), x.clone()], [x, y]]);
    }
    let ahead = score(context, std::slice::from_ref(&centre));
    let Some(ahead) = ahead.first() else { return Err(Why::Late) };
    let mut all = look(context, starts, &ahead.u);
    let until = &context.budget.deadline.part(SEARCHED);
    let mut turning: Vec<usize> = (0..all.len()).collect();
    for _ in 0..ROUNDS {
        let met = all.iter().map(|s| s.estimate).fold(0.0, f64::max);
        let enough = super::promises(context, met);
        if enough || until.is_over() || !context.budget.affords(pass * 4.0 * KEPT as f64 + context.proof()) {
            break;
        }
        let next = turning.iter().flat_map(|&k| turned(context, &all[k], &mut random)).collect();
        all.extend(look(context, next, &ahead.u));
        all.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
        all.truncate(4 * KEPT);
        turning = (0..all.len().min(KEPT)).collect();
    }
    all.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
    let mut best = LowerBound::NONE;
    // What the same piece gives again, but for rounding, is not worth a proof.
    let least = known.value.get() * (1.0 + 1e-9);
    for s in all.iter().take(PROVED).filter(|s| s.estimate > least) {
        best = super::better(best, prove(context, &s.ends[0], &s.ends[1]));
    }
    super::stated(best)
}

/// The secant turned along its gradient, as long as it was and at another length;
/// and parts of it: one half is at least as steep as the whole.
fn turned<B: Backend>(context: &Context<B>, s: &Secant, random: &mut Random) -> Vec<[Vec<f64>; 2]> {
    let (region, q) = (&context.problem.region, &context.problem.quotient);
    let along = dual(&s.row, q.in_norm.dual());
    let [x, y] = &s.ends;
    let way = distance(context, x, y);
    let size = x.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    let reach = if region.is_global() { 10.0 * size } else { region.width() };
    let other = reach * 10f64.powf(-3.0 * random.unit());
    let member = |from: &[f64], t: f64, along: &[f64]| {
        let mut to: Vec<f64> = from.iter().zip(along).map(|(v, d)| v + t * d).collect();
        region.project(&mut to);
        to
    };
    let across: Vec<f64> = x.iter().zip(y).map(|(a, b)| a - b).collect();
    if q.quantity == Quantity::Anchored {
        let c = region.centre().unwrap_or(y);
        let t = if way > 0.0 { way } else { reach };
        let ends = [t, -t, other, -other].map(|t| member(c, t, &along));
        let parts = [random.unit(), 1.0 + 0.2 * random.signed()].map(|t| member(c, t, &across));
        return ends.into_iter().chain(parts).map(|x| [x, c.to_vec()]).collect();
    }
    let middle = member(y, 0.5, &across);
    let t = if way > 0.0 { 0.5 * way } else { reach };
    let turned = [t, other].map(|t| [member(&middle, t, &along), member(&middle, -t, &along)]);
    turned.into_iter().chain([[x.clone(), middle.clone()], [middle, y.clone()]]).collect()
}

/// Values and gradients of pairs in plain arithmetic. Where both ends have the
/// same value the gradient is that of `u`.
fn look<B: Backend>(context: &Context<B>, pairs: Vec<[Vec<f64>; 2]>, u: &Vec<f64>) -> Vec<Secant> {
    let (sketch, q) = (&context.sketch(), &context.problem.quotient);
    let (b, net) = (sketch.backend, &context.problem.net);
    let chunk = (context.at_once(&Cpu::ESTIMATE) / 2).max(1);
    let mut list = Vec::with_capacity(pairs.len());
    for part in pairs.chunks(chunk) {
        if context.budget.is_over() {
            break;
        }
        let flat: Vec<f64> = part.iter().flatten().flatten().copied().collect();
        let x = Array3::from_shape_vec((2 * part.len(), 1, net.inputs()), flat).expect("equal lengths");
        let trace = sketch.values(b.upload(&Enclosure::point(x)), None, |_| false);
        let values = b.read(trace.output()).centre;
        let mut rows = vec![];
        let mut sizes = vec![];
        for (k, [x, y]) in part.iter().enumerate() {
            let gap: Vec<f64> =
                (0..net.outputs()).map(|i| values[[2 * k, 0, i]] - values[[2 * k + 1, 0, i]]).collect();
            let gap = context.problem.measured(&gap);
            let size = vector_norm_up(gap.iter().map(|v| v.abs()), q.out_norm);
            let quotient = size / distance(context, x, y);
            sizes.push(if quotient.is_finite() { quotient } else { 0.0 });
            let own = if size > 0.0 { &dual(&gap, q.out_norm) } else { u };
            let row = context.problem.row(own).centre;
            rows.extend(row.iter().chain(&row).copied());
        }
        let rows = Array3::from_shape_vec((2 * part.len(), 1, net.outputs()), rows).expect("equal lengths");
        let g = b.read(&sketch.adjoints(&trace.gates, b.upload(&Enclosure::point(rows)), |_, _| {}));
        let g = context.without_fixed(g).centre;
        for (k, ends) in part.iter().enumerate() {
            let row = (0..net.inputs()).map(|j| 0.5 * (g[[2 * k, 0, j]] + g[[2 * k + 1, 0, j]])).collect();
            list.push(Secant { ends: ends.clone(), estimate: sizes[k], row });
        }
    }
    list
}

/// Two points and their values.
pub struct Pairs;

impl Pairs {
    pub const ROW: Row = Row {
        name: "pair",
        scope: Scope::Any,
        proves: Proves::Lower,
        norms: "all",
        cost: "up to 2000 passes",
        paper: "difference quotient, double-double values",
        formula: "L ≥ ‖f(x) − f(y)‖ / ‖x − y‖ for two points of the region",
        loose: "the steepest piece is short",
        slopes: "none: points are evaluated",
        stage: Stage { everywhere: Some(13), region: Some(15), tiny: Some(11), repeats: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Pairs {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        48.0 * pass(&context.problem.net) + context.proof()
    }

    fn run(&self, context: &Context<B>, best: &Best) -> Result<Finding, Why> {
        Ok(run(context, &best.lower)?.into())
    }
}
