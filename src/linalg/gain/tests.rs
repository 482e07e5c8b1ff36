//! Levels against the formula written out, against slopes, and against what another descent finds.

use super::*;
use crate::linalg::eigen::symmetric;
use crate::linalg::solve::{cholesky, inverse};
use crate::num::random::Random;
use ndarray::{Array1, Array2, Axis, s};
use std::cell::Cell;

fn effort(calls: usize, tolerance: f64) -> Effort<'static> {
    Effort { calls, tolerance, enough: 0.0, hopeless: f64::INFINITY, stop: &|| false }
}

struct Loop {
    matrix: Array2<f64>,
    reach: Vec<f64>,
    groups: Vec<usize>,
    spread: bool,
}

impl Loop {
    fn random(k: usize, groups: &[usize], (inputs, outputs): (usize, usize), scale: f64) -> Loop {
        let mut random = Random(1000 + k as u64);
        let m: usize = groups.iter().sum();
        let scale = scale / ((inputs + m) as f64).sqrt();
        let mut matrix = Array2::from_shape_simple_fn((m + outputs, inputs + m), || random.normal() * scale);
        let mut at = 0;
        for count in groups {
            matrix.slice_mut(s![at..at + count, inputs + at..]).fill(0.0);
            at += count;
        }
        let reach = (0..m).map(|_| random.unit()).collect();
        Loop { matrix, reach, groups: groups.to_vec(), spread: k % 2 == 1 }
    }

    fn gain(&self) -> Gain<'_> {
        Gain::new(self.matrix.view(), &self.reach, &self.groups, self.spread)
    }
}

/// Thirty loops with 20 to 200 neurons in one to five groups.
fn loops() -> impl Iterator<Item = Loop> {
    (0..30).map(|k| {
        let (m, count) = (20 + k * 180 / 29, 1 + k % 5);
        let groups: Vec<usize> = (0..count).map(|g| (g + 1) * m / count - g * m / count).collect();
        Loop::random(k, &groups, (3 + 2 * k, 1 + k % 4), 1.0 + (k % 3) as f64 / 2.0)
    })
}

/// The level's square and every neuron's part, with all matrices written out.
fn written_out(l: &Loop, scaling: &Scaling) -> Option<(f64, Vec<f64>)> {
    let m = l.reach.len();
    let n = l.matrix.ncols() - m;
    let input = |j: usize| if l.spread { scaling.inputs[j] } else { 1.0 };
    let k = Array2::from_shape_fn(l.matrix.dim(), |(i, j)| {
        let column = if j < n { input(j) } else { scaling.neurons[j - n] };
        let row = if i < m { l.reach[i] * scaling.neurons[i] } else { 1.0 };
        l.matrix[[i, j]] * row / column
    });
    let (a, b) = k.view().split_at(Axis(0), m);
    let (left, _) = inverse(&cholesky(Array2::eye(m) - a.dot(&a.t()))?);
    let whole = &b.t() + &a.t().dot(&left).dot(&a).dot(&b.t());
    let (values, vectors) = symmetric(&b.dot(&whole));
    let v: Array1<f64> = whole.dot(&vectors.column(0));
    Some((values[0], v.iter().skip(n).map(|v| v * v / values[0]).collect()))
}

#[test]
fn levels_are_those_written_out() {
    let mut held = 0;
    for (k, l) in loops().take(20).enumerate() {
        let gain = l.gain();
        let start = gain.start().expect("a start").scaling;
        let mut random = Random(k as u64);
        for size in [0.0, 0.1, 0.5] {
            let logs: Vec<f64> = search::logs(&start).iter().map(|l| l + size * random.signed()).collect();
            let scaling = gain.shape().read(&logs).expect("within range");
            let (found, wanted) = (gain.level(&scaling), written_out(&l, &scaling));
            assert_eq!(found.is_some(), wanted.is_some(), "case {k}");
            let (Some((level, parts)), Some((square, others))) = (found, wanted) else { continue };
            held += 1;
            assert!((level * level / square - 1.0).abs() < 1e-9, "case {k}: {level} {square}");
            assert!(parts.iter().zip(&others).all(|(x, y)| (x - y).abs() < 1e-9), "case {k}");
        }
    }
    assert!(held >= 36, "{held}");
}

#[test]
fn gradients_are_differences() {
    for (k, l) in loops().take(6).enumerate() {
        let gain = l.gain();
        let at = |logs: &[f64]| {
            let (w, s) = logs.split_at(l.reach.len());
            let size = s.iter().map(|l| (2.0 * l).exp()).sum::<f64>().sqrt();
            let list = |l: &[f64], size: f64| l.iter().map(|l| l.exp() / size).collect();
            let scaling = Scaling { neurons: list(w, 1.0), inputs: list(s, size) };
            let products = gain.products(scaling).expect("scalings hold");
            let level = gain.level_of(&products).expect("a level");
            level.descended(&gain.barrier(&products), Aim { weight: 0.05, sharpness: 10.0 })
        };
        let logs = search::logs(&gain.start().expect("a start").scaling);
        let value = at(&logs);
        for j in (0..logs.len()).step_by(1 + logs.len() / 9) {
            let moved = |d: f64| {
                let mut logs = logs.clone();
                logs[j] += d;
                at(&logs).value
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - value.gradient[j]).abs() < 1e-4, "case {k}, {j}: {slope} {}", value.gradient[j]);
        }
    }
}

