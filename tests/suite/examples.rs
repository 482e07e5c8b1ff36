//! The examples, as they stand: each ends well.

#[path = "../../examples/bound.rs"]
mod bound;
#[path = "../../examples/certify.rs"]
mod certify;
#[path = "../../examples/gpu.rs"]
mod gpu;
#[path = "../../examples/layers.rs"]
mod layers;
#[path = "../../examples/margins.rs"]
mod margins;

#[test]
fn bounding() {
    bound::main().expect("a pair");
}

#[test]
fn certifying() {
    certify::main().expect("a certificate");
}

#[test]
fn on_a_gpu_or_not() {
    gpu::main().expect("a pair");
}

#[test]
fn norms_of_layers() {
    layers::main().expect("norms");
}

#[test]
fn margins_of_many_samples() {
    margins::main().expect("margins");
}

/// Every example in Rust is one of these; scripts need more: `train_lipschitz.py` PyTorch.
#[test]
fn all_of_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let names = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
    names.retain(|n| n.ends_with(".rs"));
    names.sort();
    assert_eq!(names, ["bound.rs", "certify.rs", "gpu.rs", "layers.rs", "margins.rs"]);
}

/// In two parts, merged and reported; once more nothing is left to do.
#[cfg(all(unix, feature = "cli"))]
#[test]
fn the_script_for_a_data_set() {
    let at = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("script");
    let _ = std::fs::remove_dir_all(&at);
    let data = ["digits.onnx", "digits.npy", "digits_labels.npy"].map(|name| format!("tests/data/{name}"));
    for _ in 0..2 {
        let mut script = std::process::Command::new("bash");
        script.arg("examples/batch.sh").args(&data).arg(&at);
        script.env("CLARKE", env!("CARGO_BIN_EXE_clarke")).env("SHARDS", "2").env("ASK", "--radius --time 0");
        let ran = script.output().expect("bash starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let names = std::fs::read_dir(&at).expect("a folder").map(|e| e.expect("an entry").file_name());
    let names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
    assert!(names.iter().any(|n| n.ends_with(".html")), "{names:?}");
}
