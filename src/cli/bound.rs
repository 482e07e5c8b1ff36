//! `clarke bound`: a proven pair for one region.

use super::args::{BoundArgs, MEMORY};
use super::certificate;
use super::dump::{self, Replay};
use super::exit;
use super::files::Target;
use super::flags::{BoundFlags, Format};
use super::interrupt;
use super::live::Live;
use super::print::{self, Print};
use super::problem;
use super::summary;
use super::threads;
use crate::deadline::Stop;
use crate::engine::Options;
use crate::error::Result;
use crate::method::{Budget, table};
use crate::report::plot::{self, Moment, Moments};
use crate::report::{BoundReport, csv, human, json};
use crate::search::Progress;
use std::time::Instant;

pub fn run(mut flags: BoundFlags) -> Result<i32> {
    let path = flags.result.problem.clone();
    let replay = path.map(|path| Replay::read(&path, &mut flags)).transpose()?;
    let dumped = dump::Options::of(&flags);
    let args = BoundArgs::new(flags)?;
    check_method(&args.work.method)?;
    let files = Files::new(&args)?;
    let mut live = Live::new(args.print.quiet, args.work.time);
    let started = Instant::now();
    let mut moments = Moments::default();
    let mut answer = solve(&args, replay, dumped, |seen| {
        moments.add(moment(started, &seen));
        live.update(&seen);
    })?;
    drop(live);
    let seconds = started.elapsed().as_secs_f64();
    // The result names the certificate where there is one: so that comes first, all else after the pair, and
    // nothing that fails keeps another from being written.
    let certified = files.certify(&mut answer);
    let printed = print(&answer.report, &args.print);
    let [plot, dump] = files.write(&answer, moments, seconds);
    all([certified, printed, plot, dump])?;
    Ok(exit::of_bound(&answer.report))
}

/// The last failure; those before it are told here.
fn all(results: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    let mut last = Ok(());
    for failed in results.into_iter().filter(Result::is_err) {
        if let Err(before) = std::mem::replace(&mut last, failed) {
            print::error(&before);
        }
    }
    last
}

pub fn moment(started: Instant, seen: &Progress) -> Moment {
    Moment {
        at: started.elapsed().as_secs_f64(),
        upper: seen.upper,
        lower: seen.lower,
        upper_by: seen.upper_by,
        lower_by: seen.lower_by,
        parts: seen.parts,
    }
}

/// A report, and the texts of its certificate and its problem.
struct Answered {
    report: BoundReport,
    certificate: Option<String>,
    dump: Option<String>,
}

/// What is written besides the result.
struct Files {
    plot: Option<Target>,
    certificate: Option<Target>,
    dump: Option<Target>,
}

impl Files {
    /// Everything that will be written, tried before the work.
    fn new(args: &BoundArgs) -> Result<Files> {
        let target = |flag, path: &Option<_>| path.as_deref().map(|p| Target::new(flag, p)).transpose();
        let files = Files {
            plot: target("--plot", &args.plot)?,
            certificate: target("--certificate", &args.certificate)?,
            dump: target("--dump", &args.dump)?,
        };
        let out = target("--out", &args.print.out)?;
        Target::distinct(
            [&out, &files.plot, &files.certificate, &files.dump].into_iter().flatten(),
            &args.net,
        )?;
        Ok(files)
    }

    /// The certificate, which the report then names.
    fn certify(&self, answer: &mut Answered) -> Result<()> {
        let Some((target, text)) = self.certificate.as_ref().zip(answer.certificate.as_ref()) else {
            return Ok(());
        };
        target.write(text)?;
        answer.report.certificate = Some(target.name());
        Ok(())
    }

    /// The plot and the dump, whatever becomes of the other.
    fn write(&self, answer: &Answered, mut moments: Moments, seconds: f64) -> [Result<()>; 2] {
        let r = &answer.report;
        moments.close(seconds, r.upper.value, r.lower.value);
        let numbers = |t: &Target| t.has_extension("csv");
        let plot = self.plot.as_ref().map(|t| match numbers(t) {
            true => t.write(&plot::csv(r, &moments)),
            false => t.write(&plot::svg(r, &moments, seconds)),
        });
        let dump = self.dump.as_ref().zip(answer.dump.as_ref()).map(|(target, text)| target.write(text));
        [plot, dump].map(|done| done.unwrap_or(Ok(())))
    }
}

/// From arguments to the finished report.
fn solve(
    args: &BoundArgs,
    replay: Option<Replay>,
    dumped: dump::Options,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Answered> {
    let started = Instant::now();
    let options = options(args, interrupt::stop());
    let budget = options.budget();
    threads::start(args.work.threads)?;
    let loaded = match replay {
        Some(replay) => replay.load(args)?,
        None => problem::load(args)?,
    };
    let dump = args.dump.as_ref().map(|_| dump::text(args, dumped, &loaded));
    let import = started.elapsed().as_secs_f64();
    let problem = &loaded.problem;
    let placed = loaded.model.on_for(args.work.device, problem.rows())?;
    placed.why().into_iter().for_each(|why| args.print.detail(why));
    let here = placed.at(problem.region.clone())?;
    let own = searched(args, &budget);
    let mut pair = here.bound_within(0, &problem.quotient, &options, own, &mut progress)?;
    let bound = started.elapsed().as_secs_f64() - import;
    let written = args.certificate.as_ref().map(|_| certificate::written(&loaded, &budget, &mut pair));
    let mut report = summary::report(args, loaded, pair, import, bound);
    let certificate = written.map(|written| {
        report.seconds.check = written.seconds;
        report.warnings.extend(written.warning);
        written.text
    });
    Ok(Answered { report, certificate, dump })
}

/// How much work the answer is worth.
pub fn options(args: &BoundArgs, stop: Stop) -> Options {
    let work = &args.work;
    Options {
        method: work.method.clone(),
        gap: work.gap,
        splits: work.splits,
        time: (!work.time.is_zero()).then_some(work.time),
        memory: work.memory.unwrap_or(MEMORY),
        seed: work.seed,
        decision: args.require.as_ref().map(|r| r.decision),
        stop,
    }
}

/// The part of the time that goes to bounds where a certificate is checked after them.
const SEARCHED: f64 = 0.65;

fn searched(args: &BoundArgs, budget: &Budget) -> Budget {
    let share = if args.certificate.is_some() { SEARCHED } else { 1.0 };
    Budget { deadline: budget.deadline.part(share), ..budget.clone() }
}

pub fn check_method(name: &str) -> Result<()> {
    if name == "auto" || table::find(name).is_some() {
        return Ok(());
    }
    Err(table::unknown(name))
}

/// The report in the form asked for.
pub fn print(report: &BoundReport, print: &Print) -> Result<()> {
    print.result(&match print.format {
        Format::Human => human::table(report, print.color, print.page()),
        Format::Json => json::pretty(report),
        Format::Csv => csv::header() + &csv::row(report),
    })
}
