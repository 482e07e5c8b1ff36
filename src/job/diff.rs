//! Journals side by side: what differs, and what cannot both be true.

use super::{Row, Summary};
use crate::num::decimal::rounded_down;
use serde_json::Value;
use std::collections::BTreeMap;

/// Radii that differ by more than this are told.
const APART: f64 = 0.01;

/// One journal.
#[derive(Clone, Debug)]
pub struct Side {
    pub name: String,
    header: Value,
    rows: BTreeMap<usize, Row>,
}

impl Side {
    /// Of several tries at a sample the best one counts.
    pub fn new(name: String, header: Value, rows: Vec<Row>) -> Side {
        let mut all: BTreeMap<usize, Row> = BTreeMap::new();
        for row in rows {
            if all.get(&row.row).is_none_or(|before| row.is_better(before)) {
                all.insert(row.row, row);
            }
        }
        Side { name, header, rows: all }
    }

    /// Seconds of the rows that are decided, the fastest first.
    pub fn decided(&self) -> Vec<f64> {
        let decided = self.rows.values().filter(|r| r.verified.is_some());
        let mut seconds: Vec<f64> = decided.map(|r| r.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    /// By row.
    pub fn radii(&self) -> BTreeMap<usize, f64> {
        self.rows.iter().filter_map(|(k, r)| Some((*k, r.radius?))).collect()
    }

    fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        self.rows.values().for_each(|r| summary.take(r));
        summary
    }

    /// Is it about the same function, the same samples and balls of the same shape?
    fn is_about_the_same(&self, other: &Side) -> bool {
        let same = |path: &[&str]| {
            let of = |h: &Value| path.iter().fold(h.clone(), |v, key| v[*key].clone());
            of(&self.header) == of(&other.header)
        };
        let settings = ["norm", "clip", "scale", "mean", "std", "input_shape", "output_name", "keep_softmax"];
        same(&["net", "sha256"])
            && same(&["inputs", "sha256"])
            && settings.iter().all(|name| same(&["settings", name]))
    }

    /// Does it ask the same of every sample?
    fn asks_the_same(&self, other: &Side) -> bool {
        let of = |s: &Side| (s.header["settings"]["eps"].clone(), s.header["labels"]["sha256"].clone());
        of(self) == of(other)
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Together {
    pub sides: Vec<Side>,
    /// In words: two statements that are meant to be proven, and are not both true.
    pub contradictions: Vec<String>,
}

impl Together {
    pub fn of(sides: Vec<Side>) -> Together {
        let mut contradictions = vec![];
        for (i, a) in sides.iter().enumerate() {
            for b in sides[i + 1..].iter().filter(|b| a.is_about_the_same(b)) {
                let alike = a.asks_the_same(b);
                for (row, mine) in &a.rows {
                    let why = b.rows.get(row).and_then(|other| mine.contradicts(other, alike));
                    contradictions
                        .extend(why.map(|why| format!("row {row} of {} and {}: {why}", a.name, b.name)));
                }
            }
        }
        Together { sides, contradictions }
    }

    /// Rows that differ in more than their times: names of columns, and cells.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut rows: Vec<usize> = self.sides.iter().flat_map(|s| s.rows.keys().copied()).collect();
        rows.sort_unstable();
        rows.dedup();
        let cell = |r: Option<&Row>| match r {
            None => "–".to_string(),
            Some(r) => {
                let radius = r.radius.map(|x| format!(" {}", rounded_down(x, 4))).unwrap_or_default();
                format!("{}{radius}", r.status)
            }
        };
        let mut cells = vec![];
        for row in rows {
            let all: Vec<Option<&Row>> = self.sides.iter().map(|s| s.rows.get(&row)).collect();
            if all.iter().any(|r| differ(all[0], *r)) {
                let key = all.iter().flatten().next().map(|r| r.key.clone()).unwrap_or_default();
                cells.push([key].into_iter().chain(all.into_iter().map(cell)).collect());
            }
        }
        let names = self.sides.iter().map(|s| s.name.clone());
        (["sample".to_string()].into_iter().chain(names).collect(), cells)
    }

    /// For people; `table` puts cells under a header.
    pub fn human(&self, table: &dyn Fn(&[&str], &[Vec<String>]) -> String) -> String {
        let line = |s: &Side| {
            let (summary, seconds) = (s.summary(), s.rows.values().map(|r| r.seconds).sum::<f64>());
            vec![
                s.name.clone(),
                summary.rows.to_string(),
                summary.verified.to_string(),
                summary.refuted.to_string(),
                summary.open.to_string(),
                summary.median_radius().map(|r| rounded_down(r, 4)).unwrap_or_default(),
                format!("{seconds:.1}"),
            ]
        };
        let lines: Vec<Vec<String>> = self.sides.iter().map(line).collect();
        let mut out =
            table(&["journal", "rows", "verified", "refuted", "open", "median radius", "seconds"], &lines);
        let (header, rows) = self.table();
        if rows.is_empty() {
            out += "\nno row differs in more than its time\n";
        } else {
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            out += &format!("\n{} rows differ:\n\n{}", rows.len(), table(&header, &rows));
        }
        if let Some(other) = self.sides[1..].iter().find(|s| !s.is_about_the_same(&self.sides[0])) {
            let first = &self.sides[0].name;
            out +=
                &format!("\n{} is about other samples than {first}: what differs says nothing\n", other.name);
        }
        for why in &self.contradictions {
            out += &format!("\ncontradiction: {why}\n");
        }
        out
    }
}

fn differ(a: Option<&Row>, b: Option<&Row>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some() != b.is_some() };
    let (x, y) = (a.radius.unwrap_or(0.0), b.radius.unwrap_or(0.0));
    a.verified != b.verified || a.predicted != b.predicted || (x - y).abs() > APART * x.max(y)
}
