//! Candidate points and their estimated steepness, in plain arithmetic.

use crate::analysis::Placed;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::linalg::Enclosure;
use crate::linalg::direction::operator_lower_direction;
use crate::method::context::{Context, pass};
use crate::net::Net;
use crate::num::norms::{Norm, vector_norm_up};
use crate::num::random::Random;
use crate::region::Region;
use crate::sweep::{Gate, Prepared};
use ndarray::{Array3, ArrayView2, Axis};
use std::sync::Arc;

/// A point, an output direction and the unproven value they promise.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub x: Vec<f64>,
    pub u: Vec<f64>,
    pub estimate: f64,
}

/// The network that is searched: the same function without maxima, which are kinks there like all others.
pub struct Ground(Arc<Placed<Cpu>>);

impl Ground {
    pub fn of<B: Backend>(context: &Context<B>) -> Self {
        let narrow = context.placed.kinks().filter(|k| pass(k.net()) <= MAXIMA * pass(&context.problem.net));
        Ground(narrow.as_deref().unwrap_or(context.placed).sketch().clone())
    }

    pub fn net(&self) -> &Net {
        self.0.net()
    }

    pub fn prepared<'g, B: Backend>(&'g self, context: &Context<B>) -> Prepared<'g, Cpu> {
        context.prepared(&self.0)
    }
}

/// How much dearer a pass may be without maxima.
const MAXIMA: f64 = 8.0;

/// Multiplications that one start of the power method may cost, one way.
const WORK: f64 = 1e11;

/// Outputs up to which whole Jacobians are formed at every point.
pub const FEW_OUTPUTS: usize = 64;

/// A random member: uniform in the box, or one of its corners; on R^n normal
/// at a random scale.
pub fn sample(region: &Region, inputs: usize, random: &mut Random, corner: bool) -> Vec<f64> {
    let mut x: Vec<f64> = match region.ends() {
        None => {
            let scale = 10f64.powf(random.unit() * 4.0 - 1.0);
            (0..inputs).map(|_| scale * random.normal()).collect()
        }
        Some((lo, hi)) => (0..inputs)
            .map(|j| {
                let t = random.unit();
                if corner { if t < 0.5 { lo[j] } else { hi[j] } } else { lo[j] + t * (hi[j] - lo[j]) }
            })
            .collect(),
    };
    region.project(&mut x);
    x
}

/// One step along d in the geometry of the region.
pub fn advance(region: &Region, x: &mut [f64], d: &[f64], rate: f64) {
    let size = d.iter().map(|v| v * v).sum::<f64>().sqrt();
    if size.is_nan() || size == 0.0 {
        return;
    }
    let (ball, ends) = (region.ball_norm(), region.ends());
    match (ball, region.centre(), ends) {
        (_, None, _) | (_, _, None) => {
            let reach = 1.0 + x.iter().map(|v| v * v).sum::<f64>().sqrt();
            x.iter_mut().zip(d).for_each(|(v, d)| *v += rate * reach * d / size);
        }
        (Some((norm @ (Norm::One | Norm::Two), radius)), Some(centre), _) => {
            let radius = radius.nearest();
            // Towards the member that is farthest along d.
            let far = dual(d, norm.dual());
            for j in 0..x.len() {
                x[j] += rate * (centre[j] + radius * far[j] - x[j]);
            }
        }
        (_, _, Some((lo, hi))) => {
            for j in 0..x.len() {
                x[j] += rate * 0.5 * (hi[j] - lo[j]) * if d[j] == 0.0 { 0.0 } else { d[j].signum() };
            }
        }
    }
    region.project(x);
}

/// Jacobians of the measured output at points, `points x rows x inputs`, unproven.
pub fn jacobians<B: Backend>(context: &Context<B>, points: &[Vec<f64>]) -> Array3<f64> {
    let sketch = &context.sketch();
    let (b, n) = (sketch.backend, context.problem.net.inputs());
    let flat: Vec<f64> = points.iter().flatten().copied().collect();
    let x = Array3::from_shape_vec((points.len(), 1, n), flat).expect("points of equal length");
    let trace = sketch.values(b.upload(&Enclosure::point(x)), None, |_| false);
    rows_at(context, &trace.gates, points.len())
}

/// The same under given gates of `items` points.
pub fn rows_at<B: Backend>(context: &Context<B>, gates: &[Option<Gate<Cpu>>], items: usize) -> Array3<f64> {
    let sketch = &context.sketch();
    let b = sketch.backend;
    let seeds = context.problem.seeds();
    let (_, rows, m) = seeds.dim();
    let mut all = Enclosure::zeros(items, rows, m);
    for mut item in all.centre.outer_iter_mut() {
        item.assign(&seeds.centre.index_axis(Axis(0), 0));
    }
    context.without_fixed(b.read(&sketch.adjoints(gates, b.upload(&all), |_, _| {}))).centre
}

