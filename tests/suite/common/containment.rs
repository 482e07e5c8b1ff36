//! Does every primitive of a backend contain the exact result? Members of the
//! argument enclosures are exact dyadic numbers; so are the results.

use super::data::{Data, conv_shape, enclosure, matrix, windows};
use super::exact::Dyadic;
use clarke::backend::{Backend, Lines, WindowLines};
use clarke::layer::{Affine, Incidence, LinearMap, Piecewise, Scale};
use clarke::linalg::Enclosure;
use clarke::num::Coefficient;
use ndarray::Array2;
use std::sync::Arc;

/// What was checked: entries with a finite radius, and the first violations.
#[derive(Default, Debug)]
pub struct Findings {
    pub entries: usize,
    pub finite: usize,
    pub violations: Vec<String>,
}

impl Findings {
    fn fail(&mut self, what: String) {
        if self.violations.len() < 20 {
            self.violations.push(what);
        }
    }

    pub fn assert_sound(&self, name: &str) {
        println!("{name}: {} entries, {} finite", self.entries, self.finite);
        assert!(self.violations.is_empty(), "{name}:\n{}", self.violations.join("\n"));
        assert!(self.finite * 3 > self.entries, "{name}: mostly vacuous");
    }
}

pub fn zero() -> Dyadic {
    Dyadic::of(0.0)
}

fn least(a: Dyadic, b: Dyadic) -> Dyadic {
    if a.cmp(&b).is_gt() { b } else { a }
}

pub fn most(a: Dyadic, b: Dyadic) -> Dyadic {
    if a.cmp(&b).is_lt() { b } else { a }
}

pub fn total(terms: impl IntoIterator<Item = Dyadic>) -> Dyadic {
    terms.into_iter().fold(zero(), |s, t| s.add(&t))
}

/// y holds every exact member, row by row in flat order. Centres with a hidden
/// low part are read in two steps, so that their full precision is tested.
pub fn contains<B: Backend>(b: &B, y: &B::Block, members: &[Vec<Dyadic>], what: &str, out: &mut Findings) {
    let first = b.read(y);
    let mut minus = Enclosure::point(first.centre.mapv(|c| -c));
    minus.radius.fill(0.0);
    let rest = b.read(&b.sum(&[y, &b.upload(&minus)]));
    let features = first.dim().2;
    assert_eq!(members.len() * features, first.centre.len(), "{what}: size");
    for (k, ((c, r), (d, s))) in
        first.centre.iter().zip(&first.radius).zip(rest.centre.iter().zip(&rest.radius)).enumerate()
    {
        let member = &members[k / features][k % features];
        out.entries += 1;
        if r.is_finite() {
            out.finite += 1;
            if !within(member, &[*c], *r) {
                out.fail(format!("{what}: entry {k} outside {c:e} ± {r:e}"));
            }
        }
        if s.is_finite() && !within(member, &[*c, *d], *s) {
            out.fail(format!("{what}: entry {k} outside {c:e} + {d:e} ± {s:e}"));
        }
        if r.is_nan() || *r < 0.0 || !c.is_finite() {
            out.fail(format!("{what}: entry {k} is {c:e} ± {r:e}"));
        }
    }
}

fn within(member: &Dyadic, centre: &[f64], radius: f64) -> bool {
    let mut distance = member.clone();
    centre.iter().for_each(|c| distance = distance.add(&Dyadic::of(-c)));
    distance.at_most(radius) && distance.at_least(-radius)
}

pub fn product(w: &Array2<f64>, x: &[Dyadic], adjoint: bool) -> Vec<Dyadic> {
    let outputs = if adjoint { w.ncols() } else { w.nrows() };
    (0..outputs)
        .map(|i| {
            total(x.iter().enumerate().filter_map(|(j, x)| {
                let w = if adjoint { w[[j, i]] } else { w[[i, j]] };
                (w != 0.0).then(|| Dyadic::of(w).mul(x))
            }))
        })
        .collect()
}

fn map_rows(x: &[Vec<Dyadic>], f: impl Fn(&[Dyadic]) -> Vec<Dyadic>) -> Vec<Vec<Dyadic>> {
    x.iter().map(|row| f(row)).collect()
}

