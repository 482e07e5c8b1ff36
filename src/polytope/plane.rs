//! Half-spaces that hold on a part of the region: boxes shrink by them, and a part has
//! no interior where a nonnegative combination of them is nowhere positive on its box.
//!
//! On the interior of a part a half-space's function that is not constant is positive,
//! so a combination that is nowhere positive proves that there is none; such a part
//! holds no piece of the function that counts.

use super::simplex::Polytope;
use crate::deadline::Deadline;
use crate::num::interval::Interval;
use crate::num::round::{add_up, div_up, gamma, mul_up, sub_down};

/// a · x + d >= 0, as proven on the part's points.
#[derive(Clone, Debug)]
pub struct Plane {
    pub a: Vec<f64>,
    pub d: f64,
}

/// What half-spaces say about a box.
pub enum Verdict {
    /// Proven by these multipliers: no open set lies in all of them.
    Empty(Vec<f64>),
    /// A point that lies deep inside, as far as the oracle can tell.
    Point(Vec<f64>),
    Unknown,
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

/// A box cut by half-spaces, with the oracle's tableau.
pub struct Cell<'c> {
    planes: &'c [Plane],
    lo: &'c [f64],
    hi: &'c [f64],
    oracle: Option<Polytope>,
}

impl<'c> Cell<'c> {
    pub fn new(planes: &'c [Plane], lo: &'c [f64], hi: &'c [f64]) -> Cell<'c> {
        Cell::until(planes, lo, hi, &Deadline::never())
    }

    /// The same with an oracle that says nothing after a deadline.
    pub fn until(planes: &'c [Plane], lo: &'c [f64], hi: &'c [f64], until: &Deadline) -> Cell<'c> {
        let width: Vec<f64> = lo.iter().zip(hi).map(|(l, h)| h - l).collect();
        let row = |p: &Plane| {
            let at = p.a.iter().zip(lo).map(|(a, l)| a * l).sum::<f64>() + p.d;
            (p.a.iter().map(|a| -a).collect(), at)
        };
        let rows: Vec<(Vec<f64>, f64)> = planes.iter().map(row).collect();
        Cell { planes, lo, hi, oracle: Polytope::new(&rows, &width, until) }
    }

    /// Is there anything inside? The oracle's multipliers are checked.
    pub fn judge(&self, free: &[bool]) -> Verdict {
        let Some(oracle) = &self.oracle else { return Verdict::Unknown };
        let d = oracle.deepest();
        if d.depth > 0.0 {
            let ends = self.lo.iter().zip(self.hi);
            return Verdict::Point(
                d.point.iter().zip(ends).map(|(w, (l, h))| (l + w).clamp(*l, *h)).collect(),
            );
        }
        // What the oracle holds for zero is noise.
        let most = d.multipliers.iter().copied().fold(0.0, f64::max);
        let kept: Vec<f64> = d.multipliers.iter().map(|l| if *l > 1e-9 * most { *l } else { 0.0 }).collect();
        if refuted(self.planes, &kept, free, self.lo, self.hi) {
            Verdict::Empty(kept)
        } else {
            Verdict::Unknown
        }
    }

    /// An upper bound of a · x + d in the cell, by the box where the oracle cannot help.
    pub fn highest(&mut self, p: &Plane) -> f64 {
        let alone = highest(p, self.lo, self.hi);
        let Some(multipliers) = self.oracle.as_mut().and_then(|o| o.maximise(&p.a)) else { return alone };
        if let Some(top) = plainly(p, self.planes, &multipliers, self.lo, self.hi) {
            return top.min(alone);
        }
        let (a, d) = combined(Some(p), self.planes, &multipliers, self.lo.len());
        over(&a, d, self.lo, self.hi).hi.min(alone)
    }
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

/// An upper bound of the function on the box in plain arithmetic; None where rounding might decide its
/// sign. Every product is counted with its size: with m planes and n coordinates nothing is rounded more
/// than m + n + 4 times, which twice as much covers, sizes' own roundings included.
fn plainly(p: &Plane, planes: &[Plane], multipliers: &[f64], lo: &[f64], hi: &[f64]) -> Option<f64> {
    let (mut a, mut d) = (p.a.clone(), p.d);
    let (mut size, mut weight): (Vec<f64>, f64) = (p.a.iter().map(|v| v.abs()).collect(), p.d.abs());
    let mut used = 0;
    for (q, &l) in planes.iter().zip(multipliers).filter(|(_, l)| **l > 0.0) {
        used += 1;
        d += l * q.d;
        weight += l * q.d.abs();
        for ((s, t), &v) in a.iter_mut().zip(&mut size).zip(&q.a) {
            *s += l * v;
            *t += l * v.abs();
        }
    }
    let mut top = d;
    let mut far = 0.0f64;
    for j in 0..a.len() {
        far = far.max(lo[j].abs()).max(hi[j].abs());
        top += if a[j] > 0.0 { a[j] * hi[j] } else { a[j] * lo[j] };
        weight += size[j] * lo[j].abs().max(hi[j].abs());
    }
    // Products that underflow lose less than 2^-1074 each, times a coordinate.
    let slack = add_up(mul_up(2.0 * gamma(used + a.len() + 8), weight), 1e-200);
    (far < 1e100 && top.is_finite() && top.abs() > 1e3 * slack).then(|| add_up(top, slack))
}

/// The function's range on the box.
fn over(a: &[Interval], d: Interval, lo: &[f64], hi: &[f64]) -> Interval {
    a.iter().zip(lo.iter().zip(hi)).fold(d, |s, (&a, (&l, &h))| s + a * Interval::new(l, h))
}

/// Is Σ λ_i (a_i · x + d_i) nowhere positive on the box?
pub fn refuted(planes: &[Plane], multipliers: &[f64], free: &[bool], lo: &[f64], hi: &[f64]) -> bool {
    if multipliers.iter().any(|l| !(*l >= 0.0 && l.is_finite())) {
        return false;
    }
    let (a, d) = combined(None, planes, multipliers, lo.len());
    let total = over(&a, d, lo, hi);
    let moving = planes.iter().zip(multipliers).any(|(p, l)| *l > 0.0 && moves(p, free));
    total.hi < 0.0 || (total.hi == 0.0 && moving)
}

/// A point strictly between, for a box without planes.
pub fn middle(lo: &[f64], hi: &[f64]) -> Vec<f64> {
    lo.iter().zip(hi).map(|(l, h)| (0.5 * l + 0.5 * h).clamp(*l, *h)).collect()
}
