//! The exact Lipschitz constant of tiny piecewise-linear networks: all linear
//! pieces on a polygon, by clipping in exact arithmetic. Regions have at most
//! two varying coordinates; a single one gets a second that nothing reads.

use super::data::matrix;
use super::exact::Dyadic;
use super::naive;
use clarke::layer::Piecewise;
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::problem::Problem;
use dashu_int::IBig;
use dashu_int::ops::BitTest;
use dashu_ratio::RBig;
use ndarray::Array2;

/// a x + b y + c; as a line, its inside is where it is >= 0.
pub type Form = [Dyadic; 3];
/// Edges of a convex polygon, in order around it.
pub type Polygon = Vec<Form>;

pub fn form(a: f64, b: f64, c: f64) -> Form {
    [Dyadic::of(a), Dyadic::of(b), Dyadic::of(c)]
}

pub fn plus(x: &Form, y: &Form) -> Form {
    [0, 1, 2].map(|k| x[k].add(&y[k]))
}

pub fn times(x: &Form, w: &Dyadic) -> Form {
    [0, 1, 2].map(|k| x[k].mul(w))
}

pub fn minus(x: &Form) -> Form {
    [0, 1, 2].map(|k| x[k].neg())
}

/// Trailing zeros leave the mantissa.
pub fn tidy(d: Dyadic) -> Dyadic {
    match d.mantissa.trailing_zeros() {
        Some(0) => d,
        Some(z) => Dyadic::new(d.mantissa >> z, d.exponent + z as i64),
        None => Dyadic::new(IBig::ZERO, 0),
    }
}

/// Where two lines meet, as (x w, y w, w) with w > 0.
fn meet(l: &Form, m: &Form) -> Form {
    let minor = |i: usize, j: usize| tidy(l[i].mul(&m[j]).add(&l[j].mul(&m[i]).neg()));
    let v = [minor(1, 2), minor(2, 0), minor(0, 1)];
    if v[2].sign().is_lt() { minus(&v) } else { v }
}

fn side(line: &Form, vertex: &Form) -> std::cmp::Ordering {
    line[0].mul(&vertex[0]).add(&line[1].mul(&vertex[1])).add(&line[2].mul(&vertex[2])).sign()
}

/// The part of a polygon with interior where the line is >= 0, if that has interior.
pub fn clip(polygon: &Polygon, line: &Form) -> Option<Polygon> {
    let count = polygon.len();
    // Vertex k joins edges k and k + 1.
    let sides: Vec<_> =
        (0..count).map(|k| side(line, &meet(&polygon[k], &polygon[(k + 1) % count]))).collect();
    if sides.iter().all(|s| !s.is_lt()) {
        return Some(polygon.clone());
    }
    if sides.iter().all(|s| !s.is_gt()) {
        return None;
    }
    let mut edges = vec![];
    for k in 0..count {
        let (from, to) = (sides[(k + count - 1) % count], sides[k]);
        if from.is_gt() || to.is_gt() {
            edges.push(polygon[k].clone());
            if !to.is_gt() {
                edges.push(line.clone());
            }
        }
    }
    Some(edges)
}

pub fn rectangle(x: [&Dyadic; 2], y: [&Dyadic; 2]) -> Polygon {
    let one = Dyadic::of(1.0);
    let zero = Dyadic::of(0.0);
    vec![
        [one.clone(), zero.clone(), x[0].neg()],
        [zero.clone(), one.clone(), y[0].neg()],
        [one.neg(), zero.clone(), x[1].clone()],
        [zero, one.neg(), y[1].clone()],
    ]
}

struct Walk<'a> {
    net: &'a Net,
    visit: &'a mut dyn FnMut(&[Form], &Polygon),
    pieces: usize,
}

