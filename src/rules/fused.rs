//! How far the open features of a node are together from their values at the centre, by their rows: no norm
//! of a layer is multiplied.
//!
//! With z_F − z_F(c) = G_0 (x − c) + Σ_k G_k e_k and |e_k| <= rate_k |z_k − z_k(c)| (see `nominal`),
//!   ‖z_F − z_F(c)‖_2 <= ‖G_0‖_2 ρ_0 + Σ_k ‖G_k diag(rate_k)‖_2 ρ_k.

use super::row::{Entry, Row};
use crate::layer::{Piece, Piecewise};
use crate::linalg::operator::operator_upper;
use crate::net::{Net, Op};
use crate::num::Norm;
use crate::num::round::{add_up, mul_up};
use ndarray::Array2;

/// Rows whose norm is taken together, and the entries that they may have.
const FUSED: usize = 1500;
const ENTRIES: usize = 1 << 24;

/// Rows of features that stay open.
pub struct Kept<'n> {
    readers: Vec<&'n Piecewise>,
    /// None where they are too many, or somebody else reads the node.
    rows: Option<Vec<Row>>,
}

impl<'n> Kept<'n> {
    pub fn new(net: &'n Net, k: usize) -> Kept<'n> {
        let mut kept = Kept { readers: vec![], rows: Some(vec![]) };
        for node in net.nodes.iter().filter(|n| n.inputs.contains(&k) && n.op.is_nonlinear()) {
            if let Op::Piecewise(f) = &node.op {
                kept.readers.push(f);
            } else {
                kept.rows = None;
            }
        }
        kept
    }

    pub fn take(&mut self, (j, lo, hi): (usize, f64, f64), row: &Row) {
        let open = self.readers.iter().any(|f| matches!(f.piece(j, lo, hi), Piece::Free { .. }));
        let Some(rows) = self.rows.as_mut().filter(|_| open) else { return };
        if rows.len() < FUSED && (rows.len() + 1) * row.most() < ENTRIES {
            rows.push(row.clone());
        } else {
            self.rows = None;
        }
    }

    /// Columns of their matrices together.
    fn width(&self) -> usize {
        let Some(rows) = self.rows.as_ref().filter(|r| !r.is_empty()) else { return 0 };
        let blocks = 0..rows[0].kinks.len();
        let kinks = blocks.map(|t| places(rows, &|r| &r.kinks[t].1).len());
        places(rows, &|r| &r.input).len() + kinks.sum::<usize>()
    }

    /// Multiplications of their norms, about.
    pub fn price(&self) -> f64 {
        let rows = self.rows.as_ref().map_or(0, Vec::len);
        4.0 * (rows * rows) as f64 * self.width() as f64
    }

    /// The distance of all of them together; `start` is that of the inputs, `radius` that of a node's open
    /// arguments, `rate` what a feature of it does with one.
    pub fn radius(
        &self,
        start: f64,
        rate: &dyn Fn(usize, usize) -> f64,
        radius: &dyn Fn(usize) -> f64,
    ) -> f64 {
        let Some(rows) = &self.rows else { return f64::INFINITY };
        let Some(first) = rows.first() else { return 0.0 };
        if rows.len().saturating_mul(self.width()) > ENTRIES {
            return f64::INFINITY;
        }
        let mut sum = times(norm(rows, &|r| &r.input, &|_| 1.0), start);
        for (t, (k, _)) in first.kinks.iter().enumerate() {
            sum = add_up(sum, times(norm(rows, &|r| &r.kinks[t].1, &|j| rate(*k, j)), radius(*k)));
        }
        if sum.is_nan() { f64::INFINITY } else { sum }
    }
}

fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { mul_up(a, b) }
}

/// Where one block of the rows has entries.
fn places(rows: &[Row], of: &dyn Fn(&Row) -> &[Entry]) -> Vec<usize> {
    let mut places: Vec<usize> = rows.iter().flat_map(|r| of(r).iter().map(|e| e.place)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// ‖G diag(rate)‖_2 for one block of the rows.
fn norm(rows: &[Row], of: &dyn Fn(&Row) -> &[Entry], rate: &dyn Fn(usize) -> f64) -> f64 {
    let places = places(rows, of);
    let zeros = || Array2::zeros((rows.len(), places.len()));
    let (mut centre, mut radius): (Array2<f64>, Array2<f64>) = (zeros(), zeros());
    for (i, e) in rows.iter().enumerate().flat_map(|(i, row)| of(row).iter().map(move |e| (i, e))) {
        let j = places.binary_search(&e.place).expect("listed");
        // A product is off by less than its size times 2^-52.
        let c = e.centre * rate(e.place);
        let rounding = add_up(mul_up(c.abs(), f64::EPSILON), f64::MIN_POSITIVE);
        centre[[i, j]] = c;
        radius[[i, j]] = add_up(mul_up(e.radius, rate(e.place)), rounding);
    }
    operator_upper(centre.view(), radius.view(), Norm::Two, Norm::Two).get()
}
