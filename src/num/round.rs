//! Outward-rounded f64 scalars and the three kinds of result.
//!
//! Every function named `*_up` returns a number at least as large as the real
//! result, every `*_down` one at most as large, for all finite arguments.
//! The error of one operation is recovered exactly (TwoSum, FMA residual), so
//! exact results stay exact; where recovery is unsafe the result steps one
//! ulp outward regardless.

/// Unit roundoff of f64 in round-to-nearest.
pub const U: f64 = 1.110_223_024_625_156_5e-16;
/// Below this magnitude a product's FMA residual may be inexact.
const RESIDUAL_FLOOR: f64 = 1e-280;

#[inline(always)]
fn step_up(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { f64::MIN } else { x.next_up() }
}

#[inline(always)]
fn step_down(x: f64) -> f64 {
    if x == f64::INFINITY { f64::MAX } else { x.next_down() }
}

/// `a + b = s + e` exactly, unless the sum overflows (Knuth 1969).
#[inline(always)]
pub fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let t = s - a;
    (s, (a - (s - t)) + (b - t))
}

/// `a b = p + e` exactly, away from underflow and overflow.
#[inline(always)]
pub fn two_product(a: f64, b: f64) -> (f64, f64) {
    let p = a * b;
    (p, a.mul_add(b, -p))
}

#[inline(always)]
pub fn add_up(a: f64, b: f64) -> f64 {
    let (s, r) = two_sum(a, b);
    if r <= 0.0 || s == f64::INFINITY || s.is_nan() || a.is_infinite() || b.is_infinite() {
        s
    } else {
        step_up(s)
    }
}

#[inline(always)]
pub fn add_down(a: f64, b: f64) -> f64 {
    -add_up(-a, -b)
}

#[inline(always)]
pub fn sub_up(a: f64, b: f64) -> f64 {
    add_up(a, -b)
}

#[inline(always)]
pub fn sub_down(a: f64, b: f64) -> f64 {
    add_down(a, -b)
}

/// Zero times infinity counts as zero: an interval end that is exactly zero
/// annihilates an unbounded one.
#[inline(always)]
pub fn mul_up(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        return 0.0;
    }
    let (p, e) = two_product(a, b);
    if a.is_infinite() || b.is_infinite() || p == f64::INFINITY || p.is_nan() {
        return p;
    }
    if p.is_finite() && p.abs() > RESIDUAL_FLOOR { if e > 0.0 { step_up(p) } else { p } } else { step_up(p) }
}

#[inline(always)]
pub fn mul_down(a: f64, b: f64) -> f64 {
    -mul_up(-a, b)
}

pub fn div_up(a: f64, b: f64) -> f64 {
    if a == 0.0 && b != 0.0 {
        return 0.0;
    }
    let q = a / b;
    if a.is_infinite() || b.is_infinite() || q == f64::INFINITY || q.is_nan() {
        return q;
    }
    // a - q b, exact where nothing underflows: its sign over b is the direction.
    let r = (-q).mul_add(b, a);
    let recovered = a.abs() > RESIDUAL_FLOOR && q.is_finite() && q.abs() > RESIDUAL_FLOOR;
    if recovered && (r == 0.0 || (r < 0.0) == (b > 0.0)) { q } else { step_up(q) }
}

pub fn div_down(a: f64, b: f64) -> f64 {
    -div_up(-a, b)
}

pub fn sqrt_up(a: f64) -> f64 {
    let s = a.sqrt();
    if s.is_finite() && (a < RESIDUAL_FLOOR && a > 0.0 || s.mul_add(s, -a) < 0.0) { step_up(s) } else { s }
}

pub fn sqrt_down(a: f64) -> f64 {
    if a <= 0.0 {
        return 0.0;
    }
    let s = a.sqrt();
    if s.is_finite() && (a < RESIDUAL_FLOOR || s.mul_add(s, -a) > 0.0) { step_down(s).max(0.0) } else { s }
}

/// An upper bound of a sum of any finite numbers.
pub fn sum_up(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, add_up)
}

/// A lower bound of a sum of any finite numbers.
pub fn sum_down(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, add_down)
}

/// gamma_n = n u / (1 - n u), rounded up: |fl(sum of n terms) - sum| <= gamma_n sum|.|
/// in any order, fused or not (Higham, Accuracy and Stability, 3.1).
/// Infinite beyond n = 9e7, where the callers' second-order slack would end.
pub fn gamma(n: usize) -> f64 {
    if n > 90_000_000 {
        return f64::INFINITY;
    }
    let nu = n as f64 * U;
    (nu / (1.0 - nu)) * (1.0 + 4.0 * U)
}

/// `x` enlarged by a few relative roundings: at least `x (1 + k u)` for x >= 0.
#[inline(always)]
pub fn widen(x: f64, k: u32) -> f64 {
    let y = x * (1.0 + 2.0 * (k as f64 + 1.0) * U);
    if y > 0.0 && y < f64::MIN_POSITIVE { y.next_up() } else { y }
}

/// A proven upper bound. NaN becomes +infinity, negative zero zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Upper(f64);

/// A proven lower bound of a nonnegative quantity. NaN becomes 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Lower(f64);

/// An unproven number. There is no way from here to `Upper` or `Lower`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Estimate(f64);

impl Upper {
    pub const INFINITE: Upper = Upper(f64::INFINITY);

    /// The caller has proved that the quantity is at most `x`.
    pub fn proven(x: f64) -> Self {
        if x.is_nan() { Upper::INFINITE } else { Upper(x.max(0.0)) }
    }

    pub fn get(self) -> f64 {
        self.0
    }

    pub fn min(self, other: Self) -> Self {
        if other.0 < self.0 { other } else { self }
    }

    pub fn max(self, other: Self) -> Self {
        if other.0 > self.0 { other } else { self }
    }

    pub fn plus(self, other: Self) -> Self {
        Self::proven(add_up(self.0, other.0))
    }

    pub fn times(self, other: Self) -> Self {
        Self::proven(mul_up(self.0, other.0))
    }
}

impl Lower {
    pub const ZERO: Lower = Lower(0.0);

    /// The caller has proved that the quantity is at least `x`.
    pub fn proven(x: f64) -> Self {
        if x.is_nan() { Lower::ZERO } else { Lower(x.max(0.0)) }
    }

    pub fn get(self) -> f64 {
        self.0
    }

    pub fn max(self, other: Self) -> Self {
        if other.0 > self.0 { other } else { self }
    }
}

impl Estimate {
    pub fn new(x: f64) -> Self {
        Estimate(x)
    }

    pub fn get(self) -> f64 {
        self.0
    }
}
