//! Limits of time on real networks: processor time stays below threads times a second more than the limit.
#![cfg(target_os = "linux")]

use crate::common::process::{Case, middle};
use libtest_mimic::{Failed, Trial};
use std::path::Path;

/// Networks, their inputs, seconds, and more flags.
const RUNS: &[(&str, usize, f64, &str)] = &[
    ("vnncomp2021-verivital/Convnet_maxpool.onnx", 784, 5.0, "--clip 0,1 --eps 0.0078431"),
    ("vnncomp2021-oval21/cifar_base_kw.onnx", 3072, 1.0, "--eps 0.0039"),
    ("vnncomp2021-oval21/cifar_deep_kw.onnx", 3072, 5.0, "--eps 0.05 --norm 2"),
    ("vnncomp2021-oval21/cifar_deep_kw.onnx", 3072, 2.0, "--eps 0.05 --method exact"),
    ("vnncomp2021-cifar10_resnet/resnet_4b.onnx", 3072, 5.0, "--eps 0.004"),
    ("vnncomp2021-mnistfc/mnist-net_256x4.onnx", 784, 2.0, "--eps 0.05 --norm 2"),
    ("vnncomp2021-eran/ffnnSIGMOID__Point_6x200.onnx", 784, 2.0, "--eps 0.05 --method exact"),
    ("mlperf-tiny/mlperf_tiny_resnet8.onnx", 3072, 2.0, "--eps 0.1 --method ascent"),
    ("cifar10-vgglike/cifar10_vgglike_bn_maxpool.onnx", 3072, 5.0, "--eps 0.1"),
    ("marabou/cnn_max_mninst2.onnx", 784, 1.0, "--eps 0.1 --method pattern"),
    ("alexnet/alexnet_imagenet_features.onnx", 150528, 5.0, "--eps 0.004"),
];

pub fn trials() -> Vec<Trial> {
    let zoo = crate::zoo();
    let trial = |&(net, inputs, limit, flags): &(&'static str, usize, f64, &'static str)| {
        let folder = zoo.clone();
        let run = move || match &folder {
            Some(folder) => held(&folder.join(net), inputs, limit, flags),
            None => Err("CLARKE_ZOO names no folder".into()),
        };
        let name = format!("limits::{net} {limit} s {flags}");
        Trial::test(name, run).with_ignored_flag(zoo.is_none() && !crate::required())
    };
    RUNS.iter().map(trial).collect()
}

fn held(net: &Path, inputs: usize, limit: f64, flags: &str) -> Result<(), Failed> {
    let name = format!("clarke-limits-{}-{inputs}-{limit}-{}.npy", std::process::id(), flags.len());
    let centre = std::env::temp_dir().join(name);
    std::fs::write(&centre, middle(inputs)).map_err(|e| e.to_string())?;
    let line = format!("{} --input {} {flags}", net.display(), centre.display());
    let complaint = Case { line, threads: 2, limit, signal: None, code: 0 }.complaint();
    let _ = std::fs::remove_file(&centre);
    complaint.map_or(Ok(()), |text| Err(text.into()))
}
