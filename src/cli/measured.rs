//! `clarke devices --bench`: how fast each device is, and how much of that kernels and passes reach.

use super::flags::Format;
use super::interrupt;
use super::print::Print;
use crate::backend::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, Gpu, Real};
use crate::deadline::Deadline;
#[cfg(feature = "gpu")]
use crate::engine::tuned;
#[cfg(feature = "gpu")]
use crate::measure::tune;
use crate::measure::{Energy, Measured, Measurement, Row, run};
use crate::num::decimal::rounded_down;
use crate::report::csv::line;
use serde_json::{Value, json};
use std::time::Duration;

/// The part of the time that tuning may take.
#[cfg(feature = "gpu")]
const TUNING: f64 = 0.3;

/// A device as the table of them names it, and what was measured there.
pub struct Timed {
    pub flag: String,
    pub name: String,
    pub driver: String,
    pub threads: usize,
    /// How products are cut up.
    pub cuts: Option<String>,
    pub measurement: Measurement,
}

/// The processor, on all threads of the pool.
pub fn cpu(flag: &str, name: &str, time: Duration, print: &Print) -> Timed {
    let deadline = Deadline::within(time).or_at(interrupt::stop());
    let measurement = measured(&Cpu::DOUBLE, Energy::of_processors(), flag, &deadline, print);
    let threads = rayon::current_num_threads();
    Timed { flag: flag.into(), name: name.into(), driver: String::new(), threads, cuts: None, measurement }
}

/// An adapter in one type of numbers, tuned first; the text says why not.
#[cfg(feature = "gpu")]
pub fn gpu(at: usize, real: Real, time: Duration, print: &Print) -> Result<Timed, String> {
    let deadline = Deadline::within(time).or_at(interrupt::stop());
    let gpu = Gpu::open(Choice::Index(at), Some(real))?;
    let (flag, cuts) = (format!("gpu:{at}"), tune(&gpu, &deadline.part(TUNING)));
    // Without time nothing was compared, and what was interrupted is no comparison.
    match if time.is_zero() || deadline.is_stopped() {
        Ok(None)
    } else {
        tuned::remember(&gpu, &cuts).map(Some)
    } {
        Ok(None) => {}
        Ok(Some(path)) => {
            print.detail(&format!("{flag}, {}: {cuts}, kept in {}", real.name(), path.display()))
        }
        Err(e) => print.talk(&format!("{flag}: how products are best cut up cannot be kept: {e}")),
    }
    let gpu = gpu.cut(cuts);
    let measurement = measured(&gpu, Energy::of_device(&gpu.info().place), &flag, &deadline, print);
    let (name, driver) = (gpu.info().name.clone(), gpu.info().driver.clone());
    let threads = rayon::current_num_threads();
    match gpu.failure() {
        Some(failure) => Err(failure),
        None => Ok(Timed { flag, name, driver, threads, cuts: Some(cuts.to_string()), measurement }),
    }
}

fn measured<B: Measured>(
    backend: &B,
    energy: Energy,
    flag: &str,
    deadline: &Deadline,
    print: &Print,
) -> Measurement {
    let number = backend.number_type().0;
    run(backend, energy, deadline, |row| {
        let (name, time) = (name(row), short(1e3 * row.seconds));
        print.detail(&format!("{flag}, {number}: {name}, {}: {time} ms", row.shape));
    })
}

fn name(row: &Row) -> String {
    format!("{}{}", row.what, if row.widening { "" } else { ", not widened" })
}

/// Three digits; nothing here is a bound.
fn short(x: f64) -> String {
    rounded_down(x, 3)
}

/// Bytes as people read them.
fn bytes(n: u64) -> String {
    match n {
        0 => "0".into(),
        n if n < 10 << 10 => format!("{n} B"),
        n if n < 10 << 20 => format!("{} KiB", n >> 10),
        n => format!("{} MiB", n >> 20),
    }
}

pub fn text(all: &[Timed], print: &Print) -> String {
    match print.format {
        Format::Human => all.iter().map(|t| human(t, print)).collect::<Vec<_>>().join("\n"),
        Format::Json => format!(
            "{:#}\n",
            json!({"schema": "clarke.bench/1", "devices": all.iter().map(object).collect::<Vec<_>>()})
        ),
        Format::Csv => line(COLUMNS.map(String::from)) + &all.iter().flat_map(lines).collect::<String>(),
    }
}

fn human(t: &Timed, print: &Print) -> String {
    let m = &t.measurement;
    let mut out = format!(
        "{}  {}, {}: {} GFLOP/s of products and sums, {} GB/s of copies\n",
        t.flag,
        t.name,
        m.number,
        short(m.peak / 1e9),
        short(m.bandwidth / 1e9)
    );
    out += &t.cuts.iter().map(|cuts| format!("       tiles {cuts}\n")).collect::<String>();
    let header = ["what", "ms", "GFLOP/s", "reached", "calls", "sent", "read", "shape"];
    let cells: Vec<Vec<String>> = m
        .rows
        .iter()
        .map(|row| {
            let calls = format!("{}/{}", row.counts.dispatches, row.counts.submissions);
            vec![
                name(row),
                short(1e3 * row.seconds),
                short(row.rate() / 1e9),
                format!("{:.0} %", 100.0 * row.reached()),
                calls,
                bytes(row.counts.sent),
                bytes(row.counts.received),
                row.shape.clone(),
            ]
        })
        .collect();
    out += &print.table(&header, &cells);
    for what in &m.skipped {
        out += &format!("not measured, for lack of time: {what}\n");
    }
    out
}

fn object(t: &Timed) -> Value {
    let m = &t.measurement;
    let rows: Vec<Value> = m
        .rows
        .iter()
        .map(|r| {
            json!({"what": r.what, "shape": r.shape, "widening": r.widening, "seconds": r.seconds, "runs": r.runs,
                "operations": r.operations, "bytes": r.bytes, "floor_seconds": r.floor, "reached": r.reached(),
                "dispatches": r.counts.dispatches, "submissions": r.counts.submissions, "sent": r.counts.sent,
                "received": r.counts.received, "joules": r.joules})
        })
        .collect();
    json!({"device": t.flag, "name": t.name, "driver": t.driver, "threads": t.threads, "tiles": t.cuts, "precision": m.number,
        "peak_flops": m.peak, "bandwidth": m.bandwidth, "rows": rows, "skipped": m.skipped})
}

const COLUMNS: [&str; 20] = [
    "device",
    "name",
    "driver",
    "threads",
    "precision",
    "peak_flops",
    "bandwidth",
    "what",
    "shape",
    "widening",
    "seconds",
    "runs",
    "operations",
    "bytes",
    "reached",
    "dispatches",
    "submissions",
    "sent",
    "received",
    "joules",
];

fn lines(t: &Timed) -> Vec<String> {
    let m = &t.measurement;
    let one = |r: &Row| {
        line([
            t.flag.clone(),
            t.name.clone(),
            t.driver.clone(),
            t.threads.to_string(),
            m.number.into(),
            format!("{:e}", m.peak),
            format!("{:e}", m.bandwidth),
            r.what.clone(),
            r.shape.clone(),
            if r.widening { "with" } else { "without" }.into(),
            r.seconds.to_string(),
            r.runs.to_string(),
            format!("{:e}", r.operations),
            format!("{:e}", r.bytes),
            r.reached().to_string(),
            r.counts.dispatches.to_string(),
            r.counts.submissions.to_string(),
            r.counts.sent.to_string(),
            r.counts.received.to_string(),
            r.joules.map_or(String::new(), |j| j.to_string()),
        ])
    };
    m.rows.iter().map(one).collect()
}
