//! Products whose blocks are cut into tasks, batches and tiles: every value
//! where the definition puts it. Rounding is proven in kernels.rs on small
//! shapes; here the shapes are large enough to be cut in every way.

use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, ConvShape, LinearMap, Piecewise};
use clarke::linalg::Enclosure;
use ndarray::{Array2, Array3};
use std::sync::Arc;

const PRECISIONS: [Cpu; 3] = [Cpu::ESTIMATE, Cpu::DOUBLE, Cpu::DOUBLE_DOUBLE];

/// Repeatable numbers in [-1, 1), some of them zero.
fn number(seed: usize, k: usize) -> f64 {
    let mixed = (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (seed as u64).wrapping_mul(0xBF58_476D);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 11;
    if mixed.is_multiple_of(7) { 0.0 } else { mixed as f64 / (1u64 << 52) as f64 - 1.0 }
}

fn numbers(seed: usize, len: usize) -> Vec<f64> {
    (0..len).map(|k| number(seed, k)).collect()
}

fn block(items: usize, rows: usize, features: usize) -> Enclosure {
    let values = |seed| {
        Array3::from_shape_vec((items, rows, features), numbers(seed, items * rows * features)).unwrap()
    };
    let mut x = Enclosure { centre: values(1), radius: values(2).mapv(|r| r.abs() * 1e-3) };
    // Features that are off in a few vectors on end.
    for ((i, r, f), c) in x.centre.indexed_iter_mut() {
        if ((i * rows + r) / 25 + f).is_multiple_of(3) {
            *c = 0.0;
            x.radius[[i, r, f]] = 0.0;
        }
    }
    x
}

/// All products (output, input, weight) of a map.
fn entries(map: &LinearMap) -> Vec<(usize, usize, f64)> {
    let mut list = vec![];
    match map {
        LinearMap::Dense(w) => list.extend(w.indexed_iter().map(|((i, j), &v)| (i, j, v))),
        LinearMap::Conv { shape, weight, .. } => {
            let ([h, w], [oh, ow], [kh, kw]) = (shape.input, shape.output, shape.kernel);
            let (cin, cout) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
            for o in 0..shape.out_channels * oh * ow {
                let (c, y, x) = (o / (oh * ow), o / ow % oh, o % ow);
                for t in 0..shape.depth() {
                    let (d, ky, kx) = (t / (kh * kw), t / kw % kh, t % kw);
                    if let (Some(sy), Some(sx)) = (shape.source(0, y, ky), shape.source(1, x, kx)) {
                        let from = c / cout * cin + d;
                        list.push((o, (from * h + sy) * w + sx, weight[c * shape.depth() + t]));
                    }
                }
            }
        }
    }
    list
}

/// Forward and adjoint products against the definition in plain arithmetic.
fn check(map: LinearMap, items: usize, rows: usize) {
    let entries = entries(&map);
    let (inputs, outputs) = (map.inputs(), map.outputs());
    for backend in PRECISIONS {
        let prepared = backend.prepare(&Affine { map: map.clone(), bias: None, repeat: 1 });
        for adjoint in [false, true] {
            let (from, to) = if adjoint { (outputs, inputs) } else { (inputs, outputs) };
            let x = block(items, rows, from);
            let mut centre = Array2::<f64>::zeros((items * rows, to));
            let mut radius = centre.clone();
            let flat = |a: &Array3<f64>| a.clone().into_shape_with_order((items * rows, from)).unwrap();
            let (xc, xr) = (flat(&x.centre), flat(&x.radius));
            for v in 0..items * rows {
                for &(o, i, w) in &entries {
                    let (s, t) = if adjoint { (o, i) } else { (i, o) };
                    centre[[v, t]] += w * xc[[v, s]];
                    radius[[v, t]] += w.abs() * xr[[v, s]];
                }
            }
            let x = backend.upload(&x);
            let y = if adjoint { backend.adjoint(&prepared, &x) } else { backend.linear(&prepared, &x) };
            let y = backend.read(&y);
            let slack = 1e-9;
            for (k, (c, r)) in centre.iter().zip(&radius).enumerate() {
                let (yc, yr) = (y.centre.as_slice().unwrap()[k], y.radius.as_slice().unwrap()[k]);
                assert!((yc - c).abs() <= slack, "{:?} adjoint {adjoint} entry {k}", backend.precision);
                if backend.proves() {
                    assert!(
                        yr >= r - slack && yr <= r + slack,
                        "{:?} adjoint {adjoint} radius {k}",
                        backend.precision
                    );
                }
            }
        }
    }
}

fn conv(groups: usize, channels: [usize; 2], input: [usize; 2], kernel: [usize; 2], stride: [usize; 2]) {
    for (dilation, pad, vectors) in
        [([1, 1], [0, 0], (1, 1)), ([2, 1], [1, 2], (3, 2)), ([1, 2], [2, 0], (7, 1))]
    {
        let output =
            [0, 1].map(|a| (input[a] + 2 * pad[a] - dilation[a] * (kernel[a] - 1) - 1) / stride[a] + 1);
        let [in_channels, out_channels] = channels;
        let shape =
            ConvShape { groups, in_channels, out_channels, input, output, kernel, stride, dilation, pad };
        let weight = Arc::new(numbers(3, out_channels * shape.depth()));
        check(LinearMap::Conv { shape, weight, adjoint: false }, vectors.0, vectors.1);
    }
}

#[test]
fn small_images_share_a_product() {
    conv(1, [3, 5], [7, 9], [3, 3], [1, 1]);
    conv(1, [4, 6], [8, 7], [2, 3], [2, 3]);
}

#[test]
fn groups_stay_apart() {
    conv(2, [4, 6], [7, 9], [3, 3], [1, 2]);
    conv(4, [4, 4], [9, 8], [3, 2], [2, 1]);
}

#[test]
fn large_images_are_cut_into_bands() {
    conv(1, [9, 5], [40, 44], [5, 5], [1, 1]);
    conv(1, [17, 3], [50, 41], [3, 4], [2, 1]);
}

#[test]
fn dense_products_of_every_height() {
    for (rows, columns) in [(1, 9), (13, 300), (70, 131), (257, 33)] {
        let w = Array2::from_shape_vec((rows, columns), numbers(4, rows * columns)).unwrap();
        for vectors in [1, 3, 5, 21, if rows == 13 { 261 } else { 4 }] {
            check(LinearMap::Dense(Arc::new(w.clone())), vectors, 1);
        }
    }
}

/// More columns than are packed at once, for more rows than are.
#[test]
fn wide_products_for_many_vectors() {
    let (rows, columns) = (17, 4103);
    let w = Array2::from_shape_vec((rows, columns), numbers(4, rows * columns)).unwrap();
    check(LinearMap::Dense(Arc::new(w)), 131, 1);
}

/// Weights that are zero say nothing about what is infinite, and others pass it on.
#[test]
fn infinite_radii_meet_weights() {
    let (rows, columns, items) = (40, 60, 130);
    let mut w = Array2::from_shape_vec((rows, columns), numbers(4, rows * columns)).unwrap();
    w.column_mut(7).fill(0.0);
    w[[3, 7]] = 0.25;
    let map = Cpu::DOUBLE.prepare(&Affine { map: LinearMap::Dense(Arc::new(w)), bias: None, repeat: 1 });
    let mut x = block(items, 1, columns);
    x.radius.slice_mut(ndarray::s![20.., .., 7]).fill(f64::INFINITY);
    let y = Cpu::DOUBLE.read(&Cpu::DOUBLE.linear(&map, &Cpu::DOUBLE.upload(&x)));
    for item in 0..items {
        assert_eq!(y.radius[[item, 0, 3]].is_infinite(), item >= 20, "item {item}");
    }
}

/// Slopes that are 0, 1 or both copy, drop or join 0; blocks of many pieces.
#[test]
fn switches_copy_drop_or_join_zero() {
    let (items, rows, features) = (7, 5, 1301);
    let slope = |seed| {
        let values = numbers(seed, items * features).into_iter().map(|v| (v > 0.0) as u8 as f64).collect();
        Array2::from_shape_vec((items, features), values).unwrap()
    };
    let (mut lo, hi) = (slope(5), slope(6));
    lo.zip_mut_with(&hi, |l, h| *l = l.min(*h));
    let mut x = block(items, rows, features);
    x.radius.mapv_inplace(|r| r * 1e3);
    for backend in [Cpu::DOUBLE, Cpu::DOUBLE_DOUBLE] {
        let y = backend.read(&backend.gate(&backend.upload_slopes(&lo, &hi), &backend.upload(&x)));
        let (below, above) = (y.lo(), y.hi());
        for ((i, r, j), &c) in x.centre.indexed_iter() {
            let at = [i, r, j];
            match (lo[[i, j]], hi[[i, j]]) {
                (0.0, 0.0) => assert_eq!((y.centre[at], y.radius[at]), (0.0, 0.0)),
                (1.0, 1.0) => assert_eq!((y.centre[at], y.radius[at]), (c, x.radius[at])),
                _ => {
                    let (l, u) = ((c - x.radius[at]).min(0.0), (c + x.radius[at]).max(0.0));
                    assert!(below[at] <= l && above[at] >= u);
                    assert!(below[at] >= l - 1e-15 && above[at] <= u + 1e-15);
                }
            }
        }
    }
}

/// Values and biases of a convolution across pieces of vectors.
#[test]
fn biases_belong_to_their_channel() {
    let shape = ConvShape {
        groups: 1,
        in_channels: 1,
        out_channels: 3,
        input: [90, 80],
        output: [90, 80],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
    };
    let map = LinearMap::Conv { shape, weight: Arc::new(vec![1.0, -2.0, 0.5]), adjoint: false };
    let bias = Some(Arc::new(vec![0.25, -8.0, 3.0]));
    let affine = Affine { map, bias, repeat: 7200 };
    let x = Enclosure::point(block(2, 1, 7200).centre.mapv(|v| (v * 64.0).round()));
    for backend in PRECISIONS {
        let prepared = backend.prepare(&affine);
        let y = backend.affine(&prepared, &backend.upload(&x));
        let y = backend.read(&backend.activate(&Piecewise::ABS, &y));
        for ((item, _, k), &v) in y.centre.indexed_iter() {
            let (channel, pixel) = (k / 7200, k % 7200);
            let exact = [1.0, -2.0, 0.5][channel] * x.centre[[item, 0, pixel]] + [0.25, -8.0, 3.0][channel];
            assert!((v - exact.abs()).abs() <= 1e-12, "item {item} output {k}");
        }
    }
}
