//! Regions, means and deviations as people write them: decimals and fractions that are no floats.
//!
//! Every function is f(x) = g(a · (x − mean) / std) for a g of one number with kinks between what was
//! written and what floats make of it, so that one piece is a part of the region, or none, by a hair.
//! Truths are fractions, and comparisons exact.

#[cfg(feature = "cli")]
mod command;
mod forged;
mod truth;

use crate::common::solve::{certify, solve};
use crate::common::{budget, written};
use clarke::certificate::check::{Limits, Refusal, check};
use clarke::certificate::file::{Certificate, Source, read, write};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::method::Outcome;
use clarke::net::{Net, Op};
use clarke::num::random::Random;
use clarke::num::rational::Rational;
use clarke::num::{Norm, Written};
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use clarke::search::Goal;
use ndarray::Array2;
use rayon::prelude::*;
use std::sync::Arc;
use truth::{Layers, anchored, fraction, norm, number, pieces, steepest};

/// What keeps arguments positive.
const SHIFT: f64 = 1024.0;

pub fn dense(net: &mut Net, w: &Array2<f64>, b: &[f64]) {
    let (rows, last) = (w.nrows(), net.output());
    let (map, bias) = (LinearMap::Dense(Arc::new(w.clone())), Some(Arc::new(b.to_vec())));
    net.push("dense", Op::Affine(Affine { map, bias, repeat: 1 }), vec![last], vec![rows]).expect("a layer");
}

pub fn relu(net: &mut Net) {
    let (len, last) = (net.nodes[net.output()].len(), net.output());
    net.push("relu", Op::Piecewise(Piecewise::Leaky { slope: 0.0 }), vec![last], vec![len]).expect("a relu");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Ball(Norm),
    Box,
    Point,
}

/// What somebody wrote; `floats` is what the nearest floats make of it.
#[derive(Clone, Debug)]
struct Posed {
    kind: Kind,
    centre: Vec<Written>,
    radius: Written,
    ends: [Vec<Written>; 2],
    clip: Option<[Written; 2]>,
    units: Option<[Vec<Written>; 2]>,
    a: Vec<f64>,
}

fn below(random: &mut Random, n: u64) -> u64 {
    random.bits() % n
}

/// A decimal or a fraction; now and then a float.
fn figure(random: &mut Random, most: f64) -> Written {
    let x = random.unit() * most;
    let text = match below(random, 5) {
        0 => format!("{}/255", 1 + (x * 254.0) as u64),
        1 => format!("{}/{}", 1 + (x * 40.0) as u64, 41 + below(random, 9)),
        2 => format!("{:e}", (x * 1e5).round() / 1e5 + 1e-5),
        k => format!("{:.*}", 1 + k as usize % 3 + below(random, 3) as usize, x + 1e-3),
    };
    written(&text)
}

impl Posed {
    fn random(random: &mut Random) -> Posed {
        let kinds =
            [Kind::Ball(Norm::Inf), Kind::Ball(Norm::One), Kind::Ball(Norm::Two), Kind::Box, Kind::Point];
        let kind = kinds[below(random, 5) as usize];
        let n = 1 + below(random, 3) as usize;
        let clip = below(random, 3) == 0;
        let units = below(random, 4) == 0;
        let centre: Vec<Written> = (0..n).map(|_| figure(random, 0.9)).collect();
        let radius = if kind == Kind::Point { written("0.0") } else { figure(random, 0.7) };
        let clip = clip.then(|| {
            // The middle half stays in.
            let least = centre.iter().min().expect("an input").value() * fraction("0.97");
            let most = centre.iter().max().expect("an input").value() * fraction("1.03");
            [least, most].map(|v| Written::parse(&v.to_string()).expect("a fraction"))
        });
        let sides = |random: &mut Random, sign: i64| -> Vec<Written> {
            let each = centre.iter().map(|c| {
                let way = figure(random, 0.5).value() * Rational::from(sign);
                Written::exact(c.value() + way).expect("a small number")
            });
            each.collect()
        };
        let ends = [sides(random, -1), sides(random, 1)];
        let list = |random: &mut Random, least: &str| -> Vec<Written> {
            let each = (0..n).map(|_| Written::exact(figure(random, 0.5).value() + fraction(least)));
            each.map(|v| v.expect("a small number")).collect()
        };
        let units = units.then(|| [list(random, "0"), list(random, "0.17")]);
        let axis = matches!(kind, Kind::Ball(Norm::One | Norm::Two)) && (clip.is_some() || units.is_some());
        let axis = axis || matches!(kind, Kind::Ball(Norm::Two)) && n == 3;
        let a = match (kind, n) {
            _ if axis => {
                let mut a = vec![0.0; n];
                a[below(random, n as u64) as usize] = [1.0, -2.0][below(random, 2) as usize];
                a
            }
            (Kind::Ball(Norm::Two), 2) => vec![3.0, -4.0],
            _ => (0..n).map(|_| [1.0, -1.0, 2.0, -3.0][below(random, 4) as usize]).collect(),
        };
        Posed { kind, centre, radius, ends, clip, units, a }
    }

