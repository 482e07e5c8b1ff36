//! `clarke completions SHELL`.

use super::flags::{Cli, Shell};
use super::print;
use crate::error::Result;
use clap::CommandFactory;
use clap_complete::{Generator, generate};

pub fn run(shell: Shell) -> Result<i32> {
    let text = match shell {
        Shell::Bash => script(clap_complete::Shell::Bash),
        Shell::Zsh => script(clap_complete::Shell::Zsh),
        Shell::Fish => script(clap_complete::Shell::Fish),
        Shell::Elvish => script(clap_complete::Shell::Elvish),
        Shell::PowerShell => script(clap_complete::Shell::PowerShell),
        Shell::Nushell => script(clap_complete_nushell::Nushell),
    };
    print::stdout(&text)?;
    Ok(0)
}

fn script(generator: impl Generator) -> String {
    let mut out = vec![];
    generate(generator, &mut Cli::command(), "clarke", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
