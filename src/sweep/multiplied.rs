//! Runs through fixed neurons, multiplied out before intervals pass.
//!
//! Proves: where every slope between two nodes is one number on the region, the later node's
//!   derivative by the earlier one is one matrix M, so an enclosure c ± r passes as M c ± |M| r;
//!   layer by layer it would be |W2||S||W1| r.
//! From: merged runs of Huang et al. 2021, here for any sub-graph between two nodes.
//! Rounding: M is enclosed by an adjoint sweep; what is not in its centre acts on magnitudes.
//! Cost: a sweep per output of the run, and two dense products at every use.
//! Exact when: nothing but rounding is added to |M| r, the least that an interval method can lose.

use super::chains::{Chain, Chains, Link};
use super::prepared::Prepared;
use super::state::Gate;
use crate::backend::Backend;
use crate::layer::Incidence;
use crate::linalg::Enclosure;
use crate::net::{Net, Op};

/// Entries up to which a run's matrix is written out.
const ENTRIES: usize = 1 << 22;
/// Entries may exceed the run's own products by this factor: behind a narrow
/// layer the matrix would cost more at every use than the run.
const DENSER: f64 = 4.0;
/// Runs may take this part of what is affordable.
const SHARE: f64 = 0.25;
/// Values that a sweep which forms a matrix holds at most per feature list.
const BLOCK: usize = 1 << 22;

impl<B: Backend> Prepared<'_, B> {
    /// The same with every affordable run through fixed neurons in one step,
    /// for derivatives under these gates.
    pub fn multiplied(&self, gates: &[Option<Gate<B>>], affordable: &dyn Fn(f64) -> bool) -> Self {
        self.with(worthwhile(self, gates, affordable))
    }
}

impl<B: Backend> Prepared<'_, B> {
    /// The same with just these runs in one step; None unless every slope in each of them is one number, and
    /// all ways to its end begin where it does.
    pub fn linked(&self, gates: &[Option<Gate<B>>], links: &[Link]) -> Option<Self> {
        let mut list = Chains::none();
        let fixed = fixed(self.backend, self.net, gates);
        for &link in links {
            let (nodes, widest) = (self.net.nodes.len(), |run: &[usize]| {
                run.iter().map(|&k| self.net.nodes[k].len()).max().unwrap_or(1)
            });
            if link.from >= link.to || link.to >= nodes || !is_run(self.net, &fixed, link) {
                return None;
            }
            let rows = self.net.nodes[link.to].len().saturating_mul(self.net.nodes[link.from].len());
            if rows > ENTRIES {
                return None;
            }
            let run = between(self.net, link.from, link.to);
            let m = matrix(self, gates, link, (BLOCK / widest(&run)).max(1));
            if m.radius.iter().any(|r| !r.is_finite()) {
                return None;
            }
            list.insert(nodes, link.to, Chain::new(self.backend, link.from, m));
        }
        Some(self.with(list))
    }
}

/// Is the later node a fixed linear function of the earlier one alone?
fn is_run(net: &Net, fixed: &[bool], Link { from, to }: Link) -> bool {
    between(net, from, to).iter().all(|&k| fixed[k] && net.nodes[k].inputs.iter().all(|&i| i >= from))
}

