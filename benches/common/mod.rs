//! What the benchmarks share: random data, thread pools, and timing of rivals
//! in turns, so that a ratio compares runs that met the same machine.

use criterion::Criterion;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut2, Axis};
use std::time::{Duration, Instant};

/// Repeatable numbers in [-1, 1) (xorshift; nothing here needs better ones).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub fn vec(&mut self, len: usize, scale: f64) -> Vec<f64> {
        (0..len).map(|_| self.next() * scale).collect()
    }

    pub fn matrix(&mut self, rows: usize, columns: usize, scale: f64) -> Array2<f64> {
        Array2::from_shape_vec((rows, columns), self.vec(rows * columns, scale)).expect("sizes agree")
    }

    pub fn block(&mut self, items: usize, rows: usize, features: usize) -> Array3<f64> {
        Array3::from_shape_vec((items, rows, features), self.vec(items * rows * features, 1.0))
            .expect("sizes agree")
    }
}

/// A few runs of each, by criterion; flags of the command line count.
pub fn criterion() -> Criterion {
    Criterion::default()
        .configure_from_args()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
}

pub fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool")
}

/// out = a b by one `matrixmultiply::dgemm` per thread: what a user without
/// enclosures would call.
pub fn plain(a: ArrayView2<f64>, b: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    fn part(threads: usize, a: ArrayView2<f64>, b: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
        if threads < 2 || a.nrows().max(b.ncols()) < 16 {
            return general_mat_mul(1.0, &a, &b, 0.0, &mut out);
        }
        if a.nrows() >= b.ncols() {
            let half = a.nrows() / 2;
            let (a1, a2) = a.split_at(Axis(0), half);
            let (o1, o2) = out.split_at(Axis(0), half);
            rayon::join(|| part(threads / 2, a1, b, o1), || part(threads / 2, a2, b, o2));
        } else {
            let half = b.ncols() / 2;
            let (b1, b2) = b.split_at(Axis(1), half);
            let (o1, o2) = out.split_at(Axis(1), half);
            rayon::join(|| part(threads / 2, a, b1, o1), || part(threads / 2, a, b2, o2));
        }
    }
    part(rayon::current_num_threads(), a, b, out)
}

/// Least and median time of each rival in ms; they take turns for `budget`.
pub fn in_turns(budget: Duration, rivals: &mut [Box<dyn FnMut() + '_>]) -> Vec<(f64, f64)> {
    for run in rivals.iter_mut() {
        run();
        run();
    }
    let mut times = vec![vec![]; rivals.len()];
    let started = Instant::now();
    while times[0].len() < 7 || (started.elapsed() < budget && times[0].len() < 2000) {
        for (run, times) in rivals.iter_mut().zip(&mut times) {
            let start = Instant::now();
            run();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    times
        .into_iter()
        .map(|mut t| {
            t.sort_by(f64::total_cmp);
            (t[0], t[t.len() / 2])
        })
        .collect()
}
