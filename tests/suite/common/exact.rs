//! Exact dyadic numbers and a fixed-point reference for elementary functions.

use dashu_int::{
    IBig,
    ops::{BitTest, SquareRoot},
};
use std::cmp::Ordering;

/// mantissa * 2^exponent, exactly.
#[derive(Clone, Debug)]
pub struct Dyadic {
    pub mantissa: IBig,
    pub exponent: i64,
}

impl Dyadic {
    pub fn new(mantissa: IBig, exponent: i64) -> Self {
        Dyadic { mantissa, exponent }
    }

    pub fn of(x: f64) -> Self {
        assert!(x.is_finite());
        let bits = x.to_bits();
        let (biased, fraction) = ((bits >> 52 & 0x7ff) as i64, (bits & ((1 << 52) - 1)) as i64);
        let (m, e) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        Dyadic::new(IBig::from(if x.is_sign_negative() { -m } else { m }), e)
    }

    pub fn add(&self, other: &Self) -> Self {
        let e = self.exponent.min(other.exponent);
        let lift = |d: &Dyadic| &d.mantissa << (d.exponent - e) as usize;
        Dyadic::new(lift(self) + lift(other), e)
    }

    pub fn neg(&self) -> Self {
        Dyadic::new(-&self.mantissa, self.exponent)
    }

    pub fn mul(&self, other: &Self) -> Self {
        Dyadic::new(&self.mantissa * &other.mantissa, self.exponent + other.exponent)
    }

    pub fn sign(&self) -> Ordering {
        self.mantissa.cmp(&IBig::ZERO)
    }

    pub fn cmp(&self, other: &Self) -> Ordering {
        self.add(&other.neg()).sign()
    }

    /// self >= x, where x may be infinite.
    pub fn at_least(&self, x: f64) -> bool {
        x == f64::NEG_INFINITY || x.is_finite() && self.cmp(&Dyadic::of(x)) != Ordering::Less
    }

    pub fn at_most(&self, x: f64) -> bool {
        self.neg().at_least(-x)
    }
}

/// A number known to lie in [lo, hi], both exact.
#[derive(Clone, Debug)]
pub struct Known {
    pub lo: Dyadic,
    pub hi: Dyadic,
}

impl Known {
    /// Certainly outside [lo, hi]?
    pub fn misses(&self, lo: f64, hi: f64) -> bool {
        !self.hi.at_least(lo) || !self.lo.at_most(hi)
    }
}

/// Fixed-point numbers: integers times 2^-bits. Every operation truncates by at
/// most a unit, and results carry a slack of 2^64 units, far more than their few
/// thousand operations lose.
pub struct Fixed {
    pub bits: usize,
    pub one: IBig,
    pub ln2: IBig,
    pub pi: IBig,
}

impl Fixed {
    pub fn new(bits: usize) -> Self {
        let one = IBig::ONE << bits;
        // ln 2 = 2 atanh(1/3), pi = 16 atan(1/5) - 4 atan(1/239).
        let ln2 = odd_powers(&one, 3, 9) * 2;
        let pi = (odd_powers(&one, 5, -25) * 4 - odd_powers(&one, 239, -239 * 239)) * 4;
        Fixed { bits, one, ln2, pi }
    }

    /// x 2^bits; exact when x has no lower bits.
    pub fn of(&self, x: f64) -> IBig {
        let d = Dyadic::of(x);
        let shift = d.exponent + self.bits as i64;
        if shift >= 0 { d.mantissa << shift as usize } else { d.mantissa >> (-shift) as usize }
    }

    pub fn mul(&self, a: &IBig, b: &IBig) -> IBig {
        (a * b) >> self.bits
    }

    pub fn div(&self, a: &IBig, b: &IBig) -> IBig {
        (a << self.bits) / b
    }

    /// v 2^scale and its slack.
    pub fn known(&self, v: &IBig, scale: i64) -> Known {
        let (slack, e) = (IBig::ONE << 64, scale - self.bits as i64);
        Known { lo: Dyadic::new(v - &slack, e), hi: Dyadic::new(v + &slack, e) }
    }

