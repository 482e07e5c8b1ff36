//! Bounds of a batch of parts: statuses by linear bounds under the decisions, boxes shrunk
//! by them, parts without interior found, the Jacobian by linear propagation.
//!
//! Proves: every generalised Jacobian at a point in a part's interior has at most the part's bound.
//! From: LipBaB (Bhowmick et al. 2021) for the tree; everything is bounded again in each part, which
//!   needs far fewer of them than re-bounding the last step alone.
//! Rounding: that of the bounds it uses; multipliers of half-spaces are checked in intervals.
//! Cost: two sweeps of linear bounds per part and open neuron, then some 24 factorisations a loop.

use super::choose::{Slopes, View, choose, most_open, open_slopes};
use crate::analysis::crown::{self, Cuts, Given, Statuses};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::linalg::Enclosure;
use crate::linalg::operator::operator_upper;
use crate::method::Context;
use crate::method::global::gain;
use crate::method::global::loops::{self, Before, best_of};
use crate::method::local::gradient::{Pains, Rows, rows_of};
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::add_up;
use crate::polytope::ball::{Ball, Place};
use crate::polytope::cell::{Cell, Verdict};
use crate::polytope::plane::{Plane, middle, shrink};
use crate::problem::Problem;
use crate::rules::feedback::{Feedback, Scaled};
use crate::rules::gradient::{Pullback, selected};
use crate::rules::linear::{Regions, round};
use crate::rules::part::{Part, Split, boxes, known, read_by_nonlinear, row};
use crate::sweep::{Ends, Prepared, enclosure};
use ndarray::{Array2, Array3, Axis, s};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Parts whose loops are held at once, at most.
const LOOPS: usize = 64;

/// What is found out about a part.
pub enum Found {
    /// No interior, by multipliers of the half-spaces (none where a box vanished): nothing to bound.
    Empty(Vec<f64>),
    Bounded {
        part: Part,
        /// How to go on; None: every slope is fixed.
        split: Option<Split>,
        /// A point of it, if the oracle is right.
        point: Vec<f64>,
    },
}

/// All parts of a lot; None when the time is up. Those whose bound is at most `cutoff` get no better one.
pub fn batch<B: Backend>(context: &Context<B>, parts: Vec<Part>, cutoff: f64) -> Option<Vec<Found>> {
    let prepared = context.main();
    let fixed = context.problem.region.fixed();
    let cut = |p: &Part| Cut::new(p.clone(), p.free(&fixed));
    let ball = round(&context.problem.region);
    let view = Look { ball: ball.as_ref(), until: &context.budget.deadline };
    let mut planes = Planes { cells: parts.iter().map(cut).collect(), view, sharpens: true };
    let statuses = statuses(context, &prepared, &parts, &mut planes);
    let mut lot = Lot { context, prepared: &prepared, parts, cells: planes.cells, statuses: &statuses, view };
    let points = lot.points();
    lot.bounded(points, cutoff)
}

/// Linear bounds on the parts; those of the whole region are found once for all questions about it.
fn statuses<B: Backend>(
    context: &Context<B>,
    prepared: &Prepared<B>,
    parts: &[Part],
    planes: &mut Planes,
) -> Arc<Statuses<B>> {
    let (region, budget) = (&context.problem.region, &context.budget);
    let known = known(parts, prepared.net);
    let input = enclosure(&boxes(parts));
    let given = Given { input, known: Some(&known), optimised: false, cuts: Some(planes) };
    match parts {
        [part] if part.is_whole(region) => {
            let whole = || crown::run_whole(context.placed, region, given, budget);
            context.site.undivided(budget, whole)
        }
        _ => Arc::new(crown::run_on(prepared, Regions::One(region), given, budget)),
    }
}

/// Parts that are bounded together.
struct Lot<'l, 'c, B: Backend> {
    context: &'l Context<'c, B>,
    prepared: &'l Prepared<'c, B>,
    parts: Vec<Part>,
    cells: Vec<Cut>,
    statuses: &'l Statuses<B>,
    view: Look<'l>,
}

