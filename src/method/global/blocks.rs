//! A chain of block matrix inequalities as a proof of a Lipschitz bound.
//!
//! Proves: ‖J‖_2² <= ρ for every choice of slopes in [a, b]: with Y_0 = I and L_k = diag(multipliers) > 0,
//!   [[Y_{k-1} + WᵀL a b W, −½ WᵀL(a + b)], [·, L − Y_k]] ⪰ 0 for every k, and ρ Y_{K-1} ⪰ W_KᵀW_K. Summed
//!   along z = W x, x' = S z: x_{k-1}ᵀY_{k-1}x_{k-1} − x_kᵀY_k x_k >= Σ L (x_k − a z)(b z − x_k) >= 0.
//! From: LipSDP (Fazlyab et al. 2019, neuron form) in the block form of ECLipsE (Xu & Sivaranjani 2024);
//!   the proof without inverses is own: Y_k is any symmetric matrix.
//! Rounding: each inequality by a Cholesky factorisation of the matrix less a shift that covers rounding,
//!   radii of the weights and the factorisation itself.
//! Cost: a factorisation of the order of two neighbouring layers, per layer.
//! Exact when: no slope is open, or one hidden layer with one input and one output.

use super::expansion::Matrix;
use super::layers::Layers;
use crate::deadline::Deadline;
use crate::linalg::cholesky::positive;
use crate::linalg::eigen;
use crate::linalg::gram::{frobenius_up, gram_matrix};
use crate::linalg::solve::{cholesky, substitute};
use crate::linalg::spectral::spectral_upper;
use crate::num::round::{U, add_up, gamma, mul_up, sqrt_up};
use crate::num::{Upper, norms};
use ndarray::{Array1, Array2, ArrayView2, s};

/// Slack that the proofs may take, relative to what it is taken from.
const SLACK: [f64; 2] = [1e-13, 1e-2];

/// diag(w) M for exact weights: centre and the Frobenius norms of centre and radius.
struct Weighted {
    centre: Array2<f64>,
    size: f64,
    radius: f64,
}

fn weighted(m: &Matrix, w: impl Fn(usize) -> f64) -> Weighted {
    let mut centre = m.centre.clone();
    let mut radius = m.radius.clone();
    ndarray::Zip::indexed(&mut centre).and(&mut radius).for_each(|(i, _), c, r| {
        *r = mul_up(mul_up(*r, w(i).abs()), 1.0 + 8.0 * U);
        *c *= w(i);
    });
    Weighted {
        size: mul_up(frobenius_up(centre.view()), 1.0 + 8.0 * U),
        radius: frobenius_up(radius.view()),
        centre,
    }
}

impl Weighted {
    /// How far (W)ᵀ(W), or W Wᵀ, is from the product of the centres, with its rounding.
    fn gram_error(&self, terms: usize) -> f64 {
        let rounding = mul_up(gamma(terms + 10), mul_up(self.size, self.size));
        let cross = mul_up(mul_up(2.0, self.size), self.radius);
        add_up(add_up(add_up(rounding, cross), mul_up(self.radius, self.radius)), 1e-290)
    }
}

/// One layer's inequality, for given multipliers.
pub struct Step<'a> {
    pub layer: &'a Matrix,
    pub slopes: &'a [Array1<f64>; 2],
}

