//! Schur's test: ‖A‖_2² <= max_i (AᵀA x)_i / x_i for a nonnegative operator A and any x > 0.
//!
//! From: Schur; Collatz-Wielandt for AᵀA. Rounding: products and quotients up; x itself need not be accurate.

use crate::num::Upper;
use crate::num::round::{div_up, sqrt_up};
use ndarray::Array1;

/// The test for a nonnegative operator whose products `apply` rounds up; the
/// best over a few power steps from x = 1.
pub fn test(n: usize, steps: usize, apply: impl Fn(&Array1<f64>) -> Array1<f64>) -> Upper {
    let mut x = Array1::<f64>::ones(n);
    let mut best = Upper::INFINITE;
    for _ in 0..steps {
        let z = apply(&x);
        let square =
            x.iter().zip(&z).fold(Upper::proven(0.0), |m, (&x, &z)| m.max(Upper::proven(div_up(z, x))));
        best = best.min(Upper::proven(sqrt_up(square.get())));
        let top = z.iter().fold(0.0f64, |m, &v| m.max(v));
        if !(1e-200..1e200).contains(&top) {
            break;
        }
        // A floor keeps x positive; damping keeps its small entries from lagging.
        x = z.mapv(|v| (v / top).max(1e-9));
    }
    best
}
