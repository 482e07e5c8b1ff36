//! The self-test of an adapter: single operations against exact results.
//!
//! Refused for proofs is an adapter on which + − × misses both neighbours of the
//! exact result, or on which comparisons, extrema, integers or shared memory are
//! wrong. Flushing, contraction and reassociation are allowed, and noted.

use super::device::{Device, View};
use super::inflate::{Real, Widening, common};
use super::kernels::{PEAK, PROBE};
use super::{Block, Gpu};
use crate::backend::Backend;
use crate::num::random::Random;
use crate::num::round::{two_product, two_sum};
use std::time::Instant;

/// What the probe saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// The first wrong result; None: the adapter computes as the proofs assume.
    pub defect: Option<String>,
    /// Subnormal numbers become zero.
    pub flushes: bool,
    /// a b + c is rounded once.
    pub contracts: bool,
    /// (a + b) − a − b is not evaluated as written.
    pub reassociates: bool,
}

/// Pairs of ordinary numbers, then as many blocks of 256 with subnormal ones.
const PAIRS: usize = 2048;
const SUBNORMAL: usize = 256;

pub fn run(device: &Device) -> Probe {
    let (a, b) = arguments(device.real);
    let n = a.len();
    let out = device.reals(14 * n);
    let (left, right) = (device.upload(&a), device.upload(&b));
    let data: [View; 3] =
        [left.view(device.real, 0, n), right.view(device.real, 0, n), out.view(device.real, 0, 14 * n)];
    device.launch(
        &PROBE,
        &[n as u32],
        &common(device.real, 1.0, Widening::FULL),
        &data,
        [(n / 256) as u32, 1, 1],
    );
    match device.read(&[(&out, 14 * n)]) {
        Some(results) => judge(device.real, &a, &b, &results[0]),
        None => Probe { defect: Some(device.failure().unwrap_or_default()), ..Probe::default() },
    }
}

/// Products and sums per second, the best of growing amounts of work.
pub fn peak(device: &Device) -> f64 {
    let (threads, mut steps, mut best) = (1 << 18, 8u32, 0.0f64);
    let mut consts = common(device.real, 1.0, Widening::FULL);
    consts.push(0.25);
    let out = device.reals(threads);
    for _ in 0..12 {
        let started = Instant::now();
        let data = [out.view(device.real, 0, threads)];
        device.launch(&PEAK, &[steps], &consts, &data, [(threads / 256) as u32, 1, 1]);
        if device.read(&[]).is_none() {
            return best;
        }
        let seconds = started.elapsed().as_secs_f64();
        best = best.max(128.0 * steps as f64 * threads as f64 / seconds);
        if seconds > 0.02 {
            break;
        }
        steps *= 2;
    }
    best
}

/// Bytes per second of the best of a few copies, doubled in size until they take long enough to be timed.
pub fn bandwidth(gpu: &Gpu) -> f64 {
    let (mut entries, mut best) = (1usize << 20, 0.0f64);
    let bytes = gpu.real().bytes();
    while entries * bytes <= (1 << 28).min(gpu.binding as usize) {
        let x: Block = gpu.empty((1, 1, entries), 1.0);
        for _ in 0..4 {
            let started = Instant::now();
            drop(gpu.concat(&[&x]));
            gpu.finish();
            // Centres and radii, there and back.
            best = best.max((4 * entries * bytes) as f64 / started.elapsed().as_secs_f64());
        }
        if best > 0.0 && (4 * entries * bytes) as f64 / best > 0.02 {
            break;
        }
        entries *= 2;
    }
    best
}

/// Random mantissas, exponents near and far, equal pairs, near-cancellations.
fn arguments(real: Real) -> (Vec<f64>, Vec<f64>) {
    let mut random = Random(7);
    let (mut a, mut b) = (vec![], vec![]);
    for k in 0..PAIRS {
        let scale = |bits: u64| 2f64.powi((bits % 41) as i32 - 20);
        let x = real.near(random.signed() * scale(random.bits()));
        let y = match k % 8 {
            0 => x,
            1 => -x,
            2 => real.near(-x * (1.0 + 4.0 * real.unit())),
            3 => real.near(x * random.signed()),
            _ => real.near(random.signed() * scale(random.bits())),
        };
        a.push(x);
        b.push(y);
    }
    for k in 0..SUBNORMAL {
        a.push(real.tiny() * (k + 1) as f64 / (SUBNORMAL + 1) as f64);
        b.push(0.0);
    }
    // Subnormal fractions may not be numbers of the device.
    let exact = |v: f64| if real == Real::F32 { v as f32 as f64 } else { v };
    (a.into_iter().map(exact).collect(), b)
}

