//! Convolutions and their adjoints by blocked im2col: only a slice of the
//! patch matrix ever exists, and each slice is used for centre and radius.
//! No Winograd, no FFT: every output is a plain sum of products.

use super::double::{self, Pair};
use super::taps::{each_line, gather};
use super::{Block, Cpu, Parts, tasks};
use crate::layer::ConvShape;
use crate::linalg::product;
use crate::num::round::two_sum;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

/// Patch values held at once per task.
const PATCH: usize = 1 << 16;
/// Columns of a product that make packing the weights for it cheap.
const COLUMNS: usize = 512;

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
    split(Parts3 { hi: &mut parts.hi, lo: &mut parts.lo, radius: &mut parts.radius }, len)
}

fn split(parts: Parts3<'_>, len: usize) -> Vec<Parts3<'_>> {
    let len = len.max(1);
    let mut lo = parts.lo.chunks_mut(len);
    let mut radius = parts.radius.chunks_mut(len);
    let hi = parts.hi.chunks_mut(len);
    hi.map(|hi| Parts3 { hi, lo: lo.next().unwrap_or_default(), radius: radius.next().unwrap_or_default() })
        .collect()
}

struct Parts3<'a> {
    hi: &'a mut [f64],
    lo: &'a mut [f64],
    radius: &'a mut [f64],
}

/// What a task works in; kept from task to task.
#[derive(Default)]
struct Scratch {
    patch: Vec<f64>,
    patch_lo: Vec<f64>,
    out: Vec<f64>,
    out_lo: Vec<f64>,
}

fn zeroed(buffer: &mut Vec<f64>, len: usize) -> &mut [f64] {
    buffer.clear();
    buffer.resize(len, 0.0);
    buffer
}

/// A matrix in a buffer; its values are whatever was there.
fn matrix(buffer: &mut Vec<f64>, rows: usize, columns: usize) -> ArrayViewMut2<'_, f64> {
    buffer.resize((rows * columns).max(buffer.len()), 0.0);
    ArrayViewMut2::from_shape((rows, columns), &mut buffer[..rows * columns]).expect("sizes agree")
}

fn view(data: &[f64], rows: usize, columns: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((rows, columns), &data[..rows * columns]).expect("sizes agree")
}

/// out = a b in f64, any order of summation.
fn plain(a: ArrayView2<f64>, b: ArrayView2<f64>, out: &mut ArrayViewMut2<f64>) {
    product::Product::new(a, b, out.view_mut()).run();
}

/// Tasks that share a product: small images side by side.
fn batches<T>(tasks: Vec<T>, shape: &ConvShape, columns: usize, depth: usize) -> Vec<Vec<T>> {
    let most = (PATCH / (depth * columns).max(1)).min(COLUMNS.div_ceil(columns.max(1)));
    let fair = tasks.len().div_ceil(rayon::current_num_threads());
    let size = if shape.groups == 1 { most.min(fair).max(1) } else { 1 };
    let mut tasks = tasks.into_iter().peekable();
    let mut list = vec![];
    while tasks.peek().is_some() {
        list.push(tasks.by_ref().take(size).collect());
    }
    list
}

/// All channels of one group over some rows of pixels of one vector.
struct Strip<'a> {
    vector: usize,
    group: usize,
    y0: usize,
    band: Band<'a>,
}

/// A product of a kernel with every vector of a block.
struct Product<'a> {
    backend: &'a Cpu,
    kernel: &'a Kernel<'a>,
    x: &'a Block,
    spread: &'a [f64],
}

/// One of the three components of a vector.
type Component = fn(Source) -> &[f64];

