//! `clarke report`: a journal as one page.

use super::exit;
use super::files::Target;
use super::job_flags::ReportFlags;
use super::print::Print;
use crate::error::Result;
use crate::job::journal::{self, Found, SAMPLES};
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
    print.result(&html::page(&name, &header, rows))?;
    Ok(exit::DONE)
}
