//! Parse, run, exit code.

fn main() {
    std::process::exit(clarke::cli::main(std::env::args_os()));
}
