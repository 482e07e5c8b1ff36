//! Blocks of a network, each by the best method that fits it.
//!
//! Proves: ‖J‖_{p→q} <= Π of bounds of consecutive blocks' Jacobians, the norms between them chosen by dynamic
//!   programming over (cut, norm); blocks are bounded on all of their inputs.
//! From: own; AutoLip with blocks for layers.
//! Rounding: products of proven bounds up.
//! Cost: every block of up to `LONGEST` activations by several methods.
//! Loose when: the best bound of the whole network is one block. Never above the product of the layers' norms.

use super::expansion::{Around, Expansion};
use super::{abs_subset, cuts, layers, lipsdp};
use crate::analysis::Placed;
use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::linalg::operator::operator_upper;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::local::product;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::{Norm, Upper};
use crate::problem::{Output, Problem, Quantity, Question};
use crate::region::Region;

/// Activations that a block holds at most.
const LONGEST: usize = 4;
/// The same where no time is given.
const SHORT: usize = 2;
/// What is left of the time must suffice for this many like each part of a block.
const SHARES: f64 = 4.0;
/// Neurons of a block whose multipliers are optimised.
const NEURONS: usize = 300;

/// The input, every activation that all ways pass, and the output.
fn cuts(net: &Net) -> Vec<usize> {
    let ends = |k: usize| net.nodes[k].op.is_nonlinear() || net.gains.iter().any(|g| g.node == k);
    let inner = |k: &usize| (1..net.output()).contains(k) && ends(*k);
    let inner = net.bottlenecks().into_iter().filter(inner);
    std::iter::once(0).chain(inner).chain([net.output()]).collect()
}

/// Multiplications of a matrix of this size with its transpose: what a norm of it takes.
fn square((rows, columns): (usize, usize)) -> f64 {
    rows as f64 * columns as f64 * rows.min(columns) as f64
}

/// Bounds of a block for all pairs of norms, by their places in `Norm::ALL`. Products
/// of layer norms are left to single layers: longer ones are products of blocks.
fn block<B: Backend>(
    context: &Context<B>,
    part: &Placed<B>,
    output: Output,
    single: bool,
) -> Option<[[Upper; 3]; 3]> {
    let backend = context.backend();
    let mut best = [[Upper::INFINITE; 3]; 3];
    for (i, p) in Norm::ALL.into_iter().enumerate() {
        if context.budget.is_over() {
            return None;
        }
        let quotient = Question { in_norm: p, out_norm: p, output, quantity: Quantity::Lipschitz };
        let problem =
            Problem { net: part.net().clone(), region: Region::Whole, quotient, homogeneous: false };
        let own = context.instead(&problem, (part, part.everywhere()));
        if single {
            best[i] = product::norms::<B, B>(&own, None).0;
        }
        let kinks = part.kinks();
        let Some(around) = Around::new(&own, kinks.as_deref()) else { continue };
        let Some(e) = Expansion::new(&around, &problem) else { continue };
        if !context.budget.affords_on(backend, SHARES * e.work()) {
            continue;
        }
        if p == Norm::One
            && let Some(m) = abs_subset::enclosure(&own, &e)
        {
            for (k, from) in Norm::ALL.into_iter().enumerate() {
                if context.budget.is_over() {
                    return None;
                }
                for (l, to) in Norm::ALL.into_iter().enumerate() {
                    if context.budget.affords(square(m.centre.dim())) {
                        let norm = operator_upper(m.centre.view(), m.radius.view(), from, to);
                        best[k][l] = best[k][l].min(norm);
                    }
                }
            }
        }
        if single && e.kinks().len() <= 1 {
            continue;
        }
        if context.budget.affords(SHARES * e.norms())
            && let Ok(bound) = cuts::run(&own, &e)
        {
            best[i][i] = best[i][i].min(bound.value);
        }
        if p == Norm::Two
            && let Ok(layers) = layers::Layers::new(&own)
            && layers.slopes.iter().map(|s| s[0].len()).sum::<usize>() <= NEURONS
            && let Ok(Finding { upper: Some(bound), .. }) = lipsdp::run(&own, &layers)
        {
            best[i][i] = best[i][i].min(bound.value);
        }
    }
    Some(best)
}

pub fn run<B: Backend>(context: &Context<B>) -> Result<Bound, Why> {
    let (net, quotient) = (&context.problem.net, &context.problem.quotient);
    let cuts = cuts(net);
    let place = |norm: Norm| Norm::ALL.iter().position(|n| *n == norm).expect("a norm");
    let mut best = vec![[Upper::INFINITE; 3]; cuts.len()];
    best[0][place(quotient.in_norm)] = Upper::proven(1.0);
    let longest = if context.budget.is_brief() { SHORT } else { LONGEST };
    for to in 1..cuts.len() {
        for from in to.saturating_sub(longest)..to {
            let output = if to + 1 == cuts.len() { quotient.output } else { Output::All };
            let Some(part) = context.placed.section(cuts[from], cuts[to]) else {
                return Err(Why::Unfit("the network does not fall into blocks"));
            };
            let bounds = block(context, &part, output, from + 1 == to).ok_or(Why::Late)?;
            for i in 0..3 {
                for j in 0..3 {
                    best[to][j] = best[to][j].min(best[from][i].times(bounds[i][j]));
                }
            }
        }
    }
    let value = best[cuts.len() - 1][place(quotient.out_norm)];
    let proof = Proof::digest("products of bounds of blocks");
    match value {
        Upper::INFINITE => Err(Why::Unproved("some block has no finite bound")),
        value => Ok(Bound { value, method: "partition", proof }),
    }
}

/// The best bounds of blocks.
pub struct Partition;

impl Partition {
    pub const ROW: Row = Row {
        name: "partition",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "several methods per block",
        paper: "own",
        formula: "L ≤ Π of the best bounds of blocks of up to four activations, the norms between them chosen best",
        loose: "the network is one block",
        slopes: "the slopes of the activations, whatever the region",
        stage: Stage { everywhere: Some(12), repeats: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Partition {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        20.0 * (net.neurons() + context.problem.rows()) as f64 * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(run(context)?.into())
    }
}
