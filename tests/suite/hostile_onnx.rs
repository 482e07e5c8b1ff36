//! Damaged and malicious ONNX files: an error or a network, never a panic, and
//! memory in proportion.

use crate::onnx_builder::*;
use clarke::net::onnx::proto::*;
use clarke::net::{Net, Options, onnx};
use prost::Message;

/// Most operators once.
fn varied() -> ModelProto {
    let nodes = vec![
        node("Conv", &["x", "w", "b"], "c", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[1, 1])]),
        node("BatchNormalization", &["c", "g", "b", "b", "g"], "n", vec![float("epsilon", 1e-5)]),
        node("Relu", &["n"], "r", vec![]),
        node("MaxPool", &["r"], "m", vec![ints("kernel_shape", &[2, 2]), int("ceil_mode", 1)]),
        node("AveragePool", &["m"], "a", vec![ints("kernel_shape", &[2, 2]), ints("pads", &[0, 0, 1, 1])]),
        node("Pad", &["a", "pads"], "p", vec![text("mode", "constant")]),
        node("Transpose", &["p"], "t", vec![ints("perm", &[0, 2, 3, 1])]),
        node("Slice", &["t", "s", "e"], "sl", vec![]),
        node("Shape", &["sl"], "shape", vec![]),
        node("Gather", &["shape", "zero"], "batch", vec![int("axis", 0)]),
        node("Concat", &["batch", "minus"], "target", vec![int("axis", 0)]),
        node("Reshape", &["sl", "target"], "flat", vec![]),
        node("ReduceMean", &["sl"], "mean", vec![ints("axes", &[1, 2]), int("keepdims", 0)]),
        node("Concat", &["flat", "mean"], "both", vec![int("axis", 1)]),
        node("Split", &["both"], "left,right", vec![int("axis", 1)]),
        node("Sub", &["left", "right"], "d", vec![]),
        node("TopK", &["d", "two"], "top,where", vec![int("largest", 0)]),
        node("Softmax", &["top"], "y", vec![int("axis", 1)]),
    ];
    let weights = vec![
        tensor("w", &[2, 1, 2, 2], &[0.5; 8]),
        tensor("b", &[2], &[0.1, 0.2]),
        tensor("g", &[2], &[1.0, 2.0]),
        integers("pads", &[0, 0, 1, 0, 0, 0, 0, 1]),
        integers("s", &[0, 1]),
        integers("e", &[1, 4]),
        integers("zero", &[0]),
        integers("minus", &[-1]),
        integers("two", &[2]),
    ];
    model(13, &[1, 1, 4, 4], nodes, weights)
}

/// What comes out of a damaged file must still be a network that can be run.
fn exercise(bytes: &[u8]) {
    if let Ok(net) = onnx::load(bytes, &Options::default()) {
        run(&net);
    }
}

fn run(net: &Net) {
    if net.products() < 1e7 && net.inputs() < 1 << 20 {
        assert_eq!(net.evaluate(&vec![0.5; net.inputs()]).len(), net.outputs());
    }
}

fn refused(model: &ModelProto, part: &str) {
    match import(model) {
        Ok(_) => panic!("was imported, expected an error about {part:?}"),
        Err(e) => assert!(e.to_string().contains(part), "{e}"),
    }
}

#[test]
fn the_varied_model_is_fine() {
    let net = import(&varied()).unwrap_or_else(|e| panic!("{e}"));
    run(&net);
}

#[test]
fn truncations() {
    let bytes = varied().encode_to_vec();
    for k in 0..50 {
        let cut = bytes.len() * k / 50;
        assert!(onnx::load(&bytes[..cut], &Options::default()).is_err(), "cut at {cut}");
    }
}

#[test]
fn flipped_bits_and_bytes() {
    let bytes = varied().encode_to_vec();
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        exercise(&damaged);
    }
    let mut state = 88_172_645_463_325_252u64;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    for _ in 0..4000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + next(4) {
            let at = next(damaged.len());
            damaged[at] = next(256) as u8;
        }
        exercise(&damaged);
    }
    peak_memory_is_modest();
}

#[test]
fn extreme_integers_everywhere() {
    let extremes = [i64::MIN, i64::MIN + 1, -(1 << 31), -3, -1, 0, 1, 2, 3, 7, 1 << 31, 1 << 40, i64::MAX];
    let base = varied();
    let graph = base.graph.as_ref().expect("a graph");
    for &value in &extremes {
        for n in 0..graph.node.len() {
            for a in 0..graph.node[n].attribute.len() {
                let count = graph.node[n].attribute[a].ints.len().max(1);
                for i in 0..count {
                    let mut damaged = base.clone();
                    let attribute = &mut damaged.graph.as_mut().expect("a graph").node[n].attribute[a];
                    match attribute.ints.get_mut(i) {
                        Some(place) => *place = value,
                        None => attribute.i = Some(value),
                    }
                    exercise(&damaged.encode_to_vec());
                }
            }
        }
        for t in 0..graph.initializer.len() {
            for i in 0..graph.initializer[t].int64_data.len() {
                let mut damaged = base.clone();
                damaged.graph.as_mut().expect("a graph").initializer[t].int64_data[i] = value;
                exercise(&damaged.encode_to_vec());
            }
            for i in 0..graph.initializer[t].dims.len() {
                let mut damaged = base.clone();
                damaged.graph.as_mut().expect("a graph").initializer[t].dims[i] = value;
                exercise(&damaged.encode_to_vec());
            }
        }
    }
    peak_memory_is_modest();
}

