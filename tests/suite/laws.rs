//! Laws that every bound obeys: lower <= truth <= upper, for every method, norm
//! pair, output and region, on random small networks.

use crate::common::nets::{Kind, Maker, network, pair, question};
use crate::common::pieces::{Shape, constant};
use crate::common::solve::{Here, solve};
use crate::common::{bound, budget, few, naive, share};
use clarke::backend::cpu::Cpu;
use clarke::error::Kind as Kinds;
use clarke::method::global::layered;
use clarke::method::row::Scope;
use clarke::method::{Budget, METHODS, Status};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Problem, Quantity};
use clarke::search::Goal;
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Methods that take long answer for a part of the cases of each pair: every how-manyth.
const RARE: [(&str, usize); 9] = [
    ("auto", 6),
    ("ascent", 3),
    ("pair", 3),
    ("pattern", 3),
    ("relay", 3),
    ("lipopt", 3),
    ("lipsdp", 3),
    ("seqlip", 3),
    ("partition", 6),
];

/// Methods of the table that answer for whole networks, and `auto`.
fn methods() -> Vec<&'static str> {
    let whole = METHODS.iter().filter(|r| !matches!(r.scope, Scope::Layer | Scope::Search)).map(|r| r.name);
    whole.chain(["auto"]).collect()
}

/// The steepest sample: difference quotients and Jacobians at generic points,
/// less what rounding may have added.
pub fn steepest(problem: &Problem, m: &mut Maker) -> f64 {
    let (p, q) = (problem.quotient.in_norm, problem.quotient.out_norm);
    let n = problem.net.inputs();
    let anchored = problem.quotient.quantity == Quantity::Anchored;
    let mut best: f64 = 0.0;
    let centre = problem.region.centre().map(|c| c.to_vec());
    let mut last: Option<(Vec<f64>, naive::Point)> = None;
    for k in 0..8 {
        let x = match (&centre, k) {
            (Some(c), 0) => c.clone(),
            _ => naive::member(&problem.region, n, &mut m.d),
        };
        let at = naive::at(problem, &x);
        if at.generic && !anchored {
            // Rounding moves every entry by less than 1e-13 of its drift.
            let size = attained(&at.jacobian, p, q);
            let drift = at.drift.sum();
            best = best.max(size - 1e-9 * size - 1e-12 * drift);
        }
        if let Some((y, before)) = &last {
            best = best.max(quotient(problem, (&x, &at), (y, before)));
        }
        if !anchored || k == 0 {
            last = Some((x, at));
        }
    }
    best
}

/// ‖J‖, or for long sides the largest ‖J s‖ for signs s of rows and ones of columns.
fn attained(j: &Array2<f64>, p: Norm, q: Norm) -> f64 {
    let hard = match (p, q) {
        (Norm::Inf, Norm::One) => j.nrows().min(j.ncols()),
        (Norm::Inf, Norm::Two) => j.ncols(),
        (Norm::Two, Norm::One) => j.nrows(),
        _ => 0,
    };
    if hard <= 7 {
        return crate::truth::truth(j, p, q);
    }
    let rows = j.rows().into_iter().map(|r| match p {
        Norm::Inf => r.mapv(f64::signum),
        _ => r.to_owned(),
    });
    let stretch = |v: Array1<f64>| {
        let size = naive::length(v.as_slice().expect("a vector"), p);
        let image = j.dot(&v);
        if size > 0.0 { naive::length(image.as_slice().expect("a vector"), q) / size } else { 0.0 }
    };
    rows.map(stretch).fold(0.0, f64::max)
}

/// ‖f(x) − f(y)‖ / ‖x − y‖ less what rounding may have added.
fn quotient(
    problem: &Problem,
    (x, at): (&[f64], &naive::Point),
    (y, before): (&[f64], &naive::Point),
) -> f64 {
    let values = |p: &naive::Point| {
        let (v, s) = (p.values.last().expect("output"), p.sizes.last().expect("output"));
        let size = |part: &Vec<(usize, f64)>| part.iter().map(|&(i, _)| s[i]).sum();
        let value = |part: &Vec<(usize, f64)>| part.iter().map(|&(i, w)| w * v[i]).sum();
        let parts = naive::measured(problem);
        (parts.iter().map(value).collect::<Vec<f64>>(), parts.iter().map(size).collect::<Vec<f64>>())
    };
    let ((u, a), (v, b)) = (values(at), values(before));
    let gap: Vec<f64> = u
        .iter()
        .zip(&v)
        .zip(a.iter().zip(&b))
        .map(|((u, v), (a, b))| ((u - v).abs() - 1e-12 * (a + b)).max(0.0))
        .collect();
    let away: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
    let way = naive::length(&away, problem.quotient.in_norm);
    if way > 0.0 { naive::length(&gap, problem.quotient.out_norm) / way * (1.0 - 1e-9) } else { 0.0 }
}

