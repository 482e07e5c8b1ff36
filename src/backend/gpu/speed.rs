//! How fast a device is, as far as plans go.

use super::{Gpu, Real};

impl Gpu {
    /// The same, choosing its work like a device of this speed.
    pub fn paced(&self, speed: f64) -> Gpu {
        Gpu { speed: Some(speed), ..self.clone() }
    }

    /// What was measured of it, or what devices of its kind reach at least.
    pub(super) fn planned(&self) -> f64 {
        let least = match (self.info().software, self.real()) {
            (true, _) => 1e9,
            (false, Real::F32) => 1e12,
            // Most devices have few units for f64.
            (false, Real::F64) => 1e11,
        };
        self.speed.unwrap_or(least)
    }
}
