//! What people call the operators that cannot be imported: why, and which layer of a framework
//! they come from.

use super::call;
use super::proto::{GraphProto, NodeProto};
use crate::error::Error;

const LAYER_NORM: &str = "LayerNorm (torch.nn.LayerNorm) divides by a deviation of its own input; its slopes have no \
     bound that is derived here";
const ATTENTION: &str = "attention (torch.nn.MultiheadAttention, scaled_dot_product_attention) multiplies two computed \
     values; without a region it has no Lipschitz constant at all";
const TANH_GELU: &str = "GELU's tanh approximation, written out with rounded constants, is not the function of that \
     name: export it with opset 20, which has an operator for it, or use approximate='none'";

/// Why an operator that is in no table is refused.
pub fn unknown(operator: &str) -> Error {
    let recurrent = "recurrent layers (torch.nn.LSTM, GRU, RNN) are not supported";
    let quantised = "the network is quantised";
    let (why, next) = match operator.rsplit('.').next().unwrap_or(operator) {
        "LayerNormalization" | "SkipLayerNormalization" => (LAYER_NORM, ""),
        "Attention" | "MultiHeadAttention" => (ATTENTION, ""),
        "RMSNormalization" | "SimplifiedLayerNormalization" => {
            ("RMSNorm (torch.nn.RMSNorm) divides by a size of its own input", "")
        }
        "InstanceNormalization" | "GroupNormalization" | "MeanVarianceNormalization" => {
            ("InstanceNorm and GroupNorm (torch.nn) divide by a deviation of their own input", "")
        }
        "LSTM" | "GRU" | "RNN" => (recurrent, ""),
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "MatMulInteger"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger" => (quantised, "export the network as it was before quantisation"),
        "ArgMax" | "ArrayFeatureExtractor" => return places(),
        "TreeEnsembleClassifier" | "TreeEnsembleRegressor" | "TreeEnsemble" => {
            ("trees are functions that jump and have no Lipschitz constant", "")
        }
        _ => ("not among the supported operators", ""),
    };
    Error::unsupported(why).next(next)
}

/// Why the places of values are refused.
pub fn places() -> Error {
    Error::unsupported("a class number jumps and has no Lipschitz constant")
        .next("pick the output with scores or probabilities, with --output-name")
}

/// The layer of which node `k` is the part that is refused, if its neighbours tell.
pub fn layer(graph: &GraphProto, k: usize) -> Option<&'static str> {
    let node = &graph.node[k];
    let power = node.op_type == "Pow" || node.op_type == "Mul" && node.input.windows(2).all(|w| w[0] == w[1]);
    match &call::operator(node)[..] {
        "MatMul" => reaches(graph, node, "Softmax", 4).then_some(ATTENTION),
        _ if power && reaches(graph, node, "Sqrt", 4) => Some(LAYER_NORM),
        _ if power && reaches(graph, node, "Tanh", 5) => Some(TANH_GELU),
        _ => None,
    }
}

/// Do nodes behind this one, each the reader of the one before and all of them arithmetic, lead to `operator`?
fn reaches(graph: &GraphProto, node: &NodeProto, operator: &str, steps: usize) -> bool {
    let mut names: Vec<&str> = node.output.iter().map(|o| &o[..]).collect();
    for _ in 0..steps {
        let readers = graph.node.iter().filter(|n| n.input.iter().any(|i| names.contains(&&i[..])));
        let readers: Vec<&NodeProto> = readers.take(8).collect();
        if readers.iter().any(|n| n.op_type == operator) {
            return true;
        }
        let passes = ["Add", "Mul", "Div", "Sub", "ReduceMean", "Reshape", "Transpose", "Where"];
        let on = readers.iter().filter(|n| passes.contains(&&n.op_type[..]));
        names = on.flat_map(|n| n.output.iter().map(|o| &o[..])).collect();
    }
    false
}
