//! Proves: ‖W‖_2 <= the reported number, for convolutions whatever the size of their maps.
//! From: Delattre et al. 2024 (Gram iteration on kernels); here with strides, dilation and groups, the error of every
//!   squaring carried, and the last kernel bounded by its rows and columns together.
//! Rounding: correlations of taps in any order with their errors, in the norms of rows and columns; scales by powers of
//!   two; roots up.
//! Cost: channels³ x taps² for every squaring, which has four times the taps of the one before.
//! Loose when: maps are small: it bounds the map of infinite size. The l1 norms at the end are a power of two's root of
//!   channels x taps too large, so that few squarings leave much. Exact when the kernel has one tap and one channel.
//!
//! Proof. W is a part of the operator A on the whole grid, y(o, q) = Σ K_t x(i, q s + t): zero padding only cuts rows
//! and columns off. A Aᵀ has the kernel G_m = Σ_t K_t K_{t + s m}ᵀ, of stride 1. So ‖A‖² = ‖G‖, again and again, and
//! for the last kernel ‖G‖_2² <= ‖G‖_1 ‖G‖_∞, which are sums over taps. What is computed is G + E with
//! |E| <= gamma |A| |A|ᵀ entrywise, hence ‖E‖_2 <= gamma ‖A‖_1 ‖A‖_∞ of magnitudes.

use crate::layer::map::{ConvShape, LinearMap};
use crate::layer::symbol::band::Band;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Upper;
use crate::num::norms::{Sum, exponent, largest, power_of_two};
use crate::num::round::{add_up, gamma, mul_up, sqrt_up};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Array3, ArrayView2, s};
use rayon::prelude::*;

