//! A point of a region at which another class leads.
//!
//! Proves: f_j(x) > f_c(x) at a member x of the region, and how far it is from the centre at most.
//! From: projected gradient descent on the smallest lead, from the centre and from random members (Madry et al. 2018).
//! Rounding: the way there is plain arithmetic; the values at x are enclosed, distances go up.
//! Cost: two plain passes per start and step.
//! Loose when: the region beyond the boundary is small or far from every start.

use super::{ahead, others};
use crate::analysis::{Budget, Placed};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::linalg::Enclosure;
use crate::method::lower::points::{advance, sample};
use crate::net::Net;
use crate::num::norms::vector_norm_up;
use crate::num::random::Random;
use crate::region::Region;
use crate::sweep::{Prepared, Trace, values::values};
use ndarray::{Array3, Axis};

/// Starts and steps of one search.
const STARTS: usize = 10;
const STEPS: usize = 40;
/// Lengths of the first and the last step, in sizes of the region.
const LENGTHS: [f64; 2] = [0.5, 0.02];
const MOMENTUM: f64 = 0.7;
/// Halvings of the way back to the centre.
const HALVINGS: usize = 20;

/// A proven counterexample.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    pub x: Vec<f64>,
    /// The class that leads there.
    pub class: usize,
    /// Its distance from the centre in the ball's norm, rounded up.
    pub distance: f64,
}

/// What outputs a search goes for.
pub trait Target {
    /// How far outputs are from it, at most 0 where they are there; and a direction of outputs that leads there.
    fn apart(&self, y: &[f64]) -> (f64, Vec<f64>);
    /// Are outputs between these ends there for certain?
    fn is_met(&self, lo: &[f64], hi: &[f64]) -> bool;
}

/// Another class leads.
struct Overtaken(usize);

impl Overtaken {
    /// The class that comes next.
    fn next(&self, y: &[f64]) -> usize {
        others(self.0, y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b])).expect("another output")
    }
}

impl Target for Overtaken {
    fn apart(&self, y: &[f64]) -> (f64, Vec<f64>) {
        let (class, next) = (self.0, self.next(y));
        let mut way = vec![0.0; y.len()];
        (way[next], way[class]) = (1.0, -1.0);
        (y[class] - y[next], way)
    }

    fn is_met(&self, lo: &[f64], hi: &[f64]) -> bool {
        lo[self.next(lo)] > hi[self.0]
    }
}

/// Looks for one in a ball.
pub fn search<B: Backend>(
    placed: &Placed<B>,
    region: &Region,
    class: usize,
    seed: u64,
    budget: &Budget,
) -> Option<Counterexample> {
    let (sketch, target) = (placed.sketch().prepared(&budget.deadline), Overtaken(class));
    let points = starts(region, seed, STARTS)?;
    let found = descend(&sketch, placed.net(), (region, &target), points, STEPS)?;
    at_point(placed, region, class, found, budget)
}

/// One at this member, or nearer on the way to the centre.
pub fn at_point<B: Backend>(
    placed: &Placed<B>,
    region: &Region,
    class: usize,
    x: Vec<f64>,
    budget: &Budget,
) -> Option<Counterexample> {
    let (sketch, target) = (placed.sketch().prepared(&budget.deadline), Overtaken(class));
    let there = is_there(placed.net(), (region, &target), &x);
    let found = counted(placed.net(), region, &target, x).filter(|_| there)?;
    Some(nearer(&sketch, placed.net(), (region, &target), found))
}

/// The centre and random members.
pub fn starts(region: &Region, seed: u64, count: usize) -> Option<Vec<Vec<f64>>> {
    let centre = region.centre()?;
    let mut random = Random(seed ^ 0xC1A55);
    let mut points = vec![centre.to_vec()];
    points.extend((1..count).map(|k| sample(region, centre.len(), &mut random, k % 2 == 1)));
    Some(points)
}

/// A member where the target is met for certain, on the ways that lead there from some points.
pub fn descend(
    sketch: &Prepared<Cpu>,
    net: &Net,
    (region, target): (&Region, &dyn Target),
    mut points: Vec<Vec<f64>>,
    steps: usize,
) -> Option<Vec<f64>> {
    let mut momentum: Vec<Vec<f64>> = points.iter().map(|x| vec![0.0; x.len()]).collect();
    for step in 0..=steps {
        let seen = look(sketch, &points, target);
        let (best, far) = (0..points.len()).map(|i| (i, seen.far[i])).min_by(|a, b| a.1.total_cmp(&b.1))?;
        if far <= 0.0 && is_there(net, (region, target), &points[best]) {
            return Some(points.swap_remove(best));
        }
        if step == steps || sketch.is_late() {
            return None;
        }
        let rate = LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * step as f64 / steps as f64;
        for (i, x) in points.iter_mut().enumerate() {
            let size = seen.slopes[i].iter().map(|v| v.abs()).sum::<f64>();
            if size > 0.0 && size.is_finite() {
                let each = momentum[i].iter_mut().zip(&seen.slopes[i]);
                each.for_each(|(m, g)| *m = MOMENTUM * *m + g / size);
            }
            advance(region, x, &momentum[i], rate);
        }
    }
    None
}

