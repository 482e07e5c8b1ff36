//! Greedy SeqLip with truncated factors.
//!
//! Proves: nothing. Layers are joined at their activations as in `seqlip`, but of each only the largest singular values
//!   are kept, and slopes are found by climbing: both can only make the product smaller than the bound it stands for.
//! From: Scaman & Virmaux 2018, the form for networks of AlexNet's size. Singular vectors by subspace iteration with the
//!   layer's own passes; where they flip one slope at a time, here all slopes follow the top singular pair, which never
//!   goes down as the norm is convex in them. Maxima are no diagonals: layers are not joined there.
//! Rounding: none is counted.
//! Cost: 240 applications of every linear section, then products of thin matrices.
//! Loose when: an estimate in any case; more than 20 singular values of a layer matter, or the climb ends early.

use super::blocks::between;
use super::layers::chain;
use crate::analysis::Placed;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::linalg::{Enclosure, eigen};
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::{ESTIMATE, Why};
use crate::net::{Net, Op};
use crate::num::random::Random;
use crate::num::{Estimate, Norm};
use crate::rules::selections::selection_norm;
use crate::sweep::{Gate, Prepared};
use ndarray::{Array1, Array2, Axis};

/// Singular values of a layer that are kept, and iterations that find them.
const KEPT: usize = 20;
const ITERATIONS: usize = 6;
/// Climbs at an activation, and steps of each.
const CLIMBS: usize = 4;
const STEPS: usize = 30;

/// A linear section by its largest singular values: outputs x kept, kept, inputs x kept.
struct Thin {
    left: Array2<f64>,
    values: Array1<f64>,
    right: Array2<f64>,
}

/// A section of the network on the way from rows to rows; the last one ends with what is measured.
struct Section<'s, 'c, B: Backend> {
    context: &'s Context<'c, B>,
    prepared: Prepared<'s, Cpu>,
    first: bool,
    last: bool,
}

impl<'s, 'c, B: Backend> Section<'s, 'c, B> {
    fn new(context: &'s Context<'c, B>, placed: &'s Placed<Cpu>, [first, last]: [bool; 2]) -> Self {
        Section { context, prepared: context.prepared(placed), first, last }
    }

    fn passed(&self, x: &Array2<f64>, back: bool) -> Array2<f64> {
        let b = self.prepared.backend;
        let x = b.upload(&Enclosure::point(x.clone().insert_axis(Axis(0))));
        let y = match back {
            true => self.prepared.adjoints(&[], x, |_, _| {}),
            false => self.prepared.tangents(&[], x, |_, _| {}),
        };
        b.read(&y).centre.index_axis_move(Axis(0), 0)
    }

    fn forward(&self, x: &Array2<f64>) -> Array2<f64> {
        let y = self.passed(x, false);
        if !self.last {
            return y;
        }
        let measured = y.outer_iter().flat_map(|row| self.context.problem.measured(&row.to_vec()));
        let measured: Vec<f64> = measured.collect();
        let columns = measured.len() / x.nrows().max(1);
        Array2::from_shape_vec((x.nrows(), columns), measured).expect("rows of equal length")
    }

    fn back(&self, y: &Array2<f64>) -> Array2<f64> {
        let problem = self.context.problem;
        let x = match self.last {
            false => self.passed(y, true),
            true => {
                let rows: Vec<f64> =
                    y.outer_iter().flat_map(|row| problem.row(&row.to_vec()).centre).collect();
                let rows = Array2::from_shape_vec((y.nrows(), problem.net.outputs()), rows);
                self.passed(&rows.expect("rows of equal length"), true)
            }
        };
        if !self.first {
            return x;
        }
        let x = Enclosure::point(x.insert_axis(Axis(0)));
        self.context.without_fixed(x).centre.index_axis_move(Axis(0), 0)
    }

