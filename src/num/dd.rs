//! Double-double arithmetic on coefficients, with proven errors.
//!
//! Every operation is built from two error-free transformations: `two_sum`
//! (exact for all finite results) and `two_prod` (an FMA residual, exact away
//! from underflow). What an operation drops is therefore a known
//! float, and `err` is the outward-rounded sum of what was dropped and of the
//! errors of the arguments; no analysis of rounding is needed. Exact results
//! keep `err = 0`. Overflow and division by zero end in an infinite or NaN
//! part, which `Net::push` refuses.

use super::round::{add_up, div_up, mul_up, sub_down, sum_up, two_product, two_sum};

/// A real number `hi + lo ± err` (a double-double with its error).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficient {
    pub hi: f64,
    pub lo: f64,
    pub err: f64,
}

impl Coefficient {
    pub const ZERO: Coefficient = Coefficient { hi: 0.0, lo: 0.0, err: 0.0 };
    pub const ONE: Coefficient = Coefficient { hi: 1.0, lo: 0.0, err: 0.0 };

    pub fn exact(hi: f64) -> Self {
        Coefficient { hi, lo: 0.0, err: 0.0 }
    }
}

/// `a b = product + residual`, up to the third number (0 away from underflow).
pub fn two_prod(a: f64, b: f64) -> (f64, f64, f64) {
    let (p, residual) = two_product(a, b);
    // Below 2^-968 the residual may fall under the smallest subnormal and be rounded.
    let slack = if a == 0.0 || b == 0.0 || p.abs() > 1e-280 { 0.0 } else { f64::from_bits(1) };
    (p, residual, slack)
}

impl Coefficient {
    /// Is it the float `hi` itself?
    pub fn is_exact(self) -> bool {
        self.lo == 0.0 && self.err == 0.0
    }

    /// An upper bound of the magnitude, error included.
    pub fn magnitude_up(self) -> f64 {
        sum_up([self.hi.abs(), self.lo.abs(), self.err])
    }

    /// A lower bound of the magnitude of `hi + lo`.
    fn centre_down(self) -> f64 {
        sub_down(self.hi.abs(), self.lo.abs())
    }

    fn centre(self) -> Self {
        Coefficient { err: 0.0, ..self }
    }

    pub fn negated(self) -> Self {
        Coefficient { hi: -self.hi, lo: -self.lo, err: self.err }
    }

    pub fn plus(self, other: Self) -> Self {
        let (s, e) = two_sum(self.hi, other.hi);
        let (t, dropped) = two_sum(self.lo, other.lo);
        let (u, rest) = two_sum(e, t);
        let (hi, lo) = two_sum(s, u);
        Coefficient { hi, lo, err: sum_up([dropped.abs(), rest.abs(), self.err, other.err]) }
    }

    pub fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    pub fn times(self, other: Self) -> Self {
        let (p, e, slack) = two_prod(self.hi, other.hi);
        let (c, ce, c_slack) = two_prod(self.hi, other.lo);
        let (d, de, d_slack) = two_prod(self.lo, other.hi);
        let (cross, dropped) = two_sum(c, d);
        let (u, rest) = two_sum(e, cross);
        let (hi, lo) = two_sum(p, u);
        let err = sum_up([
            slack,
            c_slack,
            d_slack,
            ce.abs(),
            de.abs(),
            dropped.abs(),
            rest.abs(),
            mul_up(self.lo.abs(), other.lo.abs()),
            mul_up(self.magnitude_up(), other.err),
            mul_up(other.centre().magnitude_up(), self.err),
        ]);
        Coefficient { hi, lo, err }
    }

    /// a / b = q + (a - q b) / b, with the remainder bounded from its enclosure.
    pub fn over(self, other: Self) -> Self {
        let (a, b) = (self.centre(), other.centre());
        let first = Self::exact(a.hi / b.hi);
        let remainder = a.minus(first.times(b));
        let second = Self::exact(remainder.hi / b.hi);
        let rest = remainder.minus(second.times(b)).magnitude_up();
        let (hi, lo) = two_sum(first.hi, second.hi);
        let below = other.centre_down();
        // |a'/b' - a/b| <= (a.err + |a/b| b.err) / (|b| - b.err).
        let quotient = sum_up([hi.abs(), lo.abs(), div_up(rest, below)]);
        let moved = add_up(self.err, mul_up(quotient, other.err));
        let err = add_up(div_up(rest, below), div_up(moved, sub_down(below, other.err)));
        let apart = below > other.err && below > 0.0;
        Coefficient { hi, lo, err: if apart { err } else { f64::INFINITY } }
    }

    /// sqrt(a) = s + (a - s²) / (sqrt(a) + s).
    pub fn sqrt(self) -> Self {
        if self == Self::ZERO {
            return self;
        }
        let a = self.centre();
        let first = a.hi.sqrt();
        let remainder = a.minus(Self::exact(first).times(Self::exact(first)));
        let (hi, lo) = two_sum(first, remainder.hi / (2.0 * first));
        let root = Coefficient { hi, lo, err: 0.0 };
        let rest = a.minus(root.times(root)).magnitude_up();
        let below = sub_down(hi, lo.abs());
        let err = div_up(rest, below);
        // |sqrt(a') - sqrt(a)| <= a.err / sqrt(a), and sqrt(a) >= s - err.
        let root_down = sub_down(below, err);
        let defined = root_down > 0.0 && self.err < self.centre_down();
        let moved = div_up(self.err, root_down);
        Coefficient { hi, lo, err: if defined { add_up(err, moved) } else { f64::INFINITY } }
    }
}
