//! Norms of vectors, matrices and enclosures of matrices against naive definitions.

use crate::truth::{matrix, pairs, pick, sigma, truth};
use clarke::linalg::cholesky::{Hermitian, semidefinite_up_to};
use clarke::linalg::direction::{operator_lower_direction, vector_norm};
use clarke::linalg::gram::cheap_upper;
use clarke::linalg::operator::operator_upper;
use clarke::linalg::spectral::{cholesky_upper, gram_upper, spectral_upper};
use clarke::num::norms::{vector_norm_down, vector_norm_up};
use clarke::num::random::Random;
use clarke::num::{Norm, Upper};
use ndarray::{Array1, Array2};

fn point_upper(a: &Array2<f64>, p: Norm, q: Norm) -> f64 {
    operator_upper(a.view(), Array2::zeros(a.dim()).view(), p, q).get()
}

#[test]
fn vector_norms_enclose_and_survive_extremes() {
    let mut noise = Random(3);
    for _ in 0..2000 {
        let n = pick(&mut noise, 0, 40);
        let scale = 10f64.powi(pick(&mut noise, 0, 300) as i32 - 150);
        let v: Vec<f64> = (0..n).map(|_| noise.signed().abs() * scale).collect();
        for norm in Norm::ALL {
            let (down, up) =
                (vector_norm_down(v.iter().copied(), norm), vector_norm_up(v.iter().copied(), norm));
            let plain = vector_norm(Array1::from(v.clone()).view(), norm);
            assert!(down <= up && up - down <= 1e-15 * up, "{down} {up}");
            assert!(up >= plain * (1.0 - 1e-14) && down <= plain * (1.0 + 1e-14));
        }
    }
    assert_eq!(vector_norm_up([3.0, 4.0], Norm::Two), 5.0);
    assert_eq!(vector_norm_down([3.0, 4.0], Norm::Two), 5.0);
    assert_eq!(vector_norm_up([0.1; 10], Norm::Inf), 0.1);
    for big in [1e300, 1e-300, 5e-324] {
        let up = vector_norm_up([3.0 * big, 4.0 * big], Norm::Two);
        let down = vector_norm_down([3.0 * big, 4.0 * big], Norm::Two);
        assert!(down <= 5.0 * big && 5.0 * big <= up && up <= 5.0 * big * (1.0 + 1e-14) + 1e-323);
    }
    for norm in Norm::ALL {
        assert_eq!(vector_norm_up([1.0, f64::NAN], norm), f64::INFINITY);
        assert_eq!(vector_norm_up([1.0, f64::INFINITY], norm), f64::INFINITY);
        assert_eq!(vector_norm_down([1.0, f64::NAN], norm), 0.0);
        assert_eq!(vector_norm_up([], norm), 0.0);
    }
    assert_eq!(vector_norm_up([f64::MAX; 3], Norm::One), f64::INFINITY);
    assert!(vector_norm_down([f64::MAX; 3], Norm::One).is_finite());
}

#[test]
fn points_of_all_nine_pairs() {
    let mut noise = Random(5);
    for round in 0..400 {
        let (m, n) = (pick(&mut noise, 1, 8), pick(&mut noise, 1, 8));
        let mut a = matrix(&mut noise, m, n);
        if round % 4 == 0 {
            a.mapv_inplace(|x| if x.abs() < 0.5 { 0.0 } else { (4.0 * x).round() });
        }
        for (p, q) in pairs() {
            let (up, exact) = (point_upper(&a, p, q), truth(&a, p, q));
            assert!(up >= exact * (1.0 - 1e-13), "{p} {q}: {up} < {exact} for {a}");
            assert!(up <= exact * (1.0 + 1e-9) + 1e-300, "{p} {q}: {up} > {exact} for {a}");
            // The proposal attains the norm.
            let u = Array1::from(operator_lower_direction(a.view(), p, q));
            let reached = vector_norm(a.t().dot(&u).view(), p.dual());
            assert!(vector_norm(u.view(), q.dual()) <= 1.0 + 1e-12);
            assert!(reached >= exact * (1.0 - 1e-11), "{p} {q}: {reached} of {exact} for {a}");
        }
    }
}

#[test]
fn scalar_outputs_and_inputs_are_exact() {
    let mut noise = Random(6);
    let row = matrix(&mut noise, 1, 50);
    for (p, q) in pairs() {
        let up = point_upper(&row, p, q);
        assert!((up - vector_norm(row.row(0), p.dual())).abs() <= 1e-14 * up);
        let up = point_upper(&row.t().to_owned(), p, q);
        assert!((up - vector_norm(row.row(0), q)).abs() <= 1e-14 * up);
        for dim in [(0, 0), (0, 3), (3, 0), (2, 2)] {
            assert_eq!(point_upper(&Array2::zeros(dim), p, q), 0.0);
        }
    }
}

