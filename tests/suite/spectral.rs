//! Batches of matrices: every device's Gram iteration bounds the norm, from
//! above and closely.

use crate::common::exact::Dyadic;
use clarke::backend::cpu::Cpu;
use clarke::backend::spectral::{Matrices, Spectral, Stored};
use clarke::linalg::spectral::spectral_upper;
use clarke::method::layer::stack;
use clarke::num::random::Random;
use ndarray::{Array2, Array3, Axis, concatenate, s};

/// The real matrix [[Re, −Im], [Im, Re]], whose norm is that of the complex one.
fn doubled(m: &Matrices, k: usize) -> Array2<f64> {
    let re = m.re.index_axis(Axis(0), k).to_owned();
    let Some(im) = &m.im else { return re };
    let im = im.index_axis(Axis(0), k).to_owned();
    let top = concatenate![Axis(1), re, im.mapv(|x| -x)];
    concatenate![Axis(0), top, concatenate![Axis(1), im, re]]
}

fn matrices(random: &mut Random, count: usize, rows: usize, cols: usize, complex: bool) -> Matrices {
    let style = random.bits() % 4;
    let mut number = || match style {
        0 => random.signed(),
        1 => random.normal() * 2f64.powi((random.bits() % 12) as i32 - 6),
        2 => (random.bits() % 3) as f64 - 1.0,
        _ => 0.5 + 0.01 * random.signed(),
    };
    let mut plane = || Array3::from_shape_fn((count, rows, cols), |_| number());
    let re = plane();
    Matrices { re, im: complex.then(plane) }
}

/// Uppers against the verified norm of the doubled matrix.
fn bounds<S: Spectral>(b: &S, name: &str, excess: f64, cases: usize) {
    let mut random = Random(3);
    let mut worst = 0.0f64;
    for case in 0..cases {
        let size = |random: &mut Random| 1 + (random.bits() % 40) as usize;
        let (x, y) = (size(&mut random), size(&mut random));
        let (rows, cols) = (x.max(y), x.min(y));
        let m = matrices(&mut random, 1 + case % 5, rows, cols, case % 2 == 0);
        let found = stack::norms(b, b.store(&m), 1e-4);
        for (k, upper) in found.iter().enumerate() {
            // The verified norm exceeds the true one by less than 1e-6.
            let truth = spectral_upper(doubled(&m, k).view()).get();
            assert!(upper.get() >= truth * (1.0 - 1e-6), "{name}: {} below {truth}", upper.get());
            worst = worst.max(upper.get() / truth);
        }
    }
    println!("{name}: at most {worst:.6} times the norm");
    assert!(worst < excess, "{name}: {worst}");
}

/// One squaring against exact sums.
fn squares<S: Spectral>(b: &S, name: &str) {
    let mut random = Random(4);
    for case in 0..60 {
        let (rows, cols) = (1 + case % 9, 1 + case % 5);
        let stored = b.store(&matrices(&mut random, 2, rows, cols, case % 2 == 0));
        let held = b.fetch(&stored.batch);
        let sizes = b.frobenius(&stored.batch);
        let scale = [0.25, 1.0];
        let found = b.fetch(&b.gram(&stored.batch, &scale));
        for k in 0..2 {
            let at = |r: usize, c: usize| {
                let im = held.im.as_ref().map_or(0.0, |im| im[[k, r, c]]);
                [Dyadic::of(held.re[[k, r, c]]), Dyadic::of(im)]
            };
            let mut square = Dyadic::of(0.0);
            for r in 0..rows {
                for c in 0..cols {
                    at(r, c).iter().for_each(|v| square = square.add(&v.mul(v)));
                }
            }
            let upper = Dyadic::of(sizes[k]);
            assert!(square.cmp(&upper.mul(&upper)).is_le(), "{name}: Frobenius norm");
            let mut distance = Dyadic::of(0.0);
            for i in 0..cols {
                for j in 0..cols {
                    let (mut re, mut im) = (Dyadic::of(0.0), Dyadic::of(0.0));
                    for r in 0..rows {
                        let ([a, b], [c, d]) = (at(r, i), at(r, j));
                        re = re.add(&a.mul(&c)).add(&b.mul(&d));
                        im = im.add(&a.mul(&d)).add(&b.mul(&c).neg());
                    }
                    let s = Dyadic::of(scale[k]);
                    let got = found.im.as_ref().map_or(0.0, |im| im[[k, i, j]]);
                    for (exact, got) in [(re, found.re[[k, i, j]]), (im, got)] {
                        let off = exact.mul(&s).add(&Dyadic::of(-got));
                        distance = distance.add(&off.mul(&off));
                    }
                }
            }
            let [before, after] = b.gram_error(&stored.batch, sizes[k]);
            let error = Dyadic::of((before * scale[k] + after).next_up());
            assert!(distance.cmp(&error.mul(&error)).is_le(), "{name}: case {case} beyond its error");
        }
    }
}

