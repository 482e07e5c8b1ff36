//! Products and sums of layer norms along the graph.
//!
//! Proves: ‖∂node/∂x‖_{p→r} for r = 1, 2, inf at every node, hence ‖J‖_{p→q}.
//! From: AutoLip (Scaman & Virmaux 2018) on graphs; on a region neurons that are
//!   fixed leave the matrices (Huang et al. 2021): the factor of a layer is
//!   ‖diag(max|slope|) W restricted to live inputs‖, magnitudes once, masks on
//!   both sides; runs through neurons that are all fixed are one layer, and a scale
//!   (batch-norm) right behind a layer belongs to its factor.
//! Rounding: all norms, products, sums and roots up.
//! Cost: the layer norms, each once.
//! Loose when: deep, or norms of neighbouring layers do not align.

use super::norms::Found;
use crate::backend::Backend;
use crate::certificate::proof::Source;
use crate::certificate::{Bound, Proof};
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::{Norm, Upper};
use crate::problem::{Output, Problem, Question};
use crate::rules::walk::{Factor, State, Walk, magnitudes, place};
use crate::sweep::{Chains, Gate, Link, Prepared};

/// Multiplications for every weight that the norm of a layer takes, about.
const NORMS: f64 = 100.0;

/// Norms of layers, of links as one layer.
#[derive(Clone, Debug, Default)]
pub struct Layered {
    pub factors: Vec<Factor>,
    pub links: Vec<Link>,
}

/// Inputs that are no constants.
pub fn moving(problem: &Problem) -> Vec<bool> {
    (0..problem.net.inputs()).map(|j| !problem.region.is_fixed(j)).collect()
}

/// The bound for the measured output; without gates it is the global product.
pub fn run<B: Backend, C: Backend>(
    context: &Context<C>,
    local: Option<(&Prepared<B>, &[Option<Gate<B>>])>,
    method: &'static str,
) -> Bound {
    let out = context.problem.quotient.out_norm;
    let (values, Layered { factors, links }) = norms(context, local);
    let slopes = if local.is_some() { Source::Region } else { Source::Anywhere };
    let proof = Proof::Norms { slopes, links, factors };
    Bound { value: values[place(out)], method, proof }
}

/// The same for every norm of the output, in the order of `Norm::ALL`.
pub fn norms<B: Backend, C: Backend>(
    context: &Context<C>,
    local: Option<(&Prepared<B>, &[Option<Gate<B>>])>,
) -> ([Upper; 3], Layered) {
    let quotient = &context.problem.quotient;
    let narrow = context.problem.narrowed();
    let net = narrow.as_ref().unwrap_or(&context.problem.net);
    let found = Found::new(context);
    let (last, links) = walked(context, local, (net, &found), |_, last, chains| (last, chains.links()));
    let Some(last) = last else { return ([Upper::INFINITE; 3], Layered::default()) };
    let output = if narrow.is_some() { Output::All } else { quotient.output };
    let values = Norm::ALL.map(|r| output.bound(last.norm, r));
    (values, Layered { factors: found.factors(), links })
}

/// ‖∂node/∂x‖_{p→2} of the problem's own nodes, where they are known.
pub fn lengths<B: Backend, C: Backend>(
    context: &Context<C>,
    local: Option<(&Prepared<B>, &[Option<Gate<B>>])>,
) -> Vec<Option<Upper>> {
    let net = &context.problem.net;
    let count = net.nodes.len();
    walked(context, local, (net, &Found::new(context)), |walk, last, _| match last {
        Some(_) => (0..count).map(|k| walk.length(k)).collect(),
        None => vec![None; count],
    })
}

/// The graph walked along, by whatever wants to look at it then.
fn walked<B: Backend, C: Backend, R>(
    context: &Context<C>,
    local: Option<(&Prepared<B>, &[Option<Gate<B>>])>,
    (net, norms): (&Net, &Found<C>),
    look: impl FnOnce(&Walk<B>, Option<State>, &Chains<B>) -> R,
) -> R {
    let merged = local.map(|(prepared, gates)| {
        let afford = |work: f64| context.budget.affords_on(prepared.backend, work);
        prepared.ending_as(net).multiplied(gates, &afford).chains().clone()
    });
    let chains = &merged.unwrap_or_else(Chains::none);
    let gates = local.map(|(prepared, gates)| (prepared.backend, gates));
    let slopes = |k: usize, _: &dyn Fn() -> Vec<f64>| magnitudes(net, k, gates);
    let Question { in_norm, .. } = context.problem.quotient;
    let mut walk = Walk::new((net, chains), (in_norm, moving(context.problem)), &slopes, norms);
    let last = walk.run();
    look(&walk, last, chains)
}

/// Norms of whole layers.
pub struct Product;

impl Product {
    pub const ROW: Row = Row {
        name: "product",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "layer norms",
        paper: "Scaman & Virmaux 2018 (AutoLip)",
        formula: "L ≤ Π ‖W_k‖ over layers, sums over branches",
        loose: "deep: layer norms multiply",
        slopes: "the slopes of the activations, whatever the region",
        stage: Stage { everywhere: Some(1), region: Some(8), tiny: Some(3), point: Some(3), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Product {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        NORMS * net.parameters() as f64 + pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(run::<B, B>(context, None, Self::ROW.name).into())
    }
}

/// Norms of layers without what is fixed.
pub struct Local;

impl Local {
    pub const ROW: Row = Row {
        name: "product-local",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "layer norms",
        paper: "Huang et al. 2021",
        formula: "L ≤ Π ‖D_k W_k‖ over layers, rows and columns of neurons that are off left out",
        loose: "deep: layer norms multiply. Equal to `product` where no neuron is fixed off",
        slopes: "linear bounds where it is named alone; in `auto` interval ones, then linear ones where there is time",
        stage: Stage {
            region: Some(2),
            tiny: Some(2),
            point: Some(2),
            statuses: true,
            refined: true,
            ..Stage::NONE
        },
    };
}

impl<B: Backend> Method<B> for Local {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        NORMS * net.parameters() as f64 + pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let name = Self::ROW.name;
        if context.problem.region.is_global() {
            let why = Why::Unfit("no neuron is fixed on all of R^n");
            return Ok(Finding {
                instead: Some(why),
                ..run::<B, B>(context, None, Product::ROW.name).into()
            });
        }
        Ok(if context.needs_double_double() {
            run(context, Some((&context.exact(), &context.small().gates)), name)
        } else {
            run(context, Some((&context.main(), &context.statuses().gates)), name)
        }
        .into())
    }
}
