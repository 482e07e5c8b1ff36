//! The CPU backend: f64, outward rounded, eager.
//!
//! One code path in three precisions. `Double` carries a centre and a radius;
//! `DoubleDouble` carries the centre as an unevaluated sum hi + lo, for points,
//! where depth makes plain f64 useless; `Estimate` carries the centre alone and
//! reads back with an infinite radius, so that a proposal can never pass for a
//! proof.

mod conv;
mod dense;
mod double;
mod elementwise;
mod lanes;
mod lines;
mod norms;
mod peak;
mod settled;
mod spectral;
mod taps;
mod tasks;
mod window;

pub use double::gamma_double;

use crate::backend::{Backend, Lines, WindowLines};
use crate::layer::{Affine, Incidence, LinearMap, Piecewise, Scale};
use crate::linalg::Enclosure;
use crate::num::Norm;
use crate::num::round::{add_up, gamma, sub_down};
use lanes::{FLOOR, wide};
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Estimate,
    Double,
    DoubleDouble,
}

#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    pub precision: Precision,
    /// Without the slack for products: for measuring only.
    unrounded: bool,
    /// Multiplications per second to plan with.
    speed: f64,
}

impl Cpu {
    pub const DOUBLE: Cpu = Cpu::with(Precision::Double);
    pub const DOUBLE_DOUBLE: Cpu = Cpu::with(Precision::DoubleDouble);
    pub const ESTIMATE: Cpu = Cpu::with(Precision::Estimate);

    const fn with(precision: Precision) -> Cpu {
        Cpu { precision, unrounded: false, speed: 4e9 }
    }

    /// The same, choosing its work like a device of this speed.
    pub const fn paced(self, speed: f64) -> Cpu {
        Cpu { speed, ..self }
    }

    fn double(&self) -> bool {
        self.precision == Precision::DoubleDouble
    }
}

/// `items x rows x features` in row order. `lo` is empty unless the precision
/// is `DoubleDouble` (then |lo| <= u |hi|), `radius` is empty for `Estimate`.
#[derive(Clone, Debug)]
pub struct Block {
    pub(super) items: usize,
    pub(super) rows: usize,
    pub(super) features: usize,
    pub(super) hi: Arc<Vec<f64>>,
    pub(super) lo: Arc<Vec<f64>>,
    pub(super) radius: Arc<Vec<f64>>,
    /// Are all low parts and radii known to be zero?
    pub(super) settled: bool,
}

/// The three components while they are being computed.
#[derive(Default)]
struct Parts {
    hi: Vec<f64>,
    lo: Vec<f64>,
    radius: Vec<f64>,
}

impl Parts {
    fn zeros(backend: &Cpu, len: usize) -> Self {
        Parts {
            hi: vec![0.0; len],
            lo: if backend.double() { vec![0.0; len] } else { vec![] },
            radius: if backend.proves() { vec![0.0; len] } else { vec![] },
        }
    }

    /// Anything not finite becomes "no statement": centre 0, radius infinite.
    fn seal(mut self, items: usize, rows: usize, features: usize) -> Block {
        debug_assert_eq!(self.hi.len(), items * rows * features);
        if !lanes::finite(&self.hi) || !lanes::finite(&self.lo) || !lanes::finite(&self.radius) {
            self.forget();
        }
        Block {
            items,
            rows,
            features,
            hi: Arc::new(self.hi),
            lo: Arc::new(self.lo),
            radius: Arc::new(self.radius),
            settled: false,
        }
    }

    #[cold]
    fn forget(&mut self) {
        for k in 0..self.hi.len() {
            let fine = self.hi[k].is_finite()
                && (self.lo.is_empty() || self.lo[k].is_finite())
                && (self.radius.is_empty() || self.radius[k].is_finite());
            if !fine {
                self.hi[k] = 0.0;
                if !self.lo.is_empty() {
                    self.lo[k] = 0.0;
                }
                if !self.radius.is_empty() {
                    self.radius[k] = f64::INFINITY;
                }
            }
        }
    }
}

impl Block {
    /// Flat vectors in the block.
    fn vectors(&self) -> usize {
        self.items * self.rows
    }

    #[inline(always)]
    fn radius_at(&self, k: usize) -> f64 {
        self.radius.get(k).copied().unwrap_or(0.0)
    }

