//! What a network computes and how it changes, by plain loops in f64: values,
//! Jacobians, and how far rounding may have moved them.

use super::data::matrix;
use clarke::layer::{Piecewise, Smooth};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::problem::{Output, Problem};
use clarke::region::Region;
use ndarray::Array2;

/// Values and derivatives of one node. `size` and `drift` say how large the
/// numbers were that cancelled on the way: rounding is below 1e-13 of them.
#[derive(Clone)]
struct State {
    value: Vec<f64>,
    size: Vec<f64>,
    jacobian: Vec<Vec<f64>>,
    drift: Vec<Vec<f64>>,
}

/// Values of all nodes at a point, and the Jacobian of the measured output.
pub struct Point {
    pub values: Vec<Vec<f64>>,
    pub sizes: Vec<Vec<f64>>,
    pub jacobian: Array2<f64>,
    pub drift: Array2<f64>,
    /// No kink within rounding of the point.
    pub generic: bool,
}

/// x within this of a kink (relative to what cancelled) is not generic.
const MARGIN: f64 = 1e-11;

fn normal_distribution(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x.abs() < 5.0 {
        let (mut term, mut sum, mut n) = (x, 0.0, 1.0);
        while term != 0.0 && n < 400.0 {
            sum += term;
            n += 2.0;
            term *= x * x / n;
        }
        return 0.5 + density * sum;
    }
    let z = x.abs();
    let tail = density / (1..60).rev().fold(z, |f, k| z + k as f64 / f);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// Value, derivative and a bound of the second derivative's magnitude.
pub fn smooth(f: Smooth, x: f64) -> (f64, f64, f64) {
    let s = |x: f64| if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) };
    match f {
        Smooth::Sigmoid => (s(x), s(x) * s(-x), 0.1),
        Smooth::Tanh => (x.tanh(), 4.0 * s(2.0 * x) * s(-2.0 * x), 0.8),
        Smooth::Softplus => (x.max(0.0) + (-x.abs()).exp().ln_1p(), s(x), 0.25),
        Smooth::Elu { .. } if x > 0.0 => (x, 1.0, 0.0),
        Smooth::Elu { alpha } => (alpha * x.exp_m1(), alpha * x.exp(), alpha),
        Smooth::Silu => (x * s(x), s(x) + x * s(x) * s(-x), 0.5),
        Smooth::Gelu { tanh: false } => {
            let p = normal_distribution(x);
            (x * p, p + x * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt(), 0.8)
        }
        Smooth::Gelu { tanh: true } => {
            let c = 2.0 * (2.0 / std::f64::consts::PI).sqrt();
            let (z, steep) = (c * (x + 0.044715 * x * x * x), c * (1.0 + 3.0 * 0.044715 * x * x));
            let bump = if z.abs() > 700.0 { 0.0 } else { x * s(z) * s(-z) * steep };
            (x * s(z), s(z) + bump, 0.9)
        }
    }
}

fn kink(f: &Piecewise, x: f64) -> f64 {
    match f {
        Piecewise::Clip { lo, hi } if lo < hi => (x - lo).abs().min((x - hi).abs()),
        Piecewise::Clip { .. } => f64::INFINITY,
        _ => x.abs(),
    }
}

pub fn at(problem: &Problem, x: &[f64]) -> Point {
    let net = &problem.net;
    let n = net.inputs();
    let unit = |j: usize| (0..n).map(|k| (k == j) as u8 as f64).collect::<Vec<f64>>();
    let mut states: Vec<State> = vec![State {
        value: x.to_vec(),
        size: x.iter().map(|v| v.abs()).collect(),
        jacobian: (0..n).map(unit).collect(),
        drift: (0..n).map(unit).collect(),
    }];
    let mut generic = true;
    for node in &net.nodes[1..] {
        let inputs: Vec<&State> = node.inputs.iter().map(|&i| &states[i]).collect();
        let next = step(net, node, &inputs, &mut generic);
        states.push(next);
    }
    let last = states.last().expect("an output");
    let rows = measured(problem);
    let live: Vec<usize> = (0..n).filter(|&j| !problem.region.is_fixed(j)).collect();
    let gather = |m: &Vec<Vec<f64>>, sign: bool| {
        Array2::from_shape_fn((rows.len(), live.len()), |(r, c)| {
            let term = |&(i, s): &(usize, f64)| if sign { s * m[i][live[c]] } else { m[i][live[c]] };
            rows[r].iter().map(term).sum::<f64>()
        })
    };
    Point {
        jacobian: gather(&last.jacobian, true),
        drift: gather(&last.drift, false),
        values: states.iter().map(|s| s.value.clone()).collect(),
        sizes: states.iter().map(|s| s.size.clone()).collect(),
        generic,
    }
}

