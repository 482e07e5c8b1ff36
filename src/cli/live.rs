//! One line on the terminal that shows how far the work is; nothing when stderr is a file.

use crate::data::decimal::{rounded_down, rounded_up};
use crate::search::Progress;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Redrawn at most this often.
const INTERVAL: Duration = Duration::from_millis(100);

pub struct Live {
    shown: bool,
    started: Instant,
    last: Option<Instant>,
}

impl Live {
    pub fn new(quiet: bool) -> Self {
        Live { shown: !quiet && std::io::stderr().is_terminal(), started: Instant::now(), last: None }
    }

    /// Elapsed time, the pair, the gap and the number of open nodes.
    pub fn update(&mut self, seen: &Progress) {
        if !self.shown || self.last.is_some_and(|t| t.elapsed() < INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        let Progress { upper, lower, waiting, parts, .. } = *seen;
        let gap = upper / lower;
        let gap = if gap.is_finite() { rounded_up(gap, 4) } else { "inf".into() };
        let seconds = self.started.elapsed().as_secs_f64();
        let pair = format!("{} ≤ L ≤ {}", rounded_down(lower, 5), rounded_up(upper, 5));
        let line = format!("{seconds:7.1} s  {pair}  gap {gap}  {parts} parts, {waiting} open");
        let line: String = line.chars().take(79).collect();
        let mut err = std::io::stderr();
        let _ = write!(err, "\r\x1b[2K{line}").and_then(|()| err.flush());
    }

    fn clear(&mut self) {
        if self.shown && self.last.take().is_some() {
            let mut err = std::io::stderr();
            let _ = write!(err, "\r\x1b[2K").and_then(|()| err.flush());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}
