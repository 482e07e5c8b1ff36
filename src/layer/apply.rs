//! Linear maps applied to single vectors: plain f64 by GEMM on unfolded
//! patches (bounded memory), and rounded up for nonnegative maps and vectors.

use super::map::{ConvShape, LinearMap};
use crate::num::round::{add_up, gamma, mul_up};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Entries of one block of unfolded patches.
const PATCHES: usize = 1 << 18;

/// Rows of weights that one product with the outputs takes.
const ROWS: usize = 64;

/// The transposed map.
pub fn transpose(map: &LinearMap) -> LinearMap {
    match map {
        LinearMap::Dense(w) => LinearMap::Dense(Arc::new(w.t().as_standard_layout().into_owned())),
        LinearMap::Conv { shape, weight, adjoint } => {
            LinearMap::Conv { shape: *shape, weight: weight.clone(), adjoint: !adjoint }
        }
    }
}

/// The map with every weight replaced by `f` of it.
pub fn map_weights(map: &LinearMap, f: impl Fn(f64) -> f64) -> LinearMap {
    match map {
        LinearMap::Dense(w) => LinearMap::Dense(Arc::new(w.mapv(f))),
        LinearMap::Conv { shape, weight, adjoint } => LinearMap::Conv {
            shape: *shape,
            weight: Arc::new(weight.iter().map(|&w| f(w)).collect()),
            adjoint: *adjoint,
        },
    }
}

/// |W|.
pub fn absolute(map: &LinearMap) -> LinearMap {
    map_weights(map, f64::abs)
}

/// W∘W, rounded up.
pub fn squared(map: &LinearMap) -> LinearMap {
    map_weights(map, |w| mul_up(w, w))
}

/// The most products that one output of the map sums.
pub fn terms(map: &LinearMap) -> usize {
    match map {
        LinearMap::Dense(w) => w.ncols(),
        LinearMap::Conv { shape, adjoint: false, .. } => shape.depth(),
        LinearMap::Conv { shape, adjoint: true, .. } => shape.out_channels / shape.groups * shape.taps(),
    }
}

/// The matrix itself, rows of outputs.
pub fn materialise(map: &LinearMap) -> Array2<f64> {
    match map {
        LinearMap::Dense(w) => w.as_ref().clone(),
        LinearMap::Conv { shape, weight, adjoint } => {
            let mut a = Array2::zeros((shape.output_len(), shape.input_len()));
            let per_group = shape.in_channels / shape.groups;
            let [kh, kw] = shape.kernel;
            for_each_tap(shape, 0, |oy, iy, ty| {
                for_each_tap(shape, 1, |ox, ix, tx| {
                    for co in 0..shape.out_channels {
                        let group = co / (shape.out_channels / shape.groups);
                        let row = (co * shape.output[0] + oy) * shape.output[1] + ox;
                        for c in 0..per_group {
                            let ci = group * per_group + c;
                            let column = (ci * shape.input[0] + iy) * shape.input[1] + ix;
                            a[[row, column]] = weight[((co * per_group + c) * kh + ty) * kw + tx];
                        }
                    }
                });
            });
            if *adjoint { a.reversed_axes() } else { a }
        }
    }
}

/// Every (output, input, tap) that meet on an axis.
fn for_each_tap(shape: &ConvShape, axis: usize, mut f: impl FnMut(usize, usize, usize)) {
    for o in 0..shape.output[axis] {
        for t in 0..shape.kernel[axis] {
            if let Some(i) = shape.source(axis, o, t) {
                f(o, i, t);
            }
        }
    }
}

/// fl(W x): every output is one inner product of `terms` products in some order.
pub fn apply(map: &LinearMap, x: ArrayView1<f64>) -> Array1<f64> {
    assert_eq!(x.len(), map.inputs());
    match map {
        LinearMap::Dense(w) if w.len() < 1 << 16 => w.dot(&x),
        LinearMap::Dense(w) => {
            let rows: Vec<_> = w.rows().into_iter().collect();
            rows.par_iter().with_min_len(64).map(|r| r.dot(&x)).collect::<Vec<_>>().into()
        }
        LinearMap::Conv { shape, weight, adjoint: false } => forward(shape, weight, x),
        LinearMap::Conv { shape, weight, adjoint: true } => backward(shape, weight, x),
    }
}

/// The outputs of a row that meet the map through tap t, and the first one's input.
fn meeting(shape: &ConvShape, t: usize) -> (Range<usize>, usize) {
    let (stride, shift) = (shape.stride[1], t * shape.dilation[1]);
    let first = shape.pad[1].saturating_sub(shift).div_ceil(stride);
    // o stride + shift − pad < input
    let past = (shape.input[1] + shape.pad[1]).saturating_sub(shift).div_ceil(stride);
    let past = past.min(shape.output[1]);
    if first >= past { (0..0, 0) } else { (first..past, first * stride + shift - shape.pad[1]) }
}