impl Step<'_> {
    fn products(&self) -> Array1<f64> {
        &self.slopes[0] * &self.slopes[1]
    }

    fn sums(&self) -> Array1<f64> {
        &self.slopes[0] + &self.slopes[1]
    }

    fn one_sided(&self) -> bool {
        self.slopes[0].iter().zip(&self.slopes[1]).all(|(a, b)| *a == 0.0 || *b == 0.0)
    }

    /// W (Y + WᵀL a b W)⁻¹ Wᵀ in plain arithmetic.
    pub fn gamma(&self, before: Option<&Array2<f64>>, multipliers: &Array1<f64>) -> Option<Array2<f64>> {
        let w = &self.layer.centre;
        if self.one_sided() && before.is_none() {
            return Some(gram_matrix(w.t()));
        }
        let mut k = w.t().as_standard_layout().into_owned();
        substitute(cholesky(self.base(before, multipliers))?.view(), k.view_mut());
        Some(gram_matrix(k.view()))
    }

    /// fl(Y + WᵀL a b W).
    fn base(&self, before: Option<&Array2<f64>>, multipliers: &Array1<f64>) -> Array2<f64> {
        let w = &self.layer.centre;
        let mut base = before.map_or_else(|| Array2::eye(w.ncols()), |y| y.clone());
        if !self.one_sided() {
            let d = multipliers * &self.products();
            let scaled = w * &d.insert_axis(ndarray::Axis(1));
            let more = scaled.t().dot(w);
            base += &((&more + &more.t()) * 0.5);
        }
        base
    }

    /// L − ¼ L(a + b) Γ (a + b)L in plain arithmetic: the largest Y_k.
    pub fn next(&self, gamma: &Array2<f64>, multipliers: &Array1<f64>) -> Array2<f64> {
        let d = multipliers * &self.sums() * 0.5;
        let mut next = Array2::from_shape_fn(gamma.dim(), |(i, j)| -(d[i] * gamma[[i, j]]) * d[j]);
        next.diag_mut().zip_mut_with(multipliers, |x, l| *x += l);
        symmetric(next)
    }

    /// Does the inequality hold with this Y_k?
    fn holds(&self, before: Option<&Array2<f64>>, multipliers: &Array1<f64>, after: &Array2<f64>) -> bool {
        let (n, m) = (self.layer.centre.nrows(), self.layer.centre.ncols());
        let sums = self.sums();
        // Roundings below are relative ones: no product of multipliers and slopes may come near the smallest
        // numbers.
        let vanishes = |i: usize| {
            let (a, b) = (self.slopes[0][i], self.slopes[1][i]);
            let small = |x: f64| x.abs() < 1e-200;
            (sums[i] != 0.0 && small(multipliers[i] * sums[i])) || (a != 0.0 && b != 0.0 && small(a * b))
        };
        if (0..n).any(vanishes) {
            return false;
        }
        // ½ L (a + b) W: at most six roundings an entry.
        let half = weighted(self.layer, |i| 0.5 * (multipliers[i] * sums[i]));
        let diagonal = norms::vector_norm_up(multipliers.iter().copied(), norms::Norm::Two);
        let after_size = frobenius_up(after.view());
        let mut corner = after.mapv(|y| -y);
        corner.diag_mut().zip_mut_with(multipliers, |x, l| *x += l);
        let corner_error = mul_up(gamma(4), add_up(diagonal, after_size));
        if self.one_sided() && before.is_none() {
            // Y_{k-1} = I: the Schur complement is a product of known matrices.
            let gram = gram_matrix(half.centre.t());
            let error = add_up(half.gram_error(m), mul_up(gamma(4), mul_up(half.size, half.size)));
            return positive(corner - gram, add_up(error, corner_error));
        }
        let products = self.products();
        let tiny = |i: usize| {
            let open = self.slopes[0][i] != 0.0 && self.slopes[1][i] != 0.0;
            open && (multipliers[i] * products[i]).abs() < 1e-200
        };
        if (0..n).any(tiny) {
            return false;
        }
        let base = self.base(before, multipliers);
        // |d|^½ W, for the error of WᵀL a b W: the root's rounding is far below the margin.
        let root = weighted(self.layer, |i| sqrt_up((multipliers[i] * products[i]).abs() * (1.0 + 8.0 * U)));
        let product_error = if self.one_sided() { 0.0 } else { root.gram_error(n + 8) };
        let base_error = mul_up(gamma(8), add_up(frobenius_up(base.view()), mul_up(root.size, root.size)));
        let cross_error = add_up(mul_up(gamma(8), half.size), half.radius);
        let mut all = Array2::zeros((m + n, m + n));
        all.slice_mut(s![..m, ..m]).assign(&base);
        all.slice_mut(s![m.., m..]).assign(&corner);
        all.slice_mut(s![m.., ..m]).assign(&half.centre.mapv(|x| -x));
        let errors = [product_error, base_error, cross_error, corner_error];
        positive(all, errors.into_iter().fold(1e-290, add_up))
    }
}

