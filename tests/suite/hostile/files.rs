//! Files that nobody should believe, each with a part of the complaint it deserves.

use crate::onnx_builder::*;
use clarke::data::{Array, Values, npy, npz};
use clarke::net::onnx::proto::*;
use prost::Message;
use std::io::Write;

pub type Named<T> = (&'static str, T, &'static str);

fn digits() -> Vec<u8> {
    std::fs::read("tests/data/digits.onnx").expect("the digits network")
}

pub fn npy(shape: &[usize], values: &[f64]) -> Vec<u8> {
    npy::write_f64(shape, values)
}

fn array(shape: &[usize], values: &[f64]) -> Array {
    Array { shape: shape.to_vec(), values: Values::F64(values.to_vec()) }
}

fn zip(arrays: Vec<(&str, Array)>) -> Vec<u8> {
    let arrays: Vec<_> = arrays.into_iter().map(|(n, a)| (n.to_string(), a)).collect();
    npz::write(&arrays).expect("an archive")
}

fn npy_with(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn cut(mut bytes: Vec<u8>, percent: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() * percent / 100);
    bytes
}

fn product(dims: &[i64], values: &[f32]) -> Vec<u8> {
    let w = tensor("weight_7", dims, values);
    model(13, &[1, 2], vec![node("MatMul", &["x", "weight_7"], "y", vec![])], vec![w]).encode_to_vec()
}

fn graph(nodes: Vec<NodeProto>) -> Vec<u8> {
    model(13, &[1, 2], nodes, vec![]).encode_to_vec()
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut out = vec![];
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("memory");
    writer.write_image_data(&vec![7; (width * height) as usize]).expect("memory");
    drop(writer);
    out
}

const NNET: &str = "// a comment\n1,2,1,2,\n2,1,\n0,\n0,0,\n1,1,\n0,0,0,\n1,1,1,\n1,2,\n0.5,\n";

