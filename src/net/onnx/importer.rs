//! The network under construction, what may still be allocated for it, and the ways to add a node.

use super::call::{Call, Computed, Value};
use super::index;
use super::tensor::Tensor;
use crate::error::{Error, Result};
use crate::layer::Scale;
use crate::net::{Net, Op};
use crate::num::Coefficient;

/// The network under construction and what may still be allocated for it.
pub struct Importer {
    pub net: Net,
    pub keep_softmax: bool,
    /// Entries of index tables that may still be made.
    tables: usize,
    /// Elements of constants that the graph may still compute.
    constants: usize,
    /// Elements of weights that may still be rearranged into new memory.
    weights: usize,
    /// Bytes of files for which there is room already.
    granted: usize,
}

/// Shape of a node: the batch axis left out.
fn features(shape: &[usize]) -> Vec<usize> {
    match shape {
        [1, rest @ ..] if !rest.is_empty() => rest.to_vec(),
        _ => shape.to_vec(),
    }
}

impl Importer {
    /// A network that is only its input.
    pub fn new(name: &str, shape: &[usize], inputs: usize, keep_softmax: bool) -> Importer {
        let mut net = Net::new(features(shape));
        net.nodes[0].name = name.into();
        Importer {
            net,
            keep_softmax,
            tables: ((1 << 24) + 32 * inputs).min(1 << 27),
            constants: 1 << 28,
            weights: 1 << 28,
            granted: 0,
        }
    }

    /// More room, in proportion to the bytes that have been read by now.
    pub fn grant(&mut self, bytes: usize) {
        let more = bytes.saturating_sub(self.granted);
        self.granted += more;
        self.weights = self.weights.saturating_add(more);
        self.tables = self.tables.saturating_add(more.saturating_mul(16)).min(1 << 27);
    }

    /// Room for an index table (or whatever has one entry per element).
    pub fn charge(&mut self, entries: usize) -> Result<()> {
        self.tables = self
            .tables
            .checked_sub(entries)
            .ok_or_else(|| Error::import(format!("needs {entries} table entries: too large")))?;
        Ok(())
    }

    /// Room for the elements of a computed constant.
    pub fn charge_constant(&mut self, elements: usize) -> Result<()> {
        self.constants = self
            .constants
            .checked_sub(elements)
            .ok_or_else(|| Error::import(format!("a constant of {elements} elements is too large")))?;
        Ok(())
    }

    /// Room for a copy of weights.
    pub fn charge_weights(&mut self, elements: usize) -> Result<()> {
        self.weights = self
            .weights
            .checked_sub(elements)
            .ok_or_else(|| Error::import(format!("weights of {elements} elements are too large")))?;
        Ok(())
    }

    /// A constant as the coefficients of a `Scale`, with room for them.
    pub fn reals(&mut self, tensor: &Tensor) -> Result<Vec<Coefficient>> {
        self.charge(tensor.len().saturating_mul(12))?;
        tensor.real_numbers()
    }

    /// Room for rearranging `value` into `shape`.
    pub fn charge_shape(&mut self, value: &Value, shape: &[usize]) -> Result<()> {
        let sides: usize = shape.iter().try_fold(0usize, |a, &b| a.checked_add(b)).unwrap_or(usize::MAX);
        let entries = index::volume(shape)?.saturating_add(sides);
        match value {
            Value::Constant(_) => self.charge_constant(entries),
            Value::Computed(_) | Value::Gate(_) | Value::Unknown => self.charge(entries),
        }
    }

    pub fn push(&mut self, call: &Call, op: Op, inputs: Vec<usize>, shape: Vec<usize>) -> Result<Computed> {
        let node = self.net.push(call.name(), op, inputs, features(&shape))?;
        Ok(Computed { node, shape })
    }

    /// A node of the same shape behind `x`.
    pub fn follow(&mut self, call: &Call, op: Op, x: &Computed) -> Result<Computed> {
        self.push(call, op, vec![x.node], x.shape.clone())
    }

    /// A node that multiplies all features by one factor.
    pub fn factor(&mut self, call: &Call, x: &Computed, c: Coefficient) -> Result<Computed> {
        if c == Coefficient::ONE {
            return Ok(x.clone());
        }
        self.follow(call, Op::Scale(Scale::uniform(c)), x)
    }
}
