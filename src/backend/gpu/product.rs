//! Products with weights on the device.

use super::inflate::{Product, Real, Widening};
use super::kernels::{CONV, CONV_ADJOINT, CONV_ADJOINT_HALF, CONV_HALF, DENSE, DENSE_HALF};
use super::{Arg, Block, Gpu, Slab};
use crate::backend::Backend;
use crate::num::round::{add_up, mul_up};
use crate::num::{Affine, ConvShape, LinearMap};
use half::f16;
use std::sync::Arc;

/// Weights as the device has them, and what bounds their products.
pub struct Map {
    affine: Affine,
    weight: Slab,
    /// Are weights stored as f16, two in a word?
    halves: bool,
    bias: Slab,
    /// Largest sum of magnitudes over one output, forward and backward.
    rows: f64,
    columns: f64,
    largest: f64,
    offset: f64,
    /// Are all weights zero?
    zero: bool,
    /// Were weights or biases rounded to the device's numbers?
    rounded: bool,
    /// Do all weights and biases fit into the device's numbers?
    fits: bool,
}

impl Map {
    /// What a weight takes on the device.
    pub fn bits_per_weight(&self, real: Real) -> usize {
        if self.halves { 16 } else { 8 * real.bytes() }
    }
}

pub fn prepare(gpu: &Gpu, affine: &Affine) -> Map {
    let real = gpu.real();
    let weights = affine.map.weights();
    let bias: &[f64] = affine.bias.as_ref().map_or(&[], |b| b);
    let most = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let (rows, columns) = sums(&affine.map);
    let (largest, offset) = (most(weights), most(bias));
    // Headroom for what a product adds up beside them.
    let fits = rows.max(columns).max(offset) < real.limit().sqrt();
    let near = |v: &[f64]| -> Vec<f64> { v.iter().map(|x| if fits { real.near(*x) } else { 0.0 }).collect() };
    let packed = if fits && gpu.info().f16 { halves(weights) } else { None };
    Map {
        affine: affine.clone(),
        halves: packed.is_some(),
        weight: match packed {
            Some(words) => gpu.device.upload_indices(&words),
            None => gpu.device.upload(&near(weights)),
        },
        bias: gpu.device.upload(&near(bias)),
        rows,
        columns,
        largest,
        offset,
        zero: largest == 0.0,
        rounded: weights.iter().chain(bias).any(|w| real.near(*w) != *w),
        fits,
    }
}

/// The weights as pairs of f16, where every one is a normal f16 number or zero:
/// half the memory or less, and nothing is rounded.
fn halves(weights: &[f64]) -> Option<Vec<u32>> {
    let one = |w: f64| {
        let h = f16::from_f64(w);
        (h.to_f64() == w && (h.is_normal() || w == 0.0)).then(|| h.to_bits() as u32)
    };
    let pair = |p: &[f64]| Some(one(p[0])? | one(*p.get(1).unwrap_or(&0.0))? << 16);
    weights.chunks(2).map(pair).collect()
}

/// Upper bounds of the largest row and column sums of |W|; the rounding of
/// weights to the device is covered by the bound's use.
fn sums(map: &LinearMap) -> (f64, f64) {
    let most = |v: Vec<f64>| v.into_iter().fold(0.0, f64::max);
    match map {
        LinearMap::Dense(w) => {
            let mut columns = vec![0.0; w.ncols()];
            let mut rows = vec![0.0; w.nrows()];
            for ((i, j), v) in w.indexed_iter() {
                rows[i] = add_up(rows[i], v.abs());
                columns[j] = add_up(columns[j], v.abs());
            }
            (most(rows), most(columns))
        }
        LinearMap::Conv { shape, weight, adjoint } => {
            let (inner, taps) = (shape.in_channels / shape.groups, shape.taps());
            let mut outputs = vec![0.0; shape.out_channels];
            let mut inputs = vec![0.0; shape.in_channels];
            for (k, v) in weight.iter().enumerate() {
                let o = k / (inner * taps);
                let i = o / (shape.out_channels / shape.groups) * inner + k / taps % inner;
                outputs[o] = add_up(outputs[o], v.abs());
                inputs[i] = add_up(inputs[i], v.abs());
            }
            if *adjoint { (most(inputs), most(outputs)) } else { (most(outputs), most(inputs)) }
        }
    }
}

fn numbers(s: &ConvShape) -> Vec<u32> {
    let mut list = vec![s.in_channels, s.out_channels];
    for pair in [s.input, s.output, s.kernel, s.stride, s.dilation, s.pad] {
        list.extend(pair);
    }
    list.push(s.groups);
    list.into_iter().map(|v| v as u32).collect()
}

