//! A bound of all derivatives as a quadratic form of the adjoints at a cut, from the input to the output.
//!
//! With slopes C + E, |E_j| <= r_j, and λ > 0 of every open neuron,
//!   V(a) = max over e of |adjoint of the input|² + Σ λ_j (r_j² a_j² − e_j²)
//! over what is behind the cut, where a are the adjoints of its nodes and e_j any number in place of E_j a_j: it is
//! never below |adjoint of the input|² for slopes within their intervals, and it is aᵀ P a. Past a linear node P
//! becomes Tᵀ P T; past a nonlinear one with arguments s, of which F are open,
//!   P + P_F M⁻¹ P_Fᵀ with M = Λ − P_FF ≻ 0, then slopes C on both sides, then λ r² on the diagonal.
//! At the output ‖J‖_2² is at most the largest eigenvalue of P.
//!
//! From: the S-procedure of Fazlyab et al. 2019 (LipSDP's neuron form), eliminated node by node; on any graph.
//! Rounding: P only has to lie above: what a step may have lost, in the Frobenius norm, goes on the diagonal.

use crate::backend::Backend;
use crate::linalg::cholesky::{divide, positive};
use crate::linalg::gram::gram_matrix;
use crate::linalg::lanczos::top_eigenpair;
use crate::linalg::solve;
use crate::net::{Net, Op};
use crate::num::norms::{Norm, vector_norm_up};
use crate::num::round::{add_up, div_up, gamma, mul_up, sqrt_up, sub_up};
use crate::rules::step::Step;
use crate::sweep::{Gate, Prepared};
use ndarray::{Array2, ArrayView2, Axis, s};
use std::ops::Range;

/// Middles of slopes, and how far slopes reach from there.
struct Slopes {
    middle: Vec<f64>,
    reach: Vec<f64>,
}

/// Features of a node that adjoints can reach, by their places in P.
struct Part {
    node: usize,
    features: Vec<usize>,
    from: usize,
}

impl Part {
    fn range(&self) -> Range<usize> {
        self.from..self.from + self.features.len()
    }
}

pub struct Cut<'p, 'n, B: Backend> {
    prepared: &'p Prepared<'n, B>,
    slopes: Vec<Option<Slopes>>,
    /// By node: features that adjoints can reach.
    needed: Vec<Vec<bool>>,
    users: Vec<Vec<usize>>,
    /// Where it begins: with the identity there.
    start: usize,
    parts: Vec<Part>,
    p: Array2<f64>,
}

/// How large it becomes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    /// The most adjoints of a cut.
    pub width: usize,
    /// Open neurons of one node.
    pub open: usize,
    pub work: f64,
}

fn open(s: &Slopes, j: usize) -> bool {
    s.reach[j] > 0.0
}

fn frobenius(a: ArrayView2<f64>) -> f64 {
    vector_norm_up(a.iter().map(|x| x.abs()), Norm::Two)
}

/// How many times the largest eigenvalue of what it stands against a neuron's λ is.
const ABOVE: f64 = 2.0;
/// Rows that are divided between two looks at the clock.
const AT_ONCE: usize = 512;

impl<'p, 'n, B: Backend> Cut<'p, 'n, B> {
    /// None unless every nonlinear node that counts has a slope per feature, and all slopes are bounded. `inputs`:
    /// those that can move.
    pub fn new(
        prepared: &'p Prepared<'n, B>,
        gates: &[Option<Gate<B>>],
        inputs: &dyn Fn(usize) -> bool,
    ) -> Option<Self> {
        let net = prepared.net;
        let mut slopes = vec![];
        let counts = net.needed();
        for (k, node) in net.nodes.iter().enumerate() {
            slopes.push(match &gates[k] {
                _ if !node.op.is_nonlinear() || !counts[k] => None,
                Some(Gate::Each(each)) => Some(read(prepared.backend, each)?),
                _ => return None,
            });
        }
        let needed = needed(net, &slopes, inputs);
        Some(Cut { prepared, slopes, needed, users: net.users(), start: 0, parts: vec![], p: Array2::eye(0) })
    }

    /// The same for derivatives by the values of this node, which lies on all ways from the input.
    pub fn from(self, start: usize) -> Self {
        Cut { start, ..self }
    }

