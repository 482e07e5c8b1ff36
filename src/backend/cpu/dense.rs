//! Products with a dense matrix, forward and adjoint.
//!
//! Centres and radii read the weights once, but for double-double centres; of many vectors, features that are
//! exactly zero in those at hand (neurons that are off) leave the product.

use super::double::{self, Pair};
use super::lanes::wide;
use super::{Block, Cpu, Parts, tasks};
use crate::linalg::product::Product;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

/// Below this share of nonzero features the matrix is gathered first, for centres in double-double.
const SPARSE: f64 = 0.75;
/// Up to this many vectors read the weights as they are: packing them would
/// cost more than the product.
const THIN: usize = 3;
/// Columns of the result that one task computes.
const CHUNK: usize = 64;
/// Rows of a task come in multiples of this: whole tiles.
const TILES: usize = 10;

/// A matrix or its transpose.
pub struct Dense<'a> {
    pub weight: &'a Array2<f64>,
    pub adjoint: bool,
}

pub fn product(backend: &Cpu, dense: &Dense, x: &Block, spread: &[f64]) -> Parts {
    if backend.double() {
        return doubled(backend, dense, x, spread);
    }
    if x.vectors() <= THIN {
        return thin(backend, dense, x, spread);
    }
    let (m, vectors) = (dense.matrix(), x.vectors());
    let mut parts = Parts::zeros(backend, vectors * m.ncols());
    let Parts { hi, radius, .. } = &mut parts;
    let zero = x.hi.iter().all(|v| *v == 0.0);
    if !spread.is_empty() && zero {
        gemm(product_of(vectors, spread, m, radius).magnitudes());
    } else if spread.is_empty() {
        gemm(product_of(vectors, &x.hi, m, hi));
    } else {
        let (spread, radius) = (table(vectors, spread), table_mut(vectors, radius));
        gemm(product_of(vectors, &x.hi, m, hi).and(spread, radius));
    }
    parts
}

fn product_of<'a>(rows: usize, x: &'a [f64], m: ArrayView2<'a, f64>, out: &'a mut [f64]) -> Product<'a> {
    Product::new(table(rows, x), m, table_mut(rows, out))
}

fn table(rows: usize, x: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((rows, x.len() / rows), x).expect("whole rows")
}

fn table_mut(rows: usize, x: &mut [f64]) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((rows, x.len() / rows), x).expect("whole rows")
}

impl Dense<'_> {
    /// M of size in x out.
    fn matrix(&self) -> ArrayView2<'_, f64> {
        if self.adjoint { self.weight.view() } else { self.weight.t() }
    }
}

/// Centres in double-double. Features that are zero in every vector leave the product.
fn doubled(backend: &Cpu, dense: &Dense, x: &Block, spread: &[f64]) -> Parts {
    let m = dense.matrix();
    let (vectors, outputs) = (x.vectors(), m.ncols());
    let mut parts = Parts::zeros(backend, vectors * outputs);
    if !spread.is_empty() && vectors > 0 {
        gemm(product_of(vectors, spread, m, &mut parts.radius).magnitudes());
    }
    let alive = alive(x, spread);
    let size = (vectors, x.features);
    let hi = ArrayView2::from_shape(size, &x.hi).expect("block");
    let lo = ArrayView2::from_shape(size, &x.lo).expect("block");
    if (alive.len() as f64) < SPARSE * x.features as f64 {
        let pick = |v: ArrayView2<f64>, axis| v.select(Axis(axis), &alive);
        finely((pick(hi, 1).view(), pick(lo, 1).view()), pick(m, 0).view(), &mut parts);
    } else {
        finely((hi, lo), m, &mut parts);
    }
    parts
}

