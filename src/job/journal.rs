//! A file of finished rows that a job goes on with: a header, then one JSON object a line.
//!
//! A row is written in one piece when it is finished, and what an end in the middle leaves of it is dropped by
//! the next one who opens the journal. The file is locked while somebody writes to it.

use crate::error::{Error, Kind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An open journal, its rows read.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes of whole lines.
    length: u64,
}

/// What may change between two runs: the build, how it was called, where files lie whose contents are known, and what
/// follows from those contents.
const FREE: [&str; 5] = ["tool", "path", "command", "assumptions", "shape"];

impl Journal {
    /// Goes on with the file, or begins it. `seen` gets every row that is there, the later ones of a sample too.
    pub fn open<R: DeserializeOwned>(
        path: &Path,
        header: &Value,
        seen: &mut dyn FnMut(R),
    ) -> Result<Journal> {
        let failed = |e: io::Error| trouble(path, &e);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(Kind::Device, "another run is writing to this journal")
                    .at(path.display().to_string())
                    .next("wait for it to end, or write to another file"));
            }
            // Where files cannot be locked, nothing keeps two runs apart.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let mut journal = Journal { file, path: path.to_path_buf(), length: 0 };
        let mut before = None;
        let schema = header["schema"].as_str().unwrap_or_default();
        journal.length = read(path, schema, &mut |found| match found {
            Found::Header(header) => before = Some(header),
            Found::Row(row) => seen(row),
        })?;
        journal.file.set_len(journal.length).map_err(failed)?;
        journal.file.seek(SeekFrom::End(0)).map_err(failed)?;
        match before {
            Some(before) => agrees(&before, header, path)?,
            None => journal.write(&(header.to_string() + "\n"))?,
        }
        Ok(journal)
    }

    /// One row more, on the disk's way when this returns.
    pub fn append(&mut self, row: &impl Serialize) -> Result<()> {
        self.write(&line(row))
    }

    /// All of the line, or nothing.
    fn write(&mut self, line: &str) -> Result<()> {
        let done = self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush());
        if let Err(e) = done {
            // Half a line is dropped by the next run, too.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::End(0));
            return Err(trouble(&self.path, &e));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Everything is on the disk.
    pub fn close(self) -> Result<()> {
        match self.file.sync_all() {
            // Pipes and devices have nothing to wait for.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
            done => done.map_err(|e| trouble(&self.path, &e)),
        }
    }
}

/// A row as one line, with its end.
pub fn line(row: &impl Serialize) -> String {
    // Strings, numbers and lists always serialise.
    serde_json::to_string(row).unwrap_or_else(|e| format!("{{\"error\":{:?}}}", e.to_string())) + "\n"
}

/// The form of journals of samples.
pub const SAMPLES: &str = "clarke.certify/1";

/// A line of a journal.
#[derive(Debug)]
pub enum Found<R> {
    Header(Value),
    Row(R),
}

/// Reads a journal of this schema line by line: the bytes of its whole lines. What follows the last line's end is
/// dropped.
pub fn read<R: DeserializeOwned>(path: &Path, schema: &str, found: &mut dyn FnMut(Found<R>)) -> Result<u64> {
    let failed = |e: io::Error| trouble(path, &e);
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let (mut line, mut length, mut number) = (vec![], 0u64, 0usize);
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(failed)?;
        if line.last() != Some(&b'\n') {
            return Ok(length);
        }
        number += 1;
        length += line.len() as u64;
        let damaged = |why: &dyn std::fmt::Display| {
            Error::input(format!("line {number} of the journal is damaged: {why}"))
                .at(path.display().to_string())
                .next(match number {
                    1 => "it is the header that says what was asked: write to another file".into(),
                    n => format!("remove that line (sed -i {n}d FILE): its sample is computed again"),
                })
        };
        if number == 1 {
            let header: Value = serde_json::from_slice(&line).map_err(|e| damaged(&e))?;
            match header.get("schema").and_then(Value::as_str) {
                None => return Err(damaged(&"it has no schema")),
                Some(other) if other != schema => {
                    return Err(Error::input(format!(
                        "a journal of {schema} is needed, this is one of {other}"
                    ))
                    .at(path.display().to_string())
                    .next("give a file that the command of that name has written"));
                }
                Some(_) => {}
            }
            found(Found::Header(header));
        } else {
            found(Found::Row(serde_json::from_slice(&line).map_err(|e| damaged(&e))?));
        }
    }
}

/// Refuses settings that are not those of the journal, with what differs.
fn agrees(before: &Value, now: &Value, path: &Path) -> Result<()> {
    let mut apart = vec![];
    differences("", before, now, &mut apart);
    if apart.is_empty() {
        return Ok(());
    }
    Err(Error::input(format!("the journal is one of other settings: {}", apart.join(", ")))
        .at(path.display().to_string())
        .next("ask for the same again, or write to another file"))
}

/// What differs, by name: "settings.eps was 0.1 and is 0.2".
pub fn differences(name: &str, a: &Value, b: &Value, into: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x.keys().chain(y.keys().filter(|k| !x.contains_key(*k))).collect();
            keys.retain(|k| !FREE.contains(&k.as_str()));
            for key in keys {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let side = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or(Value::Null);
                differences(&name, &side(x), &side(y), into);
            }
        }
        _ if a == b => {}
        _ => into.push(format!("{name} was {a} and is {b}")),
    }
}

fn trouble(path: &Path, why: &io::Error) -> Error {
    Error::new(Kind::Device, format!("the journal cannot be read or written: {why}"))
        .at(path.display().to_string())
        .next("check that the folder exists, its permissions and free space; the same command goes on from there")
}
