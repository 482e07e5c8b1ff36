//! Results as lines of a table. Bounds keep their exact f64 and their direction.

use super::quality::ratio;
use super::{BoundReport, CentreInfo, OutputInfo};
use crate::num::decimal::{decimal_down, decimal_up};

/// A column: its name, and its cell of a report.
pub type Column = (&'static str, fn(&BoundReport) -> String);

/// In order.
pub const COLUMNS: &[Column] = &[
    ("net", |r| r.net.path.clone()),
    ("inputs", |r| r.net.inputs.to_string()),
    ("outputs", |r| r.net.outputs.to_string()),
    ("region", |r| if r.region.global { "global".into() } else { r.region.kind.clone() }),
    ("norm", |r| r.region.norm.clone().unwrap_or_default()),
    ("radius", |r| some(r.region.radius_text.clone().or(r.region.radius.map(|x| x.to_string())))),
    ("in_norm", |r| r.quotient.in_norm.clone()),
    ("out_norm", |r| r.quotient.out_norm.clone()),
    ("output", |r| r.quotient.output.clone()),
    ("quantity", |r| r.quotient.quantity.clone()),
    ("upper", |r| decimal_up(r.upper.value)),
    ("upper_method", |r| r.upper.method.clone()),
    ("lower", |r| decimal_down(r.lower.value)),
    ("lower_method", |r| r.lower.method.clone()),
    ("estimate", |r| some(r.estimate.as_ref().map(|e| e.value))),
    ("exact", |r| r.exact.to_string()),
    ("status", |r| r.status.name().into()),
    ("require", |r| some(r.require.as_ref().map(|q| q.answer.name()))),
    ("splits", |r| r.splits.to_string()),
    ("nodes", |r| r.nodes.to_string()),
    ("seconds", |r| format!("{:.6}", r.seconds.total())),
    ("device", |r| r.device.name.clone()),
    ("precision", |r| r.device.precision.clone()),
    ("version", |r| r.tool.version.clone()),
    ("centre", |r| centre(r, |c| c.input.clone())),
    ("row", |r| centre(r, |c| c.row)),
    ("class", |r| output(r, |y| y.class)),
    ("margin", |r| output(r, |y| y.margin.map(decimal_down))),
    ("gap", |r| decimal_up(ratio(r.upper.value, r.lower.value))),
    ("quality", |r| r.quality.word.name().into()),
    ("seed", |r| r.seed.to_string()),
    ("sha256", |r| r.net.sha256.clone()),
    ("centre_sha256", |r| centre(r, |c| c.sha256.clone())),
];

fn some(x: Option<impl ToString>) -> String {
    x.map(|x| x.to_string()).unwrap_or_default()
}

fn centre<T: ToString>(r: &BoundReport, of: impl Fn(&CentreInfo) -> Option<T>) -> String {
    some(r.centre.as_ref().and_then(of))
}

fn output<T: ToString>(r: &BoundReport, of: impl Fn(&OutputInfo) -> Option<T>) -> String {
    some(r.output.as_ref().and_then(of))
}

/// The header line.
pub fn header() -> String {
    line(COLUMNS.iter().map(|(name, _)| name.to_string()))
}

/// One line.
pub fn row(r: &BoundReport) -> String {
    line(COLUMNS.iter().map(|(_, cell)| cell(r)))
}

/// Cells as a line.
pub fn line(cells: impl IntoIterator<Item = String>) -> String {
    cells.into_iter().map(|c| quote(&c)).collect::<Vec<_>>().join(",") + "\n"
}

/// A cell, in quotes where it needs them.
pub fn quote(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}
