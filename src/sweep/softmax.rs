//! Softmax over groups of consecutive features, and its Jacobian
//! diag(s) - s sᵀ as an operator (symmetric, so one function serves both ways).

use super::state::Ends;
use crate::linalg::Enclosure;
use crate::num::interval::Interval;
use ndarray::{Array2, Array3};

/// s_i rises with x_i and falls with every other x_j of its group.
pub fn value(group: usize, lo: &Array2<f64>, hi: &Array2<f64>) -> Ends {
    let end = |own: &Array2<f64>, others: &Array2<f64>, item: usize, i: usize| -> Interval {
        let base = i / group * group;
        let mut sum = Interval::point(1.0);
        for j in (base..base + group).filter(|&j| j != i) {
            let x = Interval::point(others[[item, j]]) - Interval::point(own[[item, i]]);
            sum = sum + x.exp();
        }
        sum.recip()
    };
    let mut ends = Ends { lo: lo.clone(), hi: hi.clone() };
    for ((item, i), l) in ends.lo.indexed_iter_mut() {
        *l = end(lo, hi, item, i).lo.max(0.0);
    }
    for ((item, i), h) in ends.hi.indexed_iter_mut() {
        *h = end(hi, lo, item, i).hi.min(1.0);
    }
    ends
}

/// y_i = s_i (x_i - sum_j s_j x_j); the sum is a convex combination, so it also
/// lies in the hull of its group.
pub fn jacobian(group: usize, s: &Ends, x: &Enclosure, proves: bool) -> Enclosure {
    let (items, rows, features) = x.dim();
    let (mut lo, mut hi) = (Array3::zeros(x.dim()), Array3::zeros(x.dim()));
    let at = |item, row, j| {
        let (c, r) = (x.centre[[item, row, j]], if proves { x.radius[[item, row, j]] } else { 0.0 });
        Interval::from_centre(c, r)
    };
    for item in 0..items {
        let slope = |j| Interval::new(s.lo[[item, j]], s.hi[[item, j]]);
        for row in 0..rows {
            for base in (0..features).step_by(group) {
                let members = base..base + group;
                let mut mean = Interval::point(0.0);
                let mut hull = at(item, row, base);
                for j in members.clone() {
                    mean = mean + slope(j) * at(item, row, j);
                    hull = hull.hull(at(item, row, j));
                }
                let mean = mean.intersect(hull).unwrap_or(hull);
                for i in members {
                    let y = slope(i) * (at(item, row, i) - mean);
                    lo[[item, row, i]] = y.lo;
                    hi[[item, row, i]] = y.hi;
                }
            }
        }
    }
    let mut y = Enclosure::from_bounds(&lo, &hi);
    if !proves {
        y.radius.fill(f64::INFINITY);
    }
    y
}