impl<B: Backend> Lot<'_, '_, B> {
    /// What the parts know from here on, and a point of each, or multipliers that rule out an interior.
    fn points(&mut self) -> Vec<Result<Vec<f64>, Vec<f64>>> {
        let net = self.prepared.net;
        for (k, _) in read_by_nonlinear(net).into_iter().enumerate().filter(|(_, r)| *r) {
            let ends = self.statuses.ends.of(k);
            self.parts.iter_mut().enumerate().for_each(|(i, p)| p.known[k] = Some(row(ends, i)));
        }
        let view = self.view;
        let point = |(part, cell): (&mut Part, &Cut)| {
            (part.lo, part.hi) = (cell.part.lo.clone(), cell.part.hi.clone());
            if let Some(multipliers) = &cell.empty {
                return Err(multipliers.clone());
            }
            match view.cell(&cell.planes, part).judge(&cell.free) {
                Verdict::Empty(multipliers) => Err(multipliers),
                Verdict::Point(x) => Ok(x),
                Verdict::Unknown => Ok(middle(&part.lo, &part.hi)),
            }
        };
        self.parts.par_iter_mut().zip(&self.cells).map(point).collect()
    }

    fn bounded(&self, points: Vec<Result<Vec<f64>, Vec<f64>>>, cutoff: f64) -> Option<Vec<Found>> {
        let Lot { context, prepared, statuses, .. } = self;
        let (problem, budget) = (context.problem, &context.budget);
        let alive: Vec<usize> = (0..self.parts.len()).filter(|&i| points[i].is_ok()).collect();
        let rows = problem.rows();
        let slopes = open_slopes(prepared.backend, &statuses.trace.gates);
        let scalable = self.is_single(&slopes) && gain::worth_while(problem, budget, most_open(&slopes));
        let loops = gain::at_once(problem, budget, most_open(&slopes)).clamp(1, LOOPS);
        let pains = if scalable { Pains { signs: 0, ..Pains::FEW } } else { Pains::FEW };
        let mut found: Vec<Found> =
            points.iter().map(|p| Found::Empty(p.as_ref().err().cloned().unwrap_or_default())).collect();
        let at_once = (budget.rows(context.widest()) / (8 * rows)).clamp(1, context.backend().lot());
        for group in alive.chunks(at_once) {
            if budget.is_over() {
                return None;
            }
            let open: Vec<Vec<usize>> = group.iter().map(|&i| self.open(i, cutoff)).collect();
            let jacobian = self.jacobian(group, &open, pains)?;
            let mut next = 0;
            let own = |open: &Vec<usize>| {
                let rows = next..next + open.len();
                next = rows.end;
                rows
            };
            let rows: Vec<Range<usize>> = open.iter().map(own).collect();
            let own = open.iter().zip(rows).map(|(open, rows)| Own { jacobian: &jacobian, open, rows });
            let own: Vec<Own> = own.collect();
            let linear = group.iter().zip(&own).map(|(&i, own)| self.linear(i, own));
            let (mut parts, norms): (Vec<Part>, Vec<Vec<f64>>) = linear.unzip();
            let mut weights = vec![None; group.len()];
            let over: Vec<usize> =
                (0..group.len()).filter(|&g| scalable && parts[g].bound > cutoff).collect();
            for some in over.chunks(loops) {
                self.scaled(some, (group, &norms), (&mut parts, &mut weights), cutoff);
            }
            for ((&i, own), (part, weights)) in group.iter().zip(own).zip(parts.into_iter().zip(weights)) {
                let view = View {
                    slopes: &slopes,
                    item: i,
                    gradients: &jacobian.gradients,
                    rows: own.rows,
                    free: &self.cells[i].free,
                    weights,
                };
                let split = choose(prepared, &part, &view);
                let point = points[i].clone().expect("alive");
                found[i] = Found::Bounded { part, split, point };
            }
        }
        Some(found)
    }

