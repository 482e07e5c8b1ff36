//! Norms of derivatives from node to node, by norms of layers.
//!
//! Proves: ‖∂node/∂x‖_{p→r} for r = 1, 2, inf at every node from those of what it reads: a layer multiplies by
//!   ‖diag(max|slope|) W restricted to live inputs‖, sums add, and the three norms of one derivative bound each
//!   other. A function of one number, or a scale, belongs to the layer right before it that nothing else reads.
//! From: AutoLip (Scaman & Virmaux 2018) on graphs, masks as in Huang et al. 2021; slopes are the caller's.
//! Rounding: all norms, products, sums and roots up.
//! Cost: the layer norms, each once.
//! Loose when: deep, or norms of neighbouring layers do not align.

use super::masks::Masks;
use super::selections::{incidence_norm, scale_magnitudes, scale_norm, selection_norm};
use crate::backend::Backend;
use crate::layer::smooth::range;
use crate::layer::symbol::cells::Grid;
use crate::layer::{Affine, Scale};
use crate::net::{Net, Op};
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, mul_up, sqrt_up};
use crate::num::{Coefficient, Norm, Upper};
use crate::sweep::{Chain, Chains, Gate};
use serde::{Deserialize, Serialize};

/// What somebody claims of a layer's norm: ‖diag(scale) W restricted to live inputs‖ of one node, or of the link
/// that ends there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    pub node: usize,
    #[serde(rename = "from")]
    pub in_norm: Norm,
    #[serde(rename = "to")]
    pub out_norm: Norm,
    pub value: f64,
    /// Of a convolution: a circle of frequencies that shows it, where all of them show less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
}

/// Norms of a layer from and to norms in the order of `Norm::ALL`; None where one is not taken.
pub type Table = [[Option<Upper>; 3]; 3];

/// The place of a norm in `Norm::ALL`.
pub fn place(norm: Norm) -> usize {
    Norm::ALL.iter().position(|n| *n == norm).expect("a norm")
}

/// Whoever takes the norms of layers.
pub trait Norms<B: Backend> {
    /// Upper bounds of ‖diag(scale) W restricted to live inputs‖ of the layer at a node; only norms `from` which
    /// something is known matter.
    fn of(&self, node: usize, layer: &Layer<B>, masks: Masks, from: [bool; 3]) -> Table;

    /// Is it too late for another node?
    fn is_over(&self) -> bool;
}

/// Places of norms in `Norm::ALL`.
const TWO: usize = 1;
const INF: usize = 2;

/// Bounds of ‖∂node/∂x‖_{p→r} for r in `Norm::ALL`, and which features can move.
#[derive(Clone)]
pub struct State {
    pub norm: [Upper; 3],
    live: Vec<bool>,
}

/// The largest magnitudes of slopes of a node of scalar functions, where ‖∂z_j/∂x‖_p is at most this for every
/// argument z_j.
pub type Slopes<'s> = dyn Fn(usize, &dyn Fn() -> Vec<f64>) -> Vec<f64> + 's;

/// The graph, node by node.
pub struct Walk<'w, B: Backend> {
    net: &'w Net,
    chains: &'w Chains<B>,
    slopes: &'w Slopes<'w>,
    norms: &'w dyn Norms<B>,
    users: Vec<Vec<usize>>,
    states: Vec<Option<State>>,
}

