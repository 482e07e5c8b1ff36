//! Slopes of secants from the value at the centre.
//!
//! f(x) − f(c) = J̃ (x − c) where every slope is that of the secant between z(c) and z(x): what bounds the norm of
//! products of such slopes bounds the quotient against the centre. Intervals are those of all z(x) in its ends
//! and all z(c) in its own. Rounded outward.

use crate::backend::Backend;
use crate::layer::{Piece, Piecewise};
use crate::net::Op;
use crate::num::round::{add_down, add_up, div_up, mul_up, sub_down, sub_up};
use crate::sweep::{Bounds, Ends, Gate, Prepared};
use ndarray::Array2;

/// Ends of (f(z) − f(z')) / (z − z') for z in [l, u] and z' in [c, d].
pub fn secants(f: &Piecewise, feature: usize, [l, u]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    let slope = match f.piece(feature, l.min(c), u.max(d)) {
        Piece::Fixed { slope, .. } => return [slope, slope],
        Piece::Free { slope, .. } => slope,
    };
    let below = f.slope_below(feature);
    match f {
        // The kink is at 0.
        Piecewise::Leaky { .. } | Piecewise::PerFeature { .. } => {
            // The part of the way from z' to z beyond the kink, at most.
            let share = |beyond: f64, away: f64| match () {
                _ if beyond <= 0.0 => 0.0,
                _ if !beyond.is_finite() => 1.0,
                _ => div_up(beyond, add_down(away, beyond)).min(1.0),
            };
            if c >= 0.0 {
                between(1.0, below, share(-l, c))
            } else if d <= 0.0 {
                between(below, 1.0, share(u, -d))
            } else {
                slope
            }
        }
        Piecewise::Clip { .. } => slope,
    }
}

/// Gates of secants from the centres instead of these: of functions that are piecewise linear; of others all slopes.
/// `at` are values at the centres.
pub fn gates<'a, B: Backend>(
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    ends: &Bounds,
    at: &dyn Fn(usize) -> &'a Ends,
) -> Vec<Option<Gate<B>>> {
    let (b, net) = (prepared.backend, prepared.net);
    let gate = |(k, gate): (usize, &Option<Gate<B>>)| {
        let Op::Piecewise(f) = &net.nodes[k].op else { return gate.clone() };
        let read = net.nodes[k].inputs[0];
        let (x, at) = (ends.of(read), at(read));
        let of = |e: &Ends, i: [usize; 2]| [e.lo[i], e.hi[i]];
        let ends = x.lo.indexed_iter().map(|((i, j), _)| secants(f, j, of(x, [i, j]), of(at, [i, j])));
        let (lo, hi): (Vec<f64>, Vec<f64>) = ends.map(|[a, z]| (a, z)).unzip();
        let shaped = |v| Array2::from_shape_vec(x.lo.dim(), v).expect("the same size");
        Some(Gate::Each(b.upload_slopes(&shaped(lo), &shaped(hi))))
    };
    gates.iter().enumerate().map(gate).collect()
}

/// From one slope up to this share of the way to the other.
fn between(near: f64, far: f64, share: f64) -> [f64; 2] {
    if share == 0.0 {
        return [near, near];
    }
    if far < near {
        [sub_down(near, mul_up(sub_up(near, far), share)).max(far), near]
    } else {
        [near, add_up(near, mul_up(sub_up(far, near), share)).min(far)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    #[test]
    fn secants_lie_between_their_ends() {
        let mut random = Random(11);
        for case in 0..20_000 {
            let f = match case % 4 {
                0 => Piecewise::RELU,
                1 => Piecewise::ABS,
                2 => Piecewise::Leaky { slope: random.normal() },
                _ => Piecewise::Clip { lo: -0.5, hi: 0.75 },
            };
            let mut pair = || {
                let (a, b) = (random.normal(), random.normal());
                [a.min(b), a.max(b)]
            };
            let (ends, at) = (pair(), pair());
            let [lo, hi] = secants(&f, 0, ends, at);
            for _ in 0..10 {
                let z = ends[0] + (ends[1] - ends[0]) * random.unit();
                let c = at[0] + (at[1] - at[0]) * random.unit();
                if (z - c).abs() > 1e-3 {
                    let slope = (f.value(0, z) - f.value(0, c)) / (z - c);
                    assert!(lo - 1e-9 <= slope && slope <= hi + 1e-9, "{f:?} {ends:?} {at:?}: {slope}");
                }
            }
        }
    }
}
