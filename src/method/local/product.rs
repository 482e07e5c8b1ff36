//! Products and sums of layer norms along the graph.
//!
//! Proves: ‖∂node/∂x‖_{p→r} for r = 1, 2, inf at every node, hence ‖J‖_{p→q}.
//! From: AutoLip (Scaman & Virmaux 2018) on graphs; on a region neurons that are
//!   fixed leave the matrices (Huang et al. 2021): the factor of a layer is
//!   ‖diag(max|slope|) W restricted to live inputs‖, magnitudes once, masks on
//!   both sides; runs through neurons that are all fixed are one layer, and a scale
//!   (batch-norm) right behind a layer belongs to its factor.
//! Rounding: all norms, products, sums and roots up.
//! Cost: the layer norms, each once.
//! Loose when: deep, or norms of neighbouring layers do not align.

use crate::backend::Backend;
use crate::certificate::{Bound, Proof};
use crate::layer::smooth::range;
use crate::layer::{Affine, LinearMap, Scale, Smooth};
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::layer::{self, Effort, Masks, incidence_norm, scale_norm, selection_norm};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::{Net, Op};
use crate::num::norms::vector_norm_up;
use crate::num::round::{mul_up, sqrt_up};
use crate::num::{Coefficient, Norm, Upper};
use crate::problem::Output;
use crate::sweep::{Chain, Chains, Gate, Link, Prepared};

/// Multiplications for every weight that the norm of a layer takes, about.
const NORMS: f64 = 100.0;

/// Multiplications up to which a convolution is applied to its masks; above,
/// its norm is that of the whole layer times the largest slope.
const APPLY: f64 = 3e8;

/// ‖diag(scale) W restricted to live inputs‖ of one node, or of the link that ends there.
#[derive(Clone, Debug)]
pub struct Factor {
    pub node: usize,
    pub in_norm: Norm,
    pub out_norm: Norm,
    pub rule: &'static str,
    pub value: Upper,
}

/// Norms of layers, of links as one layer.
#[derive(Clone, Debug, Default)]
pub struct Layered {
    pub factors: Vec<Factor>,
    pub links: Vec<Link>,
}

/// Bounds of ‖∂node/∂x‖_{p→r} for r in `Norm::ALL`, and which features can move.
#[derive(Clone)]
struct State {
    norm: [Upper; 3],
    live: Vec<bool>,
}

/// Largest slope magnitudes of a nonlinear node with one slope per feature.
fn slopes<B: Backend>(net: &Net, k: usize, gates: Option<(&B, &[Option<Gate<B>>])>) -> Option<Vec<f64>> {
    let node = &net.nodes[k];
    if !matches!(node.op, Op::Piecewise(_) | Op::Smooth(_)) {
        return None;
    }
    if let Some((b, gates)) = gates
        && let Some(Gate::Each(s)) = &gates[k]
    {
        let (lo, hi) = b.read_slopes(s);
        return Some(lo.row(0).iter().zip(hi.row(0)).map(|(l, h)| l.abs().max(h.abs())).collect());
    }
    Some((0..node.len()).map(|j| widest(&node.op, j)).collect())
}

/// The largest slope magnitude anywhere.
pub fn widest(op: &Op, feature: usize) -> f64 {
    match op {
        Op::Piecewise(f) => f.slope_below(feature).abs().max(1.0),
        Op::Smooth(f) => {
            let f: Smooth = *f;
            let (l, h) = range::slope(f, f64::NEG_INFINITY, f64::INFINITY);
            l.abs().max(h.abs())
        }
        _ => unreachable!("only scalar functions have slopes"),
    }
}

/// The bound for the measured output; without gates it is the global product.
pub fn run<B: Backend, C: Backend>(
    context: &Context<C>,
    local: Option<(&Prepared<B>, &[Option<Gate<B>>])>,
    method: &'static str,
) -> Bound {
    let out = context.problem.quotient.out_norm;
    let (values, _) = norms(context, local);
    let proof = Proof::digest("products and sums of layer norms");
    let value = values[Norm::ALL.iter().position(|r| *r == out).expect("a norm")];
    Bound { value, method, proof }
}

