//! What distances from the centre, passes under its slopes and shared rows say, on random networks of images large
//! enough for receptive fields that do not meet: values at members, found by chance and along gradients, lie
//! in all ends and distances, and a loop made of shared rows is the loop made of single ones.

use crate::common::exact::Random;
use crate::common::{budget, share};
use clarke::analysis::{Placed, crown};
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise, Smooth};
use clarke::linalg::Enclosure;
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::norms::vector_norm_up;
use clarke::region::Region;
use clarke::rules::expansion::Expansion;
use clarke::rules::feedback::Feedback;
use clarke::rules::linear::Regions;
use clarke::rules::reach::{Layers, Reach, rough};
use clarke::sweep::{Bounds, Ends, Gate, Maps, Prepared, host_ends};
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

struct Maker {
    random: Random,
    net: Net,
    /// Channels and side of the last node.
    image: [usize; 2],
}

impl Maker {
    fn size(&mut self, from: usize, to: usize) -> usize {
        from + (self.random.bits() % (to - from + 1) as u64) as usize
    }

    fn last(&self) -> usize {
        self.net.nodes.len() - 1
    }

    fn push(&mut self, op: Op, inputs: Vec<usize>, [channels, side]: [usize; 2]) {
        self.net.push("n", op, inputs, vec![channels, side, side]).expect("sizes fit");
        self.image = [channels, side];
    }

