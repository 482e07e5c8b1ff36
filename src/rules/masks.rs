//! Proves: ‖diag(d) W diag(mask)‖_{p→q} <= the reported number, d >= 0, mask 0/1 (factors of a network's product bound).
//! From: definitions; dense and small maps on the remaining submatrix, else |W| applied to the mask and its adjoint to d.
//! Rounding: scaled entries carry a radius of one rounding; applications of |W| and w² rounded up.
//! Cost: the dense norm of the submatrix; for convolutions about 4 + 2 x 8 applications.
//! Loose when: large convolutions, 2→2 and mixed pairs, signs mixed: then max d x the unmasked norm usually wins.

use crate::layer::apply::{absolute, apply_up, materialise, squared, transpose};
use crate::layer::lines::{from_one, to_inf};
use crate::layer::map::{ConvShape, LinearMap};
use crate::linalg::banded::{Allowed, Sparse, norm_upper, proves};
use crate::linalg::operator::operator_upper;
use crate::linalg::schur;
use crate::num::Upper;
use crate::num::norms::{Norm, largest, vector_norm_up};
use crate::num::round::{U, add_up, mul_up, sqrt_up};
use ndarray::{Array1, Array2, Axis};
use std::sync::Arc;

/// Convolutions up to this many entries, and this order, are written out.
const ENTRIES: usize = 1 << 22;
const ORDER: usize = 600;
/// Entries of a convolution that is written out without its zeros.
const SPARSE: usize = 1 << 24;
const SCHUR_STEPS: usize = 8;

/// What is kept of a matrix W: diag(scale) W diag(live).
#[derive(Clone, Copy)]
pub struct Masks<'m> {
    pub scale: &'m [f64],
    pub live: &'m [bool],
}

