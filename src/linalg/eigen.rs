//! Eigenvectors of a symmetric matrix in plain arithmetic, for proposals; nothing here is proven.

use super::lanczos::top_eigenpair;
use ndarray::{Array1, Array2};

const SWEEPS: usize = 60;
/// Orders up to which all are computed for the top one.
const SMALL: usize = 48;

/// The largest eigenvalue of a positive semidefinite matrix and its vector.
pub fn top(a: &Array2<f64>) -> (f64, Array1<f64>) {
    if a.is_empty() {
        return (0.0, Array1::zeros(a.nrows()));
    }
    if a.nrows() <= SMALL && a.iter().all(|x| x.is_finite()) {
        let (values, vectors) = symmetric(a);
        return (values[0], vectors.column(0).to_owned());
    }
    top_eigenpair(a.nrows(), &mut |v| a.dot(&v), 1e-13)
}

/// Eigenvalues, largest first, and their vectors as columns. Householder's tridiagonal form, then
/// implicit QL steps (Golub & Van Loan, Matrix Computations, 8.3).
pub fn symmetric(a: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let n = a.nrows();
    let (mut d, mut e, mut z) = tridiagonal(a);
    for l in 0..n {
        for _ in 0..SWEEPS {
            let size = |i: usize, d: &[f64]| d[i].abs() + d[i + 1].abs();
            let m = (l..n - 1).find(|&i| e[i].abs() <= f64::EPSILON * size(i, &d)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            let g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let r = g.hypot(1.0);
            let mut g = d[m] - d[l] + e[l] / (g + if g >= 0.0 { r } else { -r });
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut early = false;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                let r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    early = true;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - p;
                let r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                // Vectors are kept as rows.
                let (mut upper, mut lower) = z.multi_slice_mut((ndarray::s![i, ..], ndarray::s![i + 1, ..]));
                ndarray::Zip::from(&mut upper).and(&mut lower).for_each(|x, y| {
                    let f = *y;
                    *y = s * *x + c * f;
                    *x = c * *x - s * f;
                });
            }
            if early {
                continue;
            }
            d[l] -= p;
            e[l] = g;
            e[m] = 0.0;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| d[j].total_cmp(&d[i]));
    let values = order.iter().map(|&i| d[i]).collect();
    let vectors = Array2::from_shape_fn((n, n), |(i, j)| z[[order[j], i]]);
    (values, vectors)
}

/// Diagonal, off-diagonal (last entry 0) and the transposed transformation.
fn tridiagonal(a: &Array2<f64>) -> (Vec<f64>, Vec<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut a = a.clone();
    let mut q = Array2::<f64>::eye(n);
    for k in 0..n.saturating_sub(2) {
        let mut v = a.slice(ndarray::s![k + 1.., k]).to_owned();
        let top = v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        if top == 0.0 {
            continue;
        }
        v /= top;
        let size = v.dot(&v).sqrt();
        v[0] += if v[0] >= 0.0 { size } else { -size };
        let norm = v.dot(&v);
        if norm == 0.0 {
            continue;
        }
        // H = I − 2 v vᵀ / vᵀv on the trailing part: a ← H a H, rows of q ← H q.
        let mut rest = a.slice_mut(ndarray::s![k + 1.., k + 1..]);
        let p = rest.dot(&v) * (2.0 / norm);
        let w = &p - &(&v * (p.dot(&v) / norm));
        for i in 0..v.len() {
            let (vi, wi) = (v[i], w[i]);
            let mut row = rest.row_mut(i);
            row.scaled_add(-vi, &w);
            row.scaled_add(-wi, &v);
        }
        let mut column = a.slice_mut(ndarray::s![k + 1.., k]);
        let part = column.dot(&v) * (2.0 / norm);
        column.scaled_add(-part, &v);
        let column = column.to_owned();
        a.slice_mut(ndarray::s![k, k + 1..]).assign(&column);
        let mut tail = q.slice_mut(ndarray::s![k + 1.., ..]);
        let part = v.dot(&tail) * (2.0 / norm);
        for (i, mut row) in tail.rows_mut().into_iter().enumerate() {
            row.scaled_add(-v[i], &part);
        }
    }
    let d = a.diag().to_vec();
    let e = (0..n).map(|i| if i + 1 < n { a[[i + 1, i]] } else { 0.0 }).collect();
    (d, e, q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    #[test]
    fn vectors_diagonalise() {
        for n in [1usize, 2, 3, 7, 30, 65] {
            let mut noise = Random(n as u64);
            let a = Array2::from_shape_simple_fn((n, n.div_ceil(2)), || noise.signed());
            let a = a.dot(&a.t());
            let (values, v) = symmetric(&a);
            let back = (&v * &values).dot(&v.t());
            assert!((&back - &a).iter().all(|x| x.abs() < 1e-12 * n as f64), "{n}");
            assert!((&v.t().dot(&v) - &Array2::<f64>::eye(n)).iter().all(|x| x.abs() < 1e-12), "{n}");
            assert!((1..n).all(|i| values[i] <= values[i - 1]));
        }
    }
}
