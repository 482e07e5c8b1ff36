//! From a problem to a proven pair: cheap methods first, the minimum of all
//! uppers, the maximum of all lowers, and the names of the winners.

use super::context::{Budget, Context, DOUBLE_PRICE, pass};
use super::global;
use super::goal::Goal;
use super::local::{crown, gradient, ibp, jacobian, parts, product};
use super::lower::{self, ascent, pair, pattern};
use super::plan::{self, Step};
use super::why::{Why, at_most};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{Bound, Evidence, LowerBound};
use crate::error::{Error, Kind, Result};
use crate::num::{Estimate, Lower, Upper};
use crate::ops::{Gate, Known, Prepared, Trace};
use crate::problem::Problem;
use crate::region::Region;
use std::cell::{Cell, OnceCell};
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
    pub double_double: bool,
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

/// What methods of one problem share.
struct Shared<'c, 'a, B: Backend> {
    context: &'c Context<'a, B>,
    ibp: OnceCell<Trace<B>>,
    crown: OnceCell<crown::Statuses<B>>,
    estimate: Cell<Option<(Estimate, &'static str)>>,
    /// Why the last bound is a simpler method's.
    instead: Cell<Option<Why>>,
}

/// What a method found.
type Found = std::result::Result<(Option<Bound>, Option<LowerBound>), Why>;

/// The part of the time left that a method of everything may take on a region, and one that pays most.
const PART: f64 = 0.15;
const LARGE_PART: f64 = 0.3;
/// Seconds from which a second try, by slopes of everything, is not worth while.
const LONG: f64 = 1.0;

impl<'c, 'a, B: Backend> Shared<'c, 'a, B> {
    fn new(context: &'c Context<'a, B>) -> Self {
        Shared {
            context,
            ibp: OnceCell::new(),
            crown: OnceCell::new(),
            estimate: Cell::new(None),
            instead: Cell::new(None),
        }
    }
}

/// Part of the time limit that upper bounds may have taken for the rounding to be measured.
const CHEAP: f64 = 0.02;

/// Rows times inputs up to which a whole Jacobian is kept.
const ENTRIES: f64 = 6e7;

impl<'a, B: Backend> Shared<'_, 'a, B> {
    fn ibp(&self) -> &Trace<B> {
        self.ibp.get_or_init(|| ibp::run(self.context.main(), &self.context.problem.region, &vec![]))
    }

    fn crown(&self) -> &crown::Statuses<B> {
        self.crown.get_or_init(|| {
            crown::run(self.context.main(), &self.context.problem.region, &self.context.budget)
        })
    }

    fn linear_statuses(&self) -> bool {
        // Support functions of a point leave out its neighbourhood.
        let region = &self.context.problem.region;
        !region.is_global() && !region.is_point() && !self.context.needs_double_double()
    }

    fn jacobian(&self, linear: bool) -> Found {
        let name = if linear { "jacobian-interval" } else { "jacobian-ibp" };
        let (context, problem) = (self.context, self.context.problem);
        let double = context.needs_double_double();
        let price = if double { DOUBLE_PRICE } else { 1.0 };
        let rows = problem.rows() as f64;
        let work = 2.0 * rows * price * pass(&problem.net);
        match double {
            true => context.budget.admits(&Cpu::DOUBLE, work)?,
            false => context.budget.admits(context.main().backend, work)?,
        }
        if rows * problem.net.inputs() as f64 <= ENTRIES {
            context.budget.admits(&Cpu::DOUBLE, context.norm())?;
        }
        if double {
            self.jacobian_on(context.exact(), &context.small().gates, &vec![], name, price)
        } else if linear && self.linear_statuses() {
            let s = self.crown();
            self.jacobian_on(context.main(), &s.trace.gates, &s.known, name, price)
        } else {
            self.jacobian_on(context.main(), &self.ibp().gates, &vec![], name, price)
        }
    }

