//! What is known of regions of a network, each thing computed once: for all questions about them, and
//! for the search.

pub mod alpha;
pub mod around;
pub mod budget;
pub mod crown;
pub mod ibp;
mod pass;
pub mod placed;
pub mod together;

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::region::Region;
use crate::sweep::Trace;
pub use budget::Budget;
use crown::Statuses;
pub use placed::{Derived, Measured, Placed};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that is computed once. What the end of the time cut short may be anything: whoever waited for
/// it gets it, and the next one tries again.
struct Once<T> {
    found: Mutex<Option<Arc<T>>>,
    /// How often it was computed in time.
    times: AtomicUsize,
}

impl<T> Once<T> {
    fn new() -> Once<T> {
        Once { found: Mutex::new(None), times: AtomicUsize::new(0) }
    }

    fn known(&self) -> Option<Arc<T>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing is locked meanwhile: a thread that waits for its part of the work may take on another question
    /// that asks for the same. Of two that found it at once the first counts.
    fn get(&self, budget: &Budget, find: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.known() {
            return known;
        }
        let found = Arc::new(find());
        if budget.is_over() {
            return found;
        }
        self.times.fetch_add(1, Ordering::Relaxed);
        let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert(found).clone()
    }
}

/// What is known of one region.
pub struct Site<B: Backend> {
    pub region: Region,
    boxes: Once<Trace<B>>,
    linear: Once<Statuses<B>>,
    small: Once<Trace<Cpu>>,
    undivided: Once<Statuses<B>>,
    /// The same region, or what stands for it, in networks that are made of this one.
    derived: Mutex<Vec<(Derived, Arc<Site<B>>)>>,
}

impl<B: Backend> Site<B> {
    pub fn new(region: Region) -> Site<B> {
        Site {
            region,
            boxes: Once::new(),
            linear: Once::new(),
            small: Once::new(),
            undivided: Once::new(),
            derived: Mutex::new(vec![]),
        }
    }

    /// Interval bounds.
    pub fn boxes(&self, placed: &Placed<B>, budget: &Budget) -> Arc<Trace<B>> {
        self.boxes.get(budget, || ibp::run(&placed.prepared(&budget.deadline), &self.region, None))
    }

    /// Linear bounds.
    pub fn linear(&self, placed: &Placed<B>, budget: &Budget) -> Arc<Statuses<B>> {
        self.linear.get(budget, || crown::run(placed, &self.region, budget))
    }

    /// Interval bounds in double-double arithmetic, for tiny regions.
    pub fn small(&self, placed: &Placed<B>, budget: &Budget) -> Arc<Trace<Cpu>> {
        self.small.get(budget, || {
            let exact = placed.exact().prepared(&budget.deadline);
            match self.region.centre().filter(|_| self.region.is_point()) {
                Some(x) => exact.values(exact.backend.upload_near(&self.region.near(x)), None, |_| false),
                None => ibp::run(&exact, &self.region, None),
            }
        })
    }

    /// Linear bounds as a checker derives them again, where a search begins.
    pub fn undivided(&self, budget: &Budget, find: impl FnOnce() -> Statuses<B>) -> Arc<Statuses<B>> {
        self.undivided.get(budget, find)
    }

    /// How often interval bounds, linear ones and those of the search were computed.
    pub fn computed(&self) -> (usize, usize, usize) {
        let times = |times: &AtomicUsize| times.load(Ordering::Relaxed);
        (times(&self.boxes.times), times(&self.linear.times), times(&self.undivided.times))
    }

    /// What was asked for before.
    pub fn boxes_known(&self) -> Option<Arc<Trace<B>>> {
        self.boxes.known()
    }

    pub fn linear_known(&self) -> Option<Arc<Statuses<B>>> {
        self.linear.known()
    }

    pub fn small_known(&self) -> Option<Arc<Trace<Cpu>>> {
        self.small.known()
    }

    /// This region in a network that is made of this one; `region` says what it is there.
    pub fn derived(&self, which: Derived, region: impl FnOnce() -> Region) -> Arc<Site<B>> {
        let mut all = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, site)) = all.iter().find(|(d, _)| *d == which) {
            return site.clone();
        }
        let site = Arc::new(Site::new(region()));
        all.push((which, site.clone()));
        site
    }
}
