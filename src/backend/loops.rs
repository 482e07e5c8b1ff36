//! Feedback loops of many parts, evaluated together: levels of scalings and how they change, in plain arithmetic.
//!
//! What comes back proposes scalings; `linalg::gain` says what of, and one factorisation of the CPU proves them.

use crate::linalg::gain::{Barrier, Gain, Level};
use crate::linalg::scaling::Scaling;
use ndarray::{ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

/// A loop's matrix, rows of all measured outputs at its end, and how far its slopes reach.
#[derive(Clone, Copy)]
pub struct Loop<'a> {
    pub matrix: ArrayView2<'a, f64>,
    pub reach: &'a [f64],
    /// How many neurons switch together, in order.
    pub groups: &'a [usize],
}

/// Scalings of one loop, measured at one row of the output or at all of them.
#[derive(Clone, Debug)]
pub struct Asked {
    pub part: usize,
    pub row: Option<usize>,
    pub scaling: Scaling,
}

/// Their level, where they have one, and the barrier there.
pub type Rated = Option<(Level, Barrier)>;

/// Loops of the same inputs and outputs that somebody holds.
pub trait Loops {
    /// Of scalings that are all measured at one row, or all at all of them.
    fn rate(&self, asked: &[Asked]) -> Vec<Rated>;
}

/// The CPU's, one after the other.
pub struct Here<'a> {
    pub loops: Vec<Loop<'a>>,
    /// Are scalings of inputs looked for?
    pub spread: bool,
}

impl Here<'_> {
    fn of(&self, asked: &Asked) -> Rated {
        let Loop { matrix, reach, groups } = self.loops[asked.part];
        let (neurons, row) = matrix.split_at(Axis(0), reach.len());
        let own;
        let matrix = match asked.row {
            None => matrix,
            Some(r) => {
                own = concatenate(Axis(0), &[neurons, row.slice(s![r..r + 1, ..])]).expect("like columns");
                own.view()
            }
        };
        let gain = Gain::new(matrix, reach, groups, self.spread);
        let at = gain.products(asked.scaling.clone())?;
        let level = gain.level_of(&at)?;
        Some((level, gain.barrier(&at)))
    }
}

impl Loops for Here<'_> {
    fn rate(&self, asked: &[Asked]) -> Vec<Rated> {
        asked.par_iter().map(|a| self.of(a)).collect()
    }
}
