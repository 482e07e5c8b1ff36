//! Bounds of feedback loops, of one part or of many at once: scalings by descent, then their proof.
//!
//! Proves: ‖J‖_{p→2} <= level (Σ s²)^½ where ‖K‖_2 <= 1 for the K of `linalg::gain`.
//! From: scaled small gain, see `gain`; loops of many parts are rated together where a device does that.
//! Rounding: K's own and G's radii as a norm; one Cholesky factorisation with their size as a shift.
//! Cost: two factorisations of the order of open neurons, a loop; more while there is time, up to 300.
//! Loose when: several neurons switch at once.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::linalg::cholesky::contracts;
use crate::linalg::gain::{self, Effort, Found as Descended, Gain, Level, Search, Shape};
use crate::linalg::scaling::{Asked, Loop as Rows, Loops, Scaling};
use crate::method::context::{Budget, Context};
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use crate::problem::Problem;
use crate::rules::feedback::{Feedback, Scaled, Size};
use ndarray::{ArrayView1, ArrayViewMut1, Axis, aview1};
use rayon::prelude::*;
use std::cell::Cell;

/// Evaluations for one region, and the smallest gain of a step.
const CALLS: usize = 300;
const TOLERANCE: f64 = 1e-4;
/// The same for a part of one with known scalings of the same loop.
pub const CALLS_AGAIN: usize = 24;
const TOLERANCE_AGAIN: f64 = 1e-3;
/// Levels this much below what is enough end a descent: a proof takes a little more than the level.
const MARGIN: f64 = 0.999;
/// Starts this far above what is known are not improved: descents gain a factor of two, of four at most in deep
/// networks.
const HOPELESS: f64 = 8.0;
/// The part of its time that a descent may take.
const DESCENT: f64 = 0.9;
/// What a multiplication among many of a matrix product takes, in those of sweeps.
pub const DENSE: f64 = 0.4;
/// Proofs that are left time for, in what they are expected to take.
const PROOFS: f64 = 2.0;
/// Where rows follow one by one: the part of the time that the first of them may take.
const STEEPEST: f64 = 0.25;
/// How far above the best level a proof is looked for: from the largest of these, the latter times the square of
/// the order, which is what rounding takes, about.
const EXCESS: [f64; 2] = [1e-12, 2e-15];
const MOST_EXCESS: f64 = 1e-2;
/// Scalings lie in between.
const LIMITS: [f64; 2] = [1e-60, 1e60];

/// The norm of a matrix is its largest row's: every row has a loop of its own.
pub fn by_rows(problem: &Problem) -> bool {
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
#[derive(Clone, Copy)]
pub struct Before<'b> {
    pub scaled: &'b [Scaled],
    pub rows: &'b [f64],
}

/// The best bound that was found. Rows whose bound is at most `enough`, or below another row's, get no better
/// one.
pub fn best(problem: &Problem, budget: &Budget, f: &Feedback, before: Before, enough: f64) -> Option<Found> {
    let mut turns = Turns::new(problem, f, before, enough);
    while let Some(turn) = turns.next(budget) {
        let found = turn.on(problem, budget, f, |alone| alone.best(turn.start, turn.enough));
        turns.take(&turn, found);
    }
    turns.found()
}

/// The same for many parts, together where a device rates their loops.
pub fn best_of<B: Backend>(
    context: &Context<B>,
    parts: &[(Feedback, Before)],
    enough: f64,
) -> Vec<Option<Found>> {
    let (problem, budget) = (context.problem, &context.budget);
    let rows = parts.iter().map(|(f, _)| f);
    let rows = rows.map(|f| Rows { matrix: f.matrix.centre.view(), reach: &f.reach });
    let loops: Vec<Rows> = rows.collect();
    match context.backend().loops(&loops, problem.quotient.in_norm == Norm::Inf) {
        Some(held) => Together { problem, budget, held: &*held, parts }.best(enough),
        None => parts.par_iter().map(|(f, before)| best(problem, budget, f, *before, enough)).collect(),
    }
}

