//! The largest ‖B diag(s) A‖_2 over all slopes s.
//!
//! Proves: max over s in [a, b]^n of ‖B diag(s) A‖_2 <= the upper end; the norm is convex in s, so the maximum is at
//!   a vertex, and branching fixes neurons at one end or the other.
//! From: the inner problem of SeqLip (Scaman & Virmaux 2018); bound of a node: ‖B S A x‖² <= ρ‖x‖² by one
//!   multiplier per open neuron (one hidden layer of LipSDP), fixed ones multiplied out.
//! Rounding: every node's inequality by a verified factorisation; vertices are compared in plain arithmetic.
//! Cost: a small interior-point solution per node; one where no time is given.
//! Loose when: stopped with nodes open. Exact, to 1e-8, when the search closes.

use super::barrier::{Inequality, Point};
use crate::linalg::cholesky::positive;
use crate::linalg::eigen;
use crate::linalg::gram::{frobenius_up, gram_matrix};
use crate::linalg::solve::{cholesky, inverse};
use crate::linalg::spectral::spectral_upper;
use crate::num::round::{U, add_up, gamma, mul_up, sqrt_up};
use ndarray::{Array1, Array2, Axis, s};

/// Nodes within this of the best vertex are closed.
const CLOSED: f64 = 1e-8;
/// And below this part of the product of norms.
const NOTHING: f64 = 1e-12;
/// Squares below this are not told apart.
const LEAST: f64 = 1e-200;
/// Orders up to which nodes are bounded by multipliers.
const ORDER: usize = 1200;
const TOLERANCE: f64 = 1e-5;

pub struct Vertices {
    /// B, p x n, and A, n x r, both exact.
    pub left: Array2<f64>,
    pub right: Array2<f64>,
    pub slopes: [Array1<f64>; 2],
}

/// Both ends of the maximum.
pub struct Range {
    pub upper: f64,
    /// The best vertex that was met: unproven.
    pub best: f64,
    pub nodes: usize,
}

#[derive(Clone)]
struct Node {
    /// A number where the slope is fixed.
    fixed: Vec<Option<f64>>,
    upper: f64,
    /// Multipliers of all neurons, and the square of a bound that they prove.
    hint: Vec<f64>,
    branch: Option<usize>,
}

impl Vertices {
    fn at(&self, s: &[f64]) -> f64 {
        let d = Array1::from(s.to_vec());
        let m = (&self.left * &d).dot(&self.right);
        let m = if m.nrows() < m.ncols() { m.reversed_axes() } else { m };
        eigen::top(&gram_matrix(m.view())).0.max(0.0).sqrt()
    }

    /// `more` is asked before every node, with its cost in multiplications.
    pub fn solve(&self, more: &dyn Fn(f64) -> bool) -> Range {
        let n = self.slopes[0].len();
        let open = |i: usize| self.slopes[0][i] != self.slopes[1][i];
        let fixed: Vec<Option<f64>> = (0..n).map(|i| (!open(i)).then_some(self.slopes[0][i])).collect();
        let order = self.right.ncols() + n;
        let step = 8.0 * (order as f64).powi(3);
        let mut s: Vec<f64> = (0..n).map(|i| self.larger(i)).collect();
        let mut best = self.at(&s);
        let simple = self.simple();
        let mut root = Node { fixed, upper: simple, hint: vec![], branch: None };
        if order > ORDER || !more(step * 30.0) {
            return Range { upper: root.upper, best, nodes: 0 };
        }
        self.bound(&mut root, 0.0, &mut s, more);
        if step * (n as f64) < 1e10 {
            self.climb(&mut s, more);
        }
        best = best.max(self.at(&s));
        let (mut heap, mut closed, mut nodes) = (vec![root], 0.0f64, 1);
        while let Some(node) = heap.pop() {
            let done = node.upper <= best * (1.0 + CLOSED) + NOTHING * simple;
            let Some(i) = node.branch.filter(|_| !done) else {
                closed = closed.max(node.upper);
                continue;
            };
            if !more(step * 10.0) {
                closed = closed.max(node.upper);
                break;
            }
            for end in [self.slopes[0][i], self.slopes[1][i]] {
                let mut child = node.clone();
                child.fixed[i] = Some(end);
                let mut s = vec![0.0; n];
                self.bound(&mut child, best, &mut s, more);
                best = best.max(self.at(&s));
                nodes += 1;
                let place = heap.partition_point(|other| other.upper < child.upper);
                heap.insert(place, child);
            }
        }
        let upper = heap.iter().fold(closed, |m, node| m.max(node.upper));
        Range { upper, best, nodes }
    }

