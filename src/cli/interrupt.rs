//! Ctrl-C and the polite end that systems ask for: the first signal asks the work to stop and write its
//! best pair, the second ends the process at once.

use crate::deadline::Stop;
use std::sync::LazyLock;

/// What a shell shows for a process that SIGINT ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

static STOP: LazyLock<(Stop, signals::Which)> = LazyLock::new(|| {
    let stop = Stop::new();
    let which = signals::watch(&stop);
    (stop, which)
});

/// What the work looks at; handlers are installed on the first call.
pub fn stop() -> Stop {
    STOP.0.clone()
}

/// The exit code of work that a signal ended: 128 and the signal's number.
pub fn exit_code() -> i32 {
    signals::exit_code(&STOP.1)
}

#[cfg(unix)]
mod signals {
    use super::{INTERRUPTED, Stop};
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::flag::{register, register_conditional_shutdown, register_usize};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The number of the signal that came; 0 for none.
    pub type Which = Arc<AtomicUsize>;

    pub fn watch(stop: &Stop) -> Which {
        let which = Which::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds no request yet. A signal that cannot be watched ends the
            // process as it always does, which is no reason to refuse the work.
            let _ = register_conditional_shutdown(signal, 128 + signal, stop.flag());
            let _ = register_usize(signal, which.clone(), signal as usize);
            let _ = register(signal, stop.flag());
        }
        which
    }

    pub fn exit_code(which: &Which) -> i32 {
        match which.load(Ordering::SeqCst) as i32 {
            0 => INTERRUPTED,
            signal => 128 + signal,
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use super::{INTERRUPTED, Stop};

    pub type Which = ();

    pub fn watch(stop: &Stop) -> Which {
        let stop = stop.clone();
        let handler = move || {
            if stop.is_requested() {
                std::process::exit(INTERRUPTED);
            }
            stop.request();
        };
        // Without a handler Ctrl-C ends the process, which is no reason to refuse the work.
        let _ = ctrlc::set_handler(handler);
    }

    pub fn exit_code(_: &Which) -> i32 {
        INTERRUPTED
    }
}
