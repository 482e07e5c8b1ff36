//! Limits of time hold, and signals end a run with a valid pair.
#![cfg(target_os = "linux")]

use crate::common::process::{Case, middle};
use crate::common::share;
use crate::hostile::runs::Scratch;
use crate::onnx_builder::{ints, model, node, tensor};
use clarke::net::onnx::proto::{NodeProto, TensorProto};
use clarke::num::random::Random;
use prost::Message;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Two at a time.
fn all(cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut complaints = vec![];
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            complaints.extend(case.complaint());
        }
        complaints
    };
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|w| w.join().expect("no panic here")).collect()
    });
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
}

/// A network layer by layer.
struct Model {
    random: Random,
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
    last: String,
}

impl Model {
    fn new() -> Model {
        Model { random: Random(7), nodes: vec![], weights: vec![], last: "x".into() }
    }

    fn tensor(&mut self, dims: &[i64], size: f64) -> String {
        let name = format!("t{}", self.weights.len());
        let count = dims.iter().product::<i64>();
        let values: Vec<f32> = (0..count).map(|_| (self.random.normal() * size) as f32).collect();
        self.weights.push(tensor(&name, dims, &values));
        name
    }

    fn push(&mut self, op: &str, more: &[String], attributes: Vec<clarke::net::onnx::proto::AttributeProto>) {
        let name = format!("n{}", self.nodes.len());
        let inputs: Vec<&str> = std::iter::once(&self.last).chain(more).map(String::as_str).collect();
        self.nodes.push(node(op, &inputs, &name, attributes));
        self.last = name;
    }

    fn dense(mut self, widths: &[i64]) -> Model {
        for (k, w) in widths.windows(2).enumerate() {
            let weight = self.tensor(&[w[0], w[1]], 1.4 / (w[0] as f64).sqrt());
            let bias = self.tensor(&[w[1]], 0.3);
            self.push("Gemm", &[weight, bias], vec![]);
            if k + 2 < widths.len() {
                self.push("Relu", &[], vec![]);
            }
        }
        self
    }

    fn conv(mut self, [ins, outs, side, stride]: [i64; 4], pool: bool) -> Model {
        let weight = self.tensor(&[outs, ins, side, side], 1.4 / ((ins * side * side) as f64).sqrt());
        let bias = self.tensor(&[outs], 0.3);
        self.push("Conv", &[weight, bias], vec![ints("strides", &[stride, stride])]);
        self.push("Relu", &[], vec![]);
        if pool {
            let window = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
            self.push("MaxPool", &[], window);
        }
        self
    }

    fn flat(mut self) -> Model {
        self.push("Flatten", &[], vec![]);
        self
    }

    fn bytes(mut self, shape: &[i64]) -> Vec<u8> {
        self.nodes.last_mut().expect("a layer").output = vec!["y".into()];
        model(13, shape, self.nodes, self.weights).encode_to_vec()
    }
}

