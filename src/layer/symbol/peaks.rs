//! Where the symbol of a convolution is large: estimates only. Proofs evaluate
//! what is proposed here.
//!
//! A top singular vector found at one frequency bounds the symbol from below at
//! every other one, as a short trigonometric polynomial; the largest of a few
//! dozen of those is an estimate of the norm everywhere that costs no matrices.

use super::band::Band;
use super::cells::Circle;
use super::correlation::{Correlation, Frequency, Side};
use crate::layer::map::ConvShape;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use std::f64::consts::{PI, TAU};

/// Vectors kept of the first search, and at most.
const KEPT: usize = 24;
const MOST: usize = 64;
/// Tolerance of a search where only the rough size matters.
const ROUGH: f64 = 1e-3;
const FINE: f64 = 1e-9;
/// Points per axis on which the envelope is first maximised.
const LATTICE: usize = 64;

/// Re Σ c e^{i (y ω_y + x ω_x)}.
type Polynomial = Vec<([i64; 2], f64, f64)>;

/// A frequency that was searched.
pub struct Sample {
    frequency: Frequency,
    value: f64,
    vector: Array1<f64>,
    polynomial: Polynomial,
}

pub struct Peaks<'a> {
    symbol: &'a Correlation,
    /// Frequencies matter on an axis only if its symbol has two taps.
    varies: [bool; 2],
    samples: Vec<Sample>,
}

impl<'a> Peaks<'a> {
    /// Samples on a coarse grid, half of it by symmetry, then climbs to the top.
    pub fn new(symbol: &'a Correlation, reach: [usize; 2]) -> Self {
        let count = reach.map(|k| if k == 1 { 1 } else { (4 * k).clamp(8, 16) });
        let varies = reach.map(|k| k > 1);
        let halved = if varies[0] { [count[0] / 2 + 1, count[1]] } else { [1, count[1] / 2 + 1] };
        let point = |k: usize| {
            let [u, v] = [k / halved[1], k % halved[1]];
            [(u as i64, count[0] as i64), (v as i64, count[1] as i64)]
        };
        let found: Vec<(Frequency, f64, Array1<f64>)> = (0..halved[0] * halved[1])
            .into_par_iter()
            .map(|k| {
                let (value, vector) = symbol.search(point(k), None, ROUGH);
                (point(k), value, vector)
            })
            .collect();
        let mut peaks = Peaks { symbol, varies, samples: Vec::new() };
        let mut found = found;
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.truncate(KEPT);
        peaks.samples = found
            .into_par_iter()
            .map(|(frequency, value, vector)| sample(symbol, frequency, value, vector))
            .collect();
        peaks.climb();
        peaks
    }

    /// The largest value found, and where and with which vector.
    pub fn top(&self) -> (f64, Frequency, &Array1<f64>) {
        let best = self.samples.iter().max_by(|a, b| a.value.total_cmp(&b.value)).expect("a sample");
        (best.value, best.frequency, &best.vector)
    }

    /// An estimate from below of the norm at an angle.
    pub fn envelope(&self, angle: [f64; 2]) -> f64 {
        let value = |p: &Polynomial| {
            let turned = |s: f64| {
                let term = |&(d, re, im): &([i64; 2], f64, f64)| {
                    let t = s * (d[0] as f64 * angle[0] + d[1] as f64 * angle[1]);
                    re * t.cos() - im * t.sin()
                };
                p.iter().map(term).sum::<f64>()
            };
            turned(1.0).max(turned(-1.0))
        };
        self.samples.iter().map(|s| value(&s.polynomial)).fold(0.0, f64::max).sqrt()
    }