    fn conv(&mut self, channels: usize, same: bool) {
        let [ins, side] = self.image;
        let kernel = if same { 3 } else { self.size(1, 3) };
        let (stride, pad) = if same { (1, 1) } else { (self.size(1, 2), self.size(0, 1)) };
        let dilation = if same { 1 } else { self.size(1, 2) };
        let span = dilation * (kernel - 1) + 1;
        if side + 2 * pad < span {
            return;
        }
        let output = (side + 2 * pad - span) / stride + 1;
        let shape = ConvShape {
            groups: 1,
            in_channels: ins,
            out_channels: channels,
            input: [side; 2],
            output: [output; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [dilation; 2],
            pad: [pad; 2],
        };
        let scale = 1.5 / (shape.depth() as f64).sqrt();
        let zeros = self.random.unit() < 0.3;
        let weight = (0..channels * shape.depth()).map(|_| {
            let skip = zeros && self.random.unit() < 0.5;
            if skip { 0.0 } else { scale * self.random.between(-1.0, 1.0) as f32 as f64 }
        });
        let weight = Arc::new(weight.collect());
        let bias = Arc::new((0..channels).map(|_| self.random.between(-0.3, 0.3)).collect());
        let map = LinearMap::Conv { shape, weight, adjoint: false };
        let op = Op::Affine(Affine { map, bias: Some(bias), repeat: output * output });
        self.push(op, vec![self.last()], [channels, output]);
    }

    fn activation(&mut self) {
        let op = match self.size(0, 7) {
            0 => Op::Piecewise(Piecewise::Leaky { slope: 0.1 }),
            1 => Op::Piecewise(Piecewise::ABS),
            2 => Op::Piecewise(Piecewise::Clip { lo: -0.4, hi: 0.6 }),
            3 => Op::Smooth(Smooth::Tanh),
            _ => Op::Piecewise(Piecewise::RELU),
        };
        self.push(op, vec![self.last()], self.image);
    }

    fn pool(&mut self) {
        let [channels, side] = self.image;
        let (window, step) = (self.size(2, 3), self.size(1, 2));
        if side < window {
            return;
        }
        let output = (side - window) / step + 1;
        let places = (0..channels * output * output).map(|i| {
            let (c, y, x) = (i / (output * output), i / output % output, i % output);
            let entry = move |t: usize| (c * side + y * step + t / window) * side + x * step + t % window;
            (0..window * window).map(|t| entry(t) as u32).collect()
        });
        let windows = Arc::new(Incidence::new(channels * side * side, places));
        self.push(Op::Max(windows), vec![self.last()], [channels, output]);
    }

    fn branch(&mut self) {
        let (before, image) = (self.last(), self.image);
        self.activation();
        self.conv(image[0], true);
        if self.size(0, 1) == 0 {
            self.push(Op::Add, vec![before, self.last()], image);
        } else {
            self.push(Op::Concat, vec![self.last(), before], [2 * image[0], image[1]]);
        }
    }

    /// An output of two rows; `dead`: with a node that nobody needs.
    fn finish(&mut self, dead: bool) {
        let n = self.net.nodes[self.last()].len();
        let w = Array2::from_shape_fn((2, n), |_| self.random.between(-1.0, 1.0));
        let read = self.last();
        if dead {
            self.push(Op::Piecewise(Piecewise::RELU), vec![read], self.image);
            self.conv(1, true);
            self.push(Op::Piecewise(Piecewise::RELU), vec![self.last()], self.image);
        }
        let map = LinearMap::Dense(Arc::new(w));
        let op = Op::Affine(Affine { map, bias: None, repeat: 1 });
        self.net.push("out", op, vec![read], vec![2]).expect("sizes fit");
    }
}

fn network(seed: u64) -> Maker {
    let mut m = Maker { random: Random(seed), net: Net::new(vec![1, 10, 10]), image: [1, 10] };
    let (channels, side) = (m.size(1, 2), m.size(6, 11));
    m.net = Net::new(vec![channels, side, side]);
    m.image = [channels, side];
    for _ in 0..m.size(1, 3) {
        let channels = m.size(1, 3);
        m.conv(channels, false);
        match m.size(0, 3) {
            0 => m.branch(),
            1 => m.pool(),
            _ => {}
        }
        m.activation();
    }
    let dead = m.size(0, 3) == 0;
    m.finish(dead);
    m
}

fn region(m: &mut Maker) -> Region {
    let centre: Vec<f64> = (0..m.net.inputs()).map(|_| m.random.unit()).collect();
    let norm = [Norm::Two, Norm::Two, Norm::One, Norm::Inf][m.size(0, 3)];
    let radius = [1e-3, 0.05, 0.3, 1.0][m.size(0, 3)] * if norm == Norm::Inf { 0.1 } else { 1.0 };
    let clip = (m.size(0, 1) == 0).then_some((0.0, 1.0));
    Region::ball(&centre, radius, norm, clip).expect("a ball")
}

/// Values of all nodes at a member.
fn values(net: &Net, region: &Region, x: &[f64]) -> Vec<Ends> {
    let b = Cpu::DOUBLE_DOUBLE;
    let trace = Prepared::new(net, &b).values(b.upload_near(&region.near(x)), None, |_| true);
    trace.values.iter().map(|v| host_ends(&b, v.as_ref().expect("kept"))).collect()
}

/// Members: by chance, and along the gradient of some feature of some node at the centre.
fn members(m: &mut Maker, net: &Net, region: &Region) -> Vec<Vec<f64>> {
    let b = Cpu::DOUBLE;
    let centre = region.centre().expect("a centre").to_vec();
    let (lo, hi) = region.ends().expect("a box");
    let prepared = Prepared::new(net, &b);
    let here = prepared.values(b.upload_near(&region.near(&centre)), None, |_| false);
    let mut list = vec![];
    for t in 0..14 {
        let mut way: Vec<f64> = (0..centre.len()).map(|_| m.random.between(-1.0, 1.0)).collect();
        if t % 7 > 1 {
            let node = m.size(1, net.nodes.len() - 1);
            let feature = m.size(0, net.nodes[node].len() - 1);
            let mut seed = Enclosure::zeros(1, 1, net.nodes[node].len());
            seed.centre[[0, 0, feature]] = if t % 2 == 0 { 1.0 } else { -1.0 };
            let mut start = vec![None; net.nodes.len()];
            start[node] = Some(b.upload(&seed));
            way = b
                .read(&prepared.adjoints_from(&here.gates, start, |_, _| {}))
                .centre
                .into_raw_vec_and_offset()
                .0;
        }
        let size = way.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-300);
        let reach = (0..centre.len()).map(|j| hi[j] - lo[j]).fold(0.0, f64::max);
        let mut x: Vec<f64> = centre.iter().zip(&way).map(|(c, w)| c + reach * w / size).collect();
        region.project(&mut x);
        assert!(region.contains(&x));
        list.push(x);
    }
    list
}

