//! Matrix products with double-double centres: twice the working precision.
//!
//! From: Ogita, Rump & Oishi, "Accurate sum and dot product" (2005), Dot2,
//! here with double-double operands and blocks of `DEPTH` terms.

use crate::num::round::{U, two_sum};
use ndarray::{ArrayView2, ArrayViewMut2};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Terms summed before the running pair is folded into the result.
const DEPTH: usize = 128;
/// Columns per packed panel; a multiple of every SIMD width.
const WIDTH: usize = 8;
/// Rows of a tile: enough independent sums to hide the latency of one, few
/// enough for sums, corrections and operands to stay in 16 registers.
const TALL: usize = 4;
/// Rows packed at once; a multiple of TALL.
const CHUNK: usize = 256;

/// |result - sum| <= gamma_double(n, folds) sum |a_hi| |b_hi| for n terms.
///
/// Within a block the correction c collects the exact residuals of products
/// and sums and the cross terms: their magnitudes add up to at most
/// u (DEPTH + 4) A, and none of them passes through more than DEPTH + 3
/// roundings (three join the parts of one product, then one per term of the
/// block), which is at most 4 DEPTH. Folding nb blocks adds 2 nb roundings of
/// magnitudes below u (nb + DEPTH + 4) A. `folds` finished products that are
/// added into one result afterwards (the taps of an adjoint convolution) fold
/// like blocks.
/// The product lo lo is left out: u^2 A.
pub fn gamma_double(terms: usize, folds: usize) -> f64 {
    if terms > 90_000_000 {
        return f64::INFINITY;
    }
    let (b, nb) = (DEPTH as f64, (terms.div_ceil(DEPTH) + folds) as f64);
    1.01 * U * U * (4.0 * (b + 1.0) * (b + 5.0) + 2.0 * (nb + 1.0) * (nb + b + 5.0) + 8.0)
}

/// A pair of views: high and low parts of a matrix. An absent low part is zero.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub hi: ArrayView2<'a, f64>,
    pub lo: Option<ArrayView2<'a, f64>>,
}

impl<'a> Pair<'a> {
    fn transposed(self) -> Pair<'a> {
        Pair { hi: self.hi.reversed_axes(), lo: self.lo.map(|lo| lo.reversed_axes()) }
    }
}

/// out = a b, normalised pairs; `out` is overwritten, its rows are contiguous.
pub fn product(a: Pair, b: Pair, mut out_hi: ArrayViewMut2<f64>, mut out_lo: ArrayViewMut2<f64>) {
    let (m, k) = a.hi.dim();
    let n = b.hi.ncols();
    out_hi.fill(0.0);
    out_lo.fill(0.0);
    let (mut high, mut low) = (slices(out_hi), slices(out_lo));
    let mut left = Packed::new(DEPTH * CHUNK.min(m.next_multiple_of(TALL)), a.lo.is_some());
    let mut panel = Packed::new(DEPTH * WIDTH, b.lo.is_some());
    let mut tile = vec![0.0; 2 * TALL * WIDTH];
    for k0 in (0..k).step_by(DEPTH) {
        let terms = k0..k.min(k0 + DEPTH);
        let depth = terms.len();
        for i0 in (0..m).step_by(CHUNK) {
            let chunk = CHUNK.min(m - i0);
            left.pack_tiles(a.transposed(), terms.clone(), i0..i0 + chunk);
            for j0 in (0..n).step_by(WIDTH) {
                let columns = j0..n.min(j0 + WIDTH);
                panel.pack(b, terms.clone(), columns.clone(), WIDTH, 0..DEPTH * WIDTH);
                let mut i = 0;
                while i < chunk {
                    let tall = if chunk - i < TALL { 1 } else { TALL };
                    let at = i * depth..(i + tall) * depth;
                    let part = if left.lo.is_empty() { 0..0 } else { at.clone() };
                    let work = Tile {
                        left_hi: &left.hi[at],
                        left_lo: &left.lo[part],
                        panel_hi: &panel.hi[..depth * WIDTH],
                        panel_lo: &panel.lo[..depth * WIDTH.min(panel.lo.len())],
                        out: &mut tile,
                    };
                    if tall == TALL {
                        run::<TALL>(work)
                    } else {
                        run::<1>(work)
                    }
                    let rows = i0 + i..i0 + i + tall;
                    fold(&tile, &mut high[rows.clone()], &mut low[rows], columns.clone());
                    i += tall;
                }
            }
        }
    }
    for (hi, lo) in high.into_iter().zip(low) {
        for (h, l) in hi.iter_mut().zip(lo) {
            (*h, *l) = two_sum(*h, *l);
        }
    }
}

/// Adds the sums and corrections of a tile to some columns of its rows.
#[inline(always)]
fn fold(tile: &[f64], high: &mut [&mut [f64]], low: &mut [&mut [f64]], columns: Range<usize>) {
    let (sums, corrections) = tile.split_at(high.len() * WIDTH);
    for (t, (hi, lo)) in high.iter_mut().zip(low).enumerate() {
        let (s, c) = (&sums[t * WIDTH..][..columns.len()], &corrections[t * WIDTH..][..columns.len()]);
        let (hi, lo) = (&mut hi[columns.clone()], &mut lo[columns.clone()]);
        for j in 0..s.len() {
            let (sum, e) = two_sum(hi[j], s[j]);
            hi[j] = sum;
            lo[j] += c[j] + e;
        }
    }
}

fn slices<'a>(out: ArrayViewMut2<'a, f64>) -> Vec<&'a mut [f64]> {
    let rows = out.into_outer_iter_mut();
    rows.map(|r| r.into_slice().expect("rows are contiguous")).collect()
}

