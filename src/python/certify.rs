//! `clarke.certify`: many samples, in memory, with or without a journal.

use super::bound::listener;
use super::call::{Done, run};
use super::errors;
use super::model::Model;
use super::words;
use crate::cli::certify::{Book, Job, has_classes};
use crate::error::{Error, Result};
use crate::job::Samples;
use crate::job::journal::line;
use crate::job::summary::Totals;
use crate::report::chart::alone;
use crate::report::html::{self, Shown};
use pyo3::prelude::*;
use std::time::Instant;

/// Header, rows and summary as JSON, and the exception that ended the work early. `told` gets how many rows are
/// done, how many there will be, and the row.
#[pyfunction]
#[pyo3(signature = (model, words, samples, told))]
pub fn certify(
    py: Python<'_>,
    model: &Model,
    words: Vec<String>,
    samples: (Vec<u8>, Option<Vec<i64>>),
    told: Option<Bound<'_, PyAny>>,
) -> PyResult<(String, Vec<String>, String, Option<Py<PyAny>>)> {
    let (x, labels) = samples;
    let args = words::certify(&model.name, &with_inputs(model.with(&words)));
    let args = args.map_err(|e| errors::raised(py, &e))?;
    let command = format!("clarke certify {} --inputs ARRAY {}", model.name, model.with(&words).join(" "));
    let mut listener = listener::<(usize, usize, String)>(told);
    let Done { value, raised } = run(py, args.work.threads, &mut listener, |stop, tell| {
        let started = Instant::now();
        has_classes(&args, &model.plain)?;
        let samples = Samples::held(&x, labels, model.network.input_shape(), args.scale)?;
        let placed = model.on(args.work.device, model.network.outputs())?;
        let job = Job::new(&args, (&model.network, &placed), samples, stop.clone())?;
        let header = job.header(command.trim_end());
        let mut rows = vec![];
        let mut book = Book::open(&args, &header, &mut |row| rows.push((row.row, line(row))))?;
        let all = job.open(&book);
        let (before, whole) = (rows.len(), rows.len() + all.len());
        job.go(&all, &mut |row| {
            let row = book.take(row)?;
            let text = line(&row);
            rows.push((row.row, text.clone()));
            tell((rows.len(), whole, text));
            Ok(())
        })?;
        let finished = rows.len() - before;
        let missing = all.len() - finished;
        let seconds = started.elapsed().as_secs_f64();
        let summary = book.close()?.json(&Totals { finished, missing, seconds });
        rows.sort_by_key(|row| row.0);
        Ok((header.to_string(), rows.into_iter().map(|row| row.1).collect(), summary))
    })?;
    let (header, rows, summary) = value;
    Ok((header, rows, summary, raised.map(|e| e.into_value(py).into_any())))
}

/// A word for samples that come otherwise.
fn with_inputs(mut words: Vec<String>) -> Vec<String> {
    words.extend(["--inputs", "array"].map(String::from));
    words
}

fn shown(rows: &[String]) -> Result<Vec<Shown>> {
    let bad = |e: serde_json::Error| Error::input(format!("a row cannot be read: {e}"));
    rows.iter().map(|row| serde_json::from_str(row).map_err(bad)).collect()
}

/// What `clarke report` makes of a journal.
#[pyfunction]
pub fn page(py: Python<'_>, name: &str, header: &str, rows: Vec<String>) -> PyResult<String> {
    let made = shown(&rows).and_then(|rows| {
        let header = serde_json::from_str(header).map_err(|e| Error::input(format!("the header: {e}")))?;
        Ok(html::page(name, &header, rows, &|_| None))
    });
    made.map_err(|e| errors::raised(py, &e))
}

/// Certified radii as a picture; nothing where there are too few.
#[pyfunction]
pub fn histogram(py: Python<'_>, rows: Vec<String>) -> PyResult<Option<String>> {
    shown(&rows).map(|rows| html::radii(&rows).map(|svg| alone(&svg))).map_err(|e| errors::raised(py, &e))
}