/// A dense map or a convolution; every third has weights that f16 holds.
pub fn random_map(d: &mut Data, round: usize) -> LinearMap {
    let weight =
        |d: &mut Data| if round % 3 == 2 { (d.size(0, 64) as f64 - 32.0) / 16.0 } else { d.weight() };
    if round.is_multiple_of(2) {
        let (m, n) = (d.size(1, if round.is_multiple_of(16) { 90 } else { 7 }), d.size(1, 9));
        return LinearMap::Dense(Arc::new(Array2::from_shape_simple_fn((m, n), || weight(d))));
    }
    let shape = conv_shape(d);
    let weight: Vec<f64> = (0..shape.out_channels * shape.depth()).map(|_| weight(d)).collect();
    LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: d.chance(0.3) }
}

/// Affine maps and their adjoints: dense, convolutions, transposed convolutions.
pub fn products<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for round in 0..rounds {
        let map = random_map(&mut d, round);
        let dense = matrix(&map);
        let repeat =
            (1..=map.outputs()).filter(|r| map.outputs().is_multiple_of(*r)).nth(d.size(0, 1)).unwrap_or(1);
        let bias = d.chance(0.7).then(|| (0..map.outputs() / repeat).map(|_| d.weight()).collect::<Vec<_>>());
        let affine = Affine { map, bias: bias.clone().map(Arc::new), repeat };
        let prepared = b.prepare(&affine);
        let rows = if round % 10 == 0 { 20 } else { d.size(1, 5) };
        let x = enclosure(&mut d, 1, rows, dense.ncols());
        let g = enclosure(&mut d, 2, d_rows(round), dense.nrows());
        let (bx, bg) = (x.upload(b), g.upload(b));
        let (y, z, a) = (b.linear(&prepared, &bx), b.affine(&prepared, &bx), b.adjoint(&prepared, &bg));
        // Random members, and those that are extreme for one output.
        for pick in 0..4 {
            let which = d.size(0, dense.nrows() - 1);
            let signs: Vec<f64> = dense.row(which).iter().map(|w| w.signum()).collect();
            let x = if pick == 0 { x.extreme(&signs) } else { x.members(&mut d) };
            let w_x = map_rows(&x, |x| product(&dense, x, false));
            contains(b, &y, &w_x, "linear", out);
            let shifted = map_rows(&w_x, |y| {
                let bias = |k: usize| bias.as_ref().map_or(zero(), |b| Dyadic::of(b[k / repeat]));
                y.iter().enumerate().map(|(k, y)| y.add(&bias(k))).collect()
            });
            contains(b, &z, &shifted, "affine", out);
            let column = d.size(0, dense.ncols() - 1);
            let signs: Vec<f64> = dense.column(column).iter().map(|w| w.signum()).collect();
            let g = if pick == 0 { g.extreme(&signs) } else { g.members(&mut d) };
            contains(b, &a, &map_rows(&g, |g| product(&dense, g, true)), "adjoint", out);
        }
    }
}

fn d_rows(round: usize) -> usize {
    1 + round % 3
}

