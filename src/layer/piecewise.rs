//! Scalar piecewise-linear functions whose pieces have exact coefficients.

use crate::num::round::{mul_down, mul_up};

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

    /// Where the slope may change, in order; `None` for what a function has fewer of.
    pub fn kinks(&self, _feature: usize) -> [Option<f64>; 2] {
        let finite = |at: f64| at.is_finite().then_some(at);
        match *self {
            Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => [Some(0.0), None],
            Piecewise::Clip { lo, hi } if lo >= hi => [None, None],
            Piecewise::Clip { lo, hi } => [finite(lo), finite(hi)],
        }
    }

    /// The pieces that matter on the argument interval [l, u] of a region with
    /// interior: a kink exactly at an end changes nothing inside, and l = u
    /// means a constant argument, for which any slope is right.
    pub fn piece(&self, feature: usize, l: f64, u: f64) -> Piece {
        let (l, u) =
            (if l.is_nan() { f64::NEG_INFINITY } else { l }, if u.is_nan() { f64::INFINITY } else { u });
        match *self {
            Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => {
                bent_at_zero(self.slope_below(feature), l, u)
            }
            Piecewise::Clip { lo, hi } => clipped(lo, hi, l, u),
        }
    }

    /// The value in plain arithmetic, for proposals.
    pub fn value(&self, feature: usize, x: f64) -> f64 {
        match self {
            Piecewise::Clip { lo, hi } => x.max(*lo).min(*hi),
            Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } if x >= 0.0 => x,
            Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => self.slope_below(feature) * x,
        }
    }

    /// The derivative in plain arithmetic (the lower piece at a kink).
    pub fn derivative(&self, feature: usize, x: f64) -> f64 {
        match self {
            Piecewise::Clip { lo, hi } => (x > *lo && x < *hi) as u8 as f64,
            Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } if x > 0.0 => 1.0,
            Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => self.slope_below(feature),
        }
    }
}

/// x above 0 and `slope` x below, on [l, u].
fn bent_at_zero(slope: f64, l: f64, u: f64) -> Piece {
    if u <= 0.0 {
        Piece::Fixed { slope, offset: 0.0 }
    } else if l >= 0.0 {
        Piece::Fixed { slope: 1.0, offset: 0.0 }
    } else {
        let value = if slope >= 0.0 { [mul_down(slope, l), u] } else { [0.0, u.max(mul_up(slope, l))] };
        Piece::Free { value, slope: [slope.min(1.0), slope.max(1.0)] }
    }
}

/// min(max(x, lo), hi) on [l, u].
fn clipped(lo: f64, hi: f64, l: f64, u: f64) -> Piece {
    if lo >= hi {
        Piece::Fixed { slope: 0.0, offset: hi }
    } else if u <= lo {
        Piece::Fixed { slope: 0.0, offset: lo }
    } else if l >= hi {
        Piece::Fixed { slope: 0.0, offset: hi }
    } else if l >= lo && u <= hi {
        Piece::Fixed { slope: 1.0, offset: 0.0 }
    } else {
        Piece::Free { value: [l.max(lo), u.min(hi)], slope: [0.0, 1.0] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between neighbouring kinks there is one piece, around each there are two.
    #[test]
    fn kinks_are_where_pieces_meet() {
        let infinite = f64::INFINITY;
        let all = [
            Piecewise::RELU,
            Piecewise::ABS,
            Piecewise::PerFeature { slope: vec![0.5, -2.0], repeat: 3 },
            Piecewise::Clip { lo: -1.5, hi: 6.0 },
            Piecewise::Clip { lo: -infinite, hi: 6.0 },
            Piecewise::Clip { lo: 0.0, hi: infinite },
            Piecewise::Clip { lo: 2.0, hi: 2.0 },
            Piecewise::Clip { lo: 2.0, hi: 1.0 },
        ];
        for (f, feature) in all.iter().flat_map(|f| [0, 4].map(|feature| (f, feature))) {
            let kinks: Vec<f64> = f.kinks(feature).into_iter().flatten().collect();
            let ends: Vec<f64> = [-infinite].into_iter().chain(kinks.clone()).chain([infinite]).collect();
            for pair in ends.windows(2) {
                let piece = f.piece(feature, pair[0], pair[1]);
                assert!(matches!(piece, Piece::Fixed { .. }), "{f:?} {pair:?}");
            }
            for at in kinks {
                let piece = f.piece(feature, at - 0.25, at + 0.25);
                assert!(matches!(piece, Piece::Free { .. }), "{f:?} {at}");
            }
        }
    }
}
