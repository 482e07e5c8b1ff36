//! Errors as `clarke.Error`, with what, where and next.

use crate::error::{Error, Kind};
use pyo3::prelude::*;

fn kind(of: Kind) -> &'static str {
    match of {
        Kind::Import => "import",
        Kind::Unsupported => "unsupported",
        Kind::Input => "input",
        Kind::Device => "device",
        Kind::Budget => "budget",
        Kind::Check => "check",
    }
}

/// The Python part says flags as keywords.
pub fn raised(py: Python<'_>, e: &Error) -> PyErr {
    let class = py.import("clarke._said").and_then(|m| m.getattr("native"));
    let args = (e.what.clone(), e.place.clone(), e.next.clone(), kind(e.kind));
    match class.and_then(|class| class.call1(args)) {
        Ok(value) => PyErr::from_value(value),
        Err(why) => why,
    }
}
