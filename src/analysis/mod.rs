//! What is known of regions of a network, each thing computed once: for all questions about them, and
//! for the search.

pub mod alpha;
pub mod budget;
pub mod crown;
pub mod ibp;
pub mod placed;

use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::ops::Trace;
use crate::region::Region;
pub use budget::Budget;
use crown::Statuses;
pub use placed::{Derived, Placed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What is known of one region.
pub struct Site<B: Backend> {
    pub region: Region,
    boxes: OnceLock<Trace<B>>,
    linear: OnceLock<Statuses<B>>,
    small: OnceLock<Trace<Cpu>>,
    /// The same region, or what stands for it, in networks that are made of this one.
    derived: Mutex<Vec<(Derived, Arc<Site<B>>)>>,
}

impl<B: Backend> Site<B> {
    pub fn new(region: Region) -> Site<B> {
        Site {
            region,
            boxes: OnceLock::new(),
            linear: OnceLock::new(),
            small: OnceLock::new(),
            derived: Mutex::new(vec![]),
        }
    }

    /// Interval bounds.
    pub fn boxes(&self, placed: &Placed<B>, budget: &Budget) -> &Trace<B> {
        self.boxes.get_or_init(|| ibp::run(&placed.prepared(&budget.deadline), &self.region, &vec![]))
    }

    /// Linear bounds.
    pub fn linear(&self, placed: &Placed<B>, budget: &Budget) -> &Statuses<B> {
        self.linear.get_or_init(|| crown::run(&placed.prepared(&budget.deadline), &self.region, budget))
    }

    /// Interval bounds in double-double arithmetic, for tiny regions.
    pub fn small(&self, placed: &Placed<B>, budget: &Budget) -> &Trace<Cpu> {
        self.small.get_or_init(|| {
            let exact = placed.exact().prepared(&budget.deadline);
            match self.region.centre().filter(|_| self.region.is_point()) {
                Some(x) => exact.values(exact.backend.upload_near(&self.region.near(x)), &vec![], |_| false),
                None => ibp::run(&exact, &self.region, &vec![]),
            }
        })
    }

    /// What was asked for before.
    pub fn boxes_known(&self) -> Option<&Trace<B>> {
        self.boxes.get()
    }

    pub fn linear_known(&self) -> Option<&Statuses<B>> {
        self.linear.get()
    }

    pub fn small_known(&self) -> Option<&Trace<Cpu>> {
        self.small.get()
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
