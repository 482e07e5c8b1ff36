//! Proves: ‖W‖_2 <= ‖W‖_F.
//! From: the singular values' squares sum to ‖W‖_F²; a convolution counts how often every tap meets the map.
//! Rounding: up.
//! Cost: O(mn) dense, O(kernel) for convolutions.
//! Loose when: the spectrum is flat (sqrt(rank)). Exact when rank one.

use super::exact::{Side, classes};
use crate::layer::map::LinearMap;
use crate::linalg::gram::frobenius_up;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Upper;
use crate::num::norms::{Norm, vector_norm_up};
use crate::num::round::{mul_up, sqrt_up};

pub const ROW: Row = Row {
    name: "frobenius",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "the kernel",
    paper: "definition",
    formula: "‖W‖₂² ≤ Σ w²",
    loose: "the rank is high",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub fn upper(map: &LinearMap) -> Upper {
    let (shape, weight) = match map {
        LinearMap::Dense(w) => return Upper::proven(frobenius_up(w.view())),
        LinearMap::Conv { shape, weight, .. } => (shape, weight),
    };
    let uses = |axis: usize| {
        let mut uses = vec![0usize; shape.kernel[axis]];
        for class in classes(shape, axis, Side::Rows) {
            class.taps.iter().for_each(|&t| uses[t] += class.count);
        }
        uses
    };
    let (ys, xs) = (uses(0), uses(1));
    let parts: Vec<f64> = (0..shape.taps())
        .map(|t| {
            let count = ys[t / shape.kernel[1]] * xs[t % shape.kernel[1]];
            let channels = weight.iter().skip(t).step_by(shape.taps()).map(|w| w.abs());
            mul_up(vector_norm_up(channels, Norm::Two), sqrt_up(count as f64))
        })
        .collect();
    Upper::proven(vector_norm_up(parts, Norm::Two))
}
