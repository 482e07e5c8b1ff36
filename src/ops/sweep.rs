//! The three sweeps over a network: values forward, tangents forward
//! (columns of the Jacobian) and adjoints backward (its rows).
//!
//! Everything is an enclosure for every point of every item's region, so the
//! adjoint sweep over slope intervals is the interval Clarke Jacobian.

use super::chains::Chains;
use super::{smooth, softmax};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::layer::Smooth;
use crate::linalg::Enclosure;
use crate::net::{Net, Node, Op};
use ndarray::{Array2, Array3};
use std::ops::Range;
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

    /// Those of another network, which shares what it has of this one (`own`).
    pub fn of(&self, own: &Net, other: &Net, backend: &B) -> Self {
        let known = |op: &Op| {
            let Op::Affine(wanted) = op else { return None };
            let same = |n: &Node| matches!(&n.op, Op::Affine(a) if a.is_same(wanted));
            self.0[own.nodes.iter().position(same)?].clone()
        };
        Maps(other.nodes.iter().map(|n| known(&n.op).or_else(|| prepare(backend, &n.op))).collect())
    }
}

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

/// Proven ends of a node's values, items x features.
#[derive(Clone, Debug)]
pub struct Ends {
    pub lo: Array2<f64>,
    pub hi: Array2<f64>,
}

/// What is known about nodes from elsewhere; sweeps intersect with it.
pub type Known = Vec<Option<Ends>>;

/// Slopes of one nonlinear node on the regions of all items.
pub enum Gate<B: Backend> {
    Each(B::Slopes),
    Window(B::Slopes),
    /// Enclosures of the outputs s; the Jacobian is diag(s) - s sᵀ per group.
    Softmax(Ends),
}

impl<B: Backend> Clone for Gate<B> {
    fn clone(&self) -> Self {
        match self {
            Gate::Each(s) => Gate::Each(s.clone()),
            Gate::Window(s) => Gate::Window(s.clone()),
            Gate::Softmax(e) => Gate::Softmax(e.clone()),
        }
    }
}

/// A value sweep under way or done: gates of the nonlinear nodes and the
/// values that are still held.
pub struct Trace<B: Backend> {
    pub gates: Vec<Option<Gate<B>>>,
    pub values: Vec<Option<B::Block>>,
}

impl<B: Backend> Trace<B> {
    pub fn start(net: &Net) -> Self {
        let count = net.nodes.len();
        Trace { gates: (0..count).map(|_| None).collect(), values: (0..count).map(|_| None).collect() }
    }

