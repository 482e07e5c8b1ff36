//! The best multiplier for every neuron.
//!
//! Proves: ‖J‖_2 <= the bound that `blocks` proves with one multiplier per neuron; other pairs of norms
//!   through it.
//! From: LipSDP (Fazlyab et al. 2019), neuron form, without its network coupling, which does not hold;
//!   solved by Newton steps on the multipliers, from those of ECLipsE-Fast.
//! Rounding: in `blocks`; the search is plain.
//! Cost: 30 to 60 Newton steps, cubic in the number of neurons.
//! Loose when: deep, or more than one neuron switches at once; close to the true maximum over slopes else.

use super::barrier::{Inequality, Point};
use super::blocks::{self, between};
use super::layers::{self, Layers};
use super::{eclipse, is_two};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::Bound;
use crate::linalg::gram::gram_matrix;
use crate::linalg::solve::cholesky;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{Why, at_most};
use crate::net::Net;
use crate::num::Upper;
use crate::problem::Problem;
use ndarray::{Array1, Array2, s};

/// Orders of the inequality up to which it is worth while.
const ORDER: usize = 2600;
const TOLERANCE: f64 = 1e-6;
/// Products and factorisations of one step, in cubes of the order; its lengths are factorisations, too.
const STEP: f64 = 10.0;
/// The part of the time left that the steps may take: the proof comes after them.
const STEPS: f64 = 0.8;

/// A matrix with fewer columns and the same product with its transpose, about.
pub fn narrowed(w: &Array2<f64>) -> Array2<f64> {
    let n = w.nrows();
    if w.ncols() <= n {
        return w.clone();
    }
    let mut gram = gram_matrix(w.t());
    let lift = 1e-14 * gram.diag().sum();
    gram.diag_mut().mapv_inplace(|x| x + lift + 1e-290);
    match cholesky(gram) {
        Some(l) => Array2::from_shape_fn((n, n), |(i, j)| if j <= i { l[[i, j]] } else { 0.0 }),
        None => w.clone(),
    }
}

/// Coordinates: the (narrowed) input, then the outputs of every activation.
fn inequality(layers: &Layers) -> Inequality {
    let first = narrowed(&layers.matrices[0].centre);
    let inputs = first.ncols();
    let widths: Vec<usize> = layers.slopes.iter().map(|s| s[0].len()).collect();
    let count: usize = widths.iter().sum();
    let (mut alpha, mut beta) =
        (Array2::zeros((inputs + count, count)), Array2::zeros((inputs + count, count)));
    let (mut from, mut at) = (0, 0);
    for (k, [lo, hi]) in layers.slopes.iter().enumerate() {
        let w = if k == 0 { &first } else { &layers.matrices[k].centre };
        for (i, row) in w.rows().into_iter().enumerate() {
            for (column, slope) in [(&mut alpha, lo[i]), (&mut beta, hi[i])] {
                column.slice_mut(s![from..from + w.ncols(), at + i]).assign(&(&row * -slope));
                column[[inputs + at + i, at + i]] = 1.0;
            }
        }
        from = inputs + at;
        at += widths[k];
    }
    let mut offset = Array2::zeros((inputs + count, inputs + count));
    let last = layers.matrices.last().expect("a layer");
    offset.slice_mut(s![from.., from..]).assign(&gram_matrix(last.centre.view()));
    Inequality { alpha, beta, inputs, offset }
}

/// ‖J‖ <= this times ‖J‖_2.
fn factor<C: Backend>(context: &Context<C>) -> Upper {
    let q = &context.problem.quotient;
    between(q.in_norm, q.out_norm, context.problem.rows(), context.problem.net.inputs())
}

/// Better multipliers than these.
fn improved<C: Backend>(
    context: &Context<C>,
    layers: &Layers,
    start: &[Array1<f64>],
    proven: Upper,
) -> Result<Vec<Array1<f64>>, Why> {
    let neurons: usize = start.iter().map(|l| l.len()).sum();
    let order = neurons + layers.matrices[0].centre.ncols().min(layers.matrices[0].centre.nrows());
    let step = STEP * (order as f64).powi(3);
    at_most("neurons and inputs", order, ORDER)?;
    if neurons == 0 {
        return Err(Why::Unfit("no neuron's slope is open"));
    }
    context.budget.admits(&Cpu::DOUBLE, step * 10.0)?;
    let problem = inequality(layers);
    let mut square = proven.get().powi(2) * 1.1;
    let point = (0..8).find_map(|_| {
        let multipliers = start.iter().flatten().map(|l| l * square).collect();
        let point = Point { multipliers, square };
        square *= 1.5;
        problem.feasible(&point).then_some(point)
    });
    let point = point.ok_or(Why::Unproved("the search for better multipliers found no place to start"))?;
    let own = context.budget.deadline.part(STEPS);
    let enough = context.goal.enough() / factor(context).get();
    let mut stop =
        |square: f64| square.sqrt() < 0.999 * enough || own.is_over() || !context.budget.affords(step);
    let best = problem.solve(&point, 1.0, TOLERANCE, &mut stop);
    let mut at = 0;
    let split = |l: &Array1<f64>| {
        at += l.len();
        best.multipliers[at - l.len()..at].iter().map(|x| x / best.square).collect()
    };
    Ok(start.iter().map(split).collect())
}

/// Where no multipliers are better, the bound is that of eclipse-fast, under its name.
pub fn run<C: Backend>(context: &Context<C>, layers: &Layers) -> Result<Finding, Why> {
    let until = &context.budget.deadline;
    context.budget.admits(&Cpu::DOUBLE, blocks::work(layers))?;
    let unproved = || context.budget.late_or(eclipse::UNPROVED);
    let start = eclipse::multipliers(layers, until).ok_or_else(unproved)?;
    let first = blocks::prove(layers, &start, until).ok_or_else(unproved)?;
    let better =
        improved(context, layers, &start, first).map(|l| Some((blocks::prove(layers, &l, until)?, l)));
    let (value, multipliers, instead) = match better {
        Ok(Some((best, l))) if best < first => (best, l, None),
        Ok(_) => (first, start, Some(Why::Unproved("no better multipliers than eclipse-fast's were found"))),
        Err(why) => (first, start, Some(why)),
    };
    let factor = factor(context);
    let method = if instead.is_some() { eclipse::EclipseFast::ROW.name } else { "lipsdp" };
    let proof = layers.scaled(context.problem, &multipliers);
    let bound = Bound { value: value.times(factor), method, proof };
    Ok(Finding { instead, ..bound.into() })
}

/// One multiplier per neuron.
pub struct LipSdp;

impl LipSdp {
    pub const ROW: Row = Row {
        name: "lipsdp",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "2→2; others by it",
        cost: "40 Newton steps",
        paper: "Fazlyab et al. 2019 (neuron); chains only",
        formula: "‖J‖₂ ≤ √ρ for the same inequalities with the best multiplier per neuron. Where none is better, the bound bears the name eclipse-fast, with the reason",
        loose: "several neurons switch at once; cubic in the number of neurons, at most 2600",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation. `auto` also takes those of R^n on a region",
        stage: Stage {
            everywhere: Some(10),
            region: Some(14),
            tiny: Some(10),
            point: Some(9),
            share: Some(0.3),
            monotone: true,
            repeats: true,
            statuses: true,
            ..Stage::NONE
        },
    };
}

impl<B: Backend> Method<B> for LipSdp {
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
        2.0 * rows as f64 * pass(net) + 10.0 * STEP * (rows as f64).powi(3)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let layers = Layers::new(context)?;
        run(context, &layers)
    }
}
