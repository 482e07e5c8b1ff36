//! Values forward: every node's enclosure on the items' regions, and the slopes of the nonlinear ones.

use super::chains::Chains;
use super::maps::Maps;
use super::softmax;
use super::state::{Bounds, Ends, Gate, Trace, enclosure, ends2};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::layer::Smooth;
use crate::layer::smooth::range;
use crate::linalg::Enclosure;
use crate::net::{Net, Op};
use ndarray::Array2;

/// A network with its weights on a backend.
pub struct Prepared<'a, B: Backend> {
    pub net: &'a Net,
    pub backend: &'a B,
    maps: Maps<B>,
    /// Runs that `tangents` and `adjoints` take in one step.
    chains: Chains<B>,
    /// After it sweeps say nothing: every number may be anything.
    until: Option<Deadline>,
}

impl<'a, B: Backend> Prepared<'a, B> {
    pub fn new(net: &'a Net, backend: &'a B) -> Self {
        Prepared::of(net, backend, &Maps::new(net, backend))
    }

    /// With weights that are there.
    pub fn of(net: &'a Net, backend: &'a B, maps: &Maps<B>) -> Self {
        Prepared { net, backend, maps: maps.clone(), chains: Chains::none(), until: None }
    }

    /// The same, in a hurry from then on: what is not computed in time may be anything.
    pub fn until(self, deadline: &Deadline) -> Self {
        Prepared { until: Some(deadline.clone()), ..self }
    }

    /// Is it too late for another node?
    pub fn is_late(&self) -> bool {
        self.until.as_ref().is_some_and(Deadline::is_over)
    }

    /// Rows of node k of which nothing is known.
    pub(super) fn anything(&self, k: usize, like: &B::Block) -> B::Block {
        let (items, rows, _) = self.backend.dim(like);
        let mut all = Enclosure::zeros(items, rows, self.net.nodes[k].len());
        all.radius.fill(f64::INFINITY);
        self.backend.upload(&all)
    }

    /// The same network but for its last node.
    pub fn ending_as<'n>(&self, net: &'n Net) -> Prepared<'n, B>
    where
        'a: 'n,
    {
        let same = std::ptr::eq(net, self.net);
        let maps = if same { self.maps.clone() } else { self.maps.of(self.net, net, self.backend) };
        Prepared { net, backend: self.backend, maps, chains: Chains::none(), until: self.until.clone() }
    }

    pub fn chains(&self) -> &Chains<B> {
        &self.chains
    }

    /// The same with these runs in one step.
    pub(super) fn with(&self, chains: Chains<B>) -> Self {
        let until = self.until.clone();
        Prepared { net: self.net, backend: self.backend, maps: self.maps.clone(), chains, until }
    }

    /// The weights of an affine node.
    pub(super) fn map(&self, k: usize) -> &B::Map {
        self.maps.at(k)
    }

    /// Values of all nodes for regions given as one row per item, within what is `known` of them. `keep` says
    /// which nodes' values the trace holds afterwards.
    pub fn values(&self, input: B::Block, known: Option<&Bounds>, keep: impl Fn(usize) -> bool) -> Trace<B> {
        let mut left: Vec<usize> = self.net.users().iter().map(Vec::len).collect();
        let mut trace = Trace::start(self.net);
        for k in 0..self.net.nodes.len() {
            let given = (k == 0).then(|| input.clone());
            self.step(&mut trace, k, given, known.and_then(|b| b.get(k)));
            for &i in &self.net.nodes[k].inputs {
                left[i] -= 1;
                if left[i] == 0 && !keep(i) {
                    trace.values[i] = None;
                }
            }
        }
        trace
    }

    /// Computes node k (or takes it from `given`), intersected with what is
    /// known. All its inputs must be in the trace.
    pub fn step(&self, trace: &mut Trace<B>, k: usize, given: Option<B::Block>, known: Option<&Ends>) {
        let b = self.backend;
        let (mut y, gate) = match given {
            Some(y) => (y, None),
            None => {
                let read = |&i: &usize| trace.values[i].as_ref().expect("topological order");
                self.value(k, &self.net.nodes[k].inputs.iter().map(read).collect::<Vec<_>>())
            }
        };
        if let Some(ends) = known {
            y = b.intersect(&y, &b.upload(&enclosure(ends)));
        }
        trace.values[k] = Some(y);
        trace.gates[k] = gate;
    }

    /// One node's value from its inputs' values, with its gate.
    pub fn value(&self, k: usize, inputs: &[&B::Block]) -> (B::Block, Option<Gate<B>>) {
        let (b, node) = (self.backend, &self.net.nodes[k]);
        match &node.op {
            Op::Input => unreachable!("the input has no inputs"),
            Op::Affine(_) if self.is_late() => (self.anything(k, inputs[0]), None),
            Op::Affine(_) => (b.affine(self.map(k), inputs[0]), None),
            Op::Scale(s) => (b.scale(s, inputs[0], true), None),
            Op::Select { incidence, fill } => (b.select(incidence, *fill, inputs[0]), None),
            Op::Add => (b.sum(inputs), None),
            Op::Concat => (b.concat(inputs), None),
            Op::Piecewise(f) => {
                (b.activate(f, inputs[0]), Some(Gate::Each(b.piecewise_slopes(f, inputs[0]))))
            }
            Op::Smooth(f) => {
                let (y, slopes) = smooth_value(b, *f, inputs[0]);
                (y, Some(Gate::Each(slopes)))
            }
            Op::Max(windows) => {
                let gates = b.window_gates(windows, inputs[0]);
                (b.window_max(windows, inputs[0]), Some(Gate::Window(gates)))
            }
            Op::Softmax { group } => {
                let (lo, hi) = ends2(&b.read(inputs[0]), b.proves());
                let ends = softmax::value(*group, &lo, &hi);
                (b.upload(&enclosure(&ends)), Some(Gate::Softmax(ends)))
            }
        }
    }
}

fn smooth_value<B: Backend>(b: &B, f: Smooth, x: &B::Block) -> (B::Block, B::Slopes) {
    let (lo, hi) = ends2(&b.read(x), b.proves());
    let dim = lo.raw_dim();
    let (mut a, mut z) = (Array2::zeros(dim), Array2::zeros(dim));
    let (mut s, mut t) = (Array2::zeros(dim), Array2::zeros(dim));
    ndarray::Zip::indexed(&lo).and(&hi).for_each(|at, &l, &u| {
        if b.proves() {
            (a[at], z[at]) = range::value(f, l, u);
            (s[at], t[at]) = range::slope(f, l, u);
        } else {
            a[at] = range::evaluate(f, l);
            z[at] = a[at];
            s[at] = range::derivative(f, l);
            t[at] = s[at];
        }
    });
    (b.upload(&enclosure(&Ends { lo: a, hi: z })), b.upload_slopes(&s, &t))
}
