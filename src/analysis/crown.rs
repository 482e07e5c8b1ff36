//! Linear bounds of every pre-activation on the region.
//!
//! Proves: l <= z <= u at the inputs of nonlinear nodes, on boxes and on l1, l2
//!   balls (dual norm), intersected with interval bounds.
//! From: Zhang et al. 2018 (CROWN); any lower slope is sound (Xu et al. 2021),
//!   so neurons that are nearly decided get slopes of their own (`alpha`).
//! Rounding: coefficients are numbers, what they lose goes into the constant.
//! Cost: two backward passes per undecided neuron and slope choice.
//! Loose when: many neurons cross zero; exact for networks with fixed statuses.

use super::{alpha, ibp};
use crate::analysis::Budget;
use crate::backend::Backend;
use crate::layer::{Piece, Piecewise};
use crate::linalg::Enclosure;
use crate::net::Op;
use crate::num::Norm;
use crate::ops::linear::{NodeEnds, Relaxation, above, host_ends, over, relax, signs, take_signs, tighten};
use crate::ops::{Ends, Gate, Known, Prepared, Trace};
use crate::region::Region;
use ndarray::{Array2, Array3};

/// Bounds of all nodes and the gates they imply.
pub struct Statuses<B: Backend> {
    pub trace: Trace<B>,
    pub known: Known,
    pub ends: NodeEnds,
    pub relaxations: Vec<Option<Relaxation>>,
}

/// What is known before: boxes of the input (one per item) and bounds of nodes.
pub struct Given<'k> {
    pub input: Enclosure,
    pub known: &'k Known,
    /// Lower slopes of nearly decided neurons are optimised (one item only).
    pub optimised: bool,
    /// Half-spaces that also hold.
    pub cuts: Option<&'k mut dyn Cuts>,
}

/// Half-spaces of the input, item by item, that come to light node by node.
pub trait Cuts {
    /// Features of a node whose linear functions are wanted in any case.
    fn wanted(&self, k: usize) -> Vec<usize>;
    /// What upper linear bounds of +e_j and -e_j in turn (coefficients, constants) say.
    fn tighten(
        &mut self,
        k: usize,
        features: &[usize],
        coefficients: &Array3<f64>,
        constants: &Array2<f64>,
        ends: &mut Ends,
    );
}

pub fn run<B: Backend>(prepared: &Prepared<B>, region: &Region, budget: &Budget) -> Statuses<B> {
    let given = Given { input: ibp::input(prepared, region), known: &vec![], optimised: true, cuts: None };
    run_on(prepared, region, given, budget)
}

/// The same on parts of the region.
pub fn run_on<B: Backend>(
    prepared: &Prepared<B>,
    region: &Region,
    mut given: Given,
    budget: &Budget,
) -> Statuses<B> {
    let (net, b) = (prepared.net, prepared.backend);
    let users = net.users();
    let items = given.input.dim().0;
    let mut trace = Trace::start(net);
    let mut ends: NodeEnds = vec![None; net.nodes.len()];
    let mut known: Known = vec![None; net.nodes.len()];
    let mut relaxations: Vec<Option<Relaxation>> = (0..net.nodes.len()).map(|_| None).collect();
    let mut curved = vec![false; net.nodes.len()];
    let mut work = vec![0.0; net.nodes.len()];
    let ball = matches!(region.ball_norm(), Some((Norm::One | Norm::Two, _)));
    for k in 0..net.nodes.len() {
        let node = &net.nodes[k];
        let input = (k == 0).then(|| b.upload(&given.input));
        let before = given.known.get(k).and_then(|e| e.as_ref());
        prepared.step(&mut trace, k, input, before);
        let mut own = host_ends(b, trace.values[k].as_ref().expect("just computed"));
        if let Some(e) = before {
            tighten(&mut own, &e.lo, &e.hi);
            known[k] = Some(own.clone());
        }
        let so_far: f64 = node.inputs.iter().map(|&i| work[i]).sum();
        work[k] = so_far + node.products();
        curved[k] = node.inputs.iter().any(|&i| curved[i]) || node.op.is_nonlinear();
        if node.op.is_nonlinear() {
            relaxations[k] = Some(relax(net, k, &ends, None));
            if let Op::Piecewise(f) = &node.op
                && given.known.get(node.inputs[0]).is_some_and(|e| e.is_some())
            {
                // Ends that are known exactly decide, not their centre and radius.
                let x = ends[node.inputs[0]].as_ref().expect("topological order");
                let (lo, hi) = slopes(f, x);
                trace.gates[k] = Some(Gate::Each(b.upload_slopes(&lo, &hi)));
            }
        }
        let wanted = users[k].iter().any(|&u| net.nodes[u].op.is_nonlinear());
        if wanted && (curved[k] || ball || given.cuts.is_some()) && k > 0 {
            let mut open = undecided(prepared, k, &users[k], &own);
            if let Some(cuts) = &given.cuts {
                open.extend(cuts.wanted(k));
                open.sort_unstable();
                open.dedup();
            }
            let price = 4.0 * (items * open.len()) as f64 * work[k];
            if !open.is_empty() && budget.affords_on(prepared.backend, price) {
                ends[k] = Some(own.clone());
                let cuts = &mut given.cuts;
                refine(prepared, region, budget, &relaxations, &ends, k, &open, work[k], cuts, &mut own);
                ends[k] = Some(own.clone());
                if given.optimised {
                    let open = undecided(prepared, k, &users[k], &own);
                    alpha::refine(prepared, region, budget, &ends, k, &open, work[k], &mut own);
                }
                let sharper = crate::ops::linear::upload_ends(b, &own);
                let value = trace.values[k].take().expect("just computed");
                trace.values[k] = Some(b.intersect(&value, &sharper));
                known[k] = Some(own.clone());
            }
        }
        ends[k] = Some(own);
    }
    Statuses { trace, known, ends, relaxations }
}

