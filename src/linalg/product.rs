//! Matrix products in f64: centres times a matrix, and at once spreads times its magnitudes.
//!
//! Both read the matrix once and its magnitudes are never stored. Rows are taken a few at a time; features that are
//! zero in all of them (neurons that are off in a sample) may take no part, whatever they are multiplied with: 0 times
//! anything is 0. Sums in any order, fused or not: a term is rounded once as a product and at most once per addition.

use super::packed::{DEPTH, Left, Strips, VECTORS};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use pulp::{Arch, Simd, WithSimd};
use std::ops::Range;

/// Rows packed at once.
const CHUNK: usize = 120;
/// Operations below which a library is as good: packing would cost more than it saves.
const LARGE: usize = 1 << 18;
/// Columns whose strips are kept at once.
const WIDE: usize = 4096;

/// What becomes of a result that is there already.
#[derive(Clone, Copy, PartialEq)]
enum Onto {
    Replaced,
    Added,
    Subtracted,
}

/// out = x m and radius = spread |m|; the latter where there is a spread, which is zero only where x is.
pub struct Product<'a> {
    x: ArrayView2<'a, f64>,
    spread: Option<ArrayView2<'a, f64>>,
    m: ArrayView2<'a, f64>,
    /// Take |m| for m.
    magnitudes: bool,
    onto: Onto,
    out: ArrayViewMut2<'a, f64>,
    radius: Option<ArrayViewMut2<'a, f64>>,
}

impl<'a> Product<'a> {
    pub fn new(x: ArrayView2<'a, f64>, m: ArrayView2<'a, f64>, out: ArrayViewMut2<'a, f64>) -> Self {
        assert_eq!((x.nrows(), x.ncols(), m.ncols()), (out.nrows(), m.nrows(), out.ncols()));
        Product { x, spread: None, m, magnitudes: false, onto: Onto::Replaced, out, radius: None }
    }

    pub fn magnitudes(self) -> Self {
        Product { magnitudes: true, ..self }
    }

    /// out + x m.
    pub fn added(self) -> Self {
        Product { onto: Onto::Added, ..self }
    }

    /// out − x m.
    pub fn subtracted(self) -> Self {
        Product { onto: Onto::Subtracted, ..self }
    }

    /// Spreads beside the centres.
    pub fn and(self, spread: ArrayView2<'a, f64>, radius: ArrayViewMut2<'a, f64>) -> Self {
        assert_eq!((spread.dim(), radius.dim()), (self.x.dim(), self.out.dim()));
        assert!(lies(&self.out.view()) && lies(&radius.view()));
        Product { spread: Some(spread), radius: Some(radius), ..self }
    }

    pub fn operations(&self) -> usize {
        self.x.len() * self.m.ncols() * if self.spread.is_some() { 2 } else { 1 }
    }

    pub fn dim(&self) -> (usize, usize) {
        self.out.dim()
    }

    /// Parts of so many rows (axis 0) or columns (axis 1) of the result.
    pub fn cut(self, axis: Axis, size: usize) -> Vec<Self> {
        let (mut list, mut rest) = (vec![], self);
        let by_rows = axis == Axis(0);
        while rest.out.len_of(axis) > size {
            let Product { x, spread, m, magnitudes, onto, out, radius } = rest;
            let rows = |t: ArrayView2<'a, f64>| if by_rows { t.split_at(axis, size) } else { (t, t) };
            let (x, spread) = (rows(x), spread.map(rows).unzip());
            let m = if by_rows { (m, m) } else { m.split_at(axis, size) };
            let (out, radius) = (out.split_at(axis, size), radius.map(|r| r.split_at(axis, size)).unzip());
            let (own, own_radius) = (out.0, radius.0);
            list.push(Product {
                x: x.0,
                spread: spread.0,
                m: m.0,
                magnitudes,
                onto,
                out: own,
                radius: own_radius,
            });
            rest =
                Product { x: x.1, spread: spread.1, m: m.1, magnitudes, onto, out: out.1, radius: radius.1 };
        }
        list.push(rest);
        list
    }

    /// On this thread.
    pub fn run(self) {
        if self.out.is_empty() {
            return;
        }
        if self.spread.is_none() && !self.magnitudes && self.operations() < LARGE {
            return self.plainly();
        }
        if !lies(&self.out.view()) {
            return self.aside();
        }
        if lies(&self.x) && self.spread.as_ref().is_none_or(lies) {
            return Arch::new().dispatch(self);
        }
        let x = self.x.as_standard_layout();
        let spread = self.spread.as_ref().map(|s| s.as_standard_layout());
        let spread = spread.as_ref().map(|s| s.view());
        Arch::new().dispatch(Product { x: x.view(), spread, ..self });
    }

