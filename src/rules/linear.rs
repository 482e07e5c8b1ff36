//! Linear back-substitution (CROWN) over the graph: upper bounds of linear
//! functions of a node's value by linear functions of the input.
//!
//! From: Zhang et al. 2018 (CROWN), Xu et al. 2021 (any slopes are sound). The
//! coefficients are numbers at every step: what rounding leaves is moved into
//! the constant by `settle`, with the node's proven magnitudes.

use super::{piecewise, smooth};
use crate::backend::cpu::Cpu;
use crate::backend::{Backend, Lines, WindowLines};
use crate::layer::{Piece, Piecewise};
use crate::linalg::Enclosure;
use crate::net::{Net, Op};
use crate::num::Norm;
use crate::num::round::{add_up, mul_up, sub_down};
use crate::polytope::ball::{Ball, Place, Sum};
use crate::region::Region;
use crate::sweep::{Bounds, Ends, Prepared};
use ndarray::{Array1, Array2, Axis, s};
use rayon::prelude::*;

/// How a nonlinear node is replaced by lines.
pub enum Relaxation {
    Each(Lines),
    Window(WindowLines),
    /// Only its range is used.
    Range,
}

/// Slopes in [0, 1] for the free lines of a node, items x features.
pub type Alpha = Vec<Option<Array2<f64>>>;

/// The lines of node k on the ends of its input.
pub fn relax(net: &Net, k: usize, ends: &Bounds, alpha: Option<&Array2<f64>>) -> Relaxation {
    let node = &net.nodes[k];
    let x = ends.of(node.inputs[0]);
    let each = |line: &dyn Fn(usize, usize, f64, f64) -> [f64; 4]| {
        let zeros = || Array2::zeros(x.lo.raw_dim());
        let mut lines =
            Lines { lower_slope: zeros(), lower_shift: zeros(), upper_slope: zeros(), upper_shift: zeros() };
        for ((item, j), &l) in x.lo.indexed_iter() {
            let [a, b, c, d] = line(item, j, l, x.hi[[item, j]]);
            lines.lower_slope[[item, j]] = a;
            lines.lower_shift[[item, j]] = b;
            lines.upper_slope[[item, j]] = c;
            lines.upper_shift[[item, j]] = d;
        }
        Relaxation::Each(lines)
    };
    match &node.op {
        Op::Piecewise(f) => each(&|item, j, l, u| piecewise::lines(f, j, l, u, alpha.map(|a| a[[item, j]]))),
        Op::Smooth(f) => each(&|_, _, l, u| smooth::lines(*f, l, u)),
        Op::Max(windows) => Relaxation::Window(WindowLines::new(windows, &x.lo, &x.hi)),
        Op::Softmax { .. } => Relaxation::Range,
        Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => {
            Relaxation::Range
        }
    }
}

/// The regions of a batch's items: one for all of them, or each its own.
#[derive(Clone, Copy)]
pub enum Regions<'r> {
    One(&'r Region),
    Each(&'r [&'r Region]),
}

impl<'r> Regions<'r> {
    /// Each its own; None unless all are boxes, or balls of one norm.
    pub fn each(regions: &'r [&'r Region]) -> Option<Regions<'r>> {
        let norm = |r: &Region| r.ball_norm().map(|(norm, _)| norm);
        let first = norm(regions.first()?);
        let alike = |r: &&Region| norm(r) == first && !r.is_global() && !r.is_point();
        regions.iter().all(alike).then_some(Regions::Each(regions))
    }

    pub fn of(&self, item: usize) -> &'r Region {
        match self {
            Regions::One(region) => region,
            Regions::Each(regions) => regions[item],
        }
    }

    /// The norm of the balls that they are.
    pub fn ball(&self) -> Option<Norm> {
        self.of(0).ball_norm().map(|(norm, _)| norm)
    }
}

/// A network whose nonlinear nodes are replaced by lines between proven ends.
pub struct Relaxed<'a, 'n, B: Backend> {
    pub prepared: &'a Prepared<'n, B>,
    pub relaxations: &'a [Option<Relaxation>],
    pub ends: &'a Bounds,
}

