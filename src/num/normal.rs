//! Proven enclosures of the normal density phi and distribution function Phi.
//!
//! Between -9.1 and 0, Phi(-c + h) = Phi(-c) + phi(c) integral_0^h exp(c t - t^2/2) dt
//! at the nearest multiple c of 1/4, with |h| <= 1/8: a tabulated value plus a
//! small Taylor sum. Further out, Mills' ratio:
//! phi(x)/x (1 - 1/x^2) <= Phi(-x) <= phi(x)/x (1 - 1/x^2 + 3/x^4), x > 0.

use super::elementary::exp;
use super::interval::Interval;
use super::round::{U, add_up, mul_down, mul_up};
use std::sync::LazyLock;

/// Phi(-j / 4), each within half an ulp (the tests recompute them).
pub const TAIL: [f64; 37] = [
    0.5,
    0.4012936743170763,
    0.3085375387259869,
    0.2266273523768682,
    0.15865525393145705,
    0.10564977366685525,
    0.06680720126885807,
    0.04005915686381709,
    0.02275013194817921,
    0.012224472655044703,
    0.006209665325776135,
    0.002979763235054557,
    0.0013498980316300946,
    0.000577025042390767,
    0.00023262907903552504,
    8.841728520080387e-5,
    3.1671241833119924e-5,
    1.068852577493442e-5,
    3.3976731247300603e-6,
    1.0170832425687032e-6,
    2.866515718791939e-7,
    7.604960516488715e-8,
    1.8989562465887718e-8,
    4.462172453901612e-9,
    9.86587645037698e-10,
    2.0522634252189388e-10,
    4.016000583859118e-11,
    7.392257778017822e-12,
    1.279812543885835e-12,
    2.0838581586720695e-13,
    3.1908916729108963e-14,
    4.5946274357785954e-15,
    6.220960574271784e-16,
    7.919726314642477e-17,
    9.479534822203318e-18,
    1.0667637375474858e-18,
    1.1285884059538405e-19,
];

/// 1 / sqrt(2 pi) = 0.39894228040143267793994...
const DENSITY_AT_ZERO: Interval = Interval { lo: 0.398_942_280_401_432_64, hi: 0.398_942_280_401_432_7 };
const SMALLEST: f64 = f64::from_bits(1);
const TERMS: usize = 22;

/// The Taylor sum at one node: sum_n coefficients[n] h^n, times h, is the integral.
struct Node {
    tail: Interval,
    density: Interval,
    /// Highest power first.
    coefficients: [f64; TERMS],
    /// Bounds every error of the sum for |h| <= 1/8: coefficients, roundings, truncation.
    error: f64,
}

/// b_n of exp(c t - t^2/2) = sum b_n t^n: b_0 = 1, b_1 = c, (n+1) b_{n+1} = c b_n - b_{n-1}.
/// Horner's rule in plain arithmetic is off by at most 1.01 u sum (2n + 1) |a_n| |h|^n.
/// |b_n| is at most the n-th coefficient of exp(c t + t^2/2), hence at most
/// exp(2c + 2) / 2^n, so that the terms from n = 22 on add at most
/// exp(2c + 2) / 16^22 * 16/15.
fn node(j: usize) -> Node {
    let c = j as f64 / 4.0;
    let tail = match j {
        0 => Interval::point(0.5),
        _ => Interval { lo: TAIL[j].next_down(), hi: TAIL[j].next_up() },
    };
    let mut b = [Interval::ONE, Interval::point(c)];
    let mut coefficients = [0.0; TERMS];
    let mut error = mul_up(exp(2.0 * c + 2.0).hi, 1.1 * 2f64.powi(-4 * TERMS as i32));
    for n in 0..TERMS {
        let a = b[0] / Interval::point(n as f64 + 1.0);
        let middle = 0.5 * (a.lo + a.hi);
        let radius = (a - middle).magnitude();
        let rounding = mul_up(1.01 * U * (2 * n + 1) as f64, middle.abs());
        error = add_up(error, mul_up(add_up(radius, rounding), 2f64.powi(-3 * n as i32)));
        coefficients[TERMS - 1 - n] = middle;
        b = [b[1], (b[1] * c - b[0]) / Interval::point(n as f64 + 2.0)];
    }
    Node { tail, density: density(c), coefficients, error }
}

