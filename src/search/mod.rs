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
pub mod property;
mod record;
mod round;
mod run;
mod stand;
mod waiting;

use crate::backend::Backend;
use crate::error::Result;
use crate::method::context::{Context, pass};
use crate::method::contract::Best;
pub use crate::method::goal::Goal;
use crate::method::schedule::{self, Effort, Outcome, Status};
pub use run::run;
pub use stand::StandIn;
use std::time::Instant;

/// What its results are by.
const NAME: &str = "branch-and-bound";

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
    let start = Best { upper: outcome.upper, lower: outcome.lower };
    let found = run(home, &stand, start, goal.enough(), progress);
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

/// Do memory and time allow a part's gradients, all rows at every node?
fn has_room<B: Backend>(home: &Context<B>) -> bool {
    let rows = home.problem.rows();
    home.budget.rows(home.widest()) >= rows
        && home.budget.affords_on(home.backend(), 4.0 * rows as f64 * pass(&home.problem.net))
}
