//! Neighbouring layers joined at every activation.
//!
//! Proves: ‖J‖_2 <= Π_k max_s ‖B_{k+1} diag(s) A_k‖_2 and what the splittings W_k = A_k B_k + R_k leave out:
//!   f_k = max_k f_{k-1} + ‖B_{k+1}‖ max|s_k| ‖R_k‖ Π_{j<k} max|s_j| ‖W_j‖. Other pairs of norms through it.
//! From: SeqLip (Scaman & Virmaux 2018): A = U Σ^½, B = Σ^½ Vᵀ by a singular value decomposition; the first A
//!   and the last B are the layers themselves.
//! Rounding: splittings are computed and what they miss is carried; maxima are proven by `vertices`.
//! Cost: an eigenvalue problem per layer, a branch and bound per activation.
//! Loose when: many layers; exact over patterns with one hidden layer. Never above the product of the layers' norms
//!   once its maxima are closed.

use super::blocks::between;
use super::expansion::Matrix;
use super::greedy::Greedy;
use super::is_two;
use super::layers::{self, Layers};
use super::vertices::Vertices;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{Bound, Proof};
use crate::linalg::cholesky::semidefinite_up_to;
use crate::linalg::eigen;
use crate::linalg::gram::{frobenius_up, gram_matrix, product_up};
use crate::linalg::spectral::spectral_upper;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::round::{add_up, gamma, mul_up, sub_up};
use crate::num::{Estimate, Upper};
use crate::problem::Problem;
use ndarray::{Array1, Array2};
use std::cell::Cell;

const UNSPLIT: Why = Why::Unproved("a layer's matrix is too close to singular to be split");

/// Nodes of every search that any share of the time allows.
const FREE: usize = 8;
/// What eigenvectors cost, in cubes of the order.
const EIGEN: f64 = 30.0;

/// R with R Rᵀ ⪰ M Mᵀ for every matrix of the enclosure; M itself where it is exact and narrow.
fn dominating(m: &Matrix) -> Option<Array2<f64>> {
    let (n, columns) = m.centre.dim();
    if columns <= n && m.radius.iter().all(|r| *r == 0.0) {
        return Some(m.centre.clone());
    }
    let (size, radius) = (frobenius_up(m.centre.view()), frobenius_up(m.radius.view()));
    let error = add_up(mul_up(gamma(columns + 2), mul_up(size, size)), 1e-290);
    let error = add_up(error, mul_up(radius, add_up(mul_up(2.0, size), radius)));
    let gram = gram_matrix(m.centre.t());
    let mut lift = add_up(mul_up(2.0, error), mul_up(gamma(4 * n + 20), mul_up(size, size)));
    for _ in 0..20 {
        let mut raised = gram.clone();
        raised.diag_mut().mapv_inplace(|x| add_up(x, lift));
        // The factor's product is within eta of `raised`.
        if let Some(eta) = semidefinite_up_to(&mut raised)
            && lift >= add_up(error, eta)
        {
            return Some(Array2::from_shape_fn((n, n), |(i, j)| if j <= i { raised[[i, j]] } else { 0.0 }));
        }
        lift = mul_up(lift, 8.0);
    }
    None
}

fn transposed(m: &Matrix) -> Matrix {
    let turn = |a: &Array2<f64>| a.t().as_standard_layout().into_owned();
    Matrix { centre: turn(&m.centre), radius: turn(&m.radius) }
}

/// Multiplications of the splittings, the norms, and the vertices that are looked at in any case.
fn work(layers: &Layers) -> f64 {
    let each = |m: &Matrix| {
        let (rows, columns) = m.centre.dim();
        let (short, long) = (rows.min(columns) as f64, rows.max(columns) as f64);
        // A Gram matrix of rows at both ends, else eigenvalues of the shorter side.
        EIGEN * short.powi(3) + 4.0 * short * short * long
    };
    let ends = [layers.matrices.first(), layers.matrices.last()].into_iter().flatten();
    let lifted = ends.map(|m| (m.centre.nrows() as f64).powi(3)).fold(0.0, f64::max);
    layers.matrices.iter().map(each).sum::<f64>() + lifted
}

/// A and B of a layer, and a bound of ‖W − A B‖.
struct Split {
    left: Array2<f64>,
    right: Array2<f64>,
    lost: f64,
}

