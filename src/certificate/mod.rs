//! Evidence as plain data: what a proven number rests on, written to files and checked again.

pub mod check;
pub mod file;
pub mod tree;
mod written;

use crate::num::rational::Rational;
use crate::num::{Lower, Norm, Upper};
use crate::ops::{Known, Link};
use ndarray::Array2;
pub use tree::Tree;

/// One of the proof rules by which every upper bound can be derived again.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// Product of slope intervals and weights from the output side (rows) or
    /// the input side (columns), statuses from `known` and interval arithmetic;
    /// between the nodes of a link the weights are multiplied first.
    IntervalJacobian { known: Known, links: Vec<Link>, columns: bool, double_double: bool },
    /// Linear propagation of the Jacobian's rows under statuses from `known`.
    LinearJacobian { known: Known },
    /// Products and sums of layer norms along the graph, links as one layer.
    LayerNorms { local: bool, known: Known, links: Vec<Link>, factors: Vec<Factor> },
    /// ‖J‖_2² <= square by a chain of block inequalities: with Y_0 = I, slopes in [a, b] of what
    /// layer W_k gives, and L_k = diag(multipliers), for every k
    /// [[Y_{k-1} + WᵀL a b W, −½ WᵀL (a + b)], [·, L − Y_k]] ⪰ 0, and square Y_{K-1} ⪰ W_KᵀW_K.
    BlockMatrix { multipliers: Vec<Vec<f64>>, inner: Vec<Array2<f64>>, square: f64 },
    /// Every leaf of a tree of parts that cover the region; `kinks`: maxima as trees of relu; `reach`:
    /// all of R^n as the faces of a box of that size.
    SplitTree { tree: Tree, kinks: bool, reach: Option<f64> },
    /// Nothing to re-derive piece by piece: a description, re-runnable only.
    Digest(String),
}

/// ‖diag(scale) W restricted to live inputs‖ of one node, or of the link that ends there.
#[derive(Clone, Debug)]
pub struct Factor {
    pub node: usize,
    pub in_norm: Norm,
    pub out_norm: Norm,
    pub rule: &'static str,
    pub value: Upper,
}

/// An upper bound with its proof.
#[derive(Clone, Debug)]
pub struct Bound {
    pub value: Upper,
    pub method: &'static str,
    pub evidence: Evidence,
}

/// What proves a lower bound.
#[derive(Clone, Debug)]
pub enum Witness {
    /// Near x every generalised Jacobian J satisfies ‖uᵀJ‖ >= value ‖u‖.
    Piece { x: Vec<f64>, u: Vec<f64> },
    /// The same at a point that may be no float, inside a piece of the function.
    Inside { x: Vec<Rational>, u: Vec<f64> },
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
