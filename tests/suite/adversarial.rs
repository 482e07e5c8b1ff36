//! The trait is one: a second backend with the worst rounding runs the same
//! sweeps, and planted bugs do not get past the checks.

use crate::common::adversarial::Adversarial;
use crate::common::containment::{self, Findings};
use crate::common::data::Data;
use crate::common::faulty::{Bug, Faulty};
use crate::common::nets::{Kind, Maker, network, question};
use crate::common::solve::Here;
use crate::common::{budget, naive};
use clarke::analysis::{crown, ibp};
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::linalg::Enclosure;
use clarke::method::local::jacobian;
use clarke::problem::Problem;
use std::sync::Arc;

#[test]
fn adversarial_rounding_is_contained() {
    containment::all(&Adversarial::new(5), Data::new, 77, 250).assert_sound("adversarial");
}

/// What a backend's sweeps say about a problem: ends of all nodes that linear
/// bounds sharpened, and the interval Jacobian from both sides, layer by layer
/// and with runs through fixed neurons multiplied out.
struct Swept {
    known: clarke::sweep::Bounds,
    values: Vec<Enclosure>,
    jacobians: Vec<Enclosure>,
}

fn sweep<B: Backend>(b: &Arc<B>, problem: &Problem) -> Swept {
    let here: Here<B> = Here::new(problem, b.clone());
    let context = here.context(problem, budget(0));
    let (prepared, b) = (context.main(), &**b);
    let gates;
    let mut known = clarke::sweep::Bounds::default();
    let input = b.upload(&ibp::input(&prepared, &problem.region));
    let trace = prepared.values(input, None, |_| true);
    let values = trace.values.iter().map(|v| b.read(v.as_ref().expect("kept"))).collect();
    if problem.region.is_global() || problem.region.is_point() {
        gates = trace.gates;
    } else {
        let s = crown::run(&here.placed, &problem.region, &budget(0));
        (gates, known) = (s.trace.gates.clone(), s.known);
    }
    let seeds = problem.seeds();
    let mut jacobians = vec![];
    for prepared in [&prepared, &prepared.multiplied(&gates, &|_| true)] {
        jacobians.extend(jacobian::rows(&context, prepared, &gates, &seeds));
        jacobians.extend(jacobian::columns(&context, prepared, &gates, &seeds));
    }
    assert_eq!(jacobians.len(), 4, "not interrupted");
    Swept { known, values, jacobians }
}

/// Samples of the region lie in everything that was swept.
fn contains_samples(swept: &Swept, problem: &Problem, m: &mut Maker, out: &mut Findings) {
    let n = problem.net.inputs();
    let live: Vec<usize> = (0..n).filter(|&j| !problem.region.is_fixed(j)).collect();
    for _ in 0..4 {
        let x = naive::member(&problem.region, n, &mut m.d);
        let at = naive::at(problem, &x);
        for (k, v) in at.values.iter().enumerate() {
            for (j, v) in v.iter().enumerate() {
                let slack = 1e-13 * at.sizes[k][j];
                let (lo, hi) = (swept.values[k].lo()[[0, 0, j]], swept.values[k].hi()[[0, 0, j]]);
                out.entries += 1;
                out.finite += (lo.is_finite() && hi.is_finite()) as usize;
                if !(lo - slack <= *v && *v <= hi + slack) {
                    out.violations.push(format!("node {k}: {v:e} outside [{lo:e}, {hi:e}]"));
                }
                if let Some(e) = swept.known.get(k)
                    && !(e.lo[[0, j]] - slack <= *v && *v <= e.hi[[0, j]] + slack)
                {
                    out.violations.push(format!("linear bounds of node {k}: {v:e}"));
                }
            }
        }
        if !at.generic {
            continue;
        }
        for e in &swept.jacobians {
            let (lo, hi) = (e.lo(), e.hi());
            for ((r, c), v) in at.jacobian.indexed_iter() {
                let slack = 1e-12 * at.drift[[r, c]];
                let (l, h) = (lo[[0, r, live[c]]], hi[[0, r, live[c]]]);
                out.entries += 1;
                out.finite += (l.is_finite() && h.is_finite()) as usize;
                if !(l - slack <= *v && *v <= h + slack) {
                    out.violations.push(format!("entry {r}, {c}: {v:e} outside [{l:e}, {h:e}]"));
                }
            }
        }
    }
}

fn meets(a: &Enclosure, b: &Enclosure) -> bool {
    let (al, ah, bl, bh) = (a.lo(), a.hi(), b.lo(), b.hi());
    al.iter().zip(&ah).zip(bl.iter().zip(&bh)).all(|((al, ah), (bl, bh))| al <= bh && bl <= ah)
}

#[test]
fn the_same_sweeps_run_on_both() {
    let adversarial = Arc::new(Adversarial::new(9));
    let mut out = Findings::default();
    for k in 0..700 {
        let mut m = network(k as u64 + 70_000, Kind::Any);
        let problem = question(&mut m, k);
        let (a, b) = (sweep(&adversarial, &problem), sweep(&Arc::new(Cpu::DOUBLE), &problem));
        contains_samples(&a, &problem, &mut m, &mut out);
        contains_samples(&b, &problem, &mut m, &mut out);
        // The same function with maxima written out.
        if let Some(net) = problem.net.without_maxima() {
            let problem = Problem::new(net, problem.region.clone(), problem.quotient).expect("a problem");
            contains_samples(&sweep(&adversarial, &problem), &problem, &mut m, &mut out);
        }
        for (x, y) in a.jacobians.iter().flat_map(|x| b.jacobians.iter().map(move |y| (x, y))) {
            assert!(meets(x, y), "case {k}: Jacobians are apart");
        }
        assert!(a.values.iter().zip(&b.values).all(|(a, b)| meets(a, b)), "case {k}: values are apart");
    }
    out.assert_sound("sweeps");
}

fn findings(bug: Bug) -> (usize, usize) {
    let b = Arc::new(Faulty::new(bug));
    let primitives = containment::all(&*b, Data::new, 99, 150).violations.len();
    let mut out = Findings::default();
    for k in 0..200 {
        let mut m = network(k as u64 + 90_000, Kind::Any);
        let problem = question(&mut m, k);
        contains_samples(&sweep(&b, &problem), &problem, &mut m, &mut out);
    }
    (primitives, out.violations.len())
}

#[test]
fn planted_bugs_are_found() {
    assert_eq!(findings(Bug::None), (0, 0));
    let (primitives, sweeps) = findings(Bug::WrongSlope);
    println!("wrong slope: {primitives} in primitives, {sweeps} in sweeps");
    assert!(primitives > 0 && sweeps > 0);
    // Below what sampling in f64 can see: only exact arithmetic finds it.
    let (primitives, sweeps) = findings(Bug::MissingRounding);
    println!("missing rounding: {primitives} in primitives, {sweeps} in sweeps");
    assert!(primitives > 0);
    let (primitives, sweeps) = findings(Bug::TransposedPad);
    println!("transposed pad: {primitives} in primitives, {sweeps} in sweeps");
    assert!(primitives > 0 && sweeps > 0);
}
