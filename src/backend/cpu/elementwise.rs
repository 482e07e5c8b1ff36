//! Entrywise primitives: scale, select, sums, activations, slope gates.

use super::lanes::{self, GRAIN, wide};
use super::{Block, Cpu, Parts, Precision, tasks};
use crate::backend::Backend;
use crate::layer::{Incidence, Piecewise, Scale, piecewise};
use crate::linalg::centre_radius;
use crate::num::Coefficient;
use crate::num::round::{U, add_up, mul_down, mul_up, sum_up, two_product, two_sum};
use ndarray::Array2;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

impl Cpu {
    /// Numbers within their errors, one item and one row.
    pub fn upload_near(&self, x: &[Coefficient]) -> Block {
        let hi = x.iter().map(|c| c.hi).collect();
        let lo = if self.double() { x.iter().map(|c| c.lo).collect() } else { vec![] };
        let error = |c: &Coefficient| if self.double() { c.err } else { add_up(c.err, c.lo.abs()) };
        let radius = if self.proves() { x.iter().map(error).collect() } else { vec![] };
        Parts { hi, lo, radius }.seal(1, 1, x.len())
    }
}

/// Slope intervals per item and feature.
#[derive(Clone, Debug)]
pub struct Slopes {
    pub(super) items: usize,
    pub(super) features: usize,
    pub(super) lo: Arc<Vec<f64>>,
    pub(super) hi: Arc<Vec<f64>>,
}

impl Slopes {
    pub fn new(lo: &Array2<f64>, hi: &Array2<f64>) -> Self {
        assert_eq!(lo.dim(), hi.dim());
        let (items, features) = lo.dim();
        Slopes {
            items,
            features,
            lo: Arc::new(lo.iter().copied().collect()),
            hi: Arc::new(hi.iter().copied().collect()),
        }
    }

    pub fn arrays(&self) -> (Array2<f64>, Array2<f64>) {
        let array =
            |v: &[f64]| Array2::from_shape_vec((self.items, self.features), v.to_vec()).expect("slopes");
        (array(&self.lo), array(&self.hi))
    }
}

/// One entry of a block: hi + lo ± radius.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub hi: f64,
    pub lo: f64,
    pub radius: f64,
}

impl Entry {
    pub const ZERO: Entry = Entry { hi: 0.0, lo: 0.0, radius: 0.0 };

    #[inline(always)]
    pub fn of(x: &Block, k: usize) -> Self {
        Entry { hi: x.hi[k], lo: x.lo_at(k), radius: x.radius_at(k) }
    }

    #[inline(always)]
    pub fn from_ends(l: f64, u: f64) -> Self {
        let (hi, radius) = centre_radius(l, u);
        Entry { hi, lo: 0.0, radius }
    }

    /// Exact sum of the centres up to one rounding of the low parts, which
    /// goes into the radius; without low parts the residual does.
    #[inline(always)]
    pub fn plus(self, other: Entry, double: bool) -> Entry {
        let (hi, e) = two_sum(self.hi, other.hi);
        let radius = add_up(self.radius, other.radius);
        if double {
            let lo = (self.lo + other.lo) + e;
            // Two roundings, each at most u times what is added.
            let slack = 4.0 * U * (self.lo.abs() + other.lo.abs() + e.abs());
            let (hi, lo) = two_sum(hi, lo);
            Entry { hi, lo, radius: if slack > 0.0 { add_up(radius, add_up(slack, TINY)) } else { radius } }
        } else {
            Entry { hi, lo: 0.0, radius: if e == 0.0 { radius } else { add_up(radius, e.abs()) } }
        }
    }