#[test]
fn enclosures_contain_their_members() {
    let mut noise = Random(7);
    for _ in 0..300 {
        let (m, n) = (pick(&mut noise, 1, 6), pick(&mut noise, 1, 6));
        let c = matrix(&mut noise, m, n);
        let width = 10f64.powi(-(pick(&mut noise, 0, 6) as i32));
        let r = matrix(&mut noise, m, n).mapv(|x| if x < 0.0 { 0.0 } else { x * width });
        for (p, q) in pairs() {
            let up = operator_upper(c.view(), r.view(), p, q).get();
            for corner in 0..12 {
                let member = ndarray::Zip::from(&c).and(&r).map_collect(|&c, &r| match corner {
                    0 => c,
                    1 => c + c.signum() * r,
                    2..7 => c + if noise.signed() < 0.0 { -r } else { r },
                    _ => c + noise.signed() * r,
                });
                let exact = truth(&member, p, q);
                assert!(up >= exact * (1.0 - 1e-12), "{p} {q}: {up} < {exact}");
            }
        }
    }
}

#[test]
fn longer_sides_stay_above_local_search() {
    let mut noise = Random(8);
    for (m, n) in [(30, 10), (10, 30), (16, 40), (40, 40), (120, 25), (25, 120)] {
        let a = matrix(&mut noise, m, n);
        for (p, q) in pairs() {
            let up = point_upper(&a, p, q);
            let u = Array1::from(operator_lower_direction(a.view(), p, q));
            let reached = vector_norm(a.t().dot(&u).view(), p.dual());
            assert!(vector_norm(u.view(), q.dual()) <= 1.0 + 1e-12);
            assert!(reached <= up * (1.0 + 1e-12) && up <= 1.7 * reached, "{p} {q}: {reached} {up}");
        }
    }
}

#[test]
fn spectral_bounds_are_tight() {
    let mut noise = Random(9);
    for (m, n) in [(10, 784), (784, 10), (64, 64), (100, 40), (90, 300), (1, 9), (24, 25)] {
        let a = matrix(&mut noise, m, n);
        let exact = sigma(&a);
        for (name, up) in [
            ("gram", gram_upper(a.view())),
            ("cholesky", cholesky_upper(a.view())),
            ("best", spectral_upper(a.view())),
        ] {
            let excess = up.get() / exact - 1.0;
            assert!(excess >= -1e-13, "{name} {m} x {n}: {excess:e}");
            let goal = if name == "gram" && m.min(n) > 64 { 1e-5 } else { 1e-9 };
            assert!(excess <= goal, "{name} {m} x {n}: {excess:e}");
        }
    }
    // A flat spectrum is the slowest case of the iteration.
    let eye = Array2::<f64>::eye(50);
    assert!(gram_upper(eye.view()).get() >= 1.0 && gram_upper(eye.view()).get() <= 1.0 + 1e-10);
    let rank_one = Array2::from_shape_fn((30, 40), |(i, j)| (i + 1) as f64 * (j + 1) as f64);
    let exact = (30.0 * 31.0 * 61.0 / 6.0 * (40.0 * 41.0 * 81.0 / 6.0f64)).sqrt();
    assert!((spectral_upper(rank_one.view()).get() / exact - 1.0).abs() <= 1e-12);
}

#[test]
fn extreme_scales_and_broken_numbers() {
    let mut noise = Random(10);
    for (m, n) in [(4, 6), (30, 28)] {
        let a = matrix(&mut noise, m, n);
        for exponent in [-1070, -1000, -500, -300, 300, 500, 1000, 1015] {
            let scale = 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            for (p, q) in pairs() {
                let (up, base) = (point_upper(&a.mapv(|x| x * scale), p, q), point_upper(&a, p, q));
                // Entries near 2^-1074 lose digits when the test scales them.
                let loss = if exponent < -1000 { 1.0 } else { 1e-9 };
                assert!(up >= base * (1.0 - loss) * scale, "{p} {q} 2^{exponent}: {up:e}");
                let wide = if exponent < -1000 { 100.0 } else { 1.0 + 1e-6 };
                assert!(up <= base * wide * scale + 1e-320, "{p} {q} 2^{exponent}: {up:e}");
            }
        }
        for broken in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut b = a.clone();
            b[[1, 2]] = broken;
            let zero = Array2::zeros(b.dim());
            for (p, q) in pairs() {
                assert_eq!(operator_upper(b.view(), zero.view(), p, q), Upper::INFINITE);
                assert_eq!(operator_upper(a.view(), b.mapv(f64::abs).view(), p, q), Upper::INFINITE);
            }
            assert_eq!(spectral_upper(b.view()), Upper::INFINITE);
            assert_eq!(cheap_upper(b.view()), f64::INFINITY);
        }
    }
    let huge = Array2::from_elem((30, 30), 1e308);
    for (p, q) in pairs() {
        assert!(point_upper(&huge, p, q) >= 1e308);
    }
}