    /// What is to come, before any of it is computed.
    pub fn size(&self) -> Size {
        let net = self.prepared.net;
        let count = |k: usize| self.needed[k].iter().filter(|n| **n).count();
        let mut live = vec![self.start];
        let mut size = Size { width: count(self.start), ..Size::default() };
        for (k, node) in net.nodes.iter().enumerate().skip(self.start + 1) {
            if !self.counts(k) {
                continue;
            }
            let before: f64 = live.iter().map(|&i| count(i) as f64).sum();
            live.push(k);
            let width: usize = live.iter().map(|&i| count(i)).sum();
            size.width = size.width.max(width);
            let (own, w) = (count(k) as f64, width as f64);
            size.work += match &self.slopes[k] {
                Some(s) => {
                    let f = (0..node.len()).filter(|&j| open(s, j)).count();
                    size.open = size.open.max(f);
                    let f = f as f64;
                    DENSE * (f * f * (f / 6.0 + before) + before * before * f)
                }
                None => (before + own) * (node.products() + node.len() as f64),
            } + w * w;
            live.retain(|&i| self.reads(i, k));
        }
        size
    }

    /// Is node k on the way to the output?
    fn counts(&self, k: usize) -> bool {
        k == self.prepared.net.output() || self.needed[k].contains(&true)
    }

    /// Does something after node k read node i?
    fn reads(&self, i: usize, k: usize) -> bool {
        i == self.prepared.net.output() || self.users[i].iter().any(|&u| u > k && self.counts(u))
    }

    /// None of a node whose values nothing needs, or that cannot move.
    fn part(&self, node: usize) -> Option<&Part> {
        self.parts.iter().find(|p| p.node == node)
    }

    /// The form at the output, and the features of it that it is about: others cannot move. None where a
    /// factorisation failed or it is too late.
    pub fn run(mut self) -> Option<(Vec<usize>, Array2<f64>)> {
        let net = self.prepared.net;
        let (node, own) = (self.start, &self.needed[self.start]);
        let features: Vec<usize> = (0..own.len()).filter(|&j| own[j]).collect();
        self.p = Array2::eye(features.len());
        self.parts = vec![Part { node, features, from: 0 }];
        for k in self.start + 1..net.nodes.len() {
            if !self.counts(k) {
                continue;
            }
            match self.slopes[k].take() {
                Some(slopes) => self.bend(k, &slopes)?,
                None => self.pass(k),
            }
            self.drop_read(k);
            if self.prepared.is_late() || !self.p.iter().all(|x| x.is_finite()) {
                return None;
            }
        }
        let part = self.part(net.output())?;
        let p = self.p.slice(s![part.range(), part.range()]).to_owned();
        Some((part.features.clone(), p))
    }

    /// Leaves out nodes that nothing after node k reads.
    fn drop_read(&mut self, k: usize) {
        let keep: Vec<bool> = self.parts.iter().map(|p| self.reads(p.node, k)).collect();
        if keep.iter().all(|k| *k) {
            return;
        }
        let kept = self.parts.iter().zip(&keep).filter(|(_, k)| **k);
        let places: Vec<usize> = kept.flat_map(|(p, _)| p.range()).collect();
        self.p = self.p.select(Axis(0), &places).select(Axis(1), &places);
        let mut keep = keep.into_iter();
        self.parts.retain(|_| keep.next().expect("one each"));
        let mut from = 0;
        for part in &mut self.parts {
            part.from = from;
            from += part.features.len();
        }
    }

    /// A new node in the cut: its rows against what was there, and its own block.
    fn append(&mut self, node: usize, features: Vec<usize>, rows: &Array2<f64>, own: &Array2<f64>) {
        let (w, n) = (self.p.nrows(), features.len());
        let mut p = Array2::zeros((w + n, w + n));
        p.slice_mut(s![..w, ..w]).assign(&self.p);
        p.slice_mut(s![w.., ..w]).assign(rows);
        p.slice_mut(s![..w, w..]).assign(&rows.t());
        // Halves of both sides: symmetric, and no farther from what it stands for.
        let middle = ndarray::Zip::from(own).and(own.t()).map_collect(|a, b| 0.5 * a + 0.5 * b);
        p.slice_mut(s![w.., w..]).assign(&middle);
        self.p = p;
        self.parts.push(Part { node, features, from: w });
    }

    /// At least this much more of the identity.
    fn raise(&mut self, by: f64) {
        self.p.diag_mut().mapv_inplace(|x| add_up(x, by));
    }

