//! What is known of the regions of a batch by how far nodes are from their values at the centres.
//!
//! Proves: l <= z <= u by `rules::reach` at every node, and by `rules::nominal` for open arguments of
//!   nonlinear nodes.
//! From: see there.
//! Rounding: see there.
//! Cost: a sweep of one point, the layers' norms once, and a backward pass for every group of open neurons
//!   whose receptive fields do not meet.
//! Loose when: many neurons are open far from the input; linear bounds come after for what is still open.

use super::Budget;
use crate::backend::Backend;
use crate::rules::fused::Kept;
use crate::rules::linear::{Regions, values};
use crate::rules::nominal::Nominal;
use crate::rules::reach::{Layers, Reach};
use crate::sweep::{Bounds, Cones, Ends, Layouts, Prepared};
use ndarray::Array2;
use rayon::prelude::*;

/// Entries of rows at every node that are held at a time.
const AT_ONCE: usize = 1 << 22;
/// What finding its group costs a feature, in multiplications.
const GROUPED: f64 = 4096.0;
/// The part of the time left that the norm of one node's rows may take.
const SHARE: f64 = 0.03;

pub struct Around<'a, 'n, B: Backend> {
    prepared: &'a Prepared<'n, B>,
    reach: Reach<'a, 'n, B>,
    /// By item.
    nominal: Vec<Nominal<'a, 'n, B>>,
    layouts: Layouts,
}

impl<'a, 'n, B: Backend> Around<'a, 'n, B> {
    /// None where a region has no centre.
    pub fn new(
        prepared: &'a Prepared<'n, B>,
        layers: Layers<'a, B>,
        regions: Regions<'a>,
        input: &Ends,
    ) -> Option<Self> {
        let reach = Reach::new(prepared, layers, regions, input)?;
        let each =
            |item: usize| Nominal::new(prepared, regions.of(item), &input.item(item), reach.radius(0)[item]);
        let nominal = (0..input.lo.nrows()).map(each).collect::<Option<Vec<_>>>()?;
        Some(Around { prepared, reach, nominal, layouts: Layouts::new(prepared.net) })
    }

    /// The same without rows of single neurons: what distances say alone.
    pub fn plain(
        prepared: &'a Prepared<'n, B>,
        layers: Layers<'a, B>,
        regions: Regions<'a>,
        input: &Ends,
    ) -> Option<Self> {
        let reach = Reach::new(prepared, layers, regions, input)?.briefly();
        Some(Around { prepared, reach, nominal: vec![], layouts: Layouts::new(prepared.net) })
    }

    /// Are there no rows of single neurons?
    pub fn is_plain(&self) -> bool {
        self.nominal.is_empty()
    }

    /// Values of a node at the centres.
    pub fn at(&self, k: usize) -> &Ends {
        self.reach.at(k)
    }

    /// Passes node k, whose value is in `spans`, and gives its ends; `ends` are those of all nodes before. Features
    /// that are not `relevant` are not counted with the others that are bounded together.
    pub fn step(
        &mut self,
        k: usize,
        ends: &Bounds,
        spans: &B::Spans,
        relevant: Option<&Array2<bool>>,
    ) -> Ends {
        let own = self.reached(k, ends, spans);
        self.passed(k, ends, relevant);
        own
    }

    /// What values and distances say, in one transfer.
    fn reached(&mut self, k: usize, ends: &Bounds, spans: &B::Spans) -> Ends {
        let b = self.prepared.backend;
        let read = |f| values(f, ends.of(self.prepared.net.nodes[k].inputs[0]));
        let here = self.reach.here(k).map(read);
        let mut parts = if here.is_some() { vec![] } else { b.sides(spans).to_vec() };
        parts.extend(self.reach.ahead(k, ends));
        let mut back = b.tops(parts).into_iter();
        let mut next = || back.next().expect("as many as asked for");
        let mut own = here.unwrap_or_else(|| Ends { lo: -next(), hi: next() });
        self.reach.take(k, ends, &mut own, &mut back);
        own
    }

