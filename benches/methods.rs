//! Every method of the table that bounds whole networks, on two small ones: seconds and the pair.
//!
//! `cargo bench --bench methods` times with criterion; `-- --table` prints CSV rows
//! `network,in_norm,out_norm,method,ms,lower,upper,ratio`, each method alone and once.

#[allow(dead_code)]
mod common;

use clarke::analysis::{Placed, Site};
use clarke::backend::cpu::Cpu;
use clarke::method::context::Context;
use clarke::method::row::{Proves, Row, Scope};
use clarke::method::{Budget, Goal, METHODS, Outcome};
use clarke::net::{Net, Options, load};
use clarke::problem::Problem;
use clarke::{Norm, Question, Region};
use std::path::Path;
use std::time::{Duration, Instant};

/// Networks of this repository, with a box around the origin.
const NETWORKS: [(&str, &str, f64); 2] =
    [("digits", "tests/data/digits.onnx", 0.05), ("seeded 4", "tests/data/seeded/4.npz", 0.1)];
const NORMS: [Norm; 2] = [Norm::Inf, Norm::Two];

fn problem(net: &Net, radius: f64, norm: Norm) -> Problem {
    let n = net.inputs();
    let region = Region::boxed(vec![-radius; n], vec![radius; n]).expect("a box");
    Problem::new(net.clone(), region, Question::lipschitz(norm)).expect("a problem")
}

fn solve(problem: &Problem, method: &str) -> clarke::Result<Outcome> {
    let budget = Budget::new(Duration::from_secs(20), 1 << 30);
    let placed = Placed::new(problem.net.clone(), Cpu::DOUBLE);
    let site = Site::new(problem.region.clone());
    let context = Context::new(problem, (&placed, &site), budget, 0).towards(Goal::from(1.01));
    clarke::search::solve(&context, method, &mut |_| {})
}

/// Methods of whole networks; those with a lower end alone say nothing about steepness at most.
fn rows() -> impl Iterator<Item = &'static Row> {
    METHODS.iter().filter(|r| r.scope != Scope::Layer && r.proves != Proves::Lower)
}

/// Networks with norms, problems, and methods to try on them.
fn applicable() -> impl Iterator<Item = (String, Problem, &'static Row)> {
    let problems = NETWORKS.iter().flat_map(|(name, path, radius)| {
        let net = load(Path::new(path), &Options::default()).expect("the network's file");
        NORMS.map(|norm| (format!("{name},{norm},{norm}"), problem(&net, *radius, norm)))
    });
    problems.flat_map(|(name, problem)| rows().map(move |row| (name.clone(), problem.clone(), row)))
}

fn table() {
    println!("network,in_norm,out_norm,method,ms,lower,upper,ratio");
    for (name, problem, row) in applicable() {
        let started = Instant::now();
        let Ok(outcome) = solve(&problem, row.name) else { continue };
        let ms = started.elapsed().as_secs_f64() * 1e3;
        let (lower, upper) = (outcome.lower.value.get(), outcome.upper.value.get());
        println!("{name},{},{ms:.2},{lower:.9},{upper:.9},{:.4}", row.name, upper / lower);
    }
}

fn main() {
    if std::env::args().any(|a| a == "--table") {
        return table();
    }
    let mut criterion = common::criterion();
    for (name, problem, row) in applicable().filter(|(_, p, r)| solve(p, r.name).is_ok()) {
        let mut group = criterion.benchmark_group(name);
        group.bench_function(row.name, |b| b.iter(|| solve(&problem, row.name)));
        group.finish();
    }
    criterion.final_summary();
}
