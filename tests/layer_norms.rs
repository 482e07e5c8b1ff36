//! Norms of vectors, enclosures and single linear maps against naive definitions.

use clarke::method::layer::exact::{Side, extreme, line_sums};
use clarke::method::layer::{
    Effort, frobenius, gram, incidence_norm, interpolation, masked_norm, norm, power, reshapes, scale_norm,
    schur, selection_norm,
};
use clarke::num::apply::{apply, apply_up, materialise, transpose};
use clarke::num::cholesky::semidefinite_up_to;
use clarke::num::direction::vector_norm;
use clarke::num::lanczos::Noise;
use clarke::num::linalg::{cheap_upper, cholesky_upper, gram_upper, spectral_upper};
use clarke::num::norms::{operator_lower_direction, operator_upper, vector_norm_down, vector_norm_up};
use clarke::num::{Coefficient, ConvShape, Incidence, LinearMap, Norm, Scale, Upper};
use ndarray::{Array1, Array2};
use std::sync::Arc;

fn matrix(noise: &mut Noise, m: usize, n: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((m, n), || noise.draw())
}

fn pick(noise: &mut Noise, from: usize, to: usize) -> usize {
    from + ((noise.draw() + 1.0) / 2.0 * (to + 1 - from) as f64) as usize
}

/// The largest singular value by one-sided Jacobi rotations.
fn sigma(a: &Array2<f64>) -> f64 {
    let mut a = if a.nrows() < a.ncols() { a.t().to_owned() } else { a.clone() };
    for _ in 0..60 {
        let mut rotated = false;
        for p in 0..a.ncols() {
            for q in p + 1..a.ncols() {
                let (x, y) = (a.column(p).to_owned(), a.column(q).to_owned());
                let (xx, yy, xy) = (x.dot(&x), y.dot(&y), x.dot(&y));
                if xy == 0.0 || xy.abs() <= 1e-15 * (xx * yy).sqrt() {
                    continue;
                }
                rotated = true;
                let theta = (yy - xx) / (2.0 * xy);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                a.column_mut(p).assign(&(&x * c - &y * (c * t)));
                a.column_mut(q).assign(&(&x * (c * t) + &y * c));
            }
        }
        if !rotated {
            break;
        }
    }
    a.columns().into_iter().map(|c| c.dot(&c).sqrt()).fold(0.0, f64::max)
}

/// max over signs of ‖A s‖.
fn over_signs(a: &Array2<f64>, norm: Norm) -> f64 {
    let k = a.ncols();
    (0..1u32 << k)
        .map(|code| {
            let s = Array1::from_shape_fn(k, |i| if code >> i & 1 == 1 { -1.0 } else { 1.0 });
            vector_norm(a.dot(&s).view(), norm)
        })
        .fold(0.0, f64::max)
}

/// ‖A‖_{p→q} by definition; the enumerated side must be short.
fn truth(a: &Array2<f64>, p: Norm, q: Norm) -> f64 {
    let rows = || a.rows().into_iter().map(|r| vector_norm(r, p.dual())).fold(0.0, f64::max);
    let columns = || a.columns().into_iter().map(|c| vector_norm(c, q)).fold(0.0, f64::max);
    match (p, q) {
        _ if a.is_empty() => 0.0,
        (_, Norm::Inf) => rows(),
        (Norm::One, _) => columns(),
        (Norm::Two, Norm::Two) => sigma(a),
        (Norm::Inf, Norm::One) if a.nrows() < a.ncols() => over_signs(&a.t().to_owned(), Norm::One),
        (Norm::Inf, _) => over_signs(a, q),
        _ => over_signs(&a.t().to_owned(), Norm::Two),
    }
}

fn pairs() -> impl Iterator<Item = (Norm, Norm)> {
    Norm::ALL.into_iter().flat_map(|p| Norm::ALL.into_iter().map(move |q| (p, q)))
}

fn point_upper(a: &Array2<f64>, p: Norm, q: Norm) -> f64 {
    operator_upper(a.view(), Array2::zeros(a.dim()).view(), p, q).get()
}

