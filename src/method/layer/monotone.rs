//! Proves: ‖W‖_{∞→1} <= Σ|w|, ‖W‖_{∞→2} <= ‖row l1 norms‖_2, ‖W‖_{2→1} <= ‖column l1 norms‖_2; equal where W >= 0 or W <= 0.
//! From: triangle inequality; at equality x = 1 (or the column sums) attains the norm.
//! Rounding: up, for the lower end down.
//! Cost: O(mn) dense, O(kernel x border classes) for convolutions.
//! Loose when: signs are mixed: up to a factor sqrt(n). Exact when one sign.

use super::exact::{Side, line_sums};
use crate::layer::map::LinearMap;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::norms::{Norm, vector_norm_down, vector_norm_up};
use crate::num::round::{mul_down, mul_up, sqrt_down, sqrt_up};
use crate::num::{Lower, Upper};

pub const ROW: Row = Row {
    name: "monotone",
    scope: Scope::Layer,
    proves: Proves::Both,
    norms: "inf→1, inf→2, 2→1",
    cost: "the kernel",
    paper: "norms are monotone in |W|",
    formula: "‖W‖ ≤ ‖ |W| ‖ between norms that magnitudes bound",
    loose: "weights have mixed signs",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Enclosure of the norm of |W| for the three pairs; the lower end is 0 unless W has one sign.
pub fn mixed(map: &LinearMap, p: Norm, q: Norm) -> (Lower, Upper) {
    let (side, norm) = match (p, q) {
        (Norm::Inf, Norm::One) => (Side::Rows, Norm::One),
        (Norm::Inf, Norm::Two) => (Side::Rows, Norm::Two),
        (Norm::Two, Norm::One) => (Side::Columns, Norm::Two),
        _ => return (Lower::ZERO, Upper::INFINITE),
    };
    let lines = line_sums(map, side);
    let times = |count: usize, up: bool| match (norm, up) {
        (Norm::One, _) => count as f64,
        (_, true) => sqrt_up(count as f64),
        (_, false) => sqrt_down(count as f64),
    };
    let high = lines.iter().map(|&((_, up), count)| mul_up(up, times(count, true)));
    let high = Upper::proven(vector_norm_up(high, norm));
    let weights = map.weights();
    if weights.iter().all(|&w| w >= 0.0) || weights.iter().all(|&w| w <= 0.0) {
        let low = lines.iter().map(|&((down, _), count)| mul_down(down, times(count, false)));
        return (Lower::proven(vector_norm_down(low, norm)), high);
    }
    (Lower::ZERO, high)
}
