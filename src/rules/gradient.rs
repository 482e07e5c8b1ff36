//! Linear propagation through the gradient's own graph: enclosures of the rows of
//! a Jacobian at every node, and linear functions of them.
//!
//! The row's gradient at a node is G_k = Σ over readers u of the pull-back of G_u,
//! so a functional c · G_k is carried forward like a tangent; where a slope s in
//! [a, b] meets G in [l, u], coefficient by coefficient
//!   max(a G, b G) <= chord (convex in G), min(a G, b G) >= chord (concave),
//! and at the output the row is a number. Items are pairs of region and row, as
//! every row has gradients of its own.
//!
//! From: Shi et al. 2022 (linear bounds of Clarke Jacobians); the hull of s G has
//! no slope to choose. Intervals between nodes are intersected with these bounds
//! where a caller asks for it.

use crate::backend::{Backend, Lines};
use crate::linalg::Enclosure;
use crate::net::Op;
use crate::num::Norm;
use crate::num::round::{mul_down, mul_up, sub_up};
use crate::sweep::{Bounds, Ends, Gate, Prepared, brought, enclosure, ends2};
use ndarray::Array2;

/// The gates of these items, one after the other.
pub fn selected<B: Backend>(b: &B, gates: &[Option<Gate<B>>], items: &[usize]) -> Vec<Option<Gate<B>>> {
    let stretch = |a: &Array2<f64>| a.select(ndarray::Axis(0), items);
    let slopes = |s: &B::Slopes| {
        let (lo, hi) = b.read_slopes(s);
        b.upload_slopes(&stretch(&lo), &stretch(&hi))
    };
    let each = |g: &Gate<B>| match g {
        Gate::Each(s) => Gate::Each(slopes(s)),
        Gate::Window(s) => Gate::Window(slopes(s)),
        Gate::Softmax(e) => Gate::Softmax(Ends { lo: stretch(&e.lo), hi: stretch(&e.hi) }),
    };
    gates.iter().map(|g| g.as_ref().map(each)).collect()
}

/// The part of an interval on the other side of zero that rounding may have put there.
const LITTLE: f64 = 1e-9;

/// What is put in place of an open slope times a gradient that may have either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// The line through the ends of what it can be at most.
    Chord,
    /// The largest number that it can be.
    Constant,
}

/// Rows at the output of a network under given slopes, one row per item.
pub struct Pullback<'a, 'n, B: Backend> {
    pub prepared: &'a Prepared<'n, B>,
    pub gates: &'a [Option<Gate<B>>],
    pub seeds: &'a Enclosure,
}

impl<B: Backend> Pullback<'_, '_, B> {
    /// Gradients of the rows at every node that they depend on, items x features, backward by intervals. At every nonlinear node
    /// `sharpen(k, slopes or None, ends, later)` may tighten what was found, by bounds
    /// that rest on the gradients at later nodes.
    pub fn gradients(&self, sharpen: &mut dyn FnMut(usize, &mut Ends, &Bounds)) -> Bounds {
        let Pullback { prepared, gates, seeds } = *self;
        let (b, net) = (prepared.backend, prepared.net);
        let mut found = Bounds::none(net.nodes.len());
        let mut unread: Vec<(usize, B::Spans)> = vec![];
        let mut total: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        total[net.output()] = Some(b.upload(seeds));
        for k in (0..net.nodes.len()).rev() {
            let Some(mut g) = total[k].take() else { continue };
            if prepared.is_late() {
                let (pairs, _, _) = b.dim(&g);
                return anything(prepared, pairs);
            }
            unread.push((k, b.spans_of(&g)));
            if net.nodes[k].op.is_nonlinear() || k == 0 {
                bring(b, &mut unread, &mut found);
                let before = found.take(k).expect("just read");
                let mut ends = before.clone();
                sharpen(k, &mut ends, &found);
                if before.lo != ends.lo || before.hi != ends.hi {
                    g = b.intersect(&g, &b.upload(&enclosure(&ends)));
                }
                found.set(k, ends);
            }
            if k > 0 {
                for (i, part) in prepared.back(gates, k, &g) {
                    total[i] = Some(match total[i].take() {
                        Some(t) => b.sum(&[&t, &part]),
                        None => part,
                    });
                }
            }
        }
        bring(b, &mut unread, &mut found);
        found
    }

    /// Upper bounds of c · G_k for each pair's functionals c (pairs x count x features).
    pub fn upper(&self, gradients: &Bounds, k: usize, functionals: &Enclosure) -> Array2<f64> {
        self.upper_by(Ambiguous::Chord, gradients, k, functionals)
    }

