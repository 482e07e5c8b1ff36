//! What a job comes to.

use super::Row;
use crate::num::decimal::{decimal_down, rounded_down};
use crate::report::json::Directed;
use serde_json::json;

/// What a run adds to the rows: how many it finished, how many are left, how long it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Totals {
    pub finished: usize,
    pub missing: usize,
    pub seconds: f64,
}

/// Counts over the rows of a journal, and radii for their median.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub rows: usize,
    pub labelled: usize,
    pub correct: usize,
    pub verified: usize,
    pub refuted: usize,
    pub open: usize,
    pub failed: usize,
    /// Correct and verified.
    pub certified: usize,
    radii: Vec<f64>,
}

impl Summary {
    pub fn take(&mut self, row: &Row) {
        self.rows += 1;
        self.labelled += row.label.is_some() as usize;
        self.correct += (row.correct == Some(true)) as usize;
        match (&row.error, row.verified) {
            (Some(_), _) => self.failed += 1,
            (None, Some(true)) => self.verified += 1,
            (None, Some(false)) => self.refuted += 1,
            (None, None) => self.open += 1,
        }
        self.certified += (row.correct == Some(true) && row.verified == Some(true)) as usize;
        if row.error.is_none() {
            self.radii.push(row.radius.unwrap_or(0.0));
        }
    }

    /// Half of the rows have at least this radius.
    pub fn median_radius(&self) -> Option<f64> {
        let mut all = self.radii.clone();
        all.sort_by(f64::total_cmp);
        all.get(all.len().checked_sub(1)? / 2).copied()
    }

    /// For people.
    pub fn human(&self, totals: &Totals, radii: bool) -> String {
        let Summary { rows, labelled, correct, verified, refuted, open, failed, certified, .. } = self;
        let mut lines = vec![format!("rows      {rows}")];
        if totals.missing > 0 {
            lines[0] += &format!(", {} not begun: the same command goes on", totals.missing);
        }
        if *labelled > 0 {
            lines.push(format!("correct   {correct} of {labelled}"));
        }
        lines.push(format!("verified  {verified}"));
        lines.push(format!("refuted   {refuted}"));
        lines.push(format!("open      {open}"));
        if *failed > 0 {
            lines.push(format!("failed    {failed}"));
        }
        if *labelled > 0 {
            lines.push(format!("certified {certified} of {labelled} (correct and verified)"));
        }
        if let Some(radius) = self.median_radius().filter(|_| radii) {
            lines.push(format!("radius    {} in the median", rounded_down(radius, 4)));
        }
        let Totals { finished, seconds, .. } = totals;
        lines.push(format!("time      {seconds:.1} s, {:.3} rows/s", *finished as f64 / seconds.max(1e-9)));
        lines.join("\n") + "\n"
    }

    /// As one object.
    pub fn json(&self, totals: &Totals) -> String {
        let object = json!({
            "rows": self.rows, "correct": self.correct, "verified": self.verified, "refuted": self.refuted,
            "open": self.open, "failed": self.failed, "certified": self.certified,
            "missing": totals.missing,
            "median_radius": self.median_radius().map(|r| Directed(decimal_down(r))),
            "seconds": totals.seconds, "rows_per_second": totals.finished as f64 / totals.seconds.max(1e-9),
        });
        object.to_string() + "\n"
    }

    /// As a table of one row.
    pub fn csv(&self, totals: &Totals) -> String {
        let median = self.median_radius().map(decimal_down).unwrap_or_default();
        format!(
            "rows,correct,verified,refuted,open,failed,certified,missing,median_radius,seconds\n{},{},{},{},{},{},{},{},{median},{}\n",
            self.rows,
            self.correct,
            self.verified,
            self.refuted,
            self.open,
            self.failed,
            self.certified,
            totals.missing,
            totals.seconds
        )
    }
}
