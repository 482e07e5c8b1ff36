//! Work in parallel, when there is enough of it: from outside of the pool even
//! one task costs a wake-up, which is more than a small network's whole layer.

use super::lanes::GRAIN;
use rayon::prelude::*;

/// Operations below which a job stays on the calling thread.
const SMALL: usize = 1 << 17;

pub fn alone(tasks: usize, operations: usize) -> bool {
    tasks < 2 || operations < SMALL || rayon::current_num_threads() == 1
}

/// `work` on every task, each with some scratch space.
pub fn each_with<T: Send, S: Default>(
    tasks: Vec<T>,
    operations: usize,
    work: impl Fn(&mut S, T) + Sync + Send,
) {
    if alone(tasks.len(), operations) {
        let mut scratch = S::default();
        tasks.into_iter().for_each(|t| work(&mut scratch, t));
    } else {
        tasks.into_par_iter().for_each_init(S::default, work);
    }
}

/// `work` on every task.
pub fn each<T: Send>(tasks: Vec<T>, operations: usize, work: impl Fn(T) + Sync + Send) {
    each_with(tasks, operations, |_: &mut (), t| work(t));
}

/// `work` on disjoint slices of a vector with their first positions.
pub fn slices(out: &mut [f64], work: impl Fn(usize, &mut [f64]) + Sync) {
    if out.len() <= GRAIN || rayon::current_num_threads() == 1 {
        work(0, out);
    } else {
        out.par_chunks_mut(GRAIN).enumerate().for_each(|(t, out)| work(t * GRAIN, out));
    }
}

/// The values of 0..len in order; each takes this many operations.
pub fn map<T: Send>(len: usize, operations: usize, value: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    if alone(len, len.saturating_mul(operations)) {
        (0..len).map(value).collect()
    } else {
        (0..len).into_par_iter().map(value).collect()
    }
}