#[test]
fn vector_norms_enclose_and_survive_extremes() {
    let mut noise = Noise(3);
    for _ in 0..2000 {
        let n = pick(&mut noise, 0, 40);
        let scale = 10f64.powi(pick(&mut noise, 0, 300) as i32 - 150);
        let v: Vec<f64> = (0..n).map(|_| noise.draw().abs() * scale).collect();
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
    let mut noise = Noise(5);
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
    let mut noise = Noise(6);
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
    let mut noise = Noise(7);
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
                    2..7 => c + if noise.draw() < 0.0 { -r } else { r },
                    _ => c + noise.draw() * r,
                });
                let exact = truth(&member, p, q);
                assert!(up >= exact * (1.0 - 1e-12), "{p} {q}: {up} < {exact}");
            }
        }
    }
}

#[test]
fn longer_sides_stay_above_local_search() {
    let mut noise = Noise(8);
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
    let mut noise = Noise(9);
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
    let mut noise = Noise(10);
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

/// A convolution of any geometry whose matrix stays small.
fn random_conv(noise: &mut Noise, largest: usize) -> LinearMap {
    loop {
        let groups = pick(noise, 1, 2);
        let mut two = |from, to| [pick(noise, from, to), pick(noise, from, to)];
        let (input, kernel, stride, dilation) = (two(1, largest), two(1, 4), two(1, 3), two(1, 2));
        let (pad, far) = (two(0, 3), two(0, 3));
        let [ins, outs] = two(1, 2);
        let reach = [0, 1].map(|a| dilation[a] * (kernel[a] - 1) + 1);
        if (0..2).any(|a| input[a] + pad[a] + far[a] < reach[a]) {
            continue;
        }
        let output = [0, 1].map(|a| (input[a] + pad[a] + far[a] - reach[a]) / stride[a] + 1);
        let (in_channels, out_channels) = (ins * groups, outs * groups);
        let shape =
            ConvShape { groups, in_channels, out_channels, input, output, kernel, stride, dilation, pad };
        let sign = pick(noise, 0, 5);
        let weight = (0..out_channels * ins * shape.taps())
            .map(|_| match sign {
                0 => noise.draw().abs(),
                1 => (3.0 * noise.draw()).round(),
                _ => noise.draw(),
            })
            .collect();
        let adjoint = noise.draw() < 0.0;
        return LinearMap::Conv { shape, weight: Arc::new(weight), adjoint };
    }
}

/// The matrix of a map from the definition of a convolution.
fn naive(map: &LinearMap) -> Array2<f64> {
    let (s, weight, adjoint) = match map {
        LinearMap::Dense(w) => return w.as_ref().clone(),
        LinearMap::Conv { shape, weight, adjoint } => (shape, weight, *adjoint),
    };
    let (ins, outs) = (s.in_channels / s.groups, s.out_channels / s.groups);
    let mut a = Array2::zeros((s.output_len(), s.input_len()));
    for j in 0..s.input_len() {
        let (ci, iy, ix) = (j / (s.input[0] * s.input[1]), (j / s.input[1]) % s.input[0], j % s.input[1]);
        for i in 0..s.output_len() {
            let (co, oy, ox) =
                (i / (s.output[0] * s.output[1]), (i / s.output[1]) % s.output[0], i % s.output[1]);
            if ci / ins != co / outs {
                continue;
            }
            for ty in 0..s.kernel[0] {
                for tx in 0..s.kernel[1] {
                    let y = (oy * s.stride[0] + ty * s.dilation[0]) as i64 - s.pad[0] as i64;
                    let x = (ox * s.stride[1] + tx * s.dilation[1]) as i64 - s.pad[1] as i64;
                    if (y, x) == (iy as i64, ix as i64) {
                        let pair = co * ins + ci % ins;
                        a[[i, j]] += weight[(pair * s.kernel[0] + ty) * s.kernel[1] + tx];
                    }
                }
            }
        }
    }
    if adjoint { a.reversed_axes() } else { a }
}

fn random_map(noise: &mut Noise, round: usize) -> LinearMap {
    if round.is_multiple_of(5) {
        let (m, n) = (pick(noise, 1, 12), pick(noise, 1, 12));
        LinearMap::Dense(Arc::new(matrix(noise, m, n)))
    } else {
        random_conv(noise, 6)
    }
}

#[test]
fn applications_follow_the_definition() {
    let mut noise = Noise(20);
    for round in 0..800 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        assert_eq!(materialise(&map), a);
        assert_eq!(materialise(&transpose(&map)), a.t());
        let x = noise.vector(map.inputs());
        let error = apply(&map, x.view()) - a.dot(&x);
        assert!(error.iter().all(|e| e.abs() <= 1e-13));
        let magnitudes = clarke::num::apply::absolute(&map);
        let x = x.mapv(f64::abs);
        let up = apply_up(&magnitudes, x.view());
        for (up, row) in up.iter().zip(a.mapv(f64::abs).rows()) {
            let low =
                vector_norm_down(row.iter().zip(&x).map(|(w, x)| (w * x).next_down().max(0.0)), Norm::One);
            assert!(low <= *up && *up <= low * (1.0 + 1e-13) + 1e-300);
        }
    }
}

