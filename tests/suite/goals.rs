//! What work is for: claims that end it, methods that say why they give nothing, and `auto` against what
//! bounds everything.

use crate::common::nets::{Kind, network, pair, question};
use crate::common::solve::{methods, solve};
use crate::common::{bound, budget, share};
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::Why;
use clarke::method::{Budget, Decision, Goal, Outcome};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

/// Layers of these widths with normal weights; where `skips`, equal widths add what came before.
fn dense(seed: u64, widths: &[usize], skips: bool) -> Net {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9) ^ 0x60A1);
    let mut net = Net::new(vec![widths[0]]);
    for (k, w) in widths.windows(2).enumerate() {
        let before = net.output();
        let size = (2.0 / w[0] as f64).sqrt();
        let weights = Array2::from_shape_simple_fn((w[1], w[0]), || size * random.normal());
        let bias = Some(Arc::new((0..w[1]).map(|_| 0.1 * random.normal()).collect()));
        let affine = Affine { map: LinearMap::Dense(Arc::new(weights)), bias, repeat: 1 };
        net.push("layer", Op::Affine(affine), vec![before], vec![w[1]]).expect("equal sizes");
        if k + 2 < widths.len() {
            let at = net.output();
            net.push("relu", Op::Piecewise(Piecewise::RELU), vec![at], vec![w[1]]).expect("equal sizes");
            if skips && w[0] == w[1] {
                let at = net.output();
                net.push("add", Op::Add, vec![at, before], vec![w[1]]).expect("equal sizes");
            }
        }
    }
    net
}

fn ask(net: &Net, region: Region, (in_norm, out_norm): (Norm, Norm)) -> Problem {
    let quotient = Question { in_norm, out_norm, output: Output::All, quantity: Quantity::Lipschitz };
    Problem::new(net.clone(), region, quotient).expect("a problem")
}

/// Cheap methods of everything.
const GLOBAL: [&str; 7] = [
    "product",
    "absolute-product",
    "abs-subset",
    "combettes-pesquet",
    "eclipse-fast",
    "lipsdp",
    "scaled-gain",
];

/// On balls from points to such as cover all kinks, passes alone are never above any of them.
#[test]
fn auto_is_never_above_what_bounds_everything() {
    let shapes: [(&[usize], bool); 5] = [
        (&[3, 12, 2], false),
        (&[4, 16, 16, 16, 3], false),
        (&[6, 12, 12, 12, 12, 12, 3], false),
        (&[5, 10, 10, 10, 1], true),
        (&[8, 24, 12, 24, 2], false),
    ];
    let radii = [1e-12, 0.03, 0.3, 3.0, 300.0];
    let cases: Vec<(usize, usize)> =
        (0..shapes.len()).flat_map(|s| (0..radii.len()).map(move |r| (s, r))).collect();
    let compared: usize = cases
        .into_par_iter()
        .map(|(s, r)| {
            let (widths, skips) = shapes[s];
            let net = dense((7 * s + r) as u64, widths, skips);
            let norms = pair(s + 2 * r);
            let ball = Region::ball(&vec![0.1; widths[0]], radii[r], norms.0, None).expect("a ball");
            let auto = bound(&ask(&net, ball, norms), "auto", 60).expect("auto").expect("no contradiction");
            let auto = auto.upper.value.get();
            let whole = ask(&net, Region::Whole, norms);
            let mut compared = 0;
            for name in GLOBAL {
                let Some(found) = bound(&whole, name, 60) else { continue };
                let found = found.expect("no contradiction").upper.value.get();
                assert!(auto <= found * (1.0 + 1e-9), "{widths:?}, {} by {name}: {auto} > {found}", radii[r]);
                compared += found.is_finite() as usize;
            }
            compared
        })
        .sum();
    assert!(compared > 100, "{compared}");
}

/// A network on which region methods lose all of the region.
#[test]
fn deep_networks_on_large_balls() {
    let net = dense(5, &[20, 24, 24, 24, 24, 24, 3], false);
    let norms = (Norm::Two, Norm::Two);
    let ball = Region::ball(&[0.0; 20], 1.0, Norm::Two, None).expect("a ball");
    let auto = bound(&ask(&net, ball, norms), "auto", 60).expect("auto").expect("no contradiction");
    let whole = bound(&ask(&net, Region::Whole, norms), "lipsdp", 60).expect("a chain").expect("a bound");
    assert_eq!(whole.upper.method, "lipsdp");
    assert!(
        auto.upper.value.get() <= whole.upper.value.get() * (1.0 + 1e-5),
        "{:?} {:?}",
        auto.upper.value,
        whole.upper.value
    );
}

fn towards(problem: &Problem, enough: f64, plenty: f64) -> Outcome {
    let goal = Goal { decision: Some(Decision { enough, plenty }), ..Goal::from(1.0 + 1e-9) };
    solve(problem, "auto", goal, budget(60), 1).expect("no contradiction")
}

