//! Branch and bound against enumerated and sampled truth.

use crate::common::nets::{Kind, Maker, network, pair, question};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{certify, solve};
use crate::common::{budget, naive, share};
use clarke::certificate::Proof;
use clarke::certificate::check::{Claim, Limits, check};
use clarke::certificate::tree::{Node, Tree};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::{Goal, Outcome};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use rayon::prelude::*;
use std::sync::Arc;

fn search(problem: &Problem, splits: u64) -> Outcome {
    let goal = Goal { splits: Some(splits), ..Goal::from(1.0 + 1e-9) };
    solve(problem, "exact", goal, budget(600), 1).expect("no contradiction")
}

/// Random problems with at most two varying inputs: every kind of piecewise linear node, every
/// norm, output and shape of region. Both ends are the truth.
#[test]
fn enumerated_networks() {
    let done: Vec<Option<(bool, bool)>> = (0..share(7_500))
        .into_par_iter()
        .map(|k| {
            let mut m = network(k as u64 + 500_000, Kind::Tiny);
            let problem = question(&mut m, k);
            let region = &problem.region;
            if region.is_global() || region.is_point() || problem.quotient.quantity == Quantity::Anchored {
                return None;
            }
            let (truth, _) = constant(&problem, Shape::Exact, crate::truth::truth)?;
            let o = search(&problem, 2000);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            assert!(upper >= truth * (1.0 - 1e-12), "case {k}: {upper} below {truth}");
            assert!(lower <= truth * (1.0 + 1e-12), "case {k}: {lower} above {truth}");
            let round = matches!(region.ball_norm(), Some((Norm::Two, _)));
            let same = upper <= truth * (1.0 + 1e-9) && lower >= truth * (1.0 - 1e-9);
            assert!(same && o.exact, "case {k}: [{lower}, {upper}] around {truth}: {:?}", o.status);
            Some((round, o.exact))
        })
        .collect();
    let count = |f: &dyn Fn(bool, bool) -> bool| done.iter().flatten().filter(|(r, e)| f(*r, *e)).count();
    let (straight, balls, closed) = (count(&|r, _| !r), count(&|r, _| r), count(&|r, e| r && e));
    println!("{straight} exact; {closed} of {balls} on l2 balls are, too");
    assert!(
        straight >= share(2000) && balls > share(800) && closed == balls,
        "{straight}, {closed} of {balls}"
    );
}

/// The same on all of R^n, by the faces of a box for the homogeneous network.
#[test]
fn enumerated_networks_everywhere() {
    let done: Vec<Option<bool>> = (0..share(6_000))
        .into_par_iter()
        .map(|k| {
            let mut m = network(k as u64 + 700_000, Kind::Tiny);
            let asked = question(&mut m, k);
            let quotient = Question { quantity: Quantity::Lipschitz, ..asked.quotient };
            let problem = Problem::new(asked.net, Region::Whole, quotient).expect("a valid question");
            let (truth, _) = constant(&problem, Shape::Inside, crate::truth::truth)?;
            let o = search(&problem, 20_000);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            assert!(upper >= truth * (1.0 - 1e-12), "case {k}: {upper} below {truth}");
            assert!(lower <= truth * (1.0 + 1e-12), "case {k}: {lower} above {truth}");
            let same = upper <= truth * (1.0 + 1e-9) && lower >= truth * (1.0 - 1e-9);
            assert!(same && o.exact, "case {k}: [{lower}, {upper}] around {truth}: {:?}", o.status);
            Some(o.searched.parts > 0)
        })
        .collect();
    let (all, searched) = (done.iter().flatten().count(), done.iter().flatten().filter(|s| **s).count());
    println!("{all} exact, {searched} of them searched");
    assert!(all >= share(1000) && searched >= share(300), "{all}, {searched}");
}

/// The largest norm of a Jacobian at generic points, less what rounding may have added.
fn steepest(problem: &Problem, m: &mut Maker) -> f64 {
    let q = &problem.quotient;
    let n = problem.net.inputs();
    let mut best: f64 = 0.0;
    for _ in 0..8 {
        let at = naive::at(problem, &naive::member(&problem.region, n, &mut m.d));
        let small = at.jacobian.nrows().min(at.jacobian.ncols()) <= 12;
        if at.generic && small {
            let size = crate::truth::truth(&at.jacobian, q.in_norm, q.out_norm);
            best = best.max(size * (1.0 - 1e-9) - 1e-12 * at.drift.sum());
        }
    }
    best
}

/// Larger networks, everything included: no sampled Jacobian is steeper than the upper bound.
#[test]
fn sampled_networks() {
    let closed: usize = (0..share(300))
        .into_par_iter()
        .map(|k| {
            let mut m = network(k as u64 + 7_000, Kind::Any);
            let problem = question(&mut m, k);
            if problem.quotient.quantity == Quantity::Anchored {
                return 0;
            }
            let o = search(&problem, 60);
            let steep = steepest(&problem, &mut m);
            let upper = o.upper.value.get();
            assert!(upper >= steep, "case {k}: {upper} below {steep}");
            assert!(upper >= o.lower.value.get());
            o.exact as usize
        })
        .sum();
    println!("{closed} exact");
    assert!(closed > share(50));
}

