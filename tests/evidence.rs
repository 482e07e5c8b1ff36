//! What upper bounds rest on, derived again by plain interval loops.

mod common;
mod truth;

use clarke::certificate::Evidence;
use clarke::net::{Net, Op};
use clarke::num::interval::Interval;
use clarke::num::{LinearMap, Norm, Piece};
use clarke::ops::{Known, smooth};
use clarke::problem::{Output, Problem};
use common::data::matrix;
use common::nets::{Kind, network, question};
use common::{bound, naive};
use ndarray::Array2;
use rayon::prelude::*;

type Row = Vec<Interval>;

/// One node as sums `terms + shift` of its input's features; None for others.
fn linear(net: &Net, k: usize) -> Option<Vec<(Vec<(usize, Interval)>, Interval)>> {
    let node = &net.nodes[k];
    let point = Interval::point;
    let coefficient = |c: clarke::num::Coefficient| point(c.hi) + point(c.lo) + Interval::new(-c.err, c.err);
    let window = |w: &clarke::num::Incidence, i: usize| -> Vec<(usize, Interval)> {
        w.index[w.window(i)].iter().map(|&j| (j as usize, Interval::ONE)).collect()
    };
    match &node.op {
        Op::Affine(a) => {
            let w = matrix(&a.map);
            let row = |i: usize| {
                let terms = w.row(i).iter().map(|w| point(*w)).enumerate().collect();
                (terms, point(a.bias.as_ref().map_or(0.0, |b| b[i / a.repeat])))
            };
            Some((0..w.nrows()).map(row).collect())
        }
        Op::Scale(s) => {
            let row =
                |j: usize| (vec![(j, coefficient(s.factor[s.index(j)]))], coefficient(s.shift[s.index(j)]));
            Some((0..node.len()).map(row).collect())
        }
        Op::Select { incidence, fill } => {
            let shift = |i: usize| point(if incidence.window(i).is_empty() { *fill } else { 0.0 });
            Some((0..node.len()).map(|i| (window(incidence, i), shift(i))).collect())
        }
        _ => None,
    }
}

fn dot(terms: &[(usize, Interval)], x: &[Interval]) -> Interval {
    terms.iter().fold(Interval::ZERO, |s, &(j, w)| s + w * x[j])
}

/// Slopes of every nonlinear node from interval arithmetic and what is known.
struct Slopes {
    /// Per feature, or per edge of a maximum.
    of: Vec<Row>,
}

fn slopes(net: &Net, input: Row, known: &Known) -> Slopes {
    let mut values: Vec<Row> = vec![input];
    let mut of: Vec<Row> = vec![vec![]];
    for k in 1..net.nodes.len() {
        let node = &net.nodes[k];
        let x = &values[node.inputs[0]];
        let (mut y, mut s): (Row, Row) = (vec![], vec![]);
        match &node.op {
            Op::Add => {
                let sum = |j: usize| node.inputs[1..].iter().fold(x[j], |t, &i| t + values[i][j]);
                y = (0..node.len()).map(sum).collect();
            }
            Op::Concat => y = node.inputs.iter().flat_map(|&i| values[i].clone()).collect(),
            Op::Piecewise(f) => {
                for (j, x) in x.iter().enumerate() {
                    let (value, slope) = match f.piece(j, x.lo, x.hi) {
                        Piece::Fixed { slope: 0.0, offset } => (Interval::point(offset), Interval::ZERO),
                        Piece::Fixed { slope, .. } => (*x * slope, Interval::point(slope)),
                        Piece::Free { value, slope } => {
                            (Interval::new(value[0], value[1]), Interval::new(slope[0], slope[1]))
                        }
                    };
                    y.push(value);
                    s.push(slope);
                }
            }
            Op::Smooth(f) => {
                for x in x {
                    let ((a, b), (c, d)) = (smooth::value(*f, x.lo, x.hi), smooth::slope(*f, x.lo, x.hi));
                    y.push(Interval::new(a, b));
                    s.push(Interval::new(c, d));
                }
            }
            Op::Max(w) => {
                s = vec![Interval::ZERO; w.edges()];
                for i in 0..node.len() {
                    let at = |e: usize| x[w.index[e] as usize];
                    let floor = w.window(i).map(|e| at(e).lo).fold(f64::NEG_INFINITY, f64::max);
                    let top = w.window(i).map(|e| at(e).hi).fold(f64::NEG_INFINITY, f64::max);
                    y.push(Interval::new(floor, top));
                    let first = w.window(i).find(|&e| at(e).lo == floor).expect("an edge");
                    let open: Vec<usize> = w.window(i).filter(|&e| e == first || at(e).hi > floor).collect();
                    let alone = (open.len() == 1) as u8 as f64;
                    open.iter().for_each(|&e| s[e] = Interval::new(alone, 1.0));
                }
            }
            Op::Softmax { .. } => y = vec![Interval::new(0.0, 1.0); node.len()],
            _ => y = linear(net, k).expect("linear").iter().map(|(t, c)| dot(t, x) + *c).collect(),
        }
        if let Some(Some(e)) = known.get(k) {
            for (j, y) in y.iter_mut().enumerate() {
                let proven = Interval::new(e.lo[[0, j]], e.hi[[0, j]]);
                *y = y.intersect(proven).expect("what is known agrees with interval arithmetic");
            }
        }
        values.push(y);
        of.push(s);
    }
    Slopes { of }
}

