//! ONNX: from the bytes of a file to a `Net`.
//!
//! `proto` decodes messages, `graph` finds the nodes that reach the output,
//! `walk` visits them, and the operator families (`conv`, `matmul`,
//! `arithmetic`, `shape`, `pool`, `sort`, `activation`, `fold`) each turn one node into
//! constants or, through `importer` and `rearrange`, into network nodes. The network computed is the real-valued one:
//! stored floats are taken exactly, and whatever is not a float (1/9, a
//! batch-norm factor) becomes a coefficient with a proven error.
//!
//! Files may be hostile: sizes are checked before memory is taken, and every
//! failure is an `Error`.

mod activation;
mod arithmetic;
mod call;
mod conv;
mod external;
mod fold;
mod gelu;
mod graph;
mod importer;
mod index;
mod matmul;
mod names;
mod pool;
pub mod proto;
mod rearrange;
mod shape;
mod sort;
mod tensor;
mod walk;

pub use external::Beside;

use super::{Net, Warning};
use crate::error::{Error, Result};

use prost::Message;
use prost::bytes::Bytes;
use std::collections::BTreeMap;
use walk::{Refused, Walk};

/// What the person asking wants to be different from what the file says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keep a softmax at the end instead of dropping it with a warning.
    pub keep_softmax: bool,
    /// The full shape of the input, for axes that the file leaves open.
    pub input_shape: Option<Vec<usize>>,
    /// Which output of the graph.
    pub output: Option<String>,
}

/// The operators that can be imported; README and error texts are held to it.
pub const SUPPORTED: &[&str] = walk::SUPPORTED;

const AGAIN: &str = "download or export the file again";

const OLDEST_OPSET: i64 = 7;
const NEWEST_OPSET: i64 = 24;

/// A model in memory, which names no other files.
pub fn load(bytes: &[u8], options: &Options) -> Result<Net> {
    read(&Bytes::copy_from_slice(bytes), &mut Beside::nothing(), options)
}

/// A model and the files beside it that it names.
pub fn read(bytes: &Bytes, beside: &mut Beside, options: &Options) -> Result<Net> {
    load_graph(bytes, beside, options, &mut Refused::default()).map_err(|e| e.at("ONNX graph"))
}

/// An operator of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Used {
    pub operator: String,
    pub nodes: usize,
    /// Of these, what the output does not depend on, and what cannot be imported.
    pub unneeded: usize,
    pub refused: usize,
}

/// The operators of a model that decodes, in the order of their names.
pub fn operators(bytes: &Bytes, beside: &mut Beside, options: &Options) -> Vec<Used> {
    let mut refused = Refused::default();
    let _ = load_graph(bytes, beside, options, &mut refused);
    let model = proto::check_count(bytes).then(|| proto::ModelProto::decode(bytes.clone()).ok()).flatten();
    let Some(graph) = model.and_then(|m| m.graph) else { return vec![] };
    let output = graph::output(&graph, options.output.as_deref()).ok().map(|o| &o.name[..]);
    let order = output.and_then(|o| graph::plan(&graph, o).ok()).map(|p| p.order);
    let mut needed = vec![order.is_none(); graph.node.len()];
    order.into_iter().flatten().for_each(|k| needed[k] = true);
    let mut found: BTreeMap<String, Used> = BTreeMap::new();
    for (k, node) in graph.node.iter().enumerate() {
        let operator = call::operator(node);
        let entry = found.entry(operator).or_default();
        entry.nodes += 1;
        entry.unneeded += !needed[k] as usize;
    }
    let row = |(operator, used): (String, Used)| {
        let known = SUPPORTED.contains(&&operator[..]);
        let refused = if known { refused.count(&operator) } else { used.nodes - used.unneeded };
        Used { refused, operator, ..used }
    };
    found.into_iter().map(row).collect()
}

/// Do the bytes decode as a model with a graph?
pub fn is_model(bytes: &Bytes) -> bool {
    proto::check_count(bytes) && proto::ModelProto::decode(bytes.clone()).is_ok_and(|m| m.graph.is_some())
}

fn load_graph(bytes: &Bytes, beside: &mut Beside, options: &Options, refused: &mut Refused) -> Result<Net> {
    if !proto::check_count(bytes) {
        return Err(Error::import("the file consists of an absurd number of tiny parts"));
    }
    let model = proto::ModelProto::decode(bytes.clone()).map_err(|e| {
        Error::import(format!("this is not an ONNX file, or not all of it ({e})")).next(AGAIN)
    })?;
    let graph = model.graph.as_ref().ok_or_else(|| Error::import("the file holds no graph").next(AGAIN))?;
    let opset = model
        .opset_import
        .iter()
        .find(|o| matches!(&o.domain[..], "" | "ai.onnx"))
        .map(|o| o.version)
        .ok_or_else(|| Error::import("the file names no opset"))?;
    if !(OLDEST_OPSET..=NEWEST_OPSET).contains(&opset) {
        return Err(Error::unsupported(format!("opset {opset}"))
            .next(format!("convert it to an opset from {OLDEST_OPSET} to {NEWEST_OPSET}")));
    }
    let output = graph::output(graph, options.output.as_deref())?;
    let plan = graph::plan(graph, &output.name)?;
    let shape = graph::input_shape(plan.input, options.input_shape.as_deref())?;
    let walk = Walk { graph, plan: &plan, opset, input_shape: shape, bytes: bytes.len(), options };
    let mut net = walk::run(walk, beside, refused)?;
    if graph.output.len() > 1 && options.output.is_none() {
        let others = graph.output.iter().map(|o| &o.name[..]).filter(|n| *n != output.name);
        let others = others.take(5).collect::<Vec<_>>().join(", ");
        let text = format!("the output {:?} is used; --output-name picks another: {others}", output.name);
        net.warnings.push(Warning { code: "several-outputs", text });
    }
    Ok(super::fuse::fuse_biases(net))
}
