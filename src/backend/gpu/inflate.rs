//! What the arithmetic of a shader may do, and the constants that cover it.
//!
//! Proves: bounds on the error of + − × in any order and any fusion.
//! From: the accuracy table of WGSL for f32 (either neighbour of the exact
//!   result, subnormals flushed on input and output, reassociation allowed).
//!   For f64 the same with u = 2^-52 is a named assumption about the driver.
//! Rounding: every constant is rounded up to a number of the device.
//! Cost: none on the device.
//! Loose when: sums are long; the bound holds for the worst order.
//!
//! A number that a kernel passes on unchanged may still be flushed, once; every
//! kernel that makes a centre leaves that much of its absolute slack unused.

use crate::num::round::{add_up, div_up, mul_up, sub_up};

/// The number type of a device's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Real {
    F32,
    F64,
}

impl Real {
    pub fn name(self) -> &'static str {
        match self {
            Real::F32 => "f32",
            Real::F64 => "f64",
        }
    }

    pub fn bytes(self) -> usize {
        match self {
            Real::F32 => 4,
            Real::F64 => 8,
        }
    }

    /// Largest relative error of one operation.
    pub fn unit(self) -> f64 {
        match self {
            Real::F32 => 2f64.powi(-23),
            Real::F64 => 2f64.powi(-52),
        }
    }

    /// The smallest normal number: below it a result may become zero.
    pub fn tiny(self) -> f64 {
        match self {
            Real::F32 => 2f64.powi(-126),
            Real::F64 => f64::MIN_POSITIVE,
        }
    }

    /// No intermediate result may exceed this; overflow is undefined.
    pub fn limit(self) -> f64 {
        match self {
            Real::F32 => 2f64.powi(100),
            Real::F64 => 2f64.powi(1000),
        }
    }

    /// Is this a number (not NaN) below the limit?
    pub fn holds(self, size: f64) -> bool {
        size < self.limit()
    }

    /// Ranges beyond this are measured instead of bounded, which takes a transfer: they scale what
    /// flushing costs, which is next to nothing up to here.
    pub fn comfortable(self) -> f64 {
        match self {
            Real::F32 => 2f64.powi(40),
            Real::F64 => 2f64.powi(200),
        }
    }

    /// The number type's value nearest to x, as a host rounds it.
    pub fn nearest(self, x: f64) -> f64 {
        match self {
            Real::F32 => x as f32 as f64,
            Real::F64 => x,
        }
    }

    /// The numbers next to s + e on both sides, where s is its nearest f64: what
    /// one operation may return.
    pub fn neighbours(self, s: f64, e: f64) -> (f64, f64) {
        let t = self.nearest(s);
        let step = |up: bool| match (self, up) {
            (Real::F32, true) => (t as f32).next_up() as f64,
            (Real::F32, false) => (t as f32).next_down() as f64,
            (Real::F64, true) => t.next_up(),
            (Real::F64, false) => t.next_down(),
        };
        match (s - t) + e {
            0.0 => (t, t),
            rest if rest > 0.0 => (t, step(true)),
            _ => (step(false), t),
        }
    }

    /// A number of the device near x (|x| within `limit`), never subnormal.
    pub fn near(self, x: f64) -> f64 {
        let y = self.nearest(x);
        if y.abs() < self.tiny() { 0.0 } else { y }
    }

    /// The smallest number of the device that is not below x.
    pub fn up(self, x: f64) -> f64 {
        let y = match self {
            Real::F32 => {
                let y = x as f32;
                if (y as f64) < x { y.next_up() as f64 } else { y as f64 }
            }
            Real::F64 => x,
        };
        match y {
            y if y > 0.0 && y < self.tiny() => self.tiny(),
            y if y < 0.0 && y > -self.tiny() => 0.0,
            y => y,
        }
    }

    pub fn down(self, x: f64) -> f64 {
        -self.up(-x)
    }

    /// n u / (1 − n u), rounded up, for n <= 2^20 operations in f32.
    pub fn gamma(self, n: usize) -> f64 {
        let nu = mul_up(n as f64, self.unit());
        assert!(nu < 0.25, "a sum of {n} terms is too long for {}", self.name());
        div_up(nu, -sub_up(nu, 1.0))
    }

    /// Can a sum of n terms be bounded?
    pub fn sums(self, n: usize) -> bool {
        (n as f64 + 8.0) * self.unit() < 0.125
    }

    /// A centre and radius of the device that contain c ± r.
    pub fn enclose(self, c: f64, r: f64) -> (f64, f64) {
        let centre = self.near(c);
        let lost = if centre == c { 0.0 } else { sub_up(c, centre).max(sub_up(centre, c)) };
        (centre, self.up(add_up(r, lost)))
    }
}

/// How much of the proven slack kernels add. Anything but `FULL` proves
/// nothing: it is for measuring what rounding costs, and for tests that must
/// see it missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Widening(pub f64);

impl Widening {
    pub const FULL: Widening = Widening(1.0);
    pub const NONE: Widening = Widening(0.0);
}

/// What every kernel starts its constants with; see `shaders/shared/enclosure.wgsl`.
/// `flush` scales what a flushed operand costs: the largest factor it meets.
pub fn common(real: Real, flush: f64, Widening(part): Widening) -> Vec<f64> {
    let u = real.unit() * part;
    vec![
        // One rounding, and what multiplying it with a computed size loses.
        real.up(u * (1.0 + 16.0 * real.unit())),
        // Absolute slack: at most eight flushed operands or results.
        real.up(mul_up(16.0 * real.tiny() * part, flush.max(1.0))),
        // Radius expressions have at most ten roundings: (1 + u)^11 / (1 - u)^10 <= 1 + 32 u.
        real.up(1.0 + 32.0 * u),
        0.5,
    ]
}

/// A product with weights: how many terms an output has, whether a bias is
/// added, whether weights or bias were rounded to the device, and bounds of
/// the factors.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    pub depth: usize,
    pub bias: bool,
    pub rounded: bool,
    pub weight: f64,
    pub reach: f64,
}

impl Product {
    /// Operations that one term goes through, and one more.
    fn roundings(&self) -> usize {
        self.depth + 1 + self.bias as usize + self.rounded as usize
    }

    /// gamma, 1 / (1 - gamma) for what the radius itself loses, what underflow
    /// costs an output and an operand.
    pub fn consts(&self, real: Real, Widening(part): Widening) -> [f64; 4] {
        let gamma = real.gamma(self.roundings()) * part;
        // An operand's radius has three roundings, its product and the sum the rest.
        let own = real.gamma(self.depth + 6) * part;
        let tiny = mul_up(8.0 * (self.depth as f64 + 1.0) * real.tiny(), self.weight.max(1.0));
        let tiny = mul_up(tiny, self.reach.max(1.0));
        let operand = 2.5 * real.tiny() * part;
        [real.up(gamma), real.up(div_up(1.0, -sub_up(own, 1.0))), real.up(tiny * part), real.up(operand)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_enclose() {
        for x in [1.0 / 3.0, -0.1, 1e-40, -1e-40, 1e-300, 3e37, 0.0, 1.0 + 1e-12] {
            for real in [Real::F32, Real::F64] {
                assert!(real.up(x) >= x && real.down(x) <= x);
                let (c, r) = real.enclose(x, 0.0);
                assert!((c - x).abs() <= r && (r == 0.0 || r >= real.tiny()));
                assert!(real.up(x) == 0.0 || real.up(x).abs() >= real.tiny());
            }
        }
        assert!(Real::F32.gamma(1) > 2f64.powi(-23));
    }
}
