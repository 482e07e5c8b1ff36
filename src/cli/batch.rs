//! `clarke batch`: any mixture of networks, regions and norms, and properties, each a line of a table; resumable.

use super::args::{BoundArgs, Centre, RegionArg};
use super::bound;
use super::exit;
use super::files::Target;
use super::flags::{BoundFlags, ImportFlags, QuotientFlags, RegionFlags, ResultFlags, UnitFlags, WorkFlags};
use super::interrupt;
use super::job_flags::BatchFlags;
use super::points::Points;
use super::print::{self, Print};
use super::problem;
use super::property::{self, Verdict};
use super::summary;
use super::threads;
use crate::data::file::split_spec;
use crate::data::{read_file, records, sha256};
use crate::engine::{Model, Placed};
use crate::error::{Error, Result};
use crate::job::journal::{self, Journal};
use crate::num::Norm;
use crate::problem::Quantity;
use crate::report::{BoundReport, Tool};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The form of the journal.
const SCHEMA: &str = "clarke.batch/1";
/// Columns of a table with a header.
const COLUMNS: [&str; 12] = [
    "key", "net", "input", "eps", "ball", "in_norm", "out_norm", "output", "quantity", "clip", "method",
    "time",
];
/// What may stand there too: the box of a property instead of a ball.
const VNNLIB: &str = "vnnlib";

/// The word for a job that asks whether a property holds.
const PROPERTY: &str = "property";

/// One line of the table.
#[derive(Clone, Debug, Default)]
struct Job {
    key: String,
    row: usize,
    cells: HashMap<String, String>,
    /// Of a list without a header: whatever the file says.
    listed: bool,
}

/// What a line asks.
struct Asked {
    args: BoundArgs,
    /// Whether a property holds, not how steep the network is; None: if it says anything of outputs.
    property: Option<bool>,
}

/// What comes of one.
enum Found {
    Bound(Box<BoundReport>),
    Property(Verdict),
}

/// One line of the journal.
#[derive(Debug, Serialize)]
struct Line<'a> {
    key: &'a str,
    error: Option<String>,
    #[serde(flatten)]
    report: Option<&'a BoundReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'a Verdict>,
}

/// What is read of one.
#[derive(Debug, Deserialize)]
struct Known {
    key: String,
    error: Option<String>,
}

pub fn run(flags: BatchFlags) -> Result<i32> {
    let started = Instant::now();
    let (jobs, digest) = read(&flags.jobs)?;
    let common = Common { units: flags.units, import: flags.import, work: flags.work };
    let print = Print::new(flags.print);
    // Nothing is begun before every line makes sense.
    let asked: Vec<Asked> = jobs.iter().map(|job| common.arguments(job)).collect::<Result<_>>()?;
    let header = json!({
        "schema": SCHEMA, "tool": Tool::current(),
        "jobs": { "path": flags.jobs.display().to_string(), "sha256": digest, "rows": jobs.len() },
        "nets": digests(&asked),
        "files": files(&asked),
        "settings": common.settings(),
    });
    let first = asked
        .first()
        .ok_or_else(|| Error::input("the table holds no jobs").at(flags.jobs.display().to_string()))?;
    threads::start(first.args.work.threads)?;
    let points = print.out.as_deref().map(Points::beside);
    let mut known = HashSet::new();
    let mut journal = match &print.out {
        None => {
            print::stdout(&(header.to_string() + "\n"))?;
            None
        }
        Some(path) => {
            Target::distinct([Target::new("--out", path)?].iter(), &flags.jobs)?;
            Some(Journal::open(path, &header, &mut |line: Known| {
                if line.error.is_none() {
                    known.insert(line.key);
                }
            })?)
        }
    };
    let left = jobs.iter().zip(&asked).filter(|(job, _)| !known.contains(&job.key));
    let (done, failed) = work_through(left, (&print, points), &mut |line| match &mut journal {
        Some(journal) => journal.append(line),
        None => print::stdout(&journal::line(line)),
    })?;
    journal.map_or(Ok(()), Journal::close)?;
    let seconds = started.elapsed().as_secs_f64();
    print.talk(&format!("{done} jobs in {seconds:.1} s, {} before, {failed} failed", known.len()));
    Ok(match () {
        _ if interrupt::stop().is_requested() => interrupt::exit_code(),
        _ if failed > 0 => exit::REFUTED,
        _ => exit::DONE,
    })
}

/// By name, of the networks that can be read.
fn digests(asked: &[Asked]) -> BTreeMap<String, Option<String>> {
    let mut all = BTreeMap::new();
    for asked in asked {
        let name = asked.args.net.display().to_string();
        all.entry(name).or_insert_with_key(|name| Some(sha256::hex(&read_file(name).ok()?)));
    }
    all
}

