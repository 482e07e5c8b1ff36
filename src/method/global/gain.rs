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
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::tree::{Node, Tree};
use crate::certificate::{Bound, Proof};
use crate::linalg::cholesky::contracts;
use crate::linalg::gain::{self, Effort, Found as Descended, Gain};
use crate::linalg::scaling::Scaling;
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
use ndarray::{ArrayView1, ArrayViewMut1, Axis, aview1};
use rayon::prelude::*;
use std::cell::Cell;
use std::sync::Arc;

/// Evaluations for one region, and the smallest gain of a step.
const CALLS: usize = 300;
const TOLERANCE: f64 = 1e-4;
/// The same for a part of one with known scalings of the same loop.
const CALLS_AGAIN: usize = 24;
const TOLERANCE_AGAIN: f64 = 1e-3;
/// Levels this much below what is enough end a descent: a proof takes a little more than the level.
const MARGIN: f64 = 0.999;
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
/// Starts this far above what is known are not improved: descents gain a factor of two, of four at most in deep
/// networks.
const HOPELESS: f64 = 8.0;
/// The part of its time that a descent may take.
const DESCENT: f64 = 0.9;
/// What a multiplication among many of a matrix product takes, in those of sweeps.
const DENSE: f64 = 0.4;
/// Proofs that are left time for, in what they are expected to take.
const PROOFS: f64 = 2.0;
/// The part of the time that all rows together take where rows follow one by one.
const TOGETHER: f64 = 0.3;
/// The part of it that the first of them may take.
const STEEPEST: f64 = 0.25;
/// How far above the best level a proof is looked for: from the largest of these, the latter times the square of
/// the order, which is what rounding takes, about.
const EXCESS: [f64; 2] = [1e-12, 2e-15];
const MOST_EXCESS: f64 = 1e-2;
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

/// The loop's K, without the level.
struct Scale {
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Scale {
    /// None for scalings that are no sane numbers.
    fn new(f: &Feedback, scaling: &Scaling) -> Option<Scale> {
        let mut numbers = scaling.neurons.iter().chain(&scaling.inputs);
        if !numbers.all(|x| (LIMITS[0]..=LIMITS[1]).contains(x)) {
            return None;
        }
        let (n, columns) = (f.inputs(), f.matrix.centre.ncols());
        let column = |j: usize| match j {
            j if j >= n => 1.0 / scaling.neurons[j - n],
            j => 1.0 / scaling.inputs.get(j).copied().unwrap_or(1.0),
        };
        // Rounded up, w r is w r' for an r' >= r: a loop with more reach, and nothing is lost where it is tiny.
        let rows = f.reach.iter().zip(&scaling.neurons).map(|(r, w)| mul_up(*r, *w)).collect();
        Some(Scale { rows, columns: (0..columns).map(column).collect() })
    }

    /// Does ‖K‖_2 <= 1 hold?
    fn holds(&self, f: &Feedback, level: f64) -> bool {
        if !(LIMITS[0]..=LIMITS[1]).contains(&level) {
            return false;
        }
        let weight = |i: usize| self.rows.get(i).copied().unwrap_or(1.0 / level);
        let scaled = |i: usize, row: ArrayView1<f64>| -> Vec<f64> {
            row.iter().zip(&self.columns).map(|(x, c)| *x * weight(i) * c).collect()
        };
        let mut centre = f.matrix.centre.clone();
        let rows: Vec<_> = centre.axis_iter_mut(Axis(0)).zip(f.matrix.radius.rows()).enumerate().collect();
        let row = |(i, (mut centre, radius)): (usize, (ArrayViewMut1<f64>, ArrayView1<f64>))| {
            let to = scaled(i, centre.view());
            centre.assign(&aview1(&to));
            [to, scaled(i, radius)].map(|x| vector_norm_up(x.iter().map(|x| x.abs()), Norm::Two))
        };
        let sizes: Vec<[f64; 2]> = rows.into_par_iter().map(row).collect();
        let size = |k: usize| vector_norm_up(sizes.iter().map(|s| s[k]), Norm::Two);
        // At most four roundings an entry. A product below the normal numbers is off by 2^-1075 at most, and is
        // multiplied by at most 1 / LIMITS[0] = 1e60 after that: far less than 1e-150, for centre and radius.
        let rounding = mul_up(gamma(8), size(0));
        let own = mul_up(size(1), 1.0 + 1e-12);
        let tiny = mul_up(2.0 * centre.len() as f64, 1e-150);
        contracts(centre.view(), add_up(add_up(rounding, own), tiny))
    }
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
        let whole = Loop { problem, budget, share: 1.0, known: f64::INFINITY, f, row: None };
        let (bound, scaled, parts) = whole.best(start.first(), enough)?;
        return Some(Found { bound, scaled: vec![scaled], parts });
    }
    // What is no number bounds nothing.
    let known: Vec<f64> = before.rows.iter().map(|k| if k.is_nan() { f64::INFINITY } else { *k }).collect();
    // The others stop where they are below the steepest, which is the one to begin with.
    let nominal =
        |row: usize| f.matrix.centre.row(f.reach.len() + row).iter().take(f.inputs()).map(|x| x.abs()).sum();
    let nominal: Vec<f64> = (0..f.outputs()).map(nominal).collect();
    let mut order: Vec<usize> = (0..f.outputs()).collect();
    order.sort_by(|&a, &b| known[b].total_cmp(&known[a]).then(nominal[b].total_cmp(&nominal[a])));
    let mut found = Found { bound: 0.0, scaled: vec![], parts: vec![] };
    for (k, &row) in order.iter().enumerate() {
        if budget.is_over() {
            // Rows that were not reached have what is known of them.
            found.bound = found.bound.max(known[row]);
            break;
        }
        if known[row] <= found.bound.max(enough) {
            found.bound = found.bound.max(known[row]);
            break;
        }
        // Scalings of all rows serve well, those of other rows worse than none.
        let own = start.iter().find(|s| s.row == Some(row));
        let start = own.or(start.iter().find(|s| s.row.is_none()));
        let share = (1.0 / (order.len() - k) as f64).max(if k == 0 { STEEPEST } else { 0.0 });
        let alone = Loop { problem, budget, share, known: known[row], f: &f.row(row), row: Some(row) };
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
    /// The part of the time that is for this loop.
    share: f64,
    /// A bound that is known.
    known: f64,
    f: &'l Feedback,
    row: Option<usize>,
}

impl Loop<'_> {
    /// The best bound that was found with the scalings that show it, and every neuron's part in it.
    fn best(&self, start: Option<&Scaled>, enough: f64) -> Option<(f64, Scaled, Vec<f64>)> {
        let Loop { problem, budget, share, known, f, row } = *self;
        let spread = problem.quotient.in_norm == Norm::Inf;
        let again = start.is_some_and(|s| s.row == row);
        let (calls, tolerance) = if again { (CALLS_AGAIN, TOLERANCE_AGAIN) } else { (CALLS, TOLERANCE) };
        let size = Size { neurons: f.reach.len(), inputs: f.inputs(), outputs: f.outputs(), passes: 0.0 };
        let own = evaluation(size, spread);
        // Without a clock, a second or so.
        let calls =
            if budget.is_brief() { calls.min(4 * budget.at_once(&Cpu::DOUBLE, DENSE * own)) } else { calls };
        let gain = Gain::new(f.matrix.centre.view(), &f.reach, &f.groups, spread);
        let clock = Clock::new(budget.part(DESCENT * share), PROOFS * proof(size) / own);
        let output = output_factor(problem, f);
        let (enough, hopeless) = (MARGIN * enough / output, HOPELESS * known / output);
        let effort = Effort { calls, tolerance, enough, hopeless, stop: &|| clock.is_over() };
        let Descended { scaling, level, parts } =
            gain.improved(start.map(|s| f.scaling(s)).as_ref(), &effort)?;
        // The proof needs its memory.
        drop(gain);
        let value = self.prove(level, &scaling)?;
        Some((value, f.placed(scaling, row), parts))
    }