/// Decided cases per method and norm pair.
#[derive(Default)]
struct Tally {
    decided: BTreeMap<(String, usize), usize>,
    cases: usize,
    violations: Vec<String>,
}

impl Tally {
    fn join(mut self, other: Tally) -> Tally {
        for (k, v) in other.decided {
            *self.decided.entry(k).or_default() += v;
        }
        self.cases += other.cases;
        self.violations.extend(other.violations);
        self
    }

    fn check(&self, name: &str, least: usize, methods: &[&str]) {
        let worst = methods
            .iter()
            .flat_map(|m| (0..9).map(move |k| (m.to_string(), k)))
            .map(|key| (self.decided.get(&key).copied().unwrap_or(0), key))
            .min()
            .expect("methods");
        println!("{name}: {} cases, fewest decided: {worst:?}", self.cases);
        let shown = &self.violations[..self.violations.len().min(8)];
        assert!(shown.is_empty(), "{} violations:\n{}", self.violations.len(), shown.join("\n"));
        assert!(few() || worst.0 >= least, "{worst:?} decided too few cases");
    }
}

/// All methods on one problem whose constant lies in [inner, outer].
fn judge(problem: &Problem, index: usize, label: &str, inner: f64, outer: f64) -> Tally {
    let mut tally = Tally { cases: 1, ..Tally::default() };
    let (mut least, mut most) = ((f64::INFINITY, ""), (0.0, ""));
    for name in methods() {
        let every = RARE.iter().find(|r| r.0 == name).map_or(1, |r| r.1);
        if !(index / 9usize).is_multiple_of(every) {
            continue;
        }
        // Searches end by themselves or by the time.
        let seconds = if index.is_multiple_of(4) { 2 } else { 0 };
        let outcome = match bound(problem, name, seconds) {
            Some(Ok(outcome)) => outcome,
            Some(Err(e)) => {
                tally.violations.push(format!("{label}: {e}"));
                continue;
            }
            None => continue,
        };
        let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
        if upper < least.0 {
            least = (upper, name);
        }
        if lower > most.0 {
            most = (lower, name);
        }
        if upper < inner {
            tally.violations.push(format!("{label}: {name} upper {upper:e} < {inner:e}"));
        }
        if lower > outer {
            tally.violations.push(format!("{label}: {name} lower {lower:e} > {outer:e}"));
        }
        let known = inner.max(lower);
        let useful = if upper.is_finite() {
            upper <= 100.0 * known
        } else {
            outcome.upper.method == "none" && lower > 0.0
        };
        if useful {
            *tally.decided.entry((name.to_string(), index % 9)).or_default() += 1;
        }
    }
    if most.0 > least.0 {
        tally.violations.push(format!("{label}: lower {most:?} above upper {least:?}"));
    }
    tally
}

fn describe(problem: &Problem) -> String {
    let ops: Vec<&str> = problem.net.nodes.iter().map(|n| n.op.name()).collect();
    format!("{:?} {ops:?} {:?}", problem.quotient, problem.region)
}

/// Every method's bounds against samples.
#[test]
fn random_networks() {
    let cases = share(10_080);
    let tally = (0..cases)
        .into_par_iter()
        .map(|k| {
            let mut m = network(k as u64 + 1000, Kind::Any);
            let problem = question(&mut m, k);
            let inner = steepest(&problem, &mut m);
            judge(&problem, k, &format!("case {k} {}", describe(&problem)), inner, f64::INFINITY)
        })
        .reduce(Tally::default, Tally::join);
    tally.check("random networks", share(100), &methods());
}

/// The recursion layer by layer that begins where a few features are left.
#[test]
fn cuts_begin_anywhere() {
    let one = |k: usize| {
        let mut m = network(k as u64 + 300_000, Kind::Any);
        // Names that repeat, or that are nobody's, mislead nobody.
        let name =
            |i: usize| if k.is_multiple_of(3) { ["", "a", "maximum"][i % 3].into() } else { format!("n{i}") };
        m.net.nodes.iter_mut().enumerate().for_each(|(i, node)| node.name = name(i));
        let problem = question(&mut m, k);
        let inner = steepest(&problem, &mut m);
        let here = Here::new(&problem, Cpu::DOUBLE);
        let context = here.context(&problem, budget(20));
        let mut bounds = vec![];
        for width in [1, 2, 3, 5, 9, 9000] {
            let Ok(found) = layered::within(&context, width) else { continue };
            let upper = found.value.get();
            assert!(upper >= inner, "case {k}, {width}: {upper} below {inner}: {}", describe(&problem));
            bounds.push(upper);
        }
        // Of cuts at the same place bounds are the same.
        bounds.windows(2).any(|w| w[0] != w[1]) as usize
    };
    let later: usize = (0..share(2_000)).into_par_iter().map(one).sum();
    println!("{later} begin at several places");
    assert!(later > share(200), "{later}");
}

