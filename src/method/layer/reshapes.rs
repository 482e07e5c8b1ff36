//! Proves: ‖W‖_2² <= (taps met per place) x (spectral norm of a reshaped kernel)², minimum of four reshapes.
//! From: Singla & Feizi 2021 (fantastic four), re-proved here for zero padding, stride, dilation and groups.
//! Rounding: spectral norms proven (linalg::spectral), not power iteration; products up.
//! Cost: four dense spectral norms of order about channels x kernel side, per group and stride phase.
//! Loose when: generic kernels (about 1.3-2x). Exact when the kernel is 1x1, or one reshape has rank one and constant sign.
//! The proof stands with `layer::reshapes`.

use crate::method::row::{Proves, Row, Scope, Stage};

pub use crate::layer::reshapes::upper;

pub const ROW: Row = Row {
    name: "reshapes",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "four small norms",
    paper: "Singla & Feizi 2021",
    formula: "‖W‖₂ ≤ √(kernel size) · the least norm of four reshaped kernels",
    loose: "large kernels",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};
