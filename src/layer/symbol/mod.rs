//! Symbols of convolutions: their axes as banded Toeplitz matrices, Gram matrices at frequencies,
//! and where those are largest.

pub mod band;
pub mod cells;
pub mod correlation;
pub mod groups;
pub mod peaks;
pub mod twiddle;
