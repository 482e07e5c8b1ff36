//! Certificates of searches: every one is accepted, and none of their mutants carries a claim that
//! enumeration shows false.

use crate::common::nets::{Kind, network, question};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{certify, methods, solve};
use crate::common::{budget, share};
use clarke::backend::cpu::Cpu;
use clarke::certificate::Proof;
use clarke::certificate::Witness;
use clarke::certificate::check::{Claim, Limits, Refusal, check, upper};
use clarke::certificate::file::{Certificate, Source, read, write};
use clarke::certificate::tree::{Node, Tree};
use clarke::layer::LinearMap;
use clarke::method::Goal;
use clarke::net::Op;
use clarke::num::Norm;
use clarke::problem::{Problem, Quantity, Question};
use clarke::rules::feedback::Scaled;
use rayon::prelude::*;
use std::sync::Arc;

/// A certified problem and its constant.
pub struct Case {
    pub problem: Problem,
    pub claim: Claim,
    pub truth: f64,
}

/// A tiny problem on a box, a ball, or everything.
pub fn case(k: usize) -> Option<Case> {
    let mut m = network(k as u64 + 900_000, Kind::Tiny);
    let problem = question(&mut m, k);
    let region = &problem.region;
    if region.is_point() || problem.quotient.quantity == Quantity::Anchored {
        return None;
    }
    let (truth, _) = constant(&problem, Shape::Exact, crate::truth::truth)?;
    let goal = Goal { splits: Some(2000), ..Goal::from(1.0 + 1e-9) };
    let outcome = solve(&problem, "exact", goal, budget(600), 1).ok()?;
    let (claim, digest) = certify(&problem, &outcome, &budget(600));
    assert_eq!(digest, None, "case {k}: {}", outcome.upper.method);
    let ends = (claim.lower, claim.upper, truth);
    // The checker may move an exact end by as much again; on boxes it does not come to that.
    let near = if region.is_global() { 2.1e-9 } else { 1e-9 };
    let close = claim.upper <= truth * (1.0 + near) && claim.lower >= truth * (1.0 - near);
    assert!(close, "case {k}: {ends:?}");
    assert!(outcome.exact, "case {k}: {ends:?} {:?}", outcome.status);
    assert!(claim.upper >= truth * (1.0 - 1e-12) && claim.lower <= truth * (1.0 + 1e-12), "case {k}");
    Some(Case { problem, claim, truth })
}

fn holds(claim: &Claim, truth: f64) -> bool {
    claim.lower <= truth * (1.0 + 1e-11) && truth * (1.0 - 1e-11) <= claim.upper
}

/// Parts of a tree that are changed.
const LEAVES: usize = 24;

