//! Bounds of a batch of parts: statuses by linear bounds under the decisions, boxes shrunk
//! by them, parts without interior found, the Jacobian by linear propagation.
//!
//! Proves: every generalised Jacobian at a point in a part's interior has at most the part's bound.
//! From: LipBaB (Bhowmick et al. 2021) for the tree; everything is bounded again in each part, which
//!   needs far fewer of them than re-bounding the last step alone.
//! Rounding: that of the bounds it uses; multipliers of half-spaces are checked in intervals.
//! Cost: two sweeps of linear bounds per part and open neuron, then some 24 factorisations a loop.

use super::choose::{View, choose, most_open, open_slopes};
use crate::analysis::Budget;
use crate::analysis::crown::{self, Cuts, Given};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::linalg::Enclosure;
use crate::linalg::operator::operator_upper;
use crate::method::global::gain;
use crate::method::local::gradient::{Rows, SIGNS, rows_of};
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::add_up;
use crate::ops::feedback::Feedback;
use crate::ops::gradient::selected;
use crate::ops::linear::tighten;
use crate::ops::part::{Part, Split, boxes, known, read_by_nonlinear, row};
use crate::ops::sweep::enclosure;
use crate::ops::{Ends, Gate, Prepared};
use crate::polytope::plane::{Cell, Plane, Verdict, middle, shrink};
use crate::problem::Problem;
use ndarray::{Array2, Array3, Axis, s};
use rayon::prelude::*;
use std::sync::Arc;

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

/// All parts of a batch; None when the time is up. Those whose bound is at most `cutoff` get no better one.
pub fn batch<B: Backend>(
    problem: &Problem,
    budget: &Budget,
    prepared: &Prepared<B>,
    mut parts: Vec<Part>,
    fixed: &[bool],
    cutoff: f64,
) -> Option<Vec<Found>> {
    let (b, net, region) = (prepared.backend, prepared.net, &problem.region);
    let (input, ends) = (enclosure(&boxes(&parts)), known(&parts, net));
    let cut = |p: &Part| Cut { part: p.clone(), free: p.free(fixed), planes: vec![], empty: None };
    let until = &budget.deadline;
    let mut cuts = Planes { cells: parts.iter().map(cut).collect(), until };
    let given = Given { input, known: &ends, optimised: false, cuts: Some(&mut cuts) };
    let statuses = crown::run_on(prepared, region, given, budget);
    for (k, _) in read_by_nonlinear(net).into_iter().enumerate().filter(|(_, r)| *r) {
        let ends = statuses.ends[k].as_ref().expect("every node has ends");
        parts.iter_mut().enumerate().for_each(|(i, p)| p.known[k] = Some(row(ends, i)));
    }
    let points: Vec<Result<Vec<f64>, Vec<f64>>> = parts
        .par_iter_mut()
        .zip(&cuts.cells)
        .map(|(part, cell)| {
            (part.lo, part.hi) = (cell.part.lo.clone(), cell.part.hi.clone());
            if let Some(multipliers) = &cell.empty {
                return Err(multipliers.clone());
            }
            match Cell::until(&cell.planes, &part.lo, &part.hi, until).judge(&cell.free) {
                Verdict::Empty(multipliers) => Err(multipliers),
                Verdict::Point(x) => Ok(x),
                Verdict::Unknown => Ok(middle(&part.lo, &part.hi)),
            }
        })
        .collect();
    let alive: Vec<usize> = (0..parts.len()).filter(|&i| points[i].is_ok()).collect();
    let rows = problem.rows();
    let widest = net.nodes.iter().map(|n| n.len()).max().unwrap_or(1);
    let slopes = open_slopes(b, &statuses.trace.gates);
    // Scalings are better than signs, where they are affordable and every gate is a slope per feature.
    let needed = net.needed();
    let single =
        (0..slopes.len()).all(|k| slopes[k].is_some() || statuses.trace.gates[k].is_none() || !needed[k]);
    let scalable = single && gain::worth_while(problem, budget, most_open(&slopes));
    let signs = if scalable { 0 } else { SIGNS };
    let mut found: Vec<Found> =
        points.iter().map(|p| Found::Empty(p.as_ref().err().cloned().unwrap_or_default())).collect();
    let at_once = (budget.rows(widest) / (8 * rows)).clamp(1, 64);
    for group in alive.chunks(at_once) {
        if budget.is_over() {
            return None;
        }
        let pairs: Vec<usize> = group.iter().flat_map(|&i| std::iter::repeat_n(i, rows)).collect();
        let gates = selected(b, &statuses.trace.gates, &pairs);
        let own = problem.seeds();
        let seeds =
            Array3::from_shape_fn((pairs.len(), 1, net.outputs()), |(p, _, j)| own.centre[[0, p % rows, j]]);
        let jacobian = rows_of(problem, budget, prepared, &gates, &Enclosure::point(seeds), signs)?;
        for (g, &i) in group.iter().enumerate() {
            let mut part = parts[i].clone();
            let linear = norm(problem, &jacobian, g * rows..(g + 1) * rows);
            if linear < part.bound {
                (part.bound, part.shown) = (linear, None);
            }
            let weights = match part.bound > cutoff && scalable {
                true => {
                    let known = &jacobian.norms[g * rows..(g + 1) * rows];
                    scale(problem, budget, prepared, &statuses.trace.gates, i, &mut part, (known, cutoff))
                }
                false => None,
            };
            let view = View {
                slopes: &slopes,
                item: i,
                gradients: &jacobian.gradients,
                rows: g * rows..(g + 1) * rows,
                free: &cuts.cells[i].free,
                weights,
            };
            let split = choose(prepared, &part, &view);
            let point = points[i].clone().expect("alive");
            found[i] = Found::Bounded { part, split, point };
        }
    }
    Some(found)
}

