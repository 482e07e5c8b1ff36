//! Half-spaces in a box: oracles that look for points in all of them, and what multipliers prove
//! about those that have none.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod exact;
pub mod plane;
pub mod simplex;
