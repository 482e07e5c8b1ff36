//! Ctrl-C: the first asks the work to stop and write its best pair, the second ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// The flag that the work looks at; the handler is installed on the first call.
pub fn flag() -> &'static AtomicBool {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let handler = || {
            if STOP.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        };
        // Without a handler Ctrl-C ends the process, which is no reason to refuse the work.
        let _ = ctrlc::set_handler(handler);
    });
    &STOP
}
