//! Gzip and deflate with bounds on what comes out.

use crate::error::{Error, Result};
use std::borrow::Cow;
use std::io::Read;

/// Nothing larger than this is ever unpacked.
pub const MAX_UNPACKED: u64 = 4 << 30;
/// Small files may unpack to this much whatever their ratio.
const ALWAYS_ALLOWED: u64 = 256 << 20;
/// Beyond that, a file may grow by this factor: deflate reaches 1032, real data stays below 100.
const MAX_RATIO: u64 = 200;

/// The most that `packed` compressed bytes may unpack to.
pub fn limit(packed: usize) -> u64 {
    (packed as u64).saturating_mul(MAX_RATIO).clamp(ALWAYS_ALLOWED, MAX_UNPACKED)
}

/// Reads all of `reader`, at most `limit` bytes; memory grows only as bytes arrive.
pub fn read_limited(reader: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(limit + 1).read_to_end(&mut out).map_err(|e| {
        Error::input(format!("the compressed data is damaged: {e}")).next("fetch or write the file again")
    })?;
    if out.len() as u64 > limit {
        return Err(Error::input(format!("the data unpacks to more than {} MiB", limit >> 20))
            .next("unpack it yourself and give the unpacked file"));
    }
    Ok(out)
}

pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// The content of a gzip file (all its members); other bytes as they are.
pub fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if !is_gzip(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    read_limited(flate2::read::MultiGzDecoder::new(bytes), limit(bytes.len())).map(Cow::Owned)
}