fn judge(real: Real, a: &[f64], b: &[f64], results: &[f64]) -> Probe {
    let n = a.len();
    let mut probe = Probe::default();
    let at = |row: usize, k: usize| results[row * n + k];
    let sums: Vec<u32> = (0..n / 256)
        .map(|g| (g * 256..(g + 1) * 256).fold(0u32, |s, k| s.wrapping_add((k as u32).wrapping_mul(40503))))
        .collect();
    for k in 0..n {
        let (x, y, id) = (a[k], b[k], k as u32);
        let mut expect = |row: usize, what: &str, low: f64, high: f64| {
            let got = at(row, k);
            if !(low <= got && got <= high) {
                probe.defect.get_or_insert(format!("{what} of {x:e} and {y:e} gave {got:e}"));
            }
        };
        let word = (id.wrapping_mul(2654435761)) ^ (id / 7) ^ (id % 13) ^ (id << (id % 32));
        for (row, what, value) in
            [(7, "integer arithmetic", word), (9, "a sum over a workgroup", sums[k / 256])]
        {
            let (low, high) = ((value & 0xffff) as f64, (value >> 16) as f64);
            expect(row, what, low, low);
            expect(row + 1, what, high, high);
        }
        if k >= PAIRS {
            probe.flushes |= at(13, k) == 0.0;
            continue;
        }
        let pair = |(s, e)| real.neighbours(s, e);
        for (row, what, (low, high)) in [
            (0, "the sum", pair(two_sum(x, y))),
            (1, "the difference", pair(two_sum(x, -y))),
            (2, "the product", pair(two_product(x, y))),
            (3, "the minimum", (x.min(y), x.min(y))),
            (4, "the maximum", (x.max(y), x.max(y))),
            (5, "the magnitude", (x.abs(), x.abs())),
        ] {
            expect(row, what, low, high);
        }
        let compared = [x < y, x <= y, x == y, x > y];
        let bits = compared.iter().enumerate().map(|(i, c)| (*c as u32) << i).sum::<u32>() as f64;
        expect(6, "a comparison", bits, bits);
        let as_written = real.nearest(real.nearest(real.nearest(x + y) - x) - y);
        probe.reassociates |= at(11, k) != as_written;
        let (rounded, fused) = (real.nearest(real.nearest(x * x) + y), x.mul_add(x, y));
        probe.contracts |= at(12, k) != rounded && at(12, k) == real.nearest(fused);
    }
    probe
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an exact device would store.
    fn honest(real: Real, a: &[f64], b: &[f64]) -> Vec<f64> {
        let n = a.len();
        let mut results = vec![0.0; 14 * n];
        for k in 0..n {
            let (x, y, id) = (a[k], b[k], k as u32);
            let less = [x < y, x <= y, x == y, x > y];
            let word = (id.wrapping_mul(2654435761)) ^ (id / 7) ^ (id % 13) ^ (id << (id % 32));
            let group = k / 256 * 256;
            let sum = (group..group + 256).fold(0u32, |s, k| s.wrapping_add((k as u32).wrapping_mul(40503)));
            let row = [
                real.nearest(x + y),
                real.nearest(x - y),
                real.nearest(x * y),
                x.min(y),
                x.max(y),
                x.abs(),
                less.iter().enumerate().map(|(i, c)| (*c as u32) << i).sum::<u32>() as f64,
                (word & 0xffff) as f64,
                (word >> 16) as f64,
                (sum & 0xffff) as f64,
                (sum >> 16) as f64,
                real.nearest(real.nearest(real.nearest(x + y) - x) - y),
                real.nearest(real.nearest(x * x) + y),
                x,
            ];
            row.iter().enumerate().for_each(|(i, v)| results[i * n + k] = *v);
        }
        results
    }

    #[test]
    fn every_row_is_judged() {
        for real in [Real::F32, Real::F64] {
            let (a, b) = arguments(real);
            let n = a.len();
            let good = honest(real, &a, &b);
            assert_eq!(judge(real, &a, &b, &good), Probe::default());
            for row in 0..11 {
                let mut bad = good.clone();
                let k = row * n + 5;
                bad[k] += 4.0 * real.unit() * bad[k].abs() + if row >= 6 { 1.0 } else { 0.0 };
                assert!(judge(real, &a, &b, &bad).defect.is_some(), "row {row}");
            }
            let mut noted = good.clone();
            (noted[11 * n + 9], noted[13 * n + PAIRS + 3]) = (123.0, 0.0);
            let k = (0..PAIRS)
                .find(|&k| real.nearest(a[k].mul_add(a[k], b[k])) != good[12 * n + k])
                .expect("one");
            noted[12 * n + k] = real.nearest(a[k].mul_add(a[k], b[k]));
            let all = Probe { defect: None, flushes: true, contracts: true, reassociates: true };
            assert_eq!(judge(real, &a, &b, &noted), all);
        }
    }
}
