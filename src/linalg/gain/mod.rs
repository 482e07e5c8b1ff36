//! How far a matrix with open slopes fed back into it can stretch: scalings that show it, in plain
//! arithmetic.
//!
//! Of (z, y) = G (x, e) with |e_j| <= reach_j |z_j|: where ‖K‖_2 <= 1 for
//!   K = diag(reach w, 1 / level) G diag(1 / s, 1 / w), every y has ‖y‖_2 <= level ‖s x‖_2.
//! Found by descent on the logarithms of w and s, with a small barrier where K's first rows reach 1, from scalings
//! that one factorisation finds.

mod search;
mod start;
mod system;
mod value;

pub use search::{Search, Shape};
pub use system::Gain;
pub use value::{Aim, Level, tops};

use super::scaling::Scaling;

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

/// What an evaluation costs, in multiplications, about: four triangular products or factorisations of the order
/// of neurons, and as many as for the neurons' columns again where scalings of inputs are looked for.
pub fn work(neurons: usize, inputs: usize, outputs: usize, spread: bool) -> f64 {
    let [m, n, rows] = [neurons, inputs, outputs].map(|x| x as f64);
    let own = if spread { n } else { 0.0 };
    m * m * (m / 1.5 + own) + rows * (own + m) * (m + rows) + rows * m * m + rows.powi(3)
}

impl Gain<'_> {
    /// The level of these scalings, if they hold at any, and every neuron's part in it.
    pub fn level(&self, scaling: &Scaling) -> Option<(f64, Vec<f64>)> {
        let level = self.level_of(&self.products(scaling.clone())?)?;
        Some((level.get(), level.parts().to_vec()))
    }

    /// The best scalings that were found; the given ones serve as start where they hold. They are much better ones
    /// where they are of a similar loop, or of more outputs; of other outputs they are worse than none.
    pub fn improved(&self, start: Option<&Scaling>, effort: &Effort) -> Option<Found> {
        if (effort.stop)() {
            return None;
        }
        let given = start.and_then(|s| self.products(s.clone()));
        let at = given.or_else(|| self.start())?;
        let mut search = Search::new(self.shape(), effort);
        search.begin(self.level_of(&at), || self.barrier(&at));
        drop(at);
        while let Some(scaling) = search.ask() {
            let at = self.products(scaling);
            let level = at.as_ref().and_then(|at| self.level_of(at));
            search.take(level, || self.barrier(at.as_ref().expect("a level has products")));
        }
        search.found()
    }

    fn shape(&self) -> Shape {
        Shape { neurons: self.neurons(), inputs: if self.spread { self.inputs() } else { 0 } }
    }
}

#[cfg(test)]
mod tests;
