//! Smooth activations: containment, tightness and refinement.

use super::elementary::contained;
use crate::common::exact::{Dyadic, Fixed, Random};
use clarke::layer::Smooth;
use clarke::layer::smooth::range::{derivative, evaluate, slope, value};
use clarke::num::interval::Interval;
use clarke::rules::smooth::lines;
use dashu_int::IBig;

const ALL: [Smooth; 10] = [
    Smooth::Sigmoid,
    Smooth::Tanh,
    Smooth::Softplus,
    Smooth::Elu { alpha: 1.0 },
    Smooth::Elu { alpha: 0.3 },
    Smooth::Elu { alpha: 1.7 },
    Smooth::Elu { alpha: -0.5 },
    Smooth::Gelu { tanh: false },
    Smooth::Gelu { tanh: true },
    Smooth::Silu,
];

/// f and f' (left of 0 for Elu) in fixed point.
fn reference(fixed: &Fixed, f: Smooth, x: f64) -> (IBig, IBig) {
    let (one, t) = (&fixed.one, fixed.of(x));
    let slope_of = |s: &IBig| fixed.mul(s, &(one - s));
    match f {
        Smooth::Sigmoid => {
            let s = fixed.sigmoid(&t);
            (s.clone(), slope_of(&s))
        }
        Smooth::Tanh => {
            let s = fixed.tanh(&t);
            let square = fixed.mul(&s, &s);
            (s, one - square)
        }
        Smooth::Softplus => (fixed.ln(&(one + fixed.exp(&t))), fixed.sigmoid(&t)),
        Smooth::Elu { .. } if x > 0.0 => (t, one.clone()),
        Smooth::Elu { alpha } => {
            let (a, e) = (fixed.of(alpha), fixed.exp(&t));
            (fixed.mul(&a, &(&e - one)), fixed.mul(&a, &e))
        }
        Smooth::Gelu { tanh: false } => {
            let (p, d) = (fixed.distribution(&t), fixed.density(&t));
            (fixed.mul(&t, &p), p + fixed.mul(&t, &d))
        }
        Smooth::Gelu { tanh: true } => {
            let root = fixed.sqrt(&fixed.div(&(one * 8), &fixed.pi));
            let cubic = fixed.mul(&t, &t) * 44_715 / 1_000_000;
            let s = fixed.sigmoid(&fixed.mul(&fixed.mul(&root, &t), &(one + &cubic)));
            let steep = fixed.mul(&root, &(one + cubic * 3));
            (fixed.mul(&t, &s), &s + fixed.mul(&fixed.mul(&t, &steep), &slope_of(&s)))
        }
        Smooth::Silu => {
            let s = fixed.sigmoid(&t);
            (fixed.mul(&t, &s), &s + fixed.mul(&t, &slope_of(&s)))
        }
    }
}

fn pair((lo, hi): (f64, f64)) -> Interval {
    assert!(lo <= hi);
    Interval { lo, hi }
}

#[test]
fn points_contain_the_truth_and_are_tight() {
    let fixed = Fixed::new(600);
    let mut random = Random(21);
    for f in ALL {
        let mut xs = vec![0.0, 1.0, -1.0, -0.7517915246935645, std::f64::consts::SQRT_2, 2.3993572805154675];
        xs.extend((0..150).map(|_| random.between(-5.0, 5.0)));
        xs.extend((0..50).map(|_| random.between(-14.0, 14.0)));
        xs.extend((0..30).map(|_| random.sign() * 2f64.powf(random.between(-60.0, 0.0))));
        for x in xs {
            let (v, s) = reference(&fixed, f, x);
            let (range, slopes) = (pair(value(f, x, x)), pair(slope(f, x, x)));
            contained("value", x, range, &fixed.known(&v, 0));
            contained("slope", x, slopes, &fixed.known(&s, 0));
            let kink = matches!(f, Smooth::Elu { .. }) && x == 0.0;
            assert!(range.width() <= 1.5e-15 * x.abs().max(1.0), "{f:?} {x}: {range:?}");
            assert!(kink || slopes.width() <= 2e-15, "{f:?} {x}: {slopes:?}");
            assert!((evaluate(f, x) - range.lo).abs() < 1e-14, "{f:?} {x}");
            assert!(kink || (derivative(f, x) - slopes.lo).abs() < 1e-14, "{f:?} {x}");
        }
    }
}