    /// Scalings are better than signs, where they are affordable and every gate is a slope per feature.
    fn is_single(&self, slopes: &Slopes) -> bool {
        let needed = self.prepared.net.needed();
        let gates = &self.statuses.trace.gates;
        (0..slopes.len()).all(|k| slopes[k].is_some() || gates[k].is_none() || !needed[k])
    }

    /// Rows whose bound around this part does not show that they are done with; all of them where all count together.
    fn open(&self, i: usize, cutoff: f64) -> Vec<usize> {
        let all = 0..self.context.problem.rows();
        if self.context.goal.by_itself {
            return all.collect();
        }
        let known = &self.parts[i].rows;
        let open: Vec<usize> =
            all.clone().filter(|&r| known.get(r).is_none_or(|bound| *bound > cutoff)).collect();
        if open.is_empty() { all.collect() } else { open }
    }

    /// Open rows of the Jacobian of these parts.
    fn jacobian(&self, group: &[usize], open: &[Vec<usize>], pains: Pains) -> Option<Rows> {
        let Lot { context, prepared, statuses, .. } = self;
        let problem = context.problem;
        let pairs = |(&i, open): (&usize, &Vec<usize>)| std::iter::repeat_n(i, open.len());
        let pairs: Vec<usize> = group.iter().zip(open).flat_map(pairs).collect();
        let gates = selected(prepared.backend, &statuses.trace.gates, &pairs);
        let seeds = problem.picked_seeds(&open.concat()).centre.permuted_axes([1, 0, 2]);
        let seeds = seeds.as_standard_layout().into_owned();
        let pull = Pullback { prepared, gates: &gates, seeds: &Enclosure::point(seeds) };
        rows_of(problem, &context.budget, &pull, pains)
    }

    /// A part with its bound by these rows, and bounds of all rows.
    fn linear(&self, i: usize, own: &Own) -> (Part, Vec<f64>) {
        let problem = self.context.problem;
        let mut part = self.parts[i].clone();
        let norms = own.norms(if self.context.goal.by_itself { &[] } else { &part.rows }, problem.rows());
        let linear = if is_steepest(problem) {
            part.rows = Arc::new(norms.clone());
            vector_norm_up(norms.iter().copied(), Norm::Inf)
        } else {
            norm(problem, own.jacobian, own.rows.clone())
        };
        if linear < part.bound {
            (part.bound, part.shown) = (linear, None);
        }
        (part, norms)
    }

    /// Bounds of some parts of a group by scalings of the open neurons, from those of the parts around them and bounds
    /// of every row, which need not be better than `enough`; with every neuron's weight among the scores of splits.
    fn scaled(
        &self,
        some: &[usize],
        (group, norms): (&[usize], &[Vec<f64>]),
        (parts, weights): (&mut [Part], &mut [Option<Vec<f64>>]),
        enough: f64,
    ) {
        let Lot { context, prepared, statuses, .. } = self;
        let problem = context.problem;
        let feedback = |&g: &usize| {
            if context.budget.is_over() {
                return None;
            }
            let own = selected(prepared.backend, &statuses.trace.gates, &[group[g]]);
            let counts = |j| !problem.is_ignored(j);
            Some((g, Feedback::new(prepared, own, &problem.seeds(), counts, |_| true)?))
        };
        let (which, feedbacks): (Vec<usize>, Vec<Feedback>) = some.iter().filter_map(feedback).unzip();
        let known: Vec<Arc<Vec<Scaled>>> = which.iter().map(|&g| parts[g].scaled.clone()).collect();
        let before = which.iter().zip(&known).map(|(&g, k)| Before { scaled: k, rows: &norms[g][..] });
        let loops: Vec<(Feedback, Before)> = feedbacks.into_iter().zip(before).collect();
        let found = best_of(context, &loops, enough);
        for ((&g, found), (f, _)) in which.iter().zip(found).zip(&loops) {
            weights[g] = found.and_then(|found| self.shown(&mut parts[g], found, f));
        }
    }

