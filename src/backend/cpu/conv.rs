//! Convolutions and their adjoints by blocked im2col: only a slice of the
//! patch matrix ever exists, and each slice is used for centre and radius.
//! No Winograd, no FFT: every output is a plain sum of products.

use super::double::{self, Pair, two_sum};
use super::{Block, Cpu, Parts};
use crate::num::ConvShape;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

/// Patch values held at once per task.
const PATCH: usize = 1 << 17;

pub struct Kernel<'a> {
    pub shape: &'a ConvShape,
    pub weight: &'a [f64],
    pub magnitude: &'a [f64],
}

impl Kernel<'_> {
    /// Rows of `values` that belong to a group: `out_channels / groups x depth`.
    fn group<'a>(&self, values: &'a [f64], g: usize) -> ArrayView2<'a, f64> {
        let (rows, depth) = (self.shape.out_channels / self.shape.groups, self.shape.depth());
        ArrayView2::from_shape((rows, depth), &values[g * rows * depth..][..rows * depth]).expect("kernel")
    }
}

/// The three components of one vector of a block.
#[derive(Clone, Copy)]
struct Source<'a> {
    hi: &'a [f64],
    lo: &'a [f64],
    spread: &'a [f64],
}

impl<'a> Source<'a> {
    fn of(x: &'a Block, spread: &'a [f64], vector: usize) -> Self {
        let at = vector * x.features..(vector + 1) * x.features;
        let part = |v: &'a [f64]| if v.is_empty() { v } else { &v[at.clone()] };
        Source { hi: part(&x.hi), lo: part(&x.lo), spread: part(spread) }
    }
}

/// Disjoint mutable pieces of a result, component by component.
fn pieces(parts: &mut Parts, len: usize) -> Vec<Parts3<'_>> {
    let count = parts.hi.len() / len.max(1);
    let (no_lo, no_radius) = (parts.lo.is_empty(), parts.radius.is_empty());
    let mut lo = parts.lo.chunks_mut(len);
    let mut radius = parts.radius.chunks_mut(len);
    let mut list = Vec::with_capacity(count);
    for hi in parts.hi.chunks_mut(len) {
        list.push(Parts3 {
            hi,
            lo: if no_lo { &mut [] } else { lo.next().expect("same length") },
            radius: if no_radius { &mut [] } else { radius.next().expect("same length") },
        });
    }
    list
}

struct Parts3<'a> {
    hi: &'a mut [f64],
    lo: &'a mut [f64],
    radius: &'a mut [f64],
}

/// y = K * x for every vector of the block.
pub fn forward(backend: &Cpu, kernel: &Kernel, x: &Block, spread: &[f64]) -> Parts {
    let shape = kernel.shape;
    let pixels = shape.output[0] * shape.output[1];
    let channels = shape.out_channels / shape.groups;
    let mut parts = Parts::zeros(backend, x.vectors() * shape.output_len());
    // One task computes all channels of one group over some rows of pixels.
    let rows = (PATCH / (shape.depth() * shape.output[1]).max(1)).clamp(1, shape.output[0]);
    let tasks: Vec<_> = pieces(&mut parts, channels * pixels)
        .into_iter()
        .enumerate()
        .flat_map(|(k, piece)| {
            let (vector, group) = (k / shape.groups, k % shape.groups);
            bands(piece, channels, pixels, rows * shape.output[1])
                .into_iter()
                .map(move |(at, band)| (vector, group, at / shape.output[1], band))
        })
        .collect();
    tasks.into_par_iter().for_each_init(Vec::new, |buffer, (vector, group, y0, band)| {
        let source = Source::of(x, spread, vector);
        let count = band.hi.ncols();
        let weight = kernel.group(kernel.weight, group);
        let mut patch = |data: &[f64]| {
            buffer.clear();
            buffer.resize(shape.depth() * count, 0.0);
            if gather(shape, group, y0, data, buffer, count) {
                Some(Array2::from_shape_vec((shape.depth(), count), buffer.clone()).expect("patch"))
            } else {
                None
            }
        };
        let Band { mut hi, lo, radius } = band;
        if let Some(mut radius) = radius
            && let Some(patch) = patch(source.spread)
        {
            general_mat_mul(1.0, &kernel.group(kernel.magnitude, group), &patch, 0.0, &mut radius);
        }
        if let Some(centre) = patch(source.hi) {
            match lo {
                None => general_mat_mul(1.0, &weight, &centre, 0.0, &mut hi),
                Some(lo) => {
                    let low = patch(source.lo);
                    let b = Pair { hi: centre.view(), lo: low.as_ref().map(|p| p.view()) };
                    double::product(Pair { hi: weight, lo: None }, b, hi, lo);
                }
            }
        }
    });
    parts
}