pub fn run(gpu: &Gpu, map: &Map, x: &Block, backward: bool, with_bias: bool) -> Block {
    let linear = &map.affine.map;
    let (from, to) =
        if backward { (linear.outputs(), linear.inputs()) } else { (linear.inputs(), linear.outputs()) };
    assert_eq!(x.features, from);
    let real = gpu.real();
    let reach = gpu.reach(x);
    let bias = with_bias && map.affine.bias.is_some();
    let sum = if backward { map.columns } else { map.rows };
    // Products per output, outputs per vector along m and j, groups, kernel, its sizes.
    let (depth, places, width, groups, kernels, extra) = match linear {
        LinearMap::Dense(_) => (from, 1, to, 1, [&DENSE, &DENSE_HALF], vec![backward as u32]),
        LinearMap::Conv { shape: s, adjoint, .. } => {
            let area = |a: [usize; 2]| a[0] * a[1];
            if backward == *adjoint {
                let depth = s.in_channels / s.groups * s.taps();
                (depth, area(s.output), s.out_channels / s.groups, s.groups, [&CONV, &CONV_HALF], numbers(s))
            } else {
                let depth = s.out_channels / s.groups * s.taps();
                (
                    depth,
                    area(s.input),
                    s.in_channels / s.groups,
                    s.groups,
                    [&CONV_ADJOINT, &CONV_ADJOINT_HALF],
                    numbers(s),
                )
            }
        }
    };
    if x.lost() || !map.fits || !real.sums(depth + 6) {
        return fallback(gpu, map, x, backward, with_bias, to);
    }
    if map.zero && !bias {
        let zeros = || Arc::new(gpu.device.upload(&vec![0.0; x.vectors() * to]));
        return Block { features: to, centre: zeros(), radius: zeros(), reach: 0.0, ..x.clone() };
    }
    let shape = Product { depth, bias, rounded: map.rounded, weight: map.largest, reach };
    let limits = shape.consts(real, gpu.widening);
    // Never less than what may happen, whatever part of it kernels add.
    let most = shape.consts(real, Widening::FULL);
    // Twice the sum covers the rounding of weights, gamma and underflow together.
    let bound = add_up(mul_up(2.0 * sum, add_up(reach, 64.0 * real.tiny())), 2.0 * map.offset);
    let bound = add_up(bound, 4.0 * most[2]);
    if bound > real.limit() {
        return fallback(gpu, map, x, backward, with_bias, to);
    }
    // The bound that is passed on has no factor of two.
    let tight = mul_up(sum, reach) * (1.0 + 8.0 * most[0]) + map.offset * (1.0 + 8.0 * most[0]);
    let y = gpu.empty((x.items, x.rows, to), add_up(tight, 16.0 * most[2]));
    let mut consts = gpu.consts(1.0);
    consts.extend(limits);
    let tiles = (places * x.vectors()).div_ceil(64);
    let args = [
        Arg::Each(&x.centre, from),
        Arg::Each(&x.radius, from),
        match map.halves {
            true => Arg::Indices(&map.weight, linear.weights().len().div_ceil(2)),
            false => Arg::Reals(&map.weight, linear.weights().len()),
        },
        Arg::Reals(&map.bias, map.affine.bias.as_ref().map_or(0, |b| b.len())),
        Arg::Each(&y.centre, to),
        Arg::Each(&y.radius, to),
    ];
    for start in (0..tiles).step_by(65_535) {
        let sizes = |_: usize, count: usize| {
            let mut list: Vec<u32> = [count * places, width, depth, start, bias as usize, map.affine.repeat]
                .iter()
                .map(|v| *v as u32)
                .collect();
            list.extend(&extra);
            list
        };
        gpu.run(kernels[map.halves as usize], x.vectors(), &consts, &args, sizes, |count| {
            let left = (count * places).div_ceil(64).saturating_sub(start).min(65_535);
            [left as u32, width.div_ceil(64) as u32, groups as u32]
        });
    }
    y
}

fn fallback(gpu: &Gpu, map: &Map, x: &Block, backward: bool, with_bias: bool, to: usize) -> Block {
    if x.lost() {
        return gpu.lost(x.items, x.rows, to);
    }
    gpu.twin(&[x], |b, x| {
        let twin = b.prepare(&map.affine);
        match (backward, with_bias) {
            (true, _) => b.adjoint(&twin, x[0]),
            (false, true) => b.affine(&twin, x[0]),
            (false, false) => b.linear(&twin, x[0]),
        }
    })
}
