//! NumPy `.npz`: a zip archive of `.npy` entries, stored or deflated.
//!
//! The reader follows the central directory only. Unpacked sizes are bounded by what the
//! directory declares, their sum by the size of the file, and every entry's CRC is compared.

use super::{Array, gzip, npy};
use crate::error::{Error, Result};
use flate2::Crc;

const END: u32 = 0x0605_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;

fn bad(what: impl Into<String>) -> Error {
    Error::input(what).next("write it again with numpy.savez or numpy.savez_compressed")
}

pub fn is_npz(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// All arrays in the order of the archive, names without `.npy`. Other entries are skipped.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    let entries = directory(bytes)?;
    let total = entries.iter().fold(0u64, |a, e| a.saturating_add(e.unpacked));
    if total > gzip::limit(bytes.len()) {
        return Err(bad(format!("the archive claims to unpack to {} MiB", total >> 20))
            .next("write it uncompressed, with numpy.savez"));
    }
    let mut arrays: Vec<(String, Array)> = vec![];
    for entry in entries {
        let Some(name) = entry.name.strip_suffix(".npy") else { continue };
        if arrays.iter().any(|(n, _)| n == name) {
            return Err(bad(format!("two arrays are named {name:?}")));
        }
        let array = entry
            .content(bytes)
            .and_then(|data| npy::parse(&data))
            .map_err(|e| e.at(format!("array {name:?} of the archive")))?;
        arrays.push((name.to_string(), array));
    }
    Ok(arrays)
}

/// The names of all entries of a zip archive.
pub fn names(bytes: &[u8]) -> Result<Vec<String>> {
    Ok(directory(bytes)?.into_iter().map(|e| e.name).collect())
}

struct Entry {
    name: String,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    offset: u64,
}

/// `width` little-endian bytes at `at`.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let slice = bytes.get(at..at.checked_add(width)?)?;
    Some(slice.iter().rev().fold(0, |a, &b| a << 8 | b as u64))
}

fn directory(bytes: &[u8]) -> Result<Vec<Entry>> {
    let earliest = bytes.len().saturating_sub(22 + 65535);
    let end = (earliest..bytes.len().saturating_sub(21))
        .rev()
        .find(|&at| number(bytes, at, 4) == Some(END as u64))
        .ok_or_else(|| bad("the archive has no directory: it is cut short or no .npz file"))?;
    let (count, start) = end_record(bytes, end).ok_or_else(|| bad("the archive's directory is damaged"))?;
    let mut at = usize::try_from(start).unwrap_or(usize::MAX);
    let mut entries = vec![];
    for _ in 0..count {
        let (entry, next) =
            central_record(bytes, at).ok_or_else(|| bad("the archive's directory is damaged"))?;
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

/// Number of entries and start of the central directory, also from the 64-bit record.
fn end_record(bytes: &[u8], end: usize) -> Option<(u64, u64)> {
    let (count, start) = (number(bytes, end + 10, 2)?, number(bytes, end + 16, 4)?);
    if count != 0xffff && start != 0xffff_ffff {
        return Some((count, start));
    }
    let record = usize::try_from(number(bytes, end.checked_sub(20)?.checked_add(8)?, 8)?).ok()?;
    if number(bytes, record, 4)? != 0x0606_4b50 {
        return Some((count, start));
    }
    Some((number(bytes, record.checked_add(32)?, 8)?, number(bytes, record.checked_add(48)?, 8)?))
}

fn central_record(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let field = |offset: usize, width: usize| number(bytes, at.checked_add(offset)?, width);
    if field(0, 4)? != CENTRAL as u64 {
        return None;
    }
    let encrypted = field(8, 2)? & 1 == 1;
    let lengths = [field(28, 2)? as usize, field(30, 2)? as usize, field(32, 2)? as usize];
    let name_end = at.checked_add(46 + lengths[0])?;
    let name = String::from_utf8_lossy(bytes.get(at + 46..name_end)?).into_owned();
    let extra = bytes.get(name_end..name_end.checked_add(lengths[1])?)?;
    let mut sizes = [field(24, 4)?, field(20, 4)?, field(42, 4)?];
    widen(extra, &mut sizes);
    let [unpacked, packed, offset] = sizes;
    let method = if encrypted { u16::MAX } else { field(10, 2)? as u16 };
    let entry = Entry { name, method, crc: field(16, 4)? as u32, packed, unpacked, offset };
    Some((entry, name_end.checked_add(lengths[1] + lengths[2])?))
}

/// Replaces sizes of all ones by those of the 64-bit extra field, in its fixed order.
fn widen(extra: &[u8], sizes: &mut [u64; 3]) {
    let mut at = 0;
    while let (Some(id), Some(length)) = (number(extra, at, 2), number(extra, at + 2, 2)) {
        if id == 1 {
            let mut field = at + 4;
            for size in sizes.iter_mut().filter(|s| **s == 0xffff_ffff) {
                if let Some(wide) = number(extra, field, 8) {
                    *size = wide;
                }
                field += 8;
            }
        }
        at += 4 + length as usize;
    }
}

impl Entry {
    fn content(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let data = self.packed_bytes(bytes).ok_or_else(|| bad("the archive is cut short"))?;
        let out = match self.method {
            0 => data.to_vec(),
            8 => gzip::read_limited(flate2::read::DeflateDecoder::new(data), self.unpacked)?,
            u16::MAX => return Err(bad("the archive is encrypted")),
            other => return Err(bad(format!("the archive uses compression method {other}"))),
        };
        let mut crc = Crc::new();
        crc.update(&out);
        if out.len() as u64 != self.unpacked || crc.sum() != self.crc {
            return Err(bad("the archive is damaged: size or checksum differ"));
        }
        Ok(out)
    }

    fn packed_bytes<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let at = usize::try_from(self.offset).ok()?;
        if number(bytes, at, 4)? != LOCAL as u64 {
            return None;
        }
        let skip = 30 + number(bytes, at.checked_add(26)?, 2)? + number(bytes, at.checked_add(28)?, 2)?;
        let start = at.checked_add(skip as usize)?;
        bytes.get(start..start.checked_add(usize::try_from(self.packed).ok()?)?)
    }
}

/// An archive of stored entries; `None` when it would need 64-bit sizes.
pub fn write(arrays: &[(String, Array)]) -> Option<Vec<u8>> {
    let (mut out, mut central) = (vec![], vec![]);
    for (name, array) in arrays {
        let (name, data) = (format!("{name}.npy"), npy::write(array));
        let mut crc = Crc::new();
        crc.update(&data);
        let size = u32::try_from(data.len()).ok()?.to_le_bytes();
        let offset = u32::try_from(out.len()).ok()?.to_le_bytes();
        let length = u16::try_from(name.len()).ok()?.to_le_bytes();
        // Version 2.0, no flags, stored, 1 January 1980.
        let common =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 33, 0][..], &crc.sum().to_le_bytes(), &size, &size, &length, &[0, 0]]
                .concat();
        out.extend(LOCAL.to_le_bytes());
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&data);
        central.extend(CENTRAL.to_le_bytes());
        central.extend([20, 0]);
        central.extend(&common);
        central.extend([0; 10]);
        central.extend(offset);
        central.extend(name.as_bytes());
    }
    let count = u16::try_from(arrays.len()).ok()?.to_le_bytes();
    let start = u32::try_from(out.len()).ok()?.to_le_bytes();
    let size = u32::try_from(central.len()).ok()?.to_le_bytes();
    out.extend(central);
    out.extend([&END.to_le_bytes()[..], &[0; 4], &count, &count, &size, &start, &[0; 2]].concat());
    Some(out)
}
