//! Norms of one linear map as enclosures: every method proves an upper or a
//! lower end, `norm` keeps the best of each.

pub mod cover;
pub mod embedding;
pub mod exact;
pub mod frobenius;
pub mod gram;
pub mod interpolation;
pub mod kernel;
pub mod lipbound;
pub mod monotone;
pub mod power;
pub mod reshapes;
pub mod schur;
pub mod screen;
pub mod stack;
mod symbols;
pub mod tensor;

use self::screen::Screen;
use crate::analysis::Measured;
use crate::backend::Backend;
use crate::backend::spectral::Spectral;
use crate::deadline::Deadline;
use crate::layer::apply::materialise;
use crate::layer::map::LinearMap;
use crate::layer::symbol::cells::Grid;
use crate::linalg::operator::operator_upper;
use crate::num::norms::Norm;
use crate::num::round::sqrt_up;
use crate::num::{Estimate, Lower, Upper};
use crate::rules::masks;
use ndarray::Array2;
use std::time::Instant;

/// Of the power method.
const TRIES: power::Tries = power::Tries { starts: 4, steps: 100 };

/// How much work a norm may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Largest order of a dense spectral norm.
    pub order: usize,
    /// Lanczos stops when a restart gains less (relative).
    pub tolerance: f64,
    /// Steps of the Schur test.
    pub steps: usize,
    /// Entries of the largest map that is written out for the mixed pairs.
    pub entries: usize,
    /// Search for lower ends too; upper ends alone cost far less on convolutions.
    pub lower: bool,
    /// Operations that proofs about the symbols of a convolution may take.
    pub work: f64,
    /// After this only the cheapest methods run.
    pub until: Option<Instant>,
}

impl Effort {
    pub const QUICK: Effort = Effort {
        order: 256,
        tolerance: 1e-3,
        steps: 4,
        entries: 1 << 12,
        lower: true,
        work: 3e9,
        until: None,
    };
    pub const FULL: Effort = Effort {
        order: 4096,
        tolerance: 1e-8,
        steps: 20,
        entries: 1 << 18,
        lower: true,
        work: 1e13,
        until: None,
    };
    pub const UPPER: Effort = Effort { lower: false, ..Self::QUICK };

    pub fn until(self, deadline: &Deadline) -> Effort {
        Effort { until: deadline.end(), ..self }
    }

    /// Is it too late for anything but the cheapest methods?
    pub fn is_late(&self) -> bool {
        self.until.is_some_and(|end| Instant::now() >= end)
    }
}

/// Multiplications per second from which squarings of many symbols cost less than a factorisation of each.
const SCREENS: f64 = 1e12;
/// Multiplications that the Schur test may take before it stops early.
const SCHUR: f64 = 1e9;

/// The enclosure of one norm and what each method gave.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    pub upper: Upper,
    pub lower: Lower,
    /// The methods behind the two ends.
    pub upper_rule: &'static str,
    pub lower_rule: &'static str,
    /// The circle of frequencies behind the upper end, where it is one.
    pub grid: Option<Grid>,
    pub methods: Vec<Finding>,
}

/// What a number says of a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Upper,
    Lower,
    /// Nothing that is proven.
    Estimate,
}

/// What one method gave.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    pub method: &'static str,
    pub value: f64,
    pub end: End,
    pub seconds: f64,
}

impl LayerNorm {
    fn new() -> Self {
        let (upper, lower) = (Upper::INFINITE, Lower::ZERO);
        LayerNorm { upper, lower, upper_rule: "none", lower_rule: "none", grid: None, methods: Vec::new() }
    }

    /// The upper end, and what shows it again.
    pub fn measured(&self) -> Measured {
        Measured { upper: self.upper, grid: self.grid }
    }

    /// Runs a method that gives an upper end.
    fn above(&mut self, name: &'static str, find: impl FnOnce() -> Upper) -> Upper {
        let (_, upper) = self.both(name, || (Lower::ZERO, find()));
        upper
    }

    /// Runs a method that gives a lower end.
    fn below(&mut self, name: &'static str, find: impl FnOnce() -> Lower) {
        self.both(name, || (find(), Upper::INFINITE));
    }

    /// Runs a method that proves nothing.
    fn beside(&mut self, name: &'static str, find: impl FnOnce() -> Option<Estimate>) {
        let started = Instant::now();
        if let Some(found) = find() {
            let seconds = started.elapsed().as_secs_f64();
            self.methods.push(Finding { method: name, value: found.get(), end: End::Estimate, seconds });
        }
    }

    fn both(&mut self, name: &'static str, find: impl FnOnce() -> (Lower, Upper)) -> (Lower, Upper) {
        let started = Instant::now();
        let (lower, upper) = find();
        let seconds = started.elapsed().as_secs_f64();
        let mut note = |value, end| {
            self.methods.push(Finding { method: name, value, end, seconds });
        };
        if upper != Upper::INFINITE {
            note(upper.get(), End::Upper);
        }
        if lower != Lower::ZERO {
            note(lower.get(), End::Lower);
        }
        if upper < self.upper {
            (self.upper, self.upper_rule, self.grid) = (upper, name, None);
        }
        if lower > self.lower {
            (self.lower, self.lower_rule) = (lower, name);
        }
        (lower, upper)
    }
}

/// The enclosure of ‖W‖_{p→q}.
pub fn norm(map: &LinearMap, p: Norm, q: Norm, effort: Effort) -> LayerNorm {
    norm_with(map, p, q, effort, None)
}

