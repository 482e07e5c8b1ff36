//! Samples of a classifier: how far their classes are proven to lead.
//!
//! First all samples together, lot by lot: values at the samples, linear bounds of many balls in one sweep,
//! counterexamples. What is open then gets the dearer steps, one sample after the other.

use super::bracket::Bracket;
use super::closer::{Asked, Proven};
use super::row::{Refutation, Row, WAITING};
use super::samples::{Sample, Samples};
use super::task::{Aim, Order, Task};
use crate::engine::{Model, Placed};
use crate::error::{Error, Result};
use crate::method::Budget;
use crate::method::margin::linear::Led;
use crate::method::margin::refute::Counterexample;
use crate::num::Written;
use crate::num::decimal::decimal_down;
use crate::region::Region;
use crate::search::property::Answer;
use std::time::{Duration, Instant};

/// A lot may take this part of the memory's rows.
const PART: usize = 64;
/// Seconds that linear bounds may take for a sample where no time is given, and their part of it where it is.
const BRIEF: f64 = 1.0;
const SHARE: f64 = 0.3;
/// Of the radius at which lines of the sample itself say that the class is caught up with: where to begin. The same
/// for all, so that no row depends on which others are looked at.
const FIRST: f64 = 0.12;
/// Of a logarithm, to which guesses are rounded: sums of plain arithmetic differ with what is computed beside them.
const STEPS: f64 = 16.0;
/// The part of the time left that one try at another radius takes.
const TRY: f64 = 0.35;
/// The part of a try that anchored constants take; parts of the ball get the rest.
const CONSTANTS: f64 = 0.4;
/// Less is not worth a try.
const SHORT: Duration = Duration::from_millis(20);

/// A sample on its way.
#[derive(Debug)]
struct Open {
    row: Row,
    class: usize,
    /// Leads at the sample.
    leads: Vec<f64>,
    /// Its region at the radius asked for, else at any.
    region: Region,
    proven: f64,
    /// The distance of the nearest counterexample known, or the smallest radius that was given up.
    most: f64,
    /// What linear bounds say at the radius asked for.
    led: Led,
    /// Is a certain radius asked for? A smaller one is then no yes.
    fixed: bool,
    started: Instant,
}

/// What remains of one until its turn: everything else is computed again.
#[derive(Debug)]
struct Waiting {
    /// What is proven by now, if the time ends before its turn.
    row: Row,
    proven: f64,
    score: f64,
}

/// Goes through the samples; `done` gets every row as it is finished.
pub fn run(
    (model, placed): (&Model, &Placed),
    task: &Task,
    samples: &Samples,
    rows: &mut dyn Iterator<Item = usize>,
    done: &mut dyn FnMut(Row) -> Result<()>,
) -> Result<()> {
    let job = Job { model, placed, task };
    let at_once = job.at_once();
    let mut waiting = vec![];
    loop {
        let lot: Vec<Sample> = (&mut *rows).take(at_once).map(|row| samples.get(row)).collect();
        if lot.is_empty() || task.until.is_over() {
            break;
        }
        let open = job.lot(lot, done)?;
        if task.until.is_stopped() {
            return Ok(());
        }
        for open in open {
            if task.options.time.is_none() {
                done(open.finished("done"))?;
                continue;
            }
            waiting.push(open.wait());
        }
    }
    match task.order {
        Order::Rows => {}
        Order::Promising => waiting.sort_by(|a, b| b.score.total_cmp(&a.score)),
        Order::Worst => waiting.sort_by(|a, b| a.score.total_cmp(&b.score)),
    }
    for waiting in waiting {
        if task.until.is_stopped() {
            break;
        }
        let late = task.until.is_over();
        done(if late { waiting.row } else { job.closer(&waiting, samples)? })?;
    }
    Ok(())
}

struct Job<'a> {
    model: &'a Model,
    placed: &'a Placed,
    task: &'a Task,
}