/// One digest of all samples, boxes and properties that can be read.
fn files(asked: &[Asked]) -> Option<String> {
    let mut names = BTreeSet::new();
    for Asked { args, .. } in asked {
        if let Some(Centre::Input(spec)) = &args.centre {
            names.insert(split_spec(spec).0);
        }
        if let RegionArg::Box(path) | RegionArg::Vnnlib(path) = &args.region {
            names.insert(path);
        }
    }
    let digest = |name: &&str| read_file(name).map_or("-".into(), |bytes| sha256::hex(&bytes));
    let text: String = names.iter().map(|name| format!("{} {name}\n", digest(name))).collect();
    (!names.is_empty()).then(|| sha256::hex(text.as_bytes()))
}

/// How many jobs were done, and how many of them failed.
fn work_through<'j>(
    jobs: impl Iterator<Item = (&'j Job, &'j Asked)>,
    (print, points): (&Print, Option<Points>),
    write: &mut dyn FnMut(&Line) -> Result<()>,
) -> Result<(usize, usize)> {
    let mut opened = Opened::default();
    let (mut done, mut failed) = (0, 0);
    for (job, asked) in jobs {
        if interrupt::stop().is_requested() {
            break;
        }
        let mut found = opened.answer(asked);
        // What an interruption has cut short is asked again by the next run.
        if interrupt::stop().is_requested() {
            break;
        }
        if let (Ok(Found::Property(verdict)), Some(points)) = (&mut found, &points) {
            verdict.keep(points, job.row)?;
        }
        let error = found.as_ref().err().map(|e| format!("{}; {}", e.what, e.next));
        print.talk(&said(job, &found));
        failed += error.is_some() as usize;
        done += 1;
        let (report, property) = match &found {
            Ok(Found::Bound(report)) => (Some(&**report), None),
            Ok(Found::Property(verdict)) => (None, Some(verdict)),
            Err(_) => (None, None),
        };
        write(&Line { key: &job.key, error, report, property })?;
    }
    Ok((done, failed))
}

/// A line of talk for every job.
fn said(job: &Job, found: &Result<Found>) -> String {
    match found {
        Ok(Found::Property(v)) => {
            format!("{}: {} by {}  {:.1} s", job.key, v.verdict, v.method, v.seconds)
        }
        Ok(Found::Bound(r)) => {
            let (lower, upper) = (r.lower.value, r.upper.value);
            let ends =
                (crate::num::decimal::rounded_down(lower, 5), crate::num::decimal::rounded_up(upper, 5));
            format!("{}: {} ≤ L ≤ {}  {:.1} s", job.key, ends.0, ends.1, r.seconds.total())
        }
        Err(e) => format!("{}: {}", job.key, e.what),
    }
}

/// The jobs of a table, or of a list of network, property and limit without a header.
fn read(path: &Path) -> Result<(Vec<Job>, String)> {
    let name = path.display().to_string();
    let located = |e: Error| e.at(name.clone());
    let bytes = read_file(&name)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| located(Error::input("the table is not UTF-8 text")))?;
    let records = records::parse(text).map_err(located)?;
    let Some((_, first)) = records.first() else { return Ok((vec![], sha256::hex(&bytes))) };
    let named = first.iter().any(|c| COLUMNS.contains(&c.as_str()));
    let columns: Vec<String> = match named {
        true => first.clone(),
        false => ["net", VNNLIB, "time"].map(String::from).to_vec(),
    };
    if let Some(unknown) = columns.iter().find(|c| !COLUMNS.contains(&c.as_str()) && *c != VNNLIB) {
        return Err(located(Error::input(format!("{unknown:?} is no column")))
            .next(format!("known: {}, {VNNLIB}", COLUMNS.join(", "))));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut seen = HashSet::new();
    let mut jobs = vec![];
    for (number, cells) in records.into_iter().skip(named as usize) {
        if cells.len() != columns.len() {
            return Err(Error::input(format!("{} cells, there are {} columns", cells.len(), columns.len()))
                .at(format!("{name}, line {number}")));
        }
        let cells = columns.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let mut job = Job { cells: cells.collect(), row: jobs.len(), listed: !named, ..Job::default() };
        job.beside(folder);
        job.key = job.cells.get("key").cloned().unwrap_or_else(|| (jobs.len()).to_string());
        if !seen.insert(job.key.clone()) {
            return Err(Error::input(format!("the key {:?} is there twice", job.key))
                .at(format!("{name}, line {number}"))
                .next("give every job a key of its own, or leave the column out"));
        }
        jobs.push(job);
    }
    Ok((jobs, sha256::hex(&bytes)))
}

