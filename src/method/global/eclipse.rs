//! Multipliers in closed form for the chain of block inequalities.
//!
//! Proves: ‖J‖_2 <= the bound that `blocks` proves with one multiplier per layer; other pairs of norms
//!   through it.
//! From: ECLipsE-Fast (Xu & Sivaranjani 2024): 2 / λmax(W X⁻¹ Wᵀ) for slopes in [0, 1]; for other slopes
//!   the multiplier that keeps the smallest eigenvalue of the next X largest.
//! Rounding: in `blocks`; the multipliers are exact by definition.
//! Cost: a largest eigenvalue, two factorisations per layer.
//! Loose when: neurons of a layer need different multipliers. Never above the product of the layers' norms.

use super::blocks::{self, Step, between};
use super::is_two;
use super::layers::{self, Layers};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::Bound;
use crate::deadline::Deadline;
use crate::linalg::eigen;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::problem::Problem;
use ndarray::Array1;

pub const UNPROVED: Why = Why::Unproved("no multipliers were found that a factorisation proves");

/// One multiplier per layer; None where the recursion breaks down, or too late.
pub fn multipliers(layers: &Layers, until: &Deadline) -> Option<Vec<Array1<f64>>> {
    let mut list: Vec<Array1<f64>> = vec![];
    let mut before = None;
    for (layer, slopes) in layers.matrices.iter().zip(&layers.slopes) {
        if until.is_over() {
            return None;
        }
        let step = Step { layer, slopes };
        let n = slopes[0].len();
        let plain = [Array1::zeros(n), Array1::ones(n)];
        let top = eigen::top(&Step { layer, slopes: &plain }.gamma(before.as_ref(), &Array1::zeros(n))?).0;
        let (l, next) = first_positive(best(top, slopes), |l| {
            if until.is_over() {
                return None;
            }
            let l = Array1::from_elem(n, l);
            let next = step.next(&step.gamma(before.as_ref(), &l)?, &l);
            crate::linalg::solve::cholesky(next.clone()).map(|_| (l, next))
        })?;
        list.push(l);
        before = Some(next);
    }
    Some(list)
}

fn first_positive<T>(start: f64, attempt: impl Fn(f64) -> Option<T>) -> Option<T> {
    (0..40).find_map(|k| attempt(start * 0.5f64.powi(k)))
}

/// Where λ − ¼ λ² (a + b)² γ / (1 + λ a b γ) is largest at its worst slope, γ = `top`.
fn best(top: f64, [lo, hi]: &[Array1<f64>; 2]) -> f64 {
    let steepest = lo.iter().zip(hi).fold(0.0f64, |m, (a, b)| m.max((a + b).abs()));
    if top <= 0.0 || steepest == 0.0 {
        return 1.0;
    }
    let start = 2.0 / (top * steepest * steepest);
    if lo.iter().zip(hi).all(|(a, b)| a * b == 0.0) {
        return start;
    }
    let worst = |l: f64| {
        let least = lo.iter().zip(hi).map(|(a, b)| {
            let below = 1.0 + l * a * b * top;
            if below > 0.0 { l - 0.25 * l * l * (a + b) * (a + b) * top / below } else { f64::NEG_INFINITY }
        });
        least.fold(l, f64::min)
    };
    let tries = (-80..80).map(|k| start * 1.1f64.powi(k));
    tries.max_by(|a, b| worst(*a).total_cmp(&worst(*b))).unwrap_or(start)
}

pub fn run<C: Backend>(context: &Context<C>, layers: &Layers) -> Result<Bound, Why> {
    let until = &context.budget.deadline;
    context.budget.admits(&Cpu::DOUBLE, blocks::work(layers))?;
    let found = multipliers(layers, until).and_then(|l| Some((blocks::prove(layers, &l, until)?, l)));
    let (value, multipliers) = found.ok_or_else(|| context.budget.late_or(UNPROVED))?;
    let proof = layers.scaled(context.problem, &multipliers);
    let q = &context.problem.quotient;
    let factor = between(q.in_norm, q.out_norm, context.problem.rows(), context.problem.net.inputs());
    Ok(Bound { value: value.times(factor), method: "eclipse-fast", proof })
}

/// One multiplier per layer.
pub struct EclipseFast;

impl EclipseFast {
    pub const ROW: Row = Row {
        name: "eclipse-fast",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "2→2; others by it",
        cost: "factorisations",
        paper: "Xu & Sivaranjani 2024; chains only",
        formula: "‖J‖₂ ≤ √ρ for a chain of matrix inequalities with one multiplier per layer, in closed form",
        loose: "neurons of a layer need different multipliers",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation. `auto` also takes those of R^n on a region",
        stage: Stage {
            everywhere: Some(5),
            region: Some(5),
            tiny: Some(7),
            point: Some(6),
            share: Some(0.15),
            statuses: true,
            ..Stage::NONE
        },
    };
}

impl<B: Backend> Method<B> for EclipseFast {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn applies(&self, net: &Net) -> bool {
        layers::activations(net).is_some()
    }

    fn suits(&self, problem: &Problem) -> bool {
        is_two(problem)
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        let rows = net.neurons() + context.problem.rows();
        2.0 * rows as f64 * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let layers = Layers::new(context)?;
        Ok(run(context, &layers)?.into())
    }
}
