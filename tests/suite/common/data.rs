//! Random and adversarial data for containment tests: enclosures with exact
//! members, convolution sizes, windows, coefficients.

use super::exact::{Dyadic, Random};
use clarke::backend::Backend;
use clarke::layer::{ConvShape, Incidence, LinearMap};
use clarke::linalg::Enclosure;
use clarke::num::Coefficient;
use ndarray::Array2;

pub struct Data {
    pub random: Random,
    style: u64,
    /// Exponents of f32 instead of f64.
    narrow: bool,
}

impl Data {
    pub fn new(seed: u64) -> Self {
        Data { random: Random(seed), style: 0, narrow: false }
    }

    /// The same kinds of data within the exponents of f32.
    pub fn narrow(seed: u64) -> Self {
        Data { narrow: true, ..Data::new(seed) }
    }

    /// A power of ten, of fewer decades for f32.
    fn decades(&mut self, from: i32, to: i32) -> f64 {
        let power = from + self.size(0, (to - from) as usize) as i32;
        10f64.powf(if self.narrow { power as f64 / 9.0 } else { power as f64 })
    }

    pub fn size(&mut self, from: usize, to: usize) -> usize {
        from + (self.random.bits() % (to - from + 1) as u64) as usize
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.random.unit() < p
    }

    /// In [-1, 1], ends often; few bits, so that exact products stay short.
    pub fn within(&mut self) -> f64 {
        match self.random.bits() % 4 {
            0 => -1.0,
            1 => 1.0,
            2 => 0.0,
            _ => self.size(0, 64) as f64 / 32.0 - 1.0,
        }
    }

    /// Another kind of data from here on.
    fn restyle(&mut self) {
        self.style = self.random.bits() % 8;
    }

    pub fn weight(&mut self) -> f64 {
        let plain = self.random.between(-1.0, 1.0);
        match self.style {
            0 => plain,
            1 => plain * self.decades(-8, 8),
            2 => [0.0, 1.0, -1.0, 0.5, plain][self.size(0, 4)],
            // Products near and below the smallest numbers.
            3 => plain * self.decades(-162, -130),
            4 => plain * self.decades(100, 150),
            5 if self.narrow => [0.0, plain, plain * 1e-37, plain * 1e-44][self.size(0, 3)],
            5 => [0.0, plain, plain * 1e-300, f64::from_bits(self.random.bits() % 4096)][self.size(0, 3)],
            // Sums that cancel.
            6 => self.random.sign() * self.cancelling(),
            _ => plain * self.decades(-150, 150),
        }
    }

    fn cancelling(&mut self) -> f64 {
        let (step, far) = if self.narrow { (f32::EPSILON as f64, 1e8) } else { (f64::EPSILON, 1e16) };
        [1.0, 1.0 + step, far, 1.0 / far, 1.0 / 3.0][self.size(0, 4)]
    }

    pub fn coefficient(&mut self) -> Coefficient {
        match self.random.bits() % 5 {
            0 => Coefficient::ZERO,
            1 => Coefficient::ONE,
            2 => Coefficient::exact(self.weight()),
            _ => {
                let hi = self.weight();
                let lo = hi * f64::EPSILON * self.random.between(-0.4, 0.4);
                let err = if self.chance(0.5) { (lo * f64::EPSILON).abs() } else { (hi * 1e-3).abs() };
                Coefficient { hi, lo, err }
            }
        }
    }

    /// Different inputs, `from` to `to` of them.
    pub fn window(&mut self, inputs: usize, from: usize, to: usize) -> Vec<u32> {
        let count = self.size(from, to).min(inputs);
        let mut all: Vec<u32> = (0..inputs as u32).collect();
        (0..count).map(|_| all.swap_remove((self.random.bits() % all.len() as u64) as usize)).collect()
    }
}

pub fn windows(d: &mut Data, inputs: usize, from: usize, to: usize) -> Incidence {
    let count = d.size(1, 5);
    Incidence::new(inputs, (0..count).map(|_| d.window(inputs, from, to)).collect::<Vec<_>>())
}

/// The parts of a block: centre ± radius, plus a low part that a double-double
/// backend can hold.
pub struct Sample {
    dim: (usize, usize, usize),
    centre: Vec<f64>,
    low: Vec<f64>,
    radius: Vec<f64>,
}

pub fn enclosure(d: &mut Data, items: usize, rows: usize, features: usize) -> Sample {
    d.restyle();
    let len = items * rows * features;
    let wide = d.random.bits() % 6;
    let with_low = d.chance(0.4);
    let (mut centre, mut low, mut radius) = (vec![], vec![], vec![]);
    let dead: Vec<bool> = (0..features).map(|_| d.chance(0.15)).collect();
    for k in 0..len {
        let c = if dead[k % features] { 0.0 } else { d.weight() };
        let r = match wide {
            0 => 0.0,
            1 => 1e-265,
            2 => (c * 1e-14).abs(),
            3 => d.weight().abs(),
            4 => [0.0, 0.25, 1e-200, f64::from_bits(1)][d.size(0, 3)],
            _ => d.random.unit() * 0.1,
        };
        centre.push(c);
        low.push(if with_low { c * 1e-17 } else { 0.0 });
        radius.push(if dead[k % features] { 0.0 } else { r });
    }
    if d.chance(0.05) {
        radius[0] = f64::INFINITY;
    }
    Sample { dim: (items, rows, features), centre, low, radius }
}