/// The loops of one part: of each row of the output where the largest counts alone, the steepest first; else one.
struct Turns<'t> {
    start: &'t [Scaled],
    /// Bounds of every row.
    known: Vec<f64>,
    order: Vec<Option<usize>>,
    past: usize,
    enough: f64,
    found: Found,
}

/// The next of them.
struct Turn<'t> {
    row: Option<usize>,
    start: Option<&'t Scaled>,
    /// The part of the time that is for it.
    share: f64,
    known: f64,
    enough: f64,
}

impl<'t> Turns<'t> {
    fn new(problem: &Problem, f: &Feedback, before: Before<'t>, enough: f64) -> Turns<'t> {
        let found = Found { bound: 0.0, scaled: vec![], parts: vec![] };
        let start = before.scaled;
        if !by_rows(problem) {
            return Turns { start, known: vec![], order: vec![None], past: 0, enough, found };
        }
        // What is no number bounds nothing.
        let known: Vec<f64> =
            before.rows.iter().map(|k| if k.is_nan() { f64::INFINITY } else { *k }).collect();
        // The others stop where they are below the steepest, which is the one to begin with.
        let row = |row: usize| f.matrix.centre.row(f.reach.len() + row);
        let nominal = |r: usize| row(r).iter().take(f.inputs()).map(|x| x.abs()).sum();
        let nominal: Vec<f64> = (0..f.outputs()).map(nominal).collect();
        let mut order: Vec<usize> = (0..f.outputs()).collect();
        order.sort_by(|&a, &b| known[b].total_cmp(&known[a]).then(nominal[b].total_cmp(&nominal[a])));
        Turns { start, known, order: order.into_iter().map(Some).collect(), past: 0, enough, found }
    }

    fn next(&mut self, budget: &Budget) -> Option<Turn<'t>> {
        let row = *self.order.get(self.past)?;
        let known = row.map_or(f64::INFINITY, |r| self.known[r]);
        let enough = self.found.bound.max(self.enough);
        if row.is_some() && (budget.is_over() || known <= enough) {
            // Rows that were not reached, or that need none, have what is known of them.
            self.found.bound = self.found.bound.max(known);
            self.past = self.order.len();
            return None;
        }
        // Scalings of all rows serve well, those of other rows worse than none.
        let own = self.start.iter().find(|s| s.row == row);
        let start = own.or(self.start.iter().find(|s| s.row.is_none()));
        let left = (self.order.len() - self.past) as f64;
        let share = (1.0 / left).max(if self.past == 0 { STEEPEST } else { 0.0 });
        self.past += 1;
        Some(Turn { row, start, share, known, enough })
    }

    fn take(&mut self, turn: &Turn, best: Option<(f64, Scaled, Vec<f64>)>) {
        let bound = best.as_ref().map_or(turn.known, |b| b.0.min(turn.known));
        if let Some((own, scaled, parts)) = best
            && own < turn.known
        {
            self.found.scaled.push(scaled);
            if bound > self.found.bound {
                self.found.parts = parts;
            }
        }
        self.found.bound = self.found.bound.max(bound);
    }

    fn found(self) -> Option<Found> {
        (!self.found.scaled.is_empty()).then_some(self.found)
    }
}

impl Turn<'_> {
    /// What is done with its loop.
    fn on<T>(&self, problem: &Problem, budget: &Budget, f: &Feedback, work: impl FnOnce(&Loop) -> T) -> T {
        let Turn { row, share, known, .. } = *self;
        let alone = row.map(|r| f.row(r));
        work(&Loop { problem, budget, share, known, f: alone.as_ref().unwrap_or(f), row })
    }
}

/// Loops of many parts that somebody rates together.
struct Together<'t> {
    problem: &'t Problem,
    budget: &'t Budget,
    held: &'t dyn Loops,
    parts: &'t [(Feedback, Before<'t>)],
}