    /// The end of larger magnitude.
    fn larger(&self, i: usize) -> f64 {
        let [lo, hi] = [self.slopes[0][i], self.slopes[1][i]];
        if lo.abs() > hi.abs() { lo } else { hi }
    }

    /// ‖B‖ max|s| ‖A‖.
    fn simple(&self) -> f64 {
        let widest = (0..self.slopes[0].len()).fold(0.0f64, |m, i| m.max(self.larger(i).abs()));
        let [left, right] = [&self.left, &self.right].map(|m| spectral_upper(m.view()).get());
        mul_up(mul_up(left, right), widest)
    }

    /// Flips single slopes while that helps.
    fn climb(&self, s: &mut [f64], more: &dyn Fn(f64) -> bool) {
        let mut value = self.at(s);
        for _ in 0..20 {
            let before = value;
            for i in 0..s.len() {
                if !more(0.0) {
                    return;
                }
                let old = s[i];
                s[i] = if old == self.slopes[0][i] { self.slopes[1][i] } else { self.slopes[0][i] };
                let other = self.at(s);
                if other > value * (1.0 + 1e-12) { value = other } else { s[i] = old }
            }
            if value <= before {
                return;
            }
        }
    }

    /// Improves the node's bound, chooses where to branch and fills in a vertex of it.
    fn bound(&self, node: &mut Node, incumbent: f64, vertex: &mut [f64], more: &dyn Fn(f64) -> bool) {
        let open: Vec<usize> = (0..node.fixed.len()).filter(|&i| node.fixed[i].is_none()).collect();
        vertex.iter_mut().zip(&node.fixed).for_each(|(v, f)| *v = f.unwrap_or(0.0));
        node.branch = None;
        let form = self.form(node, &open);
        let problem = form.inequality();
        let r = self.right.ncols();
        if open.is_empty() {
            let square = eigen::top(&problem.offset).0;
            node.upper = node.upper.min(form.proven(&[], square));
            return;
        }
        let Some(start) = self.start(node, &open, &problem) else {
            node.branch = open.first().copied();
            return;
        };
        let limit = incumbent * incumbent * (1.0 - 1e-9);
        let slack = if node.hint.is_empty() { 1.0 } else { 0.3 };
        let best = problem.solve(&start, slack, TOLERANCE, &mut |square| square < limit || !more(0.0));
        node.upper = node.upper.min(form.proven(&best.multipliers, best.square));
        node.hint.resize(node.fixed.len(), 0.0);
        open.iter().zip(&best.multipliers).for_each(|(&i, l)| node.hint[i] = *l);
        // The inverse is the moment matrix of the inputs and outputs that are left.
        let Some(factor) = cholesky(problem.matrix(&best)) else {
            node.branch = open.first().copied();
            return;
        };
        let p = inverse(&factor).0;
        let mut worst = -1.0;
        for (k, &i) in open.iter().enumerate() {
            let a = self.right.row(i);
            let square = a.dot(&p.slice(s![..r, ..r]).dot(&a));
            let mean = p.slice(s![r + k, ..r]).dot(&a) / square;
            let [lo, hi] = [self.slopes[0][i], self.slopes[1][i]];
            let t = if mean.is_finite() { ((mean - lo) / (hi - lo)).clamp(0.0, 1.0) } else { 0.5 };
            vertex[i] = if t > 0.5 { hi } else { lo };
            let score = best.multipliers[k] * square * (t * (1.0 - t) + 1e-9);
            if score > worst || node.branch.is_none() {
                (worst, node.branch) = (score, Some(i));
            }
        }
    }

    fn start(&self, node: &Node, open: &[usize], problem: &Inequality) -> Option<Point> {
        let (multipliers, mut square): (Vec<f64>, f64) = if node.hint.is_empty() {
            let left = self.left.select(Axis(1), open);
            let least = 2.0 * eigen::top(&gram_matrix(left.view())).0 + 1e-12;
            (vec![least; open.len()], node.upper * node.upper)
        } else {
            (open.iter().map(|&i| node.hint[i]).collect(), node.upper * node.upper * 1.2)
        };
        for _ in 0..60 {
            let point = Point { multipliers: multipliers.clone(), square };
            if problem.feasible(&point) {
                return Some(Point { square: square * 1.1, ..point });
            }
            square *= 2.0;
        }
        None
    }

