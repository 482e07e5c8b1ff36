//! How far every node can be from its value at the centre of the region, in the euclidean norm.
//!
//! With ‖a − a(c)‖_2 <= ρ for what an affine node reads and D the mask of what is not constant there,
//!   |z_i − z_i(c)| <= ρ ((A∘A) D)_i^½ and ‖z − z(c)‖_2 <= min(‖A‖_2 ρ, the distance in the box);
//! a function of one number adds its largest secant slope from the centre's value. On balls in l2 this says
//! of deep layers what boxes have lost; what both leave is the intersection.
//!
//! From: masked norms as in Huang et al. 2021, secants as in Avant & Morgansen 2023; the row bound is
//! Cauchy-Schwarz. Rounding: values at the centre are enclosures, everything else is rounded up.

use super::linear::{Regions, values};
use super::secant::secants;
use crate::backend::Backend;
use crate::layer::smooth::range;
use crate::layer::{LinearMap, Piecewise, Scale, Smooth};
use crate::linalg::Enclosure;
use crate::net::{Gain, Net, Op, Pooled};
use crate::num::Norm;
use crate::num::norms::{largest, vector_norm_up};
use crate::num::round::{add_up, mul_up, sqrt_up, sub_down, sub_up};
use crate::region::Region;
use crate::sweep::{Bounds, Ends, Maps, Prepared, Trace, enclosure};
use ndarray::{Array2, Axis};

/// What is known of a network's layers.
#[derive(Clone, Copy)]
pub struct Layers<'l, B: Backend> {
    /// Their weights squared.
    pub squares: &'l Maps<B>,
    /// Upper bounds of their norms.
    pub norm: &'l (dyn Fn(&LinearMap) -> f64 + Sync),
}

/// A sweep that follows the values' own, node by node.
pub struct Reach<'r, 'n, B: Backend> {
    prepared: &'r Prepared<'n, B>,
    layers: Layers<'r, B>,
    centre: Trace<B>,
    /// Values at the centres, items x features.
    at: Bounds,
    /// By node and item: the distance from there.
    radius: Vec<Vec<f64>>,
    briefly: bool,
}

/// ‖max(u − z(c), z(c) − l)‖_2 of one item.
fn in_box(own: &Ends, at: &Ends, item: usize) -> f64 {
    let row = |a: &Array2<f64>| a.row(item).to_vec();
    let ends = row(&own.lo).into_iter().zip(row(&own.hi));
    let centre = row(&at.lo).into_iter().zip(row(&at.hi));
    let far = ends.zip(centre).map(|((l, h), (c, d))| sub_up(h, c).max(sub_up(d, l)).max(0.0));
    finite(vector_norm_up(far.collect::<Vec<_>>(), Norm::Two))
}

/// The place of the norm in `Norm::ALL`.
const TWO: usize = 1;

fn finite(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

/// a b for nonnegative numbers, 0 where one is.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { mul_up(a, b) }
}

/// How far members of a region are from its centre in the euclidean norm, as far as its ball says.
fn ball(region: &Region) -> f64 {
    match region.ball_norm() {
        Some((Norm::One | Norm::Two, radius)) => radius.ends().hi,
        Some((Norm::Inf, _)) | None => f64::INFINITY,
    }
}

impl<'r, 'n, B: Backend> Reach<'r, 'n, B> {
    /// None where a region has no centre.
    pub fn new(
        prepared: &'r Prepared<'n, B>,
        layers: Layers<'r, B>,
        regions: Regions,
        input: &Ends,
    ) -> Option<Self> {
        let items = input.lo.nrows();
        let mut at = Ends { lo: Array2::zeros(input.lo.dim()), hi: Array2::zeros(input.lo.dim()) };
        for item in 0..items {
            let region = regions.of(item);
            let (lo, hi) = region.centre_ends().filter(|_| !region.is_point())?;
            for (j, (&l, &h)) in lo.iter().zip(hi).enumerate() {
                (at.lo[[item, j]], at.hi[[item, j]]) = (l, h);
            }
        }
        let mut centre = Trace::start(prepared.net);
        prepared.step(&mut centre, 0, Some(prepared.backend.upload(&enclosure(&at))), None);
        let radius = |item| in_box(input, &at, item).min(ball(regions.of(item)));
        let first = (0..items).map(radius).collect();
        let mut reach = Reach {
            prepared,
            layers,
            centre,
            at: Bounds::none(prepared.net.nodes.len()),
            radius: vec![vec![]; prepared.net.nodes.len()],
            briefly: false,
        };
        reach.at.set(0, at);
        reach.radius[0] = first;
        Some(reach)
    }

