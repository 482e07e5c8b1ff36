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

use crate::layer::{Affine, Incidence, Piecewise, Scale};
use crate::linalg::Enclosure;
use crate::num::Norm;
use crate::num::round::add_up;
use ndarray::Array2;
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
}

impl Counts {
    /// What came after `before`.
    pub fn since(&self, before: &Counts) -> Counts {
        Counts {
            dispatches: self.dispatches - before.dispatches,
            submissions: self.submissions - before.submissions,
            sent: self.sent - before.sent,
            received: self.received - before.received,
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

    /// For linear upper bounds `a . x + d <= ...`: replaces the interval
    /// coefficients by numbers and returns an upper bound per row of what that
    /// loses over |x| <= magnitude (items x features).
    fn settle(&self, a: &Self::Block, magnitude: &Array2<f64>) -> (Self::Block, Self::Tops);
    /// W a, or Wᵀ a where `back`, of settled coefficients and settled at once: what products lose over
    /// |x| <= magnitude goes into the upper bound per row.
    fn settled(
        &self,
        map: &Self::Map,
        a: &Self::Block,
        back: bool,
        magnitude: &Array2<f64>,
    ) -> (Self::Block, Self::Tops) {
        let next = if back { self.adjoint(map, a) } else { self.linear(map, a) };
        self.settle(&next, magnitude)
    }
    /// Upper bound of `a . f(x)` by the lines of f: the new coefficients and an
    /// upper bound per row of the constant. Coefficients must be settled.
    fn chord(&self, lines: &Lines, a: &Self::Block) -> (Self::Block, Self::Tops);
    /// The same with the new coefficients settled over |x| <= magnitude: the constant, and what that loses.
    fn settled_chord(
        &self,
        lines: &Lines,
        a: &Self::Block,
        magnitude: &Array2<f64>,
    ) -> (Self::Block, [Self::Tops; 2]) {
        let (next, constant) = self.chord(lines, a);
        let (next, lost) = self.settle(&next, magnitude);
        (next, [constant, lost])
    }
    /// The same for window maxima.
    fn window_chord(
        &self,
        windows: &Incidence,
        lines: &WindowLines,
        a: &Self::Block,
    ) -> (Self::Block, Self::Tops);
    /// Upper bound per row of `sup {a . x : lo <= x <= hi}`; settled coefficients.
    fn support(&self, a: &Self::Block, lo: &Array2<f64>, hi: &Array2<f64>) -> Self::Tops;
    /// Numbers of the host as such.
    fn known(&self, values: Array2<f64>) -> Self::Tops;
    /// All of them, items x rows, in one transfer.
    fn tops(&self, parts: Vec<Self::Tops>) -> Vec<Array2<f64>>;
    /// One alone.
    fn top(&self, part: Self::Tops) -> Array2<f64> {
        self.tops(vec![part]).pop().expect("one of one")
    }
    /// Their sum, rounded up.
    fn total(&self, size: (usize, usize), parts: Vec<Self::Tops>) -> Array2<f64> {
        let mut sum = Array2::zeros(size);
        for part in self.tops(parts) {
            sum.zip_mut_with(&part, |t: &mut f64, &v| *t = add_up(*t, v));
        }
        sum
    }
    /// Are long sums of signed terms as good here as on the host?
    fn sums_finely(&self) -> bool;
    /// Upper bound of the norm of every row: items x rows.
    fn row_norms(&self, x: &Self::Block, norm: Norm) -> Array2<f64>;
    /// Upper bound of the norm of every column of every item: items x features.
    fn column_norms(&self, x: &Self::Block, norm: Norm) -> Array2<f64>;
}
