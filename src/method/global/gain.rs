//! Open slopes as a feedback loop, scaled so that its gain is at most one.
//!
//! Proves: ‖J‖_{p→2} <= level (Σ s²)^½ for p = ∞, <= level for s = 1 and p <= 2, where ‖K‖_2 <= 1 for the
//!   K of `linalg::gain`: ‖y‖² / level² + Σ w² r² z² <= Σ s² x² + Σ w² e², and |e| <= r |z|. For
//!   q = ∞ one loop for each row of the output, the steepest first; q = 1 through ‖J‖_{p→2}.
//! From: LipSDP's neuron form (Fazlyab et al. 2019) as scaled small gain, on any graph; for p = ∞ the form
//!   of Wang et al. 2022 (GeoLIP).
//! Rounding: K's own and G's radii as a norm; one Cholesky factorisation with their size as a shift.
//! Cost: up to 300 factorisations of the order of open neurons, a loop.
//! Loose when: several neurons switch at once. Exact over slopes with one hidden layer, one input and one
//!   output.

use super::NO_SLOPES;
use super::expansion::{Around, applies};
use super::lipsdp::narrowed;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::tree::{Node, Tree};
use crate::certificate::{Bound, Proof};
use crate::linalg::cholesky::contracts;
use crate::linalg::gain::{Effort, Gain, Scaling};
use crate::linalg::gram::frobenius_up;
use crate::method::context::{Budget, Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{Why, at_most};
use crate::net::Net;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use crate::num::{Norm, Upper};
use crate::problem::Problem;
use crate::rules::feedback::{Feedback, Scaled, Size};
use ndarray::{Axis, concatenate, s};
use std::sync::Arc;

/// Factorisations for one region, and the smallest gain of a step.
const CALLS: usize = 300;
const TOLERANCE: f64 = 1e-4;
/// The same for a part of one with known scalings of the same loop.
const CALLS_AGAIN: usize = 24;
const TOLERANCE_AGAIN: f64 = 1e-3;
/// Levels this much below what is enough end a descent: digits of scalings are dropped after it.
const MARGIN: f64 = 0.998;
/// Rows up to which it is worth while.
const ROWS: usize = 1500;
/// The same for parts of a search.
const ROWS_OF_PARTS: usize = 300;
/// Bytes for an entry of the loop's matrix, with its radius, copies, and matrices of its rows alone.
const ENTRY: u64 = 128;
/// The part of the time left that a descent may take.
const DESCENT: f64 = 0.8;
/// What is left of the time must suffice for this many.
const SHARES: f64 = 3.0;
/// How far above the best level a proof is looked for.
const EXCESS: [f64; 2] = [1e-12, 1e-2];
/// Scalings lie in between.
const LIMITS: [f64; 2] = [1e-60, 1e60];

/// Is nothing lost between norms of the output?
pub fn fits(problem: &Problem) -> bool {
    problem.rows() == 1 || problem.quotient.out_norm != Norm::One
}

/// The norm of a matrix is its largest row's: every row has a loop of its own.
fn by_rows(problem: &Problem) -> bool {
    problem.rows() > 1 && problem.quotient.out_norm == Norm::Inf
}

/// Does ‖K‖_2 <= 1 hold?
fn holds(f: &Feedback, scaling: &Scaling, level: f64) -> bool {
    let numbers = scaling.neurons.iter().chain(&scaling.inputs).chain([&level]);
    if !numbers.into_iter().all(|x| (LIMITS[0]..=LIMITS[1]).contains(x)) {
        return false;
    }
    let (m, n) = (f.reach.len(), f.inputs());
    let column = |j: usize| match j {
        j if j >= n => 1.0 / scaling.neurons[j - n],
        j => 1.0 / scaling.inputs.get(j).copied().unwrap_or(1.0),
    };
    // Rounded up, w r is w r' for an r' >= r: a loop with more reach, and nothing is lost where it is tiny.
    let row = |i: usize| if i < m { mul_up(f.reach[i], scaling.neurons[i]) } else { 1.0 / level };
    let (rows, columns): (Vec<f64>, Vec<f64>) =
        ((0..f.matrix.centre.nrows()).map(row).collect(), (0..f.matrix.centre.ncols()).map(column).collect());
    let (mut centre, mut radius) = (f.matrix.centre.clone(), f.matrix.radius.clone());
    ndarray::Zip::indexed(&mut centre).and(&mut radius).for_each(|(i, j), c, r| {
        *c = *c * rows[i] * columns[j];
        *r = *r * rows[i] * columns[j];
    });
    // At most four roundings an entry. A product below the normal numbers is off by 2^-1075 at most, and is
    // multiplied by at most 1 / LIMITS[0] = 1e60 after that: far less than 1e-150, for centre and radius.
    let rounding = mul_up(gamma(8), frobenius_up(centre.view()));
    let own = mul_up(frobenius_up(radius.view()), 1.0 + 1e-12);
    contracts(centre.view(), add_up(add_up(rounding, own), mul_up(2.0 * centre.len() as f64, 1e-150)))
}

/// A bound with the scalings that show it, and every neuron's part in it.
pub struct Found {
    pub bound: f64,
    pub scaled: Vec<Scaled>,
    pub parts: Vec<f64>,
}

/// What is known before: scalings of a region around this one, where there are some, and bounds of all rows.
pub struct Before<'b> {
    pub scaled: &'b [Scaled],
    pub rows: &'b [f64],
}

