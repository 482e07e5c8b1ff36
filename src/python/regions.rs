//! `model.at(X, eps=…)`: many regions, analysed together.

use super::bound::{News, Pair, listener, pair};
use super::call::{Done, run};
use super::errors;
use super::model::{Model, centred};
use super::words;
use crate::cli::args::{BoundArgs, Centre};
use crate::cli::bound::{check_method, options};
use crate::data::{Scale, held_rows};
use crate::engine::Analysis;
use crate::error::Result;
use crate::num::Written;
use crate::region::Region;
use pyo3::prelude::*;

/// Balls of one kind around the rows of an array.
#[pyclass(frozen, module = "clarke._native")]
pub struct Regions {
    model: Py<Model>,
    /// What says the shape of the regions.
    words: Vec<String>,
    centres: Vec<Vec<Written>>,
    /// On the device that was named there.
    here: Analysis,
}

fn args(model: &Model, words: &[String], centre: &[Written]) -> Result<BoundArgs> {
    let mut args = words::bound(&model.name, &centred(model.with(words), true))?;
    check_method(&args.work.method)?;
    args.centre = Some(Centre::Values(centre.to_vec()));
    Ok(args)
}

fn analysed(model: &Model, words: &[String], x: &[u8]) -> Result<(Vec<Vec<Written>>, Analysis)> {
    let rows = held_rows(x, model.network.input_shape(), Scale::Unit)?;
    let centres: Vec<Vec<Written>> = (0..rows.len()).map(|row| rows.get(row)).collect::<Result<_>>()?;
    let region = |centre: &Vec<Written>| -> Result<Region> {
        Ok(model.loaded(&args(model, words, centre)?)?.problem.region)
    };
    let regions = centres.iter().map(region).collect::<Result<Vec<_>>>()?;
    let device = args(model, words, centres.first().map_or(&[][..], |c| c))?.work.device;
    let here = model.on(device, model.network.outputs())?.at_all(regions)?;
    Ok((centres, here))
}

#[pymethods]
impl Regions {
    #[new]
    fn new(py: Python<'_>, model: Py<Model>, words: Vec<String>, x: Vec<u8>) -> PyResult<Regions> {
        let made = py.detach(|| analysed(model.get(), &words, &x));
        let (centres, here) = made.map_err(|e| errors::raised(py, &e))?;
        Ok(Regions { model, words, centres, here })
    }

    fn __len__(&self) -> usize {
        self.centres.len()
    }

    /// The pairs in order, as far as the work came, and the exception that ended it early.
    #[pyo3(signature = (words, told))]
    fn bound(
        &self,
        py: Python<'_>,
        words: Vec<String>,
        told: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(Vec<Pair>, Option<Py<PyAny>>)> {
        let model = self.model.get();
        let all: Vec<String> = self.words.iter().chain(&words).cloned().collect();
        let of = |centre: &Vec<Written>| args(model, &all, centre);
        let asked: Result<Vec<BoundArgs>> = py.detach(|| self.centres.iter().map(of).collect());
        let asked = asked.map_err(|e| errors::raised(py, &e))?;
        let threads = asked.first().and_then(|a| a.work.threads);
        let mut listener = listener::<(usize, f64, f64)>(told);
        let Done { value, raised } = run(py, threads, &mut listener, |stop, tell| {
            if let Some(first) = asked.first() {
                self.here.prepare(&options(first, stop.clone()));
            }
            let mut pairs = vec![];
            for (item, args) in asked.iter().enumerate() {
                if stop.is_requested() {
                    break;
                }
                let loaded = model.loaded(args)?;
                let hear = |(lower, upper, _, _): News| tell((item, lower, upper));
                pairs.push(pair(args, loaded, (&self.here, item), stop, &hear)?);
            }
            Ok(pairs)
        })?;
        Ok((value, raised.map(|e| e.into_value(py).into_any())))
    }
}
