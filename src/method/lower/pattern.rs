//! Local search over activation patterns, from many samples.
//!
//! Proves: nothing by itself; the best proposals go to the witness.
//! From: own. A neighbour crosses one kink: x less what its argument lacks along the argument's gradient, which is
//!   exact while no other kink lies between; also the same point nearer to and farther from the origin.
//! Rounding: none here.
//! Cost: up to `WORK` multiplications, `BRIEF` on a region or without time; a round looks at a neighbour per neuron.
//! Loose when: no single crossing helps; the steepest pattern may lie several away.

use super::points::{Ground, Proposal, sample, score};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{LowerBound, Witness};
use crate::deadline::Deadline;
use crate::layer::Piecewise;
use crate::linalg::Enclosure;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::{Net, Op};
use crate::num::random::Random;
use crate::problem::Quantity;
use ndarray::{Array2, Array3, Axis};

/// Multiplications of all rounds, those on a region or where no time is given, and part of them for samples.
const WORK: f64 = 4e10;
const BRIEF: f64 = 4e9;
const SAMPLED: f64 = 0.02;
/// What a point costs besides its multiplications.
const LEAST: f64 = 4e5;
const SAMPLES: [f64; 2] = [32.0, 2048.0];
const STARTS: usize = 24;
const ROUNDS: usize = 60;
/// Neighbours of one round at most.
const NEIGHBOURS: usize = 512;
/// The part of the time left that the rounds may take: proofs come after them.
const SEARCHED: f64 = 0.85;
/// How far behind a kink a neighbour lies, in distances to it.
const BEHIND: [f64; 2] = [0.02, 0.5];

pub fn run<B: Backend>(context: &Context<B>, known: &LowerBound) -> Result<LowerBound, Why> {
    let problem = context.problem;
    let each = price(context);
    if !has_kinks(&problem.net) {
        return Err(Why::Unfit("the network has no kinks: it is smooth"));
    }
    if problem.quotient.quantity == Quantity::Anchored {
        return Err(super::ANCHORED);
    }
    if problem.region.is_point() {
        return Err(super::POINT);
    }
    context.budget.admits(&Cpu::DOUBLE, each * 4.0 * SAMPLES[0] + context.proof())?;
    let brief = context.budget.is_brief() || !problem.region.is_global();
    let whole = if brief { BRIEF } else { WORK };
    let until = &context.budget.deadline.part(SEARCHED);
    let mut random = Random(context.seed ^ 0xF11B);
    let neurons = problem.net.neurons();
    let most = SAMPLES[1].min(32.0 * (1 + neurons) as f64);
    let count = (SAMPLED * whole / each).clamp(SAMPLES[0], most) as usize;
    let mut starts = starts(context, known, count, &mut random);
    starts.truncate(STARTS.min(2 + neurons / 2));
    let left = whole * (1.0 - SAMPLED);
    let ground = Ground::of(context);
    let mut reached = vec![];
    let mut steps = Steps { context, ground: &ground, until, left, random };
    for mut at in starts {
        steps.cross(&mut at);
        let enough = super::promises(context, at.estimate);
        reached.push(at);
        if enough {
            break;
        }
    }
    reached.retain(|p: &Proposal| p.estimate > known.value.get());
    super::stated(super::prove_best(context, reached, "pattern", 3))
}

pub fn has_kinks(net: &Net) -> bool {
    net.nodes.iter().any(|n| matches!(n.op, Op::Piecewise(_) | Op::Max(_)))
}

/// What a look at a point costs.
fn price<B: Backend>(context: &Context<B>) -> f64 {
    let passes = 1 + context.problem.rows().min(super::points::FEW_OUTPUTS);
    LEAST + pass(&context.problem.net) * passes as f64
}

/// Crossings of single kinks, as long as time and the work that is `left` allow.
pub struct Steps<'a, 'c, B: Backend> {
    pub context: &'a Context<'c, B>,
    pub ground: &'a Ground,
    pub until: &'a Deadline,
    pub left: f64,
    pub random: Random,
}

impl<B: Backend> Steps<'_, '_, B> {
    /// Walks to a point that no single crossing makes steeper.
    pub fn cross(&mut self, at: &mut Proposal) {
        let context = self.context;
        let work = 2.0 * price(context) * NEIGHBOURS.min(2 * context.problem.net.neurons()) as f64;
        for _ in 0..ROUNDS {
            let enough = super::promises(context, at.estimate) || self.left < 0.0 || self.until.is_over();
            if enough || !context.budget.affords(work + context.proof()) {
                break;
            }
            self.left -= work;
            let next = score(context, &neighbours(context, self.ground, &at.x, &mut self.random));
            let Some(best) = next.into_iter().max_by(|a, b| a.estimate.total_cmp(&b.estimate)) else { break };
            if best.estimate <= at.estimate * (1.0 + 1e-9) {
                break;
            }
            *at = best;
        }
    }
}

