//! Proves: ‖W‖_2 <= the reported numbers, for convolutions with any padding, stride, dilation and groups.
//! From: submatrices of circular convolutions (periods in layer::symbol::band, also with a sign after a turn), whose norm is the largest
//!   of their symbols'; `sampling` bounds the symbol at all frequencies instead, whatever the map's size.
//! Rounding: taps' correlations, roots of unity and factorisations carry their errors (layer::symbol::correlation, cover).
//! Cost: a coarse search, then a Cholesky factorisation of order min(out, in x stride²) per cell of frequencies.
//! Loose when: maps are small against the kernel: 0.1 % at n = 32, 1 % at n = 13 for 3x3. Exact when 1x1.
//!
//! An axis may enter as the banded matrix it is instead (`Wrap::Exact`), at the price of orders that grow with its length.
//! With both axes so the "symbol" is the operator itself: one factorisation.

use super::cover::{Aim, cover};
use crate::layer::map::{ConvShape, LinearMap};
use crate::layer::symbol::band::Band;
use crate::layer::symbol::correlation::{Correlation, Side, Wrap, shorter, size};
use crate::layer::symbol::peaks::{Circle, Peaks};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::{Lower, Upper};
use ndarray::Array1;

pub const ROW: Row = Row {
    name: "embedding",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "a factorisation per cell of frequencies",
    paper: "part of a circular convolution; Cholesky, Bernstein-Szego",
    formula: "‖W‖₂ ≤ max over frequencies of a circular convolution that W is a part of",
    loose: "the image is hardly larger than the kernel",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub const STRIP: Row = Row {
    name: "strip",
    scope: Scope::Layer,
    proves: Proves::Upper,
    norms: "2→2",
    cost: "factorisations of channels x side",
    paper: "circular along one axis, exact along the other",
    formula: "the same, circular along one axis only",
    loose: "one side is long",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// Points per axis on which all frequencies are covered.
const LATTICE: usize = 1 << 11;
/// What covering all frequencies may give away.
const SPARE: f64 = 1e-4;
/// Periods above this are so long that the symbol's supremum is as good.
const LONG: usize = 100;
/// Grids of up to this many points are proven point by point.
const FEW: usize = 150;
/// Periods tried above the least one.
const LONGER: usize = 4;
/// Numbers that the products of taps may take.
const HELD: f64 = 4e7;
/// Pairs of taps, and multiplications to form their products.
const PAIRS: f64 = 1e5;
const FORMED: f64 = 2e11;

/// The symbols of a convolution's groups.
pub struct Symbols {
    shape: ConvShape,
    bands: [Band; 2],
    wrap: [Wrap; 2],
    side: Side,
    groups: Vec<Correlation>,
}

/// A sketch of the work: order of the factorisations and operations of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub order: usize,
    pub proof: f64,
}

/// `None` for dense maps, maps that no tap meets, and kernels too large to hold.
pub fn price(map: &LinearMap, wrap: [Wrap; 2]) -> Option<Price> {
    let LinearMap::Conv { shape, .. } = map else { return None };
    let bands = [Band::new(shape, 0)?, Band::new(shape, 1)?];
    let (order, held) = size(shape, &bands, wrap, shorter(shape, &bands, wrap));
    let n = order as f64;
    let taps: f64 = bands.iter().map(|b| ((b.high - b.low + 1) as f64).powi(2)).product();
    let channels = (shape.in_channels / shape.groups) as f64 * (shape.out_channels / shape.groups) as f64;
    let forming = taps * channels * (shape.in_channels.min(shape.out_channels) / shape.groups) as f64;
    (held <= HELD && taps <= PAIRS && forming <= FORMED)
        .then_some(Price { order, proof: 3.0 * n * n * n + 100.0 * n * n + 1e4 })
}

impl Symbols {
    pub fn new(map: &LinearMap, wrap: [Wrap; 2]) -> Option<Self> {
        price(map, wrap)?;
        let LinearMap::Conv { shape, weight, .. } = map else { return None };
        let bands = [Band::new(shape, 0)?, Band::new(shape, 1)?];
        let side = shorter(shape, &bands, wrap);
        let size = weight.len() / shape.groups;
        if weight.iter().any(|w| !w.is_finite()) {
            return None;
        }
        // On an exact axis the classes of a dilation are operators of their own; a circle takes what covers them.
        let classes = |a: usize| match wrap[a] {
            Wrap::Exact => Band::classes(shape, a),
            Wrap::Circle => vec![bands[a]],
        };
        let mut groups = Vec::new();
        for kernel in weight.chunks(size.max(1)) {
            for &y in &classes(0) {
                // A group of zeros has no symbol and the norm zero.
                let one = |x| Correlation::new(shape, kernel, &[y, x], wrap, side);
                groups.extend(classes(1).into_iter().filter_map(one));
            }
        }
        (!groups.is_empty()).then_some(Symbols { shape: *shape, bands, wrap, side, groups })
    }

    fn reach(&self) -> [usize; 2] {
        [0, 1].map(|a| if self.wrap[a] == Wrap::Exact { 1 } else { self.bands[a].reach() })
    }

    /// Where the symbols are large.
    pub fn peaks(&self) -> Vec<Peaks<'_>> {
        self.groups.iter().map(|g| Peaks::new(g, self.reach())).collect()
    }

    /// An estimate of the norm over all frequencies.
    pub fn supremum(&self, peaks: &[Peaks]) -> f64 {
        let one = |(g, p): (&Correlation, &Peaks)| g.finish(p.top().0);
        self.groups.iter().zip(peaks).map(one).fold(0.0, f64::max)
    }

    /// A vector of the map's inputs or outputs close to its top singular vector.
    pub fn wave(&self, peaks: &[Peaks]) -> (Side, Array1<f64>) {
        let size = |k: &usize| self.groups[*k].finish(peaks[*k].top().0);
        let best = (0..self.groups.len()).max_by(|a, b| size(a).total_cmp(&size(b))).expect("a group");
        // Groups of zeros were left out; a start in a wrong group would be useless, not unsound.
        (self.side, peaks[best].wave(&self.shape, &self.bands, self.side, best))
    }

    fn circles(&self, period: [usize; 2], half: [bool; 2]) -> [Circle; 2] {
        let reach = self.reach();
        [0, 1].map(|a| match reach[a] {
            1 => Circle { period: 1, half: false },
            _ => Circle { period: period[a], half: half[a] },
        })
    }

    /// The norm at all frequencies: a bound for maps of every size.
    pub fn sampling(&self, peaks: &mut [Peaks], proofs: usize) -> Upper {
        let grid = self.circles([LATTICE; 2], [false; 2]);
        let aim = Aim { grid, reach: self.reach(), everywhere: None, proofs };
        let mut all = Upper::proven(0.0);
        for (group, peaks) in self.groups.iter().zip(peaks) {
            // Groups below the largest so far need no closer bound.
            let guess = (peaks.top().0 * (1.0 + SPARE)).max(group.scaled(all.get()));
            match cover(group, peaks, &aim, guess) {
                Some(bound) => all = all.max(Upper::proven(group.finish(bound))),
                None => return Upper::INFINITE,
            }
        }
        all
    }

    /// The norm of the best circle the map fits into; `everywhere` is a proven bound at all frequencies.
    pub fn embedding(&self, peaks: &mut [Peaks], everywhere: Upper, proofs: usize) -> Upper {
        let least = [0, 1].map(|a| self.bands[a].period());
        let mut all = Upper::proven(0.0);
        for (group, peaks) in self.groups.iter().zip(peaks) {
            let mut best = (f64::INFINITY, self.circles(least, [false; 2]));
            let varies = self.reach().map(|k| k > 1);
            let tries = |a: usize| if varies[a] { 2 * LONGER } else { 1 };
            for k in 0..tries(0) * tries(1) {
                let turn = [k / tries(1), k % tries(1)];
                let period = [0, 1].map(|a| least[a] + turn[a] / 2);
                let grid = self.circles(period, turn.map(|t| t % 2 == 1));
                let rough = peaks.rough(grid);
                if rough < best.0 * (1.0 - 1e-9) {
                    best = (rough, grid);
                }
            }
            let grid = best.1;
            let guess = peaks.highest(grid).max(group.scaled(all.get())) * (1.0 + 1e-7);
            let points = grid[0].period * grid[1].period / 2;
            let top = if points <= FEW { f64::INFINITY } else { group.scaled(everywhere.get()) };
            // Scaling rounds nothing: both are powers of two apart but for `lost`, which `finish` adds.
            let aim = Aim { grid, reach: self.reach(), everywhere: Some(top), proofs };
            match cover(group, peaks, &aim, guess) {
                Some(bound) => all = all.max(Upper::proven(group.finish(bound))),
                None => return Upper::INFINITE,
            }
        }
        all
    }

    /// The operator itself, where both axes are exact; `guess` is what a search found.
    pub fn exact(&self, guess: Lower) -> Upper {
        let one = |g: &Correlation| Upper::proven(g.finish(g.upper([(0, 1); 2], g.scaled(guess.get()))));
        self.groups.iter().map(one).fold(Upper::proven(0.0), Upper::max)
    }
}

/// Are periods so long that a grid gains nothing over all frequencies?
pub fn is_long(map: &LinearMap) -> bool {
    let LinearMap::Conv { shape, .. } = map else { return false };
    let long = |a| Band::new(shape, a).is_none_or(|b| b.reach() == 1 || b.period() > LONG);
    long(0) && long(1)
}

/// Points of the least grid that must be proven one by one, or cells of about all frequencies.
pub fn is_small(map: &LinearMap) -> bool {
    let LinearMap::Conv { shape, .. } = map else { return false };
    let count = |a| Band::new(shape, a).map_or(1, |b| if b.reach() == 1 { 1 } else { b.period() });
    count(0) * count(1) / 2 <= FEW
}
