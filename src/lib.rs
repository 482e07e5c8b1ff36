//! Proven bounds on how steep a neural network can be.

pub mod error;
pub mod method;
pub mod net;
pub mod num;
