//! Methods for all of R^n. Those that only look at slopes hold on a bounded
//! region too, with the slopes of that region.

pub mod abs_subset;
pub mod absolute;
pub mod barrier;
pub mod blocks;
pub mod cuts;
pub mod eclipse;
pub mod expansion;
pub mod gain;
pub mod layers;
pub mod lipsdp;
pub mod partition;
pub mod seqlip;
pub mod vertices;

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::Bound;
use crate::method::context::Context;
use crate::method::why::Why;
use crate::net::Net;
use crate::num::Estimate;
use crate::ops::Known;

/// Can this method say anything about such a network?
pub fn applies(name: &str, net: &Net) -> bool {
    match name {
        "abs-subset" | "combettes-pesquet" | "scaled-gain" => expansion::applies(net),
        "eclipse-fast" | "lipsdp" | "seqlip" => layers::activations(net).is_some(),
        _ => true,
    }
}

/// An upper bound, and what a method estimates of the quantity that it bounds.
pub struct Found {
    pub bound: Bound,
    pub estimate: Option<(Estimate, &'static str)>,
    /// Why the bound is a simpler method's, whose name it bears.
    pub instead: Option<Why>,
}

impl From<Bound> for Found {
    fn from(bound: Bound) -> Self {
        Found { bound, estimate: None, instead: None }
    }
}

/// Of networks with a softmax, or a maximum too wide for a tree.
pub const NO_SLOPES: Why =
    Why::Unfit("a node has no slope per feature (a softmax, or maxima that are no trees)");

/// One of these methods by name, with bounds of the nodes' values.
pub fn run<B: Backend>(context: &Context<B>, name: &str, known: &Known) -> Result<Found, Why> {
    let backend = context.main().backend;
    Ok(match name {
        "absolute-product" => absolute::run(context, backend)?.into(),
        "partition" => partition::run(context)?.into(),
        "scaled-gain" => gain::run(context, known)?.into(),
        "abs-subset" | "combettes-pesquet" => {
            let net = expansion::network(&context.problem.net);
            let nothing = vec![];
            let same = matches!(net, std::borrow::Cow::Borrowed(_));
            let prepared = context.prepared(&net, backend);
            let e = expansion::Expansion::new(context, &prepared, if same { known } else { &nothing })
                .ok_or(NO_SLOPES)?;
            context.budget.admits(backend, e.work())?;
            if name == "abs-subset" {
                abs_subset::run(context, &e).ok_or(Why::Late)?.into()
            } else {
                context.budget.admits(&Cpu::DOUBLE, e.norms())?;
                cuts::run(context, &e)?.into()
            }
        }
        "eclipse-fast" | "lipsdp" | "seqlip" => {
            let layers = layers::Layers::new(context, backend, known)?;
            match name {
                "eclipse-fast" => eclipse::run(context, &layers)?.into(),
                "lipsdp" => lipsdp::run(context, &layers)?,
                _ => seqlip::run(context, &layers)?,
            }
        }
        _ => return Err(Why::Unfit("it is no method of a whole network")),
    })
}
