//! Matrix products with double-double centres: twice the working precision.
//!
//! From: Ogita, Rump & Oishi, "Accurate sum and dot product" (2005), Dot2,
//! here with double-double operands and blocks of `DEPTH` terms.

use crate::num::round::U;
use ndarray::{ArrayView2, ArrayViewMut2};
use pulp::{Arch, Simd, WithSimd};

/// Terms summed before the running pair is folded into the result.
const DEPTH: usize = 128;
/// Columns per packed panel; a multiple of every SIMD width.
const WIDTH: usize = 32;
const TALL: usize = 2;

/// |result - sum| <= gamma_double(n, folds) sum |a_hi| |b_hi| for n terms.
///
/// Within a block the correction c collects the exact residuals of products
/// and sums and the cross terms: their magnitudes add up to at most
/// u (DEPTH + 4) A, and c passes through at most 4 DEPTH roundings. Folding
/// nb blocks adds 2 nb roundings of magnitudes below u (nb + DEPTH + 4) A.
/// `folds` finished products that are added into one result afterwards (the
/// taps of an adjoint convolution) fold like blocks.
/// The product lo lo is left out: u^2 A.
pub fn gamma_double(terms: usize, folds: usize) -> f64 {
    if terms > 90_000_000 {
        return f64::INFINITY;
    }
    let (b, nb) = (DEPTH as f64, (terms.div_ceil(DEPTH) + folds) as f64);
    1.01 * U * U * (4.0 * (b + 1.0) * (b + 5.0) + 2.0 * (nb + 1.0) * (nb + b + 5.0) + 8.0)
}

/// s + e = a + b exactly.
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// p + e = a b exactly (barring underflow).
pub fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, a.mul_add(b, -p))
}

/// A pair of views: high and low parts of a matrix. An absent low part is zero.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub hi: ArrayView2<'a, f64>,
    pub lo: Option<ArrayView2<'a, f64>>,
}

/// out = a b, normalised pairs; `out` is overwritten.
pub fn product(a: Pair, b: Pair, mut out_hi: ArrayViewMut2<f64>, mut out_lo: ArrayViewMut2<f64>) {
    let (m, k) = a.hi.dim();
    let n = b.hi.ncols();
    out_hi.fill(0.0);
    out_lo.fill(0.0);
    let arch = Arch::new();
    let mut panel_hi = vec![0.0; DEPTH * WIDTH];
    let mut panel_lo = vec![0.0; DEPTH * WIDTH];
    let mut left_hi = vec![0.0; DEPTH * TALL];
    let mut left_lo = vec![0.0; DEPTH * TALL];
    let mut tile = vec![0.0; 2 * TALL * WIDTH];
    for k0 in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - k0);
        for j0 in (0..n).step_by(WIDTH) {
            let width = WIDTH.min(n - j0);
            pack(&b.hi, k0, depth, j0, width, &mut panel_hi);
            match &b.lo {
                Some(lo) => pack(lo, k0, depth, j0, width, &mut panel_lo),
                None => panel_lo.fill(0.0),
            }
            for i0 in (0..m).step_by(TALL) {
                let tall = TALL.min(m - i0);
                for t in 0..TALL {
                    for kk in 0..depth {
                        let inside = t < tall;
                        left_hi[kk * TALL + t] = if inside { a.hi[[i0 + t, k0 + kk]] } else { 0.0 };
                        left_lo[kk * TALL + t] = match &a.lo {
                            Some(lo) if inside => lo[[i0 + t, k0 + kk]],
                            _ => 0.0,
                        };
                    }
                }
                arch.dispatch(Tile {
                    left_hi: &left_hi[..depth * TALL],
                    left_lo: &left_lo[..depth * TALL],
                    panel_hi: &panel_hi[..depth * WIDTH],
                    panel_lo: &panel_lo[..depth * WIDTH],
                    out: &mut tile,
                });
                for t in 0..tall {
                    for j in 0..width {
                        let s = tile[t * WIDTH + j];
                        let c = tile[(TALL + t) * WIDTH + j];
                        let at = [i0 + t, j0 + j];
                        let (sum, e) = two_sum(out_hi[at], s);
                        out_hi[at] = sum;
                        out_lo[at] += c + e;
                    }
                }
            }
        }
    }
    ndarray::Zip::from(&mut out_hi).and(&mut out_lo).for_each(|h, l| (*h, *l) = two_sum(*h, *l));
}

fn pack(b: &ArrayView2<f64>, k0: usize, depth: usize, j0: usize, width: usize, panel: &mut [f64]) {
    for kk in 0..depth {
        let row = &mut panel[kk * WIDTH..(kk + 1) * WIDTH];
        let source = b.slice(ndarray::s![k0 + kk, j0..j0 + width]);
        for (to, &from) in row.iter_mut().zip(source.iter()) {
            *to = from;
        }
        row[width..].fill(0.0);
    }
}

/// TALL x WIDTH outputs over one block: sums and corrections side by side.
struct Tile<'a> {
    left_hi: &'a [f64],
    left_lo: &'a [f64],
    panel_hi: &'a [f64],
    panel_lo: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F64_LANES;
        let (sums, corrections) = self.out.split_at_mut(TALL * WIDTH);
        let left = self.left_hi.chunks_exact(TALL).zip(self.left_lo.chunks_exact(TALL));
        let rows = self.panel_hi.chunks_exact(WIDTH).zip(self.panel_lo.chunks_exact(WIDTH));
        for j in (0..WIDTH).step_by(lanes) {
            let mut s = [simd.splat_f64s(0.0); TALL];
            let mut c = [simd.splat_f64s(0.0); TALL];
            for ((ah, al), (bh, bl)) in left.clone().zip(rows.clone()) {
                let x = S::as_simd_f64s(&bh[j..j + lanes]).0[0];
                let y = S::as_simd_f64s(&bl[j..j + lanes]).0[0];
                for t in 0..TALL {
                    let a = simd.splat_f64s(ah[t]);
                    let p = simd.mul_f64s(a, x);
                    let e = simd.mul_add_f64s(a, x, simd.neg_f64s(p));
                    let sum = simd.add_f64s(s[t], p);
                    let b = simd.sub_f64s(sum, s[t]);
                    let residual =
                        simd.add_f64s(simd.sub_f64s(s[t], simd.sub_f64s(sum, b)), simd.sub_f64s(p, b));
                    s[t] = sum;
                    c[t] = simd.add_f64s(c[t], simd.add_f64s(e, residual));
                    c[t] = simd.mul_add_f64s(a, y, c[t]);
                    c[t] = simd.mul_add_f64s(simd.splat_f64s(al[t]), x, c[t]);
                }
            }
            for t in 0..TALL {
                let at = t * WIDTH + j;
                S::as_mut_simd_f64s(&mut sums[at..at + lanes]).0[0] = s[t];
                S::as_mut_simd_f64s(&mut corrections[at..at + lanes]).0[0] = c[t];
            }
        }
    }
}
