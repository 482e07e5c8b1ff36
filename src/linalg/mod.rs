//! Matrices: enclosures of them, proofs about their norms and signs, and proposals for such proofs.

pub mod banded;
pub mod cholesky;
pub mod descent;
pub mod direction;
pub mod eigen;
pub mod enclosure;
pub mod gain;
pub mod gram;
pub mod lanczos;
pub mod operator;
mod packed;
pub mod product;
pub mod scaling;
pub mod schur;
pub mod solve;
pub mod spectral;

pub use enclosure::{Enclosure, centre_radius};
