//! Matrix products in f64: centres times a matrix, and at once spreads times its magnitudes.
//!
//! Both read the matrix once and its magnitudes are never stored. Rows are taken a few at a time; features that are
//! zero in all of them (neurons that are off in a sample) take no part. Sums in any order: at most one rounding per
//! term and one more per addition.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Terms summed in registers.
const DEPTH: usize = 256;
/// Rows packed at once.
const CHUNK: usize = 120;
/// Columns whose strips are kept at once.
const WIDE: usize = 4096;
/// Vectors of outputs side by side in registers.
const VECTORS: usize = 2;

/// out = x m and radius = spread |m|; the latter where there is a spread, which is zero only where x is.
pub(super) struct Product<'a> {
    /// In row order.
    x: &'a [f64],
    spread: Option<&'a [f64]>,
    m: ArrayView2<'a, f64>,
    /// Take |m| for m.
    magnitudes: bool,
    pub out: ArrayViewMut2<'a, f64>,
    radius: Option<ArrayViewMut2<'a, f64>>,
}

impl<'a> Product<'a> {
    pub fn new(x: &'a [f64], m: ArrayView2<'a, f64>, out: &'a mut [f64]) -> Self {
        let rows = out.len().checked_div(m.ncols()).unwrap_or(0);
        assert_eq!(x.len(), rows * m.nrows());
        let out = ArrayViewMut2::from_shape((rows, m.ncols()), out).expect("results");
        Product { x, spread: None, m, magnitudes: false, out, radius: None }
    }

    pub fn magnitudes(self) -> Self {
        Product { magnitudes: true, ..self }
    }

    /// Spreads beside the centres.
    pub fn and(self, spread: &'a [f64], radius: &'a mut [f64]) -> Self {
        assert_eq!(spread.len(), self.x.len());
        let radius = ArrayViewMut2::from_shape(self.out.dim(), radius).expect("results");
        Product { spread: Some(spread), radius: Some(radius), ..self }
    }

    pub fn operations(&self) -> usize {
        self.x.len() * self.m.ncols() * if self.spread.is_some() { 2 } else { 1 }
    }

    /// Parts of so many rows (axis 0) or columns (axis 1) of the result.
    pub fn cut(self, axis: Axis, size: usize) -> Vec<Self> {
        let (mut list, mut rest) = (vec![], self);
        let by_rows = axis == Axis(0);
        while rest.out.len_of(axis) > size {
            let Product { x, spread, m, magnitudes, out, radius } = rest;
            let factors = |t: &'a [f64]| if by_rows { t.split_at(size * m.nrows()) } else { (t, t) };
            let (x, spread) = (factors(x), spread.map(factors).unzip());
            let m = if by_rows { (m, m) } else { m.split_at(axis, size) };
            let (out, radius) = (out.split_at(axis, size), radius.map(|r| r.split_at(axis, size)).unzip());
            list.push(Product { x: x.0, spread: spread.0, m: m.0, magnitudes, out: out.0, radius: radius.0 });
            rest = Product { x: x.1, spread: spread.1, m: m.1, magnitudes, out: out.1, radius: radius.1 };
        }
        list.push(rest);
        list
    }

    /// On this thread.
    pub fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Tiles as large as the registers allow, next to operands.
        match (S::REGISTER_COUNT >= 32, self.spread.is_some()) {
            (true, true) => tiled::<S, 5, true>(simd, self),
            (true, false) => tiled::<S, 10, false>(simd, self),
            (false, true) => tiled::<S, 2, true>(simd, self),
            (false, false) => tiled::<S, 5, false>(simd, self),
        }
    }
}

/// Rows in tiles: features in which one of them is not zero, and for each the entries of all.
struct Left<const R: usize> {
    at: Vec<u32>,
    x: Vec<[f64; R]>,
    spread: Vec<[f64; R]>,
    /// Where the tiles end.
    ends: Vec<usize>,
}

