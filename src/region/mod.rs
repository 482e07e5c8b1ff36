//! The set on which steepness is bounded: boxes, balls, everything.
//!
//! A region is what somebody wrote, in exact numbers. Floats stand around it where upper bounds are
//! proven, and inside it where witnesses are; what follows from the numbers (which inputs are constants,
//! whether anything is left of a ball) is derived here and nowhere else, and every region that these
//! constructors give has interior in all coordinates that are no constants.

mod members;

use crate::error::{Error, Result};
use crate::linalg::Enclosure;
use crate::num::rational::Rational;
use crate::num::round::add_up;
use crate::num::{Coefficient, Norm, Written};
use ndarray::Array3;
use std::collections::HashMap;
use std::sync::Arc;

/// A bounded convex region or all of R^n, in the coordinates of the network's input.
#[derive(Clone, Debug)]
pub enum Region {
    Whole,
    Bounded(Arc<Bounded>),
}

/// Built by `Region`'s constructors only.
#[derive(Debug)]
pub struct Bounded {
    shape: Shape,
    /// A member.
    centre: Vec<Written>,
    /// The same with many digits, as floats around it, and as the nearest floats.
    at: Vec<Coefficient>,
    around: [Vec<f64>; 2],
    middle: Vec<f64>,
    /// Floats around the box of the region.
    outer: [Vec<f64>; 2],
    /// Floats in it, none where the lower exceeds the upper; of constants those around.
    inner: [Vec<f64>; 2],
    /// Coordinates that are one number.
    fixed: Vec<bool>,
    /// Are all of them?
    point: bool,
}

/// What was written.
#[derive(Clone, Debug)]
pub enum Shape {
    /// {x : ‖x − centre‖_norm <= radius}, intersected with `clip` in every coordinate.
    Ball { radius: Written, norm: Norm, clip: Option<[Written; 2]> },
    /// {x : lo <= x <= hi}; `named`: the centre was given, too.
    Box { lo: Vec<Written>, hi: Vec<Written>, named: bool },
}

/// Lower and upper ends of a coordinate: floats around it, floats in it.
struct Ends {
    outer: [f64; 2],
    inner: [f64; 2],
}

impl Ends {
    fn of(lo: &Written, hi: &Written) -> Ends {
        let (l, h) = (lo.ends(), hi.ends());
        Ends { outer: [l.lo, h.hi], inner: [l.hi, h.lo] }
    }

    /// centre ± radius.
    fn about(centre: Coefficient, radius: Coefficient) -> Ends {
        let (low, high) = (centre.minus(radius).ends(), centre.plus(radius).ends());
        Ends { outer: [low.lo, high.hi], inner: [low.hi, high.lo] }
    }

    fn within(self, other: &Ends) -> Ends {
        let meet = |a: [f64; 2], b: [f64; 2]| [a[0].max(b[0]), a[1].min(b[1])];
        Ends { outer: meet(self.outer, other.outer), inner: meet(self.inner, other.inner) }
    }
}

impl Region {
    /// {x : ‖x - centre‖_norm <= radius}, intersected with `clip` in every coordinate.
    pub fn ball(centre: &[f64], radius: f64, norm: Norm, clip: Option<(f64, f64)>) -> Result<Region> {
        let size = Written::float(radius).ok_or_else(|| no_radius(radius))?;
        let centre = floats(centre, |_, c| format!("the centre contains {c}"))?;
        let clip = clip.map(|(a, b)| floats(&[a, b], |_, c| format!("the clip range contains {c}")));
        let clip = clip.transpose()?.map(|ends| [ends[0].clone(), ends[1].clone()]);
        Region::ball_of(centre, size, norm, clip)
    }

    /// The ball of another radius around the same centre, in the same clip; None of what is no ball.
    pub fn with_radius(&self, radius: Written) -> Option<Region> {
        let (Shape::Ball { norm, clip, .. }, centre) = self.written()? else { return None };
        Region::ball_of(centre.to_vec(), radius, *norm, clip.clone()).ok()
    }

    /// The same of written numbers. The centre must lie in `clip`.
    pub fn ball_of(
        centre: Vec<Written>,
        radius: Written,
        norm: Norm,
        clip: Option<[Written; 2]>,
    ) -> Result<Region> {
        if radius < Written::ZERO {
            return Err(no_radius(radius));
        }
        if let Some([a, b]) = &clip
            && let Some((i, v)) = centre.iter().enumerate().find(|&(_, v)| !(a <= v && v <= b))
        {
            return Err(Error::input(format!(
                "input {i} of the centre is {v}, outside the clip range [{a}, {b}]"
            ))
            .next("move the centre or widen --clip"));
        }
        let point = radius == Written::ZERO || clip.as_ref().is_some_and(|[a, b]| a == b);
        let fixed = vec![point; centre.len()];
        let room = clip.as_ref().map(|[a, b]| Ends::of(a, b));
        let size = radius.coefficient();
        let ends = |c: &Written| {
            let ends = if point { Ends::of(c, c) } else { Ends::about(c.coefficient(), size) };
            room.iter().fold(ends, Ends::within)
        };
        let ends = centre.iter().map(ends).collect();
        Region::of(Shape::Ball { radius, norm, clip }, centre, ends, fixed)
    }

