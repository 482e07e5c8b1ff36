//! One search: batches of the worst parts are bounded, and every part of them is done with or divided.

use super::bound::{self, Found};
use super::leaf::{self, Settled};
use super::record::Record;
use super::stand::StandIn;
use super::waiting::Waiting;
use super::{NAME, Progress};
use crate::backend::Backend;
use crate::certificate::tree::Node;
use crate::certificate::{Bound, LowerBound, Proof};
use crate::method::context::Context;
use crate::method::contract::Best;
use crate::method::lower::{better, points, prove_best};
use crate::num::Upper;
use crate::problem::Problem;
use crate::rules::part::{Part, Split};
use rayon::prelude::*;
use std::time::Duration;

/// Part of the memory that waiting parts may take, and as much again the scalings of those that are done with.
const MEMORY: f64 = 0.25;
/// Parts at a time, and multiplications: a second or two of a processor's work.
const BATCH: usize = 128;
const WORK: f64 = 1.5e10;
/// The same of a device's work, in seconds.
const MOMENT: f64 = 1.0;
/// Half-spaces of a part that memory is kept for.
const DECISIONS: usize = 32;

/// What a search has found.
pub struct Searched {
    pub upper: Bound,
    pub lower: LowerBound,
    pub parts: u64,
    pub splits: u64,
    /// Did it run out of memory for waiting parts?
    pub dropped: bool,
}

/// Narrows a proven pair of `home`'s problem by its stand-in, until `home`'s goal is met; parts whose bound is
/// at most `least` are done with. `progress` sees every batch.
pub fn run<B: Backend>(
    home: &Context<B>,
    stand: &StandIn<B>,
    start: Best,
    least: f64,
    progress: &mut dyn FnMut(Progress),
) -> Searched {
    let mut search = Search::new(home, stand, start, least);
    let largest =
        at_once(search.context.problem, search.context.backend()).min(BATCH.max(fitting(&search.context)));
    let mut size = 1;
    while search.goes_on() {
        let begun = search.elapsed();
        let batch = search.waiting.take(size.min(search.splits_left()), search.cutoff());
        if batch.is_empty() {
            break;
        }
        let Some(found) = search.bound(&batch) else {
            batch.into_iter().for_each(|part| search.waiting.push(part));
            break;
        };
        search.witness(&found);
        search.settle(found, &batch);
        search.shed();
        // Many parts are much work of the processor too.
        if size < BATCH || (search.elapsed() - begun).as_secs_f64() < MOMENT {
            size = (2 * size).min(largest);
        }
        progress(search.progress());
    }
    search.finish()
}

/// How many parts of a problem make a batch: of large networks few, so that limits of time are kept; a fast device takes
/// as many as it works on for as long.
fn at_once<B: Backend>(problem: &Problem, backend: &B) -> usize {
    let net = &problem.net;
    let nonlinear = net.nodes.iter().filter(|n| n.op.is_nonlinear());
    // A centre and a radius of two functionals per neuron and row.
    let functionals = 4 * nonlinear.map(|n| n.len()).sum::<usize>() * problem.rows();
    let work = WORK.max(MOMENT * backend.speed());
    ((work / (net.products() * functionals as f64)) as usize).clamp(1, BATCH.max(backend.lot()))
}

/// Parts that a small share of the memory holds, with half-spaces of many decisions.
fn fitting<B: Backend>(context: &Context<B>) -> usize {
    let each = 8 * DECISIONS * context.problem.net.inputs().max(1);
    (context.budget.memory as f64 * MEMORY / 4.0) as usize / each
}

struct Search<'s, B: Backend> {
    /// The problem that is asked.
    home: &'s Context<'s, B>,
    stand: &'s StandIn<B>,
    /// The one that is searched.
    context: Context<'s, B>,
    least: f64,
    waiting: Waiting,
    tree: Record,
    /// The largest bound of parts that are done with.
    closed: f64,
    /// The upper end is the one at the start until the search is over.
    found: Searched,
}

impl<'s, B: Backend> Search<'s, B> {
    fn new(home: &'s Context<'s, B>, stand: &'s StandIn<B>, start: Best, least: f64) -> Self {
        let context = stand.context(home);
        let problem = context.problem;
        let (lo, hi) = problem.region.ends().expect("a bounded region");
        let room = (context.budget.memory as f64 * MEMORY) as usize;
        let mut tree = Record::new(room);
        let mut first = vec![Part::whole(lo, hi, problem.net.nodes.len(), f64::INFINITY)];
        if problem.homogeneous {
            first = first[0].faces();
            tree.faces(&mut first);
        }
        let Best { upper, lower } = start;
        let found = Searched { upper, lower, parts: 0, splits: 0, dropped: false };
        let waiting = Waiting::new(first, room);
        Search { home, stand, context, least, waiting, tree, closed: 0.0, found }
    }

    /// Is there time, and anything left to find out?
    fn goes_on(&self) -> bool {
        let (goal, found) = (self.home.goal, &self.found);
        let decided = goal.is_decided(found.lower.value.get(), found.upper.value.get());
        !self.context.budget.is_over() && goal.splits.is_none_or(|s| found.splits < s) && !decided
    }

