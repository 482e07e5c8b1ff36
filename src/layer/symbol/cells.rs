//! Cells of frequencies, and when the symbol's norm at the middle of one bounds it on all of it.
//!
//! From: Bernstein & Szegő for |f| <= S of exponential type D: f(t) <= S cos(arccos(f(0)/S) − D t); applied to
//! Re uᴴH v along lines. Let r bound Σ_a |ω_a − c_a| (K_a − 1)/2 over a cell around c, with K_a the taps of the symbol.
//!   Known S >= sup σ: the cell holds if σ(c) <= μ with S cos(arccos(μ/S) − r) <= λ.
//!   Nothing known: if cells cover all frequencies and each has σ(c) <= λ cos r, then sup σ <= λ, for the
//!   supremum S is attained in some cell, and there σ(c) >= S cos r.
//! Rounding: angles and cosines outward; every centre by a verified factorisation with its own errors.

use super::correlation::{Correlation, Frequency};
use crate::num::round::{add_up, div_up, mul_down, mul_up, sqrt_up, sub_down};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Points (2u + half) / (2 period) of the circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circle {
    pub period: usize,
    pub half: bool,
}

impl Circle {
    /// 2π p / q for the place u / 2 (twice the index, so that middles of two points are places).
    pub fn at(&self, twice: i64) -> (i64, i64) {
        (twice + i64::from(self.half), 2 * self.period as i64)
    }

    pub fn angles(&self) -> Vec<f64> {
        let shift = if self.half { 0.5 } else { 0.0 };
        (0..self.period).map(|u| TAU * (u as f64 + shift) / self.period as f64).collect()
    }
}

/// Points on both axes.
pub type Grid = [Circle; 2];

/// What is to be covered.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    pub grid: Grid,
    /// Taps of the symbol per axis.
    pub reach: [usize; 2],
    /// Proven bound of the symbol everywhere; without one all frequencies are covered, not the grid alone.
    pub everywhere: Option<f64>,
    /// Factorisations at most.
    pub proofs: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub from: [i64; 2],
    pub to: [i64; 2],
}

impl Aim {
    /// A bound of Σ |ω − centre| (K − 1)/2 over the cell, up.
    pub fn radius(&self, cell: Cell) -> f64 {
        (0..2).fold(0.0, |sum, a| {
            let places =
                (cell.to[a] - cell.from[a]) as f64 + if self.everywhere.is_none() { 1.0 } else { 0.0 };
            let angle = div_up(mul_up(places / 2.0, TAU.next_up()), self.grid[a].period as f64);
            add_up(sum, mul_up(angle, (self.reach[a] - 1) as f64 / 2.0))
        })
    }

    pub fn centre(&self, cell: Cell) -> Frequency {
        [0, 1].map(|a| self.grid[a].at(cell.from[a] + cell.to[a]))
    }

    /// What the norm at the centre of a cell of radius r must not exceed; rough.
    pub fn needed(&self, bound: f64, r: f64) -> f64 {
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
    pub fn suffices(&self, bound: f64, norm: f64, r: f64) -> bool {
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

    pub fn halves(&self, cell: Cell) -> [Cell; 2] {
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
    pub fn whole(&self) -> Cell {
        let mut to = [0, 1].map(|a| self.grid[a].period as i64 - 1);
        if let Some(a) = (0..2).find(|&a| self.reach[a] > 1) {
            let n = self.grid[a].period as i64;
            // −(u + h) = (n − u − 2 h) + h with h = 0 or 1/2.
            to[a] = if self.grid[a].half { (n - 1) / 2 } else { n / 2 };
        }
        Cell { from: [0, 0], to }
    }

    /// Is the symbol's norm proven to be at most `bound` on all of it? Cells whose middle shows nothing are halved;
    /// `more` ends it.
    pub fn holds(&self, symbol: &Correlation, bound: f64, more: &(dyn Fn() -> bool + Sync)) -> bool {
        let (mut cells, mut proofs) = (vec![self.whole()], 0);
        while !cells.is_empty() {
            proofs += cells.len();
            if proofs > self.proofs {
                return false;
            }
            let judge = |&cell: &Cell| -> Option<Vec<Cell>> {
                let r = self.radius(cell);
                let needed = self.needed(bound, r);
                let tried = needed > 0.0 && self.suffices(bound, needed, r);
                match more() {
                    true if tried && symbol.proves(self.centre(cell), needed) => Some(vec![]),
                    true if cell.from != cell.to => Some(self.halves(cell).to_vec()),
                    _ => None,
                }
            };
            let next: Option<Vec<Vec<Cell>>> = cells.par_iter().map(judge).collect();
            let Some(next) = next else { return false };
            cells = next.concat();
        }
        true
    }
}