    fn jacobian_on<C: Backend>(
        &self,
        prepared: &Prepared<C>,
        gates: &[Option<Gate<C>>],
        known: &Known,
        name: &'static str,
        price: f64,
    ) -> Found {
        let (context, problem) = (self.context, self.context.problem);
        let columns_cost = 8.0 * problem.net.inputs() as f64 * pass(&problem.net);
        // A matrix is read back in f64, which double-double sweeps must not pass through.
        let afford = |work: f64| price == 1.0 && context.budget.affords_on(prepared.backend, work);
        let prepared = &prepared.multiplied(gates, &afford);
        let mut columns = false;
        if (problem.rows() as f64) * problem.net.inputs() as f64 > ENTRIES {
            let value = parts::norm(context, prepared, gates).ok_or(Why::Late)?;
            let (known, links) = (known.clone(), prepared.chains().links());
            let evidence = Evidence::IntervalJacobian { known, links, columns, double_double: price > 1.0 };
            return Ok((Some(Bound { value, method: name, evidence }), None));
        }
        let seeds = problem.seeds();
        let mut j = jacobian::rows(context, prepared, gates, &seeds).ok_or(Why::Late)?;
        if price == 1.0
            && context.budget.affords_on(prepared.backend, columns_cost)
            && let Some(other) = jacobian::columns(context, prepared, gates, &seeds)
        {
            j = jacobian::intersect(j, &other);
            columns = true;
        }
        let value = jacobian::norm(context, &j);
        let (known, links) = (known.clone(), prepared.chains().links());
        let evidence = Evidence::IntervalJacobian { known, links, columns, double_double: price > 1.0 };
        let at = problem.region.centre().filter(|_| problem.region.is_point());
        let lower = at.map(|x| lower::of_matrix(context, x, &j, name));
        Ok((Some(Bound { value, method: name, evidence }), lower))
    }

    /// Linear propagation of the Jacobian under the best statuses at hand.
    fn gradient(&self) -> Found {
        let (context, problem) = (self.context, self.context.problem);
        let work = 4.0 * problem.rows() as f64 * pass(&problem.net);
        if context.needs_double_double() {
            return Err(Why::Unfit(
                "the region is too small for its arithmetic: f64 cannot tell its ends apart",
            ));
        }
        let entries = problem.rows().saturating_mul(problem.net.inputs());
        at_most("entries of the Jacobian", entries, ENTRIES as usize)?;
        context.budget.admits(context.main().backend, work)?;
        context.budget.admits(&Cpu::DOUBLE, context.norm())?;
        let (value, known) = if self.linear_statuses() {
            let s = self.crown();
            (gradient::run(context, context.main(), &s.trace.gates), s.known.clone())
        } else {
            (gradient::run(context, context.main(), &self.ibp().gates), vec![])
        };
        let value = value.ok_or(Why::Late)?;
        let evidence = Evidence::LinearJacobian { known };
        Ok((Some(Bound { value, method: "jacobian-linear", evidence }), None))
    }

    fn product(&self, local: bool) -> Bound {
        let context = self.context;
        if !local || context.problem.region.is_global() {
            return product::run::<B, B>(context, None, &vec![], "product");
        }
        if context.needs_double_double() {
            let gates = &self.context.small().gates;
            product::run(context, Some((context.exact(), gates)), &vec![], "product-local")
        } else if let Some(s) = self.crown.get() {
            product::run(context, Some((context.main(), &s.trace.gates)), &s.known, "product-local")
        } else {
            let gates = &self.ibp().gates;
            product::run(context, Some((context.main(), gates)), &vec![], "product-local")
        }
    }