    /// The same with every number replaced by the float next to it.
    fn floats(&self) -> Posed {
        let one = |w: &Written| Written::float(w.nearest()).expect("a float");
        let all = |list: &Vec<Written>| list.iter().map(one).collect::<Vec<_>>();
        Posed {
            centre: all(&self.centre),
            radius: one(&self.radius),
            ends: self.ends.each_ref().map(all),
            clip: self.clip.as_ref().map(|c| c.each_ref().map(one)),
            units: self.units.as_ref().map(|u| u.each_ref().map(all)),
            ..self.clone()
        }
    }

    fn region(&self) -> Option<Region> {
        let clip = self.clip.clone();
        match self.kind {
            Kind::Box => Region::box_of(self.ends[0].clone(), self.ends[1].clone(), None).ok(),
            Kind::Ball(norm) => Region::ball_of(self.centre.clone(), self.radius.clone(), norm, clip).ok(),
            Kind::Point => Region::ball_of(self.centre.clone(), self.radius.clone(), Norm::Inf, clip).ok(),
        }
    }

    /// a / std and −a · mean / std.
    fn functional(&self) -> (Vec<Rational>, Rational) {
        let n = self.a.len();
        let (mean, std) = match &self.units {
            None => (vec![Rational::ZERO; n], vec![Rational::ONE; n]),
            Some([m, s]) => (m.iter().map(Written::value).collect(), s.iter().map(Written::value).collect()),
        };
        let a: Vec<Rational> = self.a.iter().zip(&std).map(|(a, s)| number(*a) / s).collect();
        let shift = a.iter().zip(&mean).fold(Rational::ZERO, |t, (a, m)| t - a * m);
        (a, shift)
    }

    /// The functional's values at the ends of the region and at its centre.
    fn range(&self) -> [Rational; 3] {
        let (a, shift) = self.functional();
        let at = |x: &[Rational]| a.iter().zip(x).fold(shift.clone(), |t, (a, x)| t + a * x);
        let centre: Vec<Rational> = self.centre.iter().map(Written::value).collect();
        let (r, middle) = (self.radius.value(), at(&centre));
        let live: Vec<usize> = (0..a.len()).filter(|&j| !a[j].is_zero()).collect();
        let size = match self.kind {
            Kind::Ball(Norm::One) if self.clip.is_none() => norm(&a, Norm::Inf),
            Kind::Ball(Norm::Two) if self.clip.is_none() && live.len() == 2 => Rational::from(5),
            Kind::Ball(_) | Kind::Box | Kind::Point => {
                let mut ends = [Rational::ZERO, Rational::ZERO];
                for j in 0..a.len() {
                    let [mut l, mut h] = [&centre[j] - &r, &centre[j] + &r];
                    if let Some([x, y]) = &self.clip {
                        (l, h) = (l.max(x.value()), h.min(y.value()));
                    }
                    if self.kind == Kind::Box {
                        [l, h] = [self.ends[0][j].value(), self.ends[1][j].value()];
                    }
                    let up = a[j] > Rational::ZERO;
                    let (low, high) = if up { (l, h) } else { (h, l) };
                    ends[0] += &a[j] * low;
                    ends[1] += &a[j] * high;
                }
                let [low, high] = ends.map(|e| e + &shift);
                return [low, middle, high];
            }
        };
        [&middle - &r * &size, middle.clone(), middle + r * size]
    }
}

/// A function with one kink near each end, and some more between them.
fn function(random: &mut Random, written: &[Rational; 3], floats: &[Rational; 3]) -> Layers {
    let between = |random: &mut Random, a: &Rational, b: &Rational| {
        let t = Rational::from(1 + below(random, 97)) / Rational::from(99u8);
        a + (b - a) * t
    };
    let mut kinks: Vec<Rational> = [0, 1, 2].map(|k| between(random, &written[k], &floats[k])).into();
    for _ in 0..below(random, 3) {
        kinks.push(between(random, &written[0], &written[2]));
    }
    let outputs = 1 + below(random, 3) as usize;
    // u + SHIFT and 1; then ±(u − kink), of which the low part takes the second.
    let first = (Array2::from_shape_vec((2, 1), vec![1.0, 0.0]).expect("a column"), vec![SHIFT, 1.0]);
    let (mut rows, mut biases) = (vec![], vec![]);
    for kink in &kinks {
        let sign = [1.0, -1.0][below(random, 2) as usize];
        let place = kink + number(SHIFT);
        let high = place.to_f64().value();
        let low = (place - number(high)).to_f64().value();
        rows.extend([sign, -sign * low]);
        biases.push(-sign * high);
    }
    let second = (Array2::from_shape_vec((kinks.len(), 2), rows).expect("two columns"), biases);
    let weight = |_| [10.0, -7.0, 3.0, 0.5, -1.25][below(random, 5) as usize];
    let last: Vec<f64> = (0..outputs * kinks.len()).map(weight).collect();
    let last = Array2::from_shape_vec((outputs, kinks.len()), last).expect("a row each");
    vec![first, second, (last, vec![0.25; outputs])]
}

