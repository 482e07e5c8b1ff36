//! Products with a dense matrix, forward and adjoint.
//!
//! Features that are exactly zero in every vector of the block (neurons that
//! are off) leave the product; the rest goes through one GEMM for the centre
//! and one for the radius.

use super::double::{self, Pair};
use super::lanes::wide;
use super::{Block, Cpu, Map, Parts};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

/// Below this share of nonzero features the matrix is gathered first.
const SPARSE: f64 = 0.75;
/// Columns of the result that one task computes.
const CHUNK: usize = 64;

pub fn product(backend: &Cpu, map: &Map, w: &Array2<f64>, x: &Block, spread: &[f64], adjoint: bool) -> Parts {
    // Everything below computes Y = X M with M of size in x out (as a view).
    let magnitude = (!map.magnitude.is_empty())
        .then(|| ArrayView2::from_shape(w.dim(), &map.magnitude).expect("magnitudes"));
    let (m, a) = if adjoint { (w.view(), magnitude) } else { (w.t(), magnitude.map(|a| a.reversed_axes())) };
    let vectors = x.vectors();
    let alive = alive(x, spread);
    let size = (vectors, x.features);
    let hi = ArrayView2::from_shape(size, &x.hi).expect("block");
    let lo = (!x.lo.is_empty()).then(|| ArrayView2::from_shape(size, &x.lo).expect("block"));
    let spread = (!spread.is_empty()).then(|| ArrayView2::from_shape(size, spread).expect("spread"));
    if (alive.len() as f64) < SPARSE * x.features as f64 {
        let pick = |v: ArrayView2<f64>, axis| v.select(Axis(axis), &alive);
        let (hi, lo, spread) = (pick(hi, 1), lo.map(|v| pick(v, 1)), spread.map(|v| pick(v, 1)));
        let (m, a) = (pick(m, 0), a.map(|v| pick(v, 0)));
        return multiply(
            backend,
            hi.view(),
            lo.as_ref().map(|v| v.view()),
            spread.as_ref().map(|v| v.view()),
            m.view(),
            a.as_ref().map(|v| v.view()),
        );
    }
    multiply(backend, hi, lo, spread, m, a)
}

/// Features that are not exactly zero in every vector. The spread, where there
/// is one, is zero exactly where centre and radius are.
fn alive(x: &Block, spread: &[f64]) -> Vec<usize> {
    let values = if spread.is_empty() { &x.hi[..] } else { spread };
    let mut largest = vec![0.0f64; x.features];
    for (v, row) in values.chunks_exact(x.features.max(1)).enumerate() {
        wide(
            #[inline(always)]
            || {
                for (m, v) in largest.iter_mut().zip(row) {
                    *m = if v.abs() > *m { v.abs() } else { *m };
                }
            },
        );
        if v % 8 == 7 && largest.iter().all(|m| *m > 0.0) {
            break;
        }
    }
    (0..x.features).filter(|&k| largest[k] > 0.0).collect()
}

fn multiply(
    backend: &Cpu,
    hi: ArrayView2<f64>,
    lo: Option<ArrayView2<f64>>,
    spread: Option<ArrayView2<f64>>,
    m: ArrayView2<f64>,
    a: Option<ArrayView2<f64>>,
) -> Parts {
    let (vectors, outputs) = (hi.nrows(), m.ncols());
    let mut parts = Parts::zeros(backend, vectors * outputs);
    let size = (vectors, outputs);
    if let Some(spread) = spread {
        let out = ArrayViewMut2::from_shape(size, &mut parts.radius).expect("result");
        gemm(spread, a.expect("magnitudes"), out);
    }
    let out = ArrayViewMut2::from_shape(size, &mut parts.hi).expect("result");
    match lo {
        None => gemm(hi, m, out),
        Some(lo) => {
            let out_lo = ArrayViewMut2::from_shape(size, &mut parts.lo).expect("result");
            chunks(out).into_par_iter().zip(chunks(out_lo)).for_each(|((j, out), (_, out_lo))| {
                let b = m.slice(ndarray::s![.., j..j + out.ncols()]);
                double::product(Pair { hi, lo: Some(lo) }, Pair { hi: b, lo: None }, out, out_lo);
            });
        }
    }
    parts
}

/// Disjoint column ranges of a result, with their first column.
fn chunks(out: ArrayViewMut2<f64>) -> Vec<(usize, ArrayViewMut2<f64>)> {
    let width = out.ncols().div_ceil(4 * rayon::current_num_threads()).max(CHUNK);
    let mut rest = out;
    let mut list = vec![];
    let mut at = 0;
    while rest.ncols() > 0 {
        let take = width.min(rest.ncols());
        let (head, tail) = rest.split_at(Axis(1), take);
        list.push((at, head));
        at += take;
        rest = tail;
    }
    list
}

/// out = x m in f64, any order of summation.
pub fn gemm(x: ArrayView2<f64>, m: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    let threads = rayon::current_num_threads();
    if threads == 1 && x.nrows() > 3 {
        return general_mat_mul(1.0, &x, &m, 0.0, &mut { out });
    }
    if x.nrows() >= 8 * threads {
        let tall = x.nrows().div_ceil(2 * threads).next_multiple_of(8);
        let mut rest = out;
        let mut list = vec![];
        let mut at = 0;
        while rest.nrows() > 0 {
            let take = tall.min(rest.nrows());
            let (head, tail) = rest.split_at(Axis(0), take);
            list.push((at, head));
            at += take;
            rest = tail;
        }
        list.into_par_iter().for_each(|(i, mut out)| {
            general_mat_mul(1.0, &x.slice(ndarray::s![i..i + out.nrows(), ..]), &m, 0.0, &mut out);
        });
    } else {
        chunks(out).into_par_iter().for_each(|(j, mut out)| {
            let m = m.slice(ndarray::s![.., j..j + out.ncols()]);
            if x.nrows() > 3 {
                general_mat_mul(1.0, &x, &m, 0.0, &mut out);
            } else {
                thin(x, m, out);
            }
        });
    }
}

/// A few vectors times a matrix, along whichever axis of the matrix is contiguous.
fn thin(x: ArrayView2<f64>, m: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    for (x, mut out) in x.rows().into_iter().zip(out.rows_mut()) {
        if m.strides()[0] == 1 {
            for (column, y) in m.columns().into_iter().zip(out.iter_mut()) {
                *y = column.dot(&x);
            }
        } else {
            out.fill(0.0);
            for (row, &a) in m.rows().into_iter().zip(x.iter()) {
                if a != 0.0 {
                    out.scaled_add(a, &row);
                }
            }
        }
    }
}
