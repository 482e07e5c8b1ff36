//! One row: how often something ran, how long the best run took, and what it had to do.

use super::{Energy, Measured, Measurement};
use crate::backend::Counts;
use crate::deadline::Deadline;
use std::time::Instant;

/// A size is full where a run of it takes no longer than this at a tenth of the peak.
const LONG: f64 = 1.0;
const USUAL: f64 = 0.1;
/// Runs of one row go on for so many seconds, or until there are so many.
const SPAN: f64 = 1.0;
const RUNS: usize = 12;
/// A first run that took longer is not repeated: what it prepared is small against it.
const SLOW: f64 = 4.0;

/// Something measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// A kernel or a pass, and the shapes.
    pub what: String,
    pub shape: String,
    /// With what covers rounding?
    pub widening: bool,
    /// Of the best run, and how many there were.
    pub seconds: f64,
    pub runs: usize,
    /// Operations, those of centre and radius, and bytes that must move at least.
    pub operations: f64,
    pub bytes: f64,
    /// Of one run.
    pub counts: Counts,
    /// Of one run, where the system counts.
    pub joules: Option<f64>,
    /// What `operations` and `bytes` take at the device's rates, the larger of both.
    pub floor: f64,
}

impl Row {
    /// Operations per second.
    pub fn rate(&self) -> f64 {
        self.operations / self.seconds
    }

    /// The part of the time that no device of these rates could save.
    pub fn reached(&self) -> f64 {
        self.floor / self.seconds
    }
}

/// What is measured, and what it must do.
pub struct Work {
    pub what: String,
    pub shape: String,
    pub operations: f64,
    pub bytes: f64,
}

/// Takes times until the deadline.
pub struct Meter<'a, B, F> {
    pub backend: &'a B,
    energy: Energy,
    deadline: &'a Deadline,
    seen: F,
    found: Measurement,
}

impl<'a, B: Measured, F: FnMut(&Row)> Meter<'a, B, F> {
    pub fn new(backend: &'a B, energy: Energy, deadline: &'a Deadline, seen: F) -> Self {
        let found = Measurement {
            number: backend.number_type().0,
            peak: backend.peak_rate(),
            bandwidth: backend.copy_rate(),
            rows: vec![],
            skipped: vec![],
        };
        Meter { backend, energy, deadline, seen, found }
    }

    /// Bytes of one number of the device.
    pub fn bytes(&self) -> f64 {
        self.backend.number_type().1 as f64
    }

    /// So many of `full`, halved until they take about a second where each has so many operations.
    pub fn few(&self, full: usize, operations: f64) -> usize {
        let mut count = full;
        while count > 1 && count as f64 * operations > LONG * USUAL * self.found.peak {
            count = count.div_ceil(2);
        }
        count
    }

    /// Is there time for this? What is not begun is named in the end.
    pub fn begins(&mut self, what: &str, operations: f64) -> bool {
        let needed = operations / (USUAL * self.found.peak);
        let fits =
            !self.deadline.is_over() && self.deadline.left().is_none_or(|left| needed < left.as_secs_f64());
        if !fits {
            self.found.skipped.push(what.to_string());
        }
        fits
    }

    /// Times it, with what covers rounding or without (`backend` tells which).
    pub fn row(&mut self, work: Work, widening: bool, backend: &B, mut run: impl FnMut(&B)) {
        if !self.begins(&format!("{}: {}", work.what, work.shape), work.operations) {
            return;
        }
        let (before, used, begun) = (backend.counts(), self.energy.joules(), Instant::now());
        let (mut runs, mut best) = (0, f64::INFINITY);
        while runs < RUNS {
            let started = Instant::now();
            run(backend);
            backend.finish();
            let seconds = started.elapsed().as_secs_f64();
            runs += 1;
            // The first one prepares: pipelines, memory, caches.
            if runs > 1 || seconds > SLOW || self.deadline.is_over() {
                best = best.min(seconds);
            }
            if best.is_finite() && (begun.elapsed().as_secs_f64() > SPAN || self.deadline.is_over()) {
                break;
            }
        }
        // A counter that ran over says nothing.
        let joules = used.zip(self.energy.joules()).map(|(a, b)| (b - a) / runs as f64).filter(|j| *j >= 0.0);
        let all = backend.counts().since(&before);
        let each = |n: u64| n / runs as u64;
        let floor = (work.operations / self.found.peak).max(work.bytes / self.found.bandwidth);
        let row = Row {
            what: work.what,
            shape: work.shape,
            widening,
            seconds: best,
            runs,
            operations: work.operations,
            bytes: work.bytes,
            counts: Counts {
                dispatches: each(all.dispatches),
                submissions: each(all.submissions),
                sent: each(all.sent),
                received: each(all.received),
                bounds: each(all.bounds),
            },
            joules,
            floor,
        };
        (self.seen)(&row);
        self.found.rows.push(row);
    }

    pub fn end(self) -> Measurement {
        self.found
    }
}
