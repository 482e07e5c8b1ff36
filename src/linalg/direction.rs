//! Proposals of output directions in which a matrix is steepest. Unproven: a
//! witness evaluates ‖uᵀJ‖_{p*} / ‖u‖_{q*} rigorously.
//!
//! Where the norm is attained at a known point (a row, a column, few signs) the
//! answer is exact. Elsewhere Boyd's nonlinear power method from several starts,
//! u ← dual_q(J dual_p(Jᵀu)), which never decreases ‖Jᵀu‖_{p*}, then single flips.

use super::eigen;
use super::gram::gram_matrix;
use super::lanczos::{normalised, top_singular};
use crate::num::norms::Norm;
use crate::num::random::Random;
use ndarray::{Array1, ArrayView1, ArrayView2};

/// Sides up to this long are enumerated.
const SIGNS: usize = 12;
const STEPS: usize = 60;

/// In plain arithmetic.
pub fn vector_norm(x: ArrayView1<f64>, norm: Norm) -> f64 {
    match norm {
        Norm::One => x.iter().map(|v| v.abs()).sum(),
        Norm::Two => normalised(x.to_owned()).1,
        Norm::Inf => x.iter().fold(0.0, |m, v| m.max(v.abs())),
    }
}

/// The point of ‖x‖_p <= 1 where gᵀx is largest.
pub fn dual_vector(g: &Array1<f64>, p: Norm) -> Array1<f64> {
    match p {
        Norm::One => {
            let best = (0..g.len()).max_by(|&i, &j| g[i].abs().total_cmp(&g[j].abs())).unwrap_or(0);
            Array1::from_shape_fn(g.len(), |i| if i == best { sign(g[i]) } else { 0.0 })
        }
        Norm::Two => normalised(g.clone()).0,
        Norm::Inf => g.mapv(sign),
    }
}

fn sign(x: f64) -> f64 {
    if x < 0.0 { -1.0 } else { 1.0 }
}

fn unit(n: usize, at: usize) -> Array1<f64> {
    Array1::from_shape_fn(n, |i| if i == at { 1.0 } else { 0.0 })
}

fn best_index(norms: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, -1.0);
    norms.enumerate().for_each(|(i, x)| best = if x > best.1 { (i, x) } else { best });
    best.0
}

/// u with ‖u‖_{q*} about 1 (exact signs or a unit vector where the norm is
/// attained at one) so that ‖uᵀJ‖_{p*} is close to ‖J‖_{p→q}.
pub fn operator_lower_direction(centre: ArrayView2<f64>, p: Norm, q: Norm) -> Vec<f64> {
    let (m, n) = centre.dim();
    if m == 0 || n == 0 || centre.iter().any(|x| !x.is_finite()) {
        return unit(m, 0).to_vec();
    }
    let top = centre.iter().fold(0.0f64, |t, x| t.max(x.abs()));
    if top == 0.0 || m == 1 {
        return unit(m, 0).to_vec();
    }
    let j = centre.mapv(|x| x / top);
    let j = j.view();
    match (p, q) {
        (_, Norm::Inf) => unit(m, best_index(j.rows().into_iter().map(|r| vector_norm(r, p.dual())))),
        (Norm::One, _) => {
            let column = best_index(j.columns().into_iter().map(|c| vector_norm(c, q)));
            dual_vector(&j.column(column).to_owned(), q.dual())
        }
        (Norm::Two, Norm::Two) => steepest(j),
        (_, Norm::One) if m <= SIGNS => best_signs(j.t(), p.dual()),
        (Norm::Inf, _) if n <= SIGNS => dual_vector(&j.dot(&best_signs(j, q)), q.dual()),
        _ => search(j, p, q),
    }
    .to_vec()
}

/// Orders up to which all eigenvalues cost less than steps towards the top one.
const FEW: usize = 8;

/// The left singular vector of the top singular value.
fn steepest(j: ArrayView2<f64>) -> Array1<f64> {
    let (m, n) = j.dim();
    match m.min(n) {
        k if k > FEW => top_singular(j).0,
        k if k == m => eigen::symmetric(&gram_matrix(j.t())).1.column(0).to_owned(),
        _ => normalised(j.dot(&eigen::symmetric(&gram_matrix(j)).1.column(0))).0,
    }
}

/// The signs s that maximise ‖A s‖, by enumeration.
fn best_signs(a: ArrayView2<f64>, norm: Norm) -> Array1<f64> {
    let k = a.ncols();
    let mut s = Array1::ones(k);
    let mut image = a.dot(&s);
    let mut best = (vector_norm(image.view(), norm), s.clone());
    for code in 1..1u32 << (k - 1) {
        let flip = code.trailing_zeros() as usize;
        s[flip] = -s[flip];
        image.scaled_add(2.0 * s[flip], &a.column(flip));
        let value = vector_norm(image.view(), norm);
        if value > best.0 {
            best = (value, s.clone());
        }
    }
    best.1
}

fn search(j: ArrayView2<f64>, p: Norm, q: Norm) -> Array1<f64> {
    let (m, n) = j.dim();
    let rows: Vec<f64> = j.rows().into_iter().map(|r| vector_norm(r, p.dual())).collect();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| rows[b].total_cmp(&rows[a]));
    let column = best_index(j.columns().into_iter().map(|c| vector_norm(c, q)));
    let mut noise = Random(1);
    let mut images = vec![top_singular(j).0, j.column(column).to_owned(), j.dot(&Array1::ones(n))];
    images.extend((0..6).map(|_| noise.vector(m)));
    let mut starts: Vec<_> = images.iter().map(|y| dual_vector(y, q.dual())).collect();
    starts.extend(order.iter().take(24).map(|&i| unit(m, i)));
    let mut best = (-1.0, unit(m, 0));
    for start in starts {
        let found = climb(j, p, q, start);
        if found.0 > best.0 {
            best = found;
        }
    }
    if q == Norm::One { flips(j, p, best) } else { best.1 }
}

/// Boyd's iteration: (‖Jᵀu‖_{p*}, u).
fn climb(j: ArrayView2<f64>, p: Norm, q: Norm, mut u: Array1<f64>) -> (f64, Array1<f64>) {
    let mut g = j.t().dot(&u);
    let mut value = vector_norm(g.view(), p.dual());
    for _ in 0..STEPS {
        let next = dual_vector(&j.dot(&dual_vector(&g, p)), q.dual());
        g = j.t().dot(&next);
        let better = vector_norm(g.view(), p.dual());
        if better.is_nan() || better <= value * (1.0 + 1e-14) {
            break;
        }
        (u, value) = (next, better);
    }
    (value, u)
}

/// Flips single signs of u while that helps, climbing after each round.
fn flips(j: ArrayView2<f64>, p: Norm, mut best: (f64, Array1<f64>)) -> Array1<f64> {
    for _ in 0..20 {
        let mut u = best.1.clone();
        let mut g = j.t().dot(&u);
        let mut value = best.0;
        for i in 0..u.len() {
            let mut changed = g.clone();
            changed.scaled_add(-2.0 * u[i], &j.row(i));
            let other = vector_norm(changed.view(), p.dual());
            if other > value * (1.0 + 1e-14) {
                (value, g) = (other, changed);
                u[i] = -u[i];
            }
        }
        if value <= best.0 {
            break;
        }
        best = climb(j, p, Norm::One, u);
    }
    best.1
}