    #[inline(always)]
    fn lo_at(&self, k: usize) -> f64 {
        self.lo.get(k).copied().unwrap_or(0.0)
    }

    /// Ends of the interval at flat position k, rounded outward.
    #[inline(always)]
    fn ends(&self, k: usize) -> (f64, f64) {
        let (c, r) = (self.hi[k], self.radius_at(k));
        if self.lo.is_empty() || self.lo[k] == 0.0 {
            return (sub_down(c, r), add_up(c, r));
        }
        let slack = add_up(r, self.lo[k].abs());
        if r == 0.0 {
            // The sign of lo is known: hi + lo lies on one side of hi.
            return if self.lo[k] > 0.0 { (c, add_up(c, slack)) } else { (sub_down(c, slack), c) };
        }
        (sub_down(c, slack), add_up(c, slack))
    }
}

/// A prepared map: weights, of kernels their magnitudes too, and the rounding constants.
pub struct Map {
    affine: Affine,
    /// |W| of kernels, flat as they are stored; empty for `Estimate`.
    magnitude: Vec<f64>,
    /// No nonzero weight is so small that |W| times `FLOOR` vanishes.
    no_underflow: bool,
}

const SMALL_WEIGHT: f64 = 1e-50;

impl Map {
    fn inputs(&self) -> usize {
        self.affine.map.inputs()
    }

    fn outputs(&self) -> usize {
        self.affine.map.outputs()
    }

    /// Products that can enter one output, forward or backward.
    fn depth(&self, adjoint: bool) -> usize {
        match &self.affine.map {
            LinearMap::Dense(w) => w.len_of(Axis(usize::from(!adjoint))),
            LinearMap::Conv { shape, adjoint: flipped, .. } => {
                let channels = if adjoint == *flipped { shape.in_channels } else { shape.out_channels };
                channels / shape.groups * shape.taps()
            }
        }
    }

    /// Partial products that one output of a scattering convolution collects.
    fn folds(&self) -> usize {
        match &self.affine.map {
            LinearMap::Dense(_) => 0,
            LinearMap::Conv { shape, .. } => shape.taps(),
        }
    }
}

impl Cpu {
    /// Relative error of one product of `depth` terms against sum |w| |c|.
    fn product_error(&self, depth: usize, folds: usize) -> f64 {
        match self.precision {
            _ if self.unrounded => 0.0,
            Precision::Estimate => 0.0,
            Precision::Double => gamma(depth + 4),
            Precision::DoubleDouble => gamma_double(depth, folds),
        }
    }

    /// What |W| is multiplied with: r + error (|c| + r), rounded up, nonzero
    /// whenever centre or radius is.
    fn spread(&self, x: &Block, depth: usize, folds: usize) -> Vec<f64> {
        if !self.proves() {
            return vec![];
        }
        let error = self.product_error(depth, folds);
        let mut out = vec![0.0; x.hi.len()];
        let work = |start: usize, out: &mut [f64]| {
            let at = start..start + out.len();
            let x = (&x.hi[at.clone()], &x.radius[at]);
            wide(
                #[inline(always)]
                || lanes::spread(error, FLOOR, x, out),
            )
        };
        tasks::slices(&mut out, work);
        out
    }

    /// Turns t = fl(|W| spread) into the radius of the product in place, and
    /// adds the bias.
    fn finish(&self, map: &Map, depth: usize, parts: &mut Parts, bias: Option<&[f64]>, features: usize) {
        let factor = 1.0 + 2.0 * gamma(depth + 6);
        let tiny = (8 * depth + 16) as f64 * f64::from_bits(1);
        let repeat = map.affine.repeat;
        elementwise::each_piece(
            parts,
            features,
            #[inline(always)]
            |piece| {
                lanes::grow(factor, tiny, map.no_underflow, piece.radius);
                if let Some(bias) = bias {
                    elementwise::add_bias(self, piece, bias, repeat);
                }
            },
        );
    }

