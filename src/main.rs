//! Parse, run, exit code.

/// Searches allocate and free blocks of some kilobytes all the time, on every thread.
#[cfg(not(feature = "python"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    std::process::exit(clarke::cli::main(std::env::args_os()));
}
