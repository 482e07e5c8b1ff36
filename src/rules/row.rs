//! Rows of adjoints by their entries.

use super::expansion::Matrix;
use crate::num::round::{add_up, sub_down};

/// An entry of an adjoint.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub place: usize,
    pub centre: f64,
    pub radius: f64,
}

impl Entry {
    /// Both ends, or those of its negative.
    pub fn ends(&self, up: bool) -> [f64; 2] {
        let [l, h] = [sub_down(self.centre, self.radius), add_up(self.centre, self.radius)];
        if up { [l, h] } else { [-h, -l] }
    }
}

/// The adjoint of one feature, where it is not zero: at the inputs that vary and at open features by node.
#[derive(Clone, Debug)]
pub struct Row {
    pub input: Vec<Entry>,
    pub kinks: Vec<(usize, Vec<Entry>)>,
}

impl Row {
    /// How many entries a row of its matrix may have.
    pub fn most(&self) -> usize {
        self.input.len() + self.kinks.iter().map(|k| k.1.len()).sum::<usize>()
    }
}

/// Those of a row that are not zero, at these places.
pub fn entries(m: &Matrix, row: usize, wanted: impl Iterator<Item = usize>) -> Vec<Entry> {
    let entry =
        |place: usize| Entry { place, centre: m.centre[[row, place]], radius: m.radius[[row, place]] };
    wanted.map(entry).filter(|e| e.centre != 0.0 || e.radius != 0.0).collect()
}
