//! The closed set of operators a network is made of after import.
//!
//! Everything linear without weights (transpose, slice, pad, average pooling's
//! sums, gathers) is a `Select`; everything with coefficients that are not
//! floats (batch-norm, 1/9, normalisation) is a `Scale`.

use crate::layer::{Affine, Incidence, Piecewise, Scale, Smooth};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Op {
    /// The network's input; always node 0.
    Input,
    /// A weight matrix or convolution with bias.
    Affine(Affine),
    /// Per-feature factor and shift.
    Scale(Scale),
    /// y = S x + fill for a 0/1 matrix S; `fill` is added where a window is empty.
    Select {
        incidence: Arc<Incidence>,
        fill: f64,
    },
    /// Sum of all inputs.
    Add,
    /// Inputs one after the other.
    Concat,
    Piecewise(Piecewise),
    Smooth(Smooth),
    /// Maximum over each window.
    Max(Arc<Incidence>),
    /// Softmax over groups of consecutive features of this length.
    Softmax {
        group: usize,
    },
}

impl Op {
    /// A short lower-case name for tables and evidence.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input => "input",
            Op::Affine(a) => match a.map {
                crate::layer::LinearMap::Dense(_) => "dense",
                crate::layer::LinearMap::Conv { adjoint: false, .. } => "conv",
                crate::layer::LinearMap::Conv { adjoint: true, .. } => "conv-transpose",
            },
            Op::Scale(_) => "scale",
            Op::Select { .. } => "select",
            Op::Add => "add",
            Op::Concat => "concat",
            Op::Piecewise(p) => match p {
                Piecewise::Leaky { slope: 0.0 } => "relu",
                Piecewise::Leaky { slope: -1.0 } => "abs",
                Piecewise::Leaky { .. } => "leaky-relu",
                Piecewise::PerFeature { .. } => "prelu",
                Piecewise::Clip { .. } => "clip",
            },
            Op::Smooth(s) => match s {
                Smooth::Sigmoid => "sigmoid",
                Smooth::Tanh => "tanh",
                Smooth::Softplus => "softplus",
                Smooth::Elu { .. } => "elu",
                Smooth::Gelu { .. } => "gelu",
                Smooth::Silu => "silu",
            },
            Op::Max(_) => "max-pool",
            Op::Softmax { .. } => "softmax",
        }
    }

    /// Does the operator's slope depend on where it is evaluated?
    pub fn is_nonlinear(&self) -> bool {
        match self {
            Op::Piecewise(_) | Op::Smooth(_) | Op::Max(_) | Op::Softmax { .. } => true,
            Op::Input | Op::Affine(_) | Op::Scale(_) | Op::Select { .. } | Op::Add | Op::Concat => false,
        }
    }
}
