//! The loop of open slopes, layer by layer: scalings that are the same for all open neurons of a node.
//!
//! Proves: ‖J‖_{p→q} <= bound for every choice of slopes within their intervals.
//! From: `rules::cut`; LipSDP's neuron form (Fazlyab et al. 2019) on any graph, eliminated node by node, which takes
//!   matrices as wide as the cuts of the network instead of one as large as all its open neurons.
//! Rounding: see `rules::cut`; the eigenvalue at the end is proven.
//! Cost: about w² f multiplications for every node with f open neurons behind a cut of w features, and the layers
//!   applied to all rows and columns of the form there. Where early cuts are too wide for that it begins behind
//!   them, with the product of norms of layers that far (`local::product`).
//! Loose when: neurons of one node differ much: scalings are not improved one by one.

use super::expansion::Around;
use super::gain;
use super::{NO_SLOPES, is_two};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::tree::{Node, Tree};
use crate::certificate::{Bound, Proof};
use crate::method::context::Context;
use crate::method::contract::{Best, Finding, Method};
use crate::method::local::product;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{Why, at_most};
use crate::net::Net;
use crate::num::Upper;
use crate::problem::Problem;
use crate::rules::cut::{Cut, Size};
use crate::rules::form::{factors, steepest};
use ndarray::Axis;
use std::collections::HashMap;

/// Open neurons and outputs up to which one loop of all is better, and time is kept for that.
const ALONE: usize = 2500;
/// Features of a cut at most.
const WIDTH: usize = 9000;
/// Matrices of that size that are held at a time (three were seen), and the part of the memory that they may take.
const COPIES: u64 = 5;
const MEMORY: u64 = 2;

fn admitted<B: Backend>(context: &Context<B>, size: Size, width: usize) -> Result<(), Why> {
    at_most("features of a cut", size.width, width)?;
    let bytes = COPIES * 8 * (size.width as u64).pow(2);
    if bytes > context.budget.memory / MEMORY {
        return Err(Why::Memory(MEMORY * bytes));
    }
    context.budget.admits(&Cpu::DOUBLE, size.work)
}

/// Nodes on all ways from the input that the problem's own network has too: places here and there. `net` is that
/// network, or the same without maxima, where a name that only one node has stands for the same value.
fn starts(problem: &Problem, net: &Net) -> Vec<(usize, usize)> {
    let inner = net.bottlenecks().into_iter().filter(|k| (1..net.output()).contains(k));
    if std::ptr::eq(net, &*problem.net) {
        return inner.map(|k| (k, k)).collect();
    }
    let mut places: HashMap<&str, Option<usize>> = HashMap::new();
    for (k, node) in problem.net.nodes.iter().enumerate().filter(|(_, n)| !n.name.is_empty()) {
        places.entry(&node.name).and_modify(|other| *other = None).or_insert(Some(k));
    }
    let same = |k: usize| places.get(&*net.nodes[k].name).copied().flatten().map(|same| (k, same));
    inner.filter_map(same).collect()
}

/// Where the form begins: at the input, or as early as it fits, with the norm of all that is before.
fn begun<'p, 'n, B: Backend>(
    context: &Context<B>,
    net: &Net,
    mut cut: Cut<'p, 'n, B>,
    width: usize,
) -> Result<(Cut<'p, 'n, B>, Option<Upper>), Why> {
    let problem = context.problem;
    let Err(why) = admitted(context, cut.size(), width) else {
        return Ok((cut, None));
    };
    let lengths = match problem.region.is_global() {
        true => product::lengths::<B, B>(context, None),
        false => product::lengths(context, Some((&context.main(), &context.statuses().gates))),
    };
    for (k, same) in starts(problem, net) {
        if context.budget.is_over() {
            return Err(Why::Late);
        }
        let Some(length) = lengths[same] else { continue };
        cut = cut.from(k);
        if admitted(context, cut.size(), width).is_ok() {
            return Ok((cut, Some(length)));
        }
    }
    Err(why)
}

/// With cuts of so many features at most.
pub fn within<B: Backend>(context: &Context<B>, width: usize) -> Result<Bound, Why> {
    let problem = context.problem;
    let own = context.placed.kinks();
    let net = own.as_ref().map_or(&problem.net, |placed| placed.net());
    if !super::expansion::applies(net) {
        return Err(NO_SLOPES);
    }
    let Around { prepared, gates } = Around::new(context, own.as_deref()).ok_or(NO_SLOPES)?;
    let cut = Cut::new(&prepared, &gates, &|j| !problem.is_ignored(j)).ok_or(NO_SLOPES)?;
    let (cut, before) = begun(context, net, cut, width)?;
    let late = || if context.budget.is_over() { Why::Late } else { UNPROVED };
    let (features, p) = cut.run().ok_or_else(late)?;
    let q = &problem.quotient;
    let moving = (0..problem.net.inputs()).filter(|&j| !problem.is_ignored(j)).count();
    let [input, output] = factors([q.in_norm, q.out_norm], moving, problem.rows()).map(Upper::proven);
    let rows = problem.seeds().centre;
    let longest = steepest(rows.index_axis(Axis(0), 0), &features, &p, q.out_norm);
    let value = longest.times(before.unwrap_or(input)).times(output);
    let proof = if before.is_some() {
        Proof::digest("scalings of a feedback loop, layer by layer")
    } else {
        Proof::Tree { tree: Tree { nodes: vec![Node::Layers] }, kinks: own.is_some(), reach: None }
    };
    Ok(Bound { value, method: Layered::ROW.name, proof })
}

const UNPROVED: Why = Why::Unproved("a factorisation failed, or numbers became too large");

/// The same as a method.
pub struct Layered;

impl Layered {
    pub const ROW: Row = Row {
        name: "layered-gain",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "p→2; others by it",
        cost: "a factorisation a layer",
        paper: "Fazlyab et al. 2019; by layers: own",
        formula: "‖J‖² ≤ λmax(P) at the output, P ← A P Aᵀ through layers, P ← P + P_F (Λ − P_FF)⁻¹ P_Fᵀ through open neurons F",
        loose: "neurons of one layer differ much; norms of layers up to the last cut of more than 9000 features",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation",
        stage: Stage {
            everywhere: Some(10),
            region: Some(14),
            point: None,
            repeats: true,
            statuses: true,
            ..Stage::NONE
        },
    };
}

impl<B: Backend> Method<B> for Layered {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn applies(&self, net: &Net) -> bool {
        super::expansion::applies(net)
    }

    fn suits(&self, problem: &Problem) -> bool {
        is_two(problem)
    }

    fn answers(&self, problem: &Problem) -> bool {
        is_two(problem)
    }

    fn work(&self, context: &Context<B>) -> f64 {
        // A loop of this size has scalings of its own for every neuron.
        let few = context.open().is_some_and(|open| open + context.problem.rows() <= ALONE);
        if few || gain::in_time(context) {
            return f64::INFINITY;
        }
        let net = &context.problem.net;
        let widest = net.nodes.iter().map(|n| n.len()).max().unwrap_or(1).min(WIDTH) as f64;
        // About: half of the features count, and half of them are open.
        let step =
            |n: &crate::net::Node| 0.5 * widest * n.products() + 0.03 * (n.len().min(WIDTH) as f64).powi(3);
        net.nodes.iter().map(step).sum()
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(within(context, WIDTH)?.into())
    }
}
