//! Problems as files: asked again they give the same answer, and damaged ones are refused.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;

const DIGITS: &str = "tests/data/digits.onnx";
/// Everything that makes two runs the same.
const ALONE: [&str; 6] = ["--threads", "1", "--device", "cpu", "--format", "json"];

fn clarke(arguments: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_clarke")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("clarke-dumps-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The answer's text without what differs between any two runs.
fn answer(ran: &Output) -> String {
    let whole = text(&ran.stdout);
    assert!(!whole.is_empty(), "{}", text(&ran.stderr));
    let mut lines: Vec<&str> = vec![];
    let mut skipped = false;
    for line in whole.lines() {
        match line {
            "  \"seconds\": {" | "  \"peak_bytes\": {" => skipped = true,
            "  }," if skipped => skipped = false,
            _ if skipped => {}
            line => lines.push(line),
        }
    }
    lines.join("\n")
}

fn edited(path: &str, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    change(&mut file);
    std::fs::write(path, file.to_string()).unwrap();
}

#[test]
fn a_dumped_problem_gives_the_same_answer() {
    let folder = Folder::new("same");
    let dump = folder.at("p.json");
    let centre = (0..64).map(|k| format!("0.{k}")).collect::<Vec<_>>().join(",");
    let samples = "tests/data/digits.npy#3";
    let cases: [&[&str]; 5] = [
        // Decimals that are no floats, a range, means; a margin; a claim; a global constant.
        &[
            "--center", &centre, "--eps", "0.003", "--clip", "0,1", "--norm", "2", "--mean", "0.1", "--std",
            "0.3",
        ],
        &["--input", samples, "--eps", "1/500", "--output", "3-5", "--method", "exact", "--seed", "9"],
        &[
            "--input",
            samples,
            "--clip",
            "0,1",
            "--quantity",
            "anchored",
            "--out-norm",
            "1",
            "--method",
            "jacobian-ibp",
        ],
        &["--input", samples, "--eps", "0.001", "--require", "L<=150", "--gap", "1.5"],
        &["--norm", "2", "--method", "product", "--splits", "3"],
    ];
    for flags in cases {
        // Long enough for results to owe nothing to the clock.
        let long = ["--time", "10m"];
        let first = clarke(&[&["bound", DIGITS, "--dump", &dump], flags, &long[..], &ALONE].concat());
        let again = clarke(&["bound", "--problem", &dump, "--format", "json"]);
        assert_eq!((first.status.code(), again.status.code()), (Some(0), Some(0)), "{}", text(&again.stderr));
        assert_eq!(answer(&first), answer(&again), "{flags:?}");
        // A dump of the replay is the same problem.
        let second = folder.at("second.json");
        clarke(&["bound", "--problem", &dump, "--dump", &second, "--format", "json"]);
        assert_eq!(std::fs::read_to_string(&dump).unwrap(), std::fs::read_to_string(&second).unwrap());
        // And a network by its place instead of its bytes.
        edited(&dump, |file| file["problem"]["net"]["bytes"] = Value::Null);
        let outside = clarke(&["bound", "--problem", &dump, "--format", "json"]);
        assert_eq!(answer(&first), answer(&outside), "{flags:?}");
    }
}

#[test]
fn flags_of_the_work_count_before_dumped_ones() {
    let folder = Folder::new("flags");
    let dump = folder.at("p.json");
    let input = ["--input", "tests/data/digits.npy#0", "--eps", "0.02", "--method", "product", "--seed", "4"];
    clarke(&[&["bound", DIGITS, "--dump", &dump], &input[..], &ALONE].concat());
    let again = clarke(&["bound", "--problem", &dump, "--method", "jacobian-ibp", "--format", "json"]);
    let found: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&found["upper"]["method"], &found["seed"]), (&json!("jacobian-ibp"), &json!(4)));
    for flags in [&["--eps", "0.1"][..], &["--norm", "2"], &["--mean", "1"], &["--keep-softmax"]] {
        let ran = clarke(&[&["bound", "--problem", &dump], flags].concat());
        assert_eq!(ran.status.code(), Some(2), "{flags:?}");
        assert_eq!(text(&ran.stderr).lines().count(), 3);
    }
    let other = clarke(&["bound", DIGITS, "--problem", &dump, "--format", "json"]);
    assert_eq!(other.status.code(), Some(0), "{}", text(&other.stderr));
}

#[test]
fn damaged_problems_are_refused() {
    let folder = Folder::new("damaged");
    let (dump, bad) = (folder.at("p.json"), folder.at("bad.json"));
    let input = ["--input", "tests/data/digits.npy#0", "--eps", "0.02", "--time", "0"];
    clarke(&[&["bound", DIGITS, "--dump", &dump], &input[..], &ALONE].concat());
    let refused = |change: &dyn Fn(&mut Value), word: &str| {
        std::fs::copy(&dump, &bad).unwrap();
        edited(&bad, change);
        let ran = clarke(&["bound", "--problem", &bad]);
        let err = text(&ran.stderr);
        assert!(ran.status.code() == Some(2) && ran.stdout.is_empty() && err.contains(word), "{word}: {err}");
    };
    refused(&|f| f["schema"] = json!("clarke.problem/9"), "schema");
    refused(&|f| f["more"] = json!(1), "more");
    refused(&|f| f["problem"]["net"]["sha256"] = json!("00"), "SHA-256");
    refused(&|f| f["problem"]["net"]["bytes"] = json!("AAAA"), "");
    refused(&|f| f["problem"]["region"]["radius"] = json!("-1"), "region");
    refused(&|f| f["problem"]["region"]["centre"] = json!([0.5]), "");
    refused(&|f| f["problem"]["quotient"]["output"] = json!("77"), "output");
    refused(&|f| f["options"]["precision"] = json!("f16"), "precision");
    refused(&|f| f["options"]["time"] = json!("soon"), "--time");
    for (content, word) in [("", "damaged"), ("\u{0}", "damaged"), ("{}", "damaged")] {
        std::fs::write(Path::new(&bad), content).unwrap();
        let ran = clarke(&["bound", "--problem", &bad]);
        assert!(ran.status.code() == Some(2) && text(&ran.stderr).contains(word));
    }
    assert_eq!(clarke(&["bound", "--problem", &folder.at("none")]).status.code(), Some(2));
}
