//! Which device is wanted, and in which numbers.

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// A GPU where the work is worth it and one computes as it should, else the CPU.
    #[default]
    Auto,
    Cpu,
    /// An adapter by number, or the best one.
    Gpu(Option<usize>),
}

/// In which numbers a GPU computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// What is faster, and finer numbers where rounding shows.
    #[default]
    Auto,
    F32,
    F64,
}

/// A device as it is asked for; it is opened when a network comes onto it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Which one.
    pub wanted: Wanted,
    /// In which numbers.
    pub precision: Precision,
}

impl Device {
    /// A GPU where one is worth it, else the CPU.
    pub fn auto() -> Device {
        Device::default()
    }

    /// The processor.
    pub fn cpu() -> Device {
        Device { wanted: Wanted::Cpu, ..Device::default() }
    }

    /// An adapter by its number, or the best one.
    pub fn gpu(adapter: Option<usize>) -> Device {
        Device { wanted: Wanted::Gpu(adapter), ..Device::default() }
    }

    /// The same in these numbers.
    pub fn in_precision(self, precision: Precision) -> Device {
        Device { precision, ..self }
    }
}
