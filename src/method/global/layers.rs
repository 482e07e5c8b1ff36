//! A network as a chain of matrices with open slopes between them.
//!
//! Proves: J = W_K S_{K-1} W_{K-1} ... S_1 W_1 with W_k within its enclosure and S_k diagonal within its slopes.
//! From: the definition; everything linear between two activations becomes one matrix, skips included.
//! Rounding: matrices by adjoint sweeps, fixed inputs have zero columns.
//! Cost: a sweep per neuron.
//! Exact when: always. Networks with activations side by side, maxima or a softmax are no chains.

use super::expansion::Matrix;
use crate::backend::Backend;
use crate::certificate::tree::Node;
use crate::certificate::{Proof, Tree};
use crate::linalg::Enclosure;
use crate::method::context::{Context, by_rows, pass};
use crate::method::why::{Why, at_most};
use crate::net::{Net, Op};
use crate::num::Norm;
use crate::problem::Problem;
use crate::rules::feedback::Scaled;
use crate::sweep::Gate;
use ndarray::{Array1, Array2, Axis};
use std::sync::Arc;

pub const NO_CHAIN: Why =
    Why::Unfit("it needs layers one behind the other with one slope per neuron between them");

/// Entries of the largest matrix.
const ENTRIES: usize = 1 << 25;

pub struct Layers {
    pub matrices: Vec<Matrix>,
    /// Behind every matrix but the last: lower and upper ends.
    pub slopes: Vec<[Array1<f64>; 2]>,
    /// The same neurons' places among those of all functions of one number.
    places: Vec<Vec<usize>>,
}

/// Activations of a chain in order; None for other networks.
pub fn activations(net: &Net) -> Option<Vec<usize>> {
    chain(net, |op| matches!(op, Op::Piecewise(_) | Op::Smooth(_)))
}

/// Nonlinear nodes in order, where all are of this kind and one behind the other.
pub fn chain(net: &Net, counts: impl Fn(&Op) -> bool) -> Option<Vec<usize>> {
    let needed = net.needed();
    let mut list = vec![];
    let mut before = 0;
    for (k, node) in net.nodes.iter().enumerate().filter(|(k, _)| needed[*k]) {
        if !node.op.is_nonlinear() {
            continue;
        }
        if !counts(&node.op) || !is_linear(net, before, node.inputs[0]) {
            return None;
        }
        list.push(k);
        before = k;
    }
    is_linear(net, before, net.output()).then_some(list)
}

fn is_linear(net: &Net, from: usize, to: usize) -> bool {
    net.section(from, to).is_some_and(|s| !s.nodes.iter().any(|n| n.op.is_nonlinear()))
}

impl Layers {
    /// By the best slopes at hand.
    pub fn new<B: Backend>(context: &Context<B>) -> Result<Self, Why> {
        let backend = context.backend();
        let net = &context.problem.net;
        let activations = activations(net).ok_or(NO_CHAIN)?;
        let mut ends = vec![];
        let mut before = 0;
        for &k in &activations {
            ends.push((before, net.nodes[k].inputs[0]));
            before = k;
        }
        ends.push((before, net.output()));
        let width = |k: usize| net.nodes[k].len();
        let largest = ends.iter().map(|&(from, to)| width(from).saturating_mul(width(to))).max();
        at_most("entries of a layer's matrix", largest.unwrap_or(0), ENTRIES)?;
        let gates = &context.statuses().gates;
        let slopes = activations.iter().map(|&k| match &gates[k] {
            Some(Gate::Each(s)) => {
                let (lo, hi) = backend.read_slopes(s);
                [lo, hi].map(|a| a.index_axis_move(Axis(0), 0))
            }
            _ => unreachable!("activations have a slope per feature"),
        });
        let slopes: Vec<[Array1<f64>; 2]> = slopes.collect();
        let mut matrices = vec![];
        for (i, &(from, to)) in ends.iter().enumerate() {
            let section = context.placed.section(from, to).expect("a chain");
            let part = section.net();
            let rows = part.outputs() as f64;
            context.budget.admits(backend, 2.0 * rows * pass(part))?;
            let seeds = if i + 1 == ends.len() {
                context.problem.seeds()
            } else {
                Enclosure::point(Array2::eye(part.outputs()).insert_axis(Axis(0)))
            };
            let prepared = context.prepared(&section);
            let widest = part.nodes.iter().map(|n| n.len()).max().unwrap_or(1);
            let timely = context.budget.at_once(backend, pass(part));
            let chunk = context.budget.rows(widest).min(timely);
            let rows = by_rows(&seeds, chunk, |own| {
                (!context.budget.is_over())
                    .then(|| backend.read(&prepared.adjoints(&[], backend.upload(own), |_, _| {})))
            })
            .ok_or(Why::Late)?;
            matrices.push(Matrix::of(if i == 0 { context.without_fixed(rows) } else { rows }));
        }
        let places = places(net, &activations);
        Ok(Layers { matrices, slopes, places }.without_dead())
    }

    /// A proof by scalings of the loop of open neurons: Σ l (r² z² − e²) >= 0 for multipliers l, middles of slopes in
    /// the loop and what they differ by, r at most, in e.
    pub fn scaled(&self, problem: &Problem, multipliers: &[Array1<f64>]) -> Proof {
        let each = self.places.iter().zip(multipliers).zip(&self.slopes);
        let open = each.flat_map(|((places, l), [lo, hi])| {
            (0..places.len()).filter(|&j| lo[j] < hi[j]).map(|j| (places[j], l[j].sqrt())).collect::<Vec<_>>()
        });
        let neurons = open.collect();
        let moving = (0..problem.net.inputs()).filter(|&j| !problem.is_ignored(j)).count();
        let inputs = if problem.quotient.in_norm == Norm::Inf { vec![1.0; moving] } else { vec![] };
        let scaled = Node::Scaled(Arc::new(vec![Scaled { row: None, neurons, inputs }]));
        Proof::Tree { tree: Tree { nodes: vec![scaled] }, kinks: false, reach: None }
    }

    /// Neurons whose slope is zero everywhere leave the matrices.
    fn without_dead(mut self) -> Self {
        for (k, slopes) in self.slopes.iter_mut().enumerate() {
            let live: Vec<usize> =
                (0..slopes[0].len()).filter(|&j| slopes[0][j] != 0.0 || slopes[1][j] != 0.0).collect();
            if live.len() == slopes[0].len() {
                continue;
            }
            *slopes = [&slopes[0], &slopes[1]].map(|s| s.select(Axis(0), &live));
            self.places[k] = live.iter().map(|&j| self.places[k][j]).collect();
            for (side, axis) in [(k, Axis(0)), (k + 1, Axis(1))] {
                let m = &mut self.matrices[side];
                *m = Matrix { centre: m.centre.select(axis, &live), radius: m.radius.select(axis, &live) };
            }
        }
        self
    }
}

/// Places of these activations' neurons among those of all functions of one number.
fn places(net: &Net, activations: &[usize]) -> Vec<Vec<usize>> {
    let mut next = 0;
    let mut first = vec![0; net.nodes.len()];
    for (k, node) in net.nodes.iter().enumerate() {
        first[k] = next;
        next += if matches!(node.op, Op::Piecewise(_) | Op::Smooth(_)) { node.len() } else { 0 };
    }
    activations.iter().map(|&k| (first[k]..first[k] + net.nodes[k].len()).collect()).collect()
}
