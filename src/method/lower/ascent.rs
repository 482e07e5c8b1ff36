//! Search for steep points: samples, corners, and ascent on a smoothed norm.
//!
//! Proves: nothing by itself; the best proposals go to the witness.
//! From: sampled Clarke gradients (Bhowmick et al. 2021), smoothed sign ascent
//!   with momentum; the sigmoids that stand for kinks narrow on the way up.
//! Rounding: none here.
//! Cost: five plain passes per climber and step.
//! Loose when: the steepest piece is small or far from every start.

use super::points::{FEW_OUTPUTS, Ground, Proposal, advance, dual, sample, score};
use super::smoothed::{self, Spread};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::certificate::LowerBound;
use crate::deadline::Deadline;
use crate::method::context::{Context, pass};
use crate::method::contract::{Best, Finding, Method};
use crate::method::row::{Proves, Row, Scope, Stage};
use crate::method::why::Why;
use crate::net::Net;
use crate::num::Norm;
use crate::num::random::Random;
use crate::problem::Quantity;
use crate::region::Region;

const SAMPLES: usize = 48;
/// Climbers and steps of a round: at least, and at most.
const CLIMBERS: [usize; 2] = [6, 32];
const STEPS: [usize; 2] = [12, 40];
/// Multiplications that the climbs may cost where the least effort costs less.
const WORK: f64 = 3e9;
/// Proposals that are kept, and those that are handed to the witness.
const KEPT: usize = 2 * CLIMBERS[1];
const PROVED: usize = 3;
const MOMENTUM: f64 = 0.7;
/// The part of the time left that climbs may take: proofs come after them.
const SEARCHED: f64 = 0.85;
/// Mutations are tried after this many steps.
const MUTATED: usize = 4;

/// Widths of the sigmoids and the length of the steps, in spreads and half-widths
/// of the region: from far and wide to the first pieces, then on from the best.
pub struct Round {
    pub wide: f64,
    pub narrow: f64,
    pub fast: f64,
}

const ROUNDS: [Round; 2] =
    [Round { wide: 16.0, narrow: 1.0, fast: 0.5 }, Round { wide: 4.0, narrow: 0.5, fast: 0.2 }];

pub fn run<B: Backend>(context: &Context<B>, known: &LowerBound) -> Result<LowerBound, Why> {
    let problem = context.problem;
    let n = problem.net.inputs();
    if problem.region.is_point() {
        return Err(super::POINT);
    }
    if problem.quotient.quantity == Quantity::Anchored {
        return Err(super::ANCHORED);
    }
    let rows = problem.rows().min(FEW_OUTPUTS) as f64;
    let pass = pass(&problem.net) * (1.0 + rows);
    context.budget.admits(&Cpu::DOUBLE, pass * 8.0 + context.proof())?;
    let until = &context.budget.deadline.part(SEARCHED);
    let mut random = Random(context.seed ^ 0x5EED);
    let mut points: Vec<Vec<f64>> = problem.region.centre().map(|c| c.to_vec()).into_iter().collect();
    let count = if context.budget.affords(pass * SAMPLES as f64) { SAMPLES } else { 7 };
    points.extend((0..count).map(|k| sample(&problem.region, n, &mut random, k % 2 == 1)));
    let mut all = score(context, &points);
    let Some(first) = all.first().cloned() else { return Err(Why::Late) };
    rank(&mut all);
    if problem.rows() <= FEW_OUTPUTS && !super::promises(context, all[0].estimate) {
        let ground = Ground::of(context);
        let spread = Spread::new(context, &ground);
        let (climbers, steps) = effort(ground.net());
        // Every output from the first point, then the steepest samples.
        let towards = (0..problem.rows().min(climbers / 2)).map(|i| {
            let u = (0..problem.rows()).map(|k| (k == i) as u8 as f64).collect();
            Proposal { u, ..first.clone() }
        });
        let mut starts: Vec<Proposal> = towards.chain(all.iter().cloned()).take(climbers).collect();
        let mut climb = Climb { context, ground: (&ground, &spread), until, all, random };
        for round in &ROUNDS {
            climb.round(starts, steps, round);
            if super::promises(context, climb.all[0].estimate) {
                break;
            }
            starts = climb.all.iter().take(climbers).cloned().collect();
        }
        all = climb.all;
    }
    all.retain(|p| p.estimate > known.value.get());
    super::stated(super::prove_best(context, all, "ascent", PROVED))
}

/// Climbers and steps of a round: more where there are more kinks to cross, as
/// far as `WORK` goes.
fn effort(net: &Net) -> (usize, usize) {
    let kinks: usize = net.nodes.iter().filter(|n| n.op.is_nonlinear()).map(|n| n.len()).sum();
    let each = (WORK / (5.0 * ROUNDS.len() as f64 * net.products().max(1.0))) as usize;
    let between = |count: usize, [least, most]: [usize; 2]| count.clamp(least, most);
    let climbers = between((kinks / 4).min(each / STEPS[1]), CLIMBERS);
    (climbers, between((kinks / 2).min(each / climbers), STEPS))
}