/// Networks and centres in files, by words that stand for them.
fn files(test: &str) -> (Scratch, Vec<(&'static str, String)>) {
    let scratch = Scratch::new(test);
    let conv = || Model::new().conv([3, 16, 4, 2], false).conv([16, 32, 4, 2], false).flat();
    let pool = || Model::new().conv([1, 8, 5, 1], true).conv([8, 16, 5, 1], true).flat();
    let files = [
        ("WIDE", "wide.onnx", Model::new().dense(&[2, 8000, 1]).bytes(&[1, 2])),
        ("DEEP", "deep.onnx", Model::new().dense(&[20, 60, 60, 60, 60, 60, 3]).bytes(&[1, 20])),
        ("FULL", "full.onnx", Model::new().dense(&[784, 256, 256, 256, 256, 10]).bytes(&[1, 784])),
        ("CONV", "conv.onnx", conv().dense(&[1152, 100, 10]).bytes(&[1, 3, 32, 32])),
        ("POOL", "pool.onnx", pool().dense(&[256, 10]).bytes(&[1, 1, 28, 28])),
        ("C784", "c784.npy", middle(784)),
        ("C3072", "c3072.npy", middle(3072)),
        ("C20", "c20.npy", middle(20)),
    ];
    let places = files.into_iter().map(|(word, name, bytes)| (word, scratch.file(name, &bytes))).collect();
    (scratch, places)
}

/// Limits, and what is run under them.
const RUNS: [(f64, &str); 43] = [
    (1.0, "WIDE"),
    (1.0, "CONV --input C3072 --eps 0.01"),
    (2.0, "FULL --input C784 --eps 0.05 --norm 2 --method exact"),
    (1.0, "POOL --input C784 --eps 0.02"),
    (0.5, "WIDE --method pattern"),
    (1.0, "DEEP"),
    (1.0, "CONV"),
    (2.0, "POOL --input C784 --eps 0.02 --method exact"),
    (1.0, "WIDE --method exact"),
    (1.0, "CONV --input C3072 --eps 0.01 --norm 2 --method jacobian-linear"),
    (5.0, "CONV --input C3072 --eps 0.02"),
    (1.0, "WIDE --method seqlip"),
    (1.0, "WIDE --method lipsdp"),
    (1.0, "WIDE --method eclipse-fast"),
    (0.5, "WIDE --method abs-subset"),
    (1.0, "WIDE --method combettes-pesquet"),
    (1.0, "WIDE --method partition"),
    (0.5, "WIDE --method ascent"),
    (0.5, "WIDE --method pair"),
    (1.0, "WIDE --method scaled-gain --norm 2"),
    (2.0, "DEEP --method lipsdp --norm 2"),
    (1.0, "DEEP --method seqlip --norm 2"),
    (2.0, "DEEP --method partition"),
    (1.0, "DEEP --method scaled-gain --norm 2"),
    (3.0, "DEEP --method exact --norm 2"),
    (2.0, "DEEP --input C20 --eps 0.5 --norm 2 --method exact"),
    (0.5, "CONV --method absolute-product"),
    (1.0, "CONV --method combettes-pesquet"),
    (1.0, "CONV --method ascent"),
    (1.0, "CONV --method partition --norm 2"),
    (2.0, "CONV --input C3072 --eps 0.02 --method exact"),
    (1.0, "CONV --input C3072 --eps 0.1 --method jacobian-interval --norm 1"),
    (1.0, "CONV --input C3072 --eps 0.1 --method scaled-gain --norm 2"),
    (0.5, "CONV --input C3072 --eps 0.1 --method ascent"),
    (0.5, "CONV --input C3072 --eps 0.1 --method pattern"),
    (0.5, "CONV --input C3072 --eps 0.1 --method pair"),
    (0.5, "CONV --input C3072 --eps 0.01 --method product-local --norm 2"),
    (2.0, "FULL --input C784 --eps 0.05 --method scaled-gain --norm 2"),
    (1.0, "FULL --norm 2"),
    (0.5, "POOL --input C784 --eps 0.1 --method ascent"),
    (1.0, "WIDE --method lipopt"),
    (1.0, "DEEP --method lipopt"),
    (1.0, "POOL --input C784 --eps 0.02 --method lipopt --norm 2"),
];

#[test]
fn every_method_keeps_its_limit() {
    let (_scratch, places) = files("limits");
    let named = |line: &str| {
        let word = |w: &str| places.iter().find(|p| p.0 == w).map_or(w.to_string(), |p| p.1.clone());
        line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
    };
    let case = |(k, (limit, line)): (usize, &(f64, &str))| Case {
        line: named(line),
        threads: 1 + k % 2,
        limit: *limit,
        signal: None,
        code: 0,
    };
    let cases: Vec<Case> = RUNS.iter().take(share(RUNS.len())).enumerate().map(case).collect();
    all(&cases);
}

/// A search that meets patterns whose exact arithmetic would take minutes.
const LONG: &str =
    "tests/data/digits.onnx --input tests/data/digits.npy#2 --eps 4 --clip 0,1 --norm 1 --output 7-1";

#[test]
fn exact_arithmetic_keeps_the_limit() {
    let case = |k: usize| Case {
        line: format!("{LONG} --seed {k}"),
        threads: 1 + k % 2,
        limit: 2.5,
        signal: None,
        code: 0,
    };
    all(&(0..share(20)).map(case).collect::<Vec<_>>());
}

#[test]
fn signals_end_a_run_with_a_pair() {
    let (_scratch, places) = files("signals");
    let deep = format!("{} --method exact", places.iter().find(|p| p.0 == "DEEP").expect("a file").1);
    let mut random = Random(11);
    let case = |k: usize| {
        let (name, code) = [("INT", 130), ("TERM", 143)][k % 2];
        let line = if k % 4 < 2 { LONG.to_string() } else { deep.clone() };
        let moment = 1.5 * random.unit() * random.unit();
        Case { line, threads: 1, limit: 60.0, signal: Some((name, moment)), code }
    };
    all(&(0..share(50)).map(case).collect::<Vec<_>>());
}
