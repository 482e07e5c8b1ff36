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

/// Looks for one in a ball.
pub fn search<B: Backend>(
    placed: &Placed<B>,
    region: &Region,
    class: usize,
    seed: u64,
    budget: &Budget,
) -> Option<Counterexample> {
    let sketch = placed.sketch().prepared(&budget.deadline);
    let centre = region.centre()?;
    let mut random = Random(seed ^ 0xC1A55);
    let mut points = vec![centre.to_vec()];
    points.extend((1..STARTS).map(|k| sample(region, centre.len(), &mut random, k % 2 == 1)));
    let mut momentum = vec![vec![0.0; centre.len()]; points.len()];
    for step in 0..=STEPS {
        let seen = look(&sketch, &points, class);
        let (best, lead) =
            (0..points.len()).map(|i| (i, seen.leads[i])).min_by(|a, b| a.1.total_cmp(&b.1))?;
        if lead < 0.0
            && let Some(found) = prove(placed.net(), region, &points[best], class)
        {
            return Some(nearer((&sketch, budget), placed.net(), region, class, found));
        }
        if step == STEPS || budget.is_over() {
            return None;
        }
        let rate = LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * step as f64 / STEPS as f64;
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

/// Smallest leads at points, and the way on which they shrink.
struct Seen {
    leads: Vec<f64>,
    slopes: Vec<Vec<f64>>,
}

fn at(sketch: &Prepared<Cpu>, points: &[Vec<f64>]) -> Trace<Cpu> {
    let flat: Vec<f64> = points.iter().flatten().copied().collect();
    let x =
        Array3::from_shape_vec((points.len(), 1, sketch.net.inputs()), flat).expect("points of equal length");
    sketch.values(sketch.backend.upload(&Enclosure::point(x)), None, |_| false)
}

fn look(sketch: &Prepared<Cpu>, points: &[Vec<f64>], class: usize) -> Seen {
    let trace = at(sketch, points);
    let y = sketch.backend.read(trace.output()).centre;
    let mut rows = Array3::zeros((points.len(), 1, sketch.net.outputs()));
    let mut leads = vec![];
    for (i, y) in y.outer_iter().enumerate() {
        let y = y.row(0);
        let next = others(class, y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b])).expect("another output");
        leads.push(y[class] - y[next]);
        rows[[i, 0, next]] = 1.0;
        rows[[i, 0, class]] = -1.0;
    }
    let rows = sketch.backend.upload(&Enclosure::point(rows));
    let slopes = sketch.backend.read(&sketch.adjoints(&trace.gates, rows, |_, _| {})).centre;
    Seen { leads, slopes: slopes.outer_iter().map(|g| g.row(0).to_vec()).collect() }
}

/// What values at x prove.
fn prove(net: &Net, region: &Region, x: &[f64], class: usize) -> Option<Counterexample> {
    if !region.contains(x) {
        return None;
    }
    let y = values(net, &region.near(x));
    let (lo, hi) = (y.lo(), y.hi());
    let (lo, hi): (Vec<f64>, Vec<f64>) = (lo.iter().copied().collect(), hi.iter().copied().collect());
    let first = others(class, lo.len()).max_by(|&a, &b| lo[a].total_cmp(&lo[b]))?;
    let (norm, _) = region.ball_norm()?;
    let distance = vector_norm_up(region.apart(x, region.centre()?), norm);
    (lo[first] > hi[class]).then(|| Counterexample { x: x.to_vec(), class: first, distance })
}

/// One on the way to the centre, as near as halving finds it.
fn nearer(
    (sketch, budget): (&Prepared<Cpu>, &Budget),
    net: &Net,
    region: &Region,
    class: usize,
    found: Counterexample,
) -> Counterexample {
    let Some(centre) = region.centre() else { return found };
    let on_the_way =
        |t: f64| -> Vec<f64> { centre.iter().zip(&found.x).map(|(c, x)| c + t * (x - c)).collect() };
    let (mut inside, mut outside) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        if budget.is_over() {
            return found;
        }
        let t = 0.5 * (inside + outside);
        if look(sketch, &[on_the_way(t)], class).leads[0] < 0.0 { outside = t } else { inside = t }
    }
    prove(net, region, &on_the_way(outside), class)
        .filter(|near| near.distance < found.distance)
        .unwrap_or(found)
}
