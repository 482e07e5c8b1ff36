//! Sorts and reflections of groups of features against enumerations that know nothing of how they are written out.

mod model;

use crate::common::data::Data;
use crate::common::nets::{Kind, Maker, network, question};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{certify, solve};
use crate::common::{bound, budget, naive, share};
use crate::onnx_builder;
use crate::truth::{sigma, truth};
use clarke::certificate::Proof;
use clarke::certificate::check::{Claim, Limits, check};
use clarke::certificate::tree::Tree;
use clarke::data::{Array, Values};
use clarke::layer::Scale;
use clarke::method::row::Scope;
use clarke::method::{Goal, METHODS};
use clarke::net::{Net, npz};
use clarke::num::random::Random;
use clarke::num::{Coefficient, Norm};
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use model::{Act, Layer, enumerated, floats, layers, net, plain};
use ndarray::Array2;
use rayon::prelude::*;

/// A random problem about such a network with at most two varying inputs, no single point.
fn case(k: usize) -> Option<(Vec<Layer>, Problem, Maker)> {
    let mut m = network(k as u64 + 40_000_000, Kind::Tiny);
    let inputs = m.d.size(1, 2);
    let layers = layers(&mut m, inputs);
    m.net = net(&layers);
    let asked = question(&mut m, k);
    let quotient = Question { quantity: Quantity::Lipschitz, ..asked.quotient };
    let problem = Problem::new(asked.net, asked.region, quotient).expect("a valid question");
    (!problem.region.is_point()).then_some((layers, problem, m))
}

/// The steepest of many points, by the plain definition.
fn sampled(layers: &[Layer], problem: &Problem, d: &mut Data, points: usize) -> f64 {
    let q = &problem.quotient;
    let mut best: f64 = 0.0;
    for _ in 0..points {
        let mut x = naive::member(&problem.region, problem.net.inputs(), d);
        let (value, j) = plain(layers, &x);
        let own = problem.net.evaluate(&x);
        let size = 1.0 + value.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(value.iter().zip(&own).all(|(a, b)| (a - b).abs() <= 1e-9 * size), "{value:?} {own:?}");
        let Some(mut j) = j else { continue };
        for (k, x) in x.iter_mut().enumerate().filter(|(k, _)| problem.region.is_fixed(*k)) {
            *x = 0.0;
            j.column_mut(k).fill(0.0);
        }
        let rows = naive::measured(problem);
        let entry =
            |(r, c): (usize, usize)| -> f64 { rows[r].iter().map(|&(i, sign)| sign * j[[i, c]]).sum() };
        let j = Array2::from_shape_fn((rows.len(), j.ncols()), entry);
        best = best.max(truth(&j, q.in_norm, q.out_norm));
    }
    best
}

fn search(problem: &Problem) -> clarke::method::Outcome {
    let goal = Goal { splits: Some(5000), ..Goal::from(1.0 + 1e-9) };
    solve(problem, "exact", goal, budget(600), 1).expect("no contradiction")
}

/// All norms, boxes, balls and everything: both ends are the truth, which all orders and sides show, and, once
/// more, the pieces of what is written out. No sample is steeper.
#[test]
fn exact_constants() {
    let done: Vec<(usize, usize)> = (0..share(2600))
        .into_par_iter()
        .filter_map(|k| {
            let (layers, problem, mut m) = case(k)?;
            let truth = enumerated(&layers, &problem);
            let (other, _) = constant(&problem, Shape::Exact, crate::truth::truth)?;
            assert!((truth - other).abs() <= 1e-12 * truth, "case {k}: {truth} and {other}");
            let steep = sampled(&layers, &problem, &mut m.d, 40);
            // Differences of outputs may cancel but for rounding.
            assert!(steep <= truth * (1.0 + 1e-9) + 1e-13, "case {k}: {steep} above {truth}");
            let o = search(&problem);
            let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
            assert!(upper >= truth * (1.0 - 1e-12), "case {k}: {upper} below {truth}");
            assert!(lower <= truth * (1.0 + 1e-12), "case {k}: {lower} above {truth}");
            let same = upper <= truth * (1.0 + 1e-9) && lower >= truth * (1.0 - 1e-9);
            assert!(same && o.exact, "case {k}: [{lower}, {upper}] around {truth}: {:?}", o.status);
            Some((k % 9, (steep > truth * (1.0 - 1e-6)) as usize))
        })
        .collect();
    let pairs = (0..9).map(|p| done.iter().filter(|d| d.0 == p).count()).min();
    let reached: usize = done.iter().map(|d| d.1).sum();
    println!("{} exact, samples reach {reached} of them", done.len());
    assert!(done.len() >= share(2000) && pairs >= Some(share(180)) && 2 * reached > done.len());
}