    /// Times a real number known as hi + lo ± err.
    #[inline(always)]
    pub fn times(self, c: Coefficient, double: bool) -> Entry {
        if c == Coefficient::ONE || self.hi == 0.0 && self.lo == 0.0 && self.radius == 0.0 {
            return self;
        }
        if c == Coefficient::ZERO {
            return Entry::ZERO;
        }
        let (p, e) = two_product(self.hi, c.hi);
        let size = add_up(self.hi.abs(), self.lo.abs());
        let factor = sum_up([c.hi.abs(), c.lo.abs(), c.err]);
        let mut radius = add_up(mul_up(factor, self.radius), mul_up(c.err, size));
        if double {
            let cross = self.hi * c.lo + self.lo * c.hi;
            let slack = 8.0 * U * (U * p.abs() + (self.hi * c.lo).abs() + (self.lo * c.hi).abs() + e.abs());
            radius = add_up(radius, add_up(slack, TINY));
            let (hi, lo) = two_sum(p, e + cross);
            Entry { hi, lo, radius }
        } else {
            if c.lo != 0.0 {
                radius = add_up(radius, mul_up(c.lo.abs(), size));
            }
            // Below this size the residual of the product may be rounded itself.
            let slack = if p.abs() < 1e-280 { add_up(e.abs(), TINY) } else { e.abs() };
            Entry { hi: p, lo: 0.0, radius: if slack == 0.0 { radius } else { add_up(radius, slack) } }
        }
    }

    #[inline(always)]
    pub fn ends(self) -> (f64, f64) {
        let slack = if self.lo == 0.0 { self.radius } else { add_up(self.radius, self.lo.abs()) };
        (-add_up(-self.hi, slack), add_up(self.hi, slack))
    }
}

/// Covers underflow in low parts.
const TINY: f64 = 1e-300;

/// Part of one vector of a result: features `from..from + hi.len()`.
pub(super) struct Piece<'a> {
    pub vector: usize,
    pub from: usize,
    pub hi: &'a mut [f64],
    pub lo: &'a mut [f64],
    pub radius: &'a mut [f64],
}

/// Work on all pieces of a result with this many features per vector, in
/// parallel, compiled for the widest vectors of the machine (and its fused
/// multiply-add, without which every exact residual is a library call).
pub(super) fn each_piece(parts: &mut Parts, features: usize, work: impl Fn(Piece) + Sync) {
    let len = parts.hi.len();
    let cut = |start: usize, hi: &mut [f64], lo: &mut [f64], radius: &mut [f64]| {
        wide(
            #[inline(always)]
            || {
                let mut at = 0;
                while at < hi.len() {
                    let (vector, from) = ((start + at) / features, (start + at) % features);
                    let end = (at + features - from).min(hi.len());
                    let part = |empty: bool| if empty { 0..0 } else { at..end };
                    let (low, spread) = (part(lo.is_empty()), part(radius.is_empty()));
                    work(Piece {
                        vector,
                        from,
                        lo: &mut lo[low],
                        radius: &mut radius[spread],
                        hi: &mut hi[at..end],
                    });
                    at = end;
                }
            },
        )
    };
    if len <= GRAIN || rayon::current_num_threads() == 1 {
        cut(0, &mut parts.hi, &mut parts.lo, &mut parts.radius);
    } else {
        let tasks = len.div_ceil(GRAIN);
        let mut lo: Vec<&mut [f64]> = parts.lo.chunks_mut(GRAIN).collect();
        let mut radius: Vec<&mut [f64]> = parts.radius.chunks_mut(GRAIN).collect();
        lo.resize_with(tasks, Default::default);
        radius.resize_with(tasks, Default::default);
        parts.hi.par_chunks_mut(GRAIN).zip(lo).zip(radius).enumerate().for_each(|(t, ((hi, lo), radius))| {
            cut(t * GRAIN, hi, lo, radius);
        });
    }
}

/// Adds bias entry `feature / repeat` to the centres.
#[inline(always)]
pub(super) fn add_bias(backend: &Cpu, piece: Piece, bias: &[f64], repeat: usize) {
    if backend.precision != Precision::Double {
        return add_finely(backend, piece, bias, repeat);
    }
    let Piece { from, hi, radius, .. } = piece;
    if repeat == 1 {
        let bias = &bias[from..from + hi.len()];
        return lanes::shift(|k| bias[k], hi, radius);
    }
    let mut at = 0;
    while at < hi.len() {
        let channel = (from + at) / repeat;
        let end = ((channel + 1) * repeat - from).min(hi.len());
        let b = bias[channel];
        lanes::shift(|_| b, &mut hi[at..end], &mut radius[at..end]);
        at = end;
    }
}