/// Scale, select, sums, concat and slice.
pub fn linear_parts<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, rows, n) = (d.size(1, 2), d.size(1, 2), d.size(1, 6));
        let x = enclosure(&mut d, items, rows, n);
        let other = enclosure(&mut d, items, rows, n);
        let (bx, by) = (x.upload(b), other.upload(b));
        let count = d.size(1, n);
        let scale = Scale::new(
            (0..count).map(|_| d.coefficient()).collect(),
            (0..count).map(|_| d.coefficient()).collect(),
            d.size(1, 2),
        );
        let incidence = windows(&mut d, n, 0, 3);
        let fill = if d.chance(0.5) { d.weight() } else { 0.0 };
        let g = enclosure(&mut d, items, rows, incidence.outputs());
        let cut = d.size(0, n - 1);
        let y = [
            b.scale(&scale, &bx, false),
            b.scale(&scale, &bx, true),
            b.select(&incidence, fill, &bx),
            b.select_adjoint(&incidence, &g.upload(b)),
            b.sum(&[&bx, &by, &bx]),
            b.concat(&[&bx, &by]),
            b.slice(&bx, cut..n),
        ];
        for _ in 0..4 {
            let (x, other, g) = (x.members(&mut d), other.members(&mut d), g.members(&mut d));
            let pick: Vec<f64> = (0..2 * count).map(|_| d.within()).collect();
            let member = |c: Coefficient, t: f64| {
                total([Dyadic::of(c.hi), Dyadic::of(c.lo), Dyadic::of(c.err).mul(&Dyadic::of(t))])
            };
            let factor = |k: usize| member(scale.factor[scale.index(k)], pick[scale.index(k)]);
            let shift = |k: usize| member(scale.shift[scale.index(k)], pick[count + scale.index(k)]);
            let scaled = map_rows(&x, |x| x.iter().enumerate().map(|(k, x)| x.mul(&factor(k))).collect());
            contains(b, &y[0], &scaled, "scale", out);
            let moved = map_rows(&scaled, |x| x.iter().enumerate().map(|(k, x)| x.add(&shift(k))).collect());
            contains(b, &y[1], &moved, "scale and shift", out);
            let selected = map_rows(&x, |x| {
                let sum = |i: usize| {
                    let w = incidence.window(i);
                    if w.is_empty() {
                        return Dyadic::of(fill);
                    }
                    total(incidence.index[w].iter().map(|&j| x[j as usize].clone()))
                };
                (0..incidence.outputs()).map(sum).collect()
            });
            contains(b, &y[2], &selected, "select", out);
            contains(b, &y[3], &map_rows(&g, |g| scatter(&incidence, g)), "select adjoint", out);
            let joined: Vec<(&Vec<Dyadic>, &Vec<Dyadic>)> = x.iter().zip(&other).collect();
            let sums =
                joined.iter().map(|(x, y)| x.iter().zip(y.iter()).map(|(x, y)| x.add(y).add(x)).collect());
            contains(b, &y[4], &sums.collect::<Vec<Vec<Dyadic>>>(), "sum", out);
            let both: Vec<Vec<Dyadic>> =
                joined.iter().map(|(x, y)| x.iter().chain(y.iter()).cloned().collect()).collect();
            contains(b, &y[5], &both, "concat", out);
            contains(b, &y[6], &map_rows(&x, |x| x[cut..].to_vec()), "slice", out);
        }
    }
}

fn scatter(incidence: &Incidence, g: &[Dyadic]) -> Vec<Dyadic> {
    let mut x = vec![zero(); incidence.inputs];
    for (i, g) in g.iter().enumerate() {
        for &j in &incidence.index[incidence.window(i)] {
            x[j as usize] = x[j as usize].add(g);
        }
    }
    x
}

pub fn apply(f: &Piecewise, feature: usize, x: &Dyadic) -> Dyadic {
    match f {
        Piecewise::Clip { lo, hi } => {
            let x = if *lo == f64::NEG_INFINITY { x.clone() } else { most(x.clone(), Dyadic::of(*lo)) };
            if *hi == f64::INFINITY { x } else { least(x, Dyadic::of(*hi)) }
        }
        _ if x.sign().is_lt() => Dyadic::of(f.slope_below(feature)).mul(x),
        _ => x.clone(),
    }
}

pub fn function(d: &mut Data) -> Piecewise {
    match d.size(0, 6) {
        0 => Piecewise::RELU,
        1 => Piecewise::ABS,
        2 => Piecewise::Leaky { slope: [0.01, 1.5, -0.7, 1e-300, 1.0][d.size(0, 4)] },
        3 => Piecewise::PerFeature { slope: vec![0.1, -2.0, 3.0, 0.0], repeat: d.size(1, 2) },
        4 => Piecewise::Clip { lo: -0.3, hi: 1.0 / 3.0 },
        5 => Piecewise::Clip { lo: 1.0, hi: -1.0 },
        _ => Piecewise::Clip { lo: [f64::NEG_INFINITY, 0.0][d.size(0, 1)], hi: f64::INFINITY },
    }
}

