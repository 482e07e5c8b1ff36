//! Runs through fixed neurons as one matrix each: see `multiplied`.

use crate::backend::Backend;
use crate::layer::{Affine, LinearMap};
use crate::linalg::Enclosure;
use crate::net::Net;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Two nodes between which everything is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub from: usize,
    pub to: usize,
}

/// The derivative of one node by an earlier one: centre ± slack, entrywise.
pub struct Chain<B: Backend> {
    pub from: usize,
    pub centre: Arc<Array2<f64>>,
    pub slack: Arc<Array2<f64>>,
    maps: [B::Map; 2],
}

impl<B: Backend> Chain<B> {
    pub fn new(b: &B, from: usize, m: Enclosure) -> Self {
        let [centre, slack] = [m.centre, m.radius].map(|a| Arc::new(a.remove_axis(Axis(0))));
        let map = |a: &Arc<Array2<f64>>| {
            b.prepare(&Affine { map: LinearMap::Dense(a.clone()), bias: None, repeat: 1 })
        };
        let maps = [map(&centre), map(&slack)];
        Chain { from, centre, slack, maps }
    }

    /// M x, or Mᵀ x: a member of M is the centre and a part of the slack that
    /// may differ for every entry, and so takes any x of the given magnitudes.
    pub fn apply(&self, b: &B, x: &B::Block, adjoint: bool) -> B::Block {
        let through = |map, x| if adjoint { b.adjoint(map, x) } else { b.linear(map, x) };
        let (items, _, features) = b.dim(x);
        let all = |v: f64| Array2::from_elem((items, features), v);
        let magnitudes = b.gate(&b.upload_slopes(&all(-1.0), &all(1.0)), x);
        b.sum(&[&through(&self.maps[0], x), &through(&self.maps[1], &magnitudes)])
    }
}

/// The runs of a network that are taken in one step, by their last nodes.
pub struct Chains<B: Backend>(Vec<Option<Arc<Chain<B>>>>);

impl<B: Backend> Clone for Chains<B> {
    fn clone(&self) -> Self {
        Chains(self.0.clone())
    }
}

impl<B: Backend> Chains<B> {
    pub fn none() -> Self {
        Chains(vec![])
    }

    /// One more run of a network with so many nodes.
    pub fn insert(&mut self, nodes: usize, to: usize, chain: Chain<B>) {
        self.0.resize(nodes, None);
        self.0[to] = Some(Arc::new(chain));
    }

    pub fn at(&self, k: usize) -> Option<&Chain<B>> {
        self.0.get(k)?.as_deref()
    }

    pub fn links(&self) -> Vec<Link> {
        let link = |(to, c): (usize, &Option<Arc<Chain<B>>>)| c.as_ref().map(|c| Link { from: c.from, to });
        self.0.iter().enumerate().filter_map(link).collect()
    }

    /// What node k reads.
    pub fn inputs<'s>(&'s self, net: &'s Net, k: usize) -> &'s [usize] {
        self.at(k).map_or(&net.nodes[k].inputs, |c| std::slice::from_ref(&c.from))
    }

    /// The readers of every node that the output depends on; none for the rest.
    pub fn users(&self, net: &Net) -> Vec<Vec<usize>> {
        let mut users = vec![vec![]; net.nodes.len()];
        for k in (0..net.nodes.len()).rev() {
            if k == net.output() || !users[k].is_empty() {
                self.inputs(net, k).iter().for_each(|&i| users[i].push(k));
            }
        }
        users
    }
}