pub fn symmetric(mut a: Array2<f64>) -> Array2<f64> {
    for i in 0..a.nrows() {
        for j in 0..i {
            a[[j, i]] = a[[i, j]];
        }
    }
    a
}

/// Multiplications of the factorisations of one proof.
pub fn work(layers: &Layers) -> f64 {
    let order = |k: usize| layers.matrices[k].centre.dim();
    let each = (0..layers.slopes.len()).map(|k| {
        let (n, m) = order(k);
        let inner = if k == 0 { n } else { n + m };
        // A Gram matrix of what is read, one factorisation to choose and one to prove.
        (n * n) as f64 * (2 * m) as f64 + (n as f64).powi(3) / 3.0 + (inner as f64).powi(3) / 3.0
    });
    each.sum()
}

/// The bound that these multipliers prove; None if the proof does not go through in time.
pub fn prove(layers: &Layers, multipliers: &[Array1<f64>], until: &Deadline) -> Option<Upper> {
    let mut inner: Vec<Array2<f64>> = vec![];
    for (k, (slopes, l)) in layers.slopes.iter().zip(multipliers).enumerate() {
        if until.is_over() || !l.iter().all(|x| *x > 0.0 && x.is_finite()) {
            return None;
        }
        let step = Step { layer: &layers.matrices[k], slopes };
        let before = inner.last();
        let best = step.next(&step.gamma(before, l)?, l);
        let top = best.diag().iter().fold(0.0f64, |m, x| m.max(*x));
        let mut slack = SLACK[0] * top;
        let after = loop {
            if until.is_over() || slack.is_nan() || slack > SLACK[1] * top || (top <= 0.0 && !l.is_empty()) {
                return None;
            }
            let mut y = best.clone();
            y.diag_mut().mapv_inplace(|x| x - slack);
            if step.holds(before, l, &y) {
                break y;
            }
            slack *= 8.0;
        };
        inner.push(after);
    }
    let square = last(layers.matrices.last()?, inner.last(), until)?;
    Some(Upper::proven(sqrt_up(square)))
}

/// The least ρ that was found with ρ Y ⪰ WᵀW.
fn last(w: &Matrix, y: Option<&Array2<f64>>, until: &Deadline) -> Option<f64> {
    let Some(y) = y else {
        let radius = Upper::proven(frobenius_up(w.radius.view()));
        let norm = spectral_upper(w.centre.view()).plus(radius).get();
        return Some(mul_up(norm, norm));
    };
    let plain = weighted(w, |_| 1.0);
    let guess = ratio(w.centre.view(), y)?;
    if guess == 0.0 && plain.size == 0.0 && plain.radius == 0.0 {
        return Some(0.0);
    }
    let gram = gram_matrix(w.centre.view());
    let size = frobenius_up(y.view());
    let mut excess = 1e-12;
    while excess < 0.1 && !until.is_over() {
        let square = guess * (1.0 + excess);
        let scaled = Array2::from_shape_fn(y.dim(), |at| square * y[at] - gram[at]);
        let rounding = mul_up(gamma(6), add_up(mul_up(square, size), mul_up(plain.size, plain.size)));
        if positive(scaled, add_up(plain.gram_error(w.centre.nrows()), rounding)) {
            return Some(square);
        }
        excess *= 10.0;
    }
    None
}

/// An estimate of λmax(W Y⁻¹ Wᵀ).
pub fn ratio(w: ArrayView2<f64>, y: &Array2<f64>) -> Option<f64> {
    let mut k = w.t().as_standard_layout().into_owned();
    substitute(cholesky(y.clone())?.view(), k.view_mut());
    Some(eigen::top(&gram_matrix(k.view())).0)
}

/// ‖J‖_{p→q} <= factor ‖J‖_2 for matrices of this shape.
pub fn between(p: norms::Norm, q: norms::Norm, rows: usize, columns: usize) -> Upper {
    let inputs = if p == norms::Norm::Inf { sqrt_up(columns as f64) } else { 1.0 };
    let outputs = if q == norms::Norm::One { sqrt_up(rows as f64) } else { 1.0 };
    Upper::proven(mul_up(inputs, outputs))
}
