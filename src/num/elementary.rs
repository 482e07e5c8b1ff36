//! Proven enclosures of exp, expm1, ln, log1p, sigmoid, tanh and softplus.
//!
//! The system's mathematical library is never trusted. exp and expm1 are Taylor
//! polynomials in plain arithmetic whose error is bounded a priori below; the
//! others follow from them by monotonicity. ln and log1p take a proposal p from
//! the library, and the enclosure of exp(p) turns it into a proof.
//!
//! Infinite arguments give the limits, NaN the whole range.

use super::interval::Interval;
use super::round::{U, add_down, add_up, div_down, div_up, mul_down, mul_up, sub_down, sub_up};

/// ln 2 = LN2_HIGH + LN2_LOW + e with |e| <= 2^-86. LN2_HIGH is a multiple of
/// 2^-32, so its product with an integer below 2^20 is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const LN2_SLACK: f64 = f64::from_bits((1023 - 86) << 52);
/// Adding and subtracting 1.5 * 2^52 rounds to the nearest integer.
const SHIFTER: f64 = 6_755_399_441_055_744.0;
/// exp(x) > f64::MAX from here on.
const OVERFLOW: f64 = 709.79;
/// exp(x) < 2^-1075 up to here.
const UNDERFLOW: f64 = -745.2;
const SMALLEST: f64 = f64::from_bits(1);

/// 1 / j! for j = 13 down to 2.
const TAYLOR: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
];

/// t^2 P(t), where P(t) = sum_{j=2..13} t^(j-2) / j!, for |t| <= 0.3466.
///
/// Horner with coefficients off by u each: |fl(P) - P| <= u sum (2n+2) |t|^n / (n+2)!
/// <= 1.27 u, P <= 0.564; with the two roundings of t^2 and of the product the
/// result is off by at most t^2 (1.27 + 2 * 0.564) u < 2.41 u t^2 <= 0.29 u.
/// The terms left out are at most t^14 / 14! * 1.1 <= 0.06 u.
fn curvature(t: f64) -> f64 {
    t * t * TAYLOR.iter().skip(1).fold(TAYLOR[0], |p, c| p * t + c)
}

/// y and k with |exp(x) - 2^k y'| = 0 for some y' within 2 u of y, 0.7 < y < 1.42,
/// where UNDERFLOW <= x <= OVERFLOW.
///
/// s = x - k LN2_HIGH is exact: the product is, and both are multiples of 2^-54
/// unless k = 0, while |s| < 0.3466 + 2^-21. With c = fl(k LN2_LOW), off by
/// less than 2^-74 together with k e, and s - c = r + q exactly (TwoSum, |q| <= u |r|),
/// exp(x) 2^-k = exp(r) (1 + q + ...), of which is lost: `curvature` 0.29 u + 0.06 u,
/// q (exp r - 1) 0.15 u, rounding of the sum with q 0.07 u, of adding r 0.25 u, of
/// adding 1 at most u: together 1.82 u.
fn reduce(x: f64) -> (f64, i32) {
    let k = (x * std::f64::consts::LOG2_E + SHIFTER) - SHIFTER;
    let s = x - k * LN2_HIGH;
    let c = k * LN2_LOW;
    let r = s - c;
    let t = r - s;
    let q = (s - (r - t)) + (-c - t);
    (1.0 + (r + (curvature(r) + q)), k as i32)
}

/// 2^k for -1022 <= k <= 1023.
fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// exp of one number: relative width at most 6e-16 where the result is normal.
pub fn exp(x: f64) -> Interval {
    if x == 0.0 {
        return Interval::ONE;
    }
    if x > OVERFLOW {
        return Interval { lo: if x == f64::INFINITY { x } else { f64::MAX }, hi: f64::INFINITY };
    }
    if x < UNDERFLOW {
        return Interval { lo: 0.0, hi: if x == f64::NEG_INFINITY { 0.0 } else { SMALLEST } };
    }
    if x.is_nan() {
        return Interval { lo: 0.0, hi: f64::INFINITY };
    }
    let (y, k) = reduce(x);
    let (lo, hi) = (add_down(y, -2.0 * U), add_up(y, 2.0 * U));
    if k.abs() <= 1000 {
        let scale = power_of_two(k);
        return Interval { lo: lo * scale, hi: hi * scale };
    }
    let (first, second) = (power_of_two(k / 2), power_of_two(k - k / 2));
    Interval { lo: mul_down(lo * first, second).max(0.0), hi: mul_up(hi * first, second) }
}

/// exp(x) - 1 of one number, with relative accuracy near 0.
///
/// For |x| <= 1/4 the polynomial loses 2.41 u x^2 (see `curvature`), the last sum
/// u |result| and |result| >= 0.88 |x|, so that fl is off by less than 1.8 u relatively:
/// two steps outward cover it, and the underflow of x^2 when x is tiny.
pub fn expm1(x: f64) -> Interval {
    if x == 0.0 {
        return Interval::ZERO;
    }
    if x.abs() <= 0.25 {
        let y = x + curvature(x);
        return Interval { lo: y.next_down().next_down(), hi: y.next_up().next_up() };
    }
    let e = exp(x);
    Interval { lo: sub_down(e.lo, 1.0).max(-1.0), hi: sub_up(e.hi, 1.0) }
}

