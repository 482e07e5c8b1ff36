//! Files that are no networks but are often given as one: what they are and what to do instead.

use crate::data::npz;
use crate::error::Error;

const TORCH: &str = "export the model: torch.onnx.export(model.eval(), (x,), \"model.onnx\")";
const AGAIN: &str = "download or export the file again";

/// The error for a file that is recognised as something else.
pub fn recognised(bytes: &[u8]) -> Option<Error> {
    let text = |word: &str| {
        let start = &bytes[..bytes.len().min(64)];
        let start = start.iter().skip_while(|b| b.is_ascii_whitespace());
        start.map(u8::to_ascii_lowercase).take(word.len()).eq(word.bytes())
    };
    let (what, next) = match bytes {
        [] => ("the file is empty", AGAIN),
        [0x80, 2..=5, ..] => (
            "this is a Python pickle, such as an old PyTorch checkpoint or a scikit-learn model",
            "export the model: torch.onnx.export(…), or skl2onnx.to_onnx(…)",
        ),
        [0x89, b'H', b'D', b'F', ..] => {
            ("this is an HDF5 file, such as a Keras model", "convert it to ONNX with tf2onnx")
        }
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => {
            ("this is a TensorFlow Lite model", "convert it to ONNX with tf2onnx")
        }
        [0x1f, 0x8b, ..] => ("the file is compressed", "unpack it with gunzip"),
        _ if text("version https://git-lfs") => {
            ("this is a pointer of Git LFS, not the file itself", "fetch the file: git lfs pull")
        }
        _ if text("<!doctype html") || text("<html") => {
            ("this is a web page, not the file itself", "download the raw file")
        }
        _ if npz::is_npz(bytes) => match archive(bytes)? {
            "torch" => ("this is a PyTorch checkpoint: weights, but not how they are joined", TORCH),
            _ => ("this is a Keras model", "convert it to ONNX with tf2onnx"),
        },
        _ => return None,
    };
    Some(Error::import(what).next(next))
}

/// Whose archive it is.
fn archive(bytes: &[u8]) -> Option<&'static str> {
    let names = npz::names(bytes).ok()?;
    let holds = |ending: &str| names.iter().any(|n| n.ends_with(ending));
    match () {
        _ if holds("data.pkl") => Some("torch"),
        _ if holds("model.weights.h5") => Some("keras"),
        _ => None,
    }
}

/// What to do about arrays of such a name.
pub fn names(name: &str) -> &'static str {
    let module =
        [".weight", ".bias", ".running_mean", ".running_var", ".num_batches_tracked", ".in_proj_weight"];
    match name {
        n if n.starts_with("coef") || n.starts_with("intercept") => {
            "scikit-learn's coefs_ are in × out: save W1=coefs_[0].T, b1=intercepts_[0], …"
        }
        n if module.iter().any(|ending| n.ends_with(ending)) => {
            "a PyTorch state_dict does not say how layers are joined: export the model with \
             torch.onnx.export(model.eval(), (x,), \"model.onnx\"), or name the arrays of dense layers \
             with relu between them W1, b1, W2, b2, …"
        }
        _ => "name the arrays W1, b1, W2, b2, … (W_k is out × in) and leave the others out",
    }
}