/// y = K * x for every vector of the block.
pub fn forward(backend: &Cpu, kernel: &Kernel, x: &Block, spread: &[f64]) -> Parts {
    let shape = kernel.shape;
    let (depth, ow) = (shape.depth(), shape.output[1]);
    let pixels = shape.output[0] * ow;
    let channels = shape.out_channels / shape.groups;
    let mut parts = Parts::zeros(backend, x.vectors() * shape.output_len());
    let rows = (PATCH / (depth * ow).max(1)).clamp(1, shape.output[0].max(1));
    let strips: Vec<Strip> = pieces(&mut parts, channels * pixels)
        .into_iter()
        .enumerate()
        .flat_map(|(k, piece)| {
            let (vector, group) = (k / shape.groups, k % shape.groups);
            bands(piece, channels, pixels, rows * ow).into_iter().map(move |(at, band)| Strip {
                vector,
                group,
                y0: at / ow,
                band,
            })
        })
        .collect();
    let tasks = batches(strips, shape, rows * ow, depth);
    let operations = x.vectors() * shape.output_len() * depth;
    let product = Product { backend, kernel, x, spread };
    tasks::each_with(tasks, operations, |scratch: &mut Scratch, mut strips| {
        product.forward(scratch, &mut strips);
    });
    parts
}

impl Product<'_> {
    /// One task: strips of the same group.
    fn forward(&self, scratch: &mut Scratch, strips: &mut [Strip]) {
        let kernel = self.kernel;
        let (depth, channels) = (kernel.shape.depth(), kernel.shape.out_channels / kernel.shape.groups);
        let count: usize = strips.iter().map(|s| s.band.hi.ncols()).sum();
        let group = strips[0].group;
        if !self.spread.is_empty() {
            let patch = zeroed(&mut scratch.patch, depth * count);
            if self.patches(strips, |s| s.spread, patch, count) {
                let mut out = matrix(&mut scratch.out, channels, count);
                plain(kernel.group(kernel.magnitude, group), view(patch, depth, count), &mut out);
                hand_out(&out, strips.iter_mut().filter_map(|s| s.band.radius.as_mut()));
            }
        }
        let patch = zeroed(&mut scratch.patch, depth * count);
        if !self.patches(strips, |s| s.hi, patch, count) {
            return;
        }
        let patch = view(patch, depth, count);
        let weight = kernel.group(kernel.weight, group);
        let mut out = matrix(&mut scratch.out, channels, count);
        if self.backend.double() {
            let low = zeroed(&mut scratch.patch_lo, depth * count);
            let lo = self.patches(strips, |s| s.lo, low, count).then(|| view(low, depth, count));
            let mut out_lo = matrix(&mut scratch.out_lo, channels, count);
            let operands = (Pair { hi: weight, lo: None }, Pair { hi: patch, lo });
            double::product(operands.0, operands.1, out.view_mut(), out_lo.view_mut());
            hand_out(&out_lo, strips.iter_mut().filter_map(|s| s.band.lo.as_mut()));
        } else {
            plain(weight, patch, &mut out);
        }
        hand_out(&out, strips.iter_mut().map(|s| &mut s.band.hi));
    }

    /// Patches of all strips side by side, rows `pitch` apart; false if all are zero.
    fn patches(&self, strips: &[Strip], part: Component, patch: &mut [f64], pitch: usize) -> bool {
        let shape = self.kernel.shape;
        let plane = shape.input_len() / shape.groups;
        let (mut at, mut any) = (0, false);
        for s in strips {
            let data = &part(Source::of(self.x, self.spread, s.vector))[s.group * plane..][..plane];
            let width = s.band.hi.ncols();
            let rows = s.y0..s.y0 + width / shape.output[1];
            any |= gather(shape, data, rows, &mut patch[at..], pitch);
            at += width;
        }
        any
    }
}

/// Columns of `from`, one strip after the other.
fn hand_out<'a, 'b: 'a>(
    from: &ArrayViewMut2<f64>,
    strips: impl Iterator<Item = &'a mut ArrayViewMut2<'b, f64>>,
) {
    let mut at = 0;
    for strip in strips {
        let width = strip.ncols();
        strip.assign(&from.slice(s![.., at..at + width]));
        at += width;
    }
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

/// Some input channels of one group of one vector.
struct Planes<'a> {
    vector: usize,
    group: usize,
    first: usize,
    take: usize,
    piece: Parts3<'a>,
}