#[test]
fn wrong_types_of_attributes() {
    let base = varied();
    let graph = base.graph.as_ref().expect("a graph");
    for n in 0..graph.node.len() {
        for a in 0..graph.node[n].attribute.len() {
            for kind in 0..12 {
                let mut damaged = base.clone();
                let attribute = &mut damaged.graph.as_mut().expect("a graph").node[n].attribute[a];
                let right = attribute.r#type == kind;
                attribute.r#type = kind;
                let result = import(&damaged);
                assert!(right || kind == 0 || result.is_err());
            }
        }
    }
}

#[test]
fn cycles_and_missing_values() {
    let add = |a: &str, b: &str, y: &str| node("Add", &[a, b], y, vec![]);
    refused(&model(13, &[1, 2], vec![add("x", "y", "y")], vec![]), "cycle");
    refused(
        &model(13, &[1, 2], vec![add("x", "b", "a"), add("a", "x", "b"), add("a", "b", "y")], vec![]),
        "cycle",
    );
    refused(&model(13, &[1, 2], vec![add("x", "nowhere", "y")], vec![]), "nowhere");
    refused(&model(13, &[1, 2], vec![add("x", "x", "y"), add("x", "x", "y")], vec![]), "twice");
    refused(&model(13, &[1, 2], vec![], vec![]), "never defined");
    refused(
        &model(13, &[1, 2], vec![node("Relu", &["c"], "y", vec![])], vec![tensor("c", &[1], &[1.0])]),
        "input",
    );
    // Out of order, but sound.
    assert!(import(&model(13, &[1, 2], vec![add("a", "x", "y"), add("x", "x", "a")], vec![])).is_ok());
}

#[test]
fn weights_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY] {
        let w = tensor("weight_7", &[2, 1], &[1.0, bad]);
        refused(
            &model(13, &[1, 2], vec![node("MatMul", &["x", "weight_7"], "y", vec![])], vec![w]),
            "weight_7",
        );
    }
    let c = tensor("c", &[1], &[f32::NAN]);
    refused(&model(13, &[1, 2], vec![node("Add", &["x", "c"], "y", vec![])], vec![c]), "finite");
    let zero = tensor("c", &[1], &[0.0]);
    refused(&model(13, &[1, 2], vec![node("Div", &["x", "c"], "y", vec![])], vec![zero]), "finite");
}

#[test]
fn absurd_sizes() {
    let mut w = tensor("w", &[1 << 20, 1 << 10], &[1.0]);
    let product = || vec![node("MatMul", &["x", "w"], "y", vec![])];
    refused(&model(13, &[1, 2], product(), vec![w.clone()]), "values");
    w.dims = vec![i64::MAX, i64::MAX];
    refused(&model(13, &[1, 2], product(), vec![w.clone()]), "makes no sense");
    w.dims = vec![-2, -2];
    refused(&model(13, &[1, 2], product(), vec![w]), "makes no sense");
    refused(&model(13, &[1, 1 << 40], vec![node("Relu", &["x"], "y", vec![])], vec![]), "makes no sense");
    refused(&model(13, &[1, 1 << 30], vec![node("Relu", &["x"], "y", vec![])], vec![]), "unusable");
    let huge = || vec![node("ConstantOfShape", &["s"], "c", vec![]), node("Add", &["x", "c"], "y", vec![])];
    refused(&model(13, &[1, 2], huge(), vec![integers("s", &[1 << 15, 1 << 15])]), "too large");
    let pad = || vec![node("Pad", &["x", "p"], "y", vec![])];
    refused(&model(13, &[1, 2], pad(), vec![integers("p", &[0, 1 << 30, 0, 0])]), "too large");
    let expand = || vec![node("Expand", &["x", "s"], "y", vec![])];
    refused(&model(13, &[1, 2], expand(), vec![integers("s", &[1 << 30, 2])]), "too large");
    let pool =
        |k: i64| vec![node("MaxPool", &["x"], "y", vec![ints("kernel_shape", &[k]), ints("pads", &[k, k])])];
    assert!(import(&model(13, &[1, 1, 4], pool(1 << 30), vec![])).is_err());
    let mut many = model(13, &[1, 2], vec![], vec![]);
    many.graph.as_mut().expect("a graph").node = vec![NodeProto::default(); 400_000];
    refused(&many, "absurd");
    peak_memory_is_modest();
}

#[test]
fn not_onnx_at_all() {
    for bytes in [&b""[..], b"PK\x03\x04", &[0xff; 100], &[0x0a; 100], &[0; 100]] {
        assert!(onnx::load(bytes, &Options::default()).is_err());
    }
}

/// Set where the tests of this file run in a process of their own, whose peak is theirs.
const ALONE: &str = "CLARKE_TEST_ALONE";

#[test]
fn memory_in_proportion() {
    if std::env::var_os(ALONE).is_some() {
        return;
    }
    let itself = std::env::current_exe().expect("this program");
    let ran = std::process::Command::new(itself).arg("hostile_onnx::").env(ALONE, "1").output();
    let ran = ran.expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && out.contains("absurd_sizes ... ok"), "{out}{err}");
}

/// Everything in this file together stays below 256 MB on systems that tell.
fn peak_memory_is_modest() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    assert!(peak.is_none_or(|kb| kb < 256_000), "peak memory {peak:?} kB");
}
