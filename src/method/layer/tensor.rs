//! Proves: nothing. √(kh kw) times the spectral norm of the kernel as a tensor of four ways is at least ‖W‖_2, but that
//!   norm is hard to compute, and what is found here may lie below it.
//! From: Grishina et al. 2024; alternating maximisation over unit vectors (higher-order power method), which have to be
//!   complex: over real ones the largest value may lie below ‖W‖_2. A stride s makes s² channels of every one, with
//!   ⌈k/s⌉ taps.
//! Rounding: none is counted.
//! Cost: the kernel, some hundred times.
//! Loose when: an estimate in any case; it stops at a local maximum. The norm it estimates is at most the least of
//!   the four `reshapes`, and equal to ‖W‖_2 on large maps if all but one of the four ways have length one.

use crate::layer::map::{ConvShape, LinearMap};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Estimate;
use crate::num::random::Random;
use rayon::prelude::*;

pub const ROW: Row = Row {
    name: "tensor-norm",
    scope: Scope::Layer,
    proves: Proves::Estimate,
    norms: "2→2",
    cost: "the kernel, 100 times",
    paper: "Grishina et al. 2024",
    formula: "√(kernel size) · max |⟨K, u ⊗ v ⊗ a ⊗ b⟩| over complex unit vectors, as far as an alternation climbs",
    loose: "no bound: the alternation may stop below the norm of the tensor",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

const STARTS: usize = 3;
/// At least and at most, and entries that are looked at from every start.
const STEPS: [usize; 2] = [5, 40];
const WORK: f64 = 5e7;
const CLOSE: f64 = 1e-9;

/// A complex number.
type Number = [f64; 2];

/// None for dense maps.
pub fn estimate(map: &LinearMap) -> Option<Estimate> {
    let LinearMap::Conv { shape, weight, .. } = map else { return None };
    let size = weight.len() / shape.groups.max(1);
    let groups = weight.chunks(size.max(1)).map(|kernel| Tensor::new(shape, kernel).estimate());
    let most = groups.fold(0.0, f64::max);
    most.is_finite().then(|| Estimate::new(most))
}

/// Entries by (out, in and phase, tap along y, tap along x), the last fastest.
struct Tensor {
    entries: Vec<f64>,
    sides: [usize; 4],
}

impl Tensor {
    /// A group's kernel, its strides as channels.
    fn new(shape: &ConvShape, kernel: &[f64]) -> Tensor {
        let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let [sy, sx] = shape.stride;
        let [ky, kx] = [0, 1].map(|a| shape.kernel[a].div_ceil(shape.stride[a]));
        let sides = [outs, ins * sy * sx, ky, kx];
        let mut entries = vec![0.0; sides.iter().product()];
        for (at, w) in kernel.iter().enumerate() {
            let (x, rest) = (at % shape.kernel[1], at / shape.kernel[1]);
            let (y, rest) = (rest % shape.kernel[0], rest / shape.kernel[0]);
            let (c, o) = (rest % ins, rest / ins);
            let channel = (c * sy + y % sy) * sx + x % sx;
            entries[((o * sides[1] + channel) * ky + y / sy) * kx + x / sx] = *w;
        }
        Tensor { entries, sides }
    }

    /// √(taps) times the largest value that is met.
    fn estimate(&self) -> f64 {
        let mut noise = Random(4);
        let best = (0..STARTS).map(|_| self.climb(&mut noise)).fold(0.0, f64::max);
        best * ((self.sides[2] * self.sides[3]) as f64).sqrt()
    }

    /// Each way in turn takes the best vector for the others.
    fn climb(&self, noise: &mut Random) -> f64 {
        let [outs, ins, ky, kx] = self.sides;
        let mut random = |n: usize| unit((0..n).map(|_| [noise.normal(), noise.normal()]).collect()).0;
        let (mut v, mut a, mut b) = (random(ins), random(ky), random(kx));
        let mut value = 0.0;
        let steps = ((WORK / self.entries.len() as f64) as usize).clamp(STEPS[0], STEPS[1]);
        for _ in 0..steps {
            let taps: Vec<Number> = (0..ky * kx).map(|t| times(a[t / kx], b[t % kx])).collect();
            let channels = self.by_taps(&taps);
            let u = best(outs, ins, |o, c| channels[o * ins + c], &v);
            v = best(ins, outs, |c, o| channels[o * ins + c], &u.0).0;
            let taps = self.by_channels(&u.0, &v);
            a = best(ky, kx, |y, x| taps[y * kx + x], &b).0;
            let last = best(kx, ky, |x, y| taps[y * kx + x], &a);
            b = last.0;
            if last.1.is_nan() || last.1 <= value * (1.0 + CLOSE) {
                return value.max(last.1);
            }
            value = last.1;
        }
        value
    }

    /// Every block of taps with these weights.
    fn by_taps(&self, taps: &[Number]) -> Vec<Number> {
        let one = |block: &[f64]| {
            let sum = |k: usize| block.iter().zip(taps).map(|(w, t)| w * t[k]).sum::<f64>();
            [sum(0), sum(1)]
        };
        self.entries.par_chunks(taps.len()).map(one).collect()
    }

    /// All blocks of taps, with a weight for each of both channels.
    fn by_channels(&self, u: &[Number], v: &[Number]) -> Vec<Number> {
        let mut sum = vec![[0.0; 2]; self.sides[2] * self.sides[3]];
        for (k, block) in self.entries.chunks(sum.len()).enumerate() {
            let [re, im] = times(u[k / v.len()], v[k % v.len()]);
            sum.iter_mut().zip(block).for_each(|(s, w)| *s = [s[0] + w * re, s[1] + w * im]);
        }
        sum
    }
}

/// The unit vector of which a matrix (rows x columns) makes most, the other side being x, and that value.
fn best(
    rows: usize,
    columns: usize,
    entry: impl Fn(usize, usize) -> Number,
    x: &[Number],
) -> (Vec<Number>, f64) {
    let plus = |s: Number, z: Number| [s[0] + z[0], s[1] + z[1]];
    let line = |r: usize| (0..columns).fold([0.0; 2], |s, c| plus(s, times(entry(r, c), x[c])));
    unit((0..rows).map(line).map(|[re, im]| [re, -im]).collect())
}

fn times(a: Number, b: Number) -> Number {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// A vector of length one in its direction, and its length.
fn unit(mut v: Vec<Number>) -> (Vec<Number>, f64) {
    let size = v.iter().flatten().map(|x| x * x).sum::<f64>().sqrt();
    if size > 0.0 {
        v.iter_mut().flatten().for_each(|x| *x /= size);
    }
    (v, size)
}
