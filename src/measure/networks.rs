//! Networks of well-known shapes with random weights: what they compute means nothing, how long it takes does.

use crate::layer::{Affine, ConvShape, LinearMap, Piecewise};
use crate::net::{Net, Op, pool_windows};
use crate::num::random::Random;
use ndarray::Array2;
use std::sync::Arc;

/// Uniform weights that keep the size of values behind a relu.
fn weights(random: &mut Random, count: usize, inputs: usize) -> Vec<f64> {
    let scale = (6.0 / inputs.max(1) as f64).sqrt();
    (0..count).map(|_| scale * random.signed()).collect()
}

fn bias(random: &mut Random, count: usize) -> Option<Arc<Vec<f64>>> {
    Some(Arc::new((0..count).map(|_| 0.1 * random.signed()).collect()))
}

/// A matrix, and a bias.
pub fn dense(random: &mut Random, rows: usize, columns: usize) -> Affine {
    let entries = weights(random, rows * columns, columns);
    let matrix = Array2::from_shape_vec((rows, columns), entries).expect("so many entries");
    Affine { map: LinearMap::Dense(Arc::new(matrix)), bias: bias(random, rows), repeat: 1 }
}

/// A square convolution: channels and side of the map, channels out, kernel, stride, pad.
#[derive(Clone, Copy)]
pub struct Conv {
    pub channels: usize,
    pub side: usize,
    pub out: usize,
    pub kernel: usize,
    pub stride: usize,
    pub pad: usize,
}

impl Conv {
    /// The side of what comes out.
    pub fn after(&self) -> usize {
        (self.side + 2 * self.pad - self.kernel) / self.stride + 1
    }

    fn shape(&self) -> ConvShape {
        ConvShape {
            groups: 1,
            in_channels: self.channels,
            out_channels: self.out,
            input: [self.side; 2],
            output: [self.after(); 2],
            kernel: [self.kernel; 2],
            stride: [self.stride; 2],
            dilation: [1; 2],
            pad: [self.pad; 2],
        }
    }

    pub fn affine(&self, random: &mut Random) -> Affine {
        let shape = self.shape();
        let inputs = self.channels * self.kernel * self.kernel;
        let weight = Arc::new(weights(random, self.out * inputs, inputs));
        let repeat = self.after() * self.after();
        let map = LinearMap::Conv { shape, weight, adjoint: false };
        Affine { map, bias: bias(random, self.out), repeat }
    }
}

/// A part of a stack: a convolution (out, kernel, stride, pad) with a relu, or maxima over windows (side, stride).
#[derive(Clone, Copy)]
enum Part {
    Conv(usize, usize, usize, usize),
    Pool(usize, usize),
}

fn push(net: &mut Net, op: Op, shape: Vec<usize>) {
    let at = net.output();
    net.push(format!("node {}", at + 1), op, vec![at], shape).expect("sizes agree");
}

fn relu(net: &mut Net) {
    let shape = net.nodes[net.output()].shape.clone();
    push(net, Op::Piecewise(Piecewise::RELU), shape);
}

fn pool(net: &mut Net, (channels, side): (usize, usize), window: usize, stride: usize) -> usize {
    let shape = Conv { channels, side, out: channels, kernel: window, stride, pad: 0 }.shape();
    let out = shape.output[0];
    push(net, Op::Max(Arc::new(pool_windows(channels, &shape))), vec![channels, out, out]);
    out
}

/// Parts on a square map, then dense layers of these widths with relus between them.
fn stack(random: &mut Random, (channels, side): (usize, usize), parts: &[Part], ends: &[usize]) -> Net {
    let mut net = if side == 1 { Net::new(vec![channels]) } else { Net::new(vec![channels, side, side]) };
    let (mut channels, mut side) = (channels, side);
    for part in parts {
        match *part {
            Part::Conv(out, kernel, stride, pad) => {
                let conv = Conv { channels, side, out, kernel, stride, pad };
                push(&mut net, Op::Affine(conv.affine(random)), vec![out, conv.after(), conv.after()]);
                relu(&mut net);
                (channels, side) = (out, conv.after());
            }
            Part::Pool(window, stride) => side = pool(&mut net, (channels, side), window, stride),
        }
    }
    for (k, &to) in ends.iter().enumerate() {
        let from = net.outputs();
        push(&mut net, Op::Affine(dense(random, to, from)), vec![to]);
        if k + 1 < ends.len() {
            relu(&mut net);
        }
    }
    net
}

/// 784-256x4-10, as VNN-COMP's networks for MNIST.
pub fn mnist(random: &mut Random) -> Net {
    stack(random, (784, 1), &[], &[256, 256, 256, 256, 10])
}

/// Two strided convolutions and two dense layers on a picture of 28 x 28.
pub fn small_conv(random: &mut Random) -> Net {
    stack(random, (1, 28), &[Part::Conv(16, 4, 2, 1), Part::Conv(32, 4, 2, 1)], &[100, 10])
}

/// Krizhevsky's network, in one stream.
pub fn alexnet(random: &mut Random) -> Net {
    use Part::{Conv, Pool};
    let parts = [
        Conv(64, 11, 4, 2),
        Pool(3, 2),
        Conv(192, 5, 1, 2),
        Pool(3, 2),
        Conv(384, 3, 1, 1),
        Conv(256, 3, 1, 1),
        Conv(256, 3, 1, 1),
        Pool(3, 2),
    ];
    stack(random, (3, 224), &parts, &[4096, 4096, 1000])
}

/// Simonyan & Zisserman's network D.
pub fn vgg16(random: &mut Random) -> Net {
    let blocks = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];
    let block = |&(channels, count): &(usize, usize)| {
        (0..count).map(move |_| Part::Conv(channels, 3, 1, 1)).chain([Part::Pool(2, 2)])
    };
    let parts: Vec<Part> = blocks.iter().flat_map(block).collect();
    stack(random, (3, 224), &parts, &[4096, 4096, 1000])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_the_papers() {
        let mut random = Random(1);
        assert_eq!(alexnet(&mut random).parameters(), 61_100_840);
        assert_eq!(mnist(&mut random).parameters(), 784 * 256 + 3 * 256 * 256 + 256 * 10 + 4 * 256 + 10);
        let small = small_conv(&mut random);
        assert_eq!((small.inputs(), small.outputs()), (784, 10));
    }
}
