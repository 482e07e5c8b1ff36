//! `clarke.bound`: a proven pair, and what is kept of it.

use super::call::{Done, run};
use super::errors;
use super::model::Model;
use crate::certificate::file::write;
use crate::cli::args::BoundArgs;
use crate::cli::bound::{moment, options};
use crate::cli::problem::Loaded;
use crate::cli::summary;
use crate::deadline::Stop;
use crate::engine::{Analysis, Answer, Options};
use crate::error::{Error, Result};
use crate::report::plot::{self, Moments};
use crate::report::{BoundReport, WarningInfo, json};
use crate::search::Progress;
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A pair with its report, its picture, and what a certificate is made of.
#[pyclass(frozen, module = "clarke._native")]
pub struct Pair(Mutex<Held>);

struct Held {
    report: BoundReport,
    picture: String,
    answer: Answer,
    options: Options,
}

/// What news of the work says: both ends, the method at work, parts.
pub type News = (f64, f64, &'static str, u64);

pub fn news(seen: &Progress) -> News {
    (seen.lower, seen.upper, seen.running, seen.parts)
}

/// The pair of one of the regions that are analysed together.
pub fn pair(
    args: &BoundArgs,
    loaded: Loaded,
    (here, item): (&Analysis, usize),
    stop: &Stop,
    tell: &(dyn Fn(News) + Sync),
) -> Result<Pair> {
    let started = Instant::now();
    let options = options(args, stop.clone());
    let mut moments = Moments::default();
    let question = loaded.problem.quotient;
    let answer = here.bound_within(item, &question, &options, options.budget(), &mut |seen| {
        moments.add(moment(started, &seen));
        tell(news(&seen));
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let report = summary::report(args, loaded, answer.clone(), 0.0, seconds);
    moments.close(seconds, report.upper.value, report.lower.value);
    let picture = plot::svg(&report, &moments, seconds);
    Ok(Pair(Mutex::new(Held { report, picture, answer, options })))
}

/// The pair, and the exception that ended the work early.
#[pyfunction]
#[pyo3(signature = (model, words, x, told))]
pub fn bound(
    py: Python<'_>,
    model: &Model,
    words: Vec<String>,
    x: Option<Vec<u8>>,
    told: Option<Bound<'_, PyAny>>,
) -> PyResult<(Pair, Option<Py<PyAny>>)> {
    let args = py.detach(|| model.bound_args(&words, x)).map_err(|e| errors::raised(py, &e))?;
    let Done { value, raised } = run(py, args.work.threads, &mut listener(told), |stop, tell| {
        let loaded = model.loaded(&args)?;
        let placed = model.on(args.work.device, loaded.problem.rows())?;
        let here = placed.at(loaded.problem.region.clone())?;
        pair(&args, loaded, (&here, 0), stop, tell)
    })?;
    Ok((value, raised.map(|e| e.into_value(py).into_any())))
}

/// News for a Python function, if there is one.
pub fn listener<'py, N: for<'a> PyCallArgs<'a> + 'py>(
    told: Option<Bound<'py, PyAny>>,
) -> impl FnMut(Python<'_>, N) -> PyResult<()> + 'py {
    move |_, new| match &told {
        None => Ok(()),
        Some(told) => told.call1(new).map(|_| ()),
    }
}

impl Pair {
    fn of<R>(&self, look: impl FnOnce(&mut Held) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Pair {
    #[getter]
    fn lower(&self) -> f64 {
        self.of(|p| p.report.lower.value)
    }

    #[getter]
    fn upper(&self) -> f64 {
        self.of(|p| p.report.upper.value)
    }

    #[getter]
    fn exact(&self) -> bool {
        self.of(|p| p.report.exact)
    }

    /// What `clarke bound --format json` prints.
    #[getter]
    fn json(&self) -> String {
        self.of(|p| json::pretty(&p.report))
    }

    /// Both ends against time.
    #[getter]
    fn picture(&self) -> String {
        self.of(|p| p.picture.clone())
    }

    /// The certificate as text, and the exception that ended the work early. The ends move to what the checker
    /// derives; `path` is what the report calls it.
    fn certify(&self, py: Python<'_>, path: String, seconds: f64) -> PyResult<(String, Option<Py<PyAny>>)> {
        let quiet = &mut |_: Python<'_>, (): ()| Ok(());
        let Done { value, raised } =
            run(py, None, quiet, |stop, _| self.of(|p| p.certified(&path, seconds, stop)))?;
        Ok((value, raised.map(|e| e.into_value(py).into_any())))
    }
}

impl Held {
    fn certified(&mut self, path: &str, seconds: f64, stop: &Stop) -> Result<String> {
        let started = Instant::now();
        let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let options = self.options.clone().time(time).until(stop.clone());
        let made = self.answer.certificate(&options);
        let (certificate, digest) = made.ok_or_else(|| Error::input("the network came from no file"))?;
        let report = &mut self.report;
        (report.upper.value, report.lower.value) = (self.answer.upper(), self.answer.lower());
        report.exact = self.answer.is_exact();
        report.seconds.check = started.elapsed().as_secs_f64();
        report.certificate = Some(path.into());
        report.warnings.retain(|w| w.code != "digest");
        report.warnings.extend(digest.map(|why| WarningInfo {
            code: "digest".into(),
            text: format!("the certificate can only be run again, not checked: {why}"),
        }));
        Ok(write(&certificate))
    }
}
