//! Linear propagation is what its papers say: boxes by back-substitution and enclosures of the Jacobian's entries
//! equal those of dense matrices and plain loops in f64 that share nothing with the engine, convolutions unrolled
//! by their definition; and what `auto` gives is never above it.

use crate::common::exact::Random;
use crate::common::solve::methods;
use crate::common::{budget, share};
use clarke::analysis::{Placed, crown, ibp};
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, ConvShape, LinearMap, Piecewise};
use clarke::linalg::Enclosure;
use clarke::method::Decision;
use clarke::method::goal::Goal;
use clarke::method::local::gradient::{Pains, rows_of};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Question};
use clarke::region::Region;
use clarke::rules::gradient::Pullback;
use clarke::rules::linear::Regions;
use ndarray::{Array2, Axis};
use std::sync::Arc;

/// z = W a + b, then max(z, 0) but for the last one.
struct Layer {
    w: Array2<f64>,
    b: Vec<f64>,
}

type Ends = Vec<[f64; 2]>;

/// What one layer of a chain is.
enum Shape {
    Dense(usize),
    /// Channels; kernels of 4 x 4, a stride of 2, a border of 1.
    Conv(usize),
}

/// The same chain twice.
fn chain(random: &mut Random, image: [usize; 3], shapes: &[Shape]) -> (Net, Vec<Layer>) {
    let (mut net, mut layers) = (Net::new(image.to_vec()), vec![]);
    let mut image = image;
    for (k, shape) in shapes.iter().enumerate() {
        let read = net.output();
        let n = net.nodes[read].len();
        let (map, len, repeat) = match *shape {
            Shape::Dense(len) => {
                let scale = 1.0 / (n as f64).sqrt();
                let w = Array2::from_shape_simple_fn((len, n), || scale * random.between(-1.7, 1.7));
                image = [len, 1, 1];
                (LinearMap::Dense(Arc::new(w)), len, 1)
            }
            Shape::Conv(channels) => {
                let [c, h, w] = image;
                let shape = ConvShape {
                    groups: 1,
                    in_channels: c,
                    out_channels: channels,
                    input: [h, w],
                    output: [h / 2, w / 2],
                    kernel: [4; 2],
                    stride: [2; 2],
                    dilation: [1; 2],
                    pad: [1; 2],
                };
                let scale = 1.0 / (16.0 * c as f64).sqrt();
                let weight = (0..channels * c * 16).map(|_| scale * random.between(-1.7, 1.7)).collect();
                image = [channels, h / 2, w / 2];
                let map = LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false };
                (map, image.iter().product(), image[1] * image[2])
            }
        };
        let own: Vec<f64> = (0..len / repeat).map(|_| random.between(-0.2, 0.2)).collect();
        layers.push(Layer { w: dense(&map), b: (0..len).map(|i| own[i / repeat]).collect() });
        let op = Op::Affine(Affine { map, bias: Some(Arc::new(own)), repeat });
        let last = net.push("z", op, vec![read], image.to_vec()).expect("sizes fit");
        if k + 1 < shapes.len() {
            net.push("a", Op::Piecewise(Piecewise::RELU), vec![last], image.to_vec()).expect("sizes fit");
        }
    }
    (net, layers)
}

fn dense(map: &LinearMap) -> Array2<f64> {
    match map {
        LinearMap::Dense(w) => Array2::clone(w),
        LinearMap::Conv { shape: s, weight, .. } => {
            let [h, w] = s.input;
            let [p, q] = s.output;
            let mut all = Array2::zeros((s.out_channels * p * q, s.in_channels * h * w));
            for (o, y, x) in (0..s.out_channels).flat_map(|o| (0..p * q).map(move |i| (o, i / q, i % q))) {
                for (c, i, j) in (0..s.in_channels).flat_map(|c| (0..16).map(move |t| (c, t / 4, t % 4))) {
                    let (row, column) = (2 * y + i, 2 * x + j);
                    if (1..=h).contains(&row) && (1..=w).contains(&column) {
                        let from = (c * h + row - 1) * w + column - 1;
                        all[[(o * p + y) * q + x, from]] = weight[((o * s.in_channels + c) * 4 + i) * 4 + j];
                    }
                }
            }
            all
        }
    }
}

