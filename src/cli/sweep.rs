//! `clarke sweep`: both ends against the radius.

use super::args::{BoundArgs, RegionArg};
use super::bound;
use super::exit;
use super::files::Target;
use super::flags::Format;
use super::interrupt;
use super::job_args::{Parts, bound_of};
use super::job_flags::SweepFlags;
use super::parse;
use super::problem::{self, Loaded};
use super::threads;
use crate::deadline::Stop;
use crate::engine::Placed;
use crate::error::{Error, Result};
use crate::num::Written;
use crate::report::compare::Problem;
use crate::report::sweep::{self, Point};
use std::path::PathBuf;
use std::time::Instant;

/// Radii where nobody says how many.
const POINTS: u64 = 20;

/// The largest ball, and all radii.
pub struct SweepArgs {
    pub bound: BoundArgs,
    pub radii: Vec<Written>,
    plot: Option<PathBuf>,
}

impl SweepArgs {
    pub fn new(flags: SweepFlags) -> Result<SweepArgs> {
        let points = flags.points.as_deref().map_or(Ok(POINTS), |t| parse::count("--points", t, 2))?;
        let mut region = flags.region;
        let range = region
            .eps
            .as_deref()
            .ok_or_else(|| Error::input("no radii are given").at("--eps").next("write --eps 0.001..0.1"))?;
        let (first, last) = parse::range(range)?;
        region.eps = Some(last.to_string());
        let plot = flags.plot.map(parse::plot).transpose()?;
        let SweepFlags { net, quotient, units, import, work, print, .. } = flags;
        let bound = bound_of(Parts { net, region, quotient, units, import, work, print })?;
        if !matches!(bound.region, RegionArg::Ball { .. }) {
            return Err(Error::input("only balls have a radius").at("--eps"));
        }
        Ok(SweepArgs { bound, radii: grid(&first, &last, points), plot })
    }
}

pub fn run(flags: SweepFlags) -> Result<i32> {
    let SweepArgs { bound: args, radii, plot } = SweepArgs::new(flags)?;
    let target = plot.as_deref().map(|path| Target::new("--plot", path)).transpose()?;
    Target::distinct(target.iter(), &args.net)?;
    threads::start(args.work.threads)?;
    let loaded = problem::load(&args)?;
    let placed = loaded.model.on_for(args.work.device, loaded.problem.rows())?;
    placed.why().into_iter().for_each(|why| args.print.detail(why));
    let found = seen(&args, &radii, (&loaded, &placed), &interrupt::stop())?;
    let asked = Problem { net: loaded.net, region: loaded.region, quotient: loaded.quotient };
    args.print.result(&match args.print.format {
        Format::Human => sweep::human(&asked, &found, |header, cells| args.print.table(header, cells)),
        Format::Json => sweep::json(&asked, &found),
        Format::Csv => sweep::csv(&found),
    })?;
    if let Some(target) = target {
        target.write(&match target.has_extension("csv") {
            true => sweep::csv(&found),
            false => sweep::svg(&asked, &found),
        })?;
    }
    Ok(if interrupt::stop().is_requested() { interrupt::exit_code() } else { exit::DONE })
}

/// Radii from the first to the last, each the same number of times the one before.
fn grid(first: &Written, last: &Written, points: u64) -> Vec<Written> {
    let (low, high) = (first.nearest().ln(), last.nearest().ln());
    let between = |k: u64| {
        let share = k as f64 / (points - 1) as f64;
        Written::float((low + share * (high - low)).exp()).unwrap_or_else(|| last.clone())
    };
    let inner = (1..points - 1).map(between).filter(|r| first < r && r < last);
    [first.clone()].into_iter().chain(inner).chain([last.clone()]).collect()
}

/// The pair at each radius, from the largest on: what ends early has the bounds that count everywhere.
pub fn seen(
    args: &BoundArgs,
    radii: &[Written],
    (loaded, placed): (&Loaded, &Placed),
    stop: &Stop,
) -> Result<Vec<Point>> {
    let question = &loaded.problem.quotient;
    let mut found = vec![];
    for (k, radius) in radii.iter().enumerate().rev() {
        if stop.is_requested() && !found.is_empty() {
            break;
        }
        args.print.talk(&format!("radius {} of {}: {}", radii.len() - k, radii.len(), radius.nearest()));
        let Some(region) = loaded.problem.region.with_radius(radius.clone()) else { continue };
        let started = Instant::now();
        let options = bound::options(args, stop.clone());
        let pair = placed.at(region)?.bound_within(0, question, &options, options.budget(), &mut |_| {})?;
        let seconds = started.elapsed().as_secs_f64();
        found.push(Point {
            radius: radius.nearest(),
            upper: pair.upper(),
            lower: pair.lower(),
            upper_by: pair.upper_by(),
            lower_by: pair.lower_by(),
            seconds,
        });
    }
    found.reverse();
    sweep::shared(&mut found);
    Ok(found)
}