/// Activations, gates, intersections.
pub fn scalar_functions<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, rows, n) = (d.size(1, 2), d.size(1, 2), d.size(1, 5));
        let (x, g) = (enclosure(&mut d, items, 1, n), enclosure(&mut d, items, rows, n));
        let f = function(&mut d);
        let bx = x.upload(b);
        let (y, slopes) = (b.activate(&f, &bx), b.piecewise_slopes(&f, &bx));
        let gated = b.gate(&slopes, &g.upload(b));
        let (lo, hi) = b.read_slopes(&slopes);
        let ends = Array2::from_shape_fn((items, n), |_| {
            let (a, z) = (d.weight(), d.weight());
            (a.min(z), if d.chance(0.2) { a.min(z) } else { a.max(z) })
        });
        let own = b.upload_slopes(&ends.mapv(|e| e.0), &ends.mapv(|e| e.1));
        let own_gated = b.gate(&own, &g.upload(b));
        // The same members in another enclosure.
        let wide = x.around(&mut d);
        let common = b.intersect(&bx, &wide.upload(b));
        for _ in 0..4 {
            let (x, g) = (x.members(&mut d), g.members(&mut d));
            let values = map_rows(&x, |x| x.iter().enumerate().map(|(j, x)| apply(&f, j, x)).collect());
            contains(b, &y, &values, "activate", out);
            // The slope at the member, where it has one.
            let mut exact = g.clone();
            for (v, row) in exact.iter_mut().enumerate() {
                for (j, g) in row.iter_mut().enumerate() {
                    let (item, at) = (v / rows, [v / rows, j]);
                    let s = slope(&f, j, &x[item][j]).unwrap_or(lo[at]);
                    *g = g.mul(&Dyadic::of(s));
                    let inside = lo[at] <= s && s <= hi[at];
                    if !inside && x[item][j].sign().is_ne() {
                        out.fail(format!("slope {s} of {f:?} outside [{}, {}]", lo[at], hi[at]));
                    }
                }
            }
            contains(b, &gated, &exact, "gate by a function", out);
            let t: Vec<f64> = (0..items * n).map(|_| d.within()).collect();
            let scaled: Vec<Vec<Dyadic>> = g
                .iter()
                .enumerate()
                .map(|(v, row)| {
                    let s = |j: usize| {
                        let (a, z) = ends[[v / rows, j]];
                        let t = 0.5 + 0.5 * t[v / rows * n + j];
                        let width = Dyadic::of(z).add(&Dyadic::of(-a));
                        Dyadic::of(a).add(&width.mul(&Dyadic::of(t)))
                    };
                    row.iter().enumerate().map(|(j, g)| g.mul(&s(j))).collect()
                })
                .collect();
            contains(b, &own_gated, &scaled, "gate", out);
            contains(b, &common, &x, "intersect", out);
        }
    }
}

/// The derivative, None at a kink.
fn slope(f: &Piecewise, feature: usize, x: &Dyadic) -> Option<f64> {
    match f {
        Piecewise::Clip { lo, hi } => {
            let side = |t: f64| {
                if t.is_infinite() {
                    Dyadic::of(0.0).cmp(&Dyadic::of(t.signum()))
                } else {
                    x.cmp(&Dyadic::of(t))
                }
            };
            if lo >= hi || side(*lo).is_lt() || side(*hi).is_gt() {
                return Some(0.0);
            }
            (side(*lo).is_gt() && side(*hi).is_lt()).then_some(1.0)
        }
        _ if x.sign().is_gt() => Some(1.0),
        _ => x.sign().is_lt().then(|| f.slope_below(feature)),
    }
}

