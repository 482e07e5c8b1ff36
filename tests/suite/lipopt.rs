//! Polynomials in slopes: their bounds against every choice of slopes and signs, and what any multipliers prove.

use crate::common::nets::pair;
use crate::common::solve::Here;
use crate::common::{bound, budget, share};
use crate::global::{ask, chain, over_slopes};
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::global::paths::Goal;
use clarke::method::global::{hierarchy, lipopt};
use clarke::net::{Net, Op};
use clarke::num::random::Random;
use clarke::num::{Interval, Norm};
use clarke::polynomial::{Cliques, Family, Monomial, Polynomial, proven};
use clarke::problem::{Output, Problem};
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;

/// Is the norm the largest of a polynomial, or of a root of one?
fn is_direct(problem: &Problem, (p, q): (Norm, Norm)) -> bool {
    (p, q) != (Norm::Two, Norm::Two) || problem.rows() == 1 || problem.net.inputs() == 1
}

/// Cliques up to which every product of their factors is affordable.
const WIDTH: usize = 8;

/// A chain's bound with what it is to be, and the largest choice of slopes.
fn against_patterns(k: usize) -> (Option<String>, Option<f64>) {
    let chain = chain(700_000 + k as u64, false);
    let output = if k.is_multiple_of(4) { Output::One(k % chain.net.outputs()) } else { Output::All };
    let problem = ask(&chain.net, pair(k), output);
    let most = over_slopes(&chain, &problem);
    let found = bound(&problem, "lipopt", 60).expect("a chain").expect("no contradiction");
    let upper = found.upper.value.get();
    let here = Here::new(&problem, Cpu::DOUBLE);
    let goals = lipopt::goals(&here.context(&problem, budget(60))).expect("few paths");
    let width = |g: &Goal| {
        let f = &g.polynomial;
        Cliques::new(f.terms().map(|t| t.0), f.variables()).width()
    };
    // Wider ones may take longer than there is time; the Frobenius norm is above that from 2 to 2.
    let met = is_direct(&problem, pair(k)) && goals.iter().all(|g| width(g) <= WIDTH);
    // Rounding of products that cancel is all there is where the constant is tiny.
    let sizes = bound(&problem, "product", 0).expect("any network").expect("a pair").upper.value.get();
    let fine = upper >= most * (1.0 - 1e-13) && (!met || upper <= most * (1.0 + 1e-6) + 1e-12 * sizes);
    let text = || format!("case {k} {:?}: {upper:e} against {most:e}", pair(k));
    let excess = if most > 0.0 { upper / most - 1.0 } else { 0.0 };
    ((!fine).then(text), met.then_some(excess))
}

/// With as many factors as cliques have variables the bound is the largest choice of slopes.
#[test]
fn slope_patterns_are_met() {
    let results: Vec<(Option<String>, Option<f64>)> =
        (0..share(480)).into_par_iter().map(against_patterns).collect();
    let failures: Vec<&String> = results.iter().filter_map(|r| r.0.as_ref()).collect();
    let met: Vec<f64> = results.iter().filter_map(|r| r.1).collect();
    let worst = met.iter().fold(0.0f64, |m, r| m.max(*r));
    println!("{} of {} chains, at most {worst:e} above the largest choice", met.len(), results.len());
    assert!(failures.is_empty(), "{}: {:#?}", failures.len(), &failures[..failures.len().min(6)]);
    assert!(met.len() > results.len() / 3, "{}", met.len());
}

