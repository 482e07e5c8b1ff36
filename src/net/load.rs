//! A network file of any supported format.

use super::{Net, Options, nnet, npz, onnx, safetensors};
use crate::data::read_file;
use crate::error::{Error, Result};
use std::path::Path;

/// Reads the file and imports it by its extension, or by what it begins with.
pub fn load(path: &Path, options: &Options) -> Result<Net> {
    let place = path.display().to_string();
    let bytes = read_file(path)?;
    from_bytes(&bytes, path.extension().and_then(|e| e.to_str()).unwrap_or(""), options).map_err(|mut e| {
        e.place = if e.place.is_empty() { place } else { format!("{place}, {}", e.place) };
        e.next("networks are .onnx, .npz, .safetensors or .nnet files")
    })
}

/// The same for a file's content, by the file's extension.
pub fn from_bytes(bytes: &[u8], extension: &str, options: &Options) -> Result<Net> {
    let extension = extension.to_ascii_lowercase();
    let net = match &extension[..] {
        "onnx" => return onnx::load(bytes, options),
        "npz" => npz::load(bytes)?,
        "safetensors" => safetensors::load(bytes)?,
        "nnet" => nnet::load(bytes)?,
        _ if bytes.starts_with(b"PK\x03\x04") => npz::load(bytes)?,
        _ if bytes.starts_with(b"//") => nnet::load(bytes)?,
        _ if bytes.get(8) == Some(&b'{') => safetensors::load(bytes)?,
        _ if bytes.first() == Some(&8) => return onnx::load(bytes, options),
        _ => return Err(Error::import("the file is none of the known formats")),
    };
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
