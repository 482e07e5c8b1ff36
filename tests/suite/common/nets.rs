//! Random small networks of every operator, and random questions about them.

use super::data::{Data, conv_shape};
use clarke::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise, Scale, Smooth};
use clarke::net::{Net, Op};
use clarke::num::{Coefficient, Norm};
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::Array2;
use std::sync::Arc;

/// What a generated network may contain.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Every operator and awkward weights.
    Any,
    /// One to three inputs, few neurons, dyadic pieces: small enough to enumerate.
    Tiny,
}

pub struct Maker {
    pub d: Data,
    pub net: Net,
    kind: Kind,
    style: usize,
    neurons: usize,
    /// Channels, height, width of the last node, while it is an image.
    image: Option<[usize; 3]>,
}

impl Maker {
    pub fn weight(&mut self) -> f64 {
        let d = &mut self.d;
        let plain = d.random.between(-1.0, 1.0);
        match self.style {
            0 | 1 => plain,
            2 => [0.0, 1.0, -1.0, 2.0, -0.5, 0.0][d.size(0, 5)],
            3 => [0.0, plain, 1.0, 1.0 + 2f64.powi(-50), -1.0][d.size(0, 4)],
            4 => plain * 10f64.powi(d.size(0, 9) as i32 - 6),
            _ => (plain * 3.0) as f32 as f64,
        }
    }

    fn bias(&mut self) -> f64 {
        match self.d.size(0, 5) {
            0 => 0.0,
            1 => [2f64.powi(-60), -(2f64.powi(-60)), 1.0, -1.0][self.d.size(0, 3)],
            _ => self.weight(),
        }
    }

    fn last(&self) -> usize {
        self.net.output()
    }

    fn len(&self) -> usize {
        self.net.outputs()
    }

    fn push(&mut self, op: Op, inputs: Vec<usize>, len: usize) {
        self.net.push("n", op, inputs, vec![len]).expect("a valid node");
    }

    fn dense(&mut self, outputs: usize) {
        let (n, last) = (self.len(), self.last());
        let w = Array2::from_shape_simple_fn((outputs, n), || self.weight());
        let bias = self.d.chance(0.7).then(|| Arc::new((0..outputs).map(|_| self.bias()).collect()));
        let affine = Affine { map: LinearMap::Dense(Arc::new(w)), bias, repeat: 1 };
        self.push(Op::Affine(affine), vec![last], outputs);
        self.image = None;
    }

    fn conv(&mut self, [c, h, w]: [usize; 3]) {
        let last = self.last();
        let adjoint = self.d.chance(0.2);
        for _ in 0..40 {
            let mut s = conv_shape(&mut self.d);
            s.groups = if c % 2 == 0 && self.d.chance(0.4) { 2 } else { 1 };
            let other = s.groups * self.d.size(1, 2);
            if adjoint {
                // The transposed map reads what the convolution writes.
                (s.out_channels, s.in_channels) = (c, other);
                if s.output != [h, w] || s.input_len() > 60 {
                    continue;
                }
            } else {
                (s.in_channels, s.out_channels) = (c, other);
                let fit = |n: usize, a: usize| {
                    let reach = (s.kernel[a] - 1) * s.dilation[a] + 1;
                    (n + 2 * s.pad[a]).checked_sub(reach).map(|v| v / s.stride[a] + 1)
                };
                let (Some(oh), Some(ow)) = (fit(h, 0), fit(w, 1)) else { continue };
                (s.input, s.output) = ([h, w], [oh, ow]);
                if s.output_len() > 60 {
                    continue;
                }
            }
            let weight = (0..s.out_channels * s.depth()).map(|_| self.weight()).collect();
            let (len, size) = if adjoint { (s.input_len(), s.input) } else { (s.output_len(), s.output) };
            let repeat = size[0] * size[1];
            let bias = self.d.chance(0.6).then(|| Arc::new((0..other).map(|_| self.bias()).collect()));
            let map = LinearMap::Conv { shape: s, weight: Arc::new(weight), adjoint };
            self.push(Op::Affine(Affine { map, bias, repeat }), vec![last], len);
            self.image = Some([other, size[0], size[1]]);
            return;
        }
    }

