//! Certificates of small networks, changed in a few of their fields and then made to lie: whatever the checker
//! accepts agrees with what the solvers prove about the problem that the file describes, and with samples.

use crate::bound;
use crate::fields::{changed, number, places};
use crate::solve::{certify, solve};
use clarke::certificate::check::{Limits, check};
use clarke::certificate::file::{Certificate, Source, read, write};
use clarke::deadline::Deadline;
use clarke::method::{Budget, Goal, Outcome};
use clarke::num::random::Random;
use clarke::problem::Problem;
use serde_json::Value;
use std::time::Duration;

/// Mutants of one certificate.
const MUTANTS: usize = 40;

fn source() -> Source {
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

fn limits() -> Limits {
    Limits { memory: 1 << 28, deadline: Deadline::within(Duration::from_secs(2)) }
}

/// What the solvers prove about a problem in a moment, with what certifies it.
fn proven(problem: &Problem, seed: u64) -> Option<([f64; 2], Outcome)> {
    let goal = Goal { splits: Some(40), ..Goal::from(1.0 + 1e-9) };
    let budget = Budget::new(Duration::from_millis(500), 1 << 28);
    let outcome = solve(problem, "auto", goal, budget, seed).ok()?;
    Some(([outcome.lower.value.get(), outcome.upper.value.get()], outcome))
}

pub fn structured(bytes: &[u8]) {
    let Some((problem, seed, mild)) = bound::drawn(bytes) else { return };
    let Some((pair, outcome)) = proven(&problem, seed) else { return };
    let budget = Budget::new(Duration::from_secs(1), 1 << 28);
    let (claim, digest) = certify(&problem, &outcome, &budget);
    if digest.is_none() {
        let answer = check(&problem, &claim, &limits());
        assert!(answer.is_ok(), "an honest certificate is refused: {answer:?}");
    }
    let (region, quotient) = (problem.region.clone(), problem.quotient);
    let text = write(&Certificate { source: source(), region, quotient, claim });
    let honest: Value = serde_json::from_str(&text).expect("what was written");
    let places = places(&honest);
    let mut random = Random(seed ^ bytes.iter().fold(7, |s, b| (s << 5 | s >> 59) ^ *b as u64));
    for _ in 0..MUTANTS {
        let mut mutant = honest.clone();
        for _ in 0..1 + random.bits() % 3 {
            let place = &places[random.bits() as usize % places.len()];
            if let Some(value) = mutant.pointer_mut(&place.pointer) {
                *value = changed(value, &mut random);
            }
        }
        let more = [1e-12, 1e-6, 0.1, 0.5][random.bits() as usize % 4];
        match random.bits() % 3 {
            0 => (mutant["upper"], mutant["lower"]) = (number(pair[0] * (1.0 - more)), number(0.0)),
            1 => (mutant["lower"], mutant["upper"]) = (number(pair[1] * (1.0 + more)), number(f64::INFINITY)),
            _ => {}
        }
        accepted(&problem, &honest, pair, &mutant, (seed, mild));
    }
}

fn accepted(problem: &Problem, honest: &Value, pair: [f64; 2], mutant: &Value, (seed, mild): (u64, bool)) {
    let Ok(certificate) = read(&mutant.to_string()) else { return };
    let same = ["region", "quotient"].iter().all(|k| honest[*k] == mutant[*k]);
    let other = Problem::new(problem.net.clone(), certificate.region.clone(), certificate.quotient);
    let Ok(other) = other else { return };
    let claim = &certificate.claim;
    if check(&other, claim, &limits()).is_err() {
        return;
    }
    let truth = if same { Some(pair) } else { proven(&other, seed).map(|p| p.0) };
    if let Some([lower, upper]) = truth {
        let holds = lower <= claim.upper && claim.lower <= upper;
        assert!(holds, "accepted [{:e}, {:e}] of [{lower:e}, {upper:e}]: {mutant}", claim.lower, claim.upper);
    }
    if mild {
        bound::sampled(&other, (claim.upper, "a certificate"), seed);
    }
}
