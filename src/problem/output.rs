//! What is measured of a network's output: the vector, components, differences of two of them.

use crate::error::{Error, Result};
use crate::num::round::sqrt_up;
use crate::num::{Norm, Upper};
use std::fmt;

/// What is measured of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The vector function.
    All,
    /// One component.
    One(usize),
    /// The difference of two components (a class margin).
    Difference(usize, usize),
    /// The steepest of one component's differences with every other: the largest constant of these scalar
    /// functions, whatever the norm of outputs.
    Margins(usize),
    /// The steepest difference of any two components.
    Pairs,
}

/// One number of those that are measured: an output of the network, less another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The output that counts.
    pub plus: usize,
    /// What is taken from it.
    pub minus: Option<usize>,
}

/// Entries of the matrix that makes all differences from the outputs.
const ENTRIES: usize = 1 << 26;

impl Component {
    /// The outputs that it looks at.
    pub fn places(self) -> impl Iterator<Item = usize> {
        std::iter::once(self.plus).chain(self.minus)
    }

    /// Its value where the network's is y.
    pub fn of(self, y: &[f64]) -> f64 {
        y[self.plus] - self.minus.map_or(0.0, |j| y[j])
    }
}

impl Output {
    /// A bound in norm q of what is measured from those of the network's whole output, in the order of `Norm::ALL`.
    pub fn bound(self, norms: [Upper; 3], q: Norm) -> Upper {
        let [one, two, inf] = norms;
        match self {
            Output::All => norms[Norm::ALL.iter().position(|r| *r == q).expect("a norm")],
            Output::One(_) => inf,
            Output::Margins(_) | Output::Pairs if q != Norm::Inf => Upper::INFINITE,
            // |y_i - y_j| <= ‖y‖_1, sqrt 2 ‖y‖_2, 2 ‖y‖_inf.
            Output::Difference(..) | Output::Margins(_) | Output::Pairs => {
                let root = Upper::proven(sqrt_up(2.0));
                one.min(root.times(two)).min(Upper::proven(2.0).times(inf))
            }
        }
    }
    /// From text: `all`, `pairs`, `margins:I`, `I` or `I-J`.
    pub fn read(text: &str) -> Option<Output> {
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let index = |t: &str| t.parse().ok().filter(|_| digits(t));
        match (text, text.strip_prefix("margins:"), text.split_once('-')) {
            ("all", ..) => Some(Output::All),
            ("pairs", ..) => Some(Output::Pairs),
            (_, Some(label), _) => Some(Output::Margins(index(label)?)),
            (_, None, Some((i, j))) => Some(Output::Difference(index(i)?, index(j)?)),
            (_, None, None) => Some(Output::One(index(text)?)),
        }
    }

    /// Is it the steepest of several scalar functions? Then the norm of outputs is inf: that of a list of
    /// numbers is its largest entry's, and every norm of one number is its magnitude.
    pub fn is_steepest(self) -> bool {
        matches!(self, Output::Margins(_) | Output::Pairs)
    }

    /// Whether a network with so many outputs has it.
    pub fn check(self, outputs: usize) -> Result<()> {
        let wrong = |what: String| Error::input(what).at("--output");
        let named = match self {
            Output::All | Output::Pairs => [None, None],
            Output::One(i) | Output::Margins(i) => [Some(i), None],
            Output::Difference(i, j) => [Some(i), Some(j)],
        };
        if let Some(i) = named.into_iter().flatten().find(|&i| i >= outputs) {
            return Err(wrong(format!("output {i} does not exist: the network has {outputs} outputs"))
                .next(format!("use an index from 0 to {}", outputs.saturating_sub(1))));
        }
        if named[0].is_some() && named[0] == named[1] {
            return Err(wrong("the difference of an output with itself is 0".into())
                .next("name two different outputs"));
        }
        if self.is_steepest() && outputs < 2 {
            return Err(
                wrong(format!("{self} compares outputs, and the network has one")).next("leave --output out")
            );
        }
        if self == Output::Pairs && self.count(outputs).saturating_mul(outputs) > ENTRIES {
            return Err(wrong(format!("the pairs of {outputs} outputs are too many"))
                .next("ask for those of one class at a time: margins:0, margins:1, …"));
        }
        Ok(())
    }

    /// All numbers that are measured of so many outputs, in order.
    pub fn components(self, outputs: usize) -> impl Iterator<Item = Component> {
        // Of all pairs, without looking for the place of each.
        let (pairs, others) = match self {
            Output::Pairs => (outputs, 0),
            _ => (0, self.count(outputs)),
        };
        let later = move |i: usize| (i + 1..pairs).map(move |j| Component { plus: i, minus: Some(j) });
        (0..pairs).flat_map(later).chain((0..others).map(move |k| self.component(k, outputs)))
    }

    /// How many numbers are measured of so many outputs.
    pub fn count(self, outputs: usize) -> usize {
        match self {
            Output::All => outputs,
            Output::One(_) | Output::Difference(..) => 1,
            Output::Margins(_) => outputs - 1,
            Output::Pairs => outputs * (outputs - 1) / 2,
        }
    }

    /// The k-th of them.
    pub fn component(self, k: usize, outputs: usize) -> Component {
        let (plus, minus) = match self {
            Output::All => (k, None),
            Output::One(i) => (i, None),
            Output::Difference(i, j) => (i, Some(j)),
            Output::Margins(label) => (label, Some(k + usize::from(k >= label))),
            Output::Pairs => {
                let (mut i, mut k) = (0, k);
                while k >= outputs - 1 - i {
                    k -= outputs - 1 - i;
                    i += 1;
                }
                (i, Some(i + 1 + k))
            }
        };
        Component { plus, minus }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::All => write!(f, "all"),
            Output::One(i) => write!(f, "{i}"),
            Output::Difference(i, j) => write!(f, "{i}-{j}"),
            Output::Margins(label) => write!(f, "margins:{label}"),
            Output::Pairs => write!(f, "pairs"),
        }
    }
}