/// A range of columns (pixels) of one group's outputs.
struct Band<'a> {
    hi: ArrayViewMut2<'a, f64>,
    lo: Option<ArrayViewMut2<'a, f64>>,
    radius: Option<ArrayViewMut2<'a, f64>>,
}

fn bands(piece: Parts3<'_>, channels: usize, pixels: usize, width: usize) -> Vec<(usize, Band<'_>)> {
    fn cut(data: &mut [f64], channels: usize, pixels: usize, width: usize) -> Vec<ArrayViewMut2<'_, f64>> {
        let mut rest = ArrayViewMut2::from_shape((channels, pixels), data).expect("outputs of a group");
        let mut list = vec![];
        while rest.ncols() > 0 {
            let take = width.min(rest.ncols());
            let (head, tail) = rest.split_at(Axis(1), take);
            list.push(head);
            rest = tail;
        }
        list
    }
    let maybe = |data: &'_ [f64]| !data.is_empty();
    let (has_lo, has_radius) = (maybe(piece.lo), maybe(piece.radius));
    let hi = cut(piece.hi, channels, pixels, width);
    let mut lo = if has_lo { cut(piece.lo, channels, pixels, width) } else { vec![] }.into_iter();
    let mut radius = if has_radius { cut(piece.radius, channels, pixels, width) } else { vec![] }.into_iter();
    hi.into_iter()
        .enumerate()
        .map(|(k, hi)| (k * width, Band { hi, lo: lo.next(), radius: radius.next() }))
        .collect()
}

/// Fills `depth x count` patches for the output pixels from row `y0` on; false if all are zero.
fn gather(shape: &ConvShape, group: usize, y0: usize, data: &[f64], patch: &mut [f64], count: usize) -> bool {
    let [h, w] = shape.input;
    let [_, ow] = shape.output;
    let channels = shape.in_channels / shape.groups;
    let mut any = false;
    for c in 0..channels {
        let plane = &data[(group * channels + c) * h * w..][..h * w];
        if plane.iter().all(|v| *v == 0.0) {
            continue;
        }
        for ky in 0..shape.kernel[0] {
            for kx in 0..shape.kernel[1] {
                let row = (c * shape.kernel[0] + ky) * shape.kernel[1] + kx;
                let line = &mut patch[row * count..(row + 1) * count];
                for (dy, out) in line.chunks_mut(ow).enumerate() {
                    let Some(sy) = shape.source(0, y0 + dy, ky) else { continue };
                    let (from, to) = reach(shape, kx);
                    let source = &plane[sy * w..(sy + 1) * w];
                    let first = from * shape.stride[1] + kx * shape.dilation[1];
                    if from < to {
                        any = true;
                        let first = first - shape.pad[1];
                        if shape.stride[1] == 1 {
                            out[from..to].copy_from_slice(&source[first..first + to - from]);
                        } else {
                            for (o, v) in
                                out[from..to].iter_mut().zip(source[first..].iter().step_by(shape.stride[1]))
                            {
                                *o = *v;
                            }
                        }
                    }
                }
            }
        }
    }
    any
}

/// Output columns whose tap `kx` reads inside the input.
fn reach(shape: &ConvShape, kx: usize) -> (usize, usize) {
    let (tap, pad, stride) = (kx * shape.dilation[1], shape.pad[1], shape.stride[1]);
    let from = pad.saturating_sub(tap).div_ceil(stride);
    let to = if shape.input[1] + pad > tap { (shape.input[1] + pad - tap - 1) / stride + 1 } else { 0 };
    (from.min(shape.output[1]), to.min(shape.output[1]))
}

