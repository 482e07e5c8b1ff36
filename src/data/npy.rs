//! NumPy `.npy`: header versions 1 to 3, numbers, booleans and strings of either byte order.
//!
//! The header is a Python dictionary literal; the parser here knows just the three keys and
//! the literals that occur in them. Sizes are checked against the file before allocating.

use super::{Array, Cells, Values, product, shape_text};
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Elements without bytes (`<U0`) cost memory that the file does not pay for.
const MAX_EMPTY: usize = 1 << 16;

fn bad(what: impl Into<String>) -> Error {
    Error::input(what).next("write it again with numpy.save, as a plain array of numbers")
}

pub fn is_npy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads one array.
pub fn parse(bytes: &[u8]) -> Result<Array> {
    let (header, data) = split(bytes)?;
    let Header { descr, fortran, shape } = Header::parse(header)?;
    let count =
        product(&shape).ok_or_else(|| bad(format!("the array has the impossible shape {shape:?}")))?;
    let kind = Kind::parse(&descr)?;
    let size = kind.size;
    let expected = count.saturating_mul(size);
    if data.len() != expected || (size == 0 && count > MAX_EMPTY) {
        return Err(bad(format!(
            "an array of shape {} and type {descr:?} needs {expected} bytes, the file holds {}",
            shape_text(&shape),
            data.len()
        )));
    }
    let values = kind.read(data, count)?;
    let values = if fortran && shape.len() > 1 { to_row_major(&shape, values) } else { values };
    Ok(Array { shape, values })
}

/// Header text and data.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let cut = || bad("the .npy file is cut short");
    if !is_npy(bytes) {
        return Err(bad("this is not an .npy file"));
    }
    let (version, rest) = bytes[MAGIC.len()..].split_at_checked(2).ok_or_else(cut)?;
    let width = match version[0] {
        1 => 2,
        2 | 3 => 4,
        v => return Err(bad(format!("unknown .npy version {v}"))),
    };
    let (length, rest) = rest.split_at_checked(width).ok_or_else(cut)?;
    let length = length.iter().rev().fold(0usize, |a, &b| a << 8 | b as usize);
    rest.split_at_checked(length).ok_or_else(cut)
}

struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &[u8]) -> Result<Header> {
        let text = String::from_utf8_lossy(text);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        let mut rest = Literal(text.trim());
        rest.expect('{')?;
        while !rest.take('}') {
            let key = rest.string()?;
            rest.expect(':')?;
            match key.as_str() {
                "descr" => descr = Some(rest.string()?),
                "fortran_order" => fortran = Some(rest.boolean()?),
                "shape" => shape = Some(rest.shape()?),
                _ => return Err(bad(format!("unknown key {key:?} in the .npy header"))),
            }
            if !rest.take(',') {
                rest.expect('}')?;
                break;
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok(Header { descr, fortran, shape }),
            _ => Err(bad("the .npy header lacks descr, fortran_order or shape")),
        }
    }
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl Literal<'_> {
    fn take(&mut self, c: char) -> bool {
        self.0 = self.0.trim_start();
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<()> {
        let near: String = self.0.chars().take(20).collect();
        if self.take(c) { Ok(()) } else { Err(bad(format!("the .npy header lacks {c:?} before {near:?}"))) }
    }

    fn string(&mut self) -> Result<String> {
        let quote = if self.take('\'') {
            '\''
        } else if self.take('"') {
            '"'
        } else {
            return Err(bad("the .npy file holds a structured type, or its header is damaged"));
        };
        let end = self.0.find(quote).ok_or_else(|| bad("the .npy header has an open string"))?;
        let text = self.0[..end].to_string();
        self.0 = &self.0[end + 1..];
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool> {
        self.0 = self.0.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(bad("fortran_order is neither True nor False"))
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        self.expect('(')?;
        let mut shape = vec![];
        while !self.take(')') {
            let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            shape.push(self.0[..end].parse().map_err(|_| bad("the shape is no list of sizes"))?);
            self.0 = &self.0[end..];
            self.take('L');
            if shape.len() > 64 {
                return Err(bad("the shape has more than 64 axes"));
            }
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
            self.0 = self.0.trim_start();
        }
        Ok(shape)
    }
}

/// One element type: `<f4` is little-endian, letter f, 4 bytes.
struct Kind {
    letter: u8,
    size: usize,
    big: bool,
}

impl Kind {
    fn parse(descr: &str) -> Result<Kind> {
        let unknown = || {
            bad(format!("the element type {descr:?} is not supported"))
                .next("save numbers (float16/32/64, integers, booleans) or strings")
        };
        let (order, rest) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            rest => (b'|', rest),
        };
        let (&letter, digits) = rest.split_first().ok_or_else(unknown)?;
        let size: usize = match (letter, digits) {
            (b'?', []) => 1,
            _ => std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or_else(unknown)?,
        };
        let (letter, size) = match (letter, size) {
            (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'S' | b'a', _) => (letter, size),
            (b'b' | b'?', 1) => (b'b', 1),
            (b'U', n) => (b'U', n.checked_mul(4).ok_or_else(unknown)?),
            _ => return Err(unknown()),
        };
        if size > 1 && !matches!(letter, b'S' | b'a') && !matches!(order, b'<' | b'>') {
            return Err(unknown());
        }
        Ok(Kind { letter, size, big: order == b'>' })
    }

    fn read(&self, data: &[u8], count: usize) -> Result<Values> {
        if self.size == 0 {
            return Ok(Values::Text(vec![String::new(); count]));
        }
        let items = data.chunks_exact(self.size);
        let bits = |item: &[u8]| -> u64 {
            let fold = |a: u64, b: &u8| a << 8 | *b as u64;
            if self.big { item.iter().fold(0, fold) } else { item.iter().rev().fold(0, fold) }
        };
        Ok(match (self.letter, self.size) {
            (b'f', 2) => Values::F64(items.map(|i| half::f16::from_bits(bits(i) as u16).to_f64()).collect()),
            (b'f', 4) => Values::F64(items.map(|i| f32::from_bits(bits(i) as u32) as f64).collect()),
            (b'f', _) => Values::F64(items.map(|i| f64::from_bits(bits(i))).collect()),
            (b'u', 1) => Values::U8(data.to_vec()),
            (b'u', _) => {
                let wide = |i: &[u8]| {
                    let x = bits(i);
                    i64::try_from(x).map_err(|_| bad(format!("the integer {x} is too large")))
                };
                Values::I64(items.map(wide).collect::<Result<_>>()?)
            }
            (b'i', size) => {
                let unused = 64 - 8 * size as u32;
                Values::I64(items.map(|i| (bits(i) << unused) as i64 >> unused).collect())
            }
            (b'b', _) => Values::Bool(data.iter().map(|&b| b != 0).collect()),
            (b'U', _) => {
                let text = |item: &[u8]| -> Result<String> {
                    let text: Option<String> =
                        item.chunks_exact(4).map(|c| char::from_u32(bits(c) as u32)).collect();
                    let text = text.ok_or_else(|| bad("a string holds an invalid character"))?;
                    Ok(text.trim_end_matches('\0').to_string())
                };
                Values::Text(items.map(text).collect::<Result<_>>()?)
            }
            _ => Values::Text(
                items.map(|i| String::from_utf8_lossy(i).trim_end_matches('\0').to_string()).collect(),
            ),
        })
    }
}

/// Column-major values in row-major order.
fn to_row_major(shape: &[usize], values: Values) -> Values {
    fn permute<T: Clone>(shape: &[usize], values: &[T]) -> Vec<T> {
        let mut steps = vec![1; shape.len()];
        for k in 1..shape.len() {
            steps[k] = steps[k - 1] * shape[k - 1];
        }
        let mut index = vec![0; shape.len()];
        let mut from = 0;
        let mut out = Vec::with_capacity(values.len());
        for _ in 0..values.len() {
            out.push(values[from].clone());
            for k in (0..shape.len()).rev() {
                index[k] += 1;
                from += steps[k];
                if index[k] < shape[k] {
                    break;
                }
                from -= steps[k] * shape[k];
                index[k] = 0;
            }
        }
        out
    }
    match values {
        Values::F64(v) => Values::F64(permute(shape, &v)),
        Values::I64(v) => Values::I64(permute(shape, &v)),
        Values::U8(v) => Values::U8(permute(shape, &v)),
        Values::Bool(v) => Values::Bool(permute(shape, &v)),
        Values::Text(v) => Values::Text(permute(shape, &v)),
        Values::Decimal(v) => Values::Decimal(Cells { at: permute(shape, &v.at), text: v.text }),
    }
}

/// A version 1 file of f64 values.
pub fn write_f64(shape: &[usize], values: &[f64]) -> Vec<u8> {
    write(&Array { shape: shape.to_vec(), values: Values::F64(values.to_vec()) })
}

/// A version 1 file of any array, little-endian and row-major.
pub fn write(array: &Array) -> Vec<u8> {
    if let Values::Decimal(cells) = &array.values {
        let texts = Values::Text(cells.iter().map(str::to_string).collect());
        return write(&Array { values: texts, shape: array.shape.clone() });
    }
    let width = match &array.values {
        Values::Text(v) => v.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1),
        _ => 0,
    };
    let descr = match &array.values {
        Values::F64(_) => "<f8".to_string(),
        Values::I64(_) => "<i8".into(),
        Values::U8(_) => "|u1".into(),
        Values::Bool(_) => "|b1".into(),
        Values::Text(_) | Values::Decimal(_) => format!("<U{width}"),
    };
    let sizes: String = array.shape.iter().map(|s| format!("{s}, ")).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", sizes.trim_end());
    while !(MAGIC.len() + 4 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut out = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    match &array.values {
        Values::F64(v) => out.extend(v.iter().flat_map(|x| x.to_le_bytes())),
        Values::I64(v) => out.extend(v.iter().flat_map(|x| x.to_le_bytes())),
        Values::U8(v) => out.extend(v),
        Values::Decimal(_) => unreachable!("written as text"),
        Values::Bool(v) => out.extend(v.iter().map(|&b| b as u8)),
        Values::Text(v) => {
            for text in v {
                let codes: Vec<u32> = text.chars().map(|c| c as u32).collect();
                let padded = codes.iter().copied().chain(std::iter::repeat(0)).take(width);
                out.extend(padded.flat_map(|c| c.to_le_bytes()));
            }
        }
    }
    out
}
