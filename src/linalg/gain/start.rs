//! Scalings to begin with, found while 1 − A Aᵀ is factored once.
//!
//! With λ = 1 / (r w)², 1 − A Aᵀ is diag(λ) − X up to scaling. Group after group from the input on, what remains of X
//! when the groups before are eliminated does not depend on the λ of this group or later ones: twice its
//! largest eigenvalue leaves as much room to those behind as this group takes.

use super::system::{Gain, PANEL};
use super::value::Products;
use crate::linalg::cholesky::divide;
use crate::linalg::lanczos::top_eigenpair;
use crate::linalg::product::Product;
use crate::linalg::scaling::{Scaling, short};
use crate::linalg::solve::cholesky;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use std::ops::Range;

/// How far above the largest eigenvalue λ is, and how well that is known.
const ROOM: f64 = 2.0;
const TOLERANCE: f64 = 1e-2;
/// Scalings lie in between.
const LIMITS: [f64; 2] = [1e-40, 1e40];

/// A x for a symmetric matrix, of which the lower triangle is read.
fn times(a: ArrayView2<f64>, x: &[f64]) -> Array1<f64> {
    let mut y = Array1::zeros(x.len());
    for (i, row) in a.rows().into_iter().enumerate() {
        let (before, _) = row.split_at(Axis(0), i);
        y[i] += row[i] * x[i] + before.dot(&ndarray::aview1(&x[..i]));
        y.slice_mut(s![..i]).scaled_add(x[i], &before);
    }
    y
}

impl Gain<'_> {
    pub fn start(&self) -> Option<Products> {
        let (m, n) = (self.neurons(), self.inputs());
        let inputs = if self.spread { vec![short(1.0 / (n as f64).sqrt()); n] } else { vec![] };
        let mut scaling = Scaling { neurons: vec![1.0; m], inputs };
        let mut columns = self.columns(&scaling);
        let mut outer = vec![0.0; m];
        let mut factor = Array2::zeros((m, m));
        let mut at = 0;
        for group in self.groups.iter().filter(|g| **g > 0) {
            let own = at..at + group;
            let (mut left, mut rest) = self.eliminated(own.clone(), &factor, &outer, &columns);
            let (top, _) = top_eigenpair(*group, &mut |x| times(rest.view(), &x.to_vec()), TOLERANCE);
            let root = (ROOM * (1.0 + TOLERANCE) * top).sqrt();
            for j in own.clone() {
                let weight = 1.0 / (self.reach[j] * root);
                let weight = if weight.is_finite() { weight.clamp(LIMITS[0], LIMITS[1]) } else { 1.0 };
                scaling.neurons[j] = short(weight);
                columns[n + j] = 1.0 / scaling.neurons[j];
                outer[j] = self.reach[j] * scaling.neurons[j];
            }
            let own_outer = &outer[own.clone()];
            left.rows_mut().into_iter().zip(own_outer).for_each(|(mut row, o)| row *= *o);
            for ((i, j), x) in rest.indexed_iter_mut() {
                let unit = if i == j { 1.0 } else { 0.0 };
                *x = unit - own_outer[i] * own_outer[j] * *x;
            }
            factor.slice_mut(s![own.clone(), ..at]).assign(&left);
            factor.slice_mut(s![own.clone(), own]).assign(&cholesky(rest)?);
            at += group;
        }
        Some(Products { scaling, outer, columns, factor })
    }

    /// A group's rows of the factor left of its own block, and what remains of X there, its lower triangle;
    /// both without the scaling of these rows.
    fn eliminated(
        &self,
        own: Range<usize>,
        factor: &Array2<f64>,
        outer: &[f64],
        columns: &Array1<f64>,
    ) -> (Array2<f64>, Array2<f64>) {
        let at = own.start;
        let mut left = Array2::zeros((own.len(), at));
        let panels: Vec<_> = left.axis_chunks_iter_mut(Axis(1), PANEL).enumerate().collect();
        panels.into_par_iter().for_each(|(k, mut panel)| {
            let others = k * PANEL..k * PANEL + panel.ncols();
            self.product([own.clone(), others.clone()], columns, panel.view_mut());
            panel.columns_mut().into_iter().zip(&outer[others]).for_each(|(mut column, o)| column *= -o);
        });
        divide(left.view_mut(), factor.slice(s![..at, ..at]));
        let mut rest = Array2::zeros((own.len(), own.len()));
        let panels: Vec<_> = rest.axis_chunks_iter_mut(Axis(1), PANEL).enumerate().collect();
        panels.into_par_iter().for_each(|(k, panel)| {
            let (from, count) = (k * PANEL, panel.ncols());
            let (_, mut panel) = panel.split_at(Axis(0), from);
            let others = at + from..at + from + count;
            self.product([at + from..own.end, others], columns, panel.view_mut());
            let (rows, others) = (left.slice(s![from.., ..]), left.slice(s![from..from + count, ..]));
            Product::new(rows, others.reversed_axes(), panel).added().run();
        });
        (left, rest)
    }
}