/// A layer whose activation has the name of what a maximum over single entries is made of: a slope of a tenth
/// counts once.
#[test]
fn names_are_no_places() {
    use clarke::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise};
    use clarke::net::{Net, Op};
    use clarke::problem::Question;
    use clarke::region::Region;
    use std::sync::Arc;
    let shape = ConvShape {
        groups: 1,
        in_channels: 1,
        out_channels: 1,
        input: [2, 2],
        output: [2, 2],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
    };
    let map = LinearMap::Conv { shape, weight: Arc::new(vec![1.0]), adjoint: false };
    let image = vec![1, 2, 2];
    let affine = |map| Op::Affine(Affine { map, bias: None, repeat: 4 });
    let leaky = Op::Piecewise(Piecewise::Leaky { slope: 0.1 });
    let windows = Arc::new(Incidence::new(4, (0..4).map(|j| vec![j])));
    for (activation, pool) in [("maximum", "p"), ("", ""), ("maximum", "maximum"), ("a", "c"), ("c", "a")] {
        let mut net = Net::new(image.clone());
        net.push("c", affine(map.clone()), vec![0], image.clone()).unwrap();
        net.push(activation, leaky.clone(), vec![1], image.clone()).unwrap();
        net.push(pool, Op::Max(windows.clone()), vec![2], image.clone()).unwrap();
        let sum = LinearMap::Dense(Arc::new(Array2::ones((1, 4))));
        net.push("y", affine(sum), vec![3], vec![1]).unwrap();
        let region = Region::ball(&[-1.0; 4], 0.1, Norm::Two, None).unwrap();
        let problem = Problem::new(net, region, Question::lipschitz(Norm::Two)).unwrap();
        let here = Here::new(&problem, Cpu::DOUBLE);
        let context = here.context(&problem, budget(20));
        for width in 1..20 {
            let found = layered::within(&context, width).map_or(f64::INFINITY, |b| b.value.get());
            assert!(found >= 0.2, "{activation} {pool} {width}: {found}");
        }
    }
}

/// Every method's bounds against the exact constant.
#[test]
fn enumerated_networks() {
    let cases = share(2_700);
    let (tally, pieces) = (0..cases)
        .into_par_iter()
        .map(|k| {
            let mut m = network(k as u64 + 500_000, Kind::Tiny);
            let problem = question(&mut m, k);
            let inside = constant(&problem, Shape::Inside, crate::truth::truth);
            let outside = constant(&problem, Shape::Outside, crate::truth::truth);
            let (Some((inner, pieces)), Some((outer, _))) = (inside, outside) else {
                return (Tally::default(), 0);
            };
            // A is smaller than L; only its lower bounds are measured against L.
            let anchored = problem.quotient.quantity == Quantity::Anchored;
            let inner = if anchored { 0.0 } else { inner * (1.0 - 1e-12) };
            let label = format!("tiny {k} {}", describe(&problem));
            (judge(&problem, k, &label, inner, outer * (1.0 + 1e-12)), pieces)
        })
        .reduce(|| (Tally::default(), 0), |a, b| (a.0.join(b.0), a.1 + b.1));
    println!("{pieces} pieces");
    tally.check("enumerated networks", share(20), &methods());
}

