//! Bounds of convolutions through their symbols, against the matrix written out.

use crate::common::share;
use crate::truth::{pick, sigma};
use clarke::backend::cpu::Cpu;
use clarke::layer::apply::materialise;
use clarke::layer::symbol::correlation::Wrap;
use clarke::layer::symbol::groups::Symbols;
use clarke::layer::{ConvShape, LinearMap};
use clarke::method::layer::embedding::Searched;
use clarke::method::layer::screen::{Squared, Symbol};
use clarke::method::layer::{Effort, norm, power};
use clarke::num::random::Random;
use clarke::num::{Lower, Norm, Upper};
use std::sync::Arc;

const CIRCLES: [Wrap; 2] = [Wrap::Circle; 2];
const WRAPS: [[Wrap; 2]; 4] =
    [CIRCLES, [Wrap::Exact, Wrap::Circle], [Wrap::Circle, Wrap::Exact], [Wrap::Exact; 2]];

/// A convolution of any geometry; every kind of kernel that has made trouble somewhere.
fn random_conv(noise: &mut Random) -> LinearMap {
    loop {
        let groups = pick(noise, 1, 3).max(2) - 1;
        let mut two = |from, to| [pick(noise, from, to), pick(noise, from, to)];
        let (mut input, mut kernel, stride, dilation) = (two(1, 7), two(1, 5), two(1, 3), two(1, 3));
        let (pad, far) = (two(0, 4), two(0, 4));
        let [ins, outs] = two(1, 3);
        if two(0, 3)[0] == 0 {
            (input[1], kernel[1]) = (1, 1);
        }
        let reach = [0, 1].map(|a| dilation[a] * (kernel[a] - 1) + 1);
        if (0..2).any(|a| input[a] + pad[a] + far[a] < reach[a]) {
            continue;
        }
        let output = [0, 1].map(|a| (input[a] + pad[a] + far[a] - reach[a]) / stride[a] + 1);
        let (in_channels, out_channels) = (ins * groups, outs * groups);
        let shape =
            ConvShape { groups, in_channels, out_channels, input, output, kernel, stride, dilation, pad };
        if shape.input_len().min(shape.output_len()) > 60 {
            continue;
        }
        let kind = pick(noise, 0, 7);
        let mut weight: Vec<f64> = (0..out_channels * ins * shape.taps())
            .map(|k| match kind {
                0 => noise.signed().abs(),
                1 => (2.0 * noise.signed()).round(),
                2 => 1.0,
                3 => [1.0, -2.0, 1.0][k % 3],
                4 => noise.signed() * 1e-30,
                _ => noise.signed(),
            })
            .collect();
        if kind == 5 {
            // Sums to zero: the symbol vanishes at frequency zero.
            let mean = weight.iter().sum::<f64>() / weight.len() as f64;
            weight.iter_mut().for_each(|w| *w -= mean);
        }
        return LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: noise.signed() < 0.0 };
    }
}

#[test]
fn no_symbol_is_below_its_convolution() {
    let mut noise = Random(40);
    let (mut checked, mut most) = (0, [0.0f64; 4]);
    for round in 0..share(2500) {
        let map = random_conv(&mut noise);
        let exact = sigma(&materialise(&map));
        for (k, wrap) in WRAPS.into_iter().enumerate() {
            let Some(symbols) = Searched::new(&map, wrap) else {
                assert_eq!(exact, 0.0, "{map:?}");
                continue;
            };
            let mut peaks = symbols.peaks();
            let everywhere = symbols.sampling(&mut peaks, usize::MAX, None);
            // With and without what is known about all frequencies.
            let top = if round % 2 == 0 { everywhere } else { Upper::INFINITE };
            let circle = symbols.embedding(&mut peaks, top, usize::MAX, None).0;
            for (name, upper) in [("sampling", everywhere), ("embedding", circle)] {
                let upper = upper.get();
                assert!(upper >= exact * (1.0 - 1e-13), "{name} {wrap:?} {map:?}: {upper} < {exact}");
                assert!(upper.is_finite(), "{name} {wrap:?} {exact} {map:?}");
            }
            assert!(
                circle.get() <= everywhere.get() * (1.0 + 1e-5),
                "{wrap:?} {map:?} {circle:?} {everywhere:?}"
            );
            checked += 1;
            if exact > 0.0 {
                most[k] = most[k].max(circle.get() / exact);
            }
            if wrap == [Wrap::Exact; 2] && exact > 0.0 {
                let operator = symbols.exact(Lower::proven(exact * (1.0 - 1e-12))).get();
                assert!(operator >= exact * (1.0 - 1e-13) && operator <= exact * (1.0 + 1e-6), "{map:?}");
            }
        }
    }
    println!("{checked} bounds, at most {most:?} times the norm");
    assert!(checked > share(8000), "{checked}");
}