#[inline(always)]
fn add_finely(backend: &Cpu, piece: Piece, bias: &[f64], repeat: usize) {
    for k in 0..piece.hi.len() {
        let b = bias[(piece.from + k) / repeat];
        if b == 0.0 {
            continue;
        }
        let at = |v: &[f64]| v.get(k).copied().unwrap_or(0.0);
        let e = Entry { hi: piece.hi[k], lo: at(piece.lo), radius: at(piece.radius) };
        let e = e.plus(Entry { hi: b, ..Entry::ZERO }, backend.double());
        piece.hi[k] = e.hi;
        if let Some(to) = piece.lo.get_mut(k) {
            *to = e.lo;
        }
        if let Some(to) = piece.radius.get_mut(k) {
            *to = e.radius;
        }
    }
}

/// Fills a block entry by entry from (vector, feature).
#[inline(always)]
pub(super) fn build(
    backend: &Cpu,
    (items, rows, features): (usize, usize, usize),
    entry: impl Fn(usize, usize) -> Entry + Sync,
) -> Block {
    let mut parts = Parts::zeros(backend, items * rows * features);
    each_piece(
        &mut parts,
        features,
        #[inline(always)]
        |piece| {
            let Piece { vector, from, hi, lo, radius } = piece;
            for k in 0..hi.len() {
                let e = entry(vector, from + k);
                hi[k] = e.hi;
                if let Some(to) = lo.get_mut(k) {
                    *to = e.lo;
                }
                if let Some(to) = radius.get_mut(k) {
                    *to = e.radius;
                }
            }
        },
    );
    parts.seal(items, rows, features)
}

pub(super) fn scale(backend: &Cpu, scale: &Scale, x: &Block, shift: bool) -> Block {
    let double = backend.double();
    build(
        backend,
        (x.items, x.rows, x.features),
        #[inline(always)]
        |v, j| {
            let i = scale.index(j);
            let y = Entry::of(x, v * x.features + j).times(scale.factor[i], double);
            let c = scale.shift[i];
            if !shift || c == Coefficient::ZERO {
                return y;
            }
            let (lo, radius) = if double { (c.lo, c.err) } else { (0.0, add_up(c.lo.abs(), c.err)) };
            y.plus(Entry { hi: c.hi, lo, radius }, double)
        },
    )
}

pub(super) fn select(backend: &Cpu, incidence: &Incidence, fill: f64, x: &Block) -> Block {
    let outputs = incidence.outputs();
    let double = backend.double();
    build(
        backend,
        (x.items, x.rows, outputs),
        #[inline(always)]
        |vector, i| {
            let window = incidence.window(i);
            if window.is_empty() {
                return Entry { hi: fill, ..Entry::ZERO };
            }
            let mut sum: Option<Entry> = None;
            for &j in &incidence.index[window] {
                let e = Entry::of(x, vector * x.features + j as usize);
                sum = Some(sum.map_or(e, |s| s.plus(e, double)));
            }
            sum.unwrap_or(Entry::ZERO)
        },
    )
}

pub(super) fn sum(backend: &Cpu, parts: &[&Block]) -> Block {
    let first = parts[0];
    build(
        backend,
        (first.items, first.rows, first.features),
        #[inline(always)]
        |v, j| {
            let k = v * first.features + j;
            parts[1..].iter().fold(Entry::of(first, k), |s, p| s.plus(Entry::of(p, k), backend.double()))
        },
    )
}

pub(super) fn concat(backend: &Cpu, parts: &[&Block]) -> Block {
    let features = parts.iter().map(|p| p.features).sum();
    let mut out = Parts::default();
    for vector in 0..parts[0].vectors() {
        for p in parts {
            let at = vector * p.features..(vector + 1) * p.features;
            out.hi.extend_from_slice(&p.hi[at.clone()]);
            if backend.double() {
                out.lo.extend_from_slice(&p.lo[at.clone()]);
            }
            if backend.proves() {
                out.radius.extend_from_slice(&p.radius[at]);
            }
        }
    }
    out.seal(parts[0].items, parts[0].rows, features)
}

pub(super) fn slice(backend: &Cpu, x: &Block, range: Range<usize>) -> Block {
    let width = range.len();
    build(
        backend,
        (x.items, x.rows, width),
        #[inline(always)]
        |v, j| Entry::of(x, v * x.features + range.start + j),
    )
}

