//! Proven bounds on how steep a neural network can be.

pub mod data;
pub mod error;
pub mod net;
pub mod num;
pub mod report;
