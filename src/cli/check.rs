//! `clarke check CERT`: the claim of a certificate derived again.

use super::args::ImportArgs;
use super::flags::{CheckFlags, Format};
use super::print::Print;
use super::problem::normalised;
use crate::certificate::check::{Refusal, check};
use crate::certificate::file::{Certificate, read};
use crate::data::decimal::{rounded_down, rounded_up};
use crate::data::{base64, read_file, sha256};
use crate::error::{Error, Result};
use crate::net::{Net, from_bytes};
use crate::problem::Problem;
use crate::report::csv::quote;
use crate::report::human::put;
use serde_json::json;
use std::path::Path;
use std::time::Instant;

pub fn run(flags: CheckFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let started = Instant::now();
    let place = flags.certificate.display().to_string();
    let bytes = read_file(&flags.certificate)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::input("the certificate is no text").at(&*place).next("give a file of bound --certificate")
    })?;
    let certificate = read(&text).map_err(|e| e.at(&*place))?;
    let net = network(&certificate, flags.net.as_deref()).map_err(|e| e.at(&*place))?;
    let problem = Problem::new(net, certificate.region.clone(), certificate.quotient)
        .map_err(|e| e.at(&*place).next("the certificate does not fit its network"))?;
    let answer = check(&problem, &certificate.claim);
    let seconds = started.elapsed().as_secs_f64();
    let claim = &certificate.claim;
    let (rules, reason) = match &answer {
        Ok(rules) => (rules.clone(), None),
        Err(Refusal::ReRunnable(text)) => (vec![], Some(format!("re-runnable only: {text}"))),
        Err(Refusal::Refused(text)) => (vec![], Some(text.clone())),
    };
    print.result(&match print.format {
        Format::Json => {
            let object = json!({
                "accepted": answer.is_ok(), "rules": rules, "seconds": seconds, "reason": reason,
                "net": certificate.source.name, "upper": claim.upper, "lower": claim.lower,
            });
            format!("{object:#}\n")
        }
        Format::Csv => format!(
            "accepted,rules,seconds,reason\n{},{},{seconds},{}\n",
            answer.is_ok(),
            quote(&rules.join("; ")),
            quote(reason.as_deref().unwrap_or(""))
        ),
        Format::Human => {
            let mut out = String::new();
            put(&mut out, "net", &certificate.source.name);
            let (low, high) = (rounded_down(claim.lower, 10), rounded_up(claim.upper, 10));
            put(&mut out, "claim", &format!("{low} ≤ L ≤ {high}"));
            match &reason {
                None => put(&mut out, "accepted", &format!("{} ({seconds:.2} s)", rules.join(", "))),
                Some(why) => put(&mut out, "refused", why),
            }
            out
        }
    })?;
    Ok(answer.is_err() as i32)
}

/// The network of the certificate, from itself or from a file with the same digest.
fn network(certificate: &Certificate, path: Option<&Path>) -> Result<Net> {
    let source = &certificate.source;
    let bytes = match (path, &source.bytes) {
        (Some(path), _) => read_file(path)?,
        (None, Some(text)) => base64::decode(text).ok_or_else(|| Error::input("its network is damaged"))?,
        (None, None) => {
            return Err(Error::input("the certificate does not hold its network")
                .next(format!("give it with --net: {}", source.name)));
        }
    };
    if sha256::hex(&bytes) != source.sha256 {
        return Err(Error::input("the network is not the one that the certificate names")
            .next(format!("its SHA-256 must be {}", source.sha256)));
    }
    let extension = Path::new(&source.name).extension().and_then(|e| e.to_str()).unwrap_or("");
    let import = ImportArgs { input_shape: source.input_shape.clone(), keep_softmax: source.keep_softmax };
    let net = from_bytes(&bytes, extension, &import.options())?;
    normalised(net, source.mean.as_deref(), source.std.as_deref())
}
