//! A tree of parts again, from the root: both sides of every division are visited, so the leaves cover
//! the region, and every leaf is bounded or ruled out.

use super::leaf::Leaf;
use super::room::Room;
use super::statuses::{Given, Statuses, derive};
use super::{Checked, gain, jacobian, layers, refused};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::tree::{Node, Tree};
use crate::linalg::Enclosure;
use crate::linalg::operator::operator_upper;
use crate::num::rational::Rational;
use crate::polytope::exact::refuted;
use crate::problem::{Problem, Quantity};
use crate::rules::exact::{ball, by_ends, constants, ends, faces, pattern};
use crate::rules::part::{Part, Split};
use crate::sweep::Prepared;
use ndarray::Axis;

/// The largest bound of all leaves; more work goes to those above `wanted`.
pub fn value(problem: &Problem, tree: &Tree, wanted: f64, room: &Room) -> Checked<f64> {
    let Some((lo, hi)) = problem.region.ends() else { return refused("the region is not bounded") };
    let sizes = sizes(tree)?;
    room.one_part()?;
    let anchored = problem.quotient.quantity == Quantity::Anchored
        && matches!(tree.nodes[..], [Node::Bounded | Node::Scaled(_) | Node::Layers]);
    let prepared = Prepared::new(&problem.net, &Cpu::DOUBLE);
    let mut best: f64 = 0.0;
    let mut waiting = vec![Part::whole(lo, hi, problem.net.nodes.len(), f64::INFINITY)];
    if let Node::Faces(places) = &tree.nodes[0] {
        let faces = waiting[0].faces();
        if !problem.homogeneous || faces.len() != places.len() {
            return refused("the region has no such faces");
        }
        waiting = faces.into_iter().zip(places).map(|(p, &place)| Part { place, ..p }).collect();
    }
    while !waiting.is_empty() {
        room.in_time()?;
        let batch = waiting.split_off(waiting.len() - room.parts(&waiting)?);
        let multipliers: Vec<Option<&[f64]>> = batch
            .iter()
            .map(|part| if let Node::Empty(m) = &tree.nodes[part.place] { Some(&m[..]) } else { None })
            .collect();
        let given = Given { parts: batch, multipliers: &multipliers, narrowly: true };
        let mut found = derive(&prepared, &problem.region, given, room)?;
        // Of one part that is the whole region. Where there are more, what holds between a point and the centre rests
        // on all parts in between, and leaves of one pattern bound derivatives alone.
        if let Some(secants) = found.anchored.take().filter(|_| anchored) {
            found.gates = secants;
        }
        let leaves = Leaves { problem, prepared: &prepared, found: &found, wanted, room };
        for (i, part) in found.parts.iter().enumerate() {
            let node = &tree.nodes[part.place];
            match node.split() {
                Some((split, children)) => {
                    let mut children = divided(problem, part, &split, &children)?;
                    // The smaller side comes first, so that little waits: a part around the one at hand waits
                    // for no more than half of what is left.
                    children.sort_by_key(|c| std::cmp::Reverse(sizes[c.place]));
                    waiting.extend(children);
                }
                None => best = best.max(leaves.bound(i, part, node)?),
            }
        }
    }
    Ok(best)
}

/// On all of R^n at once, under the slopes that functions have anywhere: a tree of one part.
pub fn anywhere(problem: &Problem, tree: &Tree, wanted: f64, room: &Room) -> Checked<f64> {
    let [node @ (Node::Bounded | Node::Scaled(_) | Node::Layers)] = &tree.nodes[..] else {
        return refused("everything is no part that can be divided without a reach");
    };
    room.one_part()?;
    let prepared = Prepared::new(&problem.net, &Cpu::DOUBLE).until(room.deadline());
    let mut all = Enclosure::zeros(1, 1, problem.net.inputs());
    all.radius.fill(f64::INFINITY);
    let gates = prepared.values(Cpu::DOUBLE.upload(&all), None, |_| false).gates;
    room.in_time()?;
    let part = Part::whole(&[], &[], problem.net.nodes.len(), f64::INFINITY);
    let found = Statuses { gates, anchored: None, parts: vec![], empty: vec![] };
    Leaves { problem, prepared: &prepared, found: &found, wanted, room }.bound(0, &part, node)
}

