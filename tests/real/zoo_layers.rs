//! Norms of the linear layers of real networks: proven ends that nearly meet.

use clarke::layer::LinearMap;
use clarke::method::layer::{Effort, norm};
use clarke::net::{Op, Options, load};
use clarke::num::Norm;
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::time::Instant;

/// Name, and does it take a minute or more?
const NETS: &[(&str, bool)] = &[
    ("mlperf-tiny/mlperf_tiny_resnet8.onnx", false),
    ("vnncomp2021-cifar10_resnet/resnet_2b.onnx", false),
    ("vnncomp2021-cifar10_resnet/resnet_4b.onnx", false),
    ("vnncomp2021-oval21/cifar_base_kw.onnx", false),
    ("vnncomp2021-oval21/cifar_deep_kw.onnx", false),
    ("cifar10-vgglike/cifar10_vgglike_bn_maxpool.onnx", false),
    ("alexnet/alexnet_imagenet_features.onnx", false),
    ("vgg16/vgg16_imagenet_features_f16.onnx", true),
    ("vgg16/tumor_vgg16_f16.onnx", true),
];

pub fn trials() -> Vec<Trial> {
    let (zoo, required, all) = (crate::zoo(), crate::required(), crate::with_large());
    let mut trials = vec![];
    for &(name, large) in NETS {
        if large && !all {
            continue;
        }
        let path = zoo.as_ref().map(|z| z.join(name));
        let ignored = path.is_none() && !required;
        let test = move || match path {
            Some(path) => layers(&path, name),
            None => Err("CLARKE_ZOO is not set".into()),
        };
        trials.push(
            Trial::test(format!("layers_{}", name.replace(['/', '.'], "_")), test).with_ignored_flag(ignored),
        );
    }
    trials
}

fn layers(path: &Path, name: &str) -> Result<(), Failed> {
    let net = load(path, &Options::default()).map_err(|e| e.to_string())?;
    let (mut ratios, mut complaints) = (vec![], vec![]);
    for node in &net.nodes {
        let Op::Affine(a) = &node.op else { continue };
        let started = Instant::now();
        let found = norm(&a.map, Norm::Two, Norm::Two, Effort::FULL);
        let ratio = found.upper.get() / found.lower.get();
        let order = a.map.inputs().min(a.map.outputs());
        let (kind, side) = match &a.map {
            LinearMap::Dense(_) => ("dense", 1),
            LinearMap::Conv { shape, .. } => {
                let side = |a: usize| shape.input[a].min(shape.output[a] * shape.stride[a]);
                ("conv", side(0).min(side(1)))
            }
        };
        println!(
            "{name},{},{kind},{},{},{:e},{:e},{ratio:.6},{},{:.2}",
            node.name,
            node.len(),
            a.map.inputs(),
            found.lower.get(),
            found.upper.get(),
            found.upper_rule,
            started.elapsed().as_secs_f64()
        );
        let limit = match (order <= 4096, side >= 13) {
            (true, _) => 1.0001,
            (_, true) => 1.01,
            _ => 1.03,
        };
        if !(1.0..=limit).contains(&ratio) {
            complaints.push(format!("{}: {ratio} over {limit}", node.name));
        }
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    if median > 1.003 {
        complaints.push(format!("the median is {median}"));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}
