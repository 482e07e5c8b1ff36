//! Proven values and slopes of the smooth activations.
//!
//! Proves: ranges of f and of its derivative on [l, u], exact up to rounding.
//! From: elementary calculus; the shapes are argued at `hump`.
//! Rounding: everything outward, by `num::elementary` and `num::normal`.
//! Cost: two to four point evaluations. Exact: always, up to a few ulps.

use super::Smooth;
use crate::num::interval::Interval;
use crate::num::{elementary, normal};

/// 2 sqrt(2 / pi) = 1.59576912160573071175978... and 0.044715 times it,
/// 0.07135481627260024876338...; both contain the nearest floats' products too.
const GELU_LINEAR: Interval = Interval { lo: 1.595_769_121_605_730_6, hi: 1.595_769_121_605_731 };
const GELU_CUBIC: Interval = Interval { lo: 0.071_354_816_272_600_23, hi: 0.071_354_816_272_600_26 };

/// Where x w(x) has its minimum and, at +- `turn`, its inflections; both
/// zeros of derivatives lie within `BRACKET` of the numbers (tested).
struct Hump {
    low: f64,
    turn: f64,
    /// Beyond +- `far` the function is 0 or x up to the smallest floats.
    far: f64,
}

const BRACKET: f64 = f64::from_bits((1023 - 44) << 52);
/// |f - f(low)| and |f' - f'(turn)| within the bracket: at most 4 * 2^-88.
const FLAT: f64 = f64::from_bits((1023 - 86) << 52);

/// The three functions f = x w(x) with w(-x) = 1 - w(x) share a shape, because
/// f' - 1/2 is odd and f'' even with one positive zero, the turn:
/// f' falls from 0 on (-inf, -turn], rises on [-turn, turn] through its only zero
/// `low`, and falls to 1 on [turn, inf).
/// * Silu: f'' = w (1 - w) (2 - x tanh(x/2)), and x tanh(x/2) increases for x > 0.
/// * Gelu: f'' = phi (2 - x^2).
/// * Gelu's tanh form, w = sigmoid(z), z = b x (1 + c x^2): f'' = w (1 - w) z' D with
///   D = 2 + x z''/z' - x z' tanh(z/2). Up to x = 1.2, x z' tanh(z/2) < 1.8 and D > 0;
///   from there (x z''/z')' = 12 c x / (1 + 3 c x^2)^2 < 1/2, while
///   (x z' tanh(z/2))' >= tanh(z/2) (z' + x z'') > 1.4: D decreases, to -inf.
fn hump(f: Smooth) -> Option<Hump> {
    match f {
        Smooth::Silu => Some(Hump { low: -1.2784645427610737, turn: 2.3993572805154675, far: 760.0 }),
        Smooth::Gelu { tanh: false } => {
            Some(Hump { low: -0.7517915246935645, turn: std::f64::consts::SQRT_2, far: 40.0 })
        }
        Smooth::Gelu { tanh: true } => {
            Some(Hump { low: -0.7524614220710163, turn: 1.4185040087908283, far: 40.0 })
        }
        Smooth::Sigmoid | Smooth::Tanh | Smooth::Softplus | Smooth::Elu { .. } => None,
    }
}

/// z(x) and z'(x) of Gelu's tanh form.
fn inner(x: f64) -> (Interval, Interval) {
    let cubic = GELU_CUBIC * Interval::point(x).sqr();
    ((GELU_LINEAR + cubic) * x, GELU_LINEAR + cubic * 3.0)
}

/// f at one number.
pub fn value_at(f: Smooth, x: f64) -> Interval {
    if let Some(Hump { far, .. }) = hump(f)
        && x < -far
    {
        return Interval::new(value_at(f, -far).lo, 0.0);
    }
    match f {
        Smooth::Sigmoid => elementary::sigmoid(x),
        Smooth::Tanh => elementary::tanh(x),
        Smooth::Softplus => elementary::softplus(x),
        Smooth::Elu { .. } if x >= 0.0 => Interval::point(x),
        Smooth::Elu { alpha } => elementary::expm1(x) * alpha,
        Smooth::Gelu { tanh: false } => normal::distribution(x) * x,
        Smooth::Gelu { tanh: true } => inner(x).0.sigmoid() * x,
        Smooth::Silu => elementary::sigmoid(x) * x,
    }
}