    fn elapsed(&self) -> Duration {
        self.context.budget.deadline.elapsed()
    }

    /// Each part of a batch may be divided.
    fn splits_left(&self) -> usize {
        let left = |s: u64| usize::try_from(s.saturating_sub(self.found.splits)).unwrap_or(usize::MAX);
        self.home.goal.splits.map_or(usize::MAX, left)
    }

    /// Parts whose bound is at most this are done with.
    fn cutoff(&self) -> f64 {
        self.least.max(self.home.goal.gap * self.found.lower.value.get())
    }

    /// What is found out about the parts; None when the time is up.
    fn bound(&mut self, batch: &[Part]) -> Option<Vec<Found>> {
        let (context, cutoff) = (&self.context, self.cutoff());
        // Small lots stay in a core's cache; a device takes all at once.
        let lots: Vec<&[Part]> = batch.chunks(context.backend().lot()).collect();
        let bounded = |lot: &&[Part]| bound::batch(context, lot.to_vec(), cutoff);
        let lists: Option<Vec<Vec<Found>>> = lots.par_iter().map(bounded).collect();
        let found: Vec<Found> = lists?.into_iter().flatten().collect();
        self.found.parts += found.len() as u64;
        Some(found)
    }

    /// Proves the most promising of the parts' points.
    fn witness(&mut self, found: &[Found]) {
        let least = self.found.lower.value.get();
        let point = |f: &Found| match f {
            Found::Bounded { point, part, .. } if part.bound > least => self.stand.home(point.clone()),
            Found::Bounded { .. } | Found::Empty(_) => None,
        };
        let inside = |mut x: Vec<f64>| {
            self.home.problem.region.project(&mut x);
            x
        };
        let points: Vec<Vec<f64>> = found.iter().filter_map(point).map(inside).collect();
        let mut proposals = points::score(self.home, &points);
        proposals.retain(|p| p.estimate > least * (1.0 + 1e-13));
        if !proposals.is_empty() {
            self.better(prove_best(self.home, proposals, NAME, 4));
        }
    }

    fn better(&mut self, lower: LowerBound) {
        self.found.lower = better(self.found.lower.clone(), lower);
    }

    /// Every part of a batch is done with or divided.
    fn settle(&mut self, found: Vec<Found>, batch: &[Part]) {
        let cutoff = self.cutoff();
        for (found, before) in found.into_iter().zip(batch) {
            let (part, split) = match found {
                Found::Empty(multipliers) => {
                    self.tree.set(before.place, Node::Empty(multipliers));
                    continue;
                }
                Found::Bounded { part, split, .. } => (part, split),
            };
            self.tree.bound(&part);
            match split {
                _ if part.bound <= cutoff => self.close(part.bound),
                Some(split) => self.divide(&part, split),
                None => self.decide(&part),
            }
        }
    }

    fn close(&mut self, bound: f64) {
        self.closed = self.closed.max(bound);
    }

    fn divide(&mut self, part: &Part, split: Split) {
        self.found.splits += 1;
        let places = self.tree.divide(part.place, split);
        for (child, place) in part.divided(split).into_iter().zip(places) {
            self.waiting.push(Part { place, ..child });
        }
    }

    /// A part that has every slope fixed and yet a bound that nothing meets.
    fn decide(&mut self, part: &Part) {
        match leaf::settle(self.home, self.stand, part) {
            Settled::Empty(multipliers) => self.tree.set(part.place, Node::Refuted(multipliers)),
            Settled::Piece { bound, lower } => {
                self.tree.set(part.place, Node::Pattern);
                self.close(part.bound.min(bound));
                self.better(lower);
            }
            Settled::Open(split) => self.divide(part, split),
            Settled::Unknown => self.close(part.bound),
        }
    }

    /// What is dropped for want of memory stays in the gap.
    fn shed(&mut self) {
        if let Some(bound) = self.waiting.shed() {
            self.close(bound);
            self.found.dropped = true;
        }
    }

    /// The largest bound of all parts; never below what a witness proves.
    fn top(&self) -> f64 {
        let (upper, lower) = (self.found.upper.value.get(), self.found.lower.value.get());
        self.closed.max(self.waiting.worst()).max(lower).min(upper)
    }

    fn progress(&self) -> Progress {
        let (upper, found) = (self.top(), &self.found);
        Progress {
            upper,
            lower: found.lower.value.get(),
            upper_by: if upper < found.upper.value.get() { NAME } else { found.upper.method },
            lower_by: found.lower.method,
            running: NAME,
            waiting: self.waiting.len(),
            parts: found.parts,
        }
    }

    /// The pair, and the tree that shows its upper end where it fits.
    fn finish(self) -> Searched {
        let value = self.top();
        let Search { stand, tree, mut found, .. } = self;
        if value < found.upper.value.get() {
            let proof = match tree.tree(value) {
                Some(tree) => Proof::Tree { tree, kinks: stand.kinks, reach: stand.reach },
                None => {
                    let (parts, splits) = (found.parts, found.splits);
                    Proof::digest(format!("branch and bound: {parts} parts, {splits} splits"))
                }
            };
            found.upper = Bound { value: Upper::proven(value), method: NAME, proof };
        }
        found
    }
}
