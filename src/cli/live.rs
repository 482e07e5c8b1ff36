//! One line on the terminal that shows how far the work is; nothing when stderr is a file.
//! A thread of its own draws it, so that the clock runs while a method works.

use super::print::{PAGE, width_of};
use crate::num::decimal::{rounded_down, rounded_up};
use crate::search::Progress;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Redrawn this often.
const INTERVAL: Duration = Duration::from_millis(150);

pub struct Live(Option<(Sender<Progress>, JoinHandle<()>)>);

impl Live {
    /// `limit`: the time the work may take; zero where nothing limits it.
    pub fn new(quiet: bool, limit: Duration) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Live(None);
        }
        let started = Instant::now();
        let (sender, news) = channel::<Progress>();
        let thread = std::thread::spawn(move || {
            let mut seen: Option<Progress> = None;
            let mut drawn = Instant::now();
            loop {
                match news.recv_timeout(INTERVAL.saturating_sub(drawn.elapsed())) {
                    Ok(new) => seen = Some(new),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        drawn = Instant::now();
                        if let Some(seen) = &seen {
                            draw(&line(seen, started.elapsed(), limit));
                        }
                    }
                }
            }
            draw("");
        });
        Live(Some((sender, thread)))
    }

    pub fn update(&mut self, seen: &Progress) {
        if let Some((sender, _)) = &self.0 {
            let _ = sender.send(*seen);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

fn draw(line: &str) {
    let mut err = std::io::stderr();
    let width = width_of(&err).unwrap_or(PAGE);
    let line: String = line.chars().take(width - 1).collect();
    let _ = write!(err, "\r\x1b[2K{line}").and_then(|()| err.flush());
}

/// Elapsed and remaining time, what is at work, the pair, the gap, parts of a search; what matters
/// least stands at the end, where narrow terminals cut.
fn line(seen: &Progress, elapsed: Duration, limit: Duration) -> String {
    let Progress { upper, lower, waiting, parts, running, .. } = *seen;
    let gap = upper / lower;
    let gap = if gap.is_finite() { rounded_up(gap, 3) } else { "inf".into() };
    let left = match limit.is_zero() {
        true => String::new(),
        false => format!(", {:.0} s left", limit.saturating_sub(elapsed).as_secs_f64().ceil()),
    };
    let pair = format!("{} ≤ L ≤ {}", rounded_down(lower, 4), rounded_up(upper, 4));
    let search = if parts > 0 { format!("  {parts} parts, {waiting} open") } else { String::new() };
    format!("{:.1} s{left}  {running}  {pair}  gap {gap}{search}", elapsed.as_secs_f64())
}
