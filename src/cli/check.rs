//! `clarke check CERT`: the claim of a certificate derived again.

use super::exit;
use super::flags::{CheckFlags, Format};
use super::parse;
use super::print::Print;
use super::problem::{quotient_info, texts};
use crate::certificate::check::{Checked, Limits, Refusal, check};
use crate::certificate::file::{Certificate, read};
use crate::data::read_file;
use crate::deadline::Deadline;
use crate::engine::Model;
use crate::error::{Error, Kind, Result};
use crate::num::Written;
use crate::problem::Problem;
use crate::region::{Region, Shape};
use crate::report::RegionInfo;
use crate::report::checked::{CheckReport, Named, Normalised, Place, Verdict};
use std::path::Path;
use std::time::Instant;

pub fn run(flags: CheckFlags) -> Result<i32> {
    let print = Print::new(flags.print.clone());
    let limits = limits(&flags)?;
    let (report, answer) = checked(&flags, &limits)?;
    print.result(&match print.format {
        Format::Json => serde_json::to_string_pretty(&report).expect("plain data") + "\n",
        Format::Csv => report.csv(),
        Format::Human => report.table(print.page()),
    })?;
    Ok(match answer {
        Ok(_) => exit::DONE,
        Err(Refusal::Refused(_)) => exit::REFUTED,
        Err(Refusal::Limit(_)) => exit::MACHINE,
        Err(Refusal::ReRunnable(_)) => exit::UNDECIDED,
    })
}

/// What the checker says of a file.
pub fn checked(flags: &CheckFlags, limits: &Limits) -> Result<(CheckReport, Checked<Vec<&'static str>>)> {
    let started = Instant::now();
    let place = flags.certificate.display().to_string();
    let bytes = read_within(&flags.certificate, limits.memory).map_err(|e| e.at(&*place))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::input("the certificate is no text").at(&*place).next("give a file of bound --certificate")
    })?;
    let certificate = read(&text).map_err(|e| e.at(&*place))?;
    let model = Model::named(&certificate.source, flags.net.as_deref()).map_err(|e| e.at(&*place))?;
    let problem = Problem::new(model.net().clone(), certificate.region.clone(), certificate.quotient)
        .map_err(|e| e.at(&*place).next("the certificate does not fit its network"))?;
    let answer = check(&problem, &certificate.claim, limits);
    let seconds = started.elapsed().as_secs_f64();
    Ok((report(&certificate, &problem, &answer, seconds), answer))
}

fn report(
    certificate: &Certificate,
    problem: &Problem,
    answer: &Checked<Vec<&'static str>>,
    seconds: f64,
) -> CheckReport {
    let (from, claim) = (&certificate.source, &certificate.claim);
    let (verdict, rules, reason) = match answer {
        Ok(rules) => (Verdict::Accepted, rules.clone(), None),
        Err(Refusal::ReRunnable(text)) => {
            (Verdict::Undecided, vec![], Some(format!("re-runnable only: {text}")))
        }
        Err(Refusal::Refused(text)) => (Verdict::Refused, vec![], Some(text.clone())),
        Err(Refusal::Limit(text)) => (Verdict::Undecided, vec![], Some(format!("not decided: {text}"))),
    };
    CheckReport {
        accepted: answer.is_ok(),
        rules,
        seconds,
        reason,
        verdict,
        net: Named {
            name: from.name.clone(),
            sha256: from.sha256.clone(),
            inputs: problem.net.inputs(),
            outputs: problem.net.outputs(),
            input_shape: from.input_shape.clone(),
            output_name: from.output_name.clone(),
            keep_softmax: from.keep_softmax,
        },
        region: place(&problem.region),
        units: Normalised { mean: from.mean.as_deref().map(texts), std: from.std.as_deref().map(texts) },
        quotient: quotient_info(problem),
        upper: claim.upper,
        lower: claim.lower,
    }
}

/// The region as it was written.
fn place(region: &Region) -> Place {
    let Some((shape, centre)) = region.written() else {
        let info = RegionInfo { kind: "global".into(), global: true, ..RegionInfo::default() };
        return Place { info, ..Place::default() };
    };
    let fixed_inputs = region.fixed().iter().filter(|f| **f).count();
    match shape {
        Shape::Ball { radius, norm, clip } => Place {
            info: RegionInfo {
                kind: "ball".into(),
                norm: Some(norm.to_string()),
                radius: Some(radius.nearest()),
                radius_text: Some(radius.to_string()),
                clip: clip.as_ref().map(|ends| ends.each_ref().map(Written::nearest)),
                clip_text: clip.as_ref().map(|ends| ends.each_ref().map(Written::to_string)),
                fixed_inputs,
                ..RegionInfo::default()
            },
            centre: Some(texts(centre)),
            ..Place::default()
        },
        Shape::Box { lo, hi, named } => Place {
            info: RegionInfo { kind: "box".into(), fixed_inputs, ..RegionInfo::default() },
            centre: named.then(|| texts(centre)),
            lo: Some(texts(lo)),
            hi: Some(texts(hi)),
        },
    }
}

/// Of memory for a byte of a certificate: short numbers and fractions take many times what they are written with.
const GROWTH: u64 = 32;

fn read_within(path: &Path, memory: u64) -> Result<Vec<u8>> {
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    if bytes.saturating_mul(GROWTH) > memory {
        let needed = (bytes.saturating_mul(GROWTH) >> 20) + 1;
        let what = format!("to read the certificate takes up to {needed} MiB");
        return Err(Error::new(Kind::Budget, what).next(format!("give that much: --memory {needed}MiB")));
    }
    read_file(path)
}

/// Unless somebody says so: no end, and memory that every machine has.
const MEMORY: u64 = 1 << 30;

pub fn limits(flags: &CheckFlags) -> Result<Limits> {
    let time = flags.time.as_deref().map(parse::time).transpose()?;
    let memory = flags.memory.as_deref().map(parse::memory).transpose()?.unwrap_or(MEMORY);
    Ok(Limits { memory, deadline: time.map_or_else(Deadline::never, Deadline::within) })
}
