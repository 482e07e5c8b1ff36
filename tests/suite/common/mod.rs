//! What several test files share.
#![allow(dead_code)]

pub mod adversarial;
pub mod containment;
pub mod data;
pub mod exact;
pub mod faulty;
pub mod fields;
pub mod lengths;
pub mod naive;
pub mod nets;
pub mod pieces;
#[cfg(feature = "cli")]
pub mod process;
pub mod settled;
pub mod solve;
pub mod spans;

use clarke::backend::cpu::Cpu;
use clarke::method::Outcome;
use clarke::method::context::Budget;
use clarke::num::Written;
use clarke::problem::Problem;
use std::time::Duration;

/// A number as somebody writes it.
pub fn written(text: &str) -> Written {
    Written::parse(text).expect("a number")
}

pub fn budget(seconds: u64) -> Budget {
    Budget::new(Duration::from_secs(seconds), 1 << 30)
}

/// A quarter of the random cases, with CLARKE_REQUIRE_ALL=1 all of them, with CLARKE_FEW=1 a sixteenth.
pub fn share(all: usize) -> usize {
    match () {
        _ if is_set("CLARKE_REQUIRE_ALL") => all,
        _ if is_set("CLARKE_FEW") => all.div_ceil(16),
        _ => all.div_ceil(4),
    }
}

/// Are there so few random cases that rare ones may be missing?
pub fn few() -> bool {
    is_set("CLARKE_FEW") && !is_set("CLARKE_REQUIRE_ALL")
}

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|v| v == "1")
}

/// One method on the CPU; None where it needs a bounded region or another network.
pub fn bound(problem: &Problem, method: &str, seconds: u64) -> Option<Result<Outcome, String>> {
    match solve::methods(problem, Cpu::DOUBLE, method, 1.0, budget(seconds)) {
        Ok(outcome) => Some(Ok(outcome)),
        Err(e) if e.to_string().contains("needs a bounded region") => None,
        Err(e) if e.to_string().contains("does not apply to this network") => None,
        Err(e) => Some(Err(format!("{method}: {e}"))),
    }
}
