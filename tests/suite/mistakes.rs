//! What people give by mistake, and the words that tell them: other files than networks, units of
//! another scale.

use clarke::data::{Array, Values, npy, npz};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("clarke-mistakes-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Scratch(folder)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file");
        path.to_str().expect("UTF-8").into()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn clarke(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_clarke")).args(arguments).output().expect("it runs")
}

fn matrix(rows: usize, columns: usize) -> Array {
    Array { shape: vec![rows, columns], values: Values::F64(vec![0.5; rows * columns]) }
}

fn vector(n: usize) -> Array {
    Array { shape: vec![n], values: Values::F64(vec![0.5; n]) }
}

fn archive(arrays: &[(&str, Array)]) -> Vec<u8> {
    let arrays: Vec<(String, Array)> = arrays.iter().map(|(n, a)| (n.to_string(), a.clone())).collect();
    npz::write(&arrays).expect("an archive")
}

/// A safetensors file with one matrix.
fn tensors(name: &str) -> Vec<u8> {
    let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}}}"#);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat()
}

/// A zip archive with one entry of any name, as `npz::write` makes it of an array.
fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for at in 0..out.len() - from.len() {
        if out[at..].starts_with(from.as_bytes()) {
            out[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    out
}

#[test]
fn files_that_are_no_networks() {
    let scratch = Scratch::new("files");
    let digits = fs::read("tests/data/digits.onnx").expect("the network");
    let checkpoint = renamed(&archive(&[("net/data_pk", vector(3))]), "data_pk.npy", "xx/data.pkl");
    let cases = [
        ("model.pt", checkpoint.clone(), "PyTorch checkpoint", "torch.onnx.export("),
        ("model.onnx", checkpoint, "PyTorch checkpoint", "torch.onnx.export("),
        ("old.pth", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "pickle", "torch.onnx.export("),
        ("model.h5", b"\x89HDF\r\n\x1a\n".to_vec(), "Keras", "tf2onnx"),
        ("model.tflite", b"\x1c\x00\x00\x00TFL3\x14\x00".to_vec(), "TensorFlow Lite", "tf2onnx"),
        (
            "pointer.onnx",
            b"version https://git-lfs.github.com/spec/v1\noid".to_vec(),
            "Git LFS",
            "git lfs pull",
        ),
        ("page.onnx", b"\n\n<!DOCTYPE html><html>".to_vec(), "web page", "raw file"),
        ("packed.onnx", b"\x1f\x8b\x08\x00".to_vec(), "compressed", "gunzip"),
        ("empty.onnx", vec![], "empty", "download or export the file again"),
        ("text.onnx", b"hello there".to_vec(), "not an ONNX file", "download or export the file again"),
        (
            "cut.onnx",
            digits[..digits.len() / 2].to_vec(),
            "not all of it",
            "download or export the file again",
        ),
        (
            "coefs.npz",
            archive(&[("W1", matrix(64, 32)), ("b1", vector(32))]),
            "its bias has one value per column of 64 × 32",
            "transpose it",
        ),
        (
            "second.npz",
            archive(&[("W1", matrix(3, 2)), ("W2", matrix(3, 4))]),
            "the layer before gives one value per row of 3 × 4",
            "W2=coefs_[k].T",
        ),
        (
            "sklearn.npz",
            archive(&[("coefs_0", matrix(4, 3)), ("intercepts_0", vector(3))]),
            "coefs_0",
            "W1=coefs_[0].T",
        ),
        ("state.npz", archive(&[("fc1.weight", matrix(3, 4))]), "fc1.weight", "state_dict"),
        ("state.safetensors", tensors("layers.2.weight"), "layers.2.weight", "torch.onnx.export("),
    ];
    for (name, bytes, what, next) in cases {
        let path = scratch.file(name, &bytes);
        for command in ["inspect", "bound", "layers"] {
            let ran = clarke(&[command, &path]);
            let err = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(2), "{command} {name}: {err}");
            let lines: Vec<&str> = err.lines().collect();
            assert!(
                lines.len() == 3 && lines[0].contains(what) && lines[2].contains(next),
                "{command} {name}: {err}"
            );
            assert!(command != "inspect" || !lines[2].contains("clarke inspect"), "{name}: {err}");
        }
    }
    let ran = clarke(&["bound", "tests/data"]);
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(2) && err.contains("a directory, not a file"), "{err}");
}