pub(super) fn activate(backend: &Cpu, function: &Piecewise, x: &Block) -> Block {
    let double = backend.double();
    build(
        backend,
        (x.items, x.rows, x.features),
        #[inline(always)]
        |v, feature| {
            let k = v * x.features + feature;
            if !backend.proves() {
                return Entry { hi: function.value(feature, x.hi[k]), ..Entry::ZERO };
            }
            let (l, u) = x.ends(k);
            match function.piece(feature, l, u) {
                piecewise::Piece::Fixed { slope, offset } => {
                    let y = Entry::of(x, k).times(Coefficient::exact(slope), double);
                    if slope == 0.0 { Entry { hi: offset, ..Entry::ZERO } } else { y }
                }
                piecewise::Piece::Free { value, .. } => Entry::from_ends(value[0], value[1]),
            }
        },
    )
}

pub(super) fn piecewise_slopes(backend: &Cpu, function: &Piecewise, x: &Block) -> Slopes {
    assert_eq!(x.rows, 1, "slopes belong to values");
    let slopes = tasks::map(x.hi.len(), 8, |k| {
        let feature = k % x.features;
        if !backend.proves() {
            let s = function.derivative(feature, x.hi[k]);
            return (s, s);
        }
        let (l, u) = x.ends(k);
        match function.piece(feature, l, u) {
            piecewise::Piece::Fixed { slope, .. } => (slope, slope),
            piecewise::Piece::Free { slope, .. } => (slope[0], slope[1]),
        }
    });
    let (lo, hi) = slopes.into_iter().unzip();
    Slopes { items: x.items, features: x.features, lo: Arc::new(lo), hi: Arc::new(hi) }
}

/// Ends of s x for s in [a, b], x in [l, u].
#[inline(always)]
pub(super) fn product_ends(a: f64, b: f64, l: f64, u: f64) -> (f64, f64) {
    let lo = mul_down(a, l).min(mul_down(a, u)).min(mul_down(b, l)).min(mul_down(b, u));
    let hi = mul_up(a, l).max(mul_up(a, u)).max(mul_up(b, l)).max(mul_up(b, u));
    (lo, hi)
}

pub(super) fn gate(backend: &Cpu, slopes: &Slopes, x: &Block) -> Block {
    assert_eq!((slopes.items, slopes.features), (x.items, x.features));
    let switches = slopes.lo.iter().chain(slopes.hi.iter()).all(|s| *s == 0.0 || *s == 1.0);
    if switches && backend.precision == Precision::Double {
        let mut parts = Parts::zeros(backend, x.hi.len());
        each_piece(
            &mut parts,
            x.features,
            #[inline(always)]
            |piece| {
                let slope = piece.vector / x.rows * x.features + piece.from;
                let slope = slope..slope + piece.hi.len();
                let at = piece.vector * x.features + piece.from;
                let at = at..at + piece.hi.len();
                let slopes = (&slopes.lo[slope.clone()], &slopes.hi[slope]);
                lanes::switch(slopes, (&x.hi[at.clone()], &x.radius[at]), (piece.hi, piece.radius));
            },
        );
        return parts.seal(x.items, x.rows, x.features);
    }
    build(
        backend,
        (x.items, x.rows, x.features),
        #[inline(always)]
        |v, j| {
            let at = v / x.rows * x.features + j;
            gate_entry(backend, slopes.lo[at], slopes.hi[at], Entry::of(x, v * x.features + j))
        },
    )
}

#[inline(always)]
pub(super) fn gate_entry(backend: &Cpu, a: f64, b: f64, x: Entry) -> Entry {
    if a == b || !backend.proves() {
        return x.times(Coefficient::exact(a), backend.double());
    }
    if x.radius.is_infinite() {
        return Entry { radius: f64::INFINITY, ..Entry::ZERO };
    }
    let (l, u) = x.ends();
    let (lo, hi) = product_ends(a, b, l, u);
    Entry::from_ends(lo, hi)
}

pub(super) fn intersect(backend: &Cpu, x: &Block, y: &Block) -> Block {
    assert_eq!((x.items, x.rows, x.features), (y.items, y.rows, y.features));
    build(
        backend,
        (x.items, x.rows, x.features),
        #[inline(always)]
        |v, j| {
            let k = v * x.features + j;
            let (a, b) = (Entry::of(x, k), Entry::of(y, k));
            let ((al, au), (bl, bu)) = (a.ends(), b.ends());
            if al >= bl && au <= bu {
                a
            } else if bl >= al && bu <= au {
                b
            } else {
                let (l, u) = (al.max(bl), au.min(bu));
                if l <= u { Entry::from_ends(l, u) } else { a }
            }
        },
    )
}
