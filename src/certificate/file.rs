//! Certificates as files: the problem, the claim and its evidence in JSON.

use super::check::Claim;
use super::{Proof, Witness};
use crate::error::{Error, Result};
use crate::num::{Norm, Written};
use crate::problem::{Output, Quantity, Question};
use crate::region::{Region, Shape};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const SCHEMA: &str = "clarke.certificate/2";

/// Networks whose files have up to this many bytes together travel with the certificate.
pub const EMBEDDED: usize = 1 << 18;

/// How the network came from its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub name: String,
    /// Of the file; where others hold its weights, of the list of all their digests.
    pub sha256: String,
    /// The file itself, in base64.
    pub bytes: Option<String>,
    /// Files with weights that the network's file names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<External>,
    pub input_shape: Option<Vec<usize>>,
    /// Which output, where the file has several and it was asked for by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_name: Option<String>,
    pub keep_softmax: bool,
    pub mean: Option<Vec<Written>>,
    pub std: Option<Vec<Written>>,
}

/// A file beside the network's, by the name that the network gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    pub name: String,
    pub sha256: String,
    pub bytes: Option<String>,
}

/// Everything but the network itself.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub source: Source,
    pub region: Region,
    pub quotient: Question,
    pub claim: Claim,
}

impl Certificate {
    /// As a file holds it.
    pub fn to_text(&self) -> String {
        write(self)
    }

    /// From a file's text; nothing is believed, see `check`.
    pub fn read(text: &str) -> Result<Certificate> {
        read(text)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    version: String,
    net: Source,
    region: Place,
    quotient: Wording,
    upper: Number,
    lower: Number,
    witness: Option<Witness>,
    proof: Proof,
}

/// A question without an answer, in the same form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub net: Source,
    region: Place,
    quotient: Wording,
}

impl Asked {
    pub fn new(net: Source, region: &Region, quotient: &Question) -> Asked {
        Asked { net, region: place(region), quotient: question(quotient) }
    }

    /// What is asked of the network, and where.
    pub fn read(self) -> Result<(Region, Question)> {
        Ok((region(self.region)?, quotient(self.quotient)?))
    }
}

/// A number, and exactly.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    value: Value,
    bits: String,
}

/// What was written; everything that follows from it is derived again.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Place {
    Global {},
    Ball { centre: Vec<Written>, radius: Written, norm: String, clip: Option<[Written; 2]> },
    Box { lo: Vec<Written>, hi: Vec<Written>, centre: Option<Vec<Written>> },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wording {
    in_norm: String,
    out_norm: String,
    output: String,
    quantity: String,
}

fn number(x: f64) -> Number {
    let value = if x.is_finite() { Value::from(x) } else { Value::from(x.to_string()) };
    Number { value, bits: format!("{:016x}", x.to_bits()) }
}

fn bad(what: &str) -> Error {
    Error::input(format!("the certificate is damaged: {what}")).next("write it again with --certificate")
}

impl Number {
    fn read(&self) -> Result<f64> {
        let bits = u64::from_str_radix(&self.bits, 16).map_err(|_| bad("a number has no bits"))?;
        let x = f64::from_bits(bits);
        if number(x).value == self.value { Ok(x) } else { Err(bad("a number differs from its bits")) }
    }
}

pub fn write(c: &Certificate) -> String {
    let file = File {
        schema: SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        net: c.source.clone(),
        region: place(&c.region),
        quotient: question(&c.quotient),
        upper: number(c.claim.upper),
        lower: number(c.claim.lower),
        witness: c.claim.witness.clone(),
        proof: c.claim.proof.clone(),
    };
    serde_json::to_string(&file).expect("plain data") + "\n"
}

fn question(q: &Question) -> Wording {
    Wording {
        in_norm: q.in_norm.to_string(),
        out_norm: q.out_norm.to_string(),
        output: q.output.to_string(),
        quantity: if q.quantity == Quantity::Anchored { "anchored" } else { "lipschitz" }.into(),
    }
}

fn quotient(q: Wording) -> Result<Question> {
    Ok(Question {
        in_norm: norm(&q.in_norm)?,
        out_norm: norm(&q.out_norm)?,
        output: Output::read(&q.output).ok_or_else(|| bad("its output is no output"))?,
        quantity: match &q.quantity[..] {
            "lipschitz" => Quantity::Lipschitz,
            "anchored" => Quantity::Anchored,
            _ => return Err(bad("its quantity is neither lipschitz nor anchored")),
        },
    })
}

fn place(region: &Region) -> Place {
    match region.written() {
        None => Place::Global {},
        Some((Shape::Ball { radius, norm, clip }, centre)) => Place::Ball {
            centre: centre.to_vec(),
            radius: radius.clone(),
            norm: norm.to_string(),
            clip: clip.clone(),
        },
        Some((Shape::Box { lo, hi, named }, centre)) => {
            Place::Box { lo: lo.clone(), hi: hi.clone(), centre: named.then(|| centre.to_vec()) }
        }
    }
}

/// By the constructors that everybody uses; nothing that is implied is taken from the file.
fn region(place: Place) -> Result<Region> {
    let built = match place {
        Place::Global {} => return Ok(Region::Whole),
        Place::Ball { centre, radius, norm: name, clip } if !centre.is_empty() => {
            Region::ball_of(centre, radius, norm(&name)?, clip)
        }
        Place::Box { lo, hi, centre } if !lo.is_empty() => Region::box_of(lo, hi, centre),
        Place::Ball { .. } | Place::Box { .. } => return Err(bad("its region has no coordinates")),
    };
    built.map_err(|e| bad(&format!("its region is none: {}", e.what)))
}

pub fn read(text: &str) -> Result<Certificate> {
    let file: File = serde_json::from_str(text).map_err(|e| bad(&e.to_string()))?;
    if file.schema != SCHEMA {
        return Err(bad(&format!("its schema is {:?}, not {SCHEMA:?}", file.schema)));
    }
    let region = region(file.region)?;
    let quotient = quotient(file.quotient)?;
    let claim = Claim {
        upper: file.upper.read()?,
        lower: file.lower.read()?,
        witness: file.witness,
        proof: file.proof,
    };
    Ok(Certificate { source: file.net, region, quotient, claim })
}

fn norm(name: &str) -> Result<Norm> {
    Norm::ALL.into_iter().find(|n| n.to_string() == name).ok_or_else(|| bad("a norm is not 1, 2 or inf"))
}
