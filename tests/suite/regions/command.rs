//! The same from the command line: whatever way a number comes in, it is what was written.
//!
//! f(x) = relu(10 relu(x) + 5e-17 − 3) has its kink at 3/10 − 5e-18, between 3/10 and the float below it.

use clarke::data::{Array, Values, npy, npz};
use serde_json::Value;
use std::path::PathBuf;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("clarke-regions-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn network() -> Vec<u8> {
    let array = |shape: &[usize], list: &[f64]| Array::new(shape.to_vec(), Values::F64(list.to_vec()));
    let all = [
        ("W1", array(&[2, 1], &[1.0, 0.0])),
        ("b1", array(&[2], &[0.0, 1.0])),
        ("act1", Array::new(vec![], Values::Text(vec!["relu".into()]))),
        ("W2", array(&[1, 2], &[10.0, 5e-17])),
        ("b2", array(&[1], &[-3.0])),
        ("act2", Array::new(vec![], Values::Text(vec!["relu".into()]))),
        ("W3", array(&[1, 1], &[1.0])),
        ("b3", array(&[1], &[0.0])),
    ];
    let all: Vec<(String, Array)> = all.map(|(name, a)| (name.into(), a.expect("an array"))).into();
    npz::write(&all).expect("an archive")
}

fn clarke(arguments: &str) -> (Option<i32>, String) {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_clarke"))
        .args(arguments.split_whitespace())
        .output()
        .expect("the program");
    (ran.status.code(), String::from_utf8(ran.stdout).expect("text"))
}

fn bound(arguments: &str) -> Value {
    let (code, out) = clarke(&format!("bound {arguments} --device cpu --format json --quiet"));
    assert_eq!(code, Some(0), "{arguments}");
    serde_json::from_str(&out).expect("an object")
}

#[test]
fn every_way_in() {
    let folder = Folder::new("ways");
    let net = folder.file("net.npz", &network());
    let table = folder.file("box.csv", b"-0.3\n0.3\n");
    let sample = folder.file("sample.csv", b"0.2\n");
    let byte = Array::new(vec![1], Values::U8(vec![51])).expect("an array");
    let byte = folder.file("byte.npy", &npy::write(&byte));
    let float = folder.file("float.npy", &npy::write_f64(&[1], &[0.3]));
    let property =
        "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (>= X_0 (- 0.3)))(assert (<= X_0 0.30))";
    let property = folder.file("box.vnnlib", property.as_bytes());
    let steep = [
        "--center 0 --eps 0.3".to_string(),
        "--center 0 --eps 3/10 --ball 1".into(),
        "--center 0 --eps 30e-2 --ball 2".into(),
        "--center 0.2 --eps 0.1".into(),
        "--center 1/5 --eps 0.1".into(),
        "--center 0 --eps 1 --clip -1,0.3".into(),
        "--clip -0.3,0.3".into(),
        format!("--input {sample} --eps 0.1"),
        format!("--input {byte} --eps 0.1"),
        format!("--box {table}"),
        format!("--vnnlib {property}"),
    ];
    for arguments in steep {
        let found = bound(&format!("{net} {arguments}"));
        let ends = [&found["lower"]["value"], &found["upper"]["value"]];
        assert!(ends == [10.0, 10.0], "{arguments}: {ends:?}");
        assert_eq!(found["assumptions"], Value::Array(vec![]), "{arguments}");
    }
    let flat = [
        "--center 0 --eps 0.299999999999999994".to_string(),
        "--clip -1,0.29999999999999999".into(),
        format!("--input {float} --eps 0"),
    ];
    for arguments in flat {
        let found = bound(&format!("{net} {arguments}"));
        assert!(found["upper"]["value"] == 0.0, "{arguments}: {}", found["upper"]);
    }
    // 3/10 itself is no float; the kink lies below it.
    let found = bound(&format!("{net} --center 0.3 --eps 0"));
    assert!(found["upper"]["value"].as_f64() >= Some(10.0), "{}", found["upper"]);
    let found = bound(&format!("{net} --center 0 --eps 0.4 --mean 0.1 --std 1"));
    assert!(found["upper"]["value"].as_f64() >= Some(10.0), "{}", found["upper"]);
}

#[test]
fn echoes_and_certificates() {
    let folder = Folder::new("echoes");
    let net = folder.file("net.npz", &network());
    let file = folder.file("c.json", b"");
    let units = "--clip -1,1/3 --mean 0.1 --std 2.5e-1";
    let found = bound(&format!("{net} --center 0.1 --eps 8/255 {units} --certificate {file}"));
    let (region, units) = (&found["region"], &found["units"]);
    assert_eq!((&region["radius"], &region["radius_text"]), (&(8.0 / 255.0).into(), &"8/255".into()));
    assert_eq!(region["clip_text"], Value::from(vec!["-1", "1/3"]));
    assert_eq!((&region["clip"][0], &region["clip"][1]), (&(-1.0).into(), &(1.0 / 3.0).into()));
    assert_eq!((&units["mean"][0], &units["mean_text"][0]), (&0.1.into(), &"0.1".into()));
    assert_eq!((&units["std"][0], &units["std_text"][0]), (&0.25.into(), &"0.25".into()));
    let text = std::fs::read_to_string(&file).expect("a certificate");
    for part in [r#""radius":"8/255""#, r#""centre":["0.1"]"#, r#""clip":[-1.0,"1/3"]"#, r#""mean":["0.1"]"#]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(clarke(&format!("check {file}")).0, Some(0));
    // A region that says more than what was proved is another claim.
    let upper = found["upper"]["value"].as_f64().expect("a number");
    let wide = folder.file("wide.json", text.replace("8/255", "88/255").as_bytes());
    assert!(upper < 10.0 && clarke(&format!("check {wide}")).0 != Some(0), "{upper}");
    let (_, out) = clarke(&format!("bound {net} --center 0 --eps 3e-1 --clip -1/3,1 --device cpu"));
    assert!(out.contains("‖x − c‖∞ ≤ 3e-1, -1/3 ≤ x ≤ 1"), "{out}");
}