/// Mutants of a claim; true: must be refused, whatever else it says.
fn mutants(case: &Case, k: usize) -> Vec<(&'static str, bool, Problem, Claim)> {
    let (problem, claim, truth) = (&case.problem, &case.claim, case.truth);
    let mut list = vec![];
    let mut add = |name, must, p: &Problem, c: Claim| list.push((name, must, p.clone(), c));
    if truth > 1e-100 {
        add("lower upper", true, problem, Claim { upper: truth * (1.0 - 1e-6), lower: 0.0, ..claim.clone() });
        let higher = Claim { lower: truth * (1.0 + 1e-6), upper: f64::INFINITY, ..claim.clone() };
        add("higher lower", true, problem, higher);
        add("no witness", true, problem, Claim { witness: None, ..claim.clone() });
    }
    // A witness somewhere else in the region.
    if let (Some(witness), Some((lo, hi))) = (&claim.witness, problem.region.ends()) {
        let t = (k % 97) as f64 / 97.0;
        let away: Vec<f64> = lo.iter().zip(hi).map(|(l, h)| l + t * (h - l)).collect();
        let moved = match witness.clone() {
            Witness::Piece { u, .. } => Witness::Piece { x: away, u },
            Witness::Inside { x, u } => {
                let x = x
                    .into_iter()
                    .zip(lo.iter().zip(hi))
                    .map(|(x, (l, h))| x + clarke::num::rational::of(t * (h - l)).expect("a number"));
                Witness::Inside { x: x.collect(), u }
            }
            Witness::Pair { x, .. } => Witness::Pair { x, y: away },
        };
        add("moved witness", false, problem, Claim { witness: Some(moved), ..claim.clone() });
    }
    if let Proof::Tree { tree, kinks, reach } = &claim.proof {
        let proof = |nodes: Vec<Node>, reach| Proof::Tree { tree: Tree { nodes }, kinks: *kinks, reach };
        let with = |nodes: Vec<Node>| Claim { proof: proof(nodes, *reach), ..claim.clone() };
        let elsewhere = |reach| Claim { proof: proof(tree.nodes.clone(), reach), ..claim.clone() };
        match reach {
            Some(reach) => {
                // One part alone may be shown under the slopes that functions have anywhere.
                add("no reach", tree.nodes.len() > 1, problem, elsewhere(None));
                for other in [0.0, -1.0, f64::NAN, f64::INFINITY] {
                    add("an impossible reach", true, problem, elsewhere(Some(other)));
                }
                add("another reach", false, problem, elsewhere(Some(reach * 4.0)));
            }
            None => add("a reach", !problem.region.is_global(), problem, elsewhere(Some(1.0))),
        }
        if let Node::Faces(faces) = &tree.nodes[0] {
            let other = |change: &dyn Fn(&mut Vec<usize>)| {
                let mut nodes = tree.nodes.clone();
                let mut own = faces.clone();
                change(&mut own);
                nodes[0] = Node::Faces(own);
                with(nodes)
            };
            add("a face is gone", true, problem, other(&|f| f.truncate(f.len() - 1)));
            add("a face twice", true, problem, other(&|f| f[0] = f[1]));
            add("faces in another order", false, problem, other(&|f| f.reverse()));
        }
        if truth > 1e-100 {
            // Whatever the scalings are, they show nothing false.
            let inputs = if problem.quotient.in_norm == Norm::Inf { problem.net.inputs() } else { 0 };
            for (size, input) in [(1.0, 1.0), (0.1, 1e-8), (1e-6, 1.0)] {
                let neurons = (0..problem.net.neurons()).map(|p| (p, size)).collect();
                let all =
                    Node::Scaled(Arc::new(vec![Scaled { row: None, neurons, inputs: vec![input; inputs] }]));
                let scaled = |n: &Node| match n {
                    Node::Bounded | Node::Pattern | Node::Scaled(_) | Node::Layers => all.clone(),
                    n => n.clone(),
                };
                let claim = with(tree.nodes.iter().map(scaled).collect());
                let claim = Claim { upper: truth * (1.0 - 1e-6), lower: 0.0, ..claim };
                add("scalings everywhere", true, problem, claim);
            }
            let layers = |n: &Node| match n {
                Node::Bounded | Node::Pattern | Node::Scaled(_) => Node::Layers,
                n => n.clone(),
            };
            let claim = with(tree.nodes.iter().map(layers).collect());
            let claim = Claim { upper: truth * (1.0 - 1e-6), lower: 0.0, ..claim };
            add("layers everywhere", true, problem, claim);
        }
        let count = tree.nodes.len();
        if count > 1 {
            add("a leaf is gone", true, problem, with(tree.nodes[..count - 1].to_vec()));
            // One child twice instead of both.
            let mut nodes = tree.nodes.clone();
            if let Some((split, mut children)) = nodes[0].split() {
                children[k % 2] = children[1 - k % 2];
                nodes[0] = Node::divided(split, children);
                add("a part twice", true, problem, with(nodes));
            }
        }
        // Every mutant costs a check of the whole tree.
        let step = tree.nodes.len().div_ceil(LEAVES);
        for (i, node) in tree.nodes.iter().enumerate().skip(k % step).step_by(step) {
            let mut nodes = tree.nodes.clone();
            match node {
                Node::Empty(m) if !m.is_empty() => {
                    // Zeros are worth as much as none: nothing, unless half-spaces of later nodes leave
                    // no box, which the checker sees by itself.
                    nodes[i] = Node::Empty(vec![]);
                    let needed = check(problem, &with(nodes.clone()), &Limits::default()).is_err();
                    nodes[i] = Node::Empty(vec![0.0; m.len()]);
                    add("multipliers zero", needed, problem, with(nodes));
                }
                Node::Scaled(scaled) => {
                    let mut listed = |change: &dyn Fn(&mut Vec<Scaled>)| {
                        let mut own = scaled.to_vec();
                        change(&mut own);
                        nodes[i] = Node::Scaled(Arc::new(own));
                        add("other scalings", false, problem, with(nodes.clone()));
                    };
                    listed(&|list| list.truncate(list.len() - 1));
                    listed(&|list| list.extend(list.to_vec()));
                    listed(&|list| list.iter_mut().for_each(|s| s.row = s.row.xor(Some(0))));
                    listed(&|list| list.iter_mut().for_each(|s| s.row = s.row.map(|r| r ^ 1)));
                    listed(&|list| list.iter_mut().for_each(|s| s.row = Some(problem.rows())));
                    let mut changed =
                        |change: &dyn Fn(&mut Scaled)| listed(&|list| list.iter_mut().for_each(change));
                    changed(&|s| s.neurons.iter_mut().for_each(|w| w.1 = -w.1));
                    changed(&|s| s.neurons.iter_mut().for_each(|w| w.1 *= 1e-3));
                    changed(&|s| {
                        s.neurons.iter_mut().take(1).for_each(|w| w.1 = [0.0, f64::NAN, 1e300][k % 3])
                    });
                    changed(&|s| s.neurons.clear());
                    changed(&|s| s.inputs.iter_mut().take(1).for_each(|w| *w *= 0.5));
                    changed(&|s| s.inputs.iter_mut().for_each(|w| *w *= 1e-9));
                    changed(&|s| s.inputs.clear());
                    changed(&|s| s.inputs.push(1.0));
                }
                Node::Refuted(m) => {
                    nodes[i] = Node::Refuted(m.iter().map(|_| Default::default()).collect());
                    add("fractions zero", true, problem, with(nodes));
                }
                Node::Bounded | Node::Pattern | Node::Layers => {
                    nodes[i] = Node::Empty(vec![1.0; k % 3]);
                    add("a bounded part is said to be empty", false, problem, with(nodes.clone()));
                    nodes[i] = Node::Refuted(vec![Default::default(); k % 5]);
                    add("a bounded part is said to have no interior", true, problem, with(nodes));
                }
                _ => {}
            }
        }
    }
    // The smaller quantity: slopes elsewhere are no witness of it.
    if problem.region.centre().is_some() && truth > 1e-100 {
        let quotient = Question { quantity: Quantity::Anchored, ..problem.quotient };
        let anchored = Problem { quotient, ..problem.clone() };
        // At the centre a slope is the limit of quotients against it.
        let at_centre = |x: &Vec<f64>| problem.region.centre() == Some(&x[..]);
        let must = !matches!(&claim.witness, Some(Witness::Pair { .. }))
            && !matches!(&claim.witness, Some(Witness::Piece { x, .. }) if at_centre(x));
        if must {
            add("slopes for the anchored quotient", true, &anchored, claim.clone());
        }
    }
    // Other weights: the claim is about another function.
    let mut changed = problem.clone();
    let dense = std::sync::Arc::make_mut(&mut changed.net).nodes.iter_mut().filter_map(|n| match &mut n.op {
        Op::Affine(a) => match &mut a.map {
            LinearMap::Dense(w) => Some(w),
            LinearMap::Conv { .. } => None,
        },
        _ => None,
    });
    if let Some(w) = dense.last() {
        let mut other = w.as_ref().clone();
        let at = k % other.len();
        if let Some(x) = other.iter_mut().nth(at) {
            *x = *x * 1.5 + 0.25;
        }
        *w = Arc::new(other);
        add("a weight", false, &changed, claim.clone());
    }
    list
}

