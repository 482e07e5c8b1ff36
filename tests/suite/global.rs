//! Bounds on all of R^n: against every choice of slopes on small chains, against each other, and
//! against known values.

use crate::common::nets::pair;
use crate::common::solve::Here;
use crate::common::{bound, share};
use clarke::analysis::ibp;
use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::linalg::operator::operator_upper;
use clarke::linalg::spectral::spectral_upper;
use clarke::method::global::expansion::Matrix;
use clarke::method::global::vertices::Vertices;
use clarke::net::{Net, Op, Options, load};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use clarke::sweep::{Gate, Prepared};
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

const CHAIN_METHODS: [&str; 12] = [
    "layered-gain",
    "lipopt",
    "product",
    "absolute-product",
    "abs-subset",
    "combettes-pesquet",
    "eclipse-fast",
    "lipsdp",
    "seqlip",
    "partition",
    "jacobian-ibp",
    "auto",
];

/// Matrices, and between them the two ends of every neuron's slopes: those that interval arithmetic
/// on all of R^n leaves (behind a relu a neuron may be on everywhere).
pub struct Chain {
    weights: Vec<Array2<f64>>,
    pub slopes: Vec<Vec<[f64; 2]>>,
    pub net: Net,
}

fn between(noise: &mut Random, from: usize, to: usize) -> usize {
    crate::truth::pick(noise, from, to)
}

fn push(net: &mut Net, op: Op, len: usize) {
    let last = net.output();
    net.push("n", op, vec![last], vec![len]).expect("a valid node");
}

fn dense(w: &Array2<f64>, bias: Vec<f64>) -> Op {
    Op::Affine(Affine { map: LinearMap::Dense(Arc::new(w.clone())), bias: Some(Arc::new(bias)), repeat: 1 })
}

pub fn chain(seed: u64, plain: bool) -> Chain {
    let mut noise = Random(seed.wrapping_mul(0x9e37_79b9) ^ 0x6C0B);
    let style = if plain { 0 } else { between(&mut noise, 0, 5) };
    let depth = between(&mut noise, 1, 3);
    let widest = [8, 4, 3][depth - 1];
    let mut widths = vec![between(&mut noise, 1, 5)];
    (0..depth).for_each(|_| widths.push(between(&mut noise, 1, widest)));
    widths.push(between(&mut noise, 1, 4));
    let mut net = Net::new(vec![widths[0]]);
    let mut weights = vec![];
    for k in 0..widths.len() - 1 {
        let weight = |noise: &mut Random| match style {
            0 | 1 => noise.signed(),
            2 => [0.0, 1.0, -1.0, 2.0, -0.5, 0.0][between(noise, 0, 5)],
            3 => noise.unit(),
            4 => noise.signed() * 10f64.powi(between(noise, 0, 9) as i32 - 6),
            _ => (3.0 * noise.signed()) as f32 as f64,
        };
        let w = Array2::from_shape_simple_fn((widths[k + 1], widths[k]), || weight(&mut noise));
        let bias = (0..widths[k + 1]).map(|_| weight(&mut noise)).collect();
        push(&mut net, dense(&w, bias), widths[k + 1]);
        weights.push(w);
        if k + 2 == widths.len() {
            break;
        }
        let n = widths[k + 1];
        let kind = if plain { 0 } else { between(&mut noise, 0, 7) };
        let op = match kind {
            0..=3 => Piecewise::RELU,
            4 => Piecewise::ABS,
            5 => Piecewise::Leaky { slope: -0.25 },
            6 => Piecewise::Leaky { slope: 0.1 },
            _ => Piecewise::Clip { lo: -1.0, hi: 2.0 },
        };
        push(&mut net, Op::Piecewise(op), n);
    }
    let slopes = ibp::run(&Prepared::new(&net, &Cpu::DOUBLE), &Region::Whole, None).gates;
    let slopes = slopes.iter().flatten().map(|gate| {
        let Gate::Each(s) = gate else { panic!("activations have slopes") };
        let (lo, hi) = Cpu::DOUBLE.read_slopes(s);
        lo.iter().zip(&hi).map(|(l, h)| [*l, *h]).collect()
    });
    Chain { weights, slopes: slopes.collect(), net }
}

pub fn ask(net: &Net, (in_norm, out_norm): (Norm, Norm), output: Output) -> Problem {
    let quotient = Question { in_norm, out_norm, output, quantity: Quantity::Lipschitz };
    Problem::new(net.clone(), Region::Whole, quotient).expect("a valid question")
}