/// x = K' g for every vector of the block.
pub fn adjoint(backend: &Cpu, kernel: &Kernel, g: &Block, spread: &[f64]) -> Parts {
    let shape = kernel.shape;
    let [h, w] = shape.input;
    let pixels = shape.output[0] * shape.output[1];
    let channels = shape.in_channels / shape.groups;
    let mut parts = Parts::zeros(backend, g.vectors() * shape.input_len());
    // One task owns a few input channels of one vector.
    let wanted = (4 * rayon::current_num_threads()).div_ceil((g.vectors() * shape.groups).max(1));
    let per_task = channels.div_ceil(wanted).max(1);
    let tasks: Vec<_> = pieces(&mut parts, h * w * channels)
        .into_iter()
        .enumerate()
        .flat_map(|(k, piece)| {
            let mut list = vec![];
            let Parts3 { mut hi, mut lo, mut radius } = piece;
            let mut c0 = 0;
            while c0 < channels {
                let take = per_task.min(channels - c0);
                let (a, rest) = hi.split_at_mut(take * h * w);
                hi = rest;
                let (b, rest) = lo.split_at_mut(if lo.is_empty() { 0 } else { take * h * w });
                lo = rest;
                let (c, rest) = radius.split_at_mut(if radius.is_empty() { 0 } else { take * h * w });
                radius = rest;
                list.push((k / shape.groups, k % shape.groups, c0, take, Parts3 { hi: a, lo: b, radius: c }));
                c0 += take;
            }
            list
        })
        .collect();
    let out_channels = shape.out_channels / shape.groups;
    tasks.into_par_iter().for_each(|(vector, group, c0, take, piece)| {
        let source = Source::of(g, spread, vector);
        let at = group * out_channels * pixels..(group + 1) * out_channels * pixels;
        let taps = c0 * shape.taps()..(c0 + take) * shape.taps();
        let grid = |data: &'_ [f64]| -> Option<Array2<f64>> {
            let view = ArrayView2::from_shape((out_channels, pixels), &data[at.clone()]).expect("outputs");
            view.iter().any(|v| *v != 0.0).then(|| view.to_owned())
        };
        let left = |values| -> Array2<f64> {
            kernel
                .group(values, group)
                .slice(s![.., taps.clone()])
                .reversed_axes()
                .as_standard_layout()
                .to_owned()
        };
        let rows = (PATCH / (take * shape.taps() * shape.output[1]).max(1)).clamp(1, shape.output[0]);
        if !piece.radius.is_empty()
            && let Some(spread) = grid(source.spread)
        {
            let left = left(kernel.magnitude);
            each_band(shape, rows, &spread, |y0, band| {
                let patch = left.dot(&band);
                scatter(shape, y0, &patch, |to, v| piece.radius[to] += v);
            });
        }
        if let Some(hi) = grid(source.hi) {
            let left = left(kernel.weight);
            if piece.lo.is_empty() {
                each_band(shape, rows, &hi, |y0, band| {
                    let patch = left.dot(&band);
                    scatter(shape, y0, &patch, |to, v| piece.hi[to] += v);
                });
            } else {
                let low =
                    ArrayView2::from_shape((out_channels, pixels), &source.lo[at.clone()]).expect("outputs");
                each_band(shape, rows, &hi, |y0, band| {
                    let first = y0 * shape.output[1];
                    let low = low.slice(s![.., first..first + band.ncols()]);
                    let mut patch = Array2::zeros((left.nrows(), band.ncols()));
                    let mut patch_low = patch.clone();
                    let (a, b) = (Pair { hi: left.view(), lo: None }, Pair { hi: band, lo: Some(low) });
                    double::product(a, b, patch.view_mut(), patch_low.view_mut());
                    scatter(shape, y0, &patch, |to, v| {
                        let (sum, e) = two_sum(piece.hi[to], v);
                        piece.hi[to] = sum;
                        piece.lo[to] += e;
                    });
                    scatter(shape, y0, &patch_low, |to, v| piece.lo[to] += v);
                });
                for (hi, lo) in piece.hi.iter_mut().zip(piece.lo.iter_mut()) {
                    (*hi, *lo) = two_sum(*hi, *lo);
                }
            }
        }
    });
    parts
}

fn each_band(
    shape: &ConvShape,
    rows: usize,
    grid: &Array2<f64>,
    mut work: impl FnMut(usize, ArrayView2<f64>),
) {
    let width = shape.output[1];
    for y0 in (0..shape.output[0]).step_by(rows) {
        let end = (y0 + rows).min(shape.output[0]);
        let band = grid.slice(s![.., y0 * width..end * width]);
        if band.iter().any(|v| *v != 0.0) {
            work(y0, band);
        }
    }
}

/// Adds `taps x pixels` contributions to the input positions they come from.
fn scatter(shape: &ConvShape, y0: usize, patch: &Array2<f64>, mut add: impl FnMut(usize, f64)) {
    let [h, w] = shape.input;
    let ow = shape.output[1];
    for (row, line) in patch.rows().into_iter().enumerate() {
        let (c, tap) = (row / shape.taps(), row % shape.taps());
        let (ky, kx) = (tap / shape.kernel[1], tap % shape.kernel[1]);
        let (from, to) = reach(shape, kx);
        let line = line.as_slice().expect("row order");
        for (dy, values) in line.chunks(ow).enumerate() {
            let Some(sy) = shape.source(0, y0 + dy, ky) else { continue };
            if from < to {
                let first = (c * h + sy) * w + from * shape.stride[1] + kx * shape.dilation[1] - shape.pad[1];
                for (o, &v) in values[from..to].iter().enumerate() {
                    add(first + o * shape.stride[1], v);
                }
            }
        }
    }
}
