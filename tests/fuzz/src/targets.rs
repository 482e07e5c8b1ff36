//! What is fed, and what must hold.

use crate::onnx_builder::*;
use crate::{bound, check};
use clarke::data::{Array, Scale, Values, idx, npy, npz, sample, vnnlib};
use clarke::net::{Net, Options, nnet, npz as npz_net, onnx, safetensors};
use prost::Message;

pub struct Target {
    pub name: &'static str,
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
}

pub const ALL: &[Target] = &[
    Target { name: "onnx_load", corpus: onnx_files, run: onnx_load },
    Target { name: "npz_load", corpus: npz_files, run: npz_load },
    Target { name: "text_load", corpus: text_files, run: text_load },
    Target { name: "npy_parse", corpus: npy_files, run: npy_parse },
    Target { name: "vnnlib_parse", corpus: vnnlib_files, run: vnnlib_parse },
    Target { name: "bound_small", corpus: bound::seeds, run: bound::small },
    Target { name: "check", corpus: bound::seeds, run: check::structured },
];

/// A network that was accepted can be run; small ones can be bounded.
fn exercise(net: &Net) {
    if net.products() > 1e6 || net.inputs() > 1 << 16 {
        return;
    }
    assert_eq!(net.evaluate(&vec![0.5; net.inputs()]).len(), net.outputs());
    if net.products() < 2e4 && net.inputs() < 100 && net.outputs() < 100 && net.nodes.len() < 60 {
        bound::any(net);
    }
}

fn onnx_load(bytes: &[u8]) {
    for keep_softmax in [false, true] {
        let options = Options { keep_softmax, ..Options::default() };
        if let Ok(net) = onnx::load(bytes, &options) {
            exercise(&net);
        }
    }
}

fn npz_load(bytes: &[u8]) {
    if let Ok(net) = npz_net::load(bytes) {
        exercise(&net);
    }
}

fn text_load(bytes: &[u8]) {
    for net in [nnet::load(bytes), safetensors::load(bytes)].into_iter().flatten() {
        exercise(&net);
    }
}

fn npy_parse(bytes: &[u8]) {
    for array in [npy::parse(bytes), idx::parse(bytes)].into_iter().flatten() {
        assert_eq!(array.shape.iter().product::<usize>(), array.len());
        let shape = array.shape.clone();
        if let Ok(x) = sample::from_array(&array, &shape, Scale::Unit) {
            assert!(x.iter().all(|v| v.nearest().is_finite()));
        }
        if array.len() < 1000 {
            assert!(array.row_count() > 1000 || array.rows().len() == array.row_count());
        }
        if let Values::F64(values) = &array.values {
            let again = npy::parse(&npy::write_f64(&array.shape, values)).expect("what was written");
            assert_eq!(again.shape, array.shape);
        }
    }
}

fn vnnlib_parse(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(p) = vnnlib::parse(text) {
        assert!(p.lo.len() == p.hi.len() && p.lo.iter().zip(&p.hi).all(|(l, h)| l <= h));
    }
}

fn onnx_files() -> Vec<Vec<u8>> {
    let weights = || {
        vec![
            tensor("w", &[2, 1, 2, 2], &[0.5, -1.0, 0.25, 2.0, 1.0, 1.0, -1.0, 0.0]),
            tensor("b", &[2], &[0.1, -0.2]),
            tensor("g", &[2], &[1.0, 2.0]),
            integers("pads", &[0, 0, 1, 0, 0, 0, 0, 1]),
            integers("flat", &[1, -1]),
            integers("s", &[0, 1]),
            integers("e", &[1, 4]),
        ]
    };
    let chain = vec![
        node("Conv", &["x", "w", "b"], "c", vec![ints("pads", &[1, 1, 1, 1]), ints("strides", &[1, 1])]),
        node("BatchNormalization", &["c", "g", "b", "b", "g"], "n", vec![float("epsilon", 1e-5)]),
        node("LeakyRelu", &["n"], "r", vec![float("alpha", 0.1)]),
        node("MaxPool", &["r"], "m", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]),
        node("AveragePool", &["m"], "a", vec![ints("kernel_shape", &[2, 2])]),
        node("Reshape", &["a", "flat"], "f", vec![]),
        node("Sigmoid", &["f"], "g1", vec![]),
        node("Add", &["f", "g1"], "d", vec![]),
        node("Softmax", &["d"], "y", vec![int("axis", 1)]),
    ];
    let moves = vec![
        node("Pad", &["x", "pads"], "p", vec![text("mode", "constant")]),
        node("Transpose", &["p"], "t", vec![ints("perm", &[0, 2, 3, 1])]),
        node("Slice", &["t", "s", "e"], "sl", vec![]),
        node("ReduceMean", &["sl"], "mean", vec![ints("axes", &[1, 2]), int("keepdims", 0)]),
        node("Flatten", &["sl"], "flat2", vec![int("axis", 1)]),
        node("Concat", &["flat2", "mean"], "both", vec![int("axis", 1)]),
        node("Tanh", &["both"], "y", vec![]),
    ];
    let small = vec![
        node("Gemm", &["x", "W"], "h", vec![int("transB", 1), float("alpha", 0.5)]),
        node("Relu", &["h"], "r", vec![]),
        node("MatMul", &["r", "W"], "y", vec![]),
    ];
    let square = vec![tensor("W", &[2, 2], &[1.0, -2.0, 3.0, 0.5])];
    vec![
        model(13, &[1, 1, 4, 4], chain, weights()).encode_to_vec(),
        model(13, &[1, 1, 4, 4], moves, weights()).encode_to_vec(),
        model(13, &[1, 2], small, square).encode_to_vec(),
    ]
}

