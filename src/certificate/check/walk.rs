//! Products and sums of norms of layers again: the walk along the graph with what a certificate claims of its layers,
//! as far as each is shown.

use super::norms::Claims;
use super::room::Room;
use super::statuses::{Given, derive};
use super::{Checked, refused};
use crate::backend::cpu::Cpu;
use crate::certificate::proof::Source;
use crate::net::Net;
use crate::num::Norm;
use crate::problem::{Output, Problem, Quantity};
use crate::rules::anchor::Anchor;
use crate::rules::part::Part;
use crate::rules::relevance::{relevant, settled};
use crate::rules::walk::{Factor, Slopes, Walk, magnitudes};
use crate::sweep::{Chains, Gate, Link, Prepared};
use ndarray::Axis;

/// What it rests on.
pub struct Evidence<'e> {
    pub slopes: Source,
    pub links: &'e [Link],
    pub factors: &'e [Factor],
}

/// What the norms prove; `wanted` is what they are said to.
pub fn value(problem: &Problem, evidence: &Evidence, wanted: f64, room: &Room) -> Checked<f64> {
    let Evidence { slopes, links, factors } = *evidence;
    let narrow = problem.narrowed();
    let net = narrow.as_ref().unwrap_or(&problem.net);
    let prepared = Prepared::new(&problem.net, &Cpu::DOUBLE).until(room.deadline());
    let run = |chains: &Chains<Cpu>, slopes: &Slopes| {
        shown(problem, net, (chains, slopes), (factors, wanted), room)
    };
    if slopes != Source::Anywhere {
        room.one_part()?;
    }
    if slopes != Source::Region && !links.is_empty() {
        return refused("only where slopes are those of a region are runs one layer");
    }
    fit(problem, links, room)?;
    match slopes {
        Source::Anywhere => run(&Chains::none(), &|k, _| magnitudes::<Cpu>(net, k, None)),
        Source::Region => {
            let on = |narrowly: bool| {
                let gates = gates(problem, &prepared, narrowly, room)?;
                let Some(linked) = prepared.ending_as(net).linked(&gates, links) else {
                    room.in_time()?;
                    return refused("what is one layer is none on the region");
                };
                run(linked.chains(), &|k, _| magnitudes(net, k, Some((&Cpu::DOUBLE, &gates))))
            };
            // Boxes suffice where they were what the norms rest on.
            match on(false) {
                Ok(value) if value <= wanted => Ok(value),
                Ok(value) => Ok(on(true)?.min(value)),
                Err(_) => on(true),
            }
        }
        Source::Secants => {
            if problem.quotient.quantity != Quantity::Anchored {
                return refused("secants from the centre bound nothing but the quotient against it");
            }
            let Some(anchor) = Anchor::new(&prepared, &problem.region, problem.quotient.in_norm) else {
                return refused("the region has no centre");
            };
            room.in_time()?;
            run(&Chains::none(), &|k, rows| anchor.steepest(net, k, rows()))
        }
    }
}

/// Is there room for the matrices of all runs, each node's once?
fn fit(problem: &Problem, links: &[Link], room: &Room) -> Checked<()> {
    let nodes = &problem.net.nodes;
    if !links.windows(2).all(|l| l[0].to < l[1].to) || links.iter().any(|l| l.from.max(l.to) >= nodes.len()) {
        return refused("runs are no list of nodes");
    }
    let entries = links.iter().map(|l| nodes[l.from].len().saturating_mul(nodes[l.to].len()));
    room.matrix([1, entries.fold(0usize, usize::saturating_add)])
}

/// By as few kinds of norms as the claim takes: which these are is seen by believing them first.
fn shown(
    problem: &Problem,
    net: &Net,
    (chains, slopes): (&Chains<Cpu>, &Slopes),
    (factors, wanted): (&[Factor], f64),
    room: &Room,
) -> Checked<f64> {
    let narrowed = !std::ptr::eq(net, &*problem.net);
    let output = if narrowed { Output::All } else { problem.quotient.output };
    let value = |claims: Claims| -> Checked<f64> {
        room.in_time()?;
        let live = (0..net.inputs()).map(|j| !problem.region.is_fixed(j)).collect();
        let start = (problem.quotient.in_norm, live);
        let last = Walk::new((net, chains), start, slopes, &claims).run();
        claims.ended()?;
        room.in_time()?;
        let norms = last.map(|state| output.bound(state.norm, problem.quotient.out_norm));
        Ok(norms.map_or(f64::INFINITY, |n| n.get()))
    };
    let mut best = f64::INFINITY;
    for kinds in KINDS {
        let claims = Claims::new(factors, kinds, room);
        if value(claims.believed())? <= wanted {
            best = value(claims)?.min(best);
        }
        if best <= wanted {
            break;
        }
    }
    Ok(best)
}

/// Pairs of norms.
type Kinds = &'static (dyn Fn(Norm, Norm) -> bool + Sync);

const KINDS: [Kinds; 5] = [
    &|p, q| (p, q) == (Norm::Two, Norm::Two),
    &|p, q| (p, q) == (Norm::Inf, Norm::Inf),
    &|p, q| (p, q) == (Norm::One, Norm::One),
    &|p, q| p == q,
    &|_, _| true,
];

/// Slopes on the whole region; of secants from the centre where the quotient is against it.
fn gates(
    problem: &Problem,
    prepared: &Prepared<Cpu>,
    narrowly: bool,
    room: &Room,
) -> Checked<Vec<Option<Gate<Cpu>>>> {
    let Some((lo, hi)) = problem.region.ends() else { return refused("the region is not bounded") };
    let parts = vec![Part::whole(lo, hi, problem.net.nodes.len(), f64::INFINITY)];
    let given = Given { parts, multipliers: &[None], narrowly };
    let found = derive(prepared, &problem.region, given, room)?;
    let anchored = problem.quotient.quantity == Quantity::Anchored;
    let gates = found.anchored.filter(|_| anchored).unwrap_or(found.gates);
    let sizes = problem.seeds().magnitude().fold_axis(Axis(1), 0.0, |most: &f64, size| most.max(*size));
    let relevant = relevant(prepared, &gates, &sizes);
    Ok(settled(prepared.backend, gates, &relevant))
}