impl Job {
    /// Files are looked for beside the table, unless they are there as they are named.
    fn beside(&mut self, folder: &Path) {
        for column in ["net", "input", VNNLIB] {
            if let Some(cell) = self.cells.get_mut(column) {
                let (file, _) = crate::data::file::split_spec(cell);
                let near = folder.join(&*cell);
                let is_near = folder.join(file).exists() && !Path::new(file).exists();
                if is_near {
                    *cell = near.display().to_string();
                }
            }
        }
    }

    fn cell(&self, name: &str) -> Option<String> {
        self.cells.get(name).cloned()
    }
}

/// What is said for all jobs.
struct Common {
    units: UnitFlags,
    import: ImportFlags,
    work: WorkFlags,
}

impl Common {
    fn settings(&self) -> serde_json::Value {
        let w = &self.work;
        json!({
            "scale": self.units.scale.map(|s| format!("{s:?}").to_lowercase()),
            "mean": self.units.mean, "std": self.units.std,
            "input_shape": self.import.input_shape, "output_name": self.import.output_name,
            "keep_softmax": self.import.keep_softmax,
            "method": w.method, "time": w.time, "gap": w.gap, "splits": w.splits, "seed": w.seed,
        })
    }

    /// The arguments of `bound` for one job.
    fn arguments(&self, job: &Job) -> Result<Asked> {
        let word = |name: &str| format!("job {}, {name}", job.key);
        let norm = |name: &str| -> Result<Option<Norm>> {
            let read = |t: String| {
                Norm::from_str(&t, true).map_err(|_| {
                    Error::input(format!("{t:?} is no norm")).at(word(name)).next("write 1, 2 or inf")
                })
            };
            job.cell(name).map(read).transpose()
        };
        let quantity = |t: String| {
            Quantity::from_str(&t, true).map_err(|_| {
                Error::input(format!("{t:?} is no quantity"))
                    .at(word("quantity"))
                    .next("lipschitz, anchored or property")
            })
        };
        let said = job.cell("quantity");
        let property = if job.listed { None } else { Some(said.as_deref() == Some(PROPERTY)) };
        if property == Some(true) && job.cell(VNNLIB).is_none() {
            return Err(Error::input("a property is a VNN-LIB file")
                .at(word("quantity"))
                .next("give one in the column vnnlib"));
        }
        let work = &self.work;
        let flags = BoundFlags {
            net: job.cell("net").map(PathBuf::from),
            region: RegionFlags {
                input: job.cell("input"),
                center: None,
                eps: job.cell("eps"),
                box_file: None,
                vnnlib: job.cell(VNNLIB),
                ball: norm("ball")?,
                clip: job.cell("clip"),
            },
            quotient: QuotientFlags {
                norm: None,
                in_norm: norm("in_norm")?,
                out_norm: norm("out_norm")?,
                output: job.cell("output"),
                quantity: said.filter(|q| q != PROPERTY).map(quantity).transpose()?,
            },
            units: self.units.clone(),
            import: self.import.clone(),
            work: WorkFlags {
                method: job.cell("method").or(work.method.clone()),
                time: job.cell("time").or(work.time.clone()),
                ..work.clone()
            },
            result: ResultFlags::default(),
            print: Default::default(),
        };
        let args = BoundArgs::new(flags).map_err(|e| Error { place: word(&e.place), ..e })?;
        bound::check_method(&args.work.method)?;
        Ok(Asked { args, property })
    }
}

/// Networks that are open, on their device.
#[derive(Default)]
struct Opened(HashMap<PathBuf, (Model, Placed)>);

impl Opened {
    fn answer(&mut self, asked: &Asked) -> Result<Found> {
        let (args, started) = (&asked.args, Instant::now());
        if !self.0.contains_key(&args.net) {
            let model = problem::open(args)?;
            let placed = model.on(args.work.device)?;
            self.0.insert(args.net.clone(), (model, placed));
        }
        let (model, placed) = &self.0[&args.net];
        let loaded = problem::of(args, model.clone())?;
        if asked.property.unwrap_or_else(|| property::is_about_outputs(args, model.inputs())) {
            return property::decide(args, &loaded, placed).map(Found::Property);
        }
        let import = started.elapsed().as_secs_f64();
        let options = bound::options(args, interrupt::stop());
        let here = placed.at(loaded.problem.region.clone())?;
        let question = loaded.problem.quotient;
        let pair = here.bound_within(0, &question, &options, options.budget(), &mut |_| {})?;
        let bound = started.elapsed().as_secs_f64() - import;
        Ok(Found::Bound(Box::new(summary::report(args, loaded, pair, import, bound))))
    }
}