    /// A linear node.
    fn pass(&mut self, k: usize) {
        let net = self.prepared.net;
        let node = &net.nodes[k];
        let features: Vec<usize> = (0..node.len()).filter(|&j| self.needed[k][j]).collect();
        let step = Step { node, out: &features, late: &|| self.prepared.is_late() };
        let sum = |x: &dyn Fn(&Part) -> Array2<f64>, columns: usize| {
            let mut total = Array2::<f64>::zeros((features.len(), columns));
            let mut error = 0.0;
            for (i, &from) in node.inputs.iter().enumerate() {
                let Some(part) = self.part(from) else { continue };
                let rows = x(part);
                total += &step.times(net, i, &part.features, rows.view());
                error = add_up(error, mul_up(step.error(i), frobenius(rows.view())));
            }
            let sums = mul_up(gamma(node.inputs.len()), frobenius(total.view()));
            (total, add_up(error, sums))
        };
        let width = self.p.nrows();
        let (rows, lost) = sum(&|part| self.p.slice(s![part.range(), ..]).to_owned(), width);
        let across = |part: &Part| rows.slice(s![.., part.range()]).t().to_owned();
        let (own, more) = sum(&across, features.len());
        // What the rows have lost goes through the node once more.
        let size = (0..node.inputs.len()).fold(0.0, |t, i| add_up(t, step.size(i)));
        let more = add_up(more, mul_up(lost, mul_up(size, 1.0 + 1e-9)));
        self.append(k, features, &rows, &own);
        let halves = add_up(mul_up(gamma(4), frobenius(own.view())), 1e-280);
        self.raise(mul_up(add_up(add_up(mul_up(2.0, lost), more), halves), 1.0 + 1e-9));
    }

    /// A nonlinear node.
    fn bend(&mut self, k: usize, slopes: &Slopes) -> Option<()> {
        let read = self.prepared.net.nodes[k].inputs[0];
        let (from, features) = self.part(read).map_or((0, vec![]), |p| (p.from, p.features.clone()));
        let free: Vec<usize> = (0..features.len()).filter(|&t| open(slopes, features[t])).collect();
        let places: Vec<usize> = free.iter().map(|t| from + t).collect();
        let multiplier = if free.is_empty() { 0.0 } else { self.eliminate(&places)? };
        let kept: Vec<usize> = (0..features.len()).filter(|&t| self.needed[k][features[t]]).collect();
        let middle = |t: usize| slopes.middle[features[t]];
        let at: Vec<usize> = kept.iter().map(|t| from + t).collect();
        let mut rows = self.p.select(Axis(0), &at);
        for (mut row, &t) in rows.rows_mut().into_iter().zip(&kept) {
            row *= middle(t);
        }
        let mut own = rows.select(Axis(1), &at);
        for (mut column, &t) in own.columns_mut().into_iter().zip(&kept) {
            column *= middle(t);
        }
        for (i, &t) in kept.iter().enumerate() {
            let reach = slopes.reach[features[t]];
            own[[i, i]] = add_up(own[[i, i]], mul_up(multiplier, mul_up(reach, reach)));
        }
        // Two roundings an entry at most, and two more where halves are added.
        let lost = add_up(frobenius(rows.view()), frobenius(own.view()));
        let lost = add_up(mul_up(mul_up(2.0, gamma(8)), lost), 1e-280);
        let kept = kept.into_iter().map(|t| features[t]).collect();
        self.append(k, kept, &rows, &own);
        self.raise(lost);
        Some(())
    }

    /// P + P_F M⁻¹ P_Fᵀ; gives λ.
    fn eliminate(&mut self, places: &[usize]) -> Option<f64> {
        let columns = self.p.select(Axis(1), places);
        let own = columns.select(Axis(0), places);
        let (top, _) = top_eigenpair(places.len(), &mut |v| own.dot(&v), 1e-4);
        let multiplier = ABOVE * top.max(1e-100);
        if !(1e-150..1e150).contains(&multiplier) {
            return None;
        }
        let mut m = own.mapv(|x| -x);
        m.diag_mut().mapv_inplace(|x| multiplier + x);
        // Where it fits, M is at least half of what its estimated eigenvalue says.
        let least = 0.4 * (multiplier - top);
        let mut shifted = m.clone();
        shifted.diag_mut().mapv_inplace(|x| x - least);
        let rounding = mul_up(4.0 * f64::EPSILON, frobenius(m.view()));
        if !(least > 0.0 && positive(shifted, rounding)) || self.prepared.is_late() {
            return None;
        }
        let trace = vector_norm_up(m.diag().iter().map(|x| x.abs()), Norm::One);
        let l = solve::cholesky(m)?;
        let mut x = columns;
        for rows in x.axis_chunks_iter_mut(Axis(0), AT_ONCE) {
            if self.prepared.is_late() {
                return None;
            }
            divide(rows, l.view());
        }
        let gained = gram_matrix(x.t());
        let lost = self.lost(&x, places.len(), trace, least);
        self.p += &gained;
        let sums = mul_up(4.0 * f64::EPSILON, frobenius(self.p.view()));
        self.raise(add_up(lost, sums));
        Some(multiplier)
    }

