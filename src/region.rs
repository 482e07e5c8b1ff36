//! The set on which steepness is bounded: boxes, balls, everything.

use crate::error::{Error, Result};
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, mul_up, sub_down, sub_up};
use crate::num::{Enclosure, Norm, centre_radius};
use ndarray::{Array2, Array3};

/// Half-width by which a single point is widened before anything is computed:
/// an open neighbourhood, so that all generalised Jacobians at the point are
/// enclosed, and far below every rounding.
const NEIGHBOURHOOD: f64 = 1e-265;

/// A bounded convex region or all of R^n, in the coordinates of the network's input.
#[derive(Clone, Debug)]
pub enum Region {
    Whole,
    /// The box [lo, hi], or its intersection with a ball when `ball` is given (an
    /// l-infinity ball too: its box is rounded outward, members are not).
    /// A fixed coordinate is one constant somewhere in its interval.
    Bounded {
        lo: Vec<f64>,
        hi: Vec<f64>,
        fixed: Vec<bool>,
        centre: Vec<f64>,
        ball: Option<(Norm, f64)>,
    },
}

impl Region {
    /// {x : ‖x - centre‖_norm <= radius}, intersected with `clip` in every coordinate.
    pub fn ball(centre: &[f64], radius: f64, norm: Norm, clip: Option<(f64, f64)>) -> Result<Region> {
        if !(radius >= 0.0 && radius.is_finite()) {
            return Err(Error::input(format!("the radius {radius} is not a finite number >= 0"))
                .next("give a radius such as --eps 0.01"));
        }
        if let Some(bad) = centre.iter().find(|v| !v.is_finite()) {
            return Err(Error::input(format!("the centre contains {bad}")).next("use finite input values"));
        }
        let mut lo: Vec<f64> =
            centre.iter().map(|&c| if radius == 0.0 { c } else { sub_down(c, radius) }).collect();
        let mut hi: Vec<f64> =
            centre.iter().map(|&c| if radius == 0.0 { c } else { add_up(c, radius) }).collect();
        if let Some((a, b)) = clip {
            if let Some((i, v)) = centre.iter().enumerate().find(|&(_, &v)| !(a <= v && v <= b)) {
                return Err(Error::input(format!(
                    "input {i} of the centre is {v}, outside the clip range [{a}, {b}]"
                ))
                .next("move the centre or widen --clip"));
            }
            lo.iter_mut().for_each(|l| *l = l.max(a));
            hi.iter_mut().for_each(|h| *h = h.min(b));
        }
        let ball = Some((norm, radius));
        let fixed = equal(&lo, &hi);
        Ok(Region::Bounded { lo, hi, fixed, centre: centre.to_vec(), ball })
    }

    pub fn boxed(lo: Vec<f64>, hi: Vec<f64>) -> Result<Region> {
        assert_eq!(lo.len(), hi.len());
        for (i, (l, h)) in lo.iter().zip(&hi).enumerate() {
            if !(l.is_finite() && h.is_finite()) {
                return Err(
                    Error::input(format!("input {i} has the bounds [{l}, {h}]")).next("use finite bounds")
                );
            }
            if l > h {
                return Err(Error::input(format!(
                    "the box is empty: input {i} has lower end {l} > upper end {h}"
                ))
                .next("swap or correct the ends"));
            }
        }
        let centre = lo.iter().zip(&hi).map(|(l, h)| (0.5 * l + 0.5 * h).clamp(*l, *h)).collect();
        let fixed = equal(&lo, &hi);
        Ok(Region::Bounded { lo, hi, fixed, centre, ball: None })
    }

    /// Marks coordinates as constants although their enclosure has a width (a
    /// decimal that is no f64).
    pub fn with_constants(mut self, constants: &[bool]) -> Region {
        if let Region::Bounded { fixed, .. } = &mut self {
            fixed.iter_mut().zip(constants).for_each(|(f, c)| *f |= *c);
        }
        self
    }

    pub fn is_global(&self) -> bool {
        matches!(self, Region::Whole)
    }

    pub fn centre(&self) -> Option<&[f64]> {
        match self {
            Region::Whole => None,
            Region::Bounded { centre, .. } => Some(centre),
        }
    }

    /// Ends of the enclosing box.
    pub fn ends(&self) -> Option<(&[f64], &[f64])> {
        match self {
            Region::Whole => None,
            Region::Bounded { lo, hi, .. } => Some((lo, hi)),
        }
    }

    /// A single point: every coordinate constant, or a ball of radius 0.
    pub fn is_point(&self) -> bool {
        matches!(self, Region::Bounded { fixed, .. } if fixed.iter().all(|f| *f))
    }

    /// Coordinates that are constants of the problem. A point has none: there
    /// the question is about the generalised Jacobian at it.
    pub fn fixed(&self) -> Vec<bool> {
        match self {
            Region::Whole => vec![],
            Region::Bounded { fixed, .. } if self.is_point() => vec![false; fixed.len()],
            Region::Bounded { fixed, .. } => fixed.clone(),
        }
    }