fn rank(all: &mut [Proposal]) {
    all.sort_by(|a, b| b.estimate.total_cmp(&a.estimate));
}

/// Where climbers stand and what they have met.
pub struct Climb<'a, 'c, B: Backend> {
    pub context: &'a Context<'c, B>,
    pub ground: (&'a Ground, &'a Spread),
    pub until: &'a Deadline,
    /// Ranked.
    pub all: Vec<Proposal>,
    pub random: Random,
}

impl<B: Backend> Climb<'_, '_, B> {
    /// Moves the climbers up; the best that they meet joins `all`.
    pub fn round(&mut self, mut climbers: Vec<Proposal>, steps: usize, round: &Round) {
        let Climb { context, ground, until, all, random } = self;
        let problem = context.problem;
        let count = climbers.len();
        // Single outputs are all tried; other directions turn towards what is steepest. Everywhere there is too much
        // of that: climbers that keep theirs meet steeper pieces.
        let everywhere = problem.region.is_global();
        let turns = problem.rows() > 1 && problem.quotient.out_norm != Norm::Inf && !everywhere;
        // A step, its mutations, and the last look at what was met.
        let work = (8.0 * pass(ground.0.net()) + pass(&problem.net) * problem.rows() as f64) * count as f64;
        let mut best: Vec<Proposal> =
            climbers.iter().map(|c| Proposal { estimate: 0.0, ..c.clone() }).collect();
        let mut momentum = vec![vec![0.0; problem.net.inputs()]; count];
        for step in 0..steps {
            let met = best.iter().map(|b| b.estimate).fold(all[0].estimate, f64::max);
            let enough = super::promises(context, met);
            if enough || until.is_over() || !context.budget.affords(work + context.proof()) {
                break;
            }
            let done = step as f64 / steps as f64;
            let width = round.wide * (round.narrow / round.wide).powf(done);
            // Half as wide, as wide, and wider by half.
            let widths: Vec<f64> = (0..count).map(|c| width * 0.5 * (1 + c % 3) as f64).collect();
            let slope = smoothed::slope(context, *ground, &climbers, &widths);
            for (c, climber) in climbers.iter_mut().enumerate() {
                if slope.sizes[c] > best[c].estimate {
                    best[c] = Proposal { estimate: slope.sizes[c], ..climber.clone() };
                }
                if turns {
                    climber.u = dual(&problem.measured(&slope.images[c]), problem.quotient.out_norm);
                }
                let g = slope.gradient.row(c);
                let size = g.iter().map(|v| v.abs()).sum::<f64>();
                if size.is_finite() && size > 0.0 {
                    momentum[c].iter_mut().zip(g).for_each(|(m, g)| *m = MOMENTUM * *m + g / size);
                }
                advance(&problem.region, &mut climber.x, &momentum[c], round.fast * (1.0 - done) + 0.02);
            }
            if step % MUTATED == MUTATED - 1 {
                let mutants: Vec<Vec<f64>> =
                    (0..count / 2).map(|k| mutant(&problem.region, &all[0].x, k % 2 == 0, random)).collect();
                join(all, score(context, &mutants));
            }
        }
        let met: Vec<Vec<f64>> = best.into_iter().map(|p| p.x).collect();
        join(all, score(context, &met));
    }
}

pub fn join(all: &mut Vec<Proposal>, more: Vec<Proposal>) {
    all.extend(more);
    rank(all);
    all.truncate(KEPT);
}

/// x with some coordinates where a random member has them.
fn mutant(region: &Region, x: &[f64], corner: bool, random: &mut Random) -> Vec<f64> {
    let other = sample(region, x.len(), random, corner);
    let mut y: Vec<f64> =
        x.iter().zip(other).map(|(a, b)| if random.unit() < 0.15 { b } else { *a }).collect();
    region.project(&mut y);
    y
}

/// Climbs on smoothed kinks.
pub struct Ascent;

impl Ascent {
    pub const ROW: Row = Row {
        name: "ascent",
        scope: Scope::Any,
        proves: Proves::Lower,
        norms: "all",
        cost: "up to 13000 passes",
        paper: "smoothed ascent, double-double witness",
        formula: "L ≥ ‖J(x)‖ at the steepest point that climbs on smoothed kinks have met",
        loose: "the steepest piece is small or far from every start",
        slopes: "none: points are evaluated",
        stage: Stage { everywhere: Some(7), region: Some(10), tiny: Some(5), repeats: true, ..Stage::NONE },
    };
}

impl<B: Backend> Method<B> for Ascent {
    fn row(&self) -> &'static Row {
        &Self::ROW
    }

    fn work(&self, context: &Context<B>) -> f64 {
        let rows = context.problem.rows().min(FEW_OUTPUTS) as f64;
        8.0 * pass(&context.problem.net) * (1.0 + rows) + context.proof()
    }

    fn run(&self, context: &Context<B>, best: &Best) -> Result<Finding, Why> {
        Ok(run(context, &best.lower)?.into())
    }
}
