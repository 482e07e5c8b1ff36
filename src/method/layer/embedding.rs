//! Proves: ‖W‖_2 <= the reported numbers, for convolutions with any padding, stride, dilation and groups.
//! From: submatrices of circular convolutions (periods in layer::symbol::band, also with a sign after a turn), whose norm is the largest
//!   of their symbols'; `sampling` bounds the symbol at all frequencies instead, whatever the map's size.
//! Rounding: taps' correlations, roots of unity and factorisations carry their errors (layer::symbol::correlation, cover).
//! Cost: a coarse search, then a Cholesky factorisation of order min(out, in x stride²) per cell of frequencies.
//! Loose when: maps are small against the kernel: 0.1 % at n = 32, 1 % at n = 13 for 3x3. Exact when 1x1.
//!
//! An axis may enter as the banded matrix it is instead (`Wrap::Exact`), at the price of orders that grow with its length.
//! With both axes so the "symbol" is the operator itself: one factorisation.

use super::cover::cover;
use super::screen::{Screen, Symbol};
use crate::layer::map::LinearMap;
use crate::layer::symbol::band::Band;
use crate::layer::symbol::cells::{Aim, Grid};
use crate::layer::symbol::correlation::{Correlation, Side, Wrap};
use crate::layer::symbol::groups::{FEW, LATTICE, Symbols};
use crate::layer::symbol::peaks::Peaks;
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

/// What covering all frequencies may give away.
const SPARE: f64 = 1e-4;
/// Periods above this are so long that the symbol's supremum is as good.
const LONG: usize = 100;
/// Periods tried above the least one.
const LONGER: usize = 4;

/// Symbols whose peaks are searched for.
pub struct Searched(Symbols);

impl Searched {
    /// None where there are no symbols.
    pub fn new(map: &LinearMap, wrap: [Wrap; 2]) -> Option<Searched> {
        Symbols::new(map, wrap).map(Searched)
    }

    /// Where the symbols are large.
    pub fn peaks(&self) -> Vec<Peaks<'_>> {
        self.0.groups.iter().map(|g| Peaks::new(g, self.0.reach())).collect()
    }

    /// An estimate of the norm over all frequencies.
    pub fn supremum(&self, peaks: &[Peaks]) -> f64 {
        let one = |(g, p): (&Correlation, &Peaks)| g.finish(p.top().0);
        self.0.groups.iter().zip(peaks).map(one).fold(0.0, f64::max)
    }

    /// A vector of the map's inputs or outputs close to its top singular vector.
    pub fn wave(&self, peaks: &[Peaks]) -> (Side, Array1<f64>) {
        let size = |k: &usize| self.0.groups[*k].finish(peaks[*k].top().0);
        let best = (0..self.0.groups.len()).max_by(|a, b| size(a).total_cmp(&size(b))).expect("a group");
        // Groups of zeros were left out; a start in a wrong group would be useless, not unsound.
        (self.0.side, peaks[best].wave(&self.0.shape, &self.0.bands, self.0.side, best))
    }

    /// The norm at all frequencies: a bound for maps of every size.
    pub fn sampling(&self, peaks: &mut [Peaks], proofs: usize, screen: Option<&dyn Screen>) -> Upper {
        let grid = self.0.circles([LATTICE; 2], [false; 2]);
        let aim = Aim { grid, reach: self.0.reach(), everywhere: None, proofs };
        let mut all = Upper::proven(0.0);
        for (k, (group, peaks)) in self.0.groups.iter().zip(peaks).enumerate() {
            // Groups below the largest so far need no closer bound.
            let guess = (peaks.top().0 * (1.0 + SPARE)).max(group.scaled(all.get()));
            match cover(group, peaks, &aim, guess, self.shown(screen, k).as_ref()) {
                Some(bound) => all = all.max(Upper::proven(group.finish(bound))),
                None => return Upper::INFINITE,
            }
        }
        all
    }

    /// The norm of the best circle the map fits into, and which it is where there is one group; `everywhere` is a
    /// proven bound at all frequencies.
    pub fn embedding(
        &self,
        peaks: &mut [Peaks],
        everywhere: Upper,
        proofs: usize,
        screen: Option<&dyn Screen>,
    ) -> (Upper, Option<Grid>) {
        let least = [0, 1].map(|a| self.0.bands[a].period());
        let (mut all, mut circle) = (Upper::proven(0.0), None);
        for (k, (group, peaks)) in self.0.groups.iter().zip(peaks).enumerate() {
            let mut best = (f64::INFINITY, self.0.circles(least, [false; 2]));
            let varies = self.0.reach().map(|k| k > 1);
            let tries = |a: usize| if varies[a] { 2 * LONGER } else { 1 };
            for t in 0..tries(0) * tries(1) {
                let turn = [t / tries(1), t % tries(1)];
                let period = [0, 1].map(|a| least[a] + turn[a] / 2);
                let grid = self.0.circles(period, turn.map(|t| t % 2 == 1));
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
            let aim = Aim { grid, reach: self.0.reach(), everywhere: Some(top), proofs };
            match cover(group, peaks, &aim, guess, self.shown(screen, k).as_ref()) {
                Some(bound) => all = all.max(Upper::proven(group.finish(bound))),
                None => return (Upper::INFINITE, None),
            }
            circle = (self.0.groups.len() == 1).then_some(grid);
        }
        (all, circle)
    }

    fn shown<'s>(&self, screen: Option<&'s dyn Screen>, group: usize) -> Option<Symbol<'s>> {
        screen.filter(|_| self.0.is_circular()).map(|screen| Symbol::new(screen, &self.0, group))
    }

    /// The operator itself, where both axes are exact; `guess` is what a search found.
    pub fn exact(&self, guess: Lower) -> Upper {
        let one = |g: &Correlation| Upper::proven(g.finish(g.upper([(0, 1); 2], g.scaled(guess.get()))));
        self.0.groups.iter().map(one).fold(Upper::proven(0.0), Upper::max)
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
