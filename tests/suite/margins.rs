//! The steepest margin of one class, and of any two: the largest constants of scalar differences.

use crate::certificates::source;
use crate::common::nets::{Kind, network, question};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{certify, solve};
use crate::common::{budget, share};
use crate::truth;
use clarke::certificate::check::{Claim, Limits, check};
use clarke::certificate::file::{Certificate, read, write};
use clarke::error::Kind as Kinds;
use clarke::method::{Goal, Outcome};
use clarke::net::Net;
use clarke::num::Norm;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use rayon::prelude::*;
use std::sync::Arc;

fn exact(problem: &Problem) -> Outcome {
    solve(problem, "exact", Goal::from(1.0 + 1e-10), budget(600), 1).expect("no contradiction")
}

fn ask(net: &Arc<Net>, region: &Region, in_norm: Norm, output: Output) -> Problem {
    let question = Question { in_norm, out_norm: Norm::One, output, quantity: Quantity::Lipschitz };
    Problem::new(net.clone(), region.clone(), question).expect("a valid question")
}

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn loaded(name: &str) -> Arc<Net> {
    Arc::new(clarke::net::load(data(name).as_ref(), &Default::default()).expect("a network"))
}

/// The digits network around a digit, and networks with three classes that were trained on tables.
fn trained() -> Vec<(&'static str, Arc<Net>, Region)> {
    let digits = clarke::load_input(&format!("{}#0", data("digits.npy")), &[64], clarke::Scale::Raw);
    let digit = digits.expect("a digit").nearest();
    let around = Region::ball(&digit, 0.01, Norm::Inf, None).expect("a ball");
    let boxed = |n: usize, r: f64| Region::boxed(vec![-r; n], vec![r; n]).expect("a box");
    vec![
        ("digits.onnx", loaded("digits.onnx"), around),
        ("tables/iris.npz", loaded("tables/iris.npz"), boxed(4, 0.5)),
        ("tables/wine.npz", loaded("tables/wine.npz"), boxed(13, 0.1)),
    ]
}

/// All differences that an output is the steepest of.
fn singles(output: Output, count: usize) -> Vec<Output> {
    let all = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
    let counts = |&(i, j): &(usize, usize)| match output {
        Output::Margins(label) => i == label && j != label,
        _ => i < j,
    };
    all.filter(counts).map(|(i, j)| Output::Difference(i, j)).collect()
}

/// One search over all rows ends at the largest constant of the single searches, with both ends proven.
#[test]
fn the_steepest_is_the_largest_single_margin() {
    for (name, net, region) in trained() {
        for in_norm in Norm::ALL {
            let of = |output: Output| {
                let found = exact(&ask(&net, &region, in_norm, output));
                assert!(found.exact, "{name} {in_norm} {output}: {:?}", found.status);
                [found.lower.value.get(), found.upper.value.get()]
            };
            for output in [Output::Pairs, Output::Margins(net.outputs() - 1)] {
                let single: Vec<[f64; 2]> = singles(output, net.outputs()).into_par_iter().map(of).collect();
                let most = |end: usize| single.iter().fold(0.0f64, |m, ends| m.max(ends[end]));
                let [lower, upper] = of(output);
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b;
                let agree =
                    near(upper, most(1)) && near(lower, most(0)) && lower <= most(1) && most(0) <= upper;
                assert!(agree, "{name} {in_norm} {output}: [{lower}, {upper}], {} to {}", most(0), most(1));
            }
        }
    }
}

/// Both outputs of a tiny network, where it has several.
fn tiny(k: usize) -> Vec<Problem> {
    let mut m = network(k as u64 + 1_200_000, Kind::Tiny);
    let problem = question(&mut m, k);
    let count = problem.net.outputs();
    if count < 2 || problem.region.is_point() || problem.quotient.quantity == Quantity::Anchored {
        return vec![];
    }
    let asked = |output| {
        let question = Question { output, ..problem.quotient };
        Problem::new(problem.net.clone(), problem.region.clone(), question).expect("a valid question")
    };
    vec![asked(Output::Margins(k % count)), asked(Output::Pairs)]
}

fn enumerated(problem: &Problem, shape: Shape) -> Option<f64> {
    constant(problem, shape, truth::truth).map(|found| found.0)
}

/// lower <= the enumerated constant <= upper, of every method's and of the search.
#[test]
fn both_ends_enclose_the_enumerated_constant() {
    let one = |k: usize| {
        let mut closed = 0;
        for problem in tiny(k) {
            let ends = [Shape::Inside, Shape::Outside].map(|shape| enumerated(&problem, shape));
            let [Some(inner), Some(outer)] = ends else { continue };
            for method in ["auto", "exact", "product", "absolute-product", "jacobian-interval", "partition"] {
                let found = solve(&problem, method, Goal::from(1.0 + 1e-9), budget(60), 1);
                let Ok(found) = found else { continue };
                let (lower, upper) = (found.lower.value.get(), found.upper.value.get());
                let holds = lower <= outer * (1.0 + 1e-12) && inner * (1.0 - 1e-12) <= upper;
                assert!(holds, "case {k} {method}: [{lower}, {upper}] of {inner} to {outer}");
                closed += usize::from(method == "exact" && found.exact);
            }
        }
        closed
    };
    let closed: usize = (0..share(600)).into_par_iter().map(one).sum();
    println!("{closed} closed");
    assert!(closed > share(300));
}