/// The largest Σ c_j t_j for t in a box.
fn top<'a>(c: impl IntoIterator<Item = &'a f64>, ends: &Ends) -> f64 {
    c.into_iter().zip(ends).map(|(c, e)| c * if *c > 0.0 { e[1] } else { e[0] }).sum()
}

fn is_open([l, u]: [f64; 2]) -> bool {
    l < 0.0 && u > 0.0
}

/// Upper bounds of rows of z_k − b_k over the box: back through lines, max(z, 0) below its chord and above 0 or z,
/// whichever takes the smaller triangle.
fn back(layers: &[Layer], z: &[Ends], input: &Ends, rows: &Array2<f64>) -> Vec<f64> {
    let mut a = rows.clone();
    let mut constant = vec![0.0; a.nrows()];
    for (layer, ends) in layers.iter().zip(z).rev() {
        for (row, mut c) in a.outer_iter_mut().enumerate() {
            for ((c, &[l, u]), b) in c.iter_mut().zip(ends).zip(&layer.b) {
                let (slope, shift) = match () {
                    _ if u <= 0.0 => (0.0, 0.0),
                    _ if l >= 0.0 => (1.0, 0.0),
                    _ if *c > 0.0 => (u / (u - l), -u * l / (u - l)),
                    _ => (if u > -l { 1.0 } else { 0.0 }, 0.0),
                };
                constant[row] += *c * shift;
                *c *= slope;
                constant[row] += *c * b;
            }
        }
        a = a.dot(&layer.w);
    }
    a.outer_iter().zip(constant).map(|(row, t)| t + top(row, input)).collect()
}

/// Boxes of all z but the last.
fn boxes(layers: &[Layer], input: &Ends) -> Vec<Ends> {
    let mut z: Vec<Ends> = vec![];
    let mut before = input.clone();
    for k in 0..layers.len() - 1 {
        let layer = &layers[k];
        let minus = layer.w.mapv(|w| -w);
        let rows = layer.w.outer_iter().zip(minus.outer_iter()).zip(&layer.b);
        let mut own: Ends = rows.map(|((w, m), b)| [b - top(m, &before), b + top(w, &before)]).collect();
        let open: Vec<usize> = (0..own.len()).filter(|&j| k > 0 && is_open(own[j])).collect();
        for (side, w) in [(1, &layer.w), (0, &minus)] {
            let tops = back(&layers[..k], &z, input, &w.select(Axis(0), &open));
            for (&j, t) in open.iter().zip(tops) {
                own[j][side] =
                    if side == 1 { own[j][1].min(layer.b[j] + t) } else { own[j][0].max(layer.b[j] - t) };
            }
        }
        before = own.iter().map(|[l, u]| [l.max(0.0), u.max(0.0)]).collect();
        z.push(own);
    }
    z
}

/// The derivative of a row of the output by the values before layer k, as far as the layers behind it say.
struct Gradients<'a> {
    layers: &'a [Layer],
    z: &'a [Ends],
    seed: Vec<f64>,
    /// By layer, those of its arguments.
    found: Vec<Ends>,
}

