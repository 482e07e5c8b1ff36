//! Any small network made from bytes: every method gives lower <= upper, all methods agree with
//! each other, and no sampled quotient exceeds an upper bound.

use crate::mutate::Noise;
use crate::solve::Here;
use clarke::backend::cpu::Cpu;
use clarke::error::Kind;
use clarke::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise, Scale, Smooth};
use clarke::method::context::Context;
use clarke::method::{Budget, Goal, METHODS, schedule};
use clarke::net::{Net, Op};
use clarke::num::{Coefficient, Norm};
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::Array2;
use std::sync::Arc;
use std::time::Duration;

/// Bytes as choices; zeros after the end.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, n: usize) -> usize {
        self.byte() as usize % n
    }

    /// Eighths, at times something extreme.
    fn number(&mut self, wild: bool) -> f64 {
        match self.byte() {
            0x80 if wild => [1e300, -1e300, 5e-324, 1e-300, -0.0, f64::MAX, 1e16, 1e-17][self.below(8)],
            b => (b as i8) as f64 / 8.0,
        }
    }

    fn numbers(&mut self, n: usize, wild: bool) -> Vec<f64> {
        (0..n).map(|_| self.number(wild)).collect()
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut noise = Noise::new(5);
    (0..300).map(|k| (0..20 + k).map(|_| noise.next() as u8).collect()).collect()
}

fn coefficients(values: Vec<f64>) -> Vec<Coefficient> {
    values.into_iter().map(|v| Coefficient::exact(v).over(Coefficient::exact(3.0))).collect()
}

/// A node on top of `x`; None where the bytes make no sense.
fn grow(net: &mut Net, x: usize, s: &mut Source, wild: bool) -> Option<usize> {
    let n = net.nodes[x].len();
    let shape = net.nodes[x].shape.clone();
    let (op, inputs, shape) = match s.below(15) {
        0..4 => {
            let m = 1 + s.below(5);
            let w = Array2::from_shape_vec((m, n), s.numbers(m * n, wild)).ok()?;
            let bias = (s.below(2) == 1).then(|| Arc::new(s.numbers(m, wild)));
            (Op::Affine(Affine { map: LinearMap::Dense(Arc::new(w)), bias, repeat: 1 }), vec![x], vec![m])
        }
        4 => {
            let (kernel, stride, pad, out) = (1 + s.below(3), 1 + s.below(2), s.below(2), 1 + s.below(2));
            let output = (n + 2 * pad).checked_sub(kernel)? / stride + 1;
            let shape = ConvShape {
                groups: 1,
                in_channels: 1,
                out_channels: out,
                input: [1, n],
                output: [1, output],
                kernel: [1, kernel],
                stride: [1, stride],
                dilation: [1, 1],
                pad: [0, pad],
            };
            let weight = Arc::new(s.numbers(out * kernel, wild));
            let map = LinearMap::Conv { shape, weight, adjoint: false };
            (Op::Affine(Affine { map, bias: None, repeat: 1 }), vec![x], vec![out * output])
        }
        5 | 6 => (Op::Piecewise(Piecewise::RELU), vec![x], shape),
        7 => {
            let a = s.number(wild);
            let piecewise = match s.below(3) {
                0 => Piecewise::Leaky { slope: a },
                1 => Piecewise::PerFeature { slope: s.numbers(n, wild), repeat: 1 },
                _ => Piecewise::Clip { lo: a, hi: a + s.number(wild).abs() },
            };
            (Op::Piecewise(piecewise), vec![x], shape)
        }
        8 => {
            let alpha = s.number(false).abs();
            let smooth = [
                Smooth::Sigmoid,
                Smooth::Tanh,
                Smooth::Softplus,
                Smooth::Elu { alpha },
                Smooth::Gelu { tanh: false },
                Smooth::Gelu { tanh: true },
                Smooth::Silu,
            ][s.below(7)];
            (Op::Smooth(smooth), vec![x], shape)
        }
        9 => {
            let m = 1 + s.below(4);
            let windows: Vec<Vec<u32>> = (0..m)
                .map(|_| {
                    let bits = s.byte();
                    let mut w: Vec<u32> =
                        (0..n.min(8)).filter(|k| bits >> k & 1 == 1).map(|k| k as u32).collect();
                    if w.is_empty() {
                        w.push(s.below(n) as u32);
                    }
                    w
                })
                .collect();
            let incidence = Arc::new(Incidence::new(n, windows));
            let op = match s.below(3) {
                0 => Op::Select { incidence, fill: 0.0 },
                _ => Op::Max(incidence),
            };
            (op, vec![x], vec![m])
        }
        10 => {
            let other = s.below(net.nodes.len());
            (Op::Add, vec![x, if net.nodes[other].len() == n { other } else { x }], shape)
        }
        11 => {
            let other = s.below(net.nodes.len());
            let len = n + net.nodes[other].len();
            (Op::Concat, vec![x, other], vec![len])
        }
        12 => {
            let (factor, shift) = (s.numbers(n, wild), s.numbers(n, wild));
            (Op::Scale(Scale::new(coefficients(factor), coefficients(shift), 1)), vec![x], shape)
        }
        13 => {
            let index = (0..n).map(|_| Some(s.below(n) as u32)).collect::<Vec<_>>();
            (Op::Select { incidence: Arc::new(Incidence::gather(n, index)), fill: 0.0 }, vec![x], shape)
        }
        _ => (Op::Softmax { group: n }, vec![x], shape),
    };
    (shape.iter().product::<usize>() <= 40).then(|| net.push("node", op, inputs, shape).ok())?
}

