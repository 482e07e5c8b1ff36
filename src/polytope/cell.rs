//! What is left of a box, and of the ball in it, behind half-spaces: a point of it, or multipliers that show that
//! there is none, and how large affine functions are on it.
//!
//! Oracles in floats propose points and multipliers. Of a box it is a simplex method; of an l1 ball the same one
//! with x = base + p − q and one row Σ (p + q) <= radius; of an l2 ball the nearest points of the polytope.

use super::ball::{Ball, Place};
use super::nearest::Nearest;
use super::plane::{Plane, highest, lowered, refuted};
use super::simplex::Polytope;
use crate::deadline::Deadline;
use crate::num::Norm;

/// What half-spaces say about a place.
pub enum Verdict {
    /// Proven by these multipliers: no open set lies in all of them.
    Empty(Vec<f64>),
    /// A point that lies deep inside, as far as the oracle can tell.
    Point(Vec<f64>),
    Unknown,
}

/// A place cut by half-spaces, with its oracle.
pub struct Cell<'c> {
    planes: &'c [Plane],
    place: Place<'c>,
    oracle: Oracle,
}

enum Oracle {
    None,
    Boxed(Polytope),
    /// With the point that p and q start from.
    Split(Polytope, Vec<f64>),
    Round(Nearest),
}

impl<'c> Cell<'c> {
    pub fn new(planes: &'c [Plane], place: Place<'c>) -> Cell<'c> {
        Cell::until(planes, place, &Deadline::never())
    }

    /// The same with an oracle that says nothing after a deadline.
    pub fn until(planes: &'c [Plane], place: Place<'c>, until: &Deadline) -> Cell<'c> {
        let oracle = match place.ball {
            None => boxed(planes, place, until),
            Some(ball) if ball.norm() == Norm::One => split(planes, place, ball, until),
            Some(ball) => Nearest::new(planes, place, ball, until).map(Oracle::Round),
        };
        Cell { planes, place, oracle: oracle.unwrap_or(Oracle::None) }
    }

    /// Is there anything inside? The oracle's multipliers are checked.
    pub fn judge(&mut self, free: &[bool]) -> Verdict {
        let found = match &mut self.oracle {
            Oracle::None => return Verdict::Unknown,
            Oracle::Boxed(oracle) => {
                deep(oracle).map(|w| self.place.lo.iter().zip(w).map(|(l, w)| l + w).collect())
            }
            Oracle::Split(oracle, base) => deep(oracle).map(|w| joined(base, w)),
            Oracle::Round(oracle) => oracle.deepest(),
        };
        let Place { lo, hi, .. } = self.place;
        match found {
            Ok(x) => Verdict::Point(inside(x, lo, hi)),
            Err(mut multipliers) => {
                multipliers.truncate(self.planes.len());
                // What the oracle holds for zero is noise.
                let most = multipliers.iter().copied().fold(0.0, f64::max);
                let kept: Vec<f64> =
                    multipliers.iter().map(|l| if *l > 1e-9 * most { *l } else { 0.0 }).collect();
                if refuted(self.planes, &kept, free, self.place) {
                    Verdict::Empty(kept)
                } else {
                    Verdict::Unknown
                }
            }
        }
    }

    /// An upper bound of a · x + d in the cell, by the place alone where the oracle cannot help.
    pub fn highest(&mut self, p: &Plane) -> f64 {
        let Place { lo, hi, .. } = self.place;
        let multipliers = match &mut self.oracle {
            Oracle::None => None,
            Oracle::Boxed(oracle) => oracle.maximise(&p.a),
            Oracle::Split(oracle, _) => {
                let both: Vec<f64> = p.a.iter().copied().chain(p.a.iter().map(|v| -v)).collect();
                oracle.maximise(&both)
            }
            Oracle::Round(oracle) => oracle.maximise(&p.a),
        };
        let alone = highest(p, lo, hi);
        multipliers.map_or(alone, |m| lowered(p, self.planes, &m, self.place).min(alone))
    }
}

/// Into the box. Roundings shrink boxes by planes: ends may cross by some.
fn inside(x: Vec<f64>, lo: &[f64], hi: &[f64]) -> Vec<f64> {
    x.into_iter().zip(lo.iter().zip(hi)).map(|(x, (l, h))| x.max(*l).min(*h)).collect()
}

/// The deepest point, if it is inside; else multipliers.
fn deep(oracle: &Polytope) -> Result<&[f64], Vec<f64>> {
    let deepest = oracle.deepest();
    if deepest.depth > 0.0 { Ok(&deepest.point) } else { Err(deepest.multipliers.clone()) }
}

fn boxed(planes: &[Plane], place: Place, until: &Deadline) -> Option<Oracle> {
    let width: Vec<f64> = place.lo.iter().zip(place.hi).map(|(l, h)| h - l).collect();
    let row = |p: &Plane| {
        let at = p.a.iter().zip(place.lo).map(|(a, l)| a * l).sum::<f64>() + p.d;
        (p.a.iter().map(|a| -a).collect(), at)
    };
    let rows: Vec<(Vec<f64>, f64)> = planes.iter().map(row).collect();
    Polytope::new(&rows, &width, until).map(Oracle::Boxed)
}

/// x = base + p − q, where base is the box's point that is nearest to the centre.
fn split(planes: &[Plane], place: Place, ball: &Ball, until: &Deadline) -> Option<Oracle> {
    let Place { lo, hi, .. } = place;
    let n = lo.len();
    let base: Vec<f64> = (0..n).map(|j| ball.middle(j).max(lo[j]).min(hi[j])).collect();
    let up = |j: usize| hi[j] - base[j];
    let down = |j: usize| base[j] - lo[j];
    let width: Vec<f64> = (0..n).map(up).chain((0..n).map(down)).collect();
    let row = |p: &Plane| {
        let at = p.a.iter().zip(&base).map(|(a, x)| a * x).sum::<f64>() + p.d;
        (p.a.iter().map(|a| -a).chain(p.a.iter().copied()).collect(), at)
    };
    let mut rows: Vec<(Vec<f64>, f64)> = planes.iter().map(row).collect();
    let left = (0..n).fold(ball.radius(), |r, j| r - (base[j] - ball.middle(j)).abs());
    rows.push((vec![1.0; 2 * n], left));
    Polytope::new(&rows, &width, until).map(|polytope| Oracle::Split(polytope, base))
}

fn joined(base: &[f64], w: &[f64]) -> Vec<f64> {
    let (p, q) = w.split_at(base.len());
    (0..base.len()).map(|j| base[j] + p[j] - q[j]).collect()
}
