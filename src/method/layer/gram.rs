//! Proves: ‖W‖_2 <= the reported number, for dense maps and convolutions small enough to write out.
//! From: Gram iteration (Delattre et al. 2023) or one verified Cholesky of λI − WᵀW; see linalg::spectral.
//! Rounding: Frobenius norms of the rounding errors of every product are carried to the end.
//! Cost: order² x longer side + order³/3, order = the shorter side; groups apart.
//! Loose when: never by more than about 1e-9 (1e-6 for orders in the thousands).

use crate::layer::apply::materialise;
use crate::layer::map::{ConvShape, LinearMap};
use crate::linalg::spectral::spectral_upper;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Upper;
use std::sync::Arc;

pub const ROW: Row = Row {
    name: "gram",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "squarings",
    paper: "Delattre et al. 2023; verified Cholesky above order 24",
    formula: "‖W‖₂ ≤ tr((WᵀW)^(2^k))^(1/2^(k+1)), or a verified Cholesky factorisation",
    loose: "never by much: 1e-6 or so",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Entries of the largest matrix that is written out.
const ENTRIES: usize = 1 << 24;

/// Orders of convolutions up to which writing them out is the least work.
const WRITTEN: usize = 256;

/// Is the map written out rather than bounded through its symbol?
pub fn is_small(map: &LinearMap, order: usize) -> bool {
    let LinearMap::Conv { shape, .. } = map else { return true };
    let sides = [shape.input_len() / shape.groups, shape.output_len() / shape.groups];
    sides[0].min(sides[1]) <= order.min(WRITTEN) && sides[0].saturating_mul(sides[1]) <= ENTRIES
}

/// Infinite if the shorter side (of one group) exceeds `order`.
pub fn upper(map: &LinearMap, order: usize) -> Upper {
    let (shape, weight) = match map {
        LinearMap::Dense(w) if w.nrows().min(w.ncols()) <= order => return spectral_upper(w.view()),
        LinearMap::Dense(_) => return Upper::INFINITE,
        LinearMap::Conv { shape, weight, .. } => (shape, weight),
    };
    let one = ConvShape {
        groups: 1,
        in_channels: shape.in_channels / shape.groups,
        out_channels: shape.out_channels / shape.groups,
        ..*shape
    };
    let sides = (one.input_len(), one.output_len());
    if sides.0.min(sides.1) > order || sides.0.saturating_mul(sides.1) > ENTRIES {
        return Upper::INFINITE;
    }
    let size = weight.len() / shape.groups;
    (0..shape.groups)
        .map(|g| {
            let weight = Arc::new(weight[g * size..(g + 1) * size].to_vec());
            spectral_upper(materialise(&LinearMap::Conv { shape: one, weight, adjoint: false }).view())
        })
        .fold(Upper::proven(0.0), Upper::max)
}
