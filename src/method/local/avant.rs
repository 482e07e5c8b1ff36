//! The product of layer norms by slopes of secants from the centre.
//!
//! Proves: |f(x) − f(c)| <= bound |x − c| for every x of a region around its centre c.
//! From: Avant & Morgansen 2023 in l2: where what a layer reads is within ε of its value at c, the argument z_j
//!   is within ε ‖row j of W D‖_2 of its own; the secant of its function up to there scales row j, rows whose
//!   function stays constant leave D, and ε grows by ‖diag(secants) W D‖ to the next layer. Here on any graph,
//!   by every norm that `walk` follows, for every function of one number, with norms that are proven.
//! Rounding: values at the centre are enclosures, everything else is rounded up.
//! Cost: the layer norms, and W² applied once for every layer.
//! Loose when: deep; derivatives anywhere but from the centre are not bounded.

use super::norms::Found;
use super::product::moving;
use crate::backend::Backend;
use crate::certificate::proof::Source;
use crate::certificate::{Bound, Proof};
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::problem::{Output, Problem, Quantity};
use crate::rules::anchor::Anchor;
use crate::rules::walk::{Slopes, Walk};
use crate::sweep::Chains;

/// Multiplications for every weight that the norm of a layer takes, about.
const NORMS: f64 = 100.0;

fn run<B: Backend>(context: &Context<B>) -> Result<Bound, Why> {
    let problem = context.problem;
    let prepared = context.main();
    let start = problem.quotient.in_norm;
    let around = Anchor::new(&prepared, &problem.region, start).ok_or(CENTRE)?;
    if prepared.is_late() {
        return Err(Why::Late);
    }
    let narrow = problem.narrowed();
    let net = narrow.as_ref().unwrap_or(&problem.net);
    let slopes = |k: usize, rows: &dyn Fn() -> Vec<f64>| around.steepest(net, k, rows());
    let chains = Chains::<B>::none();
    let found = Found::new(context);
    let walk = Walk::new((net, &chains), (start, moving(problem)), &slopes as &Slopes, &found).run();
    let output = if narrow.is_some() { Output::All } else { problem.quotient.output };
    let value = output.bound(walk.ok_or(Why::Late)?.norm, problem.quotient.out_norm);
    let proof = Proof::Norms { slopes: Source::Secants, links: vec![], factors: found.factors() };
    Ok(Bound { value, method: Avant::ROW.name, proof })
}

const CENTRE: Why = Why::Unfit("it bounds the quotient against the centre of a region: --quantity anchored");

/// The same as a method.
pub struct Avant;

impl Avant {
    pub const ROW: Row = Row {
        name: "avant",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "layer norms",
        paper: "Avant & Morgansen 2023",
        formula: "|f(x) − f(c)| ≤ Π ‖diag(r_k) W_k D_k‖ |x − c|, r the secants from the centre c as far as the product before reaches",
        loose: "deep: layer norms multiply; for `--quantity anchored` only",
        slopes: "secants from the values at the centre",
        stage: Stage { region: Some(2), tiny: Some(2), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Avant {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn answers(&self, problem: &Problem) -> bool {
        problem.quotient.quantity == Quantity::Anchored && !problem.region.is_point()
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        NORMS * net.parameters() as f64 + 2.0 * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        if !Method::<B>::answers(self, context.problem) {
            return Err(CENTRE);
        }
        Ok(run(context)?.into())
    }
}
