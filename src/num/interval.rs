//! Intervals of reals whose ends are rounded outward.
//!
//! Every operation returns an interval that contains the real result for every
//! choice of members of its arguments. Ends may be infinite ("unbounded on that
//! side"); NaN, reversed ends and undefined operations give the whole line.

use super::round::{
    add_down, add_up, div_down, div_up, mul_down, mul_up, sqrt_down, sqrt_up, sub_down, sub_up,
};
use std::ops::{Add, Div, Mul, Neg, Sub};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub lo: f64,
    pub hi: f64,
}

impl Interval {
    pub const ENTIRE: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    pub const ZERO: Interval = Interval { lo: 0.0, hi: 0.0 };
    pub const ONE: Interval = Interval { lo: 1.0, hi: 1.0 };

    /// [lo, hi]; the whole line when an end is NaN or the ends are reversed.
    pub fn new(lo: f64, hi: f64) -> Self {
        if lo <= hi { Interval { lo, hi } } else { Self::ENTIRE }
    }

    /// One number, exactly.
    pub fn point(x: f64) -> Self {
        Self::new(x, x)
    }

    /// Everything within `radius` of `centre`; a negative radius is no radius.
    pub fn from_centre(centre: f64, radius: f64) -> Self {
        if radius >= 0.0 { Self::new(sub_down(centre, radius), add_up(centre, radius)) } else { Self::ENTIRE }
    }

    pub fn is_finite(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    /// hi - lo, rounded up.
    pub fn width(self) -> f64 {
        sub_up(self.hi, self.lo)
    }

    /// The largest absolute value of a member.
    pub fn magnitude(self) -> f64 {
        self.hi.max(-self.lo)
    }

    /// The smallest absolute value of a member.
    pub fn mignitude(self) -> f64 {
        self.lo.max(-self.hi).max(0.0)
    }

    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Is every member of `other` a member of `self`?
    pub fn encloses(self, other: Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// The smallest interval that contains both.
    pub fn hull(self, other: Self) -> Self {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The common members, if any.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// The range of min(a, b).
    pub fn min(self, other: Self) -> Self {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    /// The range of max(a, b).
    pub fn max(self, other: Self) -> Self {
        Interval { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    pub fn abs(self) -> Self {
        Interval { lo: self.mignitude(), hi: self.magnitude() }
    }

    /// The range of a^2: tighter than a a across zero.
    pub fn sqr(self) -> Self {
        let a = self.abs();
        Self::new(mul_down(a.lo, a.lo), mul_up(a.hi, a.hi))
    }

    /// The square roots of the nonnegative members.
    pub fn sqrt(self) -> Self {
        if self.hi >= 0.0 { Self::new(sqrt_down(self.lo), sqrt_up(self.hi)) } else { Self::ENTIRE }
    }

    pub fn recip(self) -> Self {
        Self::ONE / self
    }

    /// Twice the interval; exact unless it overflows.
    pub fn double(self) -> Self {
        self + self
    }

    /// Half the interval; exact unless it underflows.
    pub fn half(self) -> Self {
        Self::new(mul_down(self.lo, 0.5), mul_up(self.hi, 0.5))
    }
}

impl Neg for Interval {
    type Output = Interval;
    fn neg(self) -> Interval {
        Interval { lo: -self.hi, hi: -self.lo }
    }
}

impl Add for Interval {
    type Output = Interval;
    fn add(self, other: Interval) -> Interval {
        Interval::new(add_down(self.lo, other.lo), add_up(self.hi, other.hi))
    }
}

impl Sub for Interval {
    type Output = Interval;
    fn sub(self, other: Interval) -> Interval {
        Interval::new(sub_down(self.lo, other.hi), sub_up(self.hi, other.lo))
    }
}

impl Mul for Interval {
    type Output = Interval;
    fn mul(self, other: Interval) -> Interval {
        let (a, b) = (self, other);
        if a.lo >= 0.0 {
            let (small, large) =
                (if b.lo >= 0.0 { a.lo } else { a.hi }, if b.hi >= 0.0 { a.hi } else { a.lo });
            Interval::new(mul_down(small, b.lo), mul_up(large, b.hi))
        } else if a.hi <= 0.0 {
            -(-a * b)
        } else if b.lo >= 0.0 || b.hi <= 0.0 {
            b * a
        } else {
            let lo = mul_down(a.lo, b.hi).min(mul_down(a.hi, b.lo));
            Interval::new(lo, mul_up(a.lo, b.lo).max(mul_up(a.hi, b.hi)))
        }
    }
}

impl Div for Interval {
    type Output = Interval;
    fn div(self, other: Interval) -> Interval {
        let (a, b) = (self, other);
        if b.lo > 0.0 {
            let (under, over) =
                (if a.lo >= 0.0 { b.hi } else { b.lo }, if a.hi >= 0.0 { b.lo } else { b.hi });
            Interval::new(div_down(a.lo, under), div_up(a.hi, over))
        } else if b.hi < 0.0 {
            -(a / -b)
        } else {
            Interval::ENTIRE
        }
    }
}

impl Add<f64> for Interval {
    type Output = Interval;
    fn add(self, x: f64) -> Interval {
        self + Interval::point(x)
    }
}

impl Sub<f64> for Interval {
    type Output = Interval;
    fn sub(self, x: f64) -> Interval {
        self - Interval::point(x)
    }
}

impl Mul<f64> for Interval {
    type Output = Interval;
    fn mul(self, x: f64) -> Interval {
        self * Interval::point(x)
    }
}
