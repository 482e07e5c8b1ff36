//! Certificates of results: written after the checker has derived them once.

use super::args::BoundArgs;
use super::problem::Loaded;
use crate::certificate::file::{Certificate, EMBEDDED, External, Source, write as to_text};
use crate::data::base64;
use crate::deadline::Stop;
use crate::error::Result;
use crate::method::driver::is_exact;
use crate::method::{Budget, Outcome, Status};
use crate::net::{self, SourceFile};
use crate::num::{Lower, Upper};
use crate::report::WarningInfo;
use crate::search::certify;
use std::time::Instant;

pub struct Written {
    pub text: String,
    pub seconds: f64,
    pub warning: Option<WarningInfo>,
}

/// How the network came from its files: all that is kept of them, and small ones whole.
pub fn source(from: &net::Source, args: &BoundArgs) -> Source {
    let whole = from.size() <= EMBEDDED;
    let text = |file: &SourceFile| whole.then(|| base64::encode(&file.bytes));
    let external = |f: &SourceFile| External { name: f.name.clone(), sha256: f.sha256(), bytes: text(f) };
    Source {
        name: from.file.name.clone(),
        sha256: from.sha256(),
        bytes: text(&from.file),
        external: from.external().iter().map(external).collect(),
        input_shape: args.import.input_shape.clone(),
        output_name: args.import.output_name.clone(),
        keep_softmax: args.import.keep_softmax,
        mean: args.mean.clone(),
        std: args.std.clone(),
    }
}

/// The outcome's certificate as text, if the time left allows: who asked for the end of a search still wants
/// to see what it found checked. Its ends move to what the checker derives, which differs in the
/// last digits at most.
pub fn written(loaded: &Loaded, budget: &Budget, outcome: &mut Outcome) -> Result<Written> {
    let started = Instant::now();
    let (claim, digest) = certify(&loaded.problem, outcome, &budget.clone().or_until(Stop::new()));
    let warning = digest.map(|why| WarningInfo {
        code: "digest".into(),
        text: format!("the certificate can only be run again, not checked: {why}"),
    });
    outcome.upper.value = Upper::proven(claim.upper);
    outcome.lower.value = Lower::proven(claim.lower);
    outcome.exact = is_exact(outcome.upper.value, outcome.lower.value);
    if outcome.status == Status::Exact && !outcome.exact {
        outcome.status = Status::Done;
    }
    let source = loaded.source.clone();
    let (region, quotient) = (loaded.problem.region.clone(), loaded.problem.quotient);
    let text = to_text(&Certificate { source, region, quotient, claim });
    Ok(Written { text, seconds: started.elapsed().as_secs_f64(), warning })
}
