//! Where arithmetic happens: batched enclosure primitives over opaque blocks.
//!
//! A block is a batch of enclosures, `items x rows x features`: items are
//! regions (or subproblems), rows are rows of a Jacobian or coefficient vectors
//! that share their item's slopes. Blocks live on the device; calls only
//! record; `upload` and `read` are the only transfers. Every primitive returns
//! a block that contains the exact result for every member of its arguments,
//! rounding included.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod spectral;

use crate::layer::{Affine, Incidence, Piecewise, Scale, chord};
use crate::linalg::Enclosure;
use crate::linalg::scaling::{Loop, Loops};
use crate::num::Norm;
use crate::num::round::add_up;
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;

/// Lines that enclose a nonlinear function on its interval, per item and
/// feature: below `lower_slope x + lower_shift`, above `upper_slope x + upper_shift`.
#[derive(Clone, Debug)]
pub struct Lines {
    pub lower_slope: Array2<f64>,
    pub lower_shift: Array2<f64>,
    pub upper_slope: Array2<f64>,
    pub upper_shift: Array2<f64>,
}

impl Lines {
    /// `line(item, feature, l, u)` gives slope and shift below, slope and shift above.
    pub fn from_ends(
        lo: &Array2<f64>,
        hi: &Array2<f64>,
        line: impl Fn(usize, usize, f64, f64) -> [f64; 4],
    ) -> Lines {
        let zeros = || Array2::zeros(lo.raw_dim());
        let mut lines =
            Lines { lower_slope: zeros(), lower_shift: zeros(), upper_slope: zeros(), upper_shift: zeros() };
        for ((item, j), &l) in lo.indexed_iter() {
            let [a, b, c, d] = line(item, j, l, hi[[item, j]]);
            lines.lower_slope[[item, j]] = a;
            lines.lower_shift[[item, j]] = b;
            lines.upper_slope[[item, j]] = c;
            lines.upper_shift[[item, j]] = d;
        }
        lines
    }

    /// Around a piecewise linear function; `alpha` in [0, 1] places free slopes.
    pub fn around(f: &Piecewise, lo: &Array2<f64>, hi: &Array2<f64>, alpha: Option<&Array2<f64>>) -> Lines {
        Lines::from_ends(lo, hi, |item, j, l, u| chord::lines(f, j, l, u, alpha.map(|a| a[[item, j]])))
    }
}

/// No feature.
pub const NONE: u32 = u32::MAX;

/// A row of every item.
fn flat(a: Array3<f64>) -> Array2<f64> {
    assert_eq!(a.dim().1, 1, "values have one row per item");
    a.remove_axis(Axis(1))
}

/// Linear bounds of window maxima: below by the value of one edge, above by the
/// same (ceiling NaN) or by a number.
#[derive(Clone, Debug)]
pub struct WindowLines {
    /// items x outputs: the edge that bounds from below.
    pub edge: Array2<u32>,
    /// items x outputs: an upper bound of the maximum, NaN where `edge` attains it.
    pub ceiling: Array2<f64>,
}

impl WindowLines {
    /// From proven ends of the windows' inputs: the edge with the largest lower end.
    pub fn new(windows: &Incidence, lo: &Array2<f64>, hi: &Array2<f64>) -> Self {
        let size = (lo.nrows(), windows.outputs());
        let (mut edge, mut ceiling) = (Array2::zeros(size), Array2::from_elem(size, f64::NAN));
        for item in 0..size.0 {
            for i in 0..size.1 {
                let at = |e: usize| [item, windows.index[e] as usize];
                let mut best = windows.window(i).start;
                for e in windows.window(i) {
                    if lo[at(e)] > lo[at(best)] {
                        best = e;
                    }
                }
                let others = windows.window(i).filter(|&e| e != best).map(|e| hi[at(e)]);
                let top = others.fold(f64::NEG_INFINITY, f64::max);
                edge[[item, i]] = best as u32;
                if top > lo[at(best)] {
                    ceiling[[item, i]] = top.max(hi[at(best)]);
                }
            }
        }
        WindowLines { edge, ceiling }
    }
}

/// What a device was told and gave back so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Kernels over grids, and lists of them that were handed over.
    pub dispatches: u64,
    pub submissions: u64,
    /// Bytes to the device and from it.
    pub sent: u64,
    pub received: u64,
    /// Bounds that came back: ends of values, and of rows.
    pub bounds: u64,
}

impl Counts {
    /// What came after `before`.
    pub fn since(&self, before: &Counts) -> Counts {
        Counts {
            dispatches: self.dispatches - before.dispatches,
            submissions: self.submissions - before.submissions,
            sent: self.sent - before.sent,
            received: self.received - before.received,
            bounds: self.bounds - before.bounds,
        }
    }
}