fn array(shape: &[usize], values: Vec<f64>) -> Array {
    Array { shape: shape.to_vec(), values: Values::F64(values) }
}

fn npz_files() -> Vec<Vec<u8>> {
    let act = |name: &str| Array { shape: vec![], values: Values::Text(vec![name.into()]) };
    let w = |m: usize, n: usize| array(&[m, n], (0..m * n).map(|k| (k as f64 * 0.7).sin()).collect());
    let file = |list: Vec<(&str, Array)>| {
        let list: Vec<_> = list.into_iter().map(|(n, a)| (n.to_string(), a)).collect();
        npz::write(&list).expect("an archive")
    };
    vec![
        file(vec![("W1", w(4, 3)), ("b1", array(&[4], vec![0.5; 4])), ("W2", w(2, 4))]),
        file(vec![("W1", w(4, 2)), ("act1", act("maxmin:2")), ("W2", w(1, 4)), ("act2", act("tanh"))]),
        file(vec![("W1", w(2, 2)), ("act1", act("leaky:0.1"))]),
    ]
}

fn text_files() -> Vec<Vec<u8>> {
    let header = r#"{"__metadata__":{"act1":"tanh"},"W1":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"W2":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}}"#;
    let tensors = [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        &[0, 0, 128, 63, 0, 0, 0, 64, 128, 63, 0, 191],
    ]
    .concat();
    let nnet = "// a comment\n2,2,1,2,\n2,2,1,\n0,\n0,0,\n1,1,\n0,0,0.5,\n1,2,1,\n1,2,\n-1,0.5\n0.5,\n-1e-3,\n1,1,\n0,\n";
    vec![tensors, nnet.into()]
}

fn npy_files() -> Vec<Vec<u8>> {
    let idx = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4][..]].concat();
    let real = [&[0, 0, 13, 1, 0, 0, 0, 1][..], &1.5f32.to_be_bytes()].concat();
    let of = |values| npy::write(&Array { shape: vec![2, 2], values });
    vec![
        npy::write_f64(&[2, 3], &[1.0, -2.5, 3.0, 0.0, f64::MAX, 1e-300]),
        npy::write_f64(&[], &[1.0]),
        of(Values::U8(vec![1, 2, 3, 255])),
        of(Values::I64(vec![1, -2, i64::MAX, 0])),
        of(Values::Bool(vec![true, false, true, true])),
        idx,
        real,
    ]
}

fn vnnlib_files() -> Vec<Vec<u8>> {
    let a = "; a box\n(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real)\n(assert (<= X_0 0.5))\n(assert (>= X_0 -0.25))\n(assert (and (<= X_1 1e-3) (>= X_1 0)))\n(assert (or (and (>= Y_0 1.5)) (and (<= Y_0 -1.5))))\n";
    let b = "(declare-const X_0 Real)(declare-const Y_0 Real)(declare-const Y_1 Real)\n(assert (<= 0.1 X_0))(assert (<= X_0 0.1))(assert (<= Y_0 Y_1))";
    vec![a.into(), b.into()]
}
