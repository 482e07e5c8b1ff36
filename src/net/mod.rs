//! A network as data: a directed acyclic graph of operators in topological order.

#![deny(clippy::wildcard_enum_match_arm)]

mod evaluate;
mod foreign;
mod fuse;
mod groups;
mod homogeneous;
mod kinks;
pub mod nnet;
pub mod npz;
pub mod onnx;
pub mod op;
pub mod safetensors;
mod section;
pub mod source;
mod units;

pub use onnx::Options;
pub use op::Op;
pub use source::{Source, SourceFile, load};

use crate::error::{Error, Result};
use crate::layer::{Affine, Incidence, LinearMap, Piecewise, Scale, Smooth};

/// One operator and the nodes it reads. Features are flat, row-major in `shape`
/// (the batch axis of size 1 left out).
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub op: Op,
    pub inputs: Vec<usize>,
    pub shape: Vec<usize>,
}

impl Node {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Multiplications of one pass.
    pub fn products(&self) -> f64 {
        if let Op::Affine(a) = &self.op { a.map.products() } else { self.len() as f64 }
    }
}

/// What an import noticed and a reader of results should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    pub code: &'static str,
    pub text: String,
}

/// Maxima of a convolution's outputs that were written out: however an earlier node changes, features of `node`
/// change by at most what a row of their channel makes of it, and all together by at most factor^½ ‖map‖_2 times
/// as much in the euclidean norm. An output of the map is in at most `factor` windows.
#[derive(Clone, Debug)]
pub struct Pooled {
    pub node: usize,
    pub from: usize,
    pub map: LinearMap,
    pub factor: usize,
}

/// What nodes together do: however `from` changes, `node` changes by at most `norm[r]` times as much in the r-th norm
/// of `Norm::ALL`.
#[derive(Clone, Debug)]
pub struct Gain {
    pub node: usize,
    pub from: usize,
    pub norm: [f64; 3],
}

impl Gain {
    /// The same between nodes of another network; `place[k]` has the value of node k.
    fn at(&self, place: &[usize]) -> Gain {
        Gain { node: place[self.node], from: place[self.from], norm: self.norm }
    }
}

/// Nodes in topological order: node 0 is the input, the last one the output.
#[derive(Clone, Debug)]
pub struct Net {
    pub nodes: Vec<Node>,
    pub warnings: Vec<Warning>,
    /// Maxima that were written out.
    pub pools: Vec<Pooled>,
    /// Activations of groups that were written out.
    pub gains: Vec<Gain>,
}

impl Net {
    /// A network that is only its input; layers are added with `push`.
    pub fn new(input_shape: Vec<usize>) -> Self {
        let input = Node { name: "input".into(), op: Op::Input, inputs: vec![], shape: input_shape };
        Net { nodes: vec![input], warnings: vec![], pools: vec![], gains: vec![] }
    }