pub trait Backend: Send + Sync + 'static {
    /// A batch of enclosures on the device.
    type Block: Clone + Send + Sync;
    /// A weight matrix or convolution on the device.
    type Map: Send + Sync;
    /// Intervals of slopes on the device, per item and feature (or edge).
    type Slopes: Clone + Send + Sync;

    /// Upper bounds, one a row of every item, that may not have come back yet.
    type Tops: Clone + Send + Sync;
    /// Ends of values on the device, per item and feature.
    type Spans: Clone + Send + Sync;
    /// Lines around a nonlinear function on the device, per item and feature.
    type Chords: Clone + Send + Sync;
    /// Lines around maxima of windows on the device.
    type Edges: Clone + Send + Sync;

    /// Are results enclosures? False for a backend that only proposes.
    fn proves(&self) -> bool;
    /// The same without what covers rounding in products, for measuring what it
    /// costs; results of that backend prove nothing.
    fn unrounded(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Multiplications per second to plan with.
    fn speed(&self) -> f64;

    /// Items of small networks that one sweep takes best.
    fn lot(&self) -> usize {
        4096
    }

    /// Waits until everything recorded is done.
    fn finish(&self) {}
    /// None of it where work is done as it is called.
    fn counts(&self) -> Counts {
        Counts::default()
    }

    fn upload(&self, x: &Enclosure) -> Self::Block;
    fn read(&self, x: &Self::Block) -> Enclosure;
    /// `items, rows, features`.
    fn dim(&self, x: &Self::Block) -> (usize, usize, usize);

    fn prepare(&self, affine: &Affine) -> Self::Map;
    /// W x + b.
    fn affine(&self, map: &Self::Map, x: &Self::Block) -> Self::Block;
    /// W x.
    fn linear(&self, map: &Self::Map, x: &Self::Block) -> Self::Block;
    /// Wᵀ g.
    fn adjoint(&self, map: &Self::Map, g: &Self::Block) -> Self::Block;

    /// factor x + shift, or factor x alone.
    fn scale(&self, scale: &Scale, x: &Self::Block, shift: bool) -> Self::Block;
    /// S x + fill on empty windows; S is a 0/1 matrix.
    fn select(&self, incidence: &Incidence, fill: f64, x: &Self::Block) -> Self::Block;
    /// Sᵀ g.
    fn select_adjoint(&self, incidence: &Incidence, g: &Self::Block) -> Self::Block;
    fn sum(&self, parts: &[&Self::Block]) -> Self::Block;
    fn concat(&self, parts: &[&Self::Block]) -> Self::Block;
    fn slice(&self, x: &Self::Block, features: Range<usize>) -> Self::Block;

    /// The function's value; features on one piece keep their full precision.
    fn activate(&self, function: &Piecewise, x: &Self::Block) -> Self::Block;
    /// Slopes on the arguments `x` (one row).
    fn piecewise_slopes(&self, function: &Piecewise, x: &Self::Block) -> Self::Slopes;
    fn upload_slopes(&self, lo: &Array2<f64>, hi: &Array2<f64>) -> Self::Slopes;
    fn read_slopes(&self, slopes: &Self::Slopes) -> (Array2<f64>, Array2<f64>);
    /// s x for every s in the slopes, by end points; all rows share their item's slopes.
    fn gate(&self, slopes: &Self::Slopes, x: &Self::Block) -> Self::Block;

    /// Maximum over each window.
    fn window_max(&self, windows: &Incidence, x: &Self::Block) -> Self::Block;
    /// Per edge: 1 if it alone can attain the maximum, 0 if it never needs to, else [0, 1].
    fn window_gates(&self, windows: &Incidence, x: &Self::Block) -> Self::Slopes;
    /// Any convex combination of a window's open edges.
    fn window_tangent(&self, windows: &Incidence, gates: &Self::Slopes, x: &Self::Block) -> Self::Block;
    /// Its transpose.
    fn window_adjoint(&self, windows: &Incidence, gates: &Self::Slopes, g: &Self::Block) -> Self::Block;

    /// Entrywise intersection of two enclosures of the same quantity.
    fn intersect(&self, a: &Self::Block, b: &Self::Block) -> Self::Block;

    fn spans(&self, lo: Array2<f64>, hi: Array2<f64>) -> Self::Spans;
    /// Of values, one row an item.
    fn spans_of(&self, x: &Self::Block) -> Self::Spans {
        let e = self.read(x);
        match self.proves() {
            true => self.spans(flat(e.lo()), flat(e.hi())),
            false => {
                let at = flat(e.centre);
                self.spans(at.clone(), at)
            }
        }
    }
    /// Upper bounds of what lies below and above: of −lo and hi.
    fn sides(&self, spans: &Self::Spans) -> [Self::Tops; 2];
    fn chords(&self, lines: Lines) -> Self::Chords;
    /// Around a function on these ends.
    fn chords_on(&self, function: &Piecewise, x: &Self::Spans) -> Self::Chords {
        let [below, above] = self.tops(self.sides(x).into()).try_into().expect("two of two");
        self.chords(Lines::around(function, &-below, &above, None))
    }

    fn edges(&self, lines: WindowLines) -> Self::Edges;
    /// Around the maxima of windows on these ends.
    fn edges_on(&self, windows: &Incidence, x: &Self::Spans) -> Self::Edges {
        let [below, above] = self.tops(self.sides(x).into()).try_into().expect("two of two");
        self.edges(WindowLines::new(windows, &-below, &above))
    }

    /// Rows e_j and −e_j in turn for every item's features j; of items with fewer than others `NONE`, rows of 0.
    fn signs(&self, features: usize, wanted: &Array2<u32>) -> Self::Block {
        let (items, count) = wanted.dim();
        let mut rows = Enclosure::zeros(items, 2 * count, features);
        for ((item, t), &j) in wanted.indexed_iter().filter(|(_, j)| **j != NONE) {
            rows.centre[[item, 2 * t, j as usize]] = 1.0;
            rows.centre[[item, 2 * t + 1, j as usize]] = -1.0;
        }
        self.upload(&rows)
    }

    /// For linear upper bounds `a . x + d <= ...`: replaces the interval
    /// coefficients by numbers and returns an upper bound per row of what that
    /// loses over x within its ends.
    fn settle(&self, a: &Self::Block, x: &Self::Spans) -> (Self::Block, Self::Tops);
    /// W a, or Wᵀ a where `back`, of settled coefficients and settled at once: what products lose over x within
    /// its ends goes into the upper bound per row.
    fn settled(
        &self,
        map: &Self::Map,
        a: &Self::Block,
        back: bool,
        x: &Self::Spans,
    ) -> (Self::Block, Self::Tops) {
        let next = if back { self.adjoint(map, a) } else { self.linear(map, a) };
        self.settle(&next, x)
    }
    /// Upper bound of `a . f(x)` by the lines of f: the new coefficients and an
    /// upper bound per row of the constant. Coefficients must be settled.
    fn chord(&self, lines: &Self::Chords, a: &Self::Block) -> (Self::Block, Self::Tops);
    /// The same with the new coefficients settled over x within its ends: the constant, and what that loses.
    fn settled_chord(
        &self,
        lines: &Self::Chords,
        a: &Self::Block,
        x: &Self::Spans,
    ) -> (Self::Block, [Self::Tops; 2]) {
        let (next, constant) = self.chord(lines, a);
        let (next, lost) = self.settle(&next, x);
        (next, [constant, lost])
    }
    /// The same for window maxima.
    fn window_chord(
        &self,
        windows: &Incidence,
        lines: &Self::Edges,
        a: &Self::Block,
    ) -> (Self::Block, Self::Tops);
    /// Upper bound per row of the sup of a . x over x within its ends, which may be those of one item for all;
    /// settled coefficients.
    fn support(&self, a: &Self::Block, x: &Self::Spans) -> Self::Tops;
    /// Upper bound per row of the sup of a . y over y within its ends, around 0, and in the item's ball around 0 of
    /// the norm 1 or 2; settled coefficients. None where the host does it better.
    fn meet(
        &self,
        _a: &Self::Block,
        _y: &dyn Fn() -> Self::Spans,
        _norm: Norm,
        _radii: &[f64],
    ) -> Option<Self::Tops> {
        None
    }
    /// Feedback loops to be evaluated together, as proposals; None where the host does it better, or one by one.
    fn loops<'a>(&'a self, _loops: &[Loop], _spread: bool) -> Option<Box<dyn Loops + 'a>> {
        None
    }
    /// Numbers of the host as such.
    fn known(&self, values: Array2<f64>) -> Self::Tops;
    /// All of them, items x rows, in one transfer.
    fn tops(&self, parts: Vec<Self::Tops>) -> Vec<Array2<f64>>;
    /// One alone.
    fn top(&self, part: Self::Tops) -> Array2<f64> {
        self.tops(vec![part]).pop().expect("one of one")
    }
    /// Their sum, rounded up.
    fn total(&self, size: (usize, usize), parts: Vec<Self::Tops>) -> Self::Tops {
        let mut sum = Array2::zeros(size);
        for part in self.tops(parts) {
            sum.zip_mut_with(&part, |t: &mut f64, &v| *t = add_up(*t, v));
        }
        self.known(sum)
    }
    /// Upper bound of the norm of every row: items x rows, and when it has come back.
    fn lengths(&self, x: &Self::Block, norm: Norm) -> Self::Tops;
    fn row_norms(&self, x: &Self::Block, norm: Norm) -> Array2<f64> {
        self.top(self.lengths(x, norm))
    }
    /// Upper bound of the norm of every column of every item: items x features.
    fn column_norms(&self, x: &Self::Block, norm: Norm) -> Array2<f64>;
}
