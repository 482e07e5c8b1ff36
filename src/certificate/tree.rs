//! The parts of a divided region as a tree: how each was divided, and why a leaf is done with.

use crate::num::rational::Rational;
use crate::ops::part::Split;

/// Nodes that are recorded at most.
const MOST: usize = 1 << 21;

/// One part; the root is node 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Its bound is derived again.
    Bounded,
    /// Every slope is fixed: the norm of one matrix, in rationals.
    Pattern,
    /// No interior: a nonnegative combination of the half-spaces of its decisions is nowhere positive;
    /// no multipliers where its box vanishes.
    Empty(Vec<f64>),
    /// No interior: the same for the exact conditions of its pattern.
    Refuted(Vec<Rational>),
    /// What lies above, then what lies below.
    Split { split: Split, children: [usize; 2] },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub nodes: Vec<Node>,
    overflown: bool,
}

impl Tree {
    /// The whole region.
    pub fn new() -> Tree {
        Tree { nodes: vec![Node::Bounded], overflown: false }
    }

    pub fn of(nodes: Vec<Node>) -> Tree {
        Tree { nodes, overflown: false }
    }

    pub fn set(&mut self, place: usize, node: Node) {
        if !self.overflown {
            self.nodes[place] = node;
        }
    }

    /// The places of both children.
    pub fn divide(&mut self, place: usize, split: Split) -> [usize; 2] {
        if self.overflown || self.nodes.len() + 2 > MOST {
            self.overflown = true;
            self.nodes = vec![];
            return [0, 0];
        }
        let children = [self.nodes.len(), self.nodes.len() + 1];
        self.nodes.extend([Node::Bounded, Node::Bounded]);
        self.nodes[place] = Node::Split { split, children };
        children
    }

    /// None where it became too large to record.
    pub fn whole(self) -> Option<Tree> {
        (!self.overflown).then_some(self)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Tree::new()
    }
}
