//! Climbs and crossings in turns, as long as there is time.
//!
//! Proves: nothing by itself; the best proposals go to the witness.
//! From: own. Every turn climbs on smoothed kinks from the steepest points of different patterns, from members
//!   between them, and from new ones; what it ends with crosses single kinks. What is known is where it starts.
//! Rounding: none here.
//! Cost: a part of the time left, less where several turns in a row meet nothing steeper.
//! Loose when: the steepest piece is small or far from every start.

use super::ascent::{Climb, Round, join};
use super::pattern::{Steps, has_kinks};
use super::points::{FEW_OUTPUTS, Ground, Proposal, sample, score};
use super::smoothed::Spread;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::{LowerBound, Witness};
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::num::random::Random;
use crate::problem::Quantity;
use crate::region::Region;

/// The part of the time left that turns may take.
const PART: f64 = 0.15;
/// How many turns in a row may meet nothing that is steeper by `WORTH`, with a clock and without.
const STALE: [usize; 2] = [12, 3];
const WORTH: f64 = 1e-4;
const CLIMBERS: usize = 24;
const STEPS: usize = 24;
/// Bytes that a climber holds for every feature, about.
const HELD: u64 = 96;
/// Members that are looked at before every climb.
const NEW: usize = 96;
/// Points that cross kinks after every climb.
const CROSSING: usize = 2;
/// Points of two patterns differ at least so much in their steepness.
const ALIKE: f64 = 1e-6;
const PROVED: usize = 3;
/// The search of parts does more where the ends are nearer to each other than this, or no more neurons are open.
const FAR: f64 = 3.0;
const FEW: usize = 64;

const ROUNDS: [Round; 3] = [
    Round { wide: 8.0, narrow: 0.5, fast: 0.3 },
    Round { wide: 2.0, narrow: 0.25, fast: 0.1 },
    Round { wide: 16.0, narrow: 1.0, fast: 0.6 },
];

pub fn run<B: Backend>(context: &Context<B>, known: &LowerBound) -> Result<LowerBound, Why> {
    let problem = context.problem;
    if problem.region.is_point() {
        return Err(super::POINT);
    }
    if problem.quotient.quantity == Quantity::Anchored {
        return Err(super::ANCHORED);
    }
    if problem.rows() > FEW_OUTPUTS {
        return Err(Why::Unfit("there are too many outputs for whole Jacobians at every point"));
    }
    let ground = Ground::of(context);
    let looks = (pass(&problem.net) * (1 + problem.rows()) as f64) * (CLIMBERS + NEW) as f64;
    let work = 8.0 * pass(ground.net()) * CLIMBERS as f64 + looks;
    context.budget.admits(&Cpu::DOUBLE, work + context.proof())?;
    // Climbers hold arguments, slopes and how these bend at every node.
    let features: usize = ground.net().nodes.iter().map(|n| n.len()).sum();
    if context.budget.rows(features) < CLIMBERS {
        return Err(Why::Memory(HELD * (features * CLIMBERS) as u64));
    }
    let until = &context.budget.deadline.part(PART);
    let mut random = Random(context.seed ^ 0x3E1A);
    let spread = Spread::new(context, &ground);
    let mut all = score(context, &starts(context, known, &mut random));
    all.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
    let crosses = has_kinks(ground.net());
    let mut steps =
        Steps { context, ground: &ground, until, left: f64::INFINITY, random: Random(context.seed ^ 0xC405) };
    let mut climb = Climb { context, ground: (&ground, &spread), until, all, random };
    let (mut stale, most) = (0, STALE[usize::from(context.budget.is_brief())]);
    for round in ROUNDS.iter().cycle() {
        let Some(best) = climb.all.first().map(|p| p.estimate) else { break };
        if stale >= most || until.is_over() || super::promises(context, best) {
            break;
        }
        let climbers = climbers(&mut climb);
        climb.round(climbers, STEPS, round);
        if crosses {
            let mut ends: Vec<Proposal> = apart(&climb.all).take(CROSSING).cloned().collect();
            ends.iter_mut().for_each(|at| steps.cross(at));
            join(&mut climb.all, ends);
        }
        stale = if climb.all[0].estimate > best * (1.0 + WORTH) { 0 } else { stale + 1 };
    }
    let mut all = climb.all;
    all.retain(|p| p.estimate > known.value.get());
    super::stated(super::prove_best(context, all, Relay::ROW.name, PROVED))
}

