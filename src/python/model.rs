//! A network that Python holds: read once, on a device once.

use super::{errors, words};
use crate::cli::args::{BoundArgs, Centre};
use crate::cli::bound::check_method;
use crate::cli::problem::{self, Loaded};
use crate::engine::{Device, Model as Network, Placed};
use crate::error::Result;
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

/// A network with the words that say how it is read: --input-shape, --output-name, --keep-softmax, --mean, --std.
#[pyclass(frozen, module = "clarke._native")]
pub struct Model {
    /// For messages and reports.
    pub name: String,
    pub words: Vec<String>,
    /// As in its file.
    pub plain: Network,
    /// With what is applied to inputs first.
    pub network: Network,
    placed: Mutex<Vec<(Device, usize, Placed)>>,
}

impl Model {
    fn read(name: String, bytes: Option<Vec<u8>>, words: Vec<String>) -> Result<Model> {
        let args = words::bound(&name, &words)?;
        let import = args.import.options();
        let plain = match bytes {
            None => Network::import(&args.net, &import),
            Some(bytes) => Network::held(&name, bytes, &import),
        };
        let plain = plain.map_err(problem::unsupported)?;
        let network = plain.clone().normalised(args.mean.as_deref(), args.std.as_deref())?;
        Ok(Model { name, words, plain, network, placed: Mutex::default() })
    }

    /// Its weights on a device, where questions about so many outputs are to come: once.
    pub fn on(&self, device: Device, rows: usize) -> Result<Placed> {
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, found)) = placed.iter().find(|p| p.0 == device && p.1 == rows) {
            return Ok(found.clone());
        }
        let new = self.network.on_for(device, rows)?;
        placed.push((device, rows, new.clone()));
        Ok(new)
    }

    /// These words after the model's own.
    pub fn with(&self, more: &[String]) -> Vec<String> {
        self.words.iter().chain(more).cloned().collect()
    }

    /// The words of `bound`, around an array if there is one.
    pub fn bound_args(&self, more: &[String], x: Option<Vec<u8>>) -> Result<BoundArgs> {
        let mut args = words::bound(&self.name, &centred(self.with(more), x.is_some()))?;
        check_method(&args.work.method)?;
        held(&mut args, x);
        Ok(args)
    }

    pub fn loaded(&self, args: &BoundArgs) -> Result<Loaded> {
        problem::of(args, self.network.clone())
    }
}

/// A word for a centre that comes otherwise.
pub fn centred(mut words: Vec<String>, is_there: bool) -> Vec<String> {
    if is_there {
        words.extend(["--input", "array"].map(String::from));
    }
    words
}

/// The array in the place of that word.
pub fn held(args: &mut BoundArgs, x: Option<Vec<u8>>) {
    if let Some(bytes) = x {
        args.centre = Some(Centre::Held(bytes));
    }
}

#[pymethods]
impl Model {
    /// From a file, or from the bytes of one.
    #[new]
    fn new(py: Python<'_>, name: String, bytes: Option<Vec<u8>>, words: Vec<String>) -> PyResult<Model> {
        py.detach(|| Model::read(name, bytes, words)).map_err(|e| errors::raised(py, &e))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    #[getter]
    fn inputs(&self) -> usize {
        self.plain.inputs()
    }

    #[getter]
    fn outputs(&self) -> usize {
        self.plain.outputs()
    }

    #[getter]
    fn input_shape(&self) -> Vec<usize> {
        self.plain.input_shape().to_vec()
    }

    #[getter]
    fn sha256(&self) -> &str {
        self.plain.sha256()
    }
}
