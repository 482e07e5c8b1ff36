//! Leads of random networks of every operator, on balls of every norm: never farther than at a point that was tried.

use crate::common::budget;
use crate::common::naive;
use crate::common::nets::{self, Kind, Maker};
use clarke::analysis::Placed;
use clarke::backend::gpu::Gpu;
use clarke::method::margin::linear::{Led, leads};
use clarke::method::margin::others;
use clarke::num::{Norm, Written};
use clarke::problem::{Problem, Question};
use clarke::region::Region;
use libtest_mimic::Failed;
use std::sync::Arc;

const CASES: u64 = 160;
const POINTS: usize = 10;

/// A network with several outputs, the class at the centre, and balls of three sizes.
struct Case {
    maker: Maker,
    problem: Problem,
    class: usize,
    balls: Vec<Region>,
}

impl Case {
    fn new(seed: u64) -> Option<Case> {
        let mut maker =
            nets::network(seed + 880_000, if seed.is_multiple_of(3) { Kind::Tiny } else { Kind::Any });
        let centre: Vec<f64> = (0..maker.net.inputs()).map(|_| maker.d.random.between(-1.0, 1.0)).collect();
        let radius = [1e-3, 0.03, 0.2, 1.0][maker.d.size(0, 3)];
        let norm = Norm::ALL[maker.d.size(0, 2)];
        let clip = maker.d.chance(0.5).then_some((-1.0, 1.0));
        let ball = |scale: f64| Region::ball(&centre, scale * radius, norm, clip).ok();
        let balls = [1.0, 0.37, 2.5].into_iter().map(ball).collect::<Option<Vec<_>>>()?;
        let problem = Problem::new(maker.net.clone(), balls[0].clone(), Question::lipschitz(norm)).ok()?;
        let (y, _) = outputs(&problem, &centre);
        let class = (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b]))?;
        (y.len() > 1 && y.iter().all(|v| v.is_finite())).then_some(Case { maker, problem, class, balls })
    }

    /// Points of a ball, none of which the class leads by less.
    fn holds(&mut self, region: &Region, led: &[f64]) -> Result<(), String> {
        for _ in 0..POINTS {
            let x = naive::member(region, self.problem.net.inputs(), &mut self.maker.d);
            let (y, size) = outputs(&self.problem, &x);
            for (lead, j) in led.iter().zip(others(self.class, y.len())) {
                let apart = y[self.class] - y[j];
                // What plain arithmetic may be off by.
                let slack = 1e-12 * (1.0 + size[self.class] + size[j]);
                if *lead > apart + slack {
                    return Err(format!("a lead of {lead} over {j} is {apart}"));
                }
            }
        }
        Ok(())
    }
}

/// Values and sizes of the outputs.
fn outputs(problem: &Problem, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let point = naive::at(problem, x);
    (point.values.last().expect("outputs").to_vec(), point.sizes.last().expect("outputs").to_vec())
}

pub fn hold(gpu: &Arc<Gpu>) -> Result<(), Failed> {
    let (mut seen, mut finite, mut within) = (0, 0, 0);
    for seed in 0..CASES {
        let Some(mut case) = Case::new(seed) else { continue };
        let placed = Placed::<Gpu>::new(case.problem.net.clone(), gpu.clone());
        let balls = case.balls.clone();
        let regions: Vec<&Region> = balls.iter().collect();
        let Some(found) = leads(&placed, &regions, &vec![case.class; balls.len()], &budget(60)) else {
            continue;
        };
        for (ball, Led { leads, within: radius, .. }) in balls.iter().zip(&found) {
            seen += 1;
            finite += leads.iter().all(|l| l.is_finite()) as usize;
            case.holds(ball, leads).map_err(|e| format!("{seed}: {e}"))?;
            if let Some(smaller) = radius.and_then(Written::float).and_then(|r| ball.with_radius(r)) {
                within += 1;
                case.holds(&smaller, &vec![0.0; leads.len()]).map_err(|e| format!("{seed}, within: {e}"))?;
            }
        }
    }
    println!("{seen} balls, {finite} with finite leads, {within} with a radius");
    if seen < 200 || 2 * finite < seen || within < 20 { Err("too few".into()) } else { Ok(()) }
}
