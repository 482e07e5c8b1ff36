//! Can outputs on a region meet a statement? Counterexamples by descent, linear bounds, then parts.
//!
//! Proves: on every part that is done with each alternative of the statement has a condition that is missed; or
//!   the outputs at a member meet all conditions of one.
//! From: Bunel et al. 2018 (branch and bound of properties); Wang et al. 2021 (half-spaces of decisions in linear
//!   bounds, here as they are in `bound`).
//! Rounding: that of the linear bounds; values at members are enclosed.
//! Cost: two linear sweeps per part.
//! Exact when: every statement is missed by some margin or met at an open set, and functions are piecewise linear.

use super::bound::{Cut, Look, Planes};
use crate::analysis::crown::{self, Given};
use crate::analysis::{Budget, Placed};
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::method::margin::refute::{descend, is_there, starts};
use crate::method::margin::statement::Statement;
use crate::net::{Net, Op};
use crate::polytope::cell::Verdict;
use crate::polytope::plane::{Plane, middle};
use crate::region::Region;
use crate::rules::linear::{Regions, Relaxed, relax_all, round};
use crate::rules::part::{Part, Split, boxes, kink, known, read_by_nonlinear, row};
use crate::sweep::{Bounds, Spanned, enclosure};
use ndarray::{Array1, Array2, Array3, s};
use rayon::prelude::*;

/// What is found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// No member meets the statement.
    Holds,
    /// This one does.
    Violated(Vec<f64>),
    Open,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    pub answer: Answer,
    pub method: &'static str,
    /// Parts that were bounded.
    pub parts: u64,
}

/// Starts of the first search, and its steps; of those between batches.
const STARTS: [usize; 2] = [20, 4];
const STEPS: [usize; 2] = [100, 10];
/// The part of the time that the first search may take.
const SHARE: f64 = 0.1;
/// The part of the memory that waiting parts may take.
const MEMORY: f64 = 0.25;
/// Parts at a time.
const BATCH: usize = 128;
/// Inputs that vary up to which boxes are divided, not decisions made.
const FEW: usize = 12;

/// Decides it as far as time allows.
pub fn decide<B: Backend>(
    placed: &Placed<B>,
    region: &Region,
    statement: &Statement,
    seed: u64,
    budget: &Budget,
) -> Decided {
    let decided = |answer: Answer, method: &'static str| Decided { answer, method, parts: 0 };
    let first = budget.part(SHARE);
    let sketch = placed.sketch().prepared(&first.deadline);
    let points = starts(region, seed, STARTS[0]).unwrap_or_default();
    if let Some(x) = descend(&sketch, placed.net(), (region, statement), points, STEPS[0]) {
        return decided(Answer::Violated(x), "descent");
    }
    let kinks = placed.kinks();
    let placed = kinks.as_deref().unwrap_or(placed);
    let fixed = region.fixed();
    let ball = round(region);
    let view = Look { ball: ball.as_ref(), until: &budget.deadline };
    let search = Search { placed, region, statement, budget, fixed, view };
    let Some(root) = search.root() else { return decided(Answer::Open, "linear") };
    match root {
        Looked::Done => decided(Answer::Holds, "linear"),
        Looked::Open { split: None, .. } => decided(Answer::Open, "linear"),
        root @ Looked::Open { .. } => search.run(root),
    }
}

/// What is found out about a part.
enum Looked {
    /// The statement is missed all over it.
    Done,
    Open {
        part: Part,
        /// None: there is nothing to divide.
        split: Option<Split>,
        point: Vec<f64>,
    },
}

struct Search<'s, B: Backend> {
    placed: &'s Placed<B>,
    region: &'s Region,
    statement: &'s Statement,
    budget: &'s Budget,
    fixed: Vec<bool>,
    view: Look<'s>,
}

