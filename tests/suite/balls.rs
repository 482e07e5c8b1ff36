//! Searches on balls: against enumeration with exact membership, their certificates, and these about other balls.

use crate::common::budget;
use crate::common::data::Data;
use crate::common::nets::{Kind, Maker, network, pair};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{certify, solve};
use clarke::certificate::check::{Claim, Limits, check};
use clarke::certificate::tree::{Node, Tree};
use clarke::certificate::{Proof, Witness};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::{Goal, Outcome};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::rational;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::{Region, Shape as Written};
use clarke::rules::exact::within;
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

fn search(problem: &Problem) -> Outcome {
    let goal = Goal { splits: Some(2000), ..Goal::from(1.0 + 1e-9) };
    solve(problem, "exact", goal, budget(600), 1).expect("no contradiction")
}

/// A relu network whose kinks pass near the origin.
fn relus(d: &mut Data, widths: &[usize]) -> Net {
    let mut net = Net::new(vec![widths[0]]);
    for (layer, pair) in widths.windows(2).enumerate() {
        let w = Array2::from_shape_simple_fn((pair[1], pair[0]), || d.random.between(-1.0, 1.0));
        let bias = (0..pair[1]).map(|_| 0.4 * d.random.between(-1.0, 1.0)).collect();
        let affine = Affine { map: LinearMap::Dense(Arc::new(w)), bias: Some(Arc::new(bias)), repeat: 1 };
        net.push("n", Op::Affine(affine), vec![net.output()], vec![pair[1]]).expect("a valid node");
        if layer + 2 < widths.len() {
            let relu = Op::Piecewise(Piecewise::RELU);
            net.push("n", relu, vec![net.output()], vec![pair[1]]).expect("a valid node");
        }
    }
    net
}

/// An l2 or an l1 ball, sometimes clipped, sometimes at a corner of its clip range.
fn ball(d: &mut Data, n: usize) -> Region {
    let clip = d.chance(0.4).then_some((-0.5, 0.75));
    let corner = d.chance(0.5);
    let centre =
        |d: &mut Data| if corner { [-0.5, 0.75, 0.0][d.size(0, 2)] } else { d.random.between(-0.5, 0.7) };
    let centre: Vec<f64> = (0..n).map(|_| centre(d)).collect();
    let radius = [0.125, 0.3, 0.5, 1.0, 1.7][d.size(0, 4)];
    let norm = if d.chance(0.7) { Norm::Two } else { Norm::One };
    Region::ball(&centre, radius, norm, clip).expect("a ball")
}

/// Two inputs that vary: everything can be enumerated.
fn flat(k: usize) -> Problem {
    let (mut d, net) = if k.is_multiple_of(3) {
        let Maker { d, net, .. } = network(k as u64 + 300_000, Kind::Tiny);
        (d, net)
    } else {
        let mut d = Data::new(k as u64 + 310_000);
        let widths: &[usize] = [&[2, 4, 2][..], &[2, 3, 3, 2], &[2, 6, 1]][k % 3];
        let net = relus(&mut d, widths);
        (d, net)
    };
    let region = ball(&mut d, net.inputs());
    let (in_norm, out_norm) = pair(k);
    let quotient = Question { in_norm, out_norm, output: Output::All, quantity: Quantity::Lipschitz };
    Problem::new(net, region, quotient).expect("a valid question")
}

/// Both ends are the largest slope of the pieces that come inside the ball, whatever its box meets.
#[test]
fn enumerated_balls() {
    let done: Vec<Option<bool>> = (0..1_300usize)
        .into_par_iter()
        .map(|k| {
            let problem = flat(k);
            let (truth, _) = constant(&problem, Shape::Exact, crate::truth::truth)?;
            let (boxed, _) = constant(&problem, Shape::Outside, crate::truth::truth)?;
            let o = search(&problem);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            assert!(upper >= truth * (1.0 - 1e-12), "case {k}: {upper} below {truth}");
            assert!(lower <= truth * (1.0 + 1e-12), "case {k}: {lower} above {truth}");
            let same = upper <= truth * (1.0 + 1e-9) && lower >= truth * (1.0 - 1e-9);
            assert!(same && o.exact, "case {k}: [{lower}, {upper}] around {truth}: {:?}", o.status);
            let round = matches!(problem.region.ball_norm(), Some((Norm::Two, _)));
            Some(round && boxed > truth * (1.0 + 1e-6))
        })
        .collect();
    let (all, differ) = (done.iter().flatten().count(), done.iter().flatten().filter(|d| **d).count());
    println!("{all} exact; the box of {differ} has steeper pieces");
    assert!(all >= 1_100 && differ >= 40, "{all}, {differ}");
}

/// A problem on a ball with up to eight inputs, and what a search says of it.
fn round(k: usize) -> (Problem, Claim, bool) {
    let mut d = Data::new(k as u64 + 330_000);
    let n = d.size(2, 8);
    let net = relus(&mut d, &[n, 7, 4, 2]);
    let region = ball(&mut d, n);
    let norms = [Norm::Two, Norm::Inf, Norm::One];
    let problem = Problem::new(net, region, Question::lipschitz(norms[k % 3])).expect("a valid question");
    let o = search(&problem);
    let (claim, digest) = certify(&problem, &o, &budget(600));
    assert_eq!(digest, None, "case {k}: {}", o.upper.method);
    (problem, claim, o.exact)
}