    /// By subspace iteration from random vectors; None when the time is up.
    fn thin(&self) -> Option<Thin> {
        let (net, problem) = (self.prepared.net, self.context.problem);
        let outputs = if self.last { problem.rows() } else { net.outputs() };
        let kept = KEPT.min(net.inputs()).min(outputs);
        let mut noise = Random(11);
        let start = Array2::from_shape_fn((kept, outputs), |_| noise.normal());
        let mut v = orthonormal(self.back(&start));
        for _ in 1..ITERATIONS {
            if self.context.budget.is_over() {
                return None;
            }
            v = orthonormal(self.back(&self.forward(&v)));
        }
        let image = self.forward(&v);
        let (squares, turn) = eigen::symmetric(&image.dot(&image.t()));
        let values = squares.mapv(|s| s.max(0.0).sqrt());
        let inverse = values.mapv(|s| if s > 1e-12 * values[0] { 1.0 / s } else { 0.0 });
        let left = image.t().dot(&turn) * &inverse;
        (!self.prepared.is_late()).then(|| Thin { left, right: v.t().dot(&turn), values })
    }
}

/// Rows of length one at right angles; those that depend on others are zero.
fn orthonormal(mut rows: Array2<f64>) -> Array2<f64> {
    for i in 0..rows.nrows() {
        let (before, mut rest) = rows.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        let size = row.dot(&row).sqrt();
        for _ in 0..2 {
            for other in before.outer_iter() {
                let along = other.dot(&row);
                row.scaled_add(-along, &other);
            }
        }
        let left = row.dot(&row).sqrt();
        let scale = if left > 1e-12 * size { 1.0 / left } else { 0.0 };
        row.mapv_inplace(|x| x * scale);
    }
    rows
}

/// Where two sections meet.
enum Station {
    /// Open slopes of every feature.
    Slopes([Array1<f64>; 2]),
    /// Maxima, or several nodes one right behind the other: their constant.
    Cut(f64),
}

/// The largest ‖Bᵀ diag(s) A‖ that climbs meet.
fn climbed(b: &Array2<f64>, a: &Array2<f64>, [lo, hi]: &[Array1<f64>; 2]) -> f64 {
    let mut noise = Random(7);
    let follow = |c: Array1<f64>| {
        let mut s = hi.clone();
        ndarray::Zip::from(&mut s).and(&c).and(lo).for_each(|s, c, l| *s = if *c < 0.0 { *l } else { *s });
        s
    };
    let mut best = 0.0f64;
    for climb in 0..CLIMBS {
        let mut s = match climb {
            0 => hi.clone(),
            1 => follow(&b.column(0) * &a.column(0)),
            _ => follow(noise.vector(hi.len())),
        };
        let mut value = 0.0;
        for _ in 0..STEPS {
            let m = b.t().dot(&(a * &s.view().insert_axis(Axis(1))));
            let (square, v) = eigen::top(&m.t().dot(&m));
            let reached = square.max(0.0).sqrt();
            best = best.max(reached);
            if reached.is_nan() || reached <= value * (1.0 + 1e-9) {
                break;
            }
            value = reached;
            let v = Array1::from(v.to_vec());
            s = follow(b.dot(&m.dot(&v)) * a.dot(&v));
        }
    }
    best
}

/// The places of nonlinear nodes that are joined or cut at, those right behind each other together.
fn stations(net: &Net) -> Option<Vec<Vec<usize>>> {
    let mut groups: Vec<Vec<usize>> = vec![];
    for k in chain(net, |op| matches!(op, Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_)))? {
        match groups.last_mut().filter(|g| g.last() == Some(&net.nodes[k].inputs[0])) {
            Some(group) => group.push(k),
            None => groups.push(vec![k]),
        }
    }
    Some(groups)
}

