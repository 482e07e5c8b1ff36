//! Entrywise magnitudes between the open slopes, exact cancellation within each stretch.
//!
//! Proves: |J| <= |G(0, out)| + Σ_j V_j r_j |Z_j| entrywise, hence any norm: V_j bounds what reaches the
//!   output from kink j, V_j = |G(j, out)| + Σ_{k>j} V_k r_k |G(j, k)|.
//! From: own; the K4 type of Pintore & Després 2024 (a reconstruction), each factor between two open
//!   slopes replaced by its absolute value.
//! Rounding: magnitudes and their products up.
//! Cost: an adjoint sweep per open neuron, and a product of it with the rows of the output.
//! Loose when: l2 and wide layers, where magnitudes grow by the square root of the width. Never above
//!   the absolute product or the sum of norms over all cuts, p = q = 1 or inf.

use super::NO_SLOPES;
use super::expansion::{self, Around, Expansion, Matrix, Target, magnitudes};
use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::linalg::gram::product_up;
use crate::linalg::operator::operator_upper;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::round::{add_up, mul_up};
use ndarray::{Array2, Axis};

/// The Jacobian's enclosure; None when the time is up.
pub fn enclosure<B: Backend, C: Backend>(context: &Context<C>, e: &Expansion<B>) -> Option<Matrix> {
    let rows = context.problem.rows();
    let mut reach: Vec<Array2<f64>> =
        e.kinks().iter().map(|k| Array2::zeros((rows, k.radius.len()))).collect();
    let all: Vec<usize> = (0..rows).collect();
    let chunk = e.at_once(&context.budget);
    let inputs = context.problem.net.inputs();
    let mut total = Matrix { centre: Array2::zeros((rows, inputs)), radius: Array2::zeros((rows, inputs)) };
    for part in all.chunks(chunk) {
        if context.budget.is_over() {
            return None;
        }
        let reached = e.rows(Target::Output, part);
        for (i, &row) in part.iter().enumerate() {
            total.centre.row_mut(row).assign(&reached.input.centre.row(i));
            total.radius.row_mut(row).assign(&reached.input.radius.row(i));
        }
        for (v, g) in reach.iter_mut().zip(&reached.kinks) {
            let Some(g) = g else { continue };
            for (m, &row) in magnitudes(g).rows().into_iter().zip(part) {
                v.row_mut(row).assign(&m);
            }
        }
    }
    for k in (0..e.kinks().len()).rev() {
        let mut weight = std::mem::take(&mut reach[k]);
        for mut row in weight.rows_mut() {
            row.zip_mut_with(&e.kinks()[k].radius, |v, r| *v = mul_up(*v, *r));
        }
        let open: Vec<usize> =
            (0..weight.ncols()).filter(|&j| weight.column(j).iter().any(|v| *v > 0.0)).collect();
        for part in open.chunks(chunk) {
            if context.budget.is_over() {
                return None;
            }
            let reached = e.rows(Target::Kink(k), part);
            let weight = weight.select(Axis(1), part);
            let grow = |to: &mut Array2<f64>, g: &Matrix| {
                let more = product_up(&weight, &magnitudes(g));
                to.zip_mut_with(&more, |t, m| *t = add_up(*t, *m));
            };
            for (v, g) in reach.iter_mut().zip(&reached.kinks).take(k) {
                if let Some(g) = g {
                    grow(v, g);
                }
            }
            grow(&mut total.radius, &reached.input);
        }
    }
    Some(total)
}

/// Magnitudes between the open slopes.
pub struct AbsSubset;

impl AbsSubset {
    pub const ROW: Row = Row {
        name: "abs-subset",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "a pass per neuron",
        paper: "own; of the K4 type",
        formula: "L ≤ ‖T‖ where |J| ≤ T entry by entry: magnitudes are taken at open slopes only, what lies between cancels",
        loose: "wide layers in the norm 2",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation. `auto` also takes those of R^n on a region",
        stage: Stage {
            everywhere: Some(3),
            region: Some(12),
            tiny: Some(8),
            point: Some(7),
            share: Some(0.15),
            statuses: true,
            ..Stage::NONE
        },
    };
}

impl<B: Backend> Method<B> for AbsSubset {
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
        context.budget.holds(e.bytes())?;
        let j = enclosure(context, &e).ok_or(Why::Late)?;
        let q = &context.problem.quotient;
        let value = operator_upper(j.centre.view(), j.radius.view(), q.in_norm, q.out_norm);
        let proof = Proof::digest("magnitudes between open slopes");
        Ok(Bound { value, method: Self::ROW.name, proof }.into())
    }
}