fn finely((hi, lo): (ArrayView2<f64>, ArrayView2<f64>), m: ArrayView2<f64>, parts: &mut Parts) {
    let size = (hi.nrows(), m.ncols());
    let out = ArrayViewMut2::from_shape(size, &mut parts.hi).expect("result");
    let out_lo = ArrayViewMut2::from_shape(size, &mut parts.lo).expect("result");
    let tasks: Vec<_> = chunks(out).into_iter().zip(chunks(out_lo)).collect();
    tasks::each(tasks, 8 * hi.len() * size.1, |((j, out), (_, out_lo))| {
        let b = m.slice(ndarray::s![.., j..j + out.ncols()]);
        double::product(Pair { hi, lo: Some(lo) }, Pair { hi: b, lo: None }, out, out_lo);
    });
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

/// A product on all threads.
fn gemm(product: Product) {
    let threads = rayon::current_num_threads();
    let operations = product.operations();
    let (rows, columns) = product.dim();
    if threads == 1 {
        return product.run();
    }
    let parts = if rows >= 8 * threads {
        product.cut(Axis(0), rows.div_ceil(2 * threads).next_multiple_of(TILES))
    } else {
        product.cut(Axis(1), columns.div_ceil(4 * threads).max(CHUNK))
    };
    tasks::each(parts, operations, Product::run);
}

/// A few vectors times the weights, centre and radius at once, so that the
/// weights are read from memory once and never copied.
fn thin(backend: &Cpu, dense: &Dense, x: &Block, spread: &[f64]) -> Parts {
    let &Dense { weight: w, adjoint } = dense;
    let outputs = if adjoint { w.ncols() } else { w.nrows() };
    let mut parts = Parts::zeros(backend, x.vectors() * outputs);
    let w = w.as_slice().expect("weights are stored in row order");
    let width = outputs.div_ceil(4 * rayon::current_num_threads()).max(CHUNK);
    let mut radii = parts.radius.chunks_mut(outputs.max(1));
    let mut list = vec![];
    for (v, centre) in parts.hi.chunks_mut(outputs.max(1)).enumerate() {
        let mut radius = radii.next().unwrap_or_default().chunks_mut(width);
        for (k, centre) in centre.chunks_mut(width).enumerate() {
            list.push((v, k * width, centre, radius.next().unwrap_or_default()));
        }
    }
    let n = x.features;
    tasks::each(list, x.vectors() * w.len(), |(v, at, centre, radius)| {
        let part = |data: &'_ [f64]| if data.is_empty() { 0..0 } else { v * n..(v + 1) * n };
        let (c, s) = (&x.hi[part(&x.hi)], &spread[part(spread)]);
        wide(
            #[inline(always)]
            || {
                if adjoint {
                    combine(w, outputs, at, (c, s), (centre, radius));
                } else {
                    dots(&w[at * n..], (c, s), (centre, radius));
                }
            },
        );
    });
    parts
}

/// out_i = w_i . c and |w_i| . s for consecutive rows w_i.
#[inline(always)]
fn dots(w: &[f64], (c, s): (&[f64], &[f64]), (centre, radius): (&mut [f64], &mut [f64])) {
    for i in 0..centre.len() {
        let w = &w[i * c.len()..(i + 1) * c.len()];
        centre[i] = dot(w, c, |w| w);
        if let Some(radius) = radius.get_mut(i) {
            *radius = dot(w, s, f64::abs);
        }
    }
}

/// sum of f(w) x, in as many partial sums as hide the latency of one.
#[inline(always)]
fn dot(w: &[f64], x: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let ((w, w_rest), (x, x_rest)) = (w.as_chunks::<16>(), x.as_chunks::<16>());
    let mut sums = [0.0; 16];
    for (w, x) in w.iter().zip(x) {
        for k in 0..16 {
            sums[k] += f(w[k]) * x[k];
        }
    }
    let rest: f64 = w_rest.iter().zip(x_rest).map(|(w, x)| f(*w) * x).sum();
    sums.iter().sum::<f64>() + rest
}

/// out_j = sum over rows i of c_i w_ij and of s_i |w_ij|, for columns from `at` on.
#[inline(always)]
fn combine(
    w: &[f64],
    columns: usize,
    at: usize,
    (c, s): (&[f64], &[f64]),
    (centre, radius): (&mut [f64], &mut [f64]),
) {
    let len = centre.len();
    for i in 0..c.len() {
        let w = &w[i * columns + at..][..len];
        if c[i] != 0.0 {
            for (out, w) in centre.iter_mut().zip(w) {
                *out += c[i] * w;
            }
        }
        if s.get(i).is_some_and(|s| *s != 0.0) {
            for (out, w) in radius.iter_mut().zip(w) {
                *out += s[i] * w.abs();
            }
        }
    }
}
