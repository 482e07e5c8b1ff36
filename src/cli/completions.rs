//! `clarke completions SHELL`.

use super::flags::Cli;
use super::print;
use crate::error::Result;
use clap::CommandFactory;

pub fn run(shell: clap_complete::Shell) -> Result<i32> {
    let mut out = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "clarke", &mut out);
    print::stdout(&String::from_utf8_lossy(&out))?;
    Ok(0)
}