    fn run(&self, name: &str, lower: &LowerBound) -> Found {
        let context = self.context;
        let below = |found: std::result::Result<LowerBound, Why>| Ok((None, Some(found?)));
        match name {
            "jacobian-interval" => self.jacobian(true),
            "jacobian-linear" => self.gradient(),
            "jacobian-ibp" => self.jacobian(false),
            "product-local" => {
                if context.problem.region.is_global() {
                    self.instead.set(Some(Why::Unfit("no neuron is fixed on all of R^n")));
                }
                Ok((Some(self.product(true)), None))
            }
            "product" => Ok((Some(self.product(false)), None)),
            "ascent" => below(ascent::run(context, lower)),
            "pattern" => below(pattern::run(context, lower)),
            "pair" => below(pair::run(context, lower)),
            "centre" => Ok((None, Some(lower::first(context)))),
            name => {
                let nothing = vec![];
                let known = self.crown.get().map_or(&nothing, |s| &s.known);
                self.take(global::run(context, name, known))
            }
        }
    }

    fn take(&self, found: std::result::Result<global::Found, Why>) -> Found {
        let found = found?;
        if let Some(e) = found.estimate {
            self.estimate.set(Some(e));
        }
        self.instead.set(found.instead);
        Ok((Some(found.bound), None))
    }

    /// A step of the plan.
    fn perform(&self, step: Step, lower: &LowerBound) -> Found {
        if !step.brief {
            return self.run(step.name, lower);
        }
        let context = self.context;
        let whole = step.everywhere.then(|| Problem { region: Region::Whole, ..context.problem.clone() });
        let problem = whole.as_ref().unwrap_or(context.problem);
        let part = if plan::MONOTONE.contains(&step.name) { LARGE_PART } else { PART };
        let budget = context.budget.part(part);
        let own = Context::new(problem, context.main().backend, budget, context.seed).towards(context.goal);
        let nothing = vec![];
        let known = self.crown.get().map(|s| &s.known).filter(|_| whole.is_none());
        self.take(global::run(&own, step.name, known.unwrap_or(&nothing)))
    }

    /// Is a step worth a try after these?
    fn is_open(step: Step, upper: Upper, entries: &[Entry]) -> bool {
        let own = entries.iter().rev().find(|e| e.method == step.name);
        let beaten = own.and_then(|e| e.upper).is_some_and(|own| own > upper.get());
        match (step.brief, step.everywhere) {
            (true, true) => {
                let long = own.is_some_and(|e| e.upper.is_some() && e.seconds > LONG);
                !((beaten || long) && plan::MONOTONE.contains(&step.name))
            }
            // It has had more time.
            (true, false) => own.is_none_or(|e| e.upper.is_none()),
            _ => true,
        }
    }

    /// Free neurons under the best statuses that were computed.
    fn free(&self) -> Option<usize> {
        fn count<C: Backend>(b: &C, gates: &[Option<Gate<C>>]) -> usize {
            let each = |g: &Gate<C>| match g {
                Gate::Each(s) => {
                    let (lo, hi) = b.read_slopes(s);
                    lo.iter().zip(&hi).filter(|(l, h)| l != h).count()
                }
                _ => 0,
            };
            gates.iter().flatten().map(each).sum()
        }
        if let Some(s) = self.crown.get() {
            return Some(count(self.context.main().backend, &s.trace.gates));
        }
        if let Some(s) = self.context.small_known() {
            return Some(count(self.context.exact().backend, &s.gates));
        }
        self.ibp.get().map(|s| count(self.context.main().backend, &s.gates))
    }
}