/// The best bound that was found. Rows whose bound is at most `enough`, or below another row's, get no better
/// one.
pub fn best(problem: &Problem, budget: &Budget, f: &Feedback, before: Before, enough: f64) -> Option<Found> {
    let start = before.scaled;
    if !by_rows(problem) {
        let (bound, scaled, parts) = Loop { problem, budget, f, row: None }.best(start.first(), enough)?;
        return Some(Found { bound, scaled: vec![scaled], parts });
    }
    // What is no number bounds nothing.
    let known: Vec<f64> = before.rows.iter().map(|k| if k.is_nan() { f64::INFINITY } else { *k }).collect();
    let mut order: Vec<usize> = (0..f.outputs()).collect();
    order.sort_by(|&a, &b| known[b].total_cmp(&known[a]));
    let mut found = Found { bound: 0.0, scaled: vec![], parts: vec![] };
    for &row in &order {
        if budget.is_over() {
            // Rows that were not reached have what is known of them.
            found.bound = found.bound.max(known[row]);
            break;
        }
        if known[row] <= found.bound.max(enough) {
            found.bound = found.bound.max(known[row]);
            break;
        }
        let own = start.iter().find(|s| s.row == Some(row));
        // Scalings of other rows serve better than none.
        let start = own.or(found.scaled.last()).or(start.first());
        let alone = Loop { problem, budget, f: &f.row(row), row: Some(row) };
        let best = alone.best(start, found.bound.max(enough));
        let bound = best.as_ref().map_or(known[row], |b| b.0.min(known[row]));
        if let Some((own, scaled, parts)) = best
            && own < known[row]
        {
            found.scaled.push(scaled);
            if bound > found.bound {
                found.parts = parts;
            }
        }
        found.bound = found.bound.max(bound);
    }
    (!found.scaled.is_empty()).then_some(found)
}

/// One loop, of all rows together or of one.
struct Loop<'l> {
    problem: &'l Problem,
    budget: &'l Budget,
    f: &'l Feedback,
    row: Option<usize>,
}

impl Loop<'_> {
    /// The best bound that was found with the scalings that show it, and every neuron's part in it.
    fn best(&self, start: Option<&Scaled>, enough: f64) -> Option<(f64, Scaled, Vec<f64>)> {
        let Loop { problem, budget, f, row } = *self;
        let spread = problem.quotient.in_norm == Norm::Inf;
        let (n, rows) = (f.inputs(), f.matrix.centre.nrows());
        // For s = 1 only the product of the inputs' columns with its transpose counts.
        let fewer = (!spread && n > rows).then(|| {
            let inputs = narrowed(&f.matrix.centre.slice(s![.., ..n]).to_owned());
            concatenate(Axis(1), &[inputs.view(), f.matrix.centre.slice(s![.., n..])]).expect("equal heights")
        });
        let matrix = fewer.as_ref().unwrap_or(&f.matrix.centre).view();
        let gain = Gain { matrix, reach: &f.reach, groups: &f.groups, spread };
        let again = start.is_some_and(|s| s.row == row);
        let (calls, tolerance) = if again { (CALLS_AGAIN, TOLERANCE_AGAIN) } else { (CALLS, TOLERANCE) };
        let output = if problem.quotient.out_norm == Norm::One { (f.outputs() as f64).sqrt() } else { 1.0 };
        // What is left suffices for the proof.
        let descent = budget.deadline.part(DESCENT);
        let effort =
            Effort { calls, tolerance, enough: MARGIN * enough / output, stop: &|| descent.is_over() };
        let scaling = gain.improved(start.map(|s| f.scaling(s)).as_ref(), &effort)?;
        let short = scaling.rounded();
        let (level, parts) = gain.level(&short)?;
        let value = self.prove(level, &short)?;
        Some((value, f.placed(short, row), parts))
    }

    /// The bound that these scalings prove.
    fn prove(&self, level: f64, scaling: &Scaling) -> Option<f64> {
        let Loop { problem, budget, f, .. } = *self;
        let mut excess = EXCESS[0];
        while excess <= EXCESS[1] && !budget.is_over() {
            let risen = level * (1.0 + excess);
            if holds(f, scaling, risen) {
                let size = vector_norm_up(scaling.inputs.iter().copied(), Norm::Two);
                let input = if scaling.inputs.is_empty() { 1.0 } else { size };
                let output =
                    if problem.quotient.out_norm == Norm::One { sqrt_up(f.outputs() as f64) } else { 1.0 };
                return Some(mul_up(mul_up(risen, input), output));
            }
            excess *= 8.0;
        }
        None
    }
}

