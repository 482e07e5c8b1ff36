//! Batches of matrices on the device.

use super::device::Slab;
use super::inflate::Real;
use super::kernels::{COLUMNS, GRAM, SYMBOLS};
use super::launch::Pass;
use super::{Arg, Gpu};
use crate::backend::spectral::{Matrices, Spectral, Stored, Twiddles};
use crate::num::norms::{Norm, vector_norm_up};
use crate::num::round::{add_up, mul_up, sqrt_up, sub_up};
use ndarray::{Array3, Axis};

const LARGE: f64 = 1048576.0;

pub struct Batch {
    count: usize,
    rows: usize,
    cols: usize,
    re: Slab,
    im: Option<Slab>,
}

impl Batch {
    fn size(&self) -> usize {
        self.rows * self.cols
    }

    /// Real matrices that lie there, one after the other.
    pub(super) fn real(count: usize, [rows, cols]: [usize; 2], plane: Slab) -> Batch {
        Batch { count, rows, cols, re: plane, im: None }
    }

    /// Their real parts.
    pub(super) fn plane(self) -> Slab {
        self.re
    }

    /// Both planes; a real batch shows its only one twice.
    fn planes(&self) -> [Arg<'_>; 2] {
        [Arg::Each(&self.re, self.size()), Arg::Each(self.im.as_ref().unwrap_or(&self.re), self.size())]
    }
}

/// Far from overflow, squared and summed.
fn small(x: f64) -> bool {
    x.abs() < LARGE
}

/// Numbers of the device, and by how much each was changed.
fn rounded<'a>(real: Real, values: impl IntoIterator<Item = &'a f64>) -> (Vec<f64>, Vec<f64>) {
    let lost = |v: f64, w: f64| sub_up(v, w).max(sub_up(w, v));
    values.into_iter().map(|&v| (real.near(v), lost(v, real.near(v)))).unzip()
}

impl Gpu {
    fn plane(&self, count: usize) -> Slab {
        self.device.reals(count)
    }

    /// γ of so many operations; infinite where they are too many to be bounded.
    fn spread(&self, operations: usize) -> f64 {
        let real = self.real();
        if real.sums(operations) { real.gamma(operations) * self.widening.0 } else { f64::INFINITY }
    }
}

impl Spectral for Gpu {
    type Batch = Batch;

    fn store(&self, matrices: &Matrices) -> Stored<Batch> {
        let (count, rows, cols) = matrices.re.dim();
        let mut squares = vec![0.0; count];
        let mut plane = |a: &Array3<f64>| {
            let (near, lost) = rounded(self.real(), a);
            for (k, square) in squares.iter_mut().enumerate() {
                let part = &lost[k * rows * cols..(k + 1) * rows * cols];
                let norm = vector_norm_up(part.iter().copied(), Norm::Two);
                *square = add_up(*square, mul_up(norm, norm));
            }
            self.device.upload(&near)
        };
        let re = plane(&matrices.re);
        let im = matrices.im.as_ref().map(plane);
        let wild = |k: usize| {
            let large = |a: &Array3<f64>| a.index_axis(Axis(0), k).iter().any(|v| !small(*v));
            large(&matrices.re) || matrices.im.as_ref().is_some_and(large)
        };
        let total = |(k, s): (usize, f64)| if wild(k) { f64::INFINITY } else { sqrt_up(s) };
        let error = squares.into_iter().enumerate().map(total).collect();
        Stored { batch: Batch { count, rows, cols, re, im }, error }
    }

    fn symbols(&self, kernel: &Array3<f64>, twiddles: &Twiddles) -> Stored<Batch> {
        let real = self.real();
        let (rows, cols, taps) = kernel.dim();
        let (count, size) = (twiddles.re.nrows(), rows * cols);
        let (weight, lost) = rounded(real, kernel);
        let (cosine, sine) = (rounded(real, &twiddles.re), rounded(real, &twiddles.im));
        let (re, im) = (self.plane(count * size), self.plane(count * size));
        let weights = self.device.upload(&weight);
        let (cosines, sines) = (self.device.upload(&cosine.0), self.device.upload(&sine.0));
        let args = [
            Arg::Reals(&weights, weight.len()),
            Arg::Each(&cosines, taps),
            Arg::Each(&sines, taps),
            Arg::Each(&re, size),
            Arg::Each(&im, size),
        ];
        self.each(&SYMBOLS, (count, size), &self.consts(1.0), &args, |_| vec![size as u32, taps as u32]);
        // Both parts: rounding of sums, of factors and of weights, and flushes; factors are at most 1.
        let turned = cosine.1.iter().chain(&sine.1).fold(0.0f64, |m, v| m.max(*v));
        let each = add_up(add_up(self.spread(taps + 2), twiddles.error), turned);
        let sums = kernel.to_shape((size, taps)).expect("same entries");
        let lost = lost.chunks_exact(taps.max(1)).map(|l| l.iter().fold(0.0, |s, v| add_up(s, *v)));
        let errors = sums.rows().into_iter().zip(lost).map(|(row, lost)| {
            let sum = row.iter().fold(0.0, |s, w| add_up(s, w.abs()));
            let flushed = 16.0 * (taps + 1) as f64 * real.tiny() * self.widening.0;
            add_up(add_up(mul_up(each, sum), mul_up(2.0, lost)), mul_up(flushed, add_up(1.0, sum)))
        });
        let fine = kernel.lanes(Axis(2)).into_iter().all(|w| small(w.iter().map(|v| v.abs()).sum()));
        let error = if fine { mul_up(1.5, vector_norm_up(errors, Norm::Two)) } else { f64::INFINITY };
        Stored { batch: Batch { count, rows, cols, re, im: Some(im) }, error: vec![error; count] }
    }

