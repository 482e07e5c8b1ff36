//! Enclosures are not much wider than their formulas, evaluated in f64.

use clarke::backend::gpu::{Gpu, Real};
use clarke::backend::{Backend, cpu::Cpu};
use clarke::layer::{Affine, ConvShape, LinearMap};
use clarke::linalg::Enclosure;
use clarke::num::Norm;
use clarke::num::random::Random;
use libtest_mimic::Failed;
use ndarray::{Array2, Array3};
use std::sync::Arc;

/// What a kernel may exceed its formula by.
const SLACK: f64 = 1.5;

struct Case {
    affine: Affine,
    /// Terms of an output forward and backward.
    depth: [usize; 2],
}

fn cases(random: &mut Random) -> Vec<Case> {
    let mut list = vec![];
    for (rows, columns) in [(1, 1), (3, 2), (5, 4), (64, 100), (10, 784), (2, 4608)] {
        let w = Array2::from_shape_fn((rows, columns), |_| random.signed());
        let bias = (rows != 3).then(|| Arc::from((0..rows).map(|_| random.signed()).collect::<Vec<_>>()));
        let affine = Affine { map: LinearMap::Dense(Arc::new(w)), bias, repeat: 1 };
        list.push(Case { affine, depth: [columns, rows] });
    }
    for (channels, groups, kernel, stride) in [(4, 1, 3, 1), (6, 2, 5, 2), (16, 1, 1, 1)] {
        let shape = ConvShape {
            in_channels: channels,
            out_channels: channels,
            input: [9, 8],
            output: [0, 0],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1, 1],
            pad: [0, 0],
            groups,
        };
        let size = |n: usize| (n - kernel) / stride + 1;
        let shape = ConvShape { output: [size(9), size(8)], ..shape };
        let count = channels * channels / groups * kernel * kernel;
        let weight = Arc::new((0..count).map(|_| random.signed()).collect());
        let depth = channels / groups * kernel * kernel;
        let affine = Affine { map: LinearMap::Conv { shape, weight, adjoint: false }, bias: None, repeat: 1 };
        list.push(Case { affine, depth: [depth; 2] });
    }
    list
}

/// The same map with the magnitudes of its weights.
fn magnitudes(affine: &Affine) -> Affine {
    let map = match &affine.map {
        LinearMap::Dense(w) => LinearMap::Dense(Arc::new(w.mapv(f64::abs))),
        LinearMap::Conv { shape, weight, adjoint } => LinearMap::Conv {
            shape: *shape,
            weight: Arc::new(weight.iter().map(|v| v.abs()).collect()),
            adjoint: *adjoint,
        },
    };
    Affine { map, bias: None, repeat: 1 }
}

fn block(random: &mut Random, real: Real, features: usize, spread: f64) -> Enclosure {
    let centre = Array3::from_shape_fn((2, 2, features), |_| real.near(random.signed()));
    let radius = centre.mapv(|c| real.near(c.abs() * spread * random.unit()));
    Enclosure { centre, radius }
}

/// R = |W| (r + gamma |c| + 2 tiny) / (1 - gamma) + gamma |b| + 8 (K + 1) tiny max|W| B.
pub fn products(gpu: &Gpu) -> Result<(), Failed> {
    let (mut random, real) = (Random(5), gpu.real());
    let (mut worst, mut entries) = (0.0f64, 0);
    for Case { affine, depth } in cases(&mut random) {
        let absolute = magnitudes(&affine);
        let (map, plain) = (gpu.prepare(&affine), Cpu::ESTIMATE.prepare(&absolute));
        for (backward, spread) in [(false, 0.0), (false, 1e-6), (false, 1e-2), (true, 0.0), (true, 1e-2)] {
            let features = if backward { affine.map.outputs() } else { affine.map.inputs() };
            let x = block(&mut random, real, features, spread);
            let up = gpu.upload(&x);
            let y = gpu.read(&if backward { gpu.adjoint(&map, &up) } else { gpu.affine(&map, &up) });
            let bias = if backward { None } else { affine.bias.as_ref() };
            let rounded = real == Real::F32;
            let terms = depth[backward as usize];
            let n = terms + 1 + bias.is_some() as usize + rounded as usize;
            let gamma = n as f64 * real.unit() / (1.0 - n as f64 * real.unit());
            let carried = Enclosure::point(&x.radius + &(x.centre.mapv(f64::abs) * gamma));
            let b = Cpu::ESTIMATE;
            let carried = b.upload(&carried);
            let sum =
                b.read(&if backward { b.adjoint(&plain, &carried) } else { b.linear(&plain, &carried) });
            let weight = affine.map.weights().iter().fold(1.0f64, |m, w| m.max(w.abs()));
            let tiny = 16.0 * (terms as f64 + 1.0) * real.tiny() * weight;
            for ((at, &r), &s) in y.radius.indexed_iter().zip(&sum.centre) {
                let offset = bias.map_or(0.0, |b| b[at.2 / affine.repeat].abs());
                let formula = s / (1.0 - gamma) + gamma * offset + tiny;
                worst = worst.max(r / formula);
                entries += 1;
            }
        }
    }
    println!("{}: {entries} radii, the worst {worst:.4} times its formula", real.name());
    if worst <= SLACK { Ok(()) } else { Err(format!("{worst} times the formula").into()) }
}