#[test]
fn every_certificate_is_accepted_and_no_false_mutant() {
    let results: Vec<Option<(usize, usize)>> = (0..share(7_600))
        .into_par_iter()
        .map(|k| {
            let case = case(k)?;
            let accepted = check(&case.problem, &case.claim, &Limits::default());
            assert!(accepted.is_ok(), "case {k}: {accepted:?}");
            let mut tried = 0;
            let mut refused = 0;
            for (name, must, problem, claim) in mutants(&case, k) {
                tried += 1;
                match check(&problem, &claim, &Limits::default()) {
                    Err(_) => refused += 1,
                    Ok(rules) => {
                        assert!(!must, "case {k}: {name} accepted by {rules:?}");
                        let truth = match name {
                            "a weight" => constant(&problem, Shape::Exact, crate::truth::truth)?.0,
                            _ => case.truth,
                        };
                        assert!(holds(&claim, truth), "case {k}: {name} makes a false claim about {truth}");
                    }
                }
            }
            Some((tried, refused))
        })
        .collect();
    let cases = results.iter().flatten().count();
    let (tried, refused) = results.iter().flatten().fold((0, 0), |s, r| (s.0 + r.0, s.1 + r.1));
    println!("{cases} certificates accepted; {refused} of {tried} mutants refused");
    assert!(cases >= share(2000) && tried >= share(20_000) && refused * 2 > tried);
}

