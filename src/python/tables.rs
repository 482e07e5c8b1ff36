//! `clarke.layers`, `compare`, `sweep` and `check`: what the commands print as JSON.

use super::call::{Done, run};
use super::errors;
use super::model::{Model, centred, held};
use super::words;
use crate::cli::check as certificates;
use crate::cli::compare::{names, side_by_side};
use crate::cli::job_args::{Parts, bound_of};
use crate::cli::job_flags::CompareFlags;
use crate::cli::layers as norms;
use crate::cli::sweep as radii;
use crate::report::compare::{self as compared, Problem};
use crate::report::sweep as swept;
use pyo3::prelude::*;

type Raised = Option<Py<PyAny>>;

fn quiet(_: Python<'_>, (): ()) -> PyResult<()> {
    Ok(())
}

fn with<T>(py: Python<'_>, done: Done<T>) -> (T, Raised) {
    (done.value, done.raised.map(|e| e.into_value(py).into_any()))
}

#[pyfunction]
pub fn layers(py: Python<'_>, model: &Model, words: Vec<String>) -> PyResult<(String, Raised)> {
    let args = words::layers(&model.name, &words).map_err(|e| errors::raised(py, &e))?;
    let done = run(py, args.work.threads, &mut quiet, |stop, _| {
        let net = model.plain.net();
        let engine = norms::engine(&args, net)?;
        let seen = norms::seen(&args, net, &engine, stop);
        Ok(norms::object(&args, &engine, &seen).to_string())
    })?;
    Ok(with(py, done))
}

#[pyfunction]
#[pyo3(signature = (model, words, x))]
pub fn compare(
    py: Python<'_>,
    model: &Model,
    words: Vec<String>,
    x: Option<Vec<u8>>,
) -> PyResult<(String, Raised)> {
    let made = py.detach(|| {
        let flags = words::compare(&model.name, &centred(model.with(&words), x.is_some()))?;
        let named = flags.methods.as_deref().map(names).transpose()?;
        let CompareFlags { net, region, quotient, units, import, work, print, .. } = flags;
        let mut args = bound_of(Parts { net, region, quotient, units, import, work, print })?;
        held(&mut args, x);
        Ok((args, named))
    });
    let (args, named) = made.map_err(|e| errors::raised(py, &e))?;
    let done = run(py, args.work.threads, &mut quiet, |stop, _| {
        let loaded = model.loaded(&args)?;
        let placed = model.on(args.work.device, loaded.problem.rows())?;
        let rows = side_by_side(&args, named, (&loaded, &placed), stop)?;
        let asked = Problem { net: loaded.net, region: loaded.region, quotient: loaded.quotient };
        Ok(compared::json(&asked, &rows))
    })?;
    Ok(with(py, done))
}

/// The JSON and the picture.
#[pyfunction]
#[pyo3(signature = (model, words, x))]
pub fn sweep(
    py: Python<'_>,
    model: &Model,
    words: Vec<String>,
    x: Option<Vec<u8>>,
) -> PyResult<((String, String), Raised)> {
    let made = py.detach(|| words::sweep(&model.name, &centred(model.with(&words), x.is_some())));
    let mut args = made.map_err(|e| errors::raised(py, &e))?;
    held(&mut args.bound, x);
    let done = run(py, args.bound.work.threads, &mut quiet, |stop, _| {
        let loaded = model.loaded(&args.bound)?;
        let placed = model.on(args.bound.work.device, loaded.problem.rows())?;
        let points = radii::seen(&args.bound, &args.radii, (&loaded, &placed), stop)?;
        let asked = Problem { net: loaded.net, region: loaded.region, quotient: loaded.quotient };
        Ok((swept::json(&asked, &points), swept::svg(&asked, &points)))
    })?;
    Ok(with(py, done))
}

/// What the checker says of a file.
#[pyfunction]
pub fn check(py: Python<'_>, certificate: &str, words: Vec<String>) -> PyResult<(String, Raised)> {
    let flags = words::check(certificate, &words).map_err(|e| errors::raised(py, &e))?;
    let done = run(py, None, &mut quiet, |stop, _| {
        let mut limits = certificates::limits(&flags)?;
        limits.deadline = limits.deadline.or_at(stop.clone());
        let (report, _) = certificates::checked(&flags, &limits)?;
        Ok(serde_json::to_string(&report).unwrap_or_default())
    })?;
    Ok(with(py, done))
}
