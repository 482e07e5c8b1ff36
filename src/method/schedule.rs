//! From a question to a proven pair: the cheapest first bound first, then what promises most for its time;
//! the least upper bound, the largest lower one, and the names of the winners.

use super::context::Context;
use super::contract::{Best, Finding};
use super::plan::{self, Step};
use super::why::Why;
use crate::analysis::{Placed, Site};
use crate::backend::Backend;
use crate::certificate::{Bound, LowerBound, Proof};
use crate::error::{Error, Kind, Result};
use crate::num::{Estimate, Lower, Upper};
use crate::problem::Problem;
use crate::region::Region;
use std::time::Instant;

/// Why the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Exact,
    Gap,
    Done,
    Time,
    Splits,
    Memory,
    Interrupted,
}

/// One method's contribution.
#[derive(Clone, Debug)]
pub struct Entry {
    pub method: &'static str,
    pub upper: Option<f64>,
    pub lower: Option<f64>,
    /// Why it gave nothing, or a simpler method's bound.
    pub why: Option<Why>,
    pub seconds: f64,
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub upper: Bound,
    pub lower: LowerBound,
    /// An unproven number within the pair that a method gave beside its bound, and its name.
    pub estimate: Option<(Estimate, &'static str)>,
    pub status: Status,
    pub exact: bool,
    /// Neurons whose slope is not fixed on the region, under the best statuses computed.
    pub free: Option<usize>,
    pub entries: Vec<Entry>,
    /// The part of the upper bound that covers the rounding of products, where it was measured.
    pub rounding_share: Option<f64>,
    /// What a search has done after the methods.
    pub searched: Effort,
}

/// How much was divided, and how long that took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    pub parts: u64,
    pub splits: u64,
    pub seconds: f64,
}

/// Part of the time limit that upper bounds may have taken for the rounding to be measured.
const CHEAP: f64 = 0.02;
/// Seconds from which a second try, by slopes of everything, is not worth while.
const LONG: f64 = 1.0;

impl Best {
    fn nothing() -> Best {
        let proof = Proof::digest("no statement");
        let upper = Bound { value: Upper::INFINITE, method: "none", proof };
        Best { upper, lower: LowerBound::NONE }
    }

    fn take(&mut self, found: &Finding) {
        if let Some(b) = found.upper.as_ref().filter(|b| b.value < self.upper.value) {
            self.upper = b.clone();
        }
        if let Some(b) = found.lower.as_ref().filter(|b| b.value > self.lower.value) {
            self.lower = b.clone();
        }
    }
}

/// Do the two ends agree to a relative 1e-9 (or are both zero)?
pub fn is_exact(upper: Upper, lower: Lower) -> bool {
    upper.get() <= lower.get() * (1.0 + 1e-9)
}

