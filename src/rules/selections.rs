//! Proves: enclosures of the norms of diagonal maps, 0/1 incidences and selections, all nine pairs.
//! From: ‖diag(d)‖_{p→q} = max|d| for p <= q, else ‖d‖_r with 1/r = 1/q − 1/p; nonnegative matrices attain ∞→q at x = 1.
//! Rounding: coefficients as |hi| ± |lo| ± err, outward.
//! Cost: O(features), O(edges).
//! Loose when: 2→2 of windows that overlap irregularly (sqrt(reach x longest) at most sqrt of the smaller too large).

use crate::layer::map::{Incidence, Scale};
use crate::num::norms::{Norm, vector_norm_down, vector_norm_up};
use crate::num::round::{add_down, add_up, mul_up, sqrt_down, sqrt_up};
use crate::num::{Coefficient, Lower, Upper};

/// Both ends of |coefficient|.
fn magnitude(c: Coefficient) -> (f64, f64) {
    let rest = add_up(c.lo.abs(), c.err);
    (add_down(c.hi.abs(), -rest).max(0.0), add_up(c.hi.abs(), rest))
}

/// An upper bound of the factor's size per feature.
pub fn scale_magnitudes(scale: &Scale, features: usize) -> Vec<f64> {
    let sizes: Vec<f64> = scale.factor.iter().map(|&c| magnitude(c).1).collect();
    (0..features).map(|k| sizes[scale.index(k)]).collect()
}

/// The linear part of a scale on `features` entries.
pub fn scale_norm(scale: &Scale, features: usize, p: Norm, q: Norm) -> (Lower, Upper) {
    let norm = match (p, q) {
        _ if p <= q => Norm::Inf,
        (Norm::Inf, Norm::One) => Norm::One,
        _ => Norm::Two,
    };
    let ends = (0..features).map(|k| magnitude(scale.factor[scale.index(k)]));
    let low = vector_norm_down(ends.clone().map(|e| e.0), norm);
    (Lower::proven(low), Upper::proven(vector_norm_up(ends.map(|e| e.1), norm)))
}

/// Outputs of the window sum x ↦ S x, S a 0/1 matrix.
pub fn incidence_norm(s: &Incidence, p: Norm, q: Norm) -> (Lower, Upper) {
    let root = |x: f64| (Lower::proven(sqrt_down(x)), Upper::proven(sqrt_up(x)));
    let whole = |x: f64| (Lower::proven(x), Upper::proven(x));
    let lengths: Vec<usize> = (0..s.outputs()).map(|i| s.window(i).len()).collect();
    let mut reaches = vec![0usize; s.inputs];
    s.index.iter().for_each(|&j| reaches[j as usize] += 1);
    let (longest, reach) = (s.longest() as f64, s.reach() as f64);
    let squares = |counts: &[usize]| root(counts.iter().map(|&c| (c * c) as f64).sum());
    match (p, q) {
        (Norm::One, Norm::One) => whole(reach),
        (Norm::One, Norm::Two) => root(reach),
        (Norm::One, Norm::Inf) => whole(longest.min(1.0)),
        (Norm::Two, Norm::Inf) => root(longest),
        (Norm::Inf, Norm::Inf) => whole(longest),
        (Norm::Inf, Norm::One) => whole(s.edges() as f64),
        (Norm::Inf, Norm::Two) => squares(&lengths),
        (Norm::Two, Norm::One) => squares(&reaches),
        (Norm::Two, Norm::Two) => {
            let (edges, product) = (root(s.edges() as f64).1, root(longest * reach).1);
            (root(longest.max(reach)).0, product.min(edges))
        }
    }
}

/// Any map whose rows are convex combinations of their window's unit vectors
/// (the Jacobian of a maximum over each window).
pub fn selection_norm(s: &Incidence, p: Norm, q: Norm) -> Upper {
    let rows = (0..s.outputs()).filter(|&i| !s.window(i).is_empty()).count() as f64;
    let any = rows.min(1.0);
    let root = |x: f64| Upper::proven(sqrt_up(x));
    match (p, q) {
        (_, Norm::Inf) => Upper::proven(any),
        (Norm::One, Norm::One) => Upper::proven(s.reach() as f64),
        (_, Norm::Two) if p != Norm::Inf => root(s.reach() as f64),
        (Norm::Inf, Norm::Two) => root(rows),
        (Norm::Inf, _) => Upper::proven(rows),
        _ => {
            let through_two = Upper::proven(mul_up(sqrt_up(rows), sqrt_up(s.reach() as f64)));
            through_two.min(incidence_norm(s, Norm::Two, Norm::One).1)
        }
    }
}
