//! How far a job is: a bar on a terminal, nothing when stderr is a file.

use crate::job::Summary;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Redrawn this often, times a second.
const RATE: u8 = 5;
/// The clock runs while nothing is finished.
const TICK: Duration = Duration::from_millis(500);

pub struct Bar(ProgressBar);

impl Bar {
    /// `before`: rows that are there already.
    pub fn new(quiet: bool, rows: usize, before: usize) -> Bar {
        let shown = !quiet && std::io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr_with_hz(RATE) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(rows as u64), target).with_position(before as u64);
        // What matters least stands at the end, where narrow terminals cut.
        let style = ProgressStyle::with_template("{bar:12} {pos}/{len}  ETA {eta}  {wide_msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.reset_eta();
        if shown {
            bar.enable_steady_tick(TICK);
        }
        Bar(bar)
    }

    pub fn update(&self, done: usize, summary: &Summary) {
        let Summary { verified, refuted, open, failed, .. } = summary;
        let failed = if *failed > 0 { format!(" {failed} failed") } else { String::new() };
        let rate = self.0.per_sec();
        self.0.set_message(format!("{verified} yes {refuted} no {open} open{failed}  {rate:.1}/s"));
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
