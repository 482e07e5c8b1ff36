//! Certificates changed in one field after another, in every field that a certificate has: numbers, flags,
//! words, lists. Most mutants also claim something that enumeration shows false; none of these is accepted.

use crate::certificates::{Case, case};
use crate::common::fields::{Place, changed, number, pick, places};
use crate::common::nets::{Kind, network};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::methods;
use crate::common::{budget, share};
use crate::laws::steepest;
use crate::truth;
use clarke::backend::cpu::Cpu;
use clarke::certificate::Proof;
use clarke::certificate::check::{Claim, Limits, check, upper};
use clarke::certificate::file::{Certificate, read, write};
use clarke::certificate::tree::{Node, Tree};
use clarke::net::Op;
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Problem, Quantity, Question};
use clarke::rules::feedback::Scaled;
use clarke::rules::part::Split;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of a mutant.
#[derive(Clone, Copy, Default)]
struct Count {
    tried: usize,
    /// The claim about the problem as it was is false.
    lies: usize,
    accepted: usize,
}

/// The true constant's lower and upper estimates for what a certificate says its problem is. Against the centre: that
/// of some points of the region, and what holds between any two.
fn truth(problem: &Problem) -> Option<[f64; 2]> {
    if problem.quotient.quantity == Quantity::Anchored {
        let whole = Question { quantity: Quantity::Lipschitz, ..problem.quotient };
        let (outer, _) =
            constant(&Problem { quotient: whole, ..problem.clone() }, Shape::Outside, truth::truth)?;
        let mut m = network(7, Kind::Tiny);
        let some = (0..20).map(|_| steepest(problem, &mut m));
        return Some([some.fold(0.0, f64::max), outer]);
    }
    let (inner, _) = constant(problem, Shape::Inside, truth::truth)?;
    let (outer, _) = constant(problem, Shape::Outside, truth::truth)?;
    Some([inner, outer])
}

/// One mutant of a certificate's text, and what comes of it.
fn try_one(k: usize, case: &Case, honest: &Value, place: &Place, lie: usize, random: &mut Random) -> Count {
    let mut mutant = honest.clone();
    let value = mutant.pointer_mut(&place.pointer).expect("a place");
    *value = changed(value, random);
    let own = place.field.starts_with("/upper") || place.field.starts_with("/lower");
    match lie {
        0 if !own => (mutant["upper"], mutant["lower"]) = (number(case.truth * (1.0 - 1e-6)), number(0.0)),
        1 if !own => {
            (mutant["lower"], mutant["upper"]) = (number(case.truth * (1.0 + 1e-6)), number(f64::INFINITY))
        }
        _ => {}
    }
    let mut count = Count { tried: 1, ..Count::default() };
    count.lies = usize::from(!own && lie < 2);
    let Ok(certificate) = read(&mutant.to_string()) else { return count };
    let (region, quotient) = (certificate.region.clone(), certificate.quotient);
    let Ok(problem) = Problem::new(case.problem.net.clone(), region, quotient) else { return count };
    if check(&problem, &certificate.claim, &Limits::default()).is_ok() {
        count.accepted = 1;
        let Some([inner, outer]) = truth(&problem) else { return count };
        let [lower, upper] = [certificate.claim.lower, certificate.claim.upper];
        let holds = lower <= outer * (1.0 + 1e-11) && inner * (1.0 - 1e-11) <= upper;
        assert!(
            holds,
            "case {k}: {} makes [{lower}, {upper}] of [{inner}, {outer}]\n{mutant}",
            place.pointer
        );
    }
    count
}

/// The claim, and the same problem with shorter proofs of what they prove: divided along an input, with a part
/// that is empty, by scalings, by norms of layers.
fn claims(case: &Case) -> Vec<Claim> {
    let problem = &case.problem;
    let mut list = vec![case.claim.clone()];
    let Some((lo, hi)) = problem.region.ends() else { return list };
    let fixed = problem.region.fixed();
    let input = (0..lo.len()).find(|&j| !fixed[j] && lo[j] < 0.5 * lo[j] + 0.5 * hi[j]);
    let read = problem.net.nodes.iter().find(|n| matches!(n.op, Op::Piecewise(_))).map(|n| n.inputs[0]);
    let split = |split| Node::divided(split, [1, 2]);
    let mut trees = vec![];
    if let Some(feature) = input {
        let at = 0.5 * lo[feature] + 0.5 * hi[feature];
        trees.push(vec![split(Split::Input { feature, at }), Node::Bounded, Node::Bounded]);
    }
    if let Some(node) = read {
        let kink = Split::Kink { node, feature: 0, at: 1e9 };
        trees.push(vec![split(kink), Node::Empty(vec![1.0]), Node::Bounded]);
    }
    let inputs = if problem.quotient.in_norm == Norm::Inf { vec![1.0; problem.net.inputs()] } else { vec![] };
    let neurons = (0..problem.net.neurons()).map(|p| (p, 1e-3)).collect();
    trees.push(vec![Node::Scaled(Arc::new(vec![Scaled { row: None, neurons, inputs }]))]);
    trees.push(vec![Node::Layers]);
    let tree = |nodes| Proof::Tree { tree: Tree { nodes }, kinks: false, reach: None };
    let products = ["product", "product-local"].into_iter().filter_map(|method| {
        let found = methods(problem, Cpu::DOUBLE, method, 1.0, budget(600)).ok()?;
        Some(found.upper.proof).filter(|p| matches!(p, Proof::Norms { .. }))
    });
    for proof in trees.into_iter().map(tree).chain(products) {
        if let Ok((value, _)) = upper(problem, &proof, case.truth * 1e4, &Limits::default())
            && value.is_finite()
        {
            list.push(Claim { upper: value.max(case.truth * (1.0 + 1e-11)), proof, ..case.claim.clone() });
        }
    }
    list
}