    /// The value at the centre of a node that was passed.
    pub fn at(&self, k: usize) -> &Ends {
        self.at.of(k)
    }

    /// How far a node that was passed can be from there, by item.
    pub fn radius(&self, k: usize) -> &[f64] {
        &self.radius[k]
    }

    /// The same, where ends behind piecewise linear functions need no transfer.
    pub fn briefly(self) -> Self {
        Reach { briefly: true, ..self }
    }

    /// Passes node k, whose ends become narrower; `ends` are those of all nodes before.
    pub fn step(&mut self, k: usize, ends: &Bounds, own: &mut Ends) {
        let parts = self.ahead(k, ends);
        let back = self.prepared.backend.tops(parts);
        self.take(k, ends, own, &mut back.into_iter());
    }

    /// What is to be read before node k can be passed.
    pub fn ahead(&mut self, k: usize, ends: &Bounds) -> Vec<B::Tops> {
        let b = self.prepared.backend;
        self.prepared.step(&mut self.centre, k, None, None);
        if self.here(k).is_some() {
            return vec![];
        }
        let at = b.spans_of(self.centre.values[k].as_ref().expect("just computed"));
        b.sides(&at).into_iter().chain(self.squares(k, ends)).collect()
    }

    /// Behind what function are ends of node k those of what it reads?
    pub fn here(&self, k: usize) -> Option<&'n Piecewise> {
        let net: &'n Net = self.prepared.net;
        if let Op::Piecewise(f) = &net.nodes[k].op
            && self.briefly
        {
            return Some(f);
        }
        None
    }

    /// The same with what came back.
    pub fn take(
        &mut self,
        k: usize,
        ends: &Bounds,
        own: &mut Ends,
        back: &mut impl Iterator<Item = Array2<f64>>,
    ) {
        let mut next = || back.next().expect("as many as asked for");
        let node = &self.prepared.net.nodes[k];
        let at = match self.here(k) {
            Some(f) => values(f, self.at.of(node.inputs[0])),
            None => Ends { lo: -next(), hi: next() },
        };
        let squares = matches!(node.op, Op::Affine(_)).then(next);
        if self.prepared.is_late() {
            // Nothing is known, and nothing more is to be found out.
            self.radius[k] = vec![f64::INFINITY; own.lo.nrows()];
            self.at.set(k, at);
            return;
        }
        if let Some(far) = self.distances(k, squares) {
            let lo = ndarray::Zip::from(&at.lo).and(&far).map_collect(|&c, &d| sub_down(c, d));
            let hi = ndarray::Zip::from(&at.hi).and(&far).map_collect(|&c, &d| add_up(c, d));
            own.tighten(&lo, &hi);
        }
        self.radius[k] = (0..own.lo.nrows()).map(|item| self.grown(k, item, ends)).collect();
        if let Some(pool) = self.prepared.net.pools.iter().find(|p| p.node == k) {
            self.pooled(pool, &at, own);
        }
        if let Some(gain) = self.prepared.net.gains.iter().find(|g| g.node == k) {
            self.gained(gain, &at, own);
        }
        self.at.set(k, at);
        self.settle(k, own);
    }

    /// Maxima move by no more than what they are maxima of.
    fn pooled(&mut self, pool: &Pooled, at: &Ends, own: &mut Ends) {
        let whole = mul_up(sqrt_up(pool.factor as f64), (self.layers.norm)(&pool.map));
        let lengths = channels(&pool.map);
        let area = own.lo.ncols() / lengths.len().max(1);
        for item in 0..own.lo.nrows() {
            let radius = self.radius[pool.from][item];
            self.radius[pool.node][item] = self.radius[pool.node][item].min(finite(times(whole, radius)));
            let far: Vec<f64> = lengths.iter().map(|l| finite(times(*l, radius))).collect();
            narrow(own, at, item, |j| far[j / area]);
        }
    }

    /// Nodes that are known to move by no more than what they are made of, together or one by one.
    fn gained(&mut self, gain: &Gain, at: &Ends, own: &mut Ends) {
        for item in 0..own.lo.nrows() {
            let far = finite(times(gain.norm[TWO], self.radius[gain.from][item]));
            self.radius[gain.node][item] = self.radius[gain.node][item].min(far);
            narrow(own, at, item, |_| far);
        }
    }

    /// The same once more is known of the node.
    pub fn settle(&mut self, k: usize, own: &Ends) {
        let at = self.at.of(k);
        self.radius[k].iter_mut().enumerate().for_each(|(item, r)| *r = r.min(in_box(own, at, item)));
    }

    /// Of a layer the sums of the squares of weights of what is not constant.
    fn squares(&self, k: usize, ends: &Bounds) -> Option<B::Tops> {
        let (b, node) = (self.prepared.backend, &self.prepared.net.nodes[k]);
        if !matches!(node.op, Op::Affine(_)) {
            return None;
        }
        let x = ends.of(node.inputs[0]);
        let moves = ndarray::Zip::from(&x.lo).and(&x.hi).map_collect(|l, h| f64::from(l != h));
        let moves = Enclosure::point(moves.insert_axis(Axis(1)));
        let sums = b.linear(self.layers.squares.at(k), &b.upload(&moves));
        let [_, above] = b.sides(&b.spans_of(&sums));
        Some(above)
    }

    /// How far features of a layer or of sums can be from their values at the centre.
    fn distances(&self, k: usize, squares: Option<Array2<f64>>) -> Option<Array2<f64>> {
        let node = &self.prepared.net.nodes[k];
        let read = *node.inputs.first()?;
        let squares = match &node.op {
            Op::Affine(_) => squares?,
            Op::Select { incidence, .. } if incidence.longest() > 1 => {
                let items = self.radius[read].len();
                Array2::from_shape_fn((items, node.len()), |(_, i)| incidence.window(i).len() as f64)
            }
            Op::Input | Op::Select { .. } | Op::Scale(_) | Op::Add | Op::Concat => return None,
            Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => return None,
        };
        let radius = &self.radius[read];
        let far = |((item, _), &s): ((usize, usize), &f64)| times(radius[item], sqrt_up(s.max(0.0)));
        let list = squares.indexed_iter().map(far).map(finite).collect();
        Some(Array2::from_shape_vec(squares.dim(), list).expect("the same size"))
    }

    /// ‖node k − its value at the centre‖_2 by what it reads.
    fn grown(&self, k: usize, item: usize, ends: &Bounds) -> f64 {
        let node = &self.prepared.net.nodes[k];
        let radius = |i: usize| self.radius[node.inputs[i]][item];
        let steepest = |slope: &dyn Fn(usize, [f64; 2], [f64; 2]) -> f64| {
            let (x, at) = (ends.of(node.inputs[0]), self.at.of(node.inputs[0]));
            let each = |j: usize| {
                let of = |e: &Ends| [e.lo[[item, j]], e.hi[[item, j]]];
                slope(j, of(x), of(at))
            };
            times(largest((0..node.len()).map(each)), radius(0))
        };
        finite(match &node.op {
            Op::Input => f64::INFINITY,
            Op::Affine(a) => times((self.layers.norm)(&a.map), radius(0)),
            Op::Scale(s) => times(factor(s, node.len()), radius(0)),
            Op::Select { incidence, .. } => {
                let (rows, columns) = (incidence.longest() as f64, incidence.reach() as f64);
                times(sqrt_up(mul_up(rows, columns)), radius(0))
            }
            Op::Max(windows) => times(sqrt_up(windows.reach() as f64), radius(0)),
            Op::Add => (0..node.inputs.len()).fold(0.0, |t, i| add_up(t, radius(i))),
            Op::Concat => {
                let each: Vec<f64> = (0..node.inputs.len()).map(radius).collect();
                vector_norm_up(each, Norm::Two)
            }
            Op::Piecewise(f) => steepest(&|j, x, at| secant(f, j, x, at)),
            Op::Smooth(f) => steepest(&|_, x, at| steepness(*f, x, at)),
            // ‖diag(s) − s sᵀ‖_2 <= ½.
            Op::Softmax { .. } => times(0.5, radius(0)),
        })
    }
}

