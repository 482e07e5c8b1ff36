//! Lower bounds: anything may propose a point, the witness proves it.

pub mod ascent;
pub mod points;
pub mod witness;

use crate::backend::Backend;
use crate::certificate::LowerBound;
use crate::method::context::Context;

/// The best of two proven lower bounds.
pub fn better(a: LowerBound, b: LowerBound) -> LowerBound {
    if b.value > a.value { b } else { a }
}

/// The bound at the centre (or the origin), for a first pair at once.
pub fn first<B: Backend>(context: &Context<B>) -> LowerBound {
    let origin = vec![0.0; context.problem.net.inputs()];
    let x = context.problem.region.centre().unwrap_or(&origin);
    let proposals = points::score(context, &[x.to_vec()]);
    prove_best(context, proposals, "centre", 1)
}

/// Proves the most promising proposals and keeps the best result.
pub fn prove_best<B: Backend>(
    context: &Context<B>,
    mut proposals: Vec<points::Proposal>,
    method: &'static str,
    count: usize,
) -> LowerBound {
    proposals.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
    let mut best = LowerBound::NONE;
    for p in proposals.iter().take(count) {
        if p.estimate <= best.value.get() || context.budget.interrupted() {
            break;
        }
        best = better(best, witness::prove(context, &p.x, &p.u, method));
    }
    best
}
