//! Interval bounds of every value on the region.
//!
//! Proves: l <= z <= u for every node value on the enclosing box.
//! From: Gowal et al. 2018, in centre-radius form.
//! Rounding: every step outward (backend).
//! Cost: one forward pass, two products per layer.
//! Loose when: deep; exact for one affine layer on a box.

use crate::backend::Backend;
use crate::region::Region;
use crate::sweep::{Bounds, Prepared, Trace};

/// Gates of all nonlinear nodes on the region; values are not kept.
pub fn run<B: Backend>(prepared: &Prepared<B>, region: &Region, known: Option<&Bounds>) -> Trace<B> {
    prepared.values(prepared.backend.upload(&input(prepared, region)), known, |_| false)
}

/// The region's box; unbounded for R^n.
pub fn input<B: Backend>(prepared: &Prepared<B>, region: &Region) -> crate::linalg::Enclosure {
    region.enclosure().unwrap_or_else(|| {
        let mut all = crate::linalg::Enclosure::zeros(1, 1, prepared.net.inputs());
        all.radius.fill(f64::INFINITY);
        all
    })
}
