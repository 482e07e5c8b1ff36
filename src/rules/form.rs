//! From the quadratic form of the adjoints at the output (`cut`) to the norm that is asked for.

use crate::linalg::spectral::spectral_upper;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use crate::num::{Norm, Upper};
use ndarray::{Array2, ArrayView2, Axis};

/// ‖x‖_2 <= this ‖x‖_p for so many inputs, and ‖y‖_q <= this ‖y‖_2 for so many rows.
pub fn factors([p, q]: [Norm; 2], moving: usize, rows: usize) -> [f64; 2] {
    let input = if p == Norm::Inf { sqrt_up(moving as f64) } else { 1.0 };
    let output = if q == Norm::One { sqrt_up(rows as f64) } else { 1.0 };
    [input, output]
}

/// ‖J‖_{2→2}, or the norm of the longest row, of these rows (whole numbers) of the output, from the form P of some of
/// its features: the others do not move.
pub fn steepest(rows: ArrayView2<f64>, features: &[usize], p: &Array2<f64>, q: Norm) -> Upper {
    let rows = rows.select(Axis(1), features);
    // What rounding loses is what the products lose.
    let half = rows.dot(p);
    let form = half.dot(&rows.t());
    let size = |a: &Array2<f64>| vector_norm_up(a.iter().map(|x| x.abs()), Norm::Two);
    let all = size(&rows);
    let lost = mul_up(gamma(2 * features.len() + 8), mul_up(mul_up(all, all), size(p)));
    let lost = add_up(lost, 1e-280);
    let square = match q {
        Norm::Inf => form.diag().iter().fold(0.0, |m: f64, x| m.max(x.abs())),
        Norm::One | Norm::Two if rows.nrows() == 1 => form[[0, 0]].abs(),
        Norm::One | Norm::Two => spectral_upper(form.view()).get(),
    };
    Upper::proven(sqrt_up(add_up(square, lost)))
}
