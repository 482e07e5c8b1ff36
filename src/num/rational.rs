//! Rational numbers, for the few questions that floats leave open.

use super::interval::Interval;
pub use dashu_ratio::RBig as Rational;

/// The number itself; None unless finite.
pub fn of(x: f64) -> Option<Rational> {
    Rational::try_from(x).ok()
}

/// Floats around a number, at most two steps apart.
pub fn around(x: &Rational) -> Interval {
    let near = x.to_f64().value();
    let below = |v: f64| v == f64::NEG_INFINITY || of(v).is_some_and(|r| r <= *x);
    let above = |v: f64| v == f64::INFINITY || of(v).is_some_and(|r| r >= *x);
    let (mut lo, mut hi) = (near, near);
    while !below(lo) {
        lo = lo.next_down();
    }
    while !above(hi) {
        hi = hi.next_up();
    }
    Interval { lo, hi }
}

pub fn is_positive(x: &Rational) -> bool {
    *x > Rational::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_around_numbers() {
        let third = Rational::ONE / Rational::from(3);
        let near = around(&third);
        assert!(of(near.lo).unwrap() < third && third < of(near.hi).unwrap());
        assert!(near.hi <= near.lo.next_up().next_up());
        for x in [0.0, 1.5, -2.25e-300, 5e-324, f64::MAX] {
            let at = around(&of(x).unwrap());
            assert_eq!([at.lo, at.hi], [x, x]);
        }
        let huge = of(f64::MAX).unwrap() * Rational::from(4);
        assert_eq!(around(&huge).hi, f64::INFINITY);
        assert_eq!(around(&-huge).lo, f64::NEG_INFINITY);
    }
}