    /// Adds a node and returns its index. Sizes are checked here, once, so that
    /// everything downstream may rely on them.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: Vec<usize>,
        shape: Vec<usize>,
    ) -> Result<usize> {
        let node = Node { name: name.into(), op, inputs, shape };
        self.check(&node)
            .map_err(|what| Error::import(what).at(format!("node {:?} ({})", node.name, node.op.name())))?;
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn check(&self, node: &Node) -> std::result::Result<(), String> {
        if node.inputs.iter().any(|&i| i >= self.nodes.len()) {
            return Err("reads a node that does not exist yet (a cycle?)".into());
        }
        let len = node.shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).unwrap_or(usize::MAX);
        if len == 0 || len > 1 << 31 {
            return Err(format!("has the unusable shape {:?}", node.shape));
        }
        let sizes: Vec<usize> = node.inputs.iter().map(|&i| self.nodes[i].len()).collect();
        if let Some(what) = mistake(&node.op, len) {
            return Err(what);
        }
        let (inputs, outputs) = match &node.op {
            Op::Input => return Err("is a second input".into()),
            Op::Affine(a) => (a.map.inputs(), a.map.outputs()),
            Op::Select { incidence, .. } | Op::Max(incidence) => (incidence.inputs, incidence.outputs()),
            Op::Scale(_) | Op::Softmax { .. } | Op::Piecewise(_) | Op::Smooth(_) => (len, len),
            Op::Add if sizes.is_empty() || sizes.iter().any(|&s| s != len) => {
                return Err(format!("adds values of sizes {sizes:?}"));
            }
            Op::Concat if sizes.is_empty() || sizes.iter().sum::<usize>() != len => {
                return Err(format!("joins {sizes:?} values into {len}"));
            }
            Op::Add | Op::Concat => return Ok(()),
        };
        if sizes != [inputs] || outputs != len {
            return Err(format!("maps {inputs} to {outputs} values, but is used as {sizes:?} to {len}"));
        }
        Ok(())
    }

    pub fn inputs(&self) -> usize {
        self.nodes[0].len()
    }

    pub fn output(&self) -> usize {
        self.nodes.len() - 1
    }

    pub fn outputs(&self) -> usize {
        self.nodes[self.output()].len()
    }

    /// Stored coefficients: weights, biases, factors and shifts.
    pub fn parameters(&self) -> usize {
        self.nodes
            .iter()
            .map(|n| match &n.op {
                Op::Affine(a) => a.map.weights().len() + a.bias.as_ref().map_or(0, |b| b.len()),
                Op::Scale(s) => s.factor.len() + s.shift.len(),
                Op::Input | Op::Select { .. } | Op::Add | Op::Concat => 0,
                Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => 0,
            })
            .sum()
    }

    /// Outputs of all nonlinear operators.
    pub fn neurons(&self) -> usize {
        self.nodes.iter().filter(|n| n.op.is_nonlinear()).map(Node::len).sum()
    }

    /// Multiplications of one forward pass.
    pub fn products(&self) -> f64 {
        self.nodes.iter().map(Node::products).sum()
    }

    /// `users[i]`: the nodes that read node i.
    pub fn users(&self) -> Vec<Vec<usize>> {
        let mut users = vec![vec![]; self.nodes.len()];
        for (k, node) in self.nodes.iter().enumerate() {
            for &i in &node.inputs {
                users[i].push(k);
            }
        }
        users
    }

    /// The same network behind a per-feature factor and shift on its input.
    pub fn behind(mut self, scale: Scale) -> Result<Self> {
        check_scale(&scale).map_err(Error::input)?;
        let shape = self.nodes[0].shape.clone();
        for node in &mut self.nodes[1..] {
            for i in &mut node.inputs {
                *i += 1;
            }
        }
        let first = Node { name: "normalise".into(), op: Op::Scale(scale), inputs: vec![0], shape };
        self.nodes.insert(1, first);
        // Nothing else reads node 0 now, and the new node stands in its place.
        self.pools.iter_mut().flat_map(|p| [&mut p.node, &mut p.from]).for_each(|k| *k += 1);
        self.gains.iter_mut().flat_map(|g| [&mut g.node, &mut g.from]).for_each(|k| *k += 1);
        Ok(self)
    }

    /// Makes `output` the last node and drops all nodes that do not reach it.
    pub fn prune(mut self, output: usize) -> Self {
        self.nodes.truncate(output + 1);
        let mut alive = vec![false; self.nodes.len()];
        alive[0] = true;
        alive[output] = true;
        for k in (0..self.nodes.len()).rev() {
            if alive[k] {
                for &i in &self.nodes[k].inputs {
                    alive[i] = true;
                }
            }
        }
        let mut position = vec![0; self.nodes.len()];
        let mut kept = 0;
        for k in 0..self.nodes.len() {
            position[k] = kept;
            kept += alive[k] as usize;
        }
        let mut k = 0;
        self.nodes.retain(|_| {
            k += 1;
            alive[k - 1]
        });
        for node in &mut self.nodes {
            for i in &mut node.inputs {
                *i = position[*i];
            }
        }
        self.pools.retain(|p| p.node < alive.len() && alive[p.node] && alive[p.from]);
        for pool in &mut self.pools {
            (pool.node, pool.from) = (position[pool.node], position[pool.from]);
        }
        self.gains.retain(|g| g.node < alive.len() && alive[g.node] && alive[g.from]);
        self.gains.iter_mut().for_each(|g| *g = g.at(&position));
        self
    }
}

