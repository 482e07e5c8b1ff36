//! Linear back-substitution (CROWN) over the graph: upper bounds of linear
//! functions of a node's value by linear functions of the input.
//!
//! From: Zhang et al. 2018 (CROWN), Xu et al. 2021 (any slopes are sound). The
//! coefficients are numbers at every step: what rounding leaves is moved into
//! the constant by `settle`, with the node's proven magnitudes.

use super::smooth;
use crate::backend::{Backend, Lines, NONE, WindowLines};
use crate::layer::{Piece, Piecewise};
use crate::linalg::Enclosure;
use crate::net::{Net, Op};
use crate::num::Norm;
use crate::num::round::{add_down, add_up, mul_down, mul_up, sub_down, sub_up};
use crate::polytope::ball::{Ball, Place, Sum};
use crate::region::Region;
use crate::sweep::{Bounds, Ends, Prepared, Spanned};
use ndarray::{Array1, Array2, Axis, s};
use rayon::prelude::*;

/// How a nonlinear node is replaced by lines.
pub enum Relaxation {
    Each(Lines),
    Window(WindowLines),
    /// Only its range is used.
    Range,
}

/// The same where the arithmetic happens.
pub enum Lined<B: Backend> {
    Each(B::Chords),
    Window(B::Edges),
    Range,
}

impl Relaxation {
    pub fn lined<B: Backend>(&self, b: &B) -> Lined<B> {
        match self {
            Relaxation::Each(lines) => Lined::Each(b.chords(lines.clone())),
            Relaxation::Window(lines) => Lined::Window(b.edges(lines.clone())),
            Relaxation::Range => Lined::Range,
        }
    }
}

/// Slopes in [0, 1] for the free lines of a node, items x features.
pub type Alpha = Vec<Option<Array2<f64>>>;

/// The lines of node k on the ends of its input.
pub fn relax(net: &Net, k: usize, ends: &Bounds, alpha: Option<&Array2<f64>>) -> Relaxation {
    let node = &net.nodes[k];
    let x = ends.of(node.inputs[0]);
    match &node.op {
        Op::Piecewise(f) => Relaxation::Each(Lines::around(f, &x.lo, &x.hi, alpha)),
        Op::Smooth(f) => {
            Relaxation::Each(Lines::from_ends(&x.lo, &x.hi, |_, _, l, u| smooth::lines(*f, l, u)))
        }
        Op::Max(windows) => Relaxation::Window(WindowLines::new(windows, &x.lo, &x.hi)),
        Op::Softmax { .. } => Relaxation::Range,
        Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => {
            Relaxation::Range
        }
    }
}

/// The lines of all nonlinear nodes whose ends are known.
pub fn relax_all<B: Backend>(b: &B, net: &Net, ends: &Bounds) -> Vec<Option<Lined<B>>> {
    let nonlinear = |k: usize| net.nodes[k].op.is_nonlinear();
    (0..net.nodes.len()).map(|k| nonlinear(k).then(|| relax(net, k, ends, None).lined(b))).collect()
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
    pub relaxations: &'a [Option<Lined<B>>],
    pub ends: &'a Bounds,
    pub spans: &'a Spanned<B>,
}

impl<B: Backend> Relaxed<'_, '_, B> {
    /// Upper bounds of `rows . value(k)` over the regions. `seen` receives the coefficients at every
    /// nonlinear node and at the input.
    pub fn upper(
        &self,
        k: usize,
        rows: B::Block,
        regions: Regions,
        seen: &mut dyn FnMut(usize, &B::Block),
    ) -> Array2<f64> {
        let (coefficients, constants) = self.above(k, rows, seen);
        let [_, top] = self.both(regions, coefficients.as_ref(), constants);
        top
    }

