//! Lower bounds: anything may propose a point, the witness proves it.

pub mod ascent;
pub mod centre;
pub mod pair;
pub mod pattern;
pub mod points;
pub mod relay;
pub mod smoothed;
pub mod tie;
pub mod witness;

use crate::backend::Backend;
use crate::certificate::LowerBound;
use crate::linalg::Enclosure;
use crate::method::context::Context;
use crate::method::why::Why;
use crate::num::interval::Interval;
use ndarray::{Array3, Axis};

/// The best of two proven lower bounds.
pub fn better(a: LowerBound, b: LowerBound) -> LowerBound {
    if b.value > a.value { b } else { a }
}

/// Where nothing is steeper than what is known.
pub const NOTHING_STEEPER: Why = Why::Unproved("nothing was met that is steeper than what is known");
/// Where the region is a point.
pub const POINT: Why = Why::Unfit("the region is a single point: the Jacobian there gives both ends");

/// Where derivatives prove nothing.
pub const ANCHORED: Why =
    Why::Unfit("the anchored quotient is no derivative: only centre and pair bound it from below");

/// Does an unproven steepness promise the answer that is asked for?
pub fn promises<B: Backend>(context: &Context<B>, estimate: f64) -> bool {
    context.goal.is_decided(estimate * (1.0 - 1e-9), f64::INFINITY)
}

/// A bound, or that there is none.
fn stated(found: LowerBound) -> Result<LowerBound, Why> {
    if found.value.get() > 0.0 { Ok(found) } else { Err(NOTHING_STEEPER) }
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
        if p.estimate <= best.value.get() || context.budget.is_over() {
            break;
        }
        best = better(best, witness::prove(context, &p.x, &p.u, method));
    }
    best
}

/// What an enclosure of the whole Jacobian near a point proves.
pub fn of_matrix<B: Backend>(
    context: &Context<B>,
    x: &[f64],
    rows: &Enclosure,
    method: &'static str,
) -> LowerBound {
    let q = &context.problem.quotient;
    let item = rows.centre.index_axis(Axis(0), 0);
    let (u, _) = points::direction(item, q.in_norm, q.out_norm);
    let (count, n) = item.dim();
    let mut sum = vec![Interval::point(0.0); n];
    for i in (0..count).filter(|&i| u[i] != 0.0) {
        for (j, s) in sum.iter_mut().enumerate() {
            let entry = Interval::from_centre(rows.centre[[0, i, j]], rows.radius[[0, i, j]]);
            *s = *s + Interval::point(u[i]) * entry;
        }
    }
    let shape = |v: Vec<f64>| Array3::from_shape_vec((1, 1, n), v).expect("one row");
    let ends = Enclosure::from_bounds(
        &shape(sum.iter().map(|s| s.lo).collect()),
        &shape(sum.iter().map(|s| s.hi).collect()),
    );
    witness::evaluate(context, x, &u, &ends, method)
}