impl Together<'_> {
    fn best(&self, enough: f64) -> Vec<Option<Found>> {
        let Together { problem, budget, parts, .. } = *self;
        let each = parts.iter().map(|(f, before)| Turns::new(problem, f, *before, enough));
        let mut all: Vec<Turns> = each.collect();
        loop {
            let next = all.iter_mut().enumerate();
            let turns: Vec<(usize, Turn)> =
                next.filter_map(|(k, turns)| Some((k, turns.next(budget)?))).collect();
            if turns.is_empty() {
                return all.into_iter().map(Turns::found).collect();
            }
            let scalings = self.descended(&turns);
            let proved = |((k, turn), scaling): (&(usize, Turn), Option<Scaling>)| {
                turn.on(problem, budget, &parts[*k].0, |alone| {
                    // Numbers of the device may hold where finer ones do not.
                    let rated = scaling.and_then(|s| alone.rated(s));
                    rated.or_else(|| alone.best(turn.start, turn.enough))
                })
            };
            let found: Vec<_> = turns.par_iter().zip(scalings).map(proved).collect();
            for ((k, turn), found) in turns.iter().zip(found) {
                all[*k].take(turn, found);
            }
        }
    }

    /// Scalings at the ends of descents from those that are known; None where these do not hold.
    fn descended(&self, turns: &[(usize, Turn)]) -> Vec<Option<Scaling>> {
        let Together { problem, budget, parts, .. } = *self;
        let sizes = turns.iter().map(|(k, turn)| size(&parts[*k].0, turn.row.is_some()));
        let reserve = PROOFS * DENSE * sizes.map(proof).sum::<f64>() / Cpu::DOUBLE.speed();
        let share = turns.iter().map(|(_, turn)| turn.share).fold(0.0, f64::max);
        let clock = Clock::new(budget.part(DESCENT * share), 0.0, reserve);
        let stop = || clock.is_over();
        let effort = |(k, turn): &(usize, Turn)| {
            turn.on(problem, budget, &parts[*k].0, |alone| alone.effort(turn.start, turn.enough, &stop))
        };
        let efforts: Vec<Effort> = turns.iter().map(effort).collect();
        let shape = |f: &Feedback| {
            let inputs = if problem.quotient.in_norm == Norm::Inf { f.inputs() } else { 0 };
            Shape { neurons: f.reach.len(), inputs }
        };
        let search = |((k, _), effort): (&(usize, Turn), _)| Search::new(shape(&parts[*k].0), effort);
        let mut searches: Vec<Search> = turns.iter().zip(&efforts).map(search).collect();
        let start = |(k, turn): &(usize, Turn)| turn.start.map(|s| parts[*k].0.scaling(s));
        let mut asked: Vec<Option<Scaling>> = turns.iter().map(start).collect();
        let mut begins = true;
        while asked.iter().any(|a| a.is_some()) {
            let which: Vec<usize> = (0..turns.len()).filter(|&t| asked[t].is_some()).collect();
            let ask = |&t: &usize| {
                let (part, row) = (turns[t].0, turns[t].1.row);
                Asked { part, row, scaling: asked[t].take().expect("it is asked for") }
            };
            let list: Vec<Asked> = which.iter().map(ask).collect();
            let rated = self.held.rate(&list);
            for ((&t, rated), asked_for) in which.iter().zip(rated).zip(list) {
                let (tops, barrier) = rated.unzip();
                let level = tops.and_then(|tops| Level::new(asked_for.scaling, tops));
                let barrier = || barrier.expect("it comes with the level");
                match begins {
                    true => searches[t].begin(level, barrier),
                    false => searches[t].take(level, barrier),
                }
                asked[t] = searches[t].ask();
            }
            begins = false;
        }
        searches.into_iter().map(|s| s.found().map(|found| found.scaling)).collect()
    }
}

/// One loop, of all rows together or of one.
pub struct Loop<'l> {
    pub problem: &'l Problem,
    pub budget: &'l Budget,
    /// The part of the time that is for this loop.
    pub share: f64,
    /// A bound that is known.
    pub known: f64,
    pub f: &'l Feedback,
    pub row: Option<usize>,
}

