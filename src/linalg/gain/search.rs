//! The way of one descent, one evaluation after the other, wherever and with however many others they are made.

use super::value::{Aim, Level};
use super::{Effort, Found};
use crate::linalg::descent::{Descent, Value};
use crate::linalg::scaling::{Barrier, Scaling};

/// Calls that coordinates move by themselves.
const STRIDES: usize = 12;
/// Logarithms stay within.
const RANGE: f64 = 90.0;

/// What is aimed at, one after the other: the barrier's weights with so many neurons, and how sharp the largest of
/// several output directions counts. On random loops with 50 to 300 neurons the first aim is within 5 % of the end
/// after 20 evaluations; a lighter barrier or a sharper maximum makes the way there longer.
const HEAVY: [f64; 2] = [0.6, 2e-3];
const LIGHT: f64 = 0.01;
const SHARPNESS: [f64; 2] = [10.0, 100.0];

fn aims(neurons: usize) -> [Aim; 2] {
    let m = neurons.max(1) as f64;
    let weights = [(HEAVY[0] / m).min(HEAVY[1]), (LIGHT / m).min(HEAVY[1])];
    [0, 1].map(|k| Aim { weight: weights[k], sharpness: SHARPNESS[k] })
}

/// How many scalings there are; those of inputs where they are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub neurons: usize,
    pub inputs: usize,
}

impl Shape {
    /// Those with Σ s² = 1 in few digits; None where they are too far from 1.
    pub(super) fn read(&self, logs: &[f64]) -> Option<Scaling> {
        if logs.iter().any(|l| l.is_nan() || l.abs() > RANGE) {
            return None;
        }
        let (w, s) = logs.split_at(self.neurons);
        let mut inputs: Vec<f64> = s.iter().map(|l| l.exp()).collect();
        let size = inputs.iter().map(|s| s * s).sum::<f64>().sqrt();
        inputs.iter_mut().for_each(|s| *s /= size);
        Some(Scaling { neurons: w.iter().map(|l| l.exp()).collect(), inputs }.rounded())
    }
}

pub(super) fn logs(scaling: &Scaling) -> Vec<f64> {
    scaling.neurons.iter().chain(&scaling.inputs).map(|x| x.ln()).collect()
}

/// A place on the way.
struct Place {
    level: Level,
    barrier: Barrier,
}

/// A stage of the way: what is aimed at, and the lowest place so far.
struct Stage {
    aim: Aim,
    descent: Descent,
    lowest: (f64, Place),
}

/// A descent, with the best that was found.
pub struct Search<'e> {
    shape: Shape,
    effort: &'e Effort<'e>,
    best: Option<(f64, Found)>,
    calls: usize,
    /// Stages that are over.
    past: usize,
    stage: Option<Stage>,
}

impl<'e> Search<'e> {
    pub fn new(shape: Shape, effort: &'e Effort<'e>) -> Search<'e> {
        Search { shape, effort, best: None, calls: effort.calls, past: 0, stage: None }
    }

    /// From the level of the scalings that a search starts with.
    pub fn begin(&mut self, level: Option<Level>, barrier: impl FnOnce() -> Barrier) {
        if let Some(place) = level.and_then(|l| self.place(l, barrier)) {
            self.enter(place);
        }
    }

    /// Scalings to be evaluated; None when it is over.
    pub fn ask(&mut self) -> Option<Scaling> {
        loop {
            let stage = self.stage.as_mut()?;
            let Some(logs) = stage.descent.ask() else {
                self.past += 1;
                let (_, place) = self.stage.take()?.lowest;
                self.enter(place);
                continue;
            };
            if self.is_over() || (self.effort.stop)() {
                self.stage = None;
                return None;
            }
            self.calls -= 1;
            match self.shape.read(&logs) {
                Some(scaling) => return Some(scaling),
                None => self.take(None, || unreachable!("no level")),
            }
        }
    }

    /// The level of the scalings that were asked for, and what else is to be known of them.
    pub fn take(&mut self, level: Option<Level>, barrier: impl FnOnce() -> Barrier) {
        let place = level.and_then(|l| self.place(l, barrier));
        let Some(stage) = &mut self.stage else { return };
        let found = place.map(|place| (stage.value(&place), place));
        let value = found.map(|(found, place)| {
            if found.value < stage.lowest.0 {
                stage.lowest = (found.value, place);
            }
            found
        });
        stage.descent.take(value);
    }

    /// The best that was found.
    pub fn found(self) -> Option<Found> {
        self.best.map(|(_, found)| found)
    }

    fn is_over(&self) -> bool {
        let Effort { enough, hopeless, .. } = *self.effort;
        self.calls == 0 || self.best.as_ref().is_some_and(|b| b.0 <= enough || b.0 > hopeless)
    }

    /// None where nothing is to be looked for from there.
    fn place(&mut self, level: Level, barrier: impl FnOnce() -> Barrier) -> Option<Place> {
        let size = level.of_unit();
        if self.best.as_ref().is_none_or(|best| size < best.0) {
            let found =
                Found { scaling: level.scaling.clone(), level: level.get(), parts: level.parts().to_vec() };
            self.best = Some((size, found));
        }
        if self.is_over() {
            return None;
        }
        Some(Place { level, barrier: barrier() })
    }

    /// The stage that follows those that are over.
    fn enter(&mut self, place: Place) {
        let [rough, fine] = aims(self.shape.neurons);
        let (aim, strides) = match self.past {
            0 => (rough, true),
            1 => (rough, false),
            2 => (fine, false),
            _ => return,
        };
        let here = place.level.descended(&place.barrier, aim);
        let (value, start) = (here.value, (logs(&place.level.scaling), here));
        let tolerance = self.effort.tolerance;
        let descent = match strides {
            true => Descent::stride(start, STRIDES.min(self.calls), tolerance),
            false => Descent::lower(start, self.calls, tolerance),
        };
        self.stage = Some(Stage { aim, descent, lowest: (value, place) });
    }
}

impl Stage {
    fn value(&self, place: &Place) -> Value {
        place.level.descended(&place.barrier, self.aim)
    }
}
