//! Which methods run, and in what order: cheap ones first, so that there is a pair early.

use super::context::Context;
use super::global;
use super::table::{self, Proves, Scope};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::num::Norm;
use crate::problem::Problem;

/// One method, by the slopes of the region or by those of everything: what bounds everything bounds every
/// region, and rules that are not monotone in the slopes may do better so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: &'static str,
    pub everywhere: bool,
    /// Does it get a part of the time only?
    pub brief: bool,
}

/// Methods that repeat passes: `auto` leaves them out where no time is given.
const REPEATED: [&str; 7] = ["ascent", "pattern", "pair", "scaled-gain", "lipsdp", "seqlip", "partition"];

/// Methods that are never better by slopes of everything than by the region's, where both go through.
pub const MONOTONE: [&str; 2] = ["lipsdp", "scaled-gain"];

/// Methods that use bounds of neurons' arguments where they are known.
const BY_STATUSES: [&str; 6] =
    ["product-local", "abs-subset", "combettes-pesquet", "eclipse-fast", "lipsdp", "scaled-gain"];

/// Does a method become better by statuses that linear bounds prove?
pub fn uses_statuses(name: &str) -> bool {
    BY_STATUSES.contains(&name) || name == "seqlip"
}

/// What bounds ‖J‖_2 bounds other norms by square roots of sides; these pairs need none.
fn is_two(problem: &Problem) -> bool {
    let q = &problem.quotient;
    q.in_norm != Norm::Inf && (q.out_norm != Norm::One || problem.rows() == 1)
}

fn some(names: &[&'static str], when: bool) -> Vec<Step> {
    let step = |&name| Step { name, everywhere: false, brief: false };
    if when { names.iter().map(step).collect() } else { vec![] }
}

/// The order on all of R^n.
fn globally(problem: &Problem) -> Vec<Step> {
    let two = is_two(problem);
    [
        some(&["centre", "product", "absolute-product", "abs-subset", "combettes-pesquet"], true),
        some(&["eclipse-fast"], two),
        some(&["jacobian-ibp", "ascent", "pattern"], true),
        some(&["scaled-gain"], global::gain::fits(problem)),
        some(&["lipsdp", "seqlip"], two),
        some(&["partition", "pair"], true),
    ]
    .concat()
}

/// Methods of everything, on a region: each by its slopes, then by those of everything.
fn both(names: &[&'static str]) -> Vec<Step> {
    let both = |&name| [false, true].map(|everywhere| Step { name, everywhere, brief: true });
    names.iter().flat_map(both).collect()
}

/// Those of them that are cheap, and the others.
const CHEAP: [&str; 2] = ["combettes-pesquet", "eclipse-fast"];
const DEAR: [&str; 3] = ["abs-subset", "scaled-gain", "lipsdp"];

/// The order on a region with interior.
fn locally(problem: &Problem) -> Vec<Step> {
    [
        some(&["centre", "jacobian-ibp", "product-local", "jacobian-interval"], true),
        both(&CHEAP),
        some(&["jacobian-linear"], true),
        some(&["scaled-gain"], global::gain::fits(problem)),
        some(&["product", "absolute-product", "ascent", "pattern"], true),
        both(&DEAR),
        some(&["pair"], true),
    ]
    .concat()
}

/// Everything that time and memory allow.
fn automatic<B: Backend>(context: &Context<B>) -> Vec<Step> {
    let problem = context.problem;
    let mut plan = match () {
        // At a point the Jacobian gives both ends at once where it is affordable.
        _ if problem.region.is_point() => [
            some(&["jacobian-interval", "centre", "product-local", "product", "absolute-product"], true),
            both(&CHEAP),
            both(&DEAR),
        ]
        .concat(),
        _ if context.needs_double_double() => [
            some(&["centre", "jacobian-interval", "product-local", "product", "absolute-product"], true),
            some(&["ascent"], true),
            both(&CHEAP),
            both(&DEAR),
            some(&["pair"], true),
        ]
        .concat(),
        _ if problem.region.is_global() => globally(problem),
        _ => locally(problem),
    };
    let brief = context.budget.is_brief();
    plan.retain(|step| global::applies(step.name, &problem.net) && !(brief && REPEATED.contains(&step.name)));
    plan
}

/// What `--method` asks for.
pub fn of<B: Backend>(context: &Context<B>, method: &str) -> Result<Vec<Step>> {
    if method == "auto" {
        return Ok(automatic(context));
    }
    let problem = context.problem;
    let row =
        table::find(method).filter(|r| r.scope != Scope::Search).ok_or_else(|| table::unknown(method))?;
    if row.scope == Scope::Local && problem.region.is_global() {
        return Err(Error::input(format!("method {method} needs a bounded region"))
            .at("--method")
            .next("give --input and --eps, or choose another method"));
    }
    if !global::applies(row.name, &problem.net) {
        return Err(Error::unsupported(format!("method {method} does not apply to this network"))
            .at("--method")
            .next("it needs a chain of layers with one slope per neuron: use auto or another method"));
    }
    let alone = row.proves == Proves::Lower;
    Ok([some(&["centre"], !alone), some(&[row.name], true)].concat())
}
