//! Reading data files: arrays, tables, images, boxes. Nothing of networks, no arithmetic
//! beyond exact conversion, so that every number here is the number in the file.

pub mod base64;
pub mod csv;
pub mod file;
pub mod gzip;
pub mod idx;
#[cfg(feature = "images")]
pub mod image;
#[cfg(not(feature = "images"))]
#[path = "pictures.rs"]
mod image;
pub mod input;
pub mod npy;
pub mod npz;
pub mod records;
pub mod regions;
pub mod sample;
pub mod sha1;
pub mod sha256;
pub mod vnnlib;

pub use file::read_file;
pub use input::{LoadedInput, Rows, held_input, held_rows, load_input, load_rows};
pub use regions::{load_box, load_labels, load_vnnlib, parse_center};
pub use sample::Scale;

use crate::error::{Error, Result};
use crate::num::Written;
use std::ops::Range;
use std::sync::Arc;

/// A row-major array of any number of axes; `shape` and `values` agree in size.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Values,
}

/// Elements by what they mean; every narrower number type is widened exactly.
/// `U8` is kept apart because only 8-bit data is subject to `--scale`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    F64(Vec<f64>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    Bool(Vec<bool>),
    Text(Vec<String>),
    /// As they were written.
    Decimal(Cells),
}

/// Numbers of a text, where they stand in it.
#[derive(Clone, Debug)]
pub struct Cells {
    text: Arc<str>,
    at: Vec<Range<usize>>,
}

impl Cells {
    fn of(text: &str) -> Cells {
        Cells { text: text.into(), at: vec![] }
    }

    /// A part of the text from which this was made.
    fn push(&mut self, cell: &str, text: &str) {
        let start = cell.as_ptr() as usize - text.as_ptr() as usize;
        self.at.push(start..start + cell.len());
    }

    fn len(&self) -> usize {
        self.at.len()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.at.iter().map(|at| &self.text[at.clone()])
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::F64(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::U8(v) => v.len(),
            Values::Bool(v) => v.len(),
            Values::Text(v) => v.len(),
            Values::Decimal(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slice(&self, range: std::ops::Range<usize>) -> Values {
        match self {
            Values::F64(v) => Values::F64(v[range].to_vec()),
            Values::I64(v) => Values::I64(v[range].to_vec()),
            Values::U8(v) => Values::U8(v[range].to_vec()),
            Values::Bool(v) => Values::Bool(v[range].to_vec()),
            Values::Text(v) => Values::Text(v[range].to_vec()),
            Values::Decimal(v) => Values::Decimal(Cells { at: v.at[range].to_vec(), ..v.clone() }),
        }
    }
}

impl Array {
    /// `None` when the shape and the number of values disagree.
    pub fn new(shape: Vec<usize>, values: Values) -> Option<Self> {
        (product(&shape) == Some(values.len())).then_some(Array { shape, values })
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The numbers as f64, or an error where that would not be exact; of texts the nearest.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        match &self.values {
            Values::F64(v) => Ok(v.clone()),
            Values::U8(v) => Ok(v.iter().map(|&x| x as f64).collect()),
            Values::Bool(v) => Ok(v.iter().map(|&x| x as u8 as f64).collect()),
            Values::I64(v) => match v.iter().find(|x| x.unsigned_abs() > 1 << 53) {
                Some(big) => Err(Error::input(format!("the integer {big} has no exact f64"))),
                None => Ok(v.iter().map(|&x| x as f64).collect()),
            },
            Values::Text(_) => Err(Error::input("the array holds text, not numbers")),
            Values::Decimal(v) => Ok(v.iter().map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()),
        }
    }

    /// The numbers as they are in the file.
    pub fn written(&self) -> Result<Vec<Written>> {
        let bad = |k: usize, what: String| {
            Error::input(format!("value {k} is {what}")).next("inputs must be finite numbers")
        };
        if let Values::Decimal(v) = &self.values {
            let number = |(k, cell)| Written::parse(cell).map_err(|why| bad(k, format!("{cell}: it {why}")));
            return v.iter().enumerate().map(number).collect();
        }
        let number = |(k, x)| Written::float(x).ok_or_else(|| bad(k, format!("{x}, not a finite number")));
        self.to_f64()?.into_iter().enumerate().map(number).collect()
    }

    /// Size of the first axis; a scalar counts as one row.
    pub fn row_count(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The part of the array at one index of the first axis.
    pub fn row(&self, index: usize) -> Option<Array> {
        if index >= self.row_count() {
            return None;
        }
        let size = self.len() / self.row_count();
        let shape = self.shape.get(1..).unwrap_or(&[]).to_vec();
        Some(Array { shape, values: self.values.slice(index * size..(index + 1) * size) })
    }

    /// The array split on its first axis.
    pub fn rows(&self) -> Vec<Array> {
        (0..self.row_count()).map_while(|i| self.row(i)).collect()
    }
}

/// The number of elements of a shape, where it fits.
pub fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b))
}

/// "3x32x32" for messages.
pub fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".into();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
