//! Rounded arithmetic against exact arithmetic.

mod elementary;
mod smooth;

use crate::common::exact::{Dyadic, Random};
use clarke::num::interval::Interval;
use clarke::num::round::*;
use std::cmp::Ordering;

/// a and b, sometimes close to cancelling or equal in size.
fn pair(random: &mut Random) -> (f64, f64) {
    let (a, b) = (random.operand(), random.operand());
    match random.bits() % 4 {
        0 => (a, (-a.next_up()).clamp(f64::MIN, f64::MAX)),
        1 => (a, b.signum() * a),
        _ => (a, b),
    }
}

/// low <= exact result <= high, given the sign of (exact result - x) for any finite x.
fn check(what: &str, a: f64, b: f64, low: f64, high: f64, above: impl Fn(f64) -> Ordering) {
    assert!(low <= high, "{what} of {a:e} {b:e}: {low:e} > {high:e}");
    assert!(low < f64::INFINITY && high > f64::NEG_INFINITY, "{what} of {a:e} {b:e}");
    assert!(low.is_infinite() || above(low) != Ordering::Less, "{what} of {a:e} {b:e} below {low:e}");
    assert!(high.is_infinite() || above(high) != Ordering::Greater, "{what} of {a:e} {b:e} above {high:e}");
}

#[test]
fn scalars_enclose_the_exact_result() {
    let mut random = Random(1);
    for _ in 0..150_000 {
        let (a, b) = pair(&mut random);
        let (x, y) = (Dyadic::of(a), Dyadic::of(b));
        let versus = |d: Dyadic| move |t: f64| d.cmp(&Dyadic::of(t));
        check("sum", a, b, add_down(a, b), add_up(a, b), versus(x.add(&y)));
        check("difference", a, b, sub_down(a, b), sub_up(a, b), versus(x.add(&y.neg())));
        check("product", a, b, mul_down(a, b), mul_up(a, b), versus(x.mul(&y)));
        if b != 0.0 {
            // sign(a/b - t) = sign(a - t b) sign(b)
            let quotient = |t: f64| {
                let s = x.add(&Dyadic::of(t).mul(&y).neg()).sign();
                if b < 0.0 { s.reverse() } else { s }
            };
            check("quotient", a, b, div_down(a, b), div_up(a, b), quotient);
        }
        let root = Dyadic::of(a.abs());
        let square =
            |t: f64| if t < 0.0 { Ordering::Greater } else { root.cmp(&Dyadic::of(t).mul(&Dyadic::of(t))) };
        check("root", a.abs(), 0.0, sqrt_down(a.abs()), sqrt_up(a.abs()), square);
    }
}

#[test]
fn rounding_is_one_step_at_most() {
    let mut random = Random(2);
    for _ in 0..50_000 {
        let (a, b) = (random.sign() * random.between(0.5, 2.0), random.sign() * random.between(0.5, 2.0));
        for (low, high) in [
            (add_down(a, b), add_up(a, b)),
            (mul_down(a, b), mul_up(a, b)),
            (div_down(a, b), div_up(a, b)),
            (sqrt_down(a.abs()), sqrt_up(a.abs())),
        ] {
            assert!(low.next_up() >= high, "{a:e} {b:e}");
        }
    }
    assert_eq!(
        (add_up(0.5, 0.25), mul_down(3.0, 0.5), sqrt_up(9.0), div_up(9.0, 3.0)),
        (0.75, 1.5, 3.0, 3.0)
    );
    assert_eq!((mul_up(0.0, f64::INFINITY), mul_down(f64::INFINITY, 0.0)), (0.0, 0.0));
}

#[test]
fn sums_and_gamma() {
    let mut random = Random(3);
    for _ in 0..2_000 {
        let values: Vec<f64> = (0..1 + random.bits() % 30).map(|_| random.operand()).collect();
        let exact = values.iter().fold(Dyadic::of(0.0), |s, &v| s.add(&Dyadic::of(v)));
        let (low, high) = (sum_down(values.iter().copied()), sum_up(values.iter().copied()));
        assert!(exact.at_least(low), "{values:?}");
        assert!(exact.at_most(high), "{values:?}");
    }
    // gamma(n) (1 - n u) >= n u, exactly.
    for n in (0..2_000).chain((1..=90).map(|k| k * 1_000_000)).chain([89_999_999]) {
        let nu = Dyadic::of(n as f64).mul(&Dyadic::of(U));
        let product = Dyadic::of(gamma(n)).mul(&Dyadic::of(1.0).add(&nu.neg()));
        assert_ne!(product.cmp(&nu), Ordering::Less, "{n}");
    }
    assert_eq!(gamma(90_000_001), f64::INFINITY);
    for _ in 0..50_000 {
        let (x, k) = (random.operand().abs(), (random.bits() % 1000) as u32);
        let least = Dyadic::of(x).mul(&Dyadic::of(1.0).add(&Dyadic::of(k as f64 * U)));
        assert!(least.at_most(widen(x, k)), "{x:e} {k}");
    }
}

