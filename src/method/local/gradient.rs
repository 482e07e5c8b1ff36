//! Linear propagation of the Clarke Jacobian.
//!
//! Proves: every generalised Jacobian on the region lies in an enclosure, and its rows' norms below sums of
//!   their entries' chords.
//! From: Shi et al. 2022 (RecurJac's recursion as linear bounds); here for any graph, any slope
//!   intervals and all norm pairs, squares relaxed by their chords too, signs of entries tried where chords
//!   lose most, intersected with intervals.
//! Rounding: coefficients are numbers, what they lose goes into the constant.
//! Cost: a pass per output row, and two functionals per open neuron, entry and row where that is affordable.
//! Loose when: many neurons are open; exact where none is.

use super::jacobian::{self, ENTRIES};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{Bound, Proof};
use crate::linalg::Enclosure;
use crate::method::context::{Budget, Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{Why, at_most};
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, sqrt_up};
use crate::num::{Norm, Upper};
use crate::problem::Problem;
use crate::rules::gradient::{Ambiguous, Pullback, chord, selected};
use crate::rules::linear::{signs, take_signs};
use crate::sweep::{Bounds, Ends, Gate, Prepared, Trace};
use ndarray::{Array2, Array3, Axis, s};
use std::sync::Arc;

/// An enclosure of the measured Jacobian, and an upper bound of its norm; None when the time is up.
pub fn run<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    pains: Pains,
) -> Option<(Enclosure, Upper)> {
    let problem = context.problem;
    let (rows, n) = (problem.rows(), prepared.net.inputs());
    let chunk = (context.budget.rows(context.widest()) / 8).clamp(1, 64);
    let (mut lo, mut hi) = (Array2::zeros((rows, n)), Array2::zeros((rows, n)));
    let mut norms = vec![];
    for start in (0..rows).step_by(chunk) {
        let part = start..(start + chunk).min(rows);
        let seeds = Array3::from_shape_fn((part.len(), 1, prepared.net.outputs()), {
            let own = problem.some_seeds(part.clone());
            move |(i, _, j)| own.centre[[0, i, j]]
        });
        let own = selected(prepared.backend, gates, &vec![0; part.len()]);
        let pull = Pullback { prepared, gates: &own, seeds: &Enclosure::point(seeds) };
        let found = rows_of(problem, &context.budget, &pull, pains)?;
        lo.slice_mut(s![part.clone(), ..]).assign(&found.entries.lo);
        hi.slice_mut(s![part, ..]).assign(&found.entries.hi);
        norms.extend(found.norms);
    }
    let whole = Enclosure::from_bounds(&lo.insert_axis(Axis(0)), &hi.insert_axis(Axis(0)));
    let by_entries = jacobian::norm(context, &whole);
    // ‖J‖_{p→q} <= ‖(‖row‖_{p*})‖_q, exact for q = ∞.
    let by_rows = Upper::proven(vector_norm_up(norms, problem.quotient.out_norm));
    Some((whole, by_entries.min(by_rows)))
}

/// Rows of the Jacobian, one per pair.
pub struct Rows {
    pub entries: Ends,
    /// Upper bounds of their dual norms.
    pub norms: Vec<f64>,
    /// At the nodes behind the input.
    pub gradients: Bounds,
}

/// How much is done for one row beside its neurons.
#[derive(Clone, Copy)]
pub struct Pains {
    /// Most entries of which both signs are tried.
    pub signs: usize,
    /// Entries by which the norm loses are narrowed as far as time allows, not only where they are few.
    pub entries: bool,
    /// Where neither slope nor sign is decided.
    pub either: Ambiguous,
}

impl Pains {
    /// For a region that is asked about once.
    pub const MANY: Pains = Pains { signs: 8, entries: true, either: Ambiguous::Chord };
    /// The same by entries alone, without lines across signs.
    pub const CONSTANTS: Pains = Pains { signs: 0, entries: true, either: Ambiguous::Constant };
    /// For one part among many.
    pub const FEW: Pains = Pains { signs: 8, entries: false, either: Ambiguous::Chord };
}

