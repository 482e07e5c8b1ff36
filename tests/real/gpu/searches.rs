//! Searches on a device: what closes on the CPU closes there, and what one proves the other does not contradict.

use crate::common::budget;
use crate::common::nets::{Kind, network, question};
use crate::common::solve::{Here, certify};
use clarke::analysis::Budget;
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::backend::gpu::{Gpu, Real};
use clarke::certificate::check::{Limits, check};
use clarke::method::Outcome;
use clarke::method::context::Context;
use clarke::method::goal::Goal;
use clarke::num::Norm;
use clarke::problem::{Problem, Quantity, Question};
use clarke::region::Region;
use libtest_mimic::Failed;
use std::sync::Arc;

const PROBLEMS: usize = 20;
/// Of these, of a trained network.
const TRAINED: usize = 4;
const SPLITS: u64 = 600;

/// Problems that a search has something to do with: random small networks of every operator, and digits.
fn problems() -> Result<Vec<Problem>, Failed> {
    let random = (0usize..).filter_map(|k| {
        let kind = if k % 3 == 0 { Kind::Any } else { Kind::Tiny };
        let mut made = network(k as u64 + 770_000, kind);
        let problem = question(&mut made, k);
        let plain = problem.quotient.quantity == Quantity::Lipschitz && !problem.region.is_point();
        let kinks = problem.net.neurons();
        (plain && !problem.region.is_global() && (3..60).contains(&kinks)).then_some(problem)
    });
    let mut all: Vec<Problem> = random.take(PROBLEMS - TRAINED).collect();
    let net = Arc::new(clarke::net::load("tests/data/digits.onnx".as_ref(), &Default::default())?);
    for k in 0..TRAINED {
        let centre: Vec<f64> = (0..net.inputs()).map(|j| ((j * 7 + k * 13) % 17) as f64 / 17.0).collect();
        let norm = [Norm::Inf, Norm::Two][k % 2];
        let region = Region::ball(&centre, [0.004, 0.02][k % 2], norm, Some((0.0, 1.0)))?;
        all.push(Problem::new(net.clone(), region, Question::lipschitz(norm))?);
    }
    Ok(all)
}

fn searched<B: Backend>(
    problem: &Problem,
    backend: impl Into<Arc<B>>,
    gap: f64,
    splits: u64,
) -> Result<Outcome, Failed> {
    let here: Here<B> = Here::new(problem, backend);
    let goal = Goal { splits: Some(splits), ..Goal::from(gap) };
    let time: Budget = budget(600);
    let context = Context::new(problem, here.at(), time, 1).towards(goal);
    Ok(clarke::search::solve(&context, "exact", &mut |_| {})?)
}

/// Searches in which many neurons are open: pairs and certificates hold, and upper ends are at most so much above the
/// CPU's.
pub fn opened(gpu: &Arc<Gpu>, splits: u64, above: f64) -> Result<(), Failed> {
    let net = Arc::new(clarke::net::load("tests/data/digits.onnx".as_ref(), &Default::default())?);
    let centre: Vec<f64> = (0..net.inputs()).map(|j| ((j * 7) % 17) as f64 / 17.0).collect();
    for (k, (norm, radius)) in [(Norm::Inf, 0.1), (Norm::Two, 0.6)].into_iter().enumerate() {
        let region = Region::ball(&centre, radius, norm, Some((0.0, 1.0)))?;
        let problem = Problem::new(net.clone(), region, Question::lipschitz(norm))?;
        let there = searched::<Gpu>(&problem, gpu.clone(), 1.01, splits)?;
        let here = searched::<Cpu>(&problem, Cpu::DOUBLE, 1.01, splits)?;
        contradict(k, &there, &here)?;
        certified(k, &problem, &there)?;
        let (high, own) = (ends(&there).1, ends(&here).1);
        if high > above * own {
            return Err(format!("{k}: {high} there, {own} on the CPU").into());
        }
    }
    Ok(())
}

fn ends(o: &Outcome) -> (f64, f64) {
    (o.lower.value.get(), o.upper.value.get())
}

fn contradict(k: usize, there: &Outcome, here: &Outcome) -> Result<(), Failed> {
    let ((low, high), (own_low, own_high)) = (ends(there), ends(here));
    match low > own_high || own_low > high {
        true => Err(format!("{k}: [{low}, {high}] there, [{own_low}, {own_high}] on the CPU").into()),
        false => Ok(()),
    }
}

/// The device's certificate holds, for no more than its bound.
fn certified(k: usize, problem: &Problem, there: &Outcome) -> Result<(), Failed> {
    let (claim, digest) = certify(problem, there, &budget(600));
    if let Some(digest) = digest {
        return Err(format!("{k}: {} has no certificate: {digest}", there.upper.method).into());
    }
    if let Err(refusal) = check(problem, &claim, &Limits::default()) {
        return Err(format!("{k}: the certificate is refused: {refusal:?}").into());
    }
    let high = ends(there).1;
    match claim.upper > high * (1.0 + 1e-9) {
        true => Err(format!("{k}: certified {} of {high}", claim.upper).into()),
        false => Ok(()),
    }
}

/// The same problems close, pairs contain each other's lower ends, and certificates of the device's hold.
pub fn agree(gpu: &Arc<Gpu>) -> Result<(), Failed> {
    // In f32 ends do not come nearer than rounding lets them.
    let gap = if gpu.real() == Real::F64 { 1.0 + 1e-9 } else { 1.01 };
    let mut closed = 0;
    for (k, problem) in problems()?.iter().enumerate() {
        let (there, here) = (
            searched::<Gpu>(problem, gpu.clone(), gap, SPLITS)?,
            searched::<Cpu>(problem, Cpu::DOUBLE, gap, SPLITS)?,
        );
        contradict(k, &there, &here)?;
        let ((low, high), (own_low, own_high)) = (ends(&there), ends(&here));
        let met = |(low, high): (f64, f64)| high <= gap * low || high == low;
        if met((low, high)) != met((own_low, own_high)) {
            return Err(format!(
                "{k}: [{low}, {high}] there, [{own_low}, {own_high}] on the CPU: one closes"
            )
            .into());
        }
        closed += met((low, high)) as usize;
        certified(k, problem, &there)?;
    }
    // A test on which nothing closes would see nothing.
    if closed < PROBLEMS * 3 / 4 { Err(format!("{closed} of {PROBLEMS} close").into()) } else { Ok(()) }
}