    /// Takes what scalings show for a part.
    fn shown(&self, part: &mut Part, found: loops::Found, f: &Feedback) -> Option<Vec<f64>> {
        let scaled = Arc::new(found.scaled);
        // Rows that need none now may need them again.
        let mut all = scaled.to_vec();
        all.extend(part.scaled.iter().filter(|s| scaled.iter().all(|own| own.row != s.row)).cloned());
        part.scaled = if all.len() == scaled.len() { scaled.clone() } else { Arc::new(all) };
        if found.bound < part.bound {
            (part.bound, part.shown) = (found.bound, Some(scaled));
        }
        part.shown.as_ref()?;
        let energies = found.parts;
        let average = energies.iter().sum::<f64>() / energies.len().max(1) as f64;
        let neurons = self.prepared.net.neurons().max(f.places.last().map_or(0, |p| p + 1));
        let mut weights = vec![average; neurons];
        f.places.iter().zip(energies).for_each(|(&p, e)| weights[p] += e);
        Some(weights)
    }
}

/// The rows that one part has among those of a group.
struct Own<'r> {
    jacobian: &'r Rows,
    /// Which rows of the problem they are, and their places.
    open: &'r [usize],
    rows: Range<usize>,
}

impl Own<'_> {
    /// Upper bounds of all rows' norms, with those that are known around the part.
    fn norms(&self, known: &[f64], count: usize) -> Vec<f64> {
        let mut norms = if known.is_empty() { vec![f64::INFINITY; count] } else { known.to_vec() };
        self.open
            .iter()
            .zip(&self.jacobian.norms[self.rows.clone()])
            .for_each(|(&r, n)| norms[r] = norms[r].min(*n));
        norms
    }
}

/// Does the largest row alone count?
fn is_steepest(problem: &Problem) -> bool {
    problem.rows() > 1 && problem.quotient.out_norm == Norm::Inf
}

/// A part with the half-spaces that its decisions imply.
pub struct Cut {
    pub part: Part,
    pub free: Vec<bool>,
    pub planes: Vec<Plane>,
    /// Multipliers that rule out an interior.
    pub empty: Option<Vec<f64>>,
}

impl Cut {
    pub fn new(part: Part, free: Vec<bool>) -> Cut {
        Cut { part, free, planes: vec![], empty: None }
    }

    /// The half-spaces of the decisions at node k, and the box that they leave: z <= a x + d and z >= t give
    /// a x + d − t >= 0.
    fn cut(&mut self, k: usize, features: &[usize], line: &dyn Fn(usize) -> Plane) {
        for cut in self.part.cuts.iter().filter(|c| c.node == k) {
            let Ok(t) = features.binary_search(&cut.feature) else { continue };
            let mut plane = line(2 * t + !cut.above as usize);
            plane.d = add_up(plane.d, if cut.above { -cut.at } else { cut.at });
            if plane.d.is_finite() {
                let (lo, hi) = (&mut self.part.lo, &mut self.part.hi);
                if !shrink(&plane, &self.free, lo, hi) {
                    self.empty.get_or_insert_default();
                }
                self.planes.push(plane);
            }
        }
    }

    /// The largest values on what is left of both lines of every feature that is not decided; none where nothing
    /// was cut off, or nothing is left.
    fn highest(&mut self, decided: &[bool], line: &dyn Fn(usize) -> Plane, view: Look) -> Vec<[f64; 2]> {
        if self.planes.is_empty() || self.empty.is_some() {
            return vec![];
        }
        let mut oracle = view.cell(&self.planes, &self.part);
        match oracle.judge(&self.free) {
            Verdict::Empty(multipliers) => {
                self.empty = Some(multipliers);
                return vec![];
            }
            Verdict::Unknown => return vec![],
            Verdict::Point(_) => {}
        }
        let side = |t: usize, oracle: &mut Cell| {
            let plane = line(t);
            if plane.d.is_finite() { oracle.highest(&plane) } else { f64::INFINITY }
        };
        let each = decided.iter().enumerate().map(|(t, decided)| {
            if *decided || view.until.is_over() {
                return [f64::INFINITY; 2];
            }
            let up = side(2 * t, &mut oracle);
            [up, if up <= 0.0 { f64::INFINITY } else { side(2 * t + 1, &mut oracle) }]
        });
        each.collect()
    }
}