/// Every one closes and has a certificate that is accepted, and a witness in the ball itself.
#[test]
fn certified_balls() {
    let closed: usize = (0..150usize)
        .into_par_iter()
        .map(|k| {
            let (problem, claim, exact) = round(k);
            let accepted = check(&problem, &claim, &Limits::default());
            assert!(accepted.is_ok(), "case {k}: {accepted:?}");
            match &claim.witness {
                Some(Witness::Piece { x, .. }) => assert!(problem.region.contains(x), "case {k}"),
                Some(Witness::Inside { x, .. }) => assert!(within(&problem.region, x), "case {k}"),
                Some(Witness::Pair { .. }) => panic!("case {k}: slopes are steeper than pairs"),
                None => assert_eq!(claim.lower, 0.0, "case {k}"),
            }
            exact as usize
        })
        .sum();
    println!("{closed} of 150 closed");
    assert!(closed >= 148, "{closed}");
}

/// The same claim about another ball.
fn elsewhere(problem: &Problem, k: usize) -> Vec<Problem> {
    let (Written::Ball { radius, norm, clip }, centre) = problem.region.written().expect("a ball") else {
        panic!("a ball")
    };
    let (r, c) = (radius.nearest(), problem.region.centre().expect("a centre").to_vec());
    assert_eq!(centre.len(), c.len());
    let clip = clip.as_ref().map(|[a, b]| (a.nearest(), b.nearest()));
    let other = if *norm == Norm::Two { Norm::One } else { Norm::Two };
    let moved: Vec<f64> =
        c.iter().enumerate().map(|(j, c)| if (j + k).is_multiple_of(2) { c * 0.5 } else { *c }).collect();
    let regions = [
        Region::ball(&c, 1.5 * r, *norm, clip),
        Region::ball(&c, 3.0 * r, *norm, clip),
        Region::ball(&c, 0.75 * r, *norm, clip),
        Region::ball(&c, r, other, clip),
        Region::ball(&c, r, Norm::Inf, clip),
        Region::ball(&c, r, *norm, None),
        Region::ball(&moved, r, *norm, clip),
    ];
    let regions = regions.into_iter().filter_map(|r| r.ok());
    regions.map(|region| Problem { region, ..problem.clone() }).collect()
}

/// No accepted certificate says something false of the ball that it is about.
#[test]
fn certificates_of_other_balls() {
    let counts: Vec<Option<[usize; 3]>> = (0..260usize)
        .into_par_iter()
        .map(|k| {
            let problem = flat(k);
            let o = search(&problem);
            let (claim, digest) = certify(&problem, &o, &budget(600));
            assert_eq!(digest, None, "case {k}");
            assert!(check(&problem, &claim, &Limits::default()).is_ok(), "case {k}");
            let [mut tried, mut lies, mut accepted] = [0; 3];
            for (i, other) in elsewhere(&problem, k).into_iter().enumerate() {
                // Each end alone, so that no other refuses for it.
                let above = Claim { lower: 0.0, ..claim.clone() };
                let below = Claim { upper: f64::INFINITY, ..claim.clone() };
                let (truth, _) = constant(&other, Shape::Exact, crate::truth::truth)?;
                for (claim, lie) in [
                    (&above, claim.upper < truth * (1.0 - 1e-11)),
                    (&below, claim.lower > truth * (1.0 + 1e-11)),
                ] {
                    let accept = check(&other, claim, &Limits::default()).is_ok();
                    assert!(!(lie && accept), "case {k}: {i} shows {claim:?} of {truth}");
                    (tried, lies, accepted) = (tried + 1, lies + lie as usize, accepted + accept as usize);
                }
            }
            Some([tried, lies, accepted])
        })
        .collect();
    let sum = |i: usize| counts.iter().flatten().map(|c| c[i]).sum::<usize>();
    println!("{} claims about other balls, {} false, {} accepted", sum(0), sum(1), sum(2));
    assert!(sum(0) > 2500 && sum(1) > 180 && sum(2) > 500);
}

/// Parts that are said to be empty by whatever multipliers show no bound below the truth.
#[test]
fn multipliers_of_balls() {
    let refused: usize = (0..160usize)
        .into_par_iter()
        .map(|k| {
            let problem = flat(k);
            let Some((truth, _)) = constant(&problem, Shape::Exact, crate::truth::truth) else { return 0 };
            let (claim, _) = certify(&problem, &search(&problem), &budget(600));
            let Proof::Tree { tree, kinks, reach } = &claim.proof else { return 0 };
            if truth < 1e-100 {
                return 0;
            }
            let half = rational::of(0.5).expect("a number");
            let mut refused = 0;
            for (i, node) in tree.nodes.iter().enumerate().filter(|(_, n)| n.split().is_none()).take(12) {
                let own = if let Node::Empty(m) = node { m.clone() } else { vec![] };
                let others =
                    tree.nodes.iter().filter_map(|n| if let Node::Empty(m) = n { Some(m) } else { None });
                let mut lists: Vec<Vec<f64>> = others.take(4).cloned().collect();
                lists.extend((0..4).map(|n| vec![1.0; n]));
                lists.extend(
                    (0..own.len()).map(|z| {
                        own.iter().enumerate().map(|(i, m)| if i == z { 0.0 } else { *m }).collect()
                    }),
                );
                let fractions = (1..14).map(|n| Node::Refuted(vec![half.clone(); n]));
                for leaf in lists.into_iter().map(Node::Empty).chain(fractions) {
                    let mut nodes = tree.nodes.clone();
                    nodes[i] = leaf;
                    let proof = Proof::Tree { tree: Tree { nodes }, kinks: *kinks, reach: *reach };
                    let lie = Claim { upper: truth * (1.0 - 1e-6), lower: 0.0, witness: None, proof };
                    assert!(check(&problem, &lie, &Limits::default()).is_err(), "case {k}: {lie:?}");
                    refused += 1;
                }
            }
            refused
        })
        .sum();
    println!("{refused} refused");
    assert!(refused > 4_000, "{refused}");
}