/// The largest norm over all frequencies of a circle is that of the circular
/// convolution, written out.
fn circles<S: Spectral>(b: &S, name: &str, excess: f64) {
    let mut random = Random(5);
    for case in 0..20 {
        let (n, m) = (3 + case % 4, 3 + case % 3);
        let (rows, cols, k) = (1 + case % 3, 1 + case % 2, 1 + case % 3);
        let mut kernel = Array3::from_shape_fn((rows, cols, k * k), |_| random.signed());
        if case % 5 == 0 {
            // Sums to zero: the symbol at frequency zero vanishes.
            for mut taps in kernel.lanes_mut(Axis(2)) {
                let mean = taps.sum() / taps.len() as f64;
                taps.mapv_inplace(|v| v - mean);
            }
        }
        let taps: Vec<[i64; 2]> = (0..k * k).map(|t| [(t / k) as i64, (t % k) as i64]).collect();
        let all: Vec<[i64; 2]> = (0..n * m).map(|f| [(f / m) as i64, (f % m) as i64]).collect();
        let twiddles = stack::twiddles(&all, &taps, [n as i64, m as i64]);
        let tall = if rows >= cols { kernel.clone() } else { kernel.clone().permuted_axes([1, 0, 2]) };
        let tall = tall.as_standard_layout().into_owned();
        let uppers = stack::norms(b, b.symbols(&tall, &twiddles), 1e-5);
        let found = uppers.iter().map(|u| u.get()).fold(0.0, f64::max);
        let mut full = Array2::zeros((rows * n * m, cols * n * m));
        for (o, i, t) in itertools(rows, cols, k * k) {
            for y in 0..n {
                for x in 0..m {
                    let (ty, tx) = ((y + t / k) % n, (x + t % k) % m);
                    full[[(o * n + y) * m + x, (i * n + ty) * m + tx]] += kernel[[o, i, t]];
                }
            }
        }
        let truth = spectral_upper(full.view()).get();
        assert!(found.is_finite() && found >= truth * (1.0 - 1e-6), "{name}: {found} below {truth}");
        assert!(found <= truth * excess + 1e-9, "{name}: {found} against {truth}");
    }
}

fn itertools(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |k| (k / (b * c), k / c % b, k % c))
}

