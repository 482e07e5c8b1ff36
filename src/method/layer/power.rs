//! Proves: ‖W‖_{p→q} >= ‖W v‖_q / ‖v‖_p for the v that was found.
//! From: the definition; v by restarted Lanczos on WᵀW (2→2) or Boyd's power method (1974) for other pairs.
//! Rounding: |Wv| less gamma_n |W||v| entrywise, norms down and up; the search itself is plain.
//! Cost: two applications per step, plus three for the proof.
//! Loose when: top singular values cluster (1e-6 or less); mixed pairs may stop at a local maximum.

use crate::backend::Backend;
use crate::layer::Affine;
use crate::layer::apply::{absolute, apply, apply_up, map_weights, terms, transpose};
use crate::layer::map::LinearMap;
use crate::layer::symbol::correlation::Side;
use crate::linalg::Enclosure;
use crate::linalg::direction::{dual_vector, vector_norm};
use crate::linalg::lanczos::top_eigenpair_from;
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::num::Lower;
use crate::num::norms::{Norm, vector_norm_down, vector_norm_up};
use crate::num::random::Random;
use crate::num::round::{add_down, add_up, div_down, gamma, mul_up};
use ndarray::{Array1, Array3, ArrayView1, Axis};

pub const LANCZOS: Row = Row {
    name: "lanczos",
    scope: Scope::Layer,
    proves: Proves::Lower,
    norms: "2→2",
    cost: "100 applications",
    paper: "Rayleigh quotient of a Ritz vector",
    formula: "‖W‖₂ ≥ ‖W v‖ / ‖v‖ of a Ritz vector",
    loose: "singular values are crowded at the top",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

pub const ROW: Row = Row {
    name: "power",
    scope: Scope::Layer,
    proves: Proves::Lower,
    norms: "all",
    cost: "100 applications",
    paper: "Boyd 1974",
    formula: "‖W‖ ≥ ‖W v‖ / ‖v‖ of a power iteration's vector",
    loose: "singular values are crowded at the top",
    slopes: "none: one linear layer",
    stage: Stage::NONE,
};

/// ‖W v‖_q / ‖v‖_p, rounded down.
pub fn quotient(map: &LinearMap, v: ArrayView1<f64>, p: Norm, q: Norm) -> Lower {
    let below = vector_norm_up(v.iter().map(|x| x.abs()), p);
    if below == 0.0 || below == f64::INFINITY {
        return Lower::ZERO;
    }
    let n = terms(map);
    let tiny = mul_up(n as f64, f64::from_bits(1));
    let spread = apply_up(&absolute(map), v.mapv(f64::abs).view());
    let image = apply(map, v);
    let least: Vec<f64> = image
        .iter()
        .zip(&spread)
        .map(|(y, &s)| add_down(y.abs(), -add_up(mul_up(gamma(n), s), tiny)))
        .map(|y| if y.is_nan() { 0.0 } else { y.max(0.0) })
        .collect();
    Lower::proven(div_down(vector_norm_down(least, q), below))
}

/// The weights' scale, removed before searching so that squares neither overflow nor vanish.
fn largest_weight(map: &LinearMap) -> Option<f64> {
    let top = map.weights().iter().fold(0.0f64, |m, w| m.max(w.abs()));
    (top > 0.0 && top.is_finite()).then_some(top)
}

/// For 2→2, from a vector of the inputs or outputs if somebody proposes one.
pub fn lanczos(map: &LinearMap, tolerance: f64, start: Option<(Side, Array1<f64>)>) -> Lower {
    let Some(top) = largest_weight(map) else { return Lower::ZERO };
    if map.inputs() == 0 || map.outputs() == 0 {
        return Lower::ZERO;
    }
    // The shorter side is searched; its singular vector gives the same quotient.
    let adjoint = transpose(map);
    let (a, b) = if map.inputs() <= map.outputs() { (map, &adjoint) } else { (&adjoint, map) };
    let mut gram = |v: ArrayView1<f64>| apply(b, (apply(a, v) / top).view()) / top;
    let start = start.map(|(side, v)| match (side == Side::Inputs) == (map.inputs() <= map.outputs()) {
        true => v,
        false => apply(b, (v / top).view()),
    });
    let (_, v) = top_eigenpair_from(a.inputs(), start, &mut gram, tolerance);
    quotient(a, v.view(), Norm::Two, Norm::Two)
}

/// How often the iteration begins, and steps from each beginning.
#[derive(Clone, Copy)]
pub struct Tries {
    pub starts: usize,
    pub steps: usize,
}

/// For any pair: Boyd's iteration from constant and random starts.
pub fn boyd(map: &LinearMap, p: Norm, q: Norm, tries: Tries) -> Lower {
    let Tries { starts, steps } = tries;
    if largest_weight(map).is_none() || map.inputs() == 0 || map.outputs() == 0 {
        return Lower::ZERO;
    }
    let adjoint = transpose(map);
    let mut noise = Random(2);
    let mut best = Lower::ZERO;
    for start in 0..starts {
        let g = if start == 0 { Array1::ones(map.inputs()) } else { noise.vector(map.inputs()) };
        let mut x = dual_vector(&g, p);
        let mut value = 0.0;
        for _ in 0..steps {
            let y = apply(map, x.view());
            let reached = vector_norm(y.view(), q);
            if reached.is_nan() || reached <= value * (1.0 + 1e-12) {
                break;
            }
            value = reached;
            x = dual_vector(&apply(&adjoint, dual_vector(&y, q.dual()).view()), p);
        }
        best = best.max(quotient(map, x.view(), p, q));
    }
    best
}

/// Steps between 2 and 2 that follow each other on a device.
const BURST: usize = 8;

/// The same with the applications on a device, all starts at once.
pub fn on<B: Backend>(b: &B, map: &LinearMap, p: Norm, q: Norm, tries: Tries) -> Lower {
    let n = map.inputs();
    if largest_weight(map).is_none() || n == 0 || map.outputs() == 0 {
        return Lower::ZERO;
    }
    let mut noise = Random(2);
    let mut x = Array3::zeros((1, tries.starts, n));
    for (k, mut row) in x.lanes_mut(Axis(2)).into_iter().enumerate() {
        let g = if k == 0 { Array1::ones(n) } else { noise.vector(n) };
        row.assign(&dual_vector(&g, p));
    }
    let held = b.prepare(&Affine { map: map.clone(), bias: None, repeat: 1 });
    let there = There { b, held };
    let x = match (p, q) {
        (Norm::Two, Norm::Two) => there.bursts(map, x, tries.steps),
        _ => there.steps(x, [p, q], tries.steps),
    };
    x.lanes(Axis(2)).into_iter().map(|v| quotient(map, v, p, q)).fold(Lower::ZERO, Lower::max)
}

/// A map on a device.
struct There<'b, B: Backend> {
    b: &'b B,
    held: B::Map,
}

