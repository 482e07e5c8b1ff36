//! Polynomials on the cube [-1, 1]^n without squares of variables, and what bounds them from above.
//!
//! A solver proposes multipliers; what they prove is computed here with rounding outward, whoever proposed them.

mod bound;
mod cube;
mod pattern;
mod program;

pub use bound::proven;
pub use cube::{Monomial, Polynomial};
pub use pattern::{Cliques, Family};
pub use program::{Program, Proposal};
