//! A tree of parts again, from the root: both sides of every division are visited, so the leaves cover
//! the region, and every leaf is bounded or ruled out.

use super::statuses::{Statuses, derive};
use super::{Checked, refused};
use super::{gain, jacobian};
use crate::backend::cpu::Cpu;
use crate::certificate::tree::{Node, Tree};
use crate::num::operator::operator_upper;
use crate::num::rational::{Rational, refuted};
use crate::ops::Prepared;
use crate::ops::exact::{by_ends, constants, ends, faces, pattern};
use crate::ops::part::{Part, Split};
use crate::problem::Problem;
use ndarray::Axis;

/// Parts at a time.
const BATCH: usize = 64;

/// The largest bound of all leaves; more work goes to those above `wanted`.
pub fn value(problem: &Problem, tree: &Tree, wanted: f64) -> Checked<f64> {
    let Some((lo, hi)) = problem.region.ends() else { return refused("the region is not bounded") };
    let prepared = Prepared::new(&problem.net, &Cpu::DOUBLE);
    let mut seen = vec![false; tree.nodes.len()];
    let mut best: f64 = 0.0;
    let mut open = vec![Part::whole(lo, hi, problem.net.nodes.len(), f64::INFINITY)];
    if let Some(Node::Faces(places)) = tree.nodes.first() {
        let faces = open[0].faces();
        if !problem.homogeneous || faces.len() != places.len() {
            return refused("the region has no such faces");
        }
        seen[0] = true;
        open = faces.into_iter().zip(places).map(|(p, &place)| Part { place, ..p }).collect();
    }
    while !open.is_empty() {
        let rest = open.split_off(open.len().min(BATCH));
        let batch = std::mem::replace(&mut open, rest);
        let mut multipliers = vec![];
        for part in &batch {
            match (tree.nodes.get(part.place), seen.get_mut(part.place)) {
                (Some(node), Some(seen)) if !*seen => {
                    *seen = true;
                    multipliers.push(if let Node::Empty(m) = node { Some(&m[..]) } else { None });
                }
                _ => return refused("a part is missing, or in two places"),
            }
        }
        let found = derive(&prepared, &problem.region, batch, &multipliers);
        for (i, part) in found.parts.iter().enumerate() {
            match &tree.nodes[part.place] {
                Node::Split { split, children } => open.extend(divided(problem, part, split, children)?),
                node => best = best.max(leaf(problem, &prepared, &found, i, part, node, wanted)?),
            }
        }
    }
    if seen.contains(&false) { refused("a part belongs to no other") } else { Ok(best) }
}

fn divided(problem: &Problem, part: &Part, split: &Split, places: &[usize; 2]) -> Checked<Vec<Part>> {
    let legal = match split {
        Split::Input { feature, at } => {
            let inside = part.lo.get(*feature).zip(part.hi.get(*feature));
            inside.is_some_and(|(l, h)| l < at && at < h) && !problem.region.fixed()[*feature]
        }
        Split::Kink { node, feature, at } => {
            let ends = part.known.get(*node).and_then(|e| e.as_ref());
            at.is_finite() && ends.is_some_and(|[lo, _]| *feature < lo.len())
        }
    };
    if !legal {
        return refused("a part is divided where it cannot be");
    }
    let children = part.divided(*split).into_iter().zip(places);
    Ok(children.map(|(child, &place)| Part { place, ..child }).collect())
}

/// An upper bound on a leaf; 0 if it has no interior.
fn leaf(
    problem: &Problem,
    prepared: &Prepared<Cpu>,
    found: &Statuses,
    i: usize,
    part: &Part,
    node: &Node,
    wanted: f64,
) -> Checked<f64> {
    let rows: Vec<usize> = (0..problem.rows()).collect();
    match node {
        Node::Bounded => {
            let norm = |all| jacobian::norm(problem, prepared, &found.gates, i, &rows, all);
            let quick = norm(false);
            Ok(if quick <= wanted { quick } else { quick.min(norm(true)) })
        }
        Node::Scaled(scaled) => {
            let shown = gain::norm(problem, prepared, &found.gates, i, scaled, wanted);
            if shown <= wanted {
                return Ok(shown);
            }
            Ok(shown.min(jacobian::norm(problem, prepared, &found.gates, i, &rows, true)))
        }
        Node::Empty(_) if found.empty[i] => Ok(0.0),
        Node::Empty(_) => refused("multipliers do not show that a part is empty"),
        Node::Refuted(multipliers) => {
            if empty(problem, part, multipliers) {
                return Ok(0.0);
            }
            refused("multipliers do not show that a pattern has no interior")
        }
        Node::Pattern => {
            let input = constants(&problem.region, problem.net.inputs());
            let Ok(pattern) = pattern(&problem.net, &input, &by_ends(part)) else {
                return refused("a leaf has no single pattern");
            };
            let found = pattern.jacobian(&problem.seeds(), &input).map(|j| problem.without_ignored(j));
            let Some(j) = found else { return refused("no Jacobian") };
            let [centre, radius] = [&j.centre, &j.radius].map(|a| a.index_axis(Axis(0), 0));
            let q = &problem.quotient;
            Ok(operator_upper(centre, radius, q.in_norm, q.out_norm).get())
        }
        Node::Split { .. } => refused("a divided part is no leaf"),
        Node::Faces(_) => refused("only the whole region has faces"),
    }
}

fn empty(problem: &Problem, part: &Part, multipliers: &[Rational]) -> bool {
    let region = &problem.region;
    let (lo, hi) = problem.room(&part.lo, &part.hi);
    let input = constants(region, problem.net.inputs());
    let Ok(found) = pattern(&problem.net, &input, &by_ends(part)) else { return false };
    let live: Vec<usize> = (0..input.len()).filter(|&j| input[j].is_none()).collect();
    let Some([lo, hi]) = ends(region, lo, hi, &live) else { return false };
    let mut forms = found.conditions;
    forms.extend(faces(region, &live));
    refuted(&forms, multipliers, &lo, &hi)
}