impl Walk<'_> {
    /// All pieces of the polygon from node k on, feature j of a nonlinear node first.
    fn go(&mut self, values: &mut Vec<Vec<Form>>, k: usize, polygon: &Polygon) {
        let Some(node) = self.net.nodes.get(k) else {
            self.pieces += 1;
            (self.visit)(values.last().expect("an output"), polygon);
            return;
        };
        let x = |i: usize| &values[node.inputs[i]];
        let linear = |x: &Vec<Form>, terms: &[(usize, f64)], c: f64| {
            terms
                .iter()
                .filter(|t| t.1 != 0.0)
                .fold(form(0.0, 0.0, c), |s, &(j, w)| plus(&s, &times(&x[j], &Dyadic::of(w))).map(tidy))
        };
        let y: Vec<Form> = match &node.op {
            Op::Affine(a) => {
                let w = matrix(&a.map);
                let bias = |i: usize| a.bias.as_ref().map_or(0.0, |b| b[i / a.repeat]);
                let row = |i: usize| w.row(i).iter().copied().enumerate().collect::<Vec<_>>();
                (0..w.nrows()).map(|i| linear(x(0), &row(i), bias(i))).collect()
            }
            Op::Scale(s) => (0..node.len())
                .map(|j| {
                    assert!(s.factor[s.index(j)].is_exact() && s.shift[s.index(j)].is_exact());
                    linear(x(0), &[(j, s.factor[s.index(j)].hi)], s.shift[s.index(j)].hi)
                })
                .collect(),
            Op::Select { incidence, fill } => (0..node.len())
                .map(|i| {
                    let list = &incidence.index[incidence.window(i)];
                    let terms: Vec<_> = list.iter().map(|&j| (j as usize, 1.0)).collect();
                    linear(x(0), &terms, if list.is_empty() { *fill } else { 0.0 })
                })
                .collect(),
            Op::Add => (0..node.len())
                .map(|j| (0..node.inputs.len()).fold(form(0.0, 0.0, 0.0), |s, i| plus(&s, &x(i)[j])))
                .collect(),
            Op::Concat => (0..node.inputs.len()).flat_map(|i| x(i).clone()).collect(),
            Op::Piecewise(_) | Op::Max(_) => {
                values.push(vec![]);
                self.split(values, k, polygon);
                values.pop();
                return;
            }
            _ => unreachable!("piecewise-linear operators only"),
        };
        values.push(y);
        self.go(values, k + 1, polygon);
        values.pop();
    }

    /// Splits by the next feature of node k, whose value is being built.
    fn split(&mut self, values: &mut Vec<Vec<Form>>, k: usize, polygon: &Polygon) {
        let (node, j) = (&self.net.nodes[k], values[k].len());
        if j == node.len() {
            return self.go(values, k + 1, polygon);
        }
        let input = node.inputs[0];
        // Every choice: conditions (>= 0) and the value there.
        let mut choices: Vec<(Vec<Form>, Form)> = vec![];
        let x = |i: usize| values[input][i].clone();
        match &node.op {
            Op::Max(windows) => {
                let list: Vec<usize> = windows.index[windows.window(j)].iter().map(|&i| i as usize).collect();
                for &top in &list {
                    let over = list.iter().filter(|&&i| i != top).map(|&i| plus(&x(top), &minus(&x(i))));
                    choices.push((over.collect(), x(top)));
                }
            }
            Op::Piecewise(Piecewise::Clip { lo, hi }) => {
                let constant = |c: f64| form(0.0, 0.0, c);
                let above = |c: f64| plus(&x(j), &constant(-c));
                if lo >= hi {
                    choices.push((vec![], constant(*hi)));
                } else {
                    let mut middle = vec![];
                    if lo.is_finite() {
                        choices.push((vec![minus(&above(*lo))], constant(*lo)));
                        middle.push(above(*lo));
                    }
                    if hi.is_finite() {
                        choices.push((vec![above(*hi)], constant(*hi)));
                        middle.push(minus(&above(*hi)));
                    }
                    choices.push((middle, x(j)));
                }
            }
            Op::Piecewise(f) => {
                choices.push((vec![x(j)], x(j)));
                choices.push((vec![minus(&x(j))], times(&x(j), &Dyadic::of(f.slope_below(j)))));
            }
            _ => unreachable!("nonlinear nodes only"),
        }
        for (conditions, value) in choices {
            let cell = conditions.iter().try_fold(polygon.clone(), |p, c| clip(&p, c));
            if let Some(cell) = cell {
                values[k].push(value.map(tidy));
                self.split(values, k, &cell);
                values[k].truncate(j);
            }
        }
    }
}

