//! Proves: ‖W‖_2² <= Σ_i sup_ω Σ_j |f_ij(ω)|² (`toeplitz-rows`) and <= sup_ω Σ_ij |f_ij(ω)|² (`toeplitz`), f the symbol.
//! From: Araujo et al. 2020 (LipBound v1, v2), on a grid of distinct frequencies with the sampling factor made explicit:
//!   sup σ <= max over N points / cos(π (K − 1) / (2N)) per axis, K taps, applied to the vectors f_i and f.
//! Rounding: correlations of taps in any order with their errors, roots of unity enclosed, cosines down.
//! Cost: out x in x taps² for the correlations, out x points x shifts for the sums.
//! Loose when: channels are many and alike in size (sqrt(rank)). Exact when the symbol has rank one, up to the factor.

use crate::layer::map::{ConvShape, LinearMap};
use crate::layer::symbol::band::Band;
use crate::layer::symbol::twiddle;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Upper;
use crate::num::norms::{Norm, exponent, largest, power_of_two, vector_norm_up};
use crate::num::round::{add_up, div_up, gamma, mul_down, mul_up, sqrt_up, sub_down};
use rayon::prelude::*;

pub const ROWS: Row = Row {
    name: "toeplitz-rows",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "the kernel, squared",
    paper: "Araujo et al. 2020 (v1)",
    formula: "‖W‖₂² ≤ sums of magnitudes of the symbol's rows",
    loose: "many channels",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub const WHOLE: Row = Row {
    name: "toeplitz",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "the kernel, squared",
    paper: "Araujo et al. 2020 (v2)",
    formula: "‖W‖₂² ≤ the norm of sums of magnitudes over offsets",
    loose: "many offsets of mixed signs",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Points per axis and tap, and at least.
const PER_TAP: usize = 16;
const POINTS: usize = 48;
/// Taps whose pairs are still few.
const TAPS: usize = 400;
/// Operations that are worth this row.
const WORK: f64 = 3e9;

/// Both bounds, the one by rows first; infinite for dense maps and where the work is too much.
pub fn uppers(map: &LinearMap) -> (Upper, Upper) {
    let nothing = (Upper::INFINITE, Upper::INFINITE);
    let LinearMap::Conv { shape, weight, .. } = map else { return nothing };
    let top = largest(weight.iter().map(|w| w.abs()));
    let (Some(y), Some(x)) = (Band::new(shape, 0), Band::new(shape, 1)) else { return nothing };
    if !(1e-140..1e140).contains(&top) {
        return nothing;
    }
    let unscale = power_of_two(exponent(top));
    let scaled: Vec<f64> = weight.iter().map(|w| w / unscale).collect();
    // Weights far below the largest may have been rounded to zero.
    let lost = mul_up(scaled.len() as f64, f64::from_bits(1));
    let size = scaled.len() / shape.groups;
    let mut all = (Upper::proven(0.0), Upper::proven(0.0));
    for kernel in scaled.chunks(size) {
        let Some((rows, whole)) = group(shape, kernel, [y, x]) else { return nothing };
        let finish = |square: f64| Upper::proven(mul_up(add_up(sqrt_up(square), lost), unscale));
        all = (all.0.max(finish(rows)), all.1.max(finish(whole)));
    }
    all
}

/// A difference of places of taps of one phase, and the pairs of taps that have it.
type Shift = ([i64; 2], Vec<(usize, usize)>);

/// None where there are too many taps.
fn shifts(shape: &ConvShape, bands: [Band; 2]) -> Option<Vec<Shift>> {
    let mut shifts: Vec<Shift> = Vec::new();
    let taps: Vec<[usize; 2]> = (bands[0].low..=bands[0].high)
        .flat_map(|t| (bands[1].low..=bands[1].high).map(move |u| [t, u]))
        .collect();
    if taps.len() > TAPS {
        return None;
    }
    for t in &taps {
        for u in &taps {
            let place = |a: usize| (bands[a].place(t[a]), bands[a].place(u[a]));
            let ((y, x), flat) = ((place(0), place(1)), |t: &[usize; 2]| t[0] * shape.kernel[1] + t[1]);
            if (y.0.1, x.0.1) != (y.1.1, x.1.1) {
                continue;
            }
            let shift = [y.0.0 as i64 - y.1.0 as i64, x.0.0 as i64 - x.1.0 as i64];
            match shifts.iter_mut().find(|s| s.0 == shift) {
                Some(s) => s.1.push((flat(t), flat(u))),
                None => shifts.push((shift, vec![(flat(t), flat(u))])),
            }
        }
    }
    Some(shifts)
}

/// 1 / cos² per axis, cos x >= 1 − x²/2.
fn sampling(reach: [usize; 2], points: [usize; 2]) -> f64 {
    (0..2).fold(1.0, |f, a| {
        let angle = div_up(mul_up(3.141592653589794, (reach[a] - 1) as f64), 2.0 * points[a] as f64);
        let cos = sub_down(1.0, 0.5 * mul_up(angle, angle));
        div_up(f, mul_down(cos, cos))
    })
}

/// The squares of both bounds.
fn group(shape: &ConvShape, kernel: &[f64], bands: [Band; 2]) -> Option<(f64, f64)> {
    let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let reach = bands.map(|b| b.reach());
    let points = reach.map(|k| if k == 1 { 1 } else { (PER_TAP * k).max(POINTS) });
    let shifts = shifts(shape, bands)?;
    let pairs: usize = shifts.iter().map(|s| s.1.len()).sum();
    let half = [points[0] / 2 + 1, points[1]];
    let places = half[0] * half[1];
    if (outs * ins * pairs + outs * places * shifts.len()) as f64 > WORK {
        return None;
    }
    let turns: Vec<i64> = points.map(|n| n as i64).to_vec();
    let waves: Vec<Vec<f64>> = (0..places)
        .into_par_iter()
        .map(|k| {
            let (u, v) = ((k / half[1]) as i64, (k % half[1]) as i64);
            let root = |s: &[i64; 2]| {
                twiddle::root(s[0] * u * turns[1] + s[1] * v * turns[0], turns[0] * turns[1]).0
            };
            shifts.iter().map(|(s, _)| root(s)).collect()
        })
        .collect();
    // Every term is a product of two weights and a cosine.
    let each =
        add_up(mul_up(gamma(ins * pairs + shifts.len() + 8), 1.0 + 2.0 * twiddle::ERROR), twiddle::ERROR);
    let rows: Vec<(f64, Vec<f64>)> = (0..outs)
        .into_par_iter()
        .map(|o| {
            let plane = |c: usize| &kernel[(o * ins + c) * shape.taps()..][..shape.taps()];
            let correlation = |list: &Vec<(usize, usize)>| {
                list.iter()
                    .map(|&(t, u)| (0..ins).map(|c| plane(c)[t] * plane(c)[u]).sum::<f64>())
                    .sum::<f64>()
            };
            let parts: Vec<f64> = shifts.iter().map(|(_, list)| correlation(list)).collect();
            let sums = (0..ins).map(|c| vector_norm_up(plane(c).iter().map(|w| w.abs()), Norm::One));
            let size = sums.fold(0.0, |s, x| add_up(s, mul_up(x, x)));
            let error = add_up(mul_up(each, size), (pairs * ins) as f64 * 1e-320);
            let value = |wave: &Vec<f64>| wave.iter().zip(&parts).map(|(w, p)| w * p).sum::<f64>();
            (error, waves.iter().map(value).collect())
        })
        .collect();
    let at = |row: &(f64, Vec<f64>), k: usize| add_up(row.1[k].max(0.0), row.0);
    let by_rows = rows.iter().map(|r| (0..places).map(|k| at(r, k)).fold(0.0, f64::max)).fold(0.0, add_up);
    let whole = (0..places).map(|k| rows.iter().map(|r| at(r, k)).fold(0.0, add_up)).fold(0.0, f64::max);
    let factor = sampling(reach, points);
    Some((mul_up(by_rows, factor), mul_up(whole, factor)))
}