/// One row of the Jacobian, from the output back.
fn row(net: &Net, slopes: &Slopes, seed: Row) -> Row {
    let mut total: Vec<Option<Row>> = vec![None; net.nodes.len()];
    total[net.output()] = Some(seed);
    for k in (1..net.nodes.len()).rev() {
        let Some(g) = total[k].take() else { continue };
        let node = &net.nodes[k];
        let mut give = |i: usize, part: Row| {
            let t = total[i].take().unwrap_or(vec![Interval::ZERO; part.len()]);
            total[i] = Some(t.iter().zip(&part).map(|(a, b)| *a + *b).collect());
        };
        let n = net.nodes[node.inputs[0]].len();
        match &node.op {
            Op::Add => node.inputs.iter().for_each(|&i| give(i, g.clone())),
            Op::Concat => {
                let mut at = 0;
                for &i in &node.inputs {
                    give(i, g[at..at + net.nodes[i].len()].to_vec());
                    at += net.nodes[i].len();
                }
            }
            Op::Piecewise(_) | Op::Smooth(_) => {
                give(node.inputs[0], g.iter().zip(&slopes.of[k]).map(|(g, s)| *g * *s).collect());
            }
            Op::Max(w) => {
                let mut part = vec![Interval::ZERO; n];
                for i in 0..node.len() {
                    w.window(i).for_each(|e| {
                        let j = w.index[e] as usize;
                        part[j] = part[j] + g[i] * slopes.of[k][e];
                    });
                }
                give(node.inputs[0], part);
            }
            _ => {
                let mut part = vec![Interval::ZERO; n];
                for ((terms, _), g) in linear(net, k).expect("linear").iter().zip(&g) {
                    terms.iter().for_each(|&(j, w)| part[j] = part[j] + w * *g);
                }
                give(node.inputs[0], part);
            }
        }
    }
    total[0].take().unwrap_or(vec![Interval::ZERO; net.inputs()])
}

/// One column of the Jacobian, from the input on.
fn column(net: &Net, slopes: &Slopes, j: usize) -> Row {
    let mut t: Vec<Row> = vec![(0..net.inputs()).map(|k| Interval::point((k == j) as u8 as f64)).collect()];
    for k in 1..net.nodes.len() {
        let node = &net.nodes[k];
        let x = &t[node.inputs[0]];
        let y = match &node.op {
            Op::Add => {
                (0..node.len()).map(|j| node.inputs[1..].iter().fold(x[j], |s, &i| s + t[i][j])).collect()
            }
            Op::Concat => node.inputs.iter().flat_map(|&i| t[i].clone()).collect(),
            Op::Piecewise(_) | Op::Smooth(_) => x.iter().zip(&slopes.of[k]).map(|(x, s)| *x * *s).collect(),
            Op::Max(w) => (0..node.len())
                .map(|i| {
                    let open = w.window(i).filter(|&e| slopes.of[k][e].hi > 0.0);
                    open.map(|e| x[w.index[e] as usize]).reduce(Interval::hull).expect("an open edge")
                })
                .collect(),
            _ => linear(net, k).expect("linear").iter().map(|(terms, _)| dot(terms, x)).collect(),
        };
        t.push(y);
    }
    t.pop().expect("an output")
}

/// Is ‖.‖_{p→q} of |J| <= U the number that the engine computes, up to rounding?
fn simple(problem: &Problem, rows: usize) -> bool {
    rows == 1 || problem.quotient.in_norm == Norm::One || problem.quotient.out_norm == Norm::Inf
}

