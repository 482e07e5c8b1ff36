//! Exact ties of maxima at a point, and how a direction breaks them.
//!
//! Two features of a node are provably equal at x when they are the same
//! function of equal inputs: the same channel of a convolution on equal
//! patches. At such a tie both candidates belong to the generalised Jacobian,
//! and of two equal values the one with the larger derivative along d wins at
//! x + t d for all small t > 0. So the gates resolved along one direction
//! enclose the Jacobians of a piece that touches x: enough for a lower bound
//! at x, never for an upper one.

use crate::backend::Backend;
use crate::layer::{Incidence, LinearMap, Piecewise, Scale};
use crate::net::{Net, Op};
use crate::sweep::{Gate, Prepared};
use std::collections::HashMap;

/// Which features of a node are provably equal.
enum Classes {
    /// Equal numbers mean equal values.
    Each(Vec<u32>),
    /// Feature = channel * places + place: equal within a channel where the
    /// places' numbers are equal.
    Grid(Vec<u32>),
    Unknown,
}

impl Classes {
    fn same(&self, a: usize, b: usize) -> bool {
        match self {
            Classes::Each(c) => c[a] == c[b],
            Classes::Grid(p) => a / p.len() == b / p.len() && p[a % p.len()] == p[b % p.len()],
            Classes::Unknown => a == b,
        }
    }
}

/// Padding in a key; never a class number.
const OUTSIDE: u32 = u32::MAX;

#[derive(Default)]
struct Numbers(HashMap<Vec<u32>, u32>);

impl Numbers {
    fn of(&mut self, key: Vec<u32>) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(key).or_insert(next)
    }

    fn all(keys: impl Iterator<Item = Vec<u32>>) -> Vec<u32> {
        let mut numbers = Numbers::default();
        keys.map(|k| numbers.of(k)).collect()
    }
}

fn classes(net: &Net, inputs: &[u32]) -> Vec<Classes> {
    let mut list: Vec<Classes> = Vec::with_capacity(net.nodes.len());
    for node in &net.nodes {
        let first = node.inputs.first().map(|&i| &list[i]);
        let same = || match first {
            Some(Classes::Each(c)) => Classes::Each(c.clone()),
            Some(Classes::Grid(p)) => Classes::Grid(p.clone()),
            _ => Classes::Unknown,
        };
        let next = match &node.op {
            Op::Input => Classes::Each(inputs.to_vec()),
            Op::Piecewise(Piecewise::PerFeature { .. }) => Classes::Unknown,
            Op::Piecewise(_) | Op::Smooth(_) => same(),
            Op::Scale(s) => scaled(s, first),
            Op::Select { incidence, .. } => windows(incidence, first),
            Op::Max(incidence) => windows(incidence, first),
            Op::Affine(a) => match &a.map {
                LinearMap::Conv { shape, adjoint: false, .. }
                    if a.bias.is_none() || a.repeat == shape.output[0] * shape.output[1] =>
                {
                    convolved(shape, first)
                }
                LinearMap::Dense(_) | LinearMap::Conv { .. } => Classes::Unknown,
            },
            Op::Add => added(node.inputs.iter().map(|&i| &list[i]).collect()),
            Op::Concat | Op::Softmax { .. } => Classes::Unknown,
        };
        list.push(next);
    }
    list
}

fn scaled(s: &Scale, x: Option<&Classes>) -> Classes {
    match x {
        Some(Classes::Each(c)) => {
            Classes::Each(Numbers::all(c.iter().enumerate().map(|(k, c)| vec![s.index(k) as u32, *c])))
        }
        Some(Classes::Grid(p)) if s.factor.len() == 1 || s.repeat.is_multiple_of(p.len()) => {
            Classes::Grid(p.clone())
        }
        _ => Classes::Unknown,
    }
}

fn windows(incidence: &Incidence, x: Option<&Classes>) -> Classes {
    let ids = |i: usize| incidence.index[incidence.window(i)].iter().map(|&j| j as usize);
    match x {
        Some(Classes::Each(c)) => {
            Classes::Each(Numbers::all((0..incidence.outputs()).map(|i| ids(i).map(|j| c[j]).collect())))
        }
        Some(Classes::Grid(p)) => {
            let channels = incidence.inputs / p.len();
            let places = incidence.outputs() / channels;
            let regular = incidence.outputs() == places * channels
                && (0..incidence.outputs()).all(|i| {
                    let (c, at) = (i / places, i % places);
                    ids(i).eq(ids(at).map(|j| j + c * p.len()))
                });
            if !regular {
                return Classes::Unknown;
            }
            Classes::Grid(Numbers::all((0..places).map(|i| ids(i).map(|j| p[j]).collect())))
        }
        _ => Classes::Unknown,
    }
}

