//! Elementary functions against fixed-point series of 1 500 bits and more.

use crate::common::exact::{Dyadic, Fixed, Known, Random};
use clarke::num::elementary::*;
use clarke::num::interval::Interval;
use clarke::num::normal;

/// Arguments of every size below `limit`; none smaller than 2^-200 except 0.
fn arguments(random: &mut Random, count: usize, limit: f64) -> Vec<f64> {
    let mut xs = vec![0.0, -0.0, 1.0, -1.0, 0.25, -0.25, 0.5, limit, -limit];
    xs.extend([
        0.25f64.next_up(),
        0.5 * std::f64::consts::LN_2,
        std::f64::consts::LN_2,
        710.0,
        -740.0,
        -745.13,
    ]);
    for _ in 0..count {
        xs.push(random.between(-limit, limit));
        xs.push(random.between(-6.0, 6.0));
        xs.push(random.sign() * random.between(1.0, 2.0) * 2f64.powi(-((random.bits() % 200) as i32)));
        let k = (random.bits() % 80) as f64 - 40.0;
        xs.push((k + 0.5) * std::f64::consts::LN_2 * (1.0 + random.between(-1e-15, 1e-15)));
    }
    xs.retain(|x| x.abs() <= limit);
    xs
}

/// Containment of the reference; returns nothing, panics with the argument.
pub fn contained(what: &str, x: f64, v: Interval, truth: &Known) {
    assert!(!truth.misses(v.lo, v.hi), "{what}({x:e}) is not in [{:e}, {:e}]", v.lo, v.hi);
}

fn relative(v: Interval) -> f64 {
    if v.lo == v.hi { 0.0 } else { (v.hi - v.lo) / v.magnitude() }
}

#[test]
fn functions_contain_the_truth_and_are_tight() {
    let fixed = Fixed::new(1600);
    let mut random = Random(11);
    let one = &fixed.one;
    for x in arguments(&mut random, 400, 750.0) {
        let t = fixed.of(x);
        let (m, k) = fixed.exp_parts(&t);
        let v = exp(x);
        contained("exp", x, v, &fixed.known(&m, k));
        assert!(relative(v) < 6.3e-16 || v.lo < 1e-306 || v.hi.is_infinite(), "exp {x:e} {v:?}");
        let e = fixed.exp(&t);
        let v = expm1(x);
        contained("expm1", x, v, &fixed.known(&(&e - one), 0));
        assert!(relative(v) < 2.5e-15 || v.hi.is_infinite(), "expm1 {x:e} {v:?}");
        let s = fixed.sigmoid(&t);
        let v = sigmoid(x);
        contained("sigmoid", x, v, &fixed.known(&s, 0));
        assert!(relative(v) < 1.6e-15 || v.lo < f64::MIN_POSITIVE, "sigmoid {x:e} {v:?}");
        let v = sigmoid_slope(x);
        contained("sigmoid'", x, v, &fixed.known(&fixed.mul(&s, &(one - &s)), 0));
        assert!(relative(v) < 2e-15 || v.lo < f64::MIN_POSITIVE, "sigmoid' {x:e} {v:?}");
        let v = tanh(x);
        contained("tanh", x, v, &fixed.known(&fixed.tanh(&t), 0));
        assert!(relative(v) < 2.5e-15 && v.width() < 1e-15, "tanh {x:e} {v:?}");
        let v = softplus(x);
        contained("softplus", x, v, &fixed.known(&fixed.ln(&(one + &e)), 0));
        assert!(relative(v) < 2.5e-15 || v.lo < f64::MIN_POSITIVE, "softplus {x:e} {v:?}");
        if x > -1.0 {
            let v = log1p(x);
            contained("log1p", x, v, &fixed.known(&fixed.ln(&(one + &t)), 0));
            assert!(relative(v) < 4e-15, "log1p {x:e} {v:?}");
        }
        if x > 0.0 {
            let v = ln(x);
            contained("ln", x, v, &fixed.known(&fixed.ln(&t), 0));
            assert!(relative(v) < 4e-15, "ln {x:e} {v:?}");
        }
    }
}

#[test]
fn logarithms_of_every_magnitude() {
    let fixed = Fixed::new(1600);
    let mut random = Random(12);
    for i in 0..3_000 {
        let y = match i % 4 {
            0 => 1.0 + random.between(-1e-6, 1e-6),
            1 => 1.0 + random.sign() * 2f64.powi(-1 - (random.bits() % 52) as i32),
            _ => random.operand().abs().max(f64::from_bits(1)),
        };
        let d = Dyadic::of(y);
        let v = ln(y);
        let exact = fixed.ln(&(d.mantissa << fixed.bits)) + &fixed.ln2 * d.exponent;
        contained("ln", y, v, &fixed.known(&exact, 0));
        assert!(relative(v) < 4e-15, "ln {y:e} {v:?}");
    }
}

#[test]
fn normal_table_is_nearest() {
    let fixed = Fixed::new(400);
    for (j, &t) in normal::TAIL.iter().enumerate() {
        let exact = fixed.distribution(&fixed.of(j as f64 * -0.25));
        // |2 exact - 2 t| <= ulp
        let double = fixed.known(&(exact * 2), 0);
        let low = Dyadic::of(t).add(&Dyadic::of(t.next_down()));
        let high = Dyadic::of(t).add(&Dyadic::of(t.next_up()));
        assert!(double.lo.cmp(&high).is_le() && double.hi.cmp(&low).is_ge(), "{j}");
    }
}

