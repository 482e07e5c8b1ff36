//! Lower bounds again, from their witnesses alone.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::Witness;
use crate::deadline::Deadline;
use crate::layer::{Piecewise, Scale};
use crate::num::norms::{vector_norm_down, vector_norm_up};
use crate::num::rational::Rational;
use crate::num::round::div_down;
use crate::num::{Coefficient, rational};
use crate::polytope::exact::Form;
use crate::problem::{Component, Problem, Quantity};
use crate::rules::exact;
use crate::sweep::Prepared;

/// What the witness proves; 0 where it proves nothing, or not in time.
pub fn value(problem: &Problem, witness: &Witness, until: &Deadline) -> f64 {
    let found = match witness {
        Witness::Piece { x, u } => piece(problem, x, u),
        Witness::Inside { x, u } => inside(problem, x, u, until),
        Witness::Pair { x, y } => pair(problem, x, y),
    };
    found.filter(|v| v.is_finite()).unwrap_or(0.0)
}

/// ‖row‖_{p*} / ‖u‖_{q*}, down.
fn quotient(problem: &Problem, row: impl Iterator<Item = f64>, u: &[f64]) -> Option<f64> {
    let q = &problem.quotient;
    let scale = vector_norm_up(u.iter().map(|v| v.abs()), q.out_norm.dual());
    let size = vector_norm_down(row.collect::<Vec<_>>(), q.in_norm.dual());
    (scale > 0.0 && scale.is_finite()).then(|| div_down(size, scale))
}

/// Every generalised Jacobian near x has a row combination at least this long. Against the centre: at it, along a way
/// that stays in the region and on which all of them rise at least as fast.
fn piece(problem: &Problem, x: &[f64], u: &[f64]) -> Option<f64> {
    let region = &problem.region;
    let fits = x.len() == problem.net.inputs() && u.len() == problem.rows();
    let anchored = problem.quotient.quantity == Quantity::Anchored;
    if !fits || !region.contains(x) || !u.iter().all(|v| v.is_finite()) {
        return None;
    }
    if anchored && (region.is_point() || region.centre() != Some(x)) {
        return None;
    }
    let prepared = Prepared::new(&problem.net, &Cpu::DOUBLE_DOUBLE);
    let b = prepared.backend;
    let trace = prepared.values(b.upload_near(&region.near(x)), None, |_| false);
    let row = b.upload(&problem.row(u));
    let rows = b.read(&prepared.adjoints(&trace.gates, row, |_, _| {}));
    let (least, signs) = (rows.mignitude(), rows.centre.iter().map(|c| *c > 0.0).collect::<Vec<_>>());
    let along = |counts: &dyn Fn(usize) -> bool| {
        quotient(problem, least.iter().enumerate().map(|(j, v)| if counts(j) { *v } else { 0.0 }), u)
    };
    if !anchored {
        return along(&|j| !region.is_fixed(j));
    }
    let way = |up: bool| along(&|j| !region.is_fixed(j) && region.may_move(j, signs[j] == up));
    Some(way(true)?.max(way(false)?))
}

/// The pattern at a rational point, all of whose neurons lie strictly on one side.
fn inside(problem: &Problem, x: &[Rational], u: &[f64], until: &Deadline) -> Option<f64> {
    let region = &problem.region;
    // A slope somewhere says nothing about quotients against the centre.
    let lipschitz = problem.quotient.quantity == Quantity::Lipschitz;
    let fits = x.len() == problem.net.inputs() && u.len() == problem.rows();
    if !fits || !lipschitz {
        return None;
    }
    let input = exact::constants(region, x.len());
    let live: Vec<usize> = (0..x.len()).filter(|&j| input[j].is_none()).collect();
    let strictly = match region.ends() {
        Some((lo, hi)) => {
            let [low, high] = exact::ends(region, lo, hi, &live)?;
            live.iter().enumerate().all(|(k, &j)| low[k] < x[j] && x[j] < high[k])
        }
        None => true,
    };
    let same = input.iter().zip(x).all(|(v, x)| v.as_ref().is_none_or(|v| v == x));
    if !strictly || !same || !exact::within(region, x) {
        return None;
    }
    let point: Vec<Rational> = live.iter().map(|&j| x[j].clone()).collect();
    let here = |f: &Piecewise, _: usize, j: usize, z: &Form| exact::side_at(f, j, z, &point);
    let taken = problem.net.without_maxima();
    let pattern = exact::pattern(taken.as_ref().unwrap_or(&problem.net), &input, &here, until).ok()?;
    if !pattern.conditions.iter().all(|c| rational::is_positive(&c.at(&point))) {
        return None;
    }
    let mut total = Form::constant(live.len(), Rational::ZERO);
    for (part, u) in problem.components().zip(u) {
        let u = rational::of(*u)?;
        total.add(&pattern.outputs[part.plus], &u);
        part.minus.into_iter().for_each(|j| total.add(&pattern.outputs[j], &-u.clone()));
    }
    quotient(problem, total.a.iter().map(|a| rational::around(a).mignitude()), u)
}

/// ‖f(x) − f(y)‖ / ‖x − y‖.
fn pair(problem: &Problem, x: &[f64], y: &[f64]) -> Option<f64> {
    let (region, q, n) = (&problem.region, &problem.quotient, problem.net.inputs());
    let free = q.quantity == Quantity::Lipschitz || region.centre() == Some(y);
    let fits = x.len() == n && y.len() == n && region.contains(x) && region.contains(y);
    if region.is_point() || !free || !fits {
        return None;
    }
    let way = vector_norm_up(region.apart(x, y), q.in_norm);
    if !(way > 0.0 && way.is_finite()) {
        return None;
    }
    let prepared = Prepared::new(&problem.net, &Cpu::DOUBLE_DOUBLE);
    let b = prepared.backend;
    let value = |x: &[f64]| prepared.values(b.upload_near(&region.near(x)), None, |_| false).output().clone();
    let minus = Scale::uniform(Coefficient::exact(-1.0));
    let gap = b.sum(&[&value(x), &b.scale(&minus, &value(y), false)]);
    let part = |of: Component| {
        let own = b.slice(&gap, of.plus..of.plus + 1);
        let other = of.minus.map(|j| b.scale(&minus, &b.slice(&gap, j..j + 1), false));
        b.read(&other.map_or_else(|| own.clone(), |other| b.sum(&[&own, &other]))).mignitude()[[0, 0, 0]]
    };
    let sizes: Vec<f64> = problem.components().map(part).collect();
    Some(div_down(vector_norm_down(sizes, q.out_norm), way))
}
