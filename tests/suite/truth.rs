//! Norms by their naive definitions, and random matrices.
#![allow(dead_code)]

use clarke::linalg::direction::vector_norm;
use clarke::num::Norm;
use clarke::num::random::Random;
use ndarray::{Array2, aview1};

pub fn matrix(noise: &mut Random, m: usize, n: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((m, n), || noise.signed())
}

pub fn pick(noise: &mut Random, from: usize, to: usize) -> usize {
    from + ((noise.signed() + 1.0) / 2.0 * (to + 1 - from) as f64) as usize
}

/// The largest singular value by one-sided Jacobi rotations.
pub fn sigma(a: &Array2<f64>) -> f64 {
    // Rows of this are the columns of the tall one of both.
    let lines = if a.nrows() < a.ncols() { a.view() } else { a.t() };
    let mut a = lines.as_standard_layout().into_owned();
    let (count, length) = a.dim();
    let rows = a.as_slice_mut().expect("in rows");
    let dot = |x: &[f64], y: &[f64]| aview1(x).dot(&aview1(y));
    for _ in 0..60 {
        let mut rotated = false;
        for p in 0..count {
            for q in p + 1..count {
                let (before, from) = rows.split_at_mut(q * length);
                let (x, y) = (&mut before[p * length..][..length], &mut from[..length]);
                let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
                if xy == 0.0 || xy.abs() <= 1e-15 * (xx * yy).sqrt() {
                    continue;
                }
                rotated = true;
                let theta = (yy - xx) / (2.0 * xy);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                for (x, y) in x.iter_mut().zip(y) {
                    (*x, *y) = (*x * c - *y * (c * t), *x * (c * t) + *y * c);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    a.rows().into_iter().map(|c| c.dot(&c).sqrt()).fold(0.0, f64::max)
}

/// max over signs of ‖A s‖; the opposite of all signs has the same norm.
pub fn over_signs(a: &Array2<f64>, norm: Norm) -> f64 {
    let columns = a.columns().into_iter().map(|c| c.to_vec()).collect();
    let mut signs = Signs { columns, sums: vec![vec![0.0; a.nrows()]; a.ncols() + 1], norm, best: 0.0 };
    signs.choose(0);
    signs.best
}

/// Sum k is that of the first k columns with the signs chosen so far: choices that begin alike share it.
struct Signs {
    columns: Vec<Vec<f64>>,
    sums: Vec<Vec<f64>>,
    norm: Norm,
    best: f64,
}

impl Signs {
    fn choose(&mut self, k: usize) {
        if k == self.columns.len() {
            return self.measure();
        }
        let both = k + 1 < self.columns.len();
        for sign in [1.0, -1.0].into_iter().take(1 + both as usize) {
            let column = &self.columns[k];
            let (chosen, rest) = self.sums.split_at_mut(k + 1);
            for ((next, sum), x) in rest[0].iter_mut().zip(&chosen[k]).zip(column) {
                *next = sum + sign * x;
            }
            self.choose(k + 1);
        }
    }

    fn measure(&mut self) {
        let sum = &self.sums[self.columns.len()];
        if self.norm == Norm::Two {
            // What is clearly shorter, by squares far from underflow, is not measured with care.
            let squares: f64 = sum.iter().map(|x| x * x).sum();
            if squares > 1e-200 && squares < self.best * self.best * (1.0 - 1e-9) {
                return;
            }
        }
        self.best = self.best.max(vector_norm(aview1(sum), self.norm));
    }
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
