//! Networks of linear pieces without constants: g(y, t) = t f(y / t), with t as one more input.
//!
//! g is positively homogeneous, its kinks are cones, and for t > 0 its derivatives by y are
//! those of f at y / t. So all of R^n becomes the faces of one box around the origin.

use super::{Net, Node, Op};
use crate::layer::{Affine, Incidence, LinearMap, Piecewise, Scale};
use crate::num::Coefficient;
use ndarray::Array2;
use std::sync::Arc;

impl Net {
    /// g for this f; its last input is t >= 0. None where a node is not piecewise linear.
    pub fn homogeneous(&self) -> Option<Net> {
        let n = self.inputs();
        let mut net = Net::new(vec![n + 1]);
        let pick = |from: std::ops::Range<usize>| Op::Select {
            incidence: Arc::new(Incidence::gather(n + 1, from.map(|j| Some(j as u32)))),
            fill: 0.0,
        };
        let t = append(&mut net, "t", pick(n..n + 1), vec![0], vec![1]);
        let y = append(&mut net, "input", pick(0..n), vec![0], self.nodes[0].shape.clone());
        let mut place = vec![y];
        for node in &self.nodes[1..] {
            let inputs: Vec<usize> = node.inputs.iter().map(|&i| place[i]).collect();
            let mut to = Maker { net: &mut net, t, node };
            place.push(match &node.op {
                Op::Input | Op::Smooth(_) | Op::Softmax { .. } => return None,
                Op::Max(_) | Op::Add | Op::Concat => to.same(node.op.clone(), inputs),
                Op::Affine(a) => {
                    let linear = to.same(Op::Affine(Affine { bias: None, ..a.clone() }), inputs);
                    match a.bias.as_ref().filter(|b| !b.is_empty()) {
                        Some(bias) => to.plus(linear, |j| bias[j / a.repeat]),
                        None => linear,
                    }
                }
                Op::Scale(s) => {
                    let still = vec![Coefficient::ZERO; s.shift.len()];
                    let scaled = to.same(Op::Scale(Scale { shift: still.clone(), ..s.clone() }), inputs);
                    if s.shift == still {
                        scaled
                    } else {
                        let ones = to.times(|_| 1.0);
                        let shift = Scale { factor: s.shift.clone(), shift: still, repeat: s.repeat };
                        let shift = to.same(Op::Scale(shift), vec![ones]);
                        to.same(Op::Add, vec![scaled, shift])
                    }
                }
                Op::Select { incidence, fill } => {
                    let taken = Op::Select { incidence: incidence.clone(), fill: 0.0 };
                    let taken = to.same(taken, inputs);
                    let empty = |j| if incidence.window(j).is_empty() { *fill } else { 0.0 };
                    if *fill == 0.0 { taken } else { to.plus(taken, empty) }
                }
                Op::Piecewise(Piecewise::Clip { lo, hi }) => to.clip(inputs[0], *lo, *hi),
                Op::Piecewise(f) => to.same(Op::Piecewise(f.clone()), inputs),
            });
        }
        // The output is the last node: nothing follows what was made of it.
        Some(net)
    }
}

fn append(net: &mut Net, name: &str, op: Op, inputs: Vec<usize>, shape: Vec<usize>) -> usize {
    net.nodes.push(Node { name: name.into(), op, inputs, shape });
    net.nodes.len() - 1
}

/// Appends what one node of f becomes.
struct Maker<'n> {
    net: &'n mut Net,
    t: usize,
    node: &'n Node,
}

