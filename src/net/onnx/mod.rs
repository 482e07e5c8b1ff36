//! ONNX: from the bytes of a file to a `Net`.
//!
//! `proto` decodes messages, `graph` finds the nodes that reach the output,
//! `import` walks them, and the operator families (`conv`, `matmul`,
//! `arithmetic`, `shape`, `pool`, `activation`, `fold`) each turn one node into
//! network nodes or constants. The network computed is the real-valued one:
//! stored floats are taken exactly, and whatever is not a float (1/9, a
//! batch-norm factor) becomes a coefficient with a proven error.
//!
//! Files may be hostile: sizes are checked before memory is taken, and every
//! failure is an `Error`.

mod activation;
mod arithmetic;
mod call;
mod conv;
mod fold;
mod graph;
mod import;
mod index;
mod matmul;
mod pool;
pub mod proto;
mod shape;
mod tensor;

use super::{Net, Warning};
use crate::error::{Error, Result};
use prost::Message;
use prost::bytes::Bytes;

/// What the person asking wants to be different from what the file says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Keep a softmax at the end instead of dropping it with a warning.
    pub keep_softmax: bool,
    /// The full shape of the input, for axes that the file leaves open.
    pub input_shape: Option<Vec<usize>>,
}

/// The operators that can be imported; README and error texts are held to it.
pub const SUPPORTED: &[&str] = import::SUPPORTED;

const OLDEST_OPSET: i64 = 7;
const NEWEST_OPSET: i64 = 24;

pub fn load(bytes: &[u8], options: &Options) -> Result<Net> {
    load_graph(bytes, options)
        .map_err(|e| e.at("ONNX graph").next("`clarke inspect` lists what is supported"))
}

fn load_graph(bytes: &[u8], options: &Options) -> Result<Net> {
    if !proto::check_count(bytes) {
        return Err(Error::import("the file consists of an absurd number of tiny parts"));
    }
    let model = proto::ModelProto::decode(Bytes::copy_from_slice(bytes))
        .map_err(|e| Error::import(format!("this is not an ONNX file ({e})")))?;
    let graph = model.graph.as_ref().ok_or_else(|| Error::import("the file holds no graph"))?;
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
    let output = graph.output.first().ok_or_else(|| Error::import("the graph has no output"))?;
    let plan = graph::plan(graph, &output.name)?;
    let shape = graph::input_shape(plan.input, options.input_shape.as_deref())?;
    let mut net = import::run(graph, &plan, opset, shape, bytes.len(), options)?;
    if graph.output.len() > 1 {
        let text = format!("the graph has {} outputs; {:?} is used", graph.output.len(), output.name);
        net.warnings.push(Warning { code: "several-outputs", text });
    }
    Ok(super::fuse::fuse_biases(net))
}
