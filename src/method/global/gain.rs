//! Open slopes as a feedback loop, scaled so that its gain is at most one.
//!
//! Proves: ‖J‖_{p→2} <= level (Σ s²)^½ for p = ∞, <= level for s = 1 and p <= 2, where ‖K‖_2 <= 1 for the
//!   K of `linalg::gain`: ‖y‖² / level² + Σ w² r² z² <= Σ s² x² + Σ w² e², and |e| <= r |z|. For
//!   q = ∞ one loop for each row of the output, the steepest first; q = 1 through ‖J‖_{p→2}.
//! From: LipSDP's neuron form (Fazlyab et al. 2019) as scaled small gain, on any graph; for p = ∞ the form
//!   of Wang et al. 2022 (GeoLIP).
//! Rounding: K's own and G's radii as a norm; one Cholesky factorisation with their size as a shift.
//! Cost: two factorisations of the order of open neurons, a loop; more while there is time, up to 300.
//! Loose when: several neurons switch at once. Exact over slopes with one hidden layer, one input and one
//!   output.

use super::NO_SLOPES;
use super::expansion::{Around, applies};
use super::loops::{self, Before, CALLS_AGAIN, DENSE, Loop, by_rows, evaluation, proof};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::tree::{Node, Tree};
use crate::certificate::{Bound, Proof};
use crate::method::context::{Budget, Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{Why, at_most};
use crate::net::Net;
use crate::num::{Norm, Upper};
use crate::problem::Problem;
use crate::rules::feedback::{Feedback, Size};
use std::sync::Arc;

/// Rows up to which it is worth while.
const ROWS: usize = 6000;
/// Open neurons up to which those that matter are counted.
const COUNTED: usize = 2 * ROWS;
/// The same for parts of a search.
const ROWS_OF_PARTS: usize = 300;
/// Or so many, where one such loop takes this part of the time left.
const MOST_OF_PARTS: usize = 1500;
const OF_PARTS: f64 = 0.02;
/// The part of the memory that a loop may take.
const MEMORY: u64 = 2;
/// The part of the time that all rows together take where rows follow one by one.
const TOGETHER: f64 = 0.3;

/// Is nothing lost between norms of the output?
pub fn fits(problem: &Problem) -> bool {
    problem.rows() == 1 || problem.quotient.out_norm != Norm::One
}

/// What a bound from scratch costs: the inputs' columns times their transpose, the start, which an evaluation
/// is more than, and a proof; in multiplications of sweeps.
fn work(size: Size, spread: bool) -> f64 {
    let [rows, inputs] = [size.rows(), size.inputs].map(|x| x as f64);
    DENSE * (rows * rows * inputs / 2.0 + evaluation(size, spread) + proof(size))
}

/// What a loop takes, in bytes: its centre and radius; for the descent the inputs' product with its transpose, the
/// factor and what is eliminated before it is; for the proof K, its square and the products that this is
/// put together from; where rows follow one by one, centre and radius again.
fn bytes(problem: &Problem, size: Size) -> u64 {
    let (entries, rows) = (size.entries() as u64, size.rows() as u64);
    let square = rows.saturating_mul(rows);
    let descent = square.saturating_mul(24);
    let proof = entries.saturating_mul(8).saturating_add(square.saturating_mul(12));
    let copies = if by_rows(problem) { 2 } else { 1 };
    entries.saturating_mul(16 * copies).saturating_add(descent.max(proof))
}

/// Does the memory hold a loop of this size?
fn fits_into(problem: &Problem, budget: &Budget, size: Size) -> bool {
    bytes(problem, size) <= budget.memory / MEMORY
}

/// Are scalings worth while in parts of a search, with at most so many neurons open?
pub fn worth_while(problem: &Problem, budget: &Budget, neurons: usize) -> bool {
    let size = Size { neurons, inputs: problem.net.inputs(), outputs: problem.rows(), passes: 0.0 };
    let spread = problem.quotient.in_norm == Norm::Inf;
    let all = CALLS_AGAIN as f64 * DENSE * evaluation(size, spread) + work(size, spread);
    let seconds = all / Cpu::DOUBLE.speed();
    let quick = || budget.deadline.left().is_some_and(|left| seconds <= OF_PARTS * left.as_secs_f64());
    let few = size.rows() <= ROWS_OF_PARTS || (size.rows() <= MOST_OF_PARTS && quick());
    fits(problem) && few && at_once(problem, budget, neurons) > 0
}

/// Parts of a search whose loops the memory holds at once where every thread has as many, with at most so many neurons
/// open.
pub fn at_once(problem: &Problem, budget: &Budget, neurons: usize) -> usize {
    let size = Size { neurons, inputs: problem.net.inputs(), outputs: problem.rows(), passes: 0.0 };
    let each = bytes(problem, size).saturating_mul(rayon::current_num_threads() as u64);
    (budget.memory / MEMORY / each.max(1)) as usize
}

/// Is one region of this size worth while?
fn admitted(problem: &Problem, budget: &Budget, size: Size) -> Result<(), Why> {
    at_most("open neurons and outputs", size.rows(), ROWS)?;
    if !fits_into(problem, budget, size) {
        return Err(Why::Memory(MEMORY * bytes(problem, size)));
    }
    budget.admits(&Cpu::DOUBLE, work(size, problem.quotient.in_norm == Norm::Inf) + size.passes)
}

/// Is one loop of all open neurons likely to end in the time left?
pub fn in_time<B: Backend>(context: &Context<B>) -> bool {
    let open = context.open().filter(|open| *open <= COUNTED);
    open.and_then(|_| counted(context))
        .is_some_and(|size| admitted(context.problem, &context.budget, size).is_ok())
}

/// How large the loop is, where linear bounds are known.
fn counted<B: Backend>(context: &Context<B>) -> Option<Size> {
    let problem = context.problem;
    let own = context.placed.kinks();
    let Around { prepared, gates } = Around::new(context, own.as_deref())?;
    let mut counted = None;
    Feedback::new(
        &prepared,
        gates,
        &problem.seeds(),
        |j| !problem.is_ignored(j),
        |size| {
            counted = Some(size);
            size.passes == 0.0 && size.rows() <= ROWS
        },
    );
    counted
}

const UNPROVED: Why =
    Why::Unproved("no scalings were found that a factorisation proves: the loop may be unstable");

/// A bound of one region; `known` is another.
pub fn run<B: Backend>(context: &Context<B>, known: f64) -> Result<Bound, Why> {
    let problem = context.problem;
    let own = context.placed.kinks();
    let kinks = own.is_some();
    let net = own.as_ref().map_or(&problem.net, |placed| placed.net());
    if !applies(net) {
        return Err(NO_SLOPES);
    }
    at_most("outputs", problem.rows(), ROWS)?;
    let Around { prepared, gates } = Around::new(context, own.as_deref()).ok_or(NO_SLOPES)?;
    let budget = &context.budget;
    let mut refused = Ok(());
    let allowed = |size: Size| {
        refused = admitted(problem, budget, size);
        refused.is_ok()
    };
    let f = Feedback::new(&prepared, gates, &problem.seeds(), |j| !problem.is_ignored(j), allowed);
    refused?;
    let f = f.ok_or(NO_SLOPES)?;
    let enough = context.goal.enough();
    let (rows, spread) = (f.outputs(), problem.quotient.in_norm == Norm::Inf);
    let single = Size { neurons: f.reach.len(), inputs: f.inputs(), outputs: 1, passes: 0.0 };
    let most = budget.remaining().as_secs_f64() * Cpu::DOUBLE.speed();
    let singly = by_rows(problem) && rows as f64 * work(single, spread) <= (1.0 - TOGETHER) * most;
    let share = if singly { TOGETHER } else { 1.0 };
    // A matrix is this much steeper in the norm 2 than its steepest row, at most.
    let known = if by_rows(problem) { known * (rows as f64).sqrt() } else { known };
    let best_whole = Loop { problem, budget, share, known, f: &f, row: None }.best(None, enough);
    let (mut value, whole, _) = best_whole.ok_or(if budget.interrupted() { Why::Late } else { UNPROVED })?;
    let mut scaled = vec![whole];
    if singly
        && let before = (Before { scaled: &scaled, rows: &vec![value; rows] })
        && let Some(found) = loops::best(problem, budget, &f, before, enough)
        && found.scaled.len() == rows
    {
        (value, scaled) = (found.bound, found.scaled);
    }
    let proof =
        Proof::Tree { tree: Tree { nodes: vec![Node::Scaled(Arc::new(scaled))] }, kinks, reach: None };
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
        cost: "2 to 300 factorisations",
        paper: "Fazlyab et al. 2019, Wang et al. 2022 (GeoLIP); any graph",
        formula: "‖J‖_{p→2} ≤ level where a scaled feedback loop through the open slopes has gain at most 1",
        loose: "several neurons switch at once; at most 6000 open neurons and outputs",
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
            refined: false,
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
        let problem = context.problem;
        let (inputs, outputs) = (problem.net.inputs(), problem.rows());
        let guessed = |neurons: usize| {
            // Rows of neurons whose receptive fields do not meet go together.
            let passes = (0.5 * neurons as f64 + outputs as f64) * pass(&problem.net);
            Size { neurons, inputs, outputs, passes }
        };
        let size = match context.open() {
            Some(open) if open <= COUNTED => counted(context).unwrap_or(guessed(open)),
            open => guessed(open.unwrap_or(problem.net.neurons()).min(ROWS)),
        };
        size.passes + work(size, problem.quotient.in_norm == Norm::Inf)
    }

    fn run(&self, context: &Context<B>, best: &Best) -> Result<Finding, Why> {
        Ok(run(context, best.upper.value.get())?.into())
    }
}
