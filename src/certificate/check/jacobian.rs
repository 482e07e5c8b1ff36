//! The norm of every generalised Jacobian on a part: linear propagation again, in f64 on the CPU.

use super::Checked;
use super::leaf::Leaf;
use super::room::Room;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::linalg::Enclosure;
use crate::linalg::operator::operator_upper;
use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, sqrt_up};
use crate::problem::Problem;
use crate::rules::gradient::{Pullback, chord, selected};
use crate::rules::linear::{signs, take_signs};
use crate::sweep::{Bounds, Ends, Gate};
use ndarray::{Array2, Array3, Axis};

/// An upper bound of these rows of the output for one item of the gates. `all`: gradients behind every
/// slope are narrowed, which costs more than those of either sign behind open ones.
pub fn norm(leaf: &Leaf, rows: &[usize], all: bool) -> Checked<f64> {
    let Leaf { problem, prepared, gates, item, room } = *leaf;
    let q = &problem.quotient;
    room.rows(rows.len())?;
    let own = selected(prepared.backend, gates, &vec![item; rows.len()]);
    let seeds = problem.seeds().centre;
    let shape = (rows.len(), 1, problem.net.outputs());
    let seeds = Array3::from_shape_fn(shape, |(r, _, j)| seeds[[0, rows[r], j]]);
    let pull = Pullback { prepared, gates: &own, seeds: &Enclosure::point(seeds) };
    let found = propagate(problem, &pull, all, room)?;
    let Some((ends, norms)) = found else { return Ok(0.0) };
    let by_rows = vector_norm_up(norms, q.out_norm);
    if rows.len() == 1 || q.out_norm == Norm::Inf {
        return Ok(by_rows);
    }
    let whole = Enclosure::from_bounds(&ends.lo.insert_axis(Axis(0)), &ends.hi.insert_axis(Axis(0)));
    let [centre, radius] = [&whole.centre, &whole.radius].map(|a| a.index_axis(Axis(0), 0));
    Ok(operator_upper(centre, radius, q.in_norm, q.out_norm).get().min(by_rows))
}

/// Ends of each row's entries and bounds of their dual norms; None where no input is read.
fn propagate(
    problem: &Problem,
    pull: &Pullback<Cpu>,
    all: bool,
    room: &Room,
) -> Checked<Option<(Ends, Vec<f64>)>> {
    let Pullback { prepared, gates, seeds } = *pull;
    let (b, dual) = (prepared.backend, problem.quotient.in_norm.dual());
    let sums_only = problem.rows() == 1 || problem.quotient.out_norm == Norm::Inf;
    let (mut norms, mut narrowed, mut stopped) = (vec![], 0, Ok(()));
    let at_once = room.functionals(2 * seeds.dim().0, 128)?;
    let mut found = pull.gradients(&mut |k, ends, later| {
        if stopped.is_err() {
            return;
        }
        let wanted: Vec<usize> = match &gates[k] {
            Some(Gate::Each(slopes)) => {
                let (lo, hi) = b.read_slopes(slopes);
                let open = |i: usize, j: usize| match all {
                    true => lo[[i, j]] != 0.0 || hi[[i, j]] != 0.0,
                    false => lo[[i, j]] < hi[[i, j]] && ends.lo[[i, j]] < 0.0 && ends.hi[[i, j]] > 0.0,
                };
                (0..lo.ncols()).filter(|&j| (0..lo.nrows()).any(|i| open(i, j))).collect()
            }
            None if k == 0 => {
                let entries: Vec<usize> =
                    (0..problem.net.inputs()).filter(|&j| !problem.is_ignored(j)).collect();
                let worth = all || dual == Norm::Inf || !sums_only || entries.len() <= 16 * (1 + narrowed);
                if worth { entries } else { vec![] }
            }
            _ => vec![],
        };
        narrowed += if k > 0 { wanted.len() } else { 0 };
        for chunk in wanted.chunks(at_once) {
            stopped = room.in_time();
            if stopped.is_err() {
                return;
            }
            let rows = signs(ends.lo.nrows(), ends.lo.ncols(), chunk);
            let tops = pull.upper(later, k, &rows);
            take_signs(ends, &tops, chunk);
        }
        if k == 0 {
            for j in (0..problem.net.inputs()).filter(|&j| problem.is_ignored(j)) {
                ends.lo.column_mut(j).fill(0.0);
                ends.hi.column_mut(j).fill(0.0);
            }
            norms = sizes(ends, dual);
            if dual != Norm::Inf {
                let signs = if all { SIGNS } else { (8 * narrowed + 1).ilog2().min(SIGNS) };
                let linear = sums(pull, later, ends, dual, (signs, 2 * at_once));
                norms.iter_mut().zip(linear).for_each(|(n, l)| *n = n.min(l));
            }
        }
    });
    stopped?;
    Ok(found.take(0).map(|ends| (ends, norms)))
}

