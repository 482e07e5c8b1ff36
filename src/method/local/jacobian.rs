//! The interval Clarke Jacobian of the measured output.
//!
//! Proves: every generalised Jacobian on the region lies in an enclosure, so ‖J‖ is at most its norm.
//! From: FastLip (Weng et al. 2018), LipBaB's root bound (Bhowmick et al. 2021);
//!   here for any graph, gated by end points, from both sides and intersected,
//!   runs through fixed neurons as one matrix where `prepared` holds it.
//! Rounding: end points outward, products in centre-radius form with gamma-bounds.
//! Cost: one adjoint pass per output row, or one tangent pass per input column.
//! Loose when: many neurons are free; exact where none is (see `parts` for Jacobians
//!   that are too large to be kept).

use super::parts;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{Bound, Proof};
use crate::linalg::Enclosure;
use crate::linalg::operator::operator_upper;
use crate::method::context::{Context, DOUBLE_PRICE, by_rows, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::lower;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::num::Upper;
use crate::sweep::{Gate, Link, Prepared};
use ndarray::Axis;

/// Rows times inputs up to which a whole Jacobian is kept.
pub const ENTRIES: f64 = 6e7;

/// Rows of the Jacobian, restricted to inputs that vary; None when the time is up.
pub fn rows<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    seeds: &Enclosure,
) -> Option<Enclosure> {
    let b = prepared.backend;
    let chunk = context.at_once(b);
    let result = by_rows(seeds, chunk, |part| {
        if context.budget.is_over() {
            return None;
        }
        Some(b.read(&prepared.adjoints(gates, b.upload(part), |_, _| {})))
    })?;
    Some(context.without_fixed(result))
}

/// The same entries computed from the input side, column by column.
pub fn columns<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    seeds: &Enclosure,
) -> Option<Enclosure> {
    let b = prepared.backend;
    let n = prepared.net.inputs();
    let mut result = Enclosure::zeros(1, seeds.dim().1, n);
    let live: Vec<usize> = (0..n).filter(|&j| !context.problem.is_ignored(j)).collect();
    for part in live.chunks(context.at_once(b)) {
        if context.budget.is_over() {
            return None;
        }
        let mut unit = Enclosure::zeros(1, part.len(), n);
        for (row, &j) in part.iter().enumerate() {
            unit.centre[[0, row, j]] = 1.0;
        }
        let images = b.read(&prepared.tangents(gates, b.upload(&unit), |_, _| {}));
        for (row, &j) in part.iter().enumerate() {
            for i in 0..seeds.dim().1 {
                let (c, r) = combine(seeds, i, &images, row);
                result.centre[[0, i, j]] = c;
                result.radius[[0, i, j]] = r;
            }
        }
    }
    Some(result)
}

/// Seed row i (entries 0, 1, -1) applied to an image vector.
fn combine(seeds: &Enclosure, i: usize, images: &Enclosure, row: usize) -> (f64, f64) {
    use crate::num::interval::Interval;
    let mut sum: Option<Interval> = None;
    for (k, &s) in seeds.centre.slice(ndarray::s![0, i, ..]).iter().enumerate() {
        if s != 0.0 {
            let x = Interval::from_centre(images.centre[[0, row, k]], images.radius[[0, row, k]]);
            let x = Interval::point(s) * x;
            sum = Some(sum.map_or(x, |t| t + x));
        }
    }
    let sum = sum.unwrap_or(Interval::point(0.0));
    crate::linalg::centre_radius(sum.lo, sum.hi)
}

/// Entrywise intersection of two enclosures of the same matrix.
pub fn intersect(a: Enclosure, b: &Enclosure) -> Enclosure {
    let (lo, hi) = (a.lo(), a.hi());
    let (lo2, hi2) = (b.lo(), b.hi());
    let mut out = a;
    ndarray::Zip::indexed(&mut out.centre).and(&mut out.radius).for_each(|at, c, r| {
        let (l, h) = (lo[at].max(lo2[at]), hi[at].min(hi2[at]));
        if l <= h {
            let (c2, r2) = crate::linalg::centre_radius(l, h);
            if r2 < *r {
                (*c, *r) = (c2, r2);
            }
        }
    });
    out
}

/// The norm of an enclosure from p to q.
pub fn norm<B: Backend>(context: &Context<B>, rows: &Enclosure) -> Upper {
    let q = &context.problem.quotient;
    let item = |a: &ndarray::Array3<f64>| a.index_axis(Axis(0), 0).to_owned();
    operator_upper(item(&rows.centre).view(), item(&rows.radius).view(), q.in_norm, q.out_norm)
}

/// By linear bounds of the neurons.
pub struct Interval;

