//! Norms of products summed over all ways of cutting the network at its open slopes.
//!
//! Proves: ‖Z_k‖ <= θ_k = ‖G(0, k)‖ + Σ_{j<k} ‖√r_k G(j, k) √r_j‖ θ_j, and the output's
//!   norm by the same sum; any norm between the cuts.
//! From: Combettes & Pesquet 2020 (K1: slopes in [0, 1] give 2^-(L-1) Σ over cuts Π norms);
//!   general slopes by loop transformation (LipLT, Fazlyab et al. 2023). On graphs.
//! Rounding: norms of enclosures of the products, roots of radii and sums up.
//! Cost: O(L²) fused products, each with its norm.
//! Loose when: deep: at least 2^-(L-1) of the product of the layers' norms. Never above it.

use super::NO_SLOPES;
use super::expansion::{self, Around, Expansion, Matrix, Target};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{Bound, Proof};
use crate::linalg::operator::operator_upper;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use crate::num::{Norm, Upper};
use ndarray::{Array1, Axis, concatenate};

pub fn run<B: Backend, C: Backend>(context: &Context<C>, e: &Expansion<B>) -> Result<Bound, Why> {
    let q = &context.problem.quotient;
    let mut between = vec![q.in_norm, q.out_norm];
    between.dedup();
    let roots: Vec<Array1<f64>> = e.kinks().iter().map(|k| k.radius.mapv(sqrt_up)).collect();
    // Bounds of √r_k Z_k, by norm between the cuts.
    let mut sizes: Vec<Vec<Upper>> = vec![vec![]; between.len()];
    for k in 0..e.kinks().len() {
        let (kinks, input) = whole(context, e, Target::Kink(k))?;
        for (sizes, &r) in sizes.iter_mut().zip(&between) {
            if context.budget.is_over() {
                return Err(Why::Late);
            }
            let start = norm(&input, Some(&roots[k]), None, q.in_norm, r);
            let mut sum = start;
            for j in (0..k).filter(|&j| sizes[j].get() > 0.0) {
                if context.budget.is_over() {
                    return Err(Why::Late);
                }
                let Some(g) = &kinks[j] else { continue };
                sum = sum.plus(norm(g, Some(&roots[k]), Some(&roots[j]), r, r).times(sizes[j]));
            }
            sizes.push(sum);
        }
    }
    let (kinks, input) = whole(context, e, Target::Output)?;
    let start = norm(&input, None, None, q.in_norm, q.out_norm);
    let mut value = Upper::INFINITE;
    for (sizes, &r) in sizes.iter().zip(&between) {
        let terms = kinks.iter().zip(&roots).zip(sizes).filter(|(_, size)| size.get() > 0.0);
        let add = |sum: Upper, ((g, root), size): ((&Option<Matrix>, &Array1<f64>), &Upper)| match g {
            Some(g) => sum.plus(norm(g, None, Some(root), r, q.out_norm).times(*size)),
            None => sum,
        };
        value = value.min(terms.fold(start, add));
    }
    let proof = Proof::digest("sums over cuts of products of norms");
    Ok(Bound { value, method: "combettes-pesquet", proof })
}

/// All rows of a target.
fn whole<B: Backend, C: Backend>(
    context: &Context<C>,
    e: &Expansion<B>,
    target: Target,
) -> Result<(Vec<Option<Matrix>>, Matrix), Why> {
    let columns: usize =
        e.kinks().iter().map(|k| k.radius.len()).sum::<usize>() + context.problem.net.inputs();
    context.budget.holds(32 * e.len(target) as u64 * columns as u64)?;
    let all: Vec<usize> = (0..e.len(target)).collect();
    let mut parts = vec![];
    for part in all.chunks(e.at_once(&context.budget)) {
        if context.budget.is_over() {
            return Err(Why::Late);
        }
        parts.push(e.rows(target, part));
    }
    let join = |list: Vec<&Matrix>| {
        let stack = |side: fn(&Matrix) -> &ndarray::Array2<f64>| {
            let views: Vec<_> = list.iter().map(|m| side(m).view()).collect();
            concatenate(Axis(0), &views).expect("equal widths")
        };
        Matrix { centre: stack(|m| &m.centre), radius: stack(|m| &m.radius) }
    };
    let one = |k: usize| parts.iter().map(|p| p.kinks[k].as_ref()).collect::<Option<Vec<_>>>().map(join);
    let kinks = (0..e.kinks().len()).map(one).collect();
    Ok((kinks, join(parts.iter().map(|p| &p.input).collect())))
}

/// ‖diag(left) M diag(right)‖_{p→q} for positive weights; a missing weight is 1.
fn norm(m: &Matrix, left: Option<&Array1<f64>>, right: Option<&Array1<f64>>, p: Norm, q: Norm) -> Upper {
    let (mut centre, mut radius) = (m.centre.clone(), m.radius.clone());
    let at = |w: Option<&Array1<f64>>, i: usize| w.map_or(1.0, |w| w[i]);
    ndarray::Zip::indexed(&mut centre).and(&mut radius).for_each(|(i, j), c, r| {
        let (a, b) = (at(left, i), at(right, j));
        let scaled = *c * a * b;
        let exact = (a == 1.0 && b == 1.0) || *c == 0.0;
        let lost =
            if exact { 0.0 } else { add_up(mul_up(gamma(3), scaled.abs()), mul_up(1e-300, b.max(1.0))) };
        *r = add_up(mul_up(mul_up(*r, a), b), lost);
        *c = scaled;
    });
    operator_upper(centre.view(), radius.view(), p, q)
}

/// Sums over cuts.
pub struct CombettesPesquet;

impl CombettesPesquet {
    pub const ROW: Row = Row {
        name: "combettes-pesquet",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "a pass per neuron, norms",
        paper: "Combettes & Pesquet 2020 (K1); LipLT",
        formula: "L ≤ Σ over all ways of cutting the network at open slopes of Π of norms between the cuts",
        loose: "deep: at least 2^-(K-1) of the product of K layer norms. Never above it",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation. `auto` also takes those of R^n on a region",
        stage: Stage {
            everywhere: Some(4),
            region: Some(4),
            tiny: Some(6),
            point: Some(5),
            share: Some(0.15),
            statuses: true,
            ..Stage::NONE
        },
    };
}

impl<B: Backend> Method<B> for CombettesPesquet {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn applies(&self, net: &Net) -> bool {
        expansion::applies(net)
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        2.0 * (net.neurons() + context.problem.rows()) as f64 * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let kinks = context.placed.kinks();
        let around = Around::new(context, kinks.as_deref()).ok_or(NO_SLOPES)?;
        let e = Expansion::new(&around, context.problem).ok_or(NO_SLOPES)?;
        context.budget.admits(context.backend(), e.work())?;
        context.budget.admits(&Cpu::DOUBLE, e.norms())?;
        Ok(run(context, &e)?.into())
    }
}
