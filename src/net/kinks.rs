//! The same function without maxima: max(a, b) = b + relu(a − b), windows as trees.
//!
//! A nondecreasing function commutes with a maximum, so a relu right before a pool goes behind it. Where
//! the pool reads a convolution, its entries and their differences are convolutions themselves, with larger steps
//! and the kernel in several places: what cancels between neighbours is seen by whoever bounds them.

use super::{Net, Node, Op, Pooled};
use crate::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise, Scale};
use crate::num::Coefficient;
use crate::num::round::{sub_down, sub_up};
use std::sync::Arc;

impl Net {
    /// None where there is nothing to replace.
    pub fn without_maxima(&self) -> Option<Net> {
        if !self.nodes.iter().any(|n| matches!(n.op, Op::Max(_))) {
            return None;
        }
        let users = self.users();
        let mut made = Made { net: Net::new(self.nodes[0].shape.clone()), place: vec![0], pairs: vec![] };
        let mut left = WEIGHTS;
        for node in &self.nodes[1..] {
            let Op::Max(windows) = &node.op else {
                let inputs = node.inputs.iter().map(|&i| made.place[i]).collect();
                made.push(Node { inputs, ..node.clone() });
                continue;
            };
            let alone = |k: usize| users[k].len() == 1;
            let read = node.inputs[0];
            let before = &self.nodes[read];
            if made.mirrored(before, windows, &node.shape) {
                made.named(&node.name);
                continue;
            }
            // What lies between the entries and the maximum, and the entries.
            let rising = if let Op::Piecewise(f) = &before.op { Some(f) } else { None };
            let (after, entries) = match rising.filter(|f| alone(read) && rises(f)) {
                Some(f) => (Some(f.clone()), before.inputs[0]),
                None => (None, read),
            };
            let only = alone(entries) && self.nodes[entries].inputs.len() == 1;
            let pool = Pool::new(&self.nodes[entries], windows, &node.shape).filter(|_| only);
            let tree = pool.and_then(|p| p.tree(&mut left));
            match tree {
                Some(tree) => {
                    let from = self.nodes[entries].inputs[0];
                    made.convolutions(tree, from, &node.shape);
                    if let Op::Affine(a) = &self.nodes[entries].op {
                        let (node, from) = (made.net.nodes.len() - 1, made.place[from]);
                        let (map, factor) = (a.map.clone(), windows.reach());
                        made.net.pools.push(Pooled { node, from, map, factor });
                    }
                }
                None => made.selections(windows, entries, &node.shape),
            }
            if let Some(f) = after {
                let inputs = vec![made.net.nodes.len() - 1];
                made.add(Op::Piecewise(f), inputs, node.shape.clone());
            }
            made.named(&node.name);
        }
        made.net.gains = self.gains.iter().map(|g| g.at(&made.place)).collect();
        let output = made.net.output();
        Some(made.net.prune(output))
    }
}

/// Is it one nondecreasing function for all features?
fn rises(f: &Piecewise) -> bool {
    match f {
        Piecewise::Leaky { slope } => *slope >= 0.0,
        Piecewise::Clip { .. } => true,
        Piecewise::PerFeature { .. } => false,
    }
}

/// A network in the making: the nodes so far, and where those of the other network are. A name stands for what it
/// stands for in the other network; what is new has none.
struct Made {
    net: Net,
    place: Vec<usize>,
    pairs: Vec<Pairs>,
}

/// Maxima of two features each, of a node of the other network: relu(left − right) is node `above`.
struct Pairs {
    read: usize,
    windows: Arc<Incidence>,
    left: usize,
    above: usize,
}

impl Made {
    fn push(&mut self, node: Node) {
        self.net.nodes.push(node);
        self.place.push(self.net.nodes.len() - 1);
    }

    fn add(&mut self, op: Op, inputs: Vec<usize>, shape: Vec<usize>) -> usize {
        self.net.nodes.push(Node { name: String::new(), op, inputs, shape });
        self.net.nodes.len() - 1
    }

