//! Three lives: a network's weights are placed once per run, what is known of a region is computed once for
//! all questions and the search, and many regions together get what each gets alone.

use crate::common::faulty::{Bug, Faulty};
use crate::common::nets::{Kind, network};
use crate::common::solve::Here;
use crate::common::{budget, share};
use clarke::analysis::{Placed, Site};
use clarke::backend::cpu::Cpu;
use clarke::engine::{Device, Options, Placed as OnDevice};
use clarke::method::context::Context;
use clarke::method::goal::Goal;
use clarke::net::{Net, load};
use clarke::num::Norm;
use clarke::problem::{Problem, Question};
use clarke::region::Region;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

fn digits() -> Net {
    load(Path::new("tests/data/digits.onnx"), &clarke::net::Options::default()).expect("the digits")
}

fn ball(k: usize) -> Region {
    let centre: Vec<f64> = (0..64).map(|j| ((j * 7 + k * 13) % 17) as f64 / 17.0).collect();
    let norm = [Norm::Inf, Norm::Two, Norm::One][k % 3];
    let radius = [0.01, 0.1, 0.3][k % 3];
    Region::ball(&centre, radius, norm, k.is_multiple_of(2).then_some((0.0, 1.0))).expect("a ball")
}

/// Every margin of a class and the search behind each: weights, boxes and linear bounds once.
#[test]
fn margins_share_what_is_known() {
    let net = Arc::new(digits());
    let layers = net.nodes.iter().filter(|n| matches!(n.op, clarke::net::Op::Affine(_))).count();
    let backend = Arc::new(Faulty::new(Bug::None));
    let placed: Arc<Placed<Faulty>> = Placed::new(net.clone(), backend.clone());
    assert_eq!(backend.counts().maps, layers);
    let site = Site::new(ball(0));
    let mut first = None;
    for other in 1..10 {
        let question = Question::margin(0, other, Norm::Inf);
        let problem = Problem::new(net.clone(), site.region.clone(), question).expect("a problem");
        let goal = Goal { splits: Some(3), ..Goal::from(1.0 + 1e-9) };
        let context = Context::new(&problem, (&placed, &site), budget(600), 1).towards(goal);
        clarke::search::solve(&context, "exact", &mut |_| {}).expect("a pair");
        let (boxes, linear, root) = site.computed();
        assert_eq!((boxes, linear), (1, 1), "after {other}");
        assert!(root <= 1, "after {other}: {root}");
        first.get_or_insert(backend.counts().maps);
    }
    // Networks of magnitudes are made once, too, and so are squares of weights.
    assert_eq!(Some(backend.counts().maps), first, "weights went up again");
    assert!(first.is_some_and(|maps| maps <= 4 * layers));
}

/// A question more costs sweeps of its own, but none that the last one has made.
#[test]
fn a_second_question_makes_no_value_sweep() {
    let net = Arc::new(digits());
    let backend = Arc::new(Faulty::new(Bug::None));
    let placed: Arc<Placed<Faulty>> = Placed::new(net.clone(), backend.clone());
    let site = Site::new(ball(3));
    let ask = |question: Question, method: &str| {
        let problem = Problem::new(net.clone(), site.region.clone(), question).expect("a problem");
        let context = Context::new(&problem, (&placed, &site), budget(600), 1);
        let before = backend.counts();
        clarke::method::schedule::solve(&context, method, &mut |_, _| {}).expect("a pair");
        backend.counts().minus(&before)
    };
    let first = ask(Question::margin(0, 1, Norm::Inf), "jacobian-interval");
    assert!(first.activations > 0 && first.chords > 0, "{first:?}");
    for other in 2..10 {
        let again = ask(Question::margin(0, other, Norm::Inf), "jacobian-interval");
        assert_eq!((again.activations, again.chords, again.maps), (0, 0, 0), "{again:?}");
    }
    let whole = ask(Question::lipschitz(Norm::Inf), "jacobian-linear");
    assert_eq!((whole.activations, whole.maps), (0, 0), "{whole:?}");
}

/// Bit for bit, on networks of all kinds.
#[test]
fn many_regions_together_are_many_alone() {
    let options = Options::default().passes();
    let mut compared = 0;
    let digits = (Arc::new(digits()), (0..48).map(ball).collect::<Vec<_>>());
    let random = (0..share(120)).map(|k| {
        let mut m = network(k as u64 + 700_000, Kind::Any);
        let n = m.net.inputs();
        let regions = (0..7).map(|i| {
            let centre: Vec<f64> = (0..n).map(|_| m.d.within()).collect();
            let norm = [Norm::Inf, Norm::Two, Norm::One][i % 3];
            Region::ball(&centre, 0.05 * (1 + i) as f64, norm, None).expect("a ball")
        });
        let regions = regions.collect();
        (Arc::new(m.net), regions)
    });
    for (net, regions) in std::iter::once(digits).chain(random) {
        let placed = OnDevice::new(net, Device::cpu()).expect("the CPU");
        for norm in [Norm::Inf, Norm::Two] {
            let question = Question::lipschitz(norm);
            let together = placed.at_all(regions.clone()).expect("they fit");
            let all = together.bound_all(&question, &options).expect("pairs");
            for (pair, region) in all.iter().zip(&regions) {
                let alone = placed.at(region.clone()).expect("it fits");
                let alone = alone.bound(&question, &options).expect("a pair");
                let bits = |a: f64, b: f64| (a.to_bits(), b.to_bits());
                let found = [pair, &alone].map(|p| bits(p.lower(), p.upper()));
                assert_eq!(found[0], found[1], "{:?} {:?}", pair.outcome.entries, alone.outcome.entries);
                assert_eq!(pair.outcome.upper.method, alone.outcome.upper.method);
                compared += 1;
            }
        }
    }
    println!("{compared} regions");
    assert!(compared >= 200);
}

/// What the time cut short is tried again, not kept.
#[test]
fn what_was_late_is_not_kept() {
    let net = Arc::new(digits());
    let problem = Problem::new(net, ball(0), Question::lipschitz(Norm::Inf)).expect("a problem");
    let here = Here::new(&problem, Cpu::DOUBLE);
    let late = budget(600);
    let stop = clarke::Stop::new();
    stop.request();
    let late = late.or_until(stop);
    let context = here.context(&problem, late);
    let nothing = context.linear();
    assert!(nothing.ends.iter().all(|e| e.lo.iter().zip(&e.hi).all(|(l, h)| l <= h)));
    assert_eq!(here.site.computed().1, 0);
    here.context(&problem, budget(600)).linear();
    assert_eq!(here.site.computed().1, 1);
}

/// From many threads at once.
#[test]
fn analyses_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let placed = OnDevice::new(digits(), Device::cpu()).expect("the CPU");
    let here = placed.at(ball(0)).expect("it fits");
    shared(&placed);
    shared(&here);
    let options = Options::default().passes();
    let upper = |other| here.bound(&Question::margin(0, other, Norm::Inf), &options).expect("a pair").upper();
    let alone: Vec<f64> = (1..10).map(upper).collect();
    let together: Vec<f64> = std::thread::scope(|s| {
        let threads: Vec<_> = (1..10).map(|other| s.spawn(move || upper(other))).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    assert_eq!(alone, together);
    // In one pool with the engine's own work: whoever waits takes on another question about the same region.
    let here = placed.at(ball(0)).expect("it fits");
    let upper = |other| here.bound(&Question::margin(0, other, Norm::Inf), &options).expect("a pair").upper();
    let pooled: Vec<f64> = (1..10usize).into_par_iter().map(upper).collect();
    assert_eq!(alone, pooled);
}
