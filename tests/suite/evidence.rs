//! What upper bounds rest on, derived again by plain interval loops.

use crate::common::data::matrix;
use crate::common::nets::{Kind, network, question};
use crate::common::solve::Here;
use crate::common::{budget, naive};
use clarke::backend::cpu::Cpu;
use clarke::layer::smooth::range;
use clarke::layer::{LinearMap, Piece};
use clarke::method::local::{jacobian, product};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::interval::Interval;
use clarke::problem::{Output, Problem};
use clarke::sweep::{Bounds, Link, Trace};
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

type Row = Vec<Interval>;

/// One node as sums `terms + shift` of its input's features; None for others.
fn linear(net: &Net, k: usize) -> Option<Vec<(Vec<(usize, Interval)>, Interval)>> {
    let node = &net.nodes[k];
    let point = Interval::point;
    let coefficient = |c: clarke::num::Coefficient| point(c.hi) + point(c.lo) + Interval::new(-c.err, c.err);
    let window = |w: &clarke::layer::Incidence, i: usize| -> Vec<(usize, Interval)> {
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

fn slopes(net: &Net, input: Row, known: &Bounds) -> Slopes {
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
                    let ((a, b), (c, d)) = (range::value(*f, x.lo, x.hi), range::slope(*f, x.lo, x.hi));
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
        if let Some(e) = known.get(k) {
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

/// Slopes on which no output depends whatever the others are may be any number: 0.
fn settle(net: &Net, slopes: &mut Slopes) {
    for from in (1..net.nodes.len()).rev() {
        if matches!(net.nodes[from].op, Op::Piecewise(_) | Op::Smooth(_)) {
            let all = vec![Interval::new(-1.0, 1.0); net.outputs()];
            let found = row(net, slopes, &[], Link { from, to: net.output() }, all);
            for (s, _) in slopes.of[from].iter_mut().zip(&found).filter(|(_, g)| **g == Interval::ZERO) {
                *s = Interval::ZERO;
            }
        }
    }
}

/// Slopes on the region without those, where anything is known of it.
fn settled(problem: &Problem, known: &Bounds) -> Option<Slopes> {
    let (lo, hi) = problem.region.ends()?;
    known.iter().next()?;
    let input = lo.iter().zip(hi).map(|(l, h)| Interval::new(*l, *h)).collect();
    let mut s = slopes(&problem.net, input, known);
    settle(&problem.net, &mut s);
    Some(s)
}

/// The derivative of a node by an earlier one, multiplied out.
struct Run {
    link: Link,
    matrix: Vec<Row>,
}

impl Run {
    /// Is nothing between its ends open?
    fn is_fixed(&self) -> bool {
        let top = self.matrix.iter().flatten().fold(1e-9, |m: f64, e| m.max(e.magnitude()));
        self.matrix.iter().flatten().all(|e| e.width() <= 1e-9 * top)
    }
}

/// Every link's matrix.
fn runs(net: &Net, slopes: &Slopes, links: &[Link]) -> Vec<Run> {
    let run = |&link: &Link| {
        let n = net.nodes[link.to].len();
        let unit = |i: usize| (0..n).map(|j| Interval::point((i == j) as u8 as f64)).collect();
        let matrix: Vec<Row> = (0..n).map(|i| row(net, slopes, &[], link, unit(i))).collect();
        Run { link, matrix }
    };
    links.iter().map(run).collect()
}

/// One row of the derivative of a node by an earlier one, from the later back.
fn row(net: &Net, slopes: &Slopes, runs: &[Run], over: Link, seed: Row) -> Row {
    let mut total: Vec<Option<Row>> = vec![None; net.nodes.len()];
    total[over.to] = Some(seed);
    for k in (over.from + 1..=over.to).rev() {
        let Some(g) = total[k].take() else { continue };
        let node = &net.nodes[k];
        let mut give = |i: usize, part: Row| {
            let t = total[i].take().unwrap_or(vec![Interval::ZERO; part.len()]);
            total[i] = Some(t.iter().zip(&part).map(|(a, b)| *a + *b).collect());
        };
        if let Some(run) = runs.iter().find(|r| r.link.to == k) {
            let column = |j: usize| run.matrix.iter().zip(&g).fold(Interval::ZERO, |s, (m, g)| s + m[j] * *g);
            give(run.link.from, (0..net.nodes[run.link.from].len()).map(column).collect());
            continue;
        }
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
            Op::Softmax { group } => {
                let any = Interval::new(-1.0, 1.0);
                let sum = |j: usize| {
                    g[j / group * group..][..*group].iter().fold(Interval::ZERO, |t, g| t + *g * any)
                };
                give(node.inputs[0], (0..n).map(sum).collect());
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
    total[over.from].take().unwrap_or(vec![Interval::ZERO; net.nodes[over.from].len()])
}

/// One column of the Jacobian, from the input on.
fn column(net: &Net, slopes: &Slopes, runs: &[Run], j: usize) -> Row {
    let mut t: Vec<Row> = vec![(0..net.inputs()).map(|k| Interval::point((k == j) as u8 as f64)).collect()];
    for k in 1..net.nodes.len() {
        let node = &net.nodes[k];
        if let Some(run) = runs.iter().find(|r| r.link.to == k) {
            let y = run.matrix.iter().map(|m| m.iter().zip(&t[run.link.from]));
            t.push(y.map(|terms| terms.fold(Interval::ZERO, |s, (m, x)| s + *m * *x)).collect());
            continue;
        }
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
fn jacobian_again(
    problem: &Problem,
    known: &Bounds,
    links: &[Link],
    columns: bool,
    claim: f64,
) -> Option<(f64, f64)> {
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
    let s = settled(problem, known).unwrap_or_else(|| slopes(net, input, known));
    let runs = runs(net, &s, links);
    assert!(runs.iter().all(Run::is_fixed), "an open slope within {links:?}");
    let whole = Link { from: 0, to: net.output() };
    let live: Vec<usize> = (0..n).filter(|&j| !problem.region.is_fixed(j)).collect();
    let seed = |i: usize| {
        seeds.centre.slice(ndarray::s![0, i, ..]).iter().map(|v| Interval::point(*v)).collect::<Row>()
    };
    let back: Vec<Row> = (0..rows).map(|i| row(net, &s, &runs, whole, seed(i))).collect();
    let images: Vec<Row> =
        if columns { live.iter().map(|&j| column(net, &s, &runs, j)).collect() } else { vec![] };
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
    Some((crate::truth::truth(&size, problem.quotient.in_norm, out_norm), claim))
}

/// Who reads which node, with links read as one layer.
fn readers(net: &Net, links: &[Link]) -> Vec<Vec<usize>> {
    let mut users = vec![vec![]; net.nodes.len()];
    for k in (0..net.nodes.len()).rev() {
        let reads = match links.iter().find(|l| l.to == k) {
            Some(link) => vec![link.from],
            None => net.nodes[k].inputs.clone(),
        };
        if k == net.output() || !users[k].is_empty() {
            reads.into_iter().for_each(|i| users[i].push(k));
        }
    }
    users
}

/// Every factor is at least ‖D(x) W I(x)‖ at samples.
fn factors_again(
    problem: &Problem,
    factors: &[clarke::rules::walk::Factor],
    links: &[Link],
    known: &Bounds,
    m: &mut crate::common::nets::Maker,
) -> usize {
    let net = &problem.net;
    let users = readers(net, links);
    // What no output depends on may count as masked.
    let everywhere = settled(problem, known);
    let idle = |k: usize, j: usize| everywhere.as_ref().is_some_and(|s| s.of[k][j] == Interval::ZERO);
    let mut checked = 0;
    for _ in 0..3 {
        let x = naive::member(&problem.region, net.inputs(), &mut m.d);
        let at = naive::at(problem, &x);
        if !at.generic {
            continue;
        }
        let point = x.iter().map(|v| Interval::point(*v)).collect();
        let mut here = slopes(net, point, &Bounds::default());
        for (k, node) in net.nodes.iter().enumerate() {
            if matches!(node.op, Op::Piecewise(_) | Op::Smooth(_)) {
                let own = here.of[k].iter_mut().enumerate().filter(|(j, _)| idle(k, *j));
                own.for_each(|(_, s)| *s = Interval::ZERO);
            }
        }
        for f in factors {
            let narrowed =
                matches!(&net.nodes[net.output()].op, Op::Affine(a) if matches!(a.map, LinearMap::Dense(_)));
            if f.node == net.output() && problem.quotient.output != Output::All && narrowed {
                continue;
            }
            let link = links.iter().find(|l| l.to == f.node);
            let mut w = match (link, &net.nodes[f.node].op) {
                (Some(link), _) => {
                    let run = &runs(net, &here, &[*link])[0];
                    if !run.is_fixed() {
                        continue;
                    }
                    let m = &run.matrix;
                    Array2::from_shape_fn((m.len(), m[0].len()), |(i, j)| 0.5 * (m[i][j].lo + m[i][j].hi))
                }
                (None, Op::Affine(a)) => matrix(&a.map),
                _ => panic!("factors belong to layers"),
            };
            let mut at_node = f.node;
            // A scale that alone reads a layer belongs to its factor.
            if let [reader] = users[f.node][..]
                && let Op::Scale(s) = &net.nodes[reader].op
                && !links.iter().any(|l| l.to == reader)
            {
                w.rows_mut().into_iter().enumerate().for_each(|(j, mut row)| row *= s.factor[s.index(j)].hi);
                at_node = reader;
            }
            if let [reader] = users[at_node][..] {
                for (j, mut row) in w.rows_mut().into_iter().enumerate() {
                    let z = at.values[at_node][j];
                    let slope = match &net.nodes[reader].op {
                        Op::Piecewise(_) | Op::Smooth(_) if idle(reader, j) => 0.0,
                        Op::Piecewise(f) => f.derivative(j, z),
                        Op::Smooth(f) => naive::smooth(*f, z).1,
                        _ => 1.0,
                    };
                    row *= slope;
                }
                // So does one that alone reads the function behind it.
                let scalar = matches!(net.nodes[reader].op, Op::Piecewise(_) | Op::Smooth(_));
                if let [behind] = users[reader][..]
                    && let Op::Scale(s) = &net.nodes[behind].op
                    && scalar
                    && !links.iter().any(|l| l.to == behind || l.to == reader)
                {
                    let factors = (0..w.nrows()).map(|j| s.factor[s.index(j)].hi);
                    w.rows_mut().into_iter().zip(factors).for_each(|(mut row, f)| row *= f);
                }
            }
            // Features that do not move at the sample may count as masked.
            let from = link.map_or(net.nodes[f.node].inputs[0], |l| l.from);
            let moving = naive::moving(problem, &x, from);
            for (j, (mut column, moves)) in w.columns_mut().into_iter().zip(moving).enumerate() {
                let unit =
                    (0..net.nodes[from].len()).map(|i| Interval::point((i == j) as u8 as f64)).collect();
                let tangents = row(net, &here, &[], Link { from: 0, to: from }, unit);
                let inputs = tangents.iter().enumerate().filter(|(i, _)| !problem.region.is_fixed(*i));
                if !moves || inputs.map(|t| t.1).all(|t| *t == Interval::ZERO) {
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
            let needed = crate::truth::truth(&w, p, q) * (1.0 - 1e-9);
            assert!(f.value >= needed, "factor {f:?} below {needed:e}");
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
            let mut count = [0; 4];
            let here = Here::new(&problem, Cpu::DOUBLE);
            let context = here.context(&problem, budget(0));
            let mut statuses: Vec<(Arc<Trace<Cpu>>, Bounds)> = vec![(context.boxes(), Bounds::default())];
            if context.linear_counts() {
                let s = context.linear();
                statuses.push((s.trace.clone(), s.known.clone()));
            }
            for (trace, known) in statuses.iter().filter(|_| !context.needs_double_double()) {
                let found = jacobian::by_gates(&context, &context.main(), &trace.gates);
                let jacobian::Enclosed { value, links, columns, .. } = found.expect("time enough");
                count[2] += links.len();
                if let Some((again, claim)) = jacobian_again(&problem, known, &links, columns, value.get()) {
                    assert!(claim >= again * (1.0 - 1e-9), "case {k}: {claim:e} < {again:e}");
                    count[0] += 1;
                }
            }
            let main = context.main();
            let none = Bounds::default();
            let local = statuses.last().map(|(trace, _)| (&main, &trace.gates[..]));
            let local = local.filter(|_| !problem.region.is_global() && !context.needs_double_double());
            for gates in [local, None] {
                let (_, layered) = product::norms(&context, gates);
                let known = gates.and(statuses.last()).map_or(&none, |s| &s.1);
                count[1] += factors_again(&problem, &layered.factors, &layered.links, known, &mut m);
                count[3] += layered.links.len();
            }
            count
        })
        .reduce(|| [0; 4], |a, b| std::array::from_fn(|k| a[k] + b[k]));
    println!(
        "{} Jacobians and {} layer factors derived again; {} and {} runs",
        counts[0], counts[1], counts[2], counts[3]
    );
    assert!(counts[0] > 500 && counts[1] > 5000 && counts[2] > 100 && counts[3] > 100);
}
