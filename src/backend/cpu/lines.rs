//! The two steps of linear bound propagation that are not matrix products.

use super::elementwise::{Entry, Piece, build, each_piece};
use super::lanes::{self, wide};
use super::{Block, Cpu, Parts, tasks};
use crate::backend::{Backend, Lines, WindowLines};
use crate::layer::Incidence;
use crate::layer::map::Transposed;
use crate::num::Coefficient;
use crate::num::round::add_up;
use ndarray::Array2;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Ends of values, and once anybody asks their magnitudes.
pub struct Spans {
    pub lo: Array2<f64>,
    pub hi: Array2<f64>,
    magnitude: OnceLock<Array2<f64>>,
}

impl Spans {
    pub(super) fn new(lo: Array2<f64>, hi: Array2<f64>) -> Spans {
        assert_eq!(lo.dim(), hi.dim());
        Spans { lo, hi, magnitude: OnceLock::new() }
    }

    pub(super) fn magnitude(&self) -> &Array2<f64> {
        let larger = |l: &f64, h: &f64| l.abs().max(h.abs());
        self.magnitude.get_or_init(|| ndarray::Zip::from(&self.lo).and(&self.hi).map_collect(larger))
    }
}

/// a . x <= hi(a) . x + sum (|lo(a)| + radius(a)) |x|: the interval part moves
/// into the constant, the coefficients become numbers.
pub(super) fn settle(a: &Block, magnitude: &Array2<f64>) -> (Block, Array2<f64>) {
    if a.settled {
        return (a.clone(), Array2::zeros((a.items, a.rows)));
    }
    let radius = if a.lo.is_empty() {
        a.radius.clone()
    } else {
        Arc::new(a.radius.iter().zip(a.lo.iter()).map(|(r, l)| add_up(*r, l.abs())).collect())
    };
    let weight = flat(magnitude);
    let rest = per_vector(
        a,
        #[inline(always)]
        |at, item| lanes::weighted(&radius[at], &weight[item]),
    );
    let zeros = || Arc::new(vec![0.0; a.hi.len()]);
    let lo = if a.lo.is_empty() { a.lo.clone() } else { zeros() };
    (Block { lo, radius: zeros(), settled: true, ..a.clone() }, rest)
}

/// A table in row order.
pub(super) fn flat(table: &Array2<f64>) -> Cow<'_, [f64]> {
    table.as_slice().map_or_else(|| table.iter().copied().collect::<Vec<f64>>().into(), Cow::from)
}

/// One number for every vector, from its place and that of its item in tables.
fn per_vector(a: &Block, value: impl Fn(Range<usize>, Range<usize>) -> f64 + Sync) -> Array2<f64> {
    let sums = tasks::map(a.vectors(), 8 * a.features, |v| {
        let place = |k: usize| k * a.features..(k + 1) * a.features;
        wide(
            #[inline(always)]
            || value(place(v), place(v / a.rows)),
        )
    });
    Array2::from_shape_vec((a.items, a.rows), sums).expect("one sum per row")
}

/// Signed terms per row, rounded up; tables of one item serve all.
pub(super) fn signed(a: &Block, below: &Array2<f64>, above: &Array2<f64>) -> Array2<f64> {
    let (items, below, above) = (below.nrows(), flat(below), flat(above));
    per_vector(
        a,
        #[inline(always)]
        |at, item| {
            let item = if items == 1 { 0..a.features } else { item };
            let sum = lanes::signed(&a.hi[at], &below[item.clone()], &above[item]);
            if sum.is_nan() { f64::INFINITY } else { sum }
        },
    )
}

/// Positive coefficients take the upper line, negative ones the lower. The
/// new coefficient's rounding stays in the radius (`settle` removes it).
pub(super) fn chord(backend: &Cpu, lines: &Lines, a: &Block) -> (Block, Array2<f64>) {
    let shift = signed(a, &lines.lower_shift, &lines.upper_shift);
    let (below, above) = (flat(&lines.lower_slope), flat(&lines.upper_slope));
    if backend.proves() && !backend.double() {
        let mut parts = Parts::zeros(backend, a.hi.len());
        each_piece(
            &mut parts,
            a.features,
            #[inline(always)]
            |Piece { vector, from, hi, radius, .. }| {
                let (at, item) = (vector * a.features + from, vector / a.rows * a.features + from);
                lanes::sloped(&a.hi[at..], &below[item..], &above[item..], (hi, radius));
            },
        );
        return (parts.seal(a.items, a.rows, a.features), shift);
    }
    let next = build(
        backend,
        (a.items, a.rows, a.features),
        #[inline(always)]
        |v, j| {
            let item = v / a.rows * a.features;
            let c = a.hi[v * a.features + j];
            let s = if c > 0.0 { above[item + j] } else { below[item + j] };
            let e = Entry { hi: c, ..Entry::ZERO };
            if c == 0.0 { e } else { e.times(Coefficient::exact(s), backend.double()) }
        },
    );
    (next, shift)
}

/// Negative coefficients go to the bounding edge, positive ones too where it
/// attains the maximum; elsewhere they become a constant.
pub(super) fn window_chord(
    backend: &Cpu,
    windows: &Incidence,
    lines: &WindowLines,
    a: &Block,
) -> (Block, Array2<f64>) {
    let ceilings = lines.ceiling.mapv(|c| if c.is_nan() { 0.0 } else { c });
    let shift = signed(a, &Array2::zeros(ceilings.raw_dim()), &ceilings);
    let Transposed { rows: back, edge } = windows.transposed();
    let next = build(
        backend,
        (a.items, a.rows, windows.inputs),
        #[inline(always)]
        |vector, j| {
            let item = vector / a.rows;
            let mut sum = Entry::ZERO;
            for t in back.window(j) {
                let i = back.index[t] as usize;
                let c = a.hi[vector * a.features + i];
                let here = lines.edge[[item, i]] == edge[t];
                if c != 0.0 && here && (c < 0.0 || lines.ceiling[[item, i]].is_nan()) {
                    sum = sum.plus(Entry { hi: c, ..Entry::ZERO }, backend.double());
                }
            }
            sum
        },
    );
    (next, shift)
}

/// sup of a . x over a box, or one box for all items.
pub(super) fn support(a: &Block, x: &Spans) -> Array2<f64> {
    signed(a, &x.lo, &x.hi)
}