/// All runs of two or more matrices that are worth writing out, if a part of
/// the multiplications that are affordable suffices.
fn worthwhile<B: Backend>(
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    affordable: &dyn Fn(f64) -> bool,
) -> Chains<B> {
    let (b, net) = (prepared.backend, prepared.net);
    let mut list = Chains::none();
    if !b.proves() {
        return list;
    }
    let source = sources(b, net, gates);
    let users = net.users();
    let mut spent = 0.0;
    for to in 1..net.nodes.len() {
        let from = source[to];
        let leaves = to == net.output() || users[to].iter().any(|&u| source[u] != from);
        if from == to || !leaves {
            continue;
        }
        let run = between(net, from, to);
        if run.iter().filter(|&&k| mixes(&net.nodes[k].op)).count() < 2 {
            continue;
        }
        let (rows, columns) = (net.nodes[to].len(), net.nodes[from].len());
        let products: f64 = run.iter().map(|&k| net.nodes[k].products()).sum();
        let entries = rows.saturating_mul(columns);
        let work = 2.0 * rows as f64 * products;
        if entries > ENTRIES || entries as f64 > DENSER * products || !affordable((spent + work) / SHARE) {
            continue;
        }
        spent += work;
        let widest = run.iter().map(|&k| net.nodes[k].len()).max().unwrap_or(1).max(columns);
        let m = matrix(prepared, gates, Link { from, to }, (BLOCK / widest).max(1));
        if m.radius.iter().all(|r| r.is_finite()) {
            list.insert(net.nodes.len(), to, Chain::new(b, from, m));
        }
    }
    list
}

/// Per node: is it a fixed linear function of what it reads?
fn fixed<B: Backend>(b: &B, net: &Net, gates: &[Option<Gate<B>>]) -> Vec<bool> {
    let one = |(k, op): (usize, &Op)| match (op, gates.get(k).and_then(|g| g.as_ref())) {
        (op, _) if !op.is_nonlinear() => true,
        (_, Some(Gate::Each(s) | Gate::Window(s))) => {
            let (lo, hi) = b.read_slopes(s);
            lo.nrows() == 1 && lo == hi
        }
        _ => false,
    };
    net.nodes.iter().map(|n| &n.op).enumerate().map(one).collect()
}

/// Per node the last earlier node (or itself) of which it is a fixed linear function.
fn sources<B: Backend>(b: &B, net: &Net, gates: &[Option<Gate<B>>]) -> Vec<usize> {
    let mut source: Vec<usize> = vec![0];
    let fixed = fixed(b, net, gates);
    for (k, node) in net.nodes.iter().enumerate().skip(1) {
        let first = source[node.inputs[0]];
        let same = fixed[k] && node.inputs.iter().all(|&i| source[i] == first);
        source.push(if same { first } else { k });
    }
    source
}

/// The nodes on paths from one node to another, without the first.
fn between(net: &Net, from: usize, to: usize) -> Vec<usize> {
    let mut on = vec![false; to + 1];
    on[to] = true;
    for k in (from + 1..=to).rev() {
        if on[k] {
            net.nodes[k].inputs.iter().for_each(|&i| on[i] = true);
        }
    }
    (from + 1..=to).filter(|&k| on[k]).collect()
}

/// Can |A B| differ from |A||B| for this operator's matrix beside another?
fn mixes(op: &Op) -> bool {
    let joins = |w: &Incidence| w.longest() > 1 || w.reach() > 1;
    match op {
        Op::Affine(_) | Op::Add => true,
        Op::Select { incidence, .. } => joins(incidence),
        Op::Max(windows) => windows.reach() > 1,
        Op::Input | Op::Scale(_) | Op::Concat | Op::Piecewise(_) | Op::Smooth(_) | Op::Softmax { .. } => {
            false
        }
    }
}

/// The derivative of one node by the other, rows in groups.
fn matrix<B: Backend>(
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    Link { from, to }: Link,
    group: usize,
) -> Enclosure {
    let (b, net) = (prepared.backend, prepared.net);
    let (rows, columns) = (net.nodes[to].len(), net.nodes[from].len());
    let mut m = Enclosure::zeros(1, rows, columns);
    for first in (0..rows).step_by(group) {
        let count = group.min(rows - first);
        let mut unit = Enclosure::zeros(1, count, rows);
        (0..count).for_each(|i| unit.centre[[0, i, first + i]] = 1.0);
        let mut start: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        start[to] = Some(b.upload(&unit));
        let part = b.read(&prepared.adjoints_between(gates, start, from, |_, _| {}));
        let at = ndarray::s![.., first..first + count, ..];
        m.centre.slice_mut(at).assign(&part.centre);
        m.radius.slice_mut(at).assign(&part.radius);
    }
    m
}