/// Entrywise kernels against exact interval arithmetic on the same numbers, with
/// the roundings that each must cover: two per end point, one for the new
/// centre, one or two for values that pass; norms of rows and columns against their
/// lengths' gamma.
pub fn entries(gpu: &Gpu) -> Result<(), Failed> {
    let (mut random, real) = (Random(6), gpu.real());
    let u = real.unit();
    let mut worst = [0.0f64; 6];
    for spread in [0.0, 1e-6, 1e-3, 1.0, 4.0] {
        let (a, b) = (block(&mut random, real, 300, spread), block(&mut random, real, 300, spread));
        let (x, y) = (gpu.upload(&a), gpu.upload(&b));
        let tiny = 200.0 * real.tiny();
        let sum = gpu.read(&gpu.sum(&[&x, &y]));
        let steps = (Array2::from_elem((2, 300), -0.25), Array2::from_elem((2, 300), 1.0));
        let half = Array2::from_elem((2, 300), 0.75);
        let gated = gpu.read(&gpu.gate(&gpu.upload_slopes(&steps.0, &steps.1), &x));
        let scaled = gpu.read(&gpu.gate(&gpu.upload_slopes(&half, &half), &x));
        let both = gpu.read(&gpu.intersect(&x, &y));
        for norm in [Norm::One, Norm::Two, Norm::Inf] {
            let host = Cpu::DOUBLE;
            let exact = host.row_norms(&host.upload(&a), norm);
            let formula = |n: f64| n * (1.0 + 2.0 * 316.0 * u) + 300.0 * real.tiny().sqrt();
            for (device, exact) in gpu.row_norms(&x, norm).iter().zip(&exact) {
                worst[4] = worst[4].max((device - exact) / (formula(*exact) - exact));
            }
            let exact = host.column_norms(&host.upload(&a), norm);
            let formula = |n: f64| n * (1.0 + 2.0 * 20.0 * u) + 300.0 * real.tiny().sqrt();
            for (device, exact) in gpu.column_norms(&x, norm).iter().zip(&exact) {
                worst[5] = worst[5].max((device - exact) / (formula(*exact) - exact));
            }
        }
        for (k, (&c, &r)) in a.centre.iter().zip(&a.radius).enumerate() {
            let at = |e: &Enclosure| e.radius.as_slice().expect("in order")[k];
            let (d, s) =
                (b.centre.as_slice().expect("in order")[k], b.radius.as_slice().expect("in order")[k]);
            let size = c.abs() + r;
            worst[0] = worst[0].max(at(&sum) / (r + s + 2.0 * u * (c.abs() + d.abs()) + tiny));
            worst[1] = worst[1].max(at(&scaled) / (0.75 * r + u * 0.75 * c.abs() + tiny));
            let ends = [-0.25 * (c - r), -0.25 * (c + r), c - r, c + r];
            let (lo, hi) = ends.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            let formula = (hi - lo) / 2.0 + 6.0 * u * size + tiny;
            worst[2] = worst[2].max(at(&gated) / formula);
            let (lo, hi) = ((c - r).max(d - s), (c + r).min(d + s));
            if lo < hi {
                let formula = (hi - lo) / 2.0 + 6.0 * u * (size + d.abs() + s) + tiny;
                worst[3] = worst[3].max(at(&both) / formula);
            }
        }
    }
    println!(
        "{}: sum, fixed slope, open slope, intersection, norms: {worst:.3?} times the formula",
        real.name()
    );
    if worst.iter().all(|w| *w <= SLACK) { Ok(()) } else { Err(format!("{worst:?}").into()) }
}
