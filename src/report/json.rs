//! The JSON form: names and order of the contract, numbers with a direction.

use super::BoundReport;
use crate::num::decimal::{decimal_down, decimal_up, hex};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

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

/// An end as `value` and `hex`: for people and exactly.
fn end<S: Serializer>(x: f64, decimal: fn(f64) -> String, serializer: S) -> Result<S::Ok, S::Error> {
    if x.is_nan() {
        return Err(S::Error::custom("a bound is not a number"));
    }
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("value", &Directed(decimal(x)))?;
    map.serialize_entry("hex", &hex(x))?;
    map.end()
}

pub fn upper<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    end(*x, decimal_up, serializer)
}

pub fn lower<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    end(*x, decimal_down, serializer)
}

pub fn all_up<S: Serializer>(list: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(|x| Directed(decimal_up(*x))))
}

pub fn all_down<S: Serializer>(list: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(|x| Directed(decimal_down(*x))))
}

pub fn some_down<S: Serializer>(x: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    x.map(|x| Directed(decimal_down(x))).serialize(serializer)
}