/// More factors never bound worse, and as many as layers are often, but not always, enough.
#[test]
fn more_factors_bound_better() {
    let results: Vec<(usize, usize, Vec<String>)> = (0..share(240))
        .into_par_iter()
        .map(|k| {
            let chain = chain(800_000 + k as u64, true);
            let problem = ask(&chain.net, (Norm::Inf, Norm::Inf), Output::One(0));
            let most = over_slopes(&chain, &problem);
            let here = Here::new(&problem, Cpu::DOUBLE);
            let goals = lipopt::goals(&here.context(&problem, budget(60))).expect("few paths");
            let mut before = f64::INFINITY;
            let mut complaints = vec![];
            let mut at = |degree: Option<usize>| {
                let one = |g: &Goal| hierarchy::at(&g.polynomial, &budget(60), degree).expect("small").upper;
                let upper = goals.iter().map(one).fold(0.0, f64::max);
                if upper > before * (1.0 + 1e-7) || upper < most * (1.0 - 1e-13) {
                    complaints.push(format!("case {k}: {degree:?}: {upper:e} after {before:e}, of {most:e}"));
                }
                before = upper;
                upper
            };
            let met = |upper: f64| (upper <= most * (1.0 + 1e-6)) as usize;
            let paths = met(at(None));
            let equal = met((2..=chain.slopes.len() + 1).map(|d| at(Some(d))).fold(f64::INFINITY, f64::min));
            (paths, equal, complaints)
        })
        .collect();
    let complaints: Vec<&String> = results.iter().flat_map(|r| &r.2).collect();
    assert!(complaints.is_empty(), "{}: {:#?}", complaints.len(), &complaints[..complaints.len().min(6)]);
    let (paths, equal): (usize, usize) = results.iter().fold((0, 0), |s, r| (s.0 + r.0, s.1 + r.1));
    println!("{}: {paths} closed by their paths, {equal} with as many factors as layers", results.len());
    assert!(equal >= paths && 2 * equal > results.len());
}

/// Four signed sums of four inputs: at the middle of all slopes products of two factors allow half of all weights, 8;
/// no choice of slopes has more than 6.
#[test]
fn two_factors_are_not_enough() {
    let h = Array2::from_shape_fn((4, 4), |(i, j)| if (i & j).count_ones() % 2 == 1 { -1.0 } else { 1.0 });
    let dense =
        |w: Array2<f64>| Op::Affine(Affine { map: LinearMap::Dense(Arc::new(w)), bias: None, repeat: 1 });
    let mut net = Net::new(vec![4]);
    net.push("h", dense(h), vec![0], vec![4]).expect("a layer");
    net.push("relu", Op::Piecewise(Piecewise::RELU), vec![1], vec![4]).expect("an activation");
    net.push("sum", dense(Array2::ones((1, 4))), vec![2], vec![1]).expect("a layer");
    let problem = ask(&net, (Norm::Inf, Norm::Inf), Output::All);
    let here = Here::new(&problem, Cpu::DOUBLE);
    let goals = lipopt::goals(&here.context(&problem, budget(60))).expect("few paths");
    let at = |degree| hierarchy::at(&goals[0].polynomial, &budget(60), degree).expect("small").upper;
    assert!((8.0..8.0 + 1e-6).contains(&at(Some(2))), "{}", at(Some(2)));
    assert!((6.0..6.0 + 1e-6).contains(&at(Some(5))), "{}", at(Some(5)));
    let found = bound(&problem, "lipopt", 60).expect("a chain").expect("a pair").upper.value.get();
    assert!((6.0..6.0 + 1e-6).contains(&found), "{found}");
}

/// A polynomial at random, and its largest value over vertices with coefficients at their upper or lower ends.
fn random(noise: &mut Random, variables: u32) -> (Polynomial, f64) {
    let mut f = Polynomial::default();
    for _ in 0..1 + noise.bits() % 12 {
        let monomial: Monomial = (0..variables).filter(|_| noise.unit() < 0.4).collect();
        let radius = if noise.unit() < 0.5 { 0.0 } else { 1e-3 * noise.unit() };
        f.add(monomial, Interval::from_centre(noise.signed(), radius));
    }
    let value = |code: u32| -> f64 {
        let sign = |m: &Monomial| m.iter().filter(|v| code >> **v & 1 == 1).count() % 2 == 1;
        f.terms().map(|(m, c)| if sign(m) { -c.lo } else { c.hi }).sum()
    };
    let most = (0..1u32 << variables).map(value).fold(f64::NEG_INFINITY, f64::max);
    (f, most)
}

