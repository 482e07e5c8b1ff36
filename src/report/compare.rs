//! Methods side by side: a table for people, Markdown, JSON, CSV.

use super::csv::line;
use super::human::{self, base};
use super::json::Directed;
use super::quality::times;
use super::{NetInfo, QuestionInfo, RegionInfo};
use crate::num::decimal::{decimal_down, decimal_up, rounded_down, rounded_up};
use crate::num::round::div_up;
use serde_json::json;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Problem {
    pub net: NetInfo,
    pub region: RegionInfo,
    pub quotient: QuestionInfo,
}

/// What one method says; every end is proven.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    pub method: String,
    pub upper: Option<f64>,
    pub lower: Option<f64>,
    /// Unproven, of the quantity that the upper end bounds.
    pub estimate: Option<f64>,
    pub seconds: f64,
    pub peak_bytes: u64,
    /// Why it says less than it could, or nothing.
    pub note: String,
}

const HEADER: [&str; 7] = ["method", "upper", "× lower", "lower", "seconds", "MB", "note"];

/// Smallest upper ends first, then largest lower ones.
pub fn sort(rows: &mut [Compared]) {
    let key = |r: &Compared| (r.upper.unwrap_or(f64::INFINITY), -r.lower.unwrap_or(0.0));
    rows.sort_by(|a, b| key(a).0.total_cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
}

/// The best lower end of all.
fn best(rows: &[Compared]) -> f64 {
    rows.iter().filter_map(|r| r.lower).fold(0.0, f64::max)
}

fn cells(rows: &[Compared]) -> Vec<Vec<String>> {
    let lower = best(rows);
    let row = |r: &Compared| {
        let factor = r.upper.filter(|_| lower > 0.0).map(|u| times(div_up(u, lower)));
        let end =
            |x: Option<f64>, rounded: fn(f64, usize) -> String| x.map(|x| rounded(x, 5)).unwrap_or_default();
        vec![
            r.method.clone(),
            end(r.upper, rounded_up),
            factor.unwrap_or_default(),
            end(r.lower, rounded_down),
            format!("{:.2}", r.seconds),
            format!("{}", r.peak_bytes.div_ceil(1 << 20)),
            r.note.clone(),
        ]
    };
    rows.iter().map(row).collect()
}

fn head(problem: &Problem) -> String {
    let inputs = problem.net.inputs;
    format!(
        "{}: {}\n{}",
        base(&problem.net.path),
        human::region(&problem.region, inputs),
        human::claim(&problem.quotient, problem.region.global)
    )
}

/// For people; `table` puts cells under a header.
pub fn human(
    problem: &Problem,
    rows: &[Compared],
    table: impl Fn(&[&str], &[Vec<String>]) -> String,
) -> String {
    format!("{}\n\n{}", head(problem), table(&HEADER, &cells(rows)))
}

pub fn markdown(problem: &Problem, rows: &[Compared]) -> String {
    let row = |cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n";
    let head = head(problem).replace('\n', "  \n");
    let header = row(HEADER.map(String::from).to_vec());
    format!("{head}\n\n{header}{rule}{}", cells(rows).into_iter().map(row).collect::<String>())
}

pub fn json(problem: &Problem, rows: &[Compared]) -> String {
    let row = |r: &Compared| {
        json!({
            "method": r.method, "proved": true, "seconds": r.seconds, "peak_bytes": r.peak_bytes,
            "upper": r.upper.map(|x| Directed(decimal_up(x))),
            "lower": r.lower.map(|x| Directed(decimal_down(x))),
            "estimate": r.estimate, "note": r.note,
        })
    };
    let all = json!({
        "schema": "clarke.compare/1",
        "tool": super::Tool::current(),
        "net": problem.net, "region": problem.region, "quotient": problem.quotient,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

pub fn csv(rows: &[Compared]) -> String {
    let header = ["method", "upper", "lower", "proved", "seconds", "peak_bytes", "note"];
    let row = |r: &Compared| {
        let end = |x: Option<f64>, decimal: fn(f64) -> String| x.map(decimal).unwrap_or_default();
        let cells = [
            r.method.clone(),
            end(r.upper, decimal_up),
            end(r.lower, decimal_down),
            "true".into(),
            format!("{:.6}", r.seconds),
            r.peak_bytes.to_string(),
            r.note.clone(),
        ];
        line(cells)
    };
    line(header.map(String::from)) + &rows.iter().map(row).collect::<String>()
}