/// f' at one number; left of 0 for Elu.
fn slope_at(f: Smooth, x: f64) -> Interval {
    if let Some(Hump { far, .. }) = hump(f) {
        if x < -far {
            return Interval::new(slope_at(f, -far).lo, 0.0);
        }
        if x > far {
            return Interval::new(1.0, slope_at(f, far).hi.max(1.0));
        }
    }
    match f {
        Smooth::Sigmoid => elementary::sigmoid_slope(x),
        Smooth::Tanh => {
            let twice = if x.is_infinite() { x } else { (2.0 * x).clamp(f64::MIN, f64::MAX) };
            elementary::sigmoid_slope(twice) * 4.0
        }
        Smooth::Softplus => elementary::sigmoid(x),
        Smooth::Elu { .. } if x > 0.0 => Interval::ONE,
        Smooth::Elu { alpha } => elementary::exp(x) * alpha,
        Smooth::Gelu { tanh: false } => normal::distribution(x) + normal::density(x) * x,
        Smooth::Gelu { tanh: true } => {
            let (z, steep) = inner(x);
            z.sigmoid() + z.sigmoid_slope() * steep * x
        }
        Smooth::Silu => elementary::sigmoid(x) + elementary::sigmoid_slope(x) * x,
    }
}

/// Does [l, u] meet the bracket around `x`?
fn meets(l: f64, u: f64, x: f64) -> bool {
    l <= x + BRACKET && u >= x - BRACKET
}

