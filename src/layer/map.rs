//! Structured linear maps as data: dense, convolution, incidence, scale.
//! Entries are exact f64; coefficients that are not floats live in `Scale`.

use crate::num::Coefficient;
use ndarray::Array2;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Sizes of a 2-D convolution. Padding at the far ends is implied by `output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    pub groups: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Zeros in front of the first row and column; never negative.
    pub pad: [usize; 2],
}

impl ConvShape {
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input[0] * self.input[1]
    }

    pub fn output_len(&self) -> usize {
        self.out_channels * self.output[0] * self.output[1]
    }

    /// Products per interior output: channels of a group times taps.
    pub fn depth(&self) -> usize {
        self.in_channels / self.groups * self.taps()
    }

    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Input coordinate that output `o` reads through tap `t` on `axis`.
    pub fn source(&self, axis: usize, o: usize, t: usize) -> Option<usize> {
        let at = (o * self.stride[axis] + t * self.dilation[axis]).checked_sub(self.pad[axis])?;
        (at < self.input[axis]).then_some(at)
    }
}

/// The linear part of a layer.
#[derive(Clone, Debug)]
pub enum LinearMap {
    /// `out x in`.
    Dense(Arc<Array2<f64>>),
    /// Weights `[out][in / groups][kh][kw]`; `adjoint` turns the convolution
    /// into its transpose (an ONNX ConvTranspose).
    Conv { shape: ConvShape, weight: Arc<Vec<f64>>, adjoint: bool },
}

impl LinearMap {
    pub fn inputs(&self) -> usize {
        match self {
            LinearMap::Dense(w) => w.ncols(),
            LinearMap::Conv { shape, adjoint: false, .. } => shape.input_len(),
            LinearMap::Conv { shape, adjoint: true, .. } => shape.output_len(),
        }
    }

    pub fn outputs(&self) -> usize {
        match self {
            LinearMap::Dense(w) => w.nrows(),
            LinearMap::Conv { shape, adjoint: false, .. } => shape.output_len(),
            LinearMap::Conv { shape, adjoint: true, .. } => shape.input_len(),
        }
    }

    pub fn weights(&self) -> &[f64] {
        match self {
            LinearMap::Dense(w) => w.as_slice().expect("weights are stored in row order"),
            LinearMap::Conv { weight, .. } => weight,
        }
    }

    /// Are both the same weights in memory, read in the same way?
    pub fn is_same(&self, other: &LinearMap) -> bool {
        match (self, other) {
            (LinearMap::Dense(a), LinearMap::Dense(b)) => Arc::ptr_eq(a, b),
            (
                LinearMap::Conv { shape, weight, adjoint },
                LinearMap::Conv { shape: other, weight: theirs, adjoint: back },
            ) => shape == other && adjoint == back && Arc::ptr_eq(weight, theirs),
            (LinearMap::Dense(_), LinearMap::Conv { .. }) | (LinearMap::Conv { .. }, LinearMap::Dense(_)) => {
                false
            }
        }
    }

    /// Multiplications of one application.
    pub fn products(&self) -> f64 {
        match self {
            LinearMap::Dense(w) => w.len() as f64,
            LinearMap::Conv { shape, .. } => shape.output_len() as f64 * shape.depth() as f64,
        }
    }
}

/// `W x + b`; bias entry k serves the outputs `k * repeat .. (k + 1) * repeat`.
#[derive(Clone, Debug)]
pub struct Affine {
    pub map: LinearMap,
    pub bias: Option<Arc<Vec<f64>>>,
    pub repeat: usize,
}

impl Affine {
    /// Are both the same numbers in memory?
    pub fn is_same(&self, other: &Affine) -> bool {
        let biases = match (&self.bias, &other.bias) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, Some(_)) | (Some(_), None) => false,
        };
        biases && self.repeat == other.repeat && self.map.is_same(&other.map)
    }
}

/// `y_k = factor x_k + shift` with coefficient `(k / repeat) % len`.
#[derive(Clone, Debug)]
pub struct Scale {
    pub factor: Vec<Coefficient>,
    pub shift: Vec<Coefficient>,
    pub repeat: usize,
}

impl Scale {
    pub fn new(factor: Vec<Coefficient>, shift: Vec<Coefficient>, repeat: usize) -> Self {
        assert_eq!(factor.len(), shift.len());
        Scale { factor, shift, repeat }
    }

    pub fn uniform(factor: Coefficient) -> Self {
        Self::new(vec![factor], vec![Coefficient::ZERO], 1)
    }

    pub fn index(&self, k: usize) -> usize {
        (k / self.repeat) % self.factor.len()
    }
}

/// A 0/1 matrix by rows: output i touches inputs `index[start[i] .. start[i+1]]`.
/// Serves gathers, slices, pads, window sums and the windows of a maximum.
#[derive(Clone, Debug, PartialEq)]
pub struct Incidence {
    pub inputs: usize,
    pub start: Vec<u32>,
    pub index: Vec<u32>,
    back: Lazy,
    identity: Identity,
}

/// The transposed matrix; entry k of `rows.index` is entry `edge[k]` of the
/// matrix itself.
#[derive(Debug)]
pub struct Transposed {
    pub rows: Incidence,
    pub edge: Vec<u32>,
}

/// The transposed matrix once somebody has asked for it; says nothing that
/// the matrix does not, so it is equal to any other and not printed.
#[derive(Clone, Default)]
struct Lazy(OnceLock<Arc<Transposed>>);

impl PartialEq for Lazy {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "known" } else { "not asked for" })
    }
}

/// A number that only copies share, so that devices can keep what they were
/// given; like `Lazy` it says nothing about the matrix.
#[derive(Clone)]
struct Identity(u64);

impl Default for Identity {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Identity(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl PartialEq for Identity {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("_")
    }
}

impl Incidence {
    pub fn new(inputs: usize, windows: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let mut start = vec![0];
        let mut index = Vec::new();
        for window in windows {
            index.extend(window);
            start.push(index.len() as u32);
        }
        debug_assert!(index.iter().all(|&j| (j as usize) < inputs));
        Self::from_parts(inputs, start, index)
    }

    /// From row starts and the inputs of all rows, one after the other.
    pub fn from_parts(inputs: usize, start: Vec<u32>, index: Vec<u32>) -> Self {
        Incidence { inputs, start, index, back: Lazy::default(), identity: Identity::default() }
    }

    /// Equal for copies, different for matrices made apart.
    pub fn identity(&self) -> u64 {
        self.identity.0
    }

    /// One input (or none: zero) per output.
    pub fn gather(inputs: usize, from: impl IntoIterator<Item = Option<u32>>) -> Self {
        Self::new(inputs, from.into_iter().map(|j| j.into_iter().collect()))
    }

    pub fn outputs(&self) -> usize {
        self.start.len() - 1
    }

    pub fn edges(&self) -> usize {
        self.index.len()
    }

    pub fn window(&self, i: usize) -> std::ops::Range<usize> {
        self.start[i] as usize..self.start[i + 1] as usize
    }

    pub fn longest(&self) -> usize {
        (0..self.outputs()).map(|i| self.window(i).len()).max().unwrap_or(0)
    }

    /// The largest number of outputs that one input reaches.
    pub fn reach(&self) -> usize {
        let mut count = vec![0usize; self.inputs];
        for &j in &self.index {
            count[j as usize] += 1;
        }
        count.into_iter().max().unwrap_or(0)
    }

    /// The transposed matrix, computed at the first call.
    pub fn transposed(&self) -> &Transposed {
        self.back.0.get_or_init(|| Arc::new(self.transpose()))
    }

    fn transpose(&self) -> Transposed {
        let mut start = vec![0u32; self.inputs + 1];
        for &j in &self.index {
            start[j as usize + 1] += 1;
        }
        for j in 0..self.inputs {
            start[j + 1] += start[j];
        }
        let mut next = start.clone();
        let mut index = vec![0; self.edges()];
        let mut edge = vec![0; self.edges()];
        for i in 0..self.outputs() {
            for e in self.window(i) {
                let slot = &mut next[self.index[e] as usize];
                index[*slot as usize] = i as u32;
                edge[*slot as usize] = e as u32;
                *slot += 1;
            }
        }
        Transposed { rows: Self::from_parts(self.outputs(), start, index), edge }
    }
}
