//! Estimates of the largest eigenvalue and of the top singular vectors.
//! Nothing here is proven: proofs evaluate the returned vectors.

use super::linalg::gram_matrix;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// Largest Krylov space between restarts.
const SPACE: usize = 32;
const RESTARTS: usize = 24;
/// Orders up to here are solved by Jacobi rotations.
const JACOBI: usize = 40;

/// A reproducible stream of numbers in (-1, 1).
#[derive(Clone, Debug)]
pub struct Noise(pub u64);

impl Noise {
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub fn vector(&mut self, n: usize) -> Array1<f64> {
        Array1::from_shape_simple_fn(n, || self.draw())
    }
}

/// x / ‖x‖_2 in plain arithmetic and the norm; x itself if it is 0 or not finite.
pub fn normalised(x: Array1<f64>) -> (Array1<f64>, f64) {
    let top = x.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if top == 0.0 || !top.is_finite() {
        return (x, top);
    }
    let x = x / top;
    let norm = x.dot(&x).sqrt();
    (x / norm, norm * top)
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix by Jacobi rotations.
pub fn symmetric_eigen(a: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let n = a.nrows();
    let (mut a, mut v) = (a.clone(), Array2::eye(n));
    for _ in 0..40 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|ij| a[ij] * a[ij]).sum();
        if off <= 1e-40 * a.diag().dot(&a.diag()) || off.is_nan() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]] == 0.0 {
                    continue;
                }
                let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[[k, p]], a[[k, q]]);
                    (a[[k, p]], a[[k, q]]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[[p, k]], a[[q, k]]);
                    (a[[p, k]], a[[q, k]]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (v[[k, p]], v[[k, q]]);
                    (v[[k, p]], v[[k, q]]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    (a.diag().to_owned(), v)
}

fn top_of(a: &Array2<f64>) -> (f64, Array1<f64>) {
    let (values, vectors) = symmetric_eigen(a);
    let best = (0..values.len()).max_by(|&i, &j| values[i].total_cmp(&values[j])).expect("order > 0");
    (values[best], vectors.column(best).to_owned())
}

/// The largest eigenvalue of a positive semidefinite operator of order n > 0
/// and its vector: restarted Lanczos with full reorthogonalisation, until a
/// restart gains less than `tolerance` (relative).
pub fn top_eigenpair(
    n: usize,
    apply: &mut dyn FnMut(ArrayView1<f64>) -> Array1<f64>,
    tolerance: f64,
) -> (f64, Array1<f64>) {
    let (mut start, _) = normalised(Noise(n as u64).vector(n));
    let mut value = 0.0;
    for _ in 0..RESTARTS {
        let mut basis = vec![start.clone()];
        let (mut alphas, mut betas) = (Vec::new(), Vec::new());
        loop {
            let last = basis.last().expect("not empty");
            let mut w = apply(last.view());
            alphas.push(w.dot(last));
            for _ in 0..2 {
                for b in &basis {
                    let part = b.dot(&w);
                    w.scaled_add(-part, b);
                }
            }
            let (w, beta) = normalised(w);
            let size = alphas.iter().fold(0.0f64, |m, a| m.max(a.abs()));
            if basis.len() == n.min(SPACE) || beta.is_nan() || beta <= 1e-15 * size {
                break;
            }
            betas.push(beta);
            basis.push(w);
        }
        let k = alphas.len();
        let small = Array2::from_shape_fn((k, k), |(i, j)| match (i, j) {
            _ if i == j => alphas[i],
            _ if i.abs_diff(j) == 1 => betas[i.min(j)],
            _ => 0.0,
        });
        let (ritz, weights) = top_of(&small);
        let mut combined = Array1::zeros(n);
        basis.iter().zip(&weights).for_each(|(b, &w)| combined.scaled_add(w, b));
        (start, _) = normalised(combined);
        let gain = ritz - value;
        value = ritz;
        if k < n.min(SPACE) || k == n || gain.is_nan() || gain <= tolerance * ritz {
            break;
        }
    }
    (value, start)
}

/// Estimates (u, σ, v) of the top singular triple, ‖u‖ = ‖v‖ = 1. Unit vectors
/// for a zero matrix.
pub fn top_singular(w: ArrayView2<f64>) -> (Array1<f64>, f64, Array1<f64>) {
    let (m, n) = w.dim();
    if m < n {
        let (v, sigma, u) = top_singular(w.t());
        return (u, sigma, v);
    }
    let top = w.iter().fold(0.0f64, |t, x| t.max(x.abs()));
    let unit = |n: usize| Array1::from_shape_fn(n, |i| if i == 0 { 1.0 } else { 0.0 });
    if n == 0 || top == 0.0 || !top.is_finite() {
        return (unit(m), 0.0, unit(n));
    }
    let w = w.mapv(|x| x / top);
    let (_, v) = if n <= JACOBI {
        top_of(&gram_matrix(w.view()))
    } else {
        top_eigenpair(n, &mut |x| w.t().dot(&w.dot(&x)), 1e-15)
    };
    let (u, _) = normalised(w.dot(&v));
    // One more half step cleans v.
    let (v, sigma) = normalised(w.t().dot(&u));
    (u, sigma * top, v)
}
