//! `clarke merge`: journals of parts of a job as one.

use super::exit;
use super::job_flags::MergeFlags;
use super::print::Print;
use crate::error::Result;
use crate::job::merge::Merged;

pub fn run(flags: MergeFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let merged = Merged::of(&flags.parts)?;
    print.result(&merged.text())?;
    let failed = merged.rows.values().filter(|r| r.error.is_some()).count();
    print.talk(&format!("{} rows of {} journals", merged.rows.len(), flags.parts.len()));
    if failed > 0 {
        print.talk(&format!("{failed} of them failed: the same command tries them again"));
        return Ok(exit::REFUTED);
    }
    Ok(exit::DONE)
}