fn convolved(shape: &crate::layer::ConvShape, x: Option<&Classes>) -> Classes {
    let pixels = shape.input[0] * shape.input[1];
    let places = match x {
        Some(Classes::Each(c)) => {
            Numbers::all((0..pixels).map(|p| (0..shape.in_channels).map(|k| c[k * pixels + p]).collect()))
        }
        Some(Classes::Grid(p)) if p.len() == pixels => p.clone(),
        _ => return Classes::Unknown,
    };
    let patch = |o: usize| {
        let (y, x) = (o / shape.output[1], o % shape.output[1]);
        let mut key = Vec::with_capacity(shape.taps());
        for ky in 0..shape.kernel[0] {
            for kx in 0..shape.kernel[1] {
                let at = shape.source(0, y, ky).zip(shape.source(1, x, kx));
                key.push(at.map_or(OUTSIDE, |(sy, sx)| places[sy * shape.input[1] + sx]));
            }
        }
        key
    };
    Classes::Grid(Numbers::all((0..shape.output[0] * shape.output[1]).map(patch)))
}

fn added(parts: Vec<&Classes>) -> Classes {
    let lists: Option<Vec<&Vec<u32>>> =
        parts.iter().map(|c| if let Classes::Grid(p) = c { Some(p) } else { None }).collect();
    match lists {
        Some(l) if l.iter().all(|p| p.len() == l[0].len()) => {
            Classes::Grid(Numbers::all((0..l[0].len()).map(|k| l.iter().map(|p| p[k]).collect())))
        }
        _ => Classes::Unknown,
    }
}

/// Has any maximum more than one candidate?
pub fn any<B: Backend>(prepared: &Prepared<B>, gates: &[Option<Gate<B>>]) -> bool {
    gates.iter().flatten().any(|g| match g {
        Gate::Window(s) => {
            let (lo, hi) = prepared.backend.read_slopes(s);
            lo.iter().zip(&hi).any(|(l, h)| l != h)
        }
        Gate::Each(_) | Gate::Softmax(_) => false,
    })
}

/// The gates (of one item, at a point whose coordinates with one number are equal) with every provable tie of a maximum
/// that the direction breaks decided for the winner. A backend that only proposes
/// decides by centres.
pub fn resolve<B: Backend>(
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    inputs: &[u32],
    direction: B::Block,
) -> Vec<Option<Gate<B>>> {
    let (b, net) = (prepared.backend, prepared.net);
    let classes = classes(net, inputs);
    let mut gates = gates.to_vec();
    prepared.forward(direction, |k, parts| {
        let node = &net.nodes[k];
        if let (Op::Max(windows), Some(Gate::Window(s))) = (&node.op, &gates[k]) {
            let (mut lo, mut hi) = b.read_slopes(s);
            let t = b.read(&parts[0]);
            let (low, high) =
                if b.proves() { (t.lo(), t.hi()) } else { (t.centre.clone(), t.centre.clone()) };
            for i in 0..windows.outputs() {
                let open: Vec<usize> =
                    windows.window(i).filter(|&e| hi[[0, e]] > 0.0 && lo[[0, e]] < 1.0).collect();
                let at = |e: usize| windows.index[e] as usize;
                let Some(&best) =
                    open.iter().max_by(|&&a, &&b| low[[0, 0, at(a)]].total_cmp(&low[[0, 0, at(b)]]))
                else {
                    continue;
                };
                let wins = open.iter().filter(|&&e| e != best).all(|&e| {
                    classes[node.inputs[0]].same(at(e), at(best))
                        && high[[0, 0, at(e)]] < low[[0, 0, at(best)]]
                });
                if wins {
                    open.iter().for_each(|&e| hi[[0, e]] = 0.0);
                    (lo[[0, best]], hi[[0, best]]) = (1.0, 1.0);
                }
            }
            gates[k] = Some(Gate::Window(b.upload_slopes(&lo, &hi)));
        }
        prepared.tangent(&gates, k, parts)
    });
    gates
}