/// Mutants of one certificate: every field six times, in as many places of long lists.
fn mutants(k: usize, case: &Case, claim: Claim) -> BTreeMap<String, Count> {
    let (region, quotient) = (case.problem.region.clone(), case.problem.quotient);
    let source = crate::certificates::source();
    let honest = write(&Certificate { source, region, quotient, claim });
    let honest: Value = serde_json::from_str(&honest).expect("what was written");
    let mut by_field: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    places(&honest).into_iter().for_each(|p| by_field.entry(p.field.clone()).or_default().push(p));
    let mut random = Random(77 + k as u64);
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for (field, places) in by_field {
        let total = counts.entry(field).or_default();
        for turn in 0..6 {
            let one = try_one(k, case, &honest, &pick(&mut random, &places), turn % 3, &mut random);
            total.tried += one.tried;
            total.lies += one.lies;
            total.accepted += one.accepted;
        }
    }
    counts
}

/// Fields that must be among those that were changed.
const FIELDS: [&str; 40] = [
    "/upper/value",
    "/upper/bits",
    "/lower/value",
    "/lower/bits",
    "/quotient/in_norm",
    "/quotient/out_norm",
    "/quotient/output",
    "/quotient/quantity",
    "/witness/kind",
    "/witness/x/*",
    "/witness/u/*",
    "/witness/x",
    "/witness/u",
    "/proof/rule",
    "/proof/kinks",
    "/proof/reach",
    "/proof/parts",
    "/proof/parts/*",
    "/proof/parts/*/kink/0",
    "/proof/parts/*/kink/1",
    "/proof/parts/*/kink/2",
    "/proof/parts/*/kink/3",
    "/proof/parts/*/kink/4",
    "/proof/parts/*/input/0",
    "/proof/parts/*/input/1",
    "/proof/parts/*/input/2",
    "/proof/parts/*/input/3",
    "/proof/parts/*/empty/*",
    "/proof/parts/*/refuted/*",
    "/proof/parts/*/faces/*",
    "/proof/parts/*/scaled/*/1/*",
    "/proof/parts/*/scaled/*/2/*",
    "/proof/parts/*/scaled/*/3/*",
    "/proof/slopes",
    "/proof/factors",
    "/proof/factors/*/node",
    "/proof/factors/*/from",
    "/proof/factors/*/to",
    "/proof/factors/*/value",
    "/proof/links/*/from",
];

#[test]
fn no_field_can_be_changed_to_show_something_false() {
    let each: Vec<BTreeMap<String, Count>> = (0..share(2400))
        .into_par_iter()
        .filter_map(|k| Some((k, case(k + 20_000)?)))
        .flat_map_iter(|(k, case)| {
            claims(&case).into_iter().map(|claim| mutants(k, &case, claim)).collect::<Vec<_>>()
        })
        .collect();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for (field, one) in each.iter().flatten() {
        let total = counts.entry(field.clone()).or_default();
        total.tried += one.tried;
        total.lies += one.lies;
        total.accepted += one.accepted;
    }
    let total = counts.values().fold(Count::default(), |s, c| Count {
        tried: s.tried + c.tried,
        lies: s.lies + c.lies,
        accepted: s.accepted + c.accepted,
    });
    for (field, c) in &counts {
        println!("{:6} {:6} {:6} {field}", c.tried, c.lies, c.accepted);
    }
    let Count { tried, lies, accepted } = total;
    println!(
        "{tried} mutants of {} certificates in {} fields, {lies} of them lies; {accepted} accepted, all true",
        each.len(),
        counts.len()
    );
    let missing: Vec<&str> =
        FIELDS.into_iter().filter(|f| counts.get(*f).is_none_or(|c| c.tried < 6)).collect();
    assert!(missing.is_empty(), "fields that were not changed: {missing:?}");
    assert!(tried >= 30_000 && lies >= 20_000 && accepted > 0, "{tried} {lies} {accepted}");
}