/// Symbols at quarters of the circle, where all factors are 0 or ±1, against exact sums.
fn quarters<S: Spectral>(b: &S, name: &str) {
    let mut random = Random(6);
    let taps: Vec<[i64; 2]> = (0..9).map(|t| [t / 3, t % 3]).collect();
    let all: Vec<[i64; 2]> = (0..16).map(|f| [f / 4, f % 4]).collect();
    let twiddles = stack::twiddles(&all, &taps, [4, 4]);
    for case in 0..30 {
        let scale = 2f64.powi(case % 20 - 10);
        let kernel = Array3::from_shape_fn((2, 3, 9), |_| random.signed() * scale);
        let stored = b.symbols(&kernel, &twiddles);
        let found = b.fetch(&stored.batch);
        for (f, [u, v]) in all.iter().enumerate() {
            let mut distance = Dyadic::of(0.0);
            for o in 0..2 {
                for i in 0..3 {
                    let (mut re, mut im) = (Dyadic::of(0.0), Dyadic::of(0.0));
                    for (t, [y, x]) in taps.iter().enumerate() {
                        let w = Dyadic::of(kernel[[o, i, t]]);
                        match (u * y + v * x) % 4 {
                            0 => re = re.add(&w),
                            1 => im = im.add(&w.neg()),
                            2 => re = re.add(&w.neg()),
                            _ => im = im.add(&w),
                        }
                    }
                    let got = found.im.as_ref().map_or(0.0, |im| im[[f, o, i]]);
                    for (exact, got) in [(re, found.re[[f, o, i]]), (im, got)] {
                        let off = exact.add(&Dyadic::of(-got));
                        distance = distance.add(&off.mul(&off));
                    }
                }
            }
            let error = Dyadic::of(stored.error[f]);
            assert!(distance.cmp(&error.mul(&error)).is_le(), "{name}: symbol {f} of case {case}");
        }
    }
}

/// Zero, tiny and one-entry matrices give numbers.
fn corners<S: Spectral>(b: &S, name: &str) {
    let mut re = Array3::zeros((4, 2, 2));
    re[[1, 0, 0]] = 1e-30;
    re[[2, 0, 0]] = 3.0;
    re.slice_mut(s![3, .., ..]).fill(1e5);
    let stored: Stored<S::Batch> = b.store(&Matrices { re, im: None });
    let found: Vec<f64> = stack::norms(b, stored, 1e-6).iter().map(|u| u.get()).collect();
    println!("{name}: {found:?}");
    assert!((0.0..1e-15).contains(&found[0]) && (1e-30..1e-15).contains(&found[1]));
    assert!((3.0..3.001).contains(&found[2]) && (2e5..2.0002e5).contains(&found[3]));
}

/// What a device cannot square is no statement, not a small number.
#[cfg(feature = "gpu")]
fn large<S: Spectral>(b: &S) {
    for value in [2f64.powi(20), 1e30, 1e60, 1e300] {
        let matrices = Matrices { re: Array3::from_elem((2, 3, 2), value), im: None };
        let found = stack::norms(b, b.store(&matrices), 1e-4);
        assert!(found.iter().all(|u| u.get() >= value * 6f64.sqrt()));
        let twiddles = stack::twiddles(&[[0, 0]], &[[0, 0], [0, 1]], [4, 4]);
        let kernel = Array3::from_elem((2, 1, 2), value);
        assert!(stack::norms(b, b.symbols(&kernel, &twiddles), 1e-4)[0].get() >= value * 8f64.sqrt());
    }
}

fn all<S: Spectral>(b: &S, name: &str, excess: f64, cases: usize) {
    corners(b, name);
    squares(b, name);
    quarters(b, name);
    bounds(b, name, excess, cases);
    circles(b, name, excess);
}

#[test]
fn on_the_cpu() {
    all(&Cpu::DOUBLE, "cpu", 1.0002, 300);
}

#[test]
#[cfg(feature = "gpu")]
fn on_the_gpu() {
    use clarke::backend::gpu::{Choice, Gpu, Real};
    if clarke::backend::gpu::list().is_empty() {
        let required = std::env::var("CLARKE_REQUIRE_ALL").is_ok_and(|v| v == "1");
        assert!(!required, "there is no adapter");
        return;
    }
    for (real, excess) in [(Real::F32, 1.01), (Real::F64, 1.0002)] {
        let gpu = Gpu::open(Choice::Any, Some(real)).expect("an adapter");
        all(&gpu, real.name(), excess, 80);
        large(&gpu);
        assert_eq!(gpu.failure(), None);
    }
}