impl<const R: usize> Left<R> {
    fn new() -> Self {
        Left { at: vec![], x: vec![], spread: vec![], ends: vec![] }
    }

    /// Packs features of some rows of `terms` each.
    #[inline(always)]
    fn pack(&mut self, x: &[f64], spread: Option<&[f64]>, terms: usize, features: Range<usize>) {
        let most = (x.len() / terms).div_ceil(R) * features.len();
        self.at.resize(most, 0);
        self.x.resize(most, [0.0; R]);
        self.spread.resize(if spread.is_some() { most } else { 0 }, [0.0; R]);
        self.ends.clear();
        let mut end = 0;
        let tiles = R * terms;
        let mut spreads = spread.map(|s| s.chunks(tiles));
        for x in x.chunks(tiles) {
            let spread = spreads.as_mut().and_then(Iterator::next);
            let start = end;
            end += alive(spread.unwrap_or(x), terms, &features, &mut self.at[start..]);
            let at = &self.at[start..end];
            gather(x, terms, features.start, at, &mut self.x[start..end]);
            if let Some(spread) = spread {
                gather(spread, terms, features.start, at, &mut self.spread[start..end]);
            }
            self.ends.push(end);
        }
    }
}

/// Features in which one of some rows is not zero; how many there are.
#[inline(always)]
fn alive(rows: &[f64], terms: usize, features: &Range<usize>, at: &mut [u32]) -> usize {
    let mut bits = [0u64; DEPTH];
    let (bits, at) = (&mut bits[..features.len()], &mut at[..features.len()]);
    for row in rows.chunks_exact(terms) {
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
fn gather<const R: usize>(rows: &[f64], terms: usize, first: usize, at: &[u32], to: &mut [[f64; R]]) {
    let tall = rows.len() / terms;
    if tall < R {
        to.fill([0.0; R]);
    }
    for (r, row) in rows.chunks_exact(terms).enumerate().take(R) {
        let row = &row[first..];
        for (to, k) in to.iter_mut().zip(at) {
            to[r] = row[*k as usize];
        }
    }
}

/// Columns of a matrix side by side, each in vectors of the machine, zero beyond its width.
struct Strips {
    data: Vec<f64>,
    start: usize,
    /// Numbers in one.
    size: usize,
}

impl Strips {
    fn new(width: usize, count: usize) -> Self {
        let size = DEPTH * width;
        let data = vec![0.0; count * size + 8];
        // Whole lines of the cache.
        let start = data.as_ptr().align_offset(64).min(8);
        Strips { data, start, size }
    }

    #[inline(always)]
    fn get<S: Simd>(&self, slot: usize, depth: usize) -> &[[S::f64s; VECTORS]] {
        let width = VECTORS * S::F64_LANES;
        S::as_simd_f64s(&self.data[self.start + slot * self.size..][..depth * width]).0.as_chunks().0
    }

    #[inline(always)]
    fn pack<S: Simd>(&mut self, simd: S, slot: usize, m: ArrayView2<f64>, magnitudes: bool) {
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

#[inline(always)]
fn tiled<S: Simd, const R: usize, const SPREAD: bool>(simd: S, product: Product) {
    let Product { x, spread, m, magnitudes, out, radius } = product;
    let (mut out, mut radius) = (slices(out), radius.map(slices));
    let (rows, (terms, columns)) = (out.len(), m.dim());
    let width = VECTORS * S::F64_LANES;
    // Strips are kept for all rows where one packing of these is not all.
    let kept = if rows > CHUNK { columns.min(WIDE).div_ceil(width) } else { 1 };
    if terms == 0 {
        out.iter_mut().chain(radius.iter_mut().flatten()).for_each(|row| row.fill(0.0));
    }
    let (mut left, mut strips) = (Left::<R>::new(), Strips::new(width, kept));
    for block in (0..columns).step_by(WIDE) {
        for k in (0..terms).step_by(DEPTH) {
            let depth = k..terms.min(k + DEPTH);
            for i in (0..rows).step_by(CHUNK) {
                let chunk = i..rows.min(i + CHUNK);
                let rows = chunk.start * terms..chunk.end * terms;
                left.pack(&x[rows.clone()], spread.map(|s| &s[rows]), terms, depth.clone());
                for (slot, j) in (block..columns.min(block + WIDE)).step_by(width).enumerate() {
                    let (slot, wide) = (slot % kept, j..columns.min(j + width));
                    if i == 0 {
                        strips.pack(
                            simd,
                            slot,
                            m.slice(ndarray::s![depth.clone(), wide.clone()]),
                            magnitudes,
                        );
                    }
                    let strip = strips.get::<S>(slot, depth.len());
                    let mut start = 0;
                    for (tile, end) in left.ends.iter().enumerate() {
                        let (own, own_spread) =
                            (&left.x[start..*end], if SPREAD { &left.spread[..] } else { &left.x[..] });
                        let terms = (&left.at[start..*end], own, &own_spread[start..*end]);
                        let sums = sums::<S, R, SPREAD>(simd, terms, strip);
                        let rows = i + tile * R..chunk.end.min(i + (tile + 1) * R);
                        put::<S, R>(simd, k == 0, &sums[0], &mut out[rows.clone()], wide.clone());
                        if let (true, Some(radius)) = (SPREAD, &mut radius) {
                            put::<S, R>(simd, k == 0, &sums[1], &mut radius[rows], wide.clone());
                        }
                        start = *end;
                    }
                }
            }
        }
    }
}

type Sums<S, const R: usize> = [[<S as Simd>::f64s; VECTORS]; R];

/// Sums of R rows over their features, of centres and of spreads.
#[inline(always)]
fn sums<S: Simd, const R: usize, const SPREAD: bool>(
    simd: S,
    (at, x, spread): (&[u32], &[[f64; R]], &[[f64; R]]),
    strip: &[[S::f64s; VECTORS]],
) -> [Sums<S, R>; 2] {
    let zero = simd.splat_f64s(0.0);
    let (mut c, mut r) = ([[zero; VECTORS]; R], [[zero; VECTORS]; R]);
    for ((k, x), spread) in at.iter().zip(x).zip(spread) {
        let w = strip[*k as usize];
        for t in 0..R {
            let x = simd.splat_f64s(x[t]);
            for v in 0..VECTORS {
                c[t][v] = simd.mul_add_e_f64s(x, w[v], c[t][v]);
            }
        }
        if SPREAD {
            let w = w.map(|w| simd.abs_f64s(w));
            for t in 0..R {
                let s = simd.splat_f64s(spread[t]);
                for v in 0..VECTORS {
                    r[t][v] = simd.mul_add_e_f64s(s, w[v], r[t][v]);
                }
            }
        }
    }
    [c, r]
}

/// Sums of the first terms, or sums added, in some columns of a few rows.
#[inline(always)]
fn put<S: Simd, const R: usize>(
    simd: S,
    first: bool,
    sums: &Sums<S, R>,
    rows: &mut [&mut [f64]],
    columns: Range<usize>,
) {
    for (row, sums) in rows.iter_mut().zip(sums) {
        let mut rest = &mut row[columns.clone()];
        for sum in sums {
            let (to, after) = rest.split_at_mut(S::F64_LANES.min(rest.len()));
            match S::as_mut_simd_f64s(to) {
                ([to], _) => *to = if first { *sum } else { simd.add_f64s(*to, *sum) },
                (_, to) => {
                    let all = if first { *sum } else { simd.add_f64s(simd.partial_load_f64s(to), *sum) };
                    simd.partial_store_f64s(to, all);
                }
            }
            rest = after;
        }
    }
}

fn slices(out: ArrayViewMut2<'_, f64>) -> Vec<&mut [f64]> {
    out.into_outer_iter_mut().map(|r| r.into_slice().expect("rows are contiguous")).collect()
}
