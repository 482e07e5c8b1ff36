//! Lower bounds from pairs of points.

use crate::common::data::matrix;
use crate::common::nets::{Kind, network, question};
use crate::common::solve::Here;
use crate::common::{bound, budget, naive, written};
use clarke::backend::cpu::Cpu;
use clarke::certificate::{LowerBound, Witness};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::lower::pair;
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::interval::Interval;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::{Array2, arr2};
use rayon::prelude::*;
use std::sync::Arc;

fn dense(net: &mut Net, w: Array2<f64>) {
    let (rows, last) = (w.nrows(), net.output());
    let affine =
        Affine { map: LinearMap::Dense(Arc::new(w)), bias: Some(Arc::new(vec![0.3; rows])), repeat: 1 };
    net.push("dense", Op::Affine(affine), vec![last], vec![rows]).unwrap();
}

fn ask(net: &Net, region: Region, norm: Norm, output: Output, quantity: Quantity) -> Problem {
    Problem::new(net.clone(), region, Question { in_norm: norm, out_norm: norm, output, quantity }).unwrap()
}

fn prove(problem: &Problem, x: &[f64], y: &[f64]) -> LowerBound {
    let here = Here::new(problem, Cpu::DOUBLE);
    pair::prove(&here.context(problem, budget(0)), x, y)
}

fn matrix_net() -> Net {
    let mut net = Net::new(vec![2]);
    dense(&mut net, arr2(&[[3.0, -4.0], [1.0, 2.0]]));
    net
}

/// Along the right direction an affine map has its norm as quotient.
#[test]
fn affine_maps_are_exact() {
    let net = matrix_net();
    let one = Region::ball(&[0.5, -0.25], 1.0, Norm::Inf, None).unwrap();
    let cases = [
        (Norm::Inf, Output::All, 7.0, [1.0, -1.0]),
        (Norm::One, Output::All, 6.0, [0.0, 1.0]),
        (Norm::Two, Output::One(0), 5.0, [0.6, -0.8]),
        (Norm::Two, Output::Difference(0, 1), 40f64.sqrt(), [0.25, -0.75]),
    ];
    for quantity in [Quantity::Lipschitz, Quantity::Anchored] {
        for (norm, output, value, way) in cases {
            let problem = ask(&net, one.clone(), norm, output, quantity);
            let y = [0.5, -0.25];
            let x = [y[0] + 0.5 * way[0], y[1] + 0.5 * way[1]];
            let l = prove(&problem, &x, &y).value.get();
            assert!(
                l <= value * (1.0 + 1e-15) && l >= value * (1.0 - 1e-14),
                "{norm} {output:?}: {l} {value}"
            );
            let found = bound(&problem, "pair", 0).unwrap().unwrap().lower;
            assert!(found.value.get() >= value * (1.0 - 1e-12), "{norm} {output:?}: {:?}", found.value);
            assert!(matches!(found.witness, Some(Witness::Pair { .. })));
        }
    }
}

/// Ends outside the region, equal ends, and ends that differ in constants only.
#[test]
fn what_proves_nothing() {
    let net = matrix_net();
    let ball = Region::ball(&[0.0, 0.0], 1.0, Norm::Two, None).unwrap();
    let nothing = |problem: &Problem, x: [f64; 2], y: [f64; 2]| {
        let l = prove(problem, &x, &y);
        assert!(l.value.get() == 0.0 && l.witness.is_none(), "{x:?} {y:?}: {l:?}");
    };
    let problem = ask(&net, ball.clone(), Norm::Two, Output::All, Quantity::Lipschitz);
    assert!(prove(&problem, &[0.6, 0.6], &[0.0, 0.5]).value.get() > 0.0);
    nothing(&problem, [0.6, 0.6], [0.6, 0.6]);
    nothing(&problem, [0.8, 0.8], [0.0, 0.0]);
    nothing(&problem, [0.0, 0.0], [0.8, 0.8]);
    nothing(&problem, [f64::NAN, 0.0], [0.0, 0.5]);
    let anchored = ask(&net, ball, Norm::Two, Output::All, Quantity::Anchored);
    assert!(prove(&anchored, &[0.6, 0.6], &[0.0, 0.0]).value.get() > 0.0);
    nothing(&anchored, [0.6, 0.6], [0.0, 0.5]);
    nothing(&anchored, [0.0, 0.0], [0.6, 0.6]);
    let point = Region::ball(&[0.0, 0.0], 0.0, Norm::Two, None).unwrap();
    nothing(&ask(&net, point, Norm::Two, Output::All, Quantity::Lipschitz), [0.0, 0.0], [0.0, 0.0]);
    let line = Region::box_of(["0", "1/3"].map(written).into(), ["1", "1/3"].map(written).into(), None);
    let line = line.unwrap();
    let problem = ask(&net, line, Norm::Two, Output::All, Quantity::Lipschitz);
    // Floats on both sides of 1/3 stand for it: only the first column counts.
    let third = 1.0f64 / 3.0;
    nothing(&problem, [0.5, third], [0.5, third.next_up()]);
    let l = prove(&problem, &[0.0, third], &[1.0, third.next_up()]).value.get();
    assert!(l > 0.0 && l <= 10f64.sqrt(), "{l}");
}