impl Loop<'_> {
    /// The best bound that was found with the scalings that show it, and every neuron's part in it.
    pub fn best(&self, start: Option<&Scaled>, enough: f64) -> Option<(f64, Scaled, Vec<f64>)> {
        let Loop { budget, share, f, row, .. } = *self;
        let size = size(f, false);
        // Before the clock, which takes what it sees for evaluations.
        let gain = self.gain();
        let clock = Clock::new(budget.part(DESCENT * share), PROOFS * proof(size) / self.evaluation(), 0.0);
        let stop = || clock.is_over();
        let effort = self.effort(start, enough, &stop);
        let Descended { scaling, level, parts } =
            gain.improved(start.map(|s| f.scaling(s)).as_ref(), &effort)?;
        // The proof needs its memory.
        drop(gain);
        let value = self.prove(level, &scaling)?;
        Some((value, f.placed(scaling, row), parts))
    }

    /// What scalings that somebody else found prove.
    fn rated(&self, scaling: Scaling) -> Option<(f64, Scaled, Vec<f64>)> {
        let (level, parts) = self.gain().level(&scaling)?;
        let value = self.prove(level, &scaling)?;
        Some((value, self.f.placed(scaling, self.row), parts))
    }

    fn spread(&self) -> bool {
        self.problem.quotient.in_norm == Norm::Inf
    }

    fn gain(&self) -> Gain<'_> {
        Gain::new(self.f.matrix.centre.view(), &self.f.reach, &self.f.groups, self.spread())
    }

    /// What an evaluation costs.
    fn evaluation(&self) -> f64 {
        evaluation(size(self.f, false), self.spread())
    }

    fn effort<'s>(&self, start: Option<&Scaled>, enough: f64, stop: &'s dyn Fn() -> bool) -> Effort<'s> {
        let Loop { problem, budget, known, f, row, .. } = *self;
        let again = start.is_some_and(|s| s.row == row);
        let (calls, tolerance) = if again { (CALLS_AGAIN, TOLERANCE_AGAIN) } else { (CALLS, TOLERANCE) };
        // Without a clock, a second or so.
        let second = || 4 * budget.at_once(&Cpu::DOUBLE, DENSE * self.evaluation());
        let calls = if budget.is_brief() { calls.min(second()) } else { calls };
        let output = output_factor(problem, f);
        let (enough, hopeless) = (MARGIN * enough / output, HOPELESS * known / output);
        Effort { calls, tolerance, enough, hopeless, stop }
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
    /// What the proof takes, in evaluations, and beside these in seconds.
    proof: f64,
    reserve: f64,
    /// When it was asked before, and the longest that passed in between, in seconds.
    last: Cell<f64>,
    longest: Cell<f64>,
}

impl Clock {
    fn new(budget: Budget, proof: f64, reserve: f64) -> Clock {
        let now = budget.deadline.elapsed().as_secs_f64();
        Clock { budget, proof, reserve, last: Cell::new(now), longest: Cell::new(0.0) }
    }

    fn is_over(&self) -> bool {
        let now = self.budget.deadline.elapsed().as_secs_f64();
        self.longest.set(self.longest.get().max(now - self.last.replace(now)));
        let needed = (1.0 + self.proof) * self.longest.get() + self.reserve;
        self.budget.is_over() || self.budget.deadline.left().is_some_and(|left| left.as_secs_f64() < needed)
    }
}

/// How large a loop is, of all rows of its output or of one.
fn size(f: &Feedback, one: bool) -> Size {
    let outputs = if one { 1 } else { f.outputs() };
    Size { neurons: f.reach.len(), inputs: f.inputs(), outputs, passes: 0.0 }
}

/// What an evaluation costs, in multiplications.
pub fn evaluation(size: Size, spread: bool) -> f64 {
    gain::work(size.neurons, size.inputs, size.outputs, spread)
}

/// What a proof costs: K times its transpose, and a factorisation.
pub fn proof(size: Size) -> f64 {
    let (rows, columns) = (size.rows() as f64, (size.inputs + size.neurons) as f64);
    let (short, long) = (rows.min(columns), rows.max(columns));
    short * short * (long / 2.0 + short / 6.0)
}
