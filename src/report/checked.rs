//! What `check` found: which claim about which network and region, and whether it was derived again.

use super::{QuestionInfo, RegionInfo, csv, human, json};
use crate::num::decimal::{decimal_down, decimal_up, rounded_down, rounded_up};
use serde::{Serialize, Serializer};

/// The result of `check`; its serialised form is the JSON contract, field for field.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    pub accepted: bool,
    pub rules: Vec<&'static str>,
    pub seconds: f64,
    /// Why it is not accepted.
    pub reason: Option<String>,
    pub verdict: Verdict,
    pub net: Named,
    pub region: Place,
    pub units: Normalised,
    pub quotient: QuestionInfo,
    #[serde(serialize_with = "upper")]
    pub upper: f64,
    #[serde(serialize_with = "lower")]
    pub lower: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Accepted,
    Refused,
    /// Neither shown nor wrong.
    Undecided,
}

/// The network that the certificate names and holds.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub name: String,
    pub sha256: String,
    pub inputs: usize,
    pub outputs: usize,
    /// How it was read, where that changes the function.
    pub input_shape: Option<Vec<usize>>,
    pub output_name: Option<String>,
    pub keep_softmax: bool,
}

/// What is applied to inputs first, as it was written.
#[derive(Clone, Debug, Serialize)]
pub struct Normalised {
    pub mean: Option<Vec<String>>,
    pub std: Option<Vec<String>>,
}

/// The region with every number as it was written.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Place {
    #[serde(flatten)]
    pub info: RegionInfo,
    pub centre: Option<Vec<String>>,
    pub lo: Option<Vec<String>>,
    pub hi: Option<Vec<String>>,
}

impl CheckReport {
    /// The table that a person sees.
    pub fn table(&self, width: usize) -> String {
        let mut out = String::new();
        let mut line = |label: &str, text: &str| human::put_in(&mut out, label, text, width);
        line("net", &format!("{}   {} → {}", self.net.name, self.net.inputs, self.net.outputs));
        line("sha256", &self.net.sha256);
        self.ways().iter().for_each(|way| line("read", way));
        line("region", &human::region(&self.region.info, self.net.inputs));
        let listed = [("centre", &self.region.centre), ("from", &self.region.lo), ("to", &self.region.hi)];
        for (label, list) in listed {
            if let Some(list) = list {
                line(label, &some(list));
            }
        }
        line("claim", &human::claim(&self.quotient, self.region.info.global));
        line("pair", &format!("{} ≤ L ≤ {}", rounded_down(self.lower, 10), rounded_up(self.upper, 10)));
        let reason = self.reason.clone().unwrap_or_default();
        match self.verdict {
            Verdict::Accepted => {
                line("accepted", &format!("{} ({:.2} s)", self.rules.join(", "), self.seconds))
            }
            Verdict::Refused => line("refused", &reason),
            Verdict::Undecided => line("undecided", &reason),
        }
        out
    }

    /// What stands between the file and the function.
    fn ways(&self) -> Vec<String> {
        let numbers =
            |name: &str, list: &Option<Vec<String>>| Some(format!("{name} {}", some(list.as_ref()?)));
        let shape = self.net.input_shape.as_ref().map(|s| format!("input shape {s:?}"));
        let output = self.net.output_name.as_ref().map(|o| format!("output {o:?}"));
        let softmax = self.net.keep_softmax.then(|| "the softmax at the end is kept".into());
        let units = [numbers("mean", &self.units.mean), numbers("std", &self.units.std)];
        [shape, output, softmax].into_iter().chain(units).flatten().collect()
    }

    /// A header and one line.
    pub fn csv(&self) -> String {
        let (r, q) = (&self.region.info, &self.quotient);
        let header = "accepted,rules,seconds,reason,net,sha256,region,norm,radius,in_norm,out_norm,output,quantity,\
                      upper,lower\n";
        let cells = [
            self.accepted.to_string(),
            self.rules.join("; "),
            self.seconds.to_string(),
            self.reason.clone().unwrap_or_default(),
            self.net.name.clone(),
            self.net.sha256.clone(),
            r.kind.clone(),
            r.norm.clone().unwrap_or_default(),
            r.radius_text.clone().unwrap_or_default(),
            q.in_norm.clone(),
            q.out_norm.clone(),
            q.output.clone(),
            q.quantity.clone(),
            decimal_up(self.upper),
            decimal_down(self.lower),
        ];
        header.to_string() + &csv::line(cells)
    }
}

/// An end as it was claimed, were it no number at all.
fn upper<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if x.is_nan() { serializer.serialize_str("nan") } else { json::upper(x, serializer) }
}

fn lower<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if x.is_nan() { serializer.serialize_str("nan") } else { json::lower(x, serializer) }
}

/// The first few of a list.
fn some(list: &[String]) -> String {
    let first: Vec<&str> = list.iter().take(6).map(String::as_str).collect();
    format!("[{}{}]", first.join(", "), if list.len() > 6 { ", …" } else { "" })
}
