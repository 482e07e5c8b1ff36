//! Proves: σ(H(ω)) <= λ at every point of a grid of frequencies, or at all frequencies, for the symbol H of a convolution.
//! From: Bernstein & Szegő for |f| <= S of exponential type D: f(t) <= S cos(arccos(f(0)/S) − D t); applied to Re uᴴH v along lines.
//! Rounding: every centre by a verified Cholesky factorisation with its own errors; angles and cosines outward.
//! Cost: one factorisation per cell; cells shrink only towards the peaks, so their number hardly depends on the period.
//! Loose when: never beyond λ, which the caller guesses; guesses that are too low are raised where they fail.
//!
//! Let r bound Σ_a |ω_a − c_a| (K_a − 1)/2 over a cell around c, with K_a the taps of the symbol.
//!   Known S >= sup σ: the cell holds if σ(c) <= μ with S cos(arccos(μ/S) − r) <= λ.
//!   Nothing known: if cells cover all frequencies and each has σ(c) <= λ cos r, then sup σ <= λ, for the
//!   supremum S is attained in some cell, and there σ(c) >= S cos r.

use crate::layer::symbol::correlation::{Correlation, Frequency};
use crate::layer::symbol::peaks::{Circle, Peaks, Sample};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::round::{add_up, div_up, mul_down, mul_up, sqrt_up, sub_down};
use rayon::prelude::*;
use std::f64::consts::TAU;

pub const ROW: Row = Row {
    name: "sampling",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "about 200 factorisations",
    paper: "supremum of the symbol; Cholesky, Bernstein-Szego",
    formula: "‖W‖₂ ≤ the supremum of the symbol, from samples and a derivative's bound",
    loose: "the image is hardly larger than the kernel",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Guesses grow by at least this where a proof fails.
const STEP: f64 = 1e-6;
/// Guesses that fail are raised at most this often.
const RAISES: i32 = 16;
/// Guesses start from here: the largest tap is near 1, and roundings are far below.
const NOTHING: f64 = 1e-5;
/// The share of a guess above the highest peak known that a raised one keeps.
const MOST_SPARE: f64 = 1e-3;

/// What is to be covered.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    pub grid: [Circle; 2],
    /// Taps of the symbol per axis.
    pub reach: [usize; 2],
    /// Proven bound of the symbol everywhere; without one all frequencies are covered, not the grid alone.
    pub everywhere: Option<f64>,
    /// Factorisations at most.
    pub proofs: usize,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    from: [i64; 2],
    to: [i64; 2],
}

enum Answer {
    Holds,
    Splits,
    /// A point of its own that was not proven.
    Fails,
}

impl Aim {
    /// A bound of Σ |ω − centre| (K − 1)/2 over the cell, up.
    fn radius(&self, cell: Cell) -> f64 {
        (0..2).fold(0.0, |sum, a| {
            let places =
                (cell.to[a] - cell.from[a]) as f64 + if self.everywhere.is_none() { 1.0 } else { 0.0 };
            let angle = div_up(mul_up(places / 2.0, TAU.next_up()), self.grid[a].period as f64);
            add_up(sum, mul_up(angle, (self.reach[a] - 1) as f64 / 2.0))
        })
    }

    fn centre(&self, cell: Cell) -> Frequency {
        [0, 1].map(|a| self.grid[a].at(cell.from[a] + cell.to[a]))
    }

    /// What the norm at the centre of a cell of radius r must not exceed; rough.
    fn needed(&self, bound: f64, r: f64) -> f64 {
        match self.everywhere {
            None => mul_down(bound, sub_down(1.0, mul_up(0.5, mul_up(r, r)))),
            Some(_) if r == 0.0 => bound,
            Some(top) => {
                let top = top.max(bound);
                (bound * r.cos() - (top * top - bound * bound).sqrt() * r.sin()) * (1.0 - 1e-9)
            }
        }
    }

