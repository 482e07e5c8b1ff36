//! Gram matrices of convolutions from the correlations of their taps: of the
//! whole operator, of its symbol at a frequency, or of one axis each way.
//!
//! An entry of AᴴA is a sum over pairs of taps of products of channel matrices
//! K_tᵀ K_u, times e^{iωδ} on an axis that runs around a circle. The products
//! are formed once; a frequency costs sums alone.

use super::band::Band;
use super::twiddle;
use crate::layer::map::ConvShape;
use crate::linalg::cholesky::{Hermitian, slack};
use crate::linalg::lanczos::top_eigenpair_from;
use crate::num::norms::{Norm, exponent, largest, power_of_two, vector_norm_up};
use crate::num::round::{add_up, gamma, mul_down, mul_up, sqrt_up, sub_down};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use rayon::prelude::*;

const LEAST: f64 = f64::from_bits(1);
/// Orders above this are proven with fewer digits.
const LARGE: usize = 768;

/// How an axis enters: as it is, or around a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    Exact,
    Circle,
}

/// AᴴA or AAᴴ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Inputs,
    Outputs,
}

/// Per axis an angle 2π p / q; (0, 1) on exact axes.
pub type Frequency = [(i64, i64); 2];

/// Pairs of taps of one axis that share what they are multiplied with.
#[derive(Clone, Debug)]
struct Pairs {
    /// Exponent of e^{iω}.
    delta: i64,
    /// Rows and columns (of the axis) they belong to, row >= column on the first axis.
    at: Vec<(usize, usize)>,
    taps: Vec<(usize, usize)>,
    /// Label, and that of the transposed pairs.
    name: [i64; 3],
}

impl Pairs {
    fn transposed(&self) -> [i64; 3] {
        [self.name[1], self.name[0], -self.name[2]]
    }
}

/// The positions of an axis: what an index of a Gram matrix runs over besides channels.
fn positions(band: &Band, wrap: Wrap, side: Side) -> usize {
    match (wrap, side) {
        (Wrap::Exact, Side::Inputs) => band.inputs(),
        (Wrap::Exact, Side::Outputs) => band.outputs,
        (Wrap::Circle, Side::Inputs) => band.phases().len(),
        (Wrap::Circle, Side::Outputs) => 1,
    }
}

fn pairs(band: &Band, wrap: Wrap, side: Side) -> Vec<Pairs> {
    let phases = band.phases();
    let mut list: Vec<Pairs> = Vec::new();
    for t in band.low..=band.high {
        for u in band.low..=band.high {
            let ((a, p), (b, q)) = (band.place(t), band.place(u));
            let index = |p: usize| phases.binary_search(&p).expect("a phase of a tap");
            let (delta, at, name): (i64, Vec<(usize, usize)>, [i64; 3]) = match (wrap, side) {
                (Wrap::Circle, Side::Inputs) => {
                    let (x, y) = (index(p), index(q));
                    let delta = b as i64 - a as i64;
                    (delta, vec![(x, y)], [x as i64, y as i64, delta])
                }
                (Wrap::Circle, Side::Outputs) if p == q => {
                    let delta = a as i64 - b as i64;
                    (delta, vec![(0, 0)], [0, 0, delta])
                }
                (Wrap::Exact, Side::Inputs) => {
                    let meets = |j: usize| (band.first..=band.last).contains(&j).then(|| j - band.first);
                    let at = (0..band.outputs)
                        .filter_map(|o| Some((meets(o * band.stride + t)?, meets(o * band.stride + u)?)));
                    (0, at.collect(), [t as i64, u as i64, 0])
                }
                (Wrap::Exact, Side::Outputs) => {
                    let at = (band.first..=band.last).filter_map(|j| {
                        let row = |t: usize| {
                            let rest = j.checked_sub(t)?;
                            let o = rest / band.stride;
                            (rest % band.stride == 0 && o < band.outputs).then_some(o)
                        };
                        Some((row(t)?, row(u)?))
                    });
                    (0, at.collect(), [t as i64, u as i64, 0])
                }
                _ => continue,
            };
            if at.is_empty() {
                continue;
            }
            match list.iter_mut().find(|x| wrap == Wrap::Circle && x.name == name) {
                Some(x) => x.taps.push((t, u)),
                None => list.push(Pairs { delta, at, taps: vec![(t, u)], name }),
            }
        }
    }
    list
}

/// Gram matrices of the scaled convolution of one group.
pub struct Correlation {
    order: usize,
    channels: usize,
    /// Positions on the second axis.
    width: usize,
    pairs: [Vec<Pairs>; 2],
    /// First axis' pairs times second axis' pairs.
    products: Vec<Array2<f64>>,
    complex: bool,
    /// Spectral norm of what a Gram matrix may be off by.
    error: f64,
    /// ‖W‖ <= (‖scaled‖ + lost) unscale.
    lost: f64,
    unscale: f64,
}

