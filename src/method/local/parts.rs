//! The norm of an interval Clarke Jacobian of which only some rows exist at a time.
//!
//! Proves: with r_i = ‖J_i‖_{p*} and c_j = ‖J^j‖_q, ‖J‖_{p→q} <= ‖r‖_q and ‖J‖_{p→q} <= ‖c‖_{p*}.
//! From: Hölder's inequality by rows, the triangle inequality by columns; 2→2 also by
//!   interpolation, ‖J‖_2² <= ‖J‖_1 ‖J‖_∞ (Riesz and Thorin).
//! Rounding: norms of rows and columns up, sums of them up.
//! Cost: one adjoint pass per output row; memory for as many rows as the budget allows.
//! Loose when: neither p = 1 nor q = ∞ and the rows point in different directions.

use crate::backend::Backend;
use crate::method::context::Context;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, mul_up, sqrt_up};
use crate::num::{Norm, Upper};
use crate::sweep::{Gate, Prepared};
use ndarray::Array2;

/// Norms of the rows and columns seen so far for one pair of norms.
struct Lines {
    p: Norm,
    q: Norm,
    rows: Vec<f64>,
    /// Sums of magnitudes or squares, or maxima.
    columns: Vec<f64>,
}

impl Lines {
    fn new(p: Norm, q: Norm, inputs: usize) -> Lines {
        Lines { p, q, rows: vec![], columns: vec![0.0; inputs] }
    }

    fn see<B: Backend>(&mut self, b: &B, j: &B::Block) {
        self.rows.extend(b.row_norms(j, self.p.dual()));
        for (sum, v) in self.columns.iter_mut().zip(b.column_norms(j, self.q)) {
            *sum = match self.q {
                Norm::One => add_up(*sum, v),
                Norm::Two => add_up(*sum, mul_up(v, v)),
                Norm::Inf => sum.max(v),
            };
        }
    }

    fn bound(&self) -> Upper {
        let root = |v: f64| if self.q == Norm::Two { sqrt_up(v) } else { v };
        let columns: Vec<f64> = self.columns.iter().map(|v| root(*v)).collect();
        let by_rows = vector_norm_up(self.rows.iter().copied(), self.q);
        Upper::proven(by_rows).min(Upper::proven(vector_norm_up(columns, self.p.dual())))
    }
}

/// None when the time is up.
pub fn norm<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
) -> Option<Upper> {
    let (b, problem) = (prepared.backend, context.problem);
    let n = prepared.net.inputs();
    let fixed = |j: usize| problem.region.is_fixed(j);
    let free = Array2::from_shape_fn((1, n), |(_, j)| !fixed(j) as u8 as f64);
    let mask = (0..n).any(fixed).then(|| b.upload_slopes(&free, &free));
    let (p, q) = (problem.quotient.in_norm, problem.quotient.out_norm);
    let mut seen = vec![Lines::new(p, q, n)];
    if (p, q) == (Norm::Two, Norm::Two) {
        seen.extend([Norm::One, Norm::Inf].map(|norm| Lines::new(norm, norm, n)));
    }
    let chunk = context.at_once(b);
    for start in (0..problem.rows()).step_by(chunk) {
        if context.budget.is_over() {
            return None;
        }
        let seeds = problem.some_seeds(start..(start + chunk).min(problem.rows()));
        let rows = prepared.adjoints(gates, b.upload(&seeds), |_, _| {});
        let rows = mask.as_ref().map_or(rows.clone(), |m| b.gate(m, &rows));
        seen.iter_mut().for_each(|lines| lines.see(b, &rows));
    }
    let best = seen[0].bound();
    Some(match &seen[..] {
        [_, one, inf] => best.min(Upper::proven(sqrt_up(one.bound().times(inf.bound()).get()))),
        _ => best,
    })
}
