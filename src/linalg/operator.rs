//! Proven upper bounds of ‖J‖_{p→q} over all J with |J − C| <= R.
//!
//! All nine norms are monotone in |J|, so U = |C| + R bounds them; 1→q, p→∞ and
//! scalar outputs are exact up to rounding. For the rest the minimum of
//!   2→2: proven spectral bounds of U and of C plus R;
//!   2→1: ‖column l1 norms of U‖_2, √m ‖J‖_2, weights, signs of the outputs;
//!   ∞→2: the transpose of 2→1;
//!   ∞→1: Σ U, weights, signs of the smaller side.
//! Signs: ‖J‖_{2→1} = max over s in {±1}^m of ‖Jᵀs‖_2, and Jᵀs lies in
//! Cᵀs ± Rᵀ1 whatever s is, so one enumeration serves the whole enclosure.
//! Weights: ‖Jx‖_2 <= ‖J G‖_2 ‖G⁻¹x‖_2 for any positive diagonal G, and
//! ‖G⁻¹x‖_2 <= ‖(1/g_j)_j‖_2 on |x|_∞ <= 1; likewise for the outputs.

use super::gram::cheap_upper;
use super::spectral::spectral_upper;
use crate::num::norms::{Norm, Sum, exponent, largest, power_of_two, vector_norm_up};
use crate::num::round::{Upper, add_up, gamma, mul_up, sqrt_up};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Sides up to this long are enumerated, if the flops allow.
const SIGNS: usize = 20;
const SIGN_FLOPS: f64 = 1e8;
const LEAST: f64 = f64::from_bits(1);

/// An enclosure of a matrix without zero rows and columns, and U.
struct Box2 {
    centre: Array2<f64>,
    radius: Array2<f64>,
    size: Array2<f64>,
}

impl Box2 {
    fn new(centre: Array2<f64>, radius: Array2<f64>) -> Self {
        let size = ndarray::Zip::from(&centre).and(&radius).map_collect(|&c, &r| add_up(c.abs(), r));
        Box2 { centre, radius, size }
    }

    fn transposed(&self) -> Self {
        let t = |a: &Array2<f64>| a.t().as_standard_layout().into_owned();
        Box2 { centre: t(&self.centre), radius: t(&self.radius), size: t(&self.size) }
    }

    /// diag(f) J diag(g).
    fn weighted(&self, f: &Array1<f64>, g: &Array1<f64>) -> Self {
        let mut centre = self.centre.clone();
        let mut radius = self.radius.clone();
        ndarray::Zip::indexed(&mut centre).and(&mut radius).for_each(|(i, j), c, r| {
            let half = *c * f[i];
            let scaled = half * g[j];
            // Weights are at most 1e100, so an underflow costs less than 1e-220.
            let risky = *c != 0.0 && half.abs().min(scaled.abs()) < 1e-290;
            let rounding = add_up(mul_up(gamma(3), scaled.abs()), if risky { 1e-220 } else { 0.0 });
            *r = add_up(mul_up(mul_up(*r, f[i]), g[j]), rounding);
            *c = scaled;
        });
        Self::new(centre, radius)
    }
}

/// An upper bound of ‖J‖_{p→q} (rows are outputs) for every |J − centre| <= radius.
pub fn operator_upper(centre: ArrayView2<f64>, radius: ArrayView2<f64>, p: Norm, q: Norm) -> Upper {
    assert_eq!(centre.dim(), radius.dim());
    let size = ndarray::Zip::from(centre).and(radius).map_collect(|&c, &r| add_up(c.abs(), r));
    let top = largest(size.iter().copied());
    if top == 0.0 || top == f64::INFINITY {
        return Upper::proven(top);
    }
    let live = |axis| -> Vec<usize> {
        let lanes = size.axis_iter(Axis(axis)).enumerate();
        lanes.filter(|(_, lane)| lane.iter().any(|&x| x != 0.0)).map(|(i, _)| i).collect()
    };
    let (rows, cols) = (live(0), live(1));
    let row = |i: usize| Upper::proven(vector_norm_up(size.row(i).iter().copied(), p.dual()));
    let column = |j: usize| Upper::proven(vector_norm_up(size.column(j).iter().copied(), q));
    let most = |a: Upper, b: Upper| a.max(b);
    match (p, q) {
        _ if rows.len() == 1 => return row(rows[0]),
        _ if cols.len() == 1 => return column(cols[0]),
        (Norm::One, _) => return cols.into_iter().map(column).reduce(most).expect("not zero"),
        (_, Norm::Inf) => return rows.into_iter().map(row).reduce(most).expect("not zero"),
        _ => {}
    }
    let select = |a: ArrayView2<f64>| a.select(Axis(0), &rows).select(Axis(1), &cols);
    let (mut c, mut r) = (select(centre), select(radius));
    let unscale = if (1e-50..1e50).contains(&top) { 1.0 } else { power_of_two(exponent(top)) };
    if unscale != 1.0 {
        let scale = power_of_two(-exponent(top));
        ndarray::Zip::from(&mut c).and(&mut r).for_each(|c, r| {
            let lost = if *c != 0.0 && scale < 1.0 { LEAST } else { 0.0 };
            *c *= scale;
            *r = add_up(mul_up(*r, scale), lost);
        });
    }
    let b = Box2::new(c, r);
    let bound = match (p, q) {
        (Norm::Two, Norm::Two) => two_two(&b),
        (Norm::Two, _) => two_one(&b),
        (_, Norm::Two) => two_one(&b.transposed()),
        _ => inf_one(&b),
    };
    bound.times(Upper::proven(unscale))
}