/// The same for every norm of the output, in the order of `Norm::ALL`.
pub fn norms<B: Backend, C: Backend>(
    context: &Context<C>,
    local: Option<(&Prepared<B>, &[Option<Gate<B>>])>,
) -> ([Upper; 3], Layered) {
    let quotient = &context.problem.quotient;
    let narrow = context.problem.narrowed();
    let net = narrow.as_ref().unwrap_or(&context.problem.net);
    let gates = local.map(|(prepared, gates)| (prepared.backend, gates));
    let merged = local.map(|(prepared, gates)| {
        let afford = |work: f64| context.budget.affords_on(prepared.backend, work);
        prepared.ending_as(net).multiplied(gates, &afford).chains().clone()
    });
    let chains = &merged.unwrap_or_else(Chains::none);
    let live = (0..net.inputs()).map(|j| !context.problem.region.is_fixed(j)).collect();
    let mut states = vec![None; net.nodes.len()];
    states[0] = Some(start(quotient.in_norm, live));
    let mut walk = Walk { context, net, gates, chains, users: chains.users(net), states, factors: vec![] };
    for k in 1..net.nodes.len() {
        if walk.users[k].is_empty() && k != net.output() {
            continue;
        }
        if context.budget.is_over() {
            return ([Upper::INFINITE; 3], Layered::default());
        }
        walk.states[k] = Some(walk.node(k));
    }
    let last = walk.states.pop().flatten().expect("the output was computed");
    let output = if narrow.is_some() { Output::All } else { quotient.output };
    let values = Norm::ALL.map(|r| measured(&last, output, r));
    (values, Layered { factors: walk.factors, links: chains.links() })
}

/// The graph, node by node.
struct Walk<'w, 'c, B: Backend, C: Backend> {
    context: &'w Context<'c, C>,
    net: &'w Net,
    gates: Option<(&'w B, &'w [Option<Gate<B>>])>,
    chains: &'w Chains<B>,
    users: Vec<Vec<usize>>,
    states: Vec<Option<State>>,
    factors: Vec<Factor>,
}

