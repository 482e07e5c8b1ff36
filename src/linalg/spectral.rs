//! Proven upper bounds of the largest singular value of a dense matrix.
//!
//! Two proofs: Gram iteration (Delattre 2023) for small orders and as a row of
//! its own; for the rest one verified Cholesky factorisation of λI − WᵀW at a
//! guessed λ, which costs less than one squaring and is as tight as the guess.

use super::cholesky::semidefinite_up_to;
use super::gram::{cheap_upper, frobenius_up, gram_error, gram_matrix, row_sum_up};
use super::lanczos::top_eigenpair;
use crate::num::norms::{exponent, largest, power_of_two};
use crate::num::round::{U, Upper, add_up, mul_up, sqrt_up, sub_down};
use ndarray::{Array2, ArrayView2};

/// Orders up to here use Gram iteration alone.
const SMALL_ORDER: usize = 24;
const LEAST: f64 = f64::from_bits(1);

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
