//! A part of the region: a box, decisions on which side of a kink neurons are, and what
//! is known of every nonlinear node's arguments there.

use super::feedback::Scaled;
use crate::layer::Piecewise;
use crate::net::{Net, Op};
use crate::region::Region;
use crate::sweep::{Bounds, Ends};
use ndarray::{Array2, Axis};
use std::sync::Arc;

/// A decision: the value of a node's feature lies on one side of a kink.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    pub node: usize,
    pub feature: usize,
    pub at: f64,
    pub above: bool,
}

/// How a part is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    Kink { node: usize, feature: usize, at: f64 },
    Input { feature: usize, at: f64 },
}

#[derive(Clone, Debug)]
pub struct Part {
    pub lo: Vec<f64>,
    pub hi: Vec<f64>,
    pub cuts: Vec<Cut>,
    /// Ends of nodes that nonlinear ones read.
    pub known: Vec<Option<[Vec<f64>; 2]>>,
    /// An upper bound of every Jacobian's norm in the interior.
    pub bound: f64,
    /// Scalings that show this bound; None: linear bounds do.
    pub shown: Option<Arc<Vec<Scaled>>>,
    /// The best ones that were found, for this part or one around it.
    pub scaled: Arc<Vec<Scaled>>,
    /// Where only the steepest row counts, upper bounds of every row's norm on this part or one around it; else none.
    pub rows: Arc<Vec<f64>>,
    /// Its place in the tree of all parts.
    pub place: usize,
}

impl Part {
    pub fn whole(lo: &[f64], hi: &[f64], nodes: usize, bound: f64) -> Part {
        let (lo, hi, known) = (lo.to_vec(), hi.to_vec(), vec![None; nodes]);
        Part {
            lo,
            hi,
            cuts: vec![],
            known,
            bound,
            shown: None,
            scaled: Arc::default(),
            rows: Arc::default(),
            place: 0,
        }
    }

    /// Is it all of the region, with nothing decided or known?
    pub fn is_whole(&self, region: &Region) -> bool {
        let known = self.known.iter().any(Option::is_some);
        let whole = region.ends().is_some_and(|(lo, hi)| self.lo == lo && self.hi == hi);
        self.cuts.is_empty() && !known && whole
    }

    /// Coordinates that vary on the part.
    pub fn free(&self, fixed: &[bool]) -> Vec<bool> {
        (0..self.lo.len()).map(|j| !fixed[j] && self.lo[j] < self.hi[j]).collect()
    }

    /// The faces of the box of a homogeneous network: every ray with t > 0 meets one of them. First
    /// t at its upper end, then every other coordinate at its upper and its lower end.
    pub fn faces(&self) -> Vec<Part> {
        let last = self.lo.len() - 1;
        let face = |j: usize, above: bool| {
            let mut part = self.clone();
            if above {
                part.lo[j] = part.hi[j]
            } else {
                part.hi[j] = part.lo[j]
            }
            part
        };
        let sides = (0..last).flat_map(|j| [face(j, true), face(j, false)]);
        std::iter::once(face(last, true)).chain(sides).collect()
    }

    /// Both sides.
    pub fn divided(&self, split: Split) -> [Part; 2] {
        [true, false].map(|above| {
            let mut part = self.clone();
            match split {
                Split::Input { feature, at } if above => part.lo[feature] = at,
                Split::Input { feature, at } => part.hi[feature] = at,
                Split::Kink { node, feature, at } => {
                    part.cuts.push(Cut { node, feature, at, above });
                    let [lo, hi] = part.known[node].as_mut().expect("nodes that are split have ends");
                    if above {
                        lo[feature] = lo[feature].max(at);
                    } else {
                        hi[feature] = hi[feature].min(at);
                    }
                }
            }
            part
        })
    }

    /// How to decide on which side of a kink a node's feature lies.
    pub fn open(&self, net: &Net, node: usize, feature: usize) -> Option<Split> {
        let [lo, hi] = self.known[node].as_ref()?;
        let readers = net.nodes.iter().filter(|r| r.inputs.contains(&node));
        let kinks = readers.filter_map(|r| match &r.op {
            Op::Piecewise(f) => kink(f, feature, lo[feature], hi[feature]),
            // Maxima and smooth functions are never decided by cuts.
            Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => None,
            Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => None,
        });
        kinks.map(|at| Split::Kink { node, feature, at }).next()
    }

    /// Bytes that the part takes while it waits.
    pub fn bytes(&self) -> usize {
        let ends: usize = self.known.iter().flatten().map(|e| 2 * e[0].len()).sum();
        let scaled = self.scaled.iter().map(|s| s.bytes()).sum::<usize>();
        8 * (ends + 2 * self.lo.len() + 4 * self.cuts.len() + self.rows.len()) + scaled + 128
    }
}

/// Nodes that a nonlinear one reads.
pub fn read_by_nonlinear(net: &Net) -> Vec<bool> {
    let mut read = vec![false; net.nodes.len()];
    for node in net.nodes.iter().filter(|n| n.op.is_nonlinear()) {
        node.inputs.iter().for_each(|&i| read[i] = true);
    }
    read
}

/// The parts' boxes, one item each.
pub fn boxes(parts: &[Part]) -> Ends {
    let n = parts[0].lo.len();
    let table = |f: &dyn Fn(usize, usize) -> f64| Array2::from_shape_fn((parts.len(), n), |(i, j)| f(i, j));
    Ends { lo: table(&|i, j| parts[i].lo[j]), hi: table(&|i, j| parts[i].hi[j]) }
}

/// What is known of each node, one item per part.
pub fn known(parts: &[Part], net: &Net) -> Bounds {
    let of = |k: usize| {
        parts.iter().find_map(|p| p.known[k].as_ref())?;
        let table = |side: usize| {
            Array2::from_shape_fn((parts.len(), net.nodes[k].len()), |(i, j)| {
                parts[i].known[k].as_ref().map_or([f64::NEG_INFINITY, f64::INFINITY][side], |e| e[side][j])
            })
        };
        Some(Ends { lo: table(0), hi: table(1) })
    };
    (0..net.nodes.len()).map(of).collect()
}

/// One item's row of a node's ends.
pub fn row(ends: &Ends, item: usize) -> [Vec<f64>; 2] {
    [&ends.lo, &ends.hi].map(|a| a.index_axis(Axis(0), item).to_vec())
}

/// The kink of a function inside (l, u) that lies nearest to the middle.
pub fn kink(f: &Piecewise, feature: usize, l: f64, u: f64) -> Option<f64> {
    let middle = 0.5 * l + 0.5 * u;
    let inside = f.kinks(feature).into_iter().flatten().filter(|k| l < *k && *k < u);
    inside.min_by(|a, b| (a - middle).abs().total_cmp(&(b - middle).abs()))
}