/// Maxima over windows, their gates, tangents and adjoints.
pub fn maxima<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, rows, n) = (d.size(1, 2), d.size(1, 2), d.size(1, 6));
        let x = enclosure(&mut d, items, 1, n);
        let w = windows(&mut d, n, 1, 4);
        let (t, g) = (enclosure(&mut d, items, rows, n), enclosure(&mut d, items, rows, w.outputs()));
        let bx = x.upload(b);
        let (y, gates) = (b.window_max(&w, &bx), b.window_gates(&w, &bx));
        let tangent = b.window_tangent(&w, &gates, &t.upload(b));
        let adjoint = b.window_adjoint(&w, &gates, &g.upload(b));
        let (lo, hi) = b.read_slopes(&gates);
        for _ in 0..4 {
            let (x, t, g) = (x.members(&mut d), t.members(&mut d), g.members(&mut d));
            let at = |item: usize, e: usize| &x[item][w.index[e] as usize];
            // Any edge that attains the maximum and is open: its column is a generalised gradient.
            let mut chosen = vec![vec![0; w.outputs()]; items];
            for item in 0..items {
                for i in 0..w.outputs() {
                    let top = w.window(i).fold(at(item, w.window(i).start), |m, e| {
                        if at(item, e).cmp(m).is_gt() { at(item, e) } else { m }
                    });
                    let attains = |e: &usize| at(item, *e).cmp(top).is_eq();
                    let open = w.window(i).filter(attains).find(|&e| hi[[item, e]] == 1.0);
                    match open {
                        Some(e) => chosen[item][i] = e,
                        None => out.fail(format!("no open edge attains the maximum of window {i}")),
                    }
                    let alone = w.window(i).find(|&e| lo[[item, e]] == 1.0);
                    if alone.is_some_and(|e| !attains(&e)) {
                        out.fail(format!("an edge said to be alone does not attain the maximum {i}"));
                    }
                }
            }
            let tops = (0..items)
                .map(|item| chosen[item].iter().map(|&e| at(item, e).clone()).collect())
                .collect::<Vec<_>>();
            contains(b, &y, &tops, "window max", out);
            let images = t
                .iter()
                .enumerate()
                .map(|(v, t)| chosen[v / rows].iter().map(|&e| t[w.index[e] as usize].clone()).collect());
            contains(b, &tangent, &images.collect::<Vec<Vec<_>>>(), "window tangent", out);
            let back = g.iter().enumerate().map(|(v, g)| {
                let mut row = vec![zero(); n];
                for (i, &e) in chosen[v / rows].iter().enumerate() {
                    let j = w.index[e] as usize;
                    row[j] = row[j].add(&g[i]);
                }
                row
            });
            contains(b, &adjoint, &back.collect::<Vec<_>>(), "window adjoint", out);
        }
    }
}

/// const >= exact, for constants that may be infinite.
pub fn above(constant: f64, exact: &Dyadic, what: &str, out: &mut Findings) {
    out.entries += 1;
    out.finite += constant.is_finite() as usize;
    if constant.is_nan() || !exact.at_most(constant) {
        out.fail(format!("{what}: {constant:e} is below the exact value"));
    }
}

/// The steps of linear bounds: settle, chord, window chord, support.
pub fn lines<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, rows, n) = (d.size(1, 2), d.size(1, 3), d.size(1, 5));
        let a = enclosure(&mut d, items, rows, n);
        let size = Array2::from_shape_simple_fn((items, n), || d.weight().abs());
        let (settled, lost) = b.settle(&a.upload(b), &b.spans(-&size, size.clone()));
        let (s, lost) = (b.read(&settled), b.top(lost));
        assert!(s.radius.iter().all(|r| *r == 0.0), "settled coefficients are numbers");
        let row = |v: usize| [v / rows, v % rows];
        for _ in 0..4 {
            let a = a.members(&mut d);
            for (v, a) in a.iter().enumerate() {
                // a . x - s . x <= lost for the worst |x| <= size.
                let gap = a.iter().enumerate().map(|(j, a)| {
                    let e = a.add(&Dyadic::of(-s.centre[[v / rows, v % rows, j]]));
                    let e = if e.sign().is_lt() { e.neg() } else { e };
                    e.mul(&Dyadic::of(size[[v / rows, j]]))
                });
                above(lost[row(v)], &total(gap), "settle", out);
            }
        }
        let table = || Array2::from_shape_simple_fn((items, n), || 0.0);
        let mut each =
            Lines { lower_slope: table(), lower_shift: table(), upper_slope: table(), upper_shift: table() };
        for t in [&mut each.lower_slope, &mut each.lower_shift, &mut each.upper_slope, &mut each.upper_shift]
        {
            t.mapv_inplace(|_| d.weight());
        }
        let (next, shift) = b.chord(&b.chords(each.clone()), &settled);
        let shift = b.top(shift);
        super::settled::chord(b, &mut d, &each, &settled, out);
        let top = b.top(b.support(&settled, &b.spans(-&size, size.clone())));
        let (mut coefficients, coefficient) =
            (vec![], |v: usize, j: usize| s.centre[[v / rows, v % rows, j]]);
        for v in 0..items * rows {
            let item = v / rows;
            let side = |j: usize| {
                let c = coefficient(v, j);
                let (s, t) = if c > 0.0 {
                    (each.upper_slope[[item, j]], each.upper_shift[[item, j]])
                } else {
                    (each.lower_slope[[item, j]], each.lower_shift[[item, j]])
                };
                (Dyadic::of(c).mul(&Dyadic::of(s)), Dyadic::of(c).mul(&Dyadic::of(t)))
            };
            coefficients.push((0..n).map(|j| side(j).0).collect::<Vec<_>>());
            above(shift[row(v)], &total((0..n).map(|j| side(j).1)), "chord", out);
            let best = (0..n).map(|j| Dyadic::of(coefficient(v, j).abs()).mul(&Dyadic::of(size[[item, j]])));
            above(top[row(v)], &total(best), "support", out);
        }
        contains(b, &next, &coefficients, "chord slopes", out);
        window_lines(b, &mut d, &settled, &s, out);
    }
}

