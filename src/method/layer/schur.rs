//! Proves: ‖W‖_2² <= ‖|W|‖_2² <= max_i (|W|ᵀ|W|x)_i / x_i for any x > 0.
//! From: Schur's test (Collatz-Wielandt for the nonnegative matrix |W|ᵀ|W|); x by power steps.
//! Rounding: both products and the quotient up; x itself need not be accurate.
//! Cost: two applications of |W| per step.
//! Loose when: signs are mixed: it converges to ‖|W|‖_2, not ‖W‖_2. Exact in the limit when W >= 0.

use crate::layer::apply::{absolute, apply_up, transpose};
use crate::layer::map::LinearMap;
use crate::linalg::schur::test;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Upper;

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