fn to_f64(d: &Dyadic) -> f64 {
    let d = tidy(d.clone());
    let bits = d.mantissa.clone().into_parts().1.bit_len();
    let drop = bits.saturating_sub(64);
    let m = &d.mantissa >> drop;
    let power = d.exponent + drop as i64;
    let m = i128::try_from(m).expect("64 bits") as f64;
    // In two steps, so that powers stay in range.
    let half = power / 2;
    m * 2f64.powi(half as i32) * 2f64.powi((power - half) as i32)
}

/// How a region is turned into a polygon.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    /// Contained in the region.
    Inside,
    /// Contains the region.
    Outside,
    /// The region: pieces whose polygons do not come inside an l2 ball do not count.
    Exact,
}

fn fraction(d: &Dyadic) -> RBig {
    let power = IBig::ONE << d.exponent.unsigned_abs() as usize;
    let m = RBig::from(d.mantissa.clone());
    if d.exponent < 0 { m / RBig::from(power) } else { m * RBig::from(power) }
}

/// The square of a point's distance from a polygon.
fn distance(polygon: &Polygon, point: &[RBig; 2]) -> RBig {
    let edges: Vec<[RBig; 3]> = polygon.iter().map(|e| [0, 1, 2].map(|k| fraction(&e[k]))).collect();
    if edges.iter().all(|[a, b, c]| a * &point[0] + b * &point[1] + c >= RBig::ZERO) {
        return RBig::ZERO;
    }
    let count = polygon.len();
    let corner = |k: usize| {
        let [x, y, w] = [0, 1, 2].map(|i| fraction(&meet(&polygon[k], &polygon[(k + 1) % count])[i]));
        [x / &w, y / w]
    };
    let corners: Vec<[RBig; 2]> = (0..count).map(corner).collect();
    let side = |k: usize| {
        let (from, to) = (&corners[(k + count - 1) % count], &corners[k]);
        let way = [&to[0] - &from[0], &to[1] - &from[1]];
        let off = [&point[0] - &from[0], &point[1] - &from[1]];
        let length = &way[0] * &way[0] + &way[1] * &way[1];
        let along = &way[0] * &off[0] + &way[1] * &off[1];
        let t = if length.is_zero() { RBig::ZERO } else { (along / length).clamp(RBig::ZERO, RBig::ONE) };
        let [x, y] = [0, 1].map(|i| &off[i] - &t * &way[i]);
        &x * &x + &y * &y
    };
    (0..count).map(side).min().expect("edges")
}

/// The region's l2 ball in two coordinates, where it is one: centre and square of the radius. A coordinate that
/// nothing reads is that of the centre.
fn disc(problem: &Problem, live: &[usize]) -> Option<([RBig; 2], RBig)> {
    let (_, radius) = problem.region.ball_norm().filter(|(p, _)| *p == Norm::Two)?;
    let centre = problem.region.written()?.1;
    let at = |k: usize| live.get(k).map_or(RBig::ZERO, |&j| centre[j].value());
    let r = radius.value();
    (!problem.region.is_point()).then(|| ([at(0), at(1)], &r * &r))
}

/// The largest ‖J‖ over all linear pieces, and their number; None when more
/// than two coordinates vary.
pub fn constant(
    problem: &Problem,
    shape: Shape,
    norm: impl Fn(&Array2<f64>, Norm, Norm) -> f64,
) -> Option<(f64, usize)> {
    over(problem, shape, norm, |input, polygon, visit| {
        let mut walk = Walk { net: &problem.net, visit, pieces: 0 };
        walk.go(&mut vec![input], 1, polygon);
        walk.pieces
    })
}

