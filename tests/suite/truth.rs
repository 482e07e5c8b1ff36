//! Norms by their naive definitions, and random matrices.
#![allow(dead_code)]

use clarke::linalg::direction::vector_norm;
use clarke::num::Norm;
use clarke::num::random::Random;
use ndarray::{Array1, Array2};

pub fn matrix(noise: &mut Random, m: usize, n: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((m, n), || noise.signed())
}

pub fn pick(noise: &mut Random, from: usize, to: usize) -> usize {
    from + ((noise.signed() + 1.0) / 2.0 * (to + 1 - from) as f64) as usize
}

/// The largest singular value by one-sided Jacobi rotations.
pub fn sigma(a: &Array2<f64>) -> f64 {
    let mut a = if a.nrows() < a.ncols() { a.t().to_owned() } else { a.clone() };
    for _ in 0..60 {
        let mut rotated = false;
        for p in 0..a.ncols() {
            for q in p + 1..a.ncols() {
                let (x, y) = (a.column(p).to_owned(), a.column(q).to_owned());
                let (xx, yy, xy) = (x.dot(&x), y.dot(&y), x.dot(&y));
                if xy == 0.0 || xy.abs() <= 1e-15 * (xx * yy).sqrt() {
                    continue;
                }
                rotated = true;
                let theta = (yy - xx) / (2.0 * xy);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                a.column_mut(p).assign(&(&x * c - &y * (c * t)));
                a.column_mut(q).assign(&(&x * (c * t) + &y * c));
            }
        }
        if !rotated {
            break;
        }
    }
    a.columns().into_iter().map(|c| c.dot(&c).sqrt()).fold(0.0, f64::max)
}

/// max over signs of ‖A s‖; the opposite of all signs has the same norm.
pub fn over_signs(a: &Array2<f64>, norm: Norm) -> f64 {
    let (columns, k) = (a.t().as_standard_layout().into_owned(), a.ncols());
    let mut sum: Array1<f64> = Array1::zeros(a.nrows());
    let most = |code: u32| {
        sum.fill(0.0);
        for (i, column) in columns.rows().into_iter().enumerate() {
            sum.scaled_add(if code >> i & 1 == 1 { -1.0 } else { 1.0 }, &column);
        }
        vector_norm(sum.view(), norm)
    };
    (0..1u32 << k.saturating_sub(1)).map(most).fold(0.0, f64::max)
}

/// ‖A‖_{p→q} by definition; the enumerated side must be short.
pub fn truth(a: &Array2<f64>, p: Norm, q: Norm) -> f64 {
    let rows = || a.rows().into_iter().map(|r| vector_norm(r, p.dual())).fold(0.0, f64::max);
    let columns = || a.columns().into_iter().map(|c| vector_norm(c, q)).fold(0.0, f64::max);
    match (p, q) {
        _ if a.is_empty() => 0.0,
        (_, Norm::Inf) => rows(),
        (Norm::One, _) => columns(),
        (Norm::Two, Norm::Two) => sigma(a),
        (Norm::Inf, Norm::One) if a.nrows() < a.ncols() => over_signs(&a.t().to_owned(), Norm::One),
        (Norm::Inf, _) => over_signs(a, q),
        _ => over_signs(&a.t().to_owned(), Norm::Two),
    }
}

pub fn pairs() -> impl Iterator<Item = (Norm, Norm)> {
    Norm::ALL.into_iter().flat_map(|p| Norm::ALL.into_iter().map(move |q| (p, q)))
}
