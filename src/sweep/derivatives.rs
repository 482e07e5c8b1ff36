//! Tangents forward and adjoints backward: columns and rows of the Jacobians of all points of the items' regions.

use super::prepared::Prepared;
use super::softmax;
use super::state::Gate;
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::net::Op;
use std::ops::Range;

impl<B: Backend> Prepared<'_, B> {
    /// Settled coefficients forward or back through the affine node k, settled against ends of what they belong to
    /// then; by how much bounds rise.
    pub fn settled(&self, k: usize, a: &B::Block, back: bool, x: &B::Spans) -> (B::Block, B::Tops) {
        self.backend.settled(self.map(k), a, back, x)
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
            let y = match self.chains().at(k) {
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
        let mut left: Vec<usize> = self.chains().users(net).iter().map(Vec::len).collect();
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
            let inputs = self.chains().inputs(net, k);
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
                Gate::Each(_) | Gate::Softmax(_) => unreachable!("maxima have window gates"),
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
            let parts = match self.chains().at(k) {
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
                Gate::Each(_) | Gate::Softmax(_) => unreachable!("maxima have window gates"),
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