/// The largest norm over all choices of slopes, end by end.
pub fn over_slopes(chain: &Chain, problem: &Problem) -> f64 {
    let count: usize = chain.slopes.iter().map(Vec::len).sum();
    let seeds = problem.seeds().centre.index_axis_move(ndarray::Axis(0), 0);
    let mut best = 0.0f64;
    for code in 0..1u32 << count {
        let mut j = chain.weights[0].clone();
        let mut bit = 0;
        for (slopes, w) in chain.slopes.iter().zip(&chain.weights[1..]) {
            for (mut row, s) in j.rows_mut().into_iter().zip(slopes) {
                row *= s[(code >> bit & 1) as usize];
                bit += 1;
            }
            j = w.dot(&j);
        }
        best = best.max(crate::truth::truth(
            &seeds.dot(&j),
            problem.quotient.in_norm,
            problem.quotient.out_norm,
        ));
    }
    best
}

fn upper(problem: &Problem, method: &str) -> Option<f64> {
    // Newton steps end by themselves, and the proof behind them must not be cut off on a busy machine.
    let seconds = if method == "lipsdp" { 300 } else { 20 };
    bound(problem, method, seconds).map(|o| o.expect("no contradiction").upper.value.get())
}

fn none(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} failures: {:#?}", failures.len(), &failures[..failures.len().min(6)]);
}

/// Every method bounds every choice of slopes, in every pair of norms, and finds something.
#[test]
fn all_choices_of_slopes() {
    let cases = share(1500);
    let results: Vec<(Vec<String>, usize, usize)> = (0..cases)
        .into_par_iter()
        .map(|k| {
            let chain = chain(k as u64, false);
            let outputs = chain.net.outputs();
            let output = match k % 4 {
                0 => Output::One(k % outputs),
                1 if outputs > 1 => Output::Difference(0, 1 + k % (outputs - 1)),
                _ => Output::All,
            };
            let problem = ask(&chain.net, pair(k), output);
            let most = over_slopes(&chain, &problem);
            let mut failures = vec![];
            let (mut useful, mut asked) = (0, 0);
            for method in CHAIN_METHODS.into_iter().filter(|m| *m != "auto" || k % 9 == 4 || k % 7 == 0) {
                let Some(outcome) = bound(&problem, method, 20) else {
                    failures.push(format!("case {k}: {method} refuses"));
                    continue;
                };
                let outcome = outcome.expect("no contradiction");
                let (u, l) = (outcome.upper.value.get(), outcome.lower.value.get());
                if u < most * (1.0 - 1e-12) || l > most * (1.0 + 1e-12) {
                    failures.push(format!("case {k}: {method} [{l:e}, {u:e}] against {most:e}"));
                }
                useful += (u <= 30.0 * most.max(l) || most == 0.0) as usize;
                asked += 1;
            }
            (failures, useful, asked)
        })
        .collect();
    let (useful, asked): (usize, usize) = results.iter().fold((0, 0), |s, r| (s.0 + r.1, s.1 + r.2));
    none(results.into_iter().flat_map(|r| r.0).collect());
    println!("{useful} of {asked} bounds within 30 times the largest choice");
    assert!(useful > asked * 9 / 10);
}

/// Theorems about relu chains.
#[test]
fn order_of_methods() {
    let failures = (0..share(400)).into_par_iter().flat_map_iter(|k| {
        let chain = chain(90_000 + k as u64, true);
        let mut failures = vec![];
        let mut ordered = |what: &str, less: f64, more: f64| {
            if less > more * (1.0 + 1e-7) {
                failures.push(format!("case {k}: {what}: {less:e} above {more:e}"));
            }
        };
        let norms = |p: Norm, of: &dyn Fn(&Array2<f64>) -> Array2<f64>| -> f64 {
            let zero = |w: &Array2<f64>| Array2::zeros(w.dim());
            chain.weights.iter().map(|w| operator_upper(of(w).view(), zero(w).view(), p, p).get()).product()
        };
        for p in Norm::ALL {
            let problem = ask(&chain.net, (p, p), Output::All);
            let at = |m: &str| upper(&problem, m).expect("a chain");
            let product = norms(p, &|w| w.clone());
            let cuts = at("combettes-pesquet");
            ordered("K1 and K*", cuts, product);
            if p == Norm::Two {
                ordered("one scaling a layer and product", at("layered-gain"), product);
            }
            ordered("partition and product", at("partition"), at("product"));
            if p == Norm::Two {
                ordered("eclipse-fast and product", at("eclipse-fast"), product);
                ordered("seqlip and product", at("seqlip"), product);
                ordered("lipsdp and eclipse-fast", at("lipsdp"), at("eclipse-fast"));
            } else {
                ordered("lipopt and the magnitudes of its terms", at("lipopt"), at("abs-subset"));
                ordered("abs-subset and the sum over cuts", at("abs-subset"), cuts);
                ordered("abs-subset and absolute-product", at("abs-subset"), at("absolute-product"));
                ordered("absolute-product and product", at("absolute-product"), product);
            }
        }
        failures
    });
    none(failures.collect());
}

