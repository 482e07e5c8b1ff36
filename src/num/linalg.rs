//! Proven upper bounds of the largest singular value of a dense matrix.
//!
//! Two proofs: Gram iteration (Delattre 2023) for small orders and as a row of
//! its own; for the rest one verified Cholesky factorisation of λI − WᵀW at a
//! guessed λ, which costs less than one squaring and is as tight as the guess.

use super::cholesky::semidefinite_up_to;
use super::lanczos::top_eigenpair;
use super::norms::{Norm, Sum, exponent, largest, power_of_two, vector_norm_up};
use super::round::{U, Upper, add_up, gamma, mul_up, sqrt_up, sub_down};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Orders up to here use Gram iteration alone.
const SMALL_ORDER: usize = 24;
/// Block width of symmetric products.
const BLOCK: usize = 128;
const LEAST: f64 = f64::from_bits(1);

/// ‖A‖_F, rounded up.
pub fn frobenius_up(a: ArrayView2<f64>) -> f64 {
    vector_norm_up(a.iter().map(|x| x.abs()), Norm::Two)
}

/// max over rows of the l1 norm, rounded up.
pub fn row_sum_up(a: ArrayView2<f64>) -> f64 {
    largest(a.rows().into_iter().map(|row| vector_norm_up(row.iter().map(|x| x.abs()), Norm::One)))
}

/// max over columns of the l1 norm, rounded up.
pub fn column_sum_up(a: ArrayView2<f64>) -> f64 {
    let mut sums = vec![Sum::default(); a.ncols()];
    for row in a.rows() {
        sums.iter_mut().zip(row).for_each(|(s, x)| s.add(x.abs()));
    }
    largest(sums.iter().map(Sum::up))
}

/// min(‖A‖_F, sqrt(‖A‖_1 ‖A‖_∞)): bounds ‖B‖_2 for every |B| <= |A|.
pub fn cheap_upper(a: ArrayView2<f64>) -> f64 {
    let (one, inf) = (column_sum_up(a), row_sum_up(a));
    let both = mul_up(sqrt_up(one), sqrt_up(inf));
    let frobenius = frobenius_up(a);
    if both < frobenius { both } else { frobenius }
}

/// fl(AᵀA), exactly symmetric. Every entry is one inner product in some order,
/// so |result − AᵀA| <= gamma_rows |A|ᵀ|A| + rows 2^-1074.
pub fn gram_matrix(a: ArrayView2<f64>) -> Array2<f64> {
    let n = a.ncols();
    if n <= BLOCK || a.nrows() == 0 {
        let mut g = a.t().dot(&a);
        for i in 0..n {
            for j in 0..i {
                g[[j, i]] = g[[i, j]];
            }
        }
        return g;
    }
    let blocks: Vec<(usize, usize)> =
        (0..n).step_by(BLOCK).flat_map(|i| (0..=i).step_by(BLOCK).map(move |j| (i, j))).collect();
    let products: Vec<Array2<f64>> = blocks
        .par_iter()
        .map(|&(i, j)| a.slice(s![.., i..n.min(i + BLOCK)]).t().dot(&a.slice(s![.., j..n.min(j + BLOCK)])))
        .collect();
    let mut g = Array2::zeros((n, n));
    for (&(i, j), block) in blocks.iter().zip(&products) {
        let (rows, cols) = block.dim();
        g.slice_mut(s![j..j + cols, i..i + rows]).assign(&block.t());
        g.slice_mut(s![i..i + rows, j..j + cols]).assign(block);
    }
    // Diagonal blocks: one triangle decides.
    for i in 0..n {
        for j in i / BLOCK * BLOCK..i {
            g[[j, i]] = g[[i, j]];
        }
    }
    g
}

/// An upper bound of A B for matrices of magnitudes.
pub fn product_up(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let factor = add_up(1.0, mul_up(2.0, gamma(a.ncols() + 1)));
    let tiny = mul_up(a.ncols() as f64, LEAST);
    let mut product = a.dot(b);
    product.mapv_inplace(|x| {
        let x = add_up(mul_up(x, factor), tiny);
        if x.is_nan() { f64::INFINITY } else { x }
    });
    product
}

/// ‖fl(AᵀA) − AᵀA‖_F: the Frobenius norm of the matrix (|a_i|·|a_j|) is at most
/// Σ‖a_i‖² by Cauchy-Schwarz.
fn gram_error(rows: usize, cols: usize, frobenius: f64) -> f64 {
    let underflow = mul_up(rows as f64 * cols as f64, LEAST);
    add_up(mul_up(gamma(rows), mul_up(frobenius, frobenius)), underflow)
}

/// W with at least as many rows as columns and entries near 1, as
/// ‖W‖_2 <= (‖matrix‖_2 + lost) unscale.
struct Scaled {
    matrix: Array2<f64>,
    lost: f64,
    unscale: f64,
}

