//! Two lines around a smooth function.
//!
//! Proves: k x + shift <= f(x) (or >=) for every x in [l, u].
//! From: Zhang et al. 2018 (CROWN) choose tangents and chords case by case; here the
//! slope comes from the sampled convex envelope at the midpoint, where a line
//! has the least mean gap, and any slope is then proven the same way.
//! Rounding: shift = a proven extreme of f(x) - k x, outward.
//! Cost: about 100 plain and 20 proven evaluations per line. Loose by at most about
//! 1e-3 of the gap, except after `PIECES` pieces.

use crate::layer::Smooth;
use crate::layer::smooth::range::{derivative, evaluate, slope_inside, value, value_at};
use crate::num::interval::Interval;
use crate::num::round::{U, sub_up};

/// Where bisection stops, tight or not.
const PIECES: usize = 64;
/// Even, so that no sample falls on the midpoint.
const SAMPLES: usize = 24;
/// More samples around the points where a line touches.
const NEAR: usize = 8;
/// The functions bend within about this distance of 0.
const BEND: f64 = 8.0;

/// (lower slope, lower shift, upper slope, upper shift).
pub fn lines(f: Smooth, l: f64, u: f64) -> [f64; 4] {
    let range = value(f, l, u);
    let flat = [0.0, range.0, 0.0, range.1];
    if !(l < u && (u - l).is_finite()) {
        return flat;
    }
    let heights = |xs: &[f64]| xs.iter().map(|&x| evaluate(f, x)).collect::<Vec<f64>>();
    let middle = 0.5 * l + 0.5 * u;
    let coarse = samples(l, u);
    let ys = heights(&coarse);
    let mut xs = coarse.clone();
    for sign in [-1.0, 1.0] {
        let touching = supporting(&coarse, &ys, middle, sign).2;
        for i in touching {
            let (a, b) = (coarse[i.saturating_sub(1)], coarse[(i + 1).min(coarse.len() - 1)]);
            xs.extend((1..NEAR).map(|j| a + (b - a) * (j as f64 / NEAR as f64)));
        }
    }
    xs.retain(|x| (l..=u).contains(x));
    apart(&mut xs, l, u);
    let ys = heights(&xs);
    let below = supporting(&xs, &ys, middle, -1.0);
    let above = supporting(&xs, &ys, middle, 1.0);
    let tolerance = 1e-3 * (above.1 - below.1).max(0.0);
    let mut out = flat;
    for (at, k, sign) in [(0, below.0, -1.0), (2, above.0, 1.0)] {
        if !k.is_finite() {
            continue;
        }
        let shift = sign * Side { f, k, sign }.extreme(l, u, &xs, &ys, tolerance);
        // The constant is the better line where the sloped one is not even better in the middle.
        if shift.is_finite() && sign * (k * middle + shift) < sign * flat[at + 1] {
            (out[at], out[at + 1]) = (k, shift);
        }
    }
    out
}

/// Increasing sample points from l to u, denser around 0 where the interval is wide.
fn samples(l: f64, u: f64) -> Vec<f64> {
    let mut xs = Vec::with_capacity(2 * SAMPLES + 1);
    let spread = |xs: &mut Vec<f64>, a: f64, b: f64| {
        xs.extend((0..SAMPLES).map(|i| {
            let t = i as f64 / (SAMPLES - 1) as f64;
            (a * (1.0 - t) + b * t).clamp(l, u)
        }));
    };
    spread(&mut xs, l, u);
    if u - l > 2.0 * BEND && l < BEND && u > -BEND {
        spread(&mut xs, l.max(-BEND), u.min(BEND));
    }
    if l < 0.0 && u > 0.0 {
        xs.push(0.0);
    }
    apart(&mut xs, l, u);
    xs
}

/// In order and far enough apart for differences to mean something.
fn apart(xs: &mut Vec<f64>, l: f64, u: f64) {
    xs.sort_by(f64::total_cmp);
    let near = 1e-7 * (u - l);
    xs.retain(|&x| x == l || x == u || x - l > near && u - x > near);
    xs.dedup_by(|b, a| *b - *a <= near);
}

/// The slope at `middle` of the samples' upper (sign 1) or lower (-1) hull, its height there,
/// and the two samples it touches.
fn supporting(xs: &[f64], ys: &[f64], middle: f64, sign: f64) -> (f64, f64, [usize; 2]) {
    let mut hull: Vec<usize> = Vec::with_capacity(xs.len());
    for i in 0..xs.len() {
        while let [.., a, b] = hull[..] {
            let turn = (ys[b] - ys[a]) * (xs[i] - xs[a]) - (ys[i] - ys[a]) * (xs[b] - xs[a]);
            if sign * turn > 0.0 {
                break;
            }
            hull.pop();
        }
        hull.push(i);
    }
    let after = hull.iter().position(|&i| xs[i] > middle).unwrap_or(hull.len() - 1).max(1);
    let (a, b) = (hull[after - 1], hull[after]);
    let k = (ys[b] - ys[a]) / (xs[b] - xs[a]);
    (k, ys[a] + k * (middle - xs[a]), [a, b])
}