impl Interval {
    pub const ROW: Row = Row {
        name: "jacobian-interval",
        scope: Scope::Any,
        proves: Proves::Both,
        norms: "all",
        cost: "a pass per output",
        paper: "Bhowmick et al. 2021; Weng et al. 2018",
        formula: "L ≤ ‖J‖ where the interval matrix J holds every generalised Jacobian on the region; at a point both ends",
        loose: "many neurons are free: intervals forget that they switch together",
        slopes: "linear bounds of every neuron's argument (CROWN, optimised), interval ones where these cost too much",
        stage: Stage { region: Some(3), tiny: Some(1), point: Some(0), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Interval {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let price = if context.needs_double_double() { DOUBLE_PRICE } else { 1.0 };
        2.0 * context.problem.rows() as f64 * price * pass(&context.problem.net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        enclosed(context, true, Self::ROW.name)
    }
}

/// By interval bounds of the neurons.
pub struct Ibp;

impl Ibp {
    pub const ROW: Row = Row {
        name: "jacobian-ibp",
        scope: Scope::Any,
        proves: Proves::Both,
        norms: "all",
        cost: "a pass per output",
        paper: "Weng et al. 2018 (FastLip)",
        formula: "L ≤ ‖J‖ where the interval matrix J holds every generalised Jacobian on the region; at a point both ends",
        loose: "the region is not small: interval bounds open neurons that are fixed",
        slopes: "interval bounds of every neuron's argument",
        stage: Stage { everywhere: Some(6), region: Some(1), ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Ibp {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let price = if context.needs_double_double() { DOUBLE_PRICE } else { 1.0 };
        2.0 * context.problem.rows() as f64 * price * pass(&context.problem.net)
    }

    fn run(&self, context: &Context<B>, _: &Best) -> Result<Finding, Why> {
        enclosed(context, false, Self::ROW.name)
    }
}

/// The enclosure's norm by the best bounds of neurons that are wanted.
fn enclosed<B: Backend>(context: &Context<B>, linear: bool, name: &'static str) -> Result<Finding, Why> {
    let problem = context.problem;
    let double = context.needs_double_double();
    let work = if linear { Interval.work(context) } else { Ibp.work(context) };
    match double {
        true => context.budget.admits(&Cpu::DOUBLE, work)?,
        false => context.budget.admits(context.backend(), work)?,
    }
    if problem.rows() as f64 * problem.net.inputs() as f64 <= ENTRIES {
        context.budget.admits(&Cpu::DOUBLE, context.norm())?;
    }
    if double {
        by_gates(context, &context.exact(), &context.small().gates).map(|m| m.finding(context, name))
    } else if linear && context.linear_counts() {
        by_gates(context, &context.main(), &context.slopes(&context.linear()).gates)
            .map(|m| m.finding(context, name))
    } else {
        by_gates(context, &context.main(), &context.boxes().gates).map(|m| m.finding(context, name))
    }
}

/// A bound of the norm, and how the matrix behind it came about.
pub struct Enclosed {
    pub value: Upper,
    /// The matrix, where it was kept.
    pub matrix: Option<Enclosure>,
    /// Nodes between which weights were multiplied first.
    pub links: Vec<Link>,
    /// Was it computed from the input side, too?
    pub columns: bool,
}

impl Enclosed {
    fn finding<B: Backend>(self, context: &Context<B>, method: &'static str) -> Finding {
        let region = &context.problem.region;
        let at = region.centre().filter(|_| region.is_point());
        let lower = at.zip(self.matrix).map(|(x, j)| lower::of_matrix(context, x, &j, method));
        let proof = Proof::digest("an interval matrix");
        Finding { lower, ..Bound { value: self.value, method, proof }.into() }
    }
}

/// By these gates, as exactly as time allows.
pub fn by_gates<B: Backend, C: Backend>(
    context: &Context<C>,
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
) -> Result<Enclosed, Why> {
    let problem = context.problem;
    let columns_cost = 8.0 * problem.net.inputs() as f64 * pass(&problem.net);
    // A matrix is read back in f64, which double-double sweeps must not pass through.
    let plain = !context.needs_double_double();
    let afford = |work: f64| plain && context.budget.affords_on(prepared.backend, work);
    let prepared = &prepared.multiplied(gates, &afford);
    let links = prepared.chains().links();
    if (problem.rows() as f64) * problem.net.inputs() as f64 > ENTRIES {
        let value = parts::norm(context, prepared, gates).ok_or(Why::Late)?;
        return Ok(Enclosed { value, matrix: None, links, columns: false });
    }
    let seeds = problem.seeds();
    let mut both = false;
    let mut j = rows(context, prepared, gates, &seeds).ok_or(Why::Late)?;
    if plain
        && context.budget.affords_on(prepared.backend, columns_cost)
        && let Some(other) = columns(context, prepared, gates, &seeds)
    {
        j = intersect(j, &other);
        both = true;
    }
    Ok(Enclosed { value: norm(context, &j), matrix: Some(j), links, columns: both })
}
