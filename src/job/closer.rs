//! What linear bounds leave open of one sample: anchored constants of the differences, and parts of the ball.
//!
//! Within a ball of radius R on which f_c − f_j has the anchored constant L around x, it is at least
//! m_j − L r at distance r <= R, m_j its value at x: positive for all r < m_j / L.

use super::task::Task;
use crate::engine::{Options, Placed};
use crate::error::Result;
use crate::method::margin::linear::Led;
use crate::method::margin::statement::Statement;
use crate::method::{Budget, Decision};
use crate::num::round::{div_down, mul_up, sub_down};
use crate::problem::Question;
use crate::region::Region;
use crate::search::property::Decided;

/// What is asked of a sample.
#[derive(Debug)]
pub struct Asked<'a> {
    pub task: &'a Task,
    pub class: usize,
    /// Leads at the sample, in the order of the other outputs.
    pub leads: &'a [f64],
}

/// What anchored constants prove on a ball.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The class leads within this distance; the ball's radius where it leads on all of it.
    pub radius: f64,
    /// The constant of the difference that decides.
    pub upper: f64,
    pub method: &'static str,
}

impl Asked<'_> {
    /// The radius that constants on this ball prove, within a time; `known`: what linear bounds say there. Ends
    /// with the first difference that does not prove more than `least`.
    pub fn on(
        &self,
        placed: &Placed,
        region: &Region,
        known: &Led,
        least: f64,
        budget: &Budget,
    ) -> Result<Option<Proven>> {
        let Some((norm, written)) = region.ball_norm() else { return Ok(None) };
        let (radius, size) = (written.ends().lo, written.ends().hi);
        let here = placed.at(region.clone())?;
        let open = |&i: &usize| !(known.leads.get(i).is_some_and(|l| *l > 0.0));
        let mut open: Vec<usize> = (0..self.leads.len()).filter(open).collect();
        let lead = |i: usize| known.leads.get(i).copied().unwrap_or(f64::NEG_INFINITY);
        open.sort_by(|&a, &b| lead(a).total_cmp(&lead(b)));
        let mut proven = Proven { radius, upper: 0.0, method: "linear" };
        for (done, &i) in open.iter().enumerate() {
            let margin = self.leads[i];
            let other = if i < self.class { i } else { i + 1 };
            let share = budget.part(1.0 / (open.len() - done) as f64);
            let question = Question::margin(self.class, other, norm).anchored();
            let answer = here.bound_within(0, &question, &self.options(margin, size), share, &mut |_| {})?;
            let upper = answer.upper();
            let within = match sub_down(margin, mul_up(upper, size)) > 0.0 {
                true => radius,
                // Less than the ball's: on all of it nothing is proven.
                false => below(div_down(margin, upper)).min(below(radius)),
            };
            if within < proven.radius || proven.upper == 0.0 {
                proven = Proven { radius: within.min(proven.radius), upper, method: answer.upper_by() };
            }
            if proven.radius <= least {
                return Ok(None);
            }
        }
        Ok(Some(proven))
    }

    /// Does the class lead on all of the ball? By parts of it.
    pub fn searched(&self, placed: &Placed, region: &Region, budget: &Budget) -> Result<Decided> {
        let statement = Statement::caught(self.class, self.leads.len() + 1);
        placed.decide(region, &statement, &self.task.options, budget)
    }

    /// The work ends where the constant is small enough, or certainly too large.
    fn options(&self, margin: f64, size: f64) -> Options {
        let enough = below(div_down(margin, size));
        let task = &self.task.options;
        Options {
            decision: Some(Decision { enough, plenty: margin / size }),
            gap: 1.0 + 1e-9,
            ..task.clone()
        }
    }
}

/// The next smaller number, of positive ones.
fn below(x: f64) -> f64 {
    if x > 0.0 { x.next_down() } else { 0.0 }
}