fn region(s: &mut Source, n: usize) -> Option<Region> {
    if s.below(6) == 0 {
        return Some(Region::Whole);
    }
    let centre = s.numbers(n, false);
    let radius = [0.0, 1e-300, 1e-12, 1e-9, 1e-3, 0.02, 0.125, 1.0, 30.0, 1e6, 1e300][s.below(11)];
    let clip = (s.below(3) == 0).then(|| (-1.0 - s.number(false).abs(), 1.0 + s.number(false).abs()));
    match s.below(4) {
        0 => {
            let hi: Vec<f64> = centre.iter().map(|c| c + s.below(2) as f64 * radius).collect();
            Region::boxed(centre, hi).ok()
        }
        k => Region::ball(&centre, radius, Norm::ALL[k - 1], clip).ok(),
    }
}

fn budget() -> Budget {
    Budget::new(Duration::ZERO, 1 << 28)
}

/// All that solvers promise about one problem.
fn promises(problem: &Problem, seed: u64, mild: bool) {
    let names = METHODS.iter().map(|r| r.name).chain(["auto"]);
    let (mut upper, mut lower) = ((f64::INFINITY, "none"), (0.0, "none"));
    for name in names {
        // Each on its own, so that no method leans on what another has found.
        let here = Here::new(problem, Cpu::DOUBLE);
        let context = Context::new(problem, here.at(), budget(), seed).towards(Goal::from(1.01));
        match schedule::solve(&context, name, &mut |_, _| {}) {
            Ok(out) => {
                let (u, l) = (out.upper.value.get(), out.lower.value.get());
                assert!(!u.is_nan() && !l.is_nan() && l >= 0.0 && l <= u, "{name}: [{l:e}, {u:e}]");
                if u < upper.0 {
                    upper = (u, name);
                }
                if l > lower.0 {
                    lower = (l, name);
                }
            }
            Err(e) => assert!(e.kind != Kind::Check, "{name}: {e}"),
        }
    }
    assert!(lower.0 <= upper.0, "methods disagree: {lower:?} above {upper:?}");
    if mild {
        sampled(problem, upper, seed);
    }
}

fn norm(x: &[f64], norm: Norm) -> f64 {
    match norm {
        Norm::One => x.iter().map(|v| v.abs()).sum(),
        Norm::Two => x.iter().map(|v| v * v).sum::<f64>().sqrt(),
        Norm::Inf => x.iter().fold(0.0, |m: f64, v| m.max(v.abs())),
    }
}

