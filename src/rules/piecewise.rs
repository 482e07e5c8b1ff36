//! Linear bounds of piecewise-linear functions on an interval.

use crate::layer::Piecewise;
use crate::num::round::{div_down, mul_down, mul_up, sub_down, sub_up};

/// Kinks of the function for one feature.
fn knots(f: &Piecewise) -> [f64; 2] {
    match f {
        Piecewise::Clip { lo, hi } => [*lo, *hi],
        _ => [0.0, 0.0],
    }
}

/// Ends of f(x) for an exact argument.
fn value(f: &Piecewise, feature: usize, x: f64) -> (f64, f64) {
    match f {
        Piecewise::Clip { lo, hi } => (x.max(*lo).min(*hi), x.max(*lo).min(*hi)),
        _ if x >= 0.0 => (x, x),
        _ => {
            let a = f.slope_below(feature);
            (mul_down(a, x), mul_up(a, x))
        }
    }
}

/// `[lower slope, lower shift, upper slope, upper shift]`, proven on [l, u] for
/// any slopes: the difference of f and a line is largest at an end or a kink.
/// `alpha` in [0, 1] places the free slope between the two pieces it supports.
pub fn lines(f: &Piecewise, feature: usize, l: f64, u: f64, alpha: Option<f64>) -> [f64; 4] {
    if !(l.is_finite() && u.is_finite()) {
        return [0.0, f64::NEG_INFINITY, 0.0, f64::INFINITY];
    }
    let a = f.slope_below(feature);
    let (below, above) = match f {
        Piecewise::Clip { .. } => (0.0, 1.0),
        _ => (a, 1.0),
    };
    let chord = if l < u {
        let rise = value(f, feature, u).0 - value(f, feature, l).0;
        div_down(rise, sub_up(u, l)).clamp(below.min(above), below.max(above))
    } else {
        0.0
    };
    let [k1, k2] = knots(f);
    let (first, second) = (l < k1 && k1 < u, k2 != k1 && l < k2 && k2 < u);
    let between = |default: f64| below + (above - below) * alpha.unwrap_or(default);
    let (lower, upper) = match (first, second) {
        // One kink, convex: the lower line is free; concave: the upper one.
        (true, false) if below <= above => (between((u - k1 > k1 - l) as u8 as f64), chord),
        (true, false) => (chord, between((u - k1 > k1 - l) as u8 as f64)),
        (false, true) => (chord, between((u - k2 < k2 - l) as u8 as f64)),
        (true, true) => (chord, chord),
        // No kink inside: the function is the chord; take the piece's own slope.
        (false, false) => {
            let s = match f {
                Piecewise::Clip { lo, hi } => (l >= *lo && u <= *hi) as u8 as f64,
                _ => {
                    if l >= 0.0 {
                        1.0
                    } else {
                        a
                    }
                }
            };
            (s, s)
        }
    };
    let points = [l, u, k1.clamp(l, u), k2.clamp(l, u)];
    let lower_shift = points
        .iter()
        .map(|&x| sub_down(value(f, feature, x).0, mul_up(lower, x)))
        .fold(f64::INFINITY, f64::min);
    let upper_shift = points
        .iter()
        .map(|&x| sub_up(value(f, feature, x).1, mul_down(upper, x)))
        .fold(f64::NEG_INFINITY, f64::max);
    [lower, lower_shift, upper, upper_shift]
}
