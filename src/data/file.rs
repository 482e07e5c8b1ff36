//! From a file name to its arrays. The format is told by the content (npy, npz, IDX, PNG,
//! JPEG, all also gzipped), by the name only for tables of text.

use super::{Array, csv, gzip, idx, image, npy, npz};
use crate::error::{Error, Kind, Result};
use std::io::Read;
use std::path::Path;

/// Path and what follows the `#`. A file whose name holds a `#` wins over a shorter name.
pub fn split_spec(spec: &str) -> (&str, Option<&str>) {
    if Path::new(spec).is_file() {
        return (spec, None);
    }
    let mut cuts: Vec<usize> = spec.match_indices('#').map(|(at, _)| at).collect();
    let shortest = cuts.first().copied();
    cuts.reverse();
    match cuts.into_iter().find(|&at| Path::new(&spec[..at]).is_file()).or(shortest) {
        Some(at) => (&spec[..at], Some(&spec[at + 1..])),
        None => (spec, None),
    }
}

/// What a file holds.
pub enum Decoded {
    Array(Array),
    Image(Array),
    Named(Vec<(String, Array)>),
}

/// The content of a file, unpacked.
pub fn decode(path: &str, bytes: &[u8]) -> Result<Decoded> {
    let bytes = &*gzip::unpack(bytes)?;
    if let Some(e) = foreign(bytes) {
        return Err(e);
    }
    let lower = path.to_ascii_lowercase();
    let name = lower.strip_suffix(".gz").unwrap_or(&lower);
    let is = |ending: &str| name.ends_with(ending);
    if npy::is_npy(bytes) || is(".npy") {
        npy::parse(bytes).map(Decoded::Array)
    } else if npz::is_npz(bytes) || is(".npz") {
        npz::read(bytes).map(Decoded::Named)
    } else if image::is_png(bytes) || image::is_jpeg(bytes) || is(".png") || is(".jpg") || is(".jpeg") {
        image::decode(bytes).map(|i| Decoded::Image(i.into_array()))
    } else if idx::is_idx(bytes) || is(".idx") || is("-ubyte") {
        idx::parse(bytes).map(Decoded::Array)
    } else if is(".csv") || is(".txt") || is(".tsv") {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::input("the table is not UTF-8 text").next("save it as UTF-8"))?;
        csv::parse(text).map(Decoded::Array)
    } else {
        Err(Error::input("the file is of no known format")
            .next("known: .npy .npz .csv .png .jpg .idx, or any of them .gz"))
    }
}

/// The error for a file that holds arrays, but none that can be read here.
fn foreign(bytes: &[u8]) -> Option<Error> {
    let torch = "read it with torch.load and save the sample: numpy.save(\"x.npy\", sample.numpy())";
    let (what, next) = match bytes {
        [0x80, 2..=5, ..] => {
            ("this is a Python pickle, such as an old PyTorch file: it is code, not an array", torch)
        }
        _ if npz::is_npz(bytes) => {
            let names = npz::names(bytes).ok()?;
            let holds = |ending: &str| names.iter().any(|n| n.ends_with(ending));
            match () {
                _ if holds(".npy") => return None,
                _ if holds("data.pkl") => ("this is a PyTorch file, not an array", torch),
                _ => ("the archive holds no arrays", "write it with numpy.savez(\"x.npz\", x=sample)"),
            }
        }
        _ => return None,
    };
    Some(Error::input(what).next(next))
}

/// One array of an archive and the rest of the fragment: `name`, `name#row`, or only `row`
/// when there is just one array.
pub fn pick(
    arrays: Vec<(String, Array)>,
    fragment: Option<&str>,
    spec: &str,
) -> Result<(Array, Option<String>)> {
    let names: Vec<&str> = arrays.iter().map(|(n, _)| n.as_str()).collect();
    let index = |wanted: &str| names.iter().position(|n| *n == wanted);
    let whole = fragment.and_then(index);
    let parts = fragment.and_then(|f| f.rsplit_once('#'));
    let (at, row) = match (whole, parts, fragment) {
        (Some(at), ..) => (Some(at), None),
        (None, Some((name, row)), _) => (index(name), Some(row.to_string())),
        (None, None, f) if arrays.len() == 1 => (Some(0), f.map(str::to_string)),
        _ => (None, None),
    };
    let what = match fragment {
        _ if arrays.is_empty() => "the archive holds no arrays".into(),
        Some(f) => format!("the archive has no array {:?}", f.split('#').next().unwrap_or(f)),
        None => "the archive holds several arrays and none is picked".into(),
    };
    let more = if names.len() > 12 { ", …" } else { "" };
    let listed = names.iter().take(12).copied().collect::<Vec<_>>().join(", ");
    let next = format!("name one, FILE.npz#name or FILE.npz#name#row: {listed}{more}");
    at.and_then(|at| arrays.into_iter().nth(at))
        .map(|(_, array)| (array, row))
        .ok_or_else(|| Error::input(what).at(spec).next(next))
}

/// Bytes of a pipe or device that are read at most.
const MAX_STREAM: u64 = 256 << 20;

/// The bytes of a file, within what is ever read.
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let place = path.display().to_string();
    let failed = |e: std::io::Error| {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => Kind::Input,
            std::io::ErrorKind::IsADirectory | std::io::ErrorKind::InvalidInput => Kind::Input,
            _ => Kind::Device,
        };
        let what = match e.kind() {
            std::io::ErrorKind::NotFound => "the file does not exist".into(),
            std::io::ErrorKind::IsADirectory => "this is a directory, not a file".into(),
            _ => format!("the file cannot be read: {e}"),
        };
        let next = match e.kind() {
            std::io::ErrorKind::IsADirectory => "name a file in it",
            _ => "check the path and its permissions",
        };
        Error::new(kind, what).at(&place).next(next)
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    // Pipes and devices do not say where they end.
    let limit = if metadata.is_file() { gzip::MAX_UNPACKED } else { MAX_STREAM };
    let too_large = || {
        Error::input(format!("the file has more than {} MiB", limit >> 20))
            .at(&place)
            .next("this is more than is ever read: check the path, or split the file")
    };
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = vec![];
    bytes.try_reserve_exact(metadata.len() as usize).map_err(|e| failed(e.into()))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(bytes)
}