/// Does a quarter of the memory hold a loop of this size?
fn fits_into(budget: &Budget, size: Size) -> bool {
    size.entries() as u64 <= budget.memory / (4 * ENTRY)
}

/// Are scalings worth while in parts of a search, with at most so many neurons open?
pub fn worth_while(problem: &Problem, budget: &Budget, neurons: usize) -> bool {
    let size = Size { neurons, inputs: problem.net.inputs(), outputs: problem.rows() };
    fits(problem) && size.rows() <= ROWS_OF_PARTS && fits_into(budget, size)
}

/// What a bound from scratch costs, in multiplications.
fn work(size: Size) -> f64 {
    let [m, n, rows] = [size.neurons, size.inputs, size.outputs].map(|x| x as f64);
    (CALLS + 2) as f64 * (m * m * (3.0 * m + 2.0 * n) + rows * (n + m) * (2.0 * m + rows) + rows.powi(3))
}

/// Is one region of this size worth while?
fn admitted(budget: &Budget, size: Size) -> Result<(), Why> {
    at_most("open neurons and outputs", size.rows(), ROWS)?;
    if !fits_into(budget, size) {
        return Err(Why::Memory(4 * ENTRY * size.entries() as u64));
    }
    budget.admits(&Cpu::DOUBLE, SHARES * work(size))
}

const UNPROVED: Why =
    Why::Unproved("no scalings were found that a factorisation proves: the loop may be unstable");

pub fn run<B: Backend>(context: &Context<B>) -> Result<Bound, Why> {
    let problem = context.problem;
    let own = context.placed.kinks();
    let kinks = own.is_some();
    let net = own.as_ref().map_or(&problem.net, |placed| placed.net());
    if !applies(net) {
        return Err(NO_SLOPES);
    }
    let backend = context.backend();
    let neurons: usize = net.nodes.iter().filter(|n| n.op.is_nonlinear()).map(|n| n.len()).sum();
    let sweeps = 2.0 * neurons as f64 * pass(net);
    at_most("neurons", neurons, 8 * ROWS)?;
    at_most("outputs", problem.rows(), ROWS)?;
    context.budget.admits(backend, sweeps)?;
    let Around { prepared, gates } = Around::new(context, own.as_deref()).ok_or(NO_SLOPES)?;
    let budget = &context.budget;
    let mut refused = Ok(());
    let allowed = |size: Size| {
        refused = admitted(budget, size);
        refused.is_ok()
    };
    let f = Feedback::new(&prepared, gates, &problem.seeds(), |j| !problem.is_ignored(j), allowed);
    refused?;
    let f = f.ok_or(NO_SLOPES)?;
    let enough = context.goal.enough();
    let best_whole = Loop { problem, budget, f: &f, row: None }.best(None, enough);
    let (mut value, whole, _) = best_whole.ok_or(if budget.interrupted() { Why::Late } else { UNPROVED })?;
    let (mut scaled, rows) = (vec![whole], f.outputs());
    let single = Size { neurons: f.reach.len(), inputs: f.inputs(), outputs: 1 };
    if by_rows(problem)
        && budget.affords(SHARES * rows as f64 * work(single))
        && let before = (Before { scaled: &scaled, rows: &vec![value; rows] })
        && let Some(found) = best(problem, budget, &f, before, enough)
        && found.scaled.len() == rows
    {
        (value, scaled) = (found.bound, found.scaled);
    }
    let proof = if problem.region.is_global() || problem.region.is_point() {
        Proof::digest("scalings of a feedback loop")
    } else {
        Proof::Tree { tree: Tree { nodes: vec![Node::Scaled(Arc::new(scaled))] }, kinks, reach: None }
    };
    Ok(Bound { value: Upper::proven(value), method: "scaled-gain", proof })
}

/// Scalings of a feedback loop.
pub struct ScaledGain;

impl ScaledGain {
    pub const ROW: Row = Row {
        name: "scaled-gain",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "p→2; others by it",
        cost: "up to 300 factorisations",
        paper: "Fazlyab et al. 2019, Wang et al. 2022 (GeoLIP); any graph",
        formula: "‖J‖_{p→2} ≤ level where a scaled feedback loop through the open slopes has gain at most 1",
        loose: "several neurons switch at once; at most 1500 open neurons and outputs",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation. `auto` also takes those of R^n on a region",
        stage: Stage {
            everywhere: Some(9),
            region: Some(13),
            first: Some(7),
            tiny: Some(9),
            point: Some(8),
            share: Some(0.3),
            monotone: true,
            repeats: true,
            statuses: true,
        },
    };
}

impl<B: Backend> Method<B> for ScaledGain {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn applies(&self, net: &Net) -> bool {
        applies(net)
    }

    fn suits(&self, problem: &Problem) -> bool {
        fits(problem)
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        2.0 * (net.neurons() + context.problem.rows()) as f64 * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(run(context)?.into())
    }
}
