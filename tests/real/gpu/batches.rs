//! Many samples on a device: as many dispatches and submissions as a few take, as many bytes back for each, and nothing
//! that is not so.

use clarke::analysis::{Budget, Placed};
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::backend::gpu::Gpu;
use clarke::method::margin::linear::leads;
use clarke::method::margin::others;
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::region::Region;
use libtest_mimic::Failed;
use std::sync::Arc;
use std::time::Duration;

const FEW: usize = 16;
const MANY: usize = 256;

/// Linear bounds of 256 balls take at most a fifth more dispatches than those of 16; no lead is larger than at any
/// member that was tried, and what the CPU proves is not far from it.
pub fn dispatches(gpu: &Arc<Gpu>) -> Result<(), Failed> {
    let net = Arc::new(clarke::net::load("tests/data/digits.onnx".as_ref(), &Default::default())?);
    let budget = Budget::new(Duration::from_secs(600), 1 << 32);
    let there = Placed::<Gpu>::new(net.clone(), gpu.clone());
    let here = Placed::<Cpu>::new(net.clone(), Cpu::DOUBLE);
    let mut random = Random(31);
    for norm in [Norm::Inf, Norm::Two] {
        let radius = if norm == Norm::Inf { 0.02 } else { 0.2 };
        let centres: Vec<Vec<f64>> =
            (0..MANY).map(|_| (0..net.inputs()).map(|_| random.unit()).collect()).collect();
        let balls: Result<Vec<Region>, _> =
            centres.iter().map(|c| Region::ball(c, radius, norm, Some((0.0, 1.0)))).collect();
        let balls = balls?;
        let first = |y: Vec<f64>| (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap_or(0);
        let classes: Vec<usize> = centres.iter().map(|c| first(net.evaluate(c))).collect();
        let regions: Vec<&Region> = balls.iter().collect();
        // What is uploaded once is not counted.
        leads(&there, &regions[..2], &classes[..2], &budget);
        let counted = |n: usize| {
            let before = gpu.counts();
            let found = leads(&there, &regions[..n], &classes[..n], &budget);
            (gpu.counts().since(&before), found)
        };
        let ((few, _), (many, found)) = (counted(FEW), counted(MANY));
        println!("{norm}: {FEW} samples {few:?}, {MANY} samples {many:?}");
        for (what, few, many) in [
            ("dispatches", few.dispatches as f64, many.dispatches as f64),
            ("submissions", few.submissions as f64, many.submissions as f64),
            ("bytes back for each", few.received as f64 / FEW as f64, many.received as f64 / MANY as f64),
        ] {
            if many > 1.2 * few {
                return Err(format!("{norm}: {FEW} samples take {few} {what}, {MANY} take {many}").into());
            }
        }
        let (found, known) = (found.ok_or("no time")?, leads(&here, &regions, &classes, &budget));
        let known = known.ok_or("no time")?;
        for (i, led) in found.iter().enumerate() {
            let mut x = centres[i].clone();
            x.iter_mut().for_each(|v| *v += radius * random.signed());
            balls[i].project(&mut x);
            let y = net.evaluate(&x);
            for (row, j) in others(classes[i], y.len()).enumerate() {
                let (lead, own) = (led.leads[row], known[i].leads[row]);
                if lead > y[classes[i]] - y[j] + 1e-9 {
                    return Err(format!("{norm}, {i}: a lead of {lead} is not there").into());
                }
                if lead < own - 1e-2 * (1.0 + own.abs()) {
                    return Err(format!("{norm}, {i}: {lead}, {own} on the CPU").into());
                }
            }
        }
    }
    Ok(())
}