    /// What the node's output and its open neurons read.
    fn form(&self, node: &Node, open: &[usize]) -> Form {
        let scale = Array1::from_iter(node.fixed.iter().map(|f| f.unwrap_or(0.0)));
        let left = self.left.select(Axis(1), open);
        let through = (&self.left * &scale).dot(&self.right);
        let widest = scale.iter().fold(0.0f64, |m, s| m.max(s.abs()));
        let sizes = mul_up(frobenius_up(self.left.view()), frobenius_up(self.right.view()));
        let lost = mul_up(gamma(scale.len() + 4), mul_up(widest, sizes));
        let output = ndarray::concatenate(Axis(1), &[through.view(), left.view()]).expect("equal heights");
        let slopes = [0, 1].map(|e| self.slopes[e].select(Axis(0), open));
        Form { output, lost, read: self.right.select(Axis(0), open), slopes }
    }
}

/// y = output (x, w) up to `lost` in norm, w within slopes of read x.
struct Form {
    output: Array2<f64>,
    lost: f64,
    read: Array2<f64>,
    slopes: [Array1<f64>; 2],
}

impl Form {
    fn inequality(&self) -> Inequality {
        let (n, r) = self.read.dim();
        let side = |slopes: &Array1<f64>| {
            let mut columns = Array2::zeros((r + n, n));
            columns.slice_mut(s![..r, ..]).assign(&(&self.read.t() * &slopes.mapv(|x| -x)));
            columns.slice_mut(s![r.., ..]).diag_mut().fill(1.0);
            columns
        };
        let offset = gram_matrix(self.output.view());
        Inequality { alpha: side(&self.slopes[0]), beta: side(&self.slopes[1]), inputs: r, offset }
    }

    /// A bound near the root of `square` that these multipliers prove; infinite if none.
    fn proven(&self, multipliers: &[f64], square: f64) -> f64 {
        let mut excess = 1e-12;
        while excess < 1.0 {
            let raised = (square * (1.0 + excess)).max(LEAST);
            if self.holds(multipliers, raised) {
                return sqrt_up(raised);
            }
            excess *= 10.0;
        }
        f64::INFINITY
    }

    fn holds(&self, multipliers: &[f64], square: f64) -> bool {
        let (n, r) = self.read.dim();
        if !multipliers.iter().all(|l| *l > 0.0 && l.is_finite()) {
            return false;
        }
        let mut m = gram_matrix(self.output.view()).mapv(|x| -x);
        let size = frobenius_up(self.output.view());
        let mut error = mul_up(gamma(self.output.nrows() + 4), mul_up(size, size));
        error = add_up(error, mul_up(self.lost, add_up(mul_up(2.0, size), self.lost)));
        // Squares of the Frobenius norms of what is added, block by block.
        let (mut cross, mut square_part, mut diagonal) = (0.0, 0.0, mul_up(square, sqrt_up(r as f64)));
        let mut inner = Array2::<f64>::zeros((r, r));
        let mut scaled = Array2::<f64>::zeros((n, r));
        for i in 0..n {
            let (l, a, b) = (multipliers[i], self.slopes[0][i], self.slopes[1][i]);
            let row = self.read.row(i);
            let half = 0.5 * (l * (a + b));
            if a + b != 0.0 && half.abs() < 1e-200 {
                return false;
            }
            let length = frobenius_up(row.insert_axis(Axis(0)));
            m.slice_mut(s![r + i, ..r]).zip_mut_with(&row, |m, x| *m -= half * x);
            cross = add_up(cross, mul_up(half.abs(), length));
            m[[r + i, r + i]] += l;
            diagonal = add_up(diagonal, l);
            if a != 0.0 && b != 0.0 {
                let d = l * a * b;
                if d.abs() < 1e-200 || (l * a).abs() < 1e-200 {
                    return false;
                }
                scaled.row_mut(i).assign(&(&row * d));
                square_part = add_up(square_part, mul_up(d.abs() * (1.0 + 4.0 * U), mul_up(length, length)));
            }
        }
        if square_part > 0.0 {
            inner = scaled.t().dot(&self.read);
        }
        for i in 0..r {
            for j in 0..i {
                m[[i, j]] += 0.5 * (inner[[i, j]] + inner[[j, i]]);
            }
            m[[i, i]] += inner[[i, i]] + square;
        }
        let parts = add_up(add_up(cross, diagonal), mul_up(size, size));
        error = add_up(error, mul_up(gamma(8), add_up(parts, square_part)));
        error = add_up(error, mul_up(gamma(n + 12), square_part));
        positive(m, add_up(error, 1e-290))
    }
}