/// Radii at which the lines of the centres say that another class catches up: no proof of anything.
pub fn linear<B: Backend>(
    placed: &Placed<B>,
    regions: &[&Region],
    classes: &[usize],
    budget: &Budget,
) -> Vec<Option<f64>> {
    let sketch = placed.sketch().prepared(&budget.deadline);
    let centres: Vec<Vec<f64>> = regions.iter().filter_map(|r| r.centre()).map(<[f64]>::to_vec).collect();
    let trace = at(&sketch, &centres);
    let outputs = sketch.backend.read(trace.output()).centre;
    let rows = ahead(classes, placed.net().outputs());
    let slopes = sketch.adjoints(&trace.gates, sketch.backend.upload(&rows), |_, _| {});
    let slopes = sketch.backend.read(&slopes).centre;
    let radius = |i: usize| {
        let dual = regions[i].ball_norm()?.0.dual();
        let y = outputs.slice(ndarray::s![i, 0, ..]);
        let slopes = slopes.index_axis(Axis(0), i);
        let each = others(classes[i], y.len()).zip(slopes.outer_iter());
        let each =
            each.map(|(j, g)| (y[classes[i]] - y[j]) / vector_norm_up(g.iter().map(|v| v.abs()), dual));
        let least = each.filter(|r| !r.is_nan()).fold(f64::INFINITY, f64::min);
        (least > 0.0 && least.is_finite()).then_some(least)
    };
    (0..regions.len()).map(radius).collect()
}

/// How far points are from the target, and the way on which that shrinks.
struct Seen {
    far: Vec<f64>,
    slopes: Vec<Vec<f64>>,
}

fn at(sketch: &Prepared<Cpu>, points: &[Vec<f64>]) -> Trace<Cpu> {
    let flat: Vec<f64> = points.iter().flatten().copied().collect();
    let x =
        Array3::from_shape_vec((points.len(), 1, sketch.net.inputs()), flat).expect("points of equal length");
    sketch.values(sketch.backend.upload(&Enclosure::point(x)), None, |_| false)
}

fn look(sketch: &Prepared<Cpu>, points: &[Vec<f64>], target: &dyn Target) -> Seen {
    let trace = at(sketch, points);
    let y = sketch.backend.read(trace.output()).centre;
    let mut rows = Array3::zeros((points.len(), 1, sketch.net.outputs()));
    let mut distances = vec![];
    for (i, y) in y.outer_iter().enumerate() {
        let (far, way) = target.apart(&y.row(0).to_vec());
        distances.push(far);
        way.iter().enumerate().for_each(|(j, w)| rows[[i, 0, j]] = *w);
    }
    let rows = sketch.backend.upload(&Enclosure::point(rows));
    let slopes = sketch.backend.read(&sketch.adjoints(&trace.gates, rows, |_, _| {})).centre;
    Seen { far: distances, slopes: slopes.outer_iter().map(|g| g.row(0).to_vec()).collect() }
}

/// Ends of the outputs at a point.
fn output(net: &Net, region: &Region, x: &[f64]) -> [Vec<f64>; 2] {
    let y = values(net, &region.near(x));
    [y.lo(), y.hi()].map(|side| side.iter().copied().collect())
}

/// Is x a member where the target is met?
pub fn is_there(net: &Net, (region, target): (&Region, &dyn Target), x: &[f64]) -> bool {
    let [lo, hi] = match region.contains(x) {
        true => output(net, region, x),
        false => return false,
    };
    target.is_met(&lo, &hi)
}

/// With the class that leads there, and how far away that is.
fn counted(net: &Net, region: &Region, target: &Overtaken, x: Vec<f64>) -> Option<Counterexample> {
    let class = target.next(&output(net, region, &x)[0]);
    let (norm, _) = region.ball_norm()?;
    let distance = vector_norm_up(region.apart(&x, region.centre()?), norm);
    Some(Counterexample { x, class, distance })
}

/// One on the way to the centre, as near as halving finds it.
fn nearer(
    sketch: &Prepared<Cpu>,
    net: &Net,
    (region, target): (&Region, &Overtaken),
    found: Counterexample,
) -> Counterexample {
    let Some(centre) = region.centre() else { return found };
    let on_the_way =
        |t: f64| -> Vec<f64> { centre.iter().zip(&found.x).map(|(c, x)| c + t * (x - c)).collect() };
    let (mut inside, mut outside) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        if sketch.is_late() {
            return found;
        }
        let t = 0.5 * (inside + outside);
        if look(sketch, &[on_the_way(t)], target).far[0] < 0.0 { outside = t } else { inside = t }
    }
    let x = on_the_way(outside);
    let there = is_there(net, (region, target), &x).then(|| counted(net, region, target, x)).flatten();
    there.filter(|near| near.distance < found.distance).unwrap_or(found)
}
