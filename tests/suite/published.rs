//! Rows that stand for what others published: as tight as their inequality says, and no tighter than true.

use crate::common::nets::{Kind, network, question};
use crate::common::solve::{Here, solve};
use crate::common::{bound, budget, share};
use crate::layer_norms::{naive, random_conv};
use crate::truth::sigma;
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, ConvShape, LinearMap, Piecewise};
use clarke::method::layer::{Effort, End, kernel, norm, tensor};
use clarke::method::local::gradient::{self, Pains};
use clarke::method::local::jacobian;
use clarke::method::row::Proves;
use clarke::method::{Goal, METHODS};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::{Array2, arr2};
use rayon::prelude::*;
use std::sync::Arc;

fn dense(net: &mut Net, w: Array2<f64>, bias: Vec<f64>) {
    let (rows, last) = (w.nrows(), net.output());
    let affine = Affine { map: LinearMap::Dense(Arc::new(w)), bias: Some(Arc::new(bias)), repeat: 1 };
    net.push("dense", Op::Affine(affine), vec![last], vec![rows]).unwrap();
}

fn relu(net: &mut Net) {
    let (last, n) = (net.output(), net.outputs());
    net.push("relu", Op::Piecewise(Piecewise::RELU), vec![last], vec![n]).unwrap();
}

/// J = s (3 t − 1) with both slopes open: intervals lose that s is the same in both terms, definite signs keep it.
#[test]
fn recurjac_keeps_entries_of_one_sign() {
    let mut net = Net::new(vec![1]);
    dense(&mut net, arr2(&[[3.0], [1.0]]), vec![0.0, 10.0]);
    relu(&mut net);
    dense(&mut net, arr2(&[[1.0, -1.0]]), vec![10.0]);
    relu(&mut net);
    let region = Region::boxed(vec![-1.0], vec![1.0]).unwrap();
    let problem = Problem::new(net, region, Question::lipschitz(Norm::Inf)).unwrap();
    let here = Here::new(&problem, Cpu::DOUBLE);
    let context = here.context(&problem, budget(20));
    let (prepared, gates) = (context.main(), &context.boxes().gates);
    let ends = |j: &clarke::linalg::Enclosure| [j.lo()[[0, 0, 0]], j.hi()[[0, 0, 0]]];
    let rows = jacobian::rows(&context, &prepared, gates, &problem.seeds()).expect("in time");
    let near =
        |[lo, hi]: [f64; 2], low: f64, high: f64| (lo - low).abs() < 1e-12 && (hi - high).abs() < 1e-12;
    assert!(near(ends(&rows), -1.0, 3.0), "{:?}", ends(&rows));
    let (found, upper) = gradient::run(&context, &prepared, gates, Pains::CONSTANTS).expect("in time");
    assert!(near(ends(&found), -1.0, 2.0) && upper.get() >= 2.0, "{:?}", ends(&found));
}

/// Never above the interval Jacobian, below it where signs help; at a shrinking region the slope at its centre.
#[test]
fn recurjac_is_never_above_intervals() {
    let one = |k: usize| {
        let mut m = network(k as u64 + 1_300_000, Kind::Any);
        let problem = question(&mut m, k);
        let upper = |problem: &Problem, method| {
            let found = bound(problem, method, 0)?.expect("no contradiction");
            Some(found.upper.value.get())
        };
        let (own, plain) = (upper(&problem, "recurjac")?, upper(&problem, "jacobian-interval")?);
        if own.is_infinite() {
            return None;
        }
        assert!(own <= plain * (1.0 + 1e-12), "case {k}: {own} above {plain}");
        Some([1, usize::from(own < plain * (1.0 - 1e-6))])
    };
    let found: Vec<[usize; 2]> = (0..share(2000)).into_par_iter().filter_map(one).collect();
    let below = found.iter().filter(|f| f[1] > 0).count();
    println!("{} compared, {below} below intervals", found.len());
    assert!(found.len() > share(1000) && below > share(40));
}

#[test]
fn recurjac_is_exact_in_the_limit() {
    let one = |k: usize| {
        let mut m = network(k as u64 + 1_400_000, Kind::Tiny);
        let n = m.net.inputs();
        let centre: Vec<f64> = (0..n).map(|j| 0.3 + 0.1 * j as f64).collect();
        let region = Region::ball(&centre, 1e-6, Norm::Inf, None).expect("a ball");
        let question = Question {
            in_norm: Norm::Inf,
            out_norm: Norm::Inf,
            output: Output::All,
            quantity: Quantity::Lipschitz,
        };
        let problem = Problem::new(m.net.clone(), region, question).expect("a valid question");
        let found = bound(&problem, "recurjac", 0)?.expect("no contradiction");
        let (lower, upper) = (found.lower.value.get(), found.upper.value.get());
        m.d.chance(0.5);
        Some(upper <= lower * (1.0 + 1e-3))
    };
    let found: Vec<bool> = (0..share(400)).into_par_iter().filter_map(one).collect();
    let close = found.iter().filter(|c| **c).count();
    println!("{close} of {} are exact", found.len());
    // Kinks may lie within the smallest ball.
    assert!(close * 10 > found.len() * 8 && found.len() > share(200));
}

