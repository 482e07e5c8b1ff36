//! A point that proves a lower bound.
//!
//! Proves: near x every generalised Jacobian J has ‖uᵀJ‖_{p*} >= value ‖u‖_{q*},
//!   hence ‖J‖_{p→q} >= value on an open subset of the region.
//! From: duality of operator norms; the enclosure of J over a neighbourhood of x
//!   makes an interior proof unnecessary: mignitudes hold for all of them.
//! Rounding: double-double values and products, mignitudes and norms down.
//! Cost: one value and one adjoint pass in double-double.
//! Loose when: a neuron's sign at x is open at that precision.

use crate::backend::Backend;
use crate::certificate::{LowerBound, Witness};
use crate::linalg::Enclosure;
use crate::method::context::Context;
use crate::num::Lower;
use crate::num::norms::{vector_norm_down, vector_norm_up};
use crate::num::round::div_down;
use crate::problem::Quantity;

/// Evaluates the witness (x, u); x must lie in the region.
pub fn prove<B: Backend>(context: &Context<B>, x: &[f64], u: &[f64], method: &'static str) -> LowerBound {
    let exact = &context.exact();
    let problem = context.problem;
    if !problem.region.contains(x) || !u.iter().all(|v| v.is_finite()) {
        return LowerBound::NONE;
    }
    let b = exact.backend;
    let trace = exact.values(b.upload_near(&problem.region.near(x)), None, |_| false);
    let row = b.upload(&problem.row(u));
    let g = context.without_fixed(b.read(&exact.adjoints(&trace.gates, row, |_, _| {})));
    evaluate(context, x, u, &g, method)
}

/// The lower bound that an enclosure of uᵀJ near x (one item, one row) proves.
pub fn evaluate<B: Backend>(
    context: &Context<B>,
    x: &[f64],
    u: &[f64],
    row: &Enclosure,
    method: &'static str,
) -> LowerBound {
    let quotient = &context.problem.quotient;
    let dual = quotient.in_norm.dual();
    let mig: Vec<f64> = row.mignitude().iter().copied().collect();
    let size = match quotient.quantity {
        Quantity::Lipschitz => vector_norm_down(mig.iter().copied(), dual),
        Quantity::Anchored => {
            if context.problem.region.centre() != Some(x) {
                return LowerBound::NONE;
            }
            let signs: Vec<f64> = row.centre.iter().copied().collect();
            let way = |flip: f64| {
                let open = mig.iter().enumerate().map(|(j, &m)| {
                    if context.problem.region.may_move(j, flip * signs[j] > 0.0) { m } else { 0.0 }
                });
                vector_norm_down(open, dual)
            };
            way(1.0).max(way(-1.0))
        }
    };
    let scale = vector_norm_up(u.iter().map(|v| v.abs()), quotient.out_norm.dual());
    if !(scale > 0.0 && scale.is_finite()) {
        return LowerBound::NONE;
    }
    let value = Lower::proven(div_down(size, scale));
    LowerBound { value, method, witness: Some(Witness::Piece { x: x.to_vec(), u: u.to_vec() }) }
}