/// Files of other programs that are given as a sample.
#[test]
fn files_that_are_no_samples() {
    let scratch = Scratch::new("samples");
    let checkpoint = renamed(&archive(&[("net/data_pk", vector(3))]), "data_pk.npy", "xx/data.pkl");
    let other = renamed(&archive(&[("data_pk", vector(3))]), "data_pk.npy", "picture.xcf");
    for (name, bytes, what, next) in [
        ("model.pt", checkpoint, "PyTorch file", "numpy.save("),
        ("old.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(), "PyTorch file", "numpy.save("),
        ("other.zip", other, "holds no arrays", "numpy.savez("),
    ] {
        let path = scratch.file(name, &bytes);
        let ran = clarke(&["bound", "tests/data/digits.onnx", "--input", &path, "--eps", "0.1"]);
        let err = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{name}: {err}");
        let lines: Vec<&str> = err.lines().collect();
        assert!(lines.len() == 3 && lines[0].contains(what) && lines[2].contains(next), "{name}: {err}");
    }
}

/// The table of operators and the error say the same.
#[test]
fn inspect_agrees_with_itself() {
    for (name, line) in
        [("torch-attention", "MatMul"), ("torch1-attention", "MatMul"), ("torch1-layer-norm", "Pow")]
    {
        let ran = clarke(&["inspect", &format!("tests/data/exports/{name}.onnx")]);
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let row = out.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("{name}: {out}"));
        assert!(row.contains("not supported"), "{name}: {row}");
        assert!(err.contains(&format!("{line} ×")) && !err.contains("clarke inspect"), "{name}: {err}");
        // `bound` says what to do, and not where else to look.
        let ran = clarke(&["bound", &format!("tests/data/exports/{name}.onnx")]);
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(told.contains("export the network without these") && told.contains("README"), "{told}");
        assert!(!told.contains("clarke inspect"), "{told}");
    }
    let ran = clarke(&["inspect", "tests/data/exports/skl-binary.onnx", "--output-name", "label"]);
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(out.lines().any(|l| l.starts_with("ArgMax") && l.contains("not supported")), "{out}");
    let ran = clarke(&["inspect", "tests/data/exports/skl-binary.onnx"]);
    assert_eq!(ran.status.code(), Some(0), "the label is not asked for");
}

#[test]
fn units_of_another_scale() {
    let scratch = Scratch::new("units");
    let float = |scale: f64| -> Vec<f64> { (0..64).map(|k| (k % 17) as f64 * scale).collect() };
    let unit = scratch.file("unit.npy", &npy::write_f64(&[64], &float(1.0 / 16.0)));
    let whole = scratch.file("whole.npy", &npy::write_f64(&[64], &float(1.0)));
    let bytes = [&b"\x00\x00\x08\x02\x00\x00\x00\x08\x00\x00\x00\x08"[..], &[100; 64]].concat();
    let bytes = scratch.file("bytes.idx", &bytes);
    let cases: [(&str, &str, &[&str]); 13] = [
        (&unit, "--eps 0.01", &[]),
        (&unit, "--eps 0.01 --clip 0,1 --mean 0.5 --std 0.25", &[]),
        (&unit, "--eps 8", &["radius"]),
        (&unit, "--eps 8 --norm 2", &["radius"]),
        (&unit, "--eps 7.9 --norm 2", &[]),
        (&unit, "--eps 0.01 --clip 0,255", &["clip"]),
        (&unit, "--eps 0.01 --mean 123.675 --std 58.395", &["statistics"]),
        (&whole, "--eps 0.1", &["whole-numbers"]),
        (&whole, "--eps 0.1 --clip 0,16", &["whole-numbers"]),
        (&whole, "--eps 0.1 --std 16", &[]),
        (&bytes, "--eps 0.01", &["eight-bit"]),
        (&bytes, "--eps 0.01 --scale raw", &[]),
        (&bytes, "--eps 0.01 --mean 128 --std 64", &["eight-bit", "statistics"]),
    ];
    for (input, flags, codes) in cases {
        let mut arguments = vec!["bound", "tests/data/digits.onnx", "--input", input, "--format", "json"];
        arguments.extend(["--method", "product", "--time", "0"]);
        arguments.extend(flags.split(' '));
        let ran = clarke(&arguments);
        assert_eq!(ran.status.code(), Some(0), "{flags}: {}", String::from_utf8_lossy(&ran.stderr));
        let report: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        let units = ["radius", "clip", "statistics", "whole-numbers", "eight-bit"];
        let found = report["warnings"].as_array().expect("a list").iter().filter_map(|w| w["code"].as_str());
        let found: Vec<&str> = found.filter(|c| units.contains(c)).collect();
        assert_eq!(found, codes, "{flags}");
    }
}

/// What the outputs may differ by is the user's to say.
#[test]
fn an_expected_output_is_compared_within_a_tolerance() {
    let scratch = Scratch::new("expected");
    let (net, sample) = ("tests/data/digits.onnx", "tests/data/digits.npy#0");
    let loaded = clarke::net::load(net.as_ref(), &clarke::net::Options::default()).expect("the network");
    let x = clarke::data::load_input(sample, &[64], clarke::data::Scale::Unit).expect("the sample");
    let y: Vec<f64> = loaded.evaluate(&x.nearest()).iter().map(|v| v + 1e-2).collect();
    let file = scratch.file("y.npy", &npy::write_f64(&[10], &y));
    let ran = |more: &[&str]| {
        let given =
            ["bound", net, "--input", sample, "--eps", "0.02", "--method", "product", "--expect", &file];
        let ran = clarke(&[&given[..], more].concat());
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let (code, why) = ran(&[]);
    assert!(code == Some(2) && why.contains("--expect-tolerance"), "{why}");
    assert_eq!(ran(&["--expect-tolerance", "1e-2"]).0, Some(0));
    assert_eq!(ran(&["--expect-tolerance", "1e-6"]).0, Some(2));
}
