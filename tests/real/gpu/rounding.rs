//! The tests can see the rounding: kernels with less slack are caught.

use super::emulator::{Output, contains, run};
use crate::common::containment::{Findings, products};
use crate::common::data::Data;
use clarke::backend::gpu::inflate::Widening;
use clarke::backend::gpu::{Gpu, Real};
use clarke::num::random::Random;
use libtest_mimic::Failed;

/// A random output of few terms. Every other one has factors just above powers
/// of two of equal sign, where each rounding costs nearly a whole unit.
fn output(random: &mut Random, real: Real, depth: usize, bias: bool, k: usize) -> Output {
    let unit = real.unit();
    let number = |random: &mut Random| {
        let far = 2f64.powi((random.bits() % 60) as i32 - 50);
        real.near(match (k % 2, random.bits() % 4) {
            (0, _) => random.signed() * 2f64.powi((random.bits() % 20) as i32 - 10),
            (_, 0) => 1.0 + unit * (random.bits() % 3) as f64,
            (_, 1) => far,
            _ => (1.0 + unit * (random.bits() % 5) as f64) * far.sqrt(),
        })
    };
    let mut list = |n: usize| (0..n).map(|_| number(random)).collect::<Vec<f64>>();
    let (weights, centres, last) = (list(depth), list(depth), list(1)[0]);
    let mut radii = list(depth);
    let small = if k.is_multiple_of(3) { 0.0 } else { 2f64.powi(-10 * (k % 3) as i32) };
    radii.iter_mut().for_each(|r| *r = real.near(r.abs() * small));
    Output { weights, bias: bias.then_some(last), centres, radii }
}

/// How many of many random outputs escape, rounded either way.
fn escapes(real: Real, depth: usize, bias: bool, widening: Widening) -> usize {
    let mut random = Random(31 + depth as u64);
    let mut count = 0;
    for k in 0..20_000 {
        let out = output(&mut random, real, depth, bias, k);
        for upward in [true, false] {
            let (c, r) = run(real, &out, upward, widening);
            count += usize::from(!contains(&out, c, r));
        }
    }
    count
}

/// With all of the slack nothing escapes; with half of it something does, for
/// sums of at most four terms and a bias.
pub fn emulator(real: Real) -> Result<(), Failed> {
    for depth in [1, 2, 3, 4, 17] {
        for bias in [false, true] {
            let full = escapes(real, depth, bias, Widening::FULL);
            let half = escapes(real, depth, bias, Widening(0.5));
            println!("{} K = {depth}, bias {bias}: {full} escape, {half} with half the slack", real.name());
            if full > 0 {
                return Err(format!("{full} escape a sum of {depth} terms").into());
            }
            if bias && depth == 4 && half == 0 {
                return Err("half of the slack is not missed".into());
            }
        }
    }
    Ok(())
}

/// Without the slack the containment test on the driver finds something.
pub fn driver(gpu: &Gpu, data: Data) -> Result<(), Failed> {
    let mut out = Findings::default();
    products(&gpu.widened(Widening::NONE), data, 150, &mut out);
    println!("{} violations among {} entries", out.violations.len(), out.entries);
    if out.violations.is_empty() { Err("nothing misses the slack".into()) } else { Ok(()) }
}
