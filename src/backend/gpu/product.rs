//! Products with weights on the device.

use super::inflate::{Product, Real, Widening};
use super::kernels::{self, JOINED, With};
use super::launch::Pass;
use super::tile::Tile;
use super::{Arg, Block, Gpu, Slab};
use crate::backend::Backend;
use crate::layer::{Affine, ConvShape, LinearMap};
use crate::num::round::{add_up, mul_up};
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
    /// Rows of a matrix that is too large for one binding, as maps of their own.
    blocks: Vec<Map>,
    /// Do all weights and biases fit into the device's numbers?
    fits: bool,
}

impl Map {
    /// What a weight takes on the device.
    pub fn bits_per_weight(&self, real: Real) -> usize {
        if self.halves { 16 } else { 8 * real.bytes() }
    }
}

/// Groups of rows of a matrix, each small enough to be bound; none if all are.
fn blocks(gpu: &Gpu, affine: &Affine) -> Vec<Map> {
    let LinearMap::Dense(w) = &affine.map else { return vec![] };
    let most = (gpu.binding as usize / (w.ncols().max(1) * gpu.real().bytes())).max(1);
    if w.nrows() <= most {
        return vec![];
    }
    let part = |first: usize| {
        let rows = first..w.nrows().min(first + most);
        let map = LinearMap::Dense(Arc::new(w.slice(ndarray::s![rows.clone(), ..]).to_owned()));
        let bias = affine.bias.as_ref().map(|b| Arc::new(rows.map(|i| b[i / affine.repeat]).collect()));
        prepare(gpu, &Affine { map, bias, repeat: 1 })
    };
    (0..w.nrows()).step_by(most).map(part).collect()
}

pub fn prepare(gpu: &Gpu, affine: &Affine) -> Map {
    let real = gpu.real();
    let blocks = blocks(gpu, affine);
    let weights = affine.map.weights();
    let bias: &[f64] = affine.bias.as_ref().map_or(&[], |b| b);
    let most = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let (rows, columns) = sums(&affine.map);
    let (largest, offset) = (most(weights), most(bias));
    // Headroom for what a product adds up beside them.
    let fits = rows.max(columns).max(offset) < real.limit().sqrt();
    let near = |v: &[f64]| -> Vec<f64> { v.iter().map(|x| if fits { real.near(*x) } else { 0.0 }).collect() };
    let parted = !blocks.is_empty();
    let packed = if fits && gpu.info().f16 && !parted { halves(weights) } else { None };
    Map {
        affine: affine.clone(),
        halves: packed.is_some(),
        // What its blocks hold is not stored twice.
        weight: match packed {
            _ if parted => gpu.device.upload(&[]),
            Some(words) => gpu.device.upload_indices(&words),
            None => gpu.device.upload(&near(weights)),
        },
        bias: gpu.device.upload(&near(bias)),
        rows,
        columns,
        largest,
        offset,
        zero: largest == 0.0,
        blocks,
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

/// Which product with a map.
#[derive(Clone, Copy)]
pub enum Way {
    /// With the bias.
    Affine,
    Linear,
    Adjoint,
}

impl Way {
    fn is_backward(self) -> bool {
        matches!(self, Way::Adjoint)
    }

    /// Features of the argument and of the result.
    fn sizes(self, map: &LinearMap) -> (usize, usize) {
        if self.is_backward() { (map.outputs(), map.inputs()) } else { (map.inputs(), map.outputs()) }
    }
}

pub fn run(gpu: &Gpu, map: &Map, x: &Block, way: Way) -> Block {
    let linear = &map.affine.map;
    let (from, to) = way.sizes(linear);
    assert_eq!(x.features, from);
    if !map.blocks.is_empty() && !x.lost() {
        return by_blocks(gpu, map, x, way);
    }
    let real = gpu.real();
    let reach = gpu.reach(x);
    let bias = matches!(way, Way::Affine) && map.affine.bias.is_some();
    let sum = if way.is_backward() { map.columns } else { map.rows };
    let plan = Plan::new(linear, way.is_backward());
    let depth = plan.parts.iter().map(|p| p.depth).max().unwrap_or(0);
    if x.lost() || !map.fits || !real.sums(depth + MOST_SLICES + 6) {
        return fallback(gpu, map, x, way);
    }
    if map.zero && !bias {
        let zeros = || gpu.zeros(x.vectors() * to);
        return Block { features: to, centre: zeros(), radius: zeros(), reach: 0.0, ..x.clone() };
    }
    let product = Product { depth, bias, rounded: map.rounded, weight: map.largest, reach };
    // Never less than what may happen, whatever part of it kernels add.
    let most = product.consts(real, Widening::FULL);
    // Twice the sum covers the rounding of weights, gamma and underflow together.
    let bound = add_up(mul_up(2.0 * sum, add_up(reach, 64.0 * real.tiny())), 2.0 * map.offset);
    let bound = add_up(bound, 4.0 * most[2]);
    if bound > real.limit() {
        return fallback(gpu, map, x, way);
    }
    // The bound that is passed on has no factor of two.
    let tight = mul_up(sum, reach) * (1.0 + 8.0 * most[0]) + map.offset * (1.0 + 8.0 * most[0]);
    let y = gpu.empty((x.items, x.rows, to), add_up(tight, 16.0 * most[2]));
    launch(gpu, map, [x, &y], &plan, product);
    y
}

/// Slices of a sum at most.
const MOST_SLICES: usize = 64;

fn weights(map: &Map) -> Arg<'_> {
    let count = map.affine.map.weights().len();
    match map.halves {
        true => Arg::Indices(&map.weight, count.div_ceil(2)),
        false => Arg::Reals(&map.weight, count),
    }
}

fn bias(map: &Map) -> Arg<'_> {
    Arg::Reals(&map.bias, map.affine.bias.as_ref().map_or(0, |b| b.len()))
}

