//! Proves: ‖A‖_2 <= the reported number for every matrix of a batch, dense layers among them.
//! From: Gram iteration (Delattre et al. 2023), on any device: M ← MᴴM / d with d a power of two,
//!   ‖M‖² <= d (‖MᴴM / d‖ + e), unwound from a Frobenius norm at the end.
//! Rounding: e bounds what storing and squaring lost, in Frobenius norm; all on the host, up.
//! Cost: a squaring per step, steps ~ log2(log(columns) / tolerance).
//! Loose when: the device's unit times rank is not small (f32 on wide layers).

use crate::backend::spectral::{Matrices, Spectral, Stored, Twiddles};
use crate::layer::apply::materialise;
use crate::layer::map::LinearMap;
use crate::layer::symbol::twiddle;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::norms::{exponent, largest, power_of_two};
use crate::num::round::{Upper, add_up, mul_up, sqrt_up};
use ndarray::{Array2, ArrayView2, Axis};

pub const ROW: Row = Row {
    name: "gram-stack",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "batched squarings, on a GPU",
    paper: "Delattre et al. 2023",
    formula: "the same, many matrices at once",
    loose: "never by much",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Squarings at most.
const STEPS: usize = 16;
/// Entries of the largest matrix that is written out.
const ENTRIES: usize = 1 << 24;

/// Upper bounds of the 2-norms of a batch.
pub fn norms<S: Spectral>(b: &S, start: Stored<S::Batch>, tolerance: f64) -> Vec<Upper> {
    let Stored { batch: mut m, error } = start;
    let (count, _, cols) = b.shape(&m);
    let steps = ((cols.max(2) as f64).ln() / tolerance).log2().ceil().clamp(1.0, STEPS as f64) as usize;
    let first = b.frobenius(&m);
    let mut size = first.clone();
    let mut chain: Vec<Vec<(f64, f64)>> = vec![vec![]; count];
    // The norm at which a chain stopped: zero, too small to be squared, or no statement.
    let mut end: Vec<Option<f64>> = vec![None; count];
    for _ in 0..steps {
        let mut scale = vec![1.0; count];
        for k in 0..count {
            let f = size[k];
            if end[k].is_some() || !f.is_finite() || f < b.least() {
                end[k].get_or_insert(if f.is_nan() { f64::INFINITY } else { f });
                continue;
            }
            let d = power_of_two(exponent(f) * 2);
            let [before, after] = b.gram_error(&m, f);
            scale[k] = 1.0 / d;
            chain[k].push((d, add_up(before / d, after).next_up()));
        }
        m = b.gram(&m, &scale);
        size = b.frobenius(&m);
    }
    let bound = |k: usize| {
        let unwind = |s: f64, &(d, e): &(f64, f64)| sqrt_up(mul_up(d, add_up(s, e)));
        add_up(chain[k].iter().rev().fold(end[k].unwrap_or(size[k]), unwind).min(first[k]), error[k])
    };
    let proven = |x: f64| if x.is_nan() { Upper::INFINITE } else { Upper::proven(x) };
    (0..count).map(|k| proven(bound(k))).collect()
}

/// The 2-norm of a dense layer, or of a convolution small enough to write out.
pub fn upper<S: Spectral>(b: &S, map: &LinearMap, tolerance: f64) -> Upper {
    if map.inputs().saturating_mul(map.outputs()) > ENTRIES {
        return Upper::INFINITE;
    }
    match map {
        LinearMap::Dense(w) => of_matrix(b, w.view(), tolerance),
        LinearMap::Conv { .. } => of_matrix(b, materialise(map).view(), tolerance),
    }
}

fn of_matrix<S: Spectral>(b: &S, w: ArrayView2<f64>, tolerance: f64) -> Upper {
    let tall = if w.nrows() < w.ncols() { w.reversed_axes() } else { w };
    let top = largest(tall.iter().map(|x| x.abs()));
    if top == 0.0 || !(1e-200..1e200).contains(&top) {
        return if top == 0.0 { Upper::proven(0.0) } else { Upper::INFINITE };
    }
    let unscale = power_of_two(exponent(top));
    let scaled = tall.mapv(|x| x / unscale);
    // Subnormal results of the division are off by less than the least number.
    let lost = mul_up(scaled.len() as f64, f64::from_bits(1));
    let mut stored = b.store(&Matrices { re: scaled.insert_axis(Axis(0)), im: None });
    stored.error[0] = add_up(stored.error[0], lost);
    norms(b, stored, tolerance)[0].times(Upper::proven(unscale))
}

/// e^{-2πi (u a / n + v b / m)} for the given frequencies (u, v) on an n x m
/// circle, and taps (a, b).
pub fn twiddles(frequencies: &[[i64; 2]], taps: &[[i64; 2]], [n, m]: [i64; 2]) -> Twiddles {
    let shape = (frequencies.len(), taps.len());
    let root = |(f, t): (usize, usize)| {
        let ([u, v], [a, b]) = (frequencies[f], taps[t]);
        // One root: (u a m + v b n) / (n m) of the circle.
        twiddle::root(-(u * a * m + v * b * n), n * m)
    };
    Twiddles {
        re: Array2::from_shape_fn(shape, |at| root(at).0),
        im: Array2::from_shape_fn(shape, |at| root(at).1),
        error: twiddle::ERROR,
    }
}
