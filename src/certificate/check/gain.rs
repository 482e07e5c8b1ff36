//! The norm of every generalised Jacobian on a part by scalings of its open neurons: the loop's gain again,
//! of all rows of the output together or of single ones.
//!
//! With e_j = E_j z_j, |E_j| <= r_j, and (z, y) = G (x, e): if ‖D G D'⁻¹‖_2 <= 1 with D = (r w, 1 / level),
//! D' = (s, w), then ‖y‖² / level² + Σ w² r² z² <= Σ s² x² + Σ w² e² <= Σ s² x² + Σ w² r² z².

use super::leaf::Leaf;
use super::{Checked, jacobian};
use crate::linalg::cholesky::contracts;
use crate::linalg::gram::frobenius_up;
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, div_down, gamma, mul_up, sqrt_up};
use crate::problem::Problem;
use crate::rules::feedback::{Feedback, Scaled, Size};
use crate::rules::gradient::selected;
use ndarray::Array2;

/// Scalings lie between.
const LEAST: f64 = 1e-60;
const MOST: f64 = 1e60;
/// What is added to a wanted bound until scalings show it.
const STEPS: [f64; 3] = [0.0, 1e-11, 5e-10];

/// The least bound near `wanted` that the scalings show for one item of the gates: of all rows together, or
/// of single ones where the output's norm is the largest row's; linear bounds show the other rows.
pub fn norm(leaf: &Leaf, scaled: &[Scaled], wanted: f64) -> Checked<f64> {
    let Leaf { problem, prepared, gates, item, room } = *leaf;
    let none = f64::INFINITY;
    let rows: Option<Vec<usize>> = scaled.iter().map(|s| s.row).collect();
    let whole = scaled.len() == 1 && scaled[0].row.is_none();
    let single = problem.quotient.out_norm == Norm::Inf
        && rows.is_some_and(|r| !r.is_empty() && r.iter().all(|r| *r < problem.rows()));
    if !whole && !single {
        return Ok(none);
    }
    let own = selected(prepared.backend, gates, &[item]);
    let mut fits = Ok(());
    let allowed = |size: Size| {
        fits = room.entries(size.entries());
        fits.is_ok()
    };
    let f = Feedback::new(prepared, own, &problem.seeds(), |j| !problem.is_ignored(j), allowed);
    fits?;
    let Some(f) = f else { return Ok(none) };
    if whole {
        return Ok(shown(problem, &f, &scaled[0], wanted));
    }
    let mut best: f64 = 0.0;
    for s in scaled {
        room.in_time()?;
        best = best.max(shown(problem, &f.row(s.row.expect("single rows")), s, wanted));
    }
    let others: Vec<usize> =
        (0..problem.rows()).filter(|r| scaled.iter().all(|s| s.row != Some(*r))).collect();
    if best < none && !others.is_empty() {
        best = best.max(jacobian::norm(leaf, &others, true)?);
    }
    Ok(best)
}

/// The least bound near `wanted` that one loop shows with these scalings.
fn shown(problem: &Problem, f: &Feedback, scaled: &Scaled, wanted: f64) -> f64 {
    let none = f64::INFINITY;
    let scaling = f.scaling(scaled);
    let q = &problem.quotient;
    let expected = if q.in_norm == Norm::Inf { f.inputs() } else { 0 };
    let sane = |x: &f64| (LEAST..MOST).contains(x);
    if scaling.inputs.len() != expected || !scaling.inputs.iter().chain(&scaling.neurons).all(sane) {
        return none;
    }
    // ‖y‖_q <= output ‖y‖_2 and ‖s x‖_2 <= input ‖x‖_p.
    let output = if q.out_norm == Norm::One { sqrt_up(f.outputs() as f64) } else { 1.0 };
    let input = match q.in_norm {
        Norm::Inf => vector_norm_up(scaling.inputs.iter().copied(), Norm::Two),
        Norm::One | Norm::Two => 1.0,
    };
    let holds = |value: f64| {
        let level = div_down(div_down(value, output), input);
        level > 0.0 && level.is_finite() && contracting(f, &scaling.neurons, &scaling.inputs, level)
    };
    STEPS.iter().map(|s| wanted * (1.0 + s)).find(|v| holds(*v)).unwrap_or(none)
}

/// Does ‖K‖_2 <= 1 hold for K = diag(w r, 1 / level) G diag(1 / s, 1 / w) and every G of the loop?
///
/// Rounding, whatever the sizes of r, G and level are: w r is rounded up, which is w r' for an r' >= r, so
/// the row is that of a loop with more reach and nothing of it is lost, however small it is. From
/// there on an entry of K is one product and one quotient, or two quotients. Each has a relative error of at
/// most u, or where it falls below the normal numbers an absolute one of at most 2^-1075; the first is then
/// divided by s or w, which are at least `LEAST` = 1e-60. An entry is off by at most γ_8 of itself plus
/// (1e60 + 1) 2^-1075 < 1e-150, one of the radii likewise, and a product that overflows is no number or
/// infinite, as is the norm that it is part of.
fn contracting(f: &Feedback, neurons: &[f64], inputs: &[f64], level: f64) -> bool {
    let outer: Vec<f64> = neurons.iter().zip(&f.reach).map(|(w, r)| mul_up(*w, *r)).collect();
    let mut inner: Vec<f64> = if inputs.is_empty() { vec![1.0; f.inputs()] } else { inputs.to_vec() };
    inner.extend(neurons);
    let scaled = |m: &Array2<f64>| {
        Array2::from_shape_fn(m.dim(), |(i, j)| match outer.get(i) {
            Some(weight) => m[[i, j]] * weight / inner[j],
            None => m[[i, j]] / level / inner[j],
        })
    };
    let centre = scaled(&f.matrix.centre);
    let relative = mul_up(gamma(8), frobenius_up(centre.view()));
    let radii = mul_up(add_up(1.0, gamma(8)), frobenius_up(scaled(&f.matrix.radius).view()));
    let underflow = mul_up(2.0 * centre.len() as f64, 1e-150);
    contracts(centre.view(), add_up(add_up(relative, radii), underflow))
}