fn inside(own: &Ends, v: &Ends, what: &str) {
    for (at, &l) in v.lo.indexed_iter() {
        assert!(
            own.lo[at] <= v.hi[at] && l <= own.hi[at],
            "{what} {at:?}: {l:e} outside {:?}",
            (own.lo[at], own.hi[at])
        );
    }
}

/// Distances node by node, with ends of values and what they narrow themselves.
fn distances(net: &Net, region: &Region) -> (Vec<f64>, Vec<Ends>) {
    let b = Cpu::DOUBLE;
    let (prepared, squares) = (Prepared::new(net, &b), Maps::squares(net, &b));
    let box_ = region.enclosure().expect("a box");
    let trace = prepared.values(b.upload(&box_), None, |_| true);
    let mut all: Vec<Ends> = trace.values.iter().map(|v| host_ends(&b, v.as_ref().expect("kept"))).collect();
    let layers = Layers { squares: &squares, norm: &rough };
    let mut reach = Reach::new(&prepared, layers, Regions::One(region), &all[0]).expect("a centre");
    let mut ends = Bounds::none(net.nodes.len());
    ends.set(0, all[0].clone());
    for k in 1..net.nodes.len() {
        reach.step(k, &ends, &mut all[k]);
        ends.set(k, all[k].clone());
    }
    ((0..net.nodes.len()).map(|k| reach.radius(k)[0]).collect(), all)
}

#[test]
fn members_lie_in_what_is_known_around_the_centre() {
    let decided: usize = (0..share(1600) as u64)
        .into_par_iter()
        .map(|k| {
            let mut m = network(0x5eed_0000 + k);
            let region = region(&mut m);
            let nets = [Some(m.net.clone()), m.net.without_maxima()];
            let mut narrower = 0;
            for net in nets.into_iter().flatten() {
                let placed = Placed::new(net.clone(), Cpu::DOUBLE);
                let statuses = crown::run(&placed, &region, &budget(0));
                let (radius, narrowed) = distances(&net, &region);
                let centre = values(&net, &region, region.centre().expect("a centre"));
                for x in members(&mut m, &net, &region) {
                    let here = values(&net, &region, &x);
                    for (node, v) in here.iter().enumerate() {
                        inside(statuses.ends.of(node), v, &format!("case {k}, node {node}"));
                        inside(&narrowed[node], v, &format!("case {k}, distances of node {node}"));
                        let least = |j: usize| {
                            let (a, c) = (v, &centre[node]);
                            (a.lo[[0, j]] - c.hi[[0, j]]).max(c.lo[[0, j]] - a.hi[[0, j]]).max(0.0)
                        };
                        let far = vector_norm_up((0..v.lo.ncols()).map(least).collect::<Vec<_>>(), Norm::Two);
                        assert!(
                            far <= radius[node] * (1.0 + 1e-12),
                            "case {k}, node {node}: {far} {}",
                            radius[node]
                        );
                    }
                }
                let wide = Prepared::new(&net, &Cpu::DOUBLE);
                let boxes =
                    wide.values(Cpu::DOUBLE.upload(&region.enclosure().expect("a box")), None, |_| true);
                narrower += (0..net.nodes.len())
                    .filter(|&n| {
                        let plain = host_ends(&Cpu::DOUBLE, boxes.values[n].as_ref().expect("kept"));
                        let own = statuses.ends.of(n);
                        (0..own.lo.ncols()).any(|j| {
                            own.hi[[0, j]] - own.lo[[0, j]] < 0.9 * (plain.hi[[0, j]] - plain.lo[[0, j]])
                        })
                    })
                    .count();
            }
            narrower
        })
        .sum();
    assert!(decided > share(1600), "{decided} nodes are narrower");
}

