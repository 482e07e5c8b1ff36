//! Fully connected networks in safetensors files: a length (u64, little
//! endian), a JSON header `{name: {dtype, shape, data_offsets}}`, then bytes.
//!
//! Names are `W1, b1, …` as in `.npz`, and mean the same; `act_k`, a text there, stands in
//! `__metadata__`. Names of PyTorch modules do not say how layers are joined and are refused.

use super::{Net, npz};
use crate::data::{Array, Values};
use crate::error::{Error, Result};
use half::{bf16, f16};
use serde_json::Value;
use std::collections::BTreeMap;

pub fn load(bytes: &[u8]) -> Result<Net> {
    npz::from_arrays(read(bytes)?)
}

fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    let broken = |what: &str| Error::import(format!("this is not a safetensors file: {what}"));
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| broken("it is too short"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| broken("its header is cut off"))?;
    let mut header: BTreeMap<String, Value> =
        serde_json::from_slice(header).map_err(|e| broken(&format!("its header is not JSON ({e})")))?;
    let mut out = header.remove("__metadata__").map_or(vec![], activations);
    let mut left = data.len();
    for (name, entry) in header {
        out.push((
            name.clone(),
            array(&entry, data, &mut left).map_err(|e| e.at(format!("tensor {name:?}")))?,
        ));
    }
    Ok(out)
}

/// The texts `act_k` among what is said of the file.
fn activations(metadata: Value) -> Vec<(String, Array)> {
    let Value::Object(entries) = metadata else { return vec![] };
    let is_act = |name: &str| {
        let number = name.strip_prefix("act").unwrap_or_default();
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    let array = |text: String| Array { shape: vec![], values: Values::Text(vec![text]) };
    let named = entries.into_iter().filter(|(name, _)| is_act(name));
    named.filter_map(|(name, v)| Some((name, array(v.as_str()?.into())))).collect()
}

/// `left`: bytes of data that no tensor has taken yet.
fn array(entry: &Value, data: &[u8], left: &mut usize) -> Result<Array> {
    let sizes = |key: &str| -> Option<Vec<usize>> {
        entry.get(key)?.as_array()?.iter().map(|v| usize::try_from(v.as_u64()?).ok()).collect()
    };
    let shape = sizes("shape").ok_or_else(|| Error::import("has no shape"))?;
    let part = match sizes("data_offsets").as_deref() {
        Some(&[from, to]) => data.get(from..to),
        _ => None,
    };
    let part = part.ok_or_else(|| Error::import("lies outside the file"))?;
    let rest = left.checked_sub(part.len());
    *left = rest.ok_or_else(|| Error::import("shares its bytes with another tensor"))?;
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
