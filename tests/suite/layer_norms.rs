//! Norms of single linear maps against the matrix written out from the definition.

use crate::common::share;
use crate::truth::{matrix, pairs, pick, sigma, truth};
use clarke::backend::cpu::Cpu;
use clarke::layer::apply::{absolute, apply, apply_up, map_weights, materialise, transpose};
use clarke::layer::lines::{Side, extreme, line_sums};
use clarke::layer::{ConvShape, Incidence, LinearMap, Scale};
use clarke::linalg::direction::vector_norm;
use clarke::method::layer::{Effort, frobenius, gram, interpolation, lipbound, norm, power, reshapes, schur};
use clarke::num::norms::vector_norm_down;
use clarke::num::random::Random;
use clarke::num::{Coefficient, Norm, Upper};
use clarke::rules::masks::Masks;
use clarke::rules::selections::{incidence_norm, scale_norm, selection_norm};
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

/// A convolution of any geometry whose matrix stays small.
pub fn random_conv(noise: &mut Random, largest: usize) -> LinearMap {
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
                0 => noise.signed().abs(),
                1 => (3.0 * noise.signed()).round(),
                _ => noise.signed(),
            })
            .collect();
        let adjoint = noise.signed() < 0.0;
        return LinearMap::Conv { shape, weight: Arc::new(weight), adjoint };
    }
}

/// The matrix of a map from the definition of a convolution.
pub fn naive(map: &LinearMap) -> Array2<f64> {
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

fn random_map(noise: &mut Random, round: usize) -> LinearMap {
    if round.is_multiple_of(5) {
        let (m, n) = (pick(noise, 1, 12), pick(noise, 1, 12));
        LinearMap::Dense(Arc::new(matrix(noise, m, n)))
    } else {
        random_conv(noise, 6)
    }
}

#[test]
fn applications_follow_the_definition() {
    let mut noise = Random(20);
    for round in 0..800 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        assert_eq!(materialise(&map), a);
        assert_eq!(materialise(&transpose(&map)), a.t());
        let x = noise.vector(map.inputs());
        let error = apply(&map, x.view()) - a.dot(&x);
        assert!(error.iter().all(|e| e.abs() <= 1e-13));
        let magnitudes = absolute(&map);
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
    let mut noise = Random(21);
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
    let mut noise = Random(22);
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
            ("toeplitz-rows", lipbound::uppers(&map).0),
            ("toeplitz", lipbound::uppers(&map).1),
        ] {
            assert!(up.get() >= exact - 1e-10 * exact, "{name} {map:?}: {up:?} < {exact}");
            if name == "gram" || name == "frobenius" && a.nrows().min(a.ncols()) == 1 {
                assert!(up.get() <= exact * (1.0 + 1e-8), "{name} {map:?}: {up:?} > {exact}");
            }
        }
        let length = a.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((frobenius::upper(&map).get() - length).abs() <= 1e-12 * length);
        let low = power::lanczos(&map, 1e-13, None).get();
        assert!(low <= exact * (1.0 + 1e-12) && low >= exact * (1.0 - 1e-9), "{map:?}: {low} {exact}");
    }
}

#[test]
fn reshapes_of_a_pointwise_kernel_are_exact() {
    let mut noise = Random(23);
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
    let mut noise = Random(24);
    let maps: Vec<LinearMap> = (0..share(3000)).map(|round| random_map(&mut noise, round)).collect();
    let checked: usize = maps.par_iter().map(|map| every_pair(map) as usize).sum();
    assert!(checked > share(500), "{checked}");
}

const TRIES: power::Tries = power::Tries { starts: 4, steps: 100 };

/// The norms of one map for all pairs, with much effort and with little; false where it is too large for the truth.
fn every_pair(map: &LinearMap) -> bool {
    let a = naive(map);
    if a.nrows().min(a.ncols()) > 9 || a.len() > 150 {
        return false;
    }
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
        let climbed = power::on(&Cpu::DOUBLE, map, p, q, TRIES).get();
        assert!(climbed <= exact * (1.0 + 1e-12), "{p} {q} {map:?}: {climbed} {exact}");
        // Between other norms it may end on a lower hill.
        let least = if (p, q) == (Norm::Two, Norm::Two) { 0.99 } else { 0.0 };
        assert!(climbed >= least * exact, "{p} {q} {map:?}: {climbed} {exact}");
        for effort in [Effort::QUICK, Effort::FULL, Effort { entries: 0, order: 0, ..Effort::QUICK }] {
            let found = norm(map, p, q, effort);
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
    true
}

#[test]
fn masks_and_scales() {
    let mut noise = Random(25);
    for round in 0..600 {
        let map = random_map(&mut noise, round);
        let d: Vec<f64> = (0..map.outputs()).map(|_| (1.5 * noise.signed()).max(0.0)).collect();
        let mask: Vec<bool> = (0..map.inputs()).map(|_| noise.signed() > -0.4).collect();
        let mut a = naive(&map);
        ndarray::Zip::indexed(&mut a).for_each(|(i, j), x| *x *= d[i] * f64::from(mask[j]));
        let whole = gram::upper(&map, 500);
        let masks = Masks { scale: &d, live: &mask };
        for (p, q) in pairs() {
            if a.nrows().min(a.ncols()) > 9
                || matches!((p, q), (Norm::Inf, Norm::Two) if a.ncols() > 10)
                || matches!((p, q), (Norm::Two, Norm::One) if a.nrows() > 10)
            {
                continue;
            }
            let exact = truth(&a, p, q);
            let up = masks.norm(&map, whole, p, q).get();
            assert!(up >= exact * (1.0 - 1e-12) && up <= exact * (1.0 + 1e-8), "{p} {q}: {up} {exact}");
            let up = masks.structured(&map, whole, p, q).get();
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
    let mut noise = Random(26);
    for _ in 0..300 {
        let (m, n) = (pick(&mut noise, 1, 7), pick(&mut noise, 1, 7));
        let factor: Vec<Coefficient> =
            (0..pick(&mut noise, 1, 3)).map(|_| Coefficient::exact(noise.signed())).collect();
        let shift = vec![Coefficient::ZERO; factor.len()];
        let scale = Scale::new(factor, shift, 2);
        let diagonal =
            Array2::from_shape_fn(
                (n, n),
                |(i, j)| {
                    if i == j { scale.factor[scale.index(i)].hi } else { 0.0 }
                },
            );
        let windows = (0..m).map(|_| (0..n as u32).filter(|_| noise.signed() < 0.2).collect::<Vec<_>>());
        let windows = Incidence::new(n, windows.collect::<Vec<_>>());
        let mut sums = Array2::zeros((m, n));
        let mut chosen = Array2::zeros((m, n));
        for i in 0..m {
            let window = windows.window(i);
            window.clone().for_each(|e| sums[[i, windows.index[e] as usize]] = 1.0);
            if !window.is_empty() {
                let last = windows.index[window.end - 1] as usize;
                let first = windows.index[window.start] as usize;
                let share = (noise.signed() + 1.0) / 2.0;
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
    let mut noise = Random(27);
    let effort = Effort { entries: 200, ..Effort::FULL };
    for round in 0..60 {
        let map = random_map(&mut noise, round);
        let a = naive(&map);
        for scale in [1e300, 1e-300, 1e150, 1e-150] {
            let scaled = map_weights(&map, |w| w * scale);
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
            let broken = map_weights(&map, |w| w * broken);
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