/// Where parts are looked at, and until when.
#[derive(Clone, Copy)]
pub struct Look<'l> {
    pub ball: Option<&'l Ball>,
    pub until: &'l Deadline,
}

impl<'l> Look<'l> {
    pub fn cell<'c>(&self, planes: &'c [Plane], part: &'c Part) -> Cell<'c>
    where
        'l: 'c,
    {
        Cell::until(planes, Place { lo: &part.lo, hi: &part.hi, ball: self.ball }, self.until)
    }
}

pub struct Planes<'d> {
    pub cells: Vec<Cut>,
    pub view: Look<'d>,
    /// Do half-spaces sharpen the ends of other features, or boxes only?
    pub sharpens: bool,
}

impl Cuts for Planes<'_> {
    fn wanted(&self, k: usize) -> Vec<usize> {
        let cuts = self.cells.iter().flat_map(|c| c.part.cuts.iter());
        cuts.filter(|c| c.node == k).map(|c| c.feature).collect()
    }

    /// By the half-spaces that node k's decisions give; then every feature's ends on what is left.
    fn tighten(
        &mut self,
        k: usize,
        features: &[usize],
        coefficients: &Array3<f64>,
        constants: &Array2<f64>,
        ends: &mut Ends,
    ) {
        let (own, view, sharpens) = (&*ends, self.view, self.sharpens);
        let cells = self.cells.par_iter_mut().enumerate();
        let tops: Vec<Vec<[f64; 2]>> = cells
            .map(|(i, cell)| {
                let line =
                    |t: usize| Plane { a: coefficients.slice(s![i, t, ..]).to_vec(), d: constants[[i, t]] };
                if cell.empty.is_some() {
                    return vec![];
                }
                cell.cut(k, features, &line);
                if !sharpens {
                    return vec![];
                }
                // Ends on one side of zero already decide most functions.
                let decided = |&j: &usize| own.lo[[i, j]] >= 0.0 || own.hi[[i, j]] <= 0.0;
                let decided: Vec<bool> = features.iter().map(decided).collect();
                cell.highest(&decided, &line, view)
            })
            .collect();
        let (mut lo, mut hi) = (ends.lo.clone(), ends.hi.clone());
        for (i, tops) in tops.iter().enumerate() {
            for (&j, [up, down]) in features.iter().zip(tops) {
                hi[[i, j]] = *up;
                lo[[i, j]] = -down;
            }
        }
        ends.tighten(&lo, &hi);
    }
}

/// A bound of the norm of a part's Jacobians.
fn norm(problem: &Problem, j: &Rows, rows: std::ops::Range<usize>) -> f64 {
    let q = &problem.quotient;
    let by_rows = vector_norm_up(rows.clone().map(|r| j.norms[r]), q.out_norm);
    if rows.len() == 1 || q.out_norm == Norm::Inf {
        return by_rows;
    }
    let part = |a: &Array2<f64>| a.slice(ndarray::s![rows.clone(), ..]).to_owned().insert_axis(Axis(0));
    let whole = Enclosure::from_bounds(&part(&j.entries.lo), &part(&j.entries.hi));
    let item = |a: &Array3<f64>| a.index_axis(Axis(0), 0).to_owned();
    operator_upper(item(&whole.centre).view(), item(&whole.radius).view(), q.in_norm, q.out_norm)
        .get()
        .min(by_rows)
}
