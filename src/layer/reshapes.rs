//! The norm of a convolution by reshaped kernels: ‖W‖_2² <= (taps met per place) x (spectral norm of a reshape)².
//!
//! From: Singla & Feizi 2021, re-proved here for zero padding, stride, dilation and groups. Spectral norms are proven,
//! products rounded up.
//!
//! Proof. On each axis output o meets input i = o s + t δ − p through tap t, so
//! (o, t) determines i, (i, t) determines o; pairs outside the map do not
//! occur. Per axis let a be the most taps of an output, b the most taps of an
//! input; T_φ the taps that inputs of phase φ = (i + p) mod s can use.
//!   1. y(o) = R patch(o), R = [out, (in, ty, tx)], and every input is in at
//!      most b_y b_x patches: ‖W‖² <= b_y b_x ‖R‖².
//!   2. y(o) = Σ_t z(t, i), z(·, i) = S x(i), S = [(out, ty, tx), in]:
//!      |y(o)|² <= a_y a_x Σ_t |z(t, i)|², and each (t, i) is used once, t in
//!      T_φ(i): ‖W‖² <= a_y a_x max_φ ‖S_φ‖².
//!   3. One axis each way: z(ty, iy, ox) = Q patch_x(iy, ox) with Q = [(out, ty),
//!      (in, tx)], y = Σ_ty z: ‖W‖² <= a_y b_x max_φ ‖Q_φ‖². 4: axes swapped.
//!
//! Grouped maps are block diagonal (maximum over blocks); the adjoint has the
//! same norm.

use super::lines::{Side, classes, most_taps};
use super::map::{ConvShape, LinearMap};
use crate::linalg::spectral::spectral_upper;
use crate::num::Upper;
use crate::num::round::sqrt_up;
use ndarray::Array2;

/// Infinite for dense maps and if the smallest reshape exceeds `order`.
pub fn upper(map: &LinearMap, order: usize) -> Upper {
    let LinearMap::Conv { shape, weight, .. } = map else { return Upper::INFINITE };
    let size = weight.len() / shape.groups.max(1);
    (0..shape.groups)
        .map(|g| group_upper(shape, &weight[g * size..(g + 1) * size], order))
        .fold(Upper::proven(0.0), Upper::max)
}

/// Sets of taps that one input can use; only sets that no other contains.
fn phases(shape: &ConvShape, axis: usize) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> =
        classes(shape, axis, Side::Columns).into_iter().map(|c| c.taps).filter(|t| !t.is_empty()).collect();
    sets.sort_by_key(|t| std::cmp::Reverse(t.len()));
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for set in sets {
        if !kept.iter().any(|k| set.iter().all(|t| k.contains(t))) {
            kept.push(set);
        }
    }
    kept
}

/// Taps that meet the map at all.
fn used(shape: &ConvShape, axis: usize) -> Vec<usize> {
    let mut taps: Vec<usize> = phases(shape, axis).concat();
    taps.sort_unstable();
    taps.dedup();
    taps
}

fn group_upper(shape: &ConvShape, kernel: &[f64], order: usize) -> Upper {
    let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let weight = |o: usize, c: usize, y: usize, x: usize| {
        kernel[(o * ins + c) * shape.taps() + y * shape.kernel[1] + x]
    };
    let axes = [0, 1].map(|axis| {
        let (a, b) = (most_taps(shape, axis, Side::Rows), most_taps(shape, axis, Side::Columns));
        (a, b, phases(shape, axis), vec![used(shape, axis)])
    });
    // `rows[axis]`: does the axis' tap index rows (spread inputs) or columns (gather patches)?
    let reshape = |rows: [bool; 2]| {
        let mut factor = 1;
        let mut sets = Vec::new();
        for (axis, &(a, b, ref phases, ref used)) in axes.iter().enumerate() {
            factor *= if rows[axis] { a } else { b };
            sets.push(if rows[axis] { phases } else { used });
        }
        let mut worst = Upper::proven(0.0);
        for ys in sets[0] {
            for xs in sets[1] {
                let count = |as_rows: bool| {
                    (if rows[0] == as_rows { ys.len() } else { 1 })
                        * (if rows[1] == as_rows { xs.len() } else { 1 })
                };
                let (height, width) = (outs * count(true), ins * count(false));
                if height.min(width) > order {
                    return Upper::INFINITE;
                }
                let mut matrix = Array2::zeros((height, width));
                for (iy, &y) in ys.iter().enumerate() {
                    for (ix, &x) in xs.iter().enumerate() {
                        let place = |as_rows: bool| match (rows[0] == as_rows, rows[1] == as_rows) {
                            (true, true) => iy * xs.len() + ix,
                            (true, false) => iy,
                            (false, true) => ix,
                            (false, false) => 0,
                        };
                        for o in 0..outs {
                            for c in 0..ins {
                                let (row, column) =
                                    (o * count(true) + place(true), c * count(false) + place(false));
                                matrix[[row, column]] = weight(o, c, y, x);
                            }
                        }
                    }
                }
                worst = worst.max(spectral_upper(matrix.view()));
            }
        }
        Upper::proven(sqrt_up(factor as f64)).times(worst)
    };
    [[false, false], [true, true], [true, false], [false, true]]
        .into_iter()
        .map(reshape)
        .fold(Upper::INFINITE, Upper::min)
}
