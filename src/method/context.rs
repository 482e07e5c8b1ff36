//! What methods share about one question.

pub use crate::analysis::budget::{Budget, DOUBLE_PRICE, FEATURE, pass};
use crate::analysis::crown::Statuses;
use crate::analysis::{Derived, Measured, Placed, Site};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::layer::LinearMap;
use crate::linalg::Enclosure;
use crate::method::goal::Goal;
use crate::method::layer::Effort;
use crate::num::Norm;
use crate::problem::{Problem, Quantity};
use crate::sweep::{Gate, Prepared, Trace};
use ndarray::{Axis, concatenate, s};
use std::sync::Arc;

/// The part of the time left that the norm of one layer may take.
const SHARE: f64 = 0.05;
/// The part of the time left after which only its cheapest bounds are taken.
const LAYER: f64 = 0.3;

/// What methods are given: the question, what is known of its region, and when to stop.
pub struct Context<'a, B: Backend> {
    pub problem: &'a Problem,
    pub budget: Budget,
    /// For what is found once and serves all: a method's part of the time must not make it worse for others.
    pub shared: Budget,
    pub seed: u64,
    /// What the result is wanted for.
    pub goal: Goal,
    pub placed: &'a Placed<B>,
    pub site: &'a Site<B>,
}

impl<'a, B: Backend> Context<'a, B> {
    /// `placed` holds the problem's network, `site` its region.
    pub fn new(
        problem: &'a Problem,
        (placed, site): (&'a Placed<B>, &'a Site<B>),
        budget: Budget,
        seed: u64,
    ) -> Self {
        let shared = budget.clone();
        Context { problem, budget, shared, seed, goal: Goal::from(1.0), placed, site }
    }

    /// With a question that methods may stop at once they have answered it.
    pub fn towards(self, goal: Goal) -> Self {
        Context { goal, ..self }
    }

