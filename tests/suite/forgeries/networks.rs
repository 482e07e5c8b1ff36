//! Forged networks: other bytes, another digest, another way in.

use super::draft::*;
use super::{Forgery, forgery};
use crate::onnx_builder::{int, model, node, tensor, value};
use clarke::data::{base64, sha256};
use prost::Message;
use serde_json::json;

pub fn all() -> Vec<Forgery> {
    [bytes(), units()].into_iter().flatten().collect()
}

/// 10 relu(x).
fn ten() -> Vec<u8> {
    npz(&[(&[&[1.0]], &[0.0], "relu"), (&[&[10.0]], &[0.0], "")])
}

fn bytes() -> Vec<Forgery> {
    let honest = || draft(&relu(), 1, 1.01);
    let encoded = |bytes: &[u8]| json!(base64::encode(bytes));
    let mut damaged = ten();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    vec![
        forgery(
            "a steeper network under its own digest",
            "10 relu has slope 10",
            honest(),
            honest().network(&ten()),
            Lie::AtLeast(10.0),
        ),
        forgery(
            "a steeper network's digest",
            "the network that is named is 10 relu",
            honest(),
            honest().with("/net/sha256", json!(sha256::hex(&ten()))),
            Lie::AtLeast(10.0),
        ),
        forgery(
            "a flatter network's bytes",
            "the network that is named is 10 relu",
            draft(&ten(), 1, 10.1),
            draft(&ten(), 1, 1.0).with("/net/bytes", encoded(&relu())),
            Lie::AtLeast(10.0),
        ),
        forgery(
            "damaged bytes",
            "the network that is named is 10 relu",
            draft(&ten(), 1, 10.1),
            draft(&ten(), 1, 1.0).with("/net/bytes", encoded(&damaged)),
            Lie::AtLeast(10.0),
        ),
        forgery(
            "no bytes",
            "the network that is named is 10 relu",
            draft(&ten(), 1, 10.1),
            draft(&ten(), 1, 1.0).with("/net/bytes", json!(null)),
            Lie::AtLeast(10.0),
        ),
        forgery(
            "a digest cut short",
            "the network that is named is 10 relu",
            draft(&ten(), 1, 10.1),
            draft(&ten(), 1, 1.0).with("/net/sha256", json!("")),
            Lie::AtLeast(10.0),
        ),
    ]
}

/// A softmax behind (100 x, −100 x) where it is flat.
fn softmax() -> Draft {
    let nodes = vec![
        node("Gemm", &["x", "w"], "z", vec![int("transB", 1)]),
        node("Softmax", &["z"], "y", vec![int("axis", 1)]),
    ];
    let bytes = model(13, &[1, 1], nodes, vec![tensor("w", &[2, 1], &[100.0, -100.0])]).encode_to_vec();
    draft(&bytes, 1, 1.0)
        .boxed(&[1.0], &[2.0])
        .with("/net/name", json!("net.onnx"))
        .with("/net/keep_softmax", json!(true))
}

/// x and 10 x, by the names `y` and `z`.
fn two_outputs(name: &str) -> Draft {
    let nodes = vec![node("Gemm", &["x", "w"], "y", vec![]), node("Gemm", &["x", "v"], "z", vec![])];
    let weights = vec![tensor("w", &[1, 1], &[1.0]), tensor("v", &[1, 1], &[10.0])];
    let mut file = model(13, &[1, 1], nodes, weights);
    file.graph.as_mut().expect("a graph").output.push(value("z", &[]));
    let d = draft(&file.encode_to_vec(), 1, 1.01).with("/net/name", json!("net.onnx"));
    d.with("/net/output_name", json!(name))
}

/// x_1 of four inputs.
fn second() -> Draft {
    let units = |d: Draft| d.with("/net/mean", json!([0.0, 0.0])).with("/net/std", json!([1.0, 0.1]));
    let bytes = npz(&[(&[&[0.0, 1.0, 0.0, 0.0]], &[0.0], "")]);
    // Two channels of two: x_1 belongs to the first.
    units(draft(&bytes, 4, 1.01)).with("/net/input_shape", json!([1, 2, 2]))
}

fn units() -> Vec<Forgery> {
    let honest = || draft(&relu(), 1, 1.01).with("/net/mean", json!([0.0])).with("/net/std", json!([1.0]));
    let off = || draft(&relu(), 1, 0.0).boxed(&[-2.0], &[-1.0]).with("/net/mean", json!([0.0]));
    vec![
        forgery(
            "a smaller deviation",
            "relu(x / 0.1) has slope 10",
            honest(),
            honest().with("/net/std", json!([0.1])),
            Lie::Steeper(|x| vec![(x[0] / 0.1).max(0.0)], vec![1.0], vec![0.0]),
        ),
        forgery(
            "no deviation",
            "relu without it has slope 1",
            honest().with("/net/std", json!([4.0])).upper(0.251),
            honest().with("/net/std", json!(null)).upper(0.251),
            Lie::Steeper(at, vec![1.0], vec![0.0]),
        ),
        forgery(
            "another mean",
            "relu(x + 3) has slope 1 on [-2, -1]",
            off(),
            off().with("/net/mean", json!([-3.0])),
            Lie::Steeper(|x| vec![(x[0] + 3.0).max(0.0)], vec![-1.0], vec![-2.0]),
        ),
        forgery(
            "a deviation of zero",
            "no function is what the certificate names, and 1 bounds none near it",
            honest(),
            honest().with("/net/std", json!([0.0])),
            Lie::AtLeast(10.0),
        ),
        forgery(
            "another shape of the input",
            "x_1 is then divided by the second deviation, 0.1",
            second(),
            second().with("/net/input_shape", json!([1, 1, 2, 2])),
            Lie::Steeper(|x| vec![x[1] / 0.1], vec![0.0, 1.0, 0.0, 0.0], vec![0.0; 4]),
        ),
        forgery(
            "without the softmax",
            "(100 x, -100 x) has slope 100",
            softmax(),
            softmax().with("/net/keep_softmax", json!(false)),
            Lie::Steeper(|x| vec![100.0 * x[0], -100.0 * x[0]], vec![2.0], vec![1.0]),
        ),
        forgery(
            "another output of the file",
            "z has slope 10",
            two_outputs("y"),
            two_outputs("z"),
            Lie::Steeper(|x| vec![10.0 * x[0]], vec![1.0], vec![0.0]),
        ),
        forgery(
            "means without number",
            "no function is what the certificate names, and 1 bounds none near it",
            honest(),
            honest().with("/net/mean", json!([f64::INFINITY])).upper(0.5),
            Lie::AtLeast(1.0),
        ),
    ]
}
