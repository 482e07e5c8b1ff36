//! The recursive Jacobian: entry by entry from the output, as far as signs are known.
//!
//! Proves: every generalised Jacobian on the region lies in an enclosure, so ‖J‖ is at most its norm.
//! From: RecurJac (Zhang, Zhang & Hsieh 2019); here for any graph and any slope intervals, and intersected with the
//!   interval Jacobian. An open slope times an entry of one sign stays a multiple of the entry, by the end of the slope
//!   that is worse; of either sign it becomes its largest number, where `jacobian-linear` keeps a line.
//! Rounding: coefficients are numbers, what they lose goes into the constant.
//! Cost: a pass per output row, and two functionals per open neuron, entry and row where that is affordable.
//! Loose when: signs of partial Jacobians are open; never above the interval Jacobian, and exact where no slope is
//!   open.

use super::gradient::{self, Linear, Pains};
use super::jacobian;
use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::method::context::Context;
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;

/// By definite signs.
pub struct RecurJac;

impl RecurJac {
    pub const ROW: Row = Row {
        name: "recurjac",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "a pass per output and open neuron",
        paper: "Zhang et al. 2019",
        formula: "L ≤ ‖J‖ with the Jacobian's entries bounded recursively: those of one sign by the worse end of an open slope, others by numbers",
        loose: "many neurons are free: signs behind them are open. Never below `jacobian-linear` in exact arithmetic with all entries narrowed",
        slopes: "linear bounds of every neuron's argument (CROWN, optimised), interval ones where these cost too much",
        stage: Stage::NONE,
    };
}

impl<B: Backend> Method<B> for RecurJac {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        Linear.work(context)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let trace = gradient::admitted(context)?;
        let prepared = context.main();
        let plain = jacobian::by_gates(context, &prepared, &trace.gates)?;
        let mut value = plain.value;
        let found = gradient::run(context, &prepared, &trace.gates, Pains::CONSTANTS).ok_or(Why::Late)?;
        value = value.min(found.1);
        if let Some(matrix) = plain.matrix {
            value = value.min(jacobian::norm(context, &jacobian::intersect(found.0, &matrix)));
        }
        let proof = Proof::digest("recursive bounds of the Jacobian's entries");
        Ok(Bound { value, method: Self::ROW.name, proof }.into())
    }
}
