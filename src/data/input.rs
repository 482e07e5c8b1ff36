//! `--input FILE[#ROW]`: from a file name to samples of a network.

use super::file::{Decoded, decode, pick, read_file, split_spec};
use super::sample::{self, Scale};
use super::{Array, Values, product, sha256, shape_text};
use crate::error::{Error, Result};
use crate::num::Written;
use std::path::{Path, PathBuf};

/// One sample and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedInput {
    pub values: Vec<Written>,
    /// The row that was taken, where the file has rows.
    pub row: Option<usize>,
    /// `--scale` applied: the file holds 8-bit values.
    pub eight_bit: bool,
    /// Of the whole file.
    pub sha256: String,
}

impl LoadedInput {
    /// The floats nearest to the values.
    pub fn nearest(&self) -> Vec<f64> {
        self.values.iter().map(Written::nearest).collect()
    }
}

/// All samples of a file, converted one at a time.
#[derive(Clone, Debug)]
pub struct Rows {
    source: Source,
    shape: Vec<usize>,
    scale: Scale,
    place: String,
    sha256: String,
}

#[derive(Clone, Debug)]
enum Source {
    /// First axis: samples.
    Many(Array),
    One(Array),
    Image(Array),
    /// A picture each, by name.
    Folder(Vec<PathBuf>),
}

impl Rows {
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Many(a) => a.row_count(),
            Source::Folder(files) => files.len(),
            Source::One(_) | Source::Image(_) => 1,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sample in one row.
    pub fn get(&self, row: usize) -> Result<Vec<Written>> {
        let count = self.len();
        let out_of_range = || {
            let what = format!("there is no row {row}: the file has {count} row{}", plural(count));
            let next = match count {
                0 => "give a file that holds samples".into(),
                1 => "rows count from 0: leave #ROW out".into(),
                n => format!("rows count from 0: #0 to #{}", n - 1),
            };
            Error::input(what).next(next).at(self.place.clone())
        };
        if row >= count {
            return Err(out_of_range());
        }
        match &self.source {
            Source::Many(a) => a
                .row(row)
                .ok_or_else(out_of_range)
                .and_then(|r| sample::from_array(&r, &self.shape, self.scale))
                .map_err(|e| e.at(format!("{}, row {row}", self.place))),
            Source::One(a) => {
                sample::from_array(a, &self.shape, self.scale).map_err(|e| e.at(self.place.clone()))
            }
            Source::Image(a) => {
                sample::from_image(a, &self.shape, self.scale).map_err(|e| e.at(self.place.clone()))
            }
            Source::Folder(files) => {
                let path = files[row].display().to_string();
                let located = |e: Error| e.at(path.clone());
                match decode(&path, &read_file(&path)?).map_err(located)? {
                    Decoded::Image(a) => sample::from_image(&a, &self.shape, self.scale).map_err(located),
                    Decoded::Array(_) | Decoded::Named(_) => {
                        Err(located(Error::input("the file holds no picture")))
                    }
                }
            }
        }
    }

    /// What a sample is called: its file, or its row.
    pub fn key(&self, row: usize) -> String {
        match &self.source {
            Source::Folder(files) => name(&files[row]),
            Source::Many(_) | Source::One(_) | Source::Image(_) => row.to_string(),
        }
    }

    /// Names of files, where each sample is one.
    pub fn names(&self) -> Option<Vec<String>> {
        match &self.source {
            Source::Folder(files) => Some(files.iter().map(|f| name(f)).collect()),
            Source::Many(_) | Source::One(_) | Source::Image(_) => None,
        }
    }

