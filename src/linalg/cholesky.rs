//! Cholesky factorisation as a proof that a Hermitian matrix is almost positive semidefinite.

use super::gram::{frobenius_up, gram_matrix};
use super::product::Product;
use crate::num::norms::{Norm, Sum, vector_norm_up};
use crate::num::round::{add_up, div_up, gamma, mul_up, sub_down};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;
use std::ops::Range;

/// Orders up to here are factored entry by entry.
const BASE: usize = 16;
/// Rows that one task updates.
const STRIP: usize = 64;

/// A Hermitian matrix by its lower triangle; without `im` it is real. The upper
/// triangle and the imaginary diagonal are never read.
#[derive(Clone, Debug)]
pub struct Hermitian {
    pub re: Array2<f64>,
    pub im: Option<Array2<f64>>,
}

/// For a real symmetric matrix, whose lower triangle `a` holds (and destroys):
/// see `Hermitian::semidefinite_up_to`.
pub fn semidefinite_up_to(a: &mut Array2<f64>) -> Option<f64> {
    let re = std::mem::take(a);
    let mut h = Hermitian { re, im: None };
    let eta = h.semidefinite_up_to();
    *a = h.re;
    eta
}

/// Is every matrix within `error` of `m`, in norm, positive semidefinite?
pub fn positive(mut m: Array2<f64>, error: f64) -> bool {
    let n = m.nrows();
    let trace = vector_norm_up(m.diag().iter().map(|x| x.abs()), Norm::One);
    let g = gamma(2 * n + 8);
    // At least what the factorisation of the shifted matrix can lose.
    let shift = add_up(error, mul_up(1.5, mul_up(div_up(g, sub_down(1.0, g)), trace)));
    let shift = add_up(mul_up(shift, 1.0 + 1e-6), 1e-290);
    m.diag_mut().mapv_inplace(|x| sub_down(x, shift));
    semidefinite_up_to(&mut m).is_some_and(|eta| shift >= add_up(eta, error))
}

/// Is ‖K‖_2 <= 1 for every matrix K that lies within `radius` of this one, in norm?
pub fn contracts(k: ArrayView2<f64>, radius: f64) -> bool {
    let k = if k.nrows() <= k.ncols() { k.reversed_axes() } else { k };
    let (rows, n) = k.dim();
    let size = frobenius_up(k);
    let mut m = gram_matrix(k);
    m.mapv_inplace(|g| -g);
    m.diag_mut().mapv_inplace(|g| 1.0 + g);
    // |fl(KᵀK) − KᵀK|_F <= γ Σ‖k_i‖², one more rounding where 1 is added.
    let rounding = mul_up(gamma(rows + 4), add_up(mul_up(size, size), n as f64));
    let moved = mul_up(radius, add_up(mul_up(2.0, size), radius));
    positive(m, add_up(add_up(rounding, moved), 1e-290))
}

/// What a factorisation of a matrix of this order and trace leaves unproven: `η` below.
pub fn slack(n: usize, trace: f64, complex: bool) -> f64 {
    // Re and Im of an entry are sums of twice as many real products; √2 for both.
    let (terms, parts) = if complex { (4 * n + 16, 1.5) } else { (2 * n + 8, 1.0) };
    let g = mul_up(parts, gamma(terms));
    let tiny = mul_up(mul_up(n as f64, add_up(n as f64 + 1.0, trace)), 2f64.powi(-1059));
    add_up(mul_up(div_up(g, sub_down(1.0, g)), trace), tiny)
}

impl Hermitian {
    /// Factors the matrix (and destroys it). If every pivot is positive, the
    /// original matrix A satisfies A + η I ⪰ 0 for the returned η; `None`
    /// otherwise, which proves nothing.
    ///
    /// Proof (Higham, Accuracy and Stability, 10.3 and lemma 8.4, any order of
    /// evaluation, fused or not): the computed factor has L Lᴴ = A + E with
    /// |E| <= γ |L||L|ᴴ entrywise. With l_i the rows of L, ‖l_i‖² <= a_ii / (1 − γ),
    /// so ‖E‖_F <= γ Σ‖l_i‖² <= γ/(1 − γ) trace A, and A = L Lᴴ − E ⪰ −‖E‖ I.
    /// Partial sums of blocks are rounded once more per block, hence 2n + 8 in γ;
    /// underflow adds at most n (n + 1 + trace) 2^-1060.
    pub fn semidefinite_up_to(&mut self) -> Option<f64> {
        let n = self.re.nrows();
        assert_eq!(n, self.re.ncols());
        let trace = vector_norm_up(self.re.diag().iter().map(|x| x.abs()), Norm::One);
        if !trace.is_finite() || trace > 1e150 {
            return None;
        }
        factor(PartMut { re: self.re.view_mut(), im: self.im.as_mut().map(|a| a.view_mut()) })?;
        Some(slack(n, trace, self.im.is_some()))
    }
}