fn window_lines<B: Backend>(b: &B, d: &mut Data, a: &B::Block, s: &Enclosure, out: &mut Findings) {
    let (items, rows, outputs) = s.dim();
    let n = d.size(1, 5);
    let w = Incidence::new(n, (0..outputs).map(|_| d.window(n, 1, 3)).collect::<Vec<_>>());
    let lo = Array2::from_shape_simple_fn((items, n), || d.weight());
    let hi = lo.mapv(|l| if d.chance(0.3) { l } else { l + d.weight().abs() });
    let lines = WindowLines::new(&w, &lo, &hi);
    let (next, shift) = b.window_chord(&w, &b.edges(lines.clone()), a);
    let (mut coefficients, shift) = (vec![vec![zero(); n]; items * rows], b.top(shift));
    for v in 0..items * rows {
        let (item, mut constant) = (v / rows, zero());
        for i in 0..outputs {
            let c = Dyadic::of(s.centre[[item, v % rows, i]]);
            let (edge, ceiling) = (lines.edge[[item, i]] as usize, lines.ceiling[[item, i]]);
            if c.sign().is_gt() && !ceiling.is_nan() {
                constant = constant.add(&c.mul(&Dyadic::of(ceiling)));
            } else {
                let j = w.index[edge] as usize;
                coefficients[v][j] = coefficients[v][j].add(&c);
            }
            // The lines themselves, at corners.
            for _ in 0..3 {
                let x: Vec<f64> = w
                    .window(i)
                    .map(|e| [item, w.index[e] as usize])
                    .map(|at| if d.chance(0.5) { lo[at] } else { hi[at] })
                    .collect();
                let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = x[edge - w.window(i).start];
                let twice = w.index[w.window(i)].iter().filter(|&&j| j == w.index[edge]).count() > 1;
                if !twice && (if ceiling.is_nan() { own != most } else { most > ceiling }) {
                    out.fail(format!("window lines: {most} above {ceiling} or edge {own}"));
                }
            }
        }
        above(shift[[item, v % rows]], &constant, "window chord", out);
    }
    contains(b, &next, &coefficients, "window chord slopes", out);
}

/// Everything.
pub fn all<B: Backend>(b: &B, data: impl Fn(u64) -> Data, seed: u64, rounds: usize) -> Findings {
    let mut out = Findings::default();
    products(b, data(seed), rounds, &mut out);
    linear_parts(b, data(seed + 1), rounds, &mut out);
    scalar_functions(b, data(seed + 2), rounds, &mut out);
    maxima(b, data(seed + 3), rounds, &mut out);
    lines(b, data(seed + 4), rounds, &mut out);
    super::settled::products(b, data(seed + 6), rounds, &mut out);
    super::lengths::norms(b, data(seed + 5), rounds, &mut out);
    out
}
