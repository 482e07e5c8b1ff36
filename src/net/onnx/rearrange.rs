//! Values moved without being changed, constants and computed values alike: an index table says
//! where every output comes from.

use super::call::{Call, Computed, Value};
use super::importer::Importer;
use super::index::{self, NONE};
use super::tensor::Tensor;
use crate::error::{Error, Result};
use crate::layer::{Incidence, Scale};
use crate::net::Op;
use crate::num::Coefficient;
use std::sync::Arc;

/// Where the elements of a shape come from: output k is input `index[k]`, or `fill`.
pub struct Table {
    pub shape: Vec<usize>,
    pub index: Vec<u32>,
    pub fill: f64,
}

impl Table {
    pub fn new(shape: Vec<usize>, index: Vec<u32>) -> Table {
        Table { shape, index, fill: 0.0 }
    }

    /// Per axis k of the shape, coordinate i comes from coordinate `map(k, i)` of the value.
    pub fn by_axis(
        importer: &mut Importer,
        value: &Value,
        shape: Vec<usize>,
        map: impl Fn(usize, usize) -> u32,
    ) -> Result<Table> {
        importer.charge_shape(value, &shape)?;
        let maps: Vec<Vec<u32>> =
            shape.iter().enumerate().map(|(k, &n)| (0..n).map(|i| map(k, i)).collect()).collect();
        let index = index::by_axis(value.shape(), &maps);
        Ok(Table::new(shape, index))
    }
}

/// `value` rearranged.
pub fn select(importer: &mut Importer, call: &Call, value: &Value, table: Table) -> Result<Value> {
    let Table { shape, index, fill } = table;
    let x = match value {
        Value::Constant(t) => return Ok(Value::Constant(t.gathered(shape, &index, fill))),
        Value::Computed(x) => x,
        Value::Gate(_) | Value::Unknown => return Ok(Value::Unknown),
    };
    if index.len() == x.len() && index.iter().enumerate().all(|(k, &i)| k == i as usize) {
        return Ok(value.reshaped(shape));
    }
    let incidence = Arc::new(incidence(x.len(), index));
    importer.push(call, Op::Select { incidence, fill }, vec![x.node], shape).map(Value::Computed)
}

fn incidence(inputs: usize, mut index: Vec<u32>) -> Incidence {
    let mut start = Vec::with_capacity(index.len() + 1);
    start.push(0);
    let mut edges = 0;
    for &i in &index {
        edges += (i != NONE) as u32;
        start.push(edges);
    }
    index.retain(|&i| i != NONE);
    Incidence::from_parts(inputs, start, index)
}

/// Repeats `value` over `shape`, to which it broadcasts.
pub fn expanded(importer: &mut Importer, call: &Call, value: &Value, shape: &[usize]) -> Result<Value> {
    if value.shape() == shape {
        return Ok(value.clone());
    }
    importer.charge_shape(value, shape)?;
    let index = index::strided(shape, &index::broadcast_strides(value.shape(), shape));
    select(importer, call, value, Table::new(shape.to_vec(), index))
}

pub fn permuted(importer: &mut Importer, call: &Call, value: &Value, order: &[usize]) -> Result<Value> {
    let strides = index::strides(value.shape());
    let shape: Vec<usize> = order.iter().map(|&a| value.shape()[a]).collect();
    importer.charge_shape(value, &shape)?;
    let index = index::strided(&shape, &order.iter().map(|&a| strides[a]).collect::<Vec<_>>());
    select(importer, call, value, Table::new(shape, index))
}

/// A constant as a node of the network: nothing of the input, plus a shift.
pub fn constant_node(importer: &mut Importer, call: &Call, t: &Tensor) -> Result<Computed> {
    let values = importer.reals(t)?;
    let nothing = incidence(importer.net.inputs(), vec![NONE; values.len()]);
    let op = Op::Select { incidence: Arc::new(nothing), fill: 0.0 };
    let zeros = importer.push(call, op, vec![0], t.shape.clone())?;
    let factor = vec![Coefficient::ONE; values.len()];
    importer.follow(call, Op::Scale(Scale::new(factor, values, 1)), &zeros)
}

/// A constant operand as a node of the given shape.
pub fn as_computed(importer: &mut Importer, call: &Call, value: &Value) -> Result<Computed> {
    match value {
        Value::Computed(x) => Ok(x.clone()),
        Value::Constant(t) => constant_node(importer, call, t),
        Value::Gate(_) | Value::Unknown => Err(Error::unsupported("of an unknown value")),
    }
}