/// Do the two ends agree to a relative 1e-9 (or are both zero)?
pub fn is_exact(upper: Upper, lower: crate::num::Lower) -> bool {
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

/// Runs one method by name, or everything that time and memory allow (`auto`).
/// `progress` sees the pair and the method at work, before and after each method.
pub fn solve<B: Backend>(
    problem: &Problem,
    backend: &B,
    method: &str,
    goal: impl Into<Goal>,
    budget: Budget,
    seed: u64,
    mut progress: impl FnMut((&Bound, &LowerBound), &'static str),
) -> Result<Outcome> {
    let goal = goal.into();
    let context = Context::new(problem, backend, budget.clone(), seed).towards(goal);
    let plan = plan::of(&context, method)?;
    let shared = Shared::new(&context);
    if plan::uses_statuses(method) && shared.linear_statuses() {
        // Alone, a method has all the time for what `auto` has done before it.
        shared.crown();
    }
    let nothing = Evidence::Digest("no statement".into());
    let mut upper = Bound { value: Upper::INFINITE, method: "none", evidence: nothing };
    let mut lower = LowerBound::NONE;
    let mut entries = vec![];
    let mut closed = None;
    let mut winner = None;
    for step in plan {
        if budget.is_over() {
            break;
        }
        if !Shared::<B>::is_open(step, upper.value, &entries) {
            continue;
        }
        let started = Instant::now();
        let before = upper.value;
        progress((&upper, &lower), step.name);
        let found = shared.perform(step, &lower);
        let why = shared.instead.take();
        record(&mut entries, &mut upper, &mut lower, step.name, started, found, why);
        if upper.value < before {
            winner = Some((step, entries.len()));
        }
        progress((&upper, &lower), step.name);
        if upper.value.get() < lower.value.get() {
            return Err(contradiction(&upper, &lower));
        }
        if is_exact(upper.value, lower.value) {
            closed = Some(Status::Exact);
            break;
        }
        if method == "auto" && upper.value.get() <= goal.gap * lower.value.get() {
            closed = Some(Status::Gap);
            break;
        }
        if goal.is_decided(lower.value.get(), upper.value.get()) {
            closed = Some(Status::Done);
            break;
        }
    }
    let status = match closed {
        Some(status) => status,
        None if budget.interrupted() => Status::Interrupted,
        None if budget.is_over() => Status::Time,
        None => Status::Done,
    };
    Ok(Outcome {
        rounding_share: winner.and_then(|(step, n)| rounding_share(&context, &upper, step, &entries[..n])),
        exact: is_exact(upper.value, lower.value),
        estimate: within(shared.estimate.get(), upper.value, lower.value),
        upper,
        lower,
        status,
        free: shared.free(),
        entries,
        double_double: context.needs_double_double(),
        searched: Effort::default(),
    })
}

fn contradiction(upper: &Bound, lower: &LowerBound) -> Error {
    let text = format!("upper {} lies below lower {}", upper.value.get(), lower.value.get());
    Error::new(Kind::Check, text)
        .at(format!("methods {} and {}", upper.method, lower.method))
        .next("this is a defect of clarke: please report the network and the command")
}

/// The winner again without what covers rounding, where that costs little of the time allowed.
fn rounding_share<B: Backend>(
    context: &Context<B>,
    upper: &Bound,
    winner: Step,
    entries: &[Entry],
) -> Option<f64> {
    let budget = &context.budget;
    let seconds: f64 = entries.iter().filter(|e| e.upper.is_some()).map(|e| e.seconds).sum();
    let value = upper.value.get();
    if context.needs_double_double()
        || !value.is_finite()
        || budget.is_over()
        || seconds > CHEAP * budget.deadline.limit().map_or(0.0, |t| t.as_secs_f64())
    {
        return None;
    }
    let plain = context.main().backend.unrounded()?;
    let again = Context::new(context.problem, &plain, budget.clone(), context.seed);
    let shared = Shared::new(&again);
    let without = shared.perform(winner, &LowerBound::NONE).ok()?.0?.value.get();
    Some(if value > 0.0 { (1.0 - without / value).max(0.0) } else { 0.0 })
}

fn record(
    entries: &mut Vec<Entry>,
    upper: &mut Bound,
    lower: &mut LowerBound,
    method: &'static str,
    started: Instant,
    found: Found,
    instead: Option<Why>,
) {
    let (why, (u, l)) = match found {
        Ok(found) => (instead, found),
        Err(why) => (Some(why), (None, None)),
    };
    entries.push(Entry {
        method,
        upper: u.as_ref().map(|b| b.value.get()),
        lower: l.as_ref().map(|b| b.value.get()),
        why,
        seconds: started.elapsed().as_secs_f64(),
    });
    if let Some(b) = u
        && b.value < upper.value
    {
        *upper = b;
    }
    if let Some(b) = l
        && b.value > lower.value
    {
        *lower = b;
    }
}
