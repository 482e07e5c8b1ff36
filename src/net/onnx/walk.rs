//! The walk over the graph: one call per node, and one place that decides
//! which operator goes to which family.

use super::call::{self, Call, Computed, Value};
use super::graph::Plan;
use super::importer::Importer;
use super::proto::{GraphProto, NodeProto, TensorProto};
use super::{
    Beside, Options, activation, arithmetic, conv, fold, gelu, index, matmul, names, pool, shape, sort,
    tensor,
};
use crate::error::{Error, Kind, Result};
use crate::net::{Net, Warning};
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
    "TopK",
    "Transpose",
    "Unsqueeze",
    "ai.onnx.ml.Scaler",
    "ai.onnx.ml.ZipMap",
];

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

/// A graph and how it is to be read.
pub struct Walk<'a> {
    pub graph: &'a GraphProto,
    pub plan: &'a Plan<'a>,
    pub opset: i64,
    pub input_shape: Vec<usize>,
    /// Bytes of the file.
    pub bytes: usize,
    pub options: &'a Options,
}

/// The network of a graph; what cannot be imported is collected in `refused`.
pub fn run(walk: Walk, beside: &mut Beside, refused: &mut Refused) -> Result<Net> {
    let Walk { graph, plan, opset, input_shape, bytes, options } = walk;
    let place = || format!("input {:?}", plan.input.name);
    let inputs = index::volume(&input_shape).map_err(|e| e.at(place()))?;
    if inputs == 0 || inputs > 1 << 27 {
        return Err(Error::import(format!("the unusable shape {input_shape:?}")).at(place()));
    }
    let mut importer = Importer::new(&plan.input.name, &input_shape, inputs, options.keep_softmax);
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
        importer.grant(bytes + beside.size());
        let result = match places(node, plan) {
            true => Err(names::places()),
            false => outputs(&mut importer, node, opset, inputs, plan.last_softmax == Some(k)),
        };
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

/// Does anything depend on where a TopK finds its values?
fn places(node: &NodeProto, plan: &Plan) -> bool {
    let read = |name: &String| plan.uses.contains_key(&name[..]) || name == plan.output;
    call::operator(node) == "TopK" && node.output.get(1).is_some_and(read)
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

fn outputs(
    importer: &mut Importer,
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
    let outputs = operator_outputs(importer, &call, &operator, last_softmax)?;
    match call.unread() {
        None => Ok(outputs),
        Some(name) => Err(Error::unsupported(format!("attribute {name}"))),
    }
}

fn operator_outputs(
    importer: &mut Importer,
    call: &Call,
    operator: &str,
    last_softmax: bool,
) -> Result<Vec<Value>> {
    let one = match operator {
        "Constant" => fold::constant(call)?,
        "ConstantOfShape" => fold::constant_of_shape(importer, call)?,
        "Shape" => fold::shape(call)?,
        "Size" => fold::size(call)?,
        "Sqrt" => fold::sqrt(importer, call)?,
        "Cast" => fold::cast(importer, call)?,
        "Erf" => gelu::erf(importer, call)?,
        "Identity" => call.value(0)?.clone(),
        "Dropout" => shape::dropout(call)?,
        "Reshape" => shape::reshape(call)?,
        "Flatten" => shape::flatten(call)?,
        "Squeeze" => shape::squeeze(call)?,
        "Unsqueeze" => shape::unsqueeze(call)?,
        "Transpose" => shape::transpose(importer, call)?,
        "Slice" => shape::slice(importer, call)?,
        "Split" => return shape::split(importer, call),
        "Concat" => shape::concat(importer, call)?,
        "Pad" => shape::pad(importer, call)?,
        "Gather" => shape::gather(importer, call)?,
        "Expand" => shape::expand(importer, call)?,
        "Tile" => shape::tile(importer, call)?,
        "TopK" => sort::top(importer, call)?,
        "Add" | "Sub" | "Mul" | "Div" => arithmetic::binary(importer, call, operator)?,
        "Sum" => arithmetic::sum(importer, call)?,
        "Max" | "Min" => arithmetic::extremum(importer, call, operator == "Min")?,
        "Neg" => arithmetic::negate(importer, call)?,
        "ai.onnx.ml.Scaler" => arithmetic::scaler(importer, call)?,
        "ai.onnx.ml.ZipMap" => fold::zip_map(call)?,
        "BatchNormalization" => arithmetic::batch_norm(importer, call)?,
        "Conv" => conv::conv(importer, call)?,
        "ConvTranspose" => conv::conv_transpose(importer, call)?,
        "Gemm" => matmul::gemm(importer, call)?,
        "MatMul" => matmul::matmul(importer, call)?,
        "MaxPool" => pool::max_pool(importer, call)?,
        "AveragePool" => pool::average_pool(importer, call)?,
        "GlobalAveragePool" | "GlobalMaxPool" => pool::global(importer, call, operator)?,
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" => {
            pool::reduce(importer, call, operator)?
        }
        // Of several groups each has its order: only within one do logits say which output leads.
        "LogSoftmax" | "Softmax"
            if last_softmax && !importer.keep_softmax && activation::is_one_group(call)? =>
        {
            let text = format!("the final {operator} was dropped: bounds are about its inputs (logits)");
            importer.net.warnings.push(Warning { code: "softmax-dropped", text });
            call.value(0)?.clone()
        }
        "LogSoftmax" => return Err(Error::unsupported("only at the end, where it is dropped")),
        "Softmax" => activation::softmax(importer, call)?,
        _ => activation::scalar(importer, call, operator)?,
    };
    Ok(vec![one])
}