/// `None` if W is zero or not finite.
fn scaled(w: ArrayView2<f64>) -> Option<Scaled> {
    let w = if w.nrows() < w.ncols() { w.reversed_axes() } else { w };
    let top = largest(w.iter().map(|x| x.abs()));
    if top == 0.0 || top == f64::INFINITY {
        return None;
    }
    let (scale, lost) = if (1e-60..1e60).contains(&top) {
        (1.0, 0.0)
    } else {
        (power_of_two(-exponent(top)), mul_up(w.len() as f64, LEAST))
    };
    Some(Scaled { matrix: w.mapv(|x| x * scale), lost, unscale: 1.0 / scale })
}

impl Scaled {
    fn finish(&self, bound: f64) -> f64 {
        mul_up(add_up(bound, self.lost), self.unscale)
    }
}

fn trace(a: &Array2<f64>) -> f64 {
    a.diag().sum()
}

/// The longest useful chain of squarings and the gap at which to stop.
fn effort(order: usize) -> (usize, f64) {
    let squaring = 2.0 * (order as f64).powi(3);
    match order {
        0..=64 => (40, 1e-11),
        _ => (((1.5e10 / squaring) as usize).clamp(3, 24), if order <= 600 { 1e-6 } else { 1e-5 }),
    }
}

/// Dense Gram iteration. M_0 = WᵀW, M_{t+1} = fl(M_tᵀM_t) / d_t with d_t a power
/// of two; then ‖M_t‖² <= d_t ‖M_{t+1}‖ + e_t with e_t the Frobenius norm of the
/// rounding errors, and the chain is unwound by rounded square roots from a
/// Frobenius norm at its end. In exact arithmetic at most σ rank^(2^-(T+2)).
pub fn gram_upper(w: ArrayView2<f64>) -> Upper {
    let cheap = cheap_upper(w);
    let Some(start) = scaled(w) else { return Upper::proven(cheap) };
    let n = start.matrix.ncols();
    let (most, gap) = effort(n);
    let mut chain: Vec<(f64, f64)> = Vec::new();
    let mut m = start.matrix.clone();
    let mut frobenius = frobenius_up(m.view());
    for t in 0..=most {
        let mut product = gram_matrix(m.view());
        let top = largest(product.iter().map(|x| x.abs()));
        if top == 0.0 || top == f64::INFINITY {
            break;
        }
        let k = exponent(top);
        let (d, scale) = (power_of_two(k), power_of_two(-k));
        product.mapv_inplace(|x| x * scale);
        let lost = mul_up(mul_up(n as f64, d), LEAST);
        chain.push((d, add_up(gram_error(m.nrows(), n, frobenius), lost)));
        m = product;
        frobenius = frobenius_up(m.view());
        // λmax >= ‖M‖_F² / trace, so this is the most that more steps can gain.
        if (trace(&m) / frobenius).ln() * 0.5f64.powi(t as i32 + 1) <= gap {
            break;
        }
    }
    let end = frobenius.min(row_sum_up(m.view()));
    let bound = chain.iter().rev().fold(end, |s, &(d, e)| sqrt_up(add_up(mul_up(d, s), e)));
    Upper::proven(cheap).min(Upper::proven(start.finish(bound)))
}

/// One verified Cholesky factorisation: λI − fl(WᵀW) + ηI ⪰ 0 proves
/// ‖W‖² <= λ + η + e. λ is a Ritz value enlarged until the proof goes through.
/// Infinite if it does not.
pub fn cholesky_upper(w: ArrayView2<f64>) -> Upper {
    let Some(start) = scaled(w) else { return Upper::proven(cheap_upper(w)) };
    let matrix = &start.matrix;
    let n = matrix.ncols();
    let error = gram_error(matrix.nrows(), n, frobenius_up(matrix.view()));
    let gram = gram_matrix(matrix.view());
    let (ritz, _) = top_eigenpair(n, &mut |v| gram.dot(&v), 1e-12);
    let mut excess = (4.0 * U * (n * n) as f64).max(1e-10);
    while excess < 0.1 {
        let shift = ritz * (1.0 + excess);
        let mut a = gram.mapv(|x| -x);
        a.diag_mut().iter_mut().zip(gram.diag()).for_each(|(x, &g)| *x = sub_down(shift, g));
        if let Some(eta) = semidefinite_up_to(&mut a) {
            let square = add_up(add_up(shift, eta), error);
            return Upper::proven(start.finish(sqrt_up(square)));
        }
        excess *= 30.0;
    }
    Upper::INFINITE
}

/// The best proven upper bound of ‖W‖_2.
pub fn spectral_upper(w: ArrayView2<f64>) -> Upper {
    let order = w.nrows().min(w.ncols());
    if order <= SMALL_ORDER {
        return gram_upper(w);
    }
    let verified = cholesky_upper(w);
    let best = if verified == Upper::INFINITE { gram_upper(w) } else { verified };
    best.min(Upper::proven(cheap_upper(w)))
}
