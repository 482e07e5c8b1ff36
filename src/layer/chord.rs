//! Lines around piecewise-linear functions on an interval.

use super::Piecewise;
use crate::num::round::{div_down, mul_down, mul_up, sub_down, sub_up};

/// Ends of f(x) for an exact argument.
fn value(f: &Piecewise, feature: usize, x: f64) -> (f64, f64) {
    match f {
        Piecewise::Clip { lo, hi } => (x.max(*lo).min(*hi), x.max(*lo).min(*hi)),
        Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } if x >= 0.0 => (x, x),
        Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => {
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
    // Below the first kink, and behind it.
    let (below, above) = (f.slope_below(feature), 1.0);
    let chord = if l < u {
        let rise = value(f, feature, u).0 - value(f, feature, l).0;
        div_down(rise, sub_up(u, l)).clamp(below.min(above), below.max(above))
    } else {
        0.0
    };
    let inside = f.kinks(feature).map(|kink| kink.filter(|k| l < *k && *k < u));
    let between = |default: f64| below + (above - below) * alpha.unwrap_or(default);
    let (lower, upper) = match inside {
        // One kink, convex: the lower line is free; concave: the upper one.
        [Some(k), None] if below <= above => (between((u - k > k - l) as u8 as f64), chord),
        [Some(k), None] => (chord, between((u - k > k - l) as u8 as f64)),
        [None, Some(k)] => (chord, between((u - k < k - l) as u8 as f64)),
        [Some(_), Some(_)] => (chord, chord),
        // No kink inside: the function is the chord; take the piece's own slope.
        [None, None] => {
            let s = match f {
                Piecewise::Clip { lo, hi } => (l >= *lo && u <= *hi) as u8 as f64,
                Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } if l >= 0.0 => above,
                Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => below,
            };
            (s, s)
        }
    };
    let points = || [l, u].into_iter().chain(inside.into_iter().flatten());
    let lower_shift =
        points().map(|x| sub_down(value(f, feature, x).0, mul_up(lower, x))).fold(f64::INFINITY, f64::min);
    let upper_shift = points()
        .map(|x| sub_up(value(f, feature, x).1, mul_down(upper, x)))
        .fold(f64::NEG_INFINITY, f64::max);
    [lower, lower_shift, upper, upper_shift]
}
