//! A network's files, read once: what was imported is what the digest names and what a
//! certificate holds, whatever happens to the files meanwhile, and from a pipe too.

use super::{Net, Options, foreign, nnet, npz, onnx, safetensors};
use crate::data::{read_file, sha256};
use crate::error::{Error, Result};
use onnx::Beside;
use prost::bytes::Bytes;
use std::path::Path;

/// One file as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFile {
    /// The network's own file: its name without folders; others: as the network names them.
    pub name: String,
    pub bytes: Bytes,
}

impl SourceFile {
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        SourceFile { name: name.into(), bytes: bytes.into() }
    }

    pub fn sha256(&self) -> String {
        sha256::hex(&self.bytes)
    }
}

/// The network's file and where the files are that it names.
#[derive(Debug)]
pub struct Source {
    pub file: SourceFile,
    /// For messages.
    place: String,
    beside: Beside,
}

impl Source {
    /// The file at `path`, which may be a pipe. Files that it names are read by `import`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_file(path)?;
        let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        let beside = Beside::of(path);
        Ok(Source { file: SourceFile::new(name, bytes), place: path.display().to_string(), beside })
    }

    /// Files that are in memory already; no other is read.
    pub fn held(file: SourceFile, external: Vec<SourceFile>) -> Self {
        let place = file.name.clone();
        Source { file, place, beside: Beside::held(external) }
    }

    /// The network, by the extension of its file or by what the file begins with.
    pub fn import(&mut self, options: &Options) -> Result<Net> {
        let place = &self.place;
        let net = imported(&self.file, &mut self.beside, options);
        net.map_err(|mut e| {
            e.place = if e.place.is_empty() { place.clone() } else { format!("{place}, {}", e.place) };
            e
        })
    }

    /// The operators of an ONNX file; nothing for other files.
    pub fn operators(&mut self, options: &Options) -> Vec<onnx::Used> {
        onnx::operators(&self.file.bytes, &mut self.beside, options)
    }

    /// Files with weights that the import read, in the order in which it met them.
    pub fn external(&self) -> &[SourceFile] {
        self.beside.read()
    }

    /// Every file that the import read, the network's own first.
    pub fn files(&self) -> impl Iterator<Item = &SourceFile> {
        std::iter::once(&self.file).chain(self.external())
    }

    /// Bytes of all of them.
    pub fn size(&self) -> usize {
        self.files().map(|f| f.bytes.len()).sum()
    }

    /// Names everything that was read: the digest of the file; where others belong to it, the
    /// digest of a text with one line per file, its digest (`sha256sum FILES | cut -c1-64 |
    /// sha256sum`).
    pub fn sha256(&self) -> String {
        if self.external().is_empty() {
            return self.file.sha256();
        }
        let lines: String = self.files().map(|f| f.sha256() + "\n").collect();
        sha256::hex(lines.as_bytes())
    }
}

/// Reads the file and imports it.
pub fn load(path: &Path, options: &Options) -> Result<Net> {
    Source::read(path)?.import(options)
}

fn imported(file: &SourceFile, beside: &mut Beside, options: &Options) -> Result<Net> {
    let bytes = &file.bytes;
    if let Some(e) = foreign::recognised(bytes) {
        return Err(e);
    }
    let extension = Path::new(&file.name).extension().map_or(String::new(), |e| e.to_string_lossy().into());
    let net = match &extension.to_ascii_lowercase()[..] {
        "onnx" => return onnx::read(bytes, beside, options),
        "npz" => npz::load(bytes)?,
        "safetensors" => safetensors::load(bytes)?,
        "nnet" => nnet::load(bytes)?,
        _ if bytes.starts_with(b"PK\x03\x04") => npz::load(bytes)?,
        _ if bytes.starts_with(b"//") => nnet::load(bytes)?,
        _ if bytes.get(8) == Some(&b'{') => safetensors::load(bytes)?,
        _ if onnx::is_model(bytes) => return onnx::read(bytes, beside, options),
        _ => {
            return Err(Error::import("the file is none of the known formats")
                .next("networks are .onnx, .npz, .safetensors or .nnet files"));
        }
    };
    if options.output.is_some() {
        return Err(Error::input("the file's outputs have no names")
            .at("--output-name")
            .next("leave it out: only .onnx files have several outputs"));
    }
    match &options.input_shape {
        None => Ok(net),
        Some(shape) => shaped(net, shape),
    }
}

/// These formats have flat inputs; a picture's shape may be given.
fn shaped(mut net: Net, shape: &[usize]) -> Result<Net> {
    let len = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    if len != Some(net.inputs()) {
        let text = format!("--input-shape {shape:?} does not have {} elements", net.inputs());
        return Err(Error::input(text));
    }
    net.nodes[0].shape = match shape {
        [1, rest @ ..] if !rest.is_empty() => rest.to_vec(),
        _ => shape.to_vec(),
    };
    Ok(net)
}
