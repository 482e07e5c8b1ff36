//! Proves: ‖W‖_2 <= sqrt(‖W‖_1 ‖W‖_∞).
//! From: Schur; ‖W‖_2² = ρ(WᵀW) <= ‖Wᵀ‖_∞ ‖W‖_∞ (Riesz-Thorin at the middle).
//! Rounding: up.
//! Cost: that of the row and column sums.
//! Loose when: signs are mixed (about sqrt(fan-in)). Exact when |W| has constant row and column sums and one sign.

use super::exact::{from_one, to_inf};
use crate::layer::map::LinearMap;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::round::sqrt_up;
use crate::num::{Norm, Upper};

pub const ROW: Row = Row {
    name: "interpolation",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "the kernel",
    paper: "Riesz-Thorin",
    formula: "‖W‖₂² ≤ ‖W‖₁ ‖W‖_∞",
    loose: "rows or columns of very different size",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub fn upper(map: &LinearMap) -> Upper {
    let root = |x: Upper| Upper::proven(sqrt_up(x.get()));
    root(from_one(map, Norm::One).1).times(root(to_inf(map, Norm::Inf).1))
}