/// The function behind the functional and the units.
fn network(question: &Posed, layers: &Layers) -> Option<Net> {
    let n = question.a.len();
    let mut net = Net::new(vec![n]);
    dense(&mut net, &Array2::from_shape_vec((1, n), question.a.clone()).expect("a row"), &[0.0]);
    for (k, (w, b)) in layers.iter().enumerate() {
        dense(&mut net, w, b);
        if k + 1 < layers.len() {
            relu(&mut net);
        }
    }
    let units = question.units.as_ref();
    net.normalised(units.map(|u| &u[0][..]), units.map(|u| &u[1][..])).ok()
}

struct Case {
    question: Posed,
    layers: Layers,
    quotient: Question,
    truth: Rational,
}

fn case(k: u64) -> Case {
    let mut random = Random(k.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xDEC);
    let random = &mut random;
    let question = Posed::random(random);
    let range = question.range();
    let layers = function(random, &range, &question.floats().range());
    let outputs = layers[2].1.len();
    let one = below(random, 2) == 0 || outputs == 1;
    let i = below(random, outputs as u64) as usize;
    let against = one && question.a.len() == 1 && question.kind != Kind::Box && below(random, 2) == 0;
    let sides = [Norm::One, Norm::Inf];
    let quotient = Question {
        in_norm: sides[below(random, 2) as usize],
        out_norm: sides[below(random, 2) as usize],
        output: if one { Output::One(i) } else { Output::All },
        quantity: if against && question.kind != Kind::Point {
            Quantity::Anchored
        } else {
            Quantity::Lipschitz
        },
    };
    let (low, high) = match question.kind {
        Kind::Point => {
            let around = Rational::ONE / Rational::from(2).pow(500);
            (&range[1] - &around, &range[1] + around)
        }
        _ => (range[0].clone(), range[2].clone()),
    };
    let all = pieces(&layers, &low, &high);
    let wanted = match quotient.quantity {
        Quantity::Anchored => anchored(&all, &range[1], i),
        Quantity::Lipschitz => {
            let mut all = all;
            if one {
                all.iter_mut().for_each(|p| p.forms = vec![p.forms[i].clone()]);
            }
            steepest(&all, quotient.out_norm)
        }
    };
    let truth = wanted * norm(&question.functional().0, quotient.in_norm.dual());
    Case { question, layers, quotient, truth }
}

fn problem(case: &Case, question: &Posed) -> Option<Problem> {
    Problem::new(network(question, &case.layers)?, question.region()?, case.quotient).ok()
}

fn bounds(problem: &Problem) -> Outcome {
    let goal = Goal { splits: Some(200), ..Goal::from(1.0 + 1e-9) };
    solve(problem, "exact", goal, budget(60), 1).expect("a pair")
}

/// Does the pair hold, exactly?
fn holds(truth: &Rational, lower: f64, upper: f64) -> bool {
    number(lower) <= *truth && (upper == f64::INFINITY || *truth <= number(upper))
}

fn source() -> Source {
    let (name, sha256) = ("net.npz".into(), "0".repeat(64));
    Source {
        name,
        sha256,
        bytes: None,
        external: vec![],
        input_shape: None,
        output_name: None,
        keep_softmax: false,
        mean: None,
        std: None,
    }
}