impl<'w, B: Backend, C: Backend> Walk<'w, '_, B, C> {
    /// A matrix whose norm is taken at node k.
    fn layer(&self, k: usize) -> Option<Layer<'w, B>> {
        let (net, chains) = (self.net, self.chains);
        match (chains.at(k), &net.nodes[k].op) {
            (Some(chain), _) => Some(Layer::Run(chain)),
            (None, Op::Affine(a)) => Some(Layer::One(a)),
            _ => None,
        }
    }

    fn is_scalar(&self, k: usize) -> bool {
        self.chains.at(k).is_none() && matches!(self.net.nodes[k].op, Op::Piecewise(_) | Op::Smooth(_))
    }

    /// The scale right behind a layer that nothing else reads, if node k is one.
    fn scale(&self, k: usize) -> Option<&'w Scale> {
        let net = self.net;
        let Op::Scale(s) = &net.nodes[k].op else { return None };
        let before = net.nodes[k].inputs[0];
        let alone = self.chains.at(k).is_none() && self.users[before].len() == 1;
        (alone && self.layer(before).is_some()).then_some(s)
    }

    /// The only reader of node k.
    fn reader(&self, k: usize) -> Option<usize> {
        if let [reader] = self.users[k][..] { Some(reader) } else { None }
    }

    /// States of what node k reads.
    fn parts(&self, k: usize) -> Vec<&State> {
        let inputs = self.chains.inputs(self.net, k);
        inputs.iter().map(|&i| self.states[i].as_ref().expect("topological order")).collect()
    }

    /// A layer whose only reader is a scalar function or a scale is folded into it, and a scale behind a layer
    /// into a scalar function.
    fn node(&mut self, k: usize) -> State {
        let node = &self.net.nodes[k];
        let later = || State { norm: [Upper::INFINITE; 3], live: vec![true; node.len()] };
        if self.layer(k).is_some() {
            let folded = |u: usize| self.is_scalar(u) || self.scale(u).is_some();
            return match self.reader(k).is_some_and(folded) {
                true => later(),
                false => relate(self.affine(k, &vec![1.0; node.len()])),
            };
        }
        if let Some(s) = self.scale(k) {
            return match self.reader(k).is_some_and(|u| self.is_scalar(u)) {
                true => later(),
                false => relate(self.affine(node.inputs[0], &layer::scale_magnitudes(s, node.len()))),
            };
        }
        relate(match &node.op {
            Op::Input | Op::Affine(_) => unreachable!("node 0, and layers above"),
            Op::Piecewise(_) | Op::Smooth(_) => self.scalar(k),
            Op::Scale(s) => {
                let x = self.parts(k)[0];
                let counts = |j: usize| x.live[j] && s.factor[s.index(j)] != Coefficient::ZERO;
                let live = (0..node.len()).map(counts).collect();
                through(x, live, |a, b| scale_norm(s, node.len(), a, b).1)
            }
            Op::Select { incidence, .. } => {
                let x = self.parts(k)[0];
                through(x, gather(&x.live, incidence), |a, b| incidence_norm(incidence, a, b).1)
            }
            Op::Max(windows) => {
                let x = self.parts(k)[0];
                through(x, gather(&x.live, windows), |a, b| selection_norm(windows, a, b))
            }
            Op::Softmax { group } => softmax(self.parts(k)[0], *group, node.len()),
            Op::Add => added(&self.parts(k), node.len()),
            Op::Concat => joined(&self.parts(k)),
        })
    }

    /// A scalar function, with the layer and the scale before it that nothing else reads.
    fn scalar(&mut self, k: usize) -> State {
        let node = &self.net.nodes[k];
        let mut slopes = slopes(self.net, k, self.gates).expect("scalar functions have slopes");
        let mut i = node.inputs[0];
        if let Some(s) = self.scale(i).filter(|_| self.users[i].len() == 1) {
            let sizes = layer::scale_magnitudes(s, node.len());
            slopes.iter_mut().zip(sizes).for_each(|(x, s)| *x = mul_up(*x, s));
            i = self.net.nodes[i].inputs[0];
        }
        match self.layer(i).filter(|_| self.users[i].len() == 1) {
            Some(_) => self.affine(i, &slopes),
            None => diagonal(&slopes, self.parts(k)[0]),
        }
    }

    /// The layer at a node with these scales of its rows.
    fn affine(&mut self, node: usize, scale: &[f64]) -> State {
        let layer = self.layer(node).expect("a layer");
        let Walk { context, chains, net, states, factors, .. } = self;
        let x = states[chains.inputs(net, node)[0]].as_ref().expect("earlier");
        let any = x.live.iter().any(|l| *l);
        let live: Vec<bool> = scale.iter().map(|s| any && *s > 0.0).collect();
        let masks = Masks { scale, live: &x.live };
        let a = match layer {
            Layer::One(a) => a,
            Layer::Run(m) => {
                return through_recorded(x, live, node, factors, |p, q| {
                    let norm = masks.norm_of_enclosure(&m.centre, &m.slack, p, q);
                    Some((norm, "masked norm of a product"))
                });
            }
        };
        let plain = scale.iter().all(|s| *s == 1.0) && x.live.iter().all(|l| *l);
        // Dense maps whole, to be scaled after; convolutions with their scales.
        let norm = |p, q| layer::norm(&a.map, p, q, Effort::UPPER.until(&context.budget.deadline)).upper;
        let dense = matches!(a.map, LinearMap::Dense(_));
        let unscaled = dense || scale.iter().all(|s| *s == 1.0);
        let two = context.layer_norm(&a.map, if unscaled { &[][..] } else { scale }, |effort| {
            layer::scaled_conv_norm(&a.map, scale, effort).unwrap_or_else(|| norm(Norm::Two, Norm::Two))
        });
        let top = Upper::proven(scale.iter().fold(0.0, |m: f64, s| m.max(*s)));
        // Too late for more, whole layers have bounds that cost next to nothing.
        let plain = plain || (!dense && a.map.products() > APPLY) || context.budget.is_over();
        through_recorded(x, live, node, factors, |from, to| {
            if !dense && from != to {
                return None;
            }
            Some(if plain {
                let n = match (from, to) {
                    (Norm::Two, Norm::Two) if dense => two.times(top),
                    (Norm::Two, Norm::Two) => two,
                    _ => norm(from, to).times(top),
                };
                (n, "layer norm")
            } else {
                let whole = if dense { two } else { Upper::INFINITE };
                let masked = masks.norm(&a.map, whole, from, to);
                let all = !dense && (from, to) == (Norm::Two, Norm::Two);
                (if all { masked.min(two) } else { masked }, "masked layer norm")
            })
        })
    }
}

