//! The row of the search: `search` runs it.

use super::row::{Proves, Row, Scope, Stage};

pub const ROW: Row = Row {
    name: "exact",
    scope: Scope::Search,
    proves: Proves::Both,
    norms: "all",
    cost: "sweeps per part, until equal",
    paper: "Bhowmick et al. 2021 (LipBaB)",
    formula: "L ≤ max over parts of a cover of the region; the region is divided along kinks or inputs until the largest part meets the best witness",
    loose: "time is short: thousands of parts for some tens of free neurons; smooth functions need ever smaller boxes",
    slopes: "its own, part by part",
    stage: Stage::NONE,
};