/// The same by whoever visits all pieces of a polygon, given the inputs as forms, and counts them.
pub fn over(
    problem: &Problem,
    shape: Shape,
    norm: impl Fn(&Array2<f64>, Norm, Norm) -> f64,
    walk: impl FnOnce(Vec<Form>, &Polygon, &mut dyn FnMut(&[Form], &Polygon)) -> usize,
) -> Option<(f64, usize)> {
    let n = problem.net.inputs();
    let live: Vec<usize> = (0..n).filter(|&j| !problem.region.is_fixed(j)).collect();
    if live.len() > 2 {
        return None;
    }
    let power = |k: i64| Dyadic::new(IBig::ONE, k);
    let ends = |j: usize| -> [Dyadic; 2] {
        let Some((lo, hi)) = problem.region.ends() else { return [power(400).neg(), power(400)] };
        if problem.region.is_point() {
            let c = Dyadic::of(lo[j]);
            return [c.add(&power(-3000).neg()), c.add(&power(-3000))];
        }
        [Dyadic::of(lo[j]), Dyadic::of(hi[j])]
    };
    let unit = [Dyadic::of(0.0), Dyadic::of(1.0)];
    let x = live.first().map_or(unit.clone(), |&j| ends(j));
    let y = live.get(1).map_or(unit, |&j| ends(j));
    let mut polygon = rectangle([&x[0], &x[1]], [&y[0], &y[1]]);
    if let (Some((p, radius)), Some(centre)) = (problem.region.ball_norm(), problem.region.centre())
        && !problem.region.is_point()
    {
        let r = &radius.as_float().expect("a ball of floats");
        let c: Vec<Dyadic> = live.iter().map(|&j| Dyadic::of(centre[j])).collect();
        let mut cuts = vec![];
        // |u . (x - c)| <= s for each (u, s): exact for l1, inside for l2, and
        // for l-inf, whose box is rounded outward.
        let mut band = |u: [f64; 2], s: f64| {
            for sign in [1.0, -1.0] {
                let mut line = form(-sign * u[0], -sign * u[1], s);
                for (k, c) in c.iter().enumerate() {
                    line[2] = line[2].add(&c.mul(&Dyadic::of(sign * u[k])));
                }
                cuts.push(line);
            }
        };
        match p {
            Norm::One if live.len() == 2 => {
                band([1.0, 1.0], *r);
                band([1.0, -1.0], *r);
            }
            Norm::Two if live.len() == 2 && shape == Shape::Inside => {
                let s = r * 0.707;
                band([1.0, 0.0], s);
                band([0.0, 1.0], s);
            }
            _ => {
                band([1.0, 0.0], *r);
                if live.len() == 2 {
                    band([0.0, 1.0], *r);
                }
            }
        }
        polygon = cuts.iter().try_fold(polygon, |p, c| clip(&p, c))?;
    }
    let lo = problem.region.ends().map(|e| e.0);
    let input: Vec<Form> = (0..n)
        .map(|j| match live.iter().position(|&l| l == j) {
            Some(0) => form(1.0, 0.0, 0.0),
            Some(_) => form(0.0, 1.0, 0.0),
            None => form(0.0, 0.0, lo.expect("bounded")[j]),
        })
        .collect();
    let (p, q) = (problem.quotient.in_norm, problem.quotient.out_norm);
    let mut best: f64 = 0.0;
    let disc = disc(problem, &live).filter(|_| shape == Shape::Exact && live.len() == 2);
    let mut visit = |y: &[Form], polygon: &Polygon| {
        if disc.as_ref().is_some_and(|(centre, square)| distance(polygon, centre) >= *square) {
            return;
        }
        let signed = |&(i, sign): &(usize, f64)| if sign < 0.0 { minus(&y[i]) } else { y[i].clone() };
        let whole = |part: &Vec<(usize, f64)>| part.iter().map(signed).reduce(|a, b| plus(&a, &b));
        let rows: Vec<Form> = naive::measured(problem).iter().filter_map(whole).collect();
        let j = Array2::from_shape_fn((rows.len(), live.len()), |(r, c)| to_f64(&rows[r][c]));
        best = best.max(norm(&j, p, q));
    };
    let pieces = walk(input, &polygon, &mut visit);
    Some((best, pieces))
}
