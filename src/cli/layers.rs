//! `clarke layers`: the norm of every linear layer, all methods side by side.

use super::args::LayersArgs;
use super::exit;
use super::flags::Format;
use super::interrupt;
use super::print::{columns, wrapped};
use super::problem::unsupported;
use super::threads;
use crate::deadline::{Deadline, Stop};
use crate::engine::{Engine, choose};
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::method::layer::norm_on;
use crate::method::layer::{Effort, End, Finding, LayerNorm, norm};
use crate::net::{Net, Node, Op};
use crate::num::decimal::{decimal_down, decimal_up, rounded_down, rounded_up};
use crate::report::csv::line;
use crate::report::human::fill;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// A method's name where both ends stand in one list.
fn title(f: &Finding) -> String {
    match f.end {
        End::Upper => f.method.to_string(),
        End::Lower => format!("{} (lower)", f.method),
        End::Estimate => format!("{} (estimate)", f.method),
    }
}

/// A finding's number, rounded towards where it stays true.
fn rounded(f: &Finding, digits: usize) -> String {
    match f.end {
        End::Upper => rounded_up(f.value, digits),
        End::Lower | End::Estimate => rounded_down(f.value, digits),
    }
}

fn sign(end: End) -> &'static str {
    match end {
        End::Upper => "≤",
        End::Lower => "≥",
        End::Estimate => "≈",
    }
}

/// One of them, all methods side by side.
pub struct Layer<'a> {
    node: &'a Node,
    inputs: usize,
    norm: LayerNorm,
    seconds: f64,
}

pub fn run(args: LayersArgs) -> Result<i32> {
    threads::start(args.work.threads)?;
    let net = crate::net::load(&args.net, &args.import.options()).map_err(unsupported)?;
    let engine = engine(&args, &net)?;
    let layers = seen(&args, &net, &engine, &interrupt::stop());
    args.print.result(&match args.print.format {
        Format::Human => human(&args, &layers),
        Format::Json => format!("{:#}\n", object(&args, &engine, &layers)),
        Format::Csv => csv(&layers),
    })?;
    Ok(if interrupt::stop().is_requested() { interrupt::exit_code() } else { exit::DONE })
}

/// A GPU for networks that are worth it.
pub fn engine(args: &LayersArgs, net: &Net) -> Result<Engine> {
    let products: f64 = net.nodes.iter().map(|n| n.products()).sum();
    let chosen = choose(args.work.device, 300.0 * products)?;
    let warnings = chosen.warnings.iter().map(|w| &w.text);
    chosen.why.iter().chain(warnings).for_each(|text| args.print.detail(text));
    Ok(chosen.engine)
}

/// The norms of all linear layers within the time.
pub fn seen<'n>(args: &LayersArgs, net: &'n Net, engine: &Engine, stop: &Stop) -> Vec<Layer<'n>> {
    let until = Deadline::within(args.work.time).or_at(stop.clone());
    let linear = |n: &&Node| matches!(n.op, Op::Affine(_));
    let mut left: f64 = net.nodes.iter().filter(linear).map(|n| n.products()).sum();
    let mut layers = vec![];
    for node in &net.nodes {
        let Op::Affine(a) = &node.op else { continue };
        // What is not begun is not waited for.
        if stop.is_requested() {
            break;
        }
        // Each gets its part of what is left, so that none has to do with nothing.
        let part = until.part((node.products() / left).clamp(0.0, 1.0));
        left -= node.products();
        let effort = if args.work.time.is_zero() { Effort::QUICK } else { Effort::FULL.until(&part) };
        args.print.detail(&format!("{} {} x {}", node.name, a.map.outputs(), a.map.inputs()));
        let started = Instant::now();
        let norm = match engine {
            Engine::Cpu => norm(&a.map, args.in_norm, args.out_norm, effort),
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => norm_on(gpu.as_ref(), &a.map, args.in_norm, args.out_norm, effort),
        };
        for f in &norm.methods {
            let (sign, value) = (sign(f.end), rounded(f, 6));
            args.print.detail(&format!("  {sign} {value}  {}  {:.2} s", f.method, f.seconds));
        }
        layers.push(Layer { node, inputs: a.map.inputs(), norm, seconds: started.elapsed().as_secs_f64() });
    }
    layers
}

/// The bounds of one method on a layer: its name, which end it is, and whether it is the best.
struct Bound {
    name: String,
    cell: String,
}

impl Layer<'_> {
    fn bounds(&self, end: End) -> Vec<Bound> {
        let best = match end {
            End::Upper => Some(self.norm.upper.get()),
            End::Lower => Some(self.norm.lower.get()),
            End::Estimate => None,
        };
        let one = |f: &Finding| {
            let star = if best == Some(f.value) { "*" } else { "" };
            Bound { name: f.method.into(), cell: rounded(f, 5) + star }
        };
        self.norm.methods.iter().filter(|f| f.end == end).map(one).collect()
    }

    fn shape(&self) -> String {
        format!("{} → {}", self.inputs, self.node.len())
    }
}