/// x = K' g for every vector of the block.
pub fn adjoint(backend: &Cpu, kernel: &Kernel, g: &Block, spread: &[f64]) -> Parts {
    let shape = kernel.shape;
    let plane = shape.input[0] * shape.input[1];
    let pixels = shape.output[0] * shape.output[1];
    let channels = shape.in_channels / shape.groups;
    let mut parts = Parts::zeros(backend, g.vectors() * shape.input_len());
    let threads = rayon::current_num_threads();
    let wanted = if threads == 1 { 1 } else { 4 * threads };
    let splits = wanted.div_ceil((g.vectors() * shape.groups).max(1));
    let per_task = channels.div_ceil(splits).max(1);
    let tasks: Vec<Planes> = pieces(&mut parts, plane * channels)
        .into_iter()
        .enumerate()
        .flat_map(|(k, piece)| {
            let firsts = (0..channels).step_by(per_task);
            firsts.zip(split(piece, per_task * plane)).map(move |(first, piece)| Planes {
                vector: k / shape.groups,
                group: k % shape.groups,
                first,
                take: per_task.min(channels - first),
                piece,
            })
        })
        .collect();
    let together = per_task == channels;
    let tasks = if together {
        batches(tasks, shape, pixels, per_task * shape.taps())
    } else {
        tasks.into_iter().map(|t| vec![t]).collect()
    };
    let operations = g.vectors() * shape.output_len() * shape.depth();
    let product = Product { backend, kernel, x: g, spread };
    tasks::each_with(tasks, operations, |scratch: &mut Scratch, mut planes| {
        product.adjoint(scratch, &mut planes);
    });
    parts
}

/// Some rows of the outputs of several vectors, and where they lie side by side.
#[derive(Clone, Copy)]
struct Grid {
    y0: usize,
    rows: usize,
    /// Pixels of one vector, and of all.
    each: usize,
    count: usize,
}

