//! Cholesky factorisation as a proof that a matrix is almost positive semidefinite.

use super::norms::{Norm, vector_norm_up};
use super::round::{add_up, div_up, gamma, mul_up, sub_down};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

const BLOCK: usize = 64;

/// Factors the symmetric matrix whose lower triangle `a` holds (and destroys
/// it). If every pivot is positive, the original matrix A satisfies
/// A + η I ⪰ 0 for the returned η; `None` otherwise, which proves nothing.
///
/// Proof (Higham, Accuracy and Stability, 10.3 and lemma 8.4, any order of
/// evaluation, fused or not): the computed factor has L Lᵀ = A + E with
/// |E| <= γ |L||L|ᵀ entrywise. With l_i the rows of L, ‖l_i‖² <= a_ii / (1 − γ),
/// so ‖E‖_F <= γ Σ‖l_i‖² <= γ/(1 − γ) trace A, and A = L Lᵀ − E ⪰ −‖E‖ I.
/// Partial sums of blocks are rounded once more per block, hence 2n + 8 in γ;
/// underflow adds at most n (n + 1 + trace) 2^-1060.
pub fn semidefinite_up_to(a: &mut Array2<f64>) -> Option<f64> {
    let n = a.nrows();
    assert_eq!(n, a.ncols());
    let trace = vector_norm_up(a.diag().iter().map(|x| x.abs()), Norm::One);
    if !trace.is_finite() || trace > 1e150 {
        return None;
    }
    let mut from = 0;
    while from < n {
        let to = n.min(from + BLOCK);
        factor_block(a.slice_mut(s![from..to, from..to]))?;
        let (top, mut rest) = a.view_mut().split_at(Axis(0), to);
        let corner = top.slice(s![from..to, from..to]);
        let mut below = rest.slice_mut(s![.., from..to]);
        let rows: Vec<_> = below.rows_mut().into_iter().collect();
        rows.into_par_iter().with_min_len(32).for_each(|mut row| {
            for j in 0..to - from {
                let mut x = row[j];
                for k in 0..j {
                    x -= row[k] * corner[[j, k]];
                }
                row[j] = x / corner[[j, j]];
            }
        });
        let panel = rest.slice(s![.., from..to]).to_owned();
        let strips: Vec<_> = rest.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate().collect();
        strips.into_par_iter().for_each(|(i, mut strip)| {
            let (first, last) = (i * BLOCK, i * BLOCK + strip.nrows());
            let mut target = strip.slice_mut(s![.., to..to + last]);
            let left = panel.slice(s![first..last, ..]);
            general_mat_mul(-1.0, &left, &panel.slice(s![..last, ..]).t(), 1.0, &mut target);
        });
        from = to;
    }
    let g = gamma(2 * n + 8);
    let tiny = mul_up(mul_up(n as f64, add_up(n as f64 + 1.0, trace)), 2f64.powi(-1060));
    Some(add_up(mul_up(div_up(g, sub_down(1.0, g)), trace), tiny))
}

/// The unblocked factorisation of a diagonal block, in its lower triangle.
fn factor_block(mut a: ArrayViewMut2<f64>) -> Option<()> {
    for j in 0..a.nrows() {
        let done: Vec<f64> = a.row(j).iter().take(j).copied().collect();
        for i in j..a.nrows() {
            let x = a.row(i).iter().zip(&done).fold(a[[i, j]], |x, (l, d)| x - l * d);
            if i > j {
                a[[i, j]] = x / a[[j, j]];
            } else if x > 0.0 && x.is_finite() {
                a[[j, j]] = x.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(())
}