/// Order of the Gram matrix of one group, and numbers held for it.
pub fn size(shape: &ConvShape, bands: &[Band; 2], wrap: [Wrap; 2], side: Side) -> (usize, f64) {
    let channels = match side {
        Side::Inputs => shape.in_channels / shape.groups,
        Side::Outputs => shape.out_channels / shape.groups,
    };
    let places = (0..2).map(|a| positions(&bands[a], wrap[a], side)).product::<usize>();
    let held: f64 = (0..2)
        .map(|a| {
            let taps = (bands[a].high - bands[a].low + 1) as f64;
            if wrap[a] == Wrap::Exact || bands[a].stride > 1 { taps * taps } else { 2.0 * taps }
        })
        .product();
    (places * channels, held * (channels * channels) as f64)
}

/// The side with the smaller Gram matrix.
pub fn shorter(shape: &ConvShape, bands: &[Band; 2], wrap: [Wrap; 2]) -> Side {
    let of = |side| size(shape, bands, wrap, side).0;
    if of(Side::Inputs) <= of(Side::Outputs) { Side::Inputs } else { Side::Outputs }
}

/// The scaled weights of one group: outputs x inputs for every tap.
struct Planes {
    list: Vec<Array2<f64>>,
    /// Taps of a row.
    columns: usize,
    unscale: f64,
}

impl Planes {
    /// `None` if the kernel is zero or not finite.
    fn new(shape: &ConvShape, kernel: &[f64]) -> Option<Planes> {
        let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let top = largest(kernel.iter().map(|w| w.abs()));
        if top == 0.0 || top == f64::INFINITY {
            return None;
        }
        let unscale = power_of_two(exponent(top));
        let plane = |t: usize| {
            Array2::from_shape_fn((outs, ins), |(o, i)| kernel[(o * ins + i) * shape.taps() + t] / unscale)
        };
        Some(Planes { list: (0..shape.taps()).map(plane).collect(), columns: shape.kernel[1], unscale })
    }

    /// The sum over pairs of taps on both axes of products of their matrices.
    fn product(&self, y: &Pairs, x: &Pairs, side: Side) -> Array2<f64> {
        let channels = self.list[0].len_of(Axis(if side == Side::Inputs { 1 } else { 0 }));
        let mut m = Array2::zeros((channels, channels));
        for (&(t, u), &(v, w)) in y.taps.iter().flat_map(|a| x.taps.iter().map(move |b| (a, b))) {
            let (left, right) = (&self.list[t * self.columns + v], &self.list[u * self.columns + w]);
            match side {
                Side::Inputs => general_mat_mul(1.0, &left.t(), right, 1.0, &mut m),
                Side::Outputs => general_mat_mul(1.0, left, &right.t(), 1.0, &mut m),
            }
        }
        m
    }

    /// First axis' pairs times second axis' pairs.
    fn products(&self, axes: &[Vec<Pairs>; 2], side: Side) -> Vec<Array2<f64>> {
        let keys: Vec<(&Pairs, &Pairs)> =
            axes[0].iter().flat_map(|y| axes[1].iter().map(move |x| (y, x))).collect();
        // Pairs whose transpose comes earlier are its transposed matrix.
        let twin = |y: &Pairs, x: &Pairs| {
            let find = |list: &[Pairs], p: &Pairs| list.iter().position(|q| q.name == p.transposed());
            Some(find(&axes[0], y)? * axes[1].len() + find(&axes[1], x)?)
        };
        let mut products: Vec<Array2<f64>> = keys
            .par_iter()
            .enumerate()
            .map(|(k, (y, x))| match twin(y, x) {
                Some(other) if other < k => Array2::zeros((0, 0)),
                _ => self.product(y, x, side),
            })
            .collect();
        for k in 0..products.len() {
            if products[k].is_empty() {
                let other = twin(keys[k].0, keys[k].1).expect("an earlier twin");
                products[k] = products[other].t().as_standard_layout().into_owned();
            }
        }
        products
    }

    /// The largest sum of magnitudes of a line of all matrices, up.
    fn lines(&self, axis: usize) -> f64 {
        let mut sums = vec![0.0; self.list[0].len_of(Axis(axis))];
        for p in &self.list {
            let parts = p.axis_iter(Axis(axis)).map(|l| vector_norm_up(l.iter().map(|w| w.abs()), Norm::One));
            sums.iter_mut().zip(parts).for_each(|(s, l)| *s = add_up(*s, l));
        }
        largest(sums)
    }

