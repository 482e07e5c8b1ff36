//! The norm of the Jacobian as a polynomial in slopes, bounded by linear programs.
//!
//! Proves: L <= max over open slopes, signs of inputs and of outputs of the polynomials of `paths`, each bounded by
//!   what multipliers of products of factors prove of it.
//! From: Latorre et al. 2020 (LiPopt); here on any graph, around the middles of slopes, with decided
//!   neurons multiplied out, for all norms, and for more factors than the polynomial has.
//! Rounding: as in `paths` and `hierarchy`: nothing of the linear programs is trusted.
//! Cost: a term per path from an input to an output through open neurons; a linear program per row or column.
//! Loose when: the largest choice of slopes is met by no point, or products have too few factors. Exact over slopes,
//!   but from 2 to 2, when they have as many as the cliques of neurons that share paths.

use super::NO_SLOPES;
use super::expansion::{Around, applies};
use super::hierarchy::{self, Found};
use super::paths::{self, Goal};
use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::method::context::{Budget, Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::Upper;
use crate::num::round::sqrt_up;
use crate::rules::feedback::{Feedback, Size};

/// What an entry of the loop of open slopes takes: bytes, and multiplications until all of its paths are counted.
const BYTES: f64 = 32.0;
const ENTRY: f64 = 100.0;
const UNBOUNDED: Why = Why::Unproved("a slope or a weight has no finite bound");

impl Goal {
    /// From the polynomial's values to the norm, and back; both upward.
    fn norm(&self, value: f64) -> f64 {
        match () {
            _ if value.is_nan() => f64::INFINITY,
            _ if self.square => sqrt_up(value.max(0.0)),
            _ => value.max(0.0),
        }
    }

    fn value(&self, norm: f64) -> f64 {
        if self.square { norm * norm } else { norm }
    }
}

/// What is to be maximised on the region.
pub fn goals<B: Backend>(context: &Context<B>) -> Result<Vec<Goal>, Why> {
    let problem = context.problem;
    let own = context.placed.kinks();
    if !applies(own.as_ref().map_or(&problem.net, |placed| placed.net())) {
        return Err(NO_SLOPES);
    }
    let Around { prepared, gates } = Around::new(context, own.as_deref()).ok_or(NO_SLOPES)?;
    let mut refused = Ok(());
    let allowed = |size: Size| {
        let entries = size.entries() as f64;
        let fits = context.budget.holds((BYTES * entries) as u64);
        let admitted = |()| context.budget.admits(context.backend(), size.passes + ENTRY * entries);
        refused = fits.and_then(admitted);
        refused.is_ok()
    };
    let f = Feedback::new(&prepared, gates, &problem.seeds(), |j| !problem.is_ignored(j), allowed);
    refused?;
    paths::goals(problem, &f.ok_or(NO_SLOPES)?, &context.budget)
}

/// The largest of all goals: the steepest first, until the others are known to lie below.
fn largest(goals: Vec<Goal>, budget: &Budget, enough: f64) -> Result<f64, Why> {
    let simple = |g: Goal| {
        let found = Found::simple(&g.polynomial, budget);
        (g, found)
    };
    let mut open: Vec<(Goal, Found)> = goals.into_iter().map(simple).collect();
    open.sort_by(|a, b| b.0.norm(b.1.upper).total_cmp(&a.0.norm(a.1.upper)));
    // What one vertex attains no bound of another goal need go below.
    let attained = |open: &[(Goal, Found)]| open.iter().fold(enough, |m, (g, f)| m.max(g.norm(f.vertex)));
    let count = open.len();
    for k in 0..count {
        let least = attained(&open);
        let (goal, found) = &mut open[k];
        if goal.norm(found.upper) <= least {
            continue;
        }
        let own = budget.part(1.0 / (count - k) as f64);
        match hierarchy::bound(&goal.polynomial, &own, goal.value(least)) {
            Ok(better) => *found = Found { upper: better.upper.min(found.upper), ..better },
            Err(why) if k == 0 => return Err(why),
            Err(_) => {}
        }
    }
    Ok(open.iter().fold(0.0, |m, (g, f)| m.max(g.norm(f.upper))))
}

pub struct LipOpt;

impl LipOpt {
    pub const ROW: Row = Row {
        name: "lipopt",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "a term per path, linear programs",
        paper: "Latorre et al. 2020 (LiPopt)",
        formula: "L ≤ max over slopes and signs of Σ over paths of t_i Π weights Π slopes, by Krivine's certificates",
        loose: "the largest choice of slopes is met by no point; from 2 to 2, where it is the Frobenius norm. Tens of open neurons at most",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation",
        stage: Stage { statuses: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for LipOpt {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn applies(&self, net: &Net) -> bool {
        applies(net)
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let problem = context.problem;
        let neurons = context.open().unwrap_or(problem.net.neurons());
        (0.5 * neurons as f64 + problem.rows() as f64) * pass(&problem.net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let value = largest(goals(context)?, &context.budget, context.goal.enough())?;
        if !value.is_finite() {
            return Err(context.budget.late_or(UNBOUNDED));
        }
        let proof = Proof::digest("products of factors that bound a polynomial");
        Ok(Bound { value: Upper::proven(value), method: Self::ROW.name, proof }.into())
    }
}
