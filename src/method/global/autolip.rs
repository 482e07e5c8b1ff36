//! AutoLip as it was published.
//!
//! Proves: nothing. L_k = Σ over inputs of ‖∂g_k‖_2 L_i along the graph bounds the constant, but norms by power iteration
//!   lie below the true ones, and so may their product. `product` is the same with proven norms.
//! From: Scaman & Virmaux 2018, algorithm 2, with 100 steps of power iteration for every linear map; selections, maxima
//!   and scalar functions by their own constants.
//! Rounding: none is counted.
//! Cost: 200 applications of every linear map.
//! Loose when: an estimate in any case; deep networks, as layer norms multiply.

use super::blocks::between;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::layer::LinearMap;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::layer::power::{self, Tries};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{ESTIMATE, Why};
use crate::net::{Net, Op};
use crate::num::{Estimate, Norm};
use crate::problem::{Output, Problem};
use crate::rules::selections::{incidence_norm, scale_norm, selection_norm};
use crate::rules::walk::widest;

const TRIES: Tries = Tries { starts: 1, steps: 100 };

/// Norms as the power method finds them.
pub struct AutoLip;

impl AutoLip {
    pub const ROW: Row = Row {
        name: "autolip",
        scope: Scope::Any,
        proves: Proves::Estimate,
        norms: "2→2; others by it",
        cost: "200 passes",
        paper: "Scaman & Virmaux 2018",
        formula: "Π ‖W_k‖₂ over layers, sums over branches, with norms that a power iteration estimates from below",
        loose: "no bound: unfinished iterations make it too small; else that of `product`, its proven form",
        slopes: "the slopes of the activations, whatever the region",
        stage: Stage::NONE,
    };
}

/// ‖W‖_2 as power iteration sees it.
fn spectral(map: &LinearMap) -> f64 {
    power::boyd(map, Norm::Two, Norm::Two, TRIES).get()
}

/// The product along the graph; None when the time is up.
fn walked<B: Backend>(context: &Context<B>, net: &Net) -> Option<f64> {
    let needed = net.needed();
    let two = Norm::Two;
    let mut found: Vec<f64> = vec![1.0];
    for (k, node) in net.nodes.iter().enumerate().skip(1) {
        let inputs = node.inputs.iter().map(|&i| found[i]);
        if !needed[k] {
            found.push(0.0);
            continue;
        }
        if context.budget.is_over() {
            return None;
        }
        let own = match &node.op {
            Op::Input | Op::Add | Op::Concat => 1.0,
            Op::Affine(a) => spectral(&a.map),
            Op::Scale(s) => scale_norm(s, node.len(), two, two).1.get(),
            Op::Select { incidence, .. } => incidence_norm(incidence, two, two).1.get(),
            Op::Max(windows) => selection_norm(windows, two, two).get(),
            Op::Piecewise(_) | Op::Smooth(_) => {
                (0..node.len()).map(|j| widest(&node.op, j)).fold(0.0, f64::max)
            }
            Op::Softmax { .. } => 0.5,
        };
        found.push(match &node.op {
            Op::Concat => inputs.map(|l| l * l).sum::<f64>().sqrt(),
            _ => own * inputs.sum::<f64>(),
        });
    }
    found.last().copied()
}

/// From the whole output to what is measured of it, where the network's last layer does not say it.
fn measured(problem: &Problem) -> f64 {
    match problem.quotient.output {
        Output::All | Output::One(_) => 1.0,
        Output::Difference(..) | Output::Margins(_) | Output::Pairs => 2f64.sqrt(),
    }
}

impl<B: Backend> Method<B> for AutoLip {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        200.0 * pass(&context.problem.net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let (problem, q) = (context.problem, &context.problem.quotient);
        context.budget.admits(&Cpu::DOUBLE, 2.0 * pass(&problem.net))?;
        let single = !problem.quotient.output.is_steepest();
        let narrow = problem.narrowed().filter(|_| single);
        let net = narrow.as_ref().unwrap_or(&problem.net);
        let last = if narrow.is_some() { 1.0 } else { measured(problem) };
        let rows = if single { problem.rows() } else { 1 };
        let value = walked(context, net).ok_or(Why::Late)? * last;
        let value = value * between(q.in_norm, q.out_norm, rows, problem.net.inputs()).get();
        let estimate = value.is_finite().then(|| (Estimate::new(value), Self::ROW.name));
        Ok(Finding { estimate, instead: Some(ESTIMATE), ..Finding::default() })
    }
}