    fn shape(&self, a: &Batch) -> (usize, usize, usize) {
        (a.count, a.rows, a.cols)
    }

    fn fetch(&self, a: &Batch) -> Matrices {
        let shape = (a.count, a.rows, a.cols);
        let read = |slab: &Slab| {
            let values = self.device.read(&[(slab, a.count * a.size())]).and_then(|mut v| v.pop());
            let values = values.unwrap_or_else(|| vec![f64::NAN; a.count * a.size()]);
            Array3::from_shape_vec(shape, values).expect("a batch")
        };
        Matrices { re: read(&a.re), im: a.im.as_ref().map(read) }
    }

    fn gram(&self, a: &Batch, scale: &[f64]) -> Batch {
        let size = a.cols * a.cols;
        let re = self.plane(a.count * size);
        let im = a.im.as_ref().map(|_| self.plane(a.count * size));
        let idle = self.plane(0);
        let scales = self.device.upload(scale);
        let [x, y] = a.planes();
        let out = match &im {
            Some(im) => Arg::Each(im, size),
            None => Arg::Reals(&idle, 0),
        };
        let args = [x, y, Arg::Each(&scales, 1), Arg::Each(&re, size), out];
        let complex = a.im.is_some() as u32;
        let sides = a.cols.div_ceil(32) as u32;
        let widest = a.size().max(size);
        let most = 65_535usize.min(self.binding as usize / (widest * self.real().bytes()).max(1));
        self.run_up_to(
            &Pass { kernel: &GRAM, consts: &self.consts(1.0), args: &args },
            (a.count, most),
            |_, _| vec![a.rows as u32, a.cols as u32, complex],
            |count| [sides, sides, count as u32],
        );
        Batch { count: a.count, rows: a.cols, cols: a.cols, re, im }
    }

    fn gram_error(&self, a: &Batch, frobenius: f64) -> [f64; 2] {
        let real = self.real();
        let terms = 2 * a.rows;
        // Each part of an entry is a sum of so many products, at most ‖a_i‖‖a_j‖ in
        // magnitude; √2 for both parts.
        let square = mul_up(frobenius, frobenius);
        let first = mul_up(mul_up(1.5, self.spread(terms + 4)), square);
        let flushed = 16.0 * (terms * a.cols) as f64 * real.tiny() * self.widening.0;
        [add_up(first, mul_up(flushed, square.max(1.0))), 4.0 * a.cols as f64 * real.tiny()]
    }

    fn frobenius(&self, a: &Batch) -> Vec<f64> {
        let real = self.real();
        let sums = self.plane(a.count * a.cols);
        let [x, y] = a.planes();
        let args = [x, y, Arg::Each(&sums, a.cols)];
        let complex = a.im.is_some() as u32;
        self.each(&COLUMNS, (a.count, a.cols), &self.consts(1.0), &args, |_| {
            vec![a.rows as u32, a.cols as u32, complex]
        });
        let terms = 2 * a.rows + 2;
        let growth = 1.0 + 2.0 * self.spread(terms + 2);
        let flushed = 16.0 * terms as f64 * real.tiny() * self.widening.0;
        if growth.is_infinite() {
            return vec![f64::INFINITY; a.count];
        }
        let Some(mut parts) = self.device.read(&[(&sums, a.count * a.cols)]) else {
            return vec![f64::INFINITY; a.count];
        };
        let squares = parts.pop().expect("one buffer");
        let column = |v: &f64| add_up(mul_up(*v, growth), flushed);
        let total = |c: &[f64]| c.iter().fold(0.0, |s, v| add_up(s, column(v)));
        squares.chunks_exact(a.cols.max(1)).map(|c| sqrt_up(total(c))).collect()
    }

    fn least(&self) -> f64 {
        match self.real() {
            Real::F32 => 2f64.powi(-40),
            Real::F64 => 2f64.powi(-400),
        }
    }
}