/// Ends of one item's features that are so far from those at the centre at most.
fn narrow(own: &mut Ends, at: &Ends, item: usize, far: impl Fn(usize) -> f64) {
    for j in 0..own.lo.ncols() {
        let lo = own.lo[[item, j]].max(sub_down(at.lo[[item, j]], far(j)));
        let hi = own.hi[[item, j]].min(add_up(at.hi[[item, j]], far(j)));
        if lo <= hi {
            (own.lo[[item, j]], own.hi[[item, j]]) = (lo, hi);
        }
    }
}

/// ‖·‖_2 of every filter: no row of its channel is longer.
fn channels(map: &LinearMap) -> Vec<f64> {
    let row = |w: &[f64]| vector_norm_up(w.iter().map(|x| x.abs()).collect::<Vec<_>>(), Norm::Two);
    match map {
        LinearMap::Dense(w) => w.outer_iter().map(|r| row(&r.to_vec())).collect(),
        LinearMap::Conv { shape, weight, adjoint: false } => weight.chunks(shape.depth()).map(row).collect(),
        // Of a transposed convolution any row is shorter than all its weights together.
        LinearMap::Conv { weight, adjoint: true, .. } => vec![row(weight)],
    }
}

fn factor(s: &Scale, features: usize) -> f64 {
    let size = |j: usize| s.factor[s.index(j)].ends().magnitude();
    largest((0..features).map(size))
}