/// However early the time ends, and wherever in a sweep, what is said is true.
#[test]
fn any_moment_may_be_the_last() {
    let one = |k: usize| {
        let mut m = network(k as u64 + 900_000, Kind::Any);
        let problem = question(&mut m, k);
        let (inner, mut random) = (steepest(&problem, &mut m), Random(k as u64));
        let (mut least, mut most, mut late, mut complaints) = (f64::INFINITY, 0.0f64, 0, vec![]);
        for name in methods().into_iter().chain(["exact"]) {
            let time = Duration::from_secs_f64(1e-5 * 10f64.powf(3.0 * random.unit()));
            let budget = Budget::new(time, 1 << 30);
            let found = solve(&problem, name, Goal::from(1.0), budget, 1);
            let outcome = match found {
                Ok(outcome) => outcome,
                Err(e) if e.kind == Kinds::Check => {
                    complaints.push(format!("{name} within {time:?}: {e}"));
                    continue;
                }
                Err(_) => continue,
            };
            late += (outcome.status == Status::Time) as usize;
            let (upper, lower) = (outcome.upper.value.get(), outcome.lower.value.get());
            if !(upper >= inner && lower >= 0.0) {
                complaints.push(format!("{name} within {time:?}: [{lower:e}, {upper:e}] of {inner:e}"));
            }
            (least, most) = (least.min(upper), most.max(lower));
        }
        if most > least {
            complaints.push(format!("lower {most:e} above upper {least:e}"));
        }
        let label = if complaints.is_empty() { String::new() } else { describe(&problem) };
        (late, complaints.into_iter().map(|c| format!("case {k}: {c}, {label}")).collect::<Vec<_>>())
    };
    let found: Vec<_> = (0..share(4_000)).into_par_iter().map(one).collect();
    let complaints: Vec<&String> = found.iter().flat_map(|f| &f.1).collect();
    assert!(complaints.is_empty(), "{}: {:#?}", complaints.len(), &complaints[..complaints.len().min(8)]);
    let late: usize = found.iter().map(|f| f.0).sum();
    assert!(late > found.len(), "only {late} of {} cases ended late", found.len());
}

/// A constant feature beside a varying one still moves behind a softmax.
#[test]
fn softmax_moves_its_whole_group() {
    use clarke::layer::{Affine, Incidence, LinearMap};
    use clarke::net::{Net, Op};
    use clarke::problem::{Output, Question};
    use clarke::region::Region;
    use std::sync::Arc;
    let mut net = Net::new(vec![1]);
    let gather = Op::Select { incidence: Arc::new(Incidence::gather(1, [Some(0), None])), fill: 0.0 };
    net.push("pad", gather, vec![0], vec![2]).unwrap();
    net.push("softmax", Op::Softmax { group: 2 }, vec![1], vec![2]).unwrap();
    let w = LinearMap::Dense(Arc::new(ndarray::arr2(&[[0.0, 1.0]])));
    net.push("second", Op::Affine(Affine { map: w, bias: None, repeat: 1 }), vec![2], vec![1]).unwrap();
    let region = Region::ball(&[0.0], 1.0, Norm::Inf, None).unwrap();
    let quotient = Question {
        in_norm: Norm::Two,
        out_norm: Norm::Two,
        output: Output::All,
        quantity: Quantity::Lipschitz,
    };
    let problem = Problem::new(net, region, quotient).unwrap();
    let tally = judge(&problem, 0, "softmax", 0.25, 0.25 + 1e-12);
    assert!(tally.violations.is_empty(), "{:?}", tally.violations);
}

/// relu(x) − relu(−x) = x: patterns without interior count for no lower bound.
#[test]
fn cancelling_kinks() {
    use clarke::layer::{Affine, LinearMap, Piecewise};
    use clarke::net::{Net, Op};
    use clarke::problem::{Output, Question};
    use clarke::region::Region;
    use std::sync::Arc;
    let dense =
        |w: Array2<f64>| Op::Affine(Affine { map: LinearMap::Dense(Arc::new(w)), bias: None, repeat: 1 });
    let mut net = Net::new(vec![1]);
    net.push("both", dense(ndarray::arr2(&[[1.0], [-1.0]])), vec![0], vec![2]).unwrap();
    net.push("relu", Op::Piecewise(Piecewise::RELU), vec![1], vec![2]).unwrap();
    net.push("minus", dense(ndarray::arr2(&[[1.0, -1.0]])), vec![2], vec![1]).unwrap();
    let ball = |c: f64, r: f64| Region::ball(&[c], r, Norm::Inf, None).unwrap();
    let regions = [ball(0.0, 0.0), ball(0.0, 1e-300), ball(0.0, 1.0), ball(1e-320, 0.0), Region::Whole];
    for (r, region) in regions.into_iter().enumerate() {
        for k in 0..9 {
            let (in_norm, out_norm) = pair(k);
            for quantity in [Quantity::Lipschitz, Quantity::Anchored] {
                if region.is_global() && quantity == Quantity::Anchored {
                    continue;
                }
                let quotient = Question { in_norm, out_norm, output: Output::All, quantity };
                let problem = Problem::new(net.clone(), region.clone(), quotient).unwrap();
                let tally = judge(&problem, 0, &format!("region {r}"), 1.0, 1.0);
                assert!(tally.violations.is_empty(), "{:?}", tally.violations);
            }
        }
    }
}