    /// Average pooling: window sums, then 1 / count as a double-double.
    fn average(&mut self, [c, h, w]: [usize; 3]) {
        let last = self.last();
        let shape = ConvShape {
            groups: 1,
            in_channels: c,
            out_channels: c,
            input: [h, w],
            output: [h.div_ceil(2), w.div_ceil(2)],
            kernel: [3, 2],
            stride: [2, 2],
            dilation: [1, 1],
            pad: [1, 0],
        };
        let windows = Arc::new(clarke::net::pool_windows(c, &shape));
        let len = windows.outputs();
        self.push(Op::Select { incidence: windows, fill: 0.0 }, vec![last], len);
        let sixth = Coefficient::exact(1.0).over(Coefficient::exact(6.0));
        let last = self.last();
        self.push(Op::Scale(Scale::uniform(sixth)), vec![last], len);
        self.image = Some([c, shape.output[0], shape.output[1]]);
    }

    fn activation(&mut self) {
        let (n, last) = (self.len(), self.last());
        let exact = self.kind == Kind::Tiny;
        let op = match self.d.size(0, if exact { 6 } else { 13 }) {
            0..=2 => Op::Piecewise(Piecewise::RELU),
            3 => Op::Piecewise(Piecewise::ABS),
            4 => Op::Piecewise(Piecewise::Leaky { slope: [0.01, 0.5, -0.25, 2.0][self.d.size(0, 3)] }),
            5 => Op::Piecewise(match self.d.size(0, 4) {
                0 => Piecewise::Clip { lo: 0.0, hi: f64::INFINITY },
                1 => Piecewise::Clip { lo: 1.0, hi: -1.0 },
                2 => Piecewise::Clip { lo: -1.0, hi: 1.0 },
                3 => Piecewise::Clip { lo: f64::NEG_INFINITY, hi: 0.25 },
                _ => Piecewise::Clip { lo: 0.0, hi: 6.0 },
            }),
            6 => {
                let slope = (0..self.d.size(1, 2)).map(|_| self.weight()).collect();
                Op::Piecewise(Piecewise::PerFeature { slope, repeat: self.d.size(1, 2) })
            }
            7 => Op::Smooth(Smooth::Sigmoid),
            8 => Op::Smooth(Smooth::Tanh),
            9 => Op::Smooth(Smooth::Softplus),
            10 => Op::Smooth(Smooth::Elu { alpha: [1.0, 0.5, 2.0][self.d.size(0, 2)] }),
            11 => Op::Smooth(Smooth::Gelu { tanh: self.d.chance(0.5) }),
            12 => Op::Smooth(Smooth::Silu),
            _ => {
                let group = (1..=n).rev().find(|g| n % g == 0 && *g <= 4).unwrap_or(1);
                Op::Softmax { group }
            }
        };
        self.neurons += n;
        self.push(op, vec![last], n);
    }

    fn maximum(&mut self) {
        let (n, last) = (self.len(), self.last());
        let windows = match self.image {
            Some([c, h, w]) if h > 1 && w > 1 => {
                let output = [h - 1, w - 1];
                self.image = Some([c, output[0], output[1]]);
                let shape = ConvShape {
                    groups: 1,
                    in_channels: c,
                    out_channels: c,
                    input: [h, w],
                    output,
                    kernel: [2, 2],
                    stride: [1, 1],
                    dilation: [1, 1],
                    pad: [0, 0],
                };
                clarke::net::pool_windows(c, &shape)
            }
            _ => {
                self.image = None;
                let count = self.d.size(1, 3);
                Incidence::new(n, (0..count).map(|_| self.d.window(n, 1, 3)).collect::<Vec<_>>())
            }
        };
        let len = windows.outputs();
        self.neurons += 2 * len;
        self.push(Op::Max(Arc::new(windows)), vec![last], len);
    }

    /// Adds or joins the last node and a branch from it.
    fn branch(&mut self) {
        let (n, from) = (self.len(), self.last());
        let image = self.image;
        self.dense(n);
        self.activation();
        let to = self.last();
        if self.d.chance(0.6) {
            self.push(Op::Add, vec![from, to], n);
            self.image = image;
        } else {
            self.push(Op::Concat, vec![to, from], 2 * n);
        }
    }

    fn select(&mut self) {
        let (n, last) = (self.len(), self.last());
        let count = self.d.size(1, 4);
        let incidence = Incidence::new(n, (0..count).map(|_| self.d.window(n, 0, 2)).collect::<Vec<_>>());
        self.push(Op::Select { incidence: Arc::new(incidence), fill: 0.5 }, vec![last], count);
        self.image = None;
    }

