//! Vector and operator norms of numbers and enclosures.

use std::fmt;

/// The three norms of the quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Norm {
    One,
    Two,
    Inf,
}

impl Norm {
    pub const ALL: [Norm; 3] = [Norm::One, Norm::Two, Norm::Inf];

    /// 1/p + 1/p* = 1.
    pub fn dual(self) -> Norm {
        match self {
            Norm::One => Norm::Inf,
            Norm::Two => Norm::Two,
            Norm::Inf => Norm::One,
        }
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Norm::One => "1",
            Norm::Two => "2",
            Norm::Inf => "inf",
        })
    }
}