    /// Of the file, or of the names and contents of a folder.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    pub fn eight_bit(&self) -> bool {
        match &self.source {
            Source::Many(a) | Source::One(a) | Source::Image(a) => matches!(a.values, Values::U8(_)),
            Source::Folder(_) => true,
        }
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// The one sample that `spec` names.
pub fn load_input(spec: &str, net_input_shape: &[usize], scale: Scale) -> Result<LoadedInput> {
    picked(spec, open(spec, net_input_shape, scale)?)
}

/// The one sample of a file that is in memory.
pub fn held_input(bytes: &[u8], net_input_shape: &[usize], scale: Scale) -> Result<LoadedInput> {
    picked(HELD, opened(HELD, bytes, net_input_shape, scale)?)
}

fn picked(spec: &str, (rows, picked, sha256): (Rows, Option<usize>, String)) -> Result<LoadedInput> {
    let row = match picked {
        Some(row) => row,
        None if rows.len() == 1 => 0,
        None => {
            let n = rows.len();
            let what = format!("the file has {n} rows and none is picked");
            let next = match n {
                0 => "give a file that holds samples".into(),
                _ => format!("add #ROW, 0 to {}: --input '{spec}#0'", n - 1),
            };
            return Err(Error::input(what).at(spec).next(next));
        }
    };
    let many = matches!(rows.source, Source::Many(_));
    let values = rows.get(row)?;
    Ok(LoadedInput { values, row: many.then_some(row), eight_bit: rows.eight_bit(), sha256 })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The pictures of a folder, by name.
fn folder(path: &str, shape: &[usize], scale: Scale) -> Result<Rows> {
    let failed = |e: std::io::Error| Error::input(format!("the folder cannot be read: {e}")).at(path);
    let mut files: Vec<PathBuf> = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
        .map_err(failed)?;
    let is_picture = |p: &PathBuf| {
        let ending = p.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        p.is_file() && ending.is_some_and(|e| matches!(e.as_str(), "png" | "jpg" | "jpeg"))
    };
    files.retain(is_picture);
    files.sort();
    if files.is_empty() {
        return Err(Error::input("the folder holds no pictures")
            .at(path)
            .next("give a folder of .png or .jpg"));
    }
    let mut all = String::new();
    for file in &files {
        all += &format!("{} {}\n", sha256::hex(&read_file(file.display().to_string())?), name(file));
    }
    let sha256 = sha256::hex(all.as_bytes());
    Ok(Rows { source: Source::Folder(files), shape: shape.to_vec(), scale, place: path.into(), sha256 })
}

/// What messages call a file that is in memory.
const HELD: &str = "array";

/// Every sample of a file that is in memory.
pub fn held_rows(bytes: &[u8], net_input_shape: &[usize], scale: Scale) -> Result<Rows> {
    Ok(opened(HELD, bytes, net_input_shape, scale)?.0)
}

/// Every sample of a file, or of a folder of pictures; with #ROW just that one.
pub fn load_rows(spec: &str, net_input_shape: &[usize], scale: Scale) -> Result<Rows> {
    if Path::new(spec).is_dir() {
        return folder(spec, net_input_shape, scale);
    }
    let (mut rows, picked, _) = open(spec, net_input_shape, scale)?;
    if let Some(row) = picked {
        rows.get(row)?;
        if let Source::Many(a) = &rows.source
            && let Some(one) = a.row(row)
        {
            rows.source = Source::One(one);
        }
    }
    Ok(rows)
}

/// The file's samples, the row that is picked, and the file's digest.
fn open(spec: &str, shape: &[usize], scale: Scale) -> Result<(Rows, Option<usize>, String)> {
    opened(spec, &read_file(split_spec(spec).0)?, shape, scale)
}

/// The same of its bytes.
fn opened(spec: &str, bytes: &[u8], shape: &[usize], scale: Scale) -> Result<(Rows, Option<usize>, String)> {
    let (path, fragment) = split_spec(spec);
    let located = |e: Error| e.at(path);
    let (source, row) = match decode(path, bytes).map_err(located)? {
        Decoded::Image(array) => (Source::Image(array), parse_row(fragment, spec)?),
        Decoded::Array(array) => (arrange(array, shape).map_err(located)?, parse_row(fragment, spec)?),
        Decoded::Named(arrays) => {
            let (array, row) = pick(arrays, fragment, spec)?;
            (arrange(array, shape).map_err(located)?, parse_row(row.as_deref(), spec)?)
        }
    };
    let sha256 = sha256::hex(bytes);
    let rows = Rows { source, shape: shape.to_vec(), scale, place: path.to_string(), sha256: sha256.clone() };
    Ok((rows, row, sha256))
}

fn parse_row(text: Option<&str>, spec: &str) -> Result<Option<usize>> {
    let bad = |t: &str| {
        Error::input(format!("{t:?} is no row number"))
            .at(format!("--input {spec}"))
            .next("rows are FILE#7, from 0; arrays of an archive FILE.npz#name#7")
    };
    match text {
        None => Ok(None),
        Some(t) if t.bytes().all(|b| b.is_ascii_digit()) => t.parse().map(Some).map_err(|_| bad(t)),
        Some(t) => Err(bad(t)),
    }
}

/// Whether the array is one sample or a list of them.
fn arrange(array: Array, shape: &[usize]) -> Result<Source> {
    let whole = array.shape.as_slice();
    let batch_of_one = whole.len() == shape.len() + 1 && whole[0] == 1 && whole[1..] == *shape;
    if whole == shape || batch_of_one || sample::agrees(whole, shape) {
        return Ok(Source::One(array));
    }
    let row = whole.get(1..).unwrap_or(&[]);
    if !whole.is_empty() && sample::agrees(row, shape) {
        return Ok(Source::Many(array));
    }
    let (found, wanted) = (shape_text(whole), shape_text(shape));
    let extra = product(row).is_some_and(|n| Some(n) == product(shape).and_then(|m| m.checked_add(1)));
    let next = if whole.len() == 2 && extra {
        "each row has one value too many: if one column holds labels, remove it"
    } else if product(whole) == product(shape) || product(row) == product(shape) {
        "the size is right, the order of axes is not: transpose the array"
    } else {
        "give one sample, or one sample per row, in that shape"
    };
    Err(Error::input(format!("the array has shape {found}, the network wants {wanted}")).next(next))
}
