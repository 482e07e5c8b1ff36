//! `clarke certify`: a radius or yes/no for many samples, resumable.

use super::args::MEMORY;
use super::bar::Bar;
use super::exit;
use super::files::Target;
use super::flags::Format;
use super::interrupt;
use super::job_args::CertifyArgs;
use super::points::Points;
use super::print;
use super::problem::texts;
use super::threads;
use crate::deadline::{Deadline, Stop};
use crate::engine::{Model, Options, Placed};
use crate::error::{Error, Kind, Result};
use crate::job::certify::run as work_through;
use crate::job::journal::{self, SAMPLES};
use crate::job::summary::Totals;
use crate::job::{Aim, Journal, Row, Samples, Summary, Task};
use crate::num::Written;
use crate::report::Tool;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

pub fn run(args: CertifyArgs) -> Result<i32> {
    let started = Instant::now();
    threads::start(args.work.threads)?;
    let model = Model::import(&args.net, &args.import.options())?;
    has_classes(&args, &model)?;
    let samples = Samples::open(&args.inputs, args.labels.as_deref(), model.input_shape(), args.scale)?;
    let model = model.normalised(args.mean.as_deref(), args.std.as_deref())?;
    let placed = model.on(args.work.device)?;
    placed.why().into_iter().for_each(|why| args.print.detail(why));
    let job = Job::new(&args, (&model, &placed), samples, interrupt::stop())?;
    if args.print.out.is_none() {
        print::stdout(&(job.header(&command()).to_string() + "\n"))?;
    }
    let mut book = Book::open(&args, &job.header(&command()), &mut |_| {})?;
    for warning in placed.warnings() {
        args.print.talk(&format!("note: {}", warning.text));
    }
    let before = book.known.len();
    let all = job.open(&book);
    if before > 0 {
        args.print.talk(&format!("{before} rows are there already, {} to go", all.len()));
    }
    let bar = Bar::new(args.print.quiet, before + all.len(), before);
    let mut finished = 0;
    let done = job.go(&all, &mut |row| {
        let row = book.take(row)?;
        if args.print.out.is_none() {
            print::stdout(&journal::line(&row))?;
        }
        finished += 1;
        bar.update(before + finished, &book.summary);
        Ok(())
    });
    drop(bar);
    done?;
    let missing = all.len() - finished;
    let seconds = started.elapsed().as_secs_f64();
    let summary = book.close()?;
    say(&args, &summary, Totals { finished, missing, seconds })?;
    Ok(match () {
        _ if interrupt::stop().is_requested() => interrupt::exit_code(),
        _ if summary.failed > 0 => exit::REFUTED,
        _ if missing > 0 => exit::UNDECIDED,
        _ => exit::DONE,
    })
}

/// Of the differences of classes that are held at a time.
const COPIES: f64 = 5.0;

/// Refuses networks that name no class, or more of them than memory holds.
pub fn has_classes(args: &CertifyArgs, model: &Model) -> Result<()> {
    if model.outputs() < 2 {
        return Err(Error::input("the network has one output: there are no classes")
            .at(args.net.display().to_string())
            .next("`clarke bound` says how steep it is"));
    }
    // Differences of every class and every other one, and what is computed of them.
    let needed = COPIES * 8.0 * (model.outputs() as f64).powi(2);
    let memory = args.work.memory.unwrap_or(MEMORY) as f64;
    if needed > memory {
        let megabytes = (needed / f64::from(1 << 20)).ceil();
        return Err(Error::new(Kind::Budget, format!("{} classes take {megabytes} MiB", model.outputs()))
            .at("--memory")
            .next(format!("give that much: --memory {megabytes}MiB")));
    }
    Ok(())
}

/// Samples of a network that is on its device, and what is asked of them.
pub struct Job<'a> {
    args: &'a CertifyArgs,
    on: (&'a Model, &'a Placed),
    samples: Samples,
    task: Task,
}

impl<'a> Job<'a> {
    pub fn new(
        args: &'a CertifyArgs,
        on: (&'a Model, &'a Placed),
        samples: Samples,
        stop: Stop,
    ) -> Result<Job<'a>> {
        let samples = match args.rows.clone() {
            Some(rows) => samples.within(rows)?,
            None => samples,
        };
        Ok(Job { args, on, samples: samples.part(args.shard), task: task(args, stop) })
    }

    /// What its journal begins with.
    pub fn header(&self, command: &str) -> Value {
        let mut header = header(self.args, self.on.0, &self.samples);
        header["command"] = json!(command);
        header["assumptions"] = json!(self.on.1.assumptions());
        header
    }

    /// The rows that are not there yet.
    pub fn open(&self, book: &Book) -> Vec<usize> {
        self.samples.wanted().filter(|row| !book.known.contains(row)).collect()
    }

    /// Goes through them; `done` gets every row as it is finished.
    pub fn go(&self, rows: &[usize], done: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        work_through(self.on, &self.task, &self.samples, &mut rows.iter().copied(), done)
    }
}