/// A column for every method where that fits the screen, else the methods below each layer.
fn human(args: &LayersArgs, layers: &[Layer]) -> String {
    let norms = format!("from {} to {}", args.in_norm, args.out_norm);
    let title = format!("norms {norms}, both ends proved; * marks the best of the methods\n");
    let estimates = layers.iter().any(|l| !l.bounds(End::Estimate).is_empty());
    let title = title + if estimates { "≈ marks estimates, which prove nothing\n" } else { "" };
    let title = wrapped(&title, args.print.page()) + "\n";
    let table = side_by_side(layers);
    let width = table.lines().map(|l| l.chars().count()).max().unwrap_or(0);
    title + &if width <= args.print.wide() { table } else { below(layers, args.print.page()) }
}

fn side_by_side(layers: &[Layer]) -> String {
    let columns_of = |end| {
        let mut names: Vec<String> = vec![];
        for b in layers.iter().flat_map(|l| l.bounds(end)) {
            if !names.contains(&b.name) {
                names.push(b.name);
            }
        }
        (end, names)
    };
    let groups = [End::Lower, End::Upper, End::Estimate].map(columns_of);
    let mut header: Vec<String> = ["layer", "kind", "shape"].map(String::from).into();
    for (end, names) in &groups {
        header.extend(names.iter().map(|n| format!("{} {n}", sign(*end))));
    }
    header.push("seconds".into());
    let row = |l: &Layer| {
        let mut cells = vec![l.node.name.clone(), l.node.op.name().into(), l.shape()];
        for (end, names) in &groups {
            let bounds = l.bounds(*end);
            let cell =
                |n: &String| bounds.iter().find(|b| b.name == *n).map_or("-".into(), |b| b.cell.clone());
            cells.extend(names.iter().map(cell));
        }
        cells.push(format!("{:.2}", l.seconds));
        cells
    };
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    columns(&header, &layers.iter().map(row).collect::<Vec<_>>(), usize::MAX)
}

fn below(layers: &[Layer], width: usize) -> String {
    let mut out = String::new();
    for l in layers {
        let (low, high) = (rounded_down(l.norm.lower.get(), 5), rounded_up(l.norm.upper.get(), 5));
        let name: String = l.node.name.chars().take(30).collect();
        let (kind, shape) = (l.node.op.name(), l.shape());
        let line = format!("{name}   {kind}   {shape}   {low} ≤ norm ≤ {high}   {:.2} s", l.seconds);
        fill(&mut out, "", &line, width);
        for end in [End::Upper, End::Lower, End::Estimate] {
            let list: Vec<String> = l
                .bounds(end)
                .iter()
                .map(|b| format!("{} {}", b.name.replace(' ', "\u{a0}"), b.cell))
                .collect();
            if !list.is_empty() {
                fill(&mut out, &format!("  {} ", sign(end)), &list.join(",  "), width);
            }
        }
    }
    out
}

/// A finite number, or the word that JSON has no number for.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!("inf") }
}

pub fn object(args: &LayersArgs, engine: &Engine, layers: &[Layer]) -> Value {
    let list: Vec<Value> = layers
        .iter()
        .map(|l| {
            let (mut methods, mut seconds) = (Map::new(), Map::new());
            for f in &l.norm.methods {
                let name = title(f);
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
    let mut names: Vec<String> = vec![];
    for f in layers.iter().flat_map(|l| &l.norm.methods) {
        if !names.contains(&title(f)) {
            names.push(title(f));
        }
    }
    let fixed =
        ["name", "kind", "outputs", "inputs", "lower", "upper", "lower_rule", "upper_rule", "seconds"];
    let mut out = line(fixed.map(String::from).into_iter().chain(names.iter().cloned()));
    for l in layers {
        let cells = [
            l.node.name.clone(),
            l.node.op.name().into(),
            l.node.len().to_string(),
            l.inputs.to_string(),
            decimal_down(l.norm.lower.get()),
            decimal_up(l.norm.upper.get()),
            l.norm.lower_rule.into(),
            l.norm.upper_rule.into(),
            l.seconds.to_string(),
        ];
        let of = |name: &String| l.norm.methods.iter().find(|f| title(f) == *name);
        let cell = |name: &String| match of(name) {
            Some(f) if f.end == End::Upper => decimal_up(f.value),
            Some(f) => decimal_down(f.value),
            None => String::new(),
        };
        out += &line(cells.into_iter().chain(names.iter().map(cell)));
    }
    out
}
