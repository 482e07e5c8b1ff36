//! From an outcome to a claim that the checker accepts, or that says it can only be run again.

use super::{Goal, Stand, run};
use crate::backend::cpu::Cpu;
use crate::certificate::check::{self, Checked, Claim, Limits, Proof, Refusal};
use crate::certificate::tree::Tree;
use crate::certificate::{Bound, Evidence};
use crate::method::context::{Budget, Context};
use crate::method::driver::Outcome;
use crate::num::Upper;
use crate::problem::Problem;

/// How far what the checker derives may lie from what was computed: summation orders differ.
const AGREE: f64 = 1e-9;

/// The part of the time left that looking for a tree may take: the checker comes after it.
const DIVIDED: f64 = 0.6;

/// The claim, its ends moved to what the checker derives; else why it is a digest. Bounds that
/// linear ones do not show alone are shown by a tree, if `budget` allows.
pub fn certify(problem: &Problem, outcome: &Outcome, budget: &Budget) -> (Claim, Option<String>) {
    let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
    let witness = outcome.lower.witness.clone();
    let digest = |why: &str| Proof::Digest(format!("{}: {why}", outcome.upper.method));
    let stand = Stand::of(problem);
    let whole = stand.is_some() || (!problem.region.is_global() && !problem.region.is_point());
    let reach = stand.as_ref().and_then(|s| s.reach);
    let proof = match &outcome.upper.evidence {
        Evidence::SplitTree { tree, kinks, reach } => {
            Proof::Tree { tree: tree.clone(), kinks: *kinks, reach: *reach }
        }
        Evidence::Digest(text) if !whole => digest(text),
        _ if !whole => digest("the region is a point, or everything"),
        // Linear bounds on the whole region often show what other methods have found.
        _ => {
            Proof::Tree { tree: Tree::new(), kinks: stand.is_some_and(|s| s.kinks && reach.is_some()), reach }
        }
    };
    let limits = Limits { memory: budget.memory, deadline: budget.deadline.clone() };
    let shown = witness.as_ref().map_or(0.0, |w| check::lower(problem, w, &limits).unwrap_or(0.0));
    let mut claim = Claim { upper, lower, witness, proof };
    let mut reason = None;
    let enough = |found: &Checked<(f64, &str)>| found.as_ref().is_ok_and(|f| f.0 <= upper * (1.0 + AGREE));
    let mut found = check::upper(problem, &claim.proof, upper, &limits);
    if whole
        && upper < f64::INFINITY
        && !enough(&found)
        && let Some(proof) = divided(problem, outcome, budget)
    {
        let again = check::upper(problem, &proof, upper, &limits);
        if enough(&again) {
            (claim.proof, found) = (proof, again);
        }
    }
    match found {
        Ok((value, _)) if value <= upper * (1.0 + AGREE) => claim.upper = upper.max(value),
        Ok((value, _)) => reason = Some(format!("linear bounds prove {value}")),
        Err(Refusal::ReRunnable(text) | Refusal::Refused(text) | Refusal::Limit(text)) => reason = Some(text),
    }
    if shown >= lower * (1.0 - AGREE) {
        claim.lower = lower.min(shown);
    } else {
        reason.get_or_insert_with(|| format!("the witness alone proves {shown}"));
    }
    if let Some(why) = &reason {
        claim.proof = digest(why);
    }
    (claim, reason)
}

/// A tree whose parts all have at most the outcome's bound.
fn divided(problem: &Problem, outcome: &Outcome, budget: &Budget) -> Option<Proof> {
    if budget.is_brief() {
        return None;
    }
    let stand = Stand::of(problem)?;
    let own = Budget { deadline: budget.deadline.part(DIVIDED), ..budget.clone() };
    let home = Context::new(problem, &Cpu::DOUBLE, own, 0);
    let nothing = Evidence::Digest(String::new());
    let start = Bound { value: Upper::INFINITE, method: "none", evidence: nothing };
    let goal = Goal::from(1.0);
    let least = outcome.upper.value.get();
    let found = run(&home, &stand, start, outcome.lower.clone(), goal, least, &mut |_| {});
    match found.upper.evidence {
        Evidence::SplitTree { tree, kinks, reach } => Some(Proof::Tree { tree, kinks, reach }),
        _ => None,
    }
}
