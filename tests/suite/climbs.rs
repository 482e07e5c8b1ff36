//! Lower bounds that are searched for: what they meet on networks whose steepest piece a grid finds.

use crate::common::bound;
use clarke::layer::{Affine, Incidence, LinearMap};
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::num::random::Random;
use clarke::problem::{Output, Problem, Quantity, Question};
use clarke::region::Region;
use ndarray::Array2;
use std::sync::Arc;

const PLANES: usize = 24;
const WINDOW: usize = 4;

/// Sums of maxima of affine functions of two inputs.
struct Maxima {
    planes: Array2<f64>,
    offsets: Vec<f64>,
    weights: Vec<f64>,
}

impl Maxima {
    fn random(random: &mut Random) -> Maxima {
        Maxima {
            planes: Array2::from_shape_fn((PLANES, 2), |_| random.normal()),
            offsets: (0..PLANES).map(|_| 0.5 * random.normal()).collect(),
            weights: (0..PLANES / WINDOW).map(|_| random.normal()).collect(),
        }
    }

    fn problem(&self) -> Problem {
        let mut net = Net::new(vec![2]);
        let affine = |map: Array2<f64>, bias: Vec<f64>| {
            Op::Affine(Affine { map: LinearMap::Dense(Arc::new(map)), bias: Some(Arc::new(bias)), repeat: 1 })
        };
        net.push("planes", affine(self.planes.clone(), self.offsets.clone()), vec![0], vec![PLANES]).unwrap();
        let count = self.weights.len();
        let windows = (0..count).map(|w| (0..WINDOW).map(|i| (WINDOW * w + i) as u32).collect::<Vec<u32>>());
        net.push("max", Op::Max(Arc::new(Incidence::new(PLANES, windows))), vec![1], vec![count]).unwrap();
        let row = Array2::from_shape_vec((1, count), self.weights.clone()).unwrap();
        net.push("sum", affine(row, vec![0.0]), vec![2], vec![1]).unwrap();
        let region = Region::ball(&[0.0, 0.0], 1.0, Norm::Inf, None).unwrap();
        let two = Norm::Two;
        let question =
            Question { in_norm: two, out_norm: two, output: Output::All, quantity: Quantity::Lipschitz };
        Problem::new(net, region, question).unwrap()
    }

    fn steepness(&self, x: [f64; 2]) -> f64 {
        let mut gradient = [0.0; 2];
        for (w, weight) in self.weights.iter().enumerate() {
            let value =
                |i: &usize| self.planes[[*i, 0]] * x[0] + self.planes[[*i, 1]] * x[1] + self.offsets[*i];
            let window = WINDOW * w..WINDOW * (w + 1);
            let first = window.max_by(|a, b| value(a).total_cmp(&value(b))).unwrap();
            (0..2).for_each(|j| gradient[j] += weight * self.planes[[first, j]]);
        }
        gradient[0].hypot(gradient[1])
    }
}

/// The steepest of many members: what is steeper has no room among them.
fn on_a_grid(maxima: &Maxima) -> f64 {
    const SIDE: usize = 121;
    let at = |i: usize| 2.0 * (i as f64 + 0.5) / SIDE as f64 - 1.0;
    (0..SIDE * SIDE).map(|k| maxima.steepness([at(k / SIDE), at(k % SIDE)])).fold(0.0, f64::max)
}

/// Where a maximum changes its winner is a kink like others: crossings and climbs come over it.
#[test]
fn maxima_are_crossed() {
    let mut random = Random(77);
    let cases: Vec<(f64, Problem)> = (0..40)
        .map(|_| {
            let maxima = Maxima::random(&mut random);
            (on_a_grid(&maxima), maxima.problem())
        })
        .collect();
    for method in ["pattern", "relay"] {
        let reached = cases.iter().filter(|(truth, problem)| {
            let found = bound(problem, method, 0).unwrap().unwrap().lower.value.get();
            found >= truth * (1.0 - 1e-6)
        });
        let reached = reached.count();
        assert!(reached >= 36, "{method}: {reached} of {}", cases.len());
    }
}

/// Proposals are proven: none is above what bounds everything.
#[test]
fn turns_stay_below_the_truth() {
    let mut random = Random(78);
    let mut reached = 0;
    for _ in 0..20 {
        let maxima = Maxima::random(&mut random);
        let problem = maxima.problem();
        let found = bound(&problem, "relay", 1).unwrap().unwrap().lower.value.get();
        let upper = bound(&problem, "jacobian-interval", 0).unwrap().unwrap().upper.value.get();
        assert!(found <= upper, "{found} {upper}");
        reached += usize::from(found >= on_a_grid(&maxima) * (1.0 - 1e-6));
    }
    assert!(reached >= 18, "{reached} of 20");
}
