//! Scalings of a feedback loop, and what they are worth, in plain arithmetic: proposals, see `gain`.

use ndarray::ArrayView2;

/// Positive scalings of open neurons and of inputs; inputs empty: all 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    pub neurons: Vec<f64>,
    pub inputs: Vec<f64>,
}

/// Few digits serve as well, and are short in files.
pub fn short(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

impl Scaling {
    /// The same in few digits.
    pub fn rounded(&self) -> Scaling {
        let list = |l: &[f64]| l.iter().map(|x| short(*x)).collect();
        Scaling { neurons: list(&self.neurons), inputs: list(&self.inputs) }
    }
}

/// An output direction with its level, and the squares of what attains it, scaled: of the neurons' outputs, of their
/// arguments and of the input (where its scalings count), as parts of the level's square.
#[derive(Clone, Debug)]
pub struct Top {
    pub square: f64,
    pub fed: Vec<f64>,
    pub rising: Vec<f64>,
    pub entering: Vec<f64>,
}

/// The logarithm of P's determinant, and the diagonals of P⁻¹ and of Aᵀ P⁻¹ A, the latter of neurons and inputs.
#[derive(Clone, Debug)]
pub struct Barrier {
    pub log: f64,
    pub rows: Vec<f64>,
    pub neurons: Vec<f64>,
    pub inputs: Vec<f64>,
}

/// A loop's matrix, rows of all measured outputs at its end, and how far its slopes reach.
#[derive(Clone, Copy)]
pub struct Loop<'a> {
    pub matrix: ArrayView2<'a, f64>,
    pub reach: &'a [f64],
}

/// Scalings of one loop of many, measured at one row of the output or at all of them.
#[derive(Clone, Debug)]
pub struct Asked {
    pub part: usize,
    pub row: Option<usize>,
    pub scaling: Scaling,
}

/// Their steepest output directions and the barrier there, where they have a level.
pub type Rated = Option<(Vec<Top>, Barrier)>;

/// Loops of the same inputs and outputs that somebody holds, to rate scalings of many of them together.
pub trait Loops {
    /// Of scalings that are all measured at one row, or all at all of them.
    fn rate(&self, asked: &[Asked]) -> Vec<Rated>;
}