    /// The network's output.
    pub fn output(&self) -> &B::Block {
        self.values.last().and_then(|v| v.as_ref()).expect("the output was computed")
    }
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
    fn anything(&self, k: usize, like: &B::Block) -> B::Block {
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

    /// The same with every affordable run through fixed neurons in one step,
    /// for derivatives under these gates.
    pub fn multiplied(&self, gates: &[Option<Gate<B>>], affordable: &dyn Fn(f64) -> bool) -> Self {
        let chains = Chains::new(self, gates, affordable);
        let until = self.until.clone();
        Prepared { net: self.net, backend: self.backend, maps: self.maps.clone(), chains, until }
    }

    pub fn chains(&self) -> &Chains<B> {
        &self.chains
    }

    fn map(&self, k: usize) -> &B::Map {
        self.maps.0[k].as_deref().expect("affine nodes are prepared")
    }

    /// Values of all nodes for regions given as one row per item. `keep` says
    /// which nodes' values the trace holds afterwards.
    pub fn values(&self, input: B::Block, known: &Known, keep: impl Fn(usize) -> bool) -> Trace<B> {
        let mut left: Vec<usize> = self.net.users().iter().map(Vec::len).collect();
        let mut trace = Trace::start(self.net);
        for k in 0..self.net.nodes.len() {
            let given = (k == 0).then(|| input.clone());
            self.step(&mut trace, k, given, known.get(k).and_then(|e| e.as_ref()));
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

    /// J t for tangents t at the input (each row of the block one tangent).
    /// `seen` receives each node's tangent.
    pub fn tangents(
        &self,
        gates: &[Option<Gate<B>>],
        seeds: B::Block,
        mut seen: impl FnMut(usize, &B::Block),
    ) -> B::Block {
        self.forward(seeds, |k, parts| {
            let y = match self.chains.at(k) {
                Some(chain) => chain.apply(self.backend, &parts[0], false),
                None => self.tangent(gates, k, parts),
            };
            seen(k, &y);
            y
        })
    }

    /// The output's block when `step` gives each node's from those that it
    /// reads; nodes that the output does not depend on are left out.
    pub fn forward(&self, input: B::Block, mut step: impl FnMut(usize, &[B::Block]) -> B::Block) -> B::Block {
        let net = self.net;
        let mut left: Vec<usize> = self.chains.users(net).iter().map(Vec::len).collect();
        let mut values: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        values[0] = Some(input);
        for k in 1..net.nodes.len() {
            if left[k] == 0 && k != net.output() {
                continue;
            }
            if self.is_late() {
                let like = values.iter().flatten().next().expect("something is read later");
                return self.anything(net.output(), like);
            }
            let inputs = self.chains.inputs(net, k);
            let parts: Vec<B::Block> =
                inputs.iter().map(|&i| values[i].clone().expect("topological order")).collect();
            values[k] = Some(step(k, &parts));
            release(&mut values, &mut left, inputs);
        }
        values.pop().flatten().expect("the output was computed")
    }

    /// The tangent of node k from its inputs' tangents.
    pub fn tangent(&self, gates: &[Option<Gate<B>>], k: usize, parts: &[B::Block]) -> B::Block {
        let b = self.backend;
        let x = &parts[0];
        match &self.net.nodes[k].op {
            Op::Input => unreachable!("the input has no inputs"),
            Op::Affine(_) => b.linear(self.map(k), x),
            Op::Scale(s) => b.scale(s, x, false),
            Op::Select { incidence, .. } => b.select(incidence, 0.0, x),
            Op::Add => b.sum(&parts.iter().collect::<Vec<_>>()),
            Op::Concat => b.concat(&parts.iter().collect::<Vec<_>>()),
            Op::Max(windows) => match gate(gates, k) {
                Gate::Window(g) => b.window_tangent(windows, g, x),
                _ => unreachable!("maxima have window gates"),
            },
            Op::Piecewise(_) | Op::Smooth(_) | Op::Softmax { .. } => self.through(gates, k, x),
        }
    }

    /// g J for rows g at the output; every row of an item shares its gates.
    /// `seen` receives each node's adjoint before it is passed on.
    pub fn adjoints(
        &self,
        gates: &[Option<Gate<B>>],
        seeds: B::Block,
        seen: impl FnMut(usize, &B::Block),
    ) -> B::Block {
        let mut start: Vec<Option<B::Block>> = vec![None; self.net.nodes.len()];
        start[self.net.output()] = Some(seeds);
        self.adjoints_from(gates, start, seen)
    }

    /// The same with rows that start at any nodes; at least one must.
    pub fn adjoints_from(
        &self,
        gates: &[Option<Gate<B>>],
        total: Vec<Option<B::Block>>,
        seen: impl FnMut(usize, &B::Block),
    ) -> B::Block {
        self.adjoints_between(gates, total, 0, seen)
    }

    /// The same back to another node than the input: one that lies on all ways
    /// from the starts to the input.
    pub fn adjoints_between(
        &self,
        gates: &[Option<Gate<B>>],
        mut total: Vec<Option<B::Block>>,
        end: usize,
        mut seen: impl FnMut(usize, &B::Block),
    ) -> B::Block {
        let (b, net) = (self.backend, self.net);
        let (items, rows, _) = b.dim(total.iter().flatten().next().expect("a start"));
        for k in (end + 1..net.nodes.len()).rev() {
            let Some(g) = total[k].take() else { continue };
            if self.is_late() {
                return self.anything(end, &g);
            }
            seen(k, &g);
            let parts = match self.chains.at(k) {
                Some(chain) => vec![(chain.from, chain.apply(b, &g, true))],
                None => self.back(gates, k, &g),
            };
            for (i, part) in parts {
                total[i] = Some(match total[i].take() {
                    Some(t) => b.sum(&[&t, &part]),
                    None => part,
                });
            }
        }
        // A network that does not read its input has the Jacobian zero.
        total[end].take().unwrap_or_else(|| b.upload(&Enclosure::zeros(items, rows, net.nodes[end].len())))
    }

    /// The adjoint of node k, distributed to its inputs.
    pub fn back(&self, gates: &[Option<Gate<B>>], k: usize, g: &B::Block) -> Vec<(usize, B::Block)> {
        let (b, net) = (self.backend, self.net);
        let node = &net.nodes[k];
        let one = |part| vec![(node.inputs[0], part)];
        match &node.op {
            Op::Input => vec![],
            Op::Affine(_) => one(b.adjoint(self.map(k), g)),
            Op::Scale(s) => one(b.scale(s, g, false)),
            Op::Select { incidence, .. } => one(b.select_adjoint(incidence, g)),
            Op::Add => node.inputs.iter().map(|&i| (i, g.clone())).collect(),
            Op::Concat => {
                let mut at = 0;
                let mut list = Vec::with_capacity(node.inputs.len());
                for &i in &node.inputs {
                    let range: Range<usize> = at..at + net.nodes[i].len();
                    at = range.end;
                    list.push((i, b.slice(g, range)));
                }
                list
            }
            Op::Max(windows) => match gate(gates, k) {
                Gate::Window(s) => one(b.window_adjoint(windows, s, g)),
                _ => unreachable!("maxima have window gates"),
            },
            Op::Piecewise(_) | Op::Smooth(_) | Op::Softmax { .. } => one(self.through(gates, k, g)),
        }
    }

    /// Gates with a symmetric Jacobian act the same forward and backward.
    fn through(&self, gates: &[Option<Gate<B>>], k: usize, x: &B::Block) -> B::Block {
        let b = self.backend;
        match gate(gates, k) {
            Gate::Each(s) => b.gate(s, x),
            Gate::Softmax(ends) => {
                let Op::Softmax { group } = self.net.nodes[k].op else {
                    unreachable!("softmax gates belong to softmax nodes")
                };
                let x = b.read(x);
                b.upload(&softmax::jacobian(group, ends, &x, b.proves()))
            }
            Gate::Window(_) => unreachable!("window gates belong to maxima"),
        }
    }
}

fn prepare<B: Backend>(backend: &B, op: &Op) -> Option<Arc<B::Map>> {
    match op {
        Op::Affine(a) => Some(Arc::new(backend.prepare(a))),
        _ => None,
    }
}

fn gate<B: Backend>(gates: &[Option<Gate<B>>], k: usize) -> &Gate<B> {
    gates[k].as_ref().expect("every nonlinear node has a gate")
}

/// Drops values whose last reader is done.
fn release<T>(values: &mut [Option<T>], left: &mut [usize], inputs: &[usize]) {
    for &i in inputs {
        left[i] -= 1;
        if left[i] == 0 {
            values[i] = None;
        }
    }
}

/// Ends of a one-row-per-item block as two matrices.
pub fn ends2(x: &Enclosure, proves: bool) -> (Array2<f64>, Array2<f64>) {
    let flat = |a: Array3<f64>| a.remove_axis(ndarray::Axis(1));
    assert_eq!(x.dim().1, 1, "values have one row per item");
    if proves { (flat(x.lo()), flat(x.hi())) } else { (flat(x.centre.clone()), flat(x.centre.clone())) }
}

/// Ends as an enclosure with one row per item.
pub fn enclosure(ends: &Ends) -> Enclosure {
    let lift = |a: &Array2<f64>| a.clone().insert_axis(ndarray::Axis(1));
    Enclosure::from_bounds(&lift(&ends.lo), &lift(&ends.hi))
}

fn smooth_value<B: Backend>(b: &B, f: Smooth, x: &B::Block) -> (B::Block, B::Slopes) {
    let (lo, hi) = ends2(&b.read(x), b.proves());
    let dim = lo.raw_dim();
    let (mut a, mut z) = (Array2::zeros(dim), Array2::zeros(dim));
    let (mut s, mut t) = (Array2::zeros(dim), Array2::zeros(dim));
    ndarray::Zip::indexed(&lo).and(&hi).for_each(|at, &l, &u| {
        if b.proves() {
            (a[at], z[at]) = smooth::value(f, l, u);
            (s[at], t[at]) = smooth::slope(f, l, u);
        } else {
            a[at] = smooth::evaluate(f, l);
            z[at] = a[at];
            s[at] = smooth::derivative(f, l);
            t[at] = s[at];
        }
    });
    (b.upload(&enclosure(&Ends { lo: a, hi: z })), b.upload_slopes(&s, &t))
}