    /// The box [lo, hi].
    pub fn boxed(lo: Vec<f64>, hi: Vec<f64>) -> Result<Region> {
        assert_eq!(lo.len(), hi.len());
        let bad = |i: usize, _| format!("input {i} has the bounds [{}, {}]", lo[i], hi[i]);
        Region::box_of(floats(&lo, bad)?, floats(&hi, bad)?, None)
    }

    /// The same of written numbers; the centre, a member, is the middle unless it is given.
    pub fn box_of(lo: Vec<Written>, hi: Vec<Written>, centre: Option<Vec<Written>>) -> Result<Region> {
        let same = lo.len() == hi.len() && centre.as_ref().is_none_or(|c| c.len() == lo.len());
        if !same {
            return Err(Error::input("the ends of the box have different lengths"));
        }
        if let Some(i) = (0..lo.len()).find(|&i| lo[i] > hi[i]) {
            let (l, h) = (&lo[i], &hi[i]);
            return Err(Error::input(format!(
                "the box is empty: input {i} has lower end {l} > upper end {h}"
            ))
            .next("swap or correct the ends"));
        }
        let outside = |c: &Vec<Written>| (0..lo.len()).any(|j| c[j] < lo[j] || c[j] > hi[j]);
        if centre.as_ref().is_some_and(outside) {
            return Err(
                Error::input("the centre does not lie in the region").next("choose a centre inside the box")
            );
        }
        let fixed: Vec<bool> = lo.iter().zip(&hi).map(|(l, h)| l == h).collect();
        let ends: Vec<Ends> = lo.iter().zip(&hi).map(|(l, h)| Ends::of(l, h)).collect();
        let named = centre.is_some();
        let middles = || (0..lo.len()).map(|j| if fixed[j] { lo[j].clone() } else { middle(&lo[j], &hi[j]) });
        let centre = centre.unwrap_or_else(|| middles().collect());
        Region::of(Shape::Box { lo, hi, named }, centre, ends, fixed)
    }

    fn of(shape: Shape, centre: Vec<Written>, ends: Vec<Ends>, fixed: Vec<bool>) -> Result<Region> {
        if let Some(i) = ends.iter().position(|e| !e.outer.iter().all(|x| x.is_finite())) {
            return Err(Error::input(format!("input {i} of the region goes beyond the range of f64"))
                .next("give a smaller region"));
        }
        let side = |of: &dyn Fn(&Ends) -> f64| ends.iter().map(of).collect::<Vec<f64>>();
        let outer = [side(&|e| e.outer[0]), side(&|e| e.outer[1])];
        let mut inner = [side(&|e| e.inner[0]), side(&|e| e.inner[1])];
        for j in (0..fixed.len()).filter(|&j| fixed[j]) {
            (inner[0][j], inner[1][j]) = (outer[0][j], outer[1][j]);
        }
        let at: Vec<Coefficient> = centre.iter().map(Written::coefficient).collect();
        let around = |of: &dyn Fn(&Written) -> f64| centre.iter().map(of).collect();
        let around = [around(&|c| c.ends().lo), around(&|c| c.ends().hi)];
        let middle = at.iter().map(|c| c.hi).collect();
        let point = fixed.iter().all(|f| *f);
        let bounded = Bounded { shape, centre, at, around, middle, outer, inner, fixed, point };
        Ok(Region::Bounded(Arc::new(bounded)))
    }

    /// Is it one of a network with so many inputs?
    pub fn fits(&self, inputs: usize) -> Result<()> {
        match self.ends() {
            Some((lo, _)) if lo.len() != inputs => Err(Error::input(format!(
                "the region has {} coordinates, the network {inputs} inputs",
                lo.len(),
            ))
            .next("check --input, --center or --box")),
            _ => Ok(()),
        }
    }

    /// Is it all of R^n?
    pub fn is_global(&self) -> bool {
        matches!(self, Region::Whole)
    }

    fn bounded(&self) -> Option<&Bounded> {
        match self {
            Region::Whole => None,
            Region::Bounded(b) => Some(b),
        }
    }

    /// What was written, and the centre.
    pub fn written(&self) -> Option<(&Shape, &[Written])> {
        self.bounded().map(|b| (&b.shape, &b.centre[..]))
    }

    /// The ball whose part in a box the region is.
    pub fn ball_norm(&self) -> Option<(Norm, &Written)> {
        match &self.bounded()?.shape {
            Shape::Ball { radius, norm, .. } => Some((*norm, radius)),
            Shape::Box { .. } => None,
        }
    }

    /// The floats nearest to the centre; wherever members are asked for they stand for the centre itself.
    pub fn centre(&self) -> Option<&[f64]> {
        self.bounded().map(|b| &b.middle[..])
    }