    /// The envelope at all points of a lattice of angles.
    fn on(&self, ys: &[f64], xs: &[f64]) -> Array2<f64> {
        let mut all = Array2::<f64>::zeros((ys.len(), xs.len()));
        let waves = |angles: &[f64], f: fn(f64) -> f64, deltas: &[i64]| {
            Array2::from_shape_fn((angles.len(), deltas.len()), |(u, d)| f(angles[u] * deltas[d] as f64))
        };
        for s in &self.samples {
            let list = |axis: usize| {
                let mut d: Vec<i64> = s.polynomial.iter().map(|t| t.0[axis]).collect();
                d.sort_unstable();
                d.dedup();
                d
            };
            let (dy, dx) = (list(0), list(1));
            let (mut re, mut im) = (Array2::zeros((dy.len(), dx.len())), Array2::zeros((dy.len(), dx.len())));
            for (d, c, s) in &s.polynomial {
                let at = |list: &[i64], v: i64| list.binary_search(&v).expect("listed");
                let place = [at(&dy, d[0]), at(&dx, d[1])];
                re[place] += c;
                im[place] += s;
            }
            let (cy, sy) = (waves(ys, f64::cos, &dy), waves(ys, f64::sin, &dy));
            let (cx, sx) = (waves(xs, f64::cos, &dx), waves(xs, f64::sin, &dx));
            // e^{iy} C e^{ix}, at the angle and at its negative.
            let (cos_re, sin_im) = (cy.dot(&re), sy.dot(&im));
            let (cos_im, sin_re) = (cy.dot(&im), sy.dot(&re));
            let plus = (&cos_re - &sin_im).dot(&cx.t()) - (&cos_im + &sin_re).dot(&sx.t());
            let minus = (&cos_re + &sin_im).dot(&cx.t()) + (&cos_im - &sin_re).dot(&sx.t());
            ndarray::Zip::from(&mut all).and(&plus).and(&minus).for_each(|a, &p, &m| *a = a.max(p).max(m));
        }
        all.mapv_into(f64::sqrt)
    }

    /// Searches at the points where the envelope is largest until it grows no more; the top.
    pub fn climb(&mut self) -> f64 {
        for _ in 0..8 {
            let angles =
                |varies| if varies { Circle { period: LATTICE, half: false }.angles() } else { vec![0.0] };
            let (ys, xs) = (angles(self.varies[0]), angles(self.varies[1]));
            let (mut at, mut value) = maximum(&self.on(&ys, &xs), &ys, &xs);
            let mut step = TAU / LATTICE as f64;
            for _ in 0..6 {
                let around = |centre: f64, varies: bool| match varies {
                    true => (-4..=4).map(|k| centre + step * f64::from(k) / 4.0).collect(),
                    false => vec![0.0],
                };
                let (ys, xs) = (around(at[0], self.varies[0]), around(at[1], self.varies[1]));
                (at, value) = maximum(&self.on(&ys, &xs), &ys, &xs);
                step /= 4.0;
            }
            let before = self.top().0.max(value);
            let turn = |a: f64| ((a / TAU * (1u64 << 18) as f64).round() as i64, 1i64 << 18);
            self.add(at.map(turn));
            if self.top().0 <= before * (1.0 + 1e-7) {
                break;
            }
        }
        self.top().0
    }

    fn add(&mut self, frequency: Frequency) -> f64 {
        let found = self.look(frequency);
        let value = found.value;
        self.samples.push(found);
        value
    }

    /// Adds what `look` found.
    pub fn learn(&mut self, samples: Vec<Sample>) {
        self.samples.extend(samples);
        if self.samples.len() > MOST {
            self.samples.sort_by(|a, b| b.value.total_cmp(&a.value));
            self.samples.truncate(MOST);
        }
    }

    /// The symbol at a frequency, from the nearest vector known.
    pub fn look(&self, frequency: Frequency) -> Sample {
        let near = |s: &&Sample| {
            let part = |a: usize| {
                let f = |(p, q): (i64, i64)| p as f64 / q as f64;
                let d = f(s.frequency[a]) - f(frequency[a]);
                (d - d.round()).abs()
            };
            part(0) + part(1)
        };
        let start = self.samples.iter().min_by(|a, b| near(a).total_cmp(&near(b))).map(|s| s.vector.clone());
        let (value, vector) = self.symbol.search(frequency, start.as_ref(), FINE);
        sample(self.symbol, frequency, value, vector)
    }

