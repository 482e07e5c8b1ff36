//! Half-spaces in a box or ball: oracles that look for points in all of them, and what multipliers prove
//! about those that have none.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod ball;
pub mod cell;
pub mod exact;
pub mod exact_ball;
pub mod nearest;
pub mod plane;
pub mod simplex;
