//! `clarke bound`: a proven pair for one region.

use super::args::BoundArgs;
use super::certificate;
use super::device::{self, Computed, Order};
use super::flags::Format;
use super::interrupt;
use super::live::Live;
use super::print::Print;
use super::problem::{self, Loaded};
use super::threads;
use crate::certificate::Witness;
use crate::error::{Error, Kind, Result};
use crate::method::{self, Budget, table};
use crate::problem::Quantity;
use crate::report::plot::{self, Moment};
use crate::report::{
    Answer, BoundReport, EstimateInfo, LowerInfo, PeakBytes, Requirement, Seconds, Status, Tool, UpperInfo,
    WitnessInfo, csv, human, json,
};
use crate::search::{Goal, Progress};
use std::path::Path;
use std::time::Instant;

pub fn run(args: BoundArgs) -> Result<i32> {
    check_method(&args.work.method)?;
    let mut live = Live::new(args.print.quiet);
    let started = Instant::now();
    let mut moments = vec![];
    let report = solve(&args, |seen| {
        let seconds = started.elapsed().as_secs_f64();
        moments.push(Moment { seconds, upper: seen.upper, lower: seen.lower, parts: seen.parts });
        live.update(&seen);
    })?;
    drop(live);
    if let Some(path) = &args.plot {
        draw(path, &report, moments, started.elapsed().as_secs_f64())?;
    }
    print(&report, &args.print)?;
    Ok(exit_code(&report))
}

/// The picture of `--plot`, or its numbers where the file's name ends in .csv.
fn draw(path: &Path, report: &BoundReport, mut moments: Vec<Moment>, seconds: f64) -> Result<()> {
    let parts = moments.last().map_or(0, |m| m.parts);
    moments.push(Moment { seconds, upper: report.upper.value, lower: report.lower.value, parts });
    let name = report.net.path.rsplit(['/', '\\']).next().unwrap_or_default();
    let q = &report.quotient;
    let title = format!("{name}, {} to {}", q.in_norm, q.out_norm);
    let numbers = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    let text = if numbers { Some(plot::csv(&moments)) } else { plot::svg(&title, &moments) };
    let text = text.ok_or_else(|| {
        Error::unsupported("there is nothing finite and positive to draw").at("--plot").next("leave it out")
    })?;
    std::fs::write(path, text).map_err(|e| {
        Error::new(Kind::Device, format!("the plot cannot be written: {e}"))
            .at(format!("--plot {}", path.display()))
            .next("check the folder, its permissions and free space")
    })
}

/// From arguments to the finished report.
fn solve(args: &BoundArgs, mut progress: impl FnMut(Progress)) -> Result<BoundReport> {
    let started = Instant::now();
    let memory = args.work.memory.unwrap_or(4 << 30);
    let budget = Budget::new(args.work.time, memory).or_until(interrupt::stop());
    threads::start(args.work.threads)?;
    let loaded = problem::load(args)?;
    let import = started.elapsed().as_secs_f64();
    let work = &args.work;
    let order = Order {
        device: work.device,
        precision: work.precision,
        method: &work.method,
        goal: Goal { gap: work.gap, splits: work.splits },
        budget: budget.clone(),
        seed: work.seed,
    };
    let mut computed = device::solve(&loaded.problem, &order, &mut progress)?;
    let bound = started.elapsed().as_secs_f64() - import;
    let written = match &args.certificate {
        Some(path) => Some(certificate::write(path, args, &loaded, &budget, &mut computed.outcome)?),
        None => None,
    };
    let mut report = report(args, loaded, computed, import, bound);
    if let Some(written) = written {
        report.certificate = args.certificate.as_ref().map(|p| p.display().to_string());
        report.seconds.check = written.seconds;
        report.warnings.extend(written.warning);
    }
    Ok(report)
}

fn report(args: &BoundArgs, loaded: Loaded, computed: Computed, import: f64, bound: f64) -> BoundReport {
    let outcome = computed.outcome;
    let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
    let mut net = loaded.net;
    net.free_neurons = outcome.free;
    BoundReport {
        tool: Tool::current(),
        net,
        region: loaded.region,
        units: loaded.units,
        quotient: loaded.quotient,
        upper: UpperInfo { value: upper, method: outcome.upper.method.into(), proved: true },
        lower: LowerInfo {
            value: lower,
            method: outcome.lower.method.into(),
            proved: true,
            witness: outcome.lower.witness.map(|w| match w {
                Witness::Piece { x, .. } if args.quantity == Quantity::Anchored => {
                    WitnessInfo { kind: "anchored".into(), x, y: None, exact: None }
                }
                Witness::Piece { x, .. } => WitnessInfo { kind: "piece".into(), x, y: None, exact: None },
                Witness::Inside { x, .. } => WitnessInfo {
                    kind: "piece".into(),
                    exact: Some(x.iter().map(|v| v.to_string()).collect()),
                    x: x.iter().map(|v| v.to_f64().value()).collect(),
                    y: None,
                },
                Witness::Pair { x, y } => WitnessInfo { kind: "pair".into(), x, y: Some(y), exact: None },
            }),
        },
        estimate: outcome
            .estimate
            .map(|(value, method)| EstimateInfo { value: value.get(), method: method.into() }),
        exact: outcome.exact,
        status: match outcome.status {
            method::Status::Exact => Status::Exact,
            method::Status::Gap => Status::Gap,
            method::Status::Done => Status::Done,
            method::Status::Time => Status::Time,
            method::Status::Splits => Status::Splits,
            method::Status::Memory => Status::Memory,
            method::Status::Interrupted => Status::Interrupted,
        },
        require: args
            .require
            .as_ref()
            .map(|r| Requirement { text: r.text.clone(), answer: r.answer(lower, upper) }),
        splits: outcome.searched.splits,
        nodes: 1 + outcome.searched.parts,
        rounding_share: outcome.rounding_share,
        seconds: Seconds {
            import,
            bound: bound - outcome.searched.seconds,
            search: outcome.searched.seconds,
            check: 0.0,
        },
        peak_bytes: PeakBytes { host: peak_host(), device: computed.peak_bytes },
        device: computed.device,
        assumptions: computed.assumptions,
        warnings: [loaded.warnings, computed.warnings].concat(),
        certificate: None,
    }
}

/// The process's largest resident size so far, where the system tells.
fn peak_host() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |k| k * 1024)
}

fn check_method(name: &str) -> Result<()> {
    if name == "auto" || table::find(name).is_some() {
        return Ok(());
    }
    Err(Error::input(format!("there is no method {name:?}"))
        .at("--method")
        .next("auto, or a name that `clarke methods` lists"))
}

/// The report in the form asked for.
pub fn print(report: &BoundReport, print: &Print) -> Result<()> {
    print.result(&match print.format {
        Format::Human => human::table(report, print.color),
        Format::Json => json::pretty(report),
        Format::Csv => csv::header() + &csv::row(report),
    })
}

/// 0 for a valid pair, 1 where a claim was required and is not proved, 130 or 143 when interrupted.
pub fn exit_code(report: &BoundReport) -> i32 {
    match (&report.require, report.status) {
        (_, Status::Interrupted) => interrupt::exit_code(),
        (Some(r), _) if r.answer != Answer::Proved => 1,
        _ => 0,
    }
}