    fn scale(&mut self) {
        let (n, last) = (self.len(), self.last());
        let coefficient = |m: &mut Self| {
            let c = Coefficient::exact(m.weight());
            if m.kind == Kind::Any && m.d.chance(0.6) { c.over(Coefficient::exact(3.0)) } else { c }
        };
        let factor = (0..self.d.size(1, 2)).map(|_| coefficient(self)).collect::<Vec<_>>();
        let shift = factor.iter().map(|_| coefficient(self)).collect();
        let repeat = self.d.size(1, 2);
        self.push(Op::Scale(Scale::new(factor, shift, repeat)), vec![last], n);
    }
}

pub fn network(seed: u64, kind: Kind) -> Maker {
    let mut d = Data::new(seed);
    let tiny = kind == Kind::Tiny;
    let image = (!tiny && d.chance(0.35)).then(|| [d.size(1, 2), d.size(2, 4), d.size(2, 4)]);
    let flat = if tiny { d.size(1, 3) } else { d.size(1, 6) };
    let shape = image.map_or(vec![flat], |s| s.to_vec());
    let style = d.size(0, 5);
    let mut m = Maker { d, net: Net::new(shape), kind, style, neurons: 0, image };
    let depth = if tiny { m.d.size(1, 3) } else { m.d.size(1, 5) };
    for _ in 0..depth {
        match (m.image, m.d.size(0, 9)) {
            (Some(image), 0..=5) => m.conv(image),
            (Some(image), 6) => m.average(image),
            (_, 0..=5) => {
                let width = m.d.size(1, if tiny { 3 } else { 6 });
                m.dense(width);
            }
            (_, 6) => m.select(),
            (_, 7) => m.scale(),
            (_, 8) if m.len() <= 6 && (!tiny || m.neurons + m.len() <= 8) => m.branch(),
            _ => {}
        }
        if m.d.chance(0.8) && (!tiny || m.neurons + m.len() <= 8) {
            m.activation();
        }
        if m.d.chance(0.15) && (!tiny || m.neurons <= 4) {
            m.maximum();
        }
    }
    if m.len() > 5 || m.d.chance(0.6) {
        let outputs = m.d.size(1, 4);
        m.dense(outputs);
    }
    m
}

/// The k-th of the nine pairs of norms.
pub fn pair(k: usize) -> (Norm, Norm) {
    (Norm::ALL[k / 3 % 3], Norm::ALL[k % 3])
}

/// A region, norms (the `index`-th pair), output and quantity at random.
pub fn question(m: &mut Maker, index: usize) -> Problem {
    let n = m.net.inputs();
    let corner = m.d.chance(0.3);
    let centre: Vec<f64> = (0..n)
        .map(|_| if corner { [0.0, 1.0, -1.0, 0.5][m.d.size(0, 3)] } else { m.d.random.between(-1.0, 1.0) })
        .collect();
    let radius = [0.0, 1e-12, 1e-3, 0.1, 0.3, 1.0, 5.0][m.d.size(0, 6)];
    let region = match m.d.size(0, 7) {
        0 => Region::Whole,
        1 | 2 => {
            let mut lo: Vec<f64> = centre.iter().map(|c| c - radius * m.d.random.unit()).collect();
            let hi: Vec<f64> = centre.iter().map(|c| c + radius * m.d.random.unit()).collect();
            for j in 0..n {
                if m.d.chance(0.2) {
                    lo[j] = hi[j];
                }
            }
            Region::boxed(lo, hi).expect("ends in order")
        }
        k => {
            let norm = Norm::ALL[k % 3];
            let clip = m.d.chance(0.3).then_some((-1.0, [1.0, 3.0][m.d.size(0, 1)]));
            Region::ball(&centre, radius, norm, clip).expect("a ball")
        }
    };
    let (in_norm, out_norm) = pair(index);
    let outputs = m.net.outputs();
    let output = match m.d.size(0, 4) {
        0 => Output::One(m.d.size(0, outputs - 1)),
        1 if outputs > 1 => {
            let i = m.d.size(0, outputs - 1);
            Output::Difference(i, (i + m.d.size(1, outputs - 1)) % outputs)
        }
        4 if outputs > 1 => match m.d.size(0, outputs) {
            0 => Output::Pairs,
            i => Output::Margins(i - 1),
        },
        _ => Output::All,
    };
    let anchored = !region.is_global() && m.d.chance(0.2);
    let quantity = if anchored { Quantity::Anchored } else { Quantity::Lipschitz };
    let quotient = Question { in_norm, out_norm, output, quantity };
    Problem::new(m.net.clone(), region, quotient).expect("a valid question")
}