impl<B: Backend> Search<'_, B> {
    fn net(&self) -> &Net {
        self.placed.net()
    }

    /// The whole region, with the best linear bounds there are.
    fn root(&self) -> Option<Looked> {
        let (lo, hi) = self.region.ends()?;
        let mut part = Part::whole(lo, hi, self.net().nodes.len(), f64::INFINITY);
        if self.region.is_point() {
            return self.look(vec![part])?.pop();
        }
        let ends = crown::run(self.placed, self.region, self.budget).ends;
        self.keep(&mut part, &ends, 0);
        self.look(vec![part])?.pop()
    }

    /// What a part knows of nodes that nonlinear ones read.
    fn keep(&self, part: &mut Part, ends: &Bounds, item: usize) {
        let read = read_by_nonlinear(self.net());
        for (k, known) in part.known.iter_mut().enumerate().filter(|(k, _)| read[*k]) {
            *known = ends.get(k).map(|ends| row(ends, item));
        }
    }

    fn run(&self, root: Looked) -> Decided {
        let mut parts = 1;
        let mut stuck = false;
        let mut waiting = vec![];
        let decided = |answer, parts| Decided { answer, method: super::NAME, parts };
        let mut batch = vec![root];
        loop {
            if let Some(x) = self.met(&batch) {
                return decided(Answer::Violated(x), parts);
            }
            for looked in batch {
                match looked {
                    Looked::Done => {}
                    Looked::Open { split: None, .. } => stuck = true,
                    Looked::Open { part, split: Some(split), .. } => waiting.extend(part.divided(split)),
                }
            }
            if waiting.is_empty() {
                return decided(if stuck { Answer::Open } else { Answer::Holds }, parts);
            }
            if waiting.iter().map(Part::bytes).sum::<usize>() as f64 > MEMORY * self.budget.memory as f64 {
                return decided(Answer::Open, parts);
            }
            // The deepest first, so that few wait.
            let next = waiting.split_off(waiting.len().saturating_sub(BATCH));
            let looked = self.lots(next);
            let Some(looked) = looked.filter(|_| !self.budget.is_over()) else {
                return decided(Answer::Open, parts);
            };
            parts += looked.len() as u64;
            batch = looked;
        }
    }

    fn lots(&self, parts: Vec<Part>) -> Option<Vec<Looked>> {
        let each = parts.len().div_ceil(rayon::current_num_threads()).min(self.placed.backend().lot());
        let lots: Vec<&[Part]> = parts.chunks(each.max(1)).collect();
        let looked: Option<Vec<Vec<Looked>>> = lots.par_iter().map(|lot| self.look(lot.to_vec())).collect();
        Some(looked?.into_iter().flatten().collect())
    }

    /// A member that meets the statement, from what parts propose.
    fn met(&self, batch: &[Looked]) -> Option<Vec<f64>> {
        let point = |looked: &Looked| match looked {
            Looked::Open { point, .. } => Some(point.clone()),
            Looked::Done => None,
        };
        let mut points: Vec<Vec<f64>> = batch.iter().filter_map(point).collect();
        points.iter_mut().for_each(|x| self.region.project(x));
        let target = (self.region, self.statement as _);
        if points.len() == 1 && is_there(self.net(), target, &points[0]) {
            return points.pop();
        }
        let sketch = self.placed.sketch().prepared(&self.budget.deadline);
        // Some of them, those that were divided last.
        let start = points.len().saturating_sub(STARTS[1]);
        descend(&sketch, self.net(), target, points.split_off(start), STEPS[1])
    }

    /// Linear bounds of a lot of parts; None when the time is up.
    fn look(&self, parts: Vec<Part>) -> Option<Vec<Looked>> {
        let (net, region) = (self.net(), self.region);
        let prepared = self.placed.prepared(&self.budget.deadline);
        let cut = |p: &Part| Cut::new(p.clone(), p.free(&self.fixed));
        let mut planes = Planes { cells: parts.iter().map(cut).collect(), view: self.view, sharpens: false };
        let ends = {
            let known = known(&parts, net);
            let input = enclosure(&boxes(&parts));
            let given = Given { input, known: Some(&known), optimised: false, cuts: Some(&mut planes) };
            crown::run_on(&prepared, Regions::One(region), given, self.budget).ends
        };
        let (relaxations, spans) =
            (relax_all(self.placed.backend(), net, &ends), Spanned::none(net.nodes.len()));
        let relaxed = Relaxed { prepared: &prepared, relaxations: &relaxations, ends: &ends, spans: &spans };
        let seen = self.above(&relaxed, parts.len());
        if prepared.is_late() {
            return None;
        }
        let item = |(i, (part, cell)): (usize, (Part, Cut))| self.judge(i, part, cell, &ends, &seen);
        Some(parts.into_iter().zip(planes.cells).enumerate().map(item).collect())
    }

    /// Upper lines of −rows, their coefficients at all nodes on the way, and their largest values.
    fn above(&self, relaxed: &Relaxed<B>, items: usize) -> Seen {
        let (b, net) = (self.placed.backend(), self.net());
        let (count, outputs) = self.statement.rows.dim();
        let rows = Array3::from_shape_fn((items, count, outputs), |(_, r, j)| -self.statement.rows[[r, j]]);
        let mut coefficients = vec![None; net.nodes.len()];
        let mut seen = |k: usize, a: &B::Block| coefficients[k] = Some(b.read(a).centre);
        let last = net.nodes.len() - 1;
        let (lines, constants) = relaxed.above(last, b.upload(&Enclosure::point(rows)), &mut seen);
        let [constants, top] = relaxed.both(Regions::One(self.region), lines.as_ref(), constants);
        Seen { coefficients, constants, top }
    }

    /// Is the statement missed on this part? If not, how to divide it.
    fn judge(&self, i: usize, mut part: Part, cell: Cut, ends: &Bounds, seen: &Seen) -> Looked {
        let last = ends.of(self.net().nodes.len() - 1);
        let mut lows = self.statement.lows(last.lo.row(i), last.hi.row(i));
        lows.zip_mut_with(&seen.top.row(i), |low, top| *low = low.max(-top));
        if cell.empty.is_some() || self.statement.is_missed(lows.view()) {
            return Looked::Done;
        }
        self.keep(&mut part, ends, i);
        (part.lo, part.hi) = (cell.part.lo.clone(), cell.part.hi.clone());
        let mut point = middle(&part.lo, &part.hi);
        let cut = !cell.planes.is_empty() || self.view.ball.is_some();
        if let (true, Some(a)) = (cut, &seen.coefficients[0]) {
            let mut oracle = self.view.cell(&cell.planes, &part);
            match oracle.judge(&cell.free) {
                Verdict::Empty(_) => return Looked::Done,
                Verdict::Point(x) => point = x,
                Verdict::Unknown => {}
            }
            for r in 0..lows.len() {
                let plane = Plane { a: a.slice(s![i, r, ..]).to_vec(), d: seen.constants[[i, r]] };
                let open = self.statement.missed(r, lows[r]) <= 0.0 && plane.d.is_finite();
                if open && !self.view.until.is_over() {
                    lows[r] = lows[r].max(-oracle.highest(&plane));
                }
            }
            if self.statement.is_missed(lows.view()) {
                return Looked::Done;
            }
        }
        let split = self.split(i, &part, &cell.free, &lows, seen);
        Looked::Open { part, split, point }
    }

    /// Where the line of the condition that counts loses most.
    fn split(&self, i: usize, part: &Part, free: &[bool], lows: &Array1<f64>, seen: &Seen) -> Option<Split> {
        let spread = |r: usize| -> f64 {
            let Some(a) = &seen.coefficients[0] else { return 0.0 };
            (0..part.lo.len()).map(|j| a[[i, r, j]].abs() * (part.hi[j] - part.lo[j])).sum()
        };
        let r = self.statement.nearest(lows.view(), spread)?;
        let few = free.iter().filter(|f| **f).count() <= FEW;
        let kinks = || self.kink(i, r, part, seen);
        if few {
            self.input(i, r, part, free, seen)
        } else {
            kinks().or_else(|| self.input(i, r, part, free, seen))
        }
    }

    fn kink(&self, i: usize, r: usize, part: &Part, seen: &Seen) -> Option<Split> {
        let mut best: Option<(f64, Split)> = None;
        for (k, node) in self.net().nodes.iter().enumerate() {
            let (Op::Piecewise(f), Some(a)) = (&node.op, &seen.coefficients[k]) else { continue };
            let read = node.inputs[0];
            let Some([l, u]) = &part.known[read] else { continue };
            for j in 0..node.len() {
                let Some(at) = kink(f, j, l[j], u[j]) else { continue };
                let (below, above, c) = (at - l[j], u[j] - at, a[[i, r, j]]);
                // Between a chord and its kink, or a line through the kink and the function's ends.
                let gap = if c > 0.0 { below * above / (below + above) } else { below.min(above) };
                let score = c.abs() * gap;
                if score > 0.0 && best.as_ref().is_none_or(|(s, _)| score > *s) {
                    best = Some((score, Split::Kink { node: read, feature: j, at }));
                }
            }
        }
        best.map(|(_, split)| split)
    }

    fn input(&self, i: usize, r: usize, part: &Part, free: &[bool], seen: &Seen) -> Option<Split> {
        let width = |j: usize| part.hi[j] - part.lo[j];
        let slope = |j: usize| seen.coefficients[0].as_ref().map_or(0.0, |a| a[[i, r, j]].abs());
        let score = |j: usize| (slope(j) * width(j), width(j));
        let order = |a: &usize, b: &usize| {
            let (a, b) = (score(*a), score(*b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        };
        let feature = (0..free.len()).filter(|&j| free[j]).max_by(order)?;
        let at = 0.5 * part.lo[feature] + 0.5 * part.hi[feature];
        (part.lo[feature] < at && at < part.hi[feature]).then_some(Split::Input { feature, at })
    }
}

/// Linear functions above −rows.
struct Seen {
    coefficients: Vec<Option<Array3<f64>>>,
    constants: Array2<f64>,
    /// Their largest values on the items' boxes.
    top: Array2<f64>,
}