/// The kernels of a product from one block to another.
fn launch(gpu: &Gpu, map: &Map, [x, y]: [&Block; 2], plan: &Plan, product: Product) {
    let rows = plan.parts.iter().map(|p| p.places).max().unwrap_or(0) * x.vectors();
    let tile = gpu.cuts.tile(rows, plan.width);
    let workgroups = rows.div_ceil(tile.m) * plan.width.div_ceil(tile.j) * plan.groups * plan.parts.len();
    let slices = gpu.cuts.slices(workgroups, product.depth).min(MOST_SLICES);
    let whole = || [Arg::Each(&y.centre, y.features), Arg::Each(&y.radius, y.features)];
    let cut = |slices, product| Cut { map, plan, tile, slices, product };
    if slices == 1 || !at_once(gpu, x, y, slices) {
        return cut(1, product).run(gpu, x, y, whole());
    }
    // Sums of slices are sums in another order, with one more rounding for each.
    let product = Product { depth: product.depth + slices, ..product };
    let scratch = [0, 1].map(|_| gpu.device.reals(slices * y.len()));
    let bare = || scratch.each_ref().map(|s| Arg::Reals(s, slices * y.len()));
    cut(slices, product).run(gpu, x, y, bare());
    let ([c, r], [yc, yr]) = (bare(), whole());
    let mut consts = gpu.consts(1.0);
    consts.extend(product.consts(gpu.real(), gpu.widening));
    gpu.each(&JOINED, (y.vectors(), y.features), &consts, &[c, r, bias(map), yc, yr], |_| {
        [slices, y.features, product.bias as usize, map.affine.repeat].map(|v| v as u32).to_vec()
    });
}

/// Can all vectors be bound at once, and the slices of their results?
fn at_once(gpu: &Gpu, x: &Block, y: &Block, slices: usize) -> bool {
    let widest = [x.len(), y.len() * slices].into_iter().max().unwrap_or(0);
    (widest * gpu.real().bytes()) as u64 <= gpu.binding
}

/// A product as it is cut up.
struct Cut<'a> {
    map: &'a Map,
    plan: &'a Plan,
    tile: Tile,
    slices: usize,
    product: Product,
}

impl Cut<'_> {
    fn run(&self, gpu: &Gpu, x: &Block, y: &Block, [yc, yr]: [Arg; 2]) {
        let Cut { map, plan, tile, slices, product } = self;
        let kernel = kernels::product(plan.with, map.halves, *tile);
        let inputs = [Arg::Each(&x.centre, x.features), Arg::Each(&x.radius, x.features)];
        let args: Vec<Arg> = inputs.into_iter().chain([weights(map), bias(map), yc, yr]).collect();
        for Part { places, depth, numbers } in &plan.parts {
            let mut consts = gpu.consts(1.0);
            // A slice's roundings count as those of the longest sum.
            let depth_of = if *slices > 1 { product.depth } else { *depth };
            consts.extend(Product { depth: depth_of, ..*product }.consts(gpu.real(), gpu.widening));
            let pass = Pass { kernel, consts: &consts, args: &args };
            for start in (0..(places * x.vectors()).div_ceil(tile.m)).step_by(65_535) {
                let sizes = |_: usize, count: usize| {
                    let (bias, each) = (product.bias as usize, depth.div_ceil(*slices));
                    let own = [count * places, plan.width, *depth, start, bias, map.affine.repeat];
                    let all = own.into_iter().chain([*slices, each, y.len()]);
                    all.map(|v| v as u32).chain(numbers.iter().copied()).collect()
                };
                gpu.run(&pass, x.vectors(), sizes, |count| {
                    let left = (count * places).div_ceil(tile.m).saturating_sub(start).min(65_535);
                    [left as u32, plan.width.div_ceil(tile.j) as u32, (plan.groups * slices) as u32]
                });
            }
        }
    }
}

