//! One kernel over a batch of vectors, in slices small enough to be bound.

use super::Gpu;
use super::device::{ALIGN, Device, Slab, View};
use super::inflate::Real;
use super::kernels::Kernel;
use std::ops::Range;

/// What a kernel sees of a buffer, while vectors are worked on in slices.
pub(super) enum Arg<'a> {
    /// So many numbers for each vector.
    Each(&'a Slab, usize),
    /// A table with so many numbers for each item of so many vectors.
    Items(&'a Slab, usize, usize),
    /// The same with indices.
    ItemIndices(&'a Slab, usize, usize),
    Reals(&'a Slab, usize),
    Indices(&'a Slab, usize),
}

/// A kernel and what it reads and writes.
pub(super) struct Pass<'a> {
    pub kernel: &'a Kernel,
    pub consts: &'a [f64],
    pub args: &'a [Arg<'a>],
}

impl Gpu {
    /// Ranges of vectors, each small enough that what a kernel sees of them can be bound.
    pub(super) fn slices(&self, vectors: usize, args: &[Arg]) -> impl Iterator<Item = (usize, usize)> {
        let real = self.real();
        let fit = |bytes: usize| self.binding as usize / bytes.max(1);
        let tables = args.iter().filter(|a| matches!(a, Arg::Items(..) | Arg::ItemIndices(..)));
        let aligned = tables.filter_map(|a| a.stride(real)).map(|(bytes, _)| grain(bytes)).max().unwrap_or(1);
        let fitting = |a: &Arg| match a.stride(real) {
            Some((bytes, 1)) => fit(bytes),
            // Tables start at an item that is aligned in all of them.
            Some((bytes, rows)) => fit(bytes).saturating_sub(aligned).saturating_mul(rows),
            None => usize::MAX,
        };
        let most = args.iter().map(fitting).min().unwrap_or(usize::MAX);
        let each = args.iter().filter_map(|a| a.stride(real)).filter(|(_, rows)| *rows == 1);
        let grain = each.map(|(bytes, _)| grain(bytes)).max().unwrap_or(1);
        let step = if vectors <= most { vectors.max(1) } else { (most / grain * grain).max(grain) };
        (0..vectors).step_by(step).map(move |first| (first, step.min(vectors - first)))
    }

    /// One kernel over all vectors; `sizes` and `grid` get the number of vectors of a
    /// slice, and the first one as its item tables count.
    pub(super) fn run(
        &self,
        pass: &Pass,
        vectors: usize,
        sizes: impl Fn(usize, usize) -> Vec<u32>,
        grid: impl Fn(usize) -> [u32; 3],
    ) {
        for slice in self.slices(vectors, pass.args) {
            self.launch(pass, slice, &sizes, &grid);
        }
    }

    /// The same for vectors that are work enough for a grid of their own: at
    /// most so many at a time.
    pub(super) fn run_up_to(
        &self,
        pass: &Pass,
        (vectors, most): (usize, usize),
        sizes: impl Fn(usize, usize) -> Vec<u32>,
        grid: impl Fn(usize) -> [u32; 3],
    ) {
        // Multiples of 64 keep the offsets of bindings aligned.
        let step = if vectors <= most { vectors.max(1) } else { (most / 64 * 64).max(64) };
        for first in (0..vectors).step_by(step) {
            self.launch(pass, (first, step.min(vectors - first)), &sizes, &grid);
        }
    }

    fn launch(
        &self,
        &Pass { kernel, consts, args }: &Pass,
        (first, count): (usize, usize),
        sizes: &impl Fn(usize, usize) -> Vec<u32>,
        grid: &impl Fn(usize) -> [u32; 3],
    ) {
        let real = self.real();
        let tables = args.iter().filter(|a| matches!(a, Arg::Items(..) | Arg::ItemIndices(..)));
        let strides = tables.filter_map(|a| a.stride(real));
        let (aligned, rows) = strides.fold((1, 1), |(g, _), (bytes, rows)| (g.max(grain(bytes)), rows));
        let item = first / rows / aligned * aligned;
        let items = item..(first + count).div_ceil(rows);
        let views: Vec<View> = args.iter().map(|a| a.view(real, (first, count), items.clone())).collect();
        self.device.launch(kernel, &sizes(first - item * rows, count), consts, &views, grid(count));
    }

    /// An entrywise kernel: one invocation per entry of the result.
    pub(super) fn each(
        &self,
        kernel: &Kernel,
        (vectors, width): (usize, usize),
        consts: &[f64],
        args: &[Arg],
        rest: impl Fn(usize) -> Vec<u32>,
    ) {
        let sizes = |first: usize, count: usize| {
            let mut list = vec![(count * width) as u32];
            list.extend(rest(first));
            list
        };
        self.run(&Pass { kernel, consts, args }, vectors, sizes, |count| {
            Device::fold((count * width).div_ceil(256) as u64)
        });
    }
}

/// Vectors or items from one aligned offset to the next.
fn grain(bytes: usize) -> usize {
    let align = ALIGN as usize;
    align >> bytes.trailing_zeros().min(align.ilog2())
}

impl<'a> Arg<'a> {
    /// Vectors of an item.
    pub(super) fn rows(&self) -> usize {
        match *self {
            Arg::Items(_, _, rows) | Arg::ItemIndices(_, _, rows) => rows,
            Arg::Each(..) | Arg::Reals(..) | Arg::Indices(..) => 1,
        }
    }

    /// Bytes of one vector or item, and vectors of one.
    fn stride(&self, real: Real) -> Option<(usize, usize)> {
        match *self {
            Arg::Each(_, n) => Some((n * real.bytes(), 1)),
            Arg::Items(_, n, rows) => Some((n * real.bytes(), rows)),
            Arg::ItemIndices(_, n, rows) => Some((n * 4, rows)),
            _ => None,
        }
    }

    fn view(&self, real: Real, (first, count): (usize, usize), items: Range<usize>) -> View<'a> {
        match *self {
            Arg::Each(slab, n) => slab.view(real, first * n, count * n),
            Arg::Items(slab, n, _) => slab.view(real, items.start * n, items.len() * n),
            Arg::ItemIndices(slab, n, _) => slab.indices(items.start * n, items.len() * n),
            Arg::Reals(slab, n) => slab.view(real, 0, n),
            Arg::Indices(slab, n) => slab.indices(0, n),
        }
    }
}