    /// exp(x) = m 2^k with m between 1/2 and 2.
    pub fn exp_parts(&self, x: &IBig) -> (IBig, i64) {
        let k = x / &self.ln2;
        let r = (x - &k * &self.ln2) >> 16usize;
        let (mut sum, mut term, mut n) = (self.one.clone(), self.one.clone(), 1);
        while term != IBig::ZERO {
            term = &term * &r / &self.one / n;
            sum += &term;
            n += 1;
        }
        for _ in 0..16 {
            sum = self.mul(&sum, &sum);
        }
        (sum, i64::try_from(k).unwrap())
    }

    pub fn exp(&self, x: &IBig) -> IBig {
        let (m, k) = self.exp_parts(x);
        if k >= 0 { m << k as usize } else { m >> (-k) as usize }
    }

    /// ln v = k ln 2 + 2 atanh((m - 1) / (m + 1)), v = 2^k m, m between 1/2 and 1.
    pub fn ln(&self, v: &IBig) -> IBig {
        let k = v.clone().into_parts().1.bit_len() as i64 - self.bits as i64;
        let m = if k >= 0 { v >> k as usize } else { v << (-k) as usize };
        let z = self.div(&(&m - &self.one), &(&m + &self.one));
        let square = self.mul(&z, &z);
        let (mut sum, mut power, mut n) = (IBig::ZERO, z, 1);
        while power != IBig::ZERO {
            sum += &power / n;
            power = &power * &square / &self.one;
            n += 2;
        }
        sum * 2 + &self.ln2 * k
    }

    pub fn sqrt(&self, a: &IBig) -> IBig {
        let (_, magnitude) = (a << self.bits).into_parts();
        IBig::from(magnitude.sqrt())
    }

    pub fn sigmoid(&self, x: &IBig) -> IBig {
        self.div(&self.one, &(&self.one + self.exp(&-x)))
    }

    pub fn tanh(&self, x: &IBig) -> IBig {
        let t = self.exp(&(x * 2)) - &self.one;
        self.div(&t, &(&t + IBig::from(2) * &self.one))
    }

    pub fn density(&self, x: &IBig) -> IBig {
        let half: IBig = self.mul(x, x) / 2;
        let e = self.exp(&-half);
        self.div(&e, &self.sqrt(&(&self.pi * 2)))
    }

    /// 1/2 + phi(x) sum x^(2n+1) / (2n+1)!!.
    pub fn distribution(&self, x: &IBig) -> IBig {
        let square = self.mul(x, x);
        let (mut sum, mut term, mut n) = (IBig::ZERO, x.clone(), 3);
        while term != IBig::ZERO {
            sum += &term;
            term = &term * &square / &self.one / n;
            n += 2;
        }
        &self.one / 2 + self.mul(&self.density(x), &sum)
    }
}

/// sum over odd n of 1 / (n q^n), `square` = +-q^2.
fn odd_powers(one: &IBig, q: i64, square: i64) -> IBig {
    let (mut sum, mut power, mut n) = (IBig::ZERO, one / q, 1i64);
    while power != IBig::ZERO {
        sum += &power / n;
        power /= square;
        n += 2;
    }
    sum
}

/// SplitMix64: the same operands in every run.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    pub fn between(&mut self, a: f64, b: f64) -> f64 {
        (a + (b - a) * self.unit()).clamp(a, b)
    }

    pub fn sign(&mut self) -> f64 {
        if self.bits() & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// Finite operands of every magnitude, awkward ones often.
    pub fn operand(&mut self) -> f64 {
        let pick = self.bits() % 8;
        let size = match pick {
            0 => [0.0, f64::from_bits(1), f64::MIN_POSITIVE, f64::MAX, 1.0, 1e300, 1e-300, 3.0]
                [(self.bits() % 8) as usize],
            1 => f64::from_bits(self.bits() % (1 << 52)),
            2 => {
                let power = 2f64.powi((self.bits() % 200) as i32 - 100);
                [power, power.next_up(), power.next_down()][(self.bits() % 3) as usize]
            }
            3 => (self.bits() % 1000) as f64,
            4 | 5 => self.between(0.5, 2.0),
            _ => f64::from_bits(self.bits() % (2047 << 52)),
        };
        self.sign() * size
    }
}