impl Maker<'_> {
    fn same(&mut self, op: Op, inputs: Vec<usize>) -> usize {
        append(self.net, &self.node.name, op, inputs, self.node.shape.clone())
    }

    /// Feature j is t times a number.
    fn times(&mut self, number: impl Fn(usize) -> f64) -> usize {
        let column = Array2::from_shape_fn((self.node.len(), 1), |(j, _)| number(j));
        let map = LinearMap::Dense(Arc::new(column));
        let inputs = vec![self.t];
        self.same(Op::Affine(Affine { map, bias: None, repeat: 1 }), inputs)
    }

    /// The same values, and t times a number.
    fn plus(&mut self, values: usize, number: impl Fn(usize) -> f64) -> usize {
        let more = self.times(number);
        self.same(Op::Add, vec![values, more])
    }

    fn minus(&mut self, values: usize) -> usize {
        self.same(Op::Scale(Scale::uniform(Coefficient::exact(-1.0))), vec![values])
    }

    fn relu(&mut self, values: usize) -> usize {
        self.same(Op::Piecewise(Piecewise::RELU), vec![values])
    }

    /// With a = relu(z − lo t): max(z, lo t) = lo t + a, and the smaller of that and hi t is
    /// hi t − relu((hi − lo) t − a), which never leaves [lo t, hi t]. Ends without a bound are left out.
    fn clip(&mut self, z: usize, lo: f64, hi: f64) -> usize {
        if lo >= hi {
            return self.times(|_| hi);
        }
        // Values less lo t, and what is to be added back.
        let (mut rest, mut base) = (z, 0.0);
        if lo.is_finite() {
            let over = self.plus(z, |_| -lo);
            (rest, base) = (self.relu(over), lo);
        }
        if !hi.is_finite() {
            return self.plus(rest, |_| base);
        }
        // hi − lo may be no float; its two terms are.
        let minus = self.minus(rest);
        let room = self.plus(minus, |_| hi);
        let room = self.plus(room, |_| -base);
        let missing = self.relu(room);
        let minus = self.minus(missing);
        self.plus(minus, |_| hi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::ConvShape;

    /// t f(y / t) for powers of two t, where nothing rounds differently.
    #[test]
    fn agrees_with_the_network_it_is_made_of() {
        let mut net = Net::new(vec![1, 2, 2]);
        let shape = ConvShape {
            groups: 1,
            in_channels: 1,
            out_channels: 2,
            input: [2, 2],
            output: [2, 2],
            kernel: [2, 2],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [1, 0],
        };
        let weight = vec![1.0, -2.0, 0.5, 0.25, -1.0, 3.0, 0.125, -0.5];
        let map = LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false };
        let bias = Some(Arc::new(vec![0.5, -1.0]));
        let at = |net: &mut Net, op, inputs, shape| net.push("n", op, inputs, shape).unwrap();
        let a = at(&mut net, Op::Affine(Affine { map, bias, repeat: 4 }), vec![0], vec![2, 2, 2]);
        let factor = vec![Coefficient::exact(2.0), Coefficient::exact(-0.5)];
        let shift = vec![Coefficient::exact(0.25), Coefficient::ZERO];
        let s = at(&mut net, Op::Scale(Scale::new(factor, shift, 4)), vec![a], vec![8]);
        let c = at(&mut net, Op::Piecewise(Piecewise::Clip { lo: -0.5, hi: 2.0 }), vec![s], vec![8]);
        let infinite = Piecewise::Clip { lo: f64::NEG_INFINITY, hi: 1.0 };
        let d = at(&mut net, Op::Piecewise(infinite), vec![c], vec![8]);
        let pad = Incidence::gather(8, [Some(1), None, Some(7), Some(3)]);
        let p = at(&mut net, Op::Select { incidence: Arc::new(pad), fill: 0.75 }, vec![d], vec![4]);
        let l = at(&mut net, Op::Piecewise(Piecewise::Leaky { slope: 0.25 }), vec![p], vec![4]);
        let m = at(&mut net, Op::Concat, vec![l, c], vec![12]);
        let windows = Incidence::new(12, (0..6).map(|i| vec![i, i + 6]));
        at(&mut net, Op::Max(Arc::new(windows)), vec![m], vec![6]);
        let own = net.homogeneous().unwrap();
        let mut random = crate::num::random::Random(5);
        for _ in 0..200 {
            let y: Vec<f64> = (0..4).map(|_| (random.signed() * 1024.0).round() / 256.0).collect();
            for t in [0.25, 1.0, 8.0] {
                let x: Vec<f64> = y.iter().map(|v| v / t).collect();
                let both: Vec<f64> = y.iter().copied().chain([t]).collect();
                let expected: Vec<f64> = net.evaluate(&x).iter().map(|v| v * t).collect();
                assert_eq!(own.evaluate(&both), expected, "{y:?} {t}");
            }
        }
    }
}