    /// What P_F M⁻¹ P_Fᵀ may be above the computed X Xᵀ, X = P_F L⁻ᵀ, where M ⪰ least.
    ///
    /// L Lᵀ = M' with ‖M' − M‖ <= η = γ trace M / (1 − γ) (see `cholesky`), X Lᵀ = P_F + D with |D| <= γ |X||L|ᵀ, so
    /// ‖D‖ <= γ ‖X‖ ‖L‖ with ‖L‖_F² <= trace M / (1 − γ). Then P_F M'⁻¹ P_Fᵀ = (X − D L⁻ᵀ)(X − D L⁻ᵀ)ᵀ, ‖L⁻¹‖² <= 1 / (least − η), and
    /// M⁻¹ ⪯ M'⁻¹ least / (least − η).
    fn lost(&self, x: &Array2<f64>, order: usize, trace: f64, least: f64) -> f64 {
        let g = gamma(2 * order + 16);
        let eta = mul_up(2.0, mul_up(g, trace));
        let below = least - 2.0 * eta;
        if below <= 0.5 * least {
            return f64::INFINITY;
        }
        let size = frobenius(x.view());
        let away = mul_up(mul_up(g, size), sqrt_up(div_up(mul_up(2.0, trace), below)));
        let square = mul_up(size, size);
        let moved = mul_up(away, add_up(mul_up(2.0, size), away));
        let whole = add_up(square, moved);
        let inverse = mul_up(div_up(mul_up(2.0, eta), below), whole);
        // The product itself, and its sum with what was there.
        let product = mul_up(gamma(order + 4), square);
        mul_up(add_up(add_up(moved, inverse), add_up(product, 1e-280)), 1.0 + 1e-9)
    }
}

/// Multiplications in blocks cost this part of those in sweeps.
const DENSE: f64 = 0.25;

fn read<B: Backend>(b: &B, slopes: &B::Slopes) -> Option<Slopes> {
    let (lo, hi) = b.read_slopes(slopes);
    let (lo, hi) = (lo.row(0), hi.row(0));
    let middle: Vec<f64> = lo.iter().zip(&hi).map(|(l, h)| 0.5 * (l + h)).collect();
    let reach = |(c, (l, h)): (&f64, (&f64, &f64))| sub_up(*h, *c).max(sub_up(*c, *l)).max(0.0);
    let reach: Vec<f64> = middle.iter().zip(lo.iter().zip(&hi)).map(reach).collect();
    middle.iter().chain(&reach).all(|x| x.is_finite()).then_some(Slopes { middle, reach })
}

/// Features that the output's adjoints can reach.
fn needed(net: &Net, slopes: &[Option<Slopes>], inputs: &dyn Fn(usize) -> bool) -> Vec<Vec<bool>> {
    let mut needed: Vec<Vec<bool>> = net.nodes.iter().map(|n| vec![false; n.len()]).collect();
    needed[net.output()].fill(true);
    for k in (1..net.nodes.len()).rev() {
        let node = &net.nodes[k];
        let own = std::mem::take(&mut needed[k]);
        let mut at = 0;
        for &i in &node.inputs {
            let from = &mut needed[i];
            match &node.op {
                Op::Affine(_) => {
                    let any = own.contains(&true);
                    from.iter_mut().for_each(|n| *n |= any);
                }
                Op::Select { incidence, .. } | Op::Max(incidence) => {
                    for w in (0..own.len()).filter(|&w| own[w]) {
                        incidence.index[incidence.window(w)].iter().for_each(|&j| from[j as usize] = true);
                    }
                }
                Op::Scale(_) | Op::Add => from.iter_mut().zip(&own).for_each(|(n, o)| *n |= o),
                Op::Concat => from.iter_mut().zip(&own[at..]).for_each(|(n, o)| *n |= o),
                Op::Piecewise(_) | Op::Smooth(_) | Op::Softmax { .. } => {
                    for (j, n) in from.iter_mut().enumerate() {
                        let moves = |s: &Slopes| s.middle[j] != 0.0 || s.reach[j] != 0.0;
                        *n |= own[j] && slopes[k].as_ref().is_none_or(moves);
                    }
                }
                Op::Input => {}
            }
            at += net.nodes[i].len();
        }
        needed[k] = own;
        // What a slope of 0 hides is not needed of the node itself.
        if let Some(s) = &slopes[k] {
            let hidden = |j: usize| s.middle[j] == 0.0 && s.reach[j] == 0.0;
            (0..s.middle.len()).filter(|&j| hidden(j)).for_each(|j| needed[k][j] = false);
        }
    }
    (0..net.inputs()).filter(|&j| !inputs(j)).for_each(|j| needed[0][j] = false);
    needed
}