/// Questions with distance to the truth are answered, rightly, by less work than the truth takes.
#[test]
fn work_ends_when_it_is_decided() {
    let seen: Vec<(usize, bool)> = (0..share(800))
        .into_par_iter()
        .filter_map(|k| {
            let mut m = network(k as u64 + 900_000, Kind::Tiny);
            let problem = question(&mut m, k);
            if problem.quotient.quantity == Quantity::Anchored {
                return None;
            }
            let exact = solve(&problem, "exact", Goal::from(1.0 + 1e-9), budget(60), 1);
            let exact = exact.expect("no contradiction");
            let (lower, upper) = (exact.lower.value.get(), exact.upper.value.get());
            if !(exact.exact && lower > 0.0) {
                return None;
            }
            for (factor, small) in [(1.5, true), (1.001, true), (0.999, false), (0.5, false)] {
                let edge = upper * factor;
                let found = towards(&problem, edge, edge.next_up());
                assert_eq!(found.upper.value.get() <= edge, small, "case {k}, {factor}");
                assert_eq!(found.lower.value.get() > edge, !small, "case {k}, {factor}");
                assert!(found.lower.value.get() <= upper && lower <= found.upper.value.get(), "case {k}");
                assert!(found.searched.parts <= exact.searched.parts + 200, "case {k}, {factor}");
            }
            let early = towards(&problem, 0.0, lower * 1e-3);
            let late = towards(&problem, 0.0, lower * 2.0);
            Some((early.entries.len(), early.entries.len() < late.entries.len()))
        })
        .collect();
    // Most often the centre alone decides what is easy.
    let first = seen.iter().filter(|(count, _)| *count == 1).count();
    assert!(seen.len() > share(200) && 2 * first > seen.len(), "{first} of {}", seen.len());
    assert!(seen.iter().any(|(_, fewer)| *fewer));
}

/// A method that is named either bounds something or says why not, and bears its own name.
#[test]
fn nothing_is_said_without_a_reason() {
    let small = dense(1, &[3, 6, 6, 2], false);
    let point = Region::ball(&[0.1; 3], 0.0, Norm::Inf, None).expect("a point");
    let ball = Region::ball(&[0.1; 3], 0.2, Norm::Inf, None).expect("a ball");
    let flat = dense(2, &[3, 2], false);
    for (net, region) in [(&small, &point), (&small, &ball), (&small, &Region::Whole), (&flat, &ball)] {
        for norms in (0..9).map(pair) {
            let problem = ask(net, region.clone(), norms);
            for row in clarke::METHODS {
                let Some(found) = bound(&problem, row.name, 20) else { continue };
                let Ok(found) = found else { continue };
                let own = found.entries.last().expect("an entry");
                assert_eq!(own.method, row.name);
                let said = own.upper.is_some_and(f64::is_finite) || own.lower.is_some_and(|l| l > 0.0);
                let another = own.upper.is_some() && found.upper.method != row.name;
                assert!((said && !another) || own.why.is_some(), "{} on {region:?}, {norms:?}", row.name);
            }
        }
    }
}

/// Too little time or memory, and too large networks, have their own words.
#[test]
fn reasons_are_the_true_ones() {
    let large = ask(&dense(3, &[4, 3100, 3100, 2], false), Region::Whole, (Norm::Two, Norm::Two));
    let found = bound(&large, "scaled-gain", 60).expect("any graph").expect("a pair");
    assert!(matches!(found.entries[1].why, Some(Why::Large { .. })), "{:?}", found.entries[1].why);
    let net = dense(3, &[4, 1600, 1600, 2], false);
    let whole = ask(&net, Region::Whole, (Norm::Two, Norm::Two));
    let little = Budget::new(std::time::Duration::from_secs(60), 1 << 20);
    let few = methods(&whole, Cpu::DOUBLE, "absolute-product", 1.0, little);
    let why = few.expect("a pair").entries[1].why.clone();
    assert!(matches!(why, Some(Why::Memory(_))), "{why:?}");
    let wide = dense(4, &[400, 600, 600, 400], false);
    let ball = Region::ball(&[0.1; 400], 0.2, Norm::Two, None).expect("a ball");
    let problem = ask(&wide, ball, (Norm::Two, Norm::Two));
    let brief = Budget::new(std::time::Duration::ZERO, 1 << 30);
    let found = methods(&problem, Cpu::DOUBLE, "lipsdp", 1.0, brief);
    let found = found.expect("a pair");
    assert!(matches!(found.entries[1].why, Some(Why::Time(s)) if s > 1.0), "{:?}", found.entries[1].why);
    assert_eq!(found.upper.method, "eclipse-fast");
}

/// Estimates outside the pair are dropped.
#[test]
fn estimates_lie_in_the_pair() {
    let mut shown = 0;
    for k in 0..12 {
        let net = dense(40 + k, &[3, 8, 8, 2], false);
        let problem = ask(&net, Region::Whole, (Norm::Two, Norm::Two));
        for method in ["auto", "seqlip"] {
            let found = bound(&problem, method, 20).expect("a chain").expect("a pair");
            let Some((value, _)) = found.estimate else { continue };
            shown += 1;
            assert!((found.lower.value.get()..=found.upper.value.get()).contains(&value.get()));
        }
    }
    assert!(shown > 0);
}
