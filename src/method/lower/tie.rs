//! The lower bound at a single point, also where maxima are tied.
//!
//! Proves: ‖uᵀJ‖_{p*} >= value ‖u‖_{q*} for a generalised Jacobian J at x, that
//!   of a piece touching x in a direction that breaks the ties.
//! From: the definition of the generalised Jacobian; ties by `ops::ties`.
//! Rounding: double-double values, tangents and adjoints; mignitudes down.
//! Cost: one value, one tangent and one adjoint pass in double-double.
//! Loose when: ties are not provable, or a neuron's sign at x is open.

use super::points::{self, FEW_OUTPUTS, Proposal, Random};
use super::witness;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::LowerBound;
use crate::method::context::Context;
use crate::num::Enclosure;
use crate::ops::{Gate, Prepared, ties};
use ndarray::Axis;

pub fn at_point<B: Backend>(context: &Context<B>, x: &[f64]) -> LowerBound {
    let exact = context.exact();
    let b = exact.backend;
    let gates = &context.small().gates;
    let mut proposal = propose(context, x, &sketched(exact, gates));
    // Equal inputs are known to be equal only where they are known exactly.
    let known = context.problem.region.ends().is_none_or(|(lo, hi)| lo == hi);
    if !known || !ties::any(exact, gates) {
        return prove(context, &proposal, gates);
    }
    // Along the steepest direction found so far, made generic.
    let row = context.problem.row(&proposal.u);
    let sketch = context.sketch();
    let seed = sketch.backend.upload(&Enclosure::vector(&row));
    let g = sketch.backend.read(&sketch.adjoints(&sketched(exact, gates), seed, |_, _| {})).centre;
    let mut random = Random(context.seed ^ 0x71E5);
    let along: Vec<f64> =
        g.iter().map(|v| (0.5 + random.unit()) * if *v < 0.0 { -1.0 } else { 1.0 }).collect();
    let resolved = ties::resolve(exact, gates, x, b.upload(&Enclosure::vector(&along)));
    proposal = propose(context, x, &sketched(exact, &resolved));
    prove(context, &proposal, &resolved)
}

fn propose<B: Backend>(context: &Context<B>, x: &[f64], gates: &[Option<Gate<Cpu>>]) -> Proposal {
    let q = &context.problem.quotient;
    if context.problem.rows() > FEW_OUTPUTS {
        return points::by_power(context, x, gates);
    }
    let j = points::rows_at(context, gates, 1);
    let (u, estimate) = points::direction(j.index_axis(Axis(0), 0), q.in_norm, q.out_norm);
    Proposal { x: x.to_vec(), u, estimate }
}

fn prove<B: Backend>(context: &Context<B>, p: &Proposal, gates: &[Option<Gate<Cpu>>]) -> LowerBound {
    let exact = context.exact();
    let row = exact.backend.upload(&Enclosure::vector(&context.problem.row(&p.u)));
    let g = exact.backend.read(&exact.adjoints(gates, row, |_, _| {}));
    witness::evaluate(context, &p.x, &p.u, &context.without_fixed(g), "centre")
}

/// Proven gates as single slopes: decided ones as they are, open ones one of
/// their members (of a maximum's open edges the first).
fn sketched(exact: &Prepared<Cpu>, gates: &[Option<Gate<Cpu>>]) -> Vec<Option<Gate<Cpu>>> {
    let b = exact.backend;
    let pick = |(k, g): (usize, &Option<Gate<Cpu>>)| {
        Some(match g.as_ref()? {
            Gate::Each(s) => {
                let (lo, hi) = b.read_slopes(s);
                let mid = (&lo + &hi) * 0.5;
                Gate::Each(b.upload_slopes(&mid, &mid))
            }
            Gate::Window(s) => {
                let (lo, mut hi) = b.read_slopes(s);
                let crate::net::Op::Max(windows) = &exact.net.nodes[k].op else {
                    unreachable!("window gates belong to maxima")
                };
                for i in 0..windows.outputs() {
                    let first = windows.window(i).find(|&e| hi[[0, e]] > 0.0);
                    windows.window(i).for_each(|e| hi[[0, e]] = (Some(e) == first) as u8 as f64);
                }
                drop(lo);
                Gate::Window(b.upload_slopes(&hi, &hi))
            }
            Gate::Softmax(ends) => Gate::Softmax(ends.clone()),
        })
    };
    gates.iter().enumerate().map(pick).collect()
}