/// x = mantissa 2^exponent for a positive x.
fn exact_parts(x: f64) -> (i128, i32) {
    let bits = x.to_bits();
    ((bits & ((1 << 52) - 1) | 1 << 52) as i128, (bits >> 52) as i32 - 1075)
}

/// x^power compared with an integer, exactly.
fn compare(x: f64, power: u32, integer: i128) -> std::cmp::Ordering {
    let (mantissa, exponent) = exact_parts(x);
    let (left, shift) = (mantissa.pow(power), exponent * power as i32);
    if shift >= 0 { (left << shift).cmp(&integer) } else { left.cmp(&(integer << -shift)) }
}

#[test]
fn vector_norms_against_integers() {
    let mut noise = Random(30);
    for _ in 0..5000 {
        let n = pick(&mut noise, 1, 30);
        let v: Vec<f64> = (0..n)
            .map(|_| (noise.signed().abs() * 2f64.powi(pick(&mut noise, 20, 50) as i32)).round() + 1.0)
            .collect();
        for (norm, power) in [(Norm::One, 1), (Norm::Two, 2)] {
            let exact: i128 = v.iter().map(|&x| (x as i128).pow(power)).sum();
            let up = vector_norm_up(v.iter().copied(), norm);
            let down = vector_norm_down(v.iter().copied(), norm);
            assert!(compare(up, power, exact).is_ge(), "{v:?}");
            assert!(compare(down, power, exact).is_le(), "{v:?}");
            assert!(up <= down * (1.0 + 1e-15));
        }
    }
}

#[test]
fn cholesky_refuses_what_is_not_semidefinite() {
    let mut noise = Random(31);
    for n in [1, 2, 10, 63, 64, 65, 130, 200] {
        let w = matrix(&mut noise, n + 5, n);
        let gram = w.t().dot(&w);
        let top = sigma(&w).powi(2);
        for (shift, definite) in [(top * (1.0 + 1e-9), true), (top * (1.0 - 1e-6), false)] {
            let mut a = gram.mapv(|x| -x);
            a.diag_mut().mapv_inplace(|x| x + shift);
            let eta = semidefinite_up_to(&mut a);
            assert_eq!(eta.is_some(), definite, "{n}");
            assert!(eta.is_none_or(|eta| eta <= 1e-9 * top));
        }
    }
    let mut broken = Array2::<f64>::eye(4);
    broken[[3, 1]] = f64::NAN;
    assert_eq!(semidefinite_up_to(&mut broken), None);
}

/// A complex matrix is definite exactly if its real form [[Re, −Im], [Im, Re]] is.
#[test]
fn cholesky_of_complex_matrices() {
    let mut noise = Random(32);
    for n in [1, 2, 3, 15, 16, 17, 33, 50, 90, 130] {
        let (x, y) = (matrix(&mut noise, n + 3, n), matrix(&mut noise, n + 3, n));
        // (X + iY)ᴴ (X + iY)
        let re = x.t().dot(&x) + y.t().dot(&y);
        let im = x.t().dot(&y) - y.t().dot(&x);
        let real = ndarray::concatenate![
            ndarray::Axis(0),
            ndarray::concatenate![ndarray::Axis(1), x, y.mapv(|v| -v)],
            ndarray::concatenate![ndarray::Axis(1), y, x]
        ];
        let top = sigma(&real).powi(2);
        for (shift, definite) in [(top * (1.0 + 1e-9), true), (top * (1.0 - 1e-6), false)] {
            let mut a = Hermitian { re: re.mapv(|v| -v), im: Some(im.mapv(|v| -v)) };
            a.re.diag_mut().mapv_inplace(|v| v + shift);
            // What lies above the diagonal is not read.
            (0..n).for_each(|i| (i + 1..n).for_each(|j| a.re[[i, j]] = f64::NAN));
            let eta = a.semidefinite_up_to();
            assert_eq!(eta.is_some(), definite, "{n}");
            assert!(eta.is_none_or(|eta| eta <= 1e-9 * top));
            if definite && n > 1 {
                // L Lᴴ is the matrix again.
                let l = |i: usize, j: usize| {
                    let im = a.im.as_ref().expect("complex");
                    if j < i { (a.re[[i, j]], im[[i, j]]) } else { (a.re[[i, j]], 0.0) }
                };
                let (i, j) = (n - 1, n / 2);
                let (mut c, mut s) = (0.0, 0.0);
                for k in 0..=j.min(i) {
                    let ((p, q), (r, t)) = (l(i, k), l(j, k));
                    (c, s) = (c + p * r + q * t, s + q * r - p * t);
                }
                let diagonal = if i == j { shift } else { 0.0 };
                let error =
                    (c + re[[i, j]] - diagonal).abs().max(if i == j { 0.0 } else { (s + im[[i, j]]).abs() });
                assert!(error <= 1e-12 * top * n as f64, "{n}: {error}");
            }
        }
    }
}