    /// By a library.
    fn plainly(mut self) {
        let (factor, kept) = match self.onto {
            Onto::Replaced => (1.0, 0.0),
            Onto::Added => (1.0, 1.0),
            Onto::Subtracted => (-1.0, 1.0),
        };
        general_mat_mul(factor, &self.x, &self.m, kept, &mut self.out);
    }

    /// For results whose rows are scattered.
    fn aside(mut self) {
        let mut all = Array2::zeros(self.out.dim());
        Product { out: all.view_mut(), onto: Onto::Replaced, spread: None, radius: None, ..self }.run();
        match self.onto {
            Onto::Replaced => self.out.assign(&all),
            Onto::Added => self.out += &all,
            Onto::Subtracted => self.out -= &all,
        }
    }
}

/// Does every row lie in one piece?
fn lies(x: &ArrayView2<f64>) -> bool {
    x.ncols() <= 1 || x.strides()[1] == 1
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

#[inline(always)]
fn tiled<S: Simd, const R: usize, const SPREAD: bool>(simd: S, product: Product) {
    let Product { x, spread, m, magnitudes, onto, out, radius } = product;
    let (x, spread) = (rows(&x), spread.as_ref().map(rows));
    let (mut out, mut radius) = (rows_mut(out), radius.map(rows_mut));
    let (rows, (terms, columns)) = (out.len(), m.dim());
    let width = VECTORS * S::F64_LANES;
    // Strips are kept for all rows where one packing of these is not all.
    let kept = if rows > CHUNK { columns.min(WIDE).div_ceil(width) } else { 1 };
    if terms == 0 && onto == Onto::Replaced {
        out.iter_mut().chain(radius.iter_mut().flatten()).for_each(|row| row.fill(0.0));
    }
    let (mut left, mut strips) = (Left::<R>::new(), Strips::new(width, kept));
    for block in (0..columns).step_by(WIDE) {
        for k in (0..terms).step_by(DEPTH) {
            let depth = k..terms.min(k + DEPTH);
            let onto = if k > 0 && onto == Onto::Replaced { Onto::Added } else { onto };
            for i in (0..rows).step_by(CHUNK) {
                let chunk = i..rows.min(i + CHUNK);
                left.pack(&x[chunk.clone()], spread.as_ref().map(|s| &s[chunk.clone()]), depth.clone());
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
                        put::<S, R>(simd, onto, &sums[0], &mut out[rows.clone()], wide.clone());
                        if let (true, Some(radius)) = (SPREAD, &mut radius) {
                            put::<S, R>(simd, onto, &sums[1], &mut radius[rows], wide.clone());
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

/// Puts sums into some columns of a few rows.
#[inline(always)]
fn put<S: Simd, const R: usize>(
    simd: S,
    onto: Onto,
    sums: &Sums<S, R>,
    rows: &mut [&mut [f64]],
    columns: Range<usize>,
) {
    let put = |old: S::f64s, sum: S::f64s| match onto {
        Onto::Replaced => sum,
        Onto::Added => simd.add_f64s(old, sum),
        Onto::Subtracted => simd.sub_f64s(old, sum),
    };
    for (row, sums) in rows.iter_mut().zip(sums) {
        let mut rest = &mut row[columns.clone()];
        for sum in sums {
            let (to, after) = rest.split_at_mut(S::F64_LANES.min(rest.len()));
            match S::as_mut_simd_f64s(to) {
                ([to], _) => *to = put(*to, *sum),
                (_, to) => {
                    let all = put(simd.partial_load_f64s(to), *sum);
                    simd.partial_store_f64s(to, all);
                }
            }
            rest = after;
        }
    }
}

fn rows<'a>(x: &ArrayView2<'a, f64>) -> Vec<&'a [f64]> {
    let row = |r| x.index_axis_move(Axis(0), r).to_slice().expect("rows lie in one piece");
    (0..x.nrows()).map(row).collect()
}

fn rows_mut(out: ArrayViewMut2<'_, f64>) -> Vec<&mut [f64]> {
    out.into_outer_iter_mut().map(|r| r.into_slice().expect("rows lie in one piece")).collect()
}