/// Every method and norm: lower <= truth <= upper.
#[test]
fn bounds_of_all_methods() {
    let names: Vec<&str> = METHODS
        .iter()
        .filter(|r| !matches!(r.scope, Scope::Layer | Scope::Search))
        .map(|r| r.name)
        .chain(["auto"])
        .collect();
    let decided: Vec<Vec<bool>> = (0..share(360))
        .into_par_iter()
        .filter_map(|k| {
            let (layers, problem, _) = case(k + 10_000)?;
            let truth = enumerated(&layers, &problem);
            let one = |name: &&str| {
                let Some(outcome) = bound(&problem, name, 20) else { return false };
                let outcome = outcome.unwrap_or_else(|e| panic!("case {k}: {e}"));
                let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
                let fine = upper >= truth * (1.0 - 1e-12) && lower <= truth * (1.0 + 1e-12);
                assert!(fine, "case {k}, {name}: [{lower}, {upper}] without {truth}");
                upper.is_finite() || lower > 0.0
            };
            Some(names.iter().map(one).collect())
        })
        .collect();
    for (i, name) in names.iter().enumerate() {
        let count = decided.iter().filter(|d| d[i]).count();
        println!("{name}: {count} of {}", decided.len());
        // Methods for chains have nothing to say.
        let chains = ["eclipse-fast", "lipsdp", "seqlip", "greedy-seqlip"].contains(name);
        assert!(chains || count > 0, "{name} says nothing");
    }
}

/// Certificates are accepted, those that claim more are not.
#[test]
fn certificates() {
    let counts: Vec<usize> = (0..share(480))
        .into_par_iter()
        .filter_map(|k| {
            let (mut layers, problem, _) = case(k + 20_000)?;
            let truth = enumerated(&layers, &problem);
            let (claim, digest) = certify(&problem, &search(&problem), &budget(600));
            assert_eq!(digest, None, "case {k}");
            let accepted = |problem: &Problem, claim: &Claim| check(problem, claim, &Limits::default());
            assert!(accepted(&problem, &claim).is_ok(), "case {k}: {:?}", accepted(&problem, &claim));
            if truth < 1e-100 {
                return Some(0);
            }
            let less = Claim { upper: truth * (1.0 - 1e-6), lower: 0.0, ..claim.clone() };
            let more = Claim { lower: truth * (1.0 + 1e-6), upper: f64::INFINITY, ..claim.clone() };
            let mut mutants = vec![(problem.clone(), less), (problem.clone(), more)];
            if let Proof::Tree { tree, kinks, reach } = &claim.proof
                && tree.nodes.len() > 1
            {
                let tree = Tree { nodes: tree.nodes[..tree.nodes.len() - 1].to_vec() };
                let proof = Proof::Tree { tree, kinks: *kinks, reach: *reach };
                mutants.push((problem.clone(), Claim { proof, ..claim.clone() }));
            }
            // Of another network.
            let last = layers.last_mut().expect("layers");
            last.w *= 2.0;
            let steeper = Problem::new(net(&layers), problem.region.clone(), problem.quotient);
            mutants.push((steeper.expect("a problem"), claim));
            for (i, (problem, claim)) in mutants.iter().enumerate() {
                assert!(accepted(problem, claim).is_err(), "case {k}: mutant {i} is accepted");
            }
            Some(mutants.len())
        })
        .collect();
    let refused: usize = counts.iter().sum();
    println!("{} accepted, {refused} mutants refused", counts.len());
    assert!(counts.len() > share(360) && refused > share(1100));
}