impl Masks<'_> {
    /// `whole` is a proven bound of ‖W‖_2, or infinite if none is known.
    pub fn norm(self, map: &LinearMap, whole: Upper, p: Norm, q: Norm) -> Upper {
        let rows = self.scale.iter().filter(|d| **d != 0.0).count();
        let columns = self.live.iter().filter(|m| **m).count();
        let small = rows.min(columns) <= ORDER && map.inputs().saturating_mul(map.outputs()) <= ENTRIES;
        match map {
            LinearMap::Dense(w) => self.written(w, None, p, q).min(self.shortcut(whole, p, q)),
            _ if small => self.written(&materialise(map), None, p, q).min(self.shortcut(whole, p, q)),
            _ => self.structured(map, whole, p, q),
        }
    }

    /// The same for every matrix within `slack` of `centre`, entrywise.
    pub fn norm_of_enclosure(self, centre: &Array2<f64>, slack: &Array2<f64>, p: Norm, q: Norm) -> Upper {
        self.written(centre, Some(slack), p, q)
    }

    fn valid(self) -> bool {
        self.scale.iter().all(|d| d.is_finite() && *d >= 0.0)
    }

    /// max d ‖W‖_2, for 2→2.
    fn shortcut(self, whole: Upper, p: Norm, q: Norm) -> Upper {
        if (p, q) != (Norm::Two, Norm::Two) || whole == Upper::INFINITE {
            return Upper::INFINITE;
        }
        whole.times(Upper::proven(largest(self.scale.iter().copied())))
    }

    /// On the submatrix of live rows and columns; `slack` bounds what W may differ by.
    fn written(self, w: &Array2<f64>, slack: Option<&Array2<f64>>, p: Norm, q: Norm) -> Upper {
        let Masks { scale, live } = self;
        assert_eq!((scale.len(), live.len()), w.dim());
        if !self.valid() {
            return Upper::INFINITE;
        }
        let rows: Vec<usize> = (0..scale.len()).filter(|&i| scale[i] > 0.0).collect();
        let columns: Vec<usize> = (0..live.len()).filter(|&j| live[j]).collect();
        let live = |a: &Array2<f64>| a.select(Axis(0), &rows).select(Axis(1), &columns);
        let mut centre = live(w);
        let mut radius = slack.map_or_else(|| Array2::zeros(centre.dim()), live);
        for ((mut c, mut r), &i) in centre.rows_mut().into_iter().zip(radius.rows_mut()).zip(&rows) {
            let d = scale[i];
            ndarray::Zip::from(&mut c).and(&mut r).for_each(|c, r| {
                let scaled = *c * d;
                let exact = d == 1.0 || *c == 0.0;
                let rounding =
                    if exact { 0.0 } else { add_up(mul_up(2.0 * U, scaled.abs()), f64::from_bits(1)) };
                *r = add_up(mul_up(*r, d), rounding);
                *c = scaled;
            });
        }
        operator_upper(centre.view(), radius.view(), p, q)
    }

    /// Euclidean norms of all rows.
    pub fn row_lengths(self, map: &LinearMap) -> Array1<f64> {
        let mask = Array1::from_iter(self.live.iter().map(|&m| f64::from(m)));
        let lengths = apply_up(&squared(map), mask.view()).mapv(sqrt_up);
        ndarray::Zip::from(&lengths).and(self.scale).map_collect(|&l, &d| mul_up(l, d))
    }

    /// ‖·‖_2 of what is kept of a convolution, by a factorisation that does not lose what signs cancel. None where
    /// it is not `allowed`, or no proof went through.
    pub fn spectral(self, map: &LinearMap, allowed: Allowed) -> Option<Upper> {
        norm_upper(&self.sparse(map, allowed)?, allowed)
    }

    /// Is it proven in the same way to be at most `norm`?
    pub fn proves(self, map: &LinearMap, norm: f64, allowed: Allowed) -> bool {
        self.sparse(map, allowed).is_some_and(|m| proves(&m, norm, allowed))
    }

    fn sparse(self, map: &LinearMap, allowed: Allowed) -> Option<Sparse> {
        let LinearMap::Conv { shape, weight, adjoint } = map else { return None };
        let entries = shape.output_len().saturating_mul(shape.depth());
        if !self.valid() || entries > SPARSE || Sparse::bytes(entries) > allowed.bytes {
            return None;
        }
        let live: Vec<f64> = self.live.iter().map(|&m| f64::from(m)).collect();
        // The transpose has the same norm.
        let sides = if *adjoint { [&live[..], self.scale] } else { [self.scale, &live[..]] };
        Some(sparse(shape, weight, sides))
    }

    /// By applications of |W| alone, whatever the size.
    pub fn structured(self, map: &LinearMap, whole: Upper, p: Norm, q: Norm) -> Upper {
        assert_eq!((self.scale.len(), self.live.len()), (map.outputs(), map.inputs()));
        if !self.valid() {
            return Upper::INFINITE;
        }
        let magnitudes = absolute(map);
        let adjoint = transpose(&magnitudes);
        let scale = Array1::from(self.scale.to_vec());
        let mask = Array1::from_iter(self.live.iter().map(|&m| f64::from(m)));
        let scaled = |y: Array1<f64>| ndarray::Zip::from(&y).and(&scale).map_collect(|&y, &d| mul_up(y, d));
        let forward = |x: &Array1<f64>| scaled(apply_up(&magnitudes, (x * &mask).view()));
        let backward = |y: &Array1<f64>| apply_up(&adjoint, scaled(y.clone()).view()) * &mask;
        let ones = Array1::ones(map.outputs());
        let norm = |x: &Array1<f64>, r| Upper::proven(vector_norm_up(x.iter().copied(), r));
        // l2 norms of the rows and columns.
        let row_lengths = || self.row_lengths(map);
        let column_lengths = || {
            let d = scale.mapv(|d| mul_up(d, d));
            apply_up(&transpose(&squared(map)), d.view()).mapv(sqrt_up) * &mask
        };
        let live = |n: usize| Upper::proven(sqrt_up(n as f64));
        let rows = live(self.scale.iter().filter(|d| **d > 0.0).count());
        let columns = live(self.live.iter().filter(|m| **m).count());
        let two = || {
            let sums = norm(&forward(&mask), Norm::Inf).times(norm(&backward(&ones), Norm::Inf));
            let schur = schur::test(map.inputs(), SCHUR_STEPS, |x| backward(&forward(x)));
            let sums = Upper::proven(sqrt_up(sums.get()));
            self.shortcut(whole, Norm::Two, Norm::Two)
                .min(sums)
                .min(norm(&row_lengths(), Norm::Two))
                .min(schur)
        };
        match (p, q) {
            (Norm::One, Norm::Inf) => Upper::proven(mul_up(
                norm(&scale, Norm::Inf).get(),
                largest(magnitudes.weights().iter().copied()),
            )),
            (Norm::One, Norm::One) => norm(&backward(&ones), Norm::Inf),
            (Norm::One, Norm::Two) => {
                norm(&column_lengths(), Norm::Inf).min(norm(&backward(&ones), Norm::Inf))
            }
            (Norm::Inf, Norm::Inf) => norm(&forward(&mask), Norm::Inf),
            (Norm::Two, Norm::Inf) => norm(&row_lengths(), Norm::Inf).min(norm(&forward(&mask), Norm::Inf)),
            (Norm::Two, Norm::Two) => two(),
            (Norm::Inf, Norm::One) => norm(&forward(&mask), Norm::One).min(rows.times(columns).times(two())),
            (Norm::Inf, Norm::Two) => norm(&forward(&mask), Norm::Two).min(columns.times(two())),
            (Norm::Two, Norm::One) => norm(&backward(&ones), Norm::Two).min(rows.times(two())),
        }
    }
}

