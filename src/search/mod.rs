//! Branch and bound: parts of the region, worst first, divided until the largest bound meets the best
//! witness.
//!
//! Proves: the region is covered by parts, every piece that counts has interior in one of them, so the largest
//!   bound of all parts bounds the constant. Everything is covered by the faces of a box around the origin
//!   for the homogeneous network.
//! From: Bhowmick et al. 2021 (LipBaB); here batched, on any graph of piecewise linear nodes, with
//!   half-spaces of all layers.
//! Rounding: that of the parts' bounds.
//! Cost: a few sweeps per part; anytime.
//! Exact when: every part's slopes get decided, and every decided part has a witness or no interior.

#![deny(clippy::wildcard_enum_match_arm)]

mod bound;
mod choose;
mod leaf;
mod record;
mod stand;

use crate::backend::Backend;
use crate::certificate::tree::Node;
use crate::certificate::{Bound, LowerBound, Proof};
use crate::error::Result;
use crate::method::context::{Context, pass};
pub use crate::method::goal::Goal;
use crate::method::lower::{better, points, prove_best};
use crate::method::schedule::{self, Effort, Outcome, Status};
use crate::num::Upper;
use crate::problem::Problem;
use crate::rules::part::Part;
use bound::Found;
use leaf::Settled;
use rayon::prelude::*;
use record::Record;
pub use stand::StandIn;
use std::collections::BinaryHeap;
use std::time::Instant;

/// What its results are by.
const NAME: &str = "branch-and-bound";

/// Part of the memory that waiting parts may take, and as much again the scalings of those that are done with.
const MEMORY: f64 = 0.25;
/// Parts at a time, and multiplications: a second or two of a processor's work.
const BATCH: usize = 128;
const WORK: f64 = 1.5e10;

/// How far the work is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub upper: f64,
    pub lower: f64,
    /// What gave them.
    pub upper_by: &'static str,
    pub lower_by: &'static str,
    /// What is at work.
    pub running: &'static str,
    /// Parts that are still to be bounded.
    pub waiting: usize,
    /// Parts that were.
    pub parts: u64,
}

/// What a search has found.
pub struct Searched {
    pub upper: Bound,
    pub lower: LowerBound,
    pub parts: u64,
    pub splits: u64,
    /// Did it run out of memory for waiting parts?
    pub dropped: bool,
}

struct Waiting(Part);

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    /// Larger bounds first; of equal ones the deeper.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.bound.total_cmp(&other.0.bound).then(self.0.cuts.len().cmp(&other.0.cuts.len()))
    }
}

/// One method by name, everything that time and memory allow (`auto`), or that and a search until
/// both ends agree (`exact`). `progress` sees every improvement.
pub fn solve<B: Backend>(
    home: &Context<B>,
    method: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    let (goal, budget) = (home.goal, &home.budget);
    let passes = if method == "exact" { "auto" } else { method };
    let mut outcome = schedule::solve(home, passes, &mut |best, running| {
        progress(Progress {
            upper: best.upper.value.get(),
            lower: best.lower.value.get(),
            upper_by: best.upper.method,
            lower_by: best.lower.method,
            running,
            waiting: 0,
            parts: 0,
        })
    })?;
    let open =
        outcome.status == Status::Done && outcome.upper.value.get() > goal.gap * outcome.lower.value.get();
    let decided = goal.is_decided(outcome.lower.value.get(), outcome.upper.value.get());
    if outcome.status == Status::Done && !decided && budget.is_over() {
        // It came in the last moment.
        outcome.status = if budget.interrupted() { Status::Interrupted } else { Status::Time };
    }
    if passes != "auto" || !open || decided || budget.is_brief() || budget.is_over() {
        return Ok(outcome);
    }
    let Some(stand) = StandIn::of(home).filter(|_| has_room(home)) else { return Ok(outcome) };
    let started = Instant::now();
    let found = run(home, &stand, outcome.upper, outcome.lower, goal, goal.enough(), progress);
    let (upper, lower) = (found.upper.value, found.lower.value);
    outcome.exact = schedule::is_exact(upper, lower);
    outcome.status = match () {
        _ if outcome.exact => Status::Exact,
        _ if upper.get() <= goal.gap * lower.get() => Status::Gap,
        _ if goal.is_decided(lower.get(), upper.get()) => Status::Done,
        _ if budget.interrupted() => Status::Interrupted,
        _ if goal.splits.is_some_and(|s| found.splits >= s) => Status::Splits,
        _ if budget.is_over() => Status::Time,
        _ if found.dropped => Status::Memory,
        _ => Status::Done,
    };
    outcome.estimate = schedule::within(outcome.estimate, upper, lower);
    (outcome.upper, outcome.lower) = (found.upper, found.lower);
    let seconds = started.elapsed().as_secs_f64();
    outcome.searched = Effort { parts: found.parts, splits: found.splits, seconds };
    Ok(outcome)
}

