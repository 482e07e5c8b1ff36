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
use crate::backend::Backend;
use crate::method::context::Budget;
use crate::net::Op;
use crate::num::{Enclosure, Norm, Piece};
use crate::ops::linear::{NodeEnds, Relaxation, host_ends, relax, tighten, upper};
use crate::ops::{Ends, Known, Prepared, Trace};
use crate::region::Region;

/// Bounds of all nodes, the gates they imply and how many neurons are free.
pub struct Statuses<B: Backend> {
    pub trace: Trace<B>,
    pub known: Known,
}

pub fn run<B: Backend>(prepared: &Prepared<B>, region: &Region, budget: &Budget) -> Statuses<B> {
    let (net, b) = (prepared.net, prepared.backend);
    let users = net.users();
    let mut trace = Trace::start(net);
    let mut ends: NodeEnds = vec![None; net.nodes.len()];
    let mut known: Known = vec![None; net.nodes.len()];
    let mut relaxations: Vec<Option<Relaxation>> = (0..net.nodes.len()).map(|_| None).collect();
    let mut curved = vec![false; net.nodes.len()];
    let mut work = vec![0.0; net.nodes.len()];
    let ball = matches!(region, Region::Bounded { ball: Some((Norm::One | Norm::Two, _)), .. });
    for k in 0..net.nodes.len() {
        let node = &net.nodes[k];
        let given = (k == 0).then(|| b.upload(&ibp::input(prepared, region)));
        prepared.step(&mut trace, k, given, None);
        let mut own = host_ends(b, trace.values[k].as_ref().expect("just computed"));
        let before: f64 = node.inputs.iter().map(|&i| work[i]).sum();
        work[k] = before + node.products();
        curved[k] = node.inputs.iter().any(|&i| curved[i]) || node.op.is_nonlinear();
        if node.op.is_nonlinear() {
            relaxations[k] = Some(relax(net, k, &ends, None));
        }
        let wanted = users[k].iter().any(|&u| net.nodes[u].op.is_nonlinear());
        if wanted && (curved[k] || ball) && k > 0 {
            let open = undecided(prepared, k, &users[k], &own);
            if !open.is_empty() && budget.affords_on(prepared.backend, 4.0 * open.len() as f64 * work[k]) {
                ends[k] = Some(own.clone());
                refine(prepared, region, budget, &relaxations, &ends, k, &open, &mut own);
                ends[k] = Some(own.clone());
                let open = undecided(prepared, k, &users[k], &own);
                alpha::refine(prepared, region, budget, &ends, k, &open, work[k], &mut own);
                let sharper = crate::ops::linear::upload_ends(b, &own);
                let value = trace.values[k].take().expect("just computed");
                trace.values[k] = Some(b.intersect(&value, &sharper));
                known[k] = Some(own.clone());
            }
        }
        ends[k] = Some(own);
    }
    Statuses { trace, known }
}

/// Features whose bounds still matter to a reader of node k.
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
    own: &mut Ends,
) {
    let net = prepared.net;
    let widest = net.nodes[..=k].iter().map(|n| n.len()).max().unwrap_or(1);
    let chunk = (budget.rows(widest) / 2).clamp(1, 512);
    for part in open.chunks(chunk) {
        if budget.interrupted() {
            return;
        }
        let mut rows = Enclosure::zeros(1, 2 * part.len(), net.nodes[k].len());
        for (t, &j) in part.iter().enumerate() {
            rows.centre[[0, 2 * t, j]] = 1.0;
            rows.centre[[0, 2 * t + 1, j]] = -1.0;
        }
        let top = upper(prepared, relaxations, ends, k, &rows, region, &mut |_, _| {});
        let (mut lo, mut hi) = (own.lo.clone(), own.hi.clone());
        for (t, &j) in part.iter().enumerate() {
            hi[[0, j]] = top[[0, 2 * t]];
            lo[[0, j]] = -top[[0, 2 * t + 1]];
        }
        tighten(own, &lo, &hi);
    }
}