/// Parts of a pair in the order in which tiles read them; low parts only where there are some.
struct Packed {
    hi: Vec<f64>,
    lo: Vec<f64>,
}

impl Packed {
    fn new(len: usize, low: bool) -> Packed {
        Packed { hi: vec![0.0; len], lo: vec![0.0; if low { len } else { 0 }] }
    }

    /// Rows and columns of a pair into the places `at`, row by row with `pitch` entries each.
    fn pack(
        &mut self,
        from: Pair,
        rows: Range<usize>,
        columns: Range<usize>,
        pitch: usize,
        at: Range<usize>,
    ) {
        let block = |view: ArrayView2<'_, f64>, panel: &mut [f64]| {
            pack(view.slice(ndarray::s![rows.clone(), columns.clone()]), pitch, panel);
        };
        block(from.hi, &mut self.hi[at.clone()]);
        if let Some(lo) = from.lo {
            block(lo, &mut self.lo[at]);
        }
    }

    /// Columns in tiles of `TALL`; those of a short tile one by one.
    fn pack_tiles(&mut self, from: Pair, terms: Range<usize>, columns: Range<usize>) {
        let depth = terms.len();
        for i in (0..columns.len()).step_by(TALL) {
            let tall = TALL.min(columns.len() - i);
            let (step, width) = if tall < TALL { (1, 1) } else { (TALL, TALL) };
            for t in (i..i + tall).step_by(step) {
                let first = columns.start + t;
                self.pack(from, terms.clone(), first..first + width, width, t * depth..(t + width) * depth);
            }
        }
    }
}

/// A block row by row with `pitch` entries each, zero beyond its width.
fn pack(block: ArrayView2<f64>, pitch: usize, panel: &mut [f64]) {
    if block.ncols() < pitch {
        panel.fill(0.0);
    }
    if block.strides()[0] == 1 {
        for (j, column) in block.columns().into_iter().enumerate() {
            for (kk, v) in column.iter().enumerate() {
                panel[kk * pitch + j] = *v;
            }
        }
    } else {
        for (row, to) in block.rows().into_iter().zip(panel.chunks_exact_mut(pitch)) {
            for (to, v) in to.iter_mut().zip(row) {
                *to = *v;
            }
        }
    }
}

/// T x WIDTH outputs over one block: sums, then corrections.
struct Tile<'a> {
    left_hi: &'a [f64],
    left_lo: &'a [f64],
    panel_hi: &'a [f64],
    panel_lo: &'a [f64],
    out: &'a mut [f64],
}

fn run<const T: usize>(tile: Tile) {
    let arch = Arch::new();
    match (tile.left_lo.is_empty(), tile.panel_lo.is_empty()) {
        (true, true) => arch.dispatch(Lows::<T, false, false>(tile)),
        (true, false) => arch.dispatch(Lows::<T, false, true>(tile)),
        (false, true) => arch.dispatch(Lows::<T, true, false>(tile)),
        (false, false) => arch.dispatch(Lows::<T, true, true>(tile)),
    }
}

/// A tile whose operands have low parts or not.
struct Lows<'a, const T: usize, const LEFT: bool, const PANEL: bool>(Tile<'a>);

impl<const T: usize, const LEFT: bool, const PANEL: bool> WithSimd for Lows<'_, T, LEFT, PANEL> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F64_LANES;
        let tile = self.0;
        let (sums, corrections) = tile.out[..2 * T * WIDTH].split_at_mut(T * WIDTH);
        let (left, _) = tile.left_hi.as_chunks::<T>();
        let (left_lo, _) = tile.left_lo.as_chunks::<T>();
        let (rows, _) = tile.panel_hi.as_chunks::<WIDTH>();
        let (rows_lo, _) = tile.panel_lo.as_chunks::<WIDTH>();
        let depth = left.len();
        let rows = &rows[..depth];
        let left_lo = if LEFT { &left_lo[..depth] } else { left };
        let rows_lo = if PANEL { &rows_lo[..depth] } else { rows };
        for j in (0..WIDTH).step_by(lanes) {
            let mut s = [simd.splat_f64s(0.0); T];
            let mut c = [simd.splat_f64s(0.0); T];
            for k in 0..depth {
                let x = S::as_simd_f64s(&rows[k][j..j + lanes]).0[0];
                for t in 0..T {
                    let a = simd.splat_f64s(left[k][t]);
                    let p = simd.mul_f64s(a, x);
                    let mut e = simd.mul_add_f64s(a, x, simd.neg_f64s(p));
                    if PANEL {
                        let y = S::as_simd_f64s(&rows_lo[k][j..j + lanes]).0[0];
                        e = simd.mul_add_f64s(a, y, e);
                    }
                    if LEFT {
                        e = simd.mul_add_f64s(simd.splat_f64s(left_lo[k][t]), x, e);
                    }
                    let sum = simd.add_f64s(s[t], p);
                    let b = simd.sub_f64s(sum, s[t]);
                    let residual =
                        simd.add_f64s(simd.sub_f64s(s[t], simd.sub_f64s(sum, b)), simd.sub_f64s(p, b));
                    s[t] = sum;
                    c[t] = simd.add_f64s(c[t], simd.add_f64s(e, residual));
                }
            }
            for t in 0..T {
                let at = t * WIDTH + j;
                S::as_mut_simd_f64s(&mut sums[at..at + lanes]).0[0] = s[t];
                S::as_mut_simd_f64s(&mut corrections[at..at + lanes]).0[0] = c[t];
            }
        }
    }
}
