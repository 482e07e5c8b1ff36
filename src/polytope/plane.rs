//! Half-spaces that hold on a part of the region: boxes shrink by them, and a part has
//! no interior where a nonnegative combination of them is nowhere positive on its box.
//!
//! On the interior of a part a half-space's function that is not constant is positive,
//! so a combination that is nowhere positive proves that there is none; such a part
//! holds no piece of the function that counts.

use super::ball::{Place, Sum};
use crate::num::interval::Interval;
use crate::num::round::{add_up, div_up, gamma, mul_up, sub_down};

/// a · x + d >= 0, as proven on the part's points.
#[derive(Clone, Debug)]
pub struct Plane {
    pub a: Vec<f64>,
    pub d: f64,
}

/// An upper bound of a_j x_j on [lo, hi].
fn term(a: f64, lo: f64, hi: f64) -> f64 {
    if a == 0.0 { 0.0 } else { mul_up(a, if a > 0.0 { hi } else { lo }) }
}

/// An upper bound of sup a · x + d over the box.
pub fn highest(p: &Plane, lo: &[f64], hi: &[f64]) -> f64 {
    let terms = p.a.iter().zip(lo.iter().zip(hi)).map(|(&a, (&l, &h))| term(a, l, h));
    terms.fold(p.d, add_up)
}

/// Shrinks the box to where the plane can hold; false where that leaves no interior.
pub fn shrink(p: &Plane, free: &[bool], lo: &mut [f64], hi: &mut [f64]) -> bool {
    let top = highest(p, lo, hi);
    if top.is_nan() || top == f64::INFINITY {
        return true;
    }
    if top < 0.0 || (top == 0.0 && moves(p, free)) {
        return false;
    }
    for j in (0..p.a.len()).filter(|&j| free[j] && p.a[j] != 0.0) {
        let a = p.a[j];
        // a x_j >= a e − top for the end e where a x_j is largest.
        let room = div_up(top, a.abs());
        if a > 0.0 {
            lo[j] = lo[j].max(sub_down(hi[j], room));
        } else {
            hi[j] = hi[j].min(add_up(lo[j], room));
        }
    }
    (0..lo.len()).all(|j| !free[j] || lo[j] < hi[j])
}

/// Is the plane's function not constant on the region?
fn moves(p: &Plane, free: &[bool]) -> bool {
    p.a.iter().zip(free).any(|(a, f)| *f && *a != 0.0)
}

/// p + Σ λ_i (a_i · x + d_i): coefficients and constant.
fn combined(p: Option<&Plane>, planes: &[Plane], multipliers: &[f64], n: usize) -> (Vec<Interval>, Interval) {
    let point = Interval::point;
    let mut d = point(p.map_or(0.0, |p| p.d));
    let mut a: Vec<Interval> = (0..n).map(|j| point(p.map_or(0.0, |p| p.a[j]))).collect();
    for (q, &l) in planes.iter().zip(multipliers).filter(|(_, l)| **l > 0.0) {
        d = d + point(l) * point(q.d);
        a.iter_mut().zip(&q.a).filter(|(_, v)| **v != 0.0).for_each(|(s, &v)| *s = *s + point(l) * point(v));
    }
    (a, d)
}

/// An upper bound of p + Σ λ_i (a_i · x + d_i) where the half-spaces hold.
pub fn lowered(p: &Plane, planes: &[Plane], multipliers: &[f64], place: Place) -> f64 {
    let sum = summed(Some(p), planes, multipliers, place.lo.len());
    let round = place.top(&sum);
    if let Some(top) = plainly(&sum, place.lo, place.hi) {
        return top.min(round);
    }
    let (a, d) = combined(Some(p), planes, multipliers, place.lo.len());
    over(&a, d, place.lo, place.hi).hi.min(round)
}

/// The same function in plain arithmetic.
fn summed(p: Option<&Plane>, planes: &[Plane], multipliers: &[f64], n: usize) -> Sum {
    let mut sum = p.map_or_else(|| Sum::of(&vec![0.0; n], 0.0), |p| Sum::of(&p.a, p.d));
    for (q, &l) in planes.iter().zip(multipliers).filter(|(_, l)| **l > 0.0) {
        sum.add(&q.a, q.d, l);
    }
    sum
}

/// An upper bound of the function on the box in plain arithmetic; None where rounding might decide its
/// sign. Every product is counted with its size: with m planes and n coordinates nothing is rounded more
/// than m + n + 4 times, which twice as much covers, sizes' own roundings included.
fn plainly(sum: &Sum, lo: &[f64], hi: &[f64]) -> Option<f64> {
    let (mut top, mut weight, mut far) = (sum.d, sum.weight, 0.0f64);
    for (j, (a, size)) in sum.a.iter().zip(&sum.size).enumerate() {
        far = far.max(lo[j].abs()).max(hi[j].abs());
        top += if *a > 0.0 { a * hi[j] } else { a * lo[j] };
        weight += size * lo[j].abs().max(hi[j].abs());
    }
    // Products that underflow lose less than 2^-1074 each, times a coordinate.
    let slack = add_up(mul_up(2.0 * gamma(sum.rounded + sum.a.len() + 8), weight), 1e-200);
    (far < 1e100 && top.is_finite() && top.abs() > 1e3 * slack).then(|| add_up(top, slack))
}

/// The function's range on the box.
fn over(a: &[Interval], d: Interval, lo: &[f64], hi: &[f64]) -> Interval {
    a.iter().zip(lo.iter().zip(hi)).fold(d, |s, (&a, (&l, &h))| s + a * Interval::new(l, h))
}

/// Is Σ λ_i (a_i · x + d_i) nowhere positive where the box meets the ball? Without multipliers: do they not meet?
pub fn refuted(planes: &[Plane], multipliers: &[f64], free: &[bool], place: Place) -> bool {
    if multipliers.iter().any(|l| !(*l >= 0.0 && l.is_finite())) {
        return false;
    }
    let (a, d) = combined(None, planes, multipliers, place.lo.len());
    let total = over(&a, d, place.lo, place.hi);
    let moving = planes.iter().zip(multipliers).any(|(p, l)| *l > 0.0 && moves(p, free));
    let round = || place.top(&summed(None, planes, multipliers, place.lo.len()));
    total.hi < 0.0 || (total.hi == 0.0 && moving) || (place.ball.is_some() && round() < 0.0)
}

/// A point strictly between, for a box without planes.
pub fn middle(lo: &[f64], hi: &[f64]) -> Vec<f64> {
    lo.iter().zip(hi).map(|(l, h)| (0.5 * l + 0.5 * h).clamp(*l, *h)).collect()
}
