//! Batches of enclosures on the host: `items x rows x features`.

use crate::num::round::{add_down, add_up, sub_down, sub_up};
use ndarray::Array3;

/// Feature k of row r of item i lies in `centre ± radius`. A radius of
/// +infinity means "anything"; centres are always finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Enclosure {
    pub centre: Array3<f64>,
    pub radius: Array3<f64>,
}

/// A centre and a radius whose interval contains [lo, hi].
#[inline(always)]
pub fn centre_radius(lo: f64, hi: f64) -> (f64, f64) {
    if !(lo.is_finite() && hi.is_finite()) || lo > hi {
        return (0.0, f64::INFINITY);
    }
    if lo == hi {
        return (lo, 0.0);
    }
    let centre = 0.5 * lo + 0.5 * hi;
    (centre, sub_up(hi, centre).max(sub_up(centre, lo)))
}

impl Enclosure {
    /// Exact values.
    pub fn point(centre: Array3<f64>) -> Self {
        let radius = Array3::zeros(centre.dim());
        Enclosure { centre, radius }
    }

    /// One item, one row.
    pub fn vector(values: &[f64]) -> Self {
        let centre = Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).expect("one row");
        Self::point(centre)
    }

    pub fn zeros(items: usize, rows: usize, features: usize) -> Self {
        Self::point(Array3::zeros((items, rows, features)))
    }

    /// The smallest representable enclosures of [lo, hi], rounded outward.
    pub fn from_bounds(lo: &Array3<f64>, hi: &Array3<f64>) -> Self {
        assert_eq!(lo.dim(), hi.dim());
        let mut out = Self::point(lo.clone());
        ndarray::Zip::from(&mut out.centre).and(&mut out.radius).and(lo).and(hi).for_each(|c, r, &l, &h| {
            (*c, *r) = centre_radius(l, h);
        });
        out
    }

    pub fn dim(&self) -> (usize, usize, usize) {
        self.centre.dim()
    }

    /// Some features of everything.
    pub fn columns(&self, range: std::ops::Range<usize>) -> Self {
        let part = |a: &Array3<f64>| a.slice(ndarray::s![.., .., range.clone()]).to_owned();
        Enclosure { centre: part(&self.centre), radius: part(&self.radius) }
    }

    /// Lower ends, rounded down.
    pub fn lo(&self) -> Array3<f64> {
        ndarray::Zip::from(&self.centre).and(&self.radius).map_collect(|&c, &r| sub_down(c, r))
    }

    /// Upper ends, rounded up.
    pub fn hi(&self) -> Array3<f64> {
        ndarray::Zip::from(&self.centre).and(&self.radius).map_collect(|&c, &r| add_up(c, r))
    }

    /// Largest magnitudes, rounded up.
    pub fn magnitude(&self) -> Array3<f64> {
        ndarray::Zip::from(&self.centre).and(&self.radius).map_collect(|&c, &r| add_up(c.abs(), r))
    }

    /// Smallest magnitudes, rounded down; 0 where the sign is open.
    pub fn mignitude(&self) -> Array3<f64> {
        ndarray::Zip::from(&self.centre)
            .and(&self.radius)
            .map_collect(|&c, &r| add_down(c.abs(), -r).max(0.0))
    }

    /// Does every interval contain the corresponding value?
    pub fn contains(&self, values: &Array3<f64>) -> bool {
        let (lo, hi) = (self.lo(), self.hi());
        ndarray::Zip::from(values).and(&lo).and(&hi).all(|&v, &l, &h| l <= v && v <= h)
    }
}
