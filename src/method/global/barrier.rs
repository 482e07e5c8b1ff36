//! The best multipliers of a matrix inequality, by an interior-point method.
//!
//! Proves: nothing by itself; what it proposes goes to a factorisation.
//! From: path following with the barrier −log det (Nesterov & Nemirovskii 1994), here for
//!   M = ρ P − Q + Σ λ_i (α_i β_iᵀ + β_i α_iᵀ)/2, P the identity on the first coordinates.
//! Rounding: none here.
//! Cost: 30 to 60 Newton steps of a few products and factorisations of the order of M.
//! Loose when: stopped early; every iterate is feasible.

use crate::linalg::solve::{cholesky, inverse, log_determinant, solve};
use ndarray::{Array2, ArrayView1, Axis, s};

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

const GROWTH: f64 = 4.0;
/// Newton steps for one weight of the barrier, and lengths that are tried for each.
const STEPS: usize = 40;
const LENGTHS: i32 = 24;
/// A bound that falls this far is that of a function without slope.
const VANISHED: f64 = 1e-16;

impl Point {
    fn is_positive(&self) -> bool {
        self.square > 0.0 && self.multipliers.iter().all(|l| *l > 0.0)
    }

    /// At this point, which gives the matrix `m`.
    fn barrier(&self, m: Array2<f64>, weight: f64) -> Option<Barrier> {
        let factor = cholesky(m)?;
        let logs: f64 = self.multipliers.iter().map(|l| l.ln()).sum();
        let value = weight * self.square - log_determinant(&factor) - logs;
        value.is_finite().then_some(Barrier { value, factor })
    }
}

impl Inequality {
    pub fn matrix(&self, at: &Point) -> Array2<f64> {
        self.linear(at) - &self.offset
    }

    /// M + Q.
    fn linear(&self, at: &Point) -> Array2<f64> {
        let weights = ArrayView1::from(&at.multipliers[..]);
        let more = (&self.alpha * &weights).dot(&self.beta.t());
        let mut m = (&more + &more.t()) * 0.5;
        m.diag_mut().slice_mut(s![..self.inputs]).mapv_inplace(|x| x + at.square);
        m
    }

    pub fn feasible(&self, at: &Point) -> bool {
        self.barrier(at, 0.0).is_some()
    }

    fn barrier(&self, at: &Point, weight: f64) -> Option<Barrier> {
        at.is_positive().then(|| at.barrier(self.matrix(at), weight))?
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
        let weights = ArrayView1::from(&l[..]);
        let pairs = (&aa * &bb + &ab * &ab.t()) * 0.5 * weights * weights.insert_axis(Axis(1));
        let cross = (&pa.slice(s![..x, ..]) * &pb.slice(s![..x, ..])).sum_axis(Axis(0));
        let mut hessian = Array2::zeros((n + 1, n + 1));
        hessian.slice_mut(s![..n, ..n]).assign(&pairs);
        hessian.diag_mut().slice_mut(s![..n]).mapv_inplace(|h| h + 1.0);
        hessian.slice_mut(s![n, ..n]).assign(&(cross * weights * at.square));
        let corner = p.slice(s![..x, ..x]);
        hessian[[n, n]] = corner.iter().map(|v| v * v).sum::<f64>() * at.square * at.square;
        let mut gradient: Vec<f64> = (0..n).map(|i| -ab[[i, i]] * l[i] - 1.0).collect();
        gradient.push((weight - corner.diag().sum()) * at.square);
        let step = solve(&cholesky(hessian)?, &gradient);
        let decrement = step.iter().zip(&gradient).map(|(s, g)| s * g).sum();
        let multipliers = (0..n).map(|i| -step[i] * l[i]).collect();
        Some((Point { multipliers, square: -step[n] * at.square }, decrement))
    }

    /// The best of ever longer steps from a whole one, or of ever shorter ones. Long ones
    /// lead away from a boundary that Newton's own steps would leave by doubling.
    fn search(&self, at: &Point, way: &Point, weight: f64, before: f64) -> Option<Point> {
        // Along a line the matrix is linear.
        let (here, along) = (self.matrix(at), self.linear(way));
        let step = |power: i32| {
            let length = 0.65f64.powi(power);
            let multipliers = at.multipliers.iter().zip(&way.multipliers);
            let next = Point {
                multipliers: multipliers.map(|(x, d)| x + length * d).collect(),
                square: at.square + length * way.square,
            };
            if !next.is_positive() {
                return None;
            }
            let found = next.barrier(&here + &(&along * length), weight)?;
            Some((found.value, next))
        };
        let whole = step(0).filter(|(value, _)| *value < before);
        let sign = if whole.is_some() { -1 } else { 1 };
        let mut best = whole;
        for k in 1..LENGTHS {
            let found = step(sign * k).filter(|(value, _)| *value < before);
            match (&best, &found) {
                (Some(_), None) => break,
                (Some((value, _)), Some((other, _))) if other >= value => break,
                (None, None) => {}
                _ => best = found,
            }
        }
        best.map(|b| b.1)
    }

    /// From a strictly feasible point to one whose ρ is within about `tolerance` of the least.
    /// `slack` is how far, relative to ρ, the first stage may stay above it.
    /// `stop` is asked before every step and sees the current ρ.
    pub fn solve(
        &self,
        start: &Point,
        slack: f64,
        tolerance: f64,
        stop: &mut dyn FnMut(f64) -> bool,
    ) -> Point {
        let mut at = start.clone();
        let terms = (self.alpha.nrows() + at.multipliers.len()) as f64;
        let mut weight = terms / (slack * at.square);
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
                match self.search(&at, &way, weight, now.value) {
                    Some(next) => at = next,
                    None => break,
                }
            }
            let vanished = at.square <= VANISHED * start.square;
            if vanished || terms / weight <= tolerance * at.square {
                return at;
            }
            weight *= GROWTH;
        }
    }
}