impl<B: Backend> Relaxed<'_, '_, B> {
    /// Upper bounds of `rows . value(k)` over the regions. `seen` receives the coefficients at every
    /// nonlinear node and at the input.
    pub fn upper(
        &self,
        k: usize,
        rows: &Enclosure,
        regions: Regions,
        seen: &mut dyn FnMut(usize, &B::Block),
    ) -> Array2<f64> {
        let (b, own, size) = (self.prepared.backend, self.ends.of(0), (rows.dim().0, rows.dim().1));
        let (coefficients, mut constants) = self.unread(k, rows, seen);
        match &coefficients {
            // Of boxes all comes back together.
            Some(a) if b.sums_finely() && regions.ball().is_none_or(|norm| norm == Norm::Inf) => {
                constants.push(b.support(a, &own.lo, &own.hi));
                stated(b.total(size, constants))
            }
            _ => over(b, regions, own, coefficients, b.total(size, constants)),
        }
    }

    /// The linear functions of the input that are these bounds: settled coefficients (none
    /// where no input is read) and constants.
    pub fn above(
        &self,
        k: usize,
        rows: &Enclosure,
        seen: &mut dyn FnMut(usize, &B::Block),
    ) -> (Option<B::Block>, Array2<f64>) {
        let (coefficients, constants) = self.unread(k, rows, seen);
        (coefficients, self.prepared.backend.total((rows.dim().0, rows.dim().1), constants))
    }

    /// The same with the constants in parts that nobody has read yet.
    fn unread(
        &self,
        k: usize,
        rows: &Enclosure,
        seen: &mut dyn FnMut(usize, &B::Block),
    ) -> (Option<B::Block>, Vec<B::Tops>) {
        let b = self.prepared.backend;
        let (items, count, _) = rows.dim();
        let mut constants = vec![];
        let mut charge = |c: B::Tops| constants.push(c);
        // Coefficients, and whether they are settled.
        let mut total: Vec<Option<(B::Block, bool)>> = vec![None; k + 1];
        total[k] = Some((b.upload(rows), false));
        for n in (1..=k).rev() {
            let Some(a) = total[n].take() else { continue };
            if self.prepared.is_late() {
                return (None, vec![b.known(Array2::from_elem((items, count), f64::INFINITY))]);
            }
            let a = self.settled(n, a, &mut charge);
            if self.prepared.net.nodes[n].op.is_nonlinear() {
                seen(n, &a);
            }
            let (parts, done) = self.back(n, &a, items, &mut charge);
            for (i, part) in parts {
                total[i] = Some(match total[i].take() {
                    Some((t, _)) => (b.sum(&[&t, &part]), false),
                    None => (part, done),
                });
            }
        }
        let coefficients = total[0].take().map(|a| {
            let a = self.settled(0, a, &mut charge);
            seen(0, &a);
            a
        });
        (coefficients, constants)
    }

    /// Coefficients of node n as numbers.
    fn settled(&self, n: usize, (a, done): (B::Block, bool), charge: &mut dyn FnMut(B::Tops)) -> B::Block {
        if done {
            return a;
        }
        let (a, lost) = self.prepared.backend.settle(&a, &self.ends.of(n).magnitudes());
        charge(lost);
        a
    }

    /// Coefficients of what node n reads, from those of its value, and whether they are settled; what is constant
    /// is charged.
    fn back(
        &self,
        n: usize,
        a: &B::Block,
        items: usize,
        charge: &mut dyn FnMut(B::Tops),
    ) -> (Vec<(usize, B::Block)>, bool) {
        let (b, node) = (self.prepared.backend, &self.prepared.net.nodes[n]);
        let mut shifted = |lo: Array1<f64>, hi: Array1<f64>| {
            let wide =
                |v: Array1<f64>| v.broadcast((items, v.len())).expect("one shift per feature").to_owned();
            charge(b.support(a, &wide(lo), &wide(hi)));
        };
        match &node.op {
            Op::Affine(affine) => {
                if let Some(bias) = &affine.bias {
                    let v: Array1<f64> = (0..node.len()).map(|j| bias[j / affine.repeat]).collect();
                    shifted(v.clone(), v);
                }
                let read = node.inputs[0];
                let (next, lost) = self.prepared.settled(n, a, true, &self.ends.of(read).magnitudes());
                charge(lost);
                return (vec![(read, next)], true);
            }
            Op::Scale(s) => {
                let at = |j: usize| s.shift[s.index(j)];
                let size = |j: usize| add_up(at(j).lo.abs(), at(j).err);
                let lo = (0..node.len()).map(|j| sub_down(at(j).hi, size(j))).collect();
                shifted(lo, (0..node.len()).map(|j| add_up(at(j).hi, size(j))).collect());
            }
            Op::Select { incidence, fill } => {
                if *fill != 0.0 {
                    let empty = |j| if incidence.window(j).is_empty() { *fill } else { 0.0 };
                    let v: Array1<f64> = (0..node.len()).map(empty).collect();
                    shifted(v.clone(), v);
                }
            }
            Op::Add | Op::Concat => {}
            Op::Input => {}
            Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => {
                let Some((next, done)) = self.through(n, a, charge) else { return (vec![], true) };
                return (vec![(node.inputs[0], next)], done);
            }
        }
        (self.prepared.back(&[], n, a), false)
    }

