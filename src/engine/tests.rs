//! Devices that fail, and numbers that are not fine enough.

use super::*;
use crate::backend::gpu::{Choice, Gpu, Probe, Real};
use crate::layer::{Affine, LinearMap, Piecewise};
use crate::net::{Op, Options as Import, load};
use crate::num::Norm;
use crate::num::random::Random;
use crate::problem::{Output, Quantity};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn question() -> Question {
    let (output, quantity) = (Output::All, Quantity::Lipschitz);
    Question { in_norm: Norm::Inf, out_norm: Norm::Inf, output, quantity }
}

fn options() -> Options {
    // Never the reason to leave something out, on the slowest machine.
    Options::default().method("jacobian-ibp").time(Duration::from_secs(3600)).memory(1 << 30)
}

fn healthy(real: Option<Real>) -> Option<Engine> {
    Some(Engine::Gpu(Arc::new(Gpu::open(Choice::Any, real).ok()?), Probe::default()))
}

fn sick(text: &'static str) -> Option<Engine> {
    let gpu = Gpu::open(Choice::Any, None).ok()?;
    gpu.break_down(text);
    Some(Engine::Gpu(Arc::new(gpu), Probe::default()))
}

/// A device that fails, and after that one that fails so many times more.
fn broken(text: &'static str, more: usize, device: Device) -> Option<(usize, Result<Answer>)> {
    let first = sick(text)?;
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let again = move |_: Device| {
        let fails = count.fetch_add(1, Ordering::SeqCst) < more;
        let engine = if fails { sick(text) } else { healthy(None) };
        Ok(engine.expect("the same adapter"))
    };
    let net = load(Path::new("tests/data/digits.onnx"), &Import::default()).expect("the digits");
    let placed = Placed::opened((net.into(), None), device, chosen(first), Box::new(again));
    let region = Region::ball(&[0.5; 64], 0.02, Norm::Inf, None).expect("a ball");
    let found = placed.at(region).expect("it fits").bound(&question(), &options());
    Some((opened.load(Ordering::SeqCst), found))
}

/// A deep network.
fn deep(random: &mut Random) -> Net {
    let mut net = Net::new(vec![32]);
    for k in 0..11 {
        let w = ndarray::Array2::from_shape_simple_fn((32, 32), || 0.3 * random.normal());
        let affine = Affine { map: LinearMap::Dense(w.into()), bias: None, repeat: 1 };
        let at = net.output();
        net.push(format!("layer {k}"), Op::Affine(affine), vec![at], vec![32]).expect("sizes agree");
        let at = net.output();
        let relu = Op::Piecewise(Piecewise::RELU);
        net.push(format!("relu {k}"), relu, vec![at], vec![32]).expect("sizes agree");
    }
    net
}

/// At a radius far below f32's rounding.
fn chosen(engine: Engine) -> Chosen {
    Chosen { engine, why: None, warnings: vec![] }
}

#[test]
fn coarse_results_are_computed_again_where_rounding_shows() {
    let Some(coarse) = healthy(Some(Real::F32)) else { return };
    let mut random = Random(4);
    let net = Arc::new(deep(&mut random));
    let centre: Vec<f64> = (0..32).map(|_| random.normal()).collect();
    let region = Region::ball(&centre, 1e-7, Norm::Inf, None).expect("a ball");
    let bound = |precision: Precision| {
        let device = Device::gpu(None).in_precision(precision);
        let finer = |_: Device| Ok(healthy(Some(Real::F64)).expect("software drivers have f64"));
        let placed = Placed::opened((net.clone(), None), device, chosen(coarse.clone()), Box::new(finer));
        placed.at(region.clone()).expect("it fits").bound(&question(), &options()).expect("a pair")
    };
    let (fine, rough) = (bound(Precision::Auto), bound(Precision::F32));
    assert_eq!((fine.device.precision.as_str(), rough.device.precision.as_str()), ("f64", "f32"));
    let share = rough.outcome.rounding_share.expect("cheap");
    assert!(share > MUCH && fine.upper() < rough.upper(), "{share}");
}

#[test]
fn a_device_that_fails_ends_on_the_cpu_or_as_an_error() {
    let (auto, named) = (Device::auto(), Device::gpu(None));
    let Some((opened, found)) = broken("the device was lost", 0, auto) else { return };
    let found = found.expect("the CPU's result");
    assert_eq!((opened, found.device.backend.as_str(), found.warnings.len()), (0, "cpu", 1));
    assert!(found.upper().is_finite() && found.assumptions.is_empty());
    let (_, lost) = broken("the device was lost", 0, named).expect("an adapter");
    assert_eq!(lost.err().map(|e| e.exit_code()), Some(4));
    // Less memory helps at the second try, or never.
    let (opened, again) = broken("Out of Memory", 0, named).expect("an adapter");
    let again = again.expect("the GPU's result");
    assert!(opened == 1 && again.device.backend != "cpu");
    assert!((again.upper() / found.upper() - 1.0).abs() < 1e-6);
    let (opened, found) = broken("Out of Memory", 9, auto).expect("an adapter");
    assert!(opened == 2 && found.expect("the CPU's result").device.backend == "cpu");
}
