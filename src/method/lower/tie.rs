//! The lower bound at a single point, also where maxima are tied.
//!
//! Proves: ‖uᵀJ‖_{p*} >= value ‖u‖_{q*} for a generalised Jacobian J at x, that
//!   of a piece touching x in a direction that breaks the ties.
//! From: the definition of the generalised Jacobian; ties by `rules::ties`.
//! Rounding: double-double values, tangents and adjoints; mignitudes down.
//! Cost: one value, one tangent and one adjoint pass in double-double.
//! Loose when: ties are not provable, or a neuron's sign at x is open.

use super::points::{self, FEW_OUTPUTS, Proposal};
use super::witness;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::LowerBound;
use crate::linalg::Enclosure;
use crate::method::context::Context;
use crate::num::norms::vector_norm_up;
use crate::num::random::Random;
use crate::rules::ties;
use crate::sweep::{Gate, Prepared};
use ndarray::Axis;

/// `method` is what the bound is by.
pub fn at_point<B: Backend>(context: &Context<B>, x: &[f64], method: &'static str) -> LowerBound {
    let exact = &context.exact();
    let gates = &context.small().gates;
    let mut proposal = propose(context, x, &sketched(exact, gates));
    if !ties::any(exact, gates) {
        return prove(context, &proposal, gates, method);
    }
    let inputs = context.problem.region.classes();
    let Some(along) = steepest(context, &proposal, &inputs, gates) else {
        return prove(context, &proposal, gates, method);
    };
    let seed = exact.backend.upload(&Enclosure::vector(&along));
    let resolved = ties::resolve(exact, gates, &inputs, seed);
    proposal = propose(context, x, &sketched(exact, &resolved));
    prove(context, &proposal, &resolved, method)
}

/// A direction from x, and the estimated row uᵀJ of the piece it leads into.
struct Piece {
    along: Vec<f64>,
    row: Vec<f64>,
    size: f64,
}

/// Random directions tried besides the ramps.
const TRIES: usize = 2;

/// A direction from a point into a steep piece: generic ones near the gradient's signs, and x
/// made brighter towards one side, because ties of an image are mostly those of a
/// patch with its shifted copies, which such a ramp orders alike everywhere.
fn steepest<B: Backend>(
    context: &Context<B>,
    Proposal { x, u, .. }: &Proposal,
    inputs: &[u32],
    gates: &[Option<Gate<Cpu>>],
) -> Option<Vec<f64>> {
    let (exact, sketch) = (&context.exact(), &context.sketch());
    let first = gradient(context, u, &sketched(exact, gates));
    let dual = context.problem.quotient.in_norm.dual();
    let look = |along: Vec<f64>| {
        let seed = sketch.backend.upload(&Enclosure::vector(&along));
        let piece = ties::resolve(sketch, gates, inputs, seed);
        let row = gradient(context, u, &sketched(exact, &piece));
        let size = vector_norm_up(row.iter().map(|v| v.abs()), dual);
        Piece { along, row, size }
    };
    let mut random = Random(context.seed ^ 0x71E5);
    let ramps = ramps(&context.problem.net.nodes[0].shape);
    let mut pieces: Vec<Piece> = vec![];
    for round in 0..TRIES + ramps.len() {
        if context.budget.is_over() {
            break;
        }
        let along = if let Some(ramp) = ramps.get(round) {
            x.iter().zip(ramp).map(|(v, r)| (v + GENERIC * random.unit()) * r).collect()
        } else {
            let base = pieces.last().map_or(&first, |p| &p.row);
            base.iter().map(|v| (0.1 + random.unit()) * if *v < 0.0 { -1.0 } else { 1.0 }).collect()
        };
        pieces.push(look(along));
    }
    pieces.into_iter().max_by(|a, b| a.size.total_cmp(&b.size)).map(|p| p.along)
}

/// What keeps a ramp from tying where the input itself does not vary.
const GENERIC: f64 = 1e-3;

/// Weights that grow or fall along each of the last two axes.
fn ramps(shape: &[usize]) -> Vec<Vec<f64>> {
    let count: usize = shape.iter().product();
    let mut list = vec![];
    let mut stride = 1;
    for &side in shape.iter().rev().take(2) {
        let at = |j: usize| (j / stride % side) as f64 / side as f64;
        list.push((0..count).map(|j| 1.0 - at(j)).collect());
        list.push((0..count).map(at).collect());
        stride *= side;
    }
    list
}

/// The estimated row uᵀJ under given gates.
fn gradient<B: Backend>(context: &Context<B>, u: &[f64], gates: &[Option<Gate<Cpu>>]) -> Vec<f64> {
    let sketch = &context.sketch();
    let row = sketch.backend.upload(&Enclosure::point(context.problem.row(u).centre));
    let g = sketch.backend.read(&sketch.adjoints(gates, row, |_, _| {}));
    context.without_fixed(g).centre.iter().copied().collect()
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

fn prove<B: Backend>(
    context: &Context<B>,
    p: &Proposal,
    gates: &[Option<Gate<Cpu>>],
    method: &'static str,
) -> LowerBound {
    let exact = &context.exact();
    let row = exact.backend.upload(&context.problem.row(&p.u));
    let g = exact.backend.read(&exact.adjoints(gates, row, |_, _| {}));
    witness::evaluate(context, &p.x, &p.u, &context.without_fixed(g), method)
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