pub fn networks() -> Vec<Named<Vec<u8>>> {
    let relu = |x: &str, y: &str| node("Relu", &[x], y, vec![]);
    let mut outside = tensor("w", &[2, 1], &[]);
    outside.data_location = 1;
    let outside = model(13, &[1, 2], vec![node("MatMul", &["x", "w"], "y", vec![])], vec![outside]);
    let mut open = model(13, &[1, 2], vec![relu("x", "y")], vec![]);
    open.graph.as_mut().expect("a graph").input = vec![value("x", &[1, -1])];
    let mut two = model(13, &[1, 2], vec![node("Add", &["x", "z"], "y", vec![])], vec![]);
    two.graph.as_mut().expect("a graph").input.push(value("z", &[1, 2]));
    let w = |k: usize| array(&[k, 2], &vec![1.0; 2 * k]);
    let act = |name: &str| Array { shape: vec![], values: Values::Text(vec![name.into()]) };
    vec![
        ("empty.onnx", vec![], ""),
        ("half.onnx", cut(digits(), 50), ""),
        ("most.onnx", cut(digits(), 99), ""),
        ("start.onnx", cut(digits(), 1), ""),
        ("ones.onnx", vec![0xff; 1000], ""),
        ("zeros.onnx", vec![0; 1000], ""),
        ("prose.onnx", b"this is a network, believe me\n".repeat(30), ""),
        ("picture.onnx", picture(8, 8), ""),
        ("archive.onnx", zip(vec![("W1", w(1))]), ""),
        ("digits.npz", digits(), ""),
        ("digits.safetensors", digits(), ""),
        ("digits.nnet", digits(), ""),
        ("unknown.xyz", b"???".to_vec(), "none of the known formats"),
        ("nothing", vec![], "the file is empty"),
        (
            "cycle.onnx",
            graph(vec![relu("b", "a"), relu("a", "b"), node("Add", &["a", "x"], "y", vec![])]),
            "cycle",
        ),
        ("missing.onnx", graph(vec![node("Add", &["x", "nowhere"], "y", vec![])]), "nowhere"),
        ("unknown.onnx", graph(vec![node("Frobnicate", &["x"], "y", vec![])]), "Frobnicate"),
        ("recurrent.onnx", graph(vec![node("LSTM", &["x"], "y", vec![])]), "LSTM"),
        ("two.onnx", two.encode_to_vec(), "input"),
        ("open.onnx", open.encode_to_vec(), "--input-shape"),
        ("outside.onnx", outside.encode_to_vec(), "w"),
        ("nan.onnx", product(&[2, 1], &[1.0, f32::NAN]), "weight_7"),
        ("inf.onnx", product(&[2, 1], &[f32::INFINITY, 0.0]), "weight_7"),
        ("lie.onnx", product(&[2, 3], &[1.0, 2.0]), "weight_7"),
        ("misfit.onnx", product(&[3, 1], &[1.0, 2.0, 3.0]), ""),
        ("negative.onnx", product(&[-2, -1], &[1.0, 2.0]), "weight_7"),
        ("overflow.onnx", product(&[i64::MAX, i64::MAX], &[1.0]), "weight_7"),
        ("terabytes.onnx", product(&[1 << 20, 1 << 20], &[1.0]), "weight_7"),
        ("wide.onnx", model(13, &[1, 1 << 40], vec![relu("x", "y")], vec![]).encode_to_vec(), ""),
        ("broad.onnx", model(13, &[1, 1 << 30], vec![relu("x", "y")], vec![]).encode_to_vec(), ""),
        ("half.npz", cut(zip(vec![("W1", w(3)), ("W2", array(&[1, 3], &[1.0; 3]))]), 60), ""),
        ("end.npz", cut(zip(vec![("W1", w(3))]), 95), ""),
        ("bare.npz", b"PK\x05\x06".iter().copied().chain([0; 18]).collect(), "W1"),
        ("misfit.npz", zip(vec![("W1", w(1)), ("W2", w(1))]), ""),
        ("nan.npz", zip(vec![("W1", array(&[1, 2], &[f64::NAN, 1.0]))]), "W1"),
        ("flat.npz", zip(vec![("W1", array(&[4], &[1.0; 4]))]), "matrix"),
        ("second.npz", zip(vec![("W2", w(1))]), "W2"),
        ("bias.npz", zip(vec![("W1", w(1)), ("b1", array(&[2], &[0.0; 2]))]), "bias"),
        ("act.npz", zip(vec![("W1", w(1)), ("act1", act("swash"))]), "swash"),
        ("text.npz", zip(vec![("W1", act("relu"))]), "W1"),
        ("short.safetensors", vec![1, 2, 3], "too short"),
        ("header.safetensors", vec![0xff; 40], "cut off"),
        ("json.safetensors", safetensors("{\"W1\":", &[0; 8]), "JSON"),
        (
            "past.safetensors",
            safetensors(r#"{"W1":{"dtype":"F64","shape":[1,1],"data_offsets":[0,99]}}"#, &[0; 8]),
            "W1",
        ),
        (
            "back.safetensors",
            safetensors(r#"{"W1":{"dtype":"F64","shape":[1,1],"data_offsets":[8,0]}}"#, &[0; 8]),
            "W1",
        ),
        (
            "type.safetensors",
            safetensors(r#"{"W1":{"dtype":"Q4","shape":[1,1],"data_offsets":[0,8]}}"#, &[0; 8]),
            "Q4",
        ),
        (
            "size.safetensors",
            safetensors(r#"{"W1":{"dtype":"F64","shape":[9,9],"data_offsets":[0,8]}}"#, &[0; 8]),
            "shape",
        ),
        (
            "cube.safetensors",
            safetensors(r#"{"W1":{"dtype":"F64","shape":[1,1,1],"data_offsets":[0,8]}}"#, &[0; 8]),
            "matrix",
        ),
        ("empty.nnet", vec![], "the file is empty"),
        ("cut.nnet", cut(NNET.into(), 80), ""),
        ("word.nnet", NNET.replace("0.5", "half").into(), "number"),
        ("nan.nnet", NNET.replace("0.5", "nan").into(), "number"),
        ("huge.nnet", NNET.replace("\n2,1,\n", "\n2,9999999,\n").into(), ""),
        ("layers.nnet", NNET.replace("1,2,1,2", "7,2,1,2").into(), "header"),
        ("range.nnet", NNET.replace("1,1,1,", "1,0,1,").into(), "zero"),
    ]
}

pub fn samples() -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let one = npy(&[64], &[0.5; 64]);
    let header = |text: &str| npy_with(text, &[0; 512]);
    let named = |f: &'static str| vec![(f, array(&[64], &[0.5; 64]))];
    let mut damaged = picture(8, 8);
    damaged[40] ^= 0xff;
    let mut giant = picture(8, 8);
    giant[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    vec![
        ("empty.npy", "", vec![], ""),
        ("cut.npy", "", cut(one.clone(), 90), ""),
        ("start.npy", "", cut(one.clone(), 3), ""),
        ("long.npy", "", [one.clone(), vec![0; 9]].concat(), ""),
        ("short.npy", "", npy(&[63], &[0.5; 63]), "wants 64"),
        ("wide.npy", "#0", npy(&[2, 65], &[0.5; 130]), "labels"),
        ("nan.npy", "", npy(&[64], &[f64::NAN; 64]), "finite"),
        ("inf.npy", "", npy(&[64], &[f64::INFINITY; 64]), "finite"),
        ("none.npy", "", npy(&[0, 64], &[]), "0 rows"),
        (
            "giant.npy",
            "",
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 64), }\n"),
            "",
        ),
        (
            "over.npy",
            "",
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551615, 2), }\n"),
            "",
        ),
        ("minus.npy", "", header("{'descr': '<f8', 'fortran_order': False, 'shape': (-64,), }\n"), ""),
        ("object.npy", "", header("{'descr': '|O', 'fortran_order': False, 'shape': (64,), }\n"), "|O"),
        ("complex.npy", "", header("{'descr': '<c16', 'fortran_order': False, 'shape': (32,), }\n"), "c16"),
        ("python.npy", "", header("__import__('os').system('true')\n"), ""),
        ("deep.npy", "", header(&"(".repeat(400)), ""),
        ("words.csv", "", b"zero,point,one\n".to_vec(), ""),
        ("ragged.csv", "#0", b"1,2\n3\n".to_vec(), ""),
        ("empty.csv", "", vec![], ""),
        ("bytes.csv", "", vec![0xfe; 64], ""),
        ("inf.csv", "", format!("inf{}\n", ",0".repeat(63)).into_bytes(), "finite"),
        ("cut.png", "", cut(picture(8, 8), 70), ""),
        ("damaged.png", "", damaged, ""),
        ("giant.png", "", giant, ""),
        ("large.png", "", picture(9, 9), "crop or resize"),
        ("start.jpg", "", vec![0xff, 0xd8, 0xff, 0xe0, 0, 16], ""),
        ("prose.png", "", b"not a picture".to_vec(), ""),
        ("cut.idx", "#0", vec![0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 64, 1, 2], "fit"),
        ("giant.idx", "#0", [&[0, 0, 14, 4][..], &[0xff; 16], &[1; 8]].concat(), "fit"),
        ("cut.npy.gz", "", cut(gz(&one), 60), ""),
        ("bomb.npy.gz", "", gz(&vec![0; 64 << 20]), ""),
        ("twice.npy.gz", "", gz(&gz(&one)), ""),
        ("name.npz", "#b", zip(named("a")), "a"),
        ("row.npz", "#a#7", zip(named("a")), "row"),
        ("cut.npz", "#a", cut(zip(named("a")), 50), ""),
        ("net.npy", "", digits(), ""),
    ]
}

pub fn boxes() -> Vec<Named<Vec<u8>>> {
    let mut reversed = vec![0.0; 128];
    reversed[3] = 1.0;
    vec![
        ("reversed.npy", npy(&[2, 64], &reversed), "input 3"),
        ("flat.npy", npy(&[128], &[0.0; 128]), "2x64"),
        ("three.npy", npy(&[3, 64], &[0.0; 192]), "2x64"),
        ("short.npy", npy(&[2, 63], &[0.0; 126]), "2x64"),
        ("nan.npy", npy(&[2, 64], &[f64::NAN; 128]), "finite"),
        ("inf.npy", npy(&[2, 64], &[f64::INFINITY; 128]), "finite"),
        ("picture.png", picture(8, 8), "picture"),
        ("cut.npy", cut(npy(&[2, 64], &[0.0; 128]), 90), ""),
    ]
}

pub fn properties() -> Vec<Named<String>> {
    let declared: String = (0..64).map(|k| format!("(declare-const X_{k} Real)\n")).collect();
    let bound = |k: usize| format!("(assert (>= X_{k} 0))\n(assert (<= X_{k} 1))\n");
    let bounds: String = (0..64).map(bound).collect();
    let with = |more: &str| format!("{declared}(declare-const Y_0 Real)\n{bounds}{more}\n");
    vec![
        ("empty.vnnlib", String::new(), ""),
        ("prose.vnnlib", "all inputs are small".into(), ""),
        ("open.vnnlib", with("(assert (<= X_0 0.5)"), ""),
        ("closed.vnnlib", with(")))"), ""),
        ("deep.vnnlib", "(".repeat(100_000), ""),
        ("or.vnnlib", with("(assert (or (and (<= X_0 0.1)) (and (>= X_0 0.9))))"), "or"),
        ("unbounded.vnnlib", format!("{declared}{}", bound(0)), "X_"),
        ("reversed.vnnlib", with("(assert (>= X_5 2))"), "X_5"),
        ("few.vnnlib", format!("(declare-const X_0 Real)\n{}", bound(0)), "1 inputs"),
        ("gap.vnnlib", format!("(declare-const X_7 Real)\n{}", bound(7)), ""),
        ("sum.vnnlib", with("(assert (<= (+ X_0 X_1) 1))"), ""),
        ("number.vnnlib", with("(assert (>= X_0 1e999999999999))"), ""),
        ("word.vnnlib", with("(assert (<= X_0 small))"), "number"),
        ("unknown.vnnlib", with("(assert (<= Z_0 1))"), "line 194"),
        ("function.vnnlib", with("(define-fun f () Real 1)"), "line 194"),
    ]
}