/// A sort has the norm 1 from every norm to itself, a reflection from the euclidean one: products are those of
/// the layers.
#[test]
fn products_of_layers() {
    let length = |a: &Array2<f64>, p: Norm| if p == Norm::Two { sigma(a) } else { truth(a, p, p) };
    for k in 0..60 {
        let mut m = network(k as u64 + 41_000_000, Kind::Tiny);
        let layers = layers(&mut m, 3);
        let mirrors = layers.iter().any(|l| matches!(l.act, Act::Reflect(_)));
        let net = net(&layers);
        for p in Norm::ALL {
            let lengths = |l: &Layer| match &l.act {
                Act::Reflect(v) => v
                    .iter()
                    .map(|v| (2.0 * v.iter().map(|x| x * x).sum::<f64>() - 1.0).abs())
                    .fold(1.0, f64::max),
                _ => 1.0,
            };
            let wanted: f64 = layers.iter().map(|l| length(&l.w, p) * lengths(l)).product();
            let quotient =
                Question { in_norm: p, out_norm: p, output: Output::All, quantity: Quantity::Lipschitz };
            let problem = Problem::new(net.clone(), Region::Whole, quotient).expect("a problem");
            let of = |name| bound(&problem, name, 20).expect("applies").expect("a bound").upper.value.get();
            let (product, blocks) = (of("product"), of("partition"));
            if p == Norm::Two || !mirrors {
                assert!(product <= wanted * (1.0 + 1e-6), "case {k} {p}: {product} above {wanted}");
            }
            assert!(blocks <= product * (1.0 + 1e-9), "case {k} {p}: {blocks} above {product}");
        }
    }
}

/// What is wrong with a file is said.
#[test]
fn mistakes() {
    let refused = |width: usize, act: &str, v: Option<Array>| {
        let w = Array2::<f64>::eye(width);
        let mut arrays = vec![("W1".to_string(), floats(&[width, width], w.iter().copied().collect()))];
        arrays.push(("act1".into(), Array { shape: vec![], values: Values::Text(vec![act.into()]) }));
        arrays.extend(v.map(|v| ("v1".into(), v)));
        npz::from_arrays(arrays).map(drop).expect_err(act).to_string()
    };
    assert!(refused(6, "groupsort:4", None).contains("groups of 4"));
    assert!(refused(6, "groupsort:0", None).contains("groups of 0"));
    assert!(refused(6, "groupsort:two", None).contains("no group size"));
    assert!(refused(6, "groupsort", None).contains("no group size"));
    assert!(refused(3, "maxmin:2", None).contains("groups of 2"));
    assert!(refused(6, "fullsort:2", None).contains("fullsort:2"));
    assert!(refused(6, "householder", None).contains("v1"));
    let v = |shape: &[usize]| Some(floats(shape, vec![0.5; shape.iter().product()]));
    assert!(refused(6, "householder", v(&[2, 2])).contains("2 vectors of 2 numbers for 6 values"));
    assert!(refused(6, "householder", v(&[4])).contains("1 vectors of 4"));
    assert!(refused(6, "householder", v(&[3, 1, 2])).contains("matrix"));
    assert!(refused(6, "householder", v(&[0, 2])).contains("0 vectors"));
    assert!(refused(6, "householder", Some(floats(&[2], vec![f64::NAN; 2]))).contains("NaN"));
    assert!(refused(6, "householder", Some(floats(&[2], vec![1e308; 2]))).contains("inf"));
    assert!(refused(6, "relu", v(&[2])).contains("v1"));
}

/// One vector serves all groups; pairs of (1, −1) / √2 swap what is out of order.
#[test]
fn one_mirror_for_all() {
    let w = Array2::<f64>::eye(4);
    let arrays = |act: &str, v: Option<Array>| {
        let mut list = vec![("W1".to_string(), floats(&[4, 4], w.iter().copied().collect()))];
        list.push(("act1".into(), Array { shape: vec![], values: Values::Text(vec![act.into()]) }));
        list.extend(v.map(|v| ("v1".into(), v)));
        npz::from_arrays(list).expect("a network").evaluate(&[1.0, 3.0, 4.0, -2.0])
    };
    let v = floats(&[2], vec![0.5f64.sqrt(), -(0.5f64.sqrt())]);
    let (mirrored, sorted) = (arrays("householder", Some(v)), arrays("maxmin:2", None));
    assert!(mirrored.iter().zip(&sorted).all(|(a, b)| (a - b).abs() < 1e-15), "{mirrored:?} {sorted:?}");
    assert_eq!(arrays("fullsort", None), [-2.0, 1.0, 3.0, 4.0]);
}

