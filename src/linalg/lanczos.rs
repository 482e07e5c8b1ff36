//! Estimates of the largest eigenvalue and of the top singular vectors.
//! Nothing here is proven: proofs evaluate the returned vectors.

use super::gram::gram_matrix;
use crate::num::random::Random;
use ndarray::{Array1, ArrayView1, ArrayView2};

/// Largest Krylov space between restarts, and the numbers it may hold.
const SPACE: usize = 64;
const HELD: usize = 1 << 26;
const RESTARTS: usize = 8;
/// Orders above this look at the gain of four steps instead of eight.
const LONG: usize = 1 << 16;
/// Orders up to here form the Gram matrix first.
const SMALL: usize = 128;

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

/// The largest eigenvalue of a symmetric tridiagonal matrix, by bisection on
/// the signs of its pivots, and its vector by the twisted factorisation.
fn top_of_tridiagonal(diagonal: &[f64], off: &[f64]) -> (f64, Vec<f64>) {
    let k = diagonal.len();
    let side =
        |i: usize| (if i > 0 { off[i - 1].abs() } else { 0.0 }) + if i + 1 < k { off[i].abs() } else { 0.0 };
    let mut low = diagonal.iter().fold(f64::NEG_INFINITY, |m, &a| m.max(a));
    let mut high = (0..k).fold(low, |m, i| m.max(diagonal[i] + side(i)));
    // Pivots of T − x from the front, or from the back.
    let pivots = |x: f64, back: bool| {
        let mut pivots = vec![0.0; k];
        for step in 0..k {
            let i = if back { k - 1 - step } else { step };
            let coupling = match (step, back) {
                (0, _) => 0.0,
                (_, false) => off[i - 1] * off[i - 1] / pivots[i - 1],
                (_, true) => off[i] * off[i] / pivots[i + 1],
            };
            let pivot: f64 = diagonal[i] - x - coupling;
            pivots[i] = if pivot == 0.0 { f64::MIN_POSITIVE } else { pivot };
        }
        pivots
    };
    for _ in 0..200 {
        let middle = 0.5 * low + 0.5 * high;
        if middle <= low || middle >= high {
            break;
        }
        if pivots(middle, false).iter().all(|&d| d < 0.0) { high = middle } else { low = middle }
    }
    let (front, back) = (pivots(high, false), pivots(high, true));
    let gap = |i: usize| (front[i] + back[i] - (diagonal[i] - high)).abs();
    let twist = (0..k).min_by(|&i, &j| gap(i).total_cmp(&gap(j))).expect("order > 0");
    let mut z = vec![0.0; k];
    z[twist] = 1.0;
    for i in (0..twist).rev() {
        z[i] = -z[i + 1] * off[i] / front[i];
    }
    for i in twist + 1..k {
        z[i] = -z[i - 1] * off[i - 1] / back[i];
    }
    (high, normalised(z.into()).0.to_vec())
}

/// The largest eigenvalue of a positive semidefinite operator of order n > 0
/// and its vector: restarted Lanczos with full reorthogonalisation, until
/// eight more steps gain less than `tolerance` (relative).
pub fn top_eigenpair(
    n: usize,
    apply: &mut dyn FnMut(ArrayView1<f64>) -> Array1<f64>,
    tolerance: f64,
) -> (f64, Array1<f64>) {
    top_eigenpair_from(n, None, apply, tolerance)
}

/// The same from a start that somebody proposes.
pub fn top_eigenpair_from(
    n: usize,
    start: Option<Array1<f64>>,
    apply: &mut dyn FnMut(ArrayView1<f64>) -> Array1<f64>,
    tolerance: f64,
) -> (f64, Array1<f64>) {
    let (mut start, _) = normalised(start.unwrap_or_else(|| Random(n as u64).vector(n)));
    let mut value = 0.0;
    let space = (HELD / n).clamp(8, SPACE);
    let pace = if n > LONG { 4 } else { 8 };
    for _ in 0..RESTARTS {
        let mut basis = vec![start];
        let (mut alphas, mut betas): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        let (ritz, weights, done) = loop {
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
            let k = basis.len();
            let size = alphas.iter().fold(0.0f64, |m, a| m.max(a.abs()));
            let closed = k == n || beta.is_nan() || beta <= 1e-15 * size;
            if closed || k == space || k.is_multiple_of(pace) {
                let (ritz, weights) = top_of_tridiagonal(&alphas, &betas);
                let gain = ritz - value;
                value = ritz;
                let done = closed || gain.is_nan() || gain <= tolerance * ritz;
                if done || k == space {
                    break (ritz, weights, done);
                }
            }
            betas.push(beta);
            basis.push(w);
        };
        let mut combined = Array1::zeros(n);
        basis.iter().zip(&weights).for_each(|(b, &w)| combined.scaled_add(w, b));
        start = normalised(combined).0;
        value = ritz;
        if done {
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
    let (_, v) = if n <= SMALL {
        let gram = gram_matrix(w.view());
        top_eigenpair(n, &mut |x| gram.dot(&x), 1e-15)
    } else {
        top_eigenpair(n, &mut |x| w.t().dot(&w.dot(&x)), 1e-15)
    };
    let (u, _) = normalised(w.dot(&v));
    // One more half step cleans v.
    let (v, sigma) = normalised(w.t().dot(&u));
    (u, sigma * top, v)
}
