//! Many regions in one sweep.
//!
//! Every region gets, bit for bit, what a sweep of its own would give it: items of a block do not see each
//! other, and a bound that is sharpened because a neuron is open for one region is not taken for the others.

use super::crown::{self, Statuses};
use super::{Budget, Placed, Site, ibp};
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::num::Norm;
use crate::region::Region;
use crate::rules::gradient::selected;
use crate::rules::linear::Regions;
use crate::sweep::Trace;
use ndarray::{Axis, concatenate};
use std::sync::Arc;

/// Regions that one sweep takes at most.
const AT_ONCE: usize = 64;
/// Rows of back-substitution that memory must hold for every region.
const ROWS: usize = 64;

/// Interval and linear bounds of all sites that lack them, as far as time allows.
pub fn analyse<B: Backend>(placed: &Placed<B>, sites: &[Site<B>], budget: &Budget) {
    let widest = placed.net().nodes.iter().map(|n| n.len()).max().unwrap_or(1);
    let at_once = (budget.rows(widest) / ROWS).clamp(1, AT_ONCE);
    for norm in [None, Some(Norm::One), Some(Norm::Two), Some(Norm::Inf)] {
        let open: Vec<&Site<B>> = sites.iter().filter(|s| s.is_open(norm)).collect();
        for part in open.chunks(at_once) {
            if budget.is_over() {
                return;
            }
            lot(placed, part, budget);
        }
    }
}

impl<B: Backend> Site<B> {
    /// Is it a ball of this norm (or a box) of which nothing is known?
    fn is_open(&self, norm: Option<Norm>) -> bool {
        let unknown = self.linear.known().is_none() || self.boxes.known().is_none();
        let region = &self.region;
        let own = region.ball_norm().map(|(norm, _)| norm);
        unknown && !region.is_global() && !region.is_point() && own == norm
    }
}

fn lot<B: Backend>(placed: &Placed<B>, sites: &[&Site<B>], budget: &Budget) {
    let regions: Vec<&Region> = sites.iter().map(|s| &s.region).collect();
    let Some(all) = Regions::each(&regions) else { return };
    let prepared = placed.prepared(&budget.deadline);
    let each: Vec<Enclosure> = regions.iter().map(|r| ibp::input(&prepared, r)).collect();
    let stack = |side: fn(&Enclosure) -> &ndarray::Array3<f64>| {
        let views: Vec<_> = each.iter().map(|e| side(e).view()).collect();
        concatenate(Axis(0), &views).expect("inputs of one size")
    };
    let input = || Enclosure { centre: stack(|e| &e.centre), radius: stack(|e| &e.radius) };
    let b = prepared.backend;
    let boxes = prepared.values(b.upload(&input()), None, |_| false);
    let linear = crown::run_all(placed, all, input(), budget);
    for (i, site) in sites.iter().enumerate() {
        site.boxes.get(budget, || Trace { gates: selected(b, &boxes.gates, &[i]), values: vec![] });
        site.linear.get(budget, || item(b, &linear, i));
    }
}

/// What is known of one item.
fn item<B: Backend>(b: &B, all: &Statuses<B>, i: usize) -> Statuses<B> {
    let own = |t: &Arc<Trace<B>>| Arc::new(Trace { gates: selected(b, &t.gates, &[i]), values: vec![] });
    Statuses {
        trace: own(&all.trace),
        anchored: all.anchored.as_ref().map(own),
        known: all.known.item(i),
        ends: all.ends.item(i),
    }
}
