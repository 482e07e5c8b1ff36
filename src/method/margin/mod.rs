//! Does a class lead on a region? What proves it without any steepness, and what refutes it.

pub mod linear;
pub mod refute;
pub mod statement;

use crate::linalg::Enclosure;
use ndarray::Array3;

/// Rows e_j − e_c for every other output j, in order: how far it is ahead of class c.
fn ahead(classes: &[usize], outputs: usize) -> Enclosure {
    let mut rows = Array3::zeros((classes.len(), outputs - 1, outputs));
    for (item, &class) in classes.iter().enumerate() {
        for (row, other) in others(class, outputs).enumerate() {
            rows[[item, row, other]] = 1.0;
            rows[[item, row, class]] = -1.0;
        }
    }
    Enclosure::point(rows)
}

/// The next number of 28 bits below a positive one: it does not show in which order sums were taken, which
/// differs with what is computed beside them.
pub fn coarse(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & !((1 << 25) - 1))
}

/// All outputs but one.
pub fn others(class: usize, outputs: usize) -> impl Iterator<Item = usize> + Clone {
    (0..outputs).filter(move |&j| j != class)
}