#[test]
fn normal_contains_the_truth() {
    let mut random = Random(13);
    let coarse = Fixed::new(600);
    let fine = Fixed::new(3000);
    let mut xs = vec![0.0, -0.0, 9.1, 9.1f64.next_up(), 0.125, 0.375, 8.875, 1e-9, 1e-10, 1e-30];
    xs.extend((0..1_500).map(|_| random.between(0.0, 9.2)));
    xs.extend((0..300).map(|_| 2f64.powf(random.between(-60.0, 0.0))));
    xs.extend([9.5, 12.0, 20.0, 37.5, 38.4, 38.6, 38.7, 39.0, 39.1]);
    for x in xs.into_iter().flat_map(|x| [x, -x]) {
        let fixed = if x.abs() > 9.2 { &fine } else { &coarse };
        let t = fixed.of(x);
        let v = normal::density(x);
        contained("phi", x, v, &fixed.known(&fixed.density(&t), 0));
        assert!(relative(v) < 2.5e-15 || v.lo < f64::MIN_POSITIVE, "phi {x:e} {v:?}");
        let v = normal::distribution(x);
        contained("Phi", x, v, &fixed.known(&fixed.distribution(&t), 0));
        assert!(v.width() < 6e-16, "Phi {x:e} {v:?}");
        assert!(x.abs() > 9.1 || relative(v) < 1e-14, "Phi {x:e} {v:?}");
        assert!((normal::plain(x).1 - v.hi).abs() < 1e-15);
    }
}

#[test]
fn tiny_and_huge_arguments() {
    let fixed = Fixed::new(3_000);
    for x in [f64::from_bits(1), f64::from_bits(3), f64::MIN_POSITIVE, 1e-300, 1e-160, 1e-20] {
        for x in [x, -x] {
            let t = fixed.of(x);
            let e = fixed.exp(&t);
            contained("exp", x, exp(x), &fixed.known(&e, 0));
            contained("expm1", x, expm1(x), &fixed.known(&(&e - &fixed.one), 0));
            contained("tanh", x, tanh(x), &fixed.known(&fixed.tanh(&t), 0));
            contained("log1p", x, log1p(x), &fixed.known(&fixed.ln(&(&fixed.one + &t)), 0));
            contained("sigmoid", x, sigmoid(x), &fixed.known(&fixed.sigmoid(&t), 0));
        }
    }
    let tiny = f64::from_bits(1);
    for x in [751.0, 1e5, 1e200, f64::MAX] {
        assert!(exp(x) == Interval { lo: f64::MAX, hi: f64::INFINITY });
        assert!(exp(-x) == Interval { lo: 0.0, hi: tiny } && sigmoid(-x).hi > 0.0);
        assert!(tanh(x).lo < 1.0 && tanh(x).hi == 1.0 && sigmoid(x).lo < 1.0 && sigmoid(x).hi == 1.0);
        assert!(normal::distribution(x).lo < 1.0 && normal::distribution(-x) == exp(-x));
        assert!(
            softplus(x).contains(x) && softplus(x).hi > x && softplus(-x).hi > 0.0 && expm1(-x).hi > -1.0
        );
    }
    let infinite = f64::INFINITY;
    assert_eq!((exp(-infinite), exp(infinite).hi), (Interval::ZERO, infinite));
    assert_eq!((tanh(infinite), tanh(-infinite)), (Interval::ONE, -Interval::ONE));
    assert_eq!((sigmoid(infinite), sigmoid(-infinite)), (Interval::ONE, Interval::ZERO));
    assert_eq!((normal::distribution(infinite), softplus(-infinite)), (Interval::ONE, Interval::ZERO));
    assert_eq!((exp(0.0), tanh(-0.0), ln(1.0)), (Interval::ONE, Interval::ZERO, Interval::ZERO));
    assert_eq!((ln(-1.0), log1p(-1.5), ln(f64::NAN)), (Interval::ENTIRE, Interval::ENTIRE, Interval::ENTIRE));
    for f in [exp, sigmoid, tanh, softplus, sigmoid_slope, normal::density, normal::distribution] {
        let v = f(f64::NAN);
        assert!(v.lo <= 0.0 && v.hi >= 0.25);
    }
}

#[test]
fn intervals_follow_monotonicity() {
    let mut random = Random(14);
    for _ in 0..20_000 {
        let (a, b) = (random.between(-40.0, 40.0), random.between(-40.0, 40.0));
        let v = Interval::new(a.min(b), a.max(b));
        let x = random.between(v.lo, v.hi);
        for (whole, part) in [
            (v.exp(), exp(x)),
            (v.sigmoid(), sigmoid(x)),
            (v.tanh(), tanh(x)),
            (v.softplus(), softplus(x)),
            (v.expm1(), expm1(x)),
            (v.sigmoid_slope(), sigmoid_slope(x)),
        ] {
            assert!(whole.intersect(part).is_some(), "{v:?} {x}");
        }
        if v.lo > 0.0 {
            assert!(v.ln().intersect(ln(x)).is_some() && v.log1p().intersect(log1p(x)).is_some());
        }
    }
}