/// The claim about the problem with another output.
fn renamed(problem: &Problem, claim: &Claim, output: Output) -> Option<(Problem, Claim)> {
    let (region, quotient) = (problem.region.clone(), problem.quotient);
    let text = write(&Certificate { source: source(), region, quotient, claim: claim.clone() });
    let from = format!("\"output\":\"{}\"", problem.quotient.output);
    assert!(text.contains(&from), "{text}");
    let mutant = read(&text.replace(&from, &format!("\"output\":\"{output}\""))).expect("a certificate");
    assert_eq!(mutant.quotient.output, output);
    let problem = Problem::new(problem.net.clone(), mutant.region, mutant.quotient).ok()?;
    Some((problem, mutant.claim))
}

/// Certificates are accepted; with another label, or for another list of pairs, only where that is true.
#[test]
fn certificates_are_about_their_rows() {
    let one = |k: usize| {
        let (mut accepted, mut refused) = (0, 0);
        for problem in tiny(k) {
            let found = exact(&problem);
            let (claim, digest) = certify(&problem, &found, &budget(60));
            if digest.is_some() {
                continue;
            }
            let checked = check(&problem, &claim, &Limits::default());
            assert!(checked.is_ok(), "case {k}: {checked:?}");
            accepted += 1;
            let labels = (0..problem.net.outputs()).map(Output::Margins);
            let others = labels.chain([Output::Pairs]).filter(|o| *o != problem.quotient.output);
            for (other, claim) in others.filter_map(|output| renamed(&problem, &claim, output)) {
                let Some(truth) = enumerated(&other, Shape::Inside) else { continue };
                let outer = enumerated(&other, Shape::Outside).unwrap_or(f64::INFINITY);
                let lie = claim.upper < truth * (1.0 - 1e-9) || claim.lower > outer * (1.0 + 1e-9);
                let checked = check(&other, &claim, &Limits::default());
                assert!(!lie || checked.is_err(), "case {k}: {} of {truth}", other.quotient.output);
                refused += usize::from(lie);
            }
        }
        [accepted, refused]
    };
    let found: Vec<[usize; 2]> = (0..share(600)).into_par_iter().map(one).collect();
    let [accepted, refused] = [0, 1].map(|i| found.iter().map(|f| f[i]).sum::<usize>());
    println!("{accepted} accepted, {refused} lies refused");
    assert!(accepted > share(200) && refused > share(100));
}

/// Whatever norm of outputs is asked for, it is that of one number; what is no question is said so.
#[test]
fn what_is_asked() {
    let net = loaded("tables/iris.npz");
    let question = |output, out_norm| Question { output, out_norm, ..Question::lipschitz(Norm::Two) };
    let asked = |output, out_norm| Problem::new(net.clone(), Region::Whole, question(output, out_norm));
    for out_norm in Norm::ALL {
        let problem = asked(Output::Pairs, out_norm).expect("a valid question");
        assert_eq!((problem.quotient.out_norm, problem.rows()), (Norm::Inf, 3));
    }
    let problem = asked(Output::Margins(1), Norm::One).expect("a valid question");
    assert_eq!(problem.measured(&[1.0, 10.0, 100.0]), [9.0, -90.0]);
    let refused = asked(Output::Margins(3), Norm::Inf).expect_err("there are three outputs");
    assert_eq!((refused.kind, &refused.place[..]), (Kinds::Input, "--output"));
    let one = asked(Output::One(0), Norm::Inf).expect("a valid question");
    let alone = Arc::new(one.narrowed().expect("the last layer is dense"));
    for output in [Output::Pairs, Output::Margins(0)] {
        let refused =
            Problem::new(alone.clone(), Region::Whole, question(output, Norm::Inf)).expect_err("one");
        assert!(refused.what.contains("the network has one"), "{refused}");
    }
}

/// What the steepest of several margins is called, whatever norm of outputs is named, and what is no such question.
#[cfg(feature = "cli")]
#[test]
fn steepest_margins_are_asked_for() {
    let clarke = |words: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_clarke")).args(words).output().expect("the program")
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let json = |ran: &std::process::Output| -> serde_json::Value {
        serde_json::from_slice(&ran.stdout).expect("a report")
    };
    let net = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tables/iris.npz");
    let ask = |more: &[&str]| clarke(&[&["bound", net, "--clip", "0,1", "--time", "0"], more].concat());
    let found = ask(&["--output", "pairs", "--out-norm", "1", "--format", "json"]);
    let report = json(&found);
    let said = &report["quotient"];
    assert_eq!(
        (found.status.code(), &said["output"], &said["out_norm"]),
        (Some(0), &"pairs".into(), &"abs".into())
    );
    let norms = ["1", "2", "inf"].map(|norm| {
        let report = json(&ask(&["--output", "margins:2", "--out-norm", norm, "--format", "json"]));
        report["upper"]["hex"].clone()
    });
    assert!(norms[0] == norms[1] && norms[1] == norms[2], "{norms:?}");
    let page = text(&ask(&["--output", "margins:2"]).stdout);
    assert!(
        page.contains("|(f_2 − f_j)(x) − (f_2 − f_j)(y)|") && page.contains("for all j and x, y"),
        "{page}"
    );
    for (output, why) in [("margins:3", "output 3 does not exist"), ("margins:", "is no output")] {
        let refused = ask(&["--output", output]);
        assert!(refused.status.code() == Some(2) && text(&refused.stderr).contains(why), "{output}");
    }
}