    /// The same by other lines.
    pub fn upper_by(
        &self,
        either: Ambiguous,
        gradients: &Bounds,
        k: usize,
        functionals: &Enclosure,
    ) -> Array2<f64> {
        let Pullback { prepared, gates, seeds } = *self;
        let (b, net) = (prepared.backend, prepared.net);
        let (pairs, count, _) = functionals.dim();
        let mut constants = vec![];
        let mut last: Vec<usize> = (0..net.nodes.len()).collect();
        for (u, node) in net.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&i| last[i] = u);
        }
        let mut values: Vec<Option<B::Block>> = vec![None; net.nodes.len()];
        values[k] = Some(b.upload(functionals));
        for n in k + 1..net.nodes.len() {
            let node = &net.nodes[n];
            let Some(own) = gradients.get(n) else { continue };
            if prepared.is_late() {
                return Array2::from_elem((pairs, count), f64::INFINITY);
            }
            if node.inputs.iter().all(|&i| values[i].is_none()) {
                continue;
            }
            let zeros = |i: usize| b.upload(&Enclosure::zeros(pairs, count, net.nodes[i].len()));
            let parts: Vec<B::Block> =
                node.inputs.iter().map(|&i| values[i].clone().unwrap_or_else(|| zeros(i))).collect();
            let sizes = b.spans(own.lo.clone(), own.hi.clone());
            let (settled, lost) = match (&node.op, gates[n].as_ref()) {
                (Op::Affine(_), _) => prepared.settled(n, &parts[0], false, &sizes),
                (_, Some(Gate::Each(slopes))) => {
                    let table = lines(b.read_slopes(slopes), own, either);
                    let (next, [shift, lost]) = b.settled_chord(&b.chords(table), &parts[0], &sizes);
                    constants.push(shift);
                    (next, lost)
                }
                _ => b.settle(&prepared.tangent(gates, n, &parts), &sizes),
            };
            constants.push(lost);
            values[n] = Some(settled);
            for &i in &node.inputs {
                if last[i] == n {
                    values[i] = None;
                }
            }
        }
        if let Some(c) = values[net.output()].take() {
            // The rows at the output are numbers: one box per pair with equal ends.
            let (lo, hi) = ends2(seeds, true);
            constants.push(b.support(&c, &b.spans(lo, hi)));
        }
        let sum = b.top(b.total((pairs, count), constants));
        sum.mapv_into(|v| if v.is_nan() { f64::INFINITY } else { v })
    }
}

/// Ends that nobody has read yet, in one transfer.
fn bring<B: Backend>(b: &B, unread: &mut Vec<(usize, B::Spans)>, found: &mut Bounds) {
    let all: Vec<&B::Spans> = unread.iter().map(|(_, spans)| spans).collect();
    let ends = brought(b, &all);
    unread.drain(..).zip(ends).for_each(|((k, _), ends)| found.set(k, ends));
}

/// Ends of which nothing is known.
fn anything<B: Backend>(prepared: &Prepared<B>, pairs: usize) -> Bounds {
    let all = |len: usize, v: f64| Array2::from_elem((pairs, len), v);
    let ends = |len: usize| Ends { lo: all(len, f64::NEG_INFINITY), hi: all(len, f64::INFINITY) };
    prepared.net.nodes.iter().map(|n| Some(ends(n.len()))).collect()
}

/// Lines around s G for slopes s in [a, b] and gradients G in their ends.
fn lines((lo, hi): (Array2<f64>, Array2<f64>), gradients: &Ends, either: Ambiguous) -> Lines {
    Lines::from_ends(&gradients.lo, &gradients.hi, |item, j, l, u| {
        let slopes = [lo[[item, j]], hi[[item, j]]];
        let [upper, shift] = above(slopes, [l, u], either);
        // min(a G, z G) = −max(a (−G), z (−G)): the same line, mirrored.
        let [lower, below] = above(slopes, [-u, -l], either);
        [lower, -below, upper, shift]
    })
}

/// A line s G + t above a G and z G for l <= G <= u: any slope serves, as the
/// difference to a convex function is largest at an end.
fn above([a, z]: [f64; 2], [l, u]: [f64; 2], either: Ambiguous) -> [f64; 2] {
    if a == z {
        return [a, 0.0];
    }
    if !(l.is_finite() && u.is_finite()) {
        return [0.0, f64::INFINITY];
    }
    let s = match (l >= 0.0, u <= 0.0) {
        (true, _) => z,
        (_, true) => a,
        _ if either == Ambiguous::Constant && -l <= LITTLE * u => z,
        _ if either == Ambiguous::Constant && u <= -LITTLE * l => a,
        _ if either == Ambiguous::Constant => 0.0,
        _ => ((z * u - a * l) / (u - l)).clamp(a, z),
    };
    let excess = |g: f64| [a, z].map(|v| if v == s { 0.0 } else { sub_up(mul_up(v, g), mul_down(s, g)) });
    let most = [l, u].into_iter().flat_map(excess).fold(f64::NEG_INFINITY, f64::max);
    [s, most]
}

/// A line `slope x + shift` above |x| (for the norm 1) or x² on [l, u]: both are convex, so the difference is
/// largest at an end whatever the slope is.
pub fn chord(l: f64, u: f64, norm: Norm) -> [f64; 2] {
    if !(l.is_finite() && u.is_finite()) {
        return [0.0, f64::INFINITY];
    }
    // Also columns that do not count, whatever their gradients are.
    if l == 0.0 && u == 0.0 {
        return [0.0, 0.0];
    }
    let slope = match norm {
        Norm::One if l == u => l.signum(),
        Norm::One => ((u.abs() - l.abs()) / (u - l)).clamp(-1.0, 1.0),
        Norm::Two | Norm::Inf => l + u,
    };
    let excess = |x: f64| match norm {
        Norm::One if slope.abs() == 1.0 && slope * x >= 0.0 => 0.0,
        Norm::One => sub_up(x.abs(), mul_down(slope, x)),
        Norm::Two | Norm::Inf => sub_up(mul_up(x, x), mul_down(slope, x)),
    };
    [slope, excess(l).max(excess(u))]
}
