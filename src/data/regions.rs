//! What places a region: a centre on the command line, a box file, the box of a property; and
//! the labels of samples.

use super::file::{Decoded, decode, pick, read_file, split_spec};
use super::{gzip, shape_text, vnnlib};
use crate::error::{Error, Result};
use crate::num::Written;
use std::collections::HashMap;

/// `--center "0.1,0.2,…"`, each number as it is written.
pub fn parse_center(text: &str) -> Result<Vec<Written>> {
    let separator = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let cells = text.trim().trim_end_matches(separator).split(separator);
    let values = cells.filter(|c| !c.is_empty()).map(|cell| {
        Written::parse(cell).map_err(|why| {
            Error::input(format!("{cell:?} {why}")).at("--center").next("write --center \"0.1,0.2\"")
        })
    });
    let values: Vec<Written> = values.collect::<Result<_>>()?;
    if values.is_empty() {
        return Err(Error::input("the centre is empty").at("--center").next("write --center \"0.1,0.2\""));
    }
    Ok(values)
}

/// `--box FILE`: an array whose two rows are the lower and the upper corner, for `inputs` inputs.
pub fn load_box(path: &str, inputs: usize) -> Result<(Vec<Written>, Vec<Written>)> {
    let located = |e: Error| e.at(path);
    let bytes = read_file(path)?;
    let Decoded::Array(array) = decode(path, &bytes).map_err(located)? else {
        return Err(Error::input("a box is no picture and no archive")
            .at(path)
            .next("give a 2×n .npy: lo, hi"));
    };
    if array.shape.first() != Some(&2) || inputs.checked_mul(2) != Some(array.len()) {
        let what = format!("the box has shape {}, expected 2x{inputs}", shape_text(&array.shape));
        return Err(Error::input(what).at(path).next("give a 2×n .npy: lo, hi"));
    }
    let mut lo = array.written().map_err(located)?;
    let hi = lo.split_off(inputs);
    if let Some(k) = (0..inputs).find(|&k| lo[k] > hi[k]) {
        let what = format!("the box is empty: input {k} has lo {} > hi {}", lo[k], hi[k]);
        return Err(Error::input(what)
            .at(path)
            .next("the first row holds the lower ends, the second the upper"));
    }
    Ok((lo, hi))
}

/// `--labels FILE`: whole numbers, one a sample (.npy, .npz#name, .csv, .idx, also .gz); for samples that have
/// `names` a table of name and label.
pub fn load_labels(spec: &str, names: Option<&[String]>) -> Result<Vec<i64>> {
    let (path, fragment) = split_spec(spec);
    let located = |e: Error| e.at(path);
    let bytes = read_file(path)?;
    if let Some(names) = names
        && let Some(labels) = named_labels(&gzip::unpack(&bytes).map_err(located)?, names)
    {
        return labels.map_err(located);
    }
    let array = match decode(path, &bytes).map_err(located)? {
        Decoded::Array(array) => array,
        Decoded::Named(arrays) => pick(arrays, fragment, spec)?.0,
        Decoded::Image(_) => return Err(Error::input("labels are no picture").at(path)),
    };
    let bad = |what: String| Error::input(what).at(path).next("give one whole number per sample");
    if array.shape.iter().filter(|&&k| k != 1).count() > 1 {
        return Err(bad(format!("labels have shape {}", shape_text(&array.shape))));
    }
    let whole = |x: f64| {
        if x.fract() == 0.0 && x.abs() < 1e15 {
            Ok(x as i64)
        } else {
            Err(bad(format!("the label {x} is no whole number")))
        }
    };
    array.to_f64().map_err(located)?.into_iter().map(whole).collect()
}

/// Labels by name, of a table whose lines are `name,label`; None of anything else.
fn named_labels(bytes: &[u8], names: &[String]) -> Option<Result<Vec<i64>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let cell = |c: &str| c.trim().trim_matches('"').to_string();
    let line = |l: &str| {
        let (name, label) = l.rsplit_once([',', ';', '\t'])?;
        Some((cell(name), cell(label).parse().ok()?))
    };
    let known: HashMap<String, i64> = text.lines().filter_map(line).collect();
    if !names.iter().any(|n| known.contains_key(n)) {
        return None;
    }
    let label = |name: &String| {
        known.get(name).copied().ok_or_else(|| {
            Error::input(format!("{name} has no label")).next("give a line `name,label` for every picture")
        })
    };
    Some(names.iter().map(label).collect())
}

/// `--vnnlib FILE`: the input box of a property, for `inputs` inputs.
pub fn load_vnnlib(path: &str, inputs: usize) -> Result<vnnlib::Property> {
    let located = |e: Error| match e.place.as_str() {
        "" => e.at(path),
        place => Error { place: format!("{path}, {place}"), ..e },
    };
    let bytes = read_file(path)?;
    let bytes = gzip::unpack(&bytes).map_err(located)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Error::input("the property is not UTF-8 text").at(path).next("give a .vnnlib or .vnnlib.gz")
    })?;
    let property = vnnlib::parse(text).map_err(located)?;
    if property.lo.len() != inputs {
        let what = format!("the property has {} inputs, the network {inputs}", property.lo.len());
        return Err(Error::input(what).at(path).next("give the property that belongs to this network"));
    }
    Ok(property)
}
