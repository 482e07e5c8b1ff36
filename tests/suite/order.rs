//! How bounds compare with each other and change with the question.

use crate::common::nets::{Kind, network, question};
use crate::common::solve::Here;
use crate::common::{bound, budget, naive};
use clarke::analysis::ibp;
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, Incidence, LinearMap, Piecewise};
use clarke::method::local::{jacobian, parts};
use clarke::net::{Net, Op};
use clarke::num::{Norm, Written};
use clarke::problem::{Output, Problem, Quantity};
use clarke::region::{Region, Shape};
use clarke::sweep::Prepared;
use rayon::prelude::*;
use std::sync::Arc;

const METHODS: [&str; 4] = ["jacobian-interval", "jacobian-ibp", "product-local", "product"];

fn upper(problem: &Problem, method: &str) -> f64 {
    let outcome = bound(problem, method, 0).map(|o| o.expect("no contradiction"));
    outcome.map_or(f64::INFINITY, |o| o.upper.value.get())
}

fn same(a: f64, b: f64, relative: f64) -> bool {
    // Below the floor of radii zero and not zero are the same.
    a == b || (a - b).abs() <= relative * a.max(b) || a.max(b) < 1e-200
}

/// Pairs whose norm is one formula, so that larger entries give larger norms.
fn monotone(problem: &Problem) -> bool {
    let q = &problem.quotient;
    problem.rows() == 1 || q.in_norm == Norm::One || q.out_norm == Norm::Inf
}

fn each(count: usize, start: u64, work: impl Fn(usize, Problem) -> Option<String> + Sync) -> usize {
    let done: Vec<Option<String>> = (0..count)
        .into_par_iter()
        .map(|k| {
            let mut m = network(start + k as u64, Kind::Any);
            let problem = question(&mut m, k);
            work(k, problem)
        })
        .collect();
    let failures: Vec<&String> = done.iter().flatten().filter(|s| !s.is_empty()).collect();
    assert!(failures.is_empty(), "{} failures: {:?}", failures.len(), &failures[..failures.len().min(5)]);
    done.iter().flatten().count()
}

#[test]
fn better_statuses_and_minima() {
    let checked = each(1500, 10_000, |k, problem| {
        let uppers = METHODS.map(|m| upper(&problem, m));
        if monotone(&problem) && uppers[0] > uppers[1] * (1.0 + 1e-9) {
            return Some(format!("case {k}: linear statuses {:e} above {:e}", uppers[0], uppers[1]));
        }
        if k % 4 == 0 {
            let auto = upper(&problem, "auto");
            let least = uppers.iter().copied().fold(f64::INFINITY, f64::min);
            if auto > least * (1.0 + 1e-8) {
                return Some(format!("case {k}: auto {auto:e} above {least:e}"));
            }
        }
        Some(String::new())
    });
    println!("{checked} orders");
}

/// The network behind a diagonal factor of 2 on its output.
fn doubled(net: &Net) -> Net {
    let mut net = net.clone();
    let (last, n) = (net.output(), net.outputs());
    let two = clarke::layer::Scale::uniform(clarke::num::Coefficient::exact(2.0));
    net.push("twice", Op::Scale(two), vec![last], vec![n]).expect("a factor");
    net
}