/// A part of the matrix, both its planes.
#[derive(Clone, Copy)]
struct Part<'a> {
    re: ArrayView2<'a, f64>,
    im: Option<ArrayView2<'a, f64>>,
}

struct PartMut<'a> {
    re: ArrayViewMut2<'a, f64>,
    im: Option<ArrayViewMut2<'a, f64>>,
}

impl<'a> Part<'a> {
    fn cut(self, rows: Range<usize>, columns: Range<usize>) -> Self {
        let cut = |a: ArrayView2<'a, f64>| a.slice_move(s![rows.clone(), columns.clone()]);
        Part { re: cut(self.re), im: self.im.map(cut) }
    }
}

impl<'a> PartMut<'a> {
    fn view(&self) -> Part<'_> {
        Part { re: self.re.view(), im: self.im.as_ref().map(|a| a.view()) }
    }

    fn borrow(&mut self) -> PartMut<'_> {
        PartMut { re: self.re.view_mut(), im: self.im.as_mut().map(|a| a.view_mut()) }
    }

    fn split(self, axis: usize, at: usize) -> (Self, Self) {
        let (re, re_rest) = self.re.split_at(Axis(axis), at);
        let (im, im_rest) = self.im.map(|a| a.split_at(Axis(axis), at)).unzip();
        (PartMut { re, im }, PartMut { re: re_rest, im: im_rest })
    }

    /// Strips of rows, for tasks to share out.
    fn strips(self) -> Vec<Self> {
        let (mut rest, mut list) = (self, Vec::new());
        while rest.re.nrows() > STRIP {
            let (head, tail) = rest.split(0, STRIP);
            list.push(head);
            rest = tail;
        }
        list.push(rest);
        list
    }
}

fn half(n: usize) -> usize {
    (n / 2).next_multiple_of(BASE)
}

fn factor(mut a: PartMut) -> Option<()> {
    let n = a.re.nrows();
    if n <= BASE {
        return factor_base(a);
    }
    let (top, bottom) = a.borrow().split(0, half(n));
    let (mut corner, _) = top.split(1, half(n));
    let (mut below, mut rest) = bottom.split(1, half(n));
    factor(corner.borrow())?;
    let l = corner.view();
    below.borrow().strips().into_par_iter().for_each(|x| solve(l, x));
    eliminate(below.view(), rest.borrow());
    factor(rest)
}

/// The lower triangle of the rest, less the product of a panel with its transpose.
fn eliminate(panel: Part, rest: PartMut) {
    let strips: Vec<_> = rest.strips().into_iter().enumerate().collect();
    strips.into_par_iter().for_each(|(k, c)| {
        let (from, to) = (k * STRIP, k * STRIP + c.re.nrows());
        let all = 0..panel.re.ncols();
        subtract(panel.cut(from..to, all.clone()), panel.cut(0..to, all), c.split(1, to).0);
    });
}

/// The blocks of a symmetric matrix that has none but on the diagonal and beside it: the lower triangle of the
/// k-th on the diagonal, and the one below it, of which the last is empty. None ends the factorisation.
pub trait Tridiagonal {
    fn blocks(&self) -> usize;
    fn next(&mut self) -> Option<(Array2<f64>, Array2<f64>)>;
}

/// The same as `Hermitian::semidefinite_up_to` for a matrix of order n with such blocks: its factor has the same
/// ones, and the proof is the same.
pub fn tridiagonal_up_to(n: usize, from: &mut dyn Tridiagonal) -> Option<f64> {
    let (mut trace, mut panel) = (Sum::default(), None);
    for _ in 0..from.blocks() {
        let (mut re, mut below) = from.next()?;
        re.diag().iter().for_each(|x| trace.add(x.abs()));
        if let Some(panel) = panel.take() {
            let panel: Array2<f64> = panel;
            eliminate(Part { re: panel.view(), im: None }, PartMut { re: re.view_mut(), im: None });
        }
        factor(PartMut { re: re.view_mut(), im: None })?;
        divide(below.view_mut(), re.view());
        panel = Some(below);
    }
    let trace = trace.up();
    (trace.is_finite() && trace <= 1e150).then(|| slack(n, trace, false))
}

