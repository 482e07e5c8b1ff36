//! Outward rounding without branches, over slices, so that loops vectorise.
//!
//! The functions mean what their namesakes in `num::round` mean, with two
//! differences: a step outward may be two ulps (or the smallest normal number),
//! and an overflow may come back as an infinity or NaN of either sign, which
//! `Parts::seal` turns into "no statement".

use crate::num::round::{self, U, two_product, two_sum, widen};
use pulp::Arch;
use rayon::prelude::*;

/// Entries per parallel task.
pub const GRAIN: usize = 1 << 14;

/// Nonzero magnitudes enter a radius product as at least this, so that a zero
/// result means that every factor was zero.
pub const FLOOR: f64 = 1e-270;

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
/// product of infinite radii with zero weights may be NaN, which stays NaN, or zero, which it is.
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

/// Running sums side by side.
const LANES: usize = 8;
/// Below this size a product's residual may be rounded itself.
const RESIDUAL_FLOOR: f64 = 1e-280;

/// Σ |radius| weight with nonnegative weights, rounded up: products and sums, in any order, lose less than
/// 4 (n + 4) u of it, and a product that is not zero counts as a normal number at least. Zero
/// times anything is zero.
#[inline(always)]
pub fn weighted(radius: &[f64], weight: &[f64]) -> f64 {
    let n = radius.len();
    let weight = &weight[..n];
    let term = |k: usize| {
        let y = larger(f64::MIN_POSITIVE, radius[k].abs() * weight[k]);
        if radius[k] == 0.0 || weight[k] == 0.0 { 0.0 } else { y }
    };
    let mut sums = [0.0f64; LANES];
    let whole = n - n % LANES;
    for at in (0..whole).step_by(LANES) {
        for (l, s) in sums.iter_mut().enumerate() {
            *s += term(at + l);
        }
    }
    let sum = sums.iter().sum::<f64>() + (whole..n).map(term).sum::<f64>();
    widen(sum * (1.0 + 4.0 * (n as f64 + 4.0) * U), 2)
}

/// Σ c t(c), rounded up, where t is `above` for positive c and `below` for others. Residuals of products
/// and sums are summed, too, so that exact results stay exact in any order and others
/// come within an ulp or two. Not finite: no statement.
#[inline(always)]
pub fn signed(c: &[f64], below: &[f64], above: &[f64]) -> f64 {
    let n = c.len();
    let (below, above) = (&below[..n], &above[..n]);
    let (mut sums, mut rest, mut size, mut tiny) = ([0.0f64; LANES], [0.0f64; LANES], [0.0f64; LANES], 0.0);
    let mut add = |l: usize, k: usize| {
        let t = if c[k] > 0.0 { above[k] } else { below[k] };
        // Also for a shift without end under a coefficient of zero.
        let t = if c[k] == 0.0 { 0.0 } else { t };
        let (p, e) = two_product(c[k], t);
        let (s, f) = two_sum(sums[l], p);
        sums[l] = s;
        rest[l] += e + f;
        size[l] += e.abs() + f.abs();
        let small = p.abs() < RESIDUAL_FLOOR && c[k] != 0.0 && t != 0.0;
        tiny += if small { f64::MIN_POSITIVE } else { 0.0 };
    };
    let whole = n - n % LANES;
    for at in (0..whole).step_by(LANES) {
        for l in 0..LANES {
            add(l, at + l);
        }
    }
    for k in whole..n {
        add(k - whole, k);
    }
    let (mut sum, mut residual, mut lost) = (0.0, 0.0, 0.0);
    for l in 0..LANES {
        let (s, f) = two_sum(sum, sums[l]);
        sum = s;
        residual += rest[l] + f;
        lost += size[l] + f.abs();
    }
    // Sums of residuals lose at most as many roundings as there are terms.
    let lost = lost * (4.0 * (n as f64 + 2.0 * LANES as f64) * U);
    let up = round::add_up(sum, residual);
    let slack = round::add_up(lost, tiny);
    if slack > 0.0 { round::add_up(up, slack) } else { up }
}

/// c s(c) of one number and what the product loses.
#[inline(always)]
fn taken(c: f64, below: f64, above: f64) -> (f64, f64) {
    let s = if c > 0.0 { above } else { below };
    let s = if c == 0.0 { 0.0 } else { s };
    let (p, e) = two_product(c, s);
    let small = p.abs() < RESIDUAL_FLOOR && c != 0.0 && s != 0.0;
    (p, if small { add_up(e.abs(), f64::MIN_POSITIVE) } else { e.abs() })
}

/// c s(c) with slopes chosen like `signed`: centres and what products lose.
#[inline(always)]
pub fn sloped(c: &[f64], below: &[f64], above: &[f64], out: (&mut [f64], &mut [f64])) {
    let n = out.0.len();
    let (c, below, above) = (&c[..n], &below[..n], &above[..n]);
    let (hi, radius) = (&mut out.0[..n], &mut out.1[..n]);
    for k in 0..n {
        (hi[k], radius[k]) = taken(c[k], below[k], above[k]);
    }
}

/// `sloped` with what products lose times a weight summed instead: see `weighted`.
#[inline(always)]
pub fn sloped_loss(c: &[f64], below: &[f64], above: &[f64], weight: &[f64], out: &mut [f64]) -> f64 {
    let n = out.len();
    let (c, below, above, weight) = (&c[..n], &below[..n], &above[..n], &weight[..n]);
    let mut sums = [0.0f64; LANES];
    let mut step = |l: usize, k: usize| {
        let (p, lost) = taken(c[k], below[k], above[k]);
        out[k] = p;
        let y = larger(f64::MIN_POSITIVE, lost * weight[k]);
        sums[l] += if lost == 0.0 || weight[k] == 0.0 { 0.0 } else { y };
    };
    let whole = n - n % LANES;
    for at in (0..whole).step_by(LANES) {
        for l in 0..LANES {
            step(l, at + l);
        }
    }
    for k in whole..n {
        step(k - whole, k);
    }
    let sum = sums.iter().sum::<f64>();
    widen(sum * (1.0 + 4.0 * (n as f64 + 8.0) * U), 2)
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
