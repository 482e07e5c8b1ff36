//! The product of the layers' magnitudes.
//!
//! Proves: |J| <= T = |W_L| |S| ... |S| |W_1| entrywise on any graph, hence ‖J‖ <= ‖T‖ in all nine norms.
//! From: K4 of Pintore & Després 2024 (a reconstruction from its abstract); maxima pass the window's maximum
//!   forward and its sum backward, a softmax a quarter of its group.
//! Rounding: magnitudes of weights exact, products and norms up.
//! Cost: a pass per output where that is affordable (explicit), else vectors: two passes, or two per step of
//!   Schur's test (implicit).
//! Loose when: weights have mixed signs. Exact when no weight is negative and all neurons can be on at once.

use crate::analysis::{Derived, Placed};
use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::layer::apply::absolute;
use crate::layer::{Affine, Incidence, Scale};
use crate::linalg::Enclosure;
use crate::linalg::operator::operator_upper;
use crate::linalg::schur;
use crate::method::context::{Context, by_rows, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::{Net, Node, Op};
use crate::num::norms::{largest, vector_norm_up};
use crate::num::round::add_up;
use crate::num::{Coefficient, Norm, Upper};
use crate::problem::{Component, Output};
use crate::rules::walk::widest;
use crate::sweep::Prepared;
use ndarray::{Array1, Array2, Array3, Axis};
use std::sync::Arc;

const STEPS: usize = 12;
/// Entries up to which the matrix is written out.
const ENTRIES: f64 = 6e7;

/// |c|, rounded up.
fn size(c: &Coefficient) -> Coefficient {
    Coefficient::exact(add_up(add_up(c.hi.abs(), c.lo.abs()), c.err))
}

/// The network whose value at x >= 0 bounds T x; linear (window sums) if `sums`.
fn magnitudes(net: &Net, sums: bool) -> Net {
    let mut out = Net::new(net.nodes[0].shape.clone());
    let mut place = vec![0];
    for node in &net.nodes[1..] {
        let mut inputs: Vec<usize> = node.inputs.iter().map(|&i| place[i]).collect();
        let scale = |factor: Vec<Coefficient>, repeat: usize| {
            let shift = vec![Coefficient::ZERO; factor.len()];
            Op::Scale(Scale::new(factor, shift, repeat))
        };
        let op = match &node.op {
            Op::Input => unreachable!("only node 0 is the input"),
            Op::Affine(a) => Op::Affine(Affine { map: absolute(&a.map), bias: None, repeat: 1 }),
            Op::Scale(s) => scale(s.factor.iter().map(size).collect(), s.repeat),
            Op::Select { incidence, .. } => Op::Select { incidence: incidence.clone(), fill: 0.0 },
            Op::Add => Op::Add,
            Op::Concat => Op::Concat,
            Op::Piecewise(_) | Op::Smooth(_) => {
                let slope = |j| Coefficient::exact(widest(&node.op, j));
                scale((0..node.len()).map(slope).collect(), 1)
            }
            Op::Max(windows) if sums => Op::Select { incidence: windows.clone(), fill: 0.0 },
            Op::Max(windows) => Op::Max(windows.clone()),
            Op::Softmax { group } => {
                let n = node.len();
                let windows =
                    (0..n).map(|j| (j / group * group..(j / group + 1) * group).map(|i| i as u32).collect());
                let incidence = Arc::new(Incidence::new(n, windows));
                let op = Op::Select { incidence, fill: 0.0 };
                out.nodes.push(Node { op, inputs, ..node.clone() });
                inputs = vec![out.nodes.len() - 1];
                scale(vec![Coefficient::exact(0.25)], 1)
            }
        };
        out.nodes.push(Node { op, inputs, ..node.clone() });
        place.push(out.nodes.len() - 1);
    }
    out
}

/// That network on the device.
fn placed<B: Backend>(context: &Context<B>, linear: bool) -> Arc<Placed<B>> {
    let made = context.placed.derived(Derived::Magnitudes { linear }, |net| Some(magnitudes(net, linear)));
    made.expect("every network has one")
}

/// Nonnegative vectors through T, the product of magnitudes.
struct Vectors<'v, 'c, B: Backend> {
    context: &'v Context<'c, B>,
    /// 1 where an input counts, else 0.
    live: Array1<f64>,
    /// What is measured; None: the whole output is.
    parts: Option<Vec<Component>>,
}

impl<B: Backend> Vectors<'_, '_, B> {
    fn upload(&self, v: &Array1<f64>) -> B::Block {
        let row = Array3::from_shape_fn((1, 1, v.len()), |(_, _, j)| v[j]);
        self.context.backend().upload(&Enclosure::point(row))
    }

    fn read(&self, x: &B::Block) -> Array1<f64> {
        Array1::from_iter(self.context.backend().read(x).hi().iter().map(|v| v.max(0.0)))
    }

    /// T x of the measured output.
    fn forward(&self, prepared: &Prepared<B>, x: &Array1<f64>) -> Array1<f64> {
        let x = self.upload(&(x * &self.live));
        let y = self.read(prepared.values(x, None, |_| false).output());
        let Some(parts) = &self.parts else { return y };
        parts.iter().map(|part| part.places().fold(0.0, |t, i| add_up(t, y[i]))).collect()
    }

    /// vᵀT: what is measured is a sum of outputs.
    fn backward(&self, linear: &Prepared<B>, v: &Array1<f64>) -> Array1<f64> {
        let mut row = v.clone();
        if let Some(parts) = &self.parts {
            row = Array1::zeros(linear.net.outputs());
            for (part, v) in parts.iter().zip(v) {
                part.places().for_each(|i| row[i] = add_up(row[i], *v));
            }
        }
        let rows = self.upload(&row.mapv(|v| v * (1.0 + 1e-9)));
        self.read(&linear.adjoints(&[], rows, |_, _| {})) * &self.live
    }
}

pub fn run<B: Backend>(context: &Context<B>) -> Result<Bound, Why> {
    let (problem, backend) = (context.problem, context.backend());
    let (p, q) = (problem.quotient.in_norm, problem.quotient.out_norm);
    let (n, rows) = (problem.net.inputs(), problem.rows());
    // Two copies of the weights, each with its magnitudes.
    context.budget.holds(problem.net.parameters() as u64 * 32)?;
    let live = Array1::from_shape_fn(n, |j| !problem.region.is_fixed(j) as u8 as f64);
    let all = matches!(problem.quotient.output, Output::All);
    let vectors = Vectors { context, live, parts: (!all).then(|| problem.components().collect()) };
    let norm = |v: &Array1<f64>, r: Norm| Upper::proven(vector_norm_up(v.iter().copied(), r));
    let mut value = Upper::INFINITE;
    if p == Norm::Inf {
        let t = vectors.forward(&context.prepared(&placed(context, false)), &Array1::ones(n));
        value = norm(&t, if rows == 1 { Norm::Inf } else { q });
    }
    let linear = placed(context, true);
    let linear = context.prepared(&linear);
    let work = 2.0 * rows as f64 * pass(&problem.net);
    if rows as f64 * n as f64 <= ENTRIES && context.budget.affords_on(backend, work) {
        let all = Enclosure::point(problem.seeds().centre.mapv(f64::abs));
        let t = by_rows(&all, context.at_once(backend), |part| {
            let back = |block| backend.read(&linear.adjoints(&[], block, |_, _| {}));
            (!context.budget.is_over()).then(|| back(backend.upload(part)))
        })
        .ok_or(Why::Late)?;
        let t = context.without_fixed(t).hi().index_axis_move(Axis(0), 0).mapv(|v| v.max(0.0));
        value = value.min(operator_upper(Array2::zeros(t.dim()).view(), t.view(), p, q));
    } else if p != Norm::Inf {
        let sums = vectors.backward(&linear, &Array1::ones(rows));
        let steps = 4.0 * STEPS as f64 * problem.net.products();
        let two = || match context.budget.affords_on(backend, steps) {
            true => schur::test(n, STEPS, |x| vectors.backward(&linear, &vectors.forward(&linear, x))),
            false => Upper::INFINITE,
        };
        value = value.min(match (p, q) {
            (Norm::One, _) => Upper::proven(largest(sums.iter().copied())),
            (_, Norm::One) => norm(&sums, Norm::Two),
            _ => two().min(norm(&sums, Norm::Two)),
        });
    }
    let proof = Proof::digest("product of magnitudes");
    Ok(Bound { value, method: "absolute-product", proof })
}

/// The product of magnitudes.
pub struct Absolute;

impl Absolute {
    pub const ROW: Row = Row {
        name: "absolute-product",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "a pass per output, or vectors",
        paper: "Pintore & Despres 2024 (K4)",
        formula: "L ≤ ‖ |W_K| ⋯ |W_1| ‖, the product of magnitudes",
        loose: "weights have mixed signs; exact where none is negative",
        slopes: "the slopes of the activations, whatever the region",
        stage: Stage { everywhere: Some(2), region: Some(9), tiny: Some(4), point: Some(4), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Absolute {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        2.0 * context.problem.rows() as f64 * pass(&context.problem.net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(run(context)?.into())
    }
}
