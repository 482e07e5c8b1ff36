//! Gram matrices, and what is known of a matrix by its entries: sums of magnitudes and of squares.

use crate::num::norms::{Norm, Sum, largest, vector_norm_up};
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

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
/// so |result − AᵀA| <= gamma_rows |A|ᵀ|A| + rows 2^-1074. Zeros at the end of columns are left out of it, where they
/// add nothing; entries that are not finite still show in the diagonal.
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
    // Rows below a block's last nonzero one add nothing.
    let last = |i: usize| {
        let block = a.slice(s![.., i..n.min(i + BLOCK)]);
        (0..a.nrows()).rev().find(|&r| block.row(r).iter().any(|x| *x != 0.0)).map_or(0, |r| r + 1)
    };
    let lasts: Vec<usize> = (0..n).step_by(BLOCK).collect::<Vec<_>>().into_par_iter().map(last).collect();
    let product = |&(i, j): &(usize, usize)| {
        let rows = lasts[i / BLOCK].min(lasts[j / BLOCK]);
        let block = |i: usize| a.slice(s![..rows, i..n.min(i + BLOCK)]);
        block(i).t().dot(&block(j))
    };
    let products: Vec<Array2<f64>> = blocks.par_iter().map(product).collect();
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
pub fn gram_error(rows: usize, cols: usize, frobenius: f64) -> f64 {
    let underflow = mul_up(rows as f64 * cols as f64, LEAST);
    add_up(mul_up(gamma(rows), mul_up(frobenius, frobenius)), underflow)
}
