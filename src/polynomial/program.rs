//! The linear program behind a family of products: multipliers of least bound, and the moments dual to them.
//!
//! max Σ f_S y_S over y with y_∅ = 1 and Σ_{S in T} σ^S y_S >= 0 for every set T of the family and every choice of signs
//! σ. An interior-point solver's answer is a proposal and nothing more.

use super::cube::Polynomial;
use super::pattern::Family;
use crate::deadline::Deadline;
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SupportedConeT};

/// What the solver aims at; what it misses the proof pays for.
const TOLERANCE: f64 = 1e-10;
const STEPS: u32 = 80;

pub struct Program {
    solver: DefaultSolver<f64>,
    /// What the objective was divided by.
    scale: f64,
}

/// Unproven.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// By set and choice of signs.
    pub multipliers: Vec<f64>,
    /// By monomial's number.
    pub moments: Vec<f64>,
}

impl Program {
    /// None where there is nothing to optimise, or the solver takes it not.
    pub fn new(f: &Polynomial, family: &Family) -> Option<Program> {
        let mut objective = vec![0.0; family.monomials() - 1];
        for (monomial, c) in f.terms() {
            if let Some(i) = family.number(monomial).filter(|i| *i > 0) {
                objective[i - 1] = -(0.5 * c.lo + 0.5 * c.hi);
            }
        }
        let scale: f64 = objective.iter().map(|c| c.abs()).sum();
        if !(scale > 0.0 && scale.is_finite()) {
            return None;
        }
        objective.iter_mut().for_each(|c| *c /= scale);
        let (rows, columns) = (family.products(), objective.len());
        let cones = [SupportedConeT::NonnegativeConeT(rows)];
        let settings = DefaultSettings {
            verbose: false,
            max_iter: STEPS,
            tol_gap_abs: TOLERANCE,
            tol_gap_rel: TOLERANCE,
            tol_feas: TOLERANCE,
            max_threads: 1,
            equilibrate_enable: false,
            presolve_enable: false,
            ..DefaultSettings::default()
        };
        let quadratic = CscMatrix::zeros((columns, columns));
        let products = products(family);
        let solver =
            DefaultSolver::new(&quadratic, &objective, &products, &vec![1.0; rows], &cones, settings).ok()?;
        Some(Program { solver, scale })
    }

    /// Multiplications of a step, at most: a column of the factor has at most (2 n)^½ of its n entries, since these
    /// are rows that fill a triangle.
    pub fn step(&self) -> f64 {
        let entries = self.solver.info.linsolver.nnzL as f64;
        entries * (2.0 * entries).sqrt()
    }

    /// What its factor takes.
    pub fn bytes(&self) -> u64 {
        24 * self.solver.info.linsolver.nnzL as u64
    }

    /// Ends early, with what there is, when the time is up.
    pub fn solve(mut self, until: &Deadline) -> Proposal {
        let until = until.clone();
        self.solver.set_termination_callback(move |_| until.is_over());
        self.solver.solve();
        let solution = &self.solver.solution;
        Proposal {
            multipliers: solution.z.iter().map(|c| c * self.scale).collect(),
            moments: std::iter::once(1.0).chain(solution.x.iter().copied()).collect(),
        }
    }
}

/// The left sides as a matrix: a row for every set and choice of signs, a column for every monomial but the empty one.
fn products(family: &Family) -> CscMatrix<f64> {
    let (mut rows, mut columns, mut values) = (vec![], vec![], vec![]);
    let mut first = 0;
    for set in &family.sets {
        for (signs, (subset, &number)) in
            (0..set.len()).flat_map(|signs| std::iter::repeat(signs).zip(set.iter().enumerate().skip(1)))
        {
            rows.push(first + signs);
            columns.push(number - 1);
            values.push(if (signs & subset).count_ones() % 2 == 1 { 1.0 } else { -1.0 });
        }
        first += set.len();
    }
    CscMatrix::new_from_triplets(first, family.monomials() - 1, rows, columns, values)
}
