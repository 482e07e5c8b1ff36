//! How far a matrix with open slopes fed back into it can stretch: scalings that show it, in plain
//! arithmetic.
//!
//! Of (z, y) = G (x, e) with |e_j| <= reach_j |z_j|: where ‖K‖_2 <= 1 for
//!   K = diag(reach w, 1 / level) G diag(1 / s, 1 / w), every y has ‖y‖_2 <= level ‖s x‖_2.
//! Found by descent on the logarithms of w and s, with a small barrier where K's first rows reach 1, from scalings
//! that one factorisation finds.

mod start;
mod system;
mod value;

pub use system::Gain;

use super::descent::{lower, stride};
use super::scaling::Scaling;
use value::{Aim, Barrier, Level, Products};

/// When a descent ends.
pub struct Effort<'a> {
    /// Evaluations after the start at most.
    pub calls: usize,
    /// The smallest gain of a step, relative to the level's square.
    pub tolerance: f64,
    /// A level that no lower one is better than.
    pub enough: f64,
    /// Starts above it are not improved.
    pub hopeless: f64,
    /// Asked before every evaluation.
    pub stop: &'a dyn Fn() -> bool,
}

/// Scalings that hold, their level, and every neuron's part in it.
pub struct Found {
    pub scaling: Scaling,
    pub level: f64,
    pub parts: Vec<f64>,
}

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

/// What an evaluation costs, in multiplications, about: four triangular products or factorisations of the order
/// of neurons, and as many as for the neurons' columns again where scalings of inputs are looked for.
pub fn work(neurons: usize, inputs: usize, outputs: usize, spread: bool) -> f64 {
    let [m, n, rows] = [neurons, inputs, outputs].map(|x| x as f64);
    let own = if spread { n } else { 0.0 };
    m * m * (m / 1.5 + own) + rows * (own + m) * (m + rows) + rows * m * m + rows.powi(3)
}

/// A place on the way.
struct Place {
    logs: Vec<f64>,
    level: Level,
    barrier: Barrier,
}

/// A descent, with the best that was found.
struct Search<'s, 'g> {
    gain: &'s Gain<'g>,
    effort: &'s Effort<'s>,
    best: Option<(f64, Found)>,
    calls: usize,
}

impl Gain<'_> {
    /// Those with Σ s² = 1 in few digits; None where they are too far from 1.
    fn read(&self, logs: &[f64]) -> Option<Scaling> {
        if logs.iter().any(|l| l.is_nan() || l.abs() > RANGE) {
            return None;
        }
        let (w, s) = logs.split_at(self.neurons());
        let mut inputs: Vec<f64> = s.iter().map(|l| l.exp()).collect();
        let size = inputs.iter().map(|s| s * s).sum::<f64>().sqrt();
        inputs.iter_mut().for_each(|s| *s /= size);
        Some(Scaling { neurons: w.iter().map(|l| l.exp()).collect(), inputs }.rounded())
    }

    fn logs(&self, scaling: &Scaling) -> Vec<f64> {
        scaling.neurons.iter().chain(&scaling.inputs).map(|x| x.ln()).collect()
    }

    /// The level of these scalings, if they hold at any, and every neuron's part in it.
    pub fn level(&self, scaling: &Scaling) -> Option<(f64, Vec<f64>)> {
        let level = self.level_of(&self.products(scaling.clone())?)?;
        Some((level.get(), level.parts().to_vec()))
    }

    /// The best scalings that were found; the given ones serve as start where they hold. They are much better ones
    /// where they are of a similar loop, or of more outputs; of other outputs they are worse than none.
    pub fn improved(&self, start: Option<&Scaling>, effort: &Effort) -> Option<Found> {
        let mut search = Search { gain: self, effort, best: None, calls: effort.calls };
        search.run(start);
        search.best.map(|(_, found)| found)
    }
}

impl Search<'_, '_> {
    fn is_over(&self) -> bool {
        let Effort { enough, hopeless, .. } = *self.effort;
        self.calls == 0 || self.best.as_ref().is_some_and(|b| b.0 <= enough || b.0 > hopeless)
    }

    fn run(&mut self, start: Option<&Scaling>) -> Option<()> {
        if (self.effort.stop)() {
            return None;
        }
        let given = start.and_then(|s| self.gain.products(s.clone()));
        let mut place = self.place(given.or_else(|| self.gain.start())?)?;
        let [rough, fine] = aims(self.gain.neurons());
        place = self.descend(place, rough, true);
        place = self.descend(place, rough, false);
        self.descend(place, fine, false);
        Some(())
    }

    /// None where nothing is to be looked for from there.
    fn place(&mut self, at: Products) -> Option<Place> {
        let level = self.gain.level_of(&at)?;
        let size = level.of_unit();
        if self.best.as_ref().is_none_or(|best| size < best.0) {
            let found =
                Found { scaling: level.scaling.clone(), level: level.get(), parts: level.parts().to_vec() };
            self.best = Some((size, found));
        }
        if self.is_over() {
            return None;
        }
        Some(Place { logs: self.gain.logs(&level.scaling), barrier: self.gain.barrier(&at), level })
    }

    fn evaluated(&mut self, logs: &[f64]) -> Option<Place> {
        if self.is_over() {
            return None;
        }
        if (self.effort.stop)() {
            self.calls = 0;
            return None;
        }
        self.calls -= 1;
        let at = self.gain.products(self.gain.read(logs)?)?;
        self.place(at)
    }

    /// The lowest place on the way, by this aim.
    fn descend(&mut self, from: Place, aim: Aim, strides: bool) -> Place {
        let value = |place: &Place| place.level.descended(&place.barrier, aim);
        let start = (from.logs.clone(), value(&from));
        let (calls, tolerance) = (self.calls, self.effort.tolerance);
        let mut lowest = (start.1.value, from);
        let mut rate = |logs: &[f64]| {
            let place = self.evaluated(logs)?;
            let found = value(&place);
            if found.value < lowest.0 {
                lowest = (found.value, place);
            }
            Some(found)
        };
        if strides {
            stride(&mut rate, start, STRIDES.min(calls), tolerance);
        } else {
            lower(&mut rate, start, calls, tolerance);
        }
        lowest.1
    }
}

#[cfg(test)]
mod tests;
