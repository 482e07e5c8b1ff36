//! The command line: flags to plain arguments, one file per command, results to stdout, talk
//! and errors to stderr. No arithmetic here.

pub mod args;
mod bar;
mod batch;
pub mod bound;
mod certificate;
pub mod certify;
pub mod check;
pub mod compare;
mod completions;
mod devices;
mod diff;
mod drivers;
mod dump;
pub mod exit;
pub mod files;
mod flag_groups;
pub mod flags;
mod help;
mod hints;
mod inspect;
mod interrupt;
pub mod job_args;
pub mod job_flags;
pub mod layers;
mod live;
mod man;
mod measured;
mod merge;
mod methods;
pub mod parse;
mod points;
pub mod print;
pub mod problem;
mod property;
mod report;
pub mod summary;
pub mod sweep;
mod threads;

use crate::error::{Error, Result};
use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use flags::{Cli, Command};
use std::ffi::OsString;

/// The exit code of one command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let code = match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            drivers::hush(&cli.command, &arguments);
            run(cli.command)
        }
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            print::help(&e.render().to_string()).map(|()| 0)
        }
        Err(e) => Err(usage_error(&e)),
    };
    code.unwrap_or_else(|e| {
        print::error(&e);
        e.exit_code()
    })
}

fn run(command: Command) -> Result<i32> {
    match command {
        Command::Bound(flags) => bound::run(*flags),
        Command::Layers(flags) => layers::run(args::LayersArgs::new(*flags)?),
        Command::Certify(flags) => certify::run(job_args::CertifyArgs::new(*flags)?),
        Command::Batch(flags) => batch::run(*flags),
        Command::Merge(flags) => merge::run(flags),
        Command::Diff(flags) => diff::run(flags),
        Command::Report(flags) => report::run(flags),
        Command::Compare(flags) => compare::run(*flags),
        Command::Sweep(flags) => sweep::run(*flags),
        Command::Check(flags) => check::run(flags),
        Command::Inspect(flags) => inspect::run(flags),
        Command::Devices(flags) => devices::run(flags),
        Command::Methods(flags) => methods::run(flags),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { command } => man::run(command.as_deref()),
    }
}

/// What to write for flags that other programs have.
fn meant(flag: &str) -> Option<&'static str> {
    match flag {
        "--json" => Some("write --format json"),
        "--csv" => Some("write --format csv"),
        f if f.starts_with("--net") => Some("the network is written without a flag: clarke bound NET"),
        _ => None,
    }
}

/// A complaint of the flag parser as what, where, next.
pub fn usage_error(e: &clap::Error) -> Error {
    if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Error::input("no command is given").next("try `clarke bound NET`, or see `clarke --help`");
    }
    let text = e.render().to_string();
    let squeeze = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = text.split("\n\n");
    let what = squeeze(parts.next().unwrap_or_default());
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let what = what.split(" [possible values").next().unwrap_or(what);
    let tip =
        parts.map(squeeze).find_map(|p| p.strip_prefix("tip: a similar").map(|t| format!("a similar{t}")));
    let values = match e.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            Some(format!("write {}", values.join(", ")))
        }
        _ => None,
    };
    let place = match e.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => flag.clone(),
        _ => "command line".into(),
    };
    let held = e.kind() == ErrorKind::ArgumentConflict && place.starts_with("--problem");
    let held = held.then_some("leave those flags out: the dumped problem holds what they say");
    let meant = held.or(meant(&place)).map(String::from);
    let next =
        meant.or(tip).or(values).unwrap_or_else(|| "see `clarke --help` or `clarke COMMAND --help`".into());
    Error::input(what).at(place).next(next)
}
