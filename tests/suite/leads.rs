//! How far classes lead on regions: never farther than at any point that was tried, and where a counterexample
//! is reported, another class leads.

use crate::common::data::Data;
use crate::common::naive;
use crate::common::nets::{self, Kind, Maker};
use crate::common::{budget, share};
use clarke::analysis::Placed;
use clarke::backend::cpu::Cpu;
use clarke::method::margin::linear::leads;
use clarke::method::margin::others;
use clarke::method::margin::refute::search;
use clarke::num::{Norm, Written};
use clarke::problem::{Problem, Question};
use clarke::region::Region;

const CASES: usize = 2000;
const POINTS: usize = 12;

/// A network with several outputs, a centre, and the class there by plain arithmetic.
struct Case {
    problem: Problem,
    region: Region,
    class: usize,
}

impl Case {
    fn new(seed: u64) -> Option<(Case, Maker)> {
        let mut m = nets::network(seed, if seed.is_multiple_of(3) { Kind::Tiny } else { Kind::Any });
        let (n, outputs) = (m.net.inputs(), m.net.outputs());
        let centre: Vec<f64> = (0..n).map(|_| m.d.random.between(-1.0, 1.0)).collect();
        let radius = [1e-9, 1e-3, 0.03, 0.2, 1.0][m.d.size(0, 4)];
        let norm = Norm::ALL[m.d.size(0, 2)];
        let clip = m.d.chance(0.3).then_some((-1.0, 1.0));
        let region = Region::ball(&centre, radius, norm, clip).ok()?;
        let problem = Problem::new(m.net.clone(), region.clone(), Question::lipschitz(norm)).ok()?;
        let y = outputs_at(&problem, &centre);
        let class = (0..outputs).max_by(|&a, &b| y[a].0.total_cmp(&y[b].0))?;
        (outputs > 1 && y.iter().all(|v| v.0.is_finite())).then_some((Case { problem, region, class }, m))
    }

    /// How far the class leads at x, and by how much that may be wrong.
    fn leads_at(&self, x: &[f64]) -> Vec<(f64, f64)> {
        let y = outputs_at(&self.problem, x);
        let lead = |j: usize| (y[self.class].0 - y[j].0, 1e-12 * (1.0 + y[self.class].1 + y[j].1));
        others(self.class, y.len()).map(lead).collect()
    }

    fn with_radius(&self, radius: f64) -> Region {
        Written::float(radius).and_then(|r| self.region.with_radius(r)).expect("a ball")
    }
}

/// Values and sizes of the outputs.
fn outputs_at(problem: &Problem, x: &[f64]) -> Vec<(f64, f64)> {
    let point = naive::at(problem, x);
    let (values, sizes) = (point.values.last().expect("outputs"), point.sizes.last().expect("outputs"));
    values.iter().copied().zip(sizes.iter().copied()).collect()
}

#[test]
fn leads_hold_at_every_member() {
    let (mut seen, mut positive, mut shrunk) = (0, 0, 0);
    for seed in 0..share(CASES) as u64 {
        let Some((case, mut m)) = Case::new(seed) else { continue };
        let placed = Placed::new(case.problem.net.clone(), Cpu::DOUBLE);
        let radius = case.region.ball_norm().expect("a ball").1.nearest();
        // Several at once, as a batch has them.
        let all = [case.region.clone(), case.with_radius(0.37 * radius), case.with_radius(2.5 * radius)];
        let regions: Vec<&Region> = all.iter().collect();
        let Some(found) = leads(&placed, &regions, &[case.class; 3], &budget(20)) else { continue };
        for (region, led) in all.iter().zip(&found) {
            seen += 1;
            positive += (led.leads.iter().all(|l| *l > 0.0)) as usize;
            holds(&case, region, &led.leads, &mut m.d, seed);
            let Some(within) = led.within else { continue };
            shrunk += (within < region.ball_norm().expect("a ball").1.nearest() * 0.999) as usize;
            let smaller = case.with_radius(within);
            let nothing = vec![0.0; led.leads.len()];
            holds(&case, &smaller, &nothing, &mut m.d, seed);
            let against = search(&placed, &smaller, case.class, seed, &budget(5));
            assert!(against.is_none(), "{seed}: another class leads within {within}");
        }
    }
    assert!(seen > share(CASES) && positive > seen / 10 && shrunk > seen / 50, "{seen} {positive} {shrunk}");
}

/// At random members no lead is smaller than it is said to be.
fn holds(case: &Case, region: &Region, leads: &[f64], d: &mut Data, seed: u64) {
    for _ in 0..POINTS {
        let x = naive::member(region, case.problem.net.inputs(), d);
        for ((lead, slack), least) in case.leads_at(&x).into_iter().zip(leads) {
            assert!(lead + slack >= *least, "{seed}: a lead of {lead} at {x:?}, {least} was proven");
        }
    }
}

#[test]
fn counterexamples_are_members_at_which_another_class_leads() {
    let mut found = 0;
    for seed in 0..share(CASES) as u64 {
        let Some((case, _)) = Case::new(seed) else { continue };
        let placed = Placed::new(case.problem.net.clone(), Cpu::DOUBLE);
        let region = case.with_radius(1.5);
        let Some(against) = search(&placed, &region, case.class, seed, &budget(5)) else { continue };
        found += 1;
        assert!(region.contains(&against.x), "{seed}");
        let (norm, _) = region.ball_norm().expect("a ball");
        let away: Vec<f64> =
            against.x.iter().zip(region.centre().expect("a ball")).map(|(x, c)| x - c).collect();
        assert!(naive::length(&away, norm) <= against.distance * (1.0 + 1e-12), "{seed}");
        let y = outputs_at(&case.problem, &against.x);
        let ahead = y[against.class].0 - y[case.class].0;
        assert!(ahead > -1e-12 * (1.0 + y[case.class].1), "{seed}: {ahead}");
    }
    assert!(found > share(CASES) / 10, "{found}");
}
