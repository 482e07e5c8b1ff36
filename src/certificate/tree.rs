//! The parts of a divided region as a tree: how each was divided, and why a leaf is done with.

use crate::num::rational::Rational;
use crate::ops::feedback::Scaled;
use crate::ops::part::Split;
use std::sync::Arc;

/// One part; the root is node 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Its bound is derived again.
    Bounded,
    /// These scalings of open neurons show its bound, or that of a part around it: one for all rows of the
    /// output, or some for one row each, where linear bounds show the others.
    Scaled(Arc<Vec<Scaled>>),
    /// Every slope is fixed: the norm of one matrix, in rationals.
    Pattern,
    /// No interior: a nonnegative combination of the half-spaces of its decisions is nowhere positive;
    /// no multipliers where its box vanishes.
    Empty(Vec<f64>),
    /// No interior: the same for the exact conditions of its pattern.
    Refuted(Vec<Rational>),
    /// The faces of a homogeneous network's box, in order; the root only.
    Faces(Vec<usize>),
    /// What lies above, then what lies below.
    Split { split: Split, children: [usize; 2] },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub nodes: Vec<Node>,
}

impl Tree {
    /// The whole region.
    pub fn new() -> Tree {
        Tree { nodes: vec![Node::Bounded] }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Tree::new()
    }
}