fn split(m: &Matrix) -> Split {
    let w = &m.centre;
    let (rows, columns) = w.dim();
    // W = U Σ Vᵀ from the shorter side's Gram matrix.
    let tall = rows >= columns;
    let gram = if tall { gram_matrix(w.view()) } else { gram_matrix(w.t()) };
    let (values, vectors) = eigen::symmetric(&gram);
    let top = values.first().map_or(1.0, |v| v.max(1e-280));
    let roots = values.mapv(|v| v.max(1e-24 * top).powf(0.25));
    let (left, right) = if tall {
        (w.dot(&(&vectors / &roots)), (&vectors * &roots).reversed_axes())
    } else {
        let outer = &vectors * &roots;
        (outer, (&vectors / &roots).t().dot(w))
    };
    let [left, right] = [left, right].map(|a| a.as_standard_layout().into_owned());
    let product = left.dot(&right);
    let sizes = product_up(&left.mapv(f64::abs), &right.mapv(f64::abs));
    let slack = gamma(left.ncols() + 2);
    let lost = Array2::from_shape_fn(w.dim(), |at| {
        let gap = sub_up(w[at], product[at]).max(sub_up(product[at], w[at]));
        add_up(add_up(gap, mul_up(slack, sizes[at])), m.radius[at])
    });
    Split { left, right, lost: frobenius_up(lost.view()) }
}

pub fn run<C: Backend>(context: &Context<C>, layers: &Layers) -> Result<Finding, Why> {
    let count = layers.slopes.len();
    let norm =
        |m: &Matrix| spectral_upper(m.centre.view()).plus(Upper::proven(frobenius_up(m.radius.view())));
    let q = &context.problem.quotient;
    let factor = between(q.in_norm, q.out_norm, context.problem.rows(), context.problem.net.inputs());
    let proof = Proof::digest("vertex maxima of neighbouring layers");
    let bound = |value: Upper| Bound { value: value.times(factor), method: "seqlip", proof };
    if count == 0 {
        return Ok(bound(norm(&layers.matrices[0])).into());
    }
    context.budget.admits(&Cpu::DOUBLE, work(layers))?;
    let last = transposed(&layers.matrices[count]);
    let end = dominating(&last).ok_or(UNSPLIT)?.reversed_axes();
    let splits: Vec<Split> = layers.matrices[1..count].iter().map(split).collect();
    let steepest = |k: usize| {
        let widest = |s: &Array1<f64>| s.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        Upper::proven(widest(&layers.slopes[k][0]).max(widest(&layers.slopes[k][1])))
    };
    let mut value = Upper::proven(1.0);
    let mut greedy = 1.0;
    // Π max|s_j| ‖W_j‖ of the layers before.
    let mut product = Upper::proven(1.0);
    for k in 0..count {
        let left = if k + 1 == count { end.clone() } else { splits[k].right.clone() };
        let right =
            if k == 0 { dominating(&layers.matrices[0]).ok_or(UNSPLIT)? } else { splits[k - 1].left.clone() };
        let size = spectral_upper(left.view());
        let vertices = Vertices { left, right, slopes: layers.slopes[k].clone() };
        // What is left of the time goes to the activations in equal shares.
        let budget = &context.budget;
        let own = budget.deadline.part(0.5 / (count - k) as f64);
        let asked = Cell::new(0);
        let more = |work: f64| {
            // No work: a look at the clock within a node.
            asked.set(asked.get() + (work > 0.0) as usize);
            let free = asked.get() <= FREE;
            (free || !(budget.is_brief() || own.is_over())) && budget.affords(work)
        };
        let range = vertices.solve(&more);
        greedy *= range.best;
        let rest = match k {
            0 => Upper::proven(0.0),
            _ => size.times(steepest(k)).times(Upper::proven(splits[k - 1].lost)).times(product),
        };
        value = value.times(Upper::proven(range.upper)).plus(rest);
        product = product.times(steepest(k)).times(norm(&layers.matrices[k]));
    }
    let value = value.min(product.times(norm(&layers.matrices[count])));
    // The product of the best vertices: greedy SeqLip.
    let greedy = (Estimate::new(greedy * factor.get()), Greedy::ROW.name);
    Ok(Finding { estimate: Some(greedy), ..bound(value).into() })
}

/// Neighbouring layers joined.
pub struct SeqLip;

impl SeqLip {
    pub const ROW: Row = Row {
        name: "seqlip",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "2→2; others by it",
        cost: "a search per activation",
        paper: "Scaman & Virmaux 2018; chains only",
        formula: "‖J‖₂ ≤ Π over activations of max over slopes of ‖B S A‖, layers split by singular values",
        loose: "many layers; exact over patterns with one hidden layer",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation. `auto` also takes those of R^n on a region",
        stage: Stage { everywhere: Some(11), repeats: true, statuses: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for SeqLip {
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
        run(context, &layers)
    }
}
