//! Properties as files: which outputs they are about, what changes between two runs, conditions that only
//! together cannot hold.

use crate::onnx_builder::{int, model, node, tensor};
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("properties").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

/// y = (x0, x1, x0 − x1), then what is said.
fn linear(at: &Path, softmax: Option<i64>) {
    let mut nodes = vec![node("Gemm", &["x", "w"], if softmax.is_some() { "l" } else { "y" }, vec![])];
    if let Some(axis) = softmax {
        nodes.push(node("Softmax", &["l"], "y", vec![int("axis", axis)]));
    }
    let weights = tensor("w", &[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, -1.0]);
    let net = model(13, &[1, 2], nodes, vec![weights]);
    fs::write(at.join("net.onnx"), net.encode_to_vec()).expect("a file");
}

fn property(conditions: &str) -> String {
    let declared =
        ["X_0", "X_1", "Y_0", "Y_1", "Y_2"].map(|v| format!("(declare-const {v} Real)\n")).concat();
    let ends = ["X_0", "X_1"].map(|v| format!("(assert (>= {v} 0))\n(assert (<= {v} 1))\n")).concat();
    declared + &ends + conditions
}

fn batch(at: &Path, seconds: u64, more: &[&str]) -> Output {
    fs::write(at.join("jobs.csv"), format!("net.onnx,p.vnnlib,{seconds}\n")).expect("a file");
    let words = ["batch", "jobs.csv", "--device", "cpu"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarke"));
    command.current_dir(at).args(words).args(more).output().expect("the binary starts")
}

fn says(ran: &Output, what: &str) -> bool {
    let all = [&ran.stdout[..], &ran.stderr].concat();
    String::from_utf8_lossy(&all).contains(what)
}

#[test]
fn conditions_that_only_together_cannot_hold() {
    let at = folder("together");
    linear(&at, None);
    // x0 <= 0.3, x1 >= 0.35 and x0 >= x1: each pair of them can hold.
    for (conditions, verdict) in [
        ("(assert (<= Y_0 0.3))(assert (>= Y_1 0.35))(assert (>= Y_2 0))", "holds"),
        ("(assert (and (<= Y_0 0.3) (>= Y_1 0.29) (>= Y_2 0)))", "violated"),
        (
            "(assert (or (and (<= Y_0 0.3) (>= Y_1 0.35) (>= Y_2 0)) (and (<= Y_1 0.1) (<= Y_2 -0.15))))",
            "holds",
        ),
    ] {
        fs::write(at.join("p.vnnlib"), property(conditions)).expect("a file");
        let ran = batch(&at, 10, &[]);
        assert!(says(&ran, &format!("\"verdict\":\"{verdict}\"")), "{conditions}: {ran:?}");
    }
}

#[test]
fn a_property_that_changed_is_another_job() {
    let at = folder("changed");
    linear(&at, None);
    fs::write(at.join("p.vnnlib"), property("(assert (<= Y_0 0.5))")).expect("a file");
    assert!(batch(&at, 5, &["-o", "out.jsonl"]).status.success());
    assert!(batch(&at, 5, &["-o", "out.jsonl"]).status.success());
    fs::write(at.join("p.vnnlib"), property("(assert (<= Y_0 -0.5))")).expect("a file");
    let ran = batch(&at, 5, &["-o", "out.jsonl"]);
    assert!(ran.status.code() == Some(2) && says(&ran, "files was"), "{ran:?}");
}

#[test]
fn outputs_behind_a_softmax_are_not_logits() {
    let at = folder("softmax");
    linear(&at, Some(1));
    fs::write(at.join("p.vnnlib"), property("(assert (>= Y_0 0.99))")).expect("a file");
    let ran = batch(&at, 5, &[]);
    assert!(ran.status.code() == Some(1) && says(&ran, "softmax") && !says(&ran, "verdict"), "{ran:?}");
    assert!(says(&batch(&at, 5, &["--keep-softmax"]), "\"verdict\":\"holds\""));
}

#[test]
fn thousands_of_conditions_take_no_longer_than_said() {
    let at = folder("many");
    linear(&at, None);
    let one = |k: usize| format!("(assert (<= Y_0 {}))\n", 0.5 + k as f64 * 1e-6);
    fs::write(at.join("p.vnnlib"), property(&(0..20_000).map(one).collect::<String>())).expect("a file");
    let started = std::time::Instant::now();
    assert!(says(&batch(&at, 1, &[]), "\"verdict\":\"violated\""));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
