//! Which nodes matter, in which order, and where the graph begins and ends.

use super::call;
use super::proto::{GraphProto, ValueInfoProto, data_type};
use super::tensor::dimension;
use crate::error::{Error, Result};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Nodes that reach the output, in an order in which they can be computed
/// (the order of the file where that is one).
pub struct Plan<'a> {
    /// The value that is asked for.
    pub output: &'a str,
    pub order: Vec<usize>,
    /// The real input that is read.
    pub input: &'a ValueInfoProto,
    /// The node of a softmax that only reshaping separates from the output.
    pub last_softmax: Option<usize>,
    /// How often each name is read by the nodes in `order`.
    pub uses: HashMap<&'a str, usize>,
}

/// The output of the given name; without one the only one, else the first that is a float, where
/// dictionaries of probabilities count after tensors.
pub fn output<'a>(graph: &'a GraphProto, name: Option<&str>) -> Result<&'a ValueInfoProto> {
    let list = || graph.output.iter().map(|o| &o.name[..]).collect::<Vec<_>>().join(", ");
    if let Some(name) = name {
        return graph.output.iter().find(|o| o.name == name).ok_or_else(|| {
            Error::input(format!("the network has no output {name:?}"))
                .at("--output-name")
                .next(format!("its outputs are: {}", list()))
        });
    }
    let kind =
        |o: &ValueInfoProto| o.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).map(|t| t.elem_type);
    let zipped =
        |o: &ValueInfoProto| graph.node.iter().any(|n| n.op_type == "ZipMap" && n.output.contains(&o.name));
    let all = || graph.output.iter();
    let float =
        all().find(|o| kind(o).is_some_and(data_type::is_float)).or_else(|| all().find(|o| zipped(o)));
    let first = || all().find(|o| kind(o).is_none_or(|k| k == 0)).or(graph.output.first());
    float.or_else(first).ok_or_else(|| Error::import("the graph has no output"))
}

pub fn plan<'a>(graph: &'a GraphProto, output: &'a str) -> Result<Plan<'a>> {
    let stored: HashSet<&str> = graph.initializer.iter().map(|t| &t.name[..]).collect();
    let mut producer: HashMap<&str, usize> = HashMap::new();
    for (k, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|o| !o.is_empty()) {
            if producer.insert(name, k).is_some() || stored.contains(&name[..]) {
                return Err(Error::import(format!("the value {name:?} is defined twice")));
            }
        }
    }
    let real: HashMap<&str, &ValueInfoProto> =
        graph.input.iter().filter(|i| !stored.contains(&i.name[..])).map(|i| (&i.name[..], i)).collect();

    let mut needed = vec![false; graph.node.len()];
    let mut read: Vec<&str> = vec![];
    let mut inputs: Vec<&ValueInfoProto> = vec![];
    let mut seen: HashSet<&str> = HashSet::new();
    let mut visit = |name: &'a str, read: &mut Vec<&'a str>| seen.insert(name).then(|| read.push(name));
    visit(output, &mut read);
    while let Some(name) = read.pop() {
        if let Some(&k) = producer.get(name) {
            needed[k] = true;
            for input in graph.node[k].input.iter().filter(|i| !i.is_empty()) {
                visit(input, &mut read);
            }
        } else if let Some(input) = real.get(name) {
            inputs.push(input);
        } else if !stored.contains(name) {
            return Err(Error::import(format!("the value {name:?} is read but never defined")));
        }
    }
    let input = match inputs[..] {
        [one] => one,
        [] => return Err(Error::import(format!("the output {output:?} does not depend on any input"))),
        _ => {
            let names: Vec<_> = inputs.iter().map(|i| &i.name[..]).collect();
            return Err(Error::import(format!("the network reads several inputs: {}", names.join(", ")))
                .next("export it with one input"));
        }
    };
    let (order, uses) = sort(graph, &producer, &needed)?;
    Ok(Plan { output, order, input, last_softmax: last_softmax(graph, &producer, output), uses })
}