impl Sample {
    fn part(&self, centre: &[f64], radius: &[f64]) -> Enclosure {
        let shape = |v: &[f64]| ndarray::Array3::from_shape_vec(self.dim, v.to_vec()).expect("size");
        Enclosure { centre: shape(centre), radius: shape(radius) }
    }

    /// The sum of the two parts; exact in double-double, enclosed elsewhere.
    pub fn upload<B: Backend>(&self, b: &B) -> B::Block {
        let x = b.upload(&self.part(&self.centre, &self.radius));
        if self.low.iter().all(|l| *l == 0.0) {
            return x;
        }
        b.sum(&[&x, &b.upload(&self.part(&self.low, &vec![0.0; self.low.len()]))])
    }

    fn exact(&self, t: impl Fn(usize) -> f64) -> Vec<Vec<Dyadic>> {
        let n = self.dim.2;
        let member = |k: usize| {
            let r = if self.radius[k].is_infinite() { 1e10 } else { self.radius[k] };
            let spread = Dyadic::of(r).mul(&Dyadic::of(t(k)));
            Dyadic::of(self.centre[k]).add(&Dyadic::of(self.low[k])).add(&spread)
        };
        (0..self.dim.0 * self.dim.1).map(|v| (v * n..(v + 1) * n).map(member).collect()).collect()
    }

    /// One exact member per entry, by vectors.
    pub fn members(&self, d: &mut Data) -> Vec<Vec<Dyadic>> {
        let t: Vec<f64> = (0..self.centre.len()).map(|_| d.within()).collect();
        self.exact(|k| t[k])
    }

    /// The member with these signs of deviation in every vector.
    pub fn extreme(&self, signs: &[f64]) -> Vec<Vec<Dyadic>> {
        self.exact(|k| signs[k % self.dim.2])
    }

    /// Another enclosure that contains this one.
    pub fn around(&self, d: &mut Data) -> Sample {
        let mut wide =
            Sample { dim: self.dim, centre: vec![], low: vec![0.0; self.low.len()], radius: vec![] };
        for k in 0..self.centre.len() {
            let step = if d.chance(0.3) { 0.0 } else { self.radius[k].min(1e300) * d.random.unit() };
            let step = if d.chance(0.5) { step } else { -step };
            let c = self.centre[k] + step;
            let moved = clarke::num::round::sub_up(c, self.centre[k])
                .max(clarke::num::round::sub_up(self.centre[k], c));
            let r = clarke::num::round::add_up(
                clarke::num::round::add_up(self.radius[k], moved),
                self.low[k].abs(),
            );
            wide.centre.push(c);
            wide.radius.push(r);
        }
        wide
    }
}

/// A convolution whose sizes fit each other.
pub fn conv_shape(d: &mut Data) -> ConvShape {
    loop {
        let groups = d.size(1, 2);
        let mut s = ConvShape {
            groups,
            in_channels: groups * d.size(1, 2),
            out_channels: groups * d.size(1, 2),
            input: [d.size(1, 5), d.size(1, 5)],
            output: [0, 0],
            kernel: [d.size(1, 3), d.size(1, 3)],
            stride: [d.size(1, 3), d.size(1, 2)],
            dilation: [d.size(1, 2), d.size(1, 2)],
            pad: [d.size(0, 2), d.size(0, 2)],
        };
        let far = [d.size(0, 2), d.size(0, 2)];
        let mut fits = true;
        for a in 0..2 {
            let padded = s.input[a] + s.pad[a] + far[a];
            let reach = (s.kernel[a] - 1) * s.dilation[a] + 1;
            fits &= padded >= reach;
            s.output[a] = if fits { (padded - reach) / s.stride[a] + 1 } else { 0 };
        }
        if fits {
            return s;
        }
    }
}

/// The matrix of a map by the definition of a convolution.
pub fn matrix(map: &LinearMap) -> Array2<f64> {
    let (s, weight, adjoint) = match map {
        LinearMap::Dense(w) => return w.as_ref().clone(),
        LinearMap::Conv { shape, weight, adjoint } => (shape, weight, *adjoint),
    };
    let mut m = Array2::zeros((s.output_len(), s.input_len()));
    let (per_in, per_out) = (s.in_channels / s.groups, s.out_channels / s.groups);
    for o in 0..s.out_channels {
        for c in 0..per_in {
            for ky in 0..s.kernel[0] {
                for kx in 0..s.kernel[1] {
                    let w = weight[((o * per_in + c) * s.kernel[0] + ky) * s.kernel[1] + kx];
                    for oy in 0..s.output[0] {
                        for ox in 0..s.output[1] {
                            let y = (oy * s.stride[0] + ky * s.dilation[0]) as i64 - s.pad[0] as i64;
                            let x = (ox * s.stride[1] + kx * s.dilation[1]) as i64 - s.pad[1] as i64;
                            if y < 0 || x < 0 || y >= s.input[0] as i64 || x >= s.input[1] as i64 {
                                continue;
                            }
                            let row = (o * s.output[0] + oy) * s.output[1] + ox;
                            let plane = o / per_out * per_in + c;
                            let column = (plane * s.input[0] + y as usize) * s.input[1] + x as usize;
                            m[[row, column]] += w;
                        }
                    }
                }
            }
        }
    }
    if adjoint { m.reversed_axes().as_standard_layout().into_owned() } else { m }
}
