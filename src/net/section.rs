//! Networks made of parts of a network: sections between two nodes, and maxima as trees of relu.

use super::{Net, Node, Op};
use crate::layer::{Incidence, Piecewise, Scale};
use crate::num::Coefficient;
use std::sync::Arc;

impl Net {
    /// Which nodes the output depends on.
    pub fn needed(&self) -> Vec<bool> {
        let mut on = vec![false; self.nodes.len()];
        on[self.output()] = true;
        for k in (1..self.nodes.len()).rev() {
            if on[k] {
                self.nodes[k].inputs.iter().for_each(|&i| on[i] = true);
            }
        }
        on
    }

    /// The network that computes one node from an earlier one (or from itself);
    /// None unless the earlier one lies on all ways from the input.
    pub fn section(&self, from: usize, to: usize) -> Option<Net> {
        let mut on = vec![false; to + 1];
        on[to] = true;
        for k in (from + 1..=to).rev() {
            if on[k] {
                self.nodes[k].inputs.iter().for_each(|&i| on[i] = true);
            }
        }
        if on[..from].contains(&true) {
            return None;
        }
        let mut net = Net::new(self.nodes[from].shape.clone());
        let mut place = vec![0; to + 1];
        for k in (from + 1..=to).filter(|&k| on[k]) {
            let node = &self.nodes[k];
            let inputs = node.inputs.iter().map(|&i| place[i]).collect();
            net.nodes.push(Node { inputs, ..node.clone() });
            place[k] = net.nodes.len() - 1;
        }
        Some(net)
    }

    /// The same function without maxima: max(a, b) = b + relu(a − b), windows as
    /// trees. None where there is nothing to replace.
    pub fn without_maxima(&self) -> Option<Net> {
        if !self.nodes.iter().any(|n| matches!(n.op, Op::Max(_))) {
            return None;
        }
        let mut net = Net::new(self.nodes[0].shape.clone());
        let mut place = vec![0];
        for node in &self.nodes[1..] {
            let inputs: Vec<usize> = node.inputs.iter().map(|&i| place[i]).collect();
            if let Op::Max(windows) = &node.op {
                tree(&mut net, windows, inputs[0], &node.shape);
            } else {
                net.nodes.push(Node { inputs, ..node.clone() });
            }
            place.push(net.nodes.len() - 1);
        }
        Some(net)
    }
}

/// Appends the maxima of these windows over a node.
fn tree(net: &mut Net, windows: &Incidence, mut node: usize, shape: &[usize]) {
    let mut open: Vec<Vec<u32>> =
        (0..windows.outputs()).map(|i| windows.index[windows.window(i)].to_vec()).collect();
    loop {
        let last = open.iter().all(|w| w.len() <= 2);
        let pairs: Vec<[u32; 2]> = open
            .iter()
            .flat_map(|w| w.chunks(2))
            .map(|pair| [pair[0], *pair.last().expect("a half")])
            .collect();
        let size = net.nodes[node].len();
        let shape = if last { shape.to_vec() } else { vec![pairs.len()] };
        let mut push = |op: Op, inputs: Vec<usize>| {
            net.nodes.push(Node { name: "maximum".into(), op, inputs, shape: shape.clone() });
            net.nodes.len() - 1
        };
        let half = |side: usize| Op::Select {
            incidence: Arc::new(Incidence::gather(size, pairs.iter().map(|p| Some(p[side])))),
            fill: 0.0,
        };
        let (left, right) = (push(half(0), vec![node]), push(half(1), vec![node]));
        let minus = push(Op::Scale(Scale::uniform(Coefficient::exact(-1.0))), vec![right]);
        let gap = push(Op::Add, vec![left, minus]);
        let above = push(Op::Piecewise(Piecewise::RELU), vec![gap]);
        node = push(Op::Add, vec![right, above]);
        if last {
            return;
        }
        let mut next = 0;
        for window in &mut open {
            let count = window.len().div_ceil(2) as u32;
            *window = (next..next + count).collect();
            next += count;
        }
    }
}
