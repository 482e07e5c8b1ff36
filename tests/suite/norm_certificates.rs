//! Certificates by norms of layers and by scalings of whole networks: what methods prove is shown again by them, and
//! whatever they are changed to shows nothing false.

use crate::common::nets::{Kind, Maker, network, question};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::methods;
use crate::common::{budget, share};
use crate::laws::steepest;
use crate::truth::{pick, sigma};
use clarke::backend::cpu::Cpu;
use clarke::certificate::Proof;
use clarke::certificate::check::{Limits, upper};
use clarke::certificate::proof::Source;
use clarke::certificate::tree::{Node as Leaf, Tree};
use clarke::layer::apply::materialise;
use clarke::layer::symbol::cells::Circle;
use clarke::layer::{Affine, ConvShape, LinearMap};
use clarke::method::layer::{Effort, norm};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Problem, Quantity, Question};
use clarke::region::Region;
use clarke::rules::feedback::Scaled;
use clarke::rules::walk::Factor;
use clarke::sweep::Link;
use rayon::prelude::*;
use std::sync::Arc;

/// What enumeration, or a few members of the region, say that a bound must not be below.
fn least(problem: &Problem, kind: Kind, m: &mut Maker) -> f64 {
    let whole =
        kind == Kind::Tiny && problem.quotient.quantity == Quantity::Lipschitz && !problem.region.is_point();
    let known = whole.then(|| constant(problem, Shape::Inside, crate::truth::truth)).flatten();
    known.map_or(0.0, |c| c.0 * (1.0 - 1e-11)).max(steepest(problem, m))
}

#[test]
fn methods_show_what_they_prove() {
    let rules = [
        ("product", "norms of layers"),
        ("product-local", "norms of layers"),
        ("avant", "norms of layers"),
        ("eclipse-fast", "scaled feedback"),
        ("lipsdp", "scaled feedback"),
        ("layered-gain", "scaled feedback by layers"),
        ("scaled-gain", "scaled feedback"),
    ];
    for (method, rule) in rules {
        let one = |k: usize| {
            let kind = if k.is_multiple_of(2) { Kind::Tiny } else { Kind::Any };
            let mut m = network(k as u64 + 640_000, kind);
            let problem = question(&mut m, k);
            let bound = methods(&problem, Cpu::DOUBLE, method, 1.0, budget(600)).ok()?.upper;
            let value = bound.value.get();
            if matches!(bound.proof, Proof::Digest { .. }) || !(1e-100..1e100).contains(&value) {
                return None;
            }
            let shown = upper(&problem, &bound.proof, value, &Limits::default());
            let near = shown.as_ref().is_ok_and(|s| s.1 == rule && s.0 <= value * (1.0 + 1e-9));
            if let Ok((shown, _)) = &shown {
                let least = least(&problem, kind, &mut m);
                assert!(*shown >= least, "case {k}: {method} shows {shown}, not {least}");
            }
            Some(near as usize)
        };
        let found: Vec<usize> = (0..share(1600)).into_par_iter().filter_map(one).collect();
        let near: usize = found.iter().sum();
        println!("{method}: {near} of {} bounds shown", found.len());
        assert!(found.len() > share(80), "{method}: {}", found.len());
        assert!(near * 100 > found.len() * 85, "{method}: {near} of {}", found.len());
    }
}