/// The claim is not below what the same statuses prove by interval loops.
fn jacobian_again(problem: &Problem, known: &Known, columns: bool, claim: f64) -> Option<(f64, f64)> {
    let net = &problem.net;
    let seeds = problem.seeds();
    let rows = seeds.dim().1;
    if !simple(problem, rows) || net.nodes.iter().any(|n| matches!(n.op, Op::Softmax { .. })) {
        return None;
    }
    let n = net.inputs();
    let input = match problem.region.ends() {
        Some((lo, hi)) => lo.iter().zip(hi).map(|(l, h)| Interval::new(*l, *h)).collect(),
        None => vec![Interval::ENTIRE; n],
    };
    let s = slopes(net, input, known);
    let fixed = problem.region.fixed();
    let live: Vec<usize> = (0..n).filter(|&j| !fixed.get(j).copied().unwrap_or(false)).collect();
    let seed = |i: usize| {
        seeds.centre.slice(ndarray::s![0, i, ..]).iter().map(|v| Interval::point(*v)).collect::<Row>()
    };
    let back: Vec<Row> = (0..rows).map(|i| row(net, &s, seed(i))).collect();
    let images: Vec<Row> = if columns { live.iter().map(|&j| column(net, &s, j)).collect() } else { vec![] };
    let size = Array2::from_shape_fn((rows, live.len()), |(i, c)| {
        let mut e = back[i][live[c]];
        if columns {
            let image = seed(i)
                .iter()
                .zip(&images[c])
                .filter(|(s, _)| s.lo != 0.0)
                .fold(Interval::ZERO, |t, (s, x)| t + *s * *x);
            e = e.intersect(image).expect("both sides enclose the same entry");
        }
        e.magnitude()
    });
    if size.iter().any(|v| v.is_infinite()) {
        return None;
    }
    let out_norm = if rows == 1 { Norm::Inf } else { problem.quotient.out_norm };
    Some((truth::truth(&size, problem.quotient.in_norm, out_norm), claim))
}

/// Every factor is at least ‖D(x) W I(x)‖ at samples.
fn factors_again(
    problem: &Problem,
    factors: &[clarke::certificate::Factor],
    m: &mut common::nets::Maker,
) -> usize {
    let net = &problem.net;
    let users = net.users();
    let mut checked = 0;
    for _ in 0..3 {
        let x = naive::member(&problem.region, net.inputs(), &mut m.d);
        let at = naive::at(problem, &x);
        if !at.generic {
            continue;
        }
        for f in factors {
            let Op::Affine(a) = &net.nodes[f.node].op else { panic!("factors belong to layers") };
            let last = f.node == net.output() && problem.quotient.output != Output::All;
            if last && matches!(a.map, LinearMap::Dense(_)) {
                continue;
            }
            let mut w = matrix(&a.map);
            if let [reader] = users[f.node][..] {
                for (j, mut row) in w.rows_mut().into_iter().enumerate() {
                    let z = at.values[f.node][j];
                    let slope = match &net.nodes[reader].op {
                        Op::Piecewise(f) => f.derivative(j, z),
                        Op::Smooth(f) => naive::smooth(*f, z).1,
                        _ => 1.0,
                    };
                    row *= slope;
                }
            }
            // Features that do not move at the sample may count as masked.
            let moving = naive::moving(problem, &x, net.nodes[f.node].inputs[0]);
            for (mut column, moves) in w.columns_mut().into_iter().zip(moving) {
                if !moves {
                    column.fill(0.0);
                }
            }
            if w.nrows().min(w.ncols()) > 7 {
                continue;
            }
            let (p, q) = (f.in_norm, f.out_norm);
            let side = if q == Norm::One { w.nrows() } else { w.ncols() };
            if p != Norm::One && q != Norm::Inf && side > 10 {
                continue;
            }
            let needed = truth::truth(&w, p, q) * (1.0 - 1e-9);
            assert!(f.value.get() >= needed, "factor {f:?} below {needed:e}");
            checked += 1;
        }
    }
    checked
}

#[test]
fn evidence_is_derived_again() {
    let counts = (0..1500usize)
        .into_par_iter()
        .map(|k| {
            let mut m = network(k as u64 + 300_000, Kind::Any);
            let problem = question(&mut m, k);
            let mut count = [0, 0];
            for name in ["jacobian-interval", "jacobian-ibp", "product-local", "product"] {
                let Some(outcome) = bound(&problem, name, 0) else { continue };
                let outcome = outcome.expect("no contradiction");
                let claim = outcome.upper.value.get();
                match &outcome.upper.evidence {
                    Evidence::IntervalJacobian { known, columns, double_double: false } => {
                        if let Some((again, claim)) = jacobian_again(&problem, known, *columns, claim) {
                            assert!(claim >= again * (1.0 - 1e-9), "case {k} {name}: {claim:e} < {again:e}");
                            count[0] += 1;
                        }
                    }
                    Evidence::LayerNorms { factors, .. } => {
                        count[1] += factors_again(&problem, factors, &mut m)
                    }
                    _ => {}
                }
            }
            count
        })
        .reduce(|| [0, 0], |a, b| [a[0] + b[0], a[1] + b[1]]);
    println!("{} Jacobians and {} layer factors derived again", counts[0], counts[1]);
    assert!(counts[0] > 500 && counts[1] > 5000);
}
