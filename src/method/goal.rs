//! When work ends besides time.

/// A yes-or-no question about L, as the ends that answer it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// An upper bound of at most this decides.
    pub enough: f64,
    /// A lower bound of at least this decides.
    pub plenty: f64,
}

impl Decision {
    /// Does this pair answer it?
    pub fn is_made(&self, lower: f64, upper: f64) -> bool {
        upper <= self.enough || lower >= self.plenty
    }
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Stop at upper <= gap · lower.
    pub gap: f64,
    /// At most so many divisions of the region.
    pub splits: Option<u64>,
    /// Stop where this is answered.
    pub decision: Option<Decision>,
    /// Is every part of a search to be shown by itself, whatever was shown around it? For certificates.
    pub by_itself: bool,
}

impl Goal {
    /// Is the question answered? Never where there is none.
    pub fn is_decided(&self, lower: f64, upper: f64) -> bool {
        self.decision.is_some_and(|d| d.is_made(lower, upper))
    }

    /// Upper bounds that need not become smaller.
    pub fn enough(&self) -> f64 {
        self.decision.map_or(0.0, |d| d.enough)
    }
}

impl From<f64> for Goal {
    fn from(gap: f64) -> Goal {
        Goal { gap, splits: None, decision: None, by_itself: false }
    }
}
