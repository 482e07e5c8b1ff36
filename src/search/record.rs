//! What a search did with every part, until it is a tree that proves the result.

use crate::certificate::Tree;
use crate::certificate::tree::Node;
use crate::rules::feedback::Scaled;
use crate::rules::part::{Part, Split};
use std::sync::Arc;

/// Parts that are recorded at most.
const MOST: usize = 1 << 21;

pub struct Record {
    nodes: Vec<Node>,
    /// The best bound of each part.
    bounds: Vec<f64>,
    /// Scalings that show them.
    shown: Vec<Option<Arc<Vec<Scaled>>>>,
    /// Bytes of scalings, and how many there may be.
    held: usize,
    room: usize,
    overflown: bool,
}

fn bytes(shown: &Option<Arc<Vec<Scaled>>>) -> usize {
    shown.iter().flat_map(|list| list.iter()).map(|s| s.bytes()).sum()
}

impl Record {
    /// The whole region.
    pub fn new(room: usize) -> Record {
        Record {
            held: 0,
            room,
            nodes: vec![Node::Bounded],
            bounds: vec![f64::INFINITY],
            shown: vec![None],
            overflown: false,
        }
    }

    pub fn set(&mut self, place: usize, node: Node) {
        if !self.overflown {
            self.nodes[place] = node;
        }
    }

    pub fn bound(&mut self, part: &Part) {
        if self.overflown {
            return;
        }
        self.bounds[part.place] = part.bound;
        self.held += bytes(&part.shown);
        self.held -= bytes(&self.shown[part.place]);
        self.shown[part.place] = part.shown.clone();
        if self.held > self.room {
            self.overflow();
        }
    }

    fn overflow(&mut self) {
        *self = Record { overflown: true, ..Record::new(0) };
    }

    /// Gives the root's faces their places.
    pub fn faces(&mut self, faces: &mut [Part]) {
        let places: Vec<usize> = (0..faces.len()).map(|i| i + 1).collect();
        faces.iter_mut().zip(&places).for_each(|(f, &p)| f.place = p);
        self.nodes.extend(vec![Node::Bounded; faces.len()]);
        self.bounds.extend(vec![f64::INFINITY; faces.len()]);
        self.shown.extend(vec![None; faces.len()]);
        self.nodes[0] = Node::Faces(places);
    }

    /// The places of both children.
    pub fn divide(&mut self, place: usize, split: Split) -> [usize; 2] {
        if self.overflown || self.nodes.len() + 2 > MOST {
            self.overflow();
            return [0, 0];
        }
        let children = [self.nodes.len(), self.nodes.len() + 1];
        self.nodes.extend([Node::Bounded, Node::Bounded]);
        self.bounds.extend([self.bounds[place]; 2]);
        let shown = self.shown[place].take();
        if shown.is_some() {
            // Scalings are kept for leaves only.
            self.bounds[place] = f64::INFINITY;
        }
        // Two copies for one, until both children have their own.
        self.held += bytes(&shown);
        self.shown.extend([shown.clone(), shown]);
        self.nodes[place] = Node::divided(split, children);
        children
    }

    /// The tree, cut where a part's bound is at most `value`; None where it became too large to
    /// record. Bounds of children need not be better: they rest on other lines.
    pub fn tree(&self, value: f64) -> Option<Tree> {
        if self.overflown {
            return None;
        }
        let mut tree = Tree::new();
        let mut open = vec![(0, 0)];
        while let Some((from, to)) = open.pop() {
            let node = &self.nodes[from];
            let mut grown = |children: &[usize]| -> Vec<usize> {
                let places: Vec<usize> = (0..children.len()).map(|i| tree.nodes.len() + i).collect();
                tree.nodes.extend(vec![Node::Bounded; children.len()]);
                open.extend(children.iter().copied().zip(places.iter().copied()));
                places
            };
            tree.nodes[to] = match (node.split(), node) {
                (Some(_), _) if self.bounds[from] <= value => Node::Bounded,
                (Some((split, children)), _) => {
                    let places = grown(&children);
                    Node::divided(split, [places[0], places[1]])
                }
                (None, Node::Faces(faces)) => Node::Faces(grown(faces)),
                (None, Node::Bounded) => self.shown[from].clone().map_or(Node::Bounded, Node::Scaled),
                (None, node) => node.clone(),
            };
        }
        Some(tree)
    }
}
