//! The question: how steep is this network's output on this region?

mod output;

use crate::error::{Error, Result};
use crate::layer::{Affine, LinearMap};
use crate::linalg::Enclosure;
use crate::net::{Net, Op};
use crate::num::Norm;
use crate::num::interval::Interval;
use crate::num::round::add_up;
use crate::region::Region;
use ndarray::{Array2, Array3, ArrayView1, s};
pub use output::{Component, Output};
use std::ops::Range;
use std::sync::Arc;

/// Entries up to which rows of a last layer are combined into those of the measured output.
const ENTRIES: usize = 1 << 24;

/// Between which points steepness is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// sup over pairs of points of the region.
    Lipschitz,
    /// sup over points against the centre.
    Anchored,
}

/// ‖f(x) - f(y)‖_out / ‖x - y‖_in.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Of distances between points.
    pub in_norm: Norm,
    /// Of differences of outputs.
    pub out_norm: Norm,
    /// What of the output counts.
    pub output: Output,
    /// Between which points.
    pub quantity: Quantity,
}

impl Question {
    /// How steep the whole output is, one norm on both sides.
    pub fn lipschitz(norm: Norm) -> Question {
        Question { in_norm: norm, out_norm: norm, output: Output::All, quantity: Quantity::Lipschitz }
    }

    /// How steep a class is against another one.
    pub fn margin(class: usize, other: usize, norm: Norm) -> Question {
        Question { output: Output::Difference(class, other), ..Question::lipschitz(norm) }
    }

    /// Against the centre only.
    pub fn anchored(self) -> Question {
        Question { quantity: Quantity::Anchored, ..self }
    }

    /// Of this output.
    pub fn of(self, output: Output) -> Question {
        Question { output, ..self }
    }
}

#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Problem {
    #[doc(hidden)]
    pub net: Arc<Net>,
    #[doc(hidden)]
    pub region: Region,
    #[doc(hidden)]
    pub quotient: Question,
    /// The last input is the t of a homogeneous network: no direction in which steepness is measured.
    pub homogeneous: bool,
}

impl Problem {
    #[doc(hidden)]
    pub fn new(net: impl Into<Arc<Net>>, region: Region, quotient: Question) -> Result<Self> {
        let net = net.into();
        quotient.output.check(net.outputs())?;
        let out_norm = if quotient.output.is_steepest() { Norm::Inf } else { quotient.out_norm };
        let quotient = Question { out_norm, ..quotient };
        region.fits(net.inputs())?;
        if quotient.quantity == Quantity::Anchored && region.is_global() {
            return Err(Error::input("the anchored quotient needs a centre")
                .at("--quantity anchored")
                .next("give --input or --center and --eps"));
        }
        Ok(Problem { net, region, quotient, homogeneous: false })
    }

    /// The same constant on all of R^n, from the faces of the box [-reach, reach]^n × [0, 1] of
    /// (y, t): x = y / t. None where the network or the question does not allow it.
    pub fn everywhere(&self, reach: f64) -> Option<Problem> {
        if !self.region.is_global() {
            return None;
        }
        self.homogeneous(Arc::new(self.net.homogeneous()?), reach)
    }

    /// The same with that network at hand.
    pub fn homogeneous(&self, net: Arc<Net>, reach: f64) -> Option<Problem> {
        if !(self.region.is_global() && reach > 0.0 && reach.is_finite()) {
            return None;
        }
        let ends = |side: f64, last: f64| {
            let mut ends = vec![side; net.inputs()];
            *ends.last_mut()? = last;
            Some(ends)
        };
        let region = Region::boxed(ends(-reach, 0.0)?, ends(reach, 1.0)?).ok()?;
        Some(Problem { net, region, quotient: self.quotient, homogeneous: true })
    }

