//! Which methods run, and in what order: what is cheap in the order of its stage, so that there is a pair
//! early; what costs a part of the time after that, the least costly first. While others wait, each gets a
//! part of the time, and what that cut short a second turn with all that is left.

use super::context::Context;
use super::contract::Method;
use super::list::all;
use super::lower::centre::Centre;
use super::row::{Proves, Scope, Stage};
use super::table;
use crate::backend::Backend;
use crate::error::{Error, Result};

/// One method, by the slopes of the region or by those of everything.
pub struct Step<B: Backend> {
    pub method: &'static dyn Method<B>,
    pub everywhere: bool,
    /// A part of the time only.
    pub share: Option<f64>,
    /// The same for the sake of those that wait.
    pub most: Option<f64>,
    /// Smaller numbers first.
    turn: f64,
    /// Has it had a turn?
    again: bool,
    /// Is it one that its part of the time was too short for?
    pub alone: bool,
}

impl<B: Backend> Clone for Step<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for Step<B> {}

/// The part of the time left up to which a first bound is cheap.
const CHEAP: f64 = 0.05;
/// The part of it that a method gets while others wait: where it seemed cheap, of lower bounds, and of upper ones.
const MOST: [f64; 3] = [0.4, 0.25, 0.7];
/// Of upper ones it may be as much as this, where what others need is little: each less than that.
const ALL: f64 = 0.9;
const SMALL: f64 = 0.1;
/// What has a turn of its own and needs more than this part of the time left comes before what costs less.
const URGENT: f64 = 0.5;

/// Steps that are still to come, the next one last.
pub struct Plan<B: Backend> {
    steps: Vec<Step<B>>,
    /// Are linear bounds to be found before the first step that is not cheap?
    statuses: bool,
    /// What has had interval bounds only, for another turn once there are linear ones of the network itself.
    refined: Vec<Step<B>>,
}

impl<B: Backend> Plan<B> {
    /// The first cheap one in the order of stages, else the one that costs least.
    pub fn next(&mut self, context: &Context<B>) -> Option<Step<B>> {
        self.refine(context);
        let work = |step: &Step<B>| step.method.work(context);
        let cheap = self.steps.iter().position(|s| !s.again && is_cheap(context, work(s)));
        if cheap.is_none() && std::mem::take(&mut self.statuses) {
            context.narrow();
            return self.next(context);
        }
        if self.steps.is_empty() && !self.refined.is_empty() {
            // Nothing else is left to do.
            context.linear();
            self.refine(context);
        }
        let least = || {
            let fresh = |step: &Step<B>| if step.again { f64::INFINITY } else { work(step) };
            (0..self.steps.len()).min_by(|&a, &b| fresh(&self.steps[a]).total_cmp(&fresh(&self.steps[b])))
        };
        let share = |step: &Step<B>| context.budget.share(context.backend(), work(step));
        // What would not fit any more after others.
        let urgent = |s: &Step<B>| {
            let first = s.method.row().stage.first.is_some() && s.share.is_none() && !s.again;
            first && share(s).is_some_and(|part| part > URGENT)
        };
        let urgent = || self.steps.iter().position(urgent);
        let step = self.steps.remove(cheap.or_else(urgent).or_else(least)?);
        let kind = match (cheap, step.method.row().proves) {
            (Some(_), _) => 0,
            (None, Proves::Lower | Proves::Estimate) => 1,
            (None, Proves::Upper | Proves::Both) => 2,
        };
        let most = (!self.steps.is_empty() && !step.again).then(|| match kind {
            // A part that is too short for a first bound is lost.
            2 => {
                let others: f64 = self.steps.iter().filter_map(share).filter(|s| *s <= SMALL).sum();
                (1.0 - others).clamp(MOST[2], ALL).max(share(&step).unwrap_or(0.0))
            }
            _ => MOST[kind],
        });
        Some(Step { most, ..step })
    }

    /// Another turn for what linear bounds, once they are there, make better.
    fn refine(&mut self, context: &Context<B>) {
        if !self.refined.is_empty() && context.site.linear_known().is_some() {
            let waiting = |r: &Step<B>| self.steps.iter().any(|s| s.method.row().name == r.method.row().name);
            let more: Vec<Step<B>> = std::mem::take(&mut self.refined);
            let more: Vec<Step<B>> = more.into_iter().filter(|r| !waiting(r)).collect();
            self.steps.splice(0..0, more);
        }
    }

    /// Another turn with all of the time, once nothing else is left, for what its part of it was too short for.
    pub fn alone(&mut self, step: Step<B>) {
        self.steps.push(Step { again: true, alone: true, share: None, most: None, ..step });
    }