fn two_two(b: &Box2) -> Upper {
    let cheap = Upper::proven(cheap_upper(b.size.view()));
    let centre = spectral_upper(b.centre.view());
    if b.radius.iter().all(|&r| r == 0.0) {
        return cheap.min(centre);
    }
    let radius = Upper::proven(cheap_upper(b.radius.view()));
    let best = cheap.min(centre.plus(radius));
    if radius.get() <= 1e-9 * centre.get() {
        return best;
    }
    best.min(centre.plus(spectral_upper(b.radius.view()))).min(spectral_upper(b.size.view()))
}

fn root(n: usize) -> Upper {
    Upper::proven(sqrt_up(n as f64))
}

/// l1 norms of the columns (axis 0) or the rows (axis 1) of U.
fn sums(b: &Box2, axis: usize) -> Array1<f64> {
    let lanes = b.size.lanes(Axis(axis)).into_iter();
    lanes.map(|lane| vector_norm_up(lane.iter().copied(), Norm::One)).collect()
}

fn two_one(b: &Box2) -> Upper {
    let (m, n) = b.size.dim();
    let columns = sums(b, 0);
    let absolute = Upper::proven(vector_norm_up(columns.iter().copied(), Norm::Two));
    let best = absolute.min(root(m).times(two_two(b)));
    // With e = U Uᵀ1 the weighted bound is never above the absolute one (Schur).
    let e = b.size.dot(&columns);
    let best = best.min(weighted(b, Some(&e), None));
    if m <= SIGNS && 2f64.powi(m as i32) * (2 * n) as f64 <= SIGN_FLOPS {
        return best.min(signs(b, Norm::Two));
    }
    best
}

fn inf_one(b: &Box2) -> Upper {
    let (m, n) = b.size.dim();
    let (rows, columns) = (sums(b, 1), sums(b, 0));
    let absolute = Upper::proven(vector_norm_up(rows.iter().copied(), Norm::One));
    let best =
        absolute.min(root(m).times(root(n)).times(two_two(b))).min(weighted(b, Some(&rows), Some(&columns)));
    let affordable = |k: usize, n: usize| k <= SIGNS && 2f64.powi(k as i32) * n as f64 <= SIGN_FLOPS;
    if m <= n && affordable(m, n) {
        best.min(signs(b, Norm::One))
    } else if n < m && affordable(n, m) {
        best.min(signs(&b.transposed(), Norm::One))
    } else {
        best
    }
}

/// ‖f⁻¹‖ ‖diag(f) J diag(g)‖_2 ‖g⁻¹‖ with f = 1/√rows, g = 1/√columns;
/// a missing weight is 1 with factor 1 (its side has the 2-norm).
fn weighted(b: &Box2, rows: Option<&Array1<f64>>, columns: Option<&Array1<f64>>) -> Upper {
    let inverse_root = |e: &Array1<f64>| e.mapv(|x| 1.0 / x.sqrt());
    let (m, n) = b.size.dim();
    let f = rows.map_or(Array1::ones(m), inverse_root);
    let g = columns.map_or(Array1::ones(n), inverse_root);
    if f.iter().chain(&g).any(|&x| !(1e-100..1e100).contains(&x)) {
        return Upper::INFINITE;
    }
    let length = |w: &Array1<f64>| {
        let inverse: Vec<f64> = w.iter().map(|&x| (1.0 / x).next_up()).collect();
        Upper::proven(vector_norm_up(inverse, Norm::Two))
    };
    let mut bound = two_two(&b.weighted(&f, &g));
    if rows.is_some() {
        bound = bound.times(length(&f));
    }
    if columns.is_some() {
        bound = bound.times(length(&g));
    }
    bound
}

