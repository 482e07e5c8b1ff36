//! One node with its operands: typed access to inputs and attributes.
//!
//! Attributes that an operator's arm did not read are noticed afterwards
//! (`unread`), so that nothing that changes the meaning passes in silence.

use super::proto::{AttributeProto, NodeProto, TensorProto, attribute_type as t};
use super::tensor::{Data, Tensor};
use crate::error::{Error, Result};
use crate::num::Coefficient;
use std::cell::RefCell;
use std::sync::Arc;

/// What a name in the graph stands for.
#[derive(Clone, Debug)]
pub enum Value {
    Constant(Tensor),
    Computed(Computed),
    Gate(Gate),
    /// The result of an unsupported operator.
    Unknown,
}

/// A node of the network, read in a shape that includes the batch axis.
#[derive(Clone, Debug)]
pub struct Computed {
    pub node: usize,
    pub shape: Vec<usize>,
}

/// shift + factor·erf(slope·x): no node of a network, only on its way to one.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Behind the uniform factors that `slope` contains.
    pub x: Computed,
    pub slope: Coefficient,
    pub factor: Coefficient,
    pub shift: Coefficient,
}

impl Computed {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Value {
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::Constant(t) => &t.shape,
            Value::Computed(c) => &c.shape,
            Value::Gate(g) => &g.x.shape,
            Value::Unknown => &[],
        }
    }

    /// A node of the network, where nothing else is possible.
    pub fn into_computed(self) -> Result<Computed> {
        match self {
            Value::Computed(x) => Ok(x),
            Value::Constant(_) | Value::Gate(_) | Value::Unknown => Err(Error::import("is not computed")),
        }
    }

    /// The same elements in another shape.
    pub fn reshaped(&self, shape: Vec<usize>) -> Value {
        match self {
            Value::Constant(t) => Value::Constant(Tensor { shape, data: t.data.clone() }),
            Value::Computed(c) => Value::Computed(Computed { node: c.node, shape }),
            Value::Gate(_) | Value::Unknown => Value::Unknown,
        }
    }
}

/// Attributes that change nothing that is computed here.
const HARMLESS: [&str; 6] = ["momentum", "saturate", "ratio", "seed", "storage_order", "consumed_inputs"];

pub struct Call<'a> {
    pub node: &'a NodeProto,
    pub opset: i64,
    pub inputs: Vec<Option<Value>>,
    read: RefCell<Vec<&'a str>>,
}

impl<'a> Call<'a> {
    pub fn new(node: &'a NodeProto, opset: i64, inputs: Vec<Option<Value>>) -> Self {
        Call { node, opset, inputs, read: RefCell::default() }
    }

