//! The network around the middles of all slopes.
//!
//! With slopes S_k = C_k + E_k, |E_k| <= r_k, what nonlinear node k reads has the derivative
//!   Z_k = G(0, k) + Σ_{j<k} G(j, k) E_j Z_j, where G(j, k) is the derivative by node j with
//!   every slope between at its middle; the output likewise. On any graph.
//!
//! From: the expansion of Combettes & Pesquet 2020 (theorem 4.2), LipLT's loop transformation
//!   (Fazlyab et al. 2023); here for graphs. G by adjoint sweeps of the backend; radii of slopes up.

use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::num::round::{add_up, sub_up};
use crate::sweep::{Gate, Prepared};
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

pub struct Expansion<'p, 'a, B: Backend> {
    pub prepared: &'p Prepared<'a, B>,
    gates: Vec<Option<Gate<B>>>,
    pub kinks: Vec<Kink>,
}

/// What rows of derivatives reach.
pub struct Reached {
    /// By kink: the derivative by its output, where there is one.
    pub kinks: Vec<Option<Matrix>>,
    pub input: Matrix,
}

impl<'p, 'a, B: Backend> Expansion<'p, 'a, B> {
    /// Around gates of one item; None unless each of them is a slope per feature.
    pub fn around(prepared: &'p Prepared<'a, B>, open: Vec<Option<Gate<B>>>) -> Option<Self> {
        let backend = prepared.backend;
        let needed = prepared.net.needed();
        let mut kinks = vec![];
        let mut gates = vec![];
        for (node, gate) in open.into_iter().enumerate() {
            let slopes = match gate {
                Some(Gate::Each(slopes)) => slopes,
                Some(_) if needed[node] => return None,
                _ => {
                    gates.push(None);
                    continue;
                }
            };
            let (lo, hi) = backend.read_slopes(&slopes);
            let middle = (&lo + &hi) * 0.5;
            // Slopes without a middle reach everywhere.
            let reach = |(c, (l, h)): (&f64, (&f64, &f64))| match sub_up(*h, *c).max(sub_up(*c, *l)) {
                _ if !c.is_finite() => f64::INFINITY,
                reach => reach.max(0.0),
            };
            let radius = middle.iter().zip(lo.iter().zip(&hi)).map(reach).collect();
            gates.push(Some(Gate::Each(backend.upload_slopes(&middle, &middle))));
            if needed[node] {
                kinks.push(Kink { node, radius });
            }
        }
        Some(Expansion { prepared, gates, kinks })
    }

    /// With slopes that are numbers, at every node that has some.
    pub fn fixed(prepared: &'p Prepared<'a, B>, gates: Vec<Option<Gate<B>>>) -> Self {
        let kink = |(node, g): (usize, &Option<Gate<B>>)| {
            let radius = Array1::zeros(prepared.net.nodes[node].len());
            g.is_some().then_some(Kink { node, radius })
        };
        let kinks = gates.iter().enumerate().filter_map(kink).collect();
        Expansion { prepared, gates, kinks }
    }

    /// The node that a kink reads.
    pub fn argument(&self, kink: usize) -> usize {
        self.prepared.net.nodes[self.kinks[kink].node].inputs[0]
    }

    /// G(j, ·) for these rows of the derivative at node `at`, and every j.
    pub fn rows(&self, at: usize, seeds: &Enclosure) -> Reached {
        let (b, net) = (self.prepared.backend, self.prepared.net);
        let mut start: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        start[at] = Some(b.upload(seeds));
        let mut kinks: Vec<Option<Matrix>> = vec![None; self.kinks.len()];
        let input = self.prepared.adjoints_from(&self.gates, start, |node, g| {
            if let Ok(k) = self.kinks.binary_search_by_key(&node, |k| k.node) {
                kinks[k] = Some(Matrix::of(b.read(g)));
            }
        });
        if self.prepared.is_late() {
            // A sweep that was cut short has not seen all kinks: what is missing may be anything, not nothing.
            let rows = seeds.dim().1;
            let anything = |k: &Kink| Matrix {
                centre: Array2::zeros((rows, k.radius.len())),
                radius: Array2::from_elem((rows, k.radius.len()), f64::INFINITY),
            };
            for (found, kink) in kinks.iter_mut().zip(&self.kinks) {
                found.get_or_insert_with(|| anything(kink));
            }
        }
        Reached { kinks, input: Matrix::of(b.read(&input)) }
    }

    /// The same for some features of what a kink reads.
    pub fn features(&self, kink: usize, features: &[usize]) -> Reached {
        let each: Vec<Vec<usize>> = features.iter().map(|&j| vec![j]).collect();
        self.sums(kink, &each)
    }

    /// The same for sums of features.
    pub fn sums(&self, kink: usize, groups: &[Vec<usize>]) -> Reached {
        let at = self.argument(kink);
        let mut unit = Enclosure::zeros(1, groups.len(), self.prepared.net.nodes[at].len());
        for (i, &j) in groups.iter().enumerate().flat_map(|(i, g)| g.iter().map(move |j| (i, j))) {
            unit.centre[[0, i, j]] = 1.0;
        }
        self.rows(at, &unit)
    }
}

/// |m|, rounded up.
pub fn magnitudes(m: &Matrix) -> Array2<f64> {
    ndarray::Zip::from(&m.centre).and(&m.radius).map_collect(|&c, &r| add_up(c.abs(), r))
}