/// Whatever multipliers are proposed, what they prove is true.
#[test]
fn any_multipliers_prove_a_bound() {
    let mut noise = Random(5);
    for case in 0..4000 {
        let (f, most) = random(&mut noise, 1 + case % 5);
        let monomials: Vec<&Monomial> = f.terms().map(|t| t.0).collect();
        let cliques = Cliques::new(monomials.iter().copied(), f.variables());
        let degree = 1 + case as usize % 4;
        let family = Family::new(&monomials, (case % 3 > 0).then_some((&cliques, degree)));
        let mut multiplier = || match noise.bits() % 9 {
            0 => f64::NAN,
            1 => -1.0,
            2 => f64::INFINITY,
            3 => 1e-310,
            4 => 0.0,
            _ => noise.unit(),
        };
        // Too few and too many are no proof of more.
        let count = family.products() + [0, 1, 0][case as usize % 3];
        let list: Vec<f64> = (0..count - count.min(case as usize % 2)).map(|_| multiplier()).collect();
        let bound = proven(&f, &family, &list);
        assert!(bound >= most - 1e-12 && f.most() >= most - 1e-12, "case {case}: {bound} below {most}");
        assert!(!proven(&f, &family, &vec![1e308; count]).is_nan());
    }
}

/// A coefficient that may be any number leaves nothing proven, wherever it stands and whatever else is proposed.
#[test]
fn coefficients_without_ends_prove_nothing() {
    let mut noise = Random(8);
    for case in 0..2000 {
        let (mut f, _) = random(&mut noise, 1 + case % 4);
        let monomials: Vec<Monomial> = f.terms().map(|t| t.0.clone()).chain([vec![]]).collect();
        let at = monomials[noise.bits() as usize % monomials.len()].clone();
        let (low, high) = [
            (f64::NEG_INFINITY, f64::INFINITY),
            (f64::NAN, 1.0),
            (0.0, f64::NAN),
            (f64::INFINITY, f64::INFINITY),
            (1e308, f64::INFINITY),
        ][case as usize % 5];
        f.add(at, Interval { lo: low, hi: high });
        let monomials: Vec<&Monomial> = f.terms().map(|t| t.0).collect();
        let cliques = Cliques::new(monomials.iter().copied(), f.variables());
        let family = Family::new(&monomials, (case % 2 > 0).then_some((&cliques, 2)));
        let wild = [0.0, 1.0, 1e308, f64::INFINITY, f64::NAN, -1.0];
        let list: Vec<f64> =
            (0..family.products()).map(|_| wild[noise.bits() as usize % wild.len()]).collect();
        assert_eq!(proven(&f, &family, &list), f64::INFINITY, "case {case}");
        assert_eq!(f.most(), f64::INFINITY, "case {case}");
    }
}

/// The best multipliers of whole cliques meet the largest vertex.
#[test]
fn cliques_meet_the_largest_vertex() {
    let mut noise = Random(6);
    for case in 0..400 {
        let (f, most) = random(&mut noise, 1 + case % 7);
        let all = hierarchy::at(&f, &budget(60), Some(f.variables().max(1))).expect("small");
        let radii: f64 = f.terms().map(|(_, c)| c.hi - c.lo).sum();
        assert!(all.upper >= most - 1e-12, "case {case}: {} below {most}", all.upper);
        assert!(all.upper <= most + radii + 1e-6, "case {case}: {} above {most}", all.upper);
        let found = hierarchy::bound(&f, &budget(60), f64::NEG_INFINITY).expect("small");
        assert!((found.upper - all.upper).abs() < 1e-6 + radii, "case {case}: {found:?} against {all:?}");
        assert!(found.vertex <= most + 1e-9, "case {case}");
    }
}
