//! The weights of a network on a backend, uploaded once and shared by all sweeps.

use crate::backend::Backend;
use crate::layer::Affine;
use crate::layer::apply::squared;
use crate::net::{Net, Node, Op};
use std::sync::Arc;

/// The weights of a network's nodes on a backend; clones share them.
pub struct Maps<B: Backend>(Arc<[Option<Arc<B::Map>>]>);

impl<B: Backend> Clone for Maps<B> {
    fn clone(&self) -> Self {
        Maps(self.0.clone())
    }
}

impl<B: Backend> Maps<B> {
    pub fn new(net: &Net, backend: &B) -> Self {
        Maps(net.nodes.iter().map(|n| prepare(backend, &n.op)).collect())
    }

    /// Every weight squared, rounded up, without biases.
    pub fn squares(net: &Net, backend: &B) -> Self {
        let square = |op: &Op| {
            let Op::Affine(a) = op else { return None };
            let squares = Affine { map: squared(&a.map), bias: None, repeat: 1 };
            Some(Arc::new(backend.prepare(&squares)))
        };
        Maps(net.nodes.iter().map(|n| square(&n.op)).collect())
    }

    /// Those of another network, which shares what it has of this one (`own`).
    pub fn of(&self, own: &Net, other: &Net, backend: &B) -> Self {
        let known = |op: &Op| {
            let Op::Affine(wanted) = op else { return None };
            let same = |n: &Node| matches!(&n.op, Op::Affine(a) if a.is_same(wanted));
            self.0[own.nodes.iter().position(same)?].clone()
        };
        Maps(other.nodes.iter().map(|n| known(&n.op).or_else(|| prepare(backend, &n.op))).collect())
    }

    /// That of an affine node.
    pub fn at(&self, k: usize) -> &B::Map {
        self.0[k].as_deref().expect("affine nodes are prepared")
    }
}

fn prepare<B: Backend>(backend: &B, op: &Op) -> Option<Arc<B::Map>> {
    match op {
        Op::Affine(a) => Some(Arc::new(backend.prepare(a))),
        Op::Input
        | Op::Scale(_)
        | Op::Select { .. }
        | Op::Add
        | Op::Concat
        | Op::Piecewise(_)
        | Op::Smooth(_)
        | Op::Max(_)
        | Op::Softmax { .. } => None,
    }
}