impl<'w, B: Backend> Walk<'w, B> {
    /// From norm `p` of the inputs that are `live`.
    pub fn new(
        (net, chains): (&'w Net, &'w Chains<B>),
        (p, live): (Norm, Vec<bool>),
        slopes: &'w Slopes<'w>,
        norms: &'w dyn Norms<B>,
    ) -> Walk<'w, B> {
        let mut states = vec![None; net.nodes.len()];
        states[0] = Some(start(p, live));
        Walk { net, chains, slopes, norms, users: chains.users(net), states }
    }

    /// The state of the output; None where time has run out.
    pub fn run(&mut self) -> Option<State> {
        for k in 1..self.net.nodes.len() {
            if self.users[k].is_empty() && k != self.net.output() {
                continue;
            }
            if self.norms.is_over() {
                return None;
            }
            let own = self.node(k);
            self.states[k] = Some(self.gained(k, own));
        }
        self.states.pop().flatten()
    }

    /// No more than what several nodes together are known to do.
    fn gained(&self, k: usize, mut own: State) -> State {
        let Some(gain) = self.net.gains.iter().find(|g| g.node == k) else { return own };
        let Some(x) = &self.states[gain.from] else { return own };
        for (r, factor) in gain.norm.into_iter().enumerate() {
            own.norm[r] = own.norm[r].min(x.norm[r].times(Upper::proven(factor)));
        }
        relate(own)
    }

    /// ‖∂node k/∂x‖_{p→2} after a run. None of the output, and where it belongs to a node behind it.
    pub fn length(&self, k: usize) -> Option<Upper> {
        let own = self.states.get(k)?.as_ref()?.norm[TWO];
        (own != Upper::INFINITE).then_some(own)
    }

    /// ‖∂z_j/∂x‖ for every row z_j of the layer at node i under these scales, or of the node itself.
    fn steepness(&self, i: usize, scale: &[f64]) -> Vec<f64> {
        let alone = self.layer(i).filter(|_| self.users[i].len() == 1);
        let Some(layer) = alone else {
            let x = self.states[i].as_ref().expect("earlier");
            return scale.iter().map(|s| mul_up(*s, x.norm[INF].get())).collect();
        };
        let x = self.states[self.chains.inputs(self.net, i)[0]].as_ref().expect("earlier");
        let masks = Masks { scale, live: &x.live };
        let lengths = match layer {
            Layer::One(a) => masks.row_lengths(&a.map).to_vec(),
            Layer::Run(m) => {
                let row = |(i, s): (usize, &f64)| {
                    let size = |j: usize| add_up(m.centre[[i, j]].abs(), m.slack[[i, j]]);
                    let live = (0..x.live.len()).filter(|&j| x.live[j]).map(size);
                    mul_up(vector_norm_up(live.collect::<Vec<_>>(), Norm::Two), *s)
                };
                scale.iter().enumerate().map(row).collect()
            }
        };
        lengths.into_iter().map(|l| mul_up(l, x.norm[TWO].get())).collect()
    }

    /// A matrix whose norm is taken at node k.
    fn layer(&self, k: usize) -> Option<Layer<'w, B>> {
        let (net, chains) = (self.net, self.chains);
        match (chains.at(k), &net.nodes[k].op) {
            (Some(chain), _) => Some(Layer::Run(chain)),
            (None, Op::Affine(a)) => Some(Layer::One(a)),
            _ => None,
        }
    }

    fn is_scalar(&self, k: usize) -> bool {
        self.chains.at(k).is_none() && matches!(self.net.nodes[k].op, Op::Piecewise(_) | Op::Smooth(_))
    }

    /// The scale right behind a layer that nothing else reads, if node k is one.
    fn scale(&self, k: usize) -> Option<&'w Scale> {
        let net = self.net;
        let Op::Scale(s) = &net.nodes[k].op else { return None };
        let before = net.nodes[k].inputs[0];
        let alone = self.chains.at(k).is_none() && self.users[before].len() == 1;
        (alone && self.layer(before).is_some()).then_some(s)
    }

    /// The only reader of node k.
    fn reader(&self, k: usize) -> Option<usize> {
        if let [reader] = self.users[k][..] { Some(reader) } else { None }
    }

    /// States of what node k reads.
    fn parts(&self, k: usize) -> Vec<&State> {
        let inputs = self.chains.inputs(self.net, k);
        inputs.iter().map(|&i| self.states[i].as_ref().expect("topological order")).collect()
    }

    /// The scalar function right before a scale, if node k is one, that nothing else reads.
    fn scaled(&self, k: usize) -> Option<(usize, &'w Scale)> {
        let net = self.net;
        let Op::Scale(s) = &net.nodes[k].op else { return None };
        let before = net.nodes[k].inputs[0];
        let alone = self.chains.at(k).is_none() && self.users[before].len() == 1;
        (alone && self.is_scalar(before)).then_some((before, s))
    }

    /// A layer whose only reader is a scalar function or a scale is folded into it, a scale behind a layer
    /// into a scalar function, and that into a scale behind it.
    fn node(&self, k: usize) -> State {
        let node = &self.net.nodes[k];
        let later = || State { norm: [Upper::INFINITE; 3], live: vec![true; node.len()] };
        if self.layer(k).is_some() {
            let folded = |u: usize| self.is_scalar(u) || self.scale(u).is_some();
            return match self.reader(k).is_some_and(folded) {
                true => later(),
                false => relate(self.affine(k, &vec![1.0; node.len()])),
            };
        }
        if let Some(s) = self.scale(k) {
            return match self.reader(k).is_some_and(|u| self.is_scalar(u)) {
                true => later(),
                false => relate(self.affine(node.inputs[0], &scale_magnitudes(s, node.len()))),
            };
        }
        if self.is_scalar(k) && self.reader(k).is_some_and(|u| self.scaled(u).is_some()) {
            return later();
        }
        if let Some((before, s)) = self.scaled(k) {
            return relate(self.scalar(before, Some(scale_magnitudes(s, node.len()))));
        }
        relate(match &node.op {
            Op::Input | Op::Affine(_) => unreachable!("node 0, and layers above"),
            Op::Piecewise(_) | Op::Smooth(_) => self.scalar(k, None),
            Op::Scale(s) => {
                let x = self.parts(k)[0];
                let counts = |j: usize| x.live[j] && s.factor[s.index(j)] != Coefficient::ZERO;
                let live = (0..node.len()).map(counts).collect();
                through(x, live, |a, b| scale_norm(s, node.len(), a, b).1)
            }
            Op::Select { incidence, .. } => {
                let x = self.parts(k)[0];
                through(x, gather(&x.live, incidence), |a, b| incidence_norm(incidence, a, b).1)
            }
            Op::Max(windows) => {
                let x = self.parts(k)[0];
                through(x, gather(&x.live, windows), |a, b| selection_norm(windows, a, b))
            }
            Op::Softmax { group } => softmax(self.parts(k)[0], *group, node.len()),
            Op::Add => added(&self.parts(k), node.len()),
            Op::Concat => joined(&self.parts(k)),
        })
    }

    /// A scalar function, with the layer and the scale before it that nothing else reads, and a scale behind it.
    fn scalar(&self, k: usize, behind: Option<Vec<f64>>) -> State {
        let node = &self.net.nodes[k];
        let mut i = node.inputs[0];
        let mut sizes = None;
        if let Some(s) = self.scale(i).filter(|_| self.users[i].len() == 1) {
            sizes = Some(scale_magnitudes(s, node.len()));
            i = self.net.nodes[i].inputs[0];
        }
        let ones = || vec![1.0; node.len()];
        let rows = || self.steepness(i, &sizes.clone().unwrap_or_else(ones));
        let mut slopes = (self.slopes)(k, &rows);
        for sizes in [sizes, behind].iter().flatten() {
            slopes.iter_mut().zip(sizes).for_each(|(x, s)| *x = mul_up(*x, *s));
        }
        match self.layer(i).filter(|_| self.users[i].len() == 1) {
            Some(_) => self.affine(i, &slopes),
            None => diagonal(&slopes, self.parts(k)[0]),
        }
    }

    /// The layer at a node with these scales of its rows.
    fn affine(&self, node: usize, scale: &[f64]) -> State {
        let layer = self.layer(node).expect("a layer");
        let x = self.states[self.chains.inputs(self.net, node)[0]].as_ref().expect("earlier");
        let any = x.live.iter().any(|l| *l);
        let live: Vec<bool> = scale.iter().map(|s| any && *s > 0.0).collect();
        let known = x.norm.map(|n| n.get().is_finite());
        let table = self.norms.of(node, &layer, Masks { scale, live: &x.live }, known);
        let to = |r: usize| {
            let each = (0..3).filter(|s| known[*s]).filter_map(|s| Some(x.norm[s].times(table[s][r]?)));
            each.fold(Upper::INFINITE, Upper::min)
        };
        State { norm: [to(0), to(1), to(2)], live }
    }
}

