//! Many samples on a device: as many dispatches and submissions as a few take, few of both a sweep, bounds and nothing
//! else back, as many bytes for each sample, and nothing that is not so.

use clarke::analysis::{Budget, Placed};
use clarke::backend::cpu::Cpu;
use clarke::backend::gpu::Gpu;
use clarke::backend::{Backend, Counts};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::linalg::Enclosure;
use clarke::method::margin::linear::leads;
use clarke::method::margin::others;
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::region::Region;
use clarke::sweep::Prepared;
use libtest_mimic::Failed;
use ndarray::{Array2, Array3};
use std::sync::Arc;
use std::time::Duration;

const FEW: usize = 16;
const MANY: usize = 256;

/// At most four submissions a sweep and 64 bytes a bound, and as many of both for many samples as for few.
fn frugal(what: &str, (few, many): (&Counts, &Counts), most: usize, sweeps: usize) -> Result<(), Failed> {
    let each = |all: u64, samples: usize| all as f64 / samples as f64;
    for (kind, few, many) in [
        ("dispatches", few.dispatches as f64, many.dispatches as f64),
        ("submissions", few.submissions as f64, many.submissions as f64),
        ("bytes back for each", each(few.received, FEW), each(many.received, most)),
        ("bytes there for each", each(few.sent, FEW), each(many.sent, most)),
    ] {
        if many > 1.2 * few {
            return Err(format!("{what}: {FEW} samples take {few} {kind}, {most} take {many}").into());
        }
    }
    for counts in [few, many] {
        if counts.submissions > 4 * sweeps as u64 || counts.received > 64 * counts.bounds {
            return Err(format!("{what}: {counts:?} for {sweeps} sweeps").into());
        }
    }
    Ok(())
}

/// Interval Jacobians of 256 balls, norms of their rows: one forward sweep and one back.
pub fn jacobians(gpu: &Arc<Gpu>) -> Result<(), Failed> {
    let net = clarke::net::load("tests/data/digits.onnx".as_ref(), &Default::default())?;
    let prepared = Prepared::new(&net, &**gpu);
    let mut random = Random(37);
    let outputs = net.outputs();
    let mut counted = |items: usize| {
        let centre = Array3::from_shape_simple_fn((items, 1, net.inputs()), || random.unit());
        let input = gpu.upload(&Enclosure { radius: centre.mapv(|_| 0.02), centre });
        let rows = Array3::from_shape_fn((items, outputs, outputs), |(_, i, j)| f64::from(i == j));
        let rows = gpu.upload(&Enclosure::point(rows));
        let before = gpu.counts();
        let trace = prepared.values(input, None, |_| false);
        let norms = gpu.row_norms(&prepared.adjoints(&trace.gates, rows, |_, _| {}), Norm::One);
        assert!(norms.iter().all(|n| n.is_finite()));
        gpu.counts().since(&before)
    };
    counted(MANY);
    let (few, many) = (counted(FEW), counted(MANY));
    println!("Jacobians: {FEW} samples {few:?}, {MANY} samples {many:?}");
    frugal("Jacobians", (&few, &many), MANY, 2)
}

/// Linear bounds of 256 balls take at most a fifth more dispatches than those of 16; no lead is larger than at any
/// member that was tried, and what the CPU proves is not far from it.
pub fn dispatches(gpu: &Arc<Gpu>) -> Result<(), Failed> {
    let digits = clarke::net::load("tests/data/digits.onnx".as_ref(), &Default::default())?;
    few_for_many(gpu, "digits", digits, MANY)?;
    // So deep that products of its layers' norms are far from what numbers are.
    few_for_many(gpu, "five layers", deep()?, MANY / 4)
}

fn deep() -> Result<Net, Failed> {
    let mut random = Random(61);
    let sizes = [8, 12, 12, 12, 12, 5];
    let mut net = Net::new(vec![sizes[0]]);
    for (layer, size) in sizes.windows(2).enumerate() {
        let weight = Array2::from_shape_simple_fn((size[1], size[0]), || 3.0 * random.signed());
        let map = LinearMap::Dense(Arc::new(weight));
        let bias = Some(Arc::new((0..size[1]).map(|_| random.signed()).collect()));
        let affine = Op::Affine(Affine { map, bias, repeat: 1 });
        net.push(format!("dense {layer}"), affine, vec![net.output()], vec![size[1]])?;
        if layer + 2 < sizes.len() {
            let relu = Op::Piecewise(Piecewise::RELU);
            net.push(format!("relu {layer}"), relu, vec![net.output()], vec![size[1]])?;
        }
    }
    Ok(net)
}

fn few_for_many(gpu: &Arc<Gpu>, name: &str, net: Net, most: usize) -> Result<(), Failed> {
    let net = Arc::new(net);
    let budget = Budget::new(Duration::from_secs(600), 1 << 32);
    let there = Placed::<Gpu>::new(net.clone(), gpu.clone());
    let here = Placed::<Cpu>::new(net.clone(), Cpu::DOUBLE);
    let mut random = Random(31);
    for norm in [Norm::Inf, Norm::Two] {
        let radius = if norm == Norm::Inf { 0.02 } else { 0.2 };
        let centres: Vec<Vec<f64>> =
            (0..most).map(|_| (0..net.inputs()).map(|_| random.unit()).collect()).collect();
        let balls: Result<Vec<Region>, _> =
            centres.iter().map(|c| Region::ball(c, radius, norm, Some((0.0, 1.0)))).collect();
        let balls = balls?;
        let first = |y: Vec<f64>| (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap_or(0);
        let classes: Vec<usize> = centres.iter().map(|c| first(net.evaluate(c))).collect();
        let regions: Vec<&Region> = balls.iter().collect();
        // What is there once and for all is not counted.
        leads(&there, &regions, &classes, &budget);
        let counted = |n: usize| {
            let before = gpu.counts();
            let found = leads(&there, &regions[..n], &classes[..n], &budget);
            (gpu.counts().since(&before), found)
        };
        let ((few, _), (many, found)) = (counted(FEW), counted(most));
        println!("{name}, {norm}: {FEW} samples {few:?}, {most} samples {many:?}");
        // One forward, one back for the differences, and one for every layer that lines say more of: in a box not for
        // the first.
        let nonlinear = net.nodes.iter().filter(|node| node.op.is_nonlinear()).count();
        let sweeps = 2 + nonlinear - (norm == Norm::Inf) as usize;
        frugal(&format!("{name}, {norm}"), (&few, &many), most, sweeps)?;
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
                    return Err(format!("{name}, {norm}, {i}: a lead of {lead} is not there").into());
                }
                let size = y.iter().fold(1.0f64, |m, v| m.max(v.abs()));
                if lead < own - 1e-2 * (size + own.abs()) {
                    return Err(format!("{name}, {norm}, {i}: {lead}, {own} on the CPU").into());
                }
            }
        }
    }
    Ok(())
}