/// g(x) = sign (f(x) - k x), whose maximum is sought.
struct Side {
    f: Smooth,
    k: f64,
    sign: f64,
}

/// A subinterval with bounds of g at its ends and on all of it.
#[derive(Clone, Copy)]
struct Piece {
    a: (f64, Interval),
    b: (f64, Interval),
    bound: f64,
    /// Where the bound is attained, if it were tight.
    apex: f64,
}

impl Side {
    fn signed(&self, v: Interval) -> Interval {
        if self.sign < 0.0 { -v } else { v }
    }

    fn at(&self, x: f64) -> (f64, Interval) {
        (x, self.signed(value_at(self.f, x) - Interval::point(self.k) * x))
    }

    /// With g' in [-t, s] on (a, b): g(x) <= g(a) + s (x - a) and g(x) <= g(b) + t (b - x);
    /// weighted by t/(s+t) and s/(s+t), g <= (t g(a) + s g(b) + s t (b - a)) / (s + t).
    fn piece(&self, a: (f64, Interval), b: (f64, Interval)) -> Piece {
        let steep = self.signed(slope_inside(self.f, a.0, b.0) - self.k);
        let (s, t) = (steep.hi, -steep.lo);
        if t <= 0.0 {
            return Piece { a, b, bound: b.1.hi, apex: b.0 };
        }
        if s <= 0.0 {
            return Piece { a, b, bound: a.1.hi, apex: a.0 };
        }
        let (top_a, top_b) = (a.1.hi, b.1.hi);
        let width = sub_up(b.0, a.0);
        let (s2, t2) = (Interval::point(s), Interval::point(t));
        let bound = (t2 * top_a + s2 * top_b + s2 * t2 * width) / (s2 + t2);
        let apex = a.0 + (top_b - top_a + t * width) / (s + t);
        let margin = width / 16.0;
        Piece { a, b, bound: bound.hi, apex: apex.max(a.0 + margin).min(b.0 - margin) }
    }

    /// A proven upper bound of g on [l, u], whatever the samples and the tolerance are.
    fn extreme(&self, l: f64, u: f64, xs: &[f64], ys: &[f64], tolerance: f64) -> f64 {
        let last = xs.len() - 1;
        let plain = |i: usize| self.sign * (ys[i] - self.k * xs[i]);
        let best = (0..=last).fold(0, |b, i| if plain(i) > plain(b) { i } else { b });
        let peak = self.peak(xs[best.saturating_sub(1)], xs[(best + 1).min(last)], xs[best]);
        let mut points = vec![self.at(l), self.at(u)];
        let mut cuts = [peak, 0.0];
        cuts.sort_by(f64::total_cmp);
        for x in cuts {
            let end = points.len() - 1;
            if points[end - 1].0 < x && x < u && (x == peak || matches!(self.f, Smooth::Elu { .. })) {
                points.insert(end, self.at(x));
            }
        }
        let mut attained = points.iter().fold(f64::NEG_INFINITY, |m, p| m.max(p.1.lo));
        let mut pieces: Vec<Piece> = points.windows(2).map(|p| self.piece(p[0], p[1])).collect();
        loop {
            let top = (0..pieces.len()).fold(0, |b, i| if pieces[i].bound > pieces[b].bound { i } else { b });
            let Piece { a, b, bound, apex } = pieces[top];
            let enough = attained + tolerance + 8.0 * U * attained.abs();
            if bound <= enough || pieces.len() >= PIECES || !(a.0 < apex && apex < b.0) {
                return bound;
            }
            let middle = self.at(apex);
            attained = attained.max(middle.1.lo);
            pieces[top] = self.piece(a, middle);
            pieces.push(self.piece(middle, b));
        }
    }

    /// A proposal for where g peaks between a and b, by bisection of its slope.
    fn peak(&self, mut a: f64, mut b: f64, fallback: f64) -> f64 {
        let rise = |x: f64| self.sign * (derivative(self.f, x) - self.k);
        if !(rise(a) > 0.0 && rise(b) < 0.0) {
            return fallback;
        }
        for _ in 0..12 {
            let middle = 0.5 * (a + b);
            if rise(middle) > 0.0 { a = middle } else { b = middle }
        }
        0.5 * (a + b)
    }
}
