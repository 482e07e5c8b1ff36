//! The two steps of linear bound propagation that are not matrix products.

use super::elementwise::{Entry, build};
use super::{Block, Cpu, tasks};
use crate::backend::{Lines, WindowLines};
use crate::num::map::Transposed;
use crate::num::round::{U, add_up, mul_up, widen};
use crate::num::{Coefficient, Incidence};
use ndarray::Array2;

/// a . x <= hi(a) . x + sum (|lo(a)| + radius(a)) |x|: the interval part moves
/// into the constant, the coefficients become numbers.
pub(super) fn settle(backend: &Cpu, a: &Block, magnitude: &Array2<f64>) -> (Block, Array2<f64>) {
    let rest = per_row(a, |item, j, k| {
        let r = if a.lo.is_empty() { a.radius[k] } else { add_up(a.radius[k], a.lo[k].abs()) };
        mul_up(r, magnitude[[item, j]])
    });
    let settled = build(
        backend,
        (a.items, a.rows, a.features),
        #[inline(always)]
        |v, j| Entry { hi: a.hi[v * a.features + j], ..Entry::ZERO },
    );
    (settled, rest)
}

/// Sum of nonnegative terms per row, rounded up.
fn per_row(a: &Block, term: impl Fn(usize, usize, usize) -> f64 + Sync) -> Array2<f64> {
    let grow = 1.0 + 4.0 * (a.features as f64 + 4.0) * U;
    let sums = tasks::map(a.vectors(), 8 * a.features, |v| {
        let item = v / a.rows;
        let sum: f64 = (0..a.features).map(|j| term(item, j, v * a.features + j)).sum();
        widen(sum * grow, 2)
    });
    Array2::from_shape_vec((a.items, a.rows), sums).expect("one sum per row")
}

/// Signed terms per row, summed upward one by one.
fn signed(a: &Block, term: impl Fn(usize, usize, f64) -> f64 + Sync) -> Array2<f64> {
    let sums = tasks::map(a.vectors(), 8 * a.features, |v| {
        let item = v / a.rows;
        let row = &a.hi[v * a.features..(v + 1) * a.features];
        let nonzero = row.iter().enumerate().filter(|(_, c)| **c != 0.0);
        nonzero.fold(0.0, |sum, (j, &c)| add_up(sum, term(item, j, c)))
    });
    Array2::from_shape_vec((a.items, a.rows), sums).expect("one sum per row")
}

/// Positive coefficients take the upper line, negative ones the lower. The
/// new coefficient's rounding stays in the radius (`settle` removes it).
pub(super) fn chord(backend: &Cpu, lines: &Lines, a: &Block) -> (Block, Array2<f64>) {
    let shift = signed(a, |item, j, c| {
        mul_up(c, if c > 0.0 { lines.upper_shift[[item, j]] } else { lines.lower_shift[[item, j]] })
    });
    let next = build(
        backend,
        (a.items, a.rows, a.features),
        #[inline(always)]
        |v, j| {
            let item = v / a.rows;
            let c = a.hi[v * a.features + j];
            let s = if c > 0.0 { lines.upper_slope[[item, j]] } else { lines.lower_slope[[item, j]] };
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
    let shift = signed(a, |item, i, c| {
        let ceiling = lines.ceiling[[item, i]];
        if c > 0.0 && !ceiling.is_nan() { mul_up(c, ceiling) } else { 0.0 }
    });
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

/// sup of a . x over a box.
pub(super) fn support(a: &Block, lo: &Array2<f64>, hi: &Array2<f64>) -> Array2<f64> {
    signed(a, |item, j, c| mul_up(c, if c > 0.0 { hi[[item, j]] } else { lo[[item, j]] }))
}