/// Estimated norm of a Jacobian and the output direction that attains it.
pub fn direction(jacobian: ArrayView2<f64>, p: Norm, q: Norm) -> (Vec<f64>, f64) {
    let rows = jacobian.nrows();
    let size = |row: ndarray::ArrayView1<f64>| vector_norm_up(row.iter().map(|v| v.abs()), p.dual());
    let u = if rows == 1 {
        vec![1.0]
    } else if q == Norm::Inf {
        let best = (0..rows).max_by(|&a, &b| size(jacobian.row(a)).total_cmp(&size(jacobian.row(b))));
        let mut u = vec![0.0; rows];
        u[best.unwrap_or(0)] = 1.0;
        u
    } else {
        operator_lower_direction(jacobian, p, q)
    };
    let image: ndarray::Array1<f64> = ndarray::ArrayView1::from(&u).dot(&jacobian);
    let scale = vector_norm_up(u.iter().map(|v| v.abs()), q.dual());
    let estimate = if scale > 0.0 { size(image.view()) / scale } else { 0.0 };
    (u, if estimate.is_finite() { estimate } else { 0.0 })
}

/// Proposals at the given points, of those that are reached in time.
pub fn score<B: Backend>(context: &Context<B>, points: &[Vec<f64>]) -> Vec<Proposal> {
    let q = &context.problem.quotient;
    let rows = context.problem.rows();
    if rows > FEW_OUTPUTS {
        let gates = |x: &[f64]| {
            let sketch = &context.sketch();
            sketch.values(sketch.backend.upload(&Enclosure::vector(x)), None, |_| false).gates
        };
        let timely = points.iter().take_while(|_| !context.budget.is_over());
        return timely.map(|x| by_power(context, x, &gates(x))).collect();
    }
    let chunk = (context.at_once(&Cpu::ESTIMATE) / (1 + rows)).max(1);
    let mut list = Vec::with_capacity(points.len());
    for part in points.chunks(chunk) {
        if context.budget.is_over() {
            break;
        }
        let j = jacobians(context, part);
        for (x, j) in part.iter().zip(j.outer_iter()) {
            let (u, estimate) = direction(j, q.in_norm, q.out_norm);
            list.push(Proposal { x: x.clone(), u, estimate });
        }
    }
    list
}

/// The dual vector of a row or column in a norm: <dual(v), v> = ‖v‖, ‖dual(v)‖* = 1. Unlike `dual_vector` it is 0
/// where v is, so that ascents do not move along what does not matter.
pub fn dual(v: &[f64], norm: Norm) -> Vec<f64> {
    match norm {
        Norm::One => v.iter().map(|x| if *x == 0.0 { 0.0 } else { x.signum() }).collect(),
        Norm::Two => {
            let size = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            v.iter().map(|x| if size > 0.0 { x / size } else { 0.0 }).collect()
        }
        Norm::Inf => {
            let best = (0..v.len()).max_by(|&a, &b| v[a].abs().total_cmp(&v[b].abs())).unwrap_or(0);
            (0..v.len()).map(|i| if i == best { v[i].signum() } else { 0.0 }).collect()
        }
    }
}

/// Boyd's power method on the Jacobian at x with tangent and adjoint passes:
/// u <- dual of J v, v <- dual of uᵀJ. For many outputs.
pub fn by_power<B: Backend>(context: &Context<B>, x: &[f64], gates: &[Option<Gate<Cpu>>]) -> Proposal {
    let sketch = &context.sketch();
    let (b, q) = (sketch.backend, &context.problem.quotient);
    let rows = context.problem.rows();
    let mut random = Random(context.seed);
    let mut best = Proposal { x: x.to_vec(), u: vec![0.0; rows], estimate: 0.0 };
    // Starts: all outputs alike, and a random direction.
    let starts = [vec![1.0; rows], (0..rows).map(|_| random.normal()).collect::<Vec<_>>()];
    let steps = (WORK / context.problem.net.products()).clamp(3.0, 12.0) as usize;
    for mut u in starts {
        let mut last = 0.0;
        for _ in 0..steps {
            if context.budget.is_over() {
                return best;
            }
            let row = Enclosure::point(context.problem.row(&u).centre);
            let g = context.without_fixed(b.read(&sketch.adjoints(gates, b.upload(&row), |_, _| {})));
            let g: Vec<f64> = g.centre.iter().copied().collect();
            let size = vector_norm_up(g.iter().map(|v| v.abs()), q.in_norm.dual());
            let scale = vector_norm_up(u.iter().map(|v| v.abs()), q.out_norm.dual());
            let estimate = if scale > 0.0 { size / scale } else { 0.0 };
            if estimate.is_nan() || estimate <= last * (1.0 + 1e-9) {
                break;
            }
            last = estimate;
            if estimate > best.estimate {
                (best.estimate, best.u) = (estimate, u.clone());
            }
            let v = Enclosure::vector(&dual(&g, q.in_norm.dual()));
            let image = b.read(&sketch.tangents(gates, b.upload(&v), |_, _| {})).centre;
            let image: Vec<f64> = image.iter().copied().collect();
            u = dual(&context.problem.measured(&image), q.out_norm);
        }
    }
    best
}