/// Squarings of many symbols at once prove no less than the norm, and most of what has room to spare.
#[test]
fn screens_agree_with_factorisations() {
    let mut noise = Random(44);
    let (mut shown, mut asked) = (0, 0);
    for _ in 0..share(600) {
        let map = random_conv(&mut noise);
        let exact = sigma(&materialise(&map));
        let screen = Squared(&Cpu::DOUBLE);
        let (Some(searched), Some(symbols)) = (Searched::new(&map, CIRCLES), Symbols::new(&map, CIRCLES))
        else {
            continue;
        };
        let mut peaks = searched.peaks();
        let everywhere = searched.sampling(&mut peaks, usize::MAX, Some(&screen));
        let (circle, _) = searched.embedding(&mut peaks, everywhere, usize::MAX, Some(&screen));
        let plain = searched.embedding(&mut searched.peaks(), Upper::INFINITE, usize::MAX, None).0;
        for upper in [everywhere, circle] {
            assert!(
                upper.get() >= exact * (1.0 - 1e-13) && upper.get().is_finite(),
                "{map:?}: {upper:?} {exact}"
            );
        }
        assert!(circle.get() <= plain.get() * (1.0 + 1e-5), "{map:?}: {circle:?} {plain:?}");
        for (k, group) in symbols.groups.iter().enumerate() {
            let symbol = Symbol::new(&screen, &symbols, k);
            let mut angle = || (pick(&mut noise, 0, 40) as i64, 40);
            let at = [angle(), angle()];
            let norm = group.search(at, None, 1e-12).0;
            let below = symbol.holds(&[(at, norm * (1.0 - 1e-6))]);
            assert!(norm <= 1e-6 || below == [false], "{map:?} at {at:?}: {norm} is not the norm");
            let above = symbol.holds(&[(at, norm * 1.06 + 1e-9)]);
            shown += usize::from(above[0]);
            asked += 1;
        }
    }
    println!("{shown} of {asked}");
    assert!(asked > share(500) && shown * 20 >= asked * 19, "{shown} of {asked}");
}

fn square(
    n: usize,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    pad: usize,
    w: Vec<f64>,
) -> LinearMap {
    let output = (n + 2 * pad - kernel) / stride + 1;
    let shape = ConvShape {
        groups: 1,
        in_channels: channels[0],
        out_channels: channels[1],
        input: [n; 2],
        output: [output; 2],
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 2],
    };
    LinearMap::Conv { shape, weight: Arc::new(w), adjoint: false }
}

#[test]
fn circles_are_close_from_thirteen_on() {
    let mut noise = Random(41);
    let mut worst = 0.0f64;
    for round in 0..40 {
        let (n, channels) = (pick(&mut noise, 13, 24), [pick(&mut noise, 1, 6), pick(&mut noise, 1, 6)]);
        let stride = 1 + round % 2;
        let w = (0..9 * channels[0] * channels[1]).map(|_| noise.signed()).collect();
        let map = square(n, channels, 3, stride, 1, w);
        let symbols = Searched::new(&map, CIRCLES).expect("a kernel");
        let mut peaks = symbols.peaks();
        let start = symbols.wave(&peaks);
        let lower = power::lanczos(&map, 1e-10, Some(start)).get();
        let upper = symbols.embedding(&mut peaks, Upper::INFINITE, usize::MAX, None).0.get();
        assert!(upper >= lower, "{upper} {lower}");
        worst = worst.max(upper / lower);
    }
    println!("at most {worst:.5} times the lower end");
    assert!(worst < 1.03, "{worst}");
}

