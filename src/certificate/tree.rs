//! The parts of a divided region as a tree: how each was divided, and why a leaf is done with.

use crate::num::rational::Rational;
use crate::rules::feedback::Scaled;
use crate::rules::part::Split;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One part; the root is node 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// Its bound is derived again.
    Bounded,
    /// These scalings of open neurons show its bound, or that of a part around it: one for all rows of the
    /// output, or some for one row each, where linear bounds show the others.
    Scaled(Arc<Vec<Scaled>>),
    /// The loop of its open neurons taken node by node shows its bound.
    Layers,
    /// Every slope is fixed: the norm of one matrix, in rationals.
    Pattern,
    /// No interior: a nonnegative combination of the half-spaces of its decisions is nowhere positive where its
    /// box meets the region's ball; no multipliers where the box vanishes, or does not meet the ball.
    Empty(Vec<f64>),
    /// No interior: the same for the exact conditions of its pattern. In a ball more multipliers may follow: in l2
    /// of x − lo and of hi − x in all coordinates that vary, in l1 the number at which coefficients are cut off.
    Refuted(#[serde(with = "super::fractions")] Vec<Rational>),
    /// The faces of a homogeneous network's box, in order; the root only.
    Faces(Vec<usize>),
    /// A neuron's side of a kink: node, feature and value; what lies above, then what lies below.
    Kink(usize, usize, f64, usize, usize),
    /// An input's: feature and value; children in the same order.
    Input(usize, f64, usize, usize),
}

impl Node {
    pub fn divided(split: Split, [above, below]: [usize; 2]) -> Node {
        match split {
            Split::Kink { node, feature, at } => Node::Kink(node, feature, at, above, below),
            Split::Input { feature, at } => Node::Input(feature, at, above, below),
        }
    }

    /// How it was divided, and into what.
    pub fn split(&self) -> Option<(Split, [usize; 2])> {
        match *self {
            Node::Kink(node, feature, at, above, below) => {
                Some((Split::Kink { node, feature, at }, [above, below]))
            }
            Node::Input(feature, at, above, below) => Some((Split::Input { feature, at }, [above, below])),
            Node::Bounded | Node::Scaled(_) | Node::Layers | Node::Pattern => None,
            Node::Empty(_) | Node::Refuted(_) | Node::Faces(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
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
