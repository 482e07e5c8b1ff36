//! Units of the input: what people divide and subtract before the network sees a sample.

use super::Net;
use crate::error::{Error, Result};
use crate::layer::Scale;
use crate::num::Written;
use crate::num::rational::{Rational, is_positive};
use crate::num::written::enclosed;

impl Net {
    /// (x - mean) / std per channel in front of the network.
    pub fn normalised(self, mean: Option<&[Written]>, std: Option<&[Written]>) -> Result<Net> {
        let exact = |list: &[Written]| list.iter().map(Written::value).collect::<Vec<Rational>>();
        let (mean, std) = match (mean.map(exact), std.map(exact)) {
            (None, None) => return Ok(self),
            (Some(m), Some(s)) => (m, s),
            (Some(m), None) => (m.clone(), vec![Rational::ONE; m.len()]),
            (None, Some(s)) => (vec![Rational::ZERO; s.len()], s),
        };
        let fits = mean.len() == std.len() && std.iter().all(is_positive);
        if !fits {
            return Err(Error::input("means and deviations do not belong together")
                .at("--mean and --std")
                .next("give one positive deviation per mean"));
        }
        let shape = &self.nodes[0].shape;
        let count = mean.len();
        let repeat = if count == 1 || shape.last() == Some(&count) && shape.first() != Some(&count) {
            1
        } else if shape.iter().find(|d| **d != 1) == Some(&count) {
            self.inputs() / count
        } else {
            return Err(Error::input(format!("{count} means for an input of shape {shape:?}"))
                .at("--mean and --std")
                .next("give one number, or one per channel"));
        };
        let factor = std.iter().map(|s| enclosed(&(Rational::ONE / s))).collect();
        let shift = mean.iter().zip(&std).map(|(m, s)| enclosed(&-(m / s))).collect();
        self.behind(Scale::new(factor, shift, repeat))
    }
}
