//! Triangular systems in plain arithmetic, for proposals; nothing here is proven.

use super::cholesky::semidefinite_up_to;
use super::gram::gram_matrix;
use super::product::Product;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// Orders up to which substitution goes row by row.
const SMALL: usize = 24;

/// The lower Cholesky factor, in the lower triangle; None unless a is positive definite.
pub fn cholesky(mut a: Array2<f64>) -> Option<Array2<f64>> {
    semidefinite_up_to(&mut a)?;
    Some(a)
}

/// L⁻¹B in place; only the lower triangle of L is read.
pub fn substitute(l: ArrayView2<f64>, mut b: ArrayViewMut2<f64>) {
    let n = l.nrows();
    if n > SMALL {
        let half = n / 2;
        let (mut top, mut rest) = b.split_at(Axis(0), half);
        substitute(l.slice(s![..half, ..half]), top.view_mut());
        Product::new(l.slice(s![half.., ..half]), top.view(), rest.view_mut()).subtracted().run();
        substitute(l.slice(s![half.., half..]), rest);
        return;
    }
    for i in 0..n {
        let (done, mut rest) = b.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        for (j, above) in done.rows().into_iter().enumerate() {
            row.scaled_add(-l[[i, j]], &above);
        }
        row /= l[[i, i]];
    }
}

/// L⁻ᵀB in place; only the lower triangle of L is read.
pub fn back(l: ArrayView2<f64>, mut b: ArrayViewMut2<f64>) {
    let n = l.nrows();
    if n > SMALL {
        let half = n / 2;
        let (mut top, mut rest) = b.split_at(Axis(0), half);
        back(l.slice(s![half.., half..]), rest.view_mut());
        Product::new(l.slice(s![half.., ..half]).reversed_axes(), rest.view(), top.view_mut())
            .subtracted()
            .run();
        back(l.slice(s![..half, ..half]), top);
        return;
    }
    for i in (0..n).rev() {
        let (mut rows, below) = b.view_mut().split_at(Axis(0), i + 1);
        let mut row = rows.row_mut(i);
        for (j, other) in below.rows().into_iter().enumerate() {
            row.scaled_add(-l[[i + 1 + j, i]], &other);
        }
        row /= l[[i, i]];
    }
}

/// (L Lᵀ)⁻¹, and log det of L Lᵀ.
pub fn inverse(l: &Array2<f64>) -> (Array2<f64>, f64) {
    let mut k = Array2::eye(l.nrows());
    substitute(l.view(), k.view_mut());
    (gram_matrix(k.view()), log_determinant(l))
}

/// log det of L Lᵀ.
pub fn log_determinant(l: &Array2<f64>) -> f64 {
    2.0 * l.diag().iter().map(|x| x.ln()).sum::<f64>()
}

/// (L Lᵀ)⁻¹ b.
pub fn solve(l: &Array2<f64>, b: &[f64]) -> Vec<f64> {
    let n = l.nrows();
    let mut x = b.to_vec();
    for i in 0..n {
        let sum: f64 = l.row(i).iter().take(i).zip(&x).map(|(l, x)| l * x).sum();
        x[i] = (x[i] - sum) / l[[i, i]];
    }
    for i in (0..n).rev() {
        x[i] /= l[[i, i]];
        let at = x[i];
        x.iter_mut().zip(l.row(i)).take(i).for_each(|(x, l)| *x -= l * at);
    }
    x
}