/// Bounds of whole regions that come with a proof of their own are shown by it, and not a little less.
#[test]
fn methods_show_what_they_prove() {
    for (method, rule) in [("layered-gain", "scaled feedback by layers"), ("scaled-gain", "scaled feedback")]
    {
        let one = |k: usize| {
            let mut m = network(k as u64 + 600_000, Kind::Tiny);
            let problem = question(&mut m, k);
            let bound = methods(&problem, Cpu::DOUBLE, method, 1.0, budget(600)).ok()?.upper;
            let Proof::Tree { tree, .. } = &bound.proof else { return None };
            let own = bound.method == method && matches!(tree.nodes[..], [Node::Layers] | [Node::Scaled(_)]);
            let value = bound.value.get();
            if !own || !(1e-100..1e100).contains(&value) {
                return None;
            }
            let limits = Limits::default();
            let shown = upper(&problem, &bound.proof, value, &limits);
            let near = shown.as_ref().is_ok_and(|s| s.1 == rule && s.0 <= value * (1.0 + 1e-9));
            let less = Claim { upper: 0.5 * value, lower: 0.0, witness: None, proof: bound.proof.clone() };
            let (inner, _) = constant(&problem, Shape::Inside, crate::truth::truth)?;
            if 0.5 * value < inner * (1.0 - 1e-9) {
                assert!(check(&problem, &less, &limits).is_err(), "case {k}: half of {method}'s bound");
            }
            Some(near as usize)
        };
        let found: Vec<usize> = (0..share(1200)).into_par_iter().filter_map(one).collect();
        let near: usize = found.iter().sum();
        println!("{method}: {near} of {} bounds shown", found.len());
        assert!(
            found.len() > share(200) && near * 10 > found.len() * 9,
            "{method}: {near} of {}",
            found.len()
        );
    }
}

pub fn source() -> Source {
    Source {
        name: "net.npz".into(),
        sha256: "0".repeat(64),
        bytes: None,
        external: vec![],
        input_shape: None,
        output_name: None,
        keep_softmax: false,
        mean: None,
        std: None,
    }
}

/// Files say what they were given, and no damaged file makes a false claim.
#[test]
fn files_round_trip_and_bear_damage() {
    let counts: Vec<Option<(usize, usize)>> = (0..240usize)
        .into_par_iter()
        .map(|k| {
            let case = case(k)?;
            let (region, quotient) = (case.problem.region.clone(), case.problem.quotient);
            let text = write(&Certificate { source: source(), region, quotient, claim: case.claim.clone() });
            let again = read(&text).expect("what was written");
            assert_eq!(write(&again), text);
            assert!(check(&case.problem, &again.claim, &Limits::default()).is_ok(), "case {k}");
            let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ k as u64;
            let mut next = move |n: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % n
            };
            let (mut legible, mut tried) = (0, 0);
            for _ in 0..25 {
                let mut bytes = text.clone().into_bytes();
                let at = next(bytes.len());
                bytes[at] = b"0123456789abcdef.-,[]{}\"e/"[next(26)];
                tried += 1;
                let Ok(damaged) = read(&String::from_utf8(bytes).expect("letters")) else { continue };
                legible += 1;
                let (region, quotient) = (damaged.region.clone(), damaged.quotient);
                let Ok(problem) = Problem::new(case.problem.net.clone(), region, quotient) else { continue };
                if check(&problem, &damaged.claim, &Limits::default()).is_ok() {
                    let (inner, _) = constant(&problem, Shape::Inside, crate::truth::truth)?;
                    let (outer, _) = constant(&problem, Shape::Outside, crate::truth::truth)?;
                    let true_claim = damaged.claim.lower <= outer * (1.0 + 1e-11)
                        && inner * (1.0 - 1e-11) <= damaged.claim.upper;
                    assert!(true_claim, "case {k}: [{}, {}]", damaged.claim.lower, damaged.claim.upper);
                }
            }
            Some((tried, legible))
        })
        .collect();
    let (tried, legible) = counts.iter().flatten().fold((0, 0), |s, c| (s.0 + c.0, s.1 + c.1));
    println!("{legible} of {tried} damaged files can be read");
    assert!(tried > 1000 && legible > 50);
}

#[test]
fn a_digest_can_only_be_run_again() {
    let case = (0..50).find_map(case).expect("a problem");
    let proof = Proof::digest("seen by somebody");
    let claim = Claim { proof, ..case.claim };
    assert!(matches!(check(&case.problem, &claim, &Limits::default()), Err(Refusal::ReRunnable(_))));
}