/// Narrows a proven pair of `home`'s problem by its stand-in; parts whose bound is at most `least` are
/// done with. `progress` sees every batch.
pub fn run<B: Backend>(
    home: &Context<B>,
    stand: &StandIn<B>,
    start: Bound,
    lower: LowerBound,
    goal: Goal,
    least: f64,
    progress: &mut dyn FnMut(Progress),
) -> Searched {
    let context = &stand.context(home);
    let problem = context.problem;
    let (lo, hi) = problem.region.ends().expect("a bounded region");
    let room = (context.budget.memory as f64 * MEMORY) as usize;
    let mut tree = Record::new(room);
    let mut first = vec![Part::whole(lo, hi, problem.net.nodes.len(), f64::INFINITY)];
    if problem.homogeneous {
        first = first[0].faces();
        tree.faces(&mut first);
    }
    let mut bytes: usize = first.iter().map(Part::bytes).sum();
    let mut open: BinaryHeap<Waiting> = first.into_iter().map(Waiting).collect();
    // The largest bound of parts that are done with.
    let mut closed: f64 = 0.0;
    let mut out = Searched { upper: start, lower, parts: 0, splits: 0, dropped: false };
    let mut size = 1;
    let largest = at_once(problem);
    while !context.budget.is_over() && goal.splits.is_none_or(|s| out.splits < s) {
        if goal.is_decided(out.lower.value.get(), out.upper.value.get()) {
            break;
        }
        let cutoff = least.max(goal.gap * out.lower.value.get());
        let mut batch = vec![];
        while batch.len() < size && open.peek().is_some_and(|w| w.0.bound > cutoff) {
            batch.extend(open.pop().map(|w| w.0));
        }
        if batch.is_empty() {
            break;
        }
        bytes -= batch.iter().map(Part::bytes).sum::<usize>();
        size = (2 * size).min(largest);
        // Small lots stay in a core's cache; a device takes all at once.
        let lots: Vec<&[Part]> = batch.chunks(context.backend().lot()).collect();
        let bounded = |lot: &[Part]| bound::batch(context, lot.to_vec(), cutoff);
        let Some(found) = in_parallel(&lots, &bounded) else {
            batch.into_iter().for_each(|p| open.push(Waiting(p)));
            break;
        };
        out.parts += found.len() as u64;
        let proposals: Vec<Vec<f64>> = found
            .iter()
            .filter_map(|f| match f {
                Found::Bounded { point, part, .. } if part.bound > out.lower.value.get() => {
                    stand.home(point.clone())
                }
                Found::Bounded { .. } | Found::Empty(_) => None,
            })
            .collect();
        witness(home, &proposals, &mut out.lower);
        let cutoff = least.max(goal.gap * out.lower.value.get());
        for (f, before) in found.into_iter().zip(&batch) {
            let (part, split) = match f {
                Found::Empty(multipliers) => {
                    tree.set(before.place, Node::Empty(multipliers));
                    continue;
                }
                Found::Bounded { part, split, .. } => (part, split),
            };
            tree.bound(&part);
            let split = match split {
                _ if part.bound <= cutoff => None,
                Some(split) => Some(split),
                None => match leaf::settle(home, problem, stand, &part) {
                    Settled::Empty(multipliers) => {
                        tree.set(part.place, Node::Refuted(multipliers));
                        continue;
                    }
                    Settled::Piece { bound, lower } => {
                        tree.set(part.place, Node::Pattern);
                        closed = closed.max(part.bound.min(bound));
                        out.lower = better(out.lower.clone(), lower);
                        continue;
                    }
                    Settled::Open(split) => Some(split),
                    Settled::Unknown => None,
                },
            };
            match split {
                None => closed = closed.max(part.bound),
                Some(split) => {
                    out.splits += 1;
                    let places = tree.divide(part.place, split);
                    for (mut child, place) in part.divided(split).into_iter().zip(places) {
                        child.place = place;
                        bytes += child.bytes();
                        open.push(Waiting(child));
                    }
                }
            }
        }
        if bytes > room {
            // What is dropped stays in the gap.
            let mut all = std::mem::take(&mut open).into_sorted_vec();
            let half = all.len() / 2;
            closed = all.drain(..half).map(|w| w.0.bound).fold(closed, f64::max);
            open = all.into();
            bytes = open.iter().map(|w| w.0.bytes()).sum();
            out.dropped = true;
        }
        let upper = top(&out, &open, closed);
        progress(Progress {
            upper,
            lower: out.lower.value.get(),
            upper_by: if upper < out.upper.value.get() { NAME } else { out.upper.method },
            lower_by: out.lower.method,
            running: NAME,
            waiting: open.len(),
            parts: out.parts,
        });
    }
    let value = top(&out, &open, closed);
    if value < out.upper.value.get() {
        let proof = match tree.tree(value) {
            Some(tree) => Proof::Tree { tree, kinks: stand.kinks, reach: stand.reach },
            None => Proof::digest(format!("branch and bound: {} parts, {} splits", out.parts, out.splits)),
        };
        out.upper = Bound { value: Upper::proven(value), method: NAME, proof };
    }
    out
}

