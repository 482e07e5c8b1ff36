//! Fully connected networks in safetensors files: a length (u64, little
//! endian), a JSON header `{name: {dtype, shape, data_offsets}}`, then bytes.
//!
//! Names are `W1, b1, …` as in `.npz`, or `N.weight` and `N.bias` (any prefix) in
//! the order of the numbers; relu between layers, none at the end.

use super::{Net, npz};
use crate::data::{Array, Values};
use crate::error::{Error, Result};
use half::{bf16, f16};
use serde_json::Value;
use std::collections::BTreeMap;

pub fn load(bytes: &[u8]) -> Result<Net> {
    npz::from_arrays(numbered(read(bytes)?)?)
}

fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    let broken = |what: &str| Error::import(format!("this is not a safetensors file: {what}"));
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| broken("it is too short"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| broken("its header is cut off"))?;
    let header: BTreeMap<String, Value> =
        serde_json::from_slice(header).map_err(|e| broken(&format!("its header is not JSON ({e})")))?;
    let mut out = vec![];
    for (name, entry) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
        out.push((name.clone(), array(&entry, data).map_err(|e| e.at(format!("tensor {name:?}")))?));
    }
    Ok(out)
}

fn array(entry: &Value, data: &[u8]) -> Result<Array> {
    let sizes = |key: &str| -> Option<Vec<usize>> {
        entry.get(key)?.as_array()?.iter().map(|v| usize::try_from(v.as_u64()?).ok()).collect()
    };
    let shape = sizes("shape").ok_or_else(|| Error::import("has no shape"))?;
    let part = match sizes("data_offsets").as_deref() {
        Some(&[from, to]) => data.get(from..to),
        _ => None,
    };
    let part = part.ok_or_else(|| Error::import("lies outside the file"))?;
    let values = match entry.get("dtype").and_then(Value::as_str) {
        Some("F64") => floats(part, f64::from_le_bytes),
        Some("F32") => floats(part, |b| f32::from_le_bytes(b) as f64),
        Some("F16") => floats(part, |b| f16::from_le_bytes(b).to_f64()),
        Some("BF16") => floats(part, |b| bf16::from_le_bytes(b).to_f64()),
        other => return Err(Error::unsupported(format!("has the element type {other:?}"))),
    };
    let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    match values {
        Some(values) if count == Some(values.len()) => Ok(Array { shape, values: Values::F64(values) }),
        _ => Err(Error::import(format!("does not have as many values as its shape {shape:?}"))),
    }
}

fn floats<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| chunks.iter().map(|&c| read(c)).collect())
}

/// `…N.weight`, `…N.bias` renamed to `W1, b1, …`; other names stay.
fn numbered(arrays: Vec<(String, Array)>) -> Result<Vec<(String, Array)>> {
    let number = |name: &str| -> Option<u64> {
        let stem = name.strip_suffix(".weight").or(name.strip_suffix(".bias"))?;
        let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        stem[stem.len() - digits..].parse().ok()
    };
    let mut layers: Vec<u64> =
        arrays.iter().filter(|(n, _)| n.ends_with(".weight")).filter_map(|(n, _)| number(n)).collect();
    layers.sort_unstable();
    if layers.windows(2).any(|w| w[0] == w[1]) {
        return Err(Error::import("two weights have the same number"));
    }
    let renamed = arrays.into_iter().map(|(name, array)| {
        let place = number(&name).and_then(|n| layers.binary_search(&n).ok());
        let letter = if name.ends_with(".bias") { "b" } else { "W" };
        (place.map_or(name, |p| format!("{letter}{}", p + 1)), array)
    });
    Ok(renamed.collect())
}