    /// The node's name, or that of its first output.
    pub fn name(&self) -> &'a str {
        name(self.node)
    }

    pub fn optional(&self, i: usize) -> Option<&Value> {
        self.inputs.get(i).and_then(Option::as_ref)
    }

    pub fn value(&self, i: usize) -> Result<&Value> {
        self.optional(i).ok_or_else(|| Error::import(format!("has no input {i}")))
    }

    /// Every operand of a variadic operator.
    pub fn values(&self) -> Result<Vec<Value>> {
        if self.inputs.is_empty() {
            return Err(Error::import("has no inputs"));
        }
        (0..self.inputs.len()).map(|i| self.value(i).cloned()).collect()
    }

    pub fn computed(&self, i: usize) -> Result<&Computed> {
        match self.value(i)? {
            Value::Computed(c) => Ok(c),
            Value::Constant(_) | Value::Gate(_) | Value::Unknown => {
                Err(Error::unsupported("applied to a constant"))
            }
        }
    }

    pub fn constant(&self, i: usize) -> Result<&Tensor> {
        match self.value(i)? {
            Value::Constant(t) => Ok(t),
            Value::Computed(_) | Value::Gate(_) | Value::Unknown => {
                Err(Error::unsupported(format!("input {i} is computed from the network's input")))
            }
        }
    }

    /// Finite floats: weights, biases, bounds.
    pub fn weights(&self, i: usize) -> Result<(&Tensor, &Arc<Vec<f64>>)> {
        let tensor = self.constant(i)?;
        let place = || format!("tensor {:?}", self.node.input.get(i).map_or("", |s| s));
        match &tensor.data {
            Data::Floats(v) => match v.iter().find(|x| !x.is_finite()) {
                None => Ok((tensor, v)),
                Some(bad) => Err(Error::import(format!("contains the weight {bad}")).at(place())),
            },
            Data::Integers(_) => Err(Error::unsupported("integers used as weights").at(place())),
            Data::Reals(_) => Err(Error::unsupported("weights computed in the graph that are not floats")),
        }
    }

    /// A float constant of one element; may be infinite.
    pub fn number(&self, i: usize) -> Result<f64> {
        match &self.constant(i)?.data {
            Data::Floats(v) if v.len() == 1 => Ok(v[0]),
            Data::Integers(v) if v.len() == 1 => {
                super::tensor::exact(v[0]).ok_or_else(|| Error::import(format!("input {i} is too large")))
            }
            Data::Floats(_) | Data::Integers(_) | Data::Reals(_) => {
                Err(Error::unsupported(format!("input {i} is not one float")))
            }
        }
    }

    pub fn integers(&self, i: usize) -> Result<Arc<Vec<i64>>> {
        match &self.constant(i)?.data {
            Data::Integers(v) => Ok(v.clone()),
            Data::Floats(v) if v.is_empty() => Ok(Arc::default()),
            Data::Floats(_) | Data::Reals(_) => {
                Err(Error::import(format!("input {i} should be a list of integers")))
            }
        }
    }

    fn attribute(&self, name: &'static str, kind: i32) -> Result<Option<&'a AttributeProto>> {
        self.read.borrow_mut().push(name);
        let Some(a) = self.node.attribute.iter().find(|a| a.name == name) else { return Ok(None) };
        if !a.ref_attr_name.is_empty() {
            return Err(Error::unsupported(format!("attribute {name} refers to a function's argument")));
        }
        if a.r#type != kind && a.r#type != 0 {
            return Err(Error::import(format!("attribute {name} has the wrong type ({})", a.r#type)));
        }
        Ok(Some(a))
    }

    pub fn int(&self, name: &'static str, default: i64) -> Result<i64> {
        Ok(self.attribute(name, t::INT)?.map_or(default, |a| a.i.unwrap_or(0)))
    }

    pub fn flag(&self, name: &'static str, default: bool) -> Result<bool> {
        Ok(self.int(name, default as i64)? != 0)
    }

    /// The float as stored, exactly.
    pub fn float(&self, name: &'static str, default: f32) -> Result<f64> {
        Ok(self.optional_float(name)?.unwrap_or(default as f64))
    }

    pub fn optional_float(&self, name: &'static str) -> Result<Option<f64>> {
        Ok(self.attribute(name, t::FLOAT)?.map(|a| a.f.unwrap_or(0.0) as f64))
    }

    pub fn text(&self, name: &'static str, default: &str) -> Result<String> {
        let found = self.attribute(name, t::STRING)?;
        Ok(found.map_or(default.into(), |a| {
            String::from_utf8_lossy(a.s.as_deref().unwrap_or_default()).into_owned()
        }))
    }

    pub fn ints(&self, name: &'static str) -> Result<Option<&'a [i64]>> {
        Ok(self.attribute(name, t::INTS)?.map(|a| &a.ints[..]))
    }

    pub fn floats(&self, name: &'static str) -> Result<Option<&'a [f32]>> {
        Ok(self.attribute(name, t::FLOATS)?.map(|a| &a.floats[..]))
    }

    pub fn tensor(&self, name: &'static str) -> Result<Option<&'a TensorProto>> {
        Ok(self.attribute(name, t::TENSOR)?.and_then(|a| a.t.as_deref()))
    }

    /// A list that moved from an attribute to an input in a later opset.
    pub fn list(&self, name: &'static str, i: usize) -> Result<Option<Vec<i64>>> {
        if let Some(list) = self.ints(name)? {
            return Ok(Some(list.to_vec()));
        }
        self.optional(i).map(|_| self.integers(i).map(|v| v.to_vec())).transpose()
    }

    /// An attribute whose value changes nothing that is computed here.
    pub fn known(&self, name: &'static str) {
        self.read.borrow_mut().push(name);
    }

    pub fn unread(&self) -> Option<&'a str> {
        let read = self.read.borrow();
        let missed = |a: &&AttributeProto| !read.contains(&&a.name[..]) && !HARMLESS.contains(&&a.name[..]);
        self.node.attribute.iter().find(missed).map(|a| &a.name[..])
    }
}

pub fn name(node: &NodeProto) -> &str {
    match node.name.is_empty() {
        true => node.output.iter().find(|o| !o.is_empty()).map_or("", |o| o),
        false => &node.name,
    }
}

/// The operator with its domain, if that is not ONNX's own.
pub fn operator(node: &NodeProto) -> String {
    match &node.domain[..] {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}
