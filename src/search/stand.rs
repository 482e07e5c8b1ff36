//! What is searched in place of a problem: a network with the same constant whose kinks cuts decide, on
//! a bounded region.

use crate::analysis::{Derived, Placed, Site};
use crate::backend::Backend;
use crate::method::context::Context;
use crate::net::{Net, Op};
use crate::num::rational::{Rational, is_positive};
use crate::problem::{Problem, Quantity};
use std::sync::Arc;

/// Neurons up to which maxima are taken apart, and everything is searched.
const KINKS: usize = 2000;
/// Inputs up to which everything is searched: it begins with twice as many parts.
const INPUTS: usize = 256;

pub struct StandIn<B: Backend> {
    /// None: the problem itself.
    own: Option<Own<B>>,
    /// Does it have kinks in place of maxima?
    pub kinks: bool,
    /// Half the width of the box whose faces stand for everything.
    pub reach: Option<f64>,
}

struct Own<B: Backend> {
    problem: Problem,
    placed: Arc<Placed<B>>,
    site: Arc<Site<B>>,
}

impl<B: Backend> StandIn<B> {
    /// None where there is nothing to divide.
    pub fn of(context: &Context<B>) -> Option<StandIn<B>> {
        let problem = context.problem;
        if problem.region.is_point() || problem.quotient.quantity != Quantity::Lipschitz {
            return None;
        }
        let few = |placed: &Arc<Placed<B>>| placed.net().neurons() <= KINKS;
        let plain = context.placed.kinks().filter(few);
        let kinks = plain.is_some();
        let own = |placed: Arc<Placed<B>>, which: Derived, problem: Problem| {
            let site = context.site.derived(which, || problem.region.clone());
            Own { problem: Problem { net: placed.net().clone(), ..problem }, placed, site }
        };
        if !problem.region.is_global() {
            let own = plain.map(|placed| own(placed, Derived::Kinks, problem.clone()));
            return Some(StandIn { own, kinks, reach: None });
        }
        let base = plain.as_deref().unwrap_or(context.placed);
        let net = base.net();
        let small = net.neurons() <= KINKS && net.inputs() <= INPUTS;
        if !small {
            return None;
        }
        let reach = usual(net);
        let placed = base.derived(Derived::Homogeneous, Net::homogeneous)?;
        let problem = problem.homogeneous(placed.net().clone(), reach)?;
        let own = own(placed, Derived::Homogeneous, problem);
        Some(StandIn { own: Some(own), kinks, reach: Some(reach) })
    }

    /// The problem that is searched in place of this one.
    pub fn problem<'c>(&'c self, home: &Context<'c, B>) -> &'c Problem {
        self.own.as_ref().map_or(home.problem, |own| &own.problem)
    }

    /// What is searched for this question.
    pub fn context<'c>(&'c self, home: &'c Context<'c, B>) -> Context<'c, B> {
        match &self.own {
            Some(own) => home.instead(&own.problem, (&own.placed, &own.site)).towards(home.goal),
            None => home.instead(home.problem, (home.placed, home.site)).towards(home.goal),
        }
    }

    /// The point of the problem that one of the stand's stands for.
    pub fn home(&self, mut point: Vec<f64>) -> Option<Vec<f64>> {
        if self.reach.is_some() {
            let t = point.pop()?;
            point.iter_mut().for_each(|y| *y /= t);
        }
        point.iter().all(|x| x.is_finite()).then_some(point)
    }

    /// The same in rationals.
    pub fn home_exactly(&self, mut point: Vec<Rational>) -> Option<Vec<Rational>> {
        if self.reach.is_some() {
            let t = point.pop().filter(is_positive)?;
            point.iter_mut().for_each(|y| *y = &*y / &t);
        }
        Some(point)
    }
}

/// A power of two near the places where the first layer's neurons have their kinks.
fn usual(net: &Net) -> f64 {
    let mut far: Vec<f64> = vec![];
    for node in net.nodes.iter().filter(|n| n.inputs == [0]) {
        let Op::Affine(a) = &node.op else { continue };
        let most = a.map.weights().iter().fold(0.0f64, |m, w| m.max(w.abs()));
        let bias = a.bias.as_ref().map_or(&[][..], |b| &b[..]);
        far.extend(bias.iter().map(|b| b.abs() / most).filter(|d| *d > 0.0 && d.is_finite()));
    }
    far.sort_by(f64::total_cmp);
    let middle = far.get(far.len() / 2).copied().unwrap_or(1.0);
    middle.log2().ceil().clamp(-40.0, 40.0).exp2()
}
