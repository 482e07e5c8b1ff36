//! What several test files share.
#![allow(dead_code)]

pub mod containment;
pub mod data;
pub mod exact;
