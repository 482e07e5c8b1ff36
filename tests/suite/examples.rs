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

/// Every example is one of these.
#[test]
fn all_of_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let names = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["bound.rs", "certify.rs", "gpu.rs", "layers.rs", "margins.rs"]);
}