/// The search over vertices closes at the largest vertex.
#[test]
fn vertex_maxima() {
    let failures = (0..300u64).into_par_iter().filter_map(|k| {
        let mut noise = Random(k ^ 0xBEE5);
        let n = between(&mut noise, 1, 8);
        let (p, r) = (between(&mut noise, 1, 6), between(&mut noise, 1, 6));
        let (left, right) = (crate::truth::matrix(&mut noise, p, n), crate::truth::matrix(&mut noise, n, r));
        let ends = [[0.0, 1.0], [-1.0, 1.0], [0.2, 1.0], [-0.3, 0.5]];
        let slopes: Vec<[f64; 2]> = (0..n).map(|_| ends[between(&mut noise, 0, 3)]).collect();
        let side = |e: usize| Array1::from_iter(slopes.iter().map(|s| s[e]));
        let vertices = Vertices { left: left.clone(), right: right.clone(), slopes: [side(0), side(1)] };
        let most = (0..1u32 << n).map(|code| {
            let s = Array1::from_shape_fn(n, |i| slopes[i][(code >> i & 1) as usize]);
            crate::truth::sigma(&(&left * &s).dot(&right))
        });
        let most = most.fold(0.0, f64::max);
        let closed = vertices.solve(&|_| true);
        let rooted = vertices.solve(&|_| false);
        let fine = closed.upper >= most * (1.0 - 1e-13)
            && closed.upper <= most * (1.0 + 1e-7)
            && rooted.upper >= most * (1.0 - 1e-13)
            && closed.best <= most * (1.0 + 1e-12);
        (!fine).then(|| format!("case {k}: {:e}, {:e} against {most:e}", closed.upper, rooted.upper))
    });
    none(failures.collect());
}

/// Without negative weights the product of the matrices is attained, and `auto` finds both ends.
#[test]
fn nonnegative_weights() {
    let failures = (0..90usize).into_par_iter().filter_map(|k| {
        let mut noise = Random(k as u64 ^ 0x905);
        let widths: Vec<usize> = (0..4).map(|_| between(&mut noise, 1, 8)).collect();
        let mut net = Net::new(vec![widths[0]]);
        let mut product = Array2::eye(widths[0]);
        for (i, w) in widths.windows(2).enumerate() {
            let m = Array2::from_shape_simple_fn((w[1], w[0]), || noise.unit());
            push(&mut net, dense(&m, (0..w[1]).map(|_| noise.signed()).collect()), w[1]);
            if i < 2 {
                push(&mut net, Op::Piecewise(Piecewise::RELU), w[1]);
            }
            product = m.dot(&product);
        }
        let (p, q) = pair(k);
        let problem = ask(&net, (p, q), Output::All);
        let most = crate::truth::truth(&product, p, q);
        let outcome = bound(&problem, "auto", 20).expect("any network").expect("no contradiction");
        let (u, l) = (outcome.upper.value.get(), outcome.lower.value.get());
        let fine = u <= most * (1.0 + 1e-9) && l >= most * (1.0 - 1e-9) && l <= u && outcome.exact;
        (!fine).then(|| format!("case {k} {p}→{q}: [{l}, {u}] against {most}"))
    });
    none(failures.collect());
}

/// A skip around an activation is no chain: methods for chains say so, the others answer.
#[test]
fn residual_networks_are_no_chains() {
    let mut noise = Random(7);
    let mut net = Net::new(vec![3]);
    push(&mut net, dense(&crate::truth::matrix(&mut noise, 3, 3), vec![0.1; 3]), 3);
    push(&mut net, Op::Piecewise(Piecewise::RELU), 3);
    net.push("skip", Op::Add, vec![0, 2], vec![3]).expect("a sum");
    push(&mut net, dense(&crate::truth::matrix(&mut noise, 2, 3), vec![0.0; 2]), 2);
    let problem = ask(&net, (Norm::Two, Norm::Two), Output::All);
    for method in CHAIN_METHODS {
        let answer = upper(&problem, method);
        let refused = ["eclipse-fast", "lipsdp", "seqlip"].contains(&method);
        assert_eq!(answer.is_none(), refused, "{method}: {answer:?}");
        assert!(answer.is_none_or(|u| u.is_finite()), "{method}");
    }
}

