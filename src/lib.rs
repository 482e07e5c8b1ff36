//! Proven bounds on how steep a neural network can be.

pub mod backend;
pub mod certificate;
pub mod cli;
pub mod data;
pub mod error;
pub mod method;
pub mod net;
pub mod num;
pub mod ops;
pub mod problem;
pub mod region;
pub mod report;
