//! A problem's expansion around the middles of its slopes, with the question's rows.
//!
//! Proves: derivatives by open slopes as in `rules::expansion`, of the problem's network on its region.
//! From: Combettes & Pesquet 2020 (theorem 4.2), Fazlyab et al. 2023 (LipLT); here for graphs, maxima as
//!   trees of relu.
//! Rounding: by adjoint sweeps of the backend; radii of slopes up.
//! Cost: an adjoint sweep per neuron.
//! Exact when: no slope is open.

use crate::analysis::{Derived, Placed};
use crate::backend::Backend;
use crate::method::context::{Budget, Context, FEATURE, pass};
use crate::net::{Net, Op};
use crate::problem::Problem;
use crate::sweep::{Gate, Prepared};

pub use crate::rules::expansion::{Kink, Matrix, Reached, magnitudes};

/// Where rows of derivatives start.
#[derive(Clone, Copy, PartialEq)]
pub enum Target {
    /// What this kink reads.
    Kink(usize),
    Output,
}

/// Is every nonlinear node one function per feature, once maxima are trees?
pub fn applies(net: &Net) -> bool {
    !net.nodes.iter().any(|n| matches!(n.op, Op::Softmax { .. }))
}

/// The problem's network in the form that expansions need, with the best slopes at hand.
pub struct Around<'k, B: Backend> {
    pub prepared: Prepared<'k, B>,
    pub gates: Vec<Option<Gate<B>>>,
}

impl<'k, B: Backend> Around<'k, B> {
    /// `kinks`: the problem's network without maxima, where it has some. None where `applies` says no.
    pub fn new<'c: 'k>(context: &Context<'c, B>, kinks: Option<&'k Placed<B>>) -> Option<Self> {
        if !applies(&context.problem.net) {
            return None;
        }
        let Some(placed) = kinks else {
            let gates = context.statuses().gates.clone();
            return Some(Around { prepared: context.main(), gates });
        };
        let site = context.site.derived(Derived::Kinks, || context.problem.region.clone());
        let gates = match context.linear_counts() {
            true => context.slopes(&site.linear(placed, &context.shared)).gates.clone(),
            false => site.boxes(placed, &context.budget).gates.clone(),
        };
        Some(Around { prepared: context.prepared(placed), gates })
    }
}

pub struct Expansion<'p, 'k, B: Backend> {
    own: crate::rules::expansion::Expansion<'p, 'k, B>,
    problem: &'p Problem,
}

impl<'p, 'k, B: Backend> Expansion<'p, 'k, B> {
    /// None unless every gate is a slope per feature.
    pub fn new(around: &'p Around<'k, B>, problem: &'p Problem) -> Option<Self> {
        let own = crate::rules::expansion::Expansion::around(&around.prepared, around.gates.clone())?;
        Some(Expansion { own, problem })
    }

    pub fn kinks(&self) -> &[Kink] {
        &self.own.kinks
    }

    /// Features that a target has.
    pub fn len(&self, target: Target) -> usize {
        match target {
            Target::Kink(k) => self.kinks()[k].radius.len(),
            Target::Output => self.problem.rows(),
        }
    }

    /// Multiplications of all sweeps from open neurons.
    pub fn work(&self) -> f64 {
        let net = self.own.prepared.net;
        let mut before = vec![0.0; net.nodes.len() + 1];
        for (k, node) in net.nodes.iter().enumerate() {
            before[k + 1] = before[k] + node.products() + FEATURE * node.len() as f64;
        }
        let open = |k: &Kink| k.radius.iter().filter(|r| **r > 0.0).count() as f64;
        let kinks: f64 = self.kinks().iter().map(|k| open(k) * before[k.node]).sum();
        2.0 * (kinks + self.problem.rows() as f64 * before[net.nodes.len()])
    }

    /// Multiplications of the norms of all fused products.
    pub fn norms(&self) -> f64 {
        let open = |k: &Kink| k.radius.len() as f64;
        let mut sides: Vec<f64> = self.kinks().iter().map(open).collect();
        sides.insert(0, self.problem.net.inputs() as f64);
        sides.push(self.problem.rows() as f64);
        let pair = |j: usize, k: usize| sides[j] * sides[k] * sides[j].min(sides[k]);
        (1..sides.len()).map(|k| (0..k).map(|j| pair(j, k)).sum::<f64>()).sum()
    }

    /// Bytes of the rows of the output with what they reach.
    pub fn bytes(&self) -> u64 {
        let features: usize = self.kinks().iter().map(|k| k.radius.len()).sum();
        32 * self.problem.rows() as u64 * (features + self.problem.net.inputs()) as u64
    }

    /// Rows of a sweep that memory and a look at the clock now and then allow.
    pub fn at_once(&self, budget: &Budget) -> usize {
        let prepared = self.own.prepared;
        budget.rows(self.widest()).min(budget.at_once(prepared.backend, pass(prepared.net)))
    }

    /// The largest node of the expanded network.
    fn widest(&self) -> usize {
        self.own.prepared.net.nodes.iter().map(|n| n.len()).max().unwrap_or(1)
    }

    /// G(j, target) for these rows of the target and every j; columns of fixed inputs are zero.
    pub fn rows(&self, target: Target, rows: &[usize]) -> Reached {
        let mut reached = match target {
            Target::Kink(k) => self.own.features(k, rows),
            Target::Output => self.own.rows(self.own.prepared.net.output(), &self.problem.picked_seeds(rows)),
        };
        let input = &mut reached.input;
        for j in (0..self.problem.net.inputs()).filter(|&j| self.problem.region.is_fixed(j)) {
            input.centre.column_mut(j).fill(0.0);
            input.radius.column_mut(j).fill(0.0);
        }
        reached
    }
}