/// Twice the function is twice as steep: doubling the weights of the last layer
/// is exact, and doubling behind it can cost no Jacobian bound anything.
#[test]
fn scaling() {
    let checked = each(1500, 20_000, |k, problem| {
        let net = &problem.net;
        let mut twice = problem.clone();
        let mut behind = problem.clone();
        behind.net = doubled(net).into();
        for m in ["jacobian-interval", "jacobian-ibp"] {
            let (a, b) = (upper(&problem, m), upper(&behind, m));
            // The rows of a saturated softmax are zero up to rounding, not exactly;
            // so are differences of equal outputs behind a factor.
            let cancels = net.nodes.iter().any(|n| matches!(n.op, Op::Softmax { .. }));
            let zero = a == 0.0 && b < 1e-12;
            if !cancels && !zero && !same(2.0 * a, b, 1e-9) {
                return Some(format!("case {k}: {m} of 2 f is {b:e}, of f {a:e}"));
            }
        }
        let Op::Affine(a) = &net.nodes[net.output()].op else { return None };
        let LinearMap::Dense(w) = &a.map else { return None };
        let bias = a.bias.as_ref().map(|b| Arc::new(b.iter().map(|v| 2.0 * v).collect::<Vec<f64>>()));
        let affine = Affine { map: LinearMap::Dense(Arc::new(w.mapv(|v| 2.0 * v))), bias, repeat: a.repeat };
        std::sync::Arc::make_mut(&mut twice.net).nodes[net.output()].op = Op::Affine(affine);
        for m in METHODS.into_iter().chain(["centre", "ascent", "pair"]) {
            if (m == "ascent" || m == "pair") && k % 5 != 0 {
                continue;
            }
            let one = bound(&problem, m, 0).expect("bounded or global").expect("no contradiction");
            let two = bound(&twice, m, 0).expect("bounded or global").expect("no contradiction");
            let uppers = same(2.0 * one.upper.value.get(), two.upper.value.get(), 1e-9);
            if !uppers || !same(2.0 * one.lower.value.get(), two.lower.value.get(), 1e-9) {
                return Some(format!("case {k}: {m}: {:?} and {:?}", one.upper.value, two.upper.value));
            }
        }
        Some(String::new())
    });
    println!("{checked} scalings");
    assert!(checked > 800);
}

/// Interval Jacobians layer by layer, and with runs through fixed neurons multiplied out.
fn jacobians(problem: &Problem) -> [[f64; 2]; 2] {
    let here = Here::new(problem, Cpu::DOUBLE);
    let context = here.context(problem, budget(0));
    let gates = ibp::run(&context.main(), &problem.region, None).gates;
    let norms = |prepared: &Prepared<Cpu>| {
        let sides = [jacobian::rows, jacobian::columns];
        sides.map(|side| {
            let j = side(&context, prepared, &gates, &problem.seeds()).expect("not interrupted");
            jacobian::norm(&context, &j).get()
        })
    };
    [norms(&context.main()), norms(&context.main().multiplied(&gates, &|_| true))]
}

#[test]
fn runs_cost_nothing() {
    let checked = each(1500, 50_000, |k, problem| {
        if !monotone(&problem) {
            return None;
        }
        let [plain, runs] = jacobians(&problem);
        // Where all entries cancel only rounding is left, in another order.
        let rounding = 1e-12 * upper(&problem, "product");
        let larger = (0..2).any(|s| runs[s] > plain[s] * (1.0 + 1e-9) + rounding);
        Some(if larger { format!("case {k}: {runs:?} above {plain:?}") } else { String::new() })
    });
    println!("{checked} runs");
    assert!(checked > 500);
}

/// Row by row, no Jacobian kept: never below the norm of the whole, and equal to it
/// where rows or columns alone decide.
#[test]
fn parts_of_a_jacobian() {
    let checked = each(1500, 90_000, |k, problem| {
        let few = clarke::method::context::Budget { memory: 1 + (k as u64 % 3) * 20_000, ..budget(0) };
        let here = Here::new(&problem, Cpu::DOUBLE);
        let context = here.context(&problem, few);
        let gates = ibp::run(&context.main(), &problem.region, None).gates;
        let whole = jacobian::rows(&context, &context.main(), &gates, &problem.seeds())?;
        let whole = jacobian::norm(&context, &whole).get();
        let by_parts = parts::norm(&context, &context.main(), &gates)?.get();
        if whole == f64::INFINITY || whole == 0.0 {
            return (by_parts == whole).then_some(String::new()).or(Some(format!("case {k}: {by_parts}")));
        }
        let ratio = by_parts / whole;
        let fine = ratio >= 1.0 - 1e-12 && (!monotone(&problem) || ratio <= 1.0 + 1e-9);
        Some(if fine { String::new() } else { format!("case {k}: {by_parts} for {whole}") })
    });
    println!("{checked} Jacobians by parts");
    assert!(checked > 1200);
}