/// Changes of a node and of what it is made of, at random points: never more than is said of them.
fn holds(net: &Net, random: &mut Random) -> usize {
    for gain in &net.gains {
        let [from, node] = [gain.from, gain.node].map(|k| net.clone().prune(k));
        for _ in 0..20 {
            let [x, y] = [(); 2].map(|_| (0..net.inputs()).map(|_| random.normal()).collect::<Vec<_>>());
            let apart = |net: &Net| -> Vec<f64> {
                net.evaluate(&x).iter().zip(net.evaluate(&y)).map(|(a, b)| a - b).collect()
            };
            let (inner, outer) = (apart(&from), apart(&node));
            for (p, most) in Norm::ALL.into_iter().zip(gain.norm) {
                let [a, b] = [&inner, &outer].map(|v| naive::length(v, p));
                assert!(b <= most * a * (1.0 + 1e-9) + 1e-12, "{p}: {b} above {most} times {a}");
            }
        }
    }
    net.gains.len()
}

/// What is known of groups goes along into every network that is made of theirs.
#[test]
fn gains_stay_true() {
    let mut random = Random(5);
    for k in 0..60 {
        let mut m = network(k as u64 + 42_000_000, Kind::Tiny);
        let layers = layers(&mut m, 3);
        let groups = layers.iter().filter(|l| matches!(l.act, Act::Sort(_) | Act::Reflect(_))).count();
        let net = net(&layers);
        let one = |net: &Net, random: &mut Random| assert_eq!(holds(net, random), groups, "case {k}");
        one(&net, &mut random);
        let half = Scale::uniform(Coefficient::exact(0.5));
        one(&net.clone().behind(half).expect("a scale"), &mut random);
        if let Some(other) = net.without_maxima() {
            one(&other, &mut random);
        }
        one(&net.section(0, net.output()).expect("the whole"), &mut random);
        let first = net.section(1, net.output()).expect("behind the first layer");
        one(&first, &mut random);
    }
    // A bias that is added to a product joins its layer, which the sort then reads.
    use onnx_builder::{import, int, integers, model, node, tensor};
    let nodes = vec![
        node("MatMul", &["x", "w"], "m", vec![]),
        node("Add", &["m", "b"], "a", vec![]),
        node("TopK", &["a", "k"], "y,i", vec![int("largest", 0)]),
    ];
    let w = [1.0, -2.0, 0.5, 0.25, 3.0, 1.0, -1.0, 2.0, 0.0];
    let weights = vec![tensor("w", &[3, 3], &w), tensor("b", &[3], &[1.0, 5.0, -2.0]), integers("k", &[3])];
    let net = import(&model(13, &[1, 3], nodes, weights)).expect("a network");
    assert_eq!((holds(&net, &mut random), net.gains[0].from), (1, 1));
}

/// Trained networks on all of R^n (weights by tests/data/make_groups.py).
#[test]
fn trained_networks_everywhere() {
    for (name, norm, known) in [
        ("groupsort3", Norm::Two, 4.520273545586),
        ("groupsort3", Norm::Inf, 7.984017461823),
        ("householder", Norm::Two, 5.619197929062),
        ("householder", Norm::Inf, 9.427485086438),
        ("householder", Norm::One, 7.736639615321),
    ] {
        let path = format!("{}/tests/data/groups/small-{name}.npz", env!("CARGO_MANIFEST_DIR"));
        let net = clarke::net::load(path.as_ref(), &Default::default()).expect("a network");
        let quotient =
            Question { in_norm: norm, out_norm: norm, output: Output::All, quantity: Quantity::Lipschitz };
        let problem = Problem::new(net, Region::Whole, quotient).expect("a valid question");
        let o = search(&problem);
        let (upper, lower) = (o.upper.value.get(), o.lower.value.get());
        assert!(o.exact && (upper / known - 1.0).abs() < 1e-9, "{name}: [{lower}, {upper}] {:?}", o.status);
        let (claim, digest) = certify(&problem, &o, &budget(600));
        assert_eq!(digest, None, "{name}");
        assert!(check(&problem, &claim, &Limits::default()).is_ok(), "{name}");
        let less = Claim { upper: lower * (1.0 - 1e-6), lower: 0.0, ..claim };
        assert!(check(&problem, &less, &Limits::default()).is_err(), "{name}");
    }
}
