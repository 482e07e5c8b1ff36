//! The network as a matrix with open slopes fed back into it.
//!
//! With slopes C + E, |E_j| <= reach_j (see `expansion`), and e_j = E_j z_j for the arguments z_j of open
//! neurons: (z, y) = G (x, e) for every derivative (x, y), G strictly lower triangular in e. Decided neurons
//! are part of G.

use super::expansion::{Expansion, Matrix, Reached};
use super::relevance::relevant;
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::linalg::scaling::Scaling;
use crate::net::Net;
use crate::sweep::{Cones, Gate, Layouts, Prepared};
use ndarray::{Array2, Axis};
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
    /// Multiplications of the backward passes to it.
    pub passes: f64,
}

impl Size {
    pub fn rows(&self) -> usize {
        self.neurons + self.outputs
    }

    pub fn entries(&self) -> usize {
        self.rows().saturating_mul(self.inputs + self.neurons)
    }
}

/// Where entries of the matrix stand.
struct Layout {
    /// The node behind every block of columns: the input, then the kinks.
    nodes: Vec<usize>,
    /// By block and feature: the column within the block.
    columns: Vec<Vec<Option<usize>>>,
    /// The first open neuron of every kink.
    first: Vec<usize>,
    size: Size,
}

impl Layout {
    fn new<B: Backend>(e: &Expansion<B>, counts: &[usize], open: &[Vec<usize>], outputs: usize) -> Layout {
        let first: Vec<usize> = (0..open.len()).map(|k| open[..k].iter().map(Vec::len).sum()).collect();
        let nodes: Vec<usize> = std::iter::once(0).chain(e.kinks.iter().map(|k| k.node)).collect();
        let wanted = std::iter::once(counts).chain(open.iter().map(|o| &o[..]));
        let columns = nodes.iter().zip(wanted).map(|(&node, wanted)| {
            let mut columns = vec![None; e.prepared.net.nodes[node].len()];
            wanted.iter().enumerate().for_each(|(t, &j)| columns[j] = Some(t));
            columns
        });
        let neurons = open.iter().map(Vec::len).sum();
        let columns = columns.collect();
        Layout { nodes, columns, first, size: Size { neurons, inputs: counts.len(), outputs, passes: 0.0 } }
    }

    /// A row of the matrix from one of what was reached, where its cone has something.
    fn fill(
        &self,
        matrix: &mut Matrix,
        row: usize,
        (reached, from): (&Reached, usize),
        cone: &dyn Fn(usize) -> Vec<usize>,
    ) {
        let blocks = std::iter::once(Some(&reached.input)).chain(reached.kinks.iter().map(|k| k.as_ref()));
        for (block, found) in blocks.enumerate() {
            let Some(found) = found else { continue };
            let first = if block == 0 { 0 } else { self.size.inputs + self.first[block - 1] };
            for j in cone(self.nodes[block]) {
                if let Some(t) = self.columns[block][j] {
                    matrix.centre[[row, first + t]] = found.centre[[from, j]];
                    matrix.radius[[row, first + t]] = found.radius[[from, j]];
                }
            }
        }
    }
}

/// Multiplications of a backward pass from a node, about.
fn back(net: &Net, at: usize) -> f64 {
    2.0 * net.nodes[..=at].iter().map(|n| n.products() + n.len() as f64).sum::<f64>()
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
        mut allowed: impl FnMut(Size) -> bool,
    ) -> Option<Feedback> {
        let sizes = seeds.magnitude().fold_axis(Axis(1), 0.0, |most: &f64, size| most.max(*size));
        let relevant = relevant(prepared, &gates, &sizes);
        let e = Expansion::around(prepared, gates)?;
        let counts: Vec<usize> = (0..prepared.net.inputs()).filter(|&j| counts(j)).collect();
        let open: Vec<Vec<usize>> = e
            .kinks
            .iter()
            .map(|k| (0..k.radius.len()).filter(|&j| k.radius[j] > 0.0 && relevant[k.node][[0, j]]).collect())
            .collect();
        let layout = Layout::new(&e, &counts, &open, seeds.dim().1);
        if !allowed(layout.size) {
            return None;
        }
        let layouts = Layouts::new(prepared.net);
        let cones: Vec<Cones> =
            (0..open.len()).map(|k| Cones::new(prepared.net, &layouts, e.argument(k))).collect();
        let groups: Vec<Vec<Vec<usize>>> = cones.iter().zip(&open).map(|(c, o)| c.apart(o)).collect();
        let passes = (0..open.len()).map(|k| groups[k].len() as f64 * back(prepared.net, e.argument(k)));
        let last = seeds.dim().1 as f64 * back(prepared.net, prepared.net.output());
        if !allowed(Size { passes: passes.sum::<f64>() + last, ..layout.size }) {
            return None;
        }
        let shape = (layout.size.rows(), layout.size.inputs + layout.size.neurons);
        let mut matrix = Matrix { centre: Array2::zeros(shape), radius: Array2::zeros(shape) };
        // Rows reach every node: so many at a time that this takes little beside the matrix.
        let features: usize = prepared.net.nodes.iter().map(|n| n.len()).sum();
        let at_once = (AT_ONCE / features.max(1)).clamp(1, 512);
        for (k, own) in groups.iter().enumerate() {
            for some in own.chunks(at_once) {
                let reached = e.sums(k, some);
                for (from, &j) in some.iter().enumerate().flat_map(|(r, g)| g.iter().map(move |j| (r, j))) {
                    let row = layout.first[k] + layout.columns[k + 1][j].expect("an open neuron");
                    layout.fill(&mut matrix, row, (&reached, from), &|node| cones[k].features(node, j));
                }
            }
        }
        let all = |node: usize| (0..prepared.net.nodes[node].len()).collect();
        let reached = e.rows(prepared.net.output(), seeds);
        for row in 0..layout.size.outputs {
            layout.fill(&mut matrix, layout.size.neurons + row, (&reached, row), &all);
        }
        let reach = e.kinks.iter().zip(&open).flat_map(|(k, o)| o.iter().map(|&j| k.radius[j])).collect();
        let before = |k: usize| e.kinks[..k].iter().map(|k| k.radius.len()).sum::<usize>();
        let places = open.iter().enumerate().flat_map(|(k, o)| o.iter().map(move |&j| (k, j)));
        let places = places.map(|(k, j)| before(k) + j).collect();
        Some(Feedback { matrix, reach, places, groups: open.iter().map(Vec::len).collect() })
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