    /// Does σ(c) <= μ prove the cell?
    fn suffices(&self, bound: f64, norm: f64, r: f64) -> bool {
        let below = |x: f64| mul_down(x, sub_down(1.0, mul_up(0.5, mul_up(r, r))));
        match self.everywhere {
            None => r < 1.0 && norm <= below(bound),
            Some(_) if r == 0.0 => norm <= bound,
            Some(top) => {
                // S cos(arccos(μ/S) − r) = μ cos r + sqrt(S² − μ²) sin r while μ <= S cos r.
                // cos r <= 1 − r²/2 + r⁴/24, sin r <= r.
                let square = mul_up(r, r);
                let cos = add_up(add_up(1.0, -0.5 * mul_down(r, r)), div_up(mul_up(square, square), 24.0));
                let rest = sqrt_up(mul_up(add_up(top, norm), add_up(top, -norm).max(0.0)));
                let end = add_up(mul_up(norm, cos), mul_up(rest, r));
                r < 1.0 && norm <= below(top) && end <= bound
            }
        }
    }

    fn halves(&self, cell: Cell) -> [Cell; 2] {
        let weight = |a: usize| {
            let side = (cell.to[a] - cell.from[a]) as f64;
            side * (self.reach[a].max(2) - 1) as f64 / self.grid[a].period as f64
        };
        let a = if weight(0) >= weight(1) { 0 } else { 1 };
        let middle = (cell.from[a] + cell.to[a]).div_euclid(2);
        let (mut first, mut second) = (cell, cell);
        (first.to[a], second.from[a]) = (middle, middle + 1);
        [first, second]
    }

    /// All points, half of them where a real kernel's symmetry gives the others.
    fn whole(&self) -> Cell {
        let mut to = [0, 1].map(|a| self.grid[a].period as i64 - 1);
        if let Some(a) = (0..2).find(|&a| self.reach[a] > 1) {
            let n = self.grid[a].period as i64;
            // −(u + h) = (n − u − 2 h) + h with h = 0 or 1/2.
            to[a] = if self.grid[a].half { (n - 1) / 2 } else { n / 2 };
        }
        Cell { from: [0, 0], to }
    }
}

/// A proven bound of the scaled symbol's norm, at least `guess` and hardly more
/// if the guess is good; `None` if that takes too many factorisations.
pub fn cover(symbol: &Correlation, peaks: &mut Peaks, aim: &Aim, guess: f64) -> Option<f64> {
    let spare = (guess / peaks.top().0.max(NOTHING) - 1.0).clamp(STEP, MOST_SPARE);
    let mut bound = guess.max(NOTHING);
    let mut cells = vec![aim.whole()];
    let (mut proofs, mut raises) = (0, 0);
    while !cells.is_empty() {
        let answers: Vec<(Answer, Option<Sample>)> =
            cells.par_iter().map(|&c| judge(symbol, peaks, aim, bound, c)).collect();
        let (mut next, mut new, mut failed) = (Vec::with_capacity(2 * cells.len()), vec![], false);
        for (cell, (answer, sample)) in cells.iter().zip(answers) {
            proofs += usize::from(sample.is_some() || matches!(answer, Answer::Holds));
            new.extend(sample);
            match answer {
                Answer::Holds => {}
                Answer::Splits => next.extend(aim.halves(*cell)),
                Answer::Fails => {
                    failed = true;
                    next.push(*cell);
                }
            }
        }
        // What failed where nobody expected it shows where the symbol is larger than was known.
        let before = peaks.top().0;
        peaks.learn(new);
        if failed || peaks.top().0 > before * (1.0 + STEP) {
            let highest = match aim.everywhere {
                None => peaks.climb() * (1.0 + spare),
                Some(_) => peaks.highest(aim.grid) * (1.0 + STEP),
            };
            raises += i32::from(failed);
            let least = if failed { bound * (1.0 + STEP * 2f64.powi(raises)) } else { bound };
            bound = highest.max(least);
        }
        if proofs > aim.proofs || raises > RAISES {
            return None;
        }
        cells = next;
    }
    Some(bound)
}

/// The answer, and what a failed proof led to.
fn judge(symbol: &Correlation, peaks: &Peaks, aim: &Aim, bound: f64, cell: Cell) -> (Answer, Option<Sample>) {
    let r = aim.radius(cell);
    let needed = aim.needed(bound, r);
    let centre = aim.centre(cell);
    let angle = centre.map(|(p, q)| TAU * p as f64 / q as f64);
    let tried = needed > 0.0 && aim.suffices(bound, needed, r) && peaks.envelope(angle) <= needed;
    if tried && symbol.proves(centre, needed) {
        return (Answer::Holds, None);
    }
    let answer = if cell.from == cell.to { Answer::Fails } else { Answer::Splits };
    (answer, tried.then(|| peaks.look(centre)))
}
