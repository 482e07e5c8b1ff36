//! Products of numbers whose roundings are bounded together.
//!
//! A product W a differs from the computed one by at most ε |W||a| + τ in every feature, where τ is what may fall
//! below the normal numbers and vanishes with |W||a|. Against |x| <= m that is
//!   Σ_j m_j (ε (|W||a|)_j + τ) = ε Σ_k |a_k| (|W|ᵀ m)_k + τ Σ_j m_j,
//! so all vectors of an item share one product with magnitudes instead of having one each.
//!
//! Where lines take a number's place, what their products lose is summed at once.

use super::lanes::{self, FLOOR, wide};
use super::lines::{flat, signed};
use super::{Block, Cpu, Map, Precision, tasks};
use crate::backend::Lines;
use crate::num::round::{add_up, mul_up};
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

/// Vectors of an item from which sharing pays.
const SHARED: usize = 2;

/// None where every vector has its own bounds: of coefficients that are not settled, of one vector, or where
/// numbers are too large.
pub(super) fn product(
    cpu: &Cpu,
    map: &Map,
    a: &Block,
    back: bool,
    magnitude: &Array2<f64>,
) -> Option<(Block, Array2<f64>)> {
    let is_zero = |values: &[f64]| {
        wide(
            #[inline(always)]
            || values.iter().fold(true, |zero, v| zero & (*v == 0.0)),
        )
    };
    let plain = cpu.precision == Precision::Double && a.rows >= SHARED;
    if !plain || !(a.settled || is_zero(&a.radius)) || !magnitude.iter().all(|m| m.is_finite()) {
        return None;
    }
    let (depth, features) = (map.depth(back), if back { map.inputs() } else { map.outputs() });
    // Centres alone.
    let hi = Cpu { precision: Precision::Estimate, ..*cpu }.parts(map, a, &[], back).hi;
    if !lanes::finite(&hi) {
        return None;
    }
    let weights = shares(cpu, map, magnitude, !back)?;
    let error = cpu.product_error(depth, map.folds());
    let least = (8 * depth + 16) as f64 * f64::from_bits(1);
    let tiny: Vec<f64> = magnitude
        .outer_iter()
        .map(|m| mul_up(least, m.iter().fold(0.0, |t, m| add_up(t, m.abs()))))
        .collect();
    let lost = |v: usize| {
        let item = v / a.rows;
        let (own, weight) = (&a.hi[v * a.features..][..a.features], weights.row(item));
        let sum = wide(
            #[inline(always)]
            || lanes::weighted(own, weight.to_slice().expect("rows of a table")),
        );
        if sum == 0.0 { 0.0 } else { add_up(mul_up(error, sum), tiny[item]) }
    };
    let lost = tasks::map(a.vectors(), 8 * a.features, lost);
    let lost = Array2::from_shape_vec((a.items, a.rows), lost).expect("one sum per row");
    Some((numbers(hi, a, features), lost))
}

/// A block of numbers as large as another one but for its features.
fn numbers(hi: Vec<f64>, like: &Block, features: usize) -> Block {
    let radius = Arc::new(vec![0.0; hi.len()]);
    let (items, rows, lo) = (like.items, like.rows, Arc::default());
    Block { items, rows, features, hi: Arc::new(hi), lo, radius, settled: true }
}

/// Lines in the place of numbers: new ones, the constant, and what products lose over |x| <= magnitude. None in
/// other precisions, or where numbers are too large.
pub(super) fn chord(
    cpu: &Cpu,
    lines: &Lines,
    a: &Block,
    magnitude: &Array2<f64>,
) -> Option<(Block, [Array2<f64>; 2])> {
    if cpu.precision != Precision::Double {
        return None;
    }
    let constant = signed(a, &lines.lower_shift, &lines.upper_shift);
    let (below, above, weight) = (flat(&lines.lower_slope), flat(&lines.upper_slope), flat(magnitude));
    let n = a.features;
    let mut hi = vec![0.0; a.hi.len()];
    let one = |(v, out): (usize, &mut [f64])| {
        let (at, item) = (v * n, v / a.rows * n);
        wide(
            #[inline(always)]
            || lanes::sloped_loss(&a.hi[at..], &below[item..], &above[item..], &weight[item..], out),
        )
    };
    let lost: Vec<f64> = match tasks::alone(a.vectors(), 8 * a.hi.len()) || n == 0 {
        true => hi.chunks_mut(n.max(1)).enumerate().map(one).collect(),
        false => hi.par_chunks_mut(n).enumerate().map(one).collect(),
    };
    if !lanes::finite(&hi) || lost.len() != a.vectors() {
        return None;
    }
    let stated = |l: f64| if l.is_nan() { f64::INFINITY } else { l };
    let lost = Array2::from_shape_vec((a.items, a.rows), lost.into_iter().map(stated).collect());
    Some((numbers(hi, a, n), [constant, lost.expect("one sum per row")]))
}

/// |W| m or |W|ᵀ m for every item, rounded up; zero only where nothing enters. None where it is too large.
fn shares(cpu: &Cpu, map: &Map, magnitude: &Array2<f64>, back: bool) -> Option<Array2<f64>> {
    let (items, n) = magnitude.dim();
    let spread: Vec<f64> =
        magnitude.iter().map(|m| if *m == 0.0 { 0.0 } else { m.abs().max(FLOOR) }).collect();
    let zeros = || Arc::new(vec![0.0; spread.len()]);
    let block = Block {
        items,
        rows: 1,
        features: n,
        hi: zeros(),
        lo: Arc::default(),
        radius: zeros(),
        settled: false,
    };
    let mut parts = cpu.parts(map, &block, &spread, back);
    let features = if back { map.inputs() } else { map.outputs() };
    cpu.finish(map, map.depth(back), &mut parts, None, features);
    lanes::finite(&parts.radius)
        .then(|| Array2::from_shape_vec((items, features), parts.radius).expect("a row an item"))
}
