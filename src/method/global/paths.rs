//! The Jacobian's norm as polynomials in open slopes and signs.
//!
//! Proves: with slopes C_j + r_j ε_j, |ε_j| <= 1, entries of J are polynomials in ε, a monomial for every path; ‖J‖
//!   is the largest of some polynomials over ε and signs of inputs and outputs, or the root of one.
//! From: the norm-gradient polynomial of Latorre et al. 2020 (section 2), around the middles of slopes,
//!   on any graph. Euclidean norms by squares, which are convex in each slope: largest at vertices, where ε² = 1.
//! Rounding: coefficients are intervals; radii of weights and of products are in them.
//! Cost: a product per path; for squares one for every pair of paths.
//! Exact when: not both norms are Euclidean; else the Frobenius norm stands for that from 2 to 2.

use crate::backend::cpu::Cpu;
use crate::method::context::Budget;
use crate::method::why::Why;
use crate::num::{Interval, Norm};
use crate::polynomial::Polynomial;
use crate::problem::Problem;
use crate::rules::feedback::Feedback;

/// What a term takes: bytes, and multiplications.
const BYTES: f64 = 150.0;
const TERM: f64 = 4000.0;

/// What is to be maximised; the norm is its root where it is a sum of squares.
pub struct Goal {
    pub polynomial: Polynomial,
    pub square: bool,
}

/// How one side of J enters.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// One row or column after the other.
    Each,
    /// All of them, each with its own sign.
    Signs,
    Squares,
}

/// Neurons' ε come first among the variables, then signs of inputs, then those of outputs.
struct Paths<'f> {
    f: &'f Feedback,
    budget: &'f Budget,
    columns: Side,
    rows: Side,
}

/// All goals of a question; the norm is at most the largest.
pub fn goals(problem: &Problem, f: &Feedback, budget: &Budget) -> Result<Vec<Goal>, Why> {
    let q = &problem.quotient;
    let columns = match q.in_norm {
        _ if f.inputs() <= 1 => Side::Each,
        Norm::One => Side::Each,
        Norm::Two => Side::Squares,
        Norm::Inf => Side::Signs,
    };
    let rows = match q.out_norm {
        _ if f.outputs() <= 1 => Side::Each,
        Norm::One => Side::Signs,
        Norm::Two => Side::Squares,
        Norm::Inf => Side::Each,
    };
    let paths = Paths { f, budget, columns, rows };
    paths.fits()?;
    paths.goals()
}

impl Paths<'_> {
    fn entry(&self, row: usize, column: usize) -> Interval {
        let m = &self.f.matrix;
        Interval::from_centre(m.centre[[row, column]], m.radius[[row, column]])
    }

    /// Paths to what an output or the argument of a neuron reads, from these inputs.
    fn counts(&self, inputs: &[usize]) -> Vec<f64> {
        let (n, neurons) = (self.f.inputs(), self.f.reach.len());
        let mut counts: Vec<f64> = vec![];
        for row in 0..neurons + self.f.outputs() {
            let joins = |column: usize| self.entry(row, column) != Interval::ZERO;
            let from = inputs.iter().filter(|&&i| joins(i)).count() as f64;
            let through = (0..row.min(neurons)).filter(|&k| joins(n + k)).map(|k| counts[k]);
            let own = from + through.sum::<f64>();
            counts.push(own);
        }
        counts
    }

    /// Is there memory and time for all terms?
    fn fits(&self) -> Result<(), Why> {
        let neurons = self.f.reach.len();
        let (mut stored, mut work) = (0.0f64, 0.0);
        let mut squares = 0.0;
        for inputs in self.directions() {
            let counts = self.counts(&inputs);
            let ends = &counts[neurons..];
            let own: f64 = counts.iter().sum();
            (stored, work) = (stored + own, work + own);
            squares += match self.rows {
                Side::Signs => ends.iter().sum::<f64>().powi(2),
                Side::Each | Side::Squares => ends.iter().map(|c| c * c).sum::<f64>(),
            };
        }
        if self.is_square() {
            (stored, work) = (stored + squares, work + squares);
        }
        self.budget.holds((BYTES * stored) as u64)?;
        self.budget.admits(&Cpu::DOUBLE, TERM * work)
    }

    fn is_square(&self) -> bool {
        self.columns == Side::Squares || self.rows == Side::Squares
    }

    /// Inputs that go together.
    fn directions(&self) -> Vec<Vec<usize>> {
        let all = 0..self.f.inputs();
        if self.columns == Side::Signs { vec![all.collect()] } else { all.map(|i| vec![i]).collect() }
    }

    /// Derivatives of all outputs along these inputs.
    fn outputs(&self, inputs: &[usize]) -> Result<Vec<Polynomial>, Why> {
        let (n, neurons) = (self.f.inputs(), self.f.reach.len());
        let mut found: Vec<Polynomial> = vec![];
        for row in 0..neurons + self.f.outputs() {
            if self.budget.is_over() {
                return Err(Why::Late);
            }
            let mut own = Polynomial::default();
            for &i in inputs {
                let sign = if self.columns == Side::Signs { vec![(neurons + i) as u32] } else { vec![] };
                own.add(sign, self.entry(row, i));
            }
            for k in 0..row.min(neurons) {
                let weight = self.entry(row, n + k) * self.f.reach[k];
                own.add_times(weight, k as u32, &found[k]);
            }
            found.push(own);
        }
        Ok(found.split_off(neurons))
    }

    /// Σ over outputs, each with its sign.
    fn signed(&self, outputs: &[Polynomial]) -> Polynomial {
        let first = self.f.reach.len() + self.f.inputs();
        let mut sum = Polynomial::default();
        outputs.iter().enumerate().for_each(|(o, y)| sum.add_times(Interval::ONE, (first + o) as u32, y));
        sum
    }

    fn goals(&self) -> Result<Vec<Goal>, Why> {
        let mut goals = vec![];
        // Sums of squares over columns: one a row, or one of all.
        let mut sums: Vec<Polynomial> = vec![];
        for inputs in self.directions() {
            let outputs = self.outputs(&inputs)?;
            let parts = if self.rows == Side::Signs { vec![self.signed(&outputs)] } else { outputs };
            if !self.is_square() {
                let signs = self.columns == Side::Signs || self.rows == Side::Signs;
                let both = parts.iter().filter(|_| !signs).map(Polynomial::negated).collect::<Vec<_>>();
                let goal = |polynomial| Goal { polynomial, square: false };
                goals.extend(parts.into_iter().chain(both).map(goal));
                continue;
            }
            let together = self.rows == Side::Squares;
            sums.resize_with(if together { 1 } else { parts.len() }, Polynomial::default);
            for (k, part) in parts.iter().enumerate() {
                if self.budget.is_over() {
                    return Err(Why::Late);
                }
                sums[if together { 0 } else { k }].add_square(part);
            }
            if self.columns == Side::Each {
                goals.extend(sums.drain(..).map(|polynomial| Goal { polynomial, square: true }));
            }
        }
        goals.extend(sums.into_iter().map(|polynomial| Goal { polynomial, square: true }));
        Ok(goals)
    }
}
