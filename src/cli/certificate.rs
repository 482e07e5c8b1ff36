//! Certificates of results: written after the checker has derived them once.

use super::args::BoundArgs;
use super::problem::Loaded;
use crate::certificate::file::{Certificate, EMBEDDED, External, Source, write as to_text};
use crate::data::base64;
use crate::deadline::Stop;
use crate::engine::{Answer, Certified};
use crate::method::Budget;
use crate::net::{self, SourceFile};
use crate::report::WarningInfo;
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

/// The pair's certificate as text, if the time left allows: who asked for the end of a search still wants
/// to see what it found checked. Its ends move to what the checker derives, which differs in the
/// last digits at most.
pub fn written(loaded: &Loaded, budget: &Budget, pair: &mut Answer) -> Written {
    let started = Instant::now();
    let Certified { claim, digest } = pair.certify(&budget.clone().or_until(Stop::new()));
    let warning = digest.map(|why| WarningInfo {
        code: "digest".into(),
        text: format!("the certificate can only be run again, not checked: {why}"),
    });
    let source = loaded.source.clone();
    let (region, quotient) = (loaded.problem.region.clone(), loaded.problem.quotient);
    let text = to_text(&Certificate { source, region, quotient, claim });
    Written { text, seconds: started.elapsed().as_secs_f64(), warning }
}