#[test]
fn famous_kernels() {
    let laplace = vec![0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
    // A circle of the map's own size gives less than the norm for odd maps.
    for n in [9usize, 17, 33] {
        let map = square(n, [1, 1], 3, 1, 1, laplace.clone());
        let symbols = Searched::new(&map, CIRCLES).expect("a kernel");
        let upper = symbols.embedding(&mut symbols.peaks(), Upper::INFINITE, usize::MAX, None).0.get();
        let exact = 4.0 + 4.0 * (std::f64::consts::PI / (n + 1) as f64).cos();
        assert!(upper >= exact * (1.0 - 1e-15) && upper <= exact * (1.0 + 1e-5), "{n}: {upper} {exact}");
    }
    // Averages: the symbol vanishes at other frequencies, and is one at zero.
    let mean = square(16, [1, 1], 3, 1, 1, vec![1.0 / 9.0; 9]);
    let found = norm(&mean, Norm::Two, Norm::Two, Effort::FULL);
    assert!(found.upper.get() <= found.lower.get() * (1.0 + 1e-6) && found.upper.get() < 1.0, "{found:?}");
    // One input, two outputs: one tap never meets it.
    let one = |a: usize| [a, 1];
    let shape = ConvShape {
        groups: 1,
        in_channels: 1,
        out_channels: 1,
        input: [1, 1],
        output: one(2),
        kernel: one(3),
        stride: [1, 1],
        dilation: [1, 1],
        pad: [1, 0],
    };
    let map = LinearMap::Conv { shape, weight: Arc::new(vec![-1.24, -0.197, 1.278]), adjoint: false };
    let exact = 1.24f64.hypot(0.197);
    assert!(exact > 1.2555);
    for wrap in WRAPS {
        let symbols = Searched::new(&map, wrap).expect("a kernel");
        let upper = symbols.embedding(&mut symbols.peaks(), Upper::INFINITE, usize::MAX, None).0.get();
        assert!(upper >= exact && upper <= exact * (1.0 + 1e-5), "{wrap:?} {upper} {exact}");
    }
    // A zero kernel has the norm zero and no symbol.
    let zero = square(40, [2, 2], 3, 1, 1, vec![0.0; 36]);
    assert_eq!(norm(&zero, Norm::Two, Norm::Two, Effort::FULL).upper, Upper::proven(0.0));
}

#[test]
fn pointwise_layers_are_their_matrices() {
    let mut noise = Random(42);
    for round in 0..share(200) {
        let (channels, n) = ([pick(&mut noise, 1, 9), pick(&mut noise, 1, 9)], pick(&mut noise, 1, 40));
        let w: Vec<f64> = (0..channels[0] * channels[1]).map(|_| noise.signed()).collect();
        let matrix =
            ndarray::Array2::from_shape_vec((channels[1], channels[0]), w.clone()).expect("a matrix");
        let map = square(n, channels, 1, 1 + round % 3, 0, w);
        let exact = sigma(&matrix);
        let found = norm(&map, Norm::Two, Norm::Two, Effort::FULL);
        let upper = found.upper.get();
        assert!(upper >= exact * (1.0 - 1e-14) && upper <= exact * (1.0 + 1e-6), "{found:?} {exact}");
        assert!(found.lower.get() <= exact * (1.0 + 1e-14));
    }
}

/// Kernels as large as the map: nothing takes longer than the bound is worth.
#[test]
fn large_kernels_end() {
    let mut noise = Random(43);
    for k in [21usize, 41, 64] {
        let w = (0..k * k).map(|_| noise.signed()).collect();
        let map = square(64, [1, 1], k, 1, k / 2, w);
        let started = std::time::Instant::now();
        let found = norm(&map, Norm::Two, Norm::Two, Effort { order: 100, ..Effort::FULL });
        assert!(
            found.lower.get() > 0.0
                && found.lower.get() <= found.upper.get()
                && found.upper.get().is_finite()
        );
        assert!(started.elapsed().as_secs() < 60, "{k}");
    }
}
