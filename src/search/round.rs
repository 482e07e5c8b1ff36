//! Patterns in balls: settled in rationals, from what an oracle in floats proposes.
//!
//! Proves: either no open set of the region is in the pattern's cell, by multipliers, or a rational point is.
//! From: own.
//! Rounding: none; the oracle's points and multipliers are taken for the rationals that they are.
//! Cost: a simplex method in rationals, and one nearest point in floats.
//! Exact when: the ball is one of l1, or the cell does not just touch the sphere.

use crate::deadline::Deadline;
use crate::num::rational::{self, Rational};
use crate::num::{Norm, rational::is_positive};
use crate::polytope::ball::{Ball, Place};
use crate::polytope::exact::{Form, Verdict, inside};
use crate::polytope::exact_ball::Round;
use crate::polytope::nearest::Nearest;
use crate::polytope::plane::Plane;

/// Halvings of the way from the ball's point to one that lies deep in the cell.
const HALVINGS: usize = 60;

/// Is there a point inside box and ball where all conditions are positive?
pub fn judge(ball: &Round, conditions: &[Form], until: &Deadline) -> Verdict {
    let found = match ball.norm {
        Norm::One => ball.inside(conditions, until),
        Norm::Two | Norm::Inf => boxed(conditions, &ball.lo, &ball.hi, until),
    };
    let deep = match found {
        Verdict::Inside(x) if !ball.holds(&x) => x,
        Verdict::Empty(m) if ball.norm == Norm::One && !ball.refuted(conditions, &m) => {
            return Verdict::Unknown;
        }
        other => return other,
    };
    let floats = |list: &[Rational]| -> Vec<f64> { list.iter().map(|v| v.to_f64().value()).collect() };
    let (lo, hi, centre) = (floats(&ball.lo), floats(&ball.hi), floats(&ball.centre));
    let Some(sphere) = Ball::new(ball.norm, [&centre, &centre], ball.radius.to_f64().value()) else {
        return Verdict::Unknown;
    };
    let planes: Vec<Plane> =
        conditions.iter().map(|f| Plane { a: floats(&f.a), d: f.c.to_f64().value() }).collect();
    // A condition on nothing has no length; it holds at the deep point.
    let moving: Vec<usize> = (0..planes.len()).filter(|&i| !conditions[i].is_constant()).collect();
    let planes: Vec<Plane> = moving.into_iter().map(|i| planes[i].clone()).collect();
    let place = Place { lo: &lo, hi: &hi, ball: Some(&sphere) };
    let Some(mut oracle) = Nearest::new(&planes, place, &sphere, until) else { return Verdict::Unknown };
    match oracle.deepest() {
        Ok(x) => between(ball, conditions, &exactly(ball, x, &lo, &hi), &deep),
        Err(few) => refuted(ball, conditions, (&planes, few), place),
    }
}

/// By the simplex method on a box.
pub fn boxed(conditions: &[Form], lo: &[Rational], hi: &[Rational], until: &Deadline) -> Verdict {
    // What holds all over the box decides nothing, but keeps its place among the multipliers.
    let counts: Vec<usize> =
        (0..conditions.len()).filter(|&i| conditions[i].lowest(lo, hi) < Rational::ZERO).collect();
    let forms: Vec<Form> = counts.iter().map(|&i| conditions[i].clone()).collect();
    match inside(&forms, lo, hi, until) {
        Verdict::Empty(few) => {
            let mut all = vec![Rational::ZERO; conditions.len()];
            counts.into_iter().zip(few).for_each(|(i, l)| all[i] = l);
            Verdict::Empty(all)
        }
        other => other,
    }
}

/// A point that floats propose; of those at an end of the box, the end.
fn exactly(ball: &Round, x: Vec<f64>, lo: &[f64], hi: &[f64]) -> Option<Vec<Rational>> {
    let each = |(j, x): (usize, f64)| match x {
        _ if x <= lo[j] => Some(ball.lo[j].clone()),
        _ if x >= hi[j] => Some(ball.hi[j].clone()),
        _ => rational::of(x),
    };
    x.into_iter().enumerate().map(each).collect()
}

/// The point in the ball, or one on the way to the one that is deep in the cell.
fn between(ball: &Round, conditions: &[Form], x: &Option<Vec<Rational>>, deep: &[Rational]) -> Verdict {
    let Some(x) = x else { return Verdict::Unknown };
    let inside = |z: &[Rational]| ball.holds(z) && conditions.iter().all(|f| is_positive(&f.at(z)));
    if inside(x) {
        return Verdict::Inside(x.clone());
    }
    let mut share = Rational::ONE;
    for _ in 0..HALVINGS {
        share /= Rational::from(2);
        let z: Vec<Rational> = x.iter().zip(deep).map(|(x, y)| x + (y - x) * &share).collect();
        if inside(&z) {
            return Verdict::Inside(z);
        }
    }
    Verdict::Unknown
}

/// The oracle's multipliers of the conditions that move, as far as they prove anything.
fn refuted(ball: &Round, conditions: &[Form], (planes, few): (&[Plane], Vec<f64>), place: Place) -> Verdict {
    let Place { lo, hi, .. } = place;
    let mut x: Vec<f64> = ball.centre.iter().map(|c| c.to_f64().value()).collect();
    for (plane, l) in planes.iter().zip(&few) {
        x.iter_mut().zip(&plane.a).for_each(|(x, a)| *x += l * a);
    }
    let x = x.into_iter().zip(lo.iter().zip(hi)).map(|(x, (l, h))| x.max(*l).min(*h)).collect();
    let Some(x) = exactly(ball, x, lo, hi) else { return Verdict::Unknown };
    let mut few = few.into_iter().map(rational::of);
    let own = conditions.iter().map(|f| if f.is_constant() { Some(Rational::ZERO) } else { few.next()? });
    let Some(own) = own.collect::<Option<Vec<Rational>>>() else { return Verdict::Unknown };
    let all = ball.with_faces(conditions, own, &x);
    if ball.refuted(conditions, &all) { Verdict::Empty(all) } else { Verdict::Unknown }
}
