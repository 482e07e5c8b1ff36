//! The question: how steep is this network's output on this region?

use crate::error::{Error, Result};
use crate::layer::{Affine, LinearMap};
use crate::linalg::Enclosure;
use crate::net::{Net, Op};
use crate::num::round::{add_up, sqrt_up};
use crate::num::{Norm, Upper};
use crate::region::Region;
use ndarray::{Array2, Axis, s};
use std::ops::Range;
use std::sync::Arc;

/// What is measured of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The vector function.
    All,
    /// One component.
    One(usize),
    /// The difference of two components (a class margin).
    Difference(usize, usize),
}

impl Output {
    /// A bound in norm q of what is measured from those of the network's whole output, in the order of `Norm::ALL`.
    pub fn measured(self, norms: [Upper; 3], q: Norm) -> Upper {
        let [one, two, inf] = norms;
        match self {
            Output::All => norms[Norm::ALL.iter().position(|r| *r == q).expect("a norm")],
            Output::One(_) => inf,
            // |y_i - y_j| <= ‖y‖_1, sqrt 2 ‖y‖_2, 2 ‖y‖_inf.
            Output::Difference(..) => {
                let root = Upper::proven(sqrt_up(2.0));
                one.min(root.times(two)).min(Upper::proven(2.0).times(inf))
            }
        }
    }
}

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
        let outputs = net.outputs();
        let check = |i: usize| {
            if i < outputs {
                return Ok(());
            }
            Err(Error::input(format!("output {i} does not exist: the network has {outputs} outputs"))
                .at("--output")
                .next(format!("use an index from 0 to {}", outputs - 1)))
        };
        match quotient.output {
            Output::All => {}
            Output::One(i) => check(i)?,
            Output::Difference(i, j) => {
                check(i)?;
                check(j)?;
                if i == j {
                    return Err(Error::input("the difference of an output with itself is 0")
                        .at("--output")
                        .next("name two different outputs"));
                }
            }
        }
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

    /// The network whose only output is the measured one, when its last node is
    /// dense: margins and single outputs become rows, which product bounds need.
    pub fn narrowed(&self) -> Option<Net> {
        let (net, output) = (&*self.net, self.quotient.output);
        let last = net.output();
        let Op::Affine(Affine { map: LinearMap::Dense(w), .. }) = &net.nodes[last].op else { return None };
        let row = match output {
            Output::All => return None,
            Output::One(i) => w.row(i).to_owned(),
            Output::Difference(i, j) => {
                let exact = |a: f64, b: f64| add_up(a, -b) == -add_up(-a, b);
                if !w.row(i).iter().zip(w.row(j)).all(|(a, b)| exact(*a, *b)) {
                    return None;
                }
                &w.row(i) - &w.row(j)
            }
        };
        let mut net = net.clone();
        let row: Array2<f64> = row.insert_axis(Axis(0));
        let node = &mut net.nodes[last];
        node.op = Op::Affine(Affine { map: LinearMap::Dense(Arc::new(row)), bias: None, repeat: 1 });
        node.shape = vec![1];
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
        match self.quotient.output {
            _ if rows.is_empty() => {}
            Output::All => rows.iter().enumerate().for_each(|(k, &i)| e.centre[[0, k, i]] = 1.0),
            Output::One(i) => e.centre[[0, 0, i]] = 1.0,
            Output::Difference(i, j) => {
                e.centre[[0, 0, i]] = 1.0;
                e.centre[[0, 0, j]] = -1.0;
            }
        }
        e
    }

    /// Components of the measured output.
    pub fn rows(&self) -> usize {
        match self.quotient.output {
            Output::All => self.net.outputs(),
            _ => 1,
        }
    }

    /// A direction u over the measured output as a row over the network's output.
    pub fn row(&self, u: &[f64]) -> Vec<f64> {
        let mut row = vec![0.0; self.net.outputs()];
        match self.quotient.output {
            Output::All => row.copy_from_slice(u),
            Output::One(i) => row[i] = u[0],
            Output::Difference(i, j) => {
                row[i] = u[0];
                row[j] = -u[0];
            }
        }
        row
    }
}
