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

use super::screen::Symbol;
use crate::layer::symbol::cells::{Aim, Cell};
use crate::layer::symbol::correlation::{Correlation, Frequency};
use crate::layer::symbol::peaks::{Peaks, Sample};
use crate::method::row::{Proves, Row, Scope, Stage};
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

enum Answer {
    Holds,
    Splits,
    /// A point of its own that was not proven.
    Fails,
}

/// A proven bound of the scaled symbol's norm, at least `guess` and hardly more
/// if the guess is good; `None` if that takes too many factorisations.
pub fn cover(
    symbol: &Correlation,
    peaks: &mut Peaks,
    aim: &Aim,
    guess: f64,
    screen: Option<&Symbol>,
) -> Option<f64> {
    let spare = (guess / peaks.top().0.max(NOTHING) - 1.0).clamp(STEP, MOST_SPARE);
    let mut bound = guess.max(NOTHING);
    let mut cells = vec![aim.whole()];
    let (mut proofs, mut raises) = (0, 0);
    while !cells.is_empty() {
        let tries: Vec<Try> = cells.par_iter().map(|&c| Try::new(peaks, aim, bound, c)).collect();
        let shown = screen.map_or_else(|| vec![false; cells.len()], |s| shown(s, &tries));
        let answers: Vec<(Answer, Option<Sample>)> = (cells.par_iter().zip(&tries).zip(&shown))
            .map(|((&c, t), &shown)| judge(symbol, peaks, c, t, shown))
            .collect();
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

/// What is to be shown at a cell's centre.
struct Try {
    centre: Frequency,
    needed: f64,
    /// Might a proof go through, and prove the cell?
    tried: bool,
}

impl Try {
    fn new(peaks: &Peaks, aim: &Aim, bound: f64, cell: Cell) -> Try {
        let r = aim.radius(cell);
        let needed = aim.needed(bound, r);
        let centre = aim.centre(cell);
        let angle = centre.map(|(p, q)| TAU * p as f64 / q as f64);
        let tried = needed > 0.0 && aim.suffices(bound, needed, r) && peaks.envelope(angle) <= needed;
        Try { centre, needed, tried }
    }
}

/// Which of them a device proves.
fn shown(screen: &Symbol, tries: &[Try]) -> Vec<bool> {
    let asked: Vec<(Frequency, f64)> =
        tries.iter().filter(|t| t.tried).map(|t| (t.centre, t.needed)).collect();
    let mut found = screen.holds(&asked).into_iter();
    tries.iter().map(|t| t.tried && found.next().unwrap_or(false)).collect()
}

/// The answer, and what a failed proof led to.
fn judge(
    symbol: &Correlation,
    peaks: &Peaks,
    cell: Cell,
    Try { centre, needed, tried }: &Try,
    shown: bool,
) -> (Answer, Option<Sample>) {
    if shown || *tried && symbol.proves(*centre, *needed) {
        return (Answer::Holds, None);
    }
    let answer = if cell.from == cell.to { Answer::Fails } else { Answer::Splits };
    (answer, tried.then(|| peaks.look(*centre)))
}
