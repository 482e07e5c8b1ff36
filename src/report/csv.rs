//! Results as lines of a table. Bounds keep their exact f64 and their direction.

use super::BoundReport;
use crate::data::decimal::{decimal_down, decimal_up};

/// Column names, in order.
pub const COLUMNS: [&str; 24] = [
    "net",
    "inputs",
    "outputs",
    "region",
    "norm",
    "radius",
    "in_norm",
    "out_norm",
    "output",
    "quantity",
    "upper",
    "upper_method",
    "lower",
    "lower_method",
    "estimate",
    "exact",
    "status",
    "require",
    "splits",
    "nodes",
    "seconds",
    "device",
    "precision",
    "version",
];

/// The header line.
pub fn header() -> String {
    COLUMNS.join(",") + "\n"
}

/// One line.
pub fn row(r: &BoundReport) -> String {
    let s = &r.seconds;
    let cells: [String; 24] = [
        r.net.path.clone(),
        r.net.inputs.to_string(),
        r.net.outputs.to_string(),
        if r.region.global { "global".into() } else { r.region.kind.clone() },
        r.region.norm.clone().unwrap_or_default(),
        r.region.radius_text.clone().or(r.region.radius.map(|x| x.to_string())).unwrap_or_default(),
        r.quotient.in_norm.clone(),
        r.quotient.out_norm.clone(),
        r.quotient.output.clone(),
        r.quotient.quantity.clone(),
        decimal_up(r.upper.value),
        r.upper.method.clone(),
        decimal_down(r.lower.value),
        r.lower.method.clone(),
        r.estimate.as_ref().map(|e| e.value.to_string()).unwrap_or_default(),
        r.exact.to_string(),
        r.status.name().into(),
        r.require.as_ref().map(|q| q.answer.name().to_string()).unwrap_or_default(),
        r.splits.to_string(),
        r.nodes.to_string(),
        format!("{:.6}", s.import + s.bound + s.search + s.check),
        r.device.name.clone(),
        r.device.precision.clone(),
        r.tool.version.clone(),
    ];
    cells.iter().map(|c| quote(c)).collect::<Vec<_>>().join(",") + "\n"
}

/// A cell, in quotes where it needs them.
pub fn quote(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}
