//! The networks of Avant & Morgansen against converged values of their formula: proven, the same number is at most
//! 0.1 % larger, and what runs by itself is never above it.

use crate::common::solve::methods;
use clarke::backend::cpu::Cpu;
use clarke::data::file::{Decoded, decode};
use clarke::method::Budget;
use clarke::net::{Options, load};
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::time::Duration;

/// The network, how many of its radii are left out between two, and those at which `auto` runs as well.
const CASES: [(&str, usize, usize); 2] = [("mnist", 6, 2), ("cifar10", 29, 1)];

pub fn trials() -> Vec<Trial> {
    let (zoo, required) = (crate::zoo(), crate::required());
    let trial = |&case: &(&'static str, usize, usize)| {
        let zoo = zoo.clone();
        let ignored = zoo.is_none() && !required;
        let test = move || match &zoo {
            Some(zoo) => against_the_formula(zoo, case),
            None => Err("CLARKE_ZOO is not set".into()),
        };
        Trial::test(format!("avant_{}", case.0), test).with_ignored_flag(ignored)
    };
    CASES.iter().map(trial).collect()
}

fn against_the_formula(zoo: &Path, (name, step, auto): (&str, usize, usize)) -> Result<(), Failed> {
    let path = zoo.join(format!("avant/{name}.npz"));
    let bytes = std::fs::read(&path)?;
    let decoded = decode("values.npz", &bytes).map_err(|e| e.to_string())?;
    let Decoded::Named(arrays) = decoded else { return Err("no archive".into()) };
    let values = |name: &str| -> Result<Vec<f64>, Failed> {
        let found = arrays.iter().find(|(n, _)| n == name).ok_or("an array is missing")?;
        Ok(found.1.to_f64().map_err(|e| e.to_string())?)
    };
    let (x, radii, bounds) = (values("x0")?, values("pub_local_eps")?, values("ref_local_bound")?);
    let net = zoo.join(format!("converted/avant_{name}.onnx"));
    let net = load(&net, &Options::default()).map_err(|e| e.to_string())?;
    let two = Norm::Two;
    let quotient =
        Question { in_norm: two, out_norm: two, output: Output::All, quantity: Quantity::Anchored };
    for (k, (radius, bound)) in radii.iter().zip(bounds).step_by(step).enumerate() {
        let region = Region::ball(&x, *radius, two, None).map_err(|e| e.to_string())?;
        let problem = Problem::new(net.clone(), region, quotient).map_err(|e| e.to_string())?;
        let upper = |method: &str, seconds: u64| -> Result<f64, Failed> {
            let budget = Budget::new(Duration::from_secs(seconds), 8 << 30);
            let out = methods(&problem, Cpu::DOUBLE, method, 1.01, budget).map_err(|e| e.to_string())?;
            Ok(out.upper.value.get())
        };
        let own = upper("avant", 300)?;
        if !(bound * (1.0 - 1e-7) <= own && own <= 1.001 * bound) {
            return Err(format!("radius {radius}: {own} against {bound}").into());
        }
        if k < auto {
            let best = upper("auto", 20)?;
            if best > own {
                return Err(format!("radius {radius}: {best} by itself, {own} by the formula").into());
            }
        }
    }
    Ok(())
}