    /// The bound that these scalings prove.
    fn prove(&self, level: f64, scaling: &Scaling) -> Option<f64> {
        let Loop { problem, budget, f, .. } = *self;
        let scale = Scale::new(f, scaling)?;
        let rows = f.matrix.centre.nrows() as f64;
        let mut excess = EXCESS[0].max(EXCESS[1] * rows * rows);
        while excess <= MOST_EXCESS && !budget.is_over() {
            let risen = level * (1.0 + excess);
            if scale.holds(f, risen) {
                let size = vector_norm_up(scaling.inputs.iter().copied(), Norm::Two);
                let input = if scaling.inputs.is_empty() { 1.0 } else { size };
                return Some(mul_up(mul_up(risen, input), output_factor(problem, f)));
            }
            excess *= 8.0;
        }
        None
    }
}

/// ‖y‖_q <= this ‖y‖_2, rounded up.
fn output_factor(problem: &Problem, f: &Feedback) -> f64 {
    if problem.quotient.out_norm == Norm::One { sqrt_up(f.outputs() as f64) } else { 1.0 }
}

/// Ends a descent when one more evaluation would leave too little time for the proof.
struct Clock {
    budget: Budget,
    /// What the proof takes, in evaluations.
    proof: f64,
    /// When it was asked before, and the longest that passed in between, in seconds.
    last: Cell<f64>,
    longest: Cell<f64>,
}

impl Clock {
    fn new(budget: Budget, proof: f64) -> Clock {
        let now = budget.deadline.elapsed().as_secs_f64();
        Clock { budget, proof, last: Cell::new(now), longest: Cell::new(0.0) }
    }

    fn is_over(&self) -> bool {
        let now = self.budget.deadline.elapsed().as_secs_f64();
        self.longest.set(self.longest.get().max(now - self.last.replace(now)));
        let needed = (1.0 + self.proof) * self.longest.get();
        self.budget.is_over() || self.budget.deadline.left().is_some_and(|left| left.as_secs_f64() < needed)
    }
}

/// What an evaluation costs, in multiplications.
fn evaluation(size: Size, spread: bool) -> f64 {
    gain::work(size.neurons, size.inputs, size.outputs, spread)
}

/// What a proof costs: K times its transpose, and a factorisation.
fn proof(size: Size) -> f64 {
    let (rows, columns) = (size.rows() as f64, (size.inputs + size.neurons) as f64);
    let (short, long) = (rows.min(columns), rows.max(columns));
    short * short * (long / 2.0 + short / 6.0)
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
    // Every thread may hold one.
    let together = bytes(problem, size).saturating_mul(rayon::current_num_threads() as u64);
    fits(problem) && few && together <= budget.memory / MEMORY
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
        && let Some(found) = best(problem, budget, &f, before, enough)
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