pub const ROW: Row = Row {
    name: "gram-kernel",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "the kernel, squared again and again",
    paper: "Delattre et al. 2024",
    formula: "‖W‖₂ ≤ (‖G‖₁ ‖G‖_∞)^(1/2^(k+1)) of the kernel G after k correlations with itself",
    loose: "small maps, and few squarings: taps grow fourfold with each",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Multiplications that all squarings may take: so many applications of the map, at least, at most; and how many
/// squarings there are at most.
const PASSES: f64 = 30.0;
const WORK: [f64; 2] = [6e6, 1e9];
const SQUARINGS: usize = 10;
/// What a small product costs beside, in multiplications.
const CALL: f64 = 100.0;
/// The least number.
const LEAST: f64 = f64::from_bits(1);

/// Infinite for dense maps and where not even one squaring is worth its work.
pub fn upper(map: &LinearMap) -> Upper {
    let LinearMap::Conv { shape, weight, .. } = map else { return Upper::INFINITE };
    let (Some(y), Some(x)) = (Band::new(shape, 0), Band::new(shape, 1)) else { return Upper::INFINITE };
    let top = largest(weight.iter().map(|w| w.abs()));
    if !(1e-140..1e140).contains(&top) {
        return Upper::INFINITE;
    }
    let unscale = power_of_two(exponent(top));
    let scaled: Vec<f64> = weight.iter().map(|w| w / unscale).collect();
    // Weights far below the largest may have been rounded to zero.
    let lost = mul_up(scaled.len() as f64, LEAST);
    let size = scaled.len() / shape.groups;
    let most = (PASSES * map.products()).clamp(WORK[0], WORK[1]) / shape.groups as f64;
    let each = |kernel: &[f64]| norm(Kernel::new(shape, kernel, [y, x]), [y.stride, x.stride], most);
    let value = scaled.chunks(size).map(each).fold(0.0, f64::max);
    Upper::proven(mul_up(add_up(value, lost), unscale))
}

/// What is left of a squaring: ‖before‖² <= factor (‖after‖ + small) + error.
struct Level {
    factor: f64,
    small: f64,
    error: f64,
}

/// The least bound of all squarings that so much work allows.
fn norm(mut kernel: Kernel, mut stride: [usize; 2], most: f64) -> f64 {
    let (mut levels, mut work): (Vec<Level>, f64) = (vec![], 0.0);
    let mut best = f64::INFINITY;
    loop {
        let [rows, columns] = kernel.sums();
        let here = mul_up(sqrt_up(rows), sqrt_up(columns));
        let back = |s: f64, l: &Level| sqrt_up(add_up(mul_up(l.factor, add_up(s, l.small)), l.error));
        best = best.min(levels.iter().rev().fold(here, back));
        work += kernel.products(stride);
        if work > most || levels.len() == SQUARINGS || !(rows > 0.0 && rows.is_finite()) {
            return best;
        }
        let terms = kernel.terms();
        let mut next = kernel.correlated(stride);
        // Every product may lose the least number, in every entry of a row or column.
        let entries = next.terms();
        let lost = mul_up((terms * entries) as f64, LEAST);
        let error = add_up(mul_up(gamma(terms), mul_up(rows, columns)), lost);
        let factor = power_of_two(exponent(next.sums()[0].max(LEAST)));
        next.taps.mapv_inplace(|x| x / factor);
        levels.push(Level { factor, small: mul_up(entries as f64, LEAST), error });
        (kernel, stride) = (next, [1, 1]);
    }
}

/// One matrix for every tap: rows x taps along y x (taps along x, columns).
struct Kernel {
    taps: Array3<f64>,
    columns: usize,
}

impl Kernel {
    /// The taps that a group's map uses, from its shorter side of channels where the stride allows it.
    fn new(shape: &ConvShape, kernel: &[f64], [y, x]: [Band; 2]) -> Kernel {
        let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let turned = y.stride == 1 && x.stride == 1 && ins < outs;
        let (rows, columns) = if turned { (ins, outs) } else { (outs, ins) };
        let size = (rows, y.high - y.low + 1, (x.high - x.low + 1) * columns);
        let taps = Array3::from_shape_fn(size, |(r, t, u)| {
            let (u, c) = (u / columns, u % columns);
            let (o, i) = if turned { (c, r) } else { (r, c) };
            kernel[(o * ins + i) * shape.taps() + (t + y.low) * shape.kernel[1] + u + x.low]
        });
        Kernel { taps, columns }
    }

    /// Taps along both axes.
    fn sides(&self) -> [usize; 2] {
        let (_, y, x) = self.taps.dim();
        [y, x / self.columns]
    }

    /// Products that an entry of a correlation sums at most.
    fn terms(&self) -> usize {
        self.taps.len() / self.taps.dim().0
    }

    /// The largest sums of magnitudes of a row and of a column, over all taps.
    fn sums(&self) -> [f64; 2] {
        let mut columns = vec![Sum::default(); self.columns];
        for ((_, _, u), x) in self.taps.indexed_iter() {
            columns[u % self.columns].add(x.abs());
        }
        let row = |r: ArrayView2<f64>| {
            let mut sum = Sum::default();
            r.iter().for_each(|x| sum.add(x.abs()));
            sum.up()
        };
        [largest(self.taps.outer_iter().map(row)), largest(columns.iter().map(Sum::up))]
    }

    /// How far taps are shifted against each other, in strides.
    fn reach(&self, stride: [usize; 2]) -> [usize; 2] {
        let sides = self.sides();
        [0, 1].map(|a| (sides[a] - 1) / stride[a])
    }

    /// Multiplications of a correlation, and what its many small products cost beside.
    fn products(&self, stride: [usize; 2]) -> f64 {
        let (rows, [ky, kx]) = (self.taps.dim().0, self.sides().map(|s| s as f64));
        let [y, x] = self.reach(stride).map(|r| (r + 1) as f64);
        ((rows * rows * self.columns) as f64 * kx + CALL) * ky * y * x
    }

    /// G_m = Σ_t K_t K_{t + s m}ᵀ for all m; G_{−m} = G_mᵀ.
    fn correlated(&self, stride: [usize; 2]) -> Kernel {
        let (reach, [ky, kx], n) = (self.reach(stride), self.sides(), self.columns);
        let rows = self.taps.dim().0;
        let sides = reach.map(|r| 2 * r + 1);
        // Taps that have a partner a shift further, and the first such partner.
        let meet = |shift: usize, a: usize, length: usize| {
            let (shift, far) = (shift * stride[a], reach[a] * stride[a]);
            let (from, to) = (far.saturating_sub(shift), shift.saturating_sub(far));
            (from, to, length - from.max(to))
        };
        let middle = sides[0] * sides[1] / 2;
        let one = |m: usize| {
            let mut sum = Array2::zeros((rows, rows));
            let (y, v, high) = meet(m / sides[1], 0, ky);
            let (x, w, wide) = meet(m % sides[1], 1, kx);
            for t in 0..high {
                let a = self.taps.slice(s![.., y + t, x * n..(x + wide) * n]);
                let b = self.taps.slice(s![.., v + t, w * n..(w + wide) * n]);
                general_mat_mul(1.0, &a, &b.t(), 1.0, &mut sum);
            }
            sum
        };
        let half: Vec<Array2<f64>> = (middle..sides[0] * sides[1]).into_par_iter().map(one).collect();
        let mut taps = Array3::zeros((rows, sides[0], sides[1] * rows));
        for (k, g) in half.iter().enumerate() {
            let [after, before] = [middle + k, middle - k].map(|m| (m / sides[1], m % sides[1] * rows));
            taps.slice_mut(s![.., before.0, before.1..before.1 + rows]).assign(&g.t());
            taps.slice_mut(s![.., after.0, after.1..after.1 + rows]).assign(g);
        }
        Kernel { taps, columns: rows }
    }
}
