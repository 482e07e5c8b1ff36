//! `fuzz TARGET SECONDS [SEED]` feeds mutated inputs to a target; `fuzz TARGET FILE` feeds one.
//!
//! A panic, five seconds of silence or a broken promise of a target is a finding: its input is
//! written to tests/fuzz/corpus and the exit code is 1. The same seed gives the same inputs. With
//! FUZZ_TRACE set every input is written before it runs, for findings that end the process.

mod bound;
mod check;
#[path = "../../suite/common/fields.rs"]
mod fields;
mod mutate;
#[allow(clippy::duplicate_mod)]
#[path = "../../suite/onnx_builder.rs"]
mod onnx_builder;
#[allow(dead_code)]
#[path = "../../suite/common/solve.rs"]
mod solve;
mod targets;

use mutate::Noise;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::exit;
use std::time::{Duration, Instant};

const SLOW: Duration = Duration::from_secs(5);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = arguments.first().and_then(|name| targets::ALL.iter().find(|t| t.name == name));
    let (Some(target), Some(what)) = (target, arguments.get(1)) else {
        let names: Vec<&str> = targets::ALL.iter().map(|t| t.name).collect();
        eprintln!("usage: fuzz {} SECONDS|FILE [SEED]", names.join("|"));
        exit(2);
    };
    match what.parse::<f64>() {
        Err(_) => (target.run)(&std::fs::read(what).expect("a readable file")),
        Ok(seconds) => {
            let seed = arguments.get(2).map_or(1, |s| s.parse().expect("a seed"));
            exit(search(target, Duration::from_secs_f64(seconds), seed));
        }
    }
}

fn search(target: &targets::Target, time: Duration, seed: u64) -> i32 {
    let corpus = (target.corpus)();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    std::fs::create_dir_all(&folder).expect("a writable folder");
    let trace = std::env::var_os("FUZZ_TRACE").map(|_| folder.join(format!("{}-last", target.name)));
    std::panic::set_hook(Box::new(|_| {}));
    let (started, mut runs, mut findings, mut slowest) = (Instant::now(), 0u64, vec![], Duration::ZERO);
    while started.elapsed() < time {
        let mut noise = Noise::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(runs));
        let input = mutate::mutated(&corpus, &mut noise);
        if let Some(path) = &trace {
            std::fs::write(path, &input).expect("a writable file");
        }
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        slowest = slowest.max(begun.elapsed());
        let complaint = match result {
            Err(payload) => Some(said(payload)),
            Ok(()) if begun.elapsed() > SLOW => Some("slow".into()),
            Ok(()) => None,
        };
        if let Some(text) = complaint {
            let path = folder.join(format!("{}-{seed}-{runs}", target.name));
            std::fs::write(&path, &input).expect("a writable file");
            println!("{}: {text}", path.display());
            findings.push(text);
            if findings.len() >= 20 {
                break;
            }
        }
        runs += 1;
    }
    println!(
        "{}: {runs} inputs in {:.0} s, {} findings, slowest {:.2} s, peak {}",
        target.name,
        started.elapsed().as_secs_f64(),
        findings.len(),
        slowest.as_secs_f64(),
        peak().unwrap_or_else(|| "unknown".into())
    );
    i32::from(!findings.is_empty())
}

fn said(payload: Box<dyn std::any::Any + Send>) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default()
}

fn peak() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().to_string())
}