/// max over s in {±1}^rows of ‖ |Cᵀs| + Rᵀ1 ‖, by a tree of partial sums: a leaf
/// is a sum of k terms, so it errs by at most gamma_k Σ|C_ij| in entry j. Below a
/// partial sum v no leaf exceeds ‖ |v| + what the rows to come add at most ‖.
fn signs(b: &Box2, norm: Norm) -> Upper {
    let (k, n) = b.centre.dim();
    let drift = gamma(k);
    let mut radii = vec![(Sum::default(), Sum::default()); n];
    for (c, r) in b.centre.rows().into_iter().zip(b.radius.rows()) {
        for ((sums, c), r) in radii.iter_mut().zip(c).zip(r) {
            sums.0.add(*r);
            sums.1.add(c.abs());
        }
    }
    let radii: Vec<f64> = radii.iter().map(|(r, c)| add_up(r.up(), mul_up(drift, c.up()))).collect();
    let mut rows: Vec<Vec<f64>> = b.centre.rows().into_iter().map(|r| r.to_vec()).collect();
    // Large ones first: what follows then decides less.
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>();
    rows.sort_by(|a, b| length(b).total_cmp(&length(a)));
    let mut rest = vec![radii; k];
    for depth in (1..k).rev() {
        let (before, after) = rest.split_at_mut(depth);
        let terms = before[depth - 1].iter_mut().zip(&after[0]).zip(&rows[depth]);
        terms.for_each(|((most, &later), &c)| *most = add_up(later, c.abs()));
    }
    // Each term of a leaf's norm was rounded at most n + 3 times.
    let slack = add_up(1.0, mul_up(2.0, gamma(n + 4)));
    let start = ascended(&rows, &rest[k - 1], norm);
    let mut tree = Tree { rows: &rows, rest: &rest, norm, slack, best: start, levels: rows.clone() };
    tree.below(1);
    let best = tree.best;
    let value = match norm {
        Norm::Two => sqrt_up(add_up(mul_up(best, slack), mul_up(n as f64, 2f64.powi(-1000)))),
        _ => mul_up(best, slack),
    };
    Upper::proven(value)
}

/// A large leaf: signs that agree with the sum they lead to, from those of all rows added.
fn ascended(rows: &[Vec<f64>], radii: &[f64], norm: Norm) -> f64 {
    let mut signs = vec![1.0; rows.len()];
    let mut best = f64::NEG_INFINITY;
    loop {
        let mut sum = vec![0.0; radii.len()];
        for (row, s) in rows.iter().zip(&signs) {
            sum.iter_mut().zip(row).for_each(|(x, c)| *x += s * c);
        }
        let value = leaf(&sum, radii, norm);
        if value <= best || value.is_nan() {
            return if value.is_nan() { value } else { best };
        }
        best = value;
        let toward: Vec<f64> = if norm == Norm::Two { sum } else { sum.iter().map(|x| x.signum()).collect() };
        let dot = |row: &Vec<f64>| row.iter().zip(&toward).map(|(a, b)| a * b).sum::<f64>();
        signs = rows.iter().map(|row| if dot(row) < 0.0 { -1.0 } else { 1.0 }).collect();
    }
}

/// Partial sums of rows with signs, and the largest computed leaf.
struct Tree<'t> {
    rows: &'t [Vec<f64>],
    /// What is added to a partial sum of so many rows at most, less one; radii at the last.
    rest: &'t [Vec<f64>],
    norm: Norm,
    slack: f64,
    best: f64,
    levels: Vec<Vec<f64>>,
}

impl Tree<'_> {
    /// From the partial sum of the first `depth` rows on. A NaN stays.
    fn below(&mut self, depth: usize) {
        if self.best.is_nan() {
            return;
        }
        let most = leaf(&self.levels[depth - 1], &self.rest[depth - 1], self.norm);
        if depth == self.rows.len() {
            self.best = if most.is_nan() { most } else { self.best.max(most) };
            return;
        }
        if mul_up(most, self.slack) <= self.best {
            return;
        }
        for sign in [1.0, -1.0] {
            let (done, rest) = self.levels.split_at_mut(depth);
            for ((x, &y), &c) in rest[0].iter_mut().zip(&done[depth - 1]).zip(&self.rows[depth]) {
                *x = y + sign * c;
            }
            self.below(depth + 1);
        }
    }
}

/// Plain sums of (|v| + ρ) or their squares, eight at a time.
fn leaf(v: &[f64], radii: &[f64], norm: Norm) -> f64 {
    let term = |v: f64, r: f64| {
        let x = v.abs() + r;
        if norm == Norm::Two { x * x } else { x }
    };
    let mut lanes = [0.0; 8];
    let (heads, tails) = (v.chunks_exact(8), radii.chunks_exact(8));
    let rest: f64 = heads.remainder().iter().zip(tails.remainder()).map(|(&v, &r)| term(v, r)).sum();
    for (v, r) in heads.zip(tails) {
        for i in 0..8 {
            lanes[i] += term(v[i], r[i]);
        }
    }
    lanes.iter().sum::<f64>() + rest
}
