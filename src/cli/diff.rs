//! `clarke diff`: journals side by side, and what in them contradicts each other.

use super::exit;
use super::files::Target;
use super::job_flags::DiffFlags;
use super::print::Print;
use crate::error::{Error, Result};
use crate::job::Row;
use crate::job::diff::{Side, Together};
use crate::job::journal::{self, Found, SAMPLES};
use crate::report::html::{self, Curve};
use serde_json::Value;
use std::path::Path;

pub fn run(flags: DiffFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let target = print.out.as_deref().map(|path| Target::new("--out", path)).transpose()?;
    for journal in &flags.journals {
        Target::distinct(target.iter(), journal)?;
    }
    let sides = flags.journals.iter().map(|path| side(path)).collect::<Result<Vec<_>>>()?;
    let together = Together::of(sides);
    let table = |header: &[&str], rows: &[Vec<String>]| print.table(header, rows);
    let text = together.human(&table);
    match &target {
        // A page where the name says so; what people read goes to the terminal in any case.
        Some(target) if target.has_extension("html") => {
            target.write(&page(&together))?;
            super::print::stdout(&text)?;
        }
        _ => print.result(&text)?,
    }
    Ok(if together.contradictions.is_empty() { exit::DONE } else { exit::CONTRADICTION })
}

fn side(path: &Path) -> Result<Side> {
    let (mut header, mut rows) = (Value::Null, vec![]);
    journal::read(path, SAMPLES, &mut |found: Found<Row>| match found {
        Found::Header(h) => header = h,
        Found::Row(row) => rows.push(row),
    })?;
    if header.is_null() {
        return Err(Error::input("the journal is empty").at(path.display().to_string()));
    }
    Ok(Side::new(path.display().to_string(), header, rows))
}

fn page(together: &Together) -> String {
    let curve = |s: &Side| Curve { name: s.name.clone(), seconds: s.decided(), radii: s.radii() };
    let curves: Vec<Curve> = together.sides.iter().map(curve).collect();
    let (header, rows) = together.table();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    html::side_by_side(&curves, &together.contradictions, (&header, &rows))
}
