//! `clarke compare`: methods side by side on one problem.

use super::args::{BoundArgs, EXACT};
use super::bound;
use super::exit;
use super::flags::Format;
use super::interrupt;
use super::job_args::{Parts, bound_of};
use super::job_flags::CompareFlags;
use super::print::stdout;
use super::problem::{self, Loaded};
use super::summary::{fresh_peak, peak_host};
use super::threads;
use crate::deadline::Stop;
use crate::engine::{Options, Placed};
use crate::error::{Error, Result};
use crate::method::row::{Proves, Scope};
use crate::method::{METHODS, table};
use crate::report::compare::{self, Compared, Problem};
use std::time::Instant;

pub fn run(flags: CompareFlags) -> Result<i32> {
    let named = flags.methods.as_deref().map(names).transpose()?;
    let markdown = flags.markdown;
    let CompareFlags { net, region, quotient, units, import, work, print, .. } = flags;
    let args = bound_of(Parts { net, region, quotient, units, import, work, print })?;
    threads::start(args.work.threads)?;
    let loaded = problem::load(&args)?;
    let placed = loaded.model.on_for(args.work.device, loaded.problem.rows())?;
    placed.why().into_iter().for_each(|why| args.print.detail(why));
    let rows = side_by_side(&args, named, (&loaded, &placed), &interrupt::stop())?;
    let asked = Problem { net: loaded.net, region: loaded.region, quotient: loaded.quotient };
    let text = match args.print.format {
        _ if markdown => compare::markdown(&asked, &rows),
        Format::Human => compare::human(&asked, &rows, |header, cells| args.print.table(header, cells)),
        Format::Json => compare::json(&asked, &rows),
        Format::Csv => compare::csv(&rows),
    };
    match &args.print.out {
        None => stdout(&text)?,
        Some(_) => args.print.result(&text)?,
    }
    Ok(if interrupt::stop().is_requested() { interrupt::exit_code() } else { exit::DONE })
}

pub fn names(text: &str) -> Result<Vec<String>> {
    let all: Vec<String> = text.split(',').map(|n| n.trim().to_string()).filter(|n| !n.is_empty()).collect();
    for name in &all {
        if name != "auto" && table::find(name).is_none_or(|row| row.scope == Scope::Layer) {
            return Err(table::unknown(name).at("--methods"));
        }
    }
    match all.is_empty() {
        true => Err(Error::input("no method is named").at("--methods").next("see `clarke methods`")),
        false => Ok(all),
    }
}

/// What each of the methods says, or of all where none is named; the smallest upper end first.
pub fn side_by_side(
    args: &BoundArgs,
    named: Option<Vec<String>>,
    (loaded, placed): (&Loaded, &Placed),
    stop: &Stop,
) -> Result<Vec<Compared>> {
    let all = METHODS.iter().filter(|row| row.scope != Scope::Layer).map(|row| row.name.to_string());
    let list = named.clone().unwrap_or_else(|| all.chain(["auto".to_string()]).collect());
    let mut rows = vec![];
    for name in list {
        if stop.is_requested() {
            break;
        }
        args.print.talk(&format!("{name} …"));
        let options = bound::options(args, stop.clone()).method(name);
        // As `bound` takes it where nobody says how close the ends must come.
        let options = match (args.work.gap_given, options.method.as_str()) {
            (false, "exact") => options.gap(EXACT),
            _ => options,
        };
        let row = asked(&options, loaded, placed)?;
        // What does not apply is no news unless it was asked for.
        if named.is_some() || row.upper.is_some() || row.lower.is_some() || row.estimate.is_some() {
            rows.push(row);
        } else {
            args.print.detail(&format!("{}: {}", row.method, row.note));
        }
    }
    compare::sort(&mut rows);
    Ok(rows)
}

/// One method, on a region of which nothing is known yet.
fn asked(options: &Options, loaded: &Loaded, placed: &Placed) -> Result<Compared> {
    let name = options.method.as_str();
    let here = placed.at(loaded.problem.region.clone())?;
    fresh_peak();
    let started = Instant::now();
    let answer = here.bound_within(0, &loaded.problem.quotient, options, options.budget(), &mut |_| {});
    let seconds = started.elapsed().as_secs_f64();
    let row = Compared { method: name.into(), seconds, peak_bytes: peak_host(), ..Compared::default() };
    let answer = match answer {
        Ok(answer) => answer,
        Err(e) => return Ok(Compared { note: e.what, ..row }),
    };
    let own = answer.outcome.entries.iter().find(|e| e.method == name);
    let why = own.and_then(|e| e.why.as_ref()).map(|why| why.to_string());
    let (upper, lower) = (answer.upper(), answer.lower());
    let estimate = answer.outcome.estimate.map(|(e, _)| e.get());
    let only = table::find(name).is_some_and(|row| row.proves == Proves::Estimate);
    let said = estimate.filter(|_| only).map(|e| format!("estimates {e:.5}, proves nothing"));
    Ok(Compared {
        upper: upper.is_finite().then_some(upper),
        lower: (lower > 0.0).then_some(lower),
        estimate,
        note: said.or(why).unwrap_or_default(),
        ..row
    })
}
