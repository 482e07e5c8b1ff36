//! The CPU backend with a planted bug, to show that the tests would see it, or that counts what it is
//! asked to do.

use clarke::backend::cpu::Cpu;
use clarke::backend::{Backend, Lines, WindowLines};
use clarke::layer::{Affine, Incidence, LinearMap, Piecewise, Scale};
use clarke::linalg::Enclosure;
use clarke::num::Norm;
use ndarray::Array2;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bug {
    None,
    /// Free neurons get the slopes [0, 0.5].
    WrongSlope,
    /// Radii of products lose their last 1e-12.
    MissingRounding,
    /// Padding of rows and columns changes places.
    TransposedPad,
}

pub struct Faulty {
    pub bug: Bug,
    counters: [AtomicUsize; 3],
}

/// What a backend was asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Maps of more than one row that were prepared: rows are questions, not weights.
    pub maps: usize,
    /// Activations of sweeps of values.
    pub activations: usize,
    /// Nonlinear nodes that linear functions were taken through.
    pub chords: usize,
}

impl Counts {
    pub fn minus(&self, before: &Counts) -> Counts {
        Counts {
            maps: self.maps - before.maps,
            activations: self.activations - before.activations,
            chords: self.chords - before.chords,
        }
    }
}

const INNER: Cpu = Cpu::DOUBLE;
type Block = <Cpu as Backend>::Block;
type Map = <Cpu as Backend>::Map;
type Slopes = <Cpu as Backend>::Slopes;
type Spans = <Cpu as Backend>::Spans;
type Chords = <Cpu as Backend>::Chords;
type Edges = <Cpu as Backend>::Edges;

impl Faulty {
    pub fn new(bug: Bug) -> Faulty {
        Faulty { bug, counters: Default::default() }
    }

    pub fn counts(&self) -> Counts {
        let [maps, activations, chords] = [0, 1, 2].map(|k| self.counters[k].load(Ordering::SeqCst));
        Counts { maps, activations, chords }
    }

    fn count(&self, k: usize) {
        self.counters[k].fetch_add(1, Ordering::SeqCst);
    }

    fn rounded(&self, y: Block) -> Block {
        if self.bug != Bug::MissingRounding {
            return y;
        }
        let mut e = INNER.read(&y);
        ndarray::Zip::from(&mut e.radius)
            .and(&e.centre)
            .for_each(|r, c| *r = (*r - 1e-12 * (c.abs() + *r)).max(0.0));
        INNER.upload(&e)
    }
}

impl Backend for Faulty {
    type Block = Block;
    type Map = Map;
    type Tops = Array2<f64>;
    type Spans = Spans;
    type Chords = Chords;
    type Edges = Edges;
    type Slopes = Slopes;

    fn proves(&self) -> bool {
        true
    }

