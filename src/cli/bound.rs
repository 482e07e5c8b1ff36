//! `clarke bound`: a proven pair for one region.

use super::args::BoundArgs;
use super::flags::Format;
use super::interrupt;
use super::live::Live;
use super::print::Print;
use crate::error::{Error, Result};
use crate::method::table;
use crate::report::{Answer, BoundReport, csv, human, json};

pub fn run(args: BoundArgs) -> Result<i32> {
    check_method(&args.work.method)?;
    let _stop = interrupt::flag();
    let mut live = Live::new(args.print.quiet);
    let report = solve(&args, |upper, lower, open| live.update(upper, lower, open))?;
    drop(live);
    print(&report, &args.print)?;
    Ok(exit_code(&report))
}

/// From arguments to the finished report.
fn solve(args: &BoundArgs, _progress: impl FnMut(f64, f64, usize)) -> Result<BoundReport> {
    Err(Error::unsupported("the engine behind `bound` is not connected")
        .at(args.net.display().to_string())
        .next("use a later version"))
}

fn check_method(name: &str) -> Result<()> {
    if name == "auto" || name == "exact" || table::find(name).is_some() {
        return Ok(());
    }
    Err(Error::input(format!("there is no method {name:?}"))
        .at("--method")
        .next("auto, exact, or a name that `clarke methods` lists"))
}

/// The report in the form asked for.
pub fn print(report: &BoundReport, print: &Print) -> Result<()> {
    print.result(&match print.format {
        Format::Human => human::table(report, print.color),
        Format::Json => json::pretty(report),
        Format::Csv => csv::header() + &csv::row(report),
    })
}

/// 0 for a valid pair, 1 where a claim was required and is not proved, 130 when interrupted.
pub fn exit_code(report: &BoundReport) -> i32 {
    match (&report.require, report.status) {
        (_, crate::report::Status::Interrupted) => 130,
        (Some(r), _) if r.answer != Answer::Proved => 1,
        _ => 0,
    }
}