impl Gradients<'_> {
    fn slopes(&self, k: usize, j: usize) -> [f64; 2] {
        let [l, u] = self.z[k][j];
        [(l >= 0.0) as u8 as f64, (u > 0.0) as u8 as f64]
    }

    /// Upper bounds of columns of functionals of the derivative by the arguments of layer k.
    fn forward(&self, k: usize, columns: &Array2<f64>) -> Vec<f64> {
        let mut c = self.layers[k].w.dot(columns);
        let mut constant = vec![0.0; c.ncols()];
        for n in k..self.layers.len() - 1 {
            for (j, mut row) in c.outer_iter_mut().enumerate() {
                let ([a, b], [l, u]) = (self.slopes(n, j), self.found[n + 1][j]);
                // Above 0 and G on [l, u]; below them.
                let (over, under) = match () {
                    _ if a == b => ([a, 0.0], [a, 0.0]),
                    _ if l >= 0.0 => ([1.0, 0.0], [0.0, 0.0]),
                    _ if u <= 0.0 => ([0.0, 0.0], [1.0, 0.0]),
                    _ => ([u / (u - l), -u * l / (u - l)], [-l / (u - l), u * l / (u - l)]),
                };
                for (t, c) in row.iter_mut().enumerate() {
                    let [slope, shift] = if *c > 0.0 { over } else { under };
                    constant[t] += *c * shift;
                    *c *= slope;
                }
            }
            c = self.layers[n + 1].w.dot(&c);
        }
        c.columns().into_iter().zip(constant).map(|(c, t)| t + c.dot(&ndarray::aview1(&self.seed))).collect()
    }

    /// Those of the input, after all that are open in between.
    fn of_input(mut self) -> Ends {
        for k in (0..self.layers.len()).rev() {
            let w = self.layers[k].w.t().to_owned();
            let behind: Ends = match self.z.get(k) {
                None => self.seed.iter().map(|s| [*s, *s]).collect(),
                Some(_) => {
                    let each = |(j, &[l, u]): (usize, &[f64; 2])| {
                        let s = self.slopes(k, j);
                        [(s[0] * l).min(s[1] * l), (s[0] * u).max(s[1] * u)]
                    };
                    self.found[k + 1].iter().enumerate().map(each).collect()
                }
            };
            let minus = w.mapv(|w| -w);
            let rows = w.outer_iter().zip(minus.outer_iter());
            let mut own: Ends = rows.map(|(w, m)| [-top(m, &behind), top(w, &behind)]).collect();
            let wanted: Vec<usize> = (0..own.len())
                .filter(|&j| k == 0 || (is_open(own[j]) && self.slopes(k - 1, j) == [0.0, 1.0]))
                .collect();
            let unit = |sign: f64| {
                let mut columns = Array2::zeros((own.len(), wanted.len()));
                wanted.iter().enumerate().for_each(|(t, &j)| columns[[j, t]] = sign);
                columns
            };
            let (above, below) = (self.forward(k, &unit(1.0)), self.forward(k, &unit(-1.0)));
            for (t, &j) in wanted.iter().enumerate() {
                own[j] = [own[j][0].max(-below[t]), own[j][1].min(above[t])];
            }
            self.found[k] = own;
        }
        self.found.swap_remove(0)
    }
}

struct Case {
    name: String,
    problem: Problem,
    layers: Vec<Layer>,
}

fn case(name: String, seed: u64, image: [usize; 3], shapes: &[Shape], eps: f64) -> Case {
    let mut random = Random(seed);
    let (net, layers) = chain(&mut random, image, shapes);
    let centre: Vec<f64> = (0..net.inputs()).map(|_| random.unit()).collect();
    let region = Region::ball(&centre, eps, Norm::Inf, None).expect("a ball");
    let question = Question { output: Output::Difference(0, 1), ..Question::lipschitz(Norm::One) };
    Case { name, problem: Problem::new(net, region, question).expect("it fits"), layers }
}

fn close(name: &str, what: &str, own: [f64; 2], other: [f64; 2], scale: f64) {
    for (a, b) in own.into_iter().zip(other) {
        assert!((a - b).abs() <= 1e-6 * scale, "{name}: {what}: {a} is not {b}");
    }
}

