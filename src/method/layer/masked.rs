//! Proves: ‖diag(d) W diag(mask)‖_{p→q} <= the reported number, d >= 0, mask 0/1 (factors of a network's product bound).
//! From: definitions; dense and small maps on the remaining submatrix, else |W| applied to the mask and its adjoint to d.
//! Rounding: scaled entries carry a radius of one rounding; applications of |W| and w² rounded up.
//! Cost: the dense norm of the submatrix; for convolutions about 4 + 2 x 8 applications.
//! Loose when: large convolutions, 2→2 and mixed pairs, signs mixed: then max d x the unmasked norm usually wins.

use super::schur;
use crate::layer::apply::{absolute, apply_up, map_weights, materialise, transpose};
use crate::layer::map::LinearMap;
use crate::linalg::operator::operator_upper;
use crate::num::Upper;
use crate::num::norms::{Norm, largest, vector_norm_up};
use crate::num::round::{U, add_up, mul_up, sqrt_up};
use ndarray::{Array1, Array2, Axis};

/// Convolutions up to this many entries, and this order, are written out.
const ENTRIES: usize = 1 << 22;
const ORDER: usize = 600;
const SCHUR_STEPS: usize = 8;

/// `whole` is a proven bound of ‖W‖_2, or infinite if none is known.
pub fn masked_norm(
    map: &LinearMap,
    out_scale: &[f64],
    in_mask: &[bool],
    whole: Upper,
    p: Norm,
    q: Norm,
) -> Upper {
    let rows = out_scale.iter().filter(|d| **d != 0.0).count();
    let columns = in_mask.iter().filter(|m| **m).count();
    let small = rows.min(columns) <= ORDER && map.inputs().saturating_mul(map.outputs()) <= ENTRIES;
    match map {
        LinearMap::Dense(w) => {
            written(w, None, out_scale, in_mask, p, q).min(shortcut(out_scale, whole, p, q))
        }
        _ if small => {
            written(&materialise(map), None, out_scale, in_mask, p, q).min(shortcut(out_scale, whole, p, q))
        }
        _ => structured(map, out_scale, in_mask, whole, p, q),
    }
}

/// The same for every matrix within `slack` of `centre`, entrywise.
pub fn masked_norm_of_enclosure(
    centre: &Array2<f64>,
    slack: &Array2<f64>,
    out_scale: &[f64],
    in_mask: &[bool],
    p: Norm,
    q: Norm,
) -> Upper {
    written(centre, Some(slack), out_scale, in_mask, p, q)
}

fn valid(out_scale: &[f64]) -> bool {
    out_scale.iter().all(|d| d.is_finite() && *d >= 0.0)
}

/// max d ‖W‖_2, for 2→2.
fn shortcut(out_scale: &[f64], whole: Upper, p: Norm, q: Norm) -> Upper {
    if (p, q) != (Norm::Two, Norm::Two) || whole == Upper::INFINITE {
        return Upper::INFINITE;
    }
    whole.times(Upper::proven(largest(out_scale.iter().copied())))
}

/// On the submatrix of live rows and columns; `slack` bounds what W may differ by.
fn written(
    w: &Array2<f64>,
    slack: Option<&Array2<f64>>,
    out_scale: &[f64],
    in_mask: &[bool],
    p: Norm,
    q: Norm,
) -> Upper {
    assert_eq!((out_scale.len(), in_mask.len()), w.dim());
    if !valid(out_scale) {
        return Upper::INFINITE;
    }
    let rows: Vec<usize> = (0..out_scale.len()).filter(|&i| out_scale[i] > 0.0).collect();
    let columns: Vec<usize> = (0..in_mask.len()).filter(|&j| in_mask[j]).collect();
    let live = |a: &Array2<f64>| a.select(Axis(0), &rows).select(Axis(1), &columns);
    let mut centre = live(w);
    let mut radius = slack.map_or_else(|| Array2::zeros(centre.dim()), live);
    for ((mut c, mut r), &i) in centre.rows_mut().into_iter().zip(radius.rows_mut()).zip(&rows) {
        let d = out_scale[i];
        ndarray::Zip::from(&mut c).and(&mut r).for_each(|c, r| {
            let scaled = *c * d;
            let exact = d == 1.0 || *c == 0.0;
            let rounding = if exact { 0.0 } else { add_up(mul_up(2.0 * U, scaled.abs()), f64::from_bits(1)) };
            *r = add_up(mul_up(*r, d), rounding);
            *c = scaled;
        });
    }
    operator_upper(centre.view(), radius.view(), p, q)
}

