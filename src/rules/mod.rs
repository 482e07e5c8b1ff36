//! What proves: bounds by lines, by what runs backward, by loops of open slopes, by exact pieces. Methods propose
//! with these rules and the checker of certificates derives with the same ones: they are trusted.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod anchor;
pub mod cut;
pub mod exact;
pub mod expansion;
pub mod feedback;
pub mod form;
pub mod fused;
pub mod gradient;
pub mod linear;
pub mod masks;
pub mod nominal;
pub mod part;
pub mod reach;
pub mod relevance;
pub mod row;
pub mod secant;
pub mod selections;
pub mod smooth;
pub mod step;
pub mod ties;
pub mod walk;
