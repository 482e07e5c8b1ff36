//! When work ends: a clock, and a request to stop that somebody may make at any moment.
//!
//! Every loop that can last longer than some 50 ms asks a [`Deadline`] before it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A request to stop; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Not asked for yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// The flag itself, for whoever sets it from outside.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Asks for the end.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Did somebody ask?
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The end of some work. Cheap to clone and to ask.
#[derive(Clone, Debug)]
pub struct Deadline {
    started: Instant,
    /// None: only a request ends the work.
    limit: Option<Duration>,
    stop: Stop,
}

impl Deadline {
    /// Only a request ends the work.
    pub fn never() -> Deadline {
        Deadline { started: Instant::now(), limit: None, stop: Stop::new() }
    }

    /// From now on so long.
    pub fn within(limit: Duration) -> Deadline {
        Deadline { limit: Some(limit), ..Deadline::never() }
    }

    /// The same, or earlier at this request.
    pub fn or_at(self, stop: Stop) -> Deadline {
        Deadline { stop, ..self }
    }

    /// The part `share` of what is left, for work that must not take all of it.
    pub fn part(&self, share: f64) -> Deadline {
        let limit = self.left().map(|left| self.elapsed() + left.mul_f64(share));
        Deadline { limit, ..self.clone() }
    }

    /// How long the work may take in all; None: without end.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the clock runs out; None: never.
    pub fn end(&self) -> Option<Instant> {
        self.limit.and_then(|limit| self.started.checked_add(limit))
    }

    /// None: without end.
    pub fn left(&self) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.elapsed()))
    }

    /// Did somebody ask for the end?
    pub fn is_stopped(&self) -> bool {
        self.stop.is_requested()
    }

    /// Has the time run out, or did somebody ask for the end?
    pub fn is_over(&self) -> bool {
        self.is_stopped() || self.limit.is_some_and(|limit| self.elapsed() >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_requests() {
        let stop = Stop::new();
        let (never, long) = (Deadline::never(), Deadline::within(Duration::from_secs(3600)));
        let (never, long) = (never.or_at(stop.clone()), long.or_at(stop.clone()));
        assert!(!never.is_over() && !long.is_over() && never.left().is_none());
        assert!(Deadline::within(Duration::ZERO).is_over());
        let half = long.part(0.5).left().expect("a clock");
        assert!(half > Duration::from_secs(1700) && half <= Duration::from_secs(1800));
        assert!(long.part(0.0).is_over() && !long.part(0.0).is_stopped());
        stop.request();
        assert!(never.is_over() && long.is_over() && long.part(0.5).is_stopped());
    }
}
