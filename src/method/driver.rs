//! From a problem to a proven pair: cheap methods first, the minimum of all
//! uppers, the maximum of all lowers, and the names of the winners.

use super::context::{Budget, Context, DOUBLE_PRICE, pass};
use super::global;
use super::local::{crown, gradient, ibp, jacobian, parts, product};
use super::lower::{self, ascent, pair, pattern};
use super::table::{self, Proves, Scope};
use crate::backend::Backend;
use crate::certificate::{Bound, Evidence, LowerBound};
use crate::error::{Error, Kind, Result};
use crate::num::{Estimate, Norm, Upper};
use crate::ops::{Gate, Known, Prepared, Trace};
use crate::problem::Problem;
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
    pub seconds: f64,
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub upper: Bound,
    pub lower: LowerBound,
    /// An unproven number that a method gave beside its bound, and its name.
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
}

impl<'c, 'a, B: Backend> Shared<'c, 'a, B> {
    fn new(context: &'c Context<'a, B>) -> Self {
        Shared { context, ibp: OnceCell::new(), crown: OnceCell::new(), estimate: Cell::new(None) }
    }
}

/// Part of the time limit that upper bounds may have taken for the rounding to be measured.
const CHEAP: f64 = 0.02;

/// Methods that repeat passes: `auto` leaves them out where no time is given.
const REPEATED: [&str; 7] = ["ascent", "pattern", "pair", "scaled-gain", "lipsdp", "seqlip", "partition"];

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

    fn jacobian(&self, linear: bool) -> Option<(Bound, Option<LowerBound>)> {
        let name = if linear { "jacobian-interval" } else { "jacobian-ibp" };
        let (context, problem) = (self.context, self.context.problem);
        let double = context.needs_double_double();
        let price = if double { DOUBLE_PRICE } else { 1.0 };
        let rows = problem.rows() as f64;
        let work = 2.0 * rows * price * pass(&problem.net);
        let affordable = match double {
            true => context.budget.affords(work),
            false => context.budget.affords_on(context.main().backend, work),
        };
        if !affordable {
            return None;
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
    ) -> Option<(Bound, Option<LowerBound>)> {
        let (context, problem) = (self.context, self.context.problem);
        let columns_cost = 8.0 * problem.net.inputs() as f64 * pass(&problem.net);
        // A matrix is read back in f64, which double-double sweeps must not pass through.
        let afford = |work: f64| price == 1.0 && context.budget.affords_on(prepared.backend, work);
        let prepared = &prepared.multiplied(gates, &afford);
        let mut columns = false;
        if (problem.rows() as f64) * problem.net.inputs() as f64 > ENTRIES {
            let value = parts::norm(context, prepared, gates)?;
            let (known, links) = (known.clone(), prepared.chains().links());
            let evidence = Evidence::IntervalJacobian { known, links, columns, double_double: price > 1.0 };
            return Some((Bound { value, method: name, evidence }, None));
        }
        let seeds = problem.seeds();
        let mut j = jacobian::rows(context, prepared, gates, &seeds)?;
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
        Some((Bound { value, method: name, evidence }, lower))
    }

    /// Linear propagation of the Jacobian under the best statuses at hand.
    fn gradient(&self) -> Option<(Bound, Option<LowerBound>)> {
        let (context, problem) = (self.context, self.context.problem);
        let work = 4.0 * problem.rows() as f64 * pass(&problem.net);
        let entries = problem.rows() as f64 * problem.net.inputs() as f64;
        let affordable = context.budget.affords_on(context.main().backend, work);
        if context.needs_double_double() || entries > ENTRIES || !affordable {
            return None;
        }
        let (value, known) = if self.linear_statuses() {
            let s = self.crown();
            (gradient::run(context, context.main(), &s.trace.gates)?, s.known.clone())
        } else {
            (gradient::run(context, context.main(), &self.ibp().gates)?, vec![])
        };
        let evidence = Evidence::LinearJacobian { known };
        Some((Bound { value, method: "jacobian-linear", evidence }, None))
    }

    fn product(&self, local: bool) -> Option<(Bound, Option<LowerBound>)> {
        let context = self.context;
        if !local || context.problem.region.is_global() {
            return Some((product::run::<B, B>(context, None, &vec![], "product"), None));
        }
        let bound = if context.needs_double_double() {
            let gates = &self.context.small().gates;
            product::run(context, Some((context.exact(), gates)), &vec![], "product-local")
        } else if let Some(s) = self.crown.get() {
            product::run(context, Some((context.main(), &s.trace.gates)), &s.known, "product-local")
        } else {
            let gates = &self.ibp().gates;
            product::run(context, Some((context.main(), gates)), &vec![], "product-local")
        };
        Some((bound, None))
    }

    fn run(&self, name: &str, lower: &LowerBound) -> Option<(Option<Bound>, Option<LowerBound>)> {
        let both = |(b, l): (Bound, Option<LowerBound>)| (Some(b), l);
        match name {
            "jacobian-interval" => self.jacobian(true).map(both),
            "jacobian-linear" => self.gradient().map(both),
            "jacobian-ibp" => self.jacobian(false).map(both),
            "product-local" => self.product(true).map(both),
            "product" => self.product(false).map(both),
            "ascent" => Some((None, Some(ascent::run(self.context, lower)))),
            "pattern" => Some((None, Some(pattern::run(self.context, lower)))),
            "pair" => Some((None, Some(pair::run(self.context, lower)))),
            "centre" => Some((None, Some(lower::first(self.context)))),
            name => {
                let nothing = vec![];
                let known = self.crown.get().map_or(&nothing, |s| &s.known);
                let found = global::run(self.context, name, known)?;
                if let Some(e) = found.estimate {
                    self.estimate.set(Some(e));
                }
                Some((Some(found.bound), None))
            }
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

/// The order of methods on all of R^n.
fn everywhere(problem: &Problem) -> Vec<&'static str> {
    let q = &problem.quotient;
    let mut plan = vec!["centre", "product", "absolute-product", "abs-subset", "combettes-pesquet"];
    // What bounds ‖J‖_2 bounds other norms by square roots of sides; these pairs need none.
    let two = q.in_norm != Norm::Inf && (q.out_norm != Norm::One || problem.rows() == 1);
    plan.extend(if two { &["eclipse-fast"][..] } else { &[] });
    plan.extend(["jacobian-ibp", "ascent", "pattern"]);
    plan.extend(if global::gain::fits(problem) { &["scaled-gain"][..] } else { &[] });
    plan.extend(if two { &["lipsdp", "seqlip"][..] } else { &[] });
    plan.extend(["partition", "pair"]);
    plan.retain(|name| global::applies(name, &problem.net));
    plan
}

/// Do the two ends agree to a relative 1e-9 (or are both zero)?
pub fn is_exact(upper: Upper, lower: crate::num::Lower) -> bool {
    upper.get() <= lower.get() * (1.0 + 1e-9)
}

/// Runs one method by name, or everything that time and memory allow (`auto`).
/// `progress` sees the pair and the method at work, before and after each method.
pub fn solve<B: Backend>(
    problem: &Problem,
    backend: &B,
    method: &str,
    gap: f64,
    budget: Budget,
    seed: u64,
    mut progress: impl FnMut((&Bound, &LowerBound), &'static str),
) -> Result<Outcome> {
    let context = Context::new(problem, backend, budget.clone(), seed);
    let plan: Vec<&'static str> = match method {
        // At a point the Jacobian gives both ends at once where it is affordable.
        "auto" if problem.region.is_point() => {
            vec!["jacobian-interval", "centre", "product-local", "product"]
        }
        "auto" if context.needs_double_double() => {
            vec!["centre", "jacobian-interval", "product-local", "product", "ascent", "pair"]
        }
        "auto" if problem.region.is_global() => everywhere(problem),
        "auto" => {
            let scaled = global::gain::fits(problem) && global::applies("scaled-gain", &problem.net);
            let mut plan = vec![
                "centre",
                "jacobian-ibp",
                "product-local",
                "jacobian-interval",
                "jacobian-linear",
                "scaled-gain",
                "product",
                "ascent",
                "pattern",
                "pair",
            ];
            plan.retain(|name| scaled || *name != "scaled-gain");
            plan
        }
        name => {
            let row = table::find(name).filter(|r| r.scope != Scope::Search).ok_or_else(|| unknown(name))?;
            if row.scope == Scope::Local && problem.region.is_global() {
                return Err(Error::input(format!("method {name} needs a bounded region"))
                    .at("--method")
                    .next("give --input and --eps, or choose another method"));
            }
            if !global::applies(row.name, &problem.net) {
                return Err(Error::unsupported(format!("method {name} does not apply to this network"))
                    .at("--method")
                    .next(
                        "it needs a chain of layers with one slope per neuron: use auto or another method",
                    ));
            }
            if row.proves == Proves::Lower { vec![row.name] } else { vec!["centre", row.name] }
        }
    };
    let mut plan = plan;
    plan.retain(|name| method != "auto" || !budget.is_brief() || !REPEATED.contains(name));
    let shared = Shared::new(&context);
    let nothing = Evidence::Digest("no statement".into());
    let mut upper = Bound { value: Upper::INFINITE, method: "none", evidence: nothing };
    let mut lower = LowerBound::NONE;
    let mut entries = vec![];
    let mut closed = None;
    for name in plan {
        if budget.is_over() {
            break;
        }
        let started = Instant::now();
        progress((&upper, &lower), name);
        if let Some(found) = shared.run(name, &lower) {
            record(&mut entries, &mut upper, &mut lower, name, started, found);
            progress((&upper, &lower), name);
        }
        if upper.value.get() < lower.value.get() {
            return Err(Error::new(
                Kind::Check,
                format!("upper {} lies below lower {}", upper.value.get(), lower.value.get()),
            )
            .at(format!("methods {} and {}", upper.method, lower.method))
            .next("this is a defect of clarke: please report the network and the command"));
        }
        if is_exact(upper.value, lower.value) {
            closed = Some(Status::Exact);
            break;
        }
        if method == "auto" && upper.value.get() <= gap * lower.value.get() {
            closed = Some(Status::Gap);
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
        rounding_share: rounding_share(&context, &upper, &entries),
        exact: is_exact(upper.value, lower.value),
        upper,
        lower,
        status,
        free: shared.free(),
        estimate: shared.estimate.get(),
        entries,
        double_double: context.needs_double_double(),
        searched: Effort::default(),
    })
}

/// The winner again without what covers rounding, where that costs little of the time allowed.
fn rounding_share<B: Backend>(context: &Context<B>, upper: &Bound, entries: &[Entry]) -> Option<f64> {
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
    let without = shared.run(upper.method, &LowerBound::NONE)?.0?.value.get();
    Some(if value > 0.0 { (1.0 - without / value).max(0.0) } else { 0.0 })
}

fn record(
    entries: &mut Vec<Entry>,
    upper: &mut Bound,
    lower: &mut LowerBound,
    method: &'static str,
    started: Instant,
    (u, l): (Option<Bound>, Option<LowerBound>),
) {
    entries.push(Entry {
        method,
        upper: u.as_ref().map(|b| b.value.get()),
        lower: l.as_ref().map(|b| b.value.get()),
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

fn unknown(name: &str) -> Error {
    let names: Vec<&str> =
        table::METHODS.iter().filter(|r| r.scope != Scope::Layer).map(|r| r.name).collect();
    Error::input(format!("there is no method {name:?}"))
        .at("--method")
        .next(format!("use auto or one of: {}", names.join(", ")))
}
