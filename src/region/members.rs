//! Points of a region: which floats are members, where they are exactly, and ways into the region.

use super::{Bounded, Region, Shape};
use crate::num::norms::vector_norm_up;
use crate::num::{Coefficient, Norm, Written};

/// Half-width by which a single point is widened before anything is computed:
/// an open neighbourhood, so that all generalised Jacobians at the point are
/// enclosed, and far below every rounding.
const NEIGHBOURHOOD: f64 = 1e-265;

impl Region {
    /// Where the member is that x stands for: the floats nearest to the centre are the centre, those of a
    /// constant are the constant.
    fn place(&self, x: &[f64]) -> Vec<Coefficient> {
        match self {
            Region::Bounded(b) if x == b.middle => b.at.clone(),
            Region::Bounded(b) => {
                let each = |j: usize| if b.fixed[j] { b.at[j] } else { Coefficient::exact(x[j]) };
                (0..x.len()).map(each).collect()
            }
            Region::Whole => x.iter().map(|v| Coefficient::exact(*v)).collect(),
        }
    }

    /// An open neighbourhood of a member.
    pub fn near(&self, x: &[f64]) -> Vec<Coefficient> {
        self.place(x).into_iter().map(|c| c.widened(NEIGHBOURHOOD)).collect()
    }

    /// How far two members are apart in each coordinate, rounded up.
    pub fn apart(&self, x: &[f64], y: &[f64]) -> Vec<f64> {
        let (x, y) = (self.place(x), self.place(y));
        let each = |j: usize| if self.is_fixed(j) { 0.0 } else { x[j].minus(y[j]).ends().magnitude() };
        (0..x.len()).map(each).collect()
    }

    /// Does x stand for a member, as far as f64 arithmetic can prove?
    pub fn contains(&self, x: &[f64]) -> bool {
        match self {
            Region::Whole => x.iter().all(|v| v.is_finite()),
            Region::Bounded(b) if x == b.middle => true,
            Region::Bounded(b) => {
                let inside = |(v, (l, h)): (&f64, (&f64, &f64))| l <= v && v <= h;
                x.len() == b.middle.len()
                    && x.iter().zip(b.inner[0].iter().zip(&b.inner[1])).all(inside)
                    && self.meets_ball(b, x)
            }
        }
    }

    /// The box of an l-infinity ball is the ball.
    fn meets_ball(&self, b: &Bounded, x: &[f64]) -> bool {
        match &b.shape {
            Shape::Ball { radius, norm: norm @ (Norm::One | Norm::Two), .. } => {
                vector_norm_up(self.apart(x, &b.middle), *norm) <= radius.ends().lo
            }
            _ => true,
        }
    }

    /// The nearest member in the sense of clamping, then shrinking towards the centre.
    pub fn project(&self, x: &mut [f64]) {
        let Region::Bounded(b) = self else { return };
        for (j, v) in x.iter_mut().enumerate() {
            let (l, h) = (b.inner[0][j], b.inner[1][j]);
            *v = if b.fixed[j] || v.is_nan() || l > h { b.middle[j] } else { v.clamp(l, h) };
        }
        if let Shape::Ball { radius, norm, .. } = &b.shape {
            for _ in 0..4 {
                if self.contains(x) {
                    return;
                }
                let distance = vector_norm_up(x.iter().zip(&b.middle).map(|(v, c)| (v - c).abs()), *norm);
                let shrink = (radius.nearest() / distance) * (1.0 - 1e-12);
                for (v, c) in x.iter_mut().zip(&b.middle) {
                    *v = c + (*v - c) * shrink;
                }
            }
        }
        if !self.contains(x) {
            x.copy_from_slice(&b.middle);
        }
    }

    /// The same member, written with the floats nearest to its constants.
    pub fn spelled(&self, mut x: Vec<f64>) -> Vec<f64> {
        if let Region::Bounded(b) = self {
            x.iter_mut()
                .zip(&b.middle)
                .zip(&b.fixed)
                .filter(|(_, fixed)| **fixed)
                .for_each(|((v, c), _)| *v = *c);
        }
        x
    }