/// Networks trained on tables, on all of R^n (weights by tests/data/make_tables.py).
#[test]
fn trained_networks_everywhere() {
    for (name, norm, known) in [
        ("iris", Norm::Two, 11.86909155),
        ("diabetes", Norm::Two, 0.4427274537),
        ("diabetes", Norm::Inf, 1.119531786),
    ] {
        let path = format!("{}/tests/data/tables/{name}.npz", env!("CARGO_MANIFEST_DIR"));
        let net = clarke::net::load(path.as_ref(), &Default::default()).expect("a network");
        let quotient =
            Question { in_norm: norm, out_norm: norm, output: Output::All, quantity: Quantity::Lipschitz };
        let problem = Problem::new(net, Region::Whole, quotient).expect("a valid question");
        let o = search(&problem, 20_000);
        let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
        assert!(o.exact && (upper / known - 1.0).abs() < 1e-8, "{name}: [{lower}, {upper}] {:?}", o.status);
        let (claim, digest) = certify(&problem, &o, &budget(600));
        assert_eq!(digest, None, "{name}");
        assert!(check(&problem, &claim, &Limits::default()).is_ok(), "{name}");
    }
}

fn dense(w: ndarray::Array2<f64>, bias: Vec<f64>) -> Op {
    Op::Affine(Affine { map: LinearMap::Dense(Arc::new(w)), bias: Some(Arc::new(bias)), repeat: 1 })
}

/// For the norm inf every row of the output has scalings of its own; the checker needs them.
#[test]
fn rows_rest_on_scalings_of_their_own() {
    let path = format!("{}/tests/data/seeded/4.npz", env!("CARGO_MANIFEST_DIR"));
    let net = clarke::net::load(path.as_ref(), &Default::default()).expect("a network");
    for in_norm in [Norm::Inf, Norm::Two] {
        let quotient =
            Question { in_norm, out_norm: Norm::Inf, output: Output::All, quantity: Quantity::Lipschitz };
        let region = Region::boxed(vec![-0.1; 6], vec![0.1; 6]).unwrap();
        let problem = Problem::new(net.clone(), region, quotient).expect("a valid question");
        let o = search(&problem, 20_000);
        assert!(o.exact, "{in_norm}: [{}, {}]", o.lower.value.get(), o.upper.value.get());
        let (claim, digest) = certify(&problem, &o, &budget(600));
        assert_eq!(digest, None, "{in_norm}");
        let Proof::Tree { tree, kinks, reach } = &claim.proof else { panic!("{in_norm}: no tree") };
        let single = |n: &Node| matches!(n, Node::Scaled(list) if list.iter().any(|s| s.row.is_some()));
        assert!(tree.nodes.iter().any(single), "{in_norm}");
        // Without them linear bounds do not show the claim.
        let bare = |n: &Node| if single(n) { Node::Bounded } else { n.clone() };
        let tree = Tree { nodes: tree.nodes.iter().map(bare).collect() };
        let proof = Proof::Tree { tree, kinks: *kinks, reach: *reach };
        assert!(check(&problem, &Claim { proof, ..claim }, &Limits::default()).is_err(), "{in_norm}");
    }
}

/// relu(x) − relu(−x) = x on boxes around, beside and at the kink.
#[test]
fn cancelling_kinks() {
    let mut net = Net::new(vec![1]);
    net.push("both", dense(ndarray::arr2(&[[1.0], [-1.0]]), vec![0.0; 2]), vec![0], vec![2]).unwrap();
    net.push("relu", Op::Piecewise(Piecewise::RELU), vec![1], vec![2]).unwrap();
    net.push("minus", dense(ndarray::arr2(&[[1.0, -1.0]]), vec![0.0]), vec![2], vec![1]).unwrap();
    for (lo, hi) in [(-1.0, 1.0), (-1.0, 0.5), (0.0, 1.0), (-0.25, 1e-9), (-3.0, -1.0)] {
        for k in 0..9 {
            let (in_norm, out_norm) = pair(k);
            let quotient = Question { in_norm, out_norm, output: Output::All, quantity: Quantity::Lipschitz };
            let region = Region::boxed(vec![lo], vec![hi]).unwrap();
            let problem = Problem::new(net.clone(), region, quotient).unwrap();
            let o = search(&problem, 50);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            assert!(o.exact && lower <= 1.0 && 1.0 <= upper, "[{lo}, {hi}]: [{lower}, {upper}]");
            assert!(upper <= 1.0 + 1e-9 && lower >= 1.0 - 1e-9, "[{lo}, {hi}]: [{lower}, {upper}]");
        }
    }
}

/// max(x, −x) and its kin by two inputs: the same search closes clipped and leaky ones.
#[test]
fn several_kinks_per_function() {
    for f in [Piecewise::ABS, Piecewise::Leaky { slope: 0.1 }, Piecewise::Clip { lo: -0.5, hi: 0.25 }] {
        let mut net = Net::new(vec![2]);
        let w = ndarray::arr2(&[[1.0, 0.5], [-0.75, 1.0], [0.25, -1.0]]);
        net.push("in", dense(w, vec![0.125, -0.25, 0.0]), vec![0], vec![3]).unwrap();
        net.push("f", Op::Piecewise(f.clone()), vec![1], vec![3]).unwrap();
        net.push(
            "out",
            dense(ndarray::arr2(&[[1.0, -1.0, 0.5], [0.5, 2.0, -1.0]]), vec![0.0; 2]),
            vec![2],
            vec![2],
        )
        .unwrap();
        for k in 0..9 {
            let (in_norm, out_norm) = pair(k);
            let quotient = Question { in_norm, out_norm, output: Output::All, quantity: Quantity::Lipschitz };
            let region = Region::ball(&[0.0, 0.0], 1.0, Norm::Inf, None).unwrap();
            let problem = Problem::new(net.clone(), region, quotient).unwrap();
            let (exact, _) =
                constant(&problem, Shape::Inside, crate::truth::truth).expect("two inputs are enumerated");
            let o = search(&problem, 200);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            let same = upper >= exact * (1.0 - 1e-12) && lower <= exact * (1.0 + 1e-12);
            assert!(same && o.exact, "{f:?} {k}: [{lower}, {upper}] around {exact}");
        }
    }
}
