//! Both sides of a product in the order in which its innermost loop reads them.

use ndarray::{ArrayView2, Axis};
use pulp::Simd;
use std::ops::Range;

/// Terms summed in registers.
pub const DEPTH: usize = 256;
/// Vectors of outputs side by side in registers.
pub const VECTORS: usize = 2;

/// Rows in tiles: features in which one of them is not zero, and for each the entries of all.
pub struct Left<const R: usize> {
    pub at: Vec<u32>,
    pub x: Vec<[f64; R]>,
    pub spread: Vec<[f64; R]>,
    /// Where the tiles end.
    pub ends: Vec<usize>,
}

impl<const R: usize> Left<R> {
    pub fn new() -> Self {
        Left { at: vec![], x: vec![], spread: vec![], ends: vec![] }
    }

    /// Packs features of some rows.
    #[inline(always)]
    pub fn pack(&mut self, x: &[&[f64]], spread: Option<&[&[f64]]>, features: Range<usize>) {
        let most = x.len().div_ceil(R) * features.len();
        self.at.resize(most, 0);
        self.x.resize(most, [0.0; R]);
        self.spread.resize(if spread.is_some() { most } else { 0 }, [0.0; R]);
        self.ends.clear();
        let mut end = 0;
        let mut spreads = spread.map(|s| s.chunks(R));
        for x in x.chunks(R) {
            let spread = spreads.as_mut().and_then(Iterator::next);
            let start = end;
            end += alive(spread.unwrap_or(x), &features, &mut self.at[start..]);
            let at = &self.at[start..end];
            gather(x, features.start, at, &mut self.x[start..end]);
            if let Some(spread) = spread {
                gather(spread, features.start, at, &mut self.spread[start..end]);
            }
            self.ends.push(end);
        }
    }
}

/// Features in which one of some rows is not zero; how many there are.
#[inline(always)]
fn alive(rows: &[&[f64]], features: &Range<usize>, at: &mut [u32]) -> usize {
    let mut bits = [0u64; DEPTH];
    let (bits, at) = (&mut bits[..features.len()], &mut at[..features.len()]);
    for row in rows {
        for (b, v) in bits.iter_mut().zip(&row[features.clone()]) {
            // Zeros of either sign.
            *b |= v.to_bits() << 1;
        }
    }
    let mut end = 0;
    for (k, b) in bits.iter().enumerate() {
        at[end] = k as u32;
        end += usize::from(*b != 0);
    }
    end
}

/// Some entries of up to R rows side by side.
#[inline(always)]
fn gather<const R: usize>(rows: &[&[f64]], first: usize, at: &[u32], to: &mut [[f64; R]]) {
    if rows.len() < R {
        to.fill([0.0; R]);
    }
    for (r, row) in rows.iter().enumerate().take(R) {
        let row = &row[first..];
        for (to, k) in to.iter_mut().zip(at) {
            to[r] = row[*k as usize];
        }
    }
}

/// Columns of a matrix side by side, each in vectors of the machine, zero beyond its width.
pub struct Strips {
    data: Vec<f64>,
    start: usize,
    /// Numbers in one.
    size: usize,
}

impl Strips {
    pub fn new(width: usize, count: usize) -> Self {
        let size = DEPTH * width;
        let data = vec![0.0; count * size + 8];
        // Whole lines of the cache.
        let start = data.as_ptr().align_offset(64).min(8);
        Strips { data, start, size }
    }

    #[inline(always)]
    pub fn get<S: Simd>(&self, slot: usize, depth: usize) -> &[[S::f64s; VECTORS]] {
        let width = VECTORS * S::F64_LANES;
        S::as_simd_f64s(&self.data[self.start + slot * self.size..][..depth * width]).0.as_chunks().0
    }

    #[inline(always)]
    pub fn pack<S: Simd>(&mut self, simd: S, slot: usize, m: ArrayView2<f64>, magnitudes: bool) {
        let width = VECTORS * S::F64_LANES;
        let to = &mut self.data[self.start + slot * self.size..][..m.nrows() * width];
        if m.strides()[1] != 1 {
            to.fill(0.0);
            for (j, column) in m.axis_iter(Axis(1)).enumerate() {
                let lines = to.chunks_exact_mut(width);
                match column.to_slice() {
                    Some(column) => column.iter().zip(lines).for_each(|(v, to)| to[j] = *v),
                    None => column.iter().zip(lines).for_each(|(v, to)| to[j] = *v),
                }
            }
        }
        let to = S::as_mut_simd_f64s(to).0.as_chunks_mut::<VECTORS>().0;
        if m.strides()[1] == 1 {
            for (row, to) in m.outer_iter().zip(to.iter_mut()) {
                let mut row = row.to_slice().expect("a part of a row");
                for to in to {
                    let (part, rest) = row.split_at(S::F64_LANES.min(row.len()));
                    *to = match S::as_simd_f64s(part) {
                        ([whole], _) => *whole,
                        (_, part) => simd.partial_load_f64s(part),
                    };
                    row = rest;
                }
            }
        }
        if magnitudes {
            to.iter_mut().for_each(|v| *v = v.map(|v| simd.abs_f64s(v)));
        }
    }
}