    /// Spectral norm of what a Gram matrix of this order may be off by, with sums over `inner` channels.
    fn error(&self, inner: usize, order: usize, complex: bool) -> f64 {
        // A term is rounded as a product, in the sum over channels, once per pair of taps
        // and once per key; a factor e^{iωδ} errs by `turn` in each part.
        let turn = if complex { twiddle::ERROR } else { 0.0 };
        let taps = self.list.len();
        let roundings = gamma(inner + 2 * taps * taps + 8);
        let each = add_up(mul_up(roundings, 1.0 + 2.0 * turn), turn);
        let flushed = mul_up(mul_up(order as f64 * inner as f64, 4.0 * (taps * taps) as f64), LEAST);
        // ‖|A|‖² <= ‖|A|‖_1 ‖|A|‖_inf, each at most a sum over the kernel.
        add_up(mul_up(mul_up(1.5, each), mul_up(self.lines(0), self.lines(1))), flushed)
    }
}

impl Correlation {
    /// `None` for a kernel that is zero or not finite, or meets nothing. `kernel` holds one group's weights.
    pub fn new(
        shape: &ConvShape,
        kernel: &[f64],
        bands: &[Band; 2],
        wrap: [Wrap; 2],
        side: Side,
    ) -> Option<Self> {
        let planes = Planes::new(shape, kernel)?;
        let mut axes = [0, 1].map(|a| pairs(&bands[a], wrap[a], side));
        if axes.iter().any(|a| a.is_empty()) {
            return None;
        }
        // The lower triangle alone.
        axes[0].iter_mut().for_each(|p| p.at.retain(|(row, column)| row >= column));
        axes[0].retain(|p| !p.at.is_empty());
        let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let (channels, inner) = if side == Side::Inputs { (ins, outs) } else { (outs, ins) };
        let complex = wrap.contains(&Wrap::Circle);
        let width = positions(&bands[1], wrap[1], side);
        let order = channels * positions(&bands[0], wrap[0], side) * width;
        Some(Correlation {
            order,
            channels,
            width,
            products: planes.products(&axes, side),
            pairs: axes,
            complex,
            error: planes.error(inner, order, complex),
            lost: mul_up(kernel.len() as f64, LEAST),
            unscale: planes.unscale,
        })
    }

    pub fn order(&self) -> usize {
        self.order
    }

    /// A norm of the scaled convolution as one of the convolution, up.
    pub fn finish(&self, norm: f64) -> f64 {
        mul_up(add_up(norm, self.lost), self.unscale)
    }

    /// Roughly: an estimate of the scaled norm from one of the norm.
    pub fn scaled(&self, norm: f64) -> f64 {
        norm / self.unscale
    }

    /// The lower triangle of the Gram matrix at a frequency.
    pub fn matrix(&self, frequency: Frequency) -> Hermitian {
        let (n, c) = (self.order, self.channels);
        let mut re = Array2::zeros((n, n));
        let mut im = self.complex.then(|| Array2::zeros((n, n)));
        let into = re.as_slice_mut().expect("standard layout");
        let mut into_im = im.as_mut().map(|a: &mut Array2<f64>| a.as_slice_mut().expect("standard layout"));
        let keys = self.pairs[0].iter().flat_map(|y| self.pairs[1].iter().map(move |x| (y, x)));
        for ((y, x), m) in keys.zip(&self.products) {
            let (cos, sin) = factor(frequency, y.delta, x.delta);
            let m = m.as_slice().expect("standard layout");
            for (&(ry, cy), &(rx, cx)) in y.at.iter().flat_map(|a| x.at.iter().map(move |b| (a, b))) {
                let (row, column) = (ry * self.width + rx, cy * self.width + cx);
                if row < column {
                    continue;
                }
                for i in 0..c {
                    let len = if row == column { i + 1 } else { c };
                    let at = (row * c + i) * n + column * c;
                    let source = &m[i * c..i * c + len];
                    into[at..at + len].iter_mut().zip(source).for_each(|(y, x)| *y += cos * x);
                    if let Some(into) = &mut into_im
                        && sin != 0.0
                    {
                        into[at..at + len].iter_mut().zip(source).for_each(|(y, x)| *y += sin * x);
                    }
                }
            }
        }
        Hermitian { re, im }
    }

    /// Is the scaled norm at this frequency proven to be at most `norm`?
    pub fn proves(&self, frequency: Frequency, norm: f64) -> bool {
        let mut a = self.matrix(frequency);
        self.bounded(&mut a, norm)
    }

    fn bounded(&self, a: &mut Hermitian, norm: f64) -> bool {
        let square = mul_down(norm, norm);
        let spare = add_up(self.error, slack(self.order, mul_up(self.order as f64, square), self.complex));
        let shift = square - 2.0 * spare;
        if shift.is_nan() || shift <= 0.0 {
            return false;
        }
        a.re.mapv_inplace(|x| -x);
        if let Some(im) = &mut a.im {
            im.mapv_inplace(|x| -x);
        }
        a.re.diag_mut().mapv_inplace(|g| sub_down(shift, -g));
        match a.semidefinite_up_to() {
            Some(eta) => add_up(add_up(shift, eta), self.error) <= square,
            None => false,
        }
    }

