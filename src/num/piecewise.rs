//! Scalar piecewise-linear functions whose pieces have exact coefficients.

use super::round::{mul_down, mul_up};

/// One continuous function per feature (or one for all).
#[derive(Clone, Debug, PartialEq)]
pub enum Piecewise {
    /// x for x >= 0, `slope` x below. relu is slope 0, abs is slope -1.
    Leaky { slope: f64 },
    /// Leaky with slope `(k / repeat) % len` for feature k (PRelu).
    PerFeature { slope: Vec<f64>, repeat: usize },
    /// min(max(x, lo), hi).
    Clip { lo: f64, hi: f64 },
}

/// Which linear pieces an interval of arguments meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece {
    /// Only one: `slope x + offset`, both exact.
    Fixed { slope: f64, offset: f64 },
    /// Several: value and slope intervals.
    Free { value: [f64; 2], slope: [f64; 2] },
}

impl Piecewise {
    pub const RELU: Piecewise = Piecewise::Leaky { slope: 0.0 };
    pub const ABS: Piecewise = Piecewise::Leaky { slope: -1.0 };

    pub fn slope_below(&self, feature: usize) -> f64 {
        match self {
            Piecewise::Leaky { slope } => *slope,
            Piecewise::PerFeature { slope, repeat } => slope[(feature / repeat) % slope.len()],
            Piecewise::Clip { .. } => 0.0,
        }
    }

    /// The pieces that matter on the argument interval [l, u] of a region with
    /// interior: a kink exactly at an end changes nothing inside, and l = u
    /// means a constant argument, for which any slope is right.
    pub fn piece(&self, feature: usize, l: f64, u: f64) -> Piece {
        let (l, u) =
            (if l.is_nan() { f64::NEG_INFINITY } else { l }, if u.is_nan() { f64::INFINITY } else { u });
        if let Piecewise::Clip { lo, hi } = *self {
            return if lo >= hi {
                Piece::Fixed { slope: 0.0, offset: hi }
            } else if u <= lo {
                Piece::Fixed { slope: 0.0, offset: lo }
            } else if l >= hi {
                Piece::Fixed { slope: 0.0, offset: hi }
            } else if l >= lo && u <= hi {
                Piece::Fixed { slope: 1.0, offset: 0.0 }
            } else {
                Piece::Free { value: [l.max(lo), u.min(hi)], slope: [0.0, 1.0] }
            };
        }
        let a = self.slope_below(feature);
        if u <= 0.0 {
            Piece::Fixed { slope: a, offset: 0.0 }
        } else if l >= 0.0 {
            Piece::Fixed { slope: 1.0, offset: 0.0 }
        } else {
            let value = if a >= 0.0 { [mul_down(a, l), u] } else { [0.0, u.max(mul_up(a, l))] };
            Piece::Free { value, slope: [a.min(1.0), a.max(1.0)] }
        }
    }

    /// The value in plain arithmetic, for proposals.
    pub fn value(&self, feature: usize, x: f64) -> f64 {
        match self {
            Piecewise::Clip { lo, hi } => x.max(*lo).min(*hi),
            _ if x >= 0.0 => x,
            _ => self.slope_below(feature) * x,
        }
    }

    /// The derivative in plain arithmetic (the lower piece at a kink).
    pub fn derivative(&self, feature: usize, x: f64) -> f64 {
        match self {
            Piecewise::Clip { lo, hi } => (x > *lo && x < *hi) as u8 as f64,
            _ if x > 0.0 => 1.0,
            _ => self.slope_below(feature),
        }
    }
}