    /// Another problem with the same means.
    pub fn instead<'p>(&self, problem: &'p Problem, at: (&'p Placed<B>, &'p Site<B>)) -> Context<'p, B> {
        let shared = self.shared.clone();
        Context { shared, ..Context::new(problem, at, self.budget.clone(), self.seed) }
    }

    pub fn backend(&self) -> &'a B {
        self.placed.backend()
    }

    /// A network whose sweeps end with the time.
    pub fn prepared<'n, C: Backend>(&self, placed: &'n Placed<C>) -> Prepared<'n, C> {
        placed.prepared(&self.budget.deadline)
    }

    /// The network on the chosen backend.
    pub fn main(&self) -> Prepared<'a, B> {
        self.prepared(self.placed)
    }

    /// The network in double-double arithmetic, for points.
    pub fn exact(&self) -> Prepared<'a, Cpu> {
        self.prepared(self.placed.exact())
    }

    /// The network in plain arithmetic, for proposals.
    pub fn sketch(&self) -> Prepared<'a, Cpu> {
        self.prepared(self.placed.sketch())
    }

    /// Interval bounds on the region.
    pub fn boxes(&self) -> Arc<Trace<B>> {
        self.site.boxes(self.placed, &self.budget)
    }

    /// Linear bounds on the region.
    pub fn linear(&self) -> Arc<Statuses<B>> {
        self.site.linear(self.placed, &self.shared)
    }

    /// Linear bounds of the network that loops and expansions are made of.
    pub fn narrow(&self) {
        match self.placed.kinks() {
            Some(kinks) => {
                let site = self.site.derived(Derived::Kinks, || self.problem.region.clone());
                site.linear(&kinks, &self.shared);
            }
            None => {
                self.linear();
            }
        }
    }

    /// Open slopes of that network, once they are known.
    pub fn open(&self) -> Option<usize> {
        let kinks = self.placed.kinks().is_some();
        let site = kinks.then(|| self.site.derived(Derived::Kinks, || self.problem.region.clone()));
        let known = site.as_deref().unwrap_or(self.site).linear_known()?;
        Some(free(self.backend(), &known.trace.gates))
    }

    /// Slopes by linear bounds: of secants where the quotient is against the centre.
    pub fn slopes(&self, known: &Statuses<B>) -> Arc<Trace<B>> {
        let anchored = self.problem.quotient.quantity == Quantity::Anchored;
        known.anchored.as_ref().filter(|_| anchored).unwrap_or(&known.trace).clone()
    }

    /// The best that was asked for of these two.
    pub fn statuses(&self) -> Arc<Trace<B>> {
        self.site.linear_known().map_or_else(|| self.boxes(), |s| self.slopes(&s))
    }

    /// Free neurons under the best statuses that were computed.
    pub fn free(&self) -> Option<usize> {
        let (site, b) = (self.site, self.backend());
        if let Some(s) = site.linear_known() {
            return Some(free(b, &s.trace.gates));
        }
        if let Some(s) = site.small_known() {
            return Some(free(&Cpu::DOUBLE_DOUBLE, &s.gates));
        }
        site.boxes_known().map(|s| free(b, &s.gates))
    }

    /// Interval bounds on the region in double-double, for tiny regions.
    pub fn small(&self) -> Arc<Trace<Cpu>> {
        self.site.small(self.placed, &self.budget)
    }

    /// Do linear bounds say more than interval ones?
    pub fn linear_counts(&self) -> bool {
        // Support functions of a point leave out its neighbourhood.
        let region = &self.problem.region;
        !region.is_global() && !region.is_point() && !self.needs_double_double()
    }

    /// The norm of a layer under scales of its rows, found once.
    pub fn layer_norm(
        &self,
        map: &LinearMap,
        scale: &[f64],
        find: impl FnOnce(Effort) -> Measured,
    ) -> Measured {
        let until = self.budget.deadline.part(LAYER);
        let work = self.budget.remaining().as_secs_f64() * SHARE * Cpu::DOUBLE.speed();
        let in_time = || {
            // A dense matrix takes about as much as its product with its transpose.
            let [short, long] = [map.inputs().min(map.outputs()), map.inputs().max(map.outputs())];
            let dense = matches!(map, LinearMap::Dense(_));
            let fits = dense && (short as f64).powi(2) * long as f64 <= work && short <= Effort::FULL.order;
            let order = if fits { short.max(Effort::UPPER.order) } else { Effort::UPPER.order };
            let effort = Effort { work: work.max(Effort::UPPER.work), order, ..Effort::UPPER };
            let found = find(effort.until(&until));
            (found, !until.is_over())
        };
        self.placed.norm((map, scale, work.max(Effort::UPPER.work)), in_time)
    }

    /// Regions so small that f64 rounding would show are computed in double-double.
    pub fn needs_double_double(&self) -> bool {
        let size =
            self.problem.region.centre().map_or(0.0, |c| c.iter().fold(0.0, |m: f64, v| m.max(v.abs())));
        self.problem.region.width() < 1e-8 * (1.0 + size)
    }

    /// Rows of a sweep that memory and a look at the clock now and then allow.
    pub fn at_once<C: Backend>(&self, backend: &C) -> usize {
        let timely = self.budget.at_once(backend, pass(&self.problem.net));
        self.budget.rows(self.widest()).min(timely)
    }

    /// What the norm of a whole Jacobian costs, in multiplications: a Gram matrix and its largest eigenvalue,
    /// but for norms of rows or columns.
    pub fn norm(&self) -> f64 {
        let q = &self.problem.quotient;
        let (rows, n) = (self.problem.rows(), self.problem.net.inputs());
        if rows == 1 || q.in_norm == Norm::One || q.out_norm == Norm::Inf {
            return (rows * n) as f64;
        }
        let (short, long) = (rows.min(n) as f64, rows.max(n) as f64);
        short * short * (long + short)
    }

    /// What proving one lower bound at a point costs, in multiplications.
    pub fn proof(&self) -> f64 {
        2.0 * DOUBLE_PRICE * pass(&self.problem.net)
    }

    /// The largest node, which decides how many rows fit into memory.
    pub fn widest(&self) -> usize {
        self.problem.net.nodes.iter().map(|n| n.len()).max().unwrap_or(1)
    }

    /// Sets the columns of constant inputs to zero.
    pub fn without_fixed(&self, rows: Enclosure) -> Enclosure {
        self.problem.without_ignored(rows)
    }
}

/// Features whose slope is not fixed.
fn free<C: Backend>(b: &C, gates: &[Option<Gate<C>>]) -> usize {
    let each = |g: &Gate<C>| match g {
        Gate::Each(s) => {
            let (lo, hi) = b.read_slopes(s);
            lo.iter().zip(&hi).filter(|(l, h)| l != h).count()
        }
        Gate::Window(_) | Gate::Softmax(_) => 0,
    };
    gates.iter().flatten().map(each).sum()
}

/// Runs `work` on slices of the rows of `seeds` and joins the results.
pub fn by_rows(
    seeds: &Enclosure,
    chunk: usize,
    mut work: impl FnMut(&Enclosure) -> Option<Enclosure>,
) -> Option<Enclosure> {
    let mut centres = vec![];
    let mut radii = vec![];
    let rows = seeds.dim().1;
    for start in (0..rows).step_by(chunk.max(1)) {
        let end = (start + chunk.max(1)).min(rows);
        let part = Enclosure {
            centre: seeds.centre.slice(s![.., start..end, ..]).to_owned(),
            radius: seeds.radius.slice(s![.., start..end, ..]).to_owned(),
        };
        let result = work(&part)?;
        centres.push(result.centre);
        radii.push(result.radius);
    }
    let join = |list: &[ndarray::Array3<f64>]| {
        concatenate(Axis(1), &list.iter().map(|a| a.view()).collect::<Vec<_>>()).expect("equal widths")
    };
    Some(Enclosure { centre: join(&centres), radius: join(&radii) })
}