fn task(args: &CertifyArgs, stop: Stop) -> Task {
    let work = &args.work;
    let until = args.total.map_or(Deadline::never(), Deadline::within).or_at(stop.clone());
    let options = Options {
        gap: work.gap,
        time: (!work.time.is_zero()).then_some(work.time),
        memory: work.memory.unwrap_or(MEMORY),
        seed: work.seed,
        stop,
        ..Options::default()
    };
    Task {
        norm: args.norm,
        aim: args.aim.clone(),
        clip: args.clip.clone(),
        options,
        until,
        order: args.order,
    }
}

/// What a journal must have been begun with.
fn header(args: &CertifyArgs, model: &Model, samples: &Samples) -> Value {
    let list = |l: &Option<Vec<Written>>| l.as_deref().map(texts);
    let range = samples.range();
    let labels = samples.labels().map(|l| crate::data::sha256::hex(format!("{l:?}").as_bytes()));
    json!({
        "schema": SAMPLES,
        "tool": Tool::current(),
        "net": { "path": args.net.display().to_string(), "sha256": model.sha256(),
                 "inputs": model.inputs(), "outputs": model.outputs(), "shape": model.input_shape() },
        "inputs": { "path": args.inputs, "sha256": samples.sha256(), "rows": [range.start, range.end] },
        "labels": args.labels.as_ref().map(|path| json!({ "path": path, "sha256": labels })),
        "shard": args.shard.map(|s| format!("{}/{}", s.index, s.count)),
        "settings": {
            "norm": args.norm.to_string(),
            "eps": match &args.aim { Aim::At(eps) => Some(eps.to_string()), Aim::Radius => None },
            "radius": args.aim == Aim::Radius,
            "clip": args.clip.as_ref().map(|c| texts(c)),
            "scale": if args.scale == crate::data::Scale::Unit { "unit" } else { "raw" },
            "mean": list(&args.mean), "std": list(&args.std),
            "input_shape": args.import.input_shape, "output_name": args.import.output_name,
            "keep_softmax": args.import.keep_softmax,
            "time": args.work.time.as_secs_f64(), "gap": args.work.gap, "seed": args.work.seed,
        },
    })
}

/// The command line as it can be given again.
fn command() -> String {
    let plain = |w: &String| {
        !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./,:+#@%".contains(c))
    };
    let quoted = |w: String| if plain(&w) { w } else { format!("'{}'", w.replace('\'', "'\\''")) };
    let words = std::env::args_os().skip(1).map(|w| quoted(w.to_string_lossy().into_owned()));
    ["clarke".to_string()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// The journal, where there is one, and what is there.
pub struct Book {
    journal: Option<Journal>,
    points: Option<Points>,
    known: HashSet<usize>,
    pub summary: Summary,
}

impl Book {
    /// `seen` gets every finished row that is there.
    pub fn open(args: &CertifyArgs, header: &Value, seen: &mut dyn FnMut(&Row)) -> Result<Book> {
        let mut book =
            Book { journal: None, points: None, known: HashSet::new(), summary: Summary::default() };
        let Some(path) = &args.print.out else { return Ok(book) };
        let target = Target::new("--out", path)?;
        Target::distinct([&target].into_iter(), &args.net)?;
        Target::distinct([&target].into_iter(), Path::new(&args.inputs))?;
        let (known, summary) = (&mut book.known, &mut book.summary);
        book.journal = Some(Journal::open(path, header, &mut |row: Row| {
            if row.is_done() && known.insert(row.row) {
                summary.take(&row);
                seen(&row);
            }
        })?);
        book.points = Some(Points::beside(path));
        Ok(book)
    }

    /// Writes a row down, its counterexample to a file; the row as it is written.
    pub fn take(&mut self, mut row: Row) -> Result<Row> {
        self.summary.take(&row);
        if let (Some(points), Some(found)) = (&self.points, &mut row.counterexample) {
            found.file = found.x.take().map(|x| points.keep(row.row, &x)).transpose()?;
        }
        if let Some(journal) = &mut self.journal {
            journal.append(&row)?;
        }
        Ok(row)
    }

    pub fn close(self) -> Result<Summary> {
        self.journal.map_or(Ok(()), Journal::close)?;
        Ok(self.summary)
    }
}

/// The summary: to stdout, or to stderr where rows went there.
fn say(args: &CertifyArgs, summary: &Summary, totals: Totals) -> Result<()> {
    let radius = args.aim == Aim::Radius;
    if args.print.out.is_none() {
        args.print.talk(summary.human(&totals, radius).trim_end());
        return Ok(());
    }
    print::stdout(&match args.print.format {
        Format::Human => summary.human(&totals, radius),
        Format::Json => summary.json(&totals),
        Format::Csv => summary.csv(&totals),
    })
}
