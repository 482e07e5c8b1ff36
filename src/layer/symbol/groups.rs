//! The symbols of a convolution, group by group, and when they bound its norm.
//!
//! A map is a submatrix of a circular convolution of any long enough period (also with a sign after a turn), whose norm
//! is the largest of its symbols' at the circle's frequencies; the supremum over all frequencies bounds maps of every
//! size. An axis may enter as the banded matrix it is instead; with both so the symbol is the operator itself.

use super::band::Band;
use super::cells::{Aim, Circle, Grid};
use super::correlation::{Correlation, Side, Wrap, shorter, size};
use crate::layer::map::{ConvShape, LinearMap};
use crate::num::round::{mul_down, sub_down};
use std::sync::Arc;

/// Points per axis on which all frequencies are covered.
pub const LATTICE: usize = 1 << 11;
/// Grids of up to this many points are proven point by point.
pub const FEW: usize = 150;
/// Factorisations of one proof at most.
const PROOFS: usize = 4000;
/// What is tried as a bound at all frequencies for circles whose points are too many, in the bound there.
const ABOVE: [f64; 3] = [1.003, 1.03, 1.5];
/// Numbers that the products of taps may take.
const HELD: f64 = 4e7;
/// Pairs of taps, and multiplications to form their products.
const PAIRS: f64 = 1e5;
const FORMED: f64 = 2e11;

/// The symbols of a convolution's groups.
pub struct Symbols {
    pub shape: ConvShape,
    pub bands: [Band; 2],
    wrap: [Wrap; 2],
    pub side: Side,
    pub groups: Vec<Correlation>,
    weight: Arc<Vec<f64>>,
    /// Which group of the weights each is of.
    of: Vec<usize>,
}

/// A sketch of the work: order of the factorisations and operations of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub order: usize,
    pub proof: f64,
    /// Numbers that the products of taps take, of all groups.
    pub held: f64,
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
    (held <= HELD && taps <= PAIRS && forming <= FORMED).then_some(Price {
        order,
        proof: 3.0 * n * n * n + 100.0 * n * n + 1e4,
        held: held * shape.groups as f64,
    })
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
        let (mut groups, mut of) = (Vec::new(), Vec::new());
        for (k, kernel) in weight.chunks(size.max(1)).enumerate() {
            for &y in &classes(0) {
                // A group of zeros has no symbol and the norm zero.
                let one = |x| Correlation::new(shape, kernel, &[y, x], wrap, side);
                groups.extend(classes(1).into_iter().filter_map(one));
                of.resize(groups.len(), k);
            }
        }
        let weight = weight.clone();
        (!groups.is_empty()).then_some(Symbols { shape: *shape, bands, wrap, side, groups, weight, of })
    }

    /// The kernel of a group as it is stored.
    pub fn weights(&self, group: usize) -> &[f64] {
        let size = self.weight.len() / self.shape.groups;
        &self.weight[self.of[group] * size..][..size]
    }

    /// Do both axes run around circles?
    pub fn is_circular(&self) -> bool {
        self.wrap == [Wrap::Circle; 2]
    }

    pub fn reach(&self) -> [usize; 2] {
        [0, 1].map(|a| if self.wrap[a] == Wrap::Exact { 1 } else { self.bands[a].reach() })
    }

    pub fn circles(&self, period: [usize; 2], half: [bool; 2]) -> Grid {
        let reach = self.reach();
        [0, 1].map(|a| match reach[a] {
            1 => Circle { period: 1, half: false },
            _ => Circle { period: period[a], half: half[a] },
        })
    }

    /// Is ‖W‖_2 proven to be at most `norm`: where both axes are exact by one factorisation, else at all frequencies, or
    /// on the circles of `grid`? `more` ends it.
    pub fn proves(&self, norm: f64, grid: Option<Grid>, more: &(dyn Fn() -> bool + Sync)) -> bool {
        self.groups.iter().all(|group| {
            // Scaling rounds nothing but what `finish` adds.
            let scaled = mul_down(group.scaled(norm), 1.0 - 1e-15);
            let bound = sub_down(scaled, group.scaled(group.finish(0.0)));
            let held = bound > 0.0 && group.finish(bound) <= norm;
            held && match grid {
                _ if self.wrap == [Wrap::Exact; 2] => group.proves([(0, 1); 2], bound),
                None => self.everywhere(group, bound, more),
                Some(grid) => self.around(group, bound, grid, more),
            }
        })
    }

    fn everywhere(&self, group: &Correlation, bound: f64, more: &(dyn Fn() -> bool + Sync)) -> bool {
        let grid = self.circles([LATTICE; 2], [false; 2]);
        let aim = Aim { grid, reach: self.reach(), everywhere: None, proofs: PROOFS };
        aim.holds(group, bound, more)
    }

    fn around(&self, group: &Correlation, bound: f64, grid: Grid, more: &(dyn Fn() -> bool + Sync)) -> bool {
        let reach = self.reach();
        let long = |a: usize| match reach[a] {
            1 => grid[a] == Circle { period: 1, half: false },
            _ => grid[a].period >= self.bands[a].period(),
        };
        if !(long(0) && long(1)) {
            return false;
        }
        let points = grid[0].period.saturating_mul(grid[1].period) / 2;
        let above = |part: f64| bound * part;
        let top = match points <= FEW {
            true => Some(f64::INFINITY),
            false => ABOVE.map(above).into_iter().find(|top| self.everywhere(group, *top, more)),
        };
        top.is_some_and(|top| {
            Aim { grid, reach, everywhere: Some(top), proofs: PROOFS }.holds(group, bound, more)
        })
    }
}
