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
use super::{NO_SLOPES, is_two};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{Bound, Proof};
use crate::linalg::spectral::spectral_upper;
use crate::method::context::Context;
use crate::method::contract::{Best, Finding, Method};
use crate::method::local::product;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{Why, at_most};
use crate::net::{Net, Node};
use crate::num::Upper;
use crate::num::norms::{Norm, vector_norm_up};
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use crate::problem::Problem;
use crate::rules::cut::{Cut, Size};
use ndarray::{Array2, Axis};
use std::collections::HashMap;

/// Open neurons and outputs up to which one loop of all is better, and time is kept for that.
const ALONE: usize = 2500;
/// Features of a cut at most.
const WIDTH: usize = 9000;
/// Matrices of that size that are held at a time (three were seen), and the part of the memory that they may take.
const COPIES: u64 = 5;
const MEMORY: u64 = 2;

/// ‖x‖_2 <= this ‖x‖_p, and ‖y‖_q <= this ‖y‖_2.
fn factors(problem: &Problem) -> [f64; 2] {
    let moving = (0..problem.net.inputs()).filter(|&j| !problem.is_ignored(j)).count();
    let input = if problem.quotient.in_norm == Norm::Inf { sqrt_up(moving as f64) } else { 1.0 };
    let output = if problem.quotient.out_norm == Norm::One { sqrt_up(problem.rows() as f64) } else { 1.0 };
    [input, output]
}

/// ‖J‖_{2→2}, or the norm of the longest row, from the form P of the output's features.
fn steepest(problem: &Problem, features: &[usize], p: &Array2<f64>) -> Upper {
    let seeds = problem.seeds();
    let rows = seeds.centre.index_axis(Axis(0), 0).select(Axis(1), features);
    // Seeds are whole numbers: what rounding loses is what the products lose.
    let half = rows.dot(p);
    let form = half.dot(&rows.t());
    let size = |a: &Array2<f64>| vector_norm_up(a.iter().map(|x| x.abs()), Norm::Two);
    let all = size(&rows);
    let lost = mul_up(gamma(2 * features.len() + 8), mul_up(mul_up(all, all), size(p)));
    let lost = add_up(lost, 1e-280);
    let square = match problem.quotient.out_norm {
        Norm::Inf => form.diag().iter().fold(0.0, |m: f64, x| m.max(x.abs())),
        Norm::One | Norm::Two if rows.nrows() == 1 => form[[0, 0]].abs(),
        Norm::One | Norm::Two => spectral_upper(form.view()).get(),
    };
    Upper::proven(sqrt_up(add_up(square, lost)))
}

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

/// Where the form begins, with the norm of all that is before: at the input, or as early as it fits.
fn begun<'p, 'n, B: Backend>(
    context: &Context<B>,
    net: &Net,
    mut cut: Cut<'p, 'n, B>,
    width: usize,
) -> Result<(Cut<'p, 'n, B>, Upper), Why> {
    let problem = context.problem;
    let Err(why) = admitted(context, cut.size(), width) else {
        return Ok((cut, Upper::proven(factors(problem)[0])));
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
            return Ok((cut, length));
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
    let (cut, input) = begun(context, net, cut, width)?;
    let late = || if context.budget.is_over() { Why::Late } else { UNPROVED };
    let (features, p) = cut.run().ok_or_else(late)?;
    let [_, output] = factors(problem);
    let value = steepest(problem, &features, &p).times(input).times(Upper::proven(output));
    Ok(Bound {
        value,
        method: Layered::ROW.name,
        proof: Proof::digest("scalings of a feedback loop, layer by layer"),
    })
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
        if context.open().is_some_and(|open| open + context.problem.rows() <= ALONE) {
            return f64::INFINITY;
        }
        let net = &context.problem.net;
        let widest = net.nodes.iter().map(|n| n.len()).max().unwrap_or(1).min(WIDTH) as f64;
        // About: half of the features count, and half of them are open.
        let step = |n: &Node| 0.5 * widest * n.products() + 0.03 * (n.len().min(WIDTH) as f64).powi(3);
        net.nodes.iter().map(step).sum()
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(within(context, WIDTH)?.into())
    }
}
