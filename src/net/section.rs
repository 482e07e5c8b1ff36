//! Networks made of parts of a network: sections between two nodes.

use super::{Gain, Net, Node};

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

    /// Nodes that lie on all ways from the input to the output.
    pub fn bottlenecks(&self) -> Vec<usize> {
        let needed = self.needed();
        // The earliest node that nodes behind read.
        let mut least = self.output();
        let mut found = vec![];
        for k in (0..self.nodes.len()).rev().filter(|&k| needed[k]) {
            if least >= k {
                found.push(k);
            }
            least = self.nodes[k].inputs.iter().fold(least, |l, &i| l.min(i));
        }
        found.reverse();
        found
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
        let within =
            |g: &&Gain| g.node <= to && on[g.node] && (g.from == from || g.from > from && on[g.from]);
        net.gains.extend(self.gains.iter().filter(within).map(|g| g.at(&place)));
        Some(net)
    }
}
