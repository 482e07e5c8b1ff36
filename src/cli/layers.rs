//! `clarke layers`: the norm of every linear layer, all methods side by side.

use super::args::LayersArgs;
use super::device::{self, Engine};
use super::flags::Format;
use super::threads;
use crate::data::decimal::{rounded_down, rounded_up};
use crate::deadline::Deadline;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::method::layer::norm_on;
use crate::method::layer::{Effort, LayerNorm, norm};
use crate::net::{Node, Op};
use crate::report::csv::quote;
use serde_json::{Map, Value, json};
use std::time::Instant;

struct Layer<'a> {
    node: &'a Node,
    inputs: usize,
    norm: LayerNorm,
    seconds: f64,
}

pub fn run(args: LayersArgs) -> Result<i32> {
    threads::start(args.work.threads)?;
    let net = crate::net::load(&args.net, &args.import.options())?;
    let products: f64 = net.nodes.iter().map(|n| n.products()).sum();
    let (engine, warnings) = device::choose(args.work.device, args.work.precision, 300.0 * products)?;
    warnings.iter().for_each(|w| args.print.detail(&w.text));
    let effort = match args.work.time {
        time if time.is_zero() => Effort::QUICK,
        time => Effort::FULL.until(&Deadline::within(time)),
    };
    let mut layers = vec![];
    for node in &net.nodes {
        let Op::Affine(a) = &node.op else { continue };
        args.print.detail(&format!("{} {} x {}", node.name, a.map.outputs(), a.map.inputs()));
        let started = Instant::now();
        let norm = match &engine {
            Engine::Cpu => norm(&a.map, args.in_norm, args.out_norm, effort),
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => norm_on(gpu.as_ref(), &a.map, args.in_norm, args.out_norm, effort),
        };
        for f in &norm.methods {
            let (sign, value) = match f.is_upper {
                true => ("<=", rounded_up(f.value, 6)),
                false => (">=", rounded_down(f.value, 6)),
            };
            args.print.detail(&format!("  {sign} {value}  {}  {:.2} s", f.method, f.seconds));
        }
        layers.push(Layer { node, inputs: a.map.inputs(), norm, seconds: started.elapsed().as_secs_f64() });
    }
    args.print.result(&match args.print.format {
        Format::Human => human(&args, &layers),
        Format::Json => format!("{:#}\n", object(&args, &engine, &layers)),
        Format::Csv => csv(&layers),
    })?;
    Ok(0)
}

fn human(args: &LayersArgs, layers: &[Layer]) -> String {
    let header = ["layer", "kind", "shape", "lower", "upper", "by", "seconds"];
    let cells: Vec<Vec<String>> = layers
        .iter()
        .map(|l| {
            vec![
                l.node.name.clone(),
                l.node.op.name().into(),
                format!("{} → {}", l.inputs, l.node.len()),
                rounded_down(l.norm.lower.get(), 6),
                rounded_up(l.norm.upper.get(), 6),
                format!("{} / {}", l.norm.lower_rule, l.norm.upper_rule),
                format!("{:.2}", l.seconds),
            ]
        })
        .collect();
    let title = format!("norms from {} to {}, both ends proved\n", args.in_norm, args.out_norm);
    title + &args.print.table(&header, &cells)
}

/// A finite number, or the word that JSON has no number for.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!("inf") }
}

fn object(args: &LayersArgs, engine: &Engine, layers: &[Layer]) -> Value {
    let list: Vec<Value> = layers
        .iter()
        .map(|l| {
            let (mut methods, mut seconds) = (Map::new(), Map::new());
            for f in &l.norm.methods {
                let name = if f.is_upper { f.method.to_string() } else { format!("{} (lower)", f.method) };
                methods.insert(name.clone(), number(f.value));
                seconds.insert(name, json!(f.seconds));
            }
            json!({"name": l.node.name, "kind": l.node.op.name(), "shape": [l.node.len(), l.inputs],
                "norm": {"upper": number(l.norm.upper.get()), "lower": number(l.norm.lower.get())},
                "methods": methods, "seconds": l.seconds, "method_seconds": seconds})
        })
        .collect();
    json!({"schema": "clarke.layers/1", "net": args.net.display().to_string(),
        "quotient": {"in_norm": args.in_norm.to_string(), "out_norm": args.out_norm.to_string()},
        "layers": list, "device": engine.info(), "assumptions": engine.assumptions()})
}

fn csv(layers: &[Layer]) -> String {
    let mut out = String::from("name,kind,outputs,inputs,lower,upper,lower_rule,upper_rule,seconds\n");
    for l in layers {
        let cells = [
            quote(&l.node.name),
            l.node.op.name().into(),
            l.node.len().to_string(),
            l.inputs.to_string(),
            l.norm.lower.get().to_string(),
            l.norm.upper.get().to_string(),
            quote(l.norm.lower_rule),
            quote(l.norm.upper_rule),
            l.seconds.to_string(),
        ];
        out += &(cells.join(",") + "\n");
    }
    out
}