fn softmax(x: &State, group: usize, n: usize) -> State {
    let groups = (n / group) as f64;
    // Every output of a group moves with every input of it.
    let moves = |j: usize| x.live[j / group * group..][..group].contains(&true);
    through(x, (0..n).map(moves).collect(), |a, b| match (a, b) {
        (Norm::Inf, Norm::One) => Upper::proven(groups),
        _ if a <= b => Upper::proven(0.5),
        _ => Upper::proven(mul_up(0.5, between(a, b, n))),
    })
}

fn added(parts: &[&State], n: usize) -> State {
    let sum = |r: usize| parts.iter().fold(Upper::proven(0.0), |s, x| s.plus(x.norm[r]));
    let live = (0..n).map(|j| parts.iter().any(|x| x.live[j])).collect();
    State { norm: [sum(0), sum(1), sum(2)], live }
}

fn joined(parts: &[&State]) -> State {
    let join = |r: usize| {
        let sizes = parts.iter().map(|x| x.norm[r].get());
        Upper::proven(vector_norm_up(sizes.collect::<Vec<_>>(), Norm::ALL[r]))
    };
    let live = parts.iter().flat_map(|x| x.live.iter().copied()).collect();
    State { norm: [join(0), join(1), join(2)], live }
}

/// ‖x‖_r <= between * ‖x‖_p for vectors of n entries.
fn between(p: Norm, r: Norm, n: usize) -> f64 {
    match (p, r) {
        _ if p <= r => 1.0,
        (Norm::Inf, Norm::One) => n as f64,
        _ => sqrt_up(n as f64),
    }
}