/// Another claim of the same kind.
fn changed(proof: &Proof, random: &mut Random) -> Proof {
    let Proof::Norms { slopes, links, factors } = proof else { unreachable!("norms of layers") };
    let (mut slopes, mut links, mut factors) = (*slopes, links.clone(), factors.clone());
    let nodes = factors.iter().map(|f| f.node).max().unwrap_or(0) + 2;
    let at = pick(random, 0, factors.len().max(1) - 1);
    match pick(random, 0, 8) {
        0 => slopes = [Source::Anywhere, Source::Region, Source::Secants][pick(random, 0, 2)],
        1 => links.push(Link { from: pick(random, 0, nodes), to: pick(random, 0, nodes) }),
        2 => links.truncate(links.len().saturating_sub(1)),
        3 if !factors.is_empty() => {
            factors.remove(at);
        }
        4 => factors.iter_mut().for_each(|f| f.value *= 0.5),
        5 => {
            let [from, to] = [0, 1].map(|_| Norm::ALL[pick(random, 0, 2)]);
            factors.iter_mut().skip(at).take(1).for_each(|f| (f.in_norm, f.out_norm) = (from, to));
        }
        6 => {
            let node = pick(random, 0, nodes);
            factors.iter_mut().skip(at).take(1).for_each(|f| f.node = node);
        }
        7 => {
            let mut circle = || Circle { period: pick(random, 0, 6), half: pick(random, 0, 1) == 1 };
            let grid = Some([circle(), circle()]);
            factors.iter_mut().skip(at).take(1).for_each(|f| f.grid = grid);
        }
        _ => {
            let value = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, random.unit()][pick(random, 0, 5)];
            factors.iter_mut().skip(at).take(1).for_each(|f| f.value = value);
        }
    }
    Proof::Norms { slopes, links, factors }
}

#[test]
fn no_norms_of_layers_show_something_false() {
    let one = |k: usize| {
        let mut m = network(k as u64 + 660_000, Kind::Tiny);
        let mut problem = question(&mut m, k);
        let anchored = k.is_multiple_of(3) && problem.region.centre().is_some() && !problem.region.is_point();
        if anchored {
            problem.quotient.quantity = Quantity::Anchored;
        }
        let method = if anchored { "avant" } else { ["product", "product-local"][k % 2] };
        let found = methods(&problem, Cpu::DOUBLE, method, 1.0, budget(600)).ok()?.upper;
        if !matches!(found.proof, Proof::Norms { .. }) {
            return None;
        }
        let least = least(&problem, Kind::Tiny, &mut m);
        let mut random = Random(k as u64);
        let (mut tried, mut shown) = (0, 0);
        for _ in 0..12 {
            let proof = changed(&found.proof, &mut random);
            // What is wanted is no part of the evidence, whatever it is.
            let wanted = found.value.get() * [1.0, 0.5, 1e-9, 2.0][tried % 4];
            tried += 1;
            if let Ok((value, _)) = upper(&problem, &proof, wanted, &Limits::default()) {
                assert!(value.is_nan() || value >= least, "case {k}: {value} shown, not {least}: {proof:?}");
                shown += usize::from(value.is_finite());
            }
        }
        Some((tried, shown))
    };
    let counts: Vec<(usize, usize)> = (0..share(2400)).into_par_iter().filter_map(one).collect();
    let (tried, shown) = counts.iter().fold((0, 0), |s, c| (s.0 + c.0, s.1 + c.1));
    println!("{tried} changed proofs by norms of layers, {shown} show a bound, none a false one");
    assert!(tried > share(10_000) && shown > share(3_000), "{tried} {shown}");
}

/// A convolution alone.
fn alone(map: LinearMap) -> Problem {
    let (inputs, outputs) = (map.inputs(), map.outputs());
    let mut net = Net::new(vec![inputs]);
    let affine = Op::Affine(Affine { map, bias: None, repeat: 1 });
    net.push("layer", affine, vec![0], vec![outputs]).expect("a layer");
    Problem::new(Arc::new(net), Region::Whole, Question::lipschitz(Norm::Two)).expect("a problem")
}

