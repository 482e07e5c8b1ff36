//! The walk over the graph: one call per node, and one place that decides
//! which operator goes to which family.

use super::call::{self, Call, Computed, Value};
use super::graph::Plan;
use super::proto::{GraphProto, NodeProto, TensorProto};
use super::tensor::Tensor;
use super::{
    Beside, Options, activation, arithmetic, conv, fold, gelu, index, matmul, names, pool, shape, tensor,
};
use crate::error::{Error, Kind, Result};
use crate::net::{Net, Op, Warning};
use crate::num::Coefficient;
use std::collections::{BTreeMap, HashMap};

pub const SUPPORTED: &[&str] = &[
    "Abs",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Celu",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Expand",
    "Flatten",
    "Gather",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "Identity",
    "LeakyRelu",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Selu",
    "Shape",
    "Sigmoid",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "ai.onnx.ml.Scaler",
    "ai.onnx.ml.ZipMap",
];

/// The network under construction and what may still be allocated for it.
pub struct Importer {
    pub net: Net,
    keep_softmax: bool,
    /// Entries of index tables that may still be made.
    tables: usize,
    /// Elements of constants that the graph may still compute.
    constants: usize,
    /// Elements of weights that may still be rearranged into new memory.
    weights: usize,
    /// Bytes of files for which there is room already.
    granted: usize,
}

/// What was refused: operator and reason, the nodes it holds for, and what to do about it.
#[derive(Default)]
pub struct Refused {
    nodes: BTreeMap<(String, String), Vec<String>>,
    next: String,
}

impl Refused {
    fn add(&mut self, graph: &GraphProto, k: usize, e: Error) {
        let node = &graph.node[k];
        // Looking around costs a walk over the graph per node.
        let known = self.nodes.values().map(Vec::len).sum::<usize>();
        let layer = if known * graph.node.len() < 1 << 22 { names::layer(graph, k) } else { None };
        let what = layer.map_or(e.what, String::from);
        let reason = if e.place.is_empty() { what } else { format!("{}: {what}", e.place) };
        self.nodes.entry((call::operator(node), reason)).or_default().push(call::name(node).into());
        if self.next.is_empty() {
            self.next = e.next;
        }
    }

    /// How many nodes of an operator were refused.
    pub fn count(&self, operator: &str) -> usize {
        self.nodes.iter().filter(|(key, _)| key.0 == operator).map(|(_, nodes)| nodes.len()).sum()
    }

    fn error(&self) -> Error {
        let mut text = String::from("the network uses operators that are not supported");
        for ((operator, reason), nodes) in &self.nodes {
            let first = nodes.iter().take(3).map(|n| &n[..]).collect::<Vec<_>>().join(", ");
            let more = if nodes.len() > 3 { ", …" } else { "" };
            let count = nodes.len();
            text += &format!("\n  {operator} ×{count} ({first}{more}): {reason}");
        }
        Error::unsupported(text).next(&*self.next)
    }
}

pub fn run(
    graph: &GraphProto,
    plan: &Plan,
    opset: i64,
    input_shape: Vec<usize>,
    file: usize,
    beside: &mut Beside,
    options: &Options,
    refused: &mut Refused,
) -> Result<Net> {
    let place = || format!("input {:?}", plan.input.name);
    let inputs = index::volume(&input_shape).map_err(|e| e.at(place()))?;
    if inputs == 0 || inputs > 1 << 27 {
        return Err(Error::import(format!("the unusable shape {input_shape:?}")).at(place()));
    }
    let mut importer = Importer {
        net: Net::new(features(&input_shape)),
        keep_softmax: options.keep_softmax,
        tables: ((1 << 24) + 32 * inputs).min(1 << 27),
        constants: 1 << 28,
        weights: 1 << 28,
        granted: 0,
    };
    importer.net.nodes[0].name = plan.input.name.clone();
    let stored: HashMap<&str, &TensorProto> = graph.initializer.iter().map(|t| (&t.name[..], t)).collect();
    let mut uses = plan.uses.clone();
    let mut values: HashMap<&str, Value> = HashMap::new();
    values.insert(&plan.input.name, Value::Computed(Computed { node: 0, shape: input_shape }));

    for &k in &plan.order {
        let node = &graph.node[k];
        let mut inputs = vec![];
        for name in &node.input {
            inputs.push(fetch(name, &stored, &mut values, &mut uses, beside)?);
        }
        importer.grant(file + beside.size());
        let result = importer.node(node, opset, inputs, plan.last_softmax == Some(k));
        let outputs = match result {
            Ok(outputs) => outputs,
            Err(e) if e.kind == Kind::Unsupported => {
                refused.add(graph, k, e);
                vec![Value::Unknown; node.output.len()]
            }
            Err(e) => return Err(e.at(format!("node {:?} ({})", call::name(node), call::operator(node)))),
        };
        for (name, value) in node.output.iter().zip(outputs) {
            values.insert(name, value);
        }
    }
    if !refused.nodes.is_empty() {
        return Err(refused.error());
    }
    match values.get(plan.output) {
        Some(Value::Computed(c)) => Ok(importer.net.prune(c.node)),
        Some(Value::Constant(_)) => Err(Error::import("the output does not depend on the input")),
        Some(Value::Gate(_)) => Err(gelu::alone()),
        _ => Err(Error::import("the output is not computed by any node")),
    }
}