/// Linear propagation of given rows under given gates, both pair by pair.
pub fn rows_of<B: Backend>(
    problem: &Problem,
    budget: &Budget,
    pull: &Pullback<B>,
    pains: Pains,
) -> Option<Rows> {
    let Pullback { prepared, gates, seeds } = *pull;
    let b = prepared.backend;
    let dual = problem.quotient.in_norm.dual();
    let products = prepared.net.products();
    let pairs = seeds.dim().0;
    let row_by_row = problem.rows() == 1 || problem.quotient.out_norm == Norm::Inf;
    let chords = pains.either == Ambiguous::Chord;
    let affords = |count: usize| budget.affords_on(b, 8.0 * (pairs * count) as f64 * products);
    let mut norms = vec![f64::INFINITY; pairs];
    // Functionals of neurons: entries and signs may cost as much again, times a few.
    let mut spent = 0;
    let mut found = pull.gradients(&mut |k, ends, later| {
        if budget.is_over() {
            return;
        }
        let mut wanted: Vec<usize> = match gates[k].as_ref() {
            Some(Gate::Each(slopes)) => open(&b.read_slopes(slopes), ends),
            // The norm's chords rest on the entries' ends.
            None if k == 0 => {
                let dual = if row_by_row && chords { dual } else { Norm::Two };
                let few = if row_by_row && dual != Norm::Inf { entries_worth(spent) } else { usize::MAX };
                entries(problem, ends, dual, if pains.entries { None } else { Some(few) })
            }
            _ => vec![],
        };
        while pains.entries && !affords(wanted.len()) && !wanted.is_empty() {
            wanted.truncate(wanted.len() / 2);
        }
        if !wanted.is_empty() && affords(wanted.len()) {
            spent += if k > 0 { wanted.len() } else { 0 };
            identity((pull, pains.either), later, k, &wanted, ends);
        }
        if k == 0 {
            fix(ends, problem);
            norms = entries_norm(ends, dual);
            let signs = signs_worth(spent, ends.lo.ncols(), pains.signs);
            let signs = if affords(1 << signs) { signs } else { 0 };
            if chords && dual != Norm::Inf && affords(1) {
                let linear = sums(pull, later, ends, dual, signs);
                norms.iter_mut().zip(linear).for_each(|(n, l)| *n = n.min(l));
            }
        }
    });
    if budget.is_over() {
        return None;
    }
    let entries = found.take(0).unwrap_or_else(|| {
        let zeros = || Array2::zeros((pairs, prepared.net.inputs()));
        norms = vec![0.0; pairs];
        Ends { lo: zeros(), hi: zeros() }
    });
    Some(Rows { entries, norms, gradients: found })
}

/// Features of which some pair has an open slope and a gradient of either sign.
fn open((lo, hi): &(Array2<f64>, Array2<f64>), ends: &Ends) -> Vec<usize> {
    let either =
        |i: usize, j: usize| lo[[i, j]] < hi[[i, j]] && ends.lo[[i, j]] < 0.0 && ends.hi[[i, j]] > 0.0;
    (0..lo.ncols()).filter(|&j| (0..lo.nrows()).any(|i| either(i, j))).collect()
}

/// Entries that are narrowed: all where they are `few`; without such a limit those by whose intervals the dual norm
/// loses, most first.
fn entries(problem: &Problem, ends: &Ends, dual: Norm, few: Option<usize>) -> Vec<usize> {
    let entries: Vec<usize> = (0..problem.net.inputs()).filter(|&j| !problem.is_ignored(j)).collect();
    if let Some(few) = few {
        return if entries.len() <= few { entries } else { vec![] };
    }
    let loss = |i: usize, j: usize| {
        let (l, u) = (ends.lo[[i, j]], ends.hi[[i, j]]);
        match dual {
            // Of one sign it is linear.
            Norm::One if l >= 0.0 || u <= 0.0 => 0.0,
            Norm::One => u.min(-l),
            Norm::Two | Norm::Inf => u - l,
        }
    };
    let total = |&j: &usize| (j, (0..ends.lo.nrows()).map(|i| loss(i, j)).sum::<f64>());
    let mut found: Vec<(usize, f64)> = entries.iter().map(total).filter(|(_, l)| *l > 0.0).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.into_iter().map(|(j, _)| j).collect()
}

/// How many entries are narrowed when that many neurons were: few always.
fn entries_worth(neurons: usize) -> usize {
    16 + 16 * neurons
}

/// Of how many entries both signs are tried, when that many neurons' gradients were narrowed: a
/// functional for every choice of signs. Among many entries a few do not matter.
fn signs_worth(neurons: usize, entries: usize, most: usize) -> usize {
    if entries > 64 {
        return 0;
    }
    ((8 * neurons + 1).ilog2() as usize).min(most)
}

/// Columns of constant inputs do not count.
fn fix(ends: &mut Ends, problem: &Problem) {
    for j in (0..ends.lo.ncols()).filter(|&j| problem.is_ignored(j)) {
        ends.lo.column_mut(j).fill(0.0);
        ends.hi.column_mut(j).fill(0.0);
    }
}

/// Coefficients at a time, which caches hold, of functionals of at least so many features.
const AT_ONCE: usize = 1 << 18;
const FEATURES: [usize; 2] = [8, 128];

/// Tightens single entries at node k.
fn identity<B: Backend>(
    (pull, either): (&Pullback<B>, Ambiguous),
    later: &Bounds,
    k: usize,
    wanted: &[usize],
    ends: &mut Ends,
) {
    let (pairs, n) = ends.lo.dim();
    let widest = pull.prepared.net.nodes.iter().map(|n| n.len()).max().unwrap_or(1);
    let at_once = (AT_ONCE / (2 * pairs * widest).max(1)).clamp(FEATURES[0], FEATURES[1]);
    for part in wanted.chunks(at_once) {
        let top = pull.upper_by(either, later, k, &signs(pairs, n, part));
        take_signs(ends, &top, part);
    }
}

