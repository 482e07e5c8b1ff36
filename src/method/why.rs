//! Why a method said nothing, for people and for programs.

use super::context::Budget;
use crate::backend::Backend;
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// Somebody interrupted, or the time was up on the way.
    Late,
    /// It would probably take this many seconds.
    Time(f64),
    /// It needs about this many bytes.
    Memory(u64),
    Large {
        what: &'static str,
        has: usize,
        most: usize,
    },
    /// The question, the region or the network is none of those that the method is about.
    Unfit(&'static str),
    /// Its arithmetic went through, but its proof did not, or it gained nothing.
    Unproved(&'static str),
}

/// Of methods that prove nothing.
pub const ESTIMATE: Why = Why::Unproved("its number is an estimate and stands in no bound");

impl Why {
    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Why::Late => "late",
            Why::Time(_) => "time",
            Why::Memory(_) => "memory",
            Why::Large { .. } => "size",
            Why::Unfit(_) => "unfit",
            Why::Unproved(_) => "unproved",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Late => write!(f, "it was interrupted, or the time was up"),
            Why::Time(seconds) if *seconds >= 10.0 => {
                write!(f, "it would take about {seconds:.0} s, more than is left of --time")
            }
            Why::Time(seconds) => {
                write!(f, "it would take about {seconds:.1} s, more than is left of --time")
            }
            Why::Memory(bytes) => {
                write!(f, "it needs about {} MiB, more than --memory allows it", (bytes >> 20).max(1))
            }
            Why::Large { what, has, most } => {
                write!(f, "{has} {what} are more than the {most} that it takes")
            }
            Why::Unfit(text) | Why::Unproved(text) => write!(f, "{text}"),
        }
    }
}

impl Budget {
    /// Why a proof did not come about: the end of the time, or `other`.
    pub fn late_or(&self, other: Why) -> Why {
        if self.is_over() { Why::Late } else { other }
    }

    /// Is there memory for so many bytes?
    pub fn holds(&self, bytes: u64) -> Result<(), Why> {
        if bytes <= self.memory { Ok(()) } else { Err(Why::Memory(bytes)) }
    }

    /// Is there time for so many multiplications on a backend?
    pub fn admits<B: Backend>(&self, backend: &B, products: f64) -> Result<(), Why> {
        match self.affords_on(backend, products) {
            true => Ok(()),
            false if self.is_over() => Err(Why::Late),
            false => Err(Why::Time(products / backend.speed())),
        }
    }
}

/// At most so many.
pub fn at_most(what: &'static str, has: usize, most: usize) -> Result<(), Why> {
    if has <= most { Ok(()) } else { Err(Why::Large { what, has, most }) }
}
