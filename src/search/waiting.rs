//! Parts that are still to be bounded, the worst first, and the memory that they take.

use crate::rules::part::Part;
use std::collections::BinaryHeap;

struct Open(Part);

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    /// Larger bounds first; of equal ones the deeper.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.bound.total_cmp(&other.0.bound).then(self.0.cuts.len().cmp(&other.0.cuts.len()))
    }
}

pub struct Waiting {
    heap: BinaryHeap<Open>,
    /// Bytes of all parts, and how many there may be.
    bytes: usize,
    room: usize,
}

impl Waiting {
    pub fn new(parts: Vec<Part>, room: usize) -> Waiting {
        let mut waiting = Waiting { heap: BinaryHeap::new(), bytes: 0, room };
        parts.into_iter().for_each(|part| waiting.push(part));
        waiting
    }

    pub fn push(&mut self, part: Part) {
        self.bytes += part.bytes();
        self.heap.push(Open(part));
    }

    /// The worst, at most so many, and only those whose bound is above `cutoff`.
    pub fn take(&mut self, most: usize, cutoff: f64) -> Vec<Part> {
        let mut batch = vec![];
        while batch.len() < most && self.worst() > cutoff {
            batch.extend(self.heap.pop().map(|open| open.0));
        }
        self.bytes -= batch.iter().map(Part::bytes).sum::<usize>();
        batch
    }

    /// The largest bound; zero where nothing waits.
    pub fn worst(&self) -> f64 {
        self.heap.peek().map_or(0.0, |open| open.0.bound)
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Drops the better half where there is no room for all; the largest bound of what was dropped.
    pub fn shed(&mut self) -> Option<f64> {
        if self.bytes <= self.room {
            return None;
        }
        let mut all = std::mem::take(&mut self.heap).into_sorted_vec();
        let half = all.len() / 2;
        let dropped = all.drain(..half).map(|open| open.0.bound).fold(0.0, f64::max);
        self.heap = all.into();
        self.bytes = self.heap.iter().map(|open| open.0.bytes()).sum();
        Some(dropped)
    }
}