fn square(channels: [usize; 2], side: usize, kernel: usize, weight: Vec<f64>) -> LinearMap {
    let shape = ConvShape {
        groups: 1,
        in_channels: channels[0],
        out_channels: channels[1],
        input: [side; 2],
        output: [side; 2],
        kernel: [kernel; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [kernel / 2; 2],
    };
    LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false }
}

/// Above the norm of every map that the kernel makes, whatever its geometry.
#[test]
fn kernels_bound_their_maps() {
    let mut noise = Random(71);
    let mut worst = 1.0f64;
    for _ in 0..share(1200) {
        let map = random_conv(&mut noise, 6);
        let (exact, upper) = (sigma(&naive(&map)), kernel::upper(&map).get());
        assert!(upper >= exact * (1.0 - 1e-13), "{upper} < {exact}: {map:?}");
        if upper.is_finite() && exact > 0.0 {
            worst = worst.max(upper / exact);
        }
    }
    println!("up to {worst} times the norm of small maps");
}

/// With weights of one sign the sum of taps is the norm of the infinite map; the Laplacian's is 8.
#[test]
fn kernels_of_known_norm() {
    let positive: Vec<f64> = (0..25).map(|k| 0.5 + (k % 7) as f64).collect();
    let sum: f64 = positive.iter().sum();
    let upper = kernel::upper(&square([1, 1], 9, 5, positive)).get();
    assert!(upper >= sum && upper <= sum * (1.0 + 1e-9), "{upper} of {sum}");
    let laplacian = vec![0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0];
    let upper = kernel::upper(&square([1, 1], 17, 3, laplacian)).get();
    assert!((8.0..8.4).contains(&upper), "{upper}");
    let mut noise = Random(72);
    let weight: Vec<f64> = (0..16 * 16 * 9).map(|_| noise.normal()).collect();
    let map = square([16, 16], 32, 3, weight);
    let found = norm(&map, Norm::Two, Norm::Two, Effort::FULL);
    let ratio = kernel::upper(&map).get() / found.lower.get();
    assert!((1.0..1.8).contains(&ratio), "{ratio}");
}

/// Over complex vectors the tensor's norm is above the map's; it is reported as an estimate and stands in no bound.
#[test]
fn estimates_stand_in_no_bound() {
    let mut noise = Random(73);
    let (mut above, mut tried) = (0, 0);
    for _ in 0..40 {
        let [ins, outs] = [1, 2].map(|_| 1 + (noise.unit() * 4.0) as usize);
        let weight: Vec<f64> = (0..ins * outs * 9).map(|_| noise.normal()).collect();
        let map = square([ins, outs], 12, 3, weight);
        let found = norm(&map, Norm::Two, Norm::Two, Effort::FULL);
        let own = found.methods.iter().find(|f| f.method == tensor::ROW.name).expect("an estimate");
        assert_eq!(own.end, End::Estimate);
        assert!(found.upper_rule != own.method && found.lower_rule != own.method);
        tried += 1;
        above += usize::from(own.value >= found.lower.get() * (1.0 - 1e-9));
        // Reshapes bound the same tensor's norm from above.
        let reshaped = found.methods.iter().find(|f| f.method == "reshapes").expect("a bound");
        assert!(own.value <= reshaped.value * (1.0 + 1e-6), "{} above {}", own.value, reshaped.value);
    }
    println!("{above} of {tried} estimates are above the norm");
    assert!(above * 4 > tried * 3);
}

/// On chains of known layers: the product of norms, and what joining layers leaves of it.
#[test]
fn estimates_of_networks() {
    let mut noise = Random(74);
    let mut random = |m: usize, n: usize| Array2::from_shape_simple_fn((m, n), || noise.normal());
    let mut net = Net::new(vec![6]);
    let weights = [random(12, 6), random(12, 12), random(3, 12)];
    for (k, w) in weights.iter().enumerate() {
        dense(&mut net, w.clone(), vec![0.1; w.nrows()]);
        if k < 2 {
            relu(&mut net);
        }
    }
    let problem = Problem::new(net, Region::Whole, Question::lipschitz(Norm::Two)).unwrap();
    let run = |method| solve(&problem, method, Goal::from(1.0), budget(30), 1).expect("no contradiction");
    let estimate = |method| {
        let found = run(method);
        let (value, name) = found.estimate.expect("an estimate");
        assert!(name == method && found.upper.value.get().is_infinite(), "{name}");
        value.get()
    };
    let product: f64 = weights.iter().map(sigma).product();
    let autolip = estimate("autolip");
    assert!((autolip / product - 1.0).abs() < 1e-3, "{autolip} of {product}");
    let (greedy, proven) = (estimate("greedy-seqlip"), run("seqlip").upper.value.get());
    assert!(greedy <= proven * (1.0 + 1e-6) && greedy >= 0.5 * proven, "{greedy} of {proven}");
    let estimates = METHODS.iter().filter(|row| row.proves == Proves::Estimate).map(|row| row.name);
    assert_eq!(estimates.collect::<Vec<_>>(), ["autolip", "greedy-seqlip", "tensor-norm"]);
}