/// ln(1 + t) for t > -1, with relative accuracy near 0.
///
/// With p any number and d = (1 + t) exp(-p) - 1 = (t - expm1(p)) / exp(p):
/// ln(1 + t) = p + ln(1 + d), and d - d^2 <= ln(1 + d) <= d for |d| <= 1/2.
pub fn log1p(t: f64) -> Interval {
    if t == 0.0 {
        return Interval::ZERO;
    }
    if t <= -1.0 || t.is_nan() {
        return Interval::ENTIRE;
    }
    if t == f64::INFINITY {
        return Interval { lo: t, hi: t };
    }
    let p = t.ln_1p();
    let e = expm1(p);
    let d = (Interval::point(t) - e) / (e + 1.0);
    if d.magnitude() <= 0.5 {
        let floor = sub_down(d.lo, mul_up(d.lo, d.lo));
        return Interval::new(add_down(p, floor), add_up(p, d.hi));
    }
    let crude = Interval::point(t) / (Interval::point(t) + 1.0);
    Interval { lo: crude.lo, hi: t }
}

/// ln of one positive number: y = 2^k (1 + t) with 1 + t between 0.7 and 1.42.
pub fn ln(y: f64) -> Interval {
    if y == 0.0 {
        return Interval { lo: f64::NEG_INFINITY, hi: f64::MIN };
    }
    if y < 0.0 || y.is_nan() {
        return Interval::ENTIRE;
    }
    if y == f64::INFINITY {
        return Interval { lo: y, hi: y };
    }
    let (scaled, shift) = if y < f64::MIN_POSITIVE { (y * power_of_two(64), -64) } else { (y, 0) };
    let mut k = (scaled.to_bits() >> 52) as i32 - 1023;
    let mut m = f64::from_bits(scaled.to_bits() & ((1 << 52) - 1) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        (m, k) = (0.5 * m, k + 1);
    }
    let k = Interval::point((k + shift) as f64);
    let ln2 = Interval::from_centre(LN2_LOW, LN2_SLACK);
    k * LN2_HIGH + (k * ln2 + log1p(m - 1.0))
}

/// 1 / (1 + exp(-x)), with relative accuracy for very negative x.
pub fn sigmoid(x: f64) -> Interval {
    let e = exp(-x.abs());
    if x >= 0.0 {
        Interval { lo: div_down(1.0, add_up(1.0, e.hi)), hi: div_up(1.0, add_down(1.0, e.lo)).min(1.0) }
    } else if x < 0.0 {
        Interval { lo: quotient_down(e.lo), hi: quotient_up(e.hi) }
    } else {
        Interval { lo: 0.0, hi: 1.0 }
    }
}

/// e / (1 + e), increasing in e.
fn quotient_down(e: f64) -> f64 {
    div_down(e, add_up(1.0, e)).max(0.0)
}

fn quotient_up(e: f64) -> f64 {
    div_up(e, add_down(1.0, e))
}

/// Derivative of the sigmoid, e / (1 + e)^2 with e = exp(-|x|), increasing in e <= 1.
pub fn sigmoid_slope(x: f64) -> Interval {
    if x.is_nan() {
        return Interval { lo: 0.0, hi: 0.25 };
    }
    let e = exp(-x.abs());
    let (below, above) = (add_up(1.0, e.lo), add_down(1.0, e.hi.min(1.0)));
    Interval {
        lo: div_down(e.lo, mul_up(below, below)).max(0.0),
        hi: div_up(e.hi.min(1.0), mul_down(above, above)).min(0.25),
    }
}

/// tanh |x| = -t / (2 + t) with t = expm1(-2 |x|), decreasing in t.
pub fn tanh(x: f64) -> Interval {
    if x.is_nan() {
        return Interval { lo: -1.0, hi: 1.0 };
    }
    let twice = if x.is_infinite() { f64::NEG_INFINITY } else { (-2.0 * x.abs()).max(f64::MIN) };
    let t = expm1(twice);
    let lo = div_down(-t.hi, add_up(2.0, t.hi)).max(0.0);
    let magnitude = Interval { lo, hi: div_up(-t.lo, add_down(2.0, t.lo)).min(1.0) };
    if x < 0.0 { -magnitude } else { magnitude }
}

/// ln(1 + exp x) = max(x, 0) + log1p(exp(-|x|)).
pub fn softplus(x: f64) -> Interval {
    let e = exp(-x.abs());
    let rest = Interval { lo: log1p(e.lo).lo.max(0.0), hi: log1p(e.hi).hi };
    if x >= 0.0 {
        rest + x
    } else if x < 0.0 {
        rest
    } else {
        Interval { lo: 0.0, hi: f64::INFINITY }
    }
}

/// The same functions on intervals, all increasing.
impl Interval {
    fn increasing(self, f: fn(f64) -> Interval) -> Interval {
        if self.lo == self.hi { f(self.lo) } else { Interval::new(f(self.lo).lo, f(self.hi).hi) }
    }

    pub fn exp(self) -> Interval {
        self.increasing(exp)
    }

    pub fn expm1(self) -> Interval {
        self.increasing(expm1)
    }

    pub fn ln(self) -> Interval {
        self.increasing(ln)
    }

    pub fn log1p(self) -> Interval {
        self.increasing(log1p)
    }

    pub fn sigmoid(self) -> Interval {
        self.increasing(sigmoid)
    }

    pub fn tanh(self) -> Interval {
        self.increasing(tanh)
    }

    pub fn softplus(self) -> Interval {
        self.increasing(softplus)
    }

    /// Range of the sigmoid's derivative: even, decreasing away from 0.
    pub fn sigmoid_slope(self) -> Interval {
        let a = self.abs();
        Interval::new(sigmoid_slope(a.hi).lo, sigmoid_slope(a.lo).hi)
    }
}