    /// The box on which an activation pattern on a part [lo, hi] is settled: pieces of homogeneous
    /// networks are cones, which have interior where they have some in the whole box.
    pub fn room<'p>(&'p self, lo: &'p [f64], hi: &'p [f64]) -> (&'p [f64], &'p [f64]) {
        self.region.ends().filter(|_| self.homogeneous).unwrap_or((lo, hi))
    }

    /// Sets the columns that do not count to zero, items x rows x inputs.
    pub fn without_ignored(&self, mut rows: Enclosure) -> Enclosure {
        for j in (0..self.net.inputs()).filter(|&j| self.is_ignored(j)) {
            rows.centre.slice_mut(s![.., .., j]).fill(0.0);
            rows.radius.slice_mut(s![.., .., j]).fill(0.0);
        }
        rows
    }

    /// Is this an input whose column of a Jacobian does not count?
    pub fn is_ignored(&self, input: usize) -> bool {
        if self.homogeneous { input + 1 == self.net.inputs() } else { self.region.is_fixed(input) }
    }

    /// The network whose output is the measured one, when its last node is dense: margins and single outputs
    /// become rows, which product bounds need. None where a difference of two rows rounds.
    pub fn narrowed(&self) -> Option<Net> {
        let last = self.net.output();
        let Op::Affine(Affine { map: LinearMap::Dense(w), .. }) = &self.net.nodes[last].op else {
            return None;
        };
        let large = self.rows().saturating_mul(w.ncols()) > ENTRIES;
        if self.quotient.output == Output::All || large {
            return None;
        }
        let mut rows: Array2<f64> = Array2::zeros((self.rows(), w.ncols()));
        for (mut row, part) in rows.outer_iter_mut().zip(self.components()) {
            row.assign(&w.row(part.plus));
            if let Some(j) = part.minus {
                row.assign(&less(w.row(part.plus), w.row(j))?);
            }
        }
        let mut net = (*self.net).clone();
        let node = &mut net.nodes[last];
        node.shape = vec![self.rows()];
        node.op = Op::Affine(Affine { map: LinearMap::Dense(Arc::new(rows)), bias: None, repeat: 1 });
        Some(net)
    }

    /// Of a single point: the same in a box that it lies inside of.
    pub fn near(&self) -> Option<Problem> {
        Some(Problem { region: self.region.near_point()?, ..self.clone() })
    }

    /// Rows that turn the network's Jacobian into that of the measured output.
    pub fn seeds(&self) -> Enclosure {
        self.some_seeds(0..self.rows())
    }

    /// Bytes that all of these rows take.
    pub fn seed_bytes(&self) -> u64 {
        16 * self.rows() as u64 * self.net.outputs() as u64
    }

    /// Some of these rows.
    pub fn some_seeds(&self, rows: Range<usize>) -> Enclosure {
        self.picked_seeds(&rows.collect::<Vec<_>>())
    }

    /// These of them.
    pub fn picked_seeds(&self, rows: &[usize]) -> Enclosure {
        let mut e = Enclosure::zeros(1, rows.len(), self.net.outputs());
        for (k, &row) in rows.iter().enumerate() {
            let Component { plus, minus } = self.component(row);
            e.centre[[0, k, plus]] = 1.0;
            minus.into_iter().for_each(|j| e.centre[[0, k, j]] = -1.0);
        }
        e
    }

    /// Components of the measured output.
    pub fn rows(&self) -> usize {
        self.quotient.output.count(self.net.outputs())
    }

    fn component(&self, row: usize) -> Component {
        self.quotient.output.component(row, self.net.outputs())
    }

    /// All of them, in order.
    pub fn components(&self) -> impl Iterator<Item = Component> {
        self.quotient.output.components(self.net.outputs())
    }

    /// The measured output where the network's is y, or the difference of two for that of two; rounded.
    pub fn measured(&self, y: &[f64]) -> Vec<f64> {
        self.components().map(|part| part.of(y)).collect()
    }

    /// A direction u over the measured output as a row over the network's output.
    pub fn row(&self, u: &[f64]) -> Enclosure {
        let mut row = vec![Interval::ZERO; self.net.outputs()];
        for (part, &u) in self.components().zip(u).filter(|(_, u)| **u != 0.0) {
            let u = Interval::point(u);
            row[part.plus] = row[part.plus] + u;
            part.minus.into_iter().for_each(|j| row[j] = row[j] - u);
        }
        let ends =
            |end: fn(&Interval) -> f64| Array3::from_shape_fn((1, 1, row.len()), |(_, _, j)| end(&row[j]));
        Enclosure::from_bounds(&ends(|i| i.lo), &ends(|i| i.hi))
    }
}

/// a − b, where no entry rounds.
fn less(a: ArrayView1<f64>, b: ArrayView1<f64>) -> Option<ndarray::Array1<f64>> {
    let exact = a.iter().zip(b).all(|(a, b)| add_up(*a, -b) == -add_up(-a, *b));
    exact.then(|| &a - &b)
}