fn sort<'a>(
    graph: &'a GraphProto,
    producer: &HashMap<&str, usize>,
    needed: &[bool],
) -> Result<(Vec<usize>, HashMap<&'a str, usize>)> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    let mut waiting = vec![0usize; needed.len()];
    let mut readers: Vec<Vec<usize>> = vec![vec![]; needed.len()];
    for (k, node) in graph.node.iter().enumerate().filter(|&(k, _)| needed[k]) {
        for name in node.input.iter().filter(|i| !i.is_empty()) {
            *uses.entry(name).or_default() += 1;
            if let Some(&p) = producer.get(&name[..]) {
                waiting[k] += 1;
                readers[p].push(k);
            }
        }
    }
    let mut ready: BinaryHeap<_> =
        (0..needed.len()).filter(|&k| needed[k] && waiting[k] == 0).map(Reverse).collect();
    let mut order = vec![];
    while let Some(Reverse(k)) = ready.pop() {
        order.push(k);
        for &r in &readers[k] {
            waiting[r] -= 1;
            if waiting[r] == 0 {
                ready.push(Reverse(r));
            }
        }
    }
    match (0..needed.len()).find(|&k| needed[k] && waiting[k] > 0) {
        None => Ok((order, uses)),
        Some(k) => {
            let name = call::name(&graph.node[k]);
            Err(Error::import(format!("node {name:?} depends on itself: the graph has a cycle")))
        }
    }
}

fn last_softmax(graph: &GraphProto, producer: &HashMap<&str, usize>, output: &str) -> Option<usize> {
    let mut name = output;
    for _ in 0..=graph.node.len() {
        let &k = producer.get(name)?;
        let node = &graph.node[k];
        match &node.op_type[..] {
            "Softmax" | "LogSoftmax" => return Some(k),
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Dropout" | "Cast"
            | "Transpose" | "ZipMap" => name = node.input.first()?,
            _ => return None,
        }
    }
    None
}

/// The input's shape with batch 1, from the file and, where that leaves it open,
/// from the person.
pub fn input_shape(info: &ValueInfoProto, given: Option<&[usize]>) -> Result<Vec<usize>> {
    let name = &info.name;
    let place = format!("input {name:?}");
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    if let Some(kind) = tensor.map(|t| t.elem_type).filter(|&k| k != 0 && !data_type::is_float(k)) {
        return Err(Error::unsupported(format!("the element type {kind} is not a float")).at(place));
    }
    let help = "pass the full shape, for example --input-shape 1,3,224,224";
    let Some(shape) = tensor.and_then(|t| t.shape.as_ref()) else {
        let given =
            given.ok_or_else(|| Error::import("its shape is not in the file").next(help).at(&place))?;
        return Ok(given.to_vec());
    };
    if given.is_some_and(|g| g.len() != shape.dim.len()) {
        let text = format!("has {} axes, --input-shape {}", shape.dim.len(), given.map_or(0, |g| g.len()));
        return Err(Error::input(text).at(place).next(help));
    }
    let mut out = vec![];
    for (k, d) in shape.dim.iter().enumerate() {
        let fixed = d.dim_value.filter(|&v| v > 0).map(dimension).transpose().map_err(|e| e.at(&place))?;
        let batch = k == 0 && shape.dim.len() > 1;
        out.push(match (given.map(|g| g[k]), fixed) {
            (Some(g), Some(f)) if g != f && !batch => {
                return Err(Error::input(format!("axis {k} has size {f}, --input-shape says {g}")).at(place));
            }
            (Some(g), _) => g,
            (None, Some(f)) => f,
            (None, None) if batch => 1,
            (None, None) => {
                return Err(Error::import(format!("the size of axis {k} is not fixed")).at(place).next(help));
            }
        });
    }
    if out.len() > 1 && out[0] != 1 {
        return Err(Error::import(format!(
            "the batch axis has size {}; bounds are about one sample",
            out[0]
        ))
        .at(place)
        .next("export the network for batch 1, or pass --input-shape with 1 as the first size"));
    }
    Ok(out)
}
