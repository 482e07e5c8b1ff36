//! Proves: σ(H(ω)) <= μ for many frequencies ω at once, for the symbol H of a convolution; what it cannot is left to cover.
//! From: Gram iteration (Delattre et al. 2023) of all of them in one batch, where a device squares matrices faster than a
//!   processor factors one. Most cells of frequencies have room to spare; those around the peaks have not.
//! Rounding: that of the stack.
//! Cost: about seven squarings a frequency.
//! Loose when: never; what is not shown is not claimed.

use super::stack;
use crate::backend::spectral::{Spectral, Twiddles};
use crate::layer::symbol::correlation::Frequency;
use crate::layer::symbol::groups::Symbols;
use crate::layer::symbol::twiddle;
use ndarray::{Array2, Array3};

/// What the squarings give away, in parts of the norm.
const TOLERANCE: f64 = 0.05;
/// Entries of a batch: some 200 MB on a device that holds a few copies in f64.
const ENTRIES: usize = 1 << 22;

/// Proves norms of many matrices Σ_t K_t z_t at once.
pub trait Screen: Sync {
    /// Upper bounds for every row of factors.
    fn norms(&self, kernel: &Array3<f64>, factors: &Twiddles) -> Vec<f64>;
}

/// By squarings on a device.
pub struct Squared<'b, S>(pub &'b S);

impl<S: Spectral + Sync> Screen for Squared<'_, S> {
    fn norms(&self, kernel: &Array3<f64>, factors: &Twiddles) -> Vec<f64> {
        let bounds = stack::norms(self.0, self.0.symbols(kernel, factors), TOLERANCE);
        bounds.into_iter().map(|b| b.get()).collect()
    }
}

/// The symbol of one group before it is squared, scaled as its correlations are.
pub struct Symbol<'s> {
    screen: &'s dyn Screen,
    /// The longer side, the shorter one, taps.
    kernel: Array3<f64>,
    /// Exponents of the taps' factors, per axis.
    exponents: Vec<[i64; 2]>,
}

impl<'s> Symbol<'s> {
    pub fn new(screen: &'s dyn Screen, symbols: &Symbols, group: usize) -> Symbol<'s> {
        let (shape, bands) = (&symbols.shape, &symbols.bands);
        let (inputs, outputs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let phases = [0, 1].map(|a| bands[a].phases());
        let columns = phases[0].len() * phases[1].len() * inputs;
        // Taps of the same phase differ in their multiple of the stride.
        let reach = symbols.reach();
        let exponents: Vec<[i64; 2]> =
            (0..reach[0]).flat_map(|y| (0..reach[1]).map(move |x| [y as i64, x as i64])).collect();
        let weights = symbols.weights(group);
        let mut kernel = Array3::zeros((outputs, columns, exponents.len()));
        let taps =
            (bands[0].low..=bands[0].high).flat_map(|y| (bands[1].low..=bands[1].high).map(move |x| [y, x]));
        for tap in taps {
            let places = [0, 1].map(|a| bands[a].place(tap[a]));
            let phase = [0, 1].map(|a| phases[a].binary_search(&places[a].1).expect("a phase of a tap"));
            let first = (phase[0] * phases[1].len() + phase[1]) * inputs;
            let k = places[0].0 * reach[1] + places[1].0;
            for (o, i) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
                let at = (o * inputs + i) * shape.taps() + tap[0] * shape.kernel[1] + tap[1];
                kernel[[o, first + i, k]] = symbols.groups[group].scaled(weights[at]);
            }
        }
        if outputs < columns {
            kernel.swap_axes(0, 1);
            kernel = kernel.as_standard_layout().into_owned();
        }
        Symbol { screen, kernel, exponents }
    }

    /// At which of these frequencies is the norm proven to be at most what is needed there?
    pub fn holds(&self, asked: &[(Frequency, f64)]) -> Vec<bool> {
        let (rows, columns, taps) = self.kernel.dim();
        let each = (ENTRIES / (rows * columns).max(taps).max(1)).max(1);
        let part = |asked: &[(Frequency, f64)]| {
            let root = |(f, t): (usize, usize)| {
                let ([(p, q), (r, s)], [a, b]) = (asked[f].0, self.exponents[t]);
                twiddle::root(a * p * s + b * r * q, q * s)
            };
            let shape = (asked.len(), taps);
            let factors = Twiddles {
                re: Array2::from_shape_fn(shape, |at| root(at).0),
                im: Array2::from_shape_fn(shape, |at| root(at).1),
                error: twiddle::ERROR,
            };
            let norms = self.screen.norms(&self.kernel, &factors);
            assert_eq!(norms.len(), asked.len());
            asked.iter().zip(norms).map(|(a, norm)| norm.is_finite() && norm <= a.1).collect::<Vec<bool>>()
        };
        asked.chunks(each).flat_map(part).collect()
    }
}