/// X ← X L⁻ᵀ for a lower triangle L, in plain arithmetic.
pub fn divide(x: ArrayViewMut2<f64>, l: ArrayView2<f64>) {
    let strips = PartMut { re: x, im: None }.strips();
    strips.into_par_iter().for_each(|x| solve(Part { re: l, im: None }, x));
}

/// X ← X L⁻ᴴ for a lower triangle L.
fn solve(l: Part, mut x: PartMut) {
    let n = l.re.nrows();
    if n <= BASE {
        return solve_base(l, x);
    }
    let h = half(n);
    let (mut left, mut right) = x.borrow().split(1, h);
    solve(l.cut(0..h, 0..h), left.borrow());
    subtract(left.view(), l.cut(h..n, 0..h), right.borrow());
    solve(l.cut(h..n, h..n), right);
}

/// C −= P Qᴴ.
fn subtract(p: Part, q: Part, mut c: PartMut) {
    Product::new(p.re, q.re.reversed_axes(), c.re.view_mut()).subtracted().run();
    if let (Some(p_im), Some(q_im), Some(c_im)) = (p.im, q.im, &mut c.im) {
        Product::new(p_im, q_im.reversed_axes(), c.re).subtracted().run();
        Product::new(p_im, q.re.reversed_axes(), c_im.view_mut()).subtracted().run();
        Product::new(p.re, q_im.reversed_axes(), c_im.view_mut()).added().run();
    }
}

/// The columns of a small lower triangle.
fn gather(a: ArrayView2<f64>) -> [[f64; BASE]; BASE] {
    let mut columns = [[0.0; BASE]; BASE];
    for (i, row) in a.rows().into_iter().enumerate() {
        row.iter().take(i + 1).enumerate().for_each(|(j, x)| columns[j][i] = *x);
    }
    columns
}

fn scatter(columns: &[[f64; BASE]; BASE], mut a: ArrayViewMut2<f64>) {
    for (i, mut row) in a.rows_mut().into_iter().enumerate() {
        row.iter_mut().take(i + 1).enumerate().for_each(|(j, x)| *x = columns[j][i]);
    }
}

/// The same, entry by entry, on the lower triangle of a small block.
fn factor_base(a: PartMut) -> Option<()> {
    let n = a.re.nrows();
    let (mut re, mut im) = (gather(a.re.view()), a.im.as_ref().map(|m| gather(m.view())));
    for j in 0..n {
        let pivot = re[j][j];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let root = pivot.sqrt();
        re[j][j] = root;
        re[j][j + 1..].iter_mut().for_each(|x| *x /= root);
        if let Some(im) = &mut im {
            im[j][j + 1..].iter_mut().for_each(|x| *x /= root);
        }
        let (column, column_im) = (re[j], im.map(|m| m[j]));
        for k in j + 1..n {
            // Entries above the diagonal are changed, too, and never read.
            let (c, rest) = (column[k], &mut re[k]);
            rest.iter_mut().zip(&column).for_each(|(x, y)| *x -= y * c);
            if let (Some(im), Some(column_im)) = (&mut im, &column_im) {
                let d = column_im[k];
                for i in 0..BASE {
                    rest[i] -= column_im[i] * d;
                    im[k][i] -= column_im[i] * c - column[i] * d;
                }
            }
        }
    }
    scatter(&re, a.re);
    if let (Some(im), Some(to)) = (&im, a.im) {
        scatter(im, to);
    }
    Some(())
}

/// Row by row, with the triangle's columns gathered first.
fn solve_base(l: Part, mut x: PartMut) {
    let n = l.re.nrows();
    let (re, im) = (gather(l.re), l.im.map(gather));
    for r in 0..x.re.nrows() {
        let row = &mut [0.0; BASE];
        let row_im = &mut [0.0; BASE];
        (0..n).for_each(|j| row[j] = x.re[[r, j]]);
        if let Some(x) = &x.im {
            (0..n).for_each(|j| row_im[j] = x[[r, j]]);
        }
        for j in 0..n {
            let (c, s) = (row[j] / re[j][j], row_im[j] / re[j][j]);
            (row[j], row_im[j]) = (c, s);
            for i in j + 1..BASE {
                row[i] -= c * re[j][i];
            }
            if let Some(im) = &im {
                for i in j + 1..BASE {
                    row[i] -= s * im[j][i];
                    row_im[i] -= s * re[j][i] - c * im[j][i];
                }
            }
        }
        (0..n).for_each(|j| x.re[[r, j]] = row[j]);
        if let Some(x) = &mut x.im {
            (0..n).for_each(|j| x[[r, j]] = row_im[j]);
        }
    }
}