/// The largest |f(x) − f(c)| / |x − c| for x and c in these ends.
fn secant(f: &Piecewise, feature: usize, x: [f64; 2], at: [f64; 2]) -> f64 {
    let [a, z] = secants(f, feature, x, at);
    a.abs().max(z.abs())
}

fn steepness(f: Smooth, [l, u]: [f64; 2], [c, d]: [f64; 2]) -> f64 {
    let (a, z) = range::slope(f, l.min(c), u.max(d));
    finite(a.abs().max(z.abs()))
}

/// An upper bound of ‖A‖_2 that costs a look at every weight: (‖A‖_1 ‖A‖_∞)^½.
pub fn rough(map: &LinearMap) -> f64 {
    let sides = match map {
        LinearMap::Dense(w) => {
            let sum = |lane: ndarray::ArrayView1<f64>| {
                vector_norm_up(lane.iter().map(|x| x.abs()).collect::<Vec<_>>(), Norm::One)
            };
            [0, 1].map(|axis| largest(w.axis_iter(Axis(axis)).map(sum)))
        }
        LinearMap::Conv { shape, weight, .. } => {
            // A row of the matrix holds each of its filter's weights once at most, a column each of its
            // channel's.
            let (inner, taps) = (shape.in_channels / shape.groups, shape.taps());
            let outer = shape.out_channels / shape.groups;
            let at = |o: usize, i: usize, t: usize| weight[(o * inner + i) * taps + t].abs();
            let all = |i: usize| (0..taps).map(move |t| (i, t));
            let row = |o: usize| {
                let each = (0..inner).flat_map(all).map(|(i, t)| at(o, i, t));
                vector_norm_up(each.collect::<Vec<_>>(), Norm::One)
            };
            let column = |(g, i): (usize, usize)| {
                let own = g * outer..(g + 1) * outer;
                let each = own.flat_map(|o| (0..taps).map(move |t| (o, t))).map(|(o, t)| at(o, i, t));
                vector_norm_up(each.collect::<Vec<_>>(), Norm::One)
            };
            let columns = (0..shape.groups).flat_map(|g| (0..inner).map(move |i| (g, i)));
            [largest((0..shape.out_channels).map(row)), largest(columns.map(column))]
        }
    };
    mul_up(sqrt_up(sides[0]), sqrt_up(sides[1]))
}