/// Between two open layers lies one that is on everywhere, and what goes into
/// it cancels behind it: |W2 W1| is far below |W2||W1|.
#[test]
fn runs_gain() {
    let dense = |w: [[f64; 2]; 2], b: f64| {
        let map = LinearMap::Dense(Arc::new(ndarray::arr2(&w)));
        Op::Affine(Affine { map, bias: Some(Arc::new(vec![b; 2])), repeat: 1 })
    };
    let mut net = Net::new(vec![2]);
    let layers = [([[1.0, 0.5], [0.5, -1.0]], 0.0), ([[3.0, 1.0], [2.0, 1.0]], 100.0)];
    let relu = || Op::Piecewise(Piecewise::RELU);
    for (w, b) in layers.into_iter().chain([([[1.0, -1.0], [-2.0, 3.0]], -100.0)]) {
        let last = net.push("layer", dense(w, b), vec![net.output()], vec![2]).unwrap();
        net.push("relu", relu(), vec![last], vec![2]).unwrap();
    }
    net.push("last", dense([[1.0, 2.0], [1.0, -1.0]], 0.0), vec![net.output()], vec![2]).unwrap();
    let region = Region::ball(&[0.0, 0.0], 1.0, Norm::Inf, None).unwrap();
    let output = Output::All;
    let (in_norm, out_norm, quantity) = (Norm::Inf, Norm::Inf, Quantity::Lipschitz);
    let quotient = clarke::problem::Question { in_norm, out_norm, output, quantity };
    let problem = Problem::new(net, region, quotient).unwrap();
    let [plain, runs] = jacobians(&problem);
    println!("{plain:?} {runs:?}");
    assert!(runs[0] < 0.5 * plain[0] && runs[1] < 0.5 * plain[1], "{runs:?} {plain:?}");
    // ‖W3‖ ‖W2 W1‖ ‖W0‖ = 3 * 1 * 1.5, where W2 W1 is the identity.
    let (local, global) = (upper(&problem, "product-local"), upper(&problem, "product"));
    assert!(local <= 4.5 * (1.0 + 1e-12) && global > 2.0 * local, "{local} {global}");
}

/// The order of the inputs does not matter.
#[test]
fn permutation() {
    let checked = each(1500, 30_000, |k, problem| {
        let n = problem.net.inputs();
        let order: Vec<usize> = (0..n).map(|j| (j * (n - 1) + k) % n).collect();
        if n < 2 || (0..n).any(|j| !order.contains(&j)) {
            return None;
        }
        // Input order[j] of the new network is input j of the old one.
        let mut net = Net::new(vec![n]);
        let gather = Incidence::gather(n, order.iter().map(|&j| Some(j as u32)));
        let shape = problem.net.nodes[0].shape.clone();
        net.push("order", Op::Select { incidence: Arc::new(gather), fill: 0.0 }, vec![0], shape)
            .expect("a gather");
        for node in &problem.net.nodes[1..] {
            let inputs = node.inputs.iter().map(|i| i + 1).collect();
            net.push("n", node.op.clone(), inputs, node.shape.clone()).expect("the same node");
        }
        let turn = |v: &[Written]| {
            let mut to = v.to_vec();
            order.iter().enumerate().for_each(|(j, &o)| to[o] = v[j].clone());
            to
        };
        let region = match problem.region.written() {
            None => Region::Whole,
            Some((Shape::Box { lo, hi, .. }, _)) => Region::box_of(turn(lo), turn(hi), None).expect("a box"),
            Some((Shape::Ball { radius, norm, clip }, centre)) => {
                Region::ball_of(turn(centre), radius.clone(), *norm, clip.clone()).expect("a ball")
            }
        };
        let turned = Problem::new(net, region, problem.quotient).expect("the same question");
        let limit = if monotone(&problem) { 1e-6 } else { 1e-3 };
        let (a, b) = (upper(&problem, "jacobian-ibp"), upper(&turned, "jacobian-ibp"));
        Some(if same(a, b, limit) { String::new() } else { format!("case {k}: {a:e} and {b:e}") })
    });
    println!("{checked} permutations");
    assert!(checked > 300);
}