/// Forward the blocks' outputs side by side, backward their sum.
fn by_blocks(gpu: &Gpu, map: &Map, x: &Block, way: Way) -> Block {
    let mut first = 0;
    let mut parts = vec![];
    for block in &map.blocks {
        let rows = block.affine.map.outputs();
        if way.is_backward() {
            parts.push(run(gpu, block, &gpu.slice(x, first..first + rows), way));
        } else {
            parts.push(run(gpu, block, x, way));
        }
        first += rows;
    }
    let parts: Vec<&Block> = parts.iter().collect();
    if way.is_backward() { gpu.sum(&parts) } else { gpu.concat(&parts) }
}

/// What is launched for a product.
struct Plan {
    with: With,
    /// Outputs of a vector along j, for each group.
    width: usize,
    groups: usize,
    parts: Vec<Part>,
}

/// Outputs with the same taps.
struct Part {
    /// Outputs of a vector along m.
    places: usize,
    /// Products of one output.
    depth: usize,
    /// What the kernel wants to know.
    numbers: Vec<u32>,
}

impl Plan {
    fn new(map: &LinearMap, backward: bool) -> Plan {
        let (s, forward) = match map {
            LinearMap::Dense(w) => {
                let (from, to) = if backward { w.dim() } else { (w.ncols(), w.nrows()) };
                let part = Part { places: 1, depth: from, numbers: vec![backward as u32] };
                return Plan { with: With::Matrix, width: to, groups: 1, parts: vec![part] };
            }
            LinearMap::Conv { shape, adjoint, .. } => (shape, backward == *adjoint),
        };
        let (inner, outer) = (s.in_channels / s.groups, s.out_channels / s.groups);
        if forward {
            let places = s.output[0] * s.output[1];
            let part = Part { places, depth: inner * s.taps(), numbers: numbers(s) };
            return Plan { with: With::Convolution, width: outer, groups: s.groups, parts: vec![part] };
        }
        let mut parts = vec![];
        let [rows, columns] = [phases(s, 0), phases(s, 1)];
        for y in &rows {
            for x in &columns {
                let pairs = [
                    [y.first, x.first],
                    [y.count, x.count],
                    [y.tap, x.tap],
                    [y.step, x.step],
                    [y.taps, x.taps],
                ];
                let own = pairs.into_iter().flatten().map(|v| v as u32);
                parts.push(Part {
                    places: y.count * x.count,
                    depth: outer * y.taps * x.taps,
                    numbers: numbers(s).into_iter().chain(own).collect(),
                });
            }
        }
        Plan { with: With::Transposed, width: inner, groups: s.groups, parts }
    }
}

/// Inputs of one residue by the stride along an axis, and the taps that meet them.
struct Phase {
    first: usize,
    count: usize,
    tap: usize,
    step: usize,
    taps: usize,
}

fn phases(s: &ConvShape, axis: usize) -> Vec<Phase> {
    let (stride, dilation, kernel) = (s.stride[axis], s.dilation[axis], s.kernel[axis]);
    // Tap t meets input i where i + pad − t dilation is a multiple of the stride.
    let step = (1..=stride).find(|t| (t * dilation).is_multiple_of(stride)).unwrap_or(stride);
    let phase = |first: usize| {
        let residue = (first + s.pad[axis]) % stride;
        let tap = (0..step.min(kernel)).find(|t| t * dilation % stride == residue);
        let taps = tap.map_or(0, |t| (kernel - t).div_ceil(step));
        let count = (s.input[axis] - first).div_ceil(stride);
        Phase { first, count, tap: tap.unwrap_or(0), step, taps }
    };
    (0..stride.min(s.input[axis])).map(phase).collect()
}

fn fallback(gpu: &Gpu, map: &Map, x: &Block, way: Way) -> Block {
    if x.lost() {
        return gpu.lost(x.items, x.rows, way.sizes(&map.affine.map).1);
    }
    gpu.twin(&[x], |b, x| {
        let twin = b.prepare(&map.affine);
        match way {
            Way::Adjoint => b.adjoint(&twin, x[0]),
            Way::Affine => b.affine(&twin, x[0]),
            Way::Linear => b.linear(&twin, x[0]),
        }
    })
}
