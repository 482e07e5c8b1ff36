//! Parts with every slope decided whose bound nothing has met: settled in rationals.
//!
//! Proves: either the pattern's cell has no interior within the part, by multipliers, or a rational point
//!   lies in it, and the Jacobian there is the pattern's.
//! From: own; the three outcomes that an activation pattern can have.
//! Rounding: none; entries of the Jacobian are floats around rationals.
//! Cost: a simplex method in rationals, for the few parts that floats leave open.
//! Exact when: coefficients are floats and the region is a box or an l1 ball; an l2 ball whose sphere is not touched.

use super::round;
use super::stand::StandIn;
use crate::backend::Backend;
use crate::certificate::{LowerBound, Witness};
use crate::linalg::operator::operator_upper;
use crate::method::context::Context;
use crate::method::lower;
use crate::num::rational::Rational;
use crate::polytope::exact::Verdict;
use crate::rules::exact::{Missing, Pattern, ball, by_ends, constants, ends, pattern, within};
use crate::rules::part::{Part, Split};
use ndarray::Axis;

pub enum Settled {
    /// No interior; multipliers of the pattern's conditions prove it.
    Empty(Vec<Rational>),
    /// A piece of the function: its norm and a witness.
    Piece {
        bound: f64,
        lower: LowerBound,
    },
    /// A neuron without influence on the output decides where others lie.
    Open(Split),
    Unknown,
}

/// A part of what is searched for `home`'s problem.
pub fn settle<B: Backend>(home: &Context<B>, stand: &StandIn<B>, part: &Part) -> Settled {
    let problem = stand.problem(home);
    let (low, high) = problem.room(&part.lo, &part.hi);
    let input = constants(&problem.region, problem.net.inputs());
    let until = &home.budget.deadline;
    if until.is_over() {
        return Settled::Unknown;
    }
    let found = match pattern(&problem.net, &input, &by_ends(part), until) {
        Ok(found) => found,
        Err(Missing::Open { node, feature }) => {
            let split = part.open(&problem.net, node, feature);
            return split.map_or(Settled::Unknown, Settled::Open);
        }
        Err(Missing::Inexact) => return Settled::Unknown,
    };
    let live: Vec<usize> = (0..input.len()).filter(|&j| input[j].is_none()).collect();
    let known = match ball(&problem.region, &live) {
        Some(ball) => round::judge(&ball, &found.conditions, until),
        None => ends(&problem.region, low, high, &live)
            .map_or(Verdict::Unknown, |[lo, hi]| round::boxed(&found.conditions, &lo, &hi, until)),
    };
    match known {
        Verdict::Unknown => Settled::Unknown,
        Verdict::Empty(multipliers) => Settled::Empty(multipliers),
        Verdict::Inside(point) => {
            let mut point = point.into_iter();
            let x: Option<Vec<Rational>> = input.iter().map(|v| v.clone().or_else(|| point.next())).collect();
            match x {
                Some(x) => piece(home, stand, &found, &input, x),
                None => Settled::Unknown,
            }
        }
    }
}

/// The norm of the pattern's Jacobian, from both sides.
fn piece<B: Backend>(
    home: &Context<B>,
    stand: &StandIn<B>,
    found: &Pattern,
    input: &[Option<Rational>],
    x: Vec<Rational>,
) -> Settled {
    let problem = stand.problem(home);
    let Some(jacobian) = found.jacobian(&problem.seeds(), input) else { return Settled::Unknown };
    let n = home.problem.net.inputs();
    let jacobian = problem.without_ignored(jacobian).columns(0..n);
    let q = &problem.quotient;
    let matrix = [&jacobian.centre, &jacobian.radius].map(|a| a.index_axis(Axis(0), 0));
    let bound = operator_upper(matrix[0], matrix[1], q.in_norm, q.out_norm).get();
    let Some(x) = stand.home_exactly(x) else { return Settled::Unknown };
    let near: Vec<f64> = x.iter().map(|v| v.to_f64().value()).collect();
    let mut lower = lower::of_matrix(home, &near, &jacobian, "branch-and-bound");
    match &mut lower.witness {
        Some(Witness::Piece { u, .. }) if within(&home.problem.region, &x) => {
            lower.witness = Some(Witness::Inside { u: std::mem::take(u), x });
        }
        _ => lower = LowerBound::NONE,
    }
    Settled::Piece { bound, lower }
}
