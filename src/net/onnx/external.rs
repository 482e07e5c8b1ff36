//! Tensors whose values lie in other files beside the model (`data_location = EXTERNAL`), as
//! PyTorch writes them: `NAME.onnx.data`, with an offset and a length per tensor.
//!
//! The model says which files to open, so it is not believed: a location is a relative path
//! without `..` that, links resolved, ends in the model's own folder at a regular file. Files
//! are read once and whole; ranges are checked against what was read; all tensors together may
//! take little more than the files hold, so that a range named a thousand times takes no memory.

use super::proto::TensorProto;
use crate::data::{read_file, sha1};
use crate::error::{Error, Kind, Result};
use crate::net::SourceFile;
use prost::bytes::Bytes;
use std::path::{Component, Path, PathBuf};

/// Bytes that tensors may take beyond what the files hold: weights that are used twice.
const SHARED: usize = 1 << 20;

/// Bytes of all external files together.
const LARGEST: u64 = 4 << 30;

/// Where the files named by a model are, and those that have been read.
#[derive(Debug)]
pub struct Beside {
    place: Place,
    read: Vec<SourceFile>,
    /// Bytes that tensors may still take.
    left: usize,
}

#[derive(Debug)]
enum Place {
    /// The model came from memory or through a pipe.
    Nowhere,
    /// The folder in which locations are looked up, and the real folders in which they may end:
    /// that one and, where the model is a link, the folder of the file itself.
    Folder {
        folder: PathBuf,
        allowed: Vec<PathBuf>,
    },
    Held(Vec<SourceFile>),
}

impl Beside {
    pub fn nothing() -> Self {
        Beside { place: Place::Nowhere, read: vec![], left: 0 }
    }

    pub fn held(files: Vec<SourceFile>) -> Self {
        Beside { place: Place::Held(files), ..Self::nothing() }
    }

    /// The folder of a model; none for a pipe.
    pub fn of(model: &Path) -> Self {
        let folder = match model.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let real = model.canonicalize().ok();
        let own = real.as_ref().and_then(|r| r.parent()).map(Path::to_path_buf);
        let allowed: Vec<PathBuf> = folder.canonicalize().ok().into_iter().chain(own).collect();
        match model.is_file() {
            true => Beside { place: Place::Folder { folder, allowed }, ..Self::nothing() },
            false => Self::nothing(),
        }
    }

    /// In the order in which the model names them.
    pub fn read(&self) -> &[SourceFile] {
        &self.read
    }

    /// Bytes of all files that have been read.
    pub fn size(&self) -> usize {
        self.read.iter().map(|f| f.bytes.len()).sum()
    }

    /// The values of a tensor, as bytes.
    pub fn values(&mut self, proto: &TensorProto) -> Result<Bytes> {
        self.located(proto)
            .map_err(|e| e.next("export the network again, or save it with its weights inside"))
    }

    fn located(&mut self, proto: &TensorProto) -> Result<Bytes> {
        let entry = |key: &str| proto.external_data.iter().find(|e| e.key == key).map(|e| &e.value[..]);
        let location = entry("location").ok_or_else(|| Error::import("names no file for its values"))?;
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => match text.parse::<usize>() {
                Ok(n) => Ok(Some(n)),
                Err(_) => Err(Error::import(format!("its {key} {text:?} is no number of bytes"))),
            },
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let bytes = self.file(location)?;
        if let Some(sum) = entry("checksum").filter(|s| !s.is_empty())
            && !sum.eq_ignore_ascii_case(&sha1::hex(&bytes))
        {
            return Err(Error::import(format!(
                "the file {location:?} has another checksum than the model names"
            ))
            .next("export the network again, or fetch both files again"));
        }
        let end = match length {
            Some(length) => offset.checked_add(length),
            None => Some(bytes.len()),
        };
        let end = end.filter(|&end| offset <= end && end <= bytes.len()).ok_or_else(|| {
            let range =
                length.map_or(format!("from byte {offset}"), |n| format!("{n} bytes from byte {offset}"));
            Error::import(format!("its values, {range}, lie outside of {location:?} ({} bytes)", bytes.len()))
                .next("the file is cut short or belongs to another model: export both again")
        })?;
        self.left = self.left.checked_sub(end - offset).ok_or_else(|| {
            Error::import("the tensors of the model take more bytes than the files beside it hold")
        })?;
        Ok(bytes.slice(offset..end))
    }

    /// A file that the model names, read once.
    fn file(&mut self, location: &str) -> Result<Bytes> {
        if let Some(known) = self.read.iter().find(|f| f.name == location) {
            return Ok(known.bytes.clone());
        }
        let file = match &self.place {
            Place::Held(files) => files.iter().find(|f| f.name == location).cloned().ok_or_else(|| {
                Error::import(format!("its values are in the file {location:?}, which is not here"))
            })?,
            Place::Nowhere => {
                return Err(Error::import(format!(
                    "its values are in the file {location:?} beside the model"
                ))
                .next("name the model by its path, not through a pipe, or save it with its weights inside"));
            }
            Place::Folder { folder, allowed } => {
                let room = LARGEST.saturating_sub(self.size() as u64);
                SourceFile::new(location, fetch(location, folder, allowed, room)?)
            }
        };
        self.left = self.left.saturating_add(file.bytes.len()).saturating_add(SHARED);
        self.read.push(file.clone());
        Ok(file.bytes)
    }
}

fn fetch(location: &str, folder: &Path, allowed: &[PathBuf], room: u64) -> Result<Vec<u8>> {
    let place = format!("file {location:?}");
    let inside = |c: Component| matches!(c, Component::Normal(_) | Component::CurDir);
    let plain = !location.contains(['\\', '\0']) && Path::new(location).components().all(inside);
    let refuse = |what: &str| {
        Error::import(format!("its values are said to be in {location:?}, {what}"))
            .next("put the file beside the model, or save the model with its weights inside")
    };
    if !plain || location.is_empty() {
        return Err(refuse("which is no path below the model's folder"));
    }
    let path = folder.join(location);
    let real = path.canonicalize().map_err(|e| {
        let what = if e.kind() == std::io::ErrorKind::NotFound {
            "the file with the network's weights does not exist".into()
        } else {
            format!("the file with the network's weights cannot be read: {e}")
        };
        Error::new(Kind::Input, what)
            .at(&place)
            .next("put it beside the model: PyTorch writes NAME.onnx and NAME.onnx.data")
    })?;
    if !allowed.iter().any(|a| real.starts_with(a)) {
        return Err(refuse("a link out of the model's folder"));
    }
    // A pipe could block, a device never end.
    let metadata = real.metadata().map_err(|_| refuse("which cannot be read"))?;
    if !metadata.is_file() {
        return Err(refuse("which is no regular file"));
    }
    if metadata.len() > room {
        return Err(refuse("which is larger than is ever read"));
    }
    read_file(&real)
}
