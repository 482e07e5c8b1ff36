//! Batches of matrices, for norms of many symbols at once.
//!
//! What a device stores is exact by definition; how far it is from what was
//! meant is a number beside it, in Frobenius norm. That is all that Gram
//! iteration needs, and it spares a radius for every entry.

use ndarray::{Array2, Array3};

/// Matrices `count x rows x cols`; without an imaginary part they are real.
#[derive(Clone, Debug)]
pub struct Matrices {
    pub re: Array3<f64>,
    pub im: Option<Array3<f64>>,
}

/// A batch on a device, and per matrix a bound of how far, in Frobenius norm,
/// what is stored lies from what was meant.
pub struct Stored<T> {
    pub batch: T,
    pub error: Vec<f64>,
}

/// Numbers on the circle, e^{-iωt} or e^{iωt}, for frequencies times taps, each within `error` of the true one.
#[derive(Clone, Debug)]
pub struct Twiddles {
    pub re: Array2<f64>,
    pub im: Array2<f64>,
    pub error: f64,
}

pub trait Spectral {
    type Batch;

    /// Magnitudes from 2^20 on, which squares might overflow with, get an infinite error.
    fn store(&self, matrices: &Matrices) -> Stored<Self::Batch>;
    /// Σ_t kernel[·, ·, t] z_t for the numbers z of every frequency; the kernel is rows x cols x taps,
    /// with the same limit for Σ_t of magnitudes.
    fn symbols(&self, kernel: &Array3<f64>, twiddles: &Twiddles) -> Stored<Self::Batch>;
    /// `count, rows, cols`.
    fn shape(&self, a: &Self::Batch) -> (usize, usize, usize);
    fn fetch(&self, a: &Self::Batch) -> Matrices;

    /// scale AᴴA for every matrix; scales are powers of two.
    fn gram(&self, a: &Self::Batch, scale: &[f64]) -> Self::Batch;
    /// How far `gram` of a matrix with at most this Frobenius norm is from exact, in
    /// Frobenius norm, before and after the scale: `scale first + second`.
    fn gram_error(&self, a: &Self::Batch, frobenius: f64) -> [f64; 2];
    /// Upper bounds of the Frobenius norms.
    fn frobenius(&self, a: &Self::Batch) -> Vec<f64>;
    /// Frobenius norms below this are taken as they are, not squared.
    fn least(&self) -> f64;
}
