//! Norms of rows and columns.

use super::{Block, tasks};
use crate::num::Norm;
use crate::num::norms::{length_up, vector_norm_up};
use crate::num::round::add_up;
use ndarray::Array2;

/// An upper bound of an entry's magnitude.
fn size(x: &Block, at: usize) -> f64 {
    if x.radius.is_empty() {
        return f64::INFINITY;
    }
    let centre = x.hi[at].abs();
    let rest = if x.lo.is_empty() { 0.0 } else { x.lo[at].abs() };
    add_up(add_up(centre, rest), x.radius[at])
}

pub(super) fn rows(x: &Block, norm: Norm) -> Array2<f64> {
    // Numbers: nothing but their squares counts.
    if x.settled && norm == Norm::Two && x.lo.is_empty() && !x.radius.is_empty() {
        let row = |v: usize| length_up(&x.hi[v * x.features..(v + 1) * x.features]);
        let values = tasks::map(x.items * x.rows, x.features, row);
        return Array2::from_shape_vec((x.items, x.rows), values).expect("one norm per row");
    }
    let row = |v: usize| (v * x.features..(v + 1) * x.features).map(|at| size(x, at));
    let values = tasks::map(x.items * x.rows, 8 * x.features, |v| vector_norm_up(row(v), norm));
    Array2::from_shape_vec((x.items, x.rows), values).expect("one norm per row")
}

pub(super) fn columns(x: &Block, norm: Norm) -> Array2<f64> {
    let column =
        |item: usize, j: usize| (0..x.rows).map(move |row| size(x, (item * x.rows + row) * x.features + j));
    let values = tasks::map(x.items * x.features, 8 * x.rows, |at| {
        vector_norm_up(column(at / x.features, at % x.features), norm)
    });
    Array2::from_shape_vec((x.items, x.features), values).expect("one norm per column")
}
