//! NumPy `.npz`: a zip archive of `.npy` entries, stored or deflated.
//!
//! Unpacked sizes are bounded by what the archive's directory declares, their sum by the size of
//! the file, and every entry's CRC is compared.

use super::{Array, gzip, npy};
use crate::error::{Error, Result};
use std::io::{Cursor, Write};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn bad(what: impl Into<String>) -> Error {
    Error::input(what).next("write it again with numpy.savez or numpy.savez_compressed")
}

fn damaged(e: ZipError) -> Error {
    bad(format!("the archive cannot be read: {e}"))
}

pub fn is_npz(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>> {
    ZipArchive::new(Cursor::new(bytes)).map_err(damaged)
}

/// All arrays in the order of the archive, names without `.npy`. Other entries are skipped.
pub fn read(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    let mut archive = open(bytes)?;
    if archive.has_duplicate_names() {
        return Err(bad("two arrays of the archive have the same name"));
    }
    let mut total = 0u64;
    for at in 0..archive.len() {
        total = total.saturating_add(archive.by_index_data(at).map_err(damaged)?.size());
    }
    if total > gzip::limit(bytes.len()) {
        return Err(bad(format!("the archive claims to unpack to {} MiB", total >> 20))
            .next("write it uncompressed, with numpy.savez"));
    }
    let mut arrays = vec![];
    for at in 0..archive.len() {
        let name = archive.by_index_data(at).and_then(|e| Ok(e.name()?.into_owned())).map_err(damaged)?;
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let array = content(&mut archive, at)
            .and_then(|data| npy::parse(&data))
            .map_err(|e| e.at(format!("array {name:?} of the archive")))?;
        arrays.push((name.to_string(), array));
    }
    Ok(arrays)
}

/// The bytes of one entry: as many as the directory declares.
fn content(archive: &mut ZipArchive<Cursor<&[u8]>>, at: usize) -> Result<Vec<u8>> {
    let entry = archive.by_index(at).map_err(damaged)?;
    let size = entry.size();
    let data = gzip::read_limited(entry, size)?;
    match data.len() as u64 == size {
        true => Ok(data),
        false => Err(bad("the archive is damaged: an entry is shorter than it claims")),
    }
}

/// The names of all entries of a zip archive.
pub fn names(bytes: &[u8]) -> Result<Vec<String>> {
    let archive = open(bytes)?;
    archive.file_names().map(|name| Ok(name.map_err(damaged)?.into_owned())).collect()
}

/// An archive of stored entries; `None` when it would need 64-bit sizes.
pub fn write(arrays: &[(String, Array)]) -> Option<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(vec![]));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), stored).ok()?;
        archive.write_all(&npy::write(array)).ok()?;
    }
    archive.finish().ok().map(Cursor::into_inner)
}