/// At a point inside a piece every Jacobian bound is ‖J(x)‖.
#[test]
fn zero_radius() {
    let checked = each(3000, 40_000, |k, mut problem| {
        let centre: Vec<f64> = problem.region.centre()?.to_vec();
        problem.region = Region::ball(&centre, 0.0, Norm::Inf, None).expect("a point");
        problem.quotient.quantity = Quantity::Lipschitz;
        let at = naive::at(&problem, &centre);
        let small = at.jacobian.nrows().min(at.jacobian.ncols()) <= 7 && at.jacobian.ncols() <= 10;
        let known = problem.net.nodes.iter().all(|n| {
            !matches!(&n.op, Op::Smooth(_) | Op::Softmax { .. })
                && !matches!(&n.op, Op::Scale(s) if s.factor.iter().chain(&s.shift).any(|c| !c.is_exact()))
        });
        if !at.generic || !small || !known {
            return None;
        }
        let size = crate::truth::truth(&at.jacobian, problem.quotient.in_norm, problem.quotient.out_norm);
        if at.drift.sum() > 1e5 * size {
            return None;
        }
        for m in ["jacobian-interval", "jacobian-ibp", "auto"] {
            let o = bound(&problem, m, 0).expect("bounded").expect("no contradiction");
            let (l, u) = (o.lower.value.get(), o.upper.value.get());
            if !(same(u, size, 1e-6) && same(l, size, 1e-2) && l <= u) {
                return Some(format!("case {k}: {m} says [{l:e}, {u:e}], ‖J‖ = {size:e}"));
            }
        }
        Some(String::new())
    });
    println!("{checked} points");
    assert!(checked > 300);
}

/// Rounding 0.1 + 0.2 up adds no members to a ball: the kink lies between the
/// true end and the rounded one, and behind it the function is steep.
#[test]
fn rounded_ends_are_no_witnesses() {
    let shift = |b: f64| {
        let map = LinearMap::Dense(Arc::new(ndarray::arr2(&[[1.0]])));
        Op::Affine(Affine { map, bias: Some(Arc::new(vec![b])), repeat: 1 })
    };
    let mut net = Net::new(vec![1]);
    net.push("first", shift(-(0.1 + 0.2)), vec![0], vec![1]).unwrap();
    net.push("second", shift(2e-17), vec![1], vec![1]).unwrap();
    net.push("relu", Op::Piecewise(Piecewise::RELU), vec![2], vec![1]).unwrap();
    let region = Region::ball(&[0.1], 0.2, Norm::Inf, None).unwrap();
    let quotient = clarke::problem::Question {
        in_norm: Norm::Inf,
        out_norm: Norm::Inf,
        output: Output::All,
        quantity: Quantity::Lipschitz,
    };
    let problem = Problem::new(net, region, quotient).unwrap();
    for m in ["ascent", "pair", "centre", "auto"] {
        let lower = bound(&problem, m, 0).unwrap().unwrap().lower.value.get();
        assert_eq!(lower, 0.0, "{m}");
    }
}

/// Coefficients that no bound could survive are refused where nodes are added.
#[test]
fn unusable_activations_are_refused() {
    let bad = [
        Op::Piecewise(Piecewise::Leaky { slope: f64::NAN }),
        Op::Piecewise(Piecewise::Leaky { slope: f64::INFINITY }),
        Op::Piecewise(Piecewise::PerFeature { slope: vec![], repeat: 1 }),
        Op::Piecewise(Piecewise::PerFeature { slope: vec![0.1], repeat: 0 }),
        Op::Piecewise(Piecewise::Clip { lo: f64::NAN, hi: 1.0 }),
        Op::Piecewise(Piecewise::Clip { lo: f64::INFINITY, hi: f64::INFINITY }),
        Op::Smooth(clarke::layer::Smooth::Elu { alpha: f64::NAN }),
    ];
    for op in bad {
        let mut net = Net::new(vec![2]);
        assert!(net.push("bad", op.clone(), vec![0], vec![2]).is_err(), "{op:?}");
    }
    let open = Op::Piecewise(Piecewise::Clip { lo: f64::NEG_INFINITY, hi: f64::INFINITY });
    assert!(Net::new(vec![2]).push("identity", open, vec![0], vec![2]).is_ok());
}
