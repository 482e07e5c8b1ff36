//! Certificates changed in one field after another, in every field that a certificate has: numbers, flags,
//! words, lists. Most mutants also claim something that enumeration shows false; none of these is accepted.

use crate::certificates::{Case, case};
use crate::common::pieces::{Shape, constant};
use crate::common::share;
use crate::truth;
use clarke::certificate::check::{Limits, check};
use clarke::certificate::file::{Certificate, read, write};
use clarke::num::random::Random;
use clarke::problem::Problem;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where a value stands: as a JSON pointer, and with its place in long lists left out.
#[derive(Clone)]
struct Place {
    pointer: String,
    field: String,
}

/// All values below the object, lists and numbers alike; the network and the version are another test's.
fn places(value: &Value, at: Place, found: &mut Vec<Place>) {
    match value {
        Value::Object(map) => {
            for (key, value) in
                map.iter().filter(|(k, _)| !["net", "version", "schema"].contains(&k.as_str()))
            {
                let below = |t: &str| format!("{t}/{key}");
                places(value, Place { pointer: below(&at.pointer), field: below(&at.field) }, found);
            }
        }
        Value::Array(list) => {
            // Of a division and a loop every place has its own meaning.
            let own =
                at.field.ends_with("/kink") || at.field.ends_with("/input") || at.field.ends_with("scaled/*");
            for (k, value) in list.iter().enumerate() {
                let field = if own { format!("{}/{k}", at.field) } else { format!("{}/*", at.field) };
                places(value, Place { pointer: format!("{}/{k}", at.pointer), field }, found);
            }
            found.push(at);
        }
        _ => found.push(at),
    }
}

fn below(random: &mut Random, n: usize) -> usize {
    (random.bits() % n as u64) as usize
}

fn pick<T: Clone>(random: &mut Random, list: &[T]) -> T {
    list[below(random, list.len())].clone()
}

/// Another value of the same kind, or of none.
fn changed(old: &Value, random: &mut Random) -> Value {
    match old {
        Value::Null => {
            pick(random, &[json!(0), json!(1), json!(["inf", 1.0]), json!(["1", 0.5]), json!(4.0)])
        }
        Value::Bool(b) => json!(!b),
        Value::Number(n) if n.is_u64() => {
            let n = n.as_u64().expect("an index");
            pick(random, &[json!(n + 1), json!(n.saturating_sub(1)), json!(0), json!(n + 2), json!(u64::MAX)])
        }
        Value::Number(n) => {
            let x = n.as_f64().expect("a number");
            let near = [x.next_up(), x.next_down(), x * (1.0 + 1e-9), x * 0.5, x * 2.0];
            let far = [-x, 0.0, 1.0, -1.0, x + 1.0, x - 1.0, 5e-324, -1e-300, 1e300, 1e9];
            let number = if below(random, 2) == 0 { pick(random, &near) } else { pick(random, &far) };
            json!(if number.is_finite() { number } else { 0.0 })
        }
        Value::String(text) => {
            let words =
                ["inf", "1", "2", "all", "0", "1-0", "0-1", "lipschitz", "anchored", "-1", "1/3", "1/0"];
            let longer = [format!("{text}0"), format!("-{text}"), format!("{text}/7")];
            json!(if below(random, 3) == 0 { pick(random, &longer) } else { pick(random, &words).into() })
        }
        Value::Array(list) => {
            let mut list = list.clone();
            match (below(random, 4), list.len()) {
                (_, 0) => list.push(json!(1.0)),
                (0, n) => drop(list.remove(below(random, n))),
                (1, n) => list.push(list[below(random, n)].clone()),
                (2, n) => list.swap(below(random, n), n - 1),
                (_, n) => list.truncate(below(random, n)),
            }
            json!(list)
        }
        Value::Object(_) => old.clone(),
    }
}

fn number(x: f64) -> Value {
    let value = if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    json!({"value": value, "bits": format!("{:016x}", x.to_bits())})
}

/// What became of a mutant.
#[derive(Clone, Copy, Default)]
struct Count {
    tried: usize,
    /// The claim about the problem as it was is false.
    lies: usize,
    accepted: usize,
}

/// The true constant's lower and upper estimates for what a certificate says its problem is.
fn truth(problem: &Problem) -> Option<[f64; 2]> {
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
        let (lower, upper) = (certificate.claim.lower, certificate.claim.upper);
        let holds = lower <= outer * (1.0 + 1e-11) && inner * (1.0 - 1e-11) <= upper;
        assert!(
            holds,
            "case {k}: {} makes [{lower}, {upper}] of [{inner}, {outer}]\n{mutant}",
            place.pointer
        );
    }
    count
}

/// Mutants of one certificate: every field once or more, in as many places of long lists as there are turns.
fn mutants(k: usize, case: &Case) -> BTreeMap<String, Count> {
    let (region, quotient) = (case.problem.region.clone(), case.problem.quotient);
    let source = crate::certificates::source();
    let honest = write(&Certificate { source, region, quotient, claim: case.claim.clone() });
    let honest: Value = serde_json::from_str(&honest).expect("what was written");
    let mut all = vec![];
    places(&honest, Place { pointer: String::new(), field: String::new() }, &mut all);
    let mut by_field: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    all.into_iter().for_each(|p| by_field.entry(p.field.clone()).or_default().push(p));
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
const FIELDS: [&str; 33] = [
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
];

#[test]
fn no_field_can_be_changed_to_show_something_false() {
    let each: Vec<BTreeMap<String, Count>> = (0..share(4000))
        .into_par_iter()
        .filter_map(|k| case(k + 20_000).map(|case| mutants(k, &case)))
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