    /// May coordinate j of the centre move up, or down, without leaving the region? Those of a point may.
    pub fn may_move(&self, j: usize, up: bool) -> bool {
        let Region::Bounded(b) = self else { return true };
        let c = &b.centre[j];
        let free = |[lo, hi]: [&Written; 2]| if up { c < hi } else { c > lo };
        self.is_point()
            || match &b.shape {
                _ if b.fixed[j] => false,
                Shape::Ball { clip, .. } => clip.as_ref().is_none_or(|[lo, hi]| free([lo, hi])),
                Shape::Box { lo, hi, .. } => free([&lo[j], &hi[j]]),
            }
    }
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

    fn written(text: &str) -> Written {
        Written::parse(text).unwrap()
    }

    /// The float 0.3 lies below 3/10, the float 0.1 above 1/10.
    #[test]
    fn written_balls() {
        let region =
            Region::ball_of(vec![written("0"), written("0.1")], written("0.3"), Norm::Inf, None).unwrap();
        let (lo, hi) = region.ends().unwrap();
        assert_eq!((lo[0], hi[0]), (-(0.3f64.next_up()), 0.3f64.next_up()));
        assert!(region.contains(&[0.3, 0.1]) && !region.contains(&[0.3f64.next_up(), 0.1]));
        // 1/10 + 3/10 = 4/10, and the float 0.4 lies above it.
        assert!(region.contains(&[0.0, 0.4f64.next_down()]) && !region.contains(&[0.0, 0.4]));
        assert_eq!(region.exact_ends(1).unwrap()[1], written("0.4").value());
        assert!(!region.is_point() && region.fixed() == [false, false]);
    }

    #[test]
    fn regions_without_floats() {
        let (c, r) = (vec![written("1/3")], written("1e-30"));
        let region = Region::ball_of(c, r, Norm::Two, Some([written("0"), written("1")])).unwrap();
        let third = 1.0f64 / 3.0;
        assert!(!region.is_point() && region.fixed() == [false]);
        assert!(region.contains(&[third]) && !region.contains(&[third.next_up()]));
        let mut x = [7.0];
        region.project(&mut x);
        assert_eq!(x, [third]);
        // That float stands for 1/3.
        let near = region.near(&x)[0];
        assert!(near.hi == third && near.lo != 0.0 && near.err < 1e-32);
        let point = Region::box_of(vec![written("0.1")], vec![written("1/10")], None).unwrap();
        assert!(point.is_point() && point.contains(&[0.1]) && !point.contains(&[0.1f64.next_up()]));
        let (lo, hi) = point.ends().unwrap();
        assert!(lo[0].next_up() == hi[0]);
    }

    /// Floats lie on both sides of -0.108; the one that stands for it is the nearest.
    #[test]
    fn constants_are_the_nearest_floats() {
        let ends = |x: &str| vec![written("-0.108"), written(x)];
        let region = Region::box_of(ends("0"), ends("1"), None).unwrap();
        let (lo, hi) = region.ends().unwrap();
        for side in [lo[0], hi[0], 7.0, f64::NAN] {
            let mut x = [side, 0.5];
            region.project(&mut x);
            assert_eq!(x, [-0.108, 0.5]);
        }
        assert!(lo[0] < hi[0]);
        assert_eq!(region.spelled(vec![lo[0], 0.25]), [-0.108, 0.25]);
    }

    #[test]
    fn what_is_no_region() {
        let one = |t: &str| vec![written(t)];
        let clip = Some([written("0.1"), written("1")]);
        let inside = Region::ball_of(one("1/10"), written("0.5"), Norm::Inf, clip.clone()).unwrap();
        assert!(!inside.may_move(0, false) && inside.may_move(0, true));
        // The float 0.1 is larger than 1/10, its neighbour below is smaller.
        let below = vec![Written::float(0.1f64.next_down()).unwrap()];
        assert!(Region::ball_of(below, written("0.5"), Norm::Inf, clip).is_err());
        assert!(Region::ball_of(one("0"), written("-1e-400"), Norm::Inf, None).is_err());
        assert!(Region::box_of(one("0.2"), one("0.1"), None).is_err());
        assert!(Region::box_of(one("0.1"), one("0.2"), Some(one("0.3"))).is_err());
        assert!(Region::ball_of(one("1e308"), written("1.7e308"), Norm::Inf, None).is_err());
        // A clip range of one number leaves a point.
        let zero = Some([written("0"), written("0.0")]);
        assert!(Region::ball_of(one("0"), written("1"), Norm::One, zero).unwrap().is_point());
    }
}
