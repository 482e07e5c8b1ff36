//! `clarke inspect NET`: nodes, shapes, what is supported, a memory estimate.

use super::args::ImportArgs;
use super::flags::{Format, InspectFlags};
use super::print::{Print, stdout};
use super::problem::unsupported;
use crate::data::shape_text;
use crate::error::{Kind, Result};
use crate::net::onnx::Used;
use crate::net::{Net, Node, Op, Source};
use crate::report::count::{magnitude, thousands};
use crate::report::csv::quote;
use crate::report::human::put_in;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn run(flags: InspectFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let options = ImportArgs::new(flags.import)?.options();
    let path = flags.net.display().to_string();
    let mut source = Source::read(&flags.net)?;
    let net = match source.import(&options) {
        Ok(net) => net,
        Err(e) => {
            // What the file is made of helps most where it cannot be imported.
            if e.kind != Kind::Device && print.format == Format::Human {
                stdout(&operators(&source.operators(&options), &print))?;
            }
            return Err(unsupported(e));
        }
    };
    print.result(&match print.format {
        Format::Human => human(&net, &path, source.size(), &print),
        Format::Json => format!("{:#}\n", object(&net, &path, &source)),
        Format::Csv => table(&net),
    })?;
    Ok(0)
}

fn parameters(node: &Node) -> usize {
    match &node.op {
        Op::Affine(a) => a.map.weights().len() + a.bias.as_ref().map_or(0, |b| b.len()),
        Op::Scale(s) => s.factor.len() + s.shift.len(),
        _ => 0,
    }
}

fn layers(net: &Net) -> usize {
    net.nodes.iter().filter(|n| matches!(n.op, Op::Affine(_))).count()
}

/// Bytes of weights, of one interval pass, and of the Jacobian of all outputs at its widest.
fn memory(net: &Net) -> [(&'static str, f64); 3] {
    let widest = net.nodes.iter().map(Node::len).max().unwrap_or(0) as f64;
    let features: f64 = net.nodes.iter().map(|n| n.len() as f64).sum();
    [
        ("weights", net.parameters() as f64 * 8.0),
        ("forward", features * 16.0),
        ("jacobian", net.outputs() as f64 * widest * 24.0),
    ]
}

fn bytes_text(bytes: f64) -> String {
    match bytes {
        b if b < 1024.0 * 1024.0 => format!("{:.0} KiB", (b / 1024.0).ceil()),
        b if b < 1024f64.powi(3) => format!("{:.1} MiB", b / 1024f64.powi(2)),
        b => format!("{:.1} GiB", b / 1024f64.powi(3)),
    }
}

fn rows(net: &Net) -> Vec<Vec<String>> {
    let row = |(k, node): (usize, &Node)| {
        let inputs: Vec<String> = node.inputs.iter().map(usize::to_string).collect();
        let weights = match parameters(node) {
            0 => String::new(),
            n => magnitude(n),
        };
        let name: String = node.name.chars().take(34).collect();
        vec![k.to_string(), node.op.name().into(), inputs.join(","), shape_text(&node.shape), weights, name]
    };
    net.nodes.iter().enumerate().map(row).collect()
}

fn human(net: &Net, path: &str, size: usize, print: &Print) -> String {
    let mut out = print.table(&["node", "operator", "reads", "shape", "weights", "name"], &rows(net));
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    out.push('\n');
    let mut put = |label: &str, text: &str| put_in(&mut out, label, text, print.page());
    put("net", &format!("{name}, {}", bytes_text(size as f64)));
    let shape = shape_text(&net.nodes[0].shape);
    let (layers, neurons) = (layers(net), thousands(net.neurons() as u64));
    let weights = magnitude(net.parameters());
    let sizes = format!("{shape} → {}, {layers} layers, {neurons} neurons, {weights} weights", net.outputs());
    put("sizes", &sizes);
    put("work", &format!("{:.2e} multiplications per forward pass", net.products()));
    let [weights, forward, jacobian] = memory(net).map(|(_, b)| bytes_text(b));
    let memory = format!("about {weights} of weights, {forward} per pass, {jacobian} per full Jacobian");
    put("memory", &memory);
    for w in &net.warnings {
        put("note", &w.text);
    }
    out
}

fn object(net: &Net, path: &str, source: &Source) -> Value {
    let node = |n: &Node| {
        json!({
            "name": n.name, "operator": n.op.name(), "inputs": n.inputs, "shape": n.shape,
            "parameters": parameters(n),
        })
    };
    let warnings: Vec<Value> = net.warnings.iter().map(|w| json!({"code": w.code, "text": w.text})).collect();
    let memory: BTreeMap<&str, f64> = memory(net).into_iter().collect();
    let external = source.external().iter().map(|f| json!({"name": f.name, "sha256": f.sha256()}));
    json!({
        "schema": "clarke.inspect/1",
        "net": {
            "path": path, "sha256": source.sha256(), "external": external.collect::<Vec<_>>(),
            "inputs": net.inputs(), "outputs": net.outputs(),
            "parameters": net.parameters(), "neurons": net.neurons(), "layers": layers(net),
        },
        "input_shape": net.nodes[0].shape,
        "nodes": net.nodes.iter().map(node).collect::<Vec<_>>(),
        "products": net.products(),
        "memory_bytes": memory,
        "warnings": warnings,
    })
}

fn table(net: &Net) -> String {
    let mut out = "node,operator,inputs,shape,parameters,name\n".to_string();
    for (k, n) in net.nodes.iter().enumerate() {
        let inputs: Vec<String> = n.inputs.iter().map(usize::to_string).collect();
        let (inputs, shape) = (inputs.join(" "), shape_text(&n.shape));
        out += &format!("{k},{},{inputs},{shape},{},{}\n", n.op.name(), parameters(n), quote(&n.name));
    }
    out
}

/// The operators of an ONNX file and what becomes of them.
fn operators(used: &[Used], print: &Print) -> String {
    let row = |u: &Used| {
        let needed = u.nodes - u.unneeded;
        let word = match u.refused {
            _ if needed == 0 => "not needed for this output".to_string(),
            0 => "supported".into(),
            n if n == needed => "not supported".into(),
            n => format!("{n} of {needed} not supported"),
        };
        vec![u.operator.chars().take(40).collect(), u.nodes.to_string(), word]
    };
    match used {
        [] => String::new(),
        _ => print.table(&["operator", "nodes", ""], &used.iter().map(row).collect::<Vec<_>>()),
    }
}
