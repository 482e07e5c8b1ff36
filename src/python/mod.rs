//! The native part of the Python module: the same commands, on what a Python program holds in memory.
//!
//! Arguments come as the words of the command line, so that names, defaults and checks are the same; networks
//! and arrays come as the bytes of files, so that they are read the same way; results go as the same JSON.
//! The Python part (`python/clarke`) makes words of keywords and objects of JSON.

mod bound;
mod call;
mod certify;
mod errors;
mod model;
mod pool;
mod regions;
mod tables;
mod words;

use pyo3::prelude::*;

/// Searches allocate and free blocks of some kilobytes all the time, on every thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The native part of clarke.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::bound::{Pair, bound};
    #[pymodule_export]
    use super::certify::{certify, histogram, page};
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::regions::Regions;
    #[pymodule_export]
    use super::tables::{check, compare, layers, sweep};

    use pyo3::prelude::*;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// The command line: its exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<String>) -> i32 {
        py.detach(|| crate::cli::main(arguments.into_iter().map(Into::into)))
    }
}