/// What is known, and members.
fn starts<B: Backend>(context: &Context<B>, known: &LowerBound, random: &mut Random) -> Vec<Vec<f64>> {
    let (region, n) = (&context.problem.region, context.problem.net.inputs());
    let mut points: Vec<Vec<f64>> = region.centre().map(|c| c.to_vec()).into_iter().collect();
    match &known.witness {
        Some(Witness::Piece { x, .. }) => points.push(x.clone()),
        Some(Witness::Pair { x, y }) => {
            // Somewhere between them it is as steep as that.
            points.extend([0.0, 0.25, 0.5, 0.75, 1.0].map(|t| between(region, x, y, |_| t)));
        }
        _ => {}
    }
    points.extend((0..2 * CLIMBERS).map(|k| sample(region, n, random, k % 2 == 1)));
    points
}

fn between(region: &Region, x: &[f64], y: &[f64], mut t: impl FnMut(usize) -> f64) -> Vec<f64> {
    let mut z: Vec<f64> = (0..x.len()).map(|j| x[j] + t(j) * (y[j] - x[j])).collect();
    region.project(&mut z);
    z
}

/// The steepest of every pattern; `all` is ranked.
fn apart(all: &[Proposal]) -> impl Iterator<Item = &Proposal> {
    let mut last = f64::INFINITY;
    all.iter().filter(move |p| {
        let new = p.estimate < last * (1.0 - ALIKE);
        if new {
            last = p.estimate;
        }
        new
    })
}

/// A third from the steepest, a third from between two of them, and the steepest of new ones.
fn climbers<B: Backend>(climb: &mut Climb<B>) -> Vec<Proposal> {
    let Climb { context, all, random, .. } = climb;
    let region = &context.problem.region;
    let part = CLIMBERS / 3;
    let best: Vec<Proposal> = apart(all).take(part).cloned().collect();
    let n = best[0].x.len();
    let members: Vec<Vec<f64>> = (0..NEW).map(|k| sample(region, n, random, k % 4 == 3)).collect();
    let mut new = score(context, &members);
    new.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
    new.truncate(part);
    let mixed: Vec<Proposal> = (0..part)
        .map(|_| {
            let mut pick = || &best[((random.unit() * best.len() as f64) as usize).min(best.len() - 1)];
            let (a, b) = (pick(), pick());
            let t = random.unit();
            // Along the line through both, or every input from one of them.
            let whole = random.unit() < 0.5;
            let at = |_| if whole { 1.4 * t - 0.2 } else { f64::from(u8::from(random.unit() < t)) };
            Proposal { x: between(region, &a.x, &b.x, at), u: a.u.clone(), estimate: 0.0 }
        })
        .collect();
    join(all, new.clone());
    best.into_iter().chain(mixed).chain(new).collect()
}

/// Takes turns.
pub struct Relay;

impl Relay {
    pub const ROW: Row = Row {
        name: "relay",
        scope: Scope::Any,
        proves: Proves::Lower,
        norms: "all",
        cost: "1/7 of the time",
        paper: "own; double-double witness",
        formula: "L ≥ ‖J(x)‖ at the steepest point that climbs and crossings in turns have met",
        loose: "the steepest piece is small or far from every start",
        slopes: "none: points are evaluated",
        stage: Stage { everywhere: Some(20), region: Some(20), repeats: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Relay {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    /// Never the cheapest: it is for the time that others leave.
    fn work(&self, _: &Context<B>) -> f64 {
        f64::INFINITY
    }

    fn run(&self, context: &Context<B>, best: &Best) -> Result<Finding, Why> {
        let searched = best.upper.value.get().is_finite() && context.open().is_some_and(|open| open <= FEW);
        if searched || best.upper.value.get() <= FAR * best.lower.value.get() {
            return Err(Why::Unproved("parts of the region say more"));
        }
        Ok(run(context, &best.lower)?.into())
    }
}
