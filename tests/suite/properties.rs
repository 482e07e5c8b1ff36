//! Statements about outputs on a region: none is missed that a member meets, and what is called a member that
//! meets one is that.

use crate::common::data::Data;
use crate::common::naive;
use crate::common::nets::{self, Kind};
use crate::common::share;
use clarke::analysis::{Budget, Placed};
use clarke::backend::cpu::Cpu;
use clarke::method::margin::statement::Statement;
use clarke::num::{Norm, Written};
use clarke::problem::{Problem, Question};
use clarke::region::Region;
use clarke::search::property::{Answer, decide};
use ndarray::{Array2, s};
use std::time::Duration;

const CASES: usize = 1200;
const POINTS: usize = 60;

/// Outputs and their sizes at a point.
fn outputs(problem: &Problem, x: &[f64]) -> (Vec<f64>, f64) {
    let point = naive::at(problem, x);
    let sizes = point.sizes.last().expect("outputs").iter().fold(1.0, |m: f64, v| m.max(*v));
    (point.values.last().expect("outputs").clone(), sizes)
}

/// Boxes of whole and of few coordinates, and balls.
fn region(d: &mut Data, inputs: usize) -> Option<Region> {
    let centre: Vec<f64> = (0..inputs).map(|_| d.random.between(-1.0, 1.0)).collect();
    let radius = [1e-6, 0.03, 0.2, 1.0][d.size(0, 3)];
    if d.chance(0.4) {
        return Region::ball(&centre, radius, Norm::ALL[d.size(0, 2)], None).ok();
    }
    let half = |d: &mut Data| if d.chance(0.2) { 0.0 } else { radius * d.random.between(0.1, 1.0) };
    let halves: Vec<f64> = (0..inputs).map(|_| half(d)).collect();
    let side = |sign: f64| centre.iter().zip(&halves).map(|(c, h)| c + sign * h).collect();
    Region::boxed(side(-1.0), side(1.0)).ok()
}

/// One to three alternatives of one or two conditions, about which outputs at the members go on both sides.
fn statement(d: &mut Data, y: &[Vec<f64>]) -> Statement {
    let (count, n) = (d.size(1, 4), y[0].len());
    let mut rows = Array2::zeros((count, n));
    let mut limits = vec![];
    for mut row in rows.outer_iter_mut() {
        let (a, b) = (d.size(0, n - 1), d.size(0, n - 1));
        row[a] += if d.chance(0.5) { 1.0 } else { -1.0 };
        row[b] -= if d.chance(0.5) { 1.0 } else { 0.0 };
        let at = |y: &Vec<f64>| row.iter().zip(y).map(|(a, v)| a * v).sum::<f64>();
        let least = y.iter().map(at).fold(f64::INFINITY, f64::min);
        let most = y.iter().map(at).fold(f64::NEG_INFINITY, f64::max);
        let off = [-0.5, -0.1, -0.01, 0.01, 0.2, 0.6][d.size(0, 5)] * (most - least);
        limits.push(Written::float(least + off).expect("finite"));
    }
    let any = (0..d.size(1, 3)).map(|_| (0..d.size(1, 2)).map(|_| d.size(0, count - 1)).collect()).collect();
    Statement { rows, limits, any }
}

/// By how much the outputs miss the statement; negative where they meet it.
fn missed(statement: &Statement, y: &[f64]) -> f64 {
    let far = |r: usize| {
        let row = statement.rows.slice(s![r, ..]);
        row.iter().zip(y).map(|(a, v)| a * v).sum::<f64>() - statement.limits[r].nearest()
    };
    let most = |all: &Vec<usize>| all.iter().map(|&r| far(r)).fold(f64::NEG_INFINITY, f64::max);
    statement.any.iter().map(most).fold(f64::INFINITY, f64::min)
}

#[test]
fn no_statement_is_missed_that_a_member_meets() {
    let (mut held, mut violated, mut open, mut divided) = (0, 0, 0, 0);
    for seed in 0..share(CASES) as u64 {
        let mut m = nets::network(seed, if seed.is_multiple_of(2) { Kind::Tiny } else { Kind::Any });
        let n = m.net.inputs();
        let Some(region) = region(&mut m.d, n) else { continue };
        let question = Question::lipschitz(Norm::Inf);
        let Ok(problem) = Problem::new(m.net.clone(), region.clone(), question) else { continue };
        let points: Vec<Vec<f64>> = (0..POINTS).map(|_| naive::member(&region, n, &mut m.d)).collect();
        let seen: Vec<(Vec<f64>, f64)> = points.iter().map(|x| outputs(&problem, x)).collect();
        if seen.iter().any(|(y, _)| y.iter().any(|v| !v.is_finite())) {
            continue;
        }
        let (y, sizes): (Vec<Vec<f64>>, Vec<f64>) = seen.into_iter().unzip();
        let statement = statement(&mut m.d, &y);
        let slack = 1e-12 * sizes.iter().fold(1.0, |a: f64, b| a.max(*b));
        let placed = Placed::new(problem.net.clone(), Cpu::DOUBLE);
        let budget = Budget::new(Duration::from_millis(150), 1 << 30);
        let found = decide(&placed, &region, &statement, seed, &budget);
        divided += (found.parts > 1) as usize;
        match found.answer {
            Answer::Open => open += 1,
            Answer::Holds => {
                held += 1;
                let least = y.iter().map(|y| missed(&statement, y)).fold(f64::INFINITY, f64::min);
                assert!(least > -slack, "{seed}: a member meets it by {least}, by {}", found.method);
            }
            Answer::Violated(x) => {
                violated += 1;
                assert!(region.contains(&x), "{seed}");
                let by = missed(&statement, &outputs(&problem, &x).0);
                assert!(by <= slack, "{seed}: missed by {by} at the counterexample");
            }
        }
    }
    let all = held + violated + open;
    assert!(held > all / 10 && violated > all / 3 && open < all / 4, "{held} {violated} {open} {divided}");
    assert!(divided > all / 50, "{held} {violated} {open} {divided}");
}
