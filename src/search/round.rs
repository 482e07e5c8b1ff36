//! Patterns in balls: settled in rationals, from what an oracle in floats proposes.
//!
//! Proves: either no open set of the region is in the pattern's cell, by multipliers, or a rational point is.
//! From: own.
//! Rounding: none; the oracle's points and multipliers are taken for the rationals that they are.
//! Cost: nearest points in floats; for what they leave open, and in l1, a simplex method in rationals.
//! Exact when: the ball is one of l1, or the cell does not just touch the sphere: thin cells in l2 by half-spaces around it.

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
/// Half-spaces that are put around a ball at most.
const TANGENTS: usize = 24;

/// Is there a point inside box and ball where all conditions are positive?
pub fn judge(ball: &Round, conditions: &[Form], until: &Deadline) -> Verdict {
    if ball.norm == Norm::One {
        return match ball.inside(conditions, until) {
            Verdict::Empty(m) if !ball.refuted(conditions, &m) => Verdict::Unknown,
            known @ (Verdict::Inside(_) | Verdict::Empty(_) | Verdict::Unknown) => known,
        };
    }
    match proposed(ball, conditions, until) {
        Verdict::Unknown => carved(ball, conditions, until),
        known @ (Verdict::Inside(_) | Verdict::Empty(_)) => known,
    }
}

/// Of an l2 ball by what floats propose, which settles all but thin cells, and those that are nearly touched.
fn proposed(ball: &Round, conditions: &[Form], until: &Deadline) -> Verdict {
    let near = match nearest(ball, conditions, until) {
        Verdict::Inside(x) => x,
        other @ (Verdict::Empty(_) | Verdict::Unknown) => {
            return either(other, || boxed(conditions, &ball.lo, &ball.hi, until), ball);
        }
    };
    if holds(ball, conditions, &near) {
        return Verdict::Inside(near);
    }
    match boxed(conditions, &ball.lo, &ball.hi, until) {
        Verdict::Inside(deep) => between(ball, conditions, &near, &deep),
        known @ (Verdict::Empty(_) | Verdict::Unknown) => known,
    }
}

/// A point by the simplex method in the box, from which half-spaces that the ball touches take what lies beyond it.
fn carved(ball: &Round, conditions: &[Form], until: &Deadline) -> Verdict {
    let mut all = conditions.to_vec();
    for _ in 0..TANGENTS {
        let Verdict::Inside(x) = boxed(&all, &ball.lo, &ball.hi, until) else { break };
        if holds(ball, conditions, &x) {
            return Verdict::Inside(x);
        }
        let Some(tangent) = tangent(ball, &x) else { break };
        all.push(tangent);
    }
    Verdict::Unknown
}

/// A half-space around the ball without this point, about.
fn tangent(ball: &Round, x: &[Rational]) -> Option<Form> {
    let way: Vec<f64> = x.iter().zip(&ball.centre).map(|(x, c)| (x - c).to_f64().value()).collect();
    let length = way.iter().map(|d| d * d).sum::<f64>().sqrt();
    let a = way.iter().map(|d| rational::of(-d / length)).collect::<Option<Vec<Rational>>>()?;
    let middle = a.iter().zip(&ball.centre).fold(Rational::ZERO, |s, (a, c)| s + a * c);
    Some(Form { a, c: &ball.radius - middle })
}

/// What is known; else what the box says, where that is about the ball.
fn either(known: Verdict, more: impl FnOnce() -> Verdict, ball: &Round) -> Verdict {
    if !matches!(known, Verdict::Unknown) {
        return known;
    }
    match more() {
        Verdict::Inside(x) if !ball.holds(&x) => Verdict::Unknown,
        known @ (Verdict::Inside(_) | Verdict::Empty(_) | Verdict::Unknown) => known,
    }
}

/// A point that an oracle in floats takes for one inside, to be checked; or multipliers, checked.
fn nearest(ball: &Round, conditions: &[Form], until: &Deadline) -> Verdict {
    let floats = |list: &[Rational]| -> Vec<f64> { list.iter().map(|v| v.to_f64().value()).collect() };
    let (lo, hi, centre) = (floats(&ball.lo), floats(&ball.hi), floats(&ball.centre));
    let Some(sphere) = Ball::new(ball.norm, [&centre, &centre], ball.radius.to_f64().value()) else {
        return Verdict::Unknown;
    };
    // A condition on nothing has no length; points are checked with it.
    let moving = conditions.iter().filter(|f| !f.is_constant());
    let planes: Vec<Plane> = moving.map(|f| Plane { a: floats(&f.a), d: f.c.to_f64().value() }).collect();
    let place = Place { lo: &lo, hi: &hi, ball: Some(&sphere) };
    let Some(mut oracle) = Nearest::new(&planes, place, &sphere, until) else { return Verdict::Unknown };
    match oracle.deepest() {
        Ok(x) => exactly(ball, x, &lo, &hi).map_or(Verdict::Unknown, Verdict::Inside),
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
        known @ (Verdict::Inside(_) | Verdict::Unknown) => known,
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

fn holds(ball: &Round, conditions: &[Form], x: &[Rational]) -> bool {
    ball.holds(x) && conditions.iter().all(|f| is_positive(&f.at(x)))
}

/// A point on the way from one in the ball to one that lies deep in the cell.
fn between(ball: &Round, conditions: &[Form], x: &[Rational], deep: &[Rational]) -> Verdict {
    let mut share = Rational::ONE;
    for _ in 0..=HALVINGS {
        let z: Vec<Rational> = x.iter().zip(deep).map(|(x, y)| x + (y - x) * &share).collect();
        if holds(ball, conditions, &z) {
            return Verdict::Inside(z);
        }
        share /= Rational::from(2);
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
