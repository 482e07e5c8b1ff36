//! One call from Python: the work without the interpreter's lock, in a thread beside the one that asked, which
//! hands news on and looks whether somebody pressed Ctrl-C.

use super::{errors, pool};
use crate::deadline::Stop;
use crate::error::Result;
use pyo3::prelude::*;
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Ctrl-C is looked for this often.
const LOOK: Duration = Duration::from_millis(50);

/// What the work came to, and what ended it early: an exception that the caller raises with it.
pub struct Done<T> {
    pub value: T,
    pub raised: Option<PyErr>,
}

/// Does the work. `told` gets the news that it sends.
pub fn run<T: Send, N: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    told: &mut dyn FnMut(Python<'_>, N) -> PyResult<()>,
    work: impl FnOnce(&Stop, &(dyn Fn(N) + Sync)) -> Result<T> + Send,
) -> PyResult<Done<T>> {
    let stop = Stop::new();
    let (sender, news) = channel::<N>();
    let (sender, news) = (Mutex::new(sender), Mutex::new(news));
    let (done, raised) = std::thread::scope(|scope| {
        let asked = &stop;
        let worker = scope.spawn(move || {
            let tell = |new: N| {
                // Nobody is left to hear it only when the work's end no longer matters.
                let _ = sender.lock().map(|s| s.send(new));
            };
            pool::inside(threads, || work(asked, &tell))
        });
        let mut raised = None;
        loop {
            let next = py
                .detach(|| news.lock().map_or(Err(RecvTimeoutError::Disconnected), |n| n.recv_timeout(LOOK)));
            let seen = match next {
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => py.check_signals(),
                Ok(new) if raised.is_none() => told(py, new).and_then(|()| py.check_signals()),
                Ok(_) => Ok(()),
            };
            if let Err(e) = seen {
                stop.request();
                raised.get_or_insert(e);
            }
        }
        (py.detach(|| worker.join()), raised)
    });
    match done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
        Ok(value) => Ok(Done { value, raised }),
        // Work that was ended before it had anything to show.
        Err(e) => Err(raised.unwrap_or_else(|| errors::raised(py, &e))),
    }
}