    /// W x or W' x of the centres, and |W| or |W|' times the spread, as the machine computes them.
    fn parts(&self, map: &Map, x: &Block, spread: &[f64], adjoint: bool) -> Parts {
        assert_eq!(x.features, if adjoint { map.outputs() } else { map.inputs() });
        match &map.affine.map {
            LinearMap::Dense(weight) => {
                let dense = dense::Dense { weight, adjoint };
                dense::product(self, &dense, x, spread)
            }
            LinearMap::Conv { shape, weight, adjoint: flipped } => {
                let kernel = conv::Kernel { shape, weight, magnitude: &map.magnitude };
                if adjoint == *flipped {
                    conv::forward(self, &kernel, x, spread)
                } else {
                    conv::adjoint(self, &kernel, x, spread)
                }
            }
        }
    }

    /// W x + b, W x or W' x: no bias for the adjoint.
    fn product(&self, map: &Map, x: &Block, adjoint: bool, bias: Option<&[f64]>) -> Block {
        let depth = map.depth(adjoint);
        let spread = self.spread(x, depth, map.folds());
        let mut parts = self.parts(map, x, &spread, adjoint);
        let features = if adjoint { map.inputs() } else { map.outputs() };
        self.finish(map, depth, &mut parts, bias, features);
        parts.seal(x.items, x.rows, features)
    }
}

impl Backend for Cpu {
    fn lot(&self) -> usize {
        8
    }

    type Block = Block;
    type Map = Map;
    type Tops = Array2<f64>;
    type Spans = Arc<lines::Spans>;
    type Chords = Arc<Lines>;
    type Edges = Arc<WindowLines>;
    type Slopes = elementwise::Slopes;

    fn proves(&self) -> bool {
        self.precision != Precision::Estimate
    }

    fn speed(&self) -> f64 {
        self.speed
    }

    fn unrounded(&self) -> Option<Self> {
        (self.precision == Precision::Double).then_some(Cpu { unrounded: true, ..*self })
    }

    fn upload(&self, x: &Enclosure) -> Block {
        let (items, rows, features) = x.dim();
        let flat =
            |a: &Array3<f64>| a.as_slice().map_or_else(|| a.iter().copied().collect(), <[f64]>::to_vec);
        let hi = flat(&x.centre);
        let lo = if self.double() { vec![0.0; hi.len()] } else { vec![] };
        let radius = if self.proves() { flat(&x.radius) } else { vec![] };
        Parts { hi, lo, radius }.seal(items, rows, features)
    }

    fn read(&self, x: &Block) -> Enclosure {
        let dim = (x.items, x.rows, x.features);
        let radius = if x.radius.is_empty() {
            vec![f64::INFINITY; x.hi.len()]
        } else if x.lo.is_empty() {
            x.radius.to_vec()
        } else {
            x.radius.iter().zip(x.lo.iter()).map(|(&r, &l)| add_up(r, l.abs())).collect()
        };
        Enclosure {
            centre: Array3::from_shape_vec(dim, x.hi.to_vec()).expect("block size"),
            radius: Array3::from_shape_vec(dim, radius).expect("block size"),
        }
    }

    fn dim(&self, x: &Block) -> (usize, usize, usize) {
        (x.items, x.rows, x.features)
    }

    fn prepare(&self, affine: &Affine) -> Map {
        let weights = affine.map.weights();
        let kernel = matches!(affine.map, LinearMap::Conv { .. });
        Map {
            affine: affine.clone(),
            magnitude: if kernel && self.proves() {
                weights.iter().map(|w| w.abs()).collect()
            } else {
                vec![]
            },
            no_underflow: weights.iter().all(|w| *w == 0.0 || w.abs() >= SMALL_WEIGHT),
        }
    }

    fn affine(&self, map: &Map, x: &Block) -> Block {
        self.product(map, x, false, map.affine.bias.as_ref().map(|b| &b[..]))
    }

    fn linear(&self, map: &Map, x: &Block) -> Block {
        self.product(map, x, false, None)
    }

    fn adjoint(&self, map: &Map, g: &Block) -> Block {
        self.product(map, g, true, None)
    }

    fn scale(&self, scale: &Scale, x: &Block, shift: bool) -> Block {
        elementwise::scale(self, scale, x, shift)
    }

    fn select(&self, incidence: &Incidence, fill: f64, x: &Block) -> Block {
        elementwise::select(self, incidence, fill, x)
    }

    fn select_adjoint(&self, incidence: &Incidence, g: &Block) -> Block {
        elementwise::select(self, &incidence.transposed().rows, 0.0, g)
    }

    fn sum(&self, parts: &[&Block]) -> Block {
        elementwise::sum(self, parts)
    }

