//! What a device does: its rates, and how much of them kernels and whole passes reach.
//!
//! Every row has two floors, what it must compute by the measured rate of products and sums and what it must move by
//! the measured rate of copies, and says which part of its time the larger one is. Sizes are the full ones where the
//! device does them in about a second, else fewer vectors, regions or rows of the same shapes; a row names what it
//! measured. Nothing here proves anything.

mod energy;
mod kernels;
mod networks;
mod passes;
mod rate;
mod timing;
#[cfg(feature = "gpu")]
mod tune;

pub use energy::Energy;
pub use rate::rate;
pub use timing::Row;
#[cfg(feature = "gpu")]
pub use tune::tune;

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::backend::gpu::Gpu;
use crate::deadline::Deadline;
use timing::Meter;

/// A backend whose limits can be measured.
pub trait Measured: Backend + Sized {
    /// Products and sums per second, in registers alone.
    fn peak_rate(&self) -> f64;
    /// Bytes per second, read and written by copies.
    fn copy_rate(&self) -> f64;
    /// The type of its numbers, and their bytes.
    fn number_type(&self) -> (&'static str, usize);
}

impl Measured for Cpu {
    fn peak_rate(&self) -> f64 {
        Cpu::product_rate(self)
    }

    fn copy_rate(&self) -> f64 {
        Cpu::memory_rate(self)
    }

    fn number_type(&self) -> (&'static str, usize) {
        ("f64", 8)
    }
}

#[cfg(feature = "gpu")]
impl Measured for Gpu {
    fn peak_rate(&self) -> f64 {
        Gpu::peak(self)
    }

    fn copy_rate(&self) -> f64 {
        Gpu::bandwidth(self)
    }

    fn number_type(&self) -> (&'static str, usize) {
        (self.real().name(), self.real().bytes())
    }
}

/// What was measured of a device in one type of numbers.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub number: &'static str,
    /// Products and sums per second.
    pub peak: f64,
    /// Bytes per second.
    pub bandwidth: f64,
    pub rows: Vec<Row>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

/// Everything, until the deadline; `seen` is told of every row as it is known.
pub fn run<B: Measured>(
    backend: &B,
    energy: Energy,
    deadline: &Deadline,
    seen: impl FnMut(&Row),
) -> Measurement {
    let mut meter = Meter::new(backend, energy, deadline, seen);
    kernels::run(&mut meter);
    passes::run(&mut meter);
    meter.end()
}
