//! IDX, the format of the MNIST files: two zero bytes, element type, number of axes, sizes,
//! then big-endian values.

use super::{Array, Values, product, shape_text};
use crate::error::{Error, Result};

fn bad(what: impl Into<String>) -> Error {
    Error::input(what).next("fetch the IDX file again; it may also be given as .npy")
}

pub fn is_idx(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 0x08 | 0x09 | 0x0b..=0x0e, axes, ..] if (1..=8).contains(axes))
}

/// Reads one array.
pub fn parse(bytes: &[u8]) -> Result<Array> {
    if !is_idx(bytes) {
        return Err(bad("this is not an IDX file"));
    }
    let (kind, axes) = (bytes[2], bytes[3] as usize);
    let (sizes, data) =
        bytes[4..].split_at_checked(4 * axes).ok_or_else(|| bad("the IDX file is cut short"))?;
    let shape: Vec<usize> =
        sizes.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let size = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        _ => 8,
    };
    let expected = product(&shape).and_then(|n| n.checked_mul(size));
    if expected != Some(data.len()) {
        return Err(bad(format!(
            "an IDX array of shape {} does not fit {} bytes of data",
            shape_text(&shape),
            data.len()
        )));
    }
    let bits = |item: &[u8]| item.iter().fold(0u64, |a, &b| a << 8 | b as u64);
    let items = data.chunks_exact(size).map(bits);
    let values = match kind {
        0x08 => Values::U8(data.to_vec()),
        0x09 => Values::I64(items.map(|x| x as i8 as i64).collect()),
        0x0b => Values::I64(items.map(|x| x as i16 as i64).collect()),
        0x0c => Values::I64(items.map(|x| x as i32 as i64).collect()),
        0x0d => Values::F64(items.map(|x| f32::from_bits(x as u32) as f64).collect()),
        _ => Values::F64(items.map(f64::from_bits).collect()),
    };
    Ok(Array { shape, values })
}
