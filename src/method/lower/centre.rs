//! The bound at the centre (or the origin), for a first pair at once.
//!
//! Proves: the norm of a generalised Jacobian at the centre, on an open set near it.
//! From: duality of operator norms; see `witness`, and `tie` for a region that is a point.
//! Rounding: that of the witness.
//! Cost: two passes in double-double.
//! Loose when: the centre is not the steepest point. Exact for a point.

use super::{points, prove_best, tie};
use crate::backend::Backend;
use crate::certificate::LowerBound;
use crate::method::context::Context;
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;

/// One point.
pub struct Centre;

impl Centre {
    pub const ROW: Row = Row {
        name: "centre",
        scope: Scope::Any,
        proves: Proves::Lower,
        norms: "all",
        cost: "two passes",
        paper: "duality, double-double witness",
        formula: "L ≥ ‖J(c)‖ at the centre",
        loose: "the centre is not the steepest point",
        slopes: "none: points are evaluated",
        stage: Stage { everywhere: Some(0), region: Some(0), tiny: Some(0), point: Some(1), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Centre {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        context.proof()
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(first(context).into())
    }
}

fn first<B: Backend>(context: &Context<B>) -> LowerBound {
    let origin = vec![0.0; context.problem.net.inputs()];
    let x = context.problem.region.centre().unwrap_or(&origin);
    if !context.budget.affords(context.proof()) {
        return LowerBound::NONE;
    }
    if context.problem.region.is_point() {
        return tie::at_point(context, x, Centre::ROW.name);
    }
    let proposals = points::score(context, &[x.to_vec()]);
    prove_best(context, proposals, Centre::ROW.name, 1)
}