fn start(p: Norm, live: Vec<bool>) -> State {
    let n = live.iter().filter(|l| **l).count();
    State { norm: Norm::ALL.map(|r| Upper::proven(between(p, r, n))), live }
}

/// The three norms of one derivative bound each other.
fn relate(mut state: State) -> State {
    let n = state.live.iter().filter(|l| **l).count();
    let own = state.norm;
    for (r, norm) in Norm::ALL.into_iter().enumerate() {
        for (s, other) in Norm::ALL.into_iter().enumerate() {
            state.norm[r] = state.norm[r].min(own[s].times(Upper::proven(between(other, norm, n))));
        }
    }
    state
}

/// One node with known operator norms: the best intermediate norm.
fn through(x: &State, live: Vec<bool>, norm: impl Fn(Norm, Norm) -> Upper) -> State {
    let to = |r: Norm| {
        Norm::ALL
            .into_iter()
            .enumerate()
            .map(|(s, from)| x.norm[s].times(norm(from, r)))
            .fold(Upper::INFINITE, Upper::min)
    };
    State { norm: Norm::ALL.map(to), live }
}

fn gather(live: &[bool], incidence: &crate::layer::Incidence) -> Vec<bool> {
    (0..incidence.outputs())
        .map(|i| incidence.index[incidence.window(i)].iter().any(|&j| live[j as usize]))
        .collect()
}

fn diagonal(slopes: &[f64], x: &State) -> State {
    let alive: Vec<f64> = slopes.iter().zip(&x.live).map(|(s, l)| if *l { *s } else { 0.0 }).collect();
    let live = alive.iter().map(|s| *s > 0.0).collect();
    through(x, live, |a, b| {
        let norm = match (a, b) {
            _ if a <= b => Norm::Inf,
            (Norm::Inf, Norm::One) => Norm::One,
            _ => Norm::Two,
        };
        Upper::proven(vector_norm_up(alive.iter().copied(), norm))
    })
}

/// What takes one norm of a matrix.
pub enum Layer<'a, B: Backend> {
    One(&'a Affine),
    Run(&'a Chain<B>),
}

/// Largest slope magnitudes of a nonlinear node with one slope per feature: under gates of one item, or anywhere.
pub fn magnitudes<B: Backend>(net: &Net, k: usize, gates: Option<(&B, &[Option<Gate<B>>])>) -> Vec<f64> {
    let node = &net.nodes[k];
    if let Some((b, gates)) = gates
        && let Some(Gate::Each(s)) = &gates[k]
    {
        let (lo, hi) = b.read_slopes(s);
        return lo.row(0).iter().zip(hi.row(0)).map(|(l, h)| l.abs().max(h.abs())).collect();
    }
    (0..node.len()).map(|j| widest(&node.op, j)).collect()
}

/// The largest slope magnitude anywhere.
pub fn widest(op: &Op, feature: usize) -> f64 {
    match op {
        Op::Piecewise(f) => f.slope_below(feature).abs().max(1.0),
        Op::Smooth(f) => {
            let (l, h) = range::slope(*f, f64::NEG_INFINITY, f64::INFINITY);
            l.abs().max(h.abs())
        }
        Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => {
            unreachable!("only scalar functions have slopes")
        }
        Op::Max(_) | Op::Softmax { .. } => unreachable!("only scalar functions have slopes"),
    }
}