/// diag(r) W diag(c), columns of neighbouring places together.
fn sparse(shape: &ConvShape, weight: &[f64], [rows, columns]: [&[f64]; 2]) -> Sparse {
    let long = usize::from(shape.input[1] > shape.input[0]);
    let short = 1 - long;
    let [places, area] = [shape.input, shape.output].map(|size| (size, size[0] * size[1]));
    let feature =
        |(size, area): ([usize; 2], usize), c: usize, at: [usize; 2]| c * area + at[0] * size[1] + at[1];
    let of = |a: usize, b: usize| if long == 0 { [a, b] } else { [b, a] };
    let mut place = vec![None; columns.len()];
    let mut count = 0;
    for (a, b) in (0..shape.input[long]).flat_map(|a| (0..shape.input[short]).map(move |b| (a, b))) {
        for j in (0..shape.in_channels).map(|c| feature(places, c, of(a, b))) {
            if columns[j] > 0.0 {
                place[j] = Some(count);
                count += 1;
            }
        }
    }
    let (inner, outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let mut m = Sparse::new(count as usize);
    for (a, b) in (0..shape.output[long]).flat_map(|a| (0..shape.output[short]).map(move |b| (a, b))) {
        let at = of(a, b);
        let taps: Vec<(usize, [usize; 2])> = (0..shape.taps())
            .filter_map(|t| {
                let y = shape.source(0, at[0], t / shape.kernel[1])?;
                Some((t, [y, shape.source(1, at[1], t % shape.kernel[1])?]))
            })
            .collect();
        for o in 0..shape.out_channels {
            let scale = rows[feature(area, o, at)];
            if scale > 0.0 {
                let entry = |c: usize, t: usize, from: [usize; 2]| {
                    let j = feature(places, o / outer * inner + c, from);
                    let w = weight[(o * inner + c) * shape.taps() + t];
                    place[j].map(|p| (p, scale * w * columns[j])).filter(|e| e.1 != 0.0)
                };
                let each =
                    (0..inner).flat_map(|c| taps.iter().filter_map(move |&(t, from)| entry(c, t, from)));
                m.push(each.collect());
            }
        }
    }
    m
}

/// The largest scale of each channel of a convolution's outputs.
pub fn channel_tops(shape: &ConvShape, adjoint: bool, scale: &[f64]) -> Vec<f64> {
    let channels = if adjoint { shape.in_channels } else { shape.out_channels };
    let area = scale.len() / channels.max(1);
    scale.chunks(area.max(1)).map(|s| s.iter().fold(0.0, |m: f64, x| m.max(*x))).collect()
}

/// diag(top) W for a scale of each channel of a convolution's outputs, and what it may be off by in norm 2.
pub fn channels_scaled(shape: &ConvShape, weight: &[f64], adjoint: bool, top: &[f64]) -> (LinearMap, Upper) {
    let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let channel = |k: usize| {
        let (o, i) = (k / (ins * shape.taps()), k / shape.taps() % ins);
        if adjoint { o / outs * ins + i } else { o }
    };
    let scaled: Vec<f64> = weight.iter().enumerate().map(|(k, w)| w * top[channel(k)]).collect();
    // A product rounds by at most u of itself, or by the least number.
    let tiny = (scaled.len() as f64) * f64::from_bits(1);
    let map = LinearMap::Conv { shape: *shape, weight: Arc::new(scaled), adjoint };
    let root = |x: Upper| Upper::proven(sqrt_up(x.get()));
    let sides = root(from_one(&map, Norm::One).1).times(root(to_inf(&map, Norm::Inf).1));
    (map, Upper::proven(2.0 * U).times(sides).plus(Upper::proven(tiny)))
}
