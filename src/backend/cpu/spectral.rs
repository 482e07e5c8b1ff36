//! Batches of matrices on the CPU.

use super::Cpu;
use crate::backend::spectral::{Matrices, Spectral, Stored, Twiddles};
use crate::num::norms::{Norm, vector_norm_up};
use crate::num::round::{add_up, gamma, mul_up};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use rayon::prelude::*;

const LEAST: f64 = f64::from_bits(1);

/// ‖ · ‖_F of a matrix of magnitudes, rounded up.
fn size(a: impl IntoIterator<Item = f64, IntoIter: Clone>) -> f64 {
    vector_norm_up(a, Norm::Two)
}

impl Spectral for Cpu {
    type Batch = Matrices;

    fn store(&self, matrices: &Matrices) -> Stored<Matrices> {
        Stored { batch: matrices.clone(), error: vec![0.0; matrices.re.len_of(Axis(0))] }
    }

    fn symbols(&self, kernel: &Array3<f64>, twiddles: &Twiddles) -> Stored<Matrices> {
        let (rows, cols, taps) = kernel.dim();
        let count = twiddles.re.nrows();
        let flat = kernel.to_shape((rows * cols, taps)).expect("same entries");
        let part = |factors: &Array2<f64>| {
            let all = factors.dot(&flat.t());
            all.into_shape_with_order((count, rows, cols)).expect("same entries")
        };
        let (re, im) = (part(&twiddles.re), part(&twiddles.im));
        // Both parts of an entry err by at most `each` of Σ|w|, and by underflow.
        let each = add_up(gamma(taps + 1), twiddles.error);
        let sums = flat.rows().into_iter().map(|r| r.iter().fold(LEAST, |s, w| add_up(s, w.abs())));
        let error = mul_up(1.5, mul_up(each, size(sums)));
        let flushed = (2 * taps * rows * cols) as f64 * LEAST;
        Stored { batch: Matrices { re, im: Some(im) }, error: vec![add_up(error, flushed); count] }
    }

    fn shape(&self, a: &Matrices) -> (usize, usize, usize) {
        a.re.dim()
    }

    fn fetch(&self, a: &Matrices) -> Matrices {
        a.clone()
    }

    fn gram(&self, a: &Matrices, scale: &[f64]) -> Matrices {
        let (count, _, cols) = a.re.dim();
        let mut re = Array3::zeros((count, cols, cols));
        let mut im = a.im.as_ref().map(|_| Array3::zeros((count, cols, cols)));
        let square = |x: ArrayView2<f64>, y: Option<ArrayView2<f64>>, s: f64| {
            let mut r = x.t().dot(&x);
            let mut i = Array2::zeros((0, 0));
            if let Some(y) = y {
                r += &y.t().dot(&y);
                let cross = x.t().dot(&y);
                i = (&cross - &cross.t()) * s;
            }
            (r * s, i)
        };
        let parts: Vec<(Array2<f64>, Array2<f64>)> = (0..count)
            .into_par_iter()
            .map(|k| {
                let plane = |a: &'_ Array3<f64>| a.index_axis(Axis(0), k).to_owned();
                let y = a.im.as_ref().map(plane);
                square(plane(&a.re).view(), y.as_ref().map(|y| y.view()), scale[k])
            })
            .collect();
        for (k, (r, i)) in parts.into_iter().enumerate() {
            re.index_axis_mut(Axis(0), k).assign(&r);
            if let Some(im) = &mut im {
                im.index_axis_mut(Axis(0), k).assign(&i);
            }
        }
        Matrices { re, im }
    }

    fn gram_error(&self, a: &Matrices, frobenius: f64) -> [f64; 2] {
        let (_, rows, cols) = a.re.dim();
        // Each part of an entry is a sum of at most 2 rows products, at most ‖a_i‖‖a_j‖
        // in magnitude; √2 for both parts.
        let terms = 2 * rows + 2;
        let first = mul_up(mul_up(1.5, gamma(terms)), mul_up(frobenius, frobenius));
        let flushed = 4.0 * (terms * cols) as f64 * LEAST;
        [add_up(first, flushed), 2.0 * cols as f64 * LEAST]
    }

    fn frobenius(&self, a: &Matrices) -> Vec<f64> {
        let norms = |a: &Array3<f64>| a.outer_iter().map(|m| size(m.iter().map(|x| x.abs()))).collect();
        let re: Vec<f64> = norms(&a.re);
        match &a.im {
            None => re,
            Some(im) => {
                let im: Vec<f64> = norms(im);
                re.iter().zip(&im).map(|(x, y)| size([*x, *y])).collect()
            }
        }
    }

    fn least(&self) -> f64 {
        2f64.powi(-400)
    }
}
