//! Vector norms of magnitudes, rounded outward. Norms of matrices and of
//! enclosures of matrices are in `operator`, proposals for witnesses in `direction`.

use super::round::{add_down, add_up, gamma, mul_down, mul_up, sqrt_down, sqrt_up};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The three norms of the quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Norm {
    #[serde(rename = "1")]
    One,
    #[serde(rename = "2")]
    Two,
    #[serde(rename = "inf")]
    Inf,
}

impl Norm {
    pub const ALL: [Norm; 3] = [Norm::One, Norm::Two, Norm::Inf];

    /// 1/p + 1/p* = 1.
    pub fn dual(self) -> Norm {
        match self {
            Norm::One => Norm::Inf,
            Norm::Two => Norm::Two,
            Norm::Inf => Norm::One,
        }
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Norm::One => "1",
            Norm::Two => "2",
            Norm::Inf => "inf",
        })
    }
}

/// Squares of magnitudes below this count as between 0 and its square.
const SMALL: f64 = 3.872_591_914_849_318_4e-121; // 2^-400
const SMALL_SQUARE: f64 = 1.499_696_813_895_631e-241; // 2^-800
/// Magnitudes whose largest lies outside [1 / LARGE, LARGE] are rescaled before squaring.
const LARGE: f64 = 2.037_035_976_334_486e90; // 2^300

/// A sum of nonnegative numbers that carries what rounding drops: every
/// addition's residual is recovered exactly, and only the sum of the residuals
/// is rounded (by at most gamma_n of their magnitudes). Without a branch per
/// term, and exact whenever the plain sums are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    value: f64,
    residual: f64,
    spread: f64,
    terms: usize,
    small: usize,
}

impl Sum {
    pub fn add(&mut self, x: f64) {
        self.signed(x);
        self.terms += 1;
    }

    fn signed(&mut self, x: f64) {
        let s = self.value + x;
        let t = s - self.value;
        let r = (self.value - (s - t)) + (x - t);
        self.value = s;
        self.residual += r;
        self.spread += r.abs();
    }

    /// Adds x², for 0 <= x <= 2^400: Dekker's square, exact above 2^-400.
    pub fn add_square(&mut self, x: f64) {
        if x < SMALL {
            self.small += usize::from(x != 0.0);
            return;
        }
        let p = x * x;
        let c = 134_217_729.0 * x;
        let h = c - (c - x);
        let l = x - h;
        let q = ((h * h - p) + 2.0 * h * l) + l * l;
        self.signed(p);
        self.residual += q;
        self.spread += q.abs();
        self.terms += 2;
    }

    fn slack(&self) -> f64 {
        if self.spread == 0.0 { 0.0 } else { mul_up(gamma(self.terms + 1), mul_up(2.0, self.spread)) }
    }

    pub fn up(&self) -> f64 {
        let s = add_up(add_up(self.value, self.residual), self.slack());
        let s = if self.small == 0 { s } else { add_up(s, mul_up(self.small as f64, SMALL_SQUARE)) };
        if s.is_nan() { f64::INFINITY } else { s }
    }

    pub fn down(&self) -> f64 {
        let s = add_down(add_down(self.value, self.residual), -self.slack());
        if s.is_finite() { s.max(0.0) } else { 0.0 }
    }
}

/// 2^k for |k| <= 1000, clamped beyond.
pub fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((k.clamp(-1000, 1000) + 1023) as u64) << 52)
}

/// The exponent of a positive finite number; subnormals count as 2^-1023.
pub fn exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// The largest magnitude; NaN counts as infinity.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |m: f64, x| if x.is_nan() { f64::INFINITY } else { m.max(x) })
}

fn squares(values: impl Iterator<Item = f64>, top: f64) -> (Sum, f64) {
    let scale = if (1.0 / LARGE..=LARGE).contains(&top) { 1.0 } else { power_of_two(-exponent(top)) };
    let mut sum = Sum::default();
    values.for_each(|x| sum.add_square(x * scale));
    (sum, 1.0 / scale)
}

/// An upper bound of the norm of magnitudes (each >= 0).
pub fn vector_norm_up(values: impl IntoIterator<Item = f64, IntoIter: Clone>, norm: Norm) -> f64 {
    let values = values.into_iter();
    match norm {
        Norm::Inf => largest(values),
        Norm::One => {
            let mut sum = Sum::default();
            values.for_each(|x| sum.add(x));
            sum.up()
        }
        Norm::Two => {
            let top = largest(values.clone());
            if top == 0.0 || top == f64::INFINITY {
                return top;
            }
            let (sum, unscale) = squares(values, top);
            mul_up(sqrt_up(sum.up()), unscale)
        }
    }
}

/// Sums that are taken side by side.
const LANES: usize = 8;

/// An upper bound of the norm 2 of numbers of any sign, wider than `vector_norm_up` by some units of rounding, and
/// many times faster: n products and their sum in any order lose at most gamma_n of it, and less than n 2^-1074.
pub fn length_up(values: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for part in whole {
        sums.iter_mut().zip(part).for_each(|(s, v)| *s += v * v);
    }
    let sum = sums.iter().sum::<f64>() + rest.iter().map(|v| v * v).sum::<f64>();
    let slack = gamma(values.len() + 4);
    if !(SMALL..LARGE).contains(&sum) || slack > 0.25 {
        return vector_norm_up(values.iter().map(|v| v.abs()), Norm::Two);
    }
    let lost = values.len() as f64 * SMALL_SQUARE;
    sqrt_up(add_up(mul_up(sum, add_up(1.0, mul_up(2.0, slack))), lost))
}

/// A lower bound of the norm of magnitudes (each >= 0); 0 if one is not finite.
pub fn vector_norm_down(values: impl IntoIterator<Item = f64, IntoIter: Clone>, norm: Norm) -> f64 {
    let values = values.into_iter();
    let top = largest(values.clone());
    if top == 0.0 || top == f64::INFINITY {
        return 0.0;
    }
    match norm {
        Norm::Inf => top,
        Norm::One => {
            let mut sum = Sum::default();
            values.for_each(|x| sum.add(x));
            // Sums beyond the floats still have a largest term.
            sum.down().max(top)
        }
        Norm::Two => {
            let (sum, unscale) = squares(values, top);
            mul_down(sqrt_down(sum.down()), unscale).max(top)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    #[test]
    fn lengths_hold_at_any_scale() {
        let mut random = Random(5);
        for case in 0..3000 {
            let scale = power_of_two(-400 + (case * 37) % 800);
            let values: Vec<f64> = (0..case % 40).map(|_| scale * random.signed()).collect();
            let size = || values.iter().map(|v| v.abs());
            let (fast, low) = (length_up(&values), vector_norm_down(size(), Norm::Two));
            assert!(fast >= low, "{case}: {fast} {low}");
            assert!(fast <= vector_norm_up(size(), Norm::Two) * (1.0 + 1e-13), "{case}");
        }
        assert_eq!(length_up(&[]), 0.0);
        assert_eq!(length_up(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(length_up(&[f64::NAN, 1.0]) == f64::INFINITY);
        assert!(length_up(&[1e200, 1e200]) >= 1.41e200 && length_up(&[5e-324]) > 0.0);
    }
}