    fn speed(&self) -> f64 {
        4e9
    }
    fn upload(&self, x: &Enclosure) -> Block {
        INNER.upload(x)
    }
    fn read(&self, x: &Block) -> Enclosure {
        INNER.read(x)
    }
    fn dim(&self, x: &Block) -> (usize, usize, usize) {
        INNER.dim(x)
    }
    fn prepare(&self, affine: &Affine) -> Map {
        if affine.map.outputs() > 1 {
            self.count(0);
        }
        let mut affine = affine.clone();
        if let (Bug::TransposedPad, LinearMap::Conv { shape, .. }) = (self.bug, &mut affine.map) {
            shape.pad.swap(0, 1);
        }
        INNER.prepare(&affine)
    }
    fn affine(&self, map: &Map, x: &Block) -> Block {
        self.rounded(INNER.affine(map, x))
    }
    fn linear(&self, map: &Map, x: &Block) -> Block {
        self.rounded(INNER.linear(map, x))
    }
    fn adjoint(&self, map: &Map, g: &Block) -> Block {
        self.rounded(INNER.adjoint(map, g))
    }
    fn scale(&self, scale: &Scale, x: &Block, shift: bool) -> Block {
        INNER.scale(scale, x, shift)
    }
    fn select(&self, incidence: &Incidence, fill: f64, x: &Block) -> Block {
        INNER.select(incidence, fill, x)
    }
    fn select_adjoint(&self, incidence: &Incidence, g: &Block) -> Block {
        INNER.select_adjoint(incidence, g)
    }
    fn sum(&self, parts: &[&Block]) -> Block {
        INNER.sum(parts)
    }
    fn concat(&self, parts: &[&Block]) -> Block {
        INNER.concat(parts)
    }
    fn slice(&self, x: &Block, features: Range<usize>) -> Block {
        INNER.slice(x, features)
    }
    fn activate(&self, function: &Piecewise, x: &Block) -> Block {
        self.count(1);
        INNER.activate(function, x)
    }
    fn piecewise_slopes(&self, function: &Piecewise, x: &Block) -> Slopes {
        let slopes = INNER.piecewise_slopes(function, x);
        if self.bug != Bug::WrongSlope {
            return slopes;
        }
        let (lo, mut hi) = INNER.read_slopes(&slopes);
        ndarray::Zip::from(&mut hi).and(&lo).for_each(|h, l| {
            if *l < *h {
                *h = 0.5 * (*l + *h)
            }
        });
        INNER.upload_slopes(&lo, &hi)
    }
    fn upload_slopes(&self, lo: &Array2<f64>, hi: &Array2<f64>) -> Slopes {
        INNER.upload_slopes(lo, hi)
    }
    fn read_slopes(&self, slopes: &Slopes) -> (Array2<f64>, Array2<f64>) {
        INNER.read_slopes(slopes)
    }
    fn gate(&self, slopes: &Slopes, x: &Block) -> Block {
        INNER.gate(slopes, x)
    }
    fn window_max(&self, windows: &Incidence, x: &Block) -> Block {
        INNER.window_max(windows, x)
    }
    fn window_gates(&self, windows: &Incidence, x: &Block) -> Slopes {
        INNER.window_gates(windows, x)
    }
    fn window_tangent(&self, windows: &Incidence, gates: &Slopes, x: &Block) -> Block {
        INNER.window_tangent(windows, gates, x)
    }
    fn window_adjoint(&self, windows: &Incidence, gates: &Slopes, g: &Block) -> Block {
        INNER.window_adjoint(windows, gates, g)
    }
    fn intersect(&self, a: &Block, b: &Block) -> Block {
        INNER.intersect(a, b)
    }
    fn spans(&self, lo: Array2<f64>, hi: Array2<f64>) -> Spans {
        INNER.spans(lo, hi)
    }
    fn sides(&self, spans: &Spans) -> [Array2<f64>; 2] {
        INNER.sides(spans)
    }
    fn chords(&self, lines: Lines) -> Chords {
        INNER.chords(lines)
    }
    fn edges(&self, lines: WindowLines) -> Edges {
        INNER.edges(lines)
    }
    fn settle(&self, a: &Block, x: &Spans) -> (Block, Array2<f64>) {
        INNER.settle(a, x)
    }
    fn chord(&self, lines: &Chords, a: &Block) -> (Block, Array2<f64>) {
        self.count(2);
        INNER.chord(lines, a)
    }
    fn window_chord(&self, windows: &Incidence, lines: &Edges, a: &Block) -> (Block, Array2<f64>) {
        INNER.window_chord(windows, lines, a)
    }
    fn support(&self, a: &Block, x: &Spans) -> Array2<f64> {
        INNER.support(a, x)
    }
    fn known(&self, values: Array2<f64>) -> Array2<f64> {
        values
    }

    fn tops(&self, parts: Vec<Array2<f64>>) -> Vec<Array2<f64>> {
        parts
    }

    fn lengths(&self, x: &Block, norm: Norm) -> Array2<f64> {
        INNER.lengths(x, norm)
    }
    fn column_norms(&self, x: &Block, norm: Norm) -> Array2<f64> {
        INNER.column_norms(x, norm)
    }
}
