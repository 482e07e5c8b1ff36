//! `clarke report`: a journal as one page.

use super::exit;
use super::files::Target;
use super::job_flags::ReportFlags;
use super::print::Print;
use crate::data::{Rows, Scale, load_rows};
use crate::error::Result;
use crate::job::journal::{self, Found, SAMPLES};
use crate::num::Written;
use crate::report::gallery::Layout;
use crate::report::html::{self, Shown};
use serde_json::Value;

pub fn run(flags: ReportFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let target = print.out.as_deref().map(|path| Target::new("--out", path)).transpose()?;
    Target::distinct(target.iter(), &flags.journal)?;
    let (mut header, mut rows) = (Value::Null, vec![]);
    journal::read(&flags.journal, SAMPLES, &mut |found: Found<Shown>| match found {
        Found::Header(h) => header = h,
        Found::Row(row) => rows.push(row),
    })?;
    let name = flags.journal.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let pictures = Pictures::of(&header);
    print.result(&html::page(&name, &header, rows, &|row| pictures.as_ref()?.address(row)))?;
    Ok(exit::DONE)
}

/// The samples of a journal, where they are pictures and lie where they lay.
struct Pictures {
    layout: Layout,
    rows: Rows,
}

impl Pictures {
    fn of(header: &Value) -> Option<Pictures> {
        let axes = header["net"]["shape"].as_array()?.iter().map(|k| Some(k.as_u64()? as usize));
        let shape: Vec<usize> = axes.collect::<Option<_>>()?;
        let layout = Layout::of(&shape)?;
        let inputs = &header["inputs"];
        let rows = load_rows(inputs["path"].as_str()?, &shape, Scale::Unit).ok()?;
        // Another file of that name shows other samples.
        (Some(rows.sha256()) == inputs["sha256"].as_str()).then_some(Pictures { layout, rows })
    }

    fn address(&self, row: usize) -> Option<String> {
        let values: Vec<f64> = self.rows.get(row).ok()?.iter().map(Written::nearest).collect();
        self.layout.picture(&values)
    }
}
