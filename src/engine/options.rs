//! How much work an answer is worth.

use crate::analysis::Budget;
use crate::deadline::Stop;
use crate::method::Goal;
use crate::method::goal::Decision;
use std::time::Duration;

/// What one answer may take, and what ends it early.
#[derive(Clone, Debug)]
pub struct Options {
    /// A name that `clarke methods` lists, `auto` or `exact`.
    pub method: String,
    /// Stop at upper <= gap · lower.
    pub gap: f64,
    /// At most so many divisions of the region.
    pub splits: Option<u64>,
    /// None: single passes only.
    pub time: Option<Duration>,
    /// Bytes that blocks of numbers may take.
    pub memory: u64,
    /// Of random proposals.
    pub seed: u64,
    /// Stop where this is answered.
    pub decision: Option<Decision>,
    /// Ends the work at once, with the best pair so far.
    pub stop: Stop,
}

impl Default for Options {
    /// Everything that ten seconds allow.
    fn default() -> Options {
        Options {
            method: "auto".into(),
            gap: 1.01,
            splits: None,
            time: Some(Duration::from_secs(10)),
            memory: 4 << 30,
            seed: 0,
            decision: None,
            stop: Stop::new(),
        }
    }
}

impl Options {
    /// A name that `clarke methods` lists, `auto` or `exact`.
    pub fn method(self, method: impl Into<String>) -> Options {
        Options { method: method.into(), ..self }
    }

    /// Stop at upper <= gap · lower.
    pub fn gap(self, gap: f64) -> Options {
        Options { gap, ..self }
    }

    /// So long and no longer.
    pub fn time(self, time: Duration) -> Options {
        Options { time: Some(time), ..self }
    }

    /// Single passes only.
    pub fn passes(self) -> Options {
        Options { time: None, ..self }
    }

    /// Bytes that blocks of numbers may take.
    pub fn memory(self, memory: u64) -> Options {
        Options { memory, ..self }
    }

    /// Of random proposals.
    pub fn seed(self, seed: u64) -> Options {
        Options { seed, ..self }
    }

    /// A request that ends the work with the best pair so far.
    pub fn until(self, stop: Stop) -> Options {
        Options { stop, ..self }
    }

    /// The clock starts now.
    pub fn budget(&self) -> Budget {
        Budget::new(self.time.unwrap_or_default(), self.memory).or_until(self.stop.clone())
    }

    #[doc(hidden)]
    pub fn goal(&self) -> Goal {
        Goal { splits: self.splits, decision: self.decision, ..Goal::from(self.gap) }
    }
}