fn softmax(x: &State, group: usize, n: usize) -> State {
    let groups = (n / group) as f64;
    // Every output of a group moves with every input of it.
    let moves = |j: usize| x.live[j / group * group..][..group].contains(&true);
    through(x, (0..n).map(moves).collect(), |a, b| match (a, b) {
        (Norm::Inf, Norm::One) => Upper::proven(groups),
        _ if a <= b => Upper::proven(0.5),
        _ => Upper::proven(mul_up(0.5, between(a, b, n))),
    })
}

fn added(parts: &[&State], n: usize) -> State {
    let sum = |r: usize| parts.iter().fold(Upper::proven(0.0), |s, x| s.plus(x.norm[r]));
    let live = (0..n).map(|j| parts.iter().any(|x| x.live[j])).collect();
    State { norm: [sum(0), sum(1), sum(2)], live }
}

fn joined(parts: &[&State]) -> State {
    let join = |r: usize| {
        let sizes = parts.iter().map(|x| x.norm[r].get());
        Upper::proven(vector_norm_up(sizes.collect::<Vec<_>>(), Norm::ALL[r]))
    };
    let live = parts.iter().flat_map(|x| x.live.iter().copied()).collect();
    State { norm: [join(0), join(1), join(2)], live }
}

/// ‖x‖_r <= between * ‖x‖_p for vectors of n entries.
fn between(p: Norm, r: Norm, n: usize) -> f64 {
    match (p, r) {
        _ if p <= r => 1.0,
        (Norm::Inf, Norm::One) => n as f64,
        _ => sqrt_up(n as f64),
    }
}

fn start(p: Norm, live: Vec<bool>) -> State {
    let n = live.iter().filter(|l| **l).count();
    State { norm: Norm::ALL.map(|r| Upper::proven(between(p, r, n))), live }
}

/// The three norms of one derivative bound each other.
fn relate(mut state: State) -> State {
    let n = state.live.iter().filter(|l| **l).count();
    let own = state.norm;
    for (r, norm) in Norm::ALL.into_iter().enumerate() {
        for (s, other) in Norm::ALL.into_iter().enumerate() {
            state.norm[r] = state.norm[r].min(own[s].times(Upper::proven(between(other, norm, n))));
        }
    }
    state
}

/// One node with known operator norms: the best intermediate norm.
fn through(x: &State, live: Vec<bool>, norm: impl Fn(Norm, Norm) -> Upper) -> State {
    let to = |r: Norm| {
        Norm::ALL
            .into_iter()
            .enumerate()
            .map(|(s, from)| x.norm[s].times(norm(from, r)))
            .fold(Upper::INFINITE, Upper::min)
    };
    State { norm: Norm::ALL.map(to), live }
}

fn gather(live: &[bool], incidence: &crate::layer::Incidence) -> Vec<bool> {
    (0..incidence.outputs())
        .map(|i| incidence.index[incidence.window(i)].iter().any(|&j| live[j as usize]))
        .collect()
}

