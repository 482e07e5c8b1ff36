//! How fast a backend multiplies: what work is planned with.

use super::networks::dense;
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::num::random::Random;
use ndarray::Array3;
use std::time::Instant;

/// Vectors, and sides of the matrix, by which a device's rate is told.
const VECTORS: usize = 64;
const SIDE: usize = 1024;
const TURNS: usize = 3;

/// The best of a few times, in seconds; a first one prepares.
pub fn best<B: Backend>(backend: &B, mut work: impl FnMut(&B)) -> f64 {
    let mut least = f64::INFINITY;
    for turn in 0..=TURNS {
        let started = Instant::now();
        work(backend);
        backend.finish();
        if turn > 0 {
            least = least.min(started.elapsed().as_secs_f64());
        }
    }
    least
}

pub fn block(vectors: usize, features: usize) -> Enclosure {
    let mut random = Random(5);
    let centre = Array3::from_shape_simple_fn((1, vectors, features), || random.signed());
    Enclosure { radius: centre.mapv(|c| 1e-3 * c.abs()), centre }
}

/// Multiplications per second of a product of medium size, both ways: what work is planned with.
pub fn rate<B: Backend>(backend: &B) -> f64 {
    let affine = dense(&mut Random(4), SIDE, SIDE);
    let map = backend.prepare(&affine);
    let x = backend.upload(&block(VECTORS, SIDE));
    let seconds = best(backend, |b| {
        drop(b.affine(&map, &x));
        drop(b.adjoint(&map, &x));
    });
    2.0 * (VECTORS * SIDE * SIDE) as f64 / seconds
}