#[test]
fn no_norm_of_a_convolution_is_shown_too_small() {
    let mut noise = Random(91);
    let (mut shown, mut refused) = (0, 0);
    for round in 0..share(60) {
        let n = pick(&mut noise, 24, 34);
        let channels = [0, 1].map(|_| pick(&mut noise, 1, 3));
        let (kernel, stride) = (pick(&mut noise, 1, 3), pick(&mut noise, 1, 2));
        let (input, output) = ([n, 3 + round % 9], [(n - 1) / stride + 1, (2 + round % 9) / stride + 1]);
        let shape = ConvShape {
            groups: 1,
            in_channels: channels[0],
            out_channels: channels[1],
            input,
            output,
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pad: [kernel / 2; 2],
        };
        let weight = (0..kernel * kernel * channels[0] * channels[1]).map(|_| noise.signed()).collect();
        let map = LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: round % 2 == 1 };
        let truth = sigma(&materialise(&map));
        let found = norm(&map, Norm::Two, Norm::Two, Effort::FULL);
        let problem = alone(map);
        let mut circle = |least: usize| Circle { period: pick(&mut noise, least, 40), half: round % 3 == 0 };
        let own = [(found.upper.get(), found.grid, true), (truth * (1.0 - 1e-6), found.grid, false)];
        let other = [circle(1), circle(1)];
        for (value, grid, known) in own.into_iter().chain([(truth * (1.0 - 1e-3), Some(other), false)]) {
            let factor = Factor { node: 1, in_norm: Norm::Two, out_norm: Norm::Two, value, grid };
            let proof = Proof::Norms { slopes: Source::Anywhere, links: vec![], factors: vec![factor] };
            let (value, _) = upper(&problem, &proof, value, &Limits::default()).expect("a bound");
            assert!(value >= truth * (1.0 - 1e-12), "round {round}: {value} is not {truth}");
            if known {
                assert!(value <= found.upper.get() * (1.0 + 1e-9), "round {round}: {value} {found:?}");
                shown += 1;
            }
            refused += usize::from(!known);
        }
    }
    println!("{shown} norms of convolutions shown, {refused} that are too small refused");
}

/// Whatever the scalings are, and wherever the claim is about: everything at once, or around a point.
#[test]
fn no_part_alone_shows_something_false() {
    let one = |k: usize| {
        let mut m = network(k as u64 + 680_000, Kind::Tiny);
        let mut problem = question(&mut m, k);
        problem.quotient.quantity = Quantity::Lipschitz;
        let n = problem.net.inputs();
        if k.is_multiple_of(2) {
            problem.region = Region::Whole;
        } else {
            // Corners of pieces, too.
            let x: Vec<f64> = (0..n).map(|_| [0.0, m.weight()][usize::from(m.d.chance(0.7))]).collect();
            problem.region = Region::ball(&x, 0.0, Norm::Two, None).expect("a point");
        }
        let least = least(&problem, Kind::Tiny, &mut m);
        let mut random = Random(k as u64);
        let inputs = if problem.quotient.in_norm == Norm::Inf { n } else { 0 };
        let mut tried = [0, 0];
        for turn in 0..12 {
            let size = |random: &mut Random| 10f64.powf(6.0 * random.unit() - 4.0);
            let neurons = (0..problem.net.neurons()).map(|p| (p, size(&mut random))).collect();
            let inputs = (0..inputs).map(|_| size(&mut random)).collect();
            let row = [None, Some(0), Some(problem.rows() - 1)][turn % 3];
            let part = match turn % 6 {
                0 => Leaf::Bounded,
                1 => Leaf::Layers,
                _ => Leaf::Scaled(Arc::new(vec![Scaled { row, neurons, inputs }])),
            };
            let kinks = turn % 2 == 1 && problem.net.without_maxima().is_some();
            let proof = Proof::Tree { tree: Tree { nodes: vec![part] }, kinks, reach: None };
            // The least of what would be shown, and more.
            let wanted = least.max(1e-3) * [1.0 - 1e-6, 0.5, 1.5, 30.0][turn % 4];
            tried[0] += 1;
            if let Ok((value, _)) = upper(&problem, &proof, wanted, &Limits::default()) {
                assert!(value.is_nan() || value >= least, "case {k}: {value} shown, not {least}: {proof:?}");
                tried[1] += usize::from(value.is_finite());
            }
        }
        tried
    };
    let counts: Vec<[usize; 2]> = (0..share(3600)).into_par_iter().map(one).collect();
    let [tried, shown] = [0, 1].map(|i| counts.iter().map(|c| c[i]).sum::<usize>());
    println!(
        "{tried} proofs by one part everywhere or around a point, {shown} show a bound, none a false one"
    );
    assert!(tried > share(20_000) && shown > share(4_000), "{tried} {shown}");
}