    /// The same through a nonlinear node's lines; nothing is read where only its range is used.
    fn through(&self, n: usize, a: &B::Block, charge: &mut dyn FnMut(B::Tops)) -> Option<(B::Block, bool)> {
        let b = self.prepared.backend;
        match self.relaxations[n].as_ref().expect("lines of every nonlinear node on the way") {
            Relaxation::Each(lines) => {
                let read = self.ends.of(self.prepared.net.nodes[n].inputs[0]);
                let (next, constants) = b.settled_chord(lines, a, &read.magnitudes());
                constants.into_iter().for_each(charge);
                Some((next, true))
            }
            Relaxation::Window(lines) => {
                let Op::Max(windows) = &self.prepared.net.nodes[n].op else {
                    unreachable!("windows belong to maxima")
                };
                let (next, c) = b.window_chord(windows, lines, a);
                charge(c);
                Some((next, false))
            }
            Relaxation::Range => {
                let own = self.ends.of(n);
                charge(b.support(a, &own.lo, &own.hi));
                None
            }
        }
    }
}

/// The largest values of linear functions on the items' boxes within their regions.
pub fn over<B: Backend>(
    b: &B,
    regions: Regions,
    own: &Ends,
    coefficients: Option<B::Block>,
    mut constant: Array2<f64>,
) -> Array2<f64> {
    if let Some(a) = coefficients {
        constant.zip_mut_with(&support(b, regions, own, &a), |t, &v| *t = add_up(*t, v));
    }
    stated(constant)
}

/// What is no number bounds nothing.
fn stated(tops: Array2<f64>) -> Array2<f64> {
    tops.mapv_into(|v| if v.is_nan() { f64::INFINITY } else { v })
}

/// Upper bounds of sup {a . x : x in the item's box and in its region's ball} for settled
/// coefficients: the box and the dual norm, whichever is smaller.
fn support<B: Backend>(b: &B, regions: Regions, own: &Ends, a: &B::Block) -> Array2<f64> {
    if !b.sums_finely() {
        let host = Cpu::DOUBLE;
        return support(&host, regions, own, &host.upload(&Enclosure::point(b.read(a).centre)));
    }
    let whole = b.support(a, &own.lo, &own.hi);
    // A ball of the norm inf is its box.
    if let Some(norm) = regions.ball().filter(|norm| *norm != Norm::Inf) {
        let ball = |i: usize| {
            let region = regions.of(i);
            let (_, radius) = region.ball_norm().expect("all are balls");
            (region.centre_ends().expect("balls have a centre"), radius.ends().hi)
        };
        let balls: Vec<_> = (0..own.lo.nrows()).map(ball).collect();
        let at = |high: bool| {
            let side = |(i, j): (usize, usize)| if high { balls[i].0.1[j] } else { balls[i].0.0[j] };
            Array2::from_shape_fn(own.lo.dim(), side)
        };
        let inner = b.support(a, &at(false), &at(true));
        let [mut top, inner] = b.tops(vec![whole, inner]).try_into().expect("two of two");
        let lengths = b.row_norms(a, norm.dual());
        ndarray::Zip::indexed(&mut top).and(&inner).and(&lengths).for_each(|(i, _), t, &c, &n| {
            *t = t.min(add_up(c, mul_up(n, balls[i].1)));
        });
        meet(b, regions, own, a, &mut top);
        return top;
    }
    b.top(whole)
}

