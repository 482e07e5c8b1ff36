//! Small certificates that would take gigabytes: `clarke check` stays within `--memory` and says so.

use super::Folder;
use super::draft::*;
use crate::onnx_builder::{model, node, tensor};
use prost::Message;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Exit code, the largest resident size in MiB, and what was said.
fn measured(folder: &Path, name: &str, text: &str, flags: &[&str]) -> (i32, u64, String) {
    let file = folder.join(format!("{name}.json"));
    std::fs::write(&file, text).expect("a writable file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clarke"));
    let command = command.arg("check").arg(&file).args(flags).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a program");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let now = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(now.unwrap_or(0) >> 10);
        std::thread::sleep(Duration::from_millis(2));
    }
    let run = child.wait_with_output().expect("output");
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.code().expect("an exit code"), peak, said)
}

/// 2 inputs, neurons that all cross 0 on the box, one output.
fn wide(neurons: usize) -> Vec<u8> {
    let angle = |k: usize| (k as f64 * 0.618_033_988_749_895).fract() * std::f64::consts::TAU;
    let rows: Vec<Vec<f64>> = (0..neurons).map(|k| vec![angle(k).cos(), angle(k).sin()]).collect();
    let rows: Vec<&[f64]> = rows.iter().map(|r| &r[..]).collect();
    let last: Vec<f64> = (0..neurons).map(|k| if k % 2 == 0 { 1.0 } else { -1.0 }).collect();
    npz(&[(&rows, &[], "relu"), (&[&last], &[0.0], "")])
}

/// A balanced tree over the kinks of the first neurons, with one leaf 64 times.
fn leaves(leaf: &Value) -> Value {
    let kink = |k: usize| json!({"kink": [1, k, 0.0, 2 * k + 1, 2 * k + 2]});
    json!((0..63).map(kink).chain((0..64).map(|_| leaf.clone())).collect::<Vec<_>>())
}

/// A chain of kinks, each with one leaf.
fn chain(length: usize) -> Value {
    let parts = (0..length).flat_map(|k| {
        let kink = json!({"kink": [1, k, -0.001, 2 * k + 2, 2 * k + 1]});
        [kink, json!("bounded")]
    });
    json!(parts.chain([json!("bounded")]).collect::<Vec<_>>())
}

/// One product with a single number, on a picture of this side.
fn picture(side: i64) -> Draft {
    let nodes = vec![node("Conv", &["x", "w"], "z", vec![]), node("Relu", &["z"], "y", vec![])];
    let weights = vec![tensor("w", &[1, 1, 1, 1], &[1.0])];
    let bytes = model(13, &[1, 1, side, side], nodes, weights).encode_to_vec();
    draft(&bytes, 1, 1.0).with("/net/name", json!("net.onnx")).everywhere().with("/proof/reach", json!(4.0))
}

/// Norms of layers instead of a tree, on a small picture everywhere.
fn norms(links: Value, factors: Value) -> Draft {
    let proof = json!({"rule": "norms", "slopes": "region", "links": links, "factors": factors});
    picture(250).norms("2", "2").with("/proof", proof)
}

/// The norm of the product, by these frequencies.
fn factor(period: u64) -> Value {
    let circle = json!({"period": period, "half": true});
    json!([{"node": 1, "from": "2", "to": "2", "value": 1.0, "grid": [circle, circle]}])
}

/// Sums of 60 inputs behind relus.
fn many_inputs() -> Vec<u8> {
    let rows: Vec<Vec<f64>> =
        (0..150).map(|k| (0..60).map(|j| ((k * j) % 7) as f64 - 3.0).collect()).collect();
    let rows: Vec<&[f64]> = rows.iter().map(|r| &r[..]).collect();
    npz(&[(&rows, &[], "relu"), (&[&[1.0; 150]], &[0.0], "")])
}

#[cfg(target_os = "linux")]
#[test]
fn a_small_certificate_takes_little_memory() {
    let folder = Folder::new("size");
    let scaled = json!({"scaled": [[null, [0], [1.0], [1.0, 1.0]]]});
    let cases: Vec<(&str, Draft, &[i32])> = vec![
        ("64 loops of 2500 neurons", draft(&wide(2500), 2, 1.0).parts(leaves(&scaled)), &[4]),
        ("64 parts of 6000 neurons", draft(&wide(6000), 2, 1.0).parts(leaves(&json!("bounded"))), &[1, 4]),
        ("64 forms of 700 neurons", draft(&wide(700), 2, 1.0).parts(leaves(&json!("layers"))), &[1, 4]),
        ("one form of 1500 neurons", draft(&wide(1500), 2, 1.0).parts(json!(["layers"])), &[1, 4]),
        ("a chain of 3000 parts", draft(&wide(6000), 2, 1.0).parts(chain(3000)), &[1, 4]),
        ("a chain of 150 parts of 60 inputs", draft(&many_inputs(), 60, 1.0).parts(chain(150)), &[1, 4]),
        ("a picture of 9 million points", picture(3000), &[4]),
        ("a run over a picture", norms(json!([{"from": 0, "to": 1}]), json!([])), &[4]),
        ("a run 10 000 times", norms(json!(vec![json!({"from": 0, "to": 1}); 10_000]), json!([])), &[1]),
        ("a circle of 10^5 frequencies", norms(json!([]), factor(100_000)), &[1, 4]),
        ("a circle of 10^18 frequencies", norms(json!([]), factor(1_000_000_000_000_000_000)), &[1, 4]),
    ];
    for (name, draft, codes) in cases {
        let text = draft.text();
        assert!(text.len() < 600 << 10, "{name}: {} bytes", text.len());
        let (code, peak, said) = measured(&folder.0, "small", &text, &["--time", "4s"]);
        println!("{name}: {} KiB, code {code}, {peak} MiB: {said}", text.len() >> 10);
        assert!(codes.contains(&code), "{name}: {code} {said}");
        assert!(peak < 1024, "{name}: {peak} MiB");
    }
    // Honest ones need little; under a limit that is too small even for them, nothing is said about the claim.
    let honest = draft(&relu(), 1, 1.01).text();
    let (code, peak, said) = measured(&folder.0, "small", &honest, &["--memory", "1KiB"]);
    assert!(code == 4 && said.contains("--memory") && peak < 200, "{code} {peak} {said}");
    let (code, _, said) = measured(&folder.0, "small", &honest, &["--time", "0"]);
    assert!(code == 4 && said.contains("time"), "{code} {said}");
    let (code, _, said) = measured(&folder.0, "small", &honest, &["--memory", "64MiB", "--time", "1m"]);
    assert_eq!(code, 0, "{said}");
}
