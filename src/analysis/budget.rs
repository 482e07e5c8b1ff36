//! How much time and memory some work may take, and whether it fits.

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::deadline::{Deadline, Stop};
use crate::net::Net;
use std::time::Duration;

/// When to stop and how much memory blocks may take.
#[derive(Clone)]
pub struct Budget {
    /// Without a clock: single passes only.
    pub deadline: Deadline,
    pub memory: u64,
}

/// Seconds that a pass may take where no time is given.
const PASS: f64 = 1.0;

/// What a pass is expected to take may be this part of the time left.
const FITS: f64 = 0.7;

/// What passes take while others are asked, in what they are expected to.
const ROOM: f64 = 1.02;

/// Seconds that pass between two looks at the clock, about.
const BREATH: f64 = 0.25;

/// What a pass costs for every feature of a node besides products, in multiplications.
pub const FEATURE: f64 = 16.0;

/// What a double-double product costs against an f64 one.
pub const DOUBLE_PRICE: f64 = 8.0;

/// The multiplications of a pass, or what takes as long.
pub fn pass(net: &Net) -> f64 {
    net.products() + FEATURE * net.nodes.iter().map(|n| n.len()).sum::<usize>() as f64
}

impl Budget {
    /// From now on so long; no time at all means single passes.
    pub fn new(time: Duration, memory: u64) -> Budget {
        let deadline = if time.is_zero() { Deadline::never() } else { Deadline::within(time) };
        Budget { deadline, memory }
    }

    /// The same, or until somebody asks for the end.
    pub fn or_until(self, stop: Stop) -> Budget {
        Budget { deadline: self.deadline.or_at(stop), ..self }
    }

    /// The same in a part of the time that is left.
    pub fn part(&self, share: f64) -> Budget {
        Budget { deadline: self.deadline.part(share), ..self.clone() }
    }

    /// Is there no time for anything that repeats passes?
    pub fn is_brief(&self) -> bool {
        self.deadline.limit().is_none()
    }

    pub fn is_over(&self) -> bool {
        self.deadline.is_over()
    }

    pub fn interrupted(&self) -> bool {
        self.deadline.is_stopped()
    }

    /// Nothing without a clock.
    pub fn remaining(&self) -> Duration {
        self.deadline.left().unwrap_or_default()
    }

    /// Is a pass of this many multiplications on the CPU likely to end in time?
    pub fn affords(&self, products: f64) -> bool {
        self.affords_on(&Cpu::DOUBLE, products)
    }

    /// The same on a backend.
    pub fn affords_on<B: Backend>(&self, backend: &B, products: f64) -> bool {
        let seconds = products / backend.speed();
        let most = self.deadline.left().map_or(PASS, |left| FITS * left.as_secs_f64());
        !self.is_over() && seconds <= most
    }

    /// The part of the time left in which such a pass is likely to end, if it is in all of it.
    pub fn share<B: Backend>(&self, backend: &B, products: f64) -> Option<f64> {
        let left = self.deadline.left()?.as_secs_f64();
        let share = ROOM * products / backend.speed() / (FITS * left);
        (share <= 1.0).then_some(share)
    }

    /// How many things of so many multiplications each are done between two looks at the clock.
    pub fn at_once<B: Backend>(&self, backend: &B, products: f64) -> usize {
        (BREATH * backend.speed() / products).max(1.0) as usize
    }

    /// Rows of `features` values that one block may hold.
    pub fn rows(&self, features: usize) -> usize {
        let per_row = features as f64 * 24.0 * 4.0;
        ((self.memory as f64 * 0.25).min(512e6) / per_row).max(1.0) as usize
    }
}
