//! Gram matrices, and what is known of a matrix by its entries: sums of magnitudes and of squares.

use super::product::Product;
use crate::num::norms::{Norm, Sum, largest, vector_norm_up};
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Rows of a symmetric product that are computed at once.
const BLOCK: usize = 120;
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
/// so |result − AᵀA| <= gamma_rows |A|ᵀ|A| + rows 2^-1074. Rows that are zero in a few columns at hand may be left
/// out of it, where they add nothing; entries that are not finite still show in the diagonal.
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
    // Rows of the upper triangle; later ones are shorter.
    let strip = |first: usize| {
        let own = a.slice(s![.., first..n.min(first + BLOCK)]);
        let mut out = Array2::zeros((own.ncols(), n - first));
        Product::new(own.reversed_axes(), a.slice(s![.., first..]), out.view_mut()).run();
        out
    };
    let firsts: Vec<usize> = (0..n).step_by(BLOCK).collect();
    let strips: Vec<Array2<f64>> = firsts.par_iter().with_max_len(1).map(|&first| strip(first)).collect();
    let mut g = Array2::zeros((n, n));
    for (first, strip) in firsts.into_iter().zip(strips) {
        let rows = first..first + strip.nrows();
        g.slice_mut(s![first.., rows.clone()]).assign(&strip.t());
        g.slice_mut(s![rows, first..]).assign(&strip);
    }
    // Blocks on the diagonal: one triangle decides.
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
pub fn gram_error(rows: usize, cols: usize, frobenius: f64) -> f64 {
    let underflow = mul_up(rows as f64 * cols as f64, LEAST);
    add_up(mul_up(gamma(rows), mul_up(frobenius, frobenius)), underflow)
}
