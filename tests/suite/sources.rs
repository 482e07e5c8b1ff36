//! Bytes of a network are read once: results through a pipe name what was bounded, and their
//! certificates hold it.

#![cfg(unix)]

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn clarke(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_clarke"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A program that refuses to read closes the pipe.
    pipe.write_all(input).ok();
    drop(pipe);
    child.wait_with_output().expect("it ends")
}

fn json(ran: &Output) -> Value {
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

/// A folder that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("clarke-sources-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Scratch(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").into()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

const BOUND: [&str; 8] =
    ["--input", "tests/data/digits.npy#0", "--eps", "0.001", "--time", "5s", "--format", "json"];

#[test]
fn through_a_pipe() {
    let bytes = std::fs::read("tests/data/digits.onnx").expect("the network");
    let scratch = Scratch::new("pipe");
    let cert = scratch.file("pipe.cert");
    let from_file = json(&clarke(&[&["bound", "tests/data/digits.onnx"], &BOUND[..]].concat(), b""));
    let wrote = [&["bound", "/dev/stdin", "--certificate", &cert], &BOUND[..]].concat();
    let piped = json(&clarke(&wrote, &bytes));
    let digest = clarke::data::sha256::hex(&bytes);
    assert_eq!(piped["net"]["sha256"], digest);
    assert_eq!(from_file["net"]["sha256"], digest);
    assert_eq!(piped["net"]["parameters"], from_file["net"]["parameters"]);
    let checked = clarke(&["check", &cert], b"");
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    let inspected = json(&clarke(&["inspect", "/dev/stdin", "--format", "json"], &bytes));
    assert_eq!(inspected["net"]["sha256"], digest);
    // The network may also come from a pipe while the certificate is checked, and no other is taken.
    assert_eq!(clarke(&["check", &cert, "--net", "/dev/stdin"], &bytes).status.code(), Some(0));
    let other = std::fs::read("tests/data/exports/torch1-mlp.onnx").expect("another network");
    let wrong = clarke(&["check", &cert, "--net", "/dev/stdin"], &other);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("not the one that the file names"));
    let nothing = clarke(&["inspect", "/dev/stdin"], b"");
    assert_eq!(nothing.status.code(), Some(2));
}

/// A certificate holds the weights that lie beside the model; another file of weights is noticed.
#[test]
fn certificates_with_weights_beside_the_model() {
    let model = "tests/data/exports/torch-mlp.onnx";
    let scratch = Scratch::new("external");
    let cert = scratch.file("external.cert");
    let flags = ["--clip", "0,1", "--time", "3s", "--certificate", &cert, "--format", "json"];
    let bound = json(&clarke(&[&["bound", model], &flags[..]].concat(), b""));
    let inspected = json(&clarke(&["inspect", model, "--format", "json"], b""));
    assert_eq!(inspected["net"]["sha256"], bound["net"]["sha256"]);
    assert_eq!(inspected["net"]["external"][0]["name"], "torch-mlp.onnx.data");
    let written: Value = serde_json::from_slice(&std::fs::read(&cert).expect("a certificate")).expect("JSON");
    assert_eq!(written["net"]["external"][0]["sha256"], inspected["net"]["external"][0]["sha256"]);
    for arguments in [&["check", &cert[..]][..], &["check", &cert, "--net", model]] {
        let checked = clarke(arguments, b"");
        assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    }
    // One bit of one weight, in the certificate and in a copy of the files.
    let text = std::fs::read_to_string(&cert).expect("a certificate");
    let mut data = std::fs::read(format!("{model}.data")).expect("weights");
    data[3] ^= 1;
    let held = written["net"]["external"][0]["bytes"].as_str().expect("weights");
    std::fs::write(&cert, text.replace(held, &clarke::data::base64::encode(&data))).expect("a file");
    let forged = clarke(&["check", &cert], b"");
    assert_eq!(forged.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&forged.stderr).contains("not the one that the file names"));
    std::fs::write(&cert, text).expect("a file");
    let copy = scratch.file("torch-mlp.onnx");
    std::fs::copy(model, &copy).expect("a copy");
    std::fs::write(format!("{copy}.data"), &data).expect("a copy");
    assert_eq!(clarke(&["check", &cert, "--net", &copy], b"").status.code(), Some(2));
    let bytes = std::fs::read(model).expect("the model");
    let piped = clarke(&["bound", "/dev/stdin", "--clip", "0,1"], &bytes);
    assert!(String::from_utf8_lossy(&piped.stderr).contains("beside the model"));
}
