//! The independent checker: claims derived again from networks, regions and evidence.
//!
//! It shares `rules`, `sweep`, `backend::cpu` and what stands below them with what computes bounds: these are
//! trusted. It knows nothing of methods, searches or devices: which rule is applied where, and whether that proves
//! the claim, is decided a second time here, and that is the point.

mod around;
mod gain;
mod jacobian;
mod layers;
mod leaf;
mod norms;
mod room;
mod statuses;
mod tree;
mod walk;
mod witness;

use super::tree::Node;
use super::{Proof, Tree, Witness};
use crate::problem::Problem;
pub use room::Limits;
use room::Room;

/// What a certificate claims about a problem, with the evidence.
#[derive(Clone, Debug)]
pub struct Claim {
    pub upper: f64,
    pub lower: f64,
    pub witness: Option<Witness>,
    pub proof: Proof,
}

/// Why a claim is not accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Only a new run would show it.
    ReRunnable(String),
    Refused(String),
    /// More memory or time is needed than there is; nothing is said about the claim.
    Limit(String),
}

pub type Checked<T> = std::result::Result<T, Refusal>;

fn refused<T>(text: impl Into<String>) -> Checked<T> {
    Err(Refusal::Refused(text.into()))
}

/// The rules by which both ends were derived.
pub fn check(problem: &Problem, claim: &Claim, limits: &Limits) -> Checked<Vec<&'static str>> {
    let mut rules = vec![];
    if claim.upper.is_nan() || claim.lower.is_nan() || claim.upper < claim.lower {
        return refused("the claim is not a pair of ordered numbers");
    }
    if claim.lower > 0.0 {
        let Some(witness) = &claim.witness else { return refused("there is no witness of the lower bound") };
        let value = lower(problem, witness, limits)?;
        if value < claim.lower {
            if let Proof::Digest { text } = &claim.proof {
                return Err(Refusal::ReRunnable(text.clone()));
            }
            return refused(format!("the witness proves {value:e}, not {:e}", claim.lower));
        }
        rules.push(match witness {
            Witness::Piece { .. } | Witness::Inside { .. } => "witness of a piece",
            Witness::Pair { .. } => "witness of a pair",
        });
    }
    if claim.upper < f64::INFINITY {
        let (value, rule) = upper(problem, &claim.proof, claim.upper, limits)?;
        if value > claim.upper {
            return refused(format!("the evidence proves {value:e}, not {:e}", claim.upper));
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// What a witness proves, 0 if nothing.
pub fn lower(problem: &Problem, witness: &Witness, limits: &Limits) -> Checked<f64> {
    let room = Room::new(&problem.net, limits)?;
    room.one_part()?;
    room.in_time()?;
    let value = witness::value(problem, witness, room.deadline());
    if value == 0.0 {
        room.in_time()?;
    }
    Ok(value)
}

/// What a proof proves, and by which rule; at most `wanted` where that can be shown.
pub fn upper(problem: &Problem, proof: &Proof, wanted: f64, limits: &Limits) -> Checked<(f64, &'static str)> {
    // Around a point: a box that it lies inside of has all generalised Jacobians at the point.
    let near = problem.near();
    let problem = near.as_ref().unwrap_or(problem);
    match proof {
        Proof::Digest { text } => Err(Refusal::ReRunnable(text.clone())),
        Proof::Norms { slopes, links, factors } => {
            let evidence = walk::Evidence { slopes: *slopes, links, factors };
            let value = walk::value(problem, &evidence, wanted, &Room::new(&problem.net, limits)?)?;
            Ok((value, "norms of layers"))
        }
        Proof::Tree { tree, kinks, reach } => {
            if !problem.region.is_global() && reach.is_some() {
                return refused("only everything has a reach");
            }
            Room::new(&problem.net, limits)?;
            let taken = kinks.then(|| problem.net.without_maxima()).flatten();
            if *kinks && taken.is_none() {
                return refused("there are no maxima to take apart");
            }
            let mut own = taken.map(|net| Problem { net: net.into(), ..problem.clone() });
            if let Some(reach) = reach {
                own = own.as_ref().unwrap_or(problem).everywhere(*reach);
                if own.is_none() {
                    return refused("the network has no homogeneous form of that reach");
                }
            }
            let own = own.as_ref().unwrap_or(problem);
            let room = Room::new(&own.net, limits)?;
            let value = match own.region.is_global() {
                true => tree::anywhere(own, tree, wanted, &room)?,
                false => tree::value(own, tree, wanted, &room)?,
            };
            Ok((value, rule(tree)))
        }
    }
}

fn rule(tree: &Tree) -> &'static str {
    match &tree.nodes[..] {
        [Node::Scaled(_)] => "scaled feedback",
        [Node::Layers] => "scaled feedback by layers",
        [_] => "linear back-substitution",
        _ => "split tree",
    }
}
