//! What the processor can do at most, measured: products and sums in registers, and copies of memory.
//! Proves nothing: rates to compare with.

use super::{Cpu, lanes::wide};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// Independent sums, so that none waits for the one before.
const CHAINS: usize = 64;
/// Numbers of a copy: beyond what caches hold.
const COPIED: usize = 1 << 24;
/// Measured for at least this long.
const ENOUGH: f64 = 0.02;
const RUNS: usize = 5;

impl Cpu {
    /// Products and sums per second that all threads reach in registers.
    pub fn product_rate(&self) -> f64 {
        products()
    }

    /// Bytes per second that copies read and write.
    pub fn memory_rate(&self) -> f64 {
        copies()
    }
}

/// Can a product and a sum be one instruction?
fn fuses() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

/// So many products and sums for each chain.
fn chains(steps: usize, fused: bool) -> f64 {
    let factor = black_box(0.25);
    wide(
        #[inline(always)]
        || {
            let mut sums = [1.0f64; CHAINS];
            // Two loops: a choice inside would keep the sums out of registers.
            if fused {
                for _ in 0..steps {
                    sums.iter_mut().for_each(|s| *s = s.mul_add(factor, factor));
                }
            } else {
                for _ in 0..steps {
                    sums.iter_mut().for_each(|s| *s = *s * factor + factor);
                }
            }
            sums.iter().sum()
        },
    )
}

/// Products and sums per second on all threads.
fn products() -> f64 {
    let (threads, fused, mut steps, mut best) = (rayon::current_num_threads(), fuses(), 1 << 12, 0.0f64);
    for _ in 0..24 {
        let started = Instant::now();
        (0..threads).into_par_iter().for_each(|_| {
            black_box(chains(steps, fused));
        });
        let seconds = started.elapsed().as_secs_f64();
        best = best.max((2 * CHAINS * steps * threads) as f64 / seconds);
        if seconds > ENOUGH {
            break;
        }
        steps *= 2;
    }
    best
}

/// Bytes per second that are read and written by copies on all threads.
fn copies() -> f64 {
    let from = vec![1.0f64; COPIED];
    let mut to = vec![0.0f64; COPIED];
    let part = COPIED.div_ceil(rayon::current_num_threads());
    let mut best = 0.0f64;
    for _ in 0..RUNS {
        let started = Instant::now();
        to.par_chunks_mut(part).zip(from.par_chunks(part)).for_each(|(to, from)| to.copy_from_slice(from));
        black_box(&to);
        best = best.max((16 * COPIED) as f64 / started.elapsed().as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_a_processor() {
        let (products, copies) = (products(), copies());
        assert!((1e7..1e16).contains(&products) && (1e7..1e14).contains(&copies), "{products} {copies}");
    }

    #[test]
    fn chains_compute_what_they_say() {
        for fused in [false, true] {
            let fixed = 1.0 / 3.0;
            assert!((chains(60, fused) - CHAINS as f64 * fixed).abs() < 1e-12);
        }
    }
}