/// The same, with something that proves norms of many symbols at once.
pub fn norm_with(
    map: &LinearMap,
    p: Norm,
    q: Norm,
    effort: Effort,
    screen: Option<&dyn Screen>,
) -> LayerNorm {
    let mut out = LayerNorm::new();
    let (m, n) = (map.outputs(), map.inputs());
    match (p, q) {
        _ if m == 0 || n == 0 => {
            out.above("empty", || Upper::proven(0.0));
        }
        (_, Norm::Inf) => {
            out.both(exact::ROWS.name, || exact::to_inf(map, p));
        }
        _ if m == 1 => {
            out.both(exact::ROWS.name, || exact::to_inf(map, p));
        }
        _ if n == 1 || p == Norm::One => {
            out.both(exact::COLUMNS.name, || exact::from_one(map, q));
        }
        (Norm::Two, Norm::Two) => spectral(map, effort, screen, &mut out),
        _ => mixed(map, p, q, effort, &mut out),
    }
    out
}

/// An upper bound of ‖W‖_2 that takes no longer than a deadline allows.
pub fn two(map: &LinearMap, until: &Deadline) -> Upper {
    norm(map, Norm::Two, Norm::Two, Effort::UPPER.until(until)).upper
}

/// ‖diag(m) W‖_2 for a convolution and any m with 0 <= m <= `scale`, by the largest of each
/// channel; `None` for other maps.
pub fn scaled_conv_norm(map: &LinearMap, scale: &[f64], effort: Effort) -> Option<Measured> {
    let LinearMap::Conv { shape, weight, adjoint } = map else { return None };
    let top = masks::channel_tops(shape, *adjoint, scale);
    let first = top.first().copied().unwrap_or(0.0);
    if top.iter().any(|x| !x.is_finite()) {
        return Some(Measured::of(Upper::INFINITE));
    }
    if top.iter().all(|&x| x == first) {
        let found = norm(map, Norm::Two, Norm::Two, effort).measured();
        return Some(Measured { upper: found.upper.times(Upper::proven(first)), ..found });
    }
    let (map, rounding) = masks::channels_scaled(shape, weight, *adjoint, &top);
    let found = norm(&map, Norm::Two, Norm::Two, effort).measured();
    Some(Measured { upper: found.upper.plus(rounding), ..found })
}

/// The same, with what a device can add.
pub fn norm_on<B: Backend + Spectral>(b: &B, map: &LinearMap, p: Norm, q: Norm, effort: Effort) -> LayerNorm {
    let squared = screen::Squared(b);
    let pays = b.speed() >= SCREENS;
    let mut out = norm_with(map, p, q, effort, pays.then_some(&squared as &dyn Screen));
    if effort.is_late() {
        return out;
    }
    if (p, q) == (Norm::Two, Norm::Two) {
        out.above(stack::ROW.name, || stack::upper(b, map, effort.tolerance.max(1e-6)));
    }
    if effort.lower {
        out.below(power::ROW.name, || power::on(b, map, p, q, TRIES));
    }
    out
}

fn spectral(map: &LinearMap, effort: Effort, screen: Option<&dyn Screen>, out: &mut LayerNorm) {
    out.above(frobenius::ROW.name, || frobenius::upper(map));
    out.above(interpolation::ROW.name, || interpolation::upper(map));
    if effort.is_late() {
        return;
    }
    let steps = effort.steps.min((SCHUR / map.products()) as usize).max(2);
    out.above(schur::ROW.name, || schur::upper(map, steps));
    if effort.is_late() {
        return;
    }
    out.above(reshapes::ROW.name, || reshapes::upper(map, effort.order.min(1024)));
    out.below(exact::ROWS.name, || exact::to_inf(map, Norm::Two).0);
    out.below(exact::COLUMNS.name, || exact::from_one(map, Norm::Two).0);
    if effort.lower && matches!(map, LinearMap::Conv { .. }) {
        let mut whole = Upper::INFINITE;
        out.above(lipbound::ROWS.name, || {
            let (rows, all) = lipbound::uppers(map);
            whole = all;
            rows
        });
        out.above(lipbound::WHOLE.name, || whole);
        out.above(kernel::ROW.name, || kernel::upper(map));
        out.beside(tensor::ROW.name, || tensor::estimate(map));
    }
    if effort.is_late() {
        return;
    }
    if matches!(map, LinearMap::Conv { .. }) && !gram::is_small(map, effort.order) {
        return symbols::run(map, effort, screen, out);
    }
    out.above(gram::ROW.name, || gram::upper(map, effort.order));
    if effort.lower && !effort.is_late() {
        out.below(power::LANCZOS.name, || power::lanczos(map, effort.tolerance, None));
    }
}

/// ∞→1, ∞→2, 2→1: the monotone bound, the 2-norm with square roots of sides,
/// and signs or weights where the map is small enough to write out.
fn mixed(map: &LinearMap, p: Norm, q: Norm, effort: Effort, out: &mut LayerNorm) {
    let (m, n) = (map.outputs(), map.inputs());
    out.both(monotone::ROW.name, || monotone::mixed(map, p, q));
    let two = norm(map, Norm::Two, Norm::Two, effort);
    let root = |n: usize| Upper::proven(sqrt_up(n as f64));
    let inputs = if p == Norm::Inf { root(n) } else { root(1) };
    let outputs = if q == Norm::One { root(m) } else { root(1) };
    out.above("spectral", || two.upper.times(inputs).times(outputs));
    if m.saturating_mul(n) <= effort.entries && !effort.is_late() {
        out.above("signs and weights", || {
            let matrix = materialise(map);
            let point = Array2::zeros(matrix.dim());
            operator_upper(matrix.view(), point.view(), p, q)
        });
    }
    // Norms grow with p and shrink with q.
    out.below("spectral", || two.lower);
    if effort.lower && !effort.is_late() {
        out.below(power::ROW.name, || power::boyd(map, p, q, TRIES));
    }
}