/// A bound by scalings of the open neurons, from those of the part around it and bounds of every row, which
/// need not be better than the last number. Gives every neuron's weight among the scores of splits.
fn scale<B: Backend>(
    problem: &Problem,
    budget: &Budget,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    item: usize,
    part: &mut Part,
    (known, enough): (&[f64], f64),
) -> Option<Vec<f64>> {
    let own = selected(prepared.backend, gates, &[item]);
    let f = Feedback::new(prepared, own, &problem.seeds(), &problem.ignored(), |_| true)?;
    let found = gain::best(problem, budget, &f, &part.scaled, known, enough)?;
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
    let mut weights = vec![average; prepared.net.neurons().max(f.places.last().map_or(0, |p| p + 1))];
    f.places.iter().zip(energies).for_each(|(&p, e)| weights[p] += e);
    Some(weights)
}

/// A part with the half-spaces that its decisions imply.
struct Cut {
    part: Part,
    free: Vec<bool>,
    planes: Vec<Plane>,
    /// Multipliers that rule out an interior.
    empty: Option<Vec<f64>>,
}

struct Planes<'d> {
    cells: Vec<Cut>,
    until: &'d Deadline,
}

impl Cuts for Planes<'_> {
    fn wanted(&self, k: usize) -> Vec<usize> {
        let cuts = self.cells.iter().flat_map(|c| c.part.cuts.iter());
        cuts.filter(|c| c.node == k).map(|c| c.feature).collect()
    }

    /// z <= a x + d and z >= t give a x + d − t >= 0; then every feature's ends on what is left.
    fn tighten(
        &mut self,
        k: usize,
        features: &[usize],
        coefficients: &Array3<f64>,
        constants: &Array2<f64>,
        ends: &mut Ends,
    ) {
        let line =
            |i: usize, t: usize| Plane { a: coefficients.slice(s![i, t, ..]).to_vec(), d: constants[[i, t]] };
        let (own, until) = (&*ends, self.until);
        let tops: Vec<Vec<[f64; 2]>> = self
            .cells
            .par_iter_mut()
            .enumerate()
            .map(|(i, cell)| {
                if cell.empty.is_some() {
                    return vec![];
                }
                for cut in cell.part.cuts.iter().filter(|c| c.node == k) {
                    let Ok(t) = features.binary_search(&cut.feature) else { continue };
                    let mut plane = line(i, 2 * t + !cut.above as usize);
                    plane.d = add_up(plane.d, if cut.above { -cut.at } else { cut.at });
                    if plane.d.is_finite() {
                        let (lo, hi) = (&mut cell.part.lo, &mut cell.part.hi);
                        if !shrink(&plane, &cell.free, lo, hi) {
                            cell.empty.get_or_insert_default();
                        }
                        cell.planes.push(plane);
                    }
                }
                if cell.planes.is_empty() || cell.empty.is_some() {
                    return vec![];
                }
                let mut oracle = Cell::until(&cell.planes, &cell.part.lo, &cell.part.hi, until);
                match oracle.judge(&cell.free) {
                    Verdict::Empty(multipliers) => {
                        cell.empty = Some(multipliers);
                        return vec![];
                    }
                    Verdict::Unknown => return vec![],
                    Verdict::Point(_) => {}
                }
                let side = |t: usize, oracle: &mut Cell| {
                    let plane = line(i, t);
                    if plane.d.is_finite() { oracle.highest(&plane) } else { f64::INFINITY }
                };
                let each = features.iter().enumerate().map(|(t, &j)| {
                    // Ends on one side of zero already decide most functions.
                    if own.lo[[i, j]] >= 0.0 || own.hi[[i, j]] <= 0.0 || until.is_over() {
                        return [f64::INFINITY; 2];
                    }
                    let up = side(2 * t, &mut oracle);
                    [up, if up <= 0.0 { f64::INFINITY } else { side(2 * t + 1, &mut oracle) }]
                });
                each.collect()
            })
            .collect();
        let (mut lo, mut hi) = (ends.lo.clone(), ends.hi.clone());
        for (i, tops) in tops.iter().enumerate() {
            for (&j, [up, down]) in features.iter().zip(tops) {
                hi[[i, j]] = *up;
                lo[[i, j]] = -down;
            }
        }
        tighten(ends, &lo, &hi);
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
