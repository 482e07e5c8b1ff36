//! Real networks at a point: both proven ends equal the norm of the Jacobian
//! that automatic differentiation gives in float64 (tests/data/reference_jacobians.csv).

use crate::common::solve::methods;
use clarke::backend::cpu::Cpu;
use clarke::method::Budget;
use clarke::net::{Options, load};
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::time::{Duration, Instant};

const TABLE: &str = include_str!("../data/reference_jacobians.csv");

#[derive(Clone)]
struct Reference {
    name: String,
    columns: Vec<(String, f64)>,
}

impl Reference {
    fn get(&self, column: &str) -> Option<f64> {
        self.columns.iter().find(|c| c.0 == column).map(|c| c.1)
    }
}

fn table() -> Vec<Reference> {
    let mut lines = TABLE.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |(h, c): (&&str, &&str)| Some((h.to_string(), c.parse().ok()?));
            Reference {
                name: cells[0].to_string(),
                columns: header.iter().zip(&cells).skip(1).filter_map(number).collect(),
            }
        })
        .collect()
}

pub fn trials() -> Vec<Trial> {
    // The largest networks take a minute and more for each norm.
    let (zoo, required, all) = (crate::zoo(), crate::required(), crate::with_large());
    let mut trials = vec![];
    for reference in table() {
        let large = reference.name.starts_with("vgg16/");
        for norm in Norm::ALL {
            if large && !all {
                continue;
            }
            let name = format!("point_{}_norm_{norm}", reference.name.replace(['/', '.'], "_"));
            let path = zoo.as_ref().map(|z| z.join(&reference.name));
            let ignored = path.is_none() && !required;
            let reference = reference.clone();
            let test = move || match path {
                Some(path) => at_a_point(&path, &reference, norm),
                None => Err("CLARKE_ZOO is not set".into()),
            };
            trials.push(Trial::test(name, test).with_ignored_flag(ignored));
        }
    }
    trials
}

fn at_a_point(path: &Path, reference: &Reference, norm: Norm) -> Result<(), Failed> {
    let started = Instant::now();
    let net = load(path, &Options::default()).map_err(|e| e.to_string())?;
    let x: Vec<f64> = (0..net.inputs()).map(|i| ((i * 7919) % 256) as f32 / 255.0).map(f64::from).collect();
    let whole = reference.get("norm_2_2").is_some();
    let region = Region::ball(&x, 0.0, norm, None).map_err(|e| e.to_string())?;
    let quotient =
        Question { in_norm: norm, out_norm: norm, output: Output::All, quantity: Quantity::Lipschitz };
    let problem = Problem::new(net.clone(), region, quotient).map_err(|e| e.to_string())?;
    let budget = Budget::new(Duration::from_secs(600), 4 << 30);
    let out = methods(&problem, Cpu::DOUBLE, "auto", 1.01, budget).map_err(|e| e.to_string())?;
    let (upper, lower) = (out.upper.value.get(), out.lower.value.get());
    println!(
        "{} {norm}: [{lower:e}, {upper:e}] {} {} {:.1} s",
        reference.name,
        out.lower.method,
        out.upper.method,
        started.elapsed().as_secs_f64()
    );
    if whole {
        let truth = reference.get(&format!("norm_{norm}_{norm}")).ok_or("a reference is missing")?;
        let slack = 1e-5 * truth + 1e-15;
        if !(upper >= truth - slack && upper <= truth + slack && lower <= upper && lower >= truth - slack) {
            return Err(format!("norm {norm}: [{lower}, {upper}] against {truth}").into());
        }
    } else {
        let rows = reference.get(&format!("rows_{norm}")).ok_or("a reference is missing")?;
        if !(lower > 0.0 && lower >= 0.999 * rows && upper >= lower && upper.is_finite()) {
            return Err(format!("norm {norm}: [{lower}, {upper}] against rows {rows}").into());
        }
    }
    Ok(())
}
