//! How steep secants from the centre of a region are at most.
//!
//! Where an argument is z(c) at the centre and moves by at most `far`, the secants of its function between z(c) and there
//! bound how far the function's value moves. From: Avant & Morgansen 2023, for every function of one number.
//! Rounding: values at the centre are enclosures, everything else is rounded up.

use super::secant::secants;
use crate::backend::Backend;
use crate::layer::smooth::range;
use crate::net::{Net, Op};
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, mul_up, sub_down, sub_up};
use crate::region::Region;
use crate::sweep::{Bounds, Ends, Prepared, Trace, enclosure, ends2, host_ends};
use ndarray::Array2;

/// Values of a network at the centre of a region.
pub struct Anchor {
    at: Bounds,
    /// How far members of the region are from there.
    radius: f64,
}

impl Anchor {
    /// Distances in norm p; None where the region has no centre, or no size.
    pub fn new<B: Backend>(prepared: &Prepared<B>, region: &Region, p: Norm) -> Option<Anchor> {
        let ends = region.centre_ends().filter(|_| !region.is_point())?;
        let row = |v: &[f64]| Array2::from_shape_vec((1, v.len()), v.to_vec()).expect("one row");
        let centre = Ends { lo: row(ends.0), hi: row(ends.1) };
        let radius = radius(region, &centre, p)?;
        Some(Anchor { at: at_centre(prepared, &centre), radius })
    }

    /// The largest magnitudes of secants of node k, where ‖∂z_j/∂x‖_p is at most `rows[j]` for its argument z_j. `net`
    /// may differ from the network in its last node.
    pub fn steepest(&self, net: &Net, k: usize, rows: Vec<f64>) -> Vec<f64> {
        let node = &net.nodes[k];
        let at = self.at.of(node.inputs[0]);
        let far = |s: f64| if s == 0.0 { 0.0 } else { mul_up(s, self.radius) };
        let each = |(j, s): (usize, f64)| {
            let [c, d] = [at.lo[[0, j]], at.hi[[0, j]]];
            let far = far(s);
            let [l, u] = match far.is_nan() {
                true => [f64::NEG_INFINITY, f64::INFINITY],
                false => [sub_down(c, far), add_up(d, far)],
            };
            let [a, z] = match &node.op {
                Op::Piecewise(f) => secants(f, j, [l, u], [c, d]),
                Op::Smooth(f) => range::slope(*f, l, u).into(),
                Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => {
                    unreachable!("only functions of one number have slopes")
                }
                Op::Max(_) | Op::Softmax { .. } => unreachable!("only functions of one number have slopes"),
            };
            a.abs().max(z.abs())
        };
        rows.into_iter().enumerate().map(each).collect()
    }
}

/// How far members of the region are from its centre in norm p.
fn radius(region: &Region, centre: &Ends, p: Norm) -> Option<f64> {
    let (lo, hi) = ends2(&region.enclosure()?, true);
    let apart = |j: usize| {
        let (l, h) = (lo[[0, j]], hi[[0, j]]);
        sub_up(h, centre.lo[[0, j]]).max(sub_up(centre.hi[[0, j]], l)).max(0.0)
    };
    let moves = (0..lo.ncols()).filter(|&j| !region.is_fixed(j));
    let in_box = vector_norm_up(moves.map(apart).collect::<Vec<_>>(), p);
    Some(match region.ball_norm() {
        // ‖·‖_p <= ‖·‖_b for b <= p.
        Some((b, radius)) if b <= p => radius.ends().hi.min(in_box),
        _ => in_box,
    })
}

/// Values of all nodes at the centre.
fn at_centre<B: Backend>(prepared: &Prepared<B>, centre: &Ends) -> Bounds {
    let (b, net) = (prepared.backend, prepared.net);
    let mut trace = Trace::start(net);
    let mut at = Bounds::none(net.nodes.len());
    for k in 0..net.nodes.len() {
        prepared.step(&mut trace, k, (k == 0).then(|| b.upload(&enclosure(centre))), None);
        at.set(k, host_ends(b, trace.values[k].as_ref().expect("just computed")));
    }
    at
}