fn sizes(ends: &Ends, norm: Norm) -> Vec<f64> {
    let rows = ends.lo.outer_iter().zip(ends.hi.outer_iter());
    let size = |(l, h): (&f64, &f64)| l.abs().max(h.abs());
    rows.map(|(l, h)| vector_norm_up(l.iter().zip(h).map(size).collect::<Vec<_>>(), norm)).collect()
}

/// Most entries of a row whose signs are tried.
const SIGNS: u32 = 8;

/// Σ|J_j|, or the root of ΣJ_j²: every term below a line, then one functional. A line above |J_j| is
/// the chord; or J_j and −J_j in turn, the larger result counts.
fn sums(
    pull: &Pullback<Cpu>,
    later: &Bounds,
    ends: &Ends,
    norm: Norm,
    (signs, at_once): (u32, usize),
) -> Vec<f64> {
    let (rows, n) = ends.lo.dim();
    let signs = if norm == Norm::One && n <= 64 { signs } else { 0 };
    let lines: Vec<Vec<Line>> = (0..rows).map(|row| chords(ends, row, norm, signs)).collect();
    let mut most = vec![0.0f64; rows];
    let choices: Vec<usize> = (0..1 << signs).collect();
    for some in choices.chunks(at_once) {
        let mut functionals = Enclosure::zeros(rows, some.len(), n);
        let mut constants = Array2::<f64>::zeros((rows, some.len()));
        for (row, lines) in lines.iter().enumerate() {
            for (c, j) in (0..some.len()).flat_map(|c| (0..n).map(move |j| (c, j))) {
                let (slope, shift) = lines[j].taken(some[c]);
                functionals.centre[[row, c, j]] = slope;
                constants[[row, c]] = add_up(constants[[row, c]], shift);
            }
        }
        let tops: Array2<f64> = pull.upper(later, 0, &functionals);
        for ((row, c), top) in tops.indexed_iter() {
            let sum = add_up(constants[[row, c]], *top);
            most[row] = most[row].max(if sum.is_nan() { f64::INFINITY } else { sum });
        }
    }
    most.into_iter().map(|sum| if norm == Norm::Two { sqrt_up(sum) } else { sum }).collect()
}

/// slope x + shift above |x| or x²; or x and −x in turn, by this bit of a choice.
struct Line {
    slope: f64,
    shift: f64,
    turn: Option<usize>,
}

impl Line {
    fn taken(&self, choice: usize) -> (f64, f64) {
        match self.turn {
            Some(bit) if choice & (1 << bit) != 0 => (-1.0, 0.0),
            Some(_) => (1.0, 0.0),
            None => (self.slope, self.shift),
        }
    }
}

/// A line above every entry of a row; those that lose most take turns.
fn chords(ends: &Ends, row: usize, norm: Norm, signs: u32) -> Vec<Line> {
    let chord = |j: usize| {
        let [slope, shift] = chord(ends.lo[[row, j]], ends.hi[[row, j]], norm);
        Line { slope, shift, turn: None }
    };
    let mut lines: Vec<Line> = (0..ends.lo.ncols()).map(chord).collect();
    let mut by_shift: Vec<usize> = (0..lines.len()).filter(|&j| lines[j].shift > 0.0).collect();
    by_shift.sort_by(|&a, &b| lines[b].shift.total_cmp(&lines[a].shift));
    by_shift.iter().take(signs as usize).enumerate().for_each(|(bit, &j)| lines[j].turn = Some(bit));
    lines
}