/// Per group and strip of output rows: weights times unfolded patches.
fn forward(shape: &ConvShape, weight: &[f64], x: ArrayView1<f64>) -> Array1<f64> {
    let x = x.as_standard_layout();
    let x = x.as_slice().expect("standard layout");
    let (depth, out) = (shape.depth(), shape.out_channels / shape.groups);
    let per_group = shape.in_channels / shape.groups;
    let [height, width] = shape.output;
    let strip = (PATCHES / (depth * width).max(1)).clamp(1, height.max(1));
    let jobs: Vec<(usize, usize)> =
        (0..shape.groups).flat_map(|g| (0..height).step_by(strip).map(move |y| (g, y))).collect();
    let parts: Vec<Array2<f64>> = jobs
        .par_iter()
        .map(|&(g, from)| {
            let to = height.min(from + strip);
            let mut patches = Array2::zeros((depth, (to - from) * width));
            for (k, mut row) in patches.rows_mut().into_iter().enumerate() {
                let row = row.as_slice_mut().expect("contiguous");
                let (c, t) = (k / shape.taps(), k % shape.taps());
                let plane = &x[(g * per_group + c) * shape.input[0] * shape.input[1]..];
                for oy in from..to {
                    let Some(iy) = shape.source(0, oy, t / shape.kernel[1]) else { continue };
                    let (outs, first) = meeting(shape, t % shape.kernel[1]);
                    let source = plane[iy * shape.input[1]..].iter().skip(first).step_by(shape.stride[1]);
                    let target = &mut row[(oy - from) * width..][outs];
                    target.iter_mut().zip(source).for_each(|(y, &x)| *y = x);
                }
            }
            let w = &weight[g * out * depth..(g + 1) * out * depth];
            ArrayView2::from_shape((out, depth), w).expect("weights of one group").dot(&patches)
        })
        .collect();
    let mut y = vec![0.0; shape.output_len()];
    for (&(g, from), part) in jobs.iter().zip(&parts) {
        for (c, row) in part.rows().into_iter().enumerate() {
            let at = (g * out + c) * height * width + from * width;
            y[at..at + row.len()].iter_mut().zip(row).for_each(|(y, &v)| *y = v);
        }
    }
    y.into()
}

/// Per block of input channels: transposed weights times outputs, scattered.
fn backward(shape: &ConvShape, weight: &[f64], y: ArrayView1<f64>) -> Array1<f64> {
    let y = y.as_standard_layout();
    let y = y.as_slice().expect("standard layout");
    let (taps, out) = (shape.taps(), shape.out_channels / shape.groups);
    let per_group = shape.in_channels / shape.groups;
    let [height, width] = shape.output;
    let (area, plane) = (height * width, shape.input[0] * shape.input[1]);
    let block = ROWS.div_ceil(taps).min(per_group);
    let blocks: Vec<(usize, usize)> =
        (0..shape.groups).flat_map(|g| (0..per_group).step_by(block).map(move |c| (g, c))).collect();
    let planes: Vec<Vec<f64>> = blocks
        .into_par_iter()
        .map(|(g, from)| {
            let count = block.min(per_group - from);
            let w = Array2::from_shape_fn((count * taps, out), |(k, o)| {
                weight[((g * out + o) * per_group + from + k / taps) * taps + k % taps]
            });
            let y = &y[g * out * area..(g + 1) * out * area];
            let y = ArrayView2::from_shape((out, area), y).expect("outputs of one group");
            let strip = (PATCHES / (count * taps * width).max(1)).clamp(1, height.max(1));
            let mut planes = vec![0.0; count * plane];
            for top in (0..height).step_by(strip) {
                let end = height.min(top + strip);
                let unfolded = w.dot(&y.slice(s![.., top * width..end * width]));
                for (k, row) in unfolded.rows().into_iter().enumerate() {
                    let (c, t) = (k / taps, k % taps);
                    let row = row.to_slice().expect("contiguous");
                    let (outs, first) = meeting(shape, t % shape.kernel[1]);
                    for oy in top..end {
                        let Some(iy) = shape.source(0, oy, t / shape.kernel[1]) else { continue };
                        let target = &mut planes[c * plane + iy * shape.input[1]..(c + 1) * plane];
                        let target = target.iter_mut().skip(first).step_by(shape.stride[1]);
                        target.zip(&row[(oy - top) * width..][outs.clone()]).for_each(|(x, &y)| *x += y);
                    }
                }
            }
            planes
        })
        .collect();
    planes.concat().into()
}

/// An upper bound of |W||x| for a map of magnitudes and a vector of magnitudes.
pub fn apply_up(magnitudes: &LinearMap, x: ArrayView1<f64>) -> Array1<f64> {
    let n = terms(magnitudes);
    let smallest = |v: &mut dyn Iterator<Item = f64>| {
        v.filter(|&v| v != 0.0).fold(f64::INFINITY, |m, v| if v < m { v } else { m })
    };
    let least = smallest(&mut magnitudes.weights().iter().copied()) * smallest(&mut x.iter().copied());
    let tiny = if least >= f64::MIN_POSITIVE { 0.0 } else { mul_up(n as f64, f64::from_bits(1)) };
    let factor = add_up(1.0, mul_up(2.0, gamma(n + 1)));
    let mut y = apply(magnitudes, x);
    y.mapv_inplace(|v| {
        let v = add_up(mul_up(v, factor), tiny);
        if v.is_nan() { f64::INFINITY } else { v }
    });
    y
}
