//! The Jacobian around the middles of all slopes.
//!
//! Proves: with slopes S_k = C_k + E_k, |E_k| <= r_k, what nonlinear node k reads has the derivative
//!   Z_k = G(0, k) + Σ_{j<k} G(j, k) E_j Z_j, where G(j, k) is the derivative by node j with
//!   every slope between at its middle; the output likewise. On any graph.
//! From: the expansion of Combettes & Pesquet 2020 (theorem 4.2), LipLT's loop transformation
//!   (Fazlyab et al. 2023); here for graphs, maxima as trees of relu.
//! Rounding: G by adjoint sweeps of the backend; radii of slopes up.
//! Cost: an adjoint sweep per neuron.
//! Exact when: no slope is open.

use crate::backend::Backend;
use crate::method::context::Context;
use crate::method::local::ibp;
use crate::net::{Net, Op};
use crate::num::Enclosure;
use crate::num::round::{add_up, sub_up};
use crate::ops::{Gate, Known, Prepared};
use crate::problem::Problem;
use ndarray::{Array1, Array2, Axis};

/// A nonlinear node with one slope per feature.
pub struct Kink {
    pub node: usize,
    /// How far slopes reach from their middles.
    pub radius: Array1<f64>,
}

/// centre ± radius, entrywise.
#[derive(Clone)]
pub struct Matrix {
    pub centre: Array2<f64>,
    pub radius: Array2<f64>,
}

impl Matrix {
    pub fn of(e: Enclosure) -> Self {
        let [centre, radius] = [e.centre, e.radius].map(|a| a.index_axis_move(Axis(0), 0));
        Matrix { centre, radius }
    }
}

pub struct Expansion<'a, B: Backend> {
    prepared: Prepared<'a, B>,
    gates: Vec<Option<Gate<B>>>,
    pub kinks: Vec<Kink>,
    problem: &'a Problem,
}

/// Where rows of derivatives start.
#[derive(Clone, Copy, PartialEq)]
pub enum Target {
    /// What this kink reads.
    Kink(usize),
    Output,
}

/// What rows of derivatives reach.
pub struct Reached {
    /// By kink: the derivative by its output, where there is one.
    pub kinks: Vec<Option<Matrix>>,
    pub input: Matrix,
}

/// The problem's network in the form that expansions need.
pub fn network(net: &Net) -> std::borrow::Cow<'_, Net> {
    net.without_maxima().map_or(std::borrow::Cow::Borrowed(net), std::borrow::Cow::Owned)
}

/// Is every nonlinear node one function per feature, once maxima are trees?
pub fn applies(net: &Net) -> bool {
    !net.nodes.iter().any(|n| matches!(n.op, Op::Softmax { .. }))
}

impl<'a, B: Backend> Expansion<'a, B> {
    /// `net` is `network` of the problem's; `known` are bounds of its nodes' values.
    /// None where `applies` says no.
    pub fn new<C: Backend>(
        context: &'a Context<'_, C>,
        backend: &'a B,
        net: &'a Net,
        known: &Known,
    ) -> Option<Self> {
        if !applies(net) {
            return None;
        }
        let prepared = Prepared::new(net, backend);
        let open = ibp::run(&prepared, &context.problem.region, known).gates;
        let needed = net.needed();
        let mut kinks = vec![];
        let mut gates = vec![];
        for (node, gate) in open.into_iter().enumerate() {
            let Some(Gate::Each(slopes)) = gate else {
                gates.push(None);
                continue;
            };
            let (lo, hi) = backend.read_slopes(&slopes);
            let middle = (&lo + &hi) * 0.5;
            let reach = |(c, (l, h)): (&f64, (&f64, &f64))| sub_up(*h, *c).max(sub_up(*c, *l)).max(0.0);
            let radius = middle.iter().zip(lo.iter().zip(&hi)).map(reach).collect();
            gates.push(Some(Gate::Each(backend.upload_slopes(&middle, &middle))));
            if needed[node] {
                kinks.push(Kink { node, radius });
            }
        }
        Some(Expansion { prepared, gates, kinks, problem: context.problem })
    }

    /// Features that a target has.
    pub fn len(&self, target: Target) -> usize {
        match target {
            Target::Kink(k) => self.kinks[k].radius.len(),
            Target::Output => self.problem.rows(),
        }
    }

    /// Multiplications of all sweeps from open neurons.
    pub fn work(&self) -> f64 {
        let net = self.prepared.net;
        let mut before = vec![0.0; net.nodes.len() + 1];
        for (k, node) in net.nodes.iter().enumerate() {
            before[k + 1] = before[k] + node.products();
        }
        let open = |k: &Kink| k.radius.iter().filter(|r| **r > 0.0).count() as f64;
        let kinks: f64 = self.kinks.iter().map(|k| open(k) * before[k.node]).sum();
        2.0 * (kinks + self.problem.rows() as f64 * before[net.nodes.len()])
    }

    /// Multiplications of the norms of all fused products.
    pub fn norms(&self) -> f64 {
        let open = |k: &Kink| k.radius.len() as f64;
        let mut sides: Vec<f64> = self.kinks.iter().map(open).collect();
        sides.insert(0, self.problem.net.inputs() as f64);
        sides.push(self.problem.rows() as f64);
        let pair = |j: usize, k: usize| sides[j] * sides[k] * sides[j].min(sides[k]);
        (1..sides.len()).map(|k| (0..k).map(|j| pair(j, k)).sum::<f64>()).sum()
    }

    /// The largest node of the expanded network.
    pub fn widest(&self) -> usize {
        self.prepared.net.nodes.iter().map(|n| n.len()).max().unwrap_or(1)
    }

    /// G(j, target) for these rows of the target and every j.
    pub fn rows(&self, target: Target, rows: &[usize]) -> Reached {
        let (b, net) = (self.prepared.backend, self.prepared.net);
        let (at, seeds) = match target {
            Target::Output => {
                let all = self.problem.seeds();
                let pick = |a: &ndarray::Array3<f64>| a.select(Axis(1), rows);
                (net.output(), Enclosure { centre: pick(&all.centre), radius: pick(&all.radius) })
            }
            Target::Kink(k) => {
                let at = net.nodes[self.kinks[k].node].inputs[0];
                let mut unit = Enclosure::zeros(1, rows.len(), net.nodes[at].len());
                rows.iter().enumerate().for_each(|(i, &j)| unit.centre[[0, i, j]] = 1.0);
                (at, unit)
            }
        };
        let mut start: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        start[at] = Some(b.upload(&seeds));
        let mut kinks: Vec<Option<Matrix>> = vec![None; self.kinks.len()];
        let input = self.prepared.adjoints_from(&self.gates, start, |node, g| {
            if let Ok(k) = self.kinks.binary_search_by_key(&node, |k| k.node) {
                kinks[k] = Some(Matrix::of(b.read(g)));
            }
        });
        let mut input = Matrix::of(b.read(&input));
        for (j, fixed) in self.problem.region.fixed().into_iter().enumerate() {
            if fixed {
                input.centre.column_mut(j).fill(0.0);
                input.radius.column_mut(j).fill(0.0);
            }
        }
        Reached { kinks, input }
    }
}

/// |m|, rounded up.
pub fn magnitudes(m: &Matrix) -> Array2<f64> {
    ndarray::Zip::from(&m.centre).and(&m.radius).map_collect(|&c, &r| add_up(c.abs(), r))
}