/// Quotients of random pairs stay below the upper bound.
pub fn sampled(problem: &Problem, upper: (f64, &str), seed: u64) {
    let mut noise = Noise::new(seed);
    let (centre, size) = match problem.region.ends() {
        None => (vec![0.0; problem.net.inputs()], 4.0),
        Some((lo, hi)) => {
            let size = lo.iter().zip(hi).fold(0.0, |m: f64, (l, h)| m.max(h - l));
            (problem.region.centre().map_or(lo.to_vec(), <[f64]>::to_vec), size)
        }
    };
    if !(1e-4..1e3).contains(&size) {
        return;
    }
    let reach = centre.iter().fold(size, |m, c| m.max(c.abs()));
    for _ in 0..12 {
        let mut point = |near: &[f64], step: f64| {
            let mut x: Vec<f64> =
                near.iter().map(|c| c + step * (noise.below(2049) as f64 / 1024.0 - 1.0)).collect();
            if !problem.region.is_global() {
                problem.region.project(&mut x);
            }
            x
        };
        let x = point(&centre, size);
        let y = point(&x, size * 0.05);
        if !problem.region.is_global() && !(problem.region.contains(&x) && problem.region.contains(&y)) {
            continue;
        }
        let step: Vec<f64> = x.iter().zip(&y).map(|(a, b)| a - b).collect();
        let distance = norm(&step, problem.quotient.in_norm);
        let (fx, fy) = (problem.net.evaluate(&x), problem.net.evaluate(&y));
        let change: Vec<f64> = fx.iter().zip(&fy).map(|(a, b)| a - b).collect();
        let change = norm(&problem.measured(&change), problem.quotient.out_norm);
        if distance < size * 1e-3 || !change.is_finite() {
            continue;
        }
        // Plain evaluation errs by this much at most, generously.
        let slack = 1e-10 * (norm(&fx, Norm::Inf) + upper.0 * reach + 1.0) / distance;
        let quotient = change / distance;
        assert!(quotient <= upper.0 * (1.0 + 1e-9) + slack, "sampled {quotient:e} above {upper:?}");
    }
}

/// One network, region and quotient, a seed, and whether samples may be compared.
pub fn drawn(bytes: &[u8]) -> Option<(Problem, u64, bool)> {
    let s = &mut Source(bytes);
    let wild = s.below(4) == 0;
    let n = 1 + s.below(4);
    let mut net = Net::new(vec![n]);
    let mut x = 0;
    for _ in 0..1 + s.below(8) {
        x = grow(&mut net, x, s, wild).unwrap_or(x);
    }
    let net = net.prune(x);
    let region = region(s, n)?;
    let output = match (s.below(6), net.outputs()) {
        (0, m) => Output::One(s.below(m)),
        (1, m) if m > 1 => Output::Difference(0, 1 + s.below(m - 1)),
        (2, m) if m > 1 => Output::Margins(s.below(m)),
        (3, m) if m > 1 => Output::Pairs,
        _ => Output::All,
    };
    let quantity = if s.below(5) == 0 { Quantity::Anchored } else { Quantity::Lipschitz };
    let quotient =
        Question { in_norm: Norm::ALL[s.below(3)], out_norm: Norm::ALL[s.below(3)], output, quantity };
    let seed = s.byte() as u64;
    let problem = Problem::new(net, region, quotient).ok()?;
    if std::env::var_os("FUZZ_SHOW").is_some() {
        println!("{problem:#?}");
    }
    Some((problem, seed, !wild && quantity == Quantity::Lipschitz))
}

pub fn small(bytes: &[u8]) {
    if let Some((problem, seed, mild)) = drawn(bytes) {
        promises(&problem, seed, mild);
    }
}

/// A network from a file: everywhere, and on a ball.
pub fn any(net: &Net) {
    let centre = vec![0.25; net.inputs()];
    for region in [Ok(Region::Whole), Region::ball(&centre, 0.1, Norm::Inf, None)].into_iter().flatten() {
        let quotient = Question {
            in_norm: Norm::Two,
            out_norm: Norm::Two,
            output: Output::All,
            quantity: Quantity::Lipschitz,
        };
        if let Ok(problem) = Problem::new(net.clone(), region, quotient) {
            promises(&problem, 1, false);
        }
    }
}