    /// The last node has the value of the other network's next one, whose name it bears.
    fn named(&mut self, name: &str) {
        self.net.nodes.last_mut().expect("just added").name = name.into();
        self.place.push(self.net.nodes.len() - 1);
    }

    /// Appends maxima of −z where those of z are there: max(−a, −b) = relu(a − b) − a, with the same kink. So a
    /// comparator has one, and what its two results have in common cancels for whoever bounds them.
    fn mirrored(&mut self, before: &Node, windows: &Arc<Incidence>, shape: &[usize]) -> bool {
        let Op::Scale(s) = &before.op else { return false };
        let minus = s.factor.iter().all(|f| *f == Coefficient::exact(-1.0));
        if !minus || s.shift.iter().any(|t| *t != Coefficient::ZERO) {
            return false;
        }
        let same = |p: &&Pairs| p.read == before.inputs[0] && p.windows == *windows;
        let Some(&Pairs { left, above, .. }) = self.pairs.iter().find(same) else { return false };
        let left = self.add(negative(), vec![left], shape.to_vec());
        self.add(Op::Add, vec![left, above], shape.to_vec());
        true
    }

    /// Appends maxima of entries of a node of the other network.
    fn selections(&mut self, windows: &Arc<Incidence>, entries: usize, shape: &[usize]) {
        let mut node = self.place[entries];
        let mut open: Vec<Vec<u32>> =
            (0..windows.outputs()).map(|i| windows.index[windows.window(i)].to_vec()).collect();
        let few = open.iter().all(|w| w.len() <= 2);
        loop {
            let last = open.iter().all(|w| w.len() <= 2);
            let pairs: Vec<[u32; 2]> = open
                .iter()
                .flat_map(|w| w.chunks(2))
                .map(|pair| [pair[0], *pair.last().expect("a half")])
                .collect();
            let size = self.net.nodes[node].len();
            let shape = if last { shape.to_vec() } else { vec![pairs.len()] };
            let half = |side: usize| Op::Select {
                incidence: Arc::new(Incidence::gather(size, pairs.iter().map(|p| Some(p[side])))),
                fill: 0.0,
            };
            let left = self.add(half(0), vec![node], shape.clone());
            let right = self.add(half(1), vec![node], shape.clone());
            let minus = self.add(negative(), vec![right], shape.clone());
            let gap = self.add(Op::Add, vec![left, minus], shape.clone());
            let above = self.add(Op::Piecewise(Piecewise::RELU), vec![gap], shape.clone());
            node = self.add(Op::Add, vec![right, above], shape);
            if few {
                self.pairs.push(Pairs { read: entries, windows: windows.clone(), left, above });
            }
            if last {
                return;
            }
            let mut next = 0;
            for window in &mut open {
                let count = window.len().div_ceil(2) as u32;
                *window = (next..next + count).collect();
                next += count;
            }
        }
    }

    /// Appends maxima of convolutions of what another network's node gives.
    fn convolutions(&mut self, tree: Tree, read: usize, shape: &[usize]) {
        let read = self.place[read];
        // Every side of a maximum so far: a filter, and relus that are added to it.
        let mut sides: Vec<(Arc<Vec<f64>>, Vec<usize>)> =
            tree.entries.iter().map(|w| (w.clone(), vec![])).collect();
        let conv = |weight: &Arc<Vec<f64>>, bias: Option<Arc<Vec<f64>>>| {
            let map = LinearMap::Conv { shape: tree.shape, weight: weight.clone(), adjoint: false };
            let repeat = tree.shape.output[0] * tree.shape.output[1];
            Op::Affine(Affine { map, bias, repeat })
        };
        let mut differences = tree.differences.iter();
        while sides.len() > 1 {
            let mut next = vec![];
            for pair in sides.chunks(2) {
                let [(_, left), (filter, right)] = pair else {
                    next.push(pair[0].clone());
                    continue;
                };
                let difference = differences.next().expect("one for every pair");
                let mut gap = vec![self.add(conv(difference, None), vec![read], shape.to_vec())];
                gap.extend(left);
                for &r in right {
                    gap.push(self.add(negative(), vec![r], shape.to_vec()));
                }
                let gap = if gap.len() > 1 { self.add(Op::Add, gap, shape.to_vec()) } else { gap[0] };
                let above = self.add(Op::Piecewise(Piecewise::RELU), vec![gap], shape.to_vec());
                let relus = right.iter().copied().chain([above]).collect();
                next.push((filter.clone(), relus));
            }
            sides = next;
        }
        let (filter, relus) = &sides[0];
        let last = self.add(conv(filter, tree.bias.clone()), vec![read], shape.to_vec());
        if !relus.is_empty() {
            let inputs = std::iter::once(last).chain(relus.iter().copied()).collect();
            self.add(Op::Add, inputs, shape.to_vec());
        }
    }
}

