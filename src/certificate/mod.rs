//! Proofs as plain data: what a proven number rests on, written to files and checked again.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod check;
pub mod file;
mod fractions;
pub mod proof;
pub mod tree;
mod written;

use crate::num::rational::Rational;
use crate::num::{Lower, Upper};
pub use proof::Proof;
use serde::{Deserialize, Serialize};
pub use tree::Tree;

/// An upper bound with its proof.
#[derive(Clone, Debug)]
pub struct Bound {
    pub value: Upper,
    pub method: &'static str,
    pub proof: Proof,
}

/// What proves a lower bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Witness {
    /// Near x every generalised Jacobian J satisfies ‖uᵀJ‖ >= value ‖u‖.
    Piece { x: Vec<f64>, u: Vec<f64> },
    /// The same at a point that may be no float, inside a piece of the function.
    Inside {
        #[serde(with = "fractions")]
        x: Vec<Rational>,
        u: Vec<f64>,
    },
    /// The quotient of this pair.
    Pair { x: Vec<f64>, y: Vec<f64> },
}

/// A lower bound with its proof.
#[derive(Clone, Debug)]
pub struct LowerBound {
    pub value: Lower,
    pub method: &'static str,
    pub witness: Option<Witness>,
}

impl LowerBound {
    pub const NONE: LowerBound = LowerBound { value: Lower::ZERO, method: "none", witness: None };
}
