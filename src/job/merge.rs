//! Parts of a job, done on several machines, as one journal.

use super::Row;
use super::journal::{self, Found, SAMPLES, differences, line};
use crate::error::{Error, Kind, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What every part says, and the rows of all.
#[derive(Debug)]
pub struct Merged {
    header: Value,
    pub rows: BTreeMap<usize, Row>,
    /// Where each row came from.
    from: BTreeMap<usize, PathBuf>,
}

impl Merged {
    /// Of at least one journal.
    pub fn of(parts: &[PathBuf]) -> Result<Merged> {
        let mut all = Merged { header: Value::Null, rows: BTreeMap::new(), from: BTreeMap::new() };
        for part in parts {
            all.add(part)?;
        }
        all.complete()?;
        Ok(all)
    }

    fn add(&mut self, part: &Path) -> Result<()> {
        let mut header = Value::Null;
        let mut rows = vec![];
        journal::read(part, SAMPLES, &mut |found| match found {
            Found::Header(h) => header = h,
            Found::Row(row) => rows.push(row),
        })?;
        let Some(object) = header.as_object_mut() else {
            return Err(Error::input("the journal is empty").at(part.display().to_string()));
        };
        object.insert("shard".into(), Value::Null);
        // That of one part alone.
        object.remove("command");
        if self.header.is_null() {
            self.header = header;
        } else {
            let mut apart = vec![];
            differences("", &self.header, &header, &mut apart);
            if !apart.is_empty() {
                return Err(Error::input(format!("it is a part of another job: {}", apart.join(", ")))
                    .at(part.display().to_string())
                    .next("merge parts that were asked for alike"));
            }
        }
        rows.into_iter().try_for_each(|row| self.take(row, part))
    }

    /// A later try at a row counts more than a failed one; two results must not contradict each other.
    fn take(&mut self, row: Row, part: &Path) -> Result<()> {
        if let Some(before) = self.rows.get(&row.row) {
            if let Some(why) = before.contradicts(&row, true) {
                let other = &self.from[&row.row];
                return Err(Error::new(Kind::Check, format!("row {}: {why}", row.row))
                    .at(format!("{} and {}", other.display(), part.display()))
                    .next("both are meant to be proven: please report this"));
            }
            if !row.is_better(before) && (before.is_done() || !row.is_done()) {
                return Ok(());
            }
        }
        self.from.insert(row.row, part.to_path_buf());
        self.rows.insert(row.row, row);
        Ok(())
    }

    /// Are all rows there that the job is about?
    fn complete(&self) -> Result<()> {
        let range = &self.header["inputs"]["rows"];
        let (Some(first), Some(end)) = (range[0].as_u64(), range[1].as_u64()) else { return Ok(()) };
        let missing: Vec<u64> = (first..end).filter(|r| !self.rows.contains_key(&(*r as usize))).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let some: Vec<String> = missing.iter().take(8).map(u64::to_string).collect();
        let more = if missing.len() > some.len() { ", …" } else { "" };
        Err(Error::input(format!(
            "{} of {} rows are missing: {}{more}",
            missing.len(),
            end - first,
            some.join(", ")
        ))
        .next("run the parts that are missing, or go on with those that ended early"))
    }

    /// One journal, rows in order.
    pub fn text(&self) -> String {
        let header = self.header.to_string() + "\n";
        header + &self.rows.values().map(line).collect::<String>()
    }
}