/// The same loop by one pass for every neuron: rows of it enclose the same numbers, and neurons that are left out are
/// on no way to the output.
#[test]
fn a_loop_of_shared_rows_is_the_loop_of_single_ones() {
    let shared: usize = (0..share(800) as u64)
        .into_par_iter()
        .map(|k| {
            let mut m = network(0xfeed_0000 + k);
            let region = region(&mut m);
            let net = m.net.without_maxima().unwrap_or(m.net.clone());
            let b = Cpu::DOUBLE;
            let placed = Placed::new(net.clone(), b);
            let gates = crown::run(&placed, &region, &budget(0)).trace.gates.clone();
            let prepared = Prepared::new(&net, &b);
            let mut seeds = Enclosure::zeros(1, 2, 2);
            (0..2).for_each(|i| seeds.centre[[0, i, i]] = 1.0);
            let mut passes = 0.0;
            let found = Feedback::new(
                &prepared,
                gates.clone(),
                &seeds,
                |_| true,
                |size| {
                    passes = size.passes;
                    true
                },
            );
            let f = found.expect("slopes of every neuron");
            single_rows(k, &Expansion::around(&prepared, gates).expect("slopes"), &f, &seeds);
            let alone: f64 = f.groups.iter().map(|g| *g as f64).sum();
            (passes > 0.0 && alone > 0.0) as usize
        })
        .sum();
    assert!(shared > share(400), "{shared} loops");
}

fn single_rows(case: u64, e: &Expansion<Cpu>, f: &Feedback, seeds: &Enclosure) {
    let n = f.inputs();
    let before = |k: usize| e.kinks[..k].iter().map(|k| k.radius.len()).sum::<usize>();
    let column = |place: usize| f.places.binary_search(&place).ok();
    let meet = |row: usize, at: usize, c: f64, r: f64| {
        let (d, s) = (f.matrix.centre[[row, at]], f.matrix.radius[[row, at]]);
        assert!((c - d).abs() <= (r + s) * (1.0 + 1e-9) + 1e-300, "case {case}: entry {row}, {at}: {c} {d}");
    };
    let compare = |row: usize, reached: &clarke::rules::expansion::Reached, from: usize, output: bool| {
        (0..n).for_each(|j| meet(row, j, reached.input.centre[[from, j]], reached.input.radius[[from, j]]));
        for (k, kink) in e.kinks.iter().enumerate() {
            for j in 0..kink.radius.len() {
                let (c, r) = match &reached.kinks[k] {
                    Some(g) => (g.centre[[from, j]], g.radius[[from, j]]),
                    None => (0.0, 0.0),
                };
                match column(before(k) + j) {
                    Some(t) => meet(row, n + t, c, r),
                    None if kink.radius[j] > 0.0 && output => {
                        assert!(
                            c.abs() <= r,
                            "case {case}: an output depends on a neuron that was left out: {c}"
                        );
                    }
                    None => {}
                }
            }
        }
    };
    for (k, kink) in e.kinks.iter().enumerate() {
        for j in 0..kink.radius.len() {
            if let Some(row) = column(before(k) + j) {
                compare(row, &e.features(k, &[j]), 0, false);
            }
        }
    }
    let outputs = e.rows(e.prepared.net.output(), seeds);
    (0..2).for_each(|row| compare(f.reach.len() + row, &outputs, row, true));
}

/// Slopes that single gates of the middle hold are slopes: nothing above relies on gates that are no intervals.
#[test]
fn statuses_hold_one_gate_for_every_neuron_that_counts() {
    let mut m = network(0x0dd5_eed0);
    let region = region(&mut m);
    let net = m.net.without_maxima().unwrap_or(m.net.clone());
    let placed = Placed::new(net.clone(), Cpu::DOUBLE);
    let statuses = crown::run(&placed, &region, &budget(0));
    for (k, node) in net.nodes.iter().enumerate().filter(|(_, n)| n.op.is_nonlinear()) {
        let Some(Gate::Each(slopes)) = &statuses.trace.gates[k] else { panic!("node {k} has no slopes") };
        let (lo, hi) = Cpu::DOUBLE.read_slopes(slopes);
        assert!(lo.ncols() == node.len() && lo.iter().zip(&hi).all(|(l, h)| l <= h));
    }
}