/// By applications of |W| alone, whatever the size.
pub fn structured(
    map: &LinearMap,
    out_scale: &[f64],
    in_mask: &[bool],
    whole: Upper,
    p: Norm,
    q: Norm,
) -> Upper {
    assert_eq!((out_scale.len(), in_mask.len()), (map.outputs(), map.inputs()));
    if !valid(out_scale) {
        return Upper::INFINITE;
    }
    let magnitudes = absolute(map);
    let adjoint = transpose(&magnitudes);
    let scale = Array1::from(out_scale.to_vec());
    let mask = Array1::from_iter(in_mask.iter().map(|&m| f64::from(m)));
    let scaled = |y: Array1<f64>| ndarray::Zip::from(&y).and(&scale).map_collect(|&y, &d| mul_up(y, d));
    let forward = |x: &Array1<f64>| scaled(apply_up(&magnitudes, (x * &mask).view()));
    let backward = |y: &Array1<f64>| apply_up(&adjoint, scaled(y.clone()).view()) * &mask;
    let ones = Array1::ones(map.outputs());
    let norm = |x: &Array1<f64>, r| Upper::proven(vector_norm_up(x.iter().copied(), r));
    let squares = || map_weights(map, |w| if w == 0.0 { 0.0 } else { (w * w).next_up() });
    // l2 norms of the rows and columns.
    let row_lengths = || scaled(apply_up(&squares(), mask.view()).mapv(sqrt_up));
    let column_lengths = || {
        let d = scale.mapv(|d| mul_up(d, d));
        apply_up(&transpose(&squares()), d.view()).mapv(sqrt_up) * &mask
    };
    let live = |n: usize| Upper::proven(sqrt_up(n as f64));
    let rows = live(out_scale.iter().filter(|d| **d > 0.0).count());
    let columns = live(in_mask.iter().filter(|m| **m).count());
    let two = || {
        let sums = norm(&forward(&mask), Norm::Inf).times(norm(&backward(&ones), Norm::Inf));
        let schur = schur::test(map.inputs(), SCHUR_STEPS, |x| backward(&forward(x)));
        let sums = Upper::proven(sqrt_up(sums.get()));
        shortcut(out_scale, whole, Norm::Two, Norm::Two)
            .min(sums)
            .min(norm(&row_lengths(), Norm::Two))
            .min(schur)
    };
    match (p, q) {
        (Norm::One, Norm::Inf) => Upper::proven(mul_up(
            norm(&scale, Norm::Inf).get(),
            largest(magnitudes.weights().iter().copied()),
        )),
        (Norm::One, Norm::One) => norm(&backward(&ones), Norm::Inf),
        (Norm::One, Norm::Two) => norm(&column_lengths(), Norm::Inf).min(norm(&backward(&ones), Norm::Inf)),
        (Norm::Inf, Norm::Inf) => norm(&forward(&mask), Norm::Inf),
        (Norm::Two, Norm::Inf) => norm(&row_lengths(), Norm::Inf).min(norm(&forward(&mask), Norm::Inf)),
        (Norm::Two, Norm::Two) => two(),
        (Norm::Inf, Norm::One) => norm(&forward(&mask), Norm::One).min(rows.times(columns).times(two())),
        (Norm::Inf, Norm::Two) => norm(&forward(&mask), Norm::Two).min(columns.times(two())),
        (Norm::Two, Norm::One) => norm(&backward(&ones), Norm::Two).min(rows.times(two())),
    }
}