impl Job<'_> {
    /// Samples whose rows of back-substitution memory holds.
    fn at_once(&self) -> usize {
        let widest = self.model.net().nodes.iter().map(|n| n.len()).max().unwrap_or(1);
        let budget = self.task.options.budget();
        (budget.rows(widest) / PART).clamp(1, self.placed.at_once())
    }

    fn budget(&self, seconds: f64) -> Budget {
        let time = Duration::from_secs_f64(seconds);
        let left = self.task.until.left().unwrap_or(time).max(Duration::from_millis(1));
        let options = &self.task.options;
        Budget::new(time.min(left), options.memory).or_until(options.stop.clone())
    }

    /// For linear bounds of so many samples.
    fn brief(&self, samples: usize) -> Budget {
        let each = self.task.options.time.map_or(BRIEF, |t| SHARE * t.as_secs_f64());
        self.budget(each * samples as f64)
    }

    /// One lot: rows that are finished go to `done`.
    fn lot(&self, lot: Vec<Sample>, done: &mut dyn FnMut(Row) -> Result<()>) -> Result<Vec<Open>> {
        let started = Instant::now();
        let count = lot.len() as f64;
        let mut open = vec![];
        for sample in lot {
            match self.begin(sample, started) {
                Ok(one) => open.push(one),
                Err(row) => done(*row)?,
            }
        }
        match &self.task.aim {
            Aim::At(_) => self.at(&mut open)?,
            Aim::Radius => self.radii(&mut open)?,
        }
        if self.task.until.is_stopped() {
            return Ok(vec![]);
        }
        let each = started.elapsed().as_secs_f64() / count;
        let mut rest = vec![];
        for mut one in open {
            one.row.seconds = each;
            match one.row.status.is_empty() {
                true => rest.push(one),
                false => done(one.row)?,
            }
        }
        Ok(rest)
    }

    /// What is known at the sample itself; a finished row where that is all.
    fn begin(&self, sample: Sample, started: Instant) -> std::result::Result<Open, Box<Row>> {
        let mut row = Row { key: sample.key, row: sample.row, label: sample.label, ..Row::default() };
        let failed = |row: Row, e: Error| {
            let text = format!("{}; {}", e.what, e.next);
            Box::new(Row { error: Some(text), status: "error".into(), ..row })
        };
        let values = match sample.values {
            Ok(values) => values,
            Err(e) => return Err(failed(row, e)),
        };
        let output = self.model.output(&values);
        row.predicted = output.class();
        row.correct = row.label.and_then(|l| row.predicted.map(|p| l == p as i64));
        let finished = |row: Row, status: &str| Box::new(Row { status: status.into(), ..row });
        let Some(class) = row.predicted else { return Err(finished(row, "tie")) };
        let leads = output.leads(class);
        let others = crate::method::margin::others(class, output.lower.len());
        let runner = others.zip(&leads).min_by(|a, b| a.1.total_cmp(b.1)).map(|(j, l)| (j, *l));
        (row.runner_up, row.margin) = (runner.map(|r| r.0), runner.map(|r| r.1));
        if row.correct == Some(false) {
            row.verified = Some(false);
            row.radius = Some(0.0);
            return Err(finished(row, "misclassified"));
        }
        let (radius, fixed) = match &self.task.aim {
            Aim::At(eps) => (eps.clone(), true),
            Aim::Radius => (Written::float(1.0).unwrap_or(Written::ZERO), false),
        };
        let region = match Region::ball_of(values, radius, self.task.norm, self.task.clip.clone()) {
            Ok(region) => region,
            Err(e) => return Err(failed(row, e)),
        };
        if region.is_point() {
            (row.verified, row.radius, row.method) = (Some(true), Some(0.0), Some("centre".into()));
            return Err(finished(row, "verified"));
        }
        Ok(Open {
            row,
            class,
            leads,
            region,
            proven: 0.0,
            most: f64::INFINITY,
            led: Led::default(),
            fixed,
            started,
        })
    }

    /// Yes or no at the radius asked for.
    fn at(&self, open: &mut [Open]) -> Result<()> {
        let budget = self.brief(open.len());
        let regions: Vec<&Region> = open.iter().map(|o| &o.region).collect();
        let classes: Vec<usize> = open.iter().map(|o| o.class).collect();
        let led = if open.is_empty() { None } else { self.placed.leads(&regions, &classes, &budget)? };
        for (one, led) in open.iter_mut().zip(led.into_iter().flatten()) {
            one.led = led;
            one.proven = one.led.within.unwrap_or(0.0);
            one.row.method = (one.proven > 0.0).then(|| "linear".into());
            if one.led.leads.iter().all(|l| *l > 0.0) {
                one.verified("linear");
            }
        }
        for one in open.iter_mut().filter(|o| o.row.status.is_empty()) {
            let found = self.placed.refute(&one.region, one.class, &self.task.options, &budget);
            if let Some(found) = found {
                self.refuted(one, found);
            }
        }
        Ok(())
    }

    /// Radii that linear bounds prove, of all samples together.
    fn radii(&self, open: &mut [Open]) -> Result<()> {
        let budget = self.brief(open.len());
        let regions: Vec<&Region> = open.iter().map(|o| &o.region).collect();
        let classes: Vec<usize> = open.iter().map(|o| o.class).collect();
        let guesses = match open.is_empty() {
            true => vec![],
            false => self.placed.linear_radii(&regions, &classes, &budget),
        };
        let tolerance = self.task.options.gap;
        let start = |(g, one): (&Option<f64>, &Open)| {
            let margin = one.leads.iter().copied().fold(f64::INFINITY, f64::min);
            Bracket::new(FIRST * coarse(g.unwrap_or(1e-3)), margin, tolerance)
        };
        let mut brackets: Vec<Bracket> = guesses.iter().zip(open.iter()).map(start).collect();
        while !budget.is_over() {
            let next = |(i, b): (usize, &Bracket)| {
                let radius = b.next()?;
                Some((i, radius, open[i].region.with_radius(Written::float(radius)?)?))
            };
            let now: Vec<(usize, f64, Region)> = brackets.iter().enumerate().filter_map(next).collect();
            if now.is_empty() {
                break;
            }
            let regions: Vec<&Region> = now.iter().map(|n| &n.2).collect();
            let classes: Vec<usize> = now.iter().map(|n| open[n.0].class).collect();
            let Some(led) = self.placed.leads(&regions, &classes, &budget)? else { break };
            for ((i, radius, _), led) in now.iter().zip(&led) {
                brackets[*i].take(*radius, led);
            }
        }
        for (one, bracket) in open.iter_mut().zip(&brackets) {
            one.proven = bracket.proven;
            one.row.method = (one.proven > 0.0).then(|| "linear".into());
        }
        Ok(())
    }

    fn refuted(&self, one: &mut Open, found: Counterexample) {
        one.most = one.most.min(found.distance);
        one.row.counterexample = Some(self.refutation(found));
        if matches!(self.task.aim, Aim::At(_)) {
            one.row.verified = Some(false);
            one.row.radius = (one.proven > 0.0).then_some(one.proven);
            one.row.status = "refuted".into();
        }
    }

    fn refutation(&self, found: Counterexample) -> Refutation {
        let values = self.model.net().evaluate(&found.x);
        Refutation { class: found.class, distance: found.distance, values, file: None, x: Some(found.x) }
    }

    /// The dearer steps for one sample, within its time.
    fn closer(&self, waiting: &Waiting, samples: &Samples) -> Result<Row> {
        let started = Instant::now();
        let mut one = match self.begin(samples.get(waiting.row.row), started) {
            Ok(one) => one,
            Err(row) => return Ok(*row),
        };
        one.proven = waiting.proven;
        one.row.method = (one.proven > 0.0).then(|| "linear".into());
        let time = self.task.options.time.unwrap_or_default().as_secs_f64();
        let budget = self.budget(time);
        match &self.task.aim {
            Aim::At(_) => self.decide(&mut one, &budget)?,
            Aim::Radius => self.extend(&mut one, &budget)?,
        }
        one.row.seconds = waiting.row.seconds + one.started.elapsed().as_secs_f64();
        let status = if budget.is_over() { "time" } else { "done" };
        Ok(if one.row.status.is_empty() { one.finished(status) } else { one.row })
    }

    /// At the radius asked for: anchored constants, at once with a radius that they prove on the way, then parts.
    fn decide(&self, one: &mut Open, budget: &Budget) -> Result<()> {
        let classes = [one.class];
        let led = self.placed.leads(&[&one.region], &classes, &budget.part(SHARE))?;
        one.led = led.and_then(|l| l.into_iter().next()).unwrap_or_default();
        let region = one.region.clone();
        if !self.constants(one, &region, budget)? {
            self.parts(one, &region, budget)?;
        }
        Ok(())
    }

    /// Do anchored constants prove that the class leads on all of the ball?
    fn constants(&self, one: &mut Open, region: &Region, budget: &Budget) -> Result<bool> {
        let asked = Asked { task: self.task, class: one.class, leads: &one.leads };
        let found = asked.on(self.placed, region, &one.led, one.proven, &budget.part(CONSTANTS))?;
        let Some(found) = found else { return Ok(false) };
        one.extended(&found);
        let whole = radius(region).is_some_and(|whole| found.radius >= whole);
        if whole && one.fixed {
            one.verified(found.method);
        }
        Ok(whole)
    }

    /// The same by parts of the ball, or a counterexample in one of them.
    fn parts(&self, one: &mut Open, region: &Region, budget: &Budget) -> Result<bool> {
        let asked = Asked { task: self.task, class: one.class, leads: &one.leads };
        let decided = asked.searched(self.placed, region, budget)?;
        match decided.answer {
            Answer::Holds => {
                let radius = radius(region).unwrap_or(0.0);
                one.extended(&Proven { radius, upper: 0.0, method: decided.method });
                if one.fixed {
                    one.verified(decided.method);
                }
                return Ok(true);
            }
            Answer::Violated(x) => {
                if let Some(found) = self.placed.refuted_at(region, one.class, x, budget) {
                    self.refuted(one, found);
                }
            }
            Answer::Open => {}
        }
        Ok(false)
    }

    /// Larger radii by anchored constants and by parts, and counterexamples from above, until they meet.
    fn extend(&self, one: &mut Open, budget: &Budget) -> Result<()> {
        self.nearest(one, budget)?;
        let mut given_up = one.most;
        while !budget.is_over() && given_up > one.proven * self.task.options.gap {
            let radius = match (given_up.is_finite(), one.proven > 0.0) {
                (true, true) => (given_up * one.proven).sqrt().min(2.0 * one.proven),
                (true, false) => given_up / 4.0,
                (false, true) => 2.0 * one.proven,
                (false, false) => return Ok(()),
            };
            let Some(region) = Written::float(radius).and_then(|r| one.region.with_radius(r)) else { break };
            let share = budget.part(TRY);
            if share.remaining() < SHORT {
                break;
            }
            let led = self.placed.leads(&[&region], &[one.class], &share.part(SHARE))?;
            one.led = led.and_then(|l| l.into_iter().next()).unwrap_or_default();
            if !self.constants(one, &region, &share)? && !self.parts(one, &region, &share)? {
                given_up = radius;
            }
            given_up = given_up.min(one.most);
        }
        Ok(())
    }

    /// A counterexample as near as a few searches find it.
    fn nearest(&self, one: &mut Open, budget: &Budget) -> Result<()> {
        let share = budget.part(SHARE);
        let guess = self.placed.linear_radii(&[&one.region], &[one.class], &share)[0];
        let mut radius = 2.0 * guess.unwrap_or(one.proven).max(one.proven);
        for _ in 0..6 {
            if share.is_over() || radius.is_nan() || radius <= one.proven {
                break;
            }
            let Some(region) = Written::float(radius).and_then(|r| one.region.with_radius(r)) else { break };
            match self.placed.refute(&region, one.class, &self.task.options, &share) {
                Some(found) => {
                    radius = 0.8 * found.distance;
                    self.refuted(one, found);
                }
                None if one.most.is_finite() => break,
                None => radius *= 3.0,
            }
        }
        Ok(())
    }
}