/// A random interval and a member.
fn interval(random: &mut Random) -> (Interval, f64) {
    let (a, b) = pair(random);
    let v = Interval::new(a.min(b), a.max(b));
    let inside = random.operand().clamp(v.lo, v.hi);
    (v, [v.lo, v.hi, inside][(random.bits() % 3) as usize])
}

#[test]
fn intervals_enclose_the_results_of_members() {
    let mut random = Random(4);
    for _ in 0..100_000 {
        let ((v, a), (w, b)) = (interval(&mut random), interval(&mut random));
        let (x, y) = (Dyadic::of(a), Dyadic::of(b));
        let versus = |d: Dyadic| move |t: f64| d.cmp(&Dyadic::of(t));
        let run = |what: &str, r: Interval, d: Dyadic| check(what, a, b, r.lo, r.hi, versus(d));
        run("sum", v + w, x.add(&y));
        run("difference", v - w, x.add(&y.neg()));
        run("product", v * w, x.mul(&y));
        run("negative", -v, x.neg());
        run("absolute value", v.abs(), Dyadic::of(a.abs()));
        run("square", v.sqr(), x.mul(&x));
        run("minimum", v.min(w), Dyadic::of(a.min(b)));
        run("maximum", v.max(w), Dyadic::of(a.max(b)));
        run("double", v.double(), x.add(&x));
        run("half", v.half(), x.mul(&Dyadic::of(0.5)));
        run("width", Interval::new(0.0, v.width()), Dyadic::of(a).add(&Dyadic::of(v.lo).neg()));
        run("ball", Interval::from_centre(a, b.abs()), x.add(&y));
        if b != 0.0 {
            let quotient = |n: Dyadic| {
                let y = y.clone();
                move |t: f64| {
                    let s = n.add(&Dyadic::of(t).mul(&y).neg()).sign();
                    if y.sign() == Ordering::Less { s.reverse() } else { s }
                }
            };
            let (r, q) = (v / w, w.recip());
            check("quotient", a, b, r.lo, r.hi, quotient(x.clone()));
            check("reciprocal", 1.0, b, q.lo, q.hi, quotient(Dyadic::of(1.0)));
        }
        if a >= 0.0 {
            let r = v.sqrt();
            check("root", a, 0.0, r.lo, r.hi, |t| {
                if t < 0.0 { Ordering::Greater } else { x.cmp(&Dyadic::of(t).mul(&Dyadic::of(t))) }
            });
        }
        assert!(v.hull(w).contains(a) && v.hull(w).contains(b) && v.hull(w).encloses(w));
        assert_eq!(v.intersect(w).is_some_and(|i| i.contains(a)), w.contains(a));
        assert!(v.mignitude() <= a.abs() && a.abs() <= v.magnitude());
    }
}

#[test]
fn undefined_intervals_are_the_whole_line() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let unbounded = Interval::new(1.0, infinite);
    for v in [
        Interval::new(nan, 1.0),
        Interval::new(2.0, 1.0),
        Interval::point(nan),
        Interval::from_centre(0.0, nan),
        Interval::from_centre(0.0, -1.0),
        Interval::from_centre(nan, 1.0),
        Interval::ONE / Interval::new(0.0, 1.0),
        Interval::ONE / Interval::new(-1.0, 1.0),
        Interval::new(-2.0, -1.0).sqrt(),
        Interval::point(infinite) - Interval::point(infinite),
    ] {
        assert_eq!(v, Interval::ENTIRE);
    }
    assert_eq!(unbounded * Interval::ZERO, Interval::ZERO);
    assert_eq!(Interval::ONE / unbounded, Interval::new(0.0, 1.0));
    assert_eq!(unbounded - unbounded, Interval::ENTIRE);
    assert_eq!(Interval::new(-infinite, -1.0).sqr(), Interval::new(1.0, infinite));
}

#[test]
fn pieces_survive_bad_ends() {
    use clarke::layer::{Piece, Piecewise};
    let reversed = Piecewise::Clip { lo: 2.0, hi: 1.0 };
    assert_eq!(reversed.piece(0, -5.0, 0.0), Piece::Fixed { slope: 0.0, offset: 1.0 });
    match Piecewise::ABS.piece(0, -3.0, f64::NAN) {
        Piece::Free { value, .. } => assert_eq!(value[1], f64::INFINITY),
        fixed => panic!("{fixed:?}"),
    }
}