    /// A second turn for what its part of the time has cut short.
    pub fn again(&mut self, step: Step<B>) {
        self.steps.push(Step { again: true, most: None, ..step });
    }
}

/// Does so much work take a small part of the time left? Without a clock everything does that fits at all.
fn is_cheap<B: Backend>(context: &Context<B>, work: f64) -> bool {
    let seconds = work / context.backend().speed();
    context.budget.deadline.left().is_none_or(|left| seconds <= CHEAP * left.as_secs_f64())
}

/// What linear bounds of every neuron cost at most, in multiplications.
fn linear_work<B: Backend>(context: &Context<B>) -> f64 {
    let net = &context.problem.net;
    4.0 * net.neurons() as f64 * net.products()
}

/// Where `auto` is at work.
enum Place {
    Everywhere,
    Region,
    Tiny,
    Point,
}

fn place<B: Backend>(context: &Context<B>) -> Place {
    let region = &context.problem.region;
    match () {
        _ if region.is_point() => Place::Point,
        _ if context.needs_double_double() => Place::Tiny,
        _ if region.is_global() => Place::Everywhere,
        _ => Place::Region,
    }
}

/// The turns of one method.
fn turns<B: Backend>(place: &Place, context: &Context<B>, method: &'static dyn Method<B>) -> Vec<Step<B>> {
    let stage: &Stage = &method.row().stage;
    let suits = method.suits(context.problem);
    let turn = match place {
        Place::Everywhere => stage.everywhere.filter(|_| suits),
        Place::Region => stage.region,
        Place::Tiny => stage.tiny,
        Place::Point => stage.point,
    };
    let step = |turn: f64, everywhere: bool, share: Option<f64>| Step {
        method,
        everywhere,
        share,
        most: None,
        turn,
        again: false,
        alone: false,
    };
    let first = stage.first.filter(|_| suits && matches!(place, Place::Region));
    let mut steps: Vec<Step<B>> = first.map(|t| step(f64::from(t), false, None)).into_iter().collect();
    match (turn, stage.share, place) {
        (None, _, _) => {}
        (Some(t), Some(share), Place::Region | Place::Tiny | Place::Point) => {
            // At a point the Jacobian gives both ends at once where it is affordable.
            steps.extend(
                [false, true].map(|e| step(f64::from(t) + if e { 0.5 } else { 0.0 }, e, Some(share))),
            );
        }
        (Some(t), _, _) => steps.push(step(f64::from(t), false, None)),
    }
    steps
}

/// Everything that time and memory allow.
fn automatic<B: Backend>(context: &Context<B>) -> Plan<B> {
    let place = place(context);
    let brief = context.budget.is_brief();
    let fits = |m: &&'static dyn Method<B>| {
        m.applies(&context.problem.net) && m.answers(context.problem) && !(brief && m.row().stage.repeats)
    };
    let mut steps: Vec<Step<B>> =
        all().into_iter().filter(fits).flat_map(|m| turns(&place, context, m)).collect();
    steps.sort_by(|a, b| a.turn.total_cmp(&b.turn));
    let statuses = !brief && matches!(place, Place::Region);
    let unknown = statuses && context.linear_counts() && context.site.linear_known().is_none();
    let refined = steps.iter().filter(|s| unknown && s.method.row().stage.refined).copied().collect();
    Plan { steps, statuses, refined }
}

/// What `--method` asks for.
pub fn of<B: Backend>(context: &Context<B>, name: &str) -> Result<Plan<B>> {
    if name == "auto" {
        if context.linear_counts() && is_cheap(context, linear_work(context)) {
            // Whatever looks at slopes has the best ones from the start.
            context.linear();
        }
        return Ok(automatic(context));
    }
    let row = table::find(name).filter(|r| r.scope != Scope::Search).ok_or_else(|| table::unknown(name))?;
    let of = |name: &str| all::<B>().into_iter().find(|m| m.row().name == name);
    let method = of(row.name).ok_or_else(|| table::unknown(name))?;
    if !method.applies(&context.problem.net) {
        return Err(Error::unsupported(format!("method {name} does not apply to this network"))
            .at("--method")
            .next("it needs a chain of layers with one slope per neuron: use auto or another method"));
    }
    if row.stage.statuses && context.linear_counts() {
        // Alone, a method has all the time for what `auto` has done before it.
        context.linear();
    }
    let before = of(Centre::ROW.name).filter(|_| row.proves != Proves::Lower);
    let step = |method| Step {
        method,
        everywhere: false,
        share: None,
        most: None,
        turn: 0.0,
        again: false,
        alone: false,
    };
    Ok(Plan {
        steps: before.into_iter().chain([method]).map(step).collect(),
        statuses: false,
        refined: vec![],
    })
}