    /// The enclosing box as a block of one item and one row.
    pub fn enclosure(&self) -> Option<Enclosure> {
        let (lo, hi) = self.ends()?;
        if self.is_point() {
            return Some(self.near(self.centre().unwrap_or(lo)));
        }
        let shape = |v: &[f64]| Array3::from_shape_vec((1, 1, v.len()), v.to_vec()).expect("one row");
        Some(Enclosure::from_bounds(&shape(lo), &shape(hi)))
    }

    /// An open neighbourhood of a member, of one item and one row; constants
    /// keep their whole enclosure.
    pub fn near(&self, x: &[f64]) -> Enclosure {
        let mut e = Enclosure::vector(x);
        e.radius.fill(NEIGHBOURHOOD);
        if let Region::Bounded { lo, hi, fixed, .. } = self {
            for j in (0..x.len()).filter(|&j| fixed[j] && lo[j] < hi[j]) {
                (e.centre[[0, 0, j]], e.radius[[0, 0, j]]) = centre_radius(lo[j], hi[j]);
            }
        }
        e
    }

    /// The largest half-width of a coordinate.
    pub fn width(&self) -> f64 {
        self.ends().map_or(f64::INFINITY, |(lo, hi)| {
            lo.iter().zip(hi).map(|(l, h)| 0.5 * (h - l)).fold(0.0, f64::max)
        })
    }

    /// Upper bounds of sup {a . x : x in the region} for rows a of exact
    /// coefficients: the box and the dual norm of the ball, whichever is smaller.
    pub fn support(&self, rows: &Array2<f64>) -> Vec<f64> {
        let Region::Bounded { lo, hi, centre, ball, .. } = self else {
            return vec![f64::INFINITY; rows.nrows()];
        };
        rows.outer_iter()
            .map(|a| {
                let mut boxed = 0.0;
                for (j, &c) in a.iter().enumerate() {
                    boxed = add_up(boxed, mul_up(c, if c > 0.0 { hi[j] } else { lo[j] }));
                }
                let Some((norm, radius)) = ball else { return boxed };
                let inner = a.iter().zip(centre).fold(0.0, |s, (&c, &x)| add_up(s, mul_up(c, x)));
                let dual = vector_norm_up(a.iter().map(|c| c.abs()), norm.dual());
                boxed.min(add_up(inner, mul_up(dual, *radius)))
            })
            .collect()
    }

    /// Is x a member, as far as f64 arithmetic can prove?
    pub fn contains(&self, x: &[f64]) -> bool {
        match self {
            Region::Whole => x.iter().all(|v| v.is_finite()),
            Region::Bounded { lo, hi, centre, ball, .. } => {
                let inside = x.iter().zip(lo.iter().zip(hi)).all(|(v, (l, h))| l <= v && v <= h);
                inside
                    && ball.is_none_or(|(norm, radius)| {
                        let distance = x.iter().zip(centre).map(|(v, c)| sub_up(*v, *c).max(sub_up(*c, *v)));
                        x == centre || vector_norm_up(distance, norm) <= radius
                    })
            }
        }
    }

    /// The nearest member in the sense of clamping, then shrinking towards the centre.
    pub fn project(&self, x: &mut [f64]) {
        let Region::Bounded { lo, hi, centre, ball, .. } = self else { return };
        for (v, (l, h)) in x.iter_mut().zip(lo.iter().zip(hi)) {
            *v = if v.is_nan() { *l } else { v.clamp(*l, *h) };
        }
        let Some((norm, radius)) = ball else { return };
        for _ in 0..4 {
            if self.contains(x) {
                return;
            }
            let distance = vector_norm_up(x.iter().zip(centre).map(|(v, c)| (v - c).abs()), *norm);
            let shrink = (radius / distance) * (1.0 - 1e-12);
            for (v, c) in x.iter_mut().zip(centre) {
                *v = c + (*v - c) * shrink;
            }
        }
        if !self.contains(x) {
            x.copy_from_slice(centre);
        }
    }
}

fn equal(lo: &[f64], hi: &[f64]) -> Vec<bool> {
    lo.iter().zip(hi).map(|(l, h)| l == h).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ball_is_contained_in_its_box() {
        let region = Region::ball(&[0.1, -0.2], 0.3, Norm::Two, None).unwrap();
        let (lo, hi) = region.ends().unwrap();
        assert!(lo[0] <= 0.1 - 0.3 && hi[1] >= -0.2 + 0.3);

        assert!(region.contains(&[0.1, -0.2]) && !region.contains(&[0.39, 0.09]));
        let mut x = [5.0, 5.0];
        region.project(&mut x);
        assert!(region.contains(&x));
    }

    #[test]
    fn support_of_a_ball_uses_the_dual_norm() {
        let region = Region::ball(&[0.0, 0.0], 1.0, Norm::Two, None).unwrap();
        let rows = Array2::from_shape_vec((1, 2), vec![3.0, 4.0]).unwrap();
        let s = region.support(&rows)[0];
        assert!((5.0..5.0 + 1e-12).contains(&s));
    }
}