fn entries_norm(ends: &Ends, norm: Norm) -> Vec<f64> {
    let size = |l: &f64, h: &f64| l.abs().max(h.abs());
    let rows = ends.lo.outer_iter().zip(ends.hi.outer_iter());
    rows.map(|(l, h)| vector_norm_up(l.iter().zip(h).map(|(l, h)| size(l, h)).collect::<Vec<_>>(), norm))
        .collect()
}

/// Σ|J_j|, or the root of ΣJ_j²: each term below its chord, where of the `signs` terms |J_j| that lose most
/// by it both signs are tried instead. A functional per row and choice of signs.
fn sums<B: Backend>(pull: &Pullback<B>, later: &Bounds, ends: &Ends, norm: Norm, signs: usize) -> Vec<f64> {
    let (pairs, n) = ends.lo.dim();
    let lines: Vec<Vec<[f64; 2]>> =
        (0..pairs).map(|i| (0..n).map(|j| chord(ends.lo[[i, j]], ends.hi[[i, j]], norm)).collect()).collect();
    let tried: Vec<Vec<usize>> = lines
        .iter()
        .map(|l| {
            let mut loss: Vec<usize> = (0..n).filter(|&j| norm == Norm::One && l[j][1] > 0.0).collect();
            loss.sort_by(|&a, &b| l[b][1].total_cmp(&l[a][1]));
            loss.truncate(signs);
            loss
        })
        .collect();
    let choices = 1 << tried.iter().map(Vec::len).max().unwrap_or(0);
    let mut rows = Enclosure::zeros(pairs, choices, n);
    let mut constant = Array2::<f64>::zeros((pairs, choices));
    for (i, c) in (0..pairs).flat_map(|i| (0..choices).map(move |c| (i, c))) {
        for (j, &[slope, shift]) in lines[i].iter().enumerate() {
            let sign = |t: usize| if c >> t & 1 == 1 { 1.0 } else { -1.0 };
            let own = tried[i].iter().position(|&t| t == j).map(|t| [sign(t), 0.0]);
            let [slope, shift] = own.unwrap_or([slope, shift]);
            rows.centre[[i, c, j]] = slope;
            constant[[i, c]] = add_up(constant[[i, c]], shift);
        }
    }
    let top = pull.upper(later, 0, &rows);
    let total = |i: usize| {
        let choice = |c: usize| add_up(constant[[i, c]], top[[i, c]]);
        let stated = |c: usize| if choice(c).is_nan() { f64::INFINITY } else { choice(c) };
        let sum = (0..choices).map(stated).fold(0.0, f64::max);
        if norm == Norm::Two { sqrt_up(sum) } else { sum }
    };
    (0..pairs).map(total).collect()
}

/// The slopes that linear propagation begins with, where the problem is none too large.
pub fn admitted<B: Backend>(context: &Context<B>) -> Result<Arc<Trace<B>>, Why> {
    let problem = context.problem;
    if context.needs_double_double() {
        return Err(Why::Unfit("the region is too small for its arithmetic: f64 cannot tell its ends apart"));
    }
    let entries = problem.rows().saturating_mul(problem.net.inputs());
    at_most("entries of the Jacobian", entries, ENTRIES as usize)?;
    // Neurons are narrowed only as far as time allows.
    let least = 4.0 * problem.rows() as f64 * pass(&problem.net);
    context.budget.admits(context.backend(), least)?;
    context.budget.admits(&Cpu::DOUBLE, context.norm())?;
    Ok(if context.linear_counts() { context.slopes(&context.linear()) } else { context.boxes() })
}

/// By linear functions of open slopes.
pub struct Linear;

impl Linear {
    pub const ROW: Row = Row {
        name: "jacobian-linear",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "a pass per output and open neuron",
        paper: "Shi et al. 2022",
        formula: "L ≤ ‖J‖ with the Jacobian's entries and its rows' norms bounded by linear functions of open slopes",
        loose: "many neurons are free; costs a pass per output and open neuron",
        slopes: "linear bounds of every neuron's argument (CROWN, optimised), interval ones where these cost too much",
        stage: Stage { region: Some(6), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Linear {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    /// With every open neuron and every input narrowed for every row.
    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        let open = context.free().unwrap_or(net.neurons()) as f64;
        8.0 * context.problem.rows() as f64 * (1.0 + open + net.inputs() as f64) * pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let trace = admitted(context)?;
        let (_, value) = run(context, &context.main(), &trace.gates, Pains::MANY).ok_or(Why::Late)?;
        let proof = Proof::digest("linear functions of open slopes");
        Ok(Bound { value, method: Self::ROW.name, proof }.into())
    }
}