/// The range of f on [l, u].
pub fn value(f: Smooth, l: f64, u: f64) -> (f64, f64) {
    if l > u || l.is_nan() || u.is_nan() {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let mut range = value_at(f, l);
    if l < u {
        range = range.hull(value_at(f, u));
    }
    match (f, hump(f)) {
        (Smooth::Elu { .. }, _) if l < 0.0 && u > 0.0 => range = range.hull(Interval::ZERO),
        (_, Some(h)) if meets(l, u, h.low) => {
            range = range.hull(value_at(f, h.low) + Interval::from_centre(0.0, FLAT));
        }
        _ => {}
    }
    (range.lo, range.hi)
}

/// The range of the (Clarke) derivative of f on [l, u].
pub fn slope(f: Smooth, l: f64, u: f64) -> (f64, f64) {
    if l > u || l.is_nan() || u.is_nan() {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let range = match f {
        Smooth::Elu { .. } if l <= 0.0 && u >= 0.0 => slope_inside(f, l, 0.0).hull(Interval::ONE),
        Smooth::Elu { .. }
        | Smooth::Sigmoid
        | Smooth::Tanh
        | Smooth::Softplus
        | Smooth::Gelu { .. }
        | Smooth::Silu => slope_inside(f, l, u),
    };
    (range.lo, range.hi)
}

/// The range of f' on the open interval between l and u, for l <= u: a kink
/// at an end does not count.
pub fn slope_inside(f: Smooth, l: f64, u: f64) -> Interval {
    if l == u {
        return slope_at(f, l);
    }
    match (f, hump(f)) {
        (Smooth::Sigmoid | Smooth::Tanh, _) => {
            let a = Interval { lo: l, hi: u }.abs();
            Interval::new(slope_at(f, a.hi).lo, slope_at(f, a.lo).hi)
        }
        (Smooth::Elu { .. }, _) if l >= 0.0 => Interval::ONE,
        (Smooth::Elu { .. }, _) if u > 0.0 => slope_at(f, l).hull(slope_at(f, 0.0)).hull(Interval::ONE),
        (_, Some(h)) => {
            let mut range = slope_at(f, l).hull(slope_at(f, u));
            for turn in [-h.turn, h.turn] {
                if meets(l, u, turn) {
                    range = range.hull(slope_at(f, turn) + Interval::from_centre(0.0, FLAT));
                }
            }
            range
        }
        _ => slope_at(f, l).hull(slope_at(f, u)),
    }
}

fn plain_sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// z and z' of Gelu's tanh form in plain arithmetic.
fn plain_inner(x: f64) -> (f64, f64) {
    let cubic = GELU_CUBIC.lo * x * x;
    (x * (GELU_LINEAR.lo + cubic), GELU_LINEAR.lo + 3.0 * cubic)
}

/// f in plain arithmetic, for proposals.
pub fn evaluate(f: Smooth, x: f64) -> f64 {
    match f {
        Smooth::Sigmoid => plain_sigmoid(x),
        Smooth::Tanh => x.tanh(),
        Smooth::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Smooth::Elu { .. } if x >= 0.0 => x,
        Smooth::Elu { alpha } => alpha * x.exp_m1(),
        _ if x < -1e3 => 0.0,
        Smooth::Gelu { tanh: false } => x * normal::plain(x).1,
        Smooth::Gelu { tanh: true } => x * plain_sigmoid(plain_inner(x).0),
        Smooth::Silu => x * plain_sigmoid(x),
    }
}

/// The derivative in plain arithmetic, for proposals.
pub fn derivative(f: Smooth, x: f64) -> f64 {
    let bump = |s: f64| s * (1.0 - s);
    match f {
        Smooth::Sigmoid => bump(plain_sigmoid(x)),
        Smooth::Tanh => 4.0 * bump(plain_sigmoid(2.0 * x)),
        Smooth::Softplus => plain_sigmoid(x),
        Smooth::Elu { .. } if x > 0.0 => 1.0,
        Smooth::Elu { alpha } => alpha * x.exp(),
        _ if x.abs() > 1e3 => (x > 0.0) as u8 as f64,
        Smooth::Gelu { tanh: false } => {
            let (density, distribution) = normal::plain(x);
            distribution + x * density
        }
        Smooth::Gelu { tanh: true } => {
            let (z, steep) = plain_inner(x);
            let s = plain_sigmoid(z);
            s + x * bump(s) * steep
        }
        Smooth::Silu => {
            let s = plain_sigmoid(x);
            s + x * bump(s)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The zeros of f' and f'' lie in their brackets: signs at both ends.
    #[test]
    fn critical_points() {
        for f in [Smooth::Silu, Smooth::Gelu { tanh: false }, Smooth::Gelu { tanh: true }] {
            let h = hump(f).unwrap();
            assert!(slope_at(f, h.low - BRACKET).hi < 0.0 && slope_at(f, h.low + BRACKET).lo > 0.0);
            let curvature = |x: f64| match f {
                Smooth::Silu => Interval::point(2.0) - elementary::tanh(0.5 * x) * x,
                Smooth::Gelu { tanh: false } => Interval::point(2.0) - Interval::point(x).sqr(),
                Smooth::Sigmoid
                | Smooth::Tanh
                | Smooth::Softplus
                | Smooth::Elu { .. }
                | Smooth::Gelu { tanh: true } => {
                    let (z, steep) = inner(x);
                    let bend = GELU_CUBIC * 6.0 * x;
                    Interval::point(2.0) + bend * x / steep - steep * z.half().tanh() * x
                }
            };
            assert!(curvature(h.turn - BRACKET).lo > 0.0 && curvature(h.turn + BRACKET).hi < 0.0);
        }
        assert!((GELU_LINEAR.sqr().half() * Interval::point(std::f64::consts::PI)).contains(4.0));
    }

    /// The two inequalities in the argument for Gelu's tanh form.
    #[test]
    fn tanh_gelu_turns_once() {
        let (z, steep) = inner(1.2);
        let t = z.half().tanh();
        assert!((steep * t * 1.2).hi < 1.8);
        assert!((t * (steep + GELU_CUBIC * 6.0 * 1.44)).lo > 1.4);
    }
}
