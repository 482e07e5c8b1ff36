//! Real networks against outputs of another runtime. The folder with the files
//! is named by CLARKE_ZOO; without it the cases are listed as ignored.

use clarke::error::{Kind, Result};
use clarke::net::{self, Net, Options};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::path::Path;

const NETS: &[&str] = &[
    "abcrown/cifar_conv_small_sigmoid.onnx",
    "alexnet/alexnet_imagenet_features.onnx",
    "cifar10-vgglike/cifar10_vgglike_bn_maxpool.onnx",
    "marabou/cnn_max_mninst2.onnx",
    "mlperf-tiny/mlperf_tiny_resnet8.onnx",
    "onnx-zoo/opt-mnist.onnx",
    "vgg16/tumor_vgg16_f16.onnx",
    "vgg16/vgg16_imagenet_features_f16.onnx",
    "vnncomp2020-nln/tansig_200_100_50.onnx",
    "vnncomp2021-acasxu/ACASXU_run2a_1_1_batch_2000.onnx",
    "vnncomp2021-acasxu/ACASXU_run2a_1_9_batch_2000.onnx",
    "vnncomp2021-acasxu/ACASXU_run2a_2_7_batch_2000.onnx",
    "vnncomp2021-acasxu/ACASXU_run2a_3_3_batch_2000.onnx",
    "vnncomp2021-cifar10_resnet/resnet_2b.onnx",
    "vnncomp2021-cifar10_resnet/resnet_4b.onnx",
    "vnncomp2021-eran/ffnnSIGMOID__Point_6x200.onnx",
    "vnncomp2021-marabou-cifar10/cifar10_small.onnx",
    "vnncomp2021-mnistfc/mnist-net_256x2.onnx",
    "vnncomp2021-mnistfc/mnist-net_256x4.onnx",
    "vnncomp2021-mnistfc/mnist-net_256x6.onnx",
    "vnncomp2021-oval21/cifar_base_kw.onnx",
    "vnncomp2021-oval21/cifar_deep_kw.onnx",
    "vnncomp2021-verivital/Convnet_avgpool.onnx",
    "vnncomp2021-verivital/Convnet_maxpool.onnx",
    "vnncomp2022-regression-control/NN_rul_small_window_20.onnx",
    "vnncomp2022-regression-control/cartpole.onnx",
];

pub fn trials() -> Vec<Trial> {
    let (zoo, required) = (crate::zoo(), crate::required());
    let mut trials = vec![];
    let mut add =
        |name: String, case: fn(&Path, &str) -> std::result::Result<(), Failed>, file: &'static str| {
            let zoo_here = zoo.clone();
            let run = move || match zoo_here {
                Some(zoo) => case(&zoo, file),
                None => Err("CLARKE_ZOO is not set, and CLARKE_REQUIRE_ALL=1 wants this case".into()),
            };
            trials.push(Trial::test(name, run).with_ignored_flag(zoo.is_none() && !required));
        };
    for &file in NETS {
        add(format!("outputs of {file}"), outputs_agree, file);
    }
    for file in ["light_resnet50.onnx", "light_squeezenet.onnx", "light_vgg19.onnx"] {
        add(format!("topology of {file}"), topology, file);
    }
    add("refusal of LRN".into(), refuses_lrn, "light_bvlc_alexnet.onnx");
    trials
}

fn load(path: &Path) -> Result<Net> {
    net::load(path, &Options { keep_softmax: true, ..Options::default() })
}

fn close(what: &str, found: f64, wanted: f64, scale: f64) -> std::result::Result<(), Failed> {
    if (found - wanted).abs() <= 1e-4 * (1.0 + scale) {
        return Ok(());
    }
    Err(format!("{what}: {found} instead of {wanted}").into())
}

fn outputs_agree(zoo: &Path, file: &str) -> std::result::Result<(), Failed> {
    let reference: Value = serde_json::from_slice(&std::fs::read(zoo.join("reference_outputs.json"))?)?;
    let reference = &reference["nets"][file];
    let net = load(&zoo.join(file)).map_err(|e| e.to_string())?;
    let x: Vec<f64> = (0..net.inputs()).map(|i| (((i * 7919) % 256) as f32 / 255.0) as f64).collect();
    let y = net.evaluate(&x);
    if reference["output_size"].as_u64() != Some(y.len() as u64) {
        return Err(format!("{} outputs", y.len()).into());
    }
    let scale = y.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let number = |v: &Value| v.as_f64().unwrap_or(f64::NAN);
    let first = reference["first"].as_array().ok_or("the reference holds no outputs")?;
    for (k, wanted) in first.iter().enumerate() {
        close(&format!("output {k}"), y[k], number(wanted), scale)?;
    }
    close("sum", y.iter().sum(), number(&reference["sum"]), scale)?;
    close("l2", y.iter().map(|v| v * v).sum::<f64>().sqrt(), number(&reference["l2"]), scale)
}

fn topology(zoo: &Path, file: &str) -> std::result::Result<(), Failed> {
    let net = load(&zoo.join("topology-only").join(file)).map_err(|e| e.to_string())?;
    if net.outputs() != 1000 || net.inputs() != 3 * 224 * 224 {
        return Err(format!("{} inputs, {} outputs", net.inputs(), net.outputs()).into());
    }
    Ok(())
}

fn refuses_lrn(zoo: &Path, file: &str) -> std::result::Result<(), Failed> {
    match load(&zoo.join("topology-only").join(file)) {
        Err(e) if e.kind == Kind::Unsupported && e.what.contains("LRN ×2") => Ok(()),
        Err(e) => Err(e.to_string().into()),
        Ok(_) => Err("was imported".into()),
    }
}