struct Known {
    file: usize,
    norm: Norm,
    method: &'static str,
    value: f64,
}

/// Bounds of the seeded networks (tests/data/make_seeded.py), computed apart from this program.
#[test]
fn seeded_networks() {
    let row = |norm: Norm, method: &'static str, values: [f64; 5]| {
        values.into_iter().enumerate().map(move |(i, value)| Known { file: i + 1, norm, method, value })
    };
    let nan = f64::NAN;
    let two = [
        row(Norm::Two, "product", [12.077258, 12.951523, 5.830622, 36.637758, 17.486757]),
        row(Norm::Two, "combettes-pesquet", [7.525933, 9.320897, 4.157889, 17.247462, 10.620130]),
        row(Norm::Two, "eclipse-fast", [7.302248, 8.897310, 4.354721, 16.152843, 10.384816]),
        row(Norm::Two, "seqlip", [nan, 8.477976, 2.819972, 12.965129, nan]),
        row(Norm::One, "abs-subset", [4.8152188, 19.2999045, 4.0750150, 30.3890859, nan]),
        row(Norm::Inf, "abs-subset", [36.0045349, 35.5451679, 9.4129691, 54.2096255, nan]),
    ];
    for known in two.into_iter().flatten().filter(|k| !k.value.is_nan()) {
        let u = upper(&seeded(known.file, known.norm), known.method).expect("a chain");
        let (value, name) = (known.value, format!("network {} {}", known.file, known.method));
        assert!(u >= value - 6e-7 && u <= value * (1.0 + 2e-8) + 6e-7, "{name}: {u} against {value}");
    }
    // The optimum of the semidefinite programme, which no valid multipliers pass below.
    for (file, value) in [(1, 4.197897271), (2, 6.951157011), (3, 2.828147538), (4, 8.363579538)] {
        let u = upper(&seeded(file, Norm::Two), "lipsdp").expect("a chain");
        assert!(u >= value * (1.0 - 1e-8) && u <= value * 1.0001, "network {file}: {u} against {value}");
    }
    let u = upper(&seeded(5, Norm::Two), "lipsdp").expect("a chain");
    assert!((2.4..7.103).contains(&u), "network 5: {u}");
}

fn seeded(file: usize, norm: Norm) -> Problem {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/seeded/{file}.npz"));
    let net = load(&path, &Options::default()).expect("a network");
    ask(&net, (norm, norm), Output::All)
}

/// The interval of a chain's whole Jacobian holds the one of every choice: entry by entry.
#[test]
fn magnitudes_hold_entry_by_entry() {
    use clarke::method::global::abs_subset;
    use clarke::method::global::expansion::{Around, Expansion};
    for k in 0..200u64 {
        let chain = chain(500_000 + k, false);
        let problem = ask(&chain.net, (Norm::Inf, Norm::Inf), Output::All);
        let here = Here::new(&problem, Cpu::DOUBLE);
        let context = here.context(&problem, crate::common::budget(5));
        let around = Around::new(&context, None).expect("no softmax");
        let e = Expansion::new(&around, &problem).expect("one slope per feature");
        let Matrix { centre, radius } = abs_subset::enclosure(&context, &e).expect("not interrupted");
        let count: usize = chain.slopes.iter().map(Vec::len).sum();
        let scale: f64 = chain.weights.iter().map(|w| spectral_upper(w.view()).get()).product();
        for code in (0..1u32 << count).step_by(3) {
            let mut j = chain.weights[0].clone();
            let mut bit = 0;
            for (slopes, w) in chain.slopes.iter().zip(&chain.weights[1..]) {
                for (mut row, s) in j.rows_mut().into_iter().zip(slopes) {
                    row *= s[(code >> bit & 1) as usize];
                    bit += 1;
                }
                j = w.dot(&j);
            }
            let gap = (&j - &centre).mapv(f64::abs) - &radius;
            assert!(gap.iter().all(|g| *g <= 1e-13 * scale), "case {k}");
        }
    }
}