/// The value of a name; one that nothing else reads is handed over.
fn fetch<'a>(
    name: &'a str,
    stored: &HashMap<&'a str, &'a TensorProto>,
    values: &mut HashMap<&'a str, Value>,
    uses: &mut HashMap<&'a str, usize>,
    beside: &mut Beside,
) -> Result<Option<Value>> {
    if name.is_empty() {
        return Ok(None);
    }
    if let (false, Some(proto)) = (values.contains_key(name), stored.get(name)) {
        values.insert(name, Value::Constant(tensor::decode_stored(proto, beside)?));
    }
    let left = uses.entry(name).or_insert(1);
    *left = left.saturating_sub(1);
    let value = if *left == 0 { values.remove(name) } else { values.get(name).cloned() };
    value.map(Some).ok_or_else(|| Error::import(format!("the value {name:?} is not an output of its node")))
}

/// Shape of a node: the batch axis left out.
fn features(shape: &[usize]) -> Vec<usize> {
    match shape {
        [1, rest @ ..] if !rest.is_empty() => rest.to_vec(),
        _ => shape.to_vec(),
    }
}

impl Importer {
    /// More room, in proportion to the bytes that have been read by now.
    fn grant(&mut self, bytes: usize) {
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
        fold::reals(tensor)
    }

    /// Room for rearranging `value` into `shape`.
    pub fn charge_shape(&mut self, value: &Value, shape: &[usize]) -> Result<()> {
        let sides: usize = shape.iter().try_fold(0usize, |a, &b| a.checked_add(b)).unwrap_or(usize::MAX);
        let entries = index::volume(shape)?.saturating_add(sides);
        match value {
            Value::Constant(_) => self.charge_constant(entries),
            _ => self.charge(entries),
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

    fn node(
        &mut self,
        node: &NodeProto,
        opset: i64,
        inputs: Vec<Option<Value>>,
        last_softmax: bool,
    ) -> Result<Vec<Value>> {
        let operator = call::operator(node);
        if !SUPPORTED.contains(&&operator[..]) {
            return Err(names::unknown(&operator));
        }
        if inputs.iter().flatten().any(|v| matches!(v, Value::Unknown)) {
            return Ok(vec![Value::Unknown; node.output.len()]);
        }
        let gated = inputs.iter().flatten().any(|v| matches!(v, Value::Gate(_)));
        if gated && !matches!(&operator[..], "Add" | "Sub" | "Mul" | "Div") {
            return Err(gelu::alone());
        }
        let call = Call::new(node, opset, inputs);
        let outputs = self.operator(&call, &operator, last_softmax)?;
        match call.unread() {
            None => Ok(outputs),
            Some(name) => Err(Error::unsupported(format!("attribute {name}"))),
        }
    }

    fn operator(&mut self, call: &Call, operator: &str, last_softmax: bool) -> Result<Vec<Value>> {
        let one = match operator {
            "Constant" => fold::constant(call)?,
            "ConstantOfShape" => fold::constant_of_shape(self, call)?,
            "Shape" => fold::shape(call)?,
            "Size" => fold::size(call)?,
            "Sqrt" => fold::sqrt(self, call)?,
            "Cast" => fold::cast(self, call)?,
            "Erf" => gelu::erf(self, call)?,
            "Identity" => call.value(0)?.clone(),
            "Dropout" => shape::dropout(call)?,
            "Reshape" => shape::reshape(call)?,
            "Flatten" => shape::flatten(call)?,
            "Squeeze" => shape::squeeze(call)?,
            "Unsqueeze" => shape::unsqueeze(call)?,
            "Transpose" => shape::transpose(self, call)?,
            "Slice" => shape::slice(self, call)?,
            "Split" => return shape::split(self, call),
            "Concat" => shape::concat(self, call)?,
            "Pad" => shape::pad(self, call)?,
            "Gather" => shape::gather(self, call)?,
            "Expand" => shape::expand(self, call)?,
            "Tile" => shape::tile(self, call)?,
            "Add" | "Sub" | "Mul" | "Div" => arithmetic::binary(self, call, operator)?,
            "Sum" => arithmetic::sum(self, call)?,
            "Max" | "Min" => arithmetic::extremum(self, call, operator == "Min")?,
            "Neg" => arithmetic::negate(self, call)?,
            "ai.onnx.ml.Scaler" => arithmetic::scaler(self, call)?,
            "ai.onnx.ml.ZipMap" => fold::zip_map(call)?,
            "BatchNormalization" => arithmetic::batch_norm(self, call)?,
            "Conv" => conv::conv(self, call)?,
            "ConvTranspose" => conv::conv_transpose(self, call)?,
            "Gemm" => matmul::gemm(self, call)?,
            "MatMul" => matmul::matmul(self, call)?,
            "MaxPool" => pool::max_pool(self, call)?,
            "AveragePool" => pool::average_pool(self, call)?,
            "GlobalAveragePool" | "GlobalMaxPool" => pool::global(self, call, operator)?,
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" => {
                pool::reduce(self, call, operator)?
            }
            "LogSoftmax" | "Softmax" if last_softmax && !self.keep_softmax => {
                call.int("axis", 0)?;
                let text = format!("the final {operator} was dropped: bounds are about its inputs (logits)");
                self.net.warnings.push(Warning { code: "softmax-dropped", text });
                call.value(0)?.clone()
            }
            "LogSoftmax" => return Err(Error::unsupported("only at the end, where it is dropped")),
            "Softmax" => activation::softmax(self, call)?,
            _ => activation::scalar(self, call, operator)?,
        };
        Ok(vec![one])
    }
}
