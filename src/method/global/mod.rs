//! Methods for all of R^n. Those that only look at slopes hold on a bounded
//! region too, with the slopes of that region.

pub mod abs_subset;
pub mod absolute;
pub mod barrier;
pub mod blocks;
pub mod cuts;
pub mod eclipse;
pub mod expansion;
pub mod layers;
pub mod lipsdp;

use crate::backend::Backend;
use crate::certificate::Bound;
use crate::method::context::Context;
use crate::net::Net;
use crate::ops::Known;

/// Can this method say anything about such a network?
pub fn applies(name: &str, net: &Net) -> bool {
    match name {
        "abs-subset" | "combettes-pesquet" => expansion::applies(net),
        "eclipse-fast" | "lipsdp" | "seqlip" => layers::activations(net).is_some(),
        _ => true,
    }
}

/// One of these methods by name, with bounds of the nodes' values.
pub fn run<B: Backend>(context: &Context<B>, name: &str, known: &Known) -> Option<Bound> {
    let backend = context.main().backend;
    match name {
        "absolute-product" => absolute::run(context, backend),
        "abs-subset" | "combettes-pesquet" => {
            let net = expansion::network(&context.problem.net);
            let nothing = vec![];
            let same = matches!(net, std::borrow::Cow::Borrowed(_));
            let e = expansion::Expansion::new(context, backend, &net, if same { known } else { &nothing })?;
            if !context.budget.affords_on(backend, e.work()) {
                return None;
            }
            if name == "abs-subset" { abs_subset::run(context, &e) } else { cuts::run(context, &e) }
        }
        "eclipse-fast" | "lipsdp" => {
            let layers = layers::Layers::new(context, backend, known)?;
            if name == "lipsdp" { lipsdp::run(context, &layers) } else { eclipse::run(context, &layers) }
        }
        _ => None,
    }
}