/// Every row's dual vector.
fn duals(a: &mut Array3<f64>, norm: Norm) {
    a.lanes_mut(Axis(2)).into_iter().for_each(|mut row| {
        let dual = dual_vector(&row.to_owned(), norm);
        row.assign(&dual);
    });
}

/// All rows' norms, summed.
fn lengths(a: &Array3<f64>, norm: Norm) -> f64 {
    a.lanes(Axis(2)).into_iter().map(|row| vector_norm(row, norm)).sum()
}

impl<B: Backend> There<'_, B> {
    fn through(&self, x: Array3<f64>, back: bool) -> Array3<f64> {
        let x = self.b.upload(&Enclosure::point(x));
        self.b.read(&if back { self.b.adjoint(&self.held, &x) } else { self.b.linear(&self.held, &x) }).centre
    }

    /// Boyd's iteration, as long as it climbs.
    fn steps(&self, mut x: Array3<f64>, [p, q]: [Norm; 2], steps: usize) -> Array3<f64> {
        let mut value = 0.0;
        for _ in 0..steps {
            let mut y = self.through(x.clone(), false);
            let reached = lengths(&y, q);
            if reached.is_nan() || reached <= value * (1.0 + 1e-6) {
                break;
            }
            value = reached;
            duals(&mut y, q.dual());
            x = self.through(y, true);
            duals(&mut x, p);
        }
        x
    }

    /// The same between 2 and 2, where lengths alone change in between: many steps at once, with weights by which the
    /// longest vectors hardly grow.
    fn bursts(&self, map: &LinearMap, x: Array3<f64>, steps: usize) -> Array3<f64> {
        let two = [Norm::Two; 2];
        let first = self.steps(x, two, 1);
        let size = lengths(&self.through(first.clone(), false), Norm::Two) / first.dim().1 as f64;
        if !(size > 0.0 && size.is_finite()) {
            return first;
        }
        let b = self.b;
        let near = map_weights(map, |w| w / size);
        let held = b.prepare(&Affine { map: near, bias: None, repeat: 1 });
        let (mut x, mut value) = (first, 0.0);
        for _ in 0..steps.div_ceil(BURST) {
            let mut at = b.upload(&Enclosure::point(x.clone()));
            for _ in 0..BURST {
                at = b.adjoint(&held, &b.linear(&held, &at));
            }
            let mut next = b.read(&at).centre;
            let reached = lengths(&next, Norm::Two).powf(0.5 / BURST as f64);
            if !(reached > 0.0 && reached.is_finite()) {
                // Out of the device's range.
                return self.steps(x, two, steps);
            }
            if reached <= value * (1.0 + 1e-6) {
                break;
            }
            value = reached;
            duals(&mut next, Norm::Two);
            x = next;
        }
        x
    }
}