impl Open {
    fn verified(&mut self, method: &str) {
        let radius = self.region.ball_norm().map(|(_, r)| written(r));
        (self.row.verified, self.row.radius) = (Some(true), radius);
        self.row.method = Some(method.into());
        self.row.status = "verified".into();
    }

    fn extended(&mut self, found: &Proven) {
        if found.radius > self.proven {
            self.proven = found.radius;
            self.row.upper = (found.upper > 0.0).then_some(found.upper);
            self.row.method = Some(found.method.into());
        }
    }

    fn wait(self) -> Waiting {
        let worst = self.led.leads.iter().copied().fold(f64::INFINITY, f64::min);
        let score = if worst.is_finite() { worst } else { self.proven };
        let proven = self.proven;
        Waiting { row: self.finished(WAITING), proven, score }
    }

    /// With the largest radius that is proven.
    fn finished(self, status: &str) -> Row {
        let verified = (self.proven > 0.0 && !self.fixed).then_some(true);
        let radius = (self.proven > 0.0).then_some(self.proven);
        Row { radius, verified: self.row.verified.or(verified), status: status.into(), ..self.row }
    }
}

/// A ball's, at least.
fn radius(region: &Region) -> Option<f64> {
    region.ball_norm().map(|(_, r)| r.ends().lo)
}

/// A radius that somebody wrote, as the number that reads like it, unless that is larger.
fn written(radius: &Written) -> f64 {
    let (near, below) = (radius.nearest(), radius.ends().lo);
    match Written::parse(&decimal_down(near)) {
        Ok(read) if read <= *radius => near,
        _ => below,
    }
}

/// A number near x that does not show in which order sums were taken.
fn coarse(x: f64) -> f64 {
    ((STEPS * x.ln()).round() / STEPS).exp()
}
