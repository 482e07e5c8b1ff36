//! The best multipliers of a matrix inequality, by an interior-point method.
//!
//! Proves: nothing by itself; what it proposes goes to a factorisation.
//! From: path following with the barrier −log det (Nesterov & Nemirovskii 1994), here for
//!   M = ρ P − Q + Σ λ_i (α_i β_iᵀ + β_i α_iᵀ)/2, P the identity on the first coordinates.
//! Rounding: none here.
//! Cost: 30 to 60 Newton steps of a few products and factorisations of the order of M.
//! Loose when: stopped early; every iterate is feasible.

use crate::num::solve::{cholesky, inverse, log_determinant, solve};
use ndarray::{Array2, s};

/// Find λ > 0 and the least ρ so that M ⪰ 0.
pub struct Inequality {
    /// Columns α_i and β_i.
    pub alpha: Array2<f64>,
    pub beta: Array2<f64>,
    /// Coordinates on which P is the identity.
    pub inputs: usize,
    pub offset: Array2<f64>,
}

#[derive(Clone)]
pub struct Point {
    pub multipliers: Vec<f64>,
    pub square: f64,
}

/// What a Newton step lowers, and its parts.
struct Barrier {
    value: f64,
    factor: Array2<f64>,
}

const GROWTH: f64 = 12.0;
const STEPS: usize = 12;

impl Inequality {
    fn matrix(&self, at: &Point) -> Array2<f64> {
        let weights = ndarray::ArrayView1::from(&at.multipliers[..]);
        let more = (&self.alpha * &weights).dot(&self.beta.t());
        let mut m = (&more + &more.t()) * 0.5 - &self.offset;
        m.diag_mut().slice_mut(s![..self.inputs]).mapv_inplace(|x| x + at.square);
        m
    }

    pub fn feasible(&self, at: &Point) -> bool {
        self.barrier(at, 0.0).is_some()
    }

    fn barrier(&self, at: &Point, weight: f64) -> Option<Barrier> {
        if !(at.square > 0.0 && at.multipliers.iter().all(|l| *l > 0.0)) {
            return None;
        }
        let factor = cholesky(self.matrix(at))?;
        let logs: f64 = at.multipliers.iter().map(|l| l.ln()).sum();
        let value = weight * at.square - log_determinant(&factor) - logs;
        value.is_finite().then_some(Barrier { value, factor })
    }

    /// The Newton direction and its decrement (squared).
    fn direction(&self, at: &Point, weight: f64, factor: &Array2<f64>) -> Option<(Point, f64)> {
        let n = at.multipliers.len();
        let (p, _) = inverse(factor);
        let (pa, pb) = (p.dot(&self.alpha), p.dot(&self.beta));
        let (aa, ab, bb) = (self.alpha.t().dot(&pa), self.alpha.t().dot(&pb), self.beta.t().dot(&pb));
        let x = self.inputs;
        // Multipliers enter relative to themselves, which keeps the system well scaled.
        let l = &at.multipliers;
        let mut hessian = Array2::zeros((n + 1, n + 1));
        for i in 0..n {
            for j in 0..=i {
                let h = 0.5 * (aa[[i, j]] * bb[[i, j]] + ab[[i, j]] * ab[[j, i]]);
                hessian[[i, j]] = h * l[i] * l[j] + (i == j) as u8 as f64;
            }
            let cross: f64 = (0..x).map(|k| pa[[k, i]] * pb[[k, i]]).sum();
            hessian[[n, i]] = cross * l[i] * at.square;
        }
        let corner = p.slice(s![..x, ..x]);
        hessian[[n, n]] = corner.iter().map(|v| v * v).sum::<f64>() * at.square * at.square;
        let mut gradient: Vec<f64> = (0..n).map(|i| -ab[[i, i]] * l[i] - 1.0).collect();
        gradient.push((weight - corner.diag().sum()) * at.square);
        let step = solve(&cholesky(hessian)?, &gradient);
        let decrement = step.iter().zip(&gradient).map(|(s, g)| s * g).sum();
        let multipliers = (0..n).map(|i| -step[i] * l[i]).collect();
        Some((Point { multipliers, square: -step[n] * at.square }, decrement))
    }

    /// From a strictly feasible point to one whose ρ is within about `tolerance` of the least.
    /// `stop` is asked before every step and sees the current ρ.
    pub fn solve(&self, start: &Point, tolerance: f64, stop: &mut dyn FnMut(f64) -> bool) -> Point {
        let mut at = start.clone();
        let terms = (self.alpha.nrows() + at.multipliers.len()) as f64;
        let mut weight = terms / at.square;
        loop {
            for _ in 0..STEPS {
                if stop(at.square) {
                    return at;
                }
                let Some(now) = self.barrier(&at, weight) else { return at };
                let Some((way, decrement)) = self.direction(&at, weight, &now.factor) else { return at };
                if decrement.is_nan() || decrement < 1e-3 {
                    break;
                }
                let mut length = 1.0;
                let next = loop {
                    let move_by = |x: f64, d: f64| x + length * d;
                    let multipliers = at.multipliers.iter().zip(&way.multipliers);
                    let next = Point {
                        multipliers: multipliers.map(|(x, d)| move_by(*x, *d)).collect(),
                        square: move_by(at.square, way.square),
                    };
                    let fine = self.barrier(&next, weight);
                    if fine.is_some_and(|b| b.value <= now.value - 0.1 * length * decrement) {
                        break Some(next);
                    }
                    length *= 0.5;
                    if length < 1e-6 {
                        break None;
                    }
                };
                match next {
                    Some(next) => at = next,
                    None => break,
                }
            }
            if terms / weight <= tolerance * at.square {
                return at;
            }
            weight *= GROWTH;
        }
    }
}