    /// Floats around the centre.
    pub fn centre_ends(&self) -> Option<(&[f64], &[f64])> {
        self.bounded().map(|b| (&b.around[0][..], &b.around[1][..]))
    }

    /// Ends of the enclosing box: floats around those that were written.
    pub fn ends(&self) -> Option<(&[f64], &[f64])> {
        self.bounded().map(|b| (&b.outer[0][..], &b.outer[1][..]))
    }

    /// The exact ends of a coordinate of the region's box; none of everything.
    pub fn exact_ends(&self, j: usize) -> Option<[Rational; 2]> {
        let b = self.bounded()?;
        Some(match &b.shape {
            _ if b.fixed[j] => [b.centre[j].value(), b.centre[j].value()],
            Shape::Box { lo, hi, .. } => [lo[j].value(), hi[j].value()],
            Shape::Ball { radius, clip, .. } => {
                let (c, r) = (b.centre[j].value(), radius.value());
                let ends = [&c - &r, c + r];
                match clip {
                    None => ends,
                    Some([low, high]) => {
                        let [l, h] = ends;
                        [l.max(low.value()), h.min(high.value())]
                    }
                }
            }
        })
    }

    /// The constant that this coordinate is, if it is one.
    pub fn constant(&self, j: usize) -> Option<Rational> {
        self.bounded().filter(|b| b.fixed[j]).map(|b| b.centre[j].value())
    }

    /// A single point: every coordinate constant.
    pub fn is_point(&self) -> bool {
        self.bounded().is_some_and(|b| b.point)
    }

    /// Of a point: a box of the least size that it lies inside of.
    pub fn near_point(&self) -> Option<Region> {
        let b = self.bounded().filter(|b| b.point)?;
        let [lo, hi] = &b.outer;
        let wider = |v: &[f64], f: fn(f64) -> f64| v.iter().map(|x| f(*x)).collect();
        Region::boxed(wider(lo, f64::next_down), wider(hi, f64::next_up)).ok()
    }

    /// Coordinates that are constants of the problem. A point has none: there
    /// the question is about the generalised Jacobian at it.
    pub fn fixed(&self) -> Vec<bool> {
        match self.bounded() {
            None => vec![],
            Some(b) if self.is_point() => vec![false; b.fixed.len()],
            Some(b) => b.fixed.clone(),
        }
    }

    /// Is this coordinate one of them?
    pub fn is_fixed(&self, coordinate: usize) -> bool {
        self.bounded().is_some_and(|b| !self.is_point() && b.fixed[coordinate])
    }

    /// Numbers of the centre's coordinates; those with the same number are equal.
    pub fn classes(&self) -> Vec<u32> {
        let mut known = HashMap::new();
        let centre = self.bounded().map_or(&[][..], |b| &b.centre);
        let number = |c| {
            let next = known.len() as u32;
            *known.entry(Written::key(c)).or_insert(next)
        };
        centre.iter().map(number).collect()
    }

    /// The enclosing box as a block of one item and one row.
    pub fn enclosure(&self) -> Option<Enclosure> {
        let b = self.bounded()?;
        let shape = |v: &[f64]| Array3::from_shape_vec((1, 1, v.len()), v.to_vec()).expect("one row");
        if self.is_point() {
            let near = self.near(&b.middle);
            let mut e = Enclosure::vector(&b.middle);
            e.radius.iter_mut().zip(near).for_each(|(r, c)| *r = add_up(c.lo.abs(), c.err));
            return Some(e);
        }
        Some(Enclosure::from_bounds(&shape(&b.outer[0]), &shape(&b.outer[1])))
    }

    /// The largest half-width of a coordinate.
    pub fn width(&self) -> f64 {
        self.ends().map_or(f64::INFINITY, |(lo, hi)| {
            lo.iter().zip(hi).map(|(l, h)| 0.5 * (h - l)).fold(0.0, f64::max)
        })
    }
}

/// A number between two that differ: a float, if there is one.
fn middle(lo: &Written, hi: &Written) -> Written {
    let (inside, [l, h]) = (Ends::of(lo, hi).inner, [lo, hi].map(Written::nearest));
    let float = inside[0] <= inside[1];
    let near = || Written::float((0.5 * l + 0.5 * h).clamp(inside[0], inside[1]));
    let half = || Written::exact((lo.value() + hi.value()) / Rational::from(2));
    float.then(near).flatten().or_else(half).unwrap_or_else(|| lo.clone())
}

fn no_radius(radius: impl std::fmt::Display) -> Error {
    Error::input(format!("the radius {radius} is not a finite number >= 0"))
        .next("give a radius such as --eps 0.01")
}

fn floats(list: &[f64], bad: impl Fn(usize, f64) -> String) -> Result<Vec<Written>> {
    let each = |(i, &x): (usize, &f64)| {
        Written::float(x).ok_or_else(|| Error::input(bad(i, x)).next("use finite numbers"))
    };
    list.iter().enumerate().map(each).collect()
}
