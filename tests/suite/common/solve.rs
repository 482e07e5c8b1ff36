//! One problem alone: placed, analysed and solved.

use clarke::analysis::{Budget, Placed, Site};
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::certificate::check::Claim;
use clarke::method::context::Context;
use clarke::method::goal::Goal;
use clarke::method::{Outcome, schedule};
use clarke::problem::Problem;
use std::sync::Arc;

/// A problem's network on a backend, and its region.
pub struct Here<B: Backend> {
    pub placed: Arc<Placed<B>>,
    pub site: Site<B>,
}

impl<B: Backend> Here<B> {
    pub fn new(problem: &Problem, backend: impl Into<Arc<B>>) -> Here<B> {
        Here { placed: Placed::new(problem.net.clone(), backend), site: Site::new(problem.region.clone()) }
    }

    pub fn at(&self) -> (&Placed<B>, &Site<B>) {
        (&self.placed, &self.site)
    }

    pub fn context<'h>(&'h self, problem: &'h Problem, budget: Budget) -> Context<'h, B> {
        Context::new(problem, self.at(), budget, 1)
    }
}

/// Methods and a search on the CPU.
pub fn solve(
    problem: &Problem,
    method: &str,
    goal: Goal,
    budget: Budget,
    seed: u64,
) -> clarke::Result<Outcome> {
    let here = Here::new(problem, Cpu::DOUBLE);
    let context = Context::new(problem, here.at(), budget, seed).towards(goal);
    clarke::search::solve(&context, method, &mut |_| {})
}

/// Methods alone.
pub fn methods<B: Backend>(
    problem: &Problem,
    backend: impl Into<Arc<B>>,
    method: &str,
    goal: impl Into<Goal>,
    budget: Budget,
) -> clarke::Result<Outcome> {
    let here = Here::new(problem, backend);
    let context = here.context(problem, budget).towards(goal.into());
    schedule::solve(&context, method, &mut |_, _| {})
}

pub fn certify(problem: &Problem, outcome: &Outcome, budget: &Budget) -> (Claim, Option<String>) {
    let here = Here::new(problem, Cpu::DOUBLE);
    clarke::engine::certify::certify(problem, here.at(), outcome, budget)
}
