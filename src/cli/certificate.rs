//! Certificates of results: written after the checker has derived them once.

use super::problem::Loaded;
use crate::certificate::file::{Certificate, write as to_text};
use crate::deadline::Stop;
use crate::engine::{Answer, Certified};
use crate::method::Budget;
use crate::report::WarningInfo;
use std::time::Instant;

pub struct Written {
    pub text: String,
    pub seconds: f64,
    pub warning: Option<WarningInfo>,
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
    let source = (**loaded.model.source()).clone();
    let (region, quotient) = (loaded.problem.region.clone(), loaded.problem.quotient);
    let text = to_text(&Certificate { source, region, quotient, claim });
    Written { text, seconds: started.elapsed().as_secs_f64(), warning }
}