    /// The linear functions of the input that are these bounds: settled coefficients (none
    /// where no input is read) and constants.
    pub fn above(
        &self,
        k: usize,
        rows: B::Block,
        seen: &mut dyn FnMut(usize, &B::Block),
    ) -> (Option<B::Block>, B::Tops) {
        let b = self.prepared.backend;
        let (items, count, _) = b.dim(&rows);
        let (coefficients, constants) = self.unsummed(k, rows, seen);
        (coefficients, b.total((items, count), constants))
    }

    /// The constants of such functions, and their largest values on the regions.
    pub fn both(
        &self,
        regions: Regions,
        coefficients: Option<&B::Block>,
        constants: B::Tops,
    ) -> [Array2<f64>; 2] {
        both(self.prepared.backend, regions, (self.ends.of(0), self.span(0)), coefficients, constants)
    }

    /// A node's ends where the arithmetic happens.
    pub fn span(&self, n: usize) -> &B::Spans {
        self.spans.of(self.prepared.backend, n, self.ends)
    }

    /// The same with the constants in parts.
    fn unsummed(
        &self,
        k: usize,
        rows: B::Block,
        seen: &mut dyn FnMut(usize, &B::Block),
    ) -> (Option<B::Block>, Vec<B::Tops>) {
        let b = self.prepared.backend;
        let (items, count, _) = b.dim(&rows);
        let mut constants = vec![];
        let mut charge = |c: B::Tops| constants.push(c);
        // Coefficients, and whether they are settled.
        let mut total: Vec<Option<(B::Block, bool)>> = vec![None; k + 1];
        total[k] = Some((rows, false));
        for n in (1..=k).rev() {
            let Some(a) = total[n].take() else { continue };
            if self.prepared.is_late() {
                return (None, vec![b.known(Array2::from_elem((items, count), f64::INFINITY))]);
            }
            let a = self.settled(n, a, &mut charge);
            if self.prepared.net.nodes[n].op.is_nonlinear() {
                seen(n, &a);
            }
            let (parts, done) = self.back(n, &a, &mut charge);
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
        let (a, lost) = self.prepared.backend.settle(&a, self.span(n));
        charge(lost);
        a
    }

    /// Coefficients of what node n reads, from those of its value, and whether they are settled; what is constant
    /// is charged.
    fn back(
        &self,
        n: usize,
        a: &B::Block,
        charge: &mut dyn FnMut(B::Tops),
    ) -> (Vec<(usize, B::Block)>, bool) {
        let (b, node) = (self.prepared.backend, &self.prepared.net.nodes[n]);
        let mut shifted = |lo: Array1<f64>, hi: Array1<f64>| {
            let one = |v: Array1<f64>| v.insert_axis(Axis(0));
            charge(b.support(a, &b.spans(one(lo), one(hi))));
        };
        match &node.op {
            Op::Affine(affine) => {
                if let Some(bias) = &affine.bias {
                    let v: Array1<f64> = (0..node.len()).map(|j| bias[j / affine.repeat]).collect();
                    shifted(v.clone(), v);
                }
                let read = node.inputs[0];
                let (next, lost) = self.prepared.settled(n, a, true, self.span(read));
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
            Lined::Each(lines) => {
                let read = self.span(self.prepared.net.nodes[n].inputs[0]);
                let (next, constants) = b.settled_chord(lines, a, read);
                constants.into_iter().for_each(charge);
                Some((next, true))
            }
            Lined::Window(lines) => {
                let Op::Max(windows) = &self.prepared.net.nodes[n].op else {
                    unreachable!("windows belong to maxima")
                };
                let (next, c) = b.window_chord(windows, lines, a);
                charge(c);
                Some((next, false))
            }
            Lined::Range => {
                charge(b.support(a, self.span(n)));
                None
            }
        }
    }
}

/// Constants of linear functions, and their largest values on the items' boxes within their regions.
pub fn both<B: Backend>(
    b: &B,
    regions: Regions,
    place: (&Ends, &B::Spans),
    coefficients: Option<&B::Block>,
    constants: B::Tops,
) -> [Array2<f64>; 2] {
    let Some(a) = coefficients else {
        let constants = b.top(constants);
        return [constants.clone(), stated(constants)];
    };
    let highest = Highest::of(b, regions, place, a, constants);
    highest.read(b, &mut b.tops(highest.parts()).into_iter())
}

/// What the largest values of linear functions are made of, before anybody has read it: values over the box, and of
/// balls at the centre and the dual norm.
pub struct Highest<'a, B: Backend> {
    own: &'a Ends,
    a: &'a B::Block,
    constants: B::Tops,
    whole: B::Tops,
    balls: Option<Balls<B>>,
}

/// Of balls: values at the centres and dual norms, and away from the centres what is largest where box and ball meet.
struct Balls<B: Backend> {
    around: [B::Tops; 2],
    meet: Option<B::Tops>,
    radii: Vec<f64>,
    /// By item the ball, where its box takes something from it.
    cut: Vec<Option<Ball>>,
}

impl<B: Backend> Balls<B> {
    fn of(b: &B, regions: Regions, own: &Ends, a: &B::Block, norm: Norm) -> Balls<B> {
        let items = own.lo.nrows();
        let radius = |i: usize| regions.of(i).ball_norm().expect("all are balls").1.ends().hi;
        let radii: Vec<f64> = (0..items).map(radius).collect();
        let cut: Vec<Option<Ball>> = (0..items).map(|i| cut(regions, own, i)).collect();
        let any = cut.iter().any(Option::is_some);
        let meet = any.then(|| b.meet(a, &|| away(b, regions, own), norm, &radii)).flatten();
        Balls { around: around(b, regions, own.lo.dim(), a, norm), meet, radii, cut }
    }
}

/// How far from the centres the boxes reach.
fn away<B: Backend>(b: &B, regions: Regions, own: &Ends) -> B::Spans {
    let centre = |i: usize| regions.of(i).centre_ends().expect("balls have a centre");
    let centres: Vec<_> = (0..own.lo.nrows()).map(centre).collect();
    let lo = Array2::from_shape_fn(own.lo.dim(), |(i, j)| sub_down(own.lo[[i, j]], centres[i].1[j]));
    let hi = Array2::from_shape_fn(own.hi.dim(), |(i, j)| sub_up(own.hi[[i, j]], centres[i].0[j]));
    b.spans(lo, hi)
}

impl<'a, B: Backend> Highest<'a, B> {
    pub fn of(
        b: &B,
        regions: Regions,
        (own, span): (&'a Ends, &B::Spans),
        a: &'a B::Block,
        constants: B::Tops,
    ) -> Self {
        // A ball of the norm inf is its box.
        let round = regions.ball().filter(|norm| *norm != Norm::Inf);
        let balls = round.map(|norm| Balls::of(b, regions, own, a, norm));
        Highest { own, a, constants, whole: b.support(a, span), balls }
    }

    /// What is to be read.
    pub fn parts(&self) -> Vec<B::Tops> {
        let alone = [self.constants.clone(), self.whole.clone()];
        let balls = self.balls.iter().flat_map(|balls| balls.around.iter().chain(&balls.meet).cloned());
        alone.into_iter().chain(balls).collect()
    }

    /// From what came back, with the constants: over the box or by the dual norm, whichever is smaller, or where both
    /// meet.
    pub fn read(&self, b: &B, back: &mut impl Iterator<Item = Array2<f64>>) -> [Array2<f64>; 2] {
        let mut next = || back.next().expect("as many as asked for");
        let (constants, mut top) = (next(), next());
        if let Some(Balls { meet, radii, cut, .. }) = &self.balls {
            let (centre, lengths) = (next(), next());
            ndarray::Zip::indexed(&mut top).and(&centre).and(&lengths).for_each(|(i, _), t, &c, &n| {
                *t = t.min(add_up(c, mul_up(n, radii[i])));
            });
            match meet {
                Some(_) => ndarray::Zip::indexed(&mut top).and(&centre).and(&next()).for_each(
                    |(i, _), t, &c, &far| {
                        if cut[i].is_some() {
                            *t = t.min(add_up(c, far));
                        }
                    },
                ),
                None => met(b, cut, self.own, self.a, &mut top),
            }
        }
        top.zip_mut_with(&constants, |t, &c| *t = add_up(c, *t));
        [constants, stated(top)]
    }
}

/// Linear functions at the centres of balls, and their dual norms.
pub fn around<B: Backend>(
    b: &B,
    regions: Regions,
    (items, inputs): (usize, usize),
    a: &B::Block,
    norm: Norm,
) -> [B::Tops; 2] {
    let centre = |i: usize| regions.of(i).centre_ends().expect("balls have a centre");
    let centres: Vec<_> = (0..items).map(centre).collect();
    let lo = Array2::from_shape_fn((items, inputs), |(i, j)| centres[i].0[j]);
    let hi = Array2::from_shape_fn((items, inputs), |(i, j)| centres[i].1[j]);
    [b.support(a, &b.spans(lo, hi)), b.lengths(a, norm.dual())]
}

/// What is no number bounds nothing.
fn stated(tops: Array2<f64>) -> Array2<f64> {
    tops.mapv_into(|v| if v.is_nan() { f64::INFINITY } else { v })
}

/// The same where box and ball meet, for items whose box takes something from the ball.
fn met<B: Backend>(b: &B, cut: &[Option<Ball>], own: &Ends, a: &B::Block, top: &mut Array2<f64>) {
    if cut.iter().all(Option::is_none) {
        return;
    }
    let coefficients = b.read(a).centre;
    for (i, ball) in cut.iter().enumerate().filter_map(|(i, ball)| Some((i, ball.as_ref()?))) {
        let (lo, hi) = (own.lo.row(i).to_vec(), own.hi.row(i).to_vec());
        let place = Place { lo: &lo, hi: &hi, ball: Some(ball) };
        let rows: Vec<_> = coefficients.index_axis(Axis(0), i).outer_iter().map(|r| r.to_vec()).collect();
        let highest: Vec<f64> = rows.par_iter().map(|row| place.top(&Sum::of(row, 0.0))).collect();
        top.row_mut(i).iter_mut().zip(highest).for_each(|(t, h)| *t = t.min(h));
    }
}

/// An item's ball, where its box takes something from it.
fn cut(regions: Regions, own: &Ends, item: usize) -> Option<Ball> {
    let (lo, hi) = (own.lo.row(item).to_vec(), own.hi.row(item).to_vec());
    round(regions.of(item)).filter(|ball| Place::boxed(&lo, &hi).is_cut(ball))
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

/// Every item's own features, as a table.
pub fn table(wanted: &[&[usize]]) -> Array2<u32> {
    let most = wanted.iter().map(|w| w.len()).max().unwrap_or(0);
    Array2::from_shape_fn((wanted.len(), most), |(i, t)| wanted[i].get(t).map_or(NONE, |j| *j as u32))
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

/// Values of a piecewise linear function on arguments within these ends.
pub fn values(f: &Piecewise, x: &Ends) -> Ends {
    let side = |above: bool, (at, j): ([usize; 2], usize)| {
        let (l, u) = (x.lo[at], x.hi[at]);
        match f.piece(j, l, u) {
            Piece::Free { value, .. } => value[above as usize],
            Piece::Fixed { slope: 0.0, offset } => offset,
            // A slope below 0 turns the ends.
            Piece::Fixed { slope, offset } if above => {
                add_up(mul_up(slope, if slope > 0.0 { u } else { l }), offset)
            }
            Piece::Fixed { slope, offset } => {
                add_down(mul_down(slope, if slope > 0.0 { l } else { u }), offset)
            }
        }
    };
    let table = |above| Array2::from_shape_fn(x.lo.dim(), |(i, j)| side(above, ([i, j], j)));
    Ends { lo: table(false), hi: table(true) }
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
