//! Outward rounding without branches, over slices, so that loops vectorise.
//!
//! The functions mean what their namesakes in `num::round` mean, with two
//! differences: a step outward may be two ulps (or the smallest normal number),
//! and an overflow may come back as an infinity or NaN of either sign, which
//! `Parts::seal` turns into "no statement".

use crate::num::round::{U, two_sum};
use pulp::Arch;
use rayon::prelude::*;

/// Entries per parallel task.
pub const GRAIN: usize = 1 << 14;

/// Runs `work` compiled for the widest vectors of the machine.
#[inline(always)]
pub fn wide<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// The larger one; a NaN in `b` stays, one in `a` does not.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// At least the next number above: |s| 2^-52 is one ulp or more wherever it is
/// normal, and the smallest normal number is one elsewhere.
#[inline(always)]
fn step_up(s: f64) -> f64 {
    s + larger(s.abs() * f64::EPSILON, f64::MIN_POSITIVE)
}

/// a + b, rounded up; exact sums stay exact.
#[inline(always)]
pub fn add_up(a: f64, b: f64) -> f64 {
    let (s, e) = two_sum(a, b);
    if e > 0.0 { step_up(s) } else { s }
}

/// s x for slopes s in [0, 0], [0, 1] or [1, 1], as centre and radius: zero,
/// the hull of 0 and x, x itself. Nothing but sums of ends is rounded.
#[inline(always)]
pub fn switch(slopes: (&[f64], &[f64]), x: (&[f64], &[f64]), out: (&mut [f64], &mut [f64])) {
    let n = out.0.len();
    let (low, high, centre, radius) = (&slopes.0[..n], &slopes.1[..n], &x.0[..n], &x.1[..n]);
    let (out_centre, out_radius) = (&mut out.0[..n], &mut out.1[..n]);
    for k in 0..n {
        let (c, r) = (centre[k], radius[k]);
        let below = larger(add_up(r, -c), 0.0);
        let above = larger(add_up(c, r), 0.0);
        // The hull of 0 and x is [-below, above].
        let middle = 0.5 * above - 0.5 * below;
        let reach = larger(add_up(above, -middle), add_up(middle, below));
        let (on, off) = (low[k] == 1.0, high[k] == 0.0);
        let inside = if on { c } else { middle };
        let spread = if on { r } else { reach };
        out_centre[k] = if off { 0.0 } else { inside };
        out_radius[k] = if off { 0.0 } else { spread };
    }
}

/// What |W| is multiplied with: r + error (|c| + r), rounded up, at least
/// `floor` unless centre and radius are zero. Three roundings, then the factor's
/// own: 1 + 14 u covers them. Blocks are sealed: nothing here is NaN.
#[inline(always)]
pub fn spread(error: f64, floor: f64, x: (&[f64], &[f64]), out: &mut [f64]) {
    let n = out.len();
    let (centre, radius, out) = (&x.0[..n], &x.1[..n], &mut out[..n]);
    for k in 0..n {
        let (c, r) = (centre[k].abs(), radius[k]);
        let y = larger(floor, (r + error * (c + r)) * (1.0 + 14.0 * U));
        out[k] = if c + r == 0.0 { 0.0 } else { y };
    }
}

/// t factor + tiny, rounded up, in place; zeros stay zero when `keep_zero`. A
/// product of infinite radii with zero weights is NaN and stays NaN.
#[inline(always)]
pub fn grow(factor: f64, tiny: f64, keep_zero: bool, radius: &mut [f64]) {
    let zero = if keep_zero { 0.0 } else { -1.0 };
    for r in radius {
        let y = larger(f64::MIN_POSITIVE, (*r * factor + tiny) * (1.0 + 6.0 * U));
        *r = if *r == zero { 0.0 } else { y };
    }
}

/// Adds numbers to centres; what is rounded away goes into the radius.
#[inline(always)]
pub fn shift(bias: impl Fn(usize) -> f64, hi: &mut [f64], radius: &mut [f64]) {
    let n = hi.len();
    let radius = &mut radius[..n];
    for k in 0..n {
        let (s, e) = two_sum(hi[k], bias(k));
        hi[k] = s;
        radius[k] = add_up(radius[k], e.abs());
    }
}

/// Are all numbers finite?
pub fn finite(values: &[f64]) -> bool {
    let fine = |values: &[f64]| {
        wide(
            #[inline(always)]
            || values.iter().fold(true, |fine, v| fine & v.is_finite()),
        )
    };
    if values.len() <= GRAIN { fine(values) } else { values.par_chunks(GRAIN).all(fine) }
}