/// Random intervals: wide, narrow, one-sided, of a few ulps, huge.
fn interval(random: &mut Random) -> (f64, f64) {
    let centre = random.between(-6.0, 6.0);
    let (a, b) = match random.bits() % 8 {
        0 => (random.between(-40.0, 40.0), random.between(-40.0, 40.0)),
        1 => (centre, centre + 2f64.powf(random.between(-50.0, 0.0))),
        2 => (random.operand(), random.operand()),
        3 => (centre, 0.0),
        _ => (centre, random.between(-6.0, 6.0)),
    };
    (a.min(b), a.max(b))
}

/// Members of [l, u]: the ends, even steps, and points around 0.
fn members(random: &mut Random, l: f64, u: f64) -> Vec<f64> {
    let mut xs = vec![l, u, 0f64.clamp(l, u)];
    for i in 1..40 {
        let t = i as f64 / 40.0;
        xs.push((l * (1.0 - t) + u * t).clamp(l, u));
        xs.push(random.between(-6.0, 6.0).clamp(l, u));
    }
    xs
}

#[test]
fn ranges_contain_their_members_and_refine() {
    let mut random = Random(22);
    for f in ALL {
        for _ in 0..1_500 {
            let (l, u) = interval(&mut random);
            let (range, slopes) = (pair(value(f, l, u)), pair(slope(f, l, u)));
            let xs = members(&mut random, l, u);
            for &x in &xs {
                assert!(range.intersect(pair(value(f, x, x))).is_some(), "{f:?} [{l:e}, {u:e}] {x:e}");
                assert!(slopes.intersect(pair(slope(f, x, x))).is_some(), "{f:?} [{l:e}, {u:e}] {x:e}");
            }
            let (a, b) = (xs[5].min(xs[6]), xs[5].max(xs[6]));
            let slack = |v: Interval| Interval {
                lo: v.lo - 1e-14 * v.lo.abs().max(1.0),
                hi: v.hi + 1e-14 * v.hi.abs().max(1.0),
            };
            assert!(slack(range).encloses(pair(value(f, a, b))), "{f:?} [{a:e}, {b:e}] in [{l:e}, {u:e}]");
            assert!(slack(slopes).encloses(pair(slope(f, a, b))), "{f:?} [{a:e}, {b:e}] in [{l:e}, {u:e}]");
        }
    }
}

/// The range is attained: no wider than what 2 000 samples see, nearly.
#[test]
fn ranges_are_exact() {
    let mut random = Random(23);
    for f in ALL {
        for _ in 0..60 {
            let (a, b) = (random.between(-6.0, 6.0), random.between(-6.0, 6.0));
            let (l, u) = (a.min(b), a.max(b));
            let xs = (0..=2_000).map(|i| l + (u - l) * i as f64 / 2_000.0).chain([-1e-9, 1e-9]);
            let (mut seen, mut steep) = (Interval::point(evaluate(f, l)), Interval::point(derivative(f, l)));
            for x in xs.map(|x| x.clamp(l, u)) {
                seen = seen.hull(Interval::point(evaluate(f, x)));
                steep = steep.hull(Interval::point(derivative(f, x)));
            }
            let (range, slopes) = (pair(value(f, l, u)), pair(slope(f, l, u)));
            assert!(range.width() <= seen.width() + 2e-5, "{f:?} [{l}, {u}] {range:?} {seen:?}");
            assert!(slopes.width() <= steep.width() + 2e-5, "{f:?} [{l}, {u}] {slopes:?} {steep:?}");
        }
    }
    let (lo, hi) = slope(Smooth::Gelu { tanh: false }, f64::NEG_INFINITY, f64::INFINITY);
    assert!(lo > -0.12891 && hi < 1.12891, "{lo} {hi}");
    let (lo, hi) = slope(Smooth::Silu, f64::NEG_INFINITY, f64::INFINITY);
    assert!(lo > -0.09984 && hi < 1.09984, "{lo} {hi}");
    assert_eq!(slope(Smooth::Elu { alpha: -0.5 }, 0.0, 0.0), (-0.5, 1.0));
    assert_eq!(slope(Smooth::Elu { alpha: 1.0 }, 0.0, 0.0), (1.0, 1.0));
    assert_eq!(slope(Smooth::Tanh, -1.0, 1.0).1, 1.0);
}

/// k x + shift, exactly.
fn line(k: f64, x: f64, shift: f64) -> Dyadic {
    Dyadic::of(k).mul(&Dyadic::of(x)).add(&Dyadic::of(shift))
}