fn diagonal(slopes: &[f64], x: &State) -> State {
    let alive: Vec<f64> = slopes.iter().zip(&x.live).map(|(s, l)| if *l { *s } else { 0.0 }).collect();
    let live = alive.iter().map(|s| *s > 0.0).collect();
    through(x, live, |a, b| {
        let norm = match (a, b) {
            _ if a <= b => Norm::Inf,
            (Norm::Inf, Norm::One) => Norm::One,
            _ => Norm::Two,
        };
        Upper::proven(vector_norm_up(alive.iter().copied(), norm))
    })
}

/// What takes one norm of a matrix.
enum Layer<'a, B: Backend> {
    One(&'a Affine),
    Run(&'a Chain<B>),
}

fn through_recorded(
    x: &State,
    live: Vec<bool>,
    node: usize,
    factors: &mut Vec<Factor>,
    norm: impl Fn(Norm, Norm) -> Option<(Upper, &'static str)>,
) -> State {
    let mut out = [Upper::INFINITE; 3];
    for (r, to) in Norm::ALL.into_iter().enumerate() {
        for (s, from) in Norm::ALL.into_iter().enumerate() {
            if x.norm[s].get().is_infinite() {
                continue;
            }
            let Some((value, rule)) = norm(from, to) else { continue };
            factors.push(Factor { node, in_norm: from, out_norm: to, rule, value });
            out[r] = out[r].min(x.norm[s].times(value));
        }
    }
    State { norm: out, live }
}

/// From the network's output to the measured one.
fn measured(x: &State, output: Output, q: Norm) -> Upper {
    let at = |r: Norm| x.norm[Norm::ALL.iter().position(|s| *s == r).expect("a norm")];
    match output {
        Output::All => at(q),
        Output::One(_) => at(Norm::Inf),
        // |y_i - y_j| <= ‖y‖_1, sqrt 2 ‖y‖_2, 2 ‖y‖_inf.
        Output::Difference(..) => {
            let two = Upper::proven(sqrt_up(2.0)).times(at(Norm::Two));
            at(Norm::One).min(two).min(Upper::proven(2.0).times(at(Norm::Inf)))
        }
    }
}

/// Norms of whole layers.
pub struct Product;

impl Product {
    pub const ROW: Row = Row {
        name: "product",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "layer norms",
        paper: "Scaman & Virmaux 2018 (AutoLip)",
        formula: "L ≤ Π ‖W_k‖ over layers, sums over branches",
        loose: "deep: layer norms multiply",
        slopes: "the slopes of the activations, whatever the region",
        stage: Stage { everywhere: Some(1), region: Some(8), tiny: Some(3), point: Some(3), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Product {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        NORMS * net.parameters() as f64 + pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        Ok(run::<B, B>(context, None, Self::ROW.name).into())
    }
}

/// Norms of layers without what is fixed.
pub struct Local;

impl Local {
    pub const ROW: Row = Row {
        name: "product-local",
        scope: Scope::Any,
        proves: Proves::Upper,
        norms: "all",
        cost: "layer norms",
        paper: "Huang et al. 2021",
        formula: "L ≤ Π ‖D_k W_k‖ over layers, rows and columns of neurons that are off left out",
        loose: "deep: layer norms multiply. Equal to `product` where no neuron is fixed off",
        slopes: "linear bounds where it is named alone, interval ones in `auto`",
        stage: Stage { region: Some(2), tiny: Some(2), point: Some(2), statuses: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Local {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let net = &context.problem.net;
        NORMS * net.parameters() as f64 + pass(net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        let name = Self::ROW.name;
        if context.problem.region.is_global() {
            let why = Why::Unfit("no neuron is fixed on all of R^n");
            return Ok(Finding {
                instead: Some(why),
                ..run::<B, B>(context, None, Product::ROW.name).into()
            });
        }
        Ok(if context.needs_double_double() {
            run(context, Some((&context.exact(), &context.small().gates)), name)
        } else {
            run(context, Some((&context.main(), &context.statuses().gates)), name)
        }
        .into())
    }
}
