//! The report of `bound`: what was asked, what was found, and what that is worth.

use super::args::BoundArgs;
use super::problem::Loaded;
use crate::certificate::Witness;
use crate::engine::Answer;
use crate::method::row::Proves;
use crate::method::schedule::Entry;
use crate::method::table;
use crate::method::{self, Outcome};
use crate::problem::Quantity;
use crate::region::Region;
use crate::report::quality::{Facts, Quality};
use crate::report::{
    Answer as Answered, BoundReport, EstimateInfo, LowerInfo, PeakBytes, Requirement, Seconds, Status, Tool,
    UpperInfo, WarningInfo, WitnessInfo,
};

/// `import` and `bound` are the seconds that reading and bounding took.
pub fn report(args: &BoundArgs, loaded: Loaded, pair: Answer, import: f64, bound: f64) -> BoundReport {
    let quality = quality(args, &loaded, &pair.outcome);
    let quantity = loaded.problem.quotient.quantity;
    let outcome = pair.outcome;
    let silent = silent(&args.work.method, &outcome);
    let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
    let mut net = loaded.net;
    net.free_neurons = outcome.free;
    BoundReport {
        tool: Tool::current(),
        net,
        centre: loaded.centre,
        output: loaded.output,
        region: loaded.region,
        units: loaded.units,
        quotient: loaded.quotient,
        upper: UpperInfo { value: upper, method: outcome.upper.method.into(), proved: true },
        lower: LowerInfo {
            value: lower,
            method: outcome.lower.method.into(),
            proved: true,
            witness: outcome.lower.witness.map(|w| witness(w, quantity, &loaded.problem.region)),
        },
        quality,
        estimate: outcome
            .estimate
            .filter(|(value, _)| (lower..=upper).contains(&value.get()))
            .map(|(value, method)| EstimateInfo { value: value.get(), method: method.into() }),
        exact: outcome.exact,
        status: status(outcome.status),
        require: args
            .require
            .as_ref()
            .map(|r| Requirement { text: r.text.clone(), answer: r.answer(lower, upper) }),
        seed: args.work.seed,
        splits: outcome.searched.splits,
        nodes: 1 + outcome.searched.parts,
        rounding_share: outcome.rounding_share,
        seconds: Seconds {
            import,
            bound: bound - outcome.searched.seconds,
            search: outcome.searched.seconds,
            check: 0.0,
        },
        peak_bytes: PeakBytes { host: peak_host(), device: pair.peak_bytes },
        device: pair.device,
        assumptions: pair.assumptions,
        warnings: [loaded.warnings, pair.warnings, silent].concat(),
        certificate: None,
    }
}

/// Why a method that was named says nothing, or less than its name promises.
fn silent(method: &str, outcome: &Outcome) -> Vec<WarningInfo> {
    let note = |code: &str, text: String| WarningInfo { code: code.into(), text };
    let named = |e: &&Entry| e.method == method;
    let mut notes = vec![];
    for e in outcome.entries.iter().filter(named) {
        match &e.why {
            None => {}
            Some(why) if e.upper.is_some() => {
                notes.push(note(
                    "method-instead",
                    format!("the bound is that of {}: {why}", outcome.upper.method),
                ));
            }
            Some(why) => notes.push(note("method-silent", format!("{method} says nothing here: {why}"))),
        }
    }
    let infinite = outcome.upper.value.get().is_infinite();
    if infinite && table::find(method).is_some_and(|r| r.proves == Proves::Lower) {
        notes.push(note("lower-only", format!("{method} proves lower bounds only; auto bounds both ends")));
    } else if infinite && notes.is_empty() && !matches!(method, "auto" | "exact") {
        let why = match outcome.status {
            method::Status::Done if outcome.entries.iter().any(|e| named(&e)) => "its bound is infinite",
            method::Status::Done => "the question was decided first",
            _ => "the work ended first",
        };
        notes.push(note("method-silent", format!("{method} says nothing here: {why}")));
    }
    notes
}

fn status(status: method::Status) -> Status {
    match status {
        method::Status::Exact => Status::Exact,
        method::Status::Gap => Status::Gap,
        method::Status::Done => Status::Done,
        method::Status::Time => Status::Time,
        method::Status::Splits => Status::Splits,
        method::Status::Memory => Status::Memory,
        method::Status::Interrupted => Status::Interrupted,
    }
}

fn witness(w: Witness, quantity: Quantity, region: &Region) -> WitnessInfo {
    match w {
        Witness::Piece { x, .. } => {
            let kind = if quantity == Quantity::Anchored { "anchored" } else { "piece" };
            WitnessInfo { kind: kind.into(), x: region.spelled(x), y: None, exact: None }
        }
        Witness::Inside { x, .. } => WitnessInfo {
            kind: "piece".into(),
            exact: Some(x.iter().map(|v| v.to_string()).collect()),
            x: x.iter().map(|v| v.to_f64().value()).collect(),
            y: None,
        },
        Witness::Pair { x, y } => {
            let [x, y] = [x, y].map(|x| region.spelled(x));
            WitnessInfo { kind: "pair".into(), x, y: Some(y), exact: None }
        }
    }
}

/// What the pair is worth, from how it came about.
fn quality(args: &BoundArgs, loaded: &Loaded, outcome: &Outcome) -> Quality {
    let problem = &loaded.problem;
    let product = outcome.entries.iter().filter(|e| e.method == "product").filter_map(|e| e.upper);
    let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
    let facts = Facts {
        upper,
        lower,
        method: outcome.upper.method,
        everywhere: product.reduce(f64::min),
        global: problem.region.is_global(),
        point: problem.region.is_point(),
        ball: loaded.region.kind == "ball",
        open: outcome.free,
        neurons: loaded.net.neurons,
        outputs: problem.rows(),
        status: status(outcome.status),
        decided: args.require.as_ref().is_some_and(|r| r.answer(lower, upper) != Answered::Undecided),
        brief: args.work.time.is_zero(),
        named: !matches!(args.work.method.as_str(), "auto" | "exact"),
    };
    facts.quality()
}

/// The process's largest resident size so far, where the system tells.
pub fn peak_host() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |k| k * 1024)
}

/// Lets the peak begin at what is resident now, where the system can.
pub fn fresh_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
