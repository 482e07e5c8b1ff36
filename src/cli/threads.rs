//! The threads of one run, started before anything that could need them.

use crate::error::{Error, Kind, Result};

/// Starts the process's pool: as many threads as asked for, or as the machine runs at once.
/// Called once per process; a system that refuses a thread is an error, not a panic later.
pub fn start(wanted: Option<usize>) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(wanted.map_or(0, useful));
    pool.build_global().map_err(|e| {
        Error::new(Kind::Device, format!("the threads cannot be started: {e}"))
            .at("--threads")
            .next("ask for fewer threads, or allow the process more of them and more memory")
    })
}

/// More threads than the machine runs at once only cost memory; too many cannot be started.
fn useful(threads: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    threads.min(cores.max(64))
}
