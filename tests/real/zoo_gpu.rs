//! Real networks on the GPU of this machine, a software driver included: the
//! same bounds as on the CPU, a little wider, and never in contradiction.

use crate::common::solve::methods;
use crate::gpu::{alone, gpu};
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::backend::gpu::{Gpu, Real, list};
use clarke::method::{Budget, Outcome};
use clarke::net::{Options, load};
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TABLE: &str = include_str!("../data/reference_jacobians.csv");
/// Without the networks whose intervals explode with depth.
const LARGE: [&str; 2] = ["vgg16/", "alexnet/"];
const RADIUS: f64 = 1e-3;

pub fn trials() -> Vec<Trial> {
    let (zoo, required) = (crate::zoo(), crate::required());
    let absent = !required && (zoo.is_none() || list().is_empty());
    let names = TABLE.lines().skip(1).filter_map(|l| l.split(',').next());
    let mut trials = vec![];
    for name in names.filter(|n| !LARGE.iter().any(|l| n.starts_with(l))) {
        let path = zoo.as_ref().map(|z| z.join(name));
        let test = move || {
            let _one = alone();
            match path {
                Some(path) => compare(&path, name),
                None => Err("CLARKE_ZOO is not set".into()),
            }
        };
        trials.push(Trial::test(name, test).with_ignored_flag(absent));
    }
    trials
}

fn on<B: Backend>(
    problem: &Problem,
    backend: impl Into<Arc<B>>,
    method: &str,
) -> Result<(Outcome, f64), Failed> {
    let started = Instant::now();
    // Single passes, and the CPU plans as if it were the device: software drivers are slow.
    let budget = Budget::new(Duration::ZERO, 1 << 30);
    let out = methods(problem, backend, method, 1.01, budget).map_err(|e| e.to_string())?;
    Ok((out, started.elapsed().as_secs_f64()))
}

/// Is it rounding that makes the bound so large?
fn explained(problem: &Problem, device: &Gpu, method: &str, upper: f64, top: f64) -> Result<bool, Failed> {
    let plain = device.unrounded().ok_or("a GPU can leave its widening out")?;
    let without = on(problem, plain, method)?.0.upper.value.get();
    println!("    {:.3e} of it covers rounding; without: x {:.6}", 1.0 - without / upper, without / top);
    Ok(without <= 1.1 * top)
}

fn compare(path: &Path, name: &str) -> Result<(), Failed> {
    let net = load(path, &Options::default()).map_err(|e| e.to_string())?;
    let x: Vec<f64> = (0..net.inputs()).map(|i| ((i * 7919) % 256) as f32 / 255.0).map(f64::from).collect();
    let region = Region::ball(&x, RADIUS, Norm::Inf, None).map_err(|e| e.to_string())?;
    let (quantity, output) = (Quantity::Lipschitz, Output::All);
    let quotient = Question { in_norm: Norm::Inf, out_norm: Norm::Inf, output, quantity };
    let method = match net.products() * net.outputs() as f64 {
        work if work < 1e6 => "jacobian-interval",
        work if work < 9e7 => "jacobian-ibp",
        _ => "product-local",
    };
    let problem = Problem::new(net, region, quotient).map_err(|e| e.to_string())?;
    let paced = Cpu::DOUBLE.paced(gpu(Real::F64)?.speed());
    let (cpu, seconds) = on(&problem, paced, method)?;
    let (top, bottom) = (cpu.upper.value.get(), cpu.lower.value.get());
    println!("{name} {method}: [{bottom:e}, {top:e}] {seconds:.1} s");
    for real in [Real::F64, Real::F32] {
        let device = gpu(real)?;
        let (out, seconds) = on::<Gpu>(&problem, device.clone(), method)?;
        if let Some(e) = device.failure() {
            return Err(e.into());
        }
        let (upper, lower) = (out.upper.value.get(), out.lower.value.get());
        println!("  {}: [{lower:e}, {upper:e}] x {:.9}, {seconds:.1} s", real.name(), upper / top);
        if !(upper >= bottom && lower <= top) {
            return Err(format!("{}: contradiction", real.name()).into());
        }
        let fine = match real {
            Real::F64 => upper <= top * (1.0 + 1e-6),
            Real::F32 => upper <= 1.1 * top || explained(&problem, device, method, upper, top)?,
        };
        if !fine {
            return Err(format!("{}: {upper} against {top}", real.name()).into());
        }
    }
    Ok(())
}
