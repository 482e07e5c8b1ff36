//! What is searched in place of a problem: a network with the same constant whose kinks cuts decide, on
//! a bounded region.

use crate::net::{Net, Op};
use crate::num::rational::{Rational, is_positive};
use crate::problem::{Problem, Quantity};

/// Neurons up to which maxima are taken apart, and everything is searched.
const KINKS: usize = 2000;
/// Inputs up to which everything is searched: it begins with twice as many parts.
const INPUTS: usize = 256;

pub struct Stand {
    /// None: the problem itself.
    pub problem: Option<Problem>,
    /// Does it have kinks in place of maxima?
    pub kinks: bool,
    /// Half the width of the box whose faces stand for everything.
    pub reach: Option<f64>,
}

impl Stand {
    /// None where there is nothing to divide.
    pub fn of(problem: &Problem) -> Option<Stand> {
        if problem.region.is_point() || problem.quotient.quantity != Quantity::Lipschitz {
            return None;
        }
        let net = problem.net.without_maxima().filter(|net| net.neurons() <= KINKS);
        let kinks = net.is_some();
        let mut own = net.map(|net| Problem { net, ..problem.clone() });
        let mut reach = None;
        if problem.region.is_global() {
            let net = own.as_ref().map_or(&problem.net, |p| &p.net);
            let small = net.neurons() <= KINKS && net.inputs() <= INPUTS;
            if !small {
                return None;
            }
            let size = usual(net);
            own = Some(own.as_ref().unwrap_or(problem).everywhere(size)?);
            reach = Some(size);
        }
        Some(Stand { problem: own, kinks, reach })
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