/// 100 relu(x - 0.499) - 100 relu(x - 0.501) is flat but for a step.
#[test]
fn a_narrow_step_seen_from_the_centre() {
    let mut net = Net::new(vec![1]);
    let first = Affine {
        map: LinearMap::Dense(Arc::new(arr2(&[[1.0], [1.0]]))),
        bias: Some(Arc::new(vec![-0.499, -0.501])),
        repeat: 1,
    };
    net.push("first", Op::Affine(first), vec![0], vec![2]).unwrap();
    net.push("relu", Op::Piecewise(Piecewise::RELU), vec![1], vec![2]).unwrap();
    dense(&mut net, arr2(&[[100.0, -100.0]]));
    let region = Region::ball(&[0.0], 1.0, Norm::Inf, None).unwrap();
    let problem = ask(&net, region, Norm::Inf, Output::All, Quantity::Anchored);
    // The truth is 0.2 / 0.501.
    let outcome = bound(&problem, "auto", 60).unwrap().unwrap();
    let l = outcome.lower.value.get();
    assert!(outcome.lower.method == "pair" && (0.19..=0.2 / 0.501).contains(&l), "{l}");
}

/// Values of plain networks at a point, in intervals.
fn values(net: &Net, x: &[f64]) -> Option<Vec<Interval>> {
    let mut all: Vec<Vec<Interval>> = vec![x.iter().map(|v| Interval::point(*v)).collect()];
    for node in &net.nodes[1..] {
        let x = &all[node.inputs[0]];
        let y = match &node.op {
            Op::Affine(a) => {
                let w = matrix(&a.map);
                let row = |i: usize| {
                    let start = Interval::point(a.bias.as_ref().map_or(0.0, |b| b[i / a.repeat]));
                    w.row(i).iter().zip(x).fold(start, |s, (w, x)| s + *x * *w)
                };
                (0..w.nrows()).map(row).collect()
            }
            Op::Piecewise(Piecewise::Clip { .. }) => return None,
            Op::Piecewise(f) => {
                let on = |v: Interval| v.max(Interval::ZERO);
                let off = |j: usize, v: Interval| v.min(Interval::ZERO) * f.slope_below(j);
                x.iter().enumerate().map(|(j, v)| on(*v) + off(j, *v)).collect()
            }
            Op::Add => {
                let sum = |j: usize| node.inputs[1..].iter().fold(x[j], |t, &i| t + all[i][j]);
                (0..node.len()).map(sum).collect()
            }
            Op::Concat => node.inputs.iter().flat_map(|&i| all[i].clone()).collect(),
            _ => return None,
        };
        all.push(y);
    }
    all.pop()
}

/// The quotient of every printed pair, derived again by interval loops.
#[test]
fn pairs_are_derived_again() {
    let again = |k: usize| {
        let mut m = network(k as u64 + 700_000, Kind::Any);
        let problem = question(&mut m, k);
        let lower = bound(&problem, "pair", 0)?.expect("no contradiction").lower;
        let Some(Witness::Pair { x, y }) = &lower.witness else { return None };
        assert!(problem.region.contains(x) && problem.region.contains(y), "case {k}");
        let anchored = problem.quotient.quantity == Quantity::Anchored;
        assert!(!anchored || problem.region.centre() == Some(y), "case {k}");
        let (u, v) = (values(&problem.net, x)?, values(&problem.net, y)?);
        let d = |i: usize| u[i] - v[i];
        let part = |of: &Vec<(usize, f64)>| match of[..] {
            [(i, _), (j, _)] => d(i) - d(j),
            _ => d(of[0].0),
        };
        let gap: Vec<Interval> = naive::measured(&problem).iter().map(part).collect();
        let moves = |j: &usize| !problem.region.is_fixed(*j);
        let way = (0..x.len()).filter(moves).map(|j| Interval::point(x[j]) - y[j]).collect::<Vec<_>>();
        let size = |v: &[Interval], norm: Norm| match norm {
            Norm::One => v.iter().fold(Interval::ZERO, |s, x| s + x.abs()),
            Norm::Two => v.iter().fold(Interval::ZERO, |s, x| s + x.sqr()).sqrt(),
            Norm::Inf => v.iter().fold(Interval::ZERO, |s, x| s.max(x.abs())),
        };
        let quotient = size(&gap, problem.quotient.out_norm) / size(&way, problem.quotient.in_norm);
        let claim = lower.value.get();
        assert!(claim <= quotient.hi, "case {k}: {claim:e} above {quotient:?}");
        Some(quotient.lo > 0.99 * claim)
    };
    let sharp: Vec<bool> = (0..6000usize).into_par_iter().filter_map(again).collect();
    println!("{} pairs, {} of them sharply", sharp.len(), sharp.iter().filter(|s| **s).count());
    assert!(sharp.iter().filter(|s| **s).count() > 300);
}