    /// A proven bound of the scaled norm at a frequency, close to what a search found.
    pub fn upper(&self, frequency: Frequency, guess: f64) -> f64 {
        let n = self.order as f64;
        let floor = sqrt_up(add_up(self.error, slack(self.order, n * guess * guess, self.complex)));
        // Large orders are not worth a second factorisation for the last digits.
        let least: f64 = if self.order > LARGE { 2e-6 } else { 1e-9 };
        let mut excess = least.max(4.0 * (floor / guess).powi(2));
        while excess < 0.5 {
            let norm = guess * (1.0 + excess);
            if self.proves(frequency, norm) {
                return norm;
            }
            excess *= 10.0;
        }
        f64::INFINITY
    }

    /// An estimate of the scaled norm at a frequency, and its vector (Re above Im).
    pub fn search(
        &self,
        frequency: Frequency,
        start: Option<&Array1<f64>>,
        tolerance: f64,
    ) -> (f64, Array1<f64>) {
        let n = self.order;
        let mut a = self.matrix(frequency);
        mirror(&mut a.re, 1.0);
        if let Some(im) = &mut a.im {
            mirror(im, -1.0);
        }
        let mut apply = |x: ArrayView1<f64>| match &a.im {
            None => a.re.dot(&x),
            Some(im) => {
                let (u, v) = (x.slice(s![..n]), x.slice(s![n..]));
                let mut y = Array1::zeros(2 * n);
                y.slice_mut(s![..n]).assign(&(a.re.dot(&u) - im.dot(&v)));
                y.slice_mut(s![n..]).assign(&(im.dot(&u) + a.re.dot(&v)));
                y
            }
        };
        let length = if self.complex { 2 * n } else { n };
        let start = start.map(|v| v.slice(s![..length]).to_owned());
        let (square, found) = top_eigenpair_from(length, start, &mut apply, tolerance);
        let mut v = Array1::zeros(2 * n);
        v.slice_mut(s![..length]).assign(&found);
        (square.max(0.0).sqrt(), v)
    }

    /// vᴴ G(ω) v for a fixed v (Re above Im) as a sum of Re(c e^{iωδ}): below ‖G(ω)‖ for
    /// every ω if ‖v‖ = 1.
    pub fn quotient(&self, v: &Array1<f64>) -> Vec<([i64; 2], f64, f64)> {
        let (n, c) = (self.order, self.channels);
        let (re, im) = (v.slice(s![..n]), v.slice(s![n..]));
        let keys = self.pairs[0].iter().flat_map(|y| self.pairs[1].iter().map(move |x| (y, x)));
        let mut sum: Vec<([i64; 2], f64, f64)> = Vec::new();
        for ((y, x), m) in keys.zip(&self.products) {
            for (&(ry, cy), &(rx, cx)) in y.at.iter().flat_map(|a| x.at.iter().map(move |b| (a, b))) {
                let (row, column) = (ry * self.width + rx, cy * self.width + cx);
                if row < column {
                    continue;
                }
                // A block below the diagonal stands for its mirror image too.
                let twice = if row == column { 1.0 } else { 2.0 };
                let part = |a: &ArrayView1<f64>, k: usize| a.slice(s![k * c..(k + 1) * c]).to_owned();
                let (right, right_im) = (m.dot(&part(&re, column)), m.dot(&part(&im, column)));
                let (left, left_im) = (part(&re, row), part(&im, row));
                let value = left.dot(&right) + left_im.dot(&right_im);
                let value_im = left.dot(&right_im) - left_im.dot(&right);
                let delta = [y.delta, x.delta];
                match sum.iter_mut().find(|s| s.0 == delta) {
                    Some(s) => (s.1, s.2) = (s.1 + twice * value, s.2 + twice * value_im),
                    None => sum.push((delta, twice * value, twice * value_im)),
                }
            }
        }
        sum
    }
}

/// e^{i (y ω_y + x ω_x)}.
fn factor([(p, q), (r, t)]: Frequency, y: i64, x: i64) -> (f64, f64) {
    twiddle::root(y * p * t + x * r * q, q * t)
}

/// The upper triangle from the lower one.
fn mirror(a: &mut Array2<f64>, sign: f64) {
    let n = a.nrows();
    if sign < 0.0 {
        a.diag_mut().fill(0.0);
    }
    for i in 0..n {
        for j in 0..i {
            a[[j, i]] = sign * a[[i, j]];
        }
    }
}