#[test]
fn lines_are_exact_at_borders() {
    let mut noise = Noise(21);
    for round in 0..2000 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        for (side, lines) in [(Side::Rows, a.view()), (Side::Columns, a.t())] {
            for r in Norm::ALL {
                let exact = lines.rows().into_iter().map(|l| vector_norm(l, r)).fold(0.0, f64::max);
                let (low, high) = extreme(&map, side, r);
                assert!(low.get() <= high.get() && high.get() <= low.get() * (1.0 + 1e-14) + 1e-300);
                assert!(
                    (high.get() - exact).abs() <= 1e-12 * exact,
                    "{map:?} {side:?} {r}: {high:?} {exact}"
                );
            }
            let sums = line_sums(&map, side);
            let count: usize = sums.iter().map(|(_, count)| count).sum();
            assert_eq!(count, lines.nrows());
            let total: f64 = sums.iter().map(|((_, up), count)| up * *count as f64).sum();
            let exact: f64 = a.iter().map(|x| x.abs()).sum();
            assert!((total - exact).abs() <= 1e-12 * exact);
        }
    }
}

#[test]
fn every_spectral_method_is_on_its_side() {
    let mut noise = Noise(22);
    for round in 0..1500 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        let exact = sigma(&a);
        for (name, up) in [
            ("frobenius", frobenius::upper(&map)),
            ("interpolation", interpolation::upper(&map)),
            ("schur", schur::upper(&map, 6)),
            ("reshapes", reshapes::upper(&map, 500)),
            ("gram", gram::upper(&map, 500)),
        ] {
            assert!(up.get() >= exact - 1e-10 * exact, "{name} {map:?}: {up:?} < {exact}");
            if name == "gram" || name == "frobenius" && a.nrows().min(a.ncols()) == 1 {
                assert!(up.get() <= exact * (1.0 + 1e-8), "{name} {map:?}: {up:?} > {exact}");
            }
        }
        let length = a.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((frobenius::upper(&map).get() - length).abs() <= 1e-12 * length);
        let low = power::lanczos(&map, 1e-13).get();
        assert!(low <= exact * (1.0 + 1e-12) && low >= exact * (1.0 - 1e-9), "{map:?}: {low} {exact}");
    }
}

#[test]
fn reshapes_of_a_pointwise_kernel_are_exact() {
    let mut noise = Noise(23);
    let shape = ConvShape {
        groups: 1,
        in_channels: 7,
        out_channels: 5,
        input: [6, 9],
        output: [3, 9],
        kernel: [1, 1],
        stride: [2, 1],
        dilation: [1, 1],
        pad: [0, 0],
    };
    let w = matrix(&mut noise, 5, 7);
    let weight = Arc::new(w.iter().copied().collect());
    let up = reshapes::upper(&LinearMap::Conv { shape, weight, adjoint: false }, 100).get();
    assert!((up / sigma(&w) - 1.0).abs() <= 1e-9);
}