impl Product<'_> {
    /// One task of the adjoint: the same channels of a few vectors.
    fn adjoint(&self, scratch: &mut Scratch, planes: &mut [Planes]) {
        let shape = self.kernel.shape;
        let pixels = shape.output[0] * shape.output[1];
        let bands = if planes.len() > 1 { 1 } else { pixels * planes[0].take * shape.taps() / PATCH + 1 };
        let rows = shape.output[0].div_ceil(bands).max(1);
        for y0 in (0..shape.output[0]).step_by(rows) {
            let rows = rows.min(shape.output[0] - y0);
            let each = rows * shape.output[1];
            let grid = Grid { y0, rows, each, count: each * planes.len() };
            if !self.spread.is_empty() && self.collect(planes, grid, |s| s.spread, &mut scratch.patch) {
                self.add_plain(scratch, planes, grid, true);
            }
            if !self.collect(planes, grid, |s| s.hi, &mut scratch.patch) {
                continue;
            }
            if self.backend.double() {
                self.add_double(scratch, planes, grid);
            } else {
                self.add_plain(scratch, planes, grid, false);
            }
        }
        if self.backend.double() {
            for p in planes {
                for (hi, lo) in p.piece.hi.iter_mut().zip(p.piece.lo.iter_mut()) {
                    (*hi, *lo) = two_sum(*hi, *lo);
                }
            }
        }
    }

    fn outputs(&self) -> usize {
        self.kernel.shape.out_channels / self.kernel.shape.groups
    }

    /// Weights of the channels of a task, `taps x outputs`.
    fn left<'a>(&'a self, values: &'a [f64], planes: &Planes) -> ArrayView2<'a, f64> {
        let taps = self.kernel.shape.taps();
        let taps = planes.first * taps..(planes.first + planes.take) * taps;
        self.kernel.group(values, planes.group).slice_move(s![.., taps]).reversed_axes()
    }

    /// Output rows of all vectors side by side; false if all are zero.
    fn collect(&self, planes: &[Planes], grid: Grid, part: Component, to: &mut Vec<f64>) -> bool {
        let shape = self.kernel.shape;
        let (outputs, pixels) = (self.outputs(), shape.output[0] * shape.output[1]);
        let first = grid.y0 * shape.output[1];
        let mut to = matrix(to, outputs, grid.count);
        let mut any = false;
        for (k, p) in planes.iter().enumerate() {
            let data = &part(Source::of(self.x, self.spread, p.vector))[p.group * outputs * pixels..];
            let from = view(data, outputs, pixels);
            let from = from.slice(s![.., first..first + grid.each]);
            any |= from.iter().any(|v| *v != 0.0);
            to.slice_mut(s![.., k * grid.each..(k + 1) * grid.each]).assign(&from);
        }
        any
    }

    /// Adds what the collected rows give, to radii or to centres.
    fn add_plain(&self, scratch: &mut Scratch, planes: &mut [Planes], grid: Grid, radius: bool) {
        let (shape, stride) = (self.kernel.shape, self.kernel.shape.stride[1]);
        let values = if radius { self.kernel.magnitude } else { self.kernel.weight };
        let left = self.left(values, &planes[0]);
        let right = view(&scratch.patch, self.outputs(), grid.count);
        let mut out = matrix(&mut scratch.out, left.nrows(), grid.count);
        plain(left, right, &mut out);
        let out = out.as_slice().expect("row order");
        for (k, p) in planes.iter_mut().enumerate() {
            let to = if radius { &mut *p.piece.radius } else { &mut *p.piece.hi };
            scatter(shape, p.take, (grid, k), out, |at, v| add(to, at, stride, v));
        }
    }

    /// The same for centres in double-double.
    fn add_double(&self, scratch: &mut Scratch, planes: &mut [Planes], grid: Grid) {
        let (shape, stride) = (self.kernel.shape, self.kernel.shape.stride[1]);
        let left = self.left(self.kernel.weight, &planes[0]);
        let lo = self.collect(planes, grid, |s| s.lo, &mut scratch.patch_lo);
        let lo = lo.then(|| view(&scratch.patch_lo, self.outputs(), grid.count));
        let right = Pair { hi: view(&scratch.patch, self.outputs(), grid.count), lo };
        let mut out = matrix(&mut scratch.out, left.nrows(), grid.count);
        let mut out_lo = matrix(&mut scratch.out_lo, left.nrows(), grid.count);
        double::product(Pair { hi: left, lo: None }, right, out.view_mut(), out_lo.view_mut());
        let (out, out_lo) = (out.as_slice().expect("row order"), out_lo.as_slice().expect("row order"));
        for (k, p) in planes.iter_mut().enumerate() {
            let (hi, lo) = (&mut *p.piece.hi, &mut *p.piece.lo);
            scatter(shape, p.take, (grid, k), out, |to, v| {
                let at = (to..).step_by(stride);
                for (at, &v) in at.zip(v) {
                    let (sum, e) = two_sum(hi[at], v);
                    hi[at] = sum;
                    lo[at] += e;
                }
            });
            scatter(shape, p.take, (grid, k), out_lo, |to, v| add(lo, to, stride, v));
        }
    }
}

/// Hands each line of `taps x pixels` contributions of vector k of a grid to `add`, with the input
/// position where it begins.
#[inline(always)]
fn scatter(
    shape: &ConvShape,
    channels: usize,
    (grid, k): (Grid, usize),
    patch: &[f64],
    mut add: impl FnMut(usize, &[f64]),
) {
    each_line(
        shape,
        channels,
        grid.y0,
        grid.rows,
        #[inline(always)]
        |row, at, to, len| add(to, &patch[row * grid.count + k * grid.each + at..][..len]),
    );
}

/// Adds a line to every `stride`-th entry from `first` on.
#[inline(always)]
fn add(out: &mut [f64], first: usize, stride: usize, line: &[f64]) {
    if stride == 1 {
        for (o, v) in out[first..first + line.len()].iter_mut().zip(line) {
            *o += v;
        }
    } else {
        for (o, v) in out[first..].iter_mut().step_by(stride).zip(line) {
            *o += v;
        }
    }
}
