//! A product with weights as the unkindest legal device computes it: every
//! operation on centres rounds the same way, radii round down, whatever is
//! subnormal becomes zero. The text of shaders/shared/product.wgsl on the CPU.

use crate::common::exact::Dyadic;
use clarke::backend::gpu::Real;
use clarke::backend::gpu::inflate::{Product, Widening, common};
use clarke::num::round::{two_product, two_sum};
use std::cmp::Ordering;

/// One output: its weights, bias, and the operands as centres and radii, all
/// numbers of the device.
pub struct Output {
    pub weights: Vec<f64>,
    pub bias: Option<f64>,
    pub centres: Vec<f64>,
    pub radii: Vec<f64>,
}

struct Device {
    real: Real,
    upward: bool,
}

impl Device {
    fn settle(&self, (s, e): (f64, f64)) -> f64 {
        let (low, high) = self.real.neighbours(s, e);
        let y = if self.upward { high } else { low };
        if y.abs() < self.real.tiny() { 0.0 } else { y }
    }

    fn flush(&self, x: f64) -> f64 {
        if x.abs() < self.real.tiny() { 0.0 } else { x }
    }

    fn add(&self, a: f64, b: f64) -> f64 {
        self.settle(two_sum(self.flush(a), self.flush(b)))
    }

    fn mul(&self, a: f64, b: f64) -> f64 {
        self.settle(two_product(self.flush(a), self.flush(b)))
    }
}

/// Centre and radius that the device would store.
pub fn run(real: Real, out: &Output, upward: bool, widening: Widening) -> (f64, f64) {
    let most = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let reach = out.centres.iter().zip(&out.radii).map(|(c, r)| c.abs() + r).fold(0.0, f64::max);
    let shape = Product {
        depth: out.weights.len(),
        bias: out.bias.is_some(),
        rounded: false,
        weight: most(&out.weights),
        reach: reach * (1.0 + f64::EPSILON),
    };
    let [gamma, own, underflow, operand] = shape.consts(real, widening);
    let growth = common(real, 1.0, widening)[2];
    let (up, down) = (Device { real, upward }, Device { real, upward: false });
    let (mut c, mut r) = (0.0, 0.0);
    for ((w, x), e) in out.weights.iter().zip(&out.centres).zip(&out.radii) {
        c = up.add(c, up.mul(*w, *x));
        let spread = down.add(down.add(*e, down.mul(gamma, x.abs())), operand);
        r = down.add(r, down.mul(spread, w.abs()));
    }
    let b = out.bias.unwrap_or(0.0);
    let sum = down.add(down.mul(r, own), down.mul(gamma, b.abs()));
    (up.add(c, b), down.add(down.mul(growth, sum), underflow))
}

/// Does centre ± radius hold every exact value of the output?
pub fn contains(out: &Output, centre: f64, radius: f64) -> bool {
    let mut value = Dyadic::of(out.bias.unwrap_or(0.0) - 0.0).add(&Dyadic::of(-centre));
    let mut spread = Dyadic::of(0.0);
    for ((w, x), e) in out.weights.iter().zip(&out.centres).zip(&out.radii) {
        value = value.add(&Dyadic::of(*w).mul(&Dyadic::of(*x)));
        spread = spread.add(&Dyadic::of(w.abs()).mul(&Dyadic::of(*e)));
    }
    let distance = if value.sign() == Ordering::Less { value.neg() } else { value };
    distance.add(&spread).at_most(radius)
}