#[test]
fn all_pairs_of_random_maps() {
    let mut noise = Noise(24);
    let mut checked = 0;
    for round in 0..3000 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        if a.nrows().min(a.ncols()) > 9 || a.len() > 150 {
            continue;
        }
        checked += 1;
        for (p, q) in pairs() {
            let side = match (p, q) {
                (Norm::Inf, Norm::Two) => a.ncols(),
                (Norm::Two, Norm::One) => a.nrows(),
                _ => 0,
            };
            if side > 10 {
                continue;
            }
            let exact = truth(&a, p, q);
            for effort in [Effort::QUICK, Effort::FULL, Effort { entries: 0, order: 0, ..Effort::QUICK }] {
                let found = norm(&map, p, q, effort);
                let (low, up) = (found.lower.get(), found.upper.get());
                assert!(low <= exact * (1.0 + 1e-12), "{p} {q} {map:?}: {found:?} {exact}");
                assert!(up >= exact * (1.0 - 1e-12), "{p} {q} {map:?}: {found:?} {exact}");
                if p == Norm::One || q == Norm::Inf || a.nrows() == 1 || a.ncols() == 1 {
                    assert!(up <= exact * (1.0 + 1e-12) && low >= exact * (1.0 - 1e-12));
                }
                if effort == Effort::FULL {
                    assert!(up <= exact * (1.0 + 1e-8), "{p} {q} {map:?}: {found:?} {exact}");
                }
            }
        }
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn masks_and_scales() {
    let mut noise = Noise(25);
    for round in 0..600 {
        let map = random_map(&mut noise, round);
        let d: Vec<f64> = (0..map.outputs()).map(|_| (1.5 * noise.draw()).max(0.0)).collect();
        let mask: Vec<bool> = (0..map.inputs()).map(|_| noise.draw() > -0.4).collect();
        let mut a = naive(&map);
        ndarray::Zip::indexed(&mut a).for_each(|(i, j), x| *x *= d[i] * f64::from(mask[j]));
        let whole = gram::upper(&map, 500);
        for (p, q) in pairs() {
            if a.nrows().min(a.ncols()) > 9
                || matches!((p, q), (Norm::Inf, Norm::Two) if a.ncols() > 10)
                || matches!((p, q), (Norm::Two, Norm::One) if a.nrows() > 10)
            {
                continue;
            }
            let exact = truth(&a, p, q);
            let up = masked_norm(&map, &d, &mask, whole, p, q).get();
            assert!(up >= exact * (1.0 - 1e-12) && up <= exact * (1.0 + 1e-8), "{p} {q}: {up} {exact}");
            let up = clarke::method::layer::masked::structured(&map, &d, &mask, whole, p, q).get();
            assert!(up >= exact * (1.0 - 1e-12), "{p} {q} {map:?}: {up} {exact}");
            if p == Norm::One && q != Norm::Inf || p != Norm::One && q == Norm::Inf {
                assert!(up <= exact * (1.0 + 1e-11) + 1e-300, "{p} {q} {map:?}: {up} {exact}");
            }
        }
    }
}

#[test]
fn zero_padding_exceeds_the_circular_norm() {
    let shape = ConvShape {
        groups: 1,
        in_channels: 1,
        out_channels: 1,
        input: [17, 17],
        output: [17, 17],
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [1, 1],
    };
    let weight = Arc::new(vec![0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0]);
    let map = LinearMap::Conv { shape, weight, adjoint: false };
    let found = norm(&map, Norm::Two, Norm::Two, Effort::FULL);
    let exact = 4.0 + 4.0 * (std::f64::consts::PI / 18.0).cos();
    assert!(exact > 7.939231);
    assert!(found.upper.get() >= exact && found.upper.get() <= exact * (1.0 + 1e-8), "{found:?}");
    assert!(found.lower.get() <= exact && found.lower.get() >= exact * (1.0 - 1e-9), "{found:?}");
}

#[test]
fn diagonals_and_windows() {
    let mut noise = Noise(26);
    for _ in 0..300 {
        let (m, n) = (pick(&mut noise, 1, 7), pick(&mut noise, 1, 7));
        let factor: Vec<Coefficient> =
            (0..pick(&mut noise, 1, 3)).map(|_| Coefficient::exact(noise.draw())).collect();
        let shift = vec![Coefficient::ZERO; factor.len()];
        let scale = Scale::new(factor, shift, 2);
        let diagonal =
            Array2::from_shape_fn(
                (n, n),
                |(i, j)| {
                    if i == j { scale.factor[scale.index(i)].hi } else { 0.0 }
                },
            );
        let windows = (0..m).map(|_| (0..n as u32).filter(|_| noise.draw() < 0.2).collect::<Vec<_>>());
        let windows = Incidence::new(n, windows.collect::<Vec<_>>());
        let mut sums = Array2::zeros((m, n));
        let mut chosen = Array2::zeros((m, n));
        for i in 0..m {
            let window = windows.window(i);
            window.clone().for_each(|e| sums[[i, windows.index[e] as usize]] = 1.0);
            if !window.is_empty() {
                let last = windows.index[window.end - 1] as usize;
                let first = windows.index[window.start] as usize;
                let share = (noise.draw() + 1.0) / 2.0;
                chosen[[i, first]] += share;
                chosen[[i, last]] += 1.0 - share;
            }
        }
        for (p, q) in pairs() {
            let exact = truth(&diagonal, p, q);
            let (low, up) = scale_norm(&scale, n, p, q);
            assert!(low.get() <= exact * (1.0 + 1e-14) && exact <= up.get() * (1.0 + 1e-14));
            assert!(up.get() - low.get() <= 1e-14 * up.get());
            let exact = truth(&sums, p, q);
            let (low, up) = incidence_norm(&windows, p, q);
            assert!(low.get() <= exact * (1.0 + 1e-13) && exact <= up.get() * (1.0 + 1e-13), "{p} {q}");
            if (p, q) != (Norm::Two, Norm::Two) {
                assert!(up.get() - low.get() <= 1e-14 * up.get());
            }
            let exact = truth(&chosen, p, q);
            assert!(exact <= selection_norm(&windows, p, q).get() * (1.0 + 1e-13), "{p} {q}");
        }
    }
}

#[test]
fn extreme_weights_of_maps() {
    let mut noise = Noise(27);
    let effort = Effort { entries: 200, ..Effort::FULL };
    for round in 0..60 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        for scale in [1e300, 1e-300, 1e150, 1e-150] {
            let scaled = clarke::num::apply::map_weights(&map, |w| w * scale);
            for (p, q) in pairs() {
                let (base, found) = (norm(&map, p, q, effort), norm(&scaled, p, q, Effort::FULL));
                let (low, up) = (found.lower.get() / scale, found.upper.get() / scale);
                assert!(up >= base.lower.get() * (1.0 - 1e-12), "{p} {q} {scale:e} {map:?}: {found:?}");
                assert!(low <= base.upper.get() * (1.0 + 1e-12), "{p} {q} {scale:e} {map:?}: {found:?}");
                assert!(
                    up <= base.upper.get() * (1.0 + 1e-6),
                    "{p} {q} {scale:e} {map:?}: {found:?} {base:?}"
                );
            }
        }
        for broken in [f64::NAN, f64::INFINITY] {
            let broken = clarke::num::apply::map_weights(&map, |w| w * broken);
            if a.iter().all(|&x| x == 0.0) {
                continue;
            }
            for (p, q) in pairs() {
                let found = norm(&broken, p, q, effort);
                assert_eq!((found.upper, found.lower.get()), (Upper::INFINITE, 0.0), "{p} {q} {map:?}");
            }
        }
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
    let mut noise = Noise(30);
    for _ in 0..5000 {
        let n = pick(&mut noise, 1, 30);
        let v: Vec<f64> = (0..n)
            .map(|_| (noise.draw().abs() * 2f64.powi(pick(&mut noise, 20, 50) as i32)).round() + 1.0)
            .collect();
        for (norm, power) in [(Norm::One, 1), (Norm::Two, 2)] {
            let exact: i128 = v.iter().map(|&x| (x as i128).pow(power)).sum();
            let up = vector_norm_up(v.iter().copied(), norm);
            let down = vector_norm_down(v.iter().copied(), norm);
            assert!(compare(up, power, exact).is_ge(), "{v:?}");
            assert!(compare(down, power, exact).is_le(), "{v:?}");
            assert!(up <= down.next_up().next_up().next_up());
        }
    }
}

#[test]
fn cholesky_refuses_what_is_not_semidefinite() {
    let mut noise = Noise(31);
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
