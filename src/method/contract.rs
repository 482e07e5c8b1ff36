//! What a method is: its row, whether it applies, what its first bound costs, and how it runs.

use super::context::Context;
use super::row::Row;
use super::why::Why;
use crate::backend::Backend;
use crate::certificate::{Bound, LowerBound};
use crate::net::Net;
use crate::num::Estimate;
use crate::problem::Problem;

/// Both ends as they stand.
#[derive(Clone, Debug)]
pub struct Best {
    pub upper: Bound,
    pub lower: LowerBound,
}

/// What a method found.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    pub upper: Option<Bound>,
    pub lower: Option<LowerBound>,
    /// What it estimates of the quantity that it bounds, and under what name.
    pub estimate: Option<(Estimate, &'static str)>,
    /// Why the bound is a simpler method's, whose name it bears.
    pub instead: Option<Why>,
}

impl From<Bound> for Finding {
    fn from(bound: Bound) -> Self {
        Finding { upper: Some(bound), ..Finding::default() }
    }
}

impl From<LowerBound> for Finding {
    fn from(bound: LowerBound) -> Self {
        Finding { lower: Some(bound), ..Finding::default() }
    }
}

pub trait Method<B: Backend>: Sync {
    fn row(&self) -> &'static Row;

    /// Can it say anything about such a network?
    fn applies(&self, _: &Net) -> bool {
        true
    }

    /// Does it bound what the question asks for?
    fn answers(&self, _: &Problem) -> bool {
        true
    }

    /// Is nothing lost by the norms of the question?
    fn suits(&self, _: &Problem) -> bool {
        true
    }

    /// Multiplications of the backend to the first bound, about.
    fn work(&self, context: &Context<B>) -> f64;

    /// Improves until the context's deadline and gives what it has; it refuses for cost only where its first
    /// bound does not fit.
    fn run(&self, context: &Context<B>, best: &Best) -> Result<Finding, Why>;
}