#[test]
fn lines_enclose_the_function() {
    let mut random = Random(24);
    for f in ALL {
        for _ in 0..700 {
            let (l, u) = interval(&mut random);
            let [k, shift, top_k, top_shift] = lines(f, l, u);
            for x in members(&mut random, l, u) {
                let v = pair(value(f, x, x));
                assert!(
                    line(k, x, shift).at_most(v.hi) && line(top_k, x, top_shift).at_least(v.lo),
                    "{f:?} [{l:e}, {u:e}] at {x:e}: {k} {shift} {top_k} {top_shift}"
                );
            }
        }
    }
}

#[test]
fn lines_hold_exactly() {
    let fixed = Fixed::new(600);
    let mut random = Random(25);
    for f in ALL {
        for _ in 0..25 {
            let (a, b) = (random.between(-8.0, 8.0), random.between(-8.0, 8.0));
            let (l, u) = (a.min(b), a.max(b));
            let [k, shift, top_k, top_shift] = lines(f, l, u);
            for i in 0..=12 {
                let x = (l + (u - l) * i as f64 / 12.0).clamp(l, u);
                let truth = fixed.known(&reference(&fixed, f, x).0, 0);
                assert!(line(k, x, shift).cmp(&truth.hi).is_le(), "{f:?} [{l}, {u}] {x}");
                assert!(line(top_k, x, top_shift).cmp(&truth.lo).is_ge(), "{f:?} [{l}, {u}] {x}");
            }
        }
    }
}

/// The gap in the middle against that of the samples' convex hull, which no pair of lines beats.
#[test]
fn lines_are_tight() {
    let mut random = Random(26);
    for f in ALL {
        for _ in 0..300 {
            let (a, b) = (random.between(-8.0, 8.0), random.between(-8.0, 8.0));
            let (l, u) = (a.min(b), a.max(b));
            let middle = 0.5 * (l + u);
            let xs: Vec<f64> = (0..=400).map(|i| l + (u - l) * i as f64 / 400.0).collect();
            let ys: Vec<f64> = xs.iter().map(|&x| evaluate(f, x)).collect();
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for i in (0..=200).step_by(2) {
                for j in (200..=400).step_by(2) {
                    let t = if i == j { 0.0 } else { (middle - xs[i]) / (xs[j] - xs[i]) };
                    let y = ys[i] * (1.0 - t) + ys[j] * t;
                    (low, high) = (low.min(y), high.max(y));
                }
            }
            let [k, shift, top_k, top_shift] = lines(f, l, u);
            let gap = (top_k * middle + top_shift) - (k * middle + shift);
            if high - low > 1e-6 {
                assert!(gap <= 1.025 * (high - low), "{f:?} [{l}, {u}]: {gap} against {}", high - low);
            }
        }
    }
}

#[test]
fn degenerate_intervals() {
    let infinite = f64::INFINITY;
    for f in ALL {
        for (l, u) in
            [(-infinite, infinite), (-infinite, 1.0), (-1.0, infinite), (0.5, 0.5), (f64::MIN, f64::MAX)]
        {
            let [k, shift, top_k, top_shift] = lines(f, l, u);
            let (lo, hi) = value(f, l, u);
            assert!(lo <= hi && shift <= top_shift && (k.is_finite() && top_k.is_finite()));
            for x in [-1.0f64, 0.0, 0.5, 3.0, 1e6].map(|x| x.clamp(l, u)) {
                let v = pair(value(f, x, x));
                assert!(v.lo <= hi && v.hi >= lo);
                assert!(
                    k * x + shift <= v.hi + 1e-12 && top_k * x + top_shift >= v.lo - 1e-12,
                    "{f:?} {l} {u}"
                );
            }
            assert!(pair(slope(f, l, u)).is_finite());
        }
        for (l, u) in [(f64::NAN, 1.0), (0.0, f64::NAN), (2.0, 1.0)] {
            assert_eq!(value(f, l, u), (-infinite, infinite));
            assert_eq!(slope(f, l, u), (-infinite, infinite));
            assert_eq!(lines(f, l, u), [0.0, -infinite, 0.0, infinite]);
        }
    }
    for (x, s) in [(infinite, 1.0), (-infinite, 0.0), (f64::MAX, 1.0), (f64::MIN, 0.0)] {
        for f in [Smooth::Silu, Smooth::Gelu { tanh: false }, Smooth::Gelu { tanh: true }] {
            let v = pair(slope(f, x, x));
            assert!(v.contains(s) && v.width() < 1e-15, "{f:?} {x} {v:?}");
        }
    }
}