fn station<B: Backend>(context: &Context<B>, gates: &[Option<Gate<B>>], group: &[usize]) -> Station {
    let net = &context.problem.net;
    let slopes = |k: usize| match &gates[k] {
        Some(Gate::Each(s)) => {
            let (lo, hi) = context.backend().read_slopes(s);
            Some([lo, hi].map(|a| a.index_axis_move(Axis(0), 0)))
        }
        _ => None,
    };
    if let [k] = group
        && let Some(own) = slopes(*k)
    {
        return Station::Slopes(own);
    }
    let steepest = |s: [Array1<f64>; 2]| s.iter().flatten().fold(0.0f64, |m, x| m.max(x.abs()));
    let constant = |&k: &usize| match &net.nodes[k].op {
        Op::Max(windows) => selection_norm(windows, Norm::Two, Norm::Two).get(),
        _ => slopes(k).map_or(1.0, steepest),
    };
    Station::Cut(group.iter().map(constant).product())
}

/// Π over stations; None when the time is up.
fn product<B: Backend>(context: &Context<B>, groups: &[Vec<usize>]) -> Option<f64> {
    let net = &context.problem.net;
    let gates = &context.statuses().gates;
    let starts: Vec<usize> = std::iter::once(0).chain(groups.iter().map(|g| g[g.len() - 1])).collect();
    let ends: Vec<usize> = groups.iter().map(|g| net.nodes[g[0]].inputs[0]).chain([net.output()]).collect();
    let mut before: Option<Thin> = None;
    let mut total = 1.0;
    for (i, (&from, &to)) in starts.iter().zip(&ends).enumerate() {
        let places = [i == 0, i + 1 == starts.len()];
        let placed = context.placed.section(from, to)?;
        let mut own = Section::new(context, placed.sketch(), places).thin()?;
        if starts.len() == 1 {
            return own.values.first().copied();
        }
        // All of a layer's singular values at the ends of the network, their roots on both sides within.
        let split = |v: &Array1<f64>, whole: bool| if whole { v.clone() } else { v.mapv(f64::sqrt) };
        own.right = &own.right * &split(&own.values, places[1]);
        own.left = &own.left * &split(&own.values, places[0]);
        if let Some(last) = before.take() {
            total *= match station(context, gates, &groups[i - 1]) {
                Station::Slopes(slopes) => climbed(&own.right, &last.left, &slopes),
                Station::Cut(constant) => {
                    let size = |v: &Array1<f64>, whole| split(v, whole).first().copied().unwrap_or(0.0);
                    constant * size(&last.values, i == 1) * size(&own.values, places[1])
                }
            };
        }
        before = Some(own);
    }
    Some(total)
}

/// Neighbouring layers joined, about.
pub struct Greedy;

impl Greedy {
    pub const ROW: Row = Row {
        name: "greedy-seqlip",
        scope: Scope::Any,
        proves: Proves::Estimate,
        norms: "2→2; others by it",
        cost: "240 passes",
        paper: "Scaman & Virmaux 2018; chains, with maxima",
        formula: "Π over activations of ‖B S A‖₂ for the slopes that a climb finds, of 20 singular values of each layer",
        loose: "no bound: what truncation and climbs leave out makes it too small; `seqlip` is its proven form",
        slopes: "linear bounds of every neuron's argument; interval ones where these cost too much; on all of R^n the slopes of the activation",
        stage: Stage { statuses: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Greedy {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn applies(&self, net: &Net) -> bool {
        stations(net).is_some()
    }

    fn work(&self, context: &Context<B>) -> f64 {
        (2 * KEPT * ITERATIONS) as f64 * pass(&context.problem.net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let (problem, q) = (context.problem, &context.problem.quotient);
        let groups = stations(&problem.net).ok_or(super::layers::NO_CHAIN)?;
        context.budget.admits(&Cpu::ESTIMATE, Method::<B>::work(self, context))?;
        let value = product(context, &groups).ok_or(Why::Late)?;
        let value = value * between(q.in_norm, q.out_norm, problem.rows(), problem.net.inputs()).get();
        let estimate = value.is_finite().then(|| (Estimate::new(value), Self::ROW.name));
        Ok(Finding { estimate, instead: Some(ESTIMATE), ..Finding::default() })
    }
}