    fn concat(&self, parts: &[&Block]) -> Block {
        elementwise::concat(self, parts)
    }

    fn slice(&self, x: &Block, features: Range<usize>) -> Block {
        elementwise::slice(self, x, features)
    }

    fn activate(&self, function: &Piecewise, x: &Block) -> Block {
        elementwise::activate(self, function, x)
    }

    fn piecewise_slopes(&self, function: &Piecewise, x: &Block) -> Self::Slopes {
        elementwise::piecewise_slopes(self, function, x)
    }

    fn upload_slopes(&self, lo: &Array2<f64>, hi: &Array2<f64>) -> Self::Slopes {
        elementwise::Slopes::new(lo, hi)
    }

    fn read_slopes(&self, slopes: &Self::Slopes) -> (Array2<f64>, Array2<f64>) {
        slopes.arrays()
    }

    fn gate(&self, slopes: &Self::Slopes, x: &Block) -> Block {
        elementwise::gate(self, slopes, x)
    }

    fn window_max(&self, windows: &Incidence, x: &Block) -> Block {
        window::max(self, windows, x)
    }

    fn window_gates(&self, windows: &Incidence, x: &Block) -> Self::Slopes {
        window::gates(self, windows, x)
    }

    fn window_tangent(&self, windows: &Incidence, gates: &Self::Slopes, x: &Block) -> Block {
        window::tangent(self, windows, gates, x)
    }

    fn window_adjoint(&self, windows: &Incidence, gates: &Self::Slopes, g: &Block) -> Block {
        window::adjoint(self, windows, gates, g)
    }

    fn intersect(&self, a: &Block, b: &Block) -> Block {
        elementwise::intersect(self, a, b)
    }

    fn spans(&self, lo: Array2<f64>, hi: Array2<f64>) -> Self::Spans {
        Arc::new(lines::Spans::new(lo, hi))
    }

    fn sides(&self, spans: &Self::Spans) -> [Array2<f64>; 2] {
        [spans.lo.mapv(|l| -l), spans.hi.clone()]
    }

    fn chords(&self, lines: Lines) -> Self::Chords {
        Arc::new(lines)
    }

    fn chords_on(&self, function: &Piecewise, x: &Self::Spans) -> Self::Chords {
        Arc::new(Lines::around(function, &x.lo, &x.hi, None))
    }

    fn edges(&self, lines: WindowLines) -> Self::Edges {
        Arc::new(lines)
    }

    fn settle(&self, a: &Block, x: &Self::Spans) -> (Block, Array2<f64>) {
        lines::settle(a, x.magnitude())
    }

    fn settled(&self, map: &Map, a: &Block, back: bool, x: &Self::Spans) -> (Block, Array2<f64>) {
        settled::product(self, map, a, back, x.magnitude()).unwrap_or_else(|| {
            let next = if back { self.adjoint(map, a) } else { self.linear(map, a) };
            self.settle(&next, x)
        })
    }

    fn chord(&self, lines: &Self::Chords, a: &Block) -> (Block, Array2<f64>) {
        lines::chord(self, lines, a)
    }

    fn settled_chord(&self, lines: &Self::Chords, a: &Block, x: &Self::Spans) -> (Block, [Array2<f64>; 2]) {
        settled::chord(self, lines, a, x.magnitude()).unwrap_or_else(|| {
            let (next, constant) = self.chord(lines, a);
            let (next, lost) = self.settle(&next, x);
            (next, [constant, lost])
        })
    }

    fn window_chord(&self, windows: &Incidence, table: &Self::Edges, a: &Block) -> (Block, Array2<f64>) {
        lines::window_chord(self, windows, table, a)
    }

    fn support(&self, a: &Block, x: &Self::Spans) -> Array2<f64> {
        lines::support(a, x)
    }

    fn known(&self, values: Array2<f64>) -> Array2<f64> {
        values
    }

    fn tops(&self, parts: Vec<Array2<f64>>) -> Vec<Array2<f64>> {
        parts
    }

    fn lengths(&self, x: &Block, norm: Norm) -> Array2<f64> {
        norms::rows(x, norm)
    }

    fn column_norms(&self, x: &Block, norm: Norm) -> Array2<f64> {
        norms::columns(x, norm)
    }
}
