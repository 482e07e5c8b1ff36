//! Proves: ‖W‖_{1→q} = largest column q-norm, ‖W‖_{p→∞} = largest row p*-norm; enclosures of both, also of all l1 line norms.
//! From: definitions; convolutions per border class: outputs that see the same taps have the same row (up to a shift).
//! Rounding: sums of magnitudes up and down, compensated.
//! Cost: dense O(mn); convolution O(kernel x classes), independent of the map's size but for one pass over its edges.
//! Exact when: always (an ulp or two apart).

use crate::method::row::{Proves, Row, Scope, Stage};

pub use crate::layer::lines::{Side, classes, from_one, line_sums, most_taps, to_inf};

pub const ROWS: Row = Row {
    name: "row norms",
    scope: Scope::Layer,
    proves: Proves::Both,
    norms: "p→inf",
    cost: "the kernel",
    paper: "definition, per border class",
    formula: "‖W‖_{p→∞} = the largest dual norm of a row",
    loose: "never: exact",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub const COLUMNS: Row = Row {
    name: "column norms",
    scope: Scope::Layer,
    proves: Proves::Both,
    norms: "1→q",
    cost: "the kernel",
    paper: "definition, per border class",
    formula: "‖W‖_{1→q} = the largest norm of a column",
    loose: "never: exact",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};
