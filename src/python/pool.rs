//! Threads for the work that Python asks for: one pool for a process, started when it is first needed. A process
//! that was forked from one with a pool has no threads of its own in it, so it starts another.

use crate::error::{Error, Kind, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, PoisonError};

/// The process that started it, and the pool.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

fn started(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| {
        Error::new(Kind::Device, format!("the threads cannot be started: {e}"))
            .at("--threads")
            .next("ask for fewer threads, or allow the process more of them and more memory")
    })
}

fn shared() -> Result<Arc<ThreadPool>> {
    let own = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((process, pool)) = &*pool
        && *process == own
    {
        return Ok(pool.clone());
    }
    // The parent's: its threads do not exist here, and waiting for them would not end.
    if let Some((_, foreign)) = pool.take() {
        std::mem::forget(foreign);
    }
    let new = Arc::new(started(0)?);
    *pool = Some((own, new.clone()));
    Ok(new)
}

/// Work in the pool, or in so many threads of its own.
pub fn inside<R: Send>(threads: Option<usize>, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    match threads {
        None => shared()?.install(work),
        Some(threads) => started(threads)?.install(work),
    }
}
