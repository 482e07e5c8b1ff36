//! The JSON form: names and order of the contract, numbers with a direction.

use super::{BoundReport, LowerInfo, UpperInfo};
use crate::data::decimal::{decimal_down, decimal_up, hex};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// Version of the object that `bound` writes.
pub const SCHEMA: &str = "clarke.bound/1";

/// One object on several lines, with a final newline.
pub fn pretty(report: &BoundReport) -> String {
    text(serde_json::to_string_pretty(report))
}

/// One object on one line, with a final newline.
pub fn line(report: &BoundReport) -> String {
    text(serde_json::to_string(report))
}

fn text(json: serde_json::Result<String>) -> String {
    // The structures hold only strings, numbers and lists, which always serialise.
    json.unwrap_or_else(|e| format!("{{\"error\":{:?}}}", e.to_string())) + "\n"
}

/// A number printed with a direction; words as strings.
pub struct Directed(pub String);

impl Serialize for Directed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match RawValue::from_string(self.0.clone()) {
            Ok(number) => number.serialize(serializer),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

impl Serialize for UpperInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &Directed(decimal_up(self.value)))?;
        map.serialize_entry("hex", &hex(self.value))?;
        map.serialize_entry("method", &self.method)?;
        map.serialize_entry("proved", &self.proved)?;
        map.end()
    }
}

impl Serialize for LowerInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &Directed(decimal_down(self.value)))?;
        map.serialize_entry("hex", &hex(self.value))?;
        map.serialize_entry("method", &self.method)?;
        map.serialize_entry("proved", &self.proved)?;
        map.serialize_entry("witness", &self.witness)?;
        map.end()
    }
}

impl Serialize for BoundReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.upper.value.is_nan() || self.lower.value.is_nan() {
            return Err(S::Error::custom("a bound is not a number"));
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", SCHEMA)?;
        map.serialize_entry("tool", &self.tool)?;
        map.serialize_entry("net", &self.net)?;
        map.serialize_entry("region", &self.region)?;
        map.serialize_entry("units", &self.units)?;
        map.serialize_entry("quotient", &self.quotient)?;
        map.serialize_entry("upper", &self.upper)?;
        map.serialize_entry("lower", &self.lower)?;
        map.serialize_entry("estimate", &self.estimate)?;
        map.serialize_entry("exact", &self.exact)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("require", &self.require)?;
        map.serialize_entry("splits", &self.splits)?;
        map.serialize_entry("nodes", &self.nodes)?;
        map.serialize_entry("rounding_share", &self.rounding_share)?;
        map.serialize_entry("seconds", &self.seconds)?;
        map.serialize_entry("peak_bytes", &self.peak_bytes)?;
        map.serialize_entry("device", &self.device)?;
        map.serialize_entry("assumptions", &self.assumptions)?;
        map.serialize_entry("warnings", &self.warnings)?;
        map.serialize_entry("certificate", &self.certificate)?;
        map.end()
    }
}