/// The derivation above against the engine's; how many neurons were open.
fn compare(c: &Case) -> usize {
    let b = Cpu::DOUBLE;
    let placed = Placed::new(c.problem.net.clone(), b);
    let budget = budget(600);
    let prepared = placed.prepared(&budget.deadline);
    let region = &c.problem.region;
    let given =
        crown::Given { input: ibp::input(&prepared, region), known: None, optimised: false, cuts: None };
    let statuses = crown::run_on(&prepared, Regions::One(region), given, &budget);
    let (lo, hi) = region.ends().expect("a box");
    let input: Ends = lo.iter().zip(hi).map(|(l, h)| [*l, *h]).collect();
    let z = boxes(&c.layers, &input);
    let scale = |ends: &Ends| ends.iter().fold(0.0f64, |m, e| m.max(-e[0]).max(e[1]));
    for (k, own) in z.iter().enumerate() {
        let theirs = statuses.ends.of(1 + 2 * k);
        for (j, e) in own.iter().enumerate() {
            close(&c.name, &format!("z {k} {j}"), [theirs.lo[[0, j]], theirs.hi[[0, j]]], *e, scale(own));
        }
    }
    let seeds = Enclosure::point(c.problem.seeds().centre);
    let pull = Pullback { prepared: &prepared, gates: &statuses.trace.gates, seeds: &seeds };
    let rows = rows_of(&c.problem, &budget, &pull, Pains::MANY).expect("in time");
    let mut seed = vec![0.0; c.problem.net.outputs()];
    (seed[0], seed[1]) = (1.0, -1.0);
    let found = vec![vec![]; c.layers.len()];
    let gradients = Gradients { layers: &c.layers, z: &z, seed, found }.of_input();
    for (j, e) in gradients.iter().enumerate() {
        let theirs = [rows.entries.lo[[0, j]], rows.entries.hi[[0, j]]];
        close(&c.name, &format!("entry {j}"), theirs, *e, scale(&gradients));
    }
    z.iter().flatten().filter(|e| is_open(**e)).count()
}

/// `auto` gets there, however busy the machine is.
fn never_above(c: &Case) {
    let bound = |method: &str, goal: Goal| {
        let found = methods(&c.problem, Cpu::DOUBLE, method, goal, budget(120)).expect("a bound");
        found.upper.value.get()
    };
    let linear = bound("jacobian-linear", Goal::from(1.0));
    let decision = Decision { enough: linear * (1.0 + 1e-12), plenty: f64::INFINITY };
    let auto = bound("auto", Goal { decision: Some(decision), ..Goal::from(1.0) });
    assert!(auto <= decision.enough, "{}: auto {auto} above {linear}", c.name);
}

/// Chains of dense layers and convolutions, with few and with many open neurons.
#[test]
fn small_chains() {
    let mut open = 0;
    for seed in 0..share(80) as u64 {
        let mut random = Random(seed + 1000);
        let mut size = |from: u64, to: u64| (from + random.bits() % (to - from + 1)) as usize;
        let side = [4, 8][size(0, 1)];
        let mut shapes: Vec<Shape> =
            (0..size(0, if side == 8 { 2 } else { 1 })).map(|_| Shape::Conv(size(1, 3))).collect();
        shapes.extend((0..size(1, 2)).map(|_| Shape::Dense(size(2, 24))));
        shapes.push(Shape::Dense(size(2, 4)));
        let eps = [0.003, 0.02, 0.1][size(0, 2)];
        let c = case(format!("chain {seed}"), seed, [size(1, 2), side, side], &shapes, eps);
        open += compare(&c);
        if seed % 4 == 0 {
            never_above(&c);
        }
    }
    assert!(open > share(320), "only {open} open neurons");
}

#[test]
fn a_dense_network() {
    let shapes = [Shape::Dense(256), Shape::Dense(256), Shape::Dense(10)];
    let c = case("784-256-256-10".into(), 7, [1, 28, 28], &shapes, 0.01);
    let open = compare(&c);
    assert!(open > 20, "{open} open neurons");
    never_above(&c);
}

#[test]
fn a_convolutional_network() {
    let shapes = [Shape::Conv(16), Shape::Conv(32), Shape::Dense(100), Shape::Dense(10)];
    let c = case("conv16-conv32-fc100-fc10".into(), 8, [1, 28, 28], &shapes, 0.01);
    let open = compare(&c);
    assert!(open > 100, "{open} open neurons");
    never_above(&c);
}
