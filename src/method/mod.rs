//! One file per method.

pub mod layer;
