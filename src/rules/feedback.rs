//! The network as a matrix with open slopes fed back into it.
//!
//! With slopes C + E, |E_j| <= reach_j (see `expansion`), and e_j = E_j z_j for the arguments z_j of open
//! neurons: (z, y) = G (x, e) for every derivative (x, y), G strictly lower triangular in e. Decided neurons
//! are part of G.

use super::expansion::{Expansion, Matrix};
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::linalg::scaling::Scaling;
use crate::sweep::{Gate, Prepared};
use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};

/// Scalings that show a bound, by neurons' places in ascending order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Scaled {
    /// Of one row of the measured output; None: of all together.
    pub row: Option<usize>,
    pub neurons: Vec<(usize, f64)>,
    /// Empty: the same for all.
    pub inputs: Vec<f64>,
}

/// The same in files: the row, places, scalings of neurons, scalings of inputs.
#[derive(Serialize, Deserialize)]
struct Written(Option<usize>, Vec<usize>, Vec<f64>, Vec<f64>);

impl From<Scaled> for Written {
    fn from(s: Scaled) -> Written {
        let (places, neurons) = s.neurons.into_iter().unzip();
        Written(s.row, places, neurons, s.inputs)
    }
}

impl TryFrom<Written> for Scaled {
    type Error = &'static str;

    fn try_from(Written(row, places, neurons, inputs): Written) -> Result<Scaled, &'static str> {
        let ascending = places.windows(2).all(|p| p[0] < p[1]);
        if places.len() != neurons.len() || !ascending {
            return Err("scalings without places");
        }
        Ok(Scaled { row, neurons: places.into_iter().zip(neurons).collect(), inputs })
    }
}

impl Scaled {
    pub fn bytes(&self) -> usize {
        16 * self.neurons.len() + 8 * self.inputs.len() + 64
    }
}

/// Entries of rows of the matrix, at every node, that are computed at a time.
const AT_ONCE: usize = 1 << 20;

/// How large it is to be, before any of it is computed.
#[derive(Clone, Copy)]
pub struct Size {
    pub neurons: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Size {
    pub fn rows(&self) -> usize {
        self.neurons + self.outputs
    }

    pub fn entries(&self) -> usize {
        self.rows().saturating_mul(self.inputs + self.neurons)
    }
}

pub struct Feedback {
    /// Rows: arguments of open neurons, then the measured output. Columns: inputs that count, then open
    /// neurons.
    pub matrix: Matrix,
    pub reach: Vec<f64>,
    /// Every open neuron's place among all neurons.
    pub places: Vec<usize>,
    /// How many neurons each nonlinear node has open, in order.
    pub groups: Vec<usize>,
}

impl Feedback {
    pub fn inputs(&self) -> usize {
        self.matrix.centre.ncols() - self.reach.len()
    }

    pub fn outputs(&self) -> usize {
        self.matrix.centre.nrows() - self.reach.len()
    }

    /// The same loop, measured at one row of the output.
    pub fn row(&self, row: usize) -> Feedback {
        let m = self.reach.len();
        let rows: Vec<usize> = (0..m).chain([m + row]).collect();
        let [centre, radius] = [&self.matrix.centre, &self.matrix.radius].map(|a| a.select(Axis(0), &rows));
        let (reach, places, groups) = (self.reach.clone(), self.places.clone(), self.groups.clone());
        Feedback { matrix: Matrix { centre, radius }, reach, places, groups }
    }

    /// Of gates with one item; None where a gate is no slope per feature or the size is not `allowed`.
    /// Only some inputs `counts`.
    pub fn new<B: Backend>(
        prepared: &Prepared<B>,
        gates: Vec<Option<Gate<B>>>,
        seeds: &Enclosure,
        counts: impl Fn(usize) -> bool,
        allowed: impl FnOnce(Size) -> bool,
    ) -> Option<Feedback> {
        let e = Expansion::around(prepared, gates)?;
        let counts: Vec<usize> = (0..prepared.net.inputs()).filter(|&j| counts(j)).collect();
        let open: Vec<Vec<usize>> =
            e.kinks.iter().map(|k| (0..k.radius.len()).filter(|&j| k.radius[j] > 0.0).collect()).collect();
        let groups: Vec<usize> = open.iter().map(|o| o.len()).collect();
        let first: Vec<usize> = (0..=groups.len()).map(|k| groups[..k].iter().sum()).collect();
        let m = first[groups.len()];
        let size = Size { neurons: m, inputs: counts.len(), outputs: seeds.dim().1 };
        if !allowed(size) {
            return None;
        }
        let shape = (size.rows(), size.inputs + m);
        let mut matrix = Matrix { centre: Array2::zeros(shape), radius: Array2::zeros(shape) };
        let mut fill = |row: usize, reached: super::expansion::Reached| {
            let n = counts.len();
            let blocks = reached.kinks.iter().zip(&open).zip(&first);
            let blocks = blocks.filter_map(|((g, o), f)| Some((g.as_ref()?, &o[..], n + f)));
            for (g, columns, at) in blocks.chain([(&reached.input, &counts[..], 0)]) {
                let sides = [(&mut matrix.centre, &g.centre), (&mut matrix.radius, &g.radius)];
                for (to, from) in sides {
                    let mut to = to.slice_mut(s![row..row + from.nrows(), at..at + columns.len()]);
                    for (mut to, &j) in to.columns_mut().into_iter().zip(columns) {
                        to.assign(&from.column(j));
                    }
                }
            }
        };
        // Rows reach every node: so many at a time that this takes little beside the matrix.
        let features: usize = prepared.net.nodes.iter().map(|n| n.len()).sum();
        let at_once = (AT_ONCE / features.max(1)).clamp(1, 512);
        for (k, own) in open.iter().enumerate() {
            for (t, some) in own.chunks(at_once).enumerate() {
                fill(first[k] + t * at_once, e.features(k, some));
            }
        }
        fill(m, e.rows(prepared.net.output(), seeds));
        let reach = e.kinks.iter().zip(&open).flat_map(|(k, o)| o.iter().map(|&j| k.radius[j])).collect();
        let before = |k: usize| e.kinks[..k].iter().map(|k| k.radius.len()).sum::<usize>();
        let places = open.iter().enumerate().flat_map(|(k, o)| o.iter().map(move |&j| (k, j)));
        let places = places.map(|(k, j)| before(k) + j).collect();
        Some(Feedback { matrix, reach, places, groups })
    }

    /// These scalings for the neurons that are open here; those that they lack get a middling one.
    pub fn scaling(&self, from: &Scaled) -> Scaling {
        let logs: f64 = from.neurons.iter().map(|(_, w)| w.ln()).sum();
        let middle = (logs / from.neurons.len().max(1) as f64).exp();
        let of = |place: &usize| match from.neurons.binary_search_by_key(place, |(p, _)| *p) {
            Ok(i) => from.neurons[i].1,
            Err(_) => middle,
        };
        Scaling { neurons: self.places.iter().map(of).collect(), inputs: from.inputs.clone() }
    }

    /// The scalings of this matrix with their places.
    pub fn placed(&self, scaling: Scaling, row: Option<usize>) -> Scaled {
        let neurons = self.places.iter().copied().zip(scaling.neurons).collect();
        Scaled { row, neurons, inputs: scaling.inputs }
    }
}