    fn passed(&mut self, k: usize, ends: &Bounds, relevant: Option<&Array2<bool>>) {
        let node = &self.prepared.net.nodes[k];
        if !node.op.is_nonlinear() {
            return;
        }
        let read = node.inputs[0];
        for (item, nominal) in self.nominal.iter_mut().enumerate() {
            let (x, at) = (ends.of(read).item(item), self.reach.at(read).item(item));
            let counts = |j: usize| relevant.is_none_or(|r| r[[item, j]]);
            nominal.pass(k, (&x, &at), self.reach.radius(read)[item], &counts);
        }
    }

    /// Narrower ends of each item's open features of node k, as far as time allows; `work`: multiplications of a
    /// pass back from there. Items do not see each other: each gets what it has alone.
    pub fn narrow(&mut self, k: usize, open: &Array2<bool>, own: &mut Ends, spend: (&Budget, f64)) {
        if self.is_plain() {
            return;
        }
        let (budget, work) = spend;
        let listed = |item: usize| {
            let row = open.row(item);
            (0..row.len()).filter(|&j| row[j]).collect::<Vec<usize>>()
        };
        let one = |item: usize| {
            let mut kept = Kept::new(self.prepared.net, k);
            let mut mine = own.item(item);
            let all = self.bound((k, item), &listed(item), &mut mine, (budget, work, &mut kept));
            let price = budget.part(SHARE).affords(kept.price());
            (mine, all.filter(|()| price).map(|()| kept))
        };
        let found: Vec<_> = (0..open.nrows()).into_par_iter().map(one).collect();
        for (item, (mine, _)) in found.iter().enumerate() {
            own.lo.row_mut(item).assign(&mine.lo.row(0));
            own.hi.row_mut(item).assign(&mine.hi.row(0));
        }
        self.nominal.par_iter_mut().zip(found).for_each(|(nominal, (_, kept))| {
            if let Some(kept) = kept {
                nominal.expect(k, &kept);
            }
        });
    }

    /// None unless all of them were bounded.
    fn bound(
        &self,
        (k, item): (usize, usize),
        open: &[usize],
        own: &mut Ends,
        (budget, work, kept): (&Budget, f64, &mut Kept),
    ) -> Option<()> {
        let nominal = &self.nominal[item];
        let b = self.prepared.backend;
        if !budget.affords(GROUPED * open.len() as f64) {
            return None;
        }
        let cones = Cones::new(self.prepared.net, &self.layouts, k);
        let groups = nominal.groups(k, &cones, open)?;
        // Without a clock all of them, where that is one pass, about.
        let all = 2.0 * groups.len() as f64 * work;
        if budget.is_brief() && !budget.affords_on(b, all) {
            return None;
        }
        let at = self.reach.at(k).item(item);
        let widest = self.prepared.net.nodes[..=k].iter().map(|n| n.len()).max().unwrap_or(1);
        let features: usize = self.prepared.net.nodes[..=k].iter().map(|n| n.len()).sum();
        let held = (AT_ONCE / features.max(1)).max(1);
        let at_once = budget.rows(widest).clamp(1, 512).min(held).min(budget.at_once(b, 2.0 * work));
        for part in groups.chunks(at_once) {
            if !budget.affords_on(b, 2.0 * part.len() as f64 * work) {
                return None;
            }
            nominal.bound((k, &cones), part, &at, &mut |j, [lo, hi], row| {
                let (l, h) = (own.lo[[0, j]].max(lo), own.hi[[0, j]].min(hi));
                if l <= h {
                    (own.lo[[0, j]], own.hi[[0, j]]) = (l, h);
                }
                kept.take((j, own.lo[[0, j]], own.hi[[0, j]]), row);
            })?;
        }
        (!self.prepared.is_late()).then_some(())
    }

    /// Node k once more is known of it.
    pub fn settle(&mut self, k: usize, own: &Ends) {
        self.reach.settle(k, own);
    }
}