#[test]
fn bounds_are_about_what_was_written() {
    let counts: Vec<[usize; 4]> = (0..800u64)
        .into_par_iter()
        .map(|k| {
            let case = case(k);
            let problem =
                problem(&case, &case.question).unwrap_or_else(|| panic!("case {k}: {:?}", case.question));
            let outcome = bounds(&problem);
            let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
            let text = format!("case {k}: [{lower:e}, {upper:e}] of {}, {:?}", case.truth, case.question);
            assert!(holds(&case.truth, lower, upper), "{text}");
            let (claim, digest) = certify(&problem, &outcome, &budget(20));
            assert!(holds(&case.truth, claim.lower, claim.upper), "the certificate of {text}");
            let (region, quotient) = (problem.region.clone(), problem.quotient);
            let written = write(&Certificate { source: source(), region, quotient, claim });
            let again = read(&written).expect("what was written");
            assert_eq!(write(&again), written);
            let other = Problem { region: again.region.clone(), ..problem };
            let accepted = check(&other, &again.claim, &Limits::default());
            assert!(accepted.is_ok() != digest.is_some(), "{text}: {digest:?} {accepted:?}");
            let truth = case.truth.to_f64().value();
            let closed = upper <= truth * (1.0 + 1e-9) && lower >= truth * (1.0 - 1e-9);
            // What the nearest floats would have said.
            let floats = problem_of_floats(&case).map(|p| bounds(&p));
            let wrong = floats.is_some_and(|o| !holds(&case.truth, o.lower.value.get(), o.upper.value.get()));
            [1, closed as usize, digest.is_none() as usize, wrong as usize]
        })
        .collect();
    let sum = |i: usize| counts.iter().map(|c| c[i]).sum::<usize>();
    println!("{} problems, {} closed, {} certificates, {} false of floats", sum(0), sum(1), sum(2), sum(3));
    assert!(sum(0) >= 500 && sum(1) > 300 && sum(2) > 400);
    assert!(sum(3) > 100, "the kinks would not tell floats from what was written");
}

/// The problem that was solved when every number became the nearest float.
fn problem_of_floats(case: &Case) -> Option<Problem> {
    problem(case, &case.question.floats())
}

/// 10 relu(10 relu(x) + 5e-17 − 3) has its kink 5e-18 below 3/10, and the float 0.3 lies below that.
#[test]
fn the_radius_of_the_command_line() {
    let region =
        |eps: &str| Region::ball_of(vec![written("0")], written(eps), Norm::Inf, None).expect("a ball");
    let mut net = Net::new(vec![1]);
    let array = |shape, list: &[f64]| Array2::from_shape_vec(shape, list.to_vec()).expect("a matrix");
    dense(&mut net, &array((2, 1), &[1.0, 0.0]), &[0.0, 1.0]);
    relu(&mut net);
    dense(&mut net, &array((1, 2), &[10.0, 5e-17]), &[-3.0]);
    relu(&mut net);
    let quotient = Question {
        in_norm: Norm::Inf,
        out_norm: Norm::Inf,
        output: Output::All,
        quantity: Quantity::Lipschitz,
    };
    let solved = |eps: &str| {
        let outcome = bounds(&Problem::new(net.clone(), region(eps), quotient).expect("a problem"));
        [outcome.lower.value.get(), outcome.upper.value.get()]
    };
    assert_eq!(solved("0.3"), [10.0, 10.0]);
    assert_eq!(solved("3e-1"), [10.0, 10.0]);
    // The float below.
    assert_eq!(solved("0.299999999999999988897769753748434595763683319091796875"), [0.0, 0.0]);
}

/// Sums of slopes beyond the floats: the largest of them is shown.
#[test]
fn near_the_end_of_the_floats() {
    let quotient = Question {
        in_norm: Norm::Inf,
        out_norm: Norm::Two,
        output: Output::All,
        quantity: Quantity::Lipschitz,
    };
    for (norm, radius) in Norm::ALL.into_iter().flat_map(|p| [(p, 1.7e308), (p, 1e150), (p, 1.0)]) {
        for weights in [vec![1.7e308, 1.6e308], vec![1.7e308, -1.0], vec![9e307, 9e307]] {
            let mut net = Net::new(vec![2]);
            relu(&mut net);
            dense(&mut net, &Array2::from_shape_vec((1, 2), weights.clone()).expect("a row"), &[0.0]);
            let region = Region::ball(&[0.0, 0.0], radius, norm, None).expect("a ball");
            let problem = Problem::new(net, region, quotient).expect("a problem");
            let outcome = bounds(&problem);
            let (claim, digest) = certify(&problem, &outcome, &budget(10));
            let truth = norm_of(&weights);
            let text = format!("{weights:?} {norm} {radius:e}: [{:e}, {:e}]", claim.lower, claim.upper);
            assert!(holds(&truth, claim.lower, claim.upper), "{text}");
            match (check(&problem, &claim, &Limits::default()), digest) {
                (Ok(_), None) | (Err(Refusal::ReRunnable(_)), Some(_)) => {}
                (other, digest) => panic!("{text}: {other:?} {digest:?}"),
            }
        }
    }
}

fn norm_of(weights: &[f64]) -> Rational {
    norm(&weights.iter().map(|w| number(*w)).collect::<Vec<_>>(), Norm::One)
}