static NODES: LazyLock<Vec<Node>> = LazyLock::new(|| (0..TAIL.len()).map(node).collect());

/// The node nearest to x in [0, 9.1] and -h, and the plain Taylor sum.
fn expand(x: f64) -> (&'static Node, f64, f64) {
    let j = (x * 4.0).round();
    let node = &NODES[j as usize];
    let h = j / 4.0 - x;
    (node, h, node.coefficients.iter().fold(0.0, |p, a| p * h + a))
}

/// phi(x) = exp(-x^2/2) / sqrt(2 pi). With q = fl(x^2) and x^2 = q + r exactly,
/// exp(-r/2) lies within [1 - r/2, 1 - r/2 + r^2/4].
pub fn density(x: f64) -> Interval {
    if x.is_nan() {
        return Interval { lo: 0.0, hi: DENSITY_AT_ZERO.hi };
    }
    if x.abs() > 39.0 {
        return Interval { lo: 0.0, hi: if x.is_infinite() { 0.0 } else { SMALLEST } };
    }
    if x.abs() < 1e-9 {
        // 1 - x^2/2 <= exp(-x^2/2) <= 1.
        return Interval { lo: DENSITY_AT_ZERO.lo.next_down(), hi: DENSITY_AT_ZERO.hi };
    }
    let q = x * x;
    let r = 0.5 * x.mul_add(x, -q);
    let correction = Interval { lo: 1.0 - r, hi: add_up(1.0 - r, mul_up(r, r)) };
    let correction = Interval { lo: correction.lo.next_down(), hi: correction.hi.next_up() };
    DENSITY_AT_ZERO * exp(-0.5 * q) * correction
}

/// Phi(-x) for x >= 0, with relative accuracy up to x = 9.1 and 3e-4 beyond.
fn upper_tail(x: f64) -> Interval {
    if x > 38.6 {
        // exp(-745) / 38.6 / 2.5 is below the smallest number.
        return Interval { lo: 0.0, hi: if x.is_infinite() { 0.0 } else { SMALLEST } };
    }
    if x > 9.1 {
        let ratio = density(x) / Interval::point(x);
        let square = Interval::point(x).sqr().recip();
        let lo = (Interval::ONE - square).lo;
        let hi = (Interval::ONE - square + square.sqr() * 3.0).hi;
        return Interval { lo: mul_down(ratio.lo, lo).max(0.0), hi: mul_up(ratio.hi, hi) };
    }
    let (node, h, sum) = expand(x);
    node.tail + node.density * h * Interval::from_centre(sum, node.error)
}

/// The normal distribution function.
pub fn distribution(x: f64) -> Interval {
    if x <= 0.0 {
        let t = upper_tail(-x);
        Interval { lo: t.lo.max(0.0), hi: t.hi.min(0.5) }
    } else if x > 0.0 {
        let t = Interval::ONE - upper_tail(x);
        Interval { lo: t.lo.max(0.5), hi: t.hi.min(1.0) }
    } else {
        Interval { lo: 0.0, hi: 1.0 }
    }
}

/// Both in plain arithmetic, unproven: (phi, Phi).
pub fn plain(x: f64) -> (f64, f64) {
    let density = 0.3989422804014327 * (-0.5 * x * x).exp();
    let a = x.abs();
    let tail = if a <= 9.1 {
        let (node, h, sum) = expand(a);
        node.tail.lo + node.density.lo * h * sum
    } else {
        density / a
    };
    (density, if x > 0.0 { 1.0 - tail } else { tail })
}
