//! The interval Clarke Jacobian of the measured output.
//!
//! Proves: every generalised Jacobian on the region lies in an enclosure, so ‖J‖ is at most its norm.
//! From: FastLip (Weng et al. 2018), LipBaB's root bound (Bhowmick et al. 2021);
//!   here for any graph, gated by end points, from both sides and intersected,
//!   runs through fixed neurons as one matrix where `prepared` holds it.
//! Rounding: end points outward, products in centre-radius form with gamma-bounds.
//! Cost: one adjoint pass per output row, or one tangent pass per input column.
//! Loose when: many neurons are free; exact where none is (see `parts` for Jacobians
//!   that are too large to be kept).

use crate::backend::Backend;
use crate::method::context::{Context, by_rows};
use crate::num::operator::operator_upper;
use crate::num::{Enclosure, Upper};
use crate::ops::{Gate, Prepared};
use ndarray::Axis;

/// Rows of the Jacobian, restricted to inputs that vary; None when the time is up.
pub fn rows<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    seeds: &Enclosure,
) -> Option<Enclosure> {
    let b = prepared.backend;
    let chunk = context.at_once(b);
    let result = by_rows(seeds, chunk, |part| {
        if context.budget.is_over() {
            return None;
        }
        Some(b.read(&prepared.adjoints(gates, b.upload(part), |_, _| {})))
    })?;
    Some(context.without_fixed(result))
}

/// The same entries computed from the input side, column by column.
pub fn columns<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    seeds: &Enclosure,
) -> Option<Enclosure> {
    let b = prepared.backend;
    let n = prepared.net.inputs();
    let fixed = context.problem.ignored();
    let mut result = Enclosure::zeros(1, seeds.dim().1, n);
    let live: Vec<usize> = (0..n).filter(|&j| !fixed.get(j).copied().unwrap_or(false)).collect();
    for part in live.chunks(context.at_once(b)) {
        if context.budget.is_over() {
            return None;
        }
        let mut unit = Enclosure::zeros(1, part.len(), n);
        for (row, &j) in part.iter().enumerate() {
            unit.centre[[0, row, j]] = 1.0;
        }
        let images = b.read(&prepared.tangents(gates, b.upload(&unit), |_, _| {}));
        for (row, &j) in part.iter().enumerate() {
            for i in 0..seeds.dim().1 {
                let (c, r) = combine(seeds, i, &images, row);
                result.centre[[0, i, j]] = c;
                result.radius[[0, i, j]] = r;
            }
        }
    }
    Some(result)
}

/// Seed row i (entries 0, 1, -1) applied to an image vector.
fn combine(seeds: &Enclosure, i: usize, images: &Enclosure, row: usize) -> (f64, f64) {
    use crate::num::interval::Interval;
    let mut sum: Option<Interval> = None;
    for (k, &s) in seeds.centre.slice(ndarray::s![0, i, ..]).iter().enumerate() {
        if s != 0.0 {
            let x = Interval::from_centre(images.centre[[0, row, k]], images.radius[[0, row, k]]);
            let x = Interval::point(s) * x;
            sum = Some(sum.map_or(x, |t| t + x));
        }
    }
    let sum = sum.unwrap_or(Interval::point(0.0));
    crate::num::centre_radius(sum.lo, sum.hi)
}

/// Entrywise intersection of two enclosures of the same matrix.
pub fn intersect(a: Enclosure, b: &Enclosure) -> Enclosure {
    let (lo, hi) = (a.lo(), a.hi());
    let (lo2, hi2) = (b.lo(), b.hi());
    let mut out = a;
    ndarray::Zip::indexed(&mut out.centre).and(&mut out.radius).for_each(|at, c, r| {
        let (l, h) = (lo[at].max(lo2[at]), hi[at].min(hi2[at]));
        if l <= h {
            let (c2, r2) = crate::num::centre_radius(l, h);
            if r2 < *r {
                (*c, *r) = (c2, r2);
            }
        }
    });
    out
}

/// The norm of an enclosure from p to q.
pub fn norm<B: Backend>(context: &Context<B>, rows: &Enclosure) -> Upper {
    let q = &context.problem.quotient;
    let item = |a: &ndarray::Array3<f64>| a.index_axis(Axis(0), 0).to_owned();
    operator_upper(item(&rows.centre).view(), item(&rows.radius).view(), q.in_norm, q.out_norm)
}