fn negative() -> Op {
    Op::Scale(Scale::uniform(Coefficient::exact(-1.0)))
}

/// Windows of one size at equal steps over a convolution's outputs.
struct Pool<'p> {
    conv: &'p ConvShape,
    weight: &'p [f64],
    bias: Option<Arc<Vec<f64>>>,
    /// Rows and columns of entries from a window's first place, in its order.
    offsets: Vec<[usize; 2]>,
    step: [usize; 2],
    output: [usize; 2],
}

/// Weights that convolutions of a network's pools may have together; where they do not suffice, entries are picked
/// from the convolution that is there. The same for everybody: places of neurons depend on it.
const WEIGHTS: usize = 1 << 23;

/// Filters of a pool's entries and of all the differences that its tree takes, in order.
struct Tree {
    shape: ConvShape,
    entries: Vec<Arc<Vec<f64>>>,
    differences: Vec<Arc<Vec<f64>>>,
    bias: Option<Arc<Vec<f64>>>,
}

impl<'p> Pool<'p> {
    /// None where the node is no plain convolution, or windows are not alike.
    fn new(node: &'p Node, windows: &Incidence, shape: &[usize]) -> Option<Pool<'p>> {
        let Op::Affine(Affine { map: LinearMap::Conv { shape: conv, weight, adjoint: false }, bias, repeat }) =
            &node.op
        else {
            return None;
        };
        let [channels, h, w] = *shape else { return None };
        let [rows, columns] = conv.output;
        let plain = conv.dilation == [1, 1] && (bias.is_none() || *repeat == rows * columns);
        if !plain || channels != conv.out_channels {
            return None;
        }
        let place = |j: u32| {
            let j = j as usize;
            [j / (rows * columns), j / columns % rows, j % columns]
        };
        let entries = |i: usize| windows.index[windows.window(i)].iter().map(|&j| place(j));
        let first = entries(0).fold([usize::MAX; 2], |s, [_, y, x]| [s[0].min(y), s[1].min(x)]);
        let top = |i: usize| entries(i).fold([usize::MAX; 2], |s, [_, y, x]| [s[0].min(y), s[1].min(x)]);
        let offsets: Vec<[usize; 2]> = entries(0).map(|[_, y, x]| [y - first[0], x - first[1]]).collect();
        let apart = |i: usize, axis: usize| top(i)[axis].checked_sub(first[axis]);
        let step = [if h > 1 { apart(w, 0)? } else { 1 }, if w > 1 { apart(1, 1)? } else { 1 }];
        let alike = |i: usize| {
            let (c, y, x) = (i / (h * w), i / w % h, i % w);
            let wanted = offsets.iter().map(|o| [c, y * step[0] + o[0], x * step[1] + o[1]]);
            entries(i).eq(wanted)
        };
        let fits = first == [0, 0] && step[0] > 0 && step[1] > 0 && (0..windows.outputs()).all(alike);
        fits.then(|| Pool { conv, weight, bias: bias.clone(), offsets, step, output: [h, w] })
    }

    /// None where a difference of weights is no float, or more weights are needed than are `left`.
    fn tree(&self, left: &mut usize) -> Option<Tree> {
        let conv = self.conv;
        let far = |axis: usize| self.offsets.iter().map(|o| o[axis]).max().unwrap_or(0);
        let kernel = [0, 1].map(|axis| conv.kernel[axis] + far(axis) * conv.stride[axis]);
        let stride = [0, 1].map(|axis| conv.stride[axis] * self.step[axis]);
        let shape = ConvShape { kernel, stride, output: self.output, ..*conv };
        let (taps, wide) = (conv.taps(), shape.taps());
        let weights = (self.weight.len() / taps).saturating_mul(wide).saturating_mul(2 * self.offsets.len());
        *left = left.checked_sub(weights)?;
        let filter = |o: &[usize; 2]| {
            let mut all = vec![0.0; self.weight.len() / taps * wide];
            for (i, &w) in self.weight.iter().enumerate() {
                let (y, x) = (i % taps / conv.kernel[1], i % conv.kernel[1]);
                let (y, x) = (y + o[0] * conv.stride[0], x + o[1] * conv.stride[1]);
                all[i / taps * wide + y * kernel[1] + x] = w;
            }
            Arc::new(all)
        };
        let entries: Vec<Arc<Vec<f64>>> = self.offsets.iter().map(filter).collect();
        let mut differences = vec![];
        let mut sides = entries.clone();
        while sides.len() > 1 {
            for pair in sides.chunks_exact(2) {
                differences.push(Arc::new(minus(&pair[0], &pair[1])?));
            }
            sides = sides.chunks(2).map(|pair| pair[pair.len() - 1].clone()).collect();
        }
        Some(Tree { shape, entries, differences, bias: self.bias.clone() })
    }
}

/// a − b, where every difference is a float.
fn minus(a: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    let exact = |(x, y): (&f64, &f64)| (sub_up(*x, *y) == sub_down(*x, *y)).then(|| x - y);
    a.iter().zip(b).map(exact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    fn conv(shape: ConvShape, random: &mut Random) -> Affine {
        let count = shape.out_channels * shape.depth();
        let weight = (0..count).map(|_| random.normal() as f32 as f64).collect();
        let bias = (0..shape.out_channels).map(|_| random.normal()).collect();
        let map = LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false };
        Affine { map, bias: Some(Arc::new(bias)), repeat: shape.output[0] * shape.output[1] }
    }

    /// Pools of any size and step over convolutions: the same function, without maxima, relu behind the pool.
    #[test]
    fn maxima_of_convolutions_are_the_same_function() {
        let mut random = Random(7);
        for (window, step, stride, pad) in [(2, 2, 1, 0), (2, 1, 2, 1), (3, 2, 1, 1), (1, 1, 1, 0)] {
            let size = (9 + 2 * pad - 3) / stride + 1;
            let shape = ConvShape {
                groups: 1,
                in_channels: 2,
                out_channels: 3,
                input: [9, 9],
                output: [size; 2],
                kernel: [3, 3],
                stride: [stride; 2],
                dilation: [1, 1],
                pad: [pad; 2],
            };
            let out = (size - window) / step + 1;
            let entry = |c: usize, y: usize, x: usize| ((c * size + y) * size + x) as u32;
            let places = (0..3 * out * out).map(|i| (i / (out * out), i / out % out, i % out));
            let windows = places.map(|(c, y, x)| {
                let all = (0..window * window).map(|t| (t / window, t % window));
                all.map(|(a, b)| entry(c, y * step + a, x * step + b)).collect()
            });
            let windows = Arc::new(Incidence::new(3 * size * size, windows));
            let mut net = Net::new(vec![2, 9, 9]);
            let k =
                net.push("c", Op::Affine(conv(shape, &mut random)), vec![0], vec![3, size, size]).unwrap();
            let relu = Op::Piecewise(Piecewise::RELU);
            let k = net.push("r", relu, vec![k], vec![3, size, size]).unwrap();
            net.push("m", Op::Max(windows), vec![k], vec![3, out, out]).unwrap();
            let other = net.without_maxima().unwrap();
            assert!(!other.nodes.iter().any(|n| matches!(n.op, Op::Max(_) | Op::Select { .. })));
            let x: Vec<f64> = (0..162).map(|_| random.normal()).collect();
            let (a, b) = (net.evaluate(&x), other.evaluate(&x));
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-12 * (1.0 + a.abs()), "{window} {step}: {a} {b}");
            }
        }
    }
}