/// The start holds wherever groups feed each other, at the cost of the first evaluation.
#[test]
fn starts_hold() {
    for k in 0..60 {
        let groups: Vec<usize> = (0..1 + k % 7).map(|g| (5 * g + 11 * k) % 17).collect();
        let l = Loop::random(k, &groups, (1 + k % 9, 1 + k % 3), 0.1 * 3f64.powi(k as i32 % 7));
        let asked = Cell::new(0);
        let stop = || {
            asked.set(asked.get() + 1);
            asked.get() > 1
        };
        let effort = Effort { stop: &stop, ..effort(100, 0.0) };
        let found = l.gain().improved(None, &effort).expect("a start");
        let (square, _) = written_out(&l, &found.scaling).expect("it holds");
        assert!((found.level * found.level / square - 1.0).abs() < 1e-9, "case {k}");
        assert!(asked.get() <= 2, "{} looks at the clock", asked.get());
        let none = l.gain().improved(None, &Effort { stop: &|| true, ..effort });
        assert!(none.is_none());
    }
}

/// Found by L-BFGS alone with a constant barrier in up to 300 evaluations, from the best of four starts.
const OTHERS: [f64; 30] = [
    0.6140, 4.6840, 4.4825, 2.9801, 1.6697, 9.5282, 1.0183, 7.8207, 6.3260, 3.6701, 1.6365, 18.8447, 0.8537,
    12.4678, 11.3359, 5.4849, 1.8365, 19.7768, 0.9154, 14.0325, 2.5308, 5.6021, 2.0160, 26.7733, 0.8733,
    11.3843, 3.2990, 7.5562, 1.8916, 70.3571,
];

#[test]
fn no_other_descent_is_better() {
    for (k, (l, other)) in loops().zip(OTHERS).enumerate() {
        let found = l.gain().improved(None, &effort(300, 1e-4)).expect("scalings");
        assert!(found.level <= 1.01 * other, "case {k}: {} {other}", found.level);
        // Given scalings are where the next descent starts.
        let again = l.gain().improved(Some(&found.scaling), &effort(0, 1e-4)).expect("scalings");
        assert_eq!((again.scaling, again.level), (found.scaling, found.level));
    }
}

/// One neuron between one input and one output: |a b| r + |c| with c the way around it; and none.
#[test]
fn small_loops_are_exact() {
    let g = ndarray::array![[3.0, 0.0], [1.5, 2.0]];
    let found = Gain::new(g.view(), &[0.5], &[1], false).improved(None, &effort(100, 1e-9));
    // y = 1.5 x + 2 e, |e| <= 0.5 · 3 |x|.
    let level = found.expect("scalings").level;
    assert!((4.5..4.51).contains(&level), "{level}");
    let g = ndarray::array![[3.0, 4.0]];
    for (spread, wanted) in [(false, 5.0), (true, 7.0)] {
        let found = Gain::new(g.view(), &[], &[0, 0], spread).improved(None, &effort(100, 1e-9));
        let Found { scaling, level, .. } = found.expect("scalings");
        let size: f64 = scaling.inputs.iter().map(|s| s * s).sum::<f64>().sqrt();
        let level = if spread { level * size } else { level };
        assert!((level / wanted - 1.0).abs() < 1e-3, "{level}");
    }
}

/// The largest ‖y‖_2 / ‖x‖ of all slopes at their ends, for x at random.
fn steepest(g: &Array2<f64>, reach: &[f64], inputs: usize, spread: bool, random: &mut Random) -> f64 {
    let m = reach.len();
    let mut most = 0.0f64;
    for choice in 0..1 << m {
        for _ in 0..20 {
            let mut v: Vec<f64> = (0..inputs).map(|_| random.normal()).collect();
            if spread {
                v.iter_mut().for_each(|x| *x = x.signum());
            }
            let size = if spread { 1.0 } else { v.iter().map(|x| x * x).sum::<f64>().sqrt() };
            for j in 0..m {
                let z: f64 = v.iter().zip(g.row(j)).map(|(v, g)| v * g).sum();
                v.push(if choice >> j & 1 == 1 { z * reach[j] } else { -z * reach[j] });
            }
            let y = g.slice(s![m.., ..]).dot(&Array1::from(v));
            most = most.max(y.dot(&y).sqrt() / size);
        }
    }
    most
}

/// With two groups of two neurons: never below what slopes attain, at any scalings.
#[test]
fn no_slopes_exceed_the_level() {
    let mut random = Random(5);
    for case in 0..200 {
        let (inputs, outputs, spread) = (1 + case % 4, 1 + case % 3, case % 2 == 1);
        let mut g = Array2::from_shape_fn((4 + outputs, inputs + 4), |_| random.normal());
        for row in 0..4 {
            let feeds = inputs + row / 2 * 2;
            g.slice_mut(s![row, feeds..]).fill(0.0);
        }
        let reach: Vec<f64> = (0..4).map(|_| random.unit()).collect();
        let gain = Gain::new(g.view(), &reach, &[2, 2], spread);
        let truth = steepest(&g, &reach, inputs, spread, &mut random);
        for calls in [0, 5, 200] {
            let Found { scaling, level, parts } =
                gain.improved(None, &effort(calls, 1e-6)).expect("scalings");
            let size: f64 = scaling.inputs.iter().map(|s| s * s).sum();
            let level = if spread { level * size.sqrt() } else { level };
            assert!(truth <= level * (1.0 + 1e-9), "case {case}: {truth} > {level}");
            assert!(level < 1e3 * truth && parts.len() == 4, "case {case}: {truth} {level}");
        }
    }
}