/// An unproven number counts as an estimate of L only within the proven pair.
pub fn within(
    estimate: Option<(Estimate, &'static str)>,
    upper: Upper,
    lower: Lower,
) -> Option<(Estimate, &'static str)> {
    estimate.filter(|(e, _)| lower.get() <= e.get() && e.get() <= upper.get())
}

/// A step with the context's means: alone with all of the time, or with its share of what is left.
fn perform<B: Backend>(
    context: &Context<B>,
    step: &Step<B>,
    best: &Best,
) -> std::result::Result<Finding, Why> {
    let Some(share) = step.share else {
        let budget = step.most.map_or_else(|| context.budget.clone(), |most| context.budget.part(most));
        let own = context.instead(context.problem, (context.placed, context.site)).towards(context.goal);
        return step.method.run(&Context { budget, ..own }, best);
    };
    let whole = step.everywhere.then(|| Problem { region: Region::Whole, ..context.problem.clone() });
    let problem = whole.as_ref().unwrap_or(context.problem);
    let site = if step.everywhere { context.placed.everywhere() } else { context.site };
    let own = Context {
        budget: context.budget.part(share),
        ..context.instead(problem, (context.placed, site)).towards(context.goal)
    };
    step.method.run(&own, best)
}

/// Is a step worth a try after these?
fn is_open<B: Backend>(step: &Step<B>, upper: Upper, entries: &[Entry]) -> bool {
    let row = step.method.row();
    let own = entries.iter().rev().find(|e| e.method == row.name);
    let beaten = own.and_then(|e| e.upper).is_some_and(|own| own > upper.get());
    match (step.share, step.everywhere) {
        (Some(_), true) => {
            let long = own.is_some_and(|e| e.upper.is_some() && e.seconds > LONG);
            !((beaten || long) && row.stage.monotone)
        }
        // It has had more time.
        (Some(_), false) => own.is_none_or(|e| e.upper.is_none()),
        (None, _) => true,
    }
}

/// How far apart the pair is where all of the time is better spent on one region than on parts of it.
const FAR: f64 = 3.0;

/// What methods have found so far.
struct Run<'c, 'a, B: Backend> {
    context: &'c Context<'a, B>,
    best: Best,
    entries: Vec<Entry>,
    estimate: Option<(Estimate, &'static str)>,
    /// The step behind the upper bound, and how many entries there were after it.
    winner: Option<(Step<B>, usize)>,
}

impl<B: Backend> Run<'_, '_, B> {
    fn take(&mut self, step: Step<B>) {
        let started = Instant::now();
        let before = self.best.upper.value;
        let (found, why) = match perform(self.context, &step, &self.best) {
            Ok(found) => (found, None),
            Err(why) => (Finding::default(), Some(why)),
        };
        self.entries.push(Entry {
            method: step.method.row().name,
            upper: found.upper.as_ref().map(|b| b.value.get()),
            lower: found.lower.as_ref().map(|b| b.value.get()),
            why: why.or(found.instead.clone()),
            seconds: started.elapsed().as_secs_f64(),
        });
        self.estimate = found.estimate.or(self.estimate);
        self.best.take(&found);
        if self.best.upper.value < before {
            self.winner = Some((step, self.entries.len()));
        }
    }

    /// Why nothing more is needed.
    fn closed(&self, is_auto: bool) -> Option<Status> {
        let (upper, lower) = (self.best.upper.value, self.best.lower.value);
        let goal = self.context.goal;
        match () {
            _ if is_exact(upper, lower) => Some(Status::Exact),
            _ if is_auto && upper.get() <= goal.gap * lower.get() => Some(Status::Gap),
            _ if goal.is_decided(lower.get(), upper.get()) => Some(Status::Done),
            _ => None,
        }
    }

    fn outcome(self, status: Status) -> Outcome {
        let (context, best) = (self.context, self.best);
        let share =
            self.winner.and_then(|(step, n)| rounding_share(context, &best, &step, &self.entries[..n]));
        Outcome {
            rounding_share: share,
            exact: is_exact(best.upper.value, best.lower.value),
            estimate: within(self.estimate, best.upper.value, best.lower.value),
            upper: best.upper,
            lower: best.lower,
            status,
            free: context.free(),
            entries: self.entries,
            searched: Effort::default(),
        }
    }
}

/// Runs one method by name, or everything that time and memory allow (`auto`).
/// `progress` sees the pair and the method at work, before and after each method.
pub fn solve<B: Backend>(
    context: &Context<B>,
    method: &str,
    progress: &mut dyn FnMut(&Best, &'static str),
) -> Result<Outcome> {
    let mut plan = plan::of(context, method)?;
    let budget = &context.budget;
    let mut run = Run { context, best: Best::nothing(), entries: vec![], estimate: None, winner: None };
    let mut closed = None;
    while !budget.is_over() && closed.is_none() {
        let Some(step) = plan.next(context) else { break };
        if !is_open(&step, run.best.upper.value, &run.entries) {
            continue;
        }
        let apart = run.best.upper.value.get() > FAR * run.best.lower.value.get();
        if step.alone && !apart {
            continue;
        }
        let name = step.method.row().name;
        progress(&run.best, name);
        run.take(step);
        match run.entries.last().and_then(|e| e.why.as_ref()) {
            Some(Why::Late) if step.most.is_some() => plan.again(step),
            Some(Why::Time(_)) if step.share.is_some() && !step.everywhere => plan.alone(step),
            _ => {}
        }
        progress(&run.best, name);
        if run.best.upper.value.get() < run.best.lower.value.get() {
            return Err(contradiction(&run.best));
        }
        closed = run.closed(method == "auto");
    }
    let status = match closed {
        Some(status) => status,
        None if budget.interrupted() => Status::Interrupted,
        None if budget.is_over() => Status::Time,
        None => Status::Done,
    };
    Ok(run.outcome(status))
}

fn contradiction(best: &Best) -> Error {
    let (upper, lower) = (&best.upper, &best.lower);
    let text = format!("upper {} lies below lower {}", upper.value.get(), lower.value.get());
    Error::new(Kind::Check, text)
        .at(format!("methods {} and {}", upper.method, lower.method))
        .next("this is a defect of clarke: please report the network and the command")
}

/// The winner again without what covers rounding, where that costs little of the time allowed.
fn rounding_share<B: Backend>(
    context: &Context<B>,
    best: &Best,
    winner: &Step<B>,
    entries: &[Entry],
) -> Option<f64> {
    let budget = &context.budget;
    let seconds: f64 = entries.iter().filter(|e| e.upper.is_some()).map(|e| e.seconds).sum();
    let value = best.upper.value.get();
    if context.needs_double_double()
        || !value.is_finite()
        || budget.is_over()
        || seconds > CHEAP * budget.deadline.limit().map_or(0.0, |t| t.as_secs_f64())
    {
        return None;
    }
    let plain = Placed::new(context.problem.net.clone(), context.backend().unrounded()?);
    let site = Site::new(context.problem.region.clone());
    let again = context.instead(context.problem, (&plain, &site));
    // Methods that improve until their time is over get little of it.
    let part = budget.part(CHEAP);
    let again = Context { budget: part.clone(), shared: part, ..again };
    let without = perform(&again, winner, &Best::nothing()).ok()?.upper?.value.get();
    Some(if value > 0.0 { (1.0 - without / value).max(0.0) } else { 0.0 })
}