/// What is wrong with an operator of `len` outputs by itself.
fn mistake(op: &Op, len: usize) -> Option<String> {
    match op {
        Op::Affine(a) => check_affine(a).err(),
        Op::Scale(s) => check_scale(s).err(),
        Op::Piecewise(f) => check_piecewise(f).err(),
        Op::Select { fill, .. } if !fill.is_finite() => Some("fills with a value that is not finite".into()),
        Op::Max(incidence) if (0..incidence.outputs()).any(|i| incidence.window(i).is_empty()) => {
            Some("takes the maximum of an empty window".into())
        }
        Op::Softmax { group } if !len.is_multiple_of(*group) => {
            Some("has a group size that does not divide its input".into())
        }
        Op::Smooth(Smooth::Elu { alpha }) if !alpha.is_finite() => Some(format!("has the factor {alpha}")),
        Op::Input | Op::Select { .. } | Op::Add | Op::Concat => None,
        Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => None,
    }
}

fn check_affine(a: &Affine) -> std::result::Result<(), String> {
    if let LinearMap::Conv { shape, weight, .. } = &a.map {
        let ok = shape.groups > 0
            && shape.in_channels % shape.groups == 0
            && shape.out_channels % shape.groups == 0
            && weight.len() == shape.out_channels * shape.depth()
            && shape.stride.iter().chain(&shape.dilation).chain(&shape.kernel).all(|&v| v > 0);
        if !ok {
            return Err("has inconsistent convolution sizes".into());
        }
    }
    let bias = a.bias.as_deref().map_or(&[][..], |b| &b[..]);
    if !bias.is_empty() && (a.repeat == 0 || bias.len() * a.repeat != a.map.outputs()) {
        return Err(format!("has {} biases for {} outputs", bias.len(), a.map.outputs()));
    }
    if let Some(bad) = a.map.weights().iter().chain(bias).find(|w| !w.is_finite()) {
        return Err(format!("contains the weight {bad}"));
    }
    Ok(())
}

fn check_piecewise(f: &Piecewise) -> std::result::Result<(), String> {
    let fine = match f {
        Piecewise::Leaky { slope } => slope.is_finite(),
        Piecewise::PerFeature { slope, repeat } => {
            *repeat > 0 && !slope.is_empty() && slope.iter().all(|s| s.is_finite())
        }
        // Infinite ends leave a side open; a constant must be finite.
        Piecewise::Clip { lo, hi } => {
            !lo.is_nan() && !hi.is_nan() && *lo != f64::INFINITY && *hi != f64::NEG_INFINITY
        }
    };
    if fine { Ok(()) } else { Err(format!("has unusable coefficients {f:?}")) }
}

fn check_scale(s: &Scale) -> std::result::Result<(), String> {
    let fine = |c: &crate::num::Coefficient| {
        c.hi.is_finite() && c.lo.is_finite() && c.err.is_finite() && c.err >= 0.0
    };
    if s.repeat == 0 || s.factor.is_empty() || s.factor.len() != s.shift.len() {
        return Err("has inconsistent coefficients".into());
    }
    if !s.factor.iter().chain(&s.shift).all(fine) {
        return Err("contains a coefficient that is not finite".into());
    }
    Ok(())
}

/// Windows of a 2-D pooling over `channels` maps; padded places are left out.
pub fn pool_windows(channels: usize, shape: &crate::layer::ConvShape) -> Incidence {
    let [h, w] = shape.input;
    let [oh, ow] = shape.output;
    let [kh, kw] = shape.kernel;
    Incidence::new(
        channels * h * w,
        (0..channels * oh * ow).map(|o| {
            let (c, y, x) = (o / (oh * ow), o / ow % oh, o % ow);
            let mut window = Vec::with_capacity(kh * kw);
            for ky in 0..kh {
                for kx in 0..kw {
                    if let (Some(sy), Some(sx)) = (shape.source(0, y, ky), shape.source(1, x, kx)) {
                        window.push(((c * h + sy) * w + sx) as u32);
                    }
                }
            }
            window
        }),
    )
}