    /// A vector of the whole map, near its top singular vector: the symbol's vector at
    /// its peak as a wave, under a half period of a sine that vanishes beyond the edges.
    pub fn wave(&self, shape: &ConvShape, bands: &[Band; 2], side: Side, group: usize) -> Array1<f64> {
        let (_, frequency, vector) = self.top();
        let (channels, sizes) = match side {
            Side::Inputs => (shape.in_channels / shape.groups, shape.input),
            Side::Outputs => (shape.out_channels / shape.groups, shape.output),
        };
        // Per axis: place in the map, position in the symbol's vector, angle and height.
        let places = |a: usize| -> Vec<(usize, usize, f64, f64)> {
            let (band, (p, q)) = (&bands[a], frequency[a]);
            let angle = TAU * p as f64 / q as f64;
            let (first, last) =
                if side == Side::Inputs { (band.first, band.last) } else { (0, band.outputs - 1) };
            let phases = band.phases();
            let one = |k: usize| {
                let height = (PI * (k - first + 1) as f64 / (last - first + 2) as f64).sin();
                let (place, phase, turn) = match side {
                    Side::Inputs => {
                        let (turn, phase) = band.input_place(k);
                        (band.input_of(shape, a, k)?, phases.binary_search(&phase).ok()?, turn)
                    }
                    Side::Outputs => (band.output_of(shape, a, k), 0, k),
                };
                (place < sizes[a]).then_some((place, phase, angle * turn as f64, height))
            };
            (first..=last).filter_map(one).collect()
        };
        let (ys, xs) = (places(0), places(1));
        let width = if side == Side::Inputs { bands[1].phases().len() } else { 1 };
        let half = vector.len() / 2;
        let mut out = Array1::zeros(shape.groups * channels * sizes[0] * sizes[1]);
        for &(y, py, ay, hy) in &ys {
            for &(x, px, ax, hx) in &xs {
                let (cos, sin, height) = ((ay + ax).cos(), (ay + ax).sin(), hy * hx);
                for c in 0..channels {
                    let k = (py * width + px) * channels + c;
                    let at = ((group * channels + c) * sizes[0] + y) * sizes[1] + x;
                    out[at] = height * (vector[k] * cos - vector[half + k] * sin);
                }
            }
        }
        out
    }

    /// The envelope's maximum on a grid.
    pub fn rough(&self, grid: [Circle; 2]) -> f64 {
        let (ys, xs) = (grid[0].angles(), grid[1].angles());
        maximum(&self.on(&ys, &xs), &ys, &xs).1
    }

    /// The largest norm on a grid, searched at its highest points.
    pub fn highest(&mut self, grid: [Circle; 2]) -> f64 {
        let (ys, xs) = (grid[0].angles(), grid[1].angles());
        let (mut best, mut seen) = (0.0f64, vec![]);
        for _ in 0..12 {
            let all = self.on(&ys, &xs);
            let mut top = (0, 0);
            for (at, v) in all.indexed_iter() {
                if *v > all[top] {
                    top = at;
                }
            }
            if all[top] <= best * (1.0 + 1e-8) || seen.contains(&top) {
                break;
            }
            seen.push(top);
            let place = |a: usize, u: usize| grid[a].at(2 * u as i64);
            best = best.max(self.add([place(0, top.0), place(1, top.1)]));
        }
        best
    }
}

fn sample(symbol: &Correlation, frequency: Frequency, value: f64, vector: Array1<f64>) -> Sample {
    let polynomial = symbol.quotient(&vector);
    Sample { frequency, value, vector, polynomial }
}

fn maximum(all: &Array2<f64>, ys: &[f64], xs: &[f64]) -> ([f64; 2], f64) {
    let mut best = ([ys[0], xs[0]], f64::NEG_INFINITY);
    for ((u, v), &value) in all.indexed_iter() {
        if value > best.1 {
            best = ([ys[u], xs[v]], value);
        }
    }
    best
}
