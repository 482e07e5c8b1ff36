//! From words of the command line to the arguments of a command.

use crate::cli::args::{BoundArgs, LayersArgs};
use crate::cli::flags::{CheckFlags, Cli, Command};
use crate::cli::job_args::CertifyArgs;
use crate::cli::job_flags::CompareFlags;
use crate::cli::sweep::SweepArgs;
use crate::cli::usage_error;
use crate::error::{Error, Result};
use clap::Parser;

fn parsed(command: &str, net: &str, words: &[String]) -> Result<Command> {
    // Nothing is printed, and a name that looks like a flag is still a name.
    let before = ["clarke", command, "--quiet"].map(String::from);
    let after = ["--".to_string(), net.to_string()];
    let all = before.into_iter().chain(words.iter().cloned()).chain(after);
    Cli::try_parse_from(all).map(|cli| cli.command).map_err(|e| usage_error(&e))
}

/// Another command than the one that was written.
fn other() -> Error {
    Error::input("another command came out of the words")
}

pub fn bound(net: &str, words: &[String]) -> Result<BoundArgs> {
    match parsed("bound", net, words)? {
        Command::Bound(flags) => BoundArgs::new(*flags),
        _ => Err(other()),
    }
}

pub fn layers(net: &str, words: &[String]) -> Result<LayersArgs> {
    match parsed("layers", net, words)? {
        Command::Layers(flags) => LayersArgs::new(*flags),
        _ => Err(other()),
    }
}

pub fn certify(net: &str, words: &[String]) -> Result<CertifyArgs> {
    match parsed("certify", net, words)? {
        Command::Certify(flags) => CertifyArgs::new(*flags),
        _ => Err(other()),
    }
}

pub fn compare(net: &str, words: &[String]) -> Result<CompareFlags> {
    match parsed("compare", net, words)? {
        Command::Compare(flags) => Ok(*flags),
        _ => Err(other()),
    }
}

pub fn sweep(net: &str, words: &[String]) -> Result<SweepArgs> {
    match parsed("sweep", net, words)? {
        Command::Sweep(flags) => SweepArgs::new(*flags),
        _ => Err(other()),
    }
}

pub fn check(certificate: &str, words: &[String]) -> Result<CheckFlags> {
    match parsed("check", certificate, words)? {
        Command::Check(flags) => Ok(flags),
        _ => Err(other()),
    }
}