/// Samples and the best point that is known, the steepest first.
fn starts<B: Backend>(
    context: &Context<B>,
    known: &LowerBound,
    count: usize,
    random: &mut Random,
) -> Vec<Proposal> {
    let (region, n) = (&context.problem.region, context.problem.net.inputs());
    let mut points: Vec<Vec<f64>> = (0..count).map(|k| sample(region, n, random, k % 2 == 1)).collect();
    // Far along the diagonal: where weights have one sign all neurons agree there.
    points.extend([1e2, -1e2, 1e4, -1e4, 1e6, -1e6].map(|t| {
        let mut x = vec![t; n];
        region.project(&mut x);
        x
    }));
    let mut starts = score(context, &points);
    if let Some(Witness::Piece { x, .. }) = &known.witness {
        starts.extend(score(context, std::slice::from_ref(x)));
    }
    starts.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
    starts
}

/// Points behind the kinks around x.
fn neighbours<B: Backend>(
    context: &Context<B>,
    ground: &Ground,
    x: &[f64],
    random: &mut Random,
) -> Vec<Vec<f64>> {
    let (sketch, region) = (&ground.prepared(context), &context.problem.region);
    let (b, net) = (sketch.backend, ground.net());
    let reads = |k: usize| match &net.nodes[k].op {
        Op::Piecewise(f) => Some((net.nodes[k].inputs[0], f)),
        _ => None,
    };
    let kinks: Vec<(usize, &Piecewise)> = (0..net.nodes.len()).filter_map(reads).collect();
    let keep = |k: usize| kinks.iter().any(|(at, _)| *at == k);
    let trace = sketch.values(b.upload(&Enclosure::vector(x)), None, keep);
    let share = NEIGHBOURS / (2 * kinks.len());
    let mut list: Vec<Vec<f64>> =
        [0.3, 0.8, 1.25, 3.0].iter().map(|t| x.iter().map(|v| v * t).collect()).collect();
    for (at, f) in kinks {
        let n = net.nodes[at].len();
        let values = b.read(trace.values[at].as_ref().expect("kept")).centre;
        let mut some: Vec<usize> = (0..n).collect();
        for i in 0..some.len().min(share.max(1)) {
            let j = i + (random.unit() * (n - i) as f64) as usize;
            some.swap(i, j.min(n - 1));
        }
        some.truncate(share.max(1));
        let mut unit = Array3::zeros((1, some.len(), n));
        some.iter().enumerate().for_each(|(i, &j)| unit[[0, i, j]] = 1.0);
        let mut start: Vec<Option<_>> = vec![None; net.nodes.len()];
        start[at] = Some(b.upload(&Enclosure::point(unit)));
        let g = b.read(&sketch.adjoints_from(&trace.gates, start, |_, _| {}));
        let g: Array2<f64> = context.without_fixed(g).centre.index_axis_move(Axis(0), 0);
        for (row, &j) in g.rows().into_iter().zip(&some) {
            let square = row.dot(&row);
            for kink in f.kinks(j).into_iter().flatten() {
                let gap = values[[0, 0, j]] - kink;
                for behind in BEHIND {
                    let t = (1.0 + behind) * gap / square;
                    if t.is_finite() && t != 0.0 {
                        list.push(x.iter().zip(row).map(|(x, g)| x - t * g).collect());
                    }
                }
            }
        }
    }
    list.iter_mut().for_each(|x| region.project(x));
    list
}

/// Steps from pattern to pattern.
pub struct Patterns;

impl Patterns {
    pub const ROW: Row = Row {
        name: "pattern",
        scope: Scope::Any,
        proves: Proves::Lower,
        norms: "all",
        cost: "up to 1e10 products",
        paper: "own; double-double witness",
        formula: "L ≥ ‖J(x)‖ at the steepest activation pattern that crossing single kinks has met",
        loose: "the steepest pattern lies several kinks away",
        slopes: "none: points are evaluated",
        stage: Stage { everywhere: Some(8), region: Some(11), repeats: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Patterns {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        price(context) * 4.0 * SAMPLES[0] + context.proof()
    }

    fn run(&self, context: &Context<B>, best: &Best) -> Result<Finding, Why> {
        Ok(run(context, &best.lower)?.into())
    }
}