/// The numbers that are measured, as outputs and their signs.
pub fn measured(problem: &Problem) -> Vec<Vec<(usize, f64)>> {
    let count = problem.net.outputs();
    let less = |i: usize, j: usize| vec![(i, 1.0), (j, -1.0)];
    match problem.quotient.output {
        Output::All => (0..count).map(|i| vec![(i, 1.0)]).collect(),
        Output::One(i) => vec![vec![(i, 1.0)]],
        Output::Difference(i, j) => vec![less(i, j)],
        Output::Margins(i) => (0..count).filter(|&j| j != i).map(|j| less(i, j)).collect(),
        Output::Pairs => (0..count).flat_map(|i| (i + 1..count).map(move |j| less(i, j))).collect(),
    }
}

/// rows of `m` combined by the coefficients of one output.
fn combine(m: &[Vec<f64>], terms: &[(usize, f64)], n: usize) -> Vec<f64> {
    (0..n).map(|k| terms.iter().map(|&(j, w)| w * m[j][k]).sum()).collect()
}

fn step(net: &Net, node: &clarke::net::Node, inputs: &[&State], generic: &mut bool) -> State {
    let x = inputs[0];
    let n = net.inputs();
    let linear = |terms: Vec<Vec<(usize, f64)>>, shift: &dyn Fn(usize) -> f64| {
        let absolute: Vec<Vec<(usize, f64)>> =
            terms.iter().map(|t| t.iter().map(|&(j, w)| (j, w.abs())).collect()).collect();
        let sum = |t: &Vec<(usize, f64)>, v: &[f64]| t.iter().map(|&(j, w)| w * v[j]).sum::<f64>();
        State {
            value: terms.iter().enumerate().map(|(i, t)| sum(t, &x.value) + shift(i)).collect(),
            size: absolute.iter().enumerate().map(|(i, t)| sum(t, &x.size) + shift(i).abs()).collect(),
            jacobian: terms.iter().map(|t| combine(&x.jacobian, t, n)).collect(),
            drift: absolute.iter().map(|t| combine(&x.drift, t, n)).collect(),
        }
    };
    let scaled = |v: &[f64], s: f64| v.iter().map(|a| a * s).collect::<Vec<f64>>();
    match &node.op {
        Op::Input => unreachable!("only the first node"),
        Op::Affine(a) => {
            let w = matrix(&a.map);
            let terms = w.rows().into_iter().map(|r| r.iter().copied().enumerate().collect()).collect();
            linear(terms, &|i| a.bias.as_ref().map_or(0.0, |b| b[i / a.repeat]))
        }
        Op::Scale(s) => linear((0..node.len()).map(|k| vec![(k, s.factor[s.index(k)].hi)]).collect(), &|k| {
            s.shift[s.index(k)].hi
        }),
        Op::Select { incidence, fill } => {
            let window =
                |i| incidence.index[incidence.window(i)].iter().map(|&j| (j as usize, 1.0)).collect();
            let terms: Vec<Vec<(usize, f64)>> = (0..node.len()).map(window).collect();
            linear(terms, &|i| if incidence.window(i).is_empty() { *fill } else { 0.0 })
        }
        Op::Add => inputs[1..].iter().fold(x.clone(), |mut s, t| {
            let add = |a: &mut Vec<f64>, b: &Vec<f64>| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            add(&mut s.value, &t.value);
            add(&mut s.size, &t.size);
            s.jacobian.iter_mut().zip(&t.jacobian).for_each(|(a, b)| add(a, b));
            s.drift.iter_mut().zip(&t.drift).for_each(|(a, b)| add(a, b));
            s
        }),
        Op::Concat => State {
            value: inputs.iter().flat_map(|s| s.value.clone()).collect(),
            size: inputs.iter().flat_map(|s| s.size.clone()).collect(),
            jacobian: inputs.iter().flat_map(|s| s.jacobian.clone()).collect(),
            drift: inputs.iter().flat_map(|s| s.drift.clone()).collect(),
        },
        Op::Piecewise(f) => {
            let mut y = x.clone();
            for k in 0..node.len() {
                let (v, moves) = (x.value[k], x.drift[k].iter().any(|d| *d != 0.0));
                *generic &= !moves || kink(f, v) > MARGIN * x.size[k];
                let (value, slope) = match f {
                    Piecewise::Clip { lo, hi } => (v.max(*lo).min(*hi), (v > *lo && v < *hi) as u8 as f64),
                    _ if v >= 0.0 => (v, 1.0),
                    _ => (f.slope_below(k) * v, f.slope_below(k)),
                };
                let steepest = f.slope_below(k).abs().max(1.0);
                y.value[k] = value;
                y.size[k] = steepest * x.size[k] + value.abs();
                y.jacobian[k] = scaled(&x.jacobian[k], slope);
                y.drift[k] = scaled(&x.drift[k], slope.abs());
            }
            y
        }
        Op::Smooth(f) => {
            let mut y = x.clone();
            for k in 0..node.len() {
                let v = x.value[k];
                let (value, slope, bend) = smooth(*f, v);
                if let Smooth::Elu { .. } = f {
                    let moves = x.drift[k].iter().any(|d| *d != 0.0);
                    *generic &= !moves || v.abs() > MARGIN * x.size[k];
                }
                y.value[k] = value;
                y.size[k] = 2.0 * x.size[k] + value.abs();
                y.jacobian[k] = scaled(&x.jacobian[k], slope);
                let spread = slope.abs() + bend * x.size[k] + 1e-10;
                y.drift[k] = scaled(&x.drift[k], spread);
            }
            y
        }
        Op::Max(windows) => {
            let best = |i: usize| {
                let list = &windows.index[windows.window(i)];
                *list
                    .iter()
                    .max_by(|&&a, &&b| x.value[a as usize].total_cmp(&x.value[b as usize]))
                    .expect("one") as usize
            };
            for i in 0..node.len() {
                let top = best(i);
                for &j in &windows.index[windows.window(i)] {
                    let j = j as usize;
                    let same = x.jacobian[j] == x.jacobian[top];
                    let apart = x.value[top] - x.value[j] > MARGIN * (x.size[j] + x.size[top]);
                    *generic &= j == top || same || apart;
                }
            }
            State {
                value: (0..node.len()).map(|i| x.value[best(i)]).collect(),
                size: (0..node.len()).map(|i| x.size[best(i)]).collect(),
                jacobian: (0..node.len()).map(|i| x.jacobian[best(i)].clone()).collect(),
                drift: (0..node.len()).map(|i| x.drift[best(i)].clone()).collect(),
            }
        }
        Op::Softmax { group } => {
            let mut y = x.clone();
            for base in (0..node.len()).step_by(*group) {
                let members = base..base + group;
                let top = x.value[members.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let e: Vec<f64> = x.value[members.clone()].iter().map(|v| (v - top).exp()).collect();
                let sum: f64 = e.iter().sum();
                let size: f64 = x.size[members.clone()].iter().sum::<f64>() + 1.0;
                for i in 0..*group {
                    let s = e[i] / sum;
                    let terms: Vec<(usize, f64)> =
                        (0..*group).map(|j| (base + j, s * ((i == j) as u8 as f64 - e[j] / sum))).collect();
                    let wide: Vec<(usize, f64)> = terms.iter().map(|&(j, _)| (j, size)).collect();
                    y.value[base + i] = s;
                    y.size[base + i] = size;
                    y.jacobian[base + i] = combine(&x.jacobian, &terms, n);
                    y.drift[base + i] = combine(&x.drift, &wide, n);
                }
            }
            y
        }
    }
}

/// The plain norm of a vector.
pub fn length(v: &[f64], norm: Norm) -> f64 {
    let top = v.iter().fold(0.0f64, |m, a| m.max(a.abs()));
    match norm {
        Norm::One => v.iter().map(|a| a.abs()).sum(),
        Norm::Two if top > 0.0 => top * v.iter().map(|a| (a / top) * (a / top)).sum::<f64>().sqrt(),
        _ => top,
    }
}

/// Some point of the region; inside balls by a hair, so that rounding does not
/// leave them.
pub fn member(region: &Region, n: usize, d: &mut super::data::Data) -> Vec<f64> {
    let (Some((lo, hi)), Some(centre)) = (region.ends(), region.centre()) else {
        let scale = 10f64.powf(d.random.between(-2.0, 3.0));
        return (0..n).map(|_| d.random.between(-scale, scale)).collect();
    };
    let ends = d.chance(0.3);
    let mut x: Vec<f64> = (0..n)
        .map(|j| {
            let t = if ends { d.size(0, 1) as f64 } else { d.random.unit() };
            (lo[j] + t * (hi[j] - lo[j])).clamp(lo[j], hi[j])
        })
        .collect();
    if let Some((norm, radius)) = region.ball_norm().map(|(p, r)| (p, r.nearest()))
        && radius > 0.0
    {
        let away: Vec<f64> = x.iter().zip(centre).map(|(x, c)| x - c).collect();
        let size = length(&away, norm);
        if size > radius * (1.0 - 1e-9) {
            let shrink = radius * (1.0 - 1e-9) / size * if d.chance(0.5) { 1.0 } else { d.random.unit() };
            x = away.iter().zip(centre).map(|(a, c)| c + a * shrink).collect();
        }
    }
    x
}

/// Which features of a node depend on the inputs at all near x.
pub fn moving(problem: &Problem, x: &[f64], node: usize) -> Vec<bool> {
    let mut part = problem.clone();
    std::sync::Arc::make_mut(&mut part.net).nodes.truncate(node + 1);
    part.quotient.output = Output::All;
    at(&part, x).jacobian.rows().into_iter().map(|r| r.iter().any(|v| *v != 0.0)).collect()
}