/// How many parts lie in each one; refused unless every node is in the tree once.
fn sizes(tree: &Tree) -> Checked<Vec<usize>> {
    let mut seen = vec![false; tree.nodes.len()];
    let mut order = vec![];
    let mut open = vec![0];
    while let Some(place) = open.pop() {
        match seen.get_mut(place) {
            Some(seen) if !*seen => *seen = true,
            _ => return refused("a part is missing, or in two places"),
        }
        order.push(place);
        open.extend(children(&tree.nodes[place]));
    }
    if seen.contains(&false) {
        return refused("a part belongs to no other");
    }
    let mut sizes = vec![1; tree.nodes.len()];
    for &place in order.iter().rev() {
        sizes[place] += children(&tree.nodes[place]).iter().map(|c| sizes[*c]).sum::<usize>();
    }
    Ok(sizes)
}

fn children(node: &Node) -> Vec<usize> {
    match node {
        Node::Kink(.., above, below) | Node::Input(.., above, below) => vec![*above, *below],
        Node::Faces(children) => children.clone(),
        Node::Bounded | Node::Scaled(_) | Node::Layers | Node::Pattern => vec![],
        Node::Empty(_) | Node::Refuted(_) => vec![],
    }
}

fn divided(problem: &Problem, part: &Part, split: &Split, places: &[usize; 2]) -> Checked<Vec<Part>> {
    let legal = match split {
        Split::Input { feature, at } => {
            let inside = part.lo.get(*feature).zip(part.hi.get(*feature));
            inside.is_some_and(|(l, h)| l < at && at < h) && !problem.region.is_fixed(*feature)
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

/// Leaves of one batch.
struct Leaves<'l> {
    problem: &'l Problem,
    prepared: &'l Prepared<'l, Cpu>,
    found: &'l Statuses,
    wanted: f64,
    room: &'l Room<'l>,
}

impl Leaves<'_> {
    /// An upper bound on a leaf; 0 if it has no interior.
    fn bound(&self, i: usize, part: &Part, node: &Node) -> Checked<f64> {
        let Leaves { problem, prepared, found, wanted, room } = *self;
        let rows: Vec<usize> = (0..problem.rows()).collect();
        let leaf = Leaf { problem, prepared, gates: &found.gates, item: i, room };
        let linear = |all| jacobian::norm(&leaf, &rows, all);
        match node {
            Node::Bounded => {
                let quick = linear(false)?;
                Ok(if quick <= wanted { quick } else { quick.min(linear(true)?) })
            }
            Node::Scaled(scaled) => {
                let shown = gain::norm(&leaf, scaled, wanted)?;
                Ok(if shown <= wanted { shown } else { shown.min(linear(true)?) })
            }
            Node::Layers => layers::norm(&leaf),
            Node::Empty(_) if found.empty[i] => Ok(0.0),
            Node::Empty(_) => refused("multipliers do not show that a part is empty"),
            Node::Refuted(multipliers) => {
                if empty(problem, part, multipliers, room)? {
                    return Ok(0.0);
                }
                refused("multipliers do not show that a pattern has no interior")
            }
            Node::Pattern => single(problem, part, room),
            Node::Kink(..) | Node::Input(..) => refused("a divided part is no leaf"),
            Node::Faces(_) => refused("only the whole region has faces"),
        }
    }
}

/// The norm of the Jacobian of a part's one pattern.
fn single(problem: &Problem, part: &Part, room: &Room) -> Checked<f64> {
    let input = constants(&problem.region, problem.net.inputs());
    let Ok(pattern) = pattern(&problem.net, &input, &by_ends(part), room.deadline()) else {
        room.in_time()?;
        return refused("a leaf has no single pattern");
    };
    let found = pattern.jacobian(&problem.seeds(), &input).map(|j| problem.without_ignored(j));
    let Some(j) = found else { return refused("no Jacobian") };
    let [centre, radius] = [&j.centre, &j.radius].map(|a| a.index_axis(Axis(0), 0));
    let q = &problem.quotient;
    Ok(operator_upper(centre, radius, q.in_norm, q.out_norm).get())
}

fn empty(problem: &Problem, part: &Part, multipliers: &[Rational], room: &Room) -> Checked<bool> {
    let region = &problem.region;
    let (lo, hi) = problem.room(&part.lo, &part.hi);
    let input = constants(region, problem.net.inputs());
    let Ok(found) = pattern(&problem.net, &input, &by_ends(part), room.deadline()) else {
        room.in_time()?;
        return Ok(false);
    };
    let live: Vec<usize> = (0..input.len()).filter(|&j| input[j].is_none()).collect();
    if let Some(ball) = ball(region, &live)
        && multipliers.len() == ball.multipliers(found.conditions.len())
    {
        return Ok(ball.refuted(&found.conditions, multipliers));
    }
    let Some([lo, hi]) = ends(region, lo, hi, &live) else { return Ok(false) };
    let mut forms = found.conditions;
    forms.extend(faces(region, &live));
    Ok(refuted(&forms, multipliers, &lo, &hi))
}
