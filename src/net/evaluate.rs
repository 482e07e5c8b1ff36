//! The plain definition of what a network computes, in ordinary f64 without
//! any claim about rounding: for proposals, samples and import checks.

use super::{Net, Node, Op};
use crate::layer::{Affine, ConvShape, Incidence, LinearMap};
use rayon::prelude::*;

impl Net {
    /// f(x), unproven. Panics unless `x` has one value per input.
    pub fn evaluate(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.inputs(), "one value per input");
        let mut last_use: Vec<usize> = (0..self.nodes.len()).collect();
        for (k, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&i| last_use[i] = k);
        }
        let mut values: Vec<Vec<f64>> = vec![vec![]; self.nodes.len()];
        values[0] = x.to_vec();
        for (k, node) in self.nodes.iter().enumerate().skip(1) {
            let inputs: Vec<&[f64]> = node.inputs.iter().map(|&i| &values[i][..]).collect();
            let value = apply(node, &inputs);
            values[k] = value;
            for &i in &node.inputs {
                if last_use[i] == k {
                    values[i] = vec![];
                }
            }
        }
        values.pop().unwrap_or_default()
    }
}

fn apply(node: &Node, inputs: &[&[f64]]) -> Vec<f64> {
    let x = inputs[0];
    let each = |f: &dyn Fn(usize, f64) -> f64| x.iter().enumerate().map(|(k, &v)| f(k, v)).collect();
    match &node.op {
        Op::Input => x.to_vec(),
        Op::Affine(a) => affine(a, x),
        Op::Scale(s) => each(&|k, v| {
            let (f, t) = (s.factor[s.index(k)], s.shift[s.index(k)]);
            f.hi.mul_add(v, t.hi) + (f.lo * v + t.lo)
        }),
        Op::Select { incidence, fill } => {
            windows(incidence, x, |w| if w.len() == 0 { *fill } else { w.sum() })
        }
        Op::Add => (0..node.len()).map(|k| inputs.iter().map(|x| x[k]).sum()).collect(),
        Op::Concat => inputs.concat(),
        Op::Piecewise(p) => each(&|k, v| p.value(k, v)),
        Op::Smooth(s) => each(&|_, v| s.value(v)),
        Op::Max(incidence) => windows(incidence, x, |w| w.fold(f64::NEG_INFINITY, f64::max)),
        Op::Softmax { group } => x.chunks(*group).flat_map(softmax).collect(),
    }
}

fn windows(
    incidence: &Incidence,
    x: &[f64],
    f: impl Fn(&mut dyn ExactSizeIterator<Item = f64>) -> f64,
) -> Vec<f64> {
    (0..incidence.outputs())
        .map(|i| f(&mut incidence.index[incidence.window(i)].iter().map(|&j| x[j as usize])))
        .collect()
}

fn affine(a: &Affine, x: &[f64]) -> Vec<f64> {
    let mut y = match &a.map {
        LinearMap::Dense(w) => {
            w.outer_iter().map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
        }
        LinearMap::Conv { shape, weight, adjoint: false } => convolution(shape, weight, x),
        LinearMap::Conv { shape, weight, adjoint: true } => adjoint(shape, weight, x),
    };
    if let Some(bias) = a.bias.as_deref().filter(|b| !b.is_empty()) {
        y.iter_mut().enumerate().for_each(|(k, y)| *y += bias[k / a.repeat]);
    }
    y
}

/// The outputs of one row that read inside the input through tap `t`.
fn inside(s: &ConvShape, t: usize) -> std::ops::Range<usize> {
    let first = s.pad[1].saturating_sub(t * s.dilation[1]).div_ceil(s.stride[1]);
    let end = (s.input[1] + s.pad[1]).saturating_sub(t * s.dilation[1]).div_ceil(s.stride[1]);
    first.min(s.output[1])..end.min(s.output[1])
}

/// Row by row of the output, so that one row of sums stays in the cache.
fn convolution(s: &ConvShape, weight: &[f64], x: &[f64]) -> Vec<f64> {
    let ([h, w], [oh, ow]) = (s.input, s.output);
    let depth = s.in_channels / s.groups;
    let mut out = vec![0.0; s.output_len()];
    out.par_chunks_mut(ow).enumerate().for_each(|(row, sums)| {
        let (o, oy) = (row / oh, row % oh);
        let first = o / (s.out_channels / s.groups) * depth;
        for i in 0..depth {
            for ky in 0..s.kernel[0] {
                let Some(sy) = s.source(0, oy, ky) else { continue };
                let from = &x[((first + i) * h + sy) * w..][..w];
                for kx in 0..s.kernel[1] {
                    let weight = weight[((o * depth + i) * s.kernel[0] + ky) * s.kernel[1] + kx];
                    let range = inside(s, kx);
                    if range.is_empty() {
                        continue;
                    }
                    let at = range.start * s.stride[1] + kx * s.dilation[1] - s.pad[1];
                    let taps = from[at..].iter().step_by(s.stride[1]);
                    if s.stride[1] == 1 {
                        sums[range].iter_mut().zip(&from[at..]).for_each(|(y, x)| *y += weight * x);
                    } else {
                        sums[range].iter_mut().zip(taps).for_each(|(y, x)| *y += weight * x);
                    }
                }
            }
        }
    });
    out
}

fn adjoint(s: &ConvShape, weight: &[f64], g: &[f64]) -> Vec<f64> {
    let ([h, w], [oh, ow]) = (s.input, s.output);
    let depth = s.in_channels / s.groups;
    let mut out = vec![0.0; s.input_len()];
    for o in 0..s.out_channels {
        let first = o / (s.out_channels / s.groups) * depth;
        for i in 0..depth {
            for ky in 0..s.kernel[0] {
                for kx in 0..s.kernel[1] {
                    let weight = weight[((o * depth + i) * s.kernel[0] + ky) * s.kernel[1] + kx];
                    for oy in 0..oh {
                        let Some(sy) = s.source(0, oy, ky) else { continue };
                        for ox in inside(s, kx) {
                            let sx = ox * s.stride[1] + kx * s.dilation[1] - s.pad[1];
                            out[((first + i) * h + sy) * w + sx] += weight * g[(o * oh + oy) * ow + ox];
                        }
                    }
                }
            }
        }
    }
    out
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = x.iter().map(|v| (v - largest).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.iter().map(|p| p / sum).collect()
}