/// The same where box and ball meet, for items whose box takes something from the ball.
fn meet<B: Backend>(b: &B, regions: Regions, own: &Ends, a: &B::Block, top: &mut Array2<f64>) {
    let ball = |i: usize| {
        let (lo, hi) = (own.lo.row(i).to_vec(), own.hi.row(i).to_vec());
        let ball = round(regions.of(i)).filter(|ball| Place::boxed(&lo, &hi).is_cut(ball))?;
        Some((i, lo, hi, ball))
    };
    let cut: Vec<_> = (0..own.lo.nrows()).filter_map(ball).collect();
    if cut.is_empty() {
        return;
    }
    let coefficients = b.read(a).centre;
    for (i, lo, hi, ball) in &cut {
        let place = Place { lo, hi, ball: Some(ball) };
        let rows: Vec<_> = coefficients.index_axis(Axis(0), *i).outer_iter().map(|r| r.to_vec()).collect();
        let highest: Vec<f64> = rows.par_iter().map(|row| place.top(&Sum::of(row, 0.0))).collect();
        top.row_mut(*i).iter_mut().zip(highest).for_each(|(t, h)| *t = t.min(h));
    }
}

/// The region's ball, where that is no box.
pub fn round(region: &Region) -> Option<Ball> {
    let (norm, radius) = region.ball_norm()?;
    let (lo, hi) = region.centre_ends()?;
    Ball::new(norm, [lo, hi], radius.ends().hi)
}

/// Rows +e_j and -e_j in turn.
pub fn signs(items: usize, features: usize, wanted: &[usize]) -> Enclosure {
    let mut rows = Enclosure::zeros(items, 2 * wanted.len(), features);
    for (t, &j) in wanted.iter().enumerate() {
        rows.centre.slice_mut(s![.., 2 * t, j]).fill(1.0);
        rows.centre.slice_mut(s![.., 2 * t + 1, j]).fill(-1.0);
    }
    rows
}

/// The same where every item has features of its own; rows of 0 where it has fewer than others.
pub fn signs_each(features: usize, wanted: &[&[usize]]) -> Enclosure {
    let most = wanted.iter().map(|w| w.len()).max().unwrap_or(0);
    let mut rows = Enclosure::zeros(wanted.len(), 2 * most, features);
    for (item, own) in wanted.iter().enumerate() {
        for (t, &j) in own.iter().enumerate() {
            rows.centre[[item, 2 * t, j]] = 1.0;
            rows.centre[[item, 2 * t + 1, j]] = -1.0;
        }
    }
    rows
}

/// What upper bounds of these rows say about every item's own features.
pub fn take_signs_each(ends: &mut Ends, top: &Array2<f64>, wanted: &[&[usize]]) {
    let (mut lo, mut hi) = (ends.lo.clone(), ends.hi.clone());
    for (item, own) in wanted.iter().enumerate() {
        for (t, &j) in own.iter().enumerate() {
            hi[[item, j]] = top[[item, 2 * t]];
            lo[[item, j]] = -top[[item, 2 * t + 1]];
        }
    }
    ends.tighten(&lo, &hi);
}

/// What upper bounds of these rows say about the features.
pub fn take_signs(ends: &mut Ends, top: &Array2<f64>, wanted: &[usize]) {
    let (mut lo, mut hi) = (ends.lo.clone(), ends.hi.clone());
    for (t, &j) in wanted.iter().enumerate() {
        hi.column_mut(j).assign(&top.column(2 * t));
        lo.column_mut(j).assign(&top.column(2 * t + 1).mapv(|v| -v));
    }
    ends.tighten(&lo, &hi);
}

/// Slopes of a piecewise linear function on arguments within these ends.
pub fn slopes(f: &Piecewise, ends: &Ends) -> [Array2<f64>; 2] {
    [0, 1].map(|side| {
        Array2::from_shape_fn(ends.lo.dim(), |at| match f.piece(at.1, ends.lo[at], ends.hi[at]) {
            Piece::Fixed { slope, .. } => slope,
            Piece::Free { slope, .. } => slope[side],
        })
    })
}
