//! A report shows samples that are pictures, and no others.

use crate::onnx_builder::{model, node, tensor};
use prost::Message;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A page of the digits by a network whose input has these axes.
fn page(name: &str, axes: &[i64]) -> (PathBuf, String) {
    let at = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures").join(name);
    let _ = fs::remove_dir_all(&at);
    fs::create_dir_all(&at).expect("a folder");
    let weights: Vec<f32> = (0..192).map(|k| ((k * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let nodes = vec![node("Flatten", &["x"], "f", vec![]), node("Gemm", &["f", "w"], "y", vec![])];
    let net = model(13, axes, nodes, vec![tensor("w", &[64, 3], &weights)]);
    fs::write(at.join("net.onnx"), net.encode_to_vec()).expect("a file");
    fs::copy("tests/data/digits.npy", at.join("x.npy")).expect("samples");
    (at.clone(), shown(&at))
}

fn shown(at: &PathBuf) -> String {
    let run = |words: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_clarke")).current_dir(at).args(words).output();
        let ran = ran.expect("the binary starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let words = "certify net.onnx --inputs x.npy --radius --time 0 --device cpu -o run.jsonl";
    run(&words.split(' ').collect::<Vec<_>>());
    run(&["report", "run.jsonl", "-o", "run.html"]);
    fs::read_to_string(at.join("run.html")).expect("a page")
}

#[test]
fn samples_that_are_pictures_are_shown() {
    let (at, html) = page("square", &[1, 1, 8, 8]);
    assert_eq!(html.matches("data:image/bmp;base64,").count(), 24);
    assert!(html.contains("Least safe samples") && html.contains("aria-label=\"sample "));
    for foreign in ["<script", "http:", "https:", "url(", "@import", " src="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    // Samples that are no longer those of the run are not shown.
    let mut samples = fs::read(at.join("x.npy")).expect("samples");
    *samples.last_mut().expect("bytes") ^= 1;
    fs::write(at.join("x.npy"), samples).expect("a file");
    let words = ["report", "run.jsonl", "-o", "run.html"];
    let ran = Command::new(env!("CARGO_BIN_EXE_clarke")).current_dir(&at).args(words).output();
    assert!(ran.expect("the binary starts").status.success());
    assert!(!fs::read_to_string(at.join("run.html")).expect("a page").contains("data:image"));
}

#[test]
fn samples_that_are_lists_are_not() {
    let (_, html) = page("flat", &[1, 64]);
    assert!(!html.contains("data:image") && html.contains("Slowest samples"));
}