/// Slopes of a piecewise linear function on arguments within these ends.
fn slopes(f: &Piecewise, ends: &Ends) -> (Array2<f64>, Array2<f64>) {
    let of = |side: usize| {
        Array2::from_shape_fn(ends.lo.dim(), |at| match f.piece(at.1, ends.lo[at], ends.hi[at]) {
            Piece::Fixed { slope, .. } => slope,
            Piece::Free { slope, .. } => slope[side],
        })
    };
    (of(0), of(1))
}

/// Features whose bounds still matter to a reader of node k, for some item.
fn undecided<B: Backend>(prepared: &Prepared<B>, k: usize, users: &[usize], ends: &Ends) -> Vec<usize> {
    let free = |u: usize, j: usize| match &prepared.net.nodes[u].op {
        Op::Piecewise(f) => (0..ends.lo.nrows())
            .any(|i| matches!(f.piece(j, ends.lo[[i, j]], ends.hi[[i, j]]), Piece::Free { .. })),
        op => op.is_nonlinear(),
    };
    (0..prepared.net.nodes[k].len()).filter(|&j| users.iter().any(|&u| free(u, j))).collect()
}

/// Back-substitutes +e_j and -e_j for all open features, chunk by chunk.
fn refine<B: Backend>(
    prepared: &Prepared<B>,
    region: &Region,
    budget: &Budget,
    relaxations: &[Option<Relaxation>],
    ends: &NodeEnds,
    k: usize,
    open: &[usize],
    work: f64,
    cuts: &mut Option<&mut dyn Cuts>,
    own: &mut Ends,
) {
    let net = prepared.net;
    let items = own.lo.nrows();
    let widest = net.nodes[..=k].iter().map(|n| n.len()).max().unwrap_or(1);
    let affordable = budget.at_once(prepared.backend, 4.0 * items as f64 * work);
    let chunk = (budget.rows(widest * items) / 2).clamp(1, 512).min(affordable);
    for part in open.chunks(chunk) {
        if budget.is_over() {
            return;
        }
        let rows = signs(items, net.nodes[k].len(), part);
        let mut coefficients = None;
        let mut seen = |n: usize, a: &B::Block| {
            if n == 0 && cuts.is_some() {
                coefficients = Some(prepared.backend.read(a).centre);
            }
        };
        let (input, constants) = above(prepared, relaxations, ends, k, &rows, &mut seen);
        let box_ = ends[0].as_ref().expect("bounds of the input");
        let top = over(prepared.backend, region, box_, input, constants.clone());
        take_signs(own, &top, part);
        if let (Some(cuts), Some(coefficients)) = (cuts.as_mut(), coefficients) {
            cuts.tighten(k, part, &coefficients, &constants, own);
        }
    }
}
