//! Certificates of results: written after the checker has derived them once.

use super::args::BoundArgs;
use super::problem::Loaded;
use crate::certificate::file::{Certificate, EMBEDDED, Source, write as to_text};
use crate::data::{base64, read_file};
use crate::error::Result;
use crate::method::driver::is_exact;
use crate::method::{Budget, Outcome, Status};
use crate::num::{Lower, Upper};
use crate::report::WarningInfo;
use crate::search::certify;
use std::time::Instant;

pub struct Written {
    pub text: String,
    pub seconds: f64,
    pub warning: Option<WarningInfo>,
}

/// The outcome's certificate as text. Its ends move to what the checker derives, which differs in the
/// last digits at most.
pub fn written(args: &BoundArgs, loaded: &Loaded, budget: &Budget, outcome: &mut Outcome) -> Result<Written> {
    let started = Instant::now();
    let (claim, digest) =
        certify(&loaded.problem, outcome, &Budget { deadline: budget.deadline.again(), ..budget.clone() });
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
    let bytes = read_file(&args.net)?;
    let name = args.net.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let source = Source {
        name,
        sha256: loaded.net.sha256.clone(),
        bytes: (bytes.len() <= EMBEDDED).then(|| base64::encode(&bytes)),
        input_shape: args.import.input_shape.clone(),
        keep_softmax: args.import.keep_softmax,
        mean: args.mean.clone(),
        std: args.std.clone(),
    };
    let (region, quotient) = (loaded.problem.region.clone(), loaded.problem.quotient);
    let text = to_text(&Certificate { source, region, quotient, claim });
    Ok(Written { text, seconds: started.elapsed().as_secs_f64(), warning })
}
