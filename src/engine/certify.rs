//! From an outcome to a claim that the checker accepts, or that says it can only be run again.

use super::{Answer, Model, Options};
use crate::analysis::{Placed, Site};
use crate::backend::cpu::Cpu;
use crate::certificate::check::{self, Checked, Claim, Limits, Refusal};
use crate::certificate::file::Certificate;
use crate::certificate::tree::Tree;
use crate::certificate::{Bound, Proof};
use crate::error::{Error, Kind, Result};
use crate::method::context::{Budget, Context};
use crate::method::contract::Best;
use crate::method::goal::Goal;
use crate::method::schedule::{Outcome, Status, is_exact};
use crate::num::{Lower, Upper};
use crate::problem::Problem;
use crate::search::{StandIn, run};

/// How far what the checker derives may lie from what was computed: summation orders differ.
const AGREE: f64 = 1e-9;

/// The part of the time left that looking for a tree may take: the checker comes after it.
const DIVIDED: f64 = 0.6;

/// A claim, and why it is a digest where it is one.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Certified {
    /// What a certificate says.
    pub claim: Claim,
    /// Why it can only be run again.
    pub digest: Option<String>,
}

impl Answer {
    /// The claim that a checker accepts. The pair's ends move to what it derives, which differs in the last
    /// digits at most.
    #[doc(hidden)]
    pub fn certify(&mut self, budget: &Budget) -> Certified {
        let (on, item) = self.here.on_cpu(self.item);
        let at = (&*on.placed, &on.sites[item]);
        let (claim, digest) = certify(&self.problem, at, &self.outcome, budget);
        let outcome = &mut self.outcome;
        outcome.upper.value = Upper::proven(claim.upper);
        outcome.lower.value = Lower::proven(claim.lower);
        outcome.exact = is_exact(outcome.upper.value, outcome.lower.value);
        if outcome.status == Status::Exact && !outcome.exact {
            outcome.status = Status::Done;
        }
        Certified { claim, digest }
    }

    /// The certificate as a file holds it, and why it can only be run again where that is so. None for a
    /// network that came from no file.
    pub fn certificate(&mut self, options: &Options) -> Option<(Certificate, Option<String>)> {
        let source = (**self.source.as_ref()?).clone();
        let Certified { claim, digest } = self.certify(&options.budget());
        let (region, quotient) = (self.problem.region.clone(), self.problem.quotient);
        Some((Certificate { source, region, quotient, claim }, digest))
    }
}

impl Certificate {
    /// Derives the claim again, from the network that travels with it: the rules that show it.
    pub fn check(&self, limits: &Limits) -> Result<Vec<&'static str>> {
        let model = Model::named(&self.source, None)?;
        let problem = Problem::new(model.net().clone(), self.region.clone(), self.quotient)?;
        check::check(&problem, &self.claim, limits).map_err(|refusal| match refusal {
            Refusal::Refused(text) => Error::new(Kind::Check, text),
            Refusal::ReRunnable(text) => {
                Error::new(Kind::Budget, format!("it can only be run again: {text}"))
            }
            Refusal::Limit(text) => Error::new(Kind::Budget, text),
        })
    }
}

/// The claim, its ends moved to what the checker derives; else why it is a digest. Bounds that
/// linear ones do not show alone are shown by a tree, if `budget` allows.
pub fn certify(
    problem: &Problem,
    at: (&Placed<Cpu>, &Site<Cpu>),
    outcome: &Outcome,
    budget: &Budget,
) -> (Claim, Option<String>) {
    let home = Context::new(problem, at, budget.clone(), 0);
    let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
    let witness = outcome.lower.witness.clone();
    let digest = |why: &str| Proof::digest(format!("{}: {why}", outcome.upper.method));
    let stand = StandIn::of(&home);
    let whole = stand.is_some() || (!problem.region.is_global() && !problem.region.is_point());
    let reach = stand.as_ref().and_then(|s| s.reach);
    // Linear bounds on the whole region often show what other methods have found.
    let kinks = stand.as_ref().is_some_and(|s| s.kinks && reach.is_some());
    let undivided = Proof::Tree { tree: Tree::new(), kinks, reach };
    let limits = Limits { memory: budget.memory, deadline: budget.deadline.clone() };
    let shown = witness.as_ref().map_or(0.0, |w| check::lower(problem, w, &limits).unwrap_or(0.0));
    let own = &outcome.upper.proof;
    let mut claim = Claim { upper, lower, witness, proof: own.clone() };
    let mut reason = None;
    let enough = |found: &Checked<(f64, &str)>| found.as_ref().is_ok_and(|f| f.0 <= upper * (1.0 + AGREE));
    let mut found = check::upper(problem, own, upper, &limits);
    let others: [&dyn Fn() -> Option<Proof>; 2] =
        [&|| Some(undivided.clone()), &|| if whole { divided(&home, outcome) } else { None }];
    for other in others {
        if upper == f64::INFINITY || enough(&found) {
            break;
        }
        let Some(proof) = other() else { continue };
        let again = check::upper(problem, &proof, upper, &limits);
        if enough(&again) || matches!(own, Proof::Digest { .. }) && found.is_err() {
            (claim.proof, found) = (proof, again);
        }
    }
    match found {
        // Nothing is claimed.
        _ if upper == f64::INFINITY => claim.proof = undivided,
        Ok((value, _)) if value <= upper * (1.0 + AGREE) => claim.upper = upper.max(value),
        Ok((value, rule)) => reason = Some(format!("{rule} proves {value}")),
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
fn divided(home: &Context<Cpu>, outcome: &Outcome) -> Option<Proof> {
    if home.budget.is_brief() {
        return None;
    }
    let goal = Goal { by_itself: true, ..home.goal };
    let own = home.instead(home.problem, (home.placed, home.site)).towards(goal);
    let home = Context { budget: home.budget.part(DIVIDED), ..own };
    let stand = StandIn::of(&home)?;
    let nothing = Proof::digest("");
    let upper = Bound { value: Upper::INFINITE, method: "none", proof: nothing };
    let start = Best { upper, lower: outcome.lower.clone() };
    let found = run(&home, &stand, start, outcome.upper.value.get(), &mut |_| {});
    matches!(found.upper.proof, Proof::Tree { .. }).then_some(found.upper.proof)
}