/// Do memory and time allow a part's gradients, all rows at every node?
fn has_room<B: Backend>(home: &Context<B>) -> bool {
    let rows = home.problem.rows();
    home.budget.rows(home.widest()) >= rows
        && home.budget.affords_on(home.backend(), 4.0 * rows as f64 * pass(&home.problem.net))
}

/// How many parts of a problem make a batch: of large networks few, so that limits of time are kept.
fn at_once(problem: &Problem) -> usize {
    let net = &problem.net;
    let nonlinear = net.nodes.iter().filter(|n| n.op.is_nonlinear());
    // A centre and a radius of two functionals per neuron and row.
    let functionals = 4 * nonlinear.map(|n| n.len()).sum::<usize>() * problem.rows();
    ((WORK / (net.products() * functionals as f64)) as usize).clamp(1, BATCH)
}

/// One list from all lots, in their order; None if one of them was interrupted.
fn in_parallel(
    lots: &[&[Part]],
    bounded: &(impl Fn(&[Part]) -> Option<Vec<Found>> + Sync),
) -> Option<Vec<Found>> {
    let lists: Option<Vec<Vec<Found>>> = lots.par_iter().map(|lot| bounded(lot)).collect();
    Some(lists?.into_iter().flatten().collect())
}

/// The largest bound of all parts; never below what a witness proves.
fn top(out: &Searched, open: &BinaryHeap<Waiting>, closed: f64) -> f64 {
    let waiting = open.peek().map_or(0.0, |w| w.0.bound);
    closed.max(waiting).max(out.lower.value.get()).min(out.upper.value.get())
}

/// Proves the most promising points.
fn witness<B: Backend>(context: &Context<B>, found: &[Vec<f64>], lower: &mut LowerBound) {
    let inside: Vec<Vec<f64>> = found
        .iter()
        .map(|x| {
            let mut x = x.clone();
            context.problem.region.project(&mut x);
            x
        })
        .collect();
    let mut proposals = points::score(context, &inside);
    let least = lower.value.get();
    proposals.retain(|p| p.estimate > least * (1.0 + 1e-13));
    if proposals.is_empty() {
        return;
    }
    *lower = better(lower.clone(), prove_best(context, proposals, NAME, 4));
}
