//! Proves: ‖W‖_2² <= ‖|W|‖_2² <= max_i (|W|ᵀ|W|x)_i / x_i for any x > 0.
//! From: Schur's test (Collatz-Wielandt for the nonnegative matrix |W|ᵀ|W|); x by power steps.
//! Rounding: both products and the quotient up; x itself need not be accurate.
//! Cost: two applications of |W| per step.
//! Loose when: signs are mixed: it converges to ‖|W|‖_2, not ‖W‖_2. Exact in the limit when W >= 0.

use crate::layer::apply::{absolute, apply_up, transpose};
use crate::layer::map::LinearMap;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Upper;
use crate::num::round::{div_up, sqrt_up};
use ndarray::Array1;

pub const ROW: Row = Row {
    name: "schur",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "a few applications",
    paper: "Schur test with positive weights",
    formula: "‖W‖₂² ≤ max (|W|ᵀ|W| v / v) for positive v",
    loose: "weights have mixed signs",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub fn upper(map: &LinearMap, steps: usize) -> Upper {
    let magnitudes = absolute(map);
    let adjoint = transpose(&magnitudes);
    test(map.inputs(), steps, |x| apply_up(&adjoint, apply_up(&magnitudes, x.view()).view()))
}

/// The test for a nonnegative operator whose products `apply` rounds up; the
/// best over a few power steps from x = 1.
pub fn test(n: usize, steps: usize, apply: impl Fn(&Array1<f64>) -> Array1<f64>) -> Upper {
    let mut x = Array1::<f64>::ones(n);
    let mut best = Upper::INFINITE;
    for _ in 0..steps {
        let z = apply(&x);
        let square =
            x.iter().zip(&z).fold(Upper::proven(0.0), |m, (&x, &z)| m.max(Upper::proven(div_up(z, x))));
        best = best.min(Upper::proven(sqrt_up(square.get())));
        let top = z.iter().fold(0.0f64, |m, &v| m.max(v));
        if !(1e-200..1e200).contains(&top) {
            break;
        }
        // A floor keeps x positive; damping keeps its small entries from lagging.
        x = z.mapv(|v| (v / top).max(1e-9));
    }
    best
}
