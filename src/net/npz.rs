//! Fully connected networks as named arrays: `W1, b1, W2, b2, …`.
//!
//! `W_k` is out × in; a missing `b_k` is zero. The optional string `act_k` names
//! the function behind layer k: `relu` (the default between layers), `identity`
//! (the default at the end), `leaky:0.1`, `abs`, `tanh`, `sigmoid`, `softplus`,
//! `elu`, `gelu`, `silu`, `maxmin:2` (neighbours 2i, 2i+1 become their maximum,
//! then their minimum) and `groupsort:2` (ascending: minimum, then maximum).

use super::{Net, Op, foreign};
use crate::data::{Array, Values};
use crate::error::{Error, Result};
use crate::layer::{Affine, Incidence, LinearMap, Piecewise, Scale, Smooth};
use crate::num::Coefficient;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn load(bytes: &[u8]) -> Result<Net> {
    from_arrays(crate::data::npz::read(bytes)?)
}

pub fn from_arrays(arrays: Vec<(String, Array)>) -> Result<Net> {
    let mut found: BTreeMap<String, Array> = arrays.into_iter().collect();
    let mut net: Option<(Net, usize)> = None;
    let count = (1..).take_while(|k| found.contains_key(&format!("W{k}"))).count();
    for k in 1..=count {
        let mut take = |part: &str| found.remove(&format!("{part}{k}"));
        let weights = take("W").map(|a| floats(a, &format!("W{k}"))).transpose()?;
        let bias = take("b").map(|a| floats(a, &format!("b{k}"))).transpose()?;
        let act = take("act").map(|a| text(a, &format!("act{k}"))).transpose()?;
        let Some((shape, weights)) = weights else { continue };
        let act = act.unwrap_or_else(|| if k < count { "relu".into() } else { "identity".into() });
        let (mut so_far, last) = match net.take() {
            Some(net) => net,
            None => (Net::new(vec![shape.get(1).copied().unwrap_or(0)]), 0),
        };
        let dense = Dense { name: &format!("W{k}"), shape: &shape, weights, bias: bias.map(|b| b.1) };
        let last = layer(&mut so_far, last, dense)?;
        let last = activate(&mut so_far, last, &act).map_err(|e| e.at(format!("act{k}")))?;
        net = Some((so_far, last));
    }
    // A name that is nothing like those of here tells most about the file.
    let own = |name: &str| ["W", "b", "act"].contains(&name.trim_end_matches(|c: char| c.is_ascii_digit()));
    if let Some(name) = found.keys().find(|n| !own(n)).or(found.keys().next()) {
        return Err(Error::import(format!("array {name:?} is not part of W1, b1, W2, b2, …"))
            .next(foreign::names(name)));
    }
    let (net, last) =
        net.ok_or_else(|| Error::import("the file holds no array W1").next(foreign::names("")))?;
    Ok(net.prune(last))
}

fn floats(array: Array, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
    if let Values::F64(v) = array.values {
        return Ok((array.shape, v));
    }
    Err(Error::import("should hold floats").at(format!("array {name:?}")))
}

fn text(array: Array, name: &str) -> Result<String> {
    if let Values::Text(mut v) = array.values
        && v.len() == 1
    {
        return Ok(v.remove(0));
    }
    Err(Error::import("should be one string").at(format!("array {name:?}")))
}

/// A dense layer as it stands in a file.
pub struct Dense<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub weights: Vec<f64>,
    pub bias: Option<Vec<f64>>,
}

/// Adds a dense layer; weights must be a finite matrix that fits.
pub fn layer(net: &mut Net, input: usize, dense: Dense) -> Result<usize> {
    let Dense { name, shape, weights, bias } = dense;
    let place = format!("array {name:?}");
    let &[rows, columns] = shape else {
        return Err(Error::import(format!("should be a matrix, has the shape {shape:?}"))
            .at(place)
            .next("other layers than fully connected ones need ONNX: torch.onnx.export(…)"));
    };
    if rows == 0 || columns == 0 {
        return Err(Error::import(format!("has the empty shape {shape:?}")).at(place));
    }
    if let Some(bad) = weights.iter().chain(bias.iter().flatten()).find(|w| !w.is_finite()) {
        return Err(Error::import(format!("contains the weight {bad}")).at(place));
    }
    let inputs = net.nodes[input].len();
    let turned = match &bias {
        Some(b) if b.len() == columns && rows != columns => Some("its bias has one value per column"),
        _ if input > 0 && rows == inputs && columns != inputs => {
            Some("the layer before gives one value per row")
        }
        _ => None,
    };
    if let Some(why) = turned {
        return Err(Error::import(format!(
            "should be out × in, but is in × out: {why} of {rows} × {columns}"
        ))
        .at(place)
        .next(format!("transpose it (scikit-learn's coefs_ are in × out): {name}=coefs_[k].T")));
    }
    if bias.as_ref().is_some_and(|b| b.len() != rows) {
        return Err(Error::import(format!("the bias does not have {rows} values")).at(place));
    }
    let map = Array2::from_shape_vec((rows, columns), weights)
        .map(|w| LinearMap::Dense(Arc::new(w)))
        .map_err(|e| Error::import(e.to_string()).at(place))?;
    let affine = Affine { map, bias: bias.map(Arc::new), repeat: 1 };
    net.push(name, Op::Affine(affine), vec![input], vec![rows])
}

fn activate(net: &mut Net, x: usize, act: &str) -> Result<usize> {
    let shape = net.nodes[x].shape.clone();
    let (name, argument) = act.trim().split_once(':').unwrap_or((act.trim(), ""));
    let op = match (name, argument) {
        ("identity" | "none", "") => return Ok(x),
        ("relu", "") => Op::Piecewise(Piecewise::RELU),
        ("abs", "") => Op::Piecewise(Piecewise::ABS),
        ("leaky", a) => match a.parse::<f64>() {
            Ok(slope) if slope.is_finite() => Op::Piecewise(Piecewise::Leaky { slope }),
            _ => return Err(Error::import(format!("{a:?} is no slope; write leaky:0.1"))),
        },
        ("tanh", "") => Op::Smooth(Smooth::Tanh),
        ("sigmoid", "") => Op::Smooth(Smooth::Sigmoid),
        ("softplus", "") => Op::Smooth(Smooth::Softplus),
        ("elu", "") => Op::Smooth(Smooth::Elu { alpha: 1.0 }),
        ("gelu", "") => Op::Smooth(Smooth::Gelu { tanh: false }),
        ("silu", "") => Op::Smooth(Smooth::Silu),
        ("maxmin", "2") => return sort_pairs(net, x, true),
        ("groupsort", "2") => return sort_pairs(net, x, false),
        _ => return Err(Error::unsupported(format!("the activation {act:?}"))),
    };
    net.push(name, op, vec![x], shape)
}

/// Neighbours sorted: the maxima, and the minima as -max(-x), interleaved.
fn sort_pairs(net: &mut Net, x: usize, descending: bool) -> Result<usize> {
    let n = net.nodes[x].len();
    if !n.is_multiple_of(2) || n > 1 << 30 {
        return Err(Error::import(format!("{n} values cannot be sorted in pairs")));
    }
    let half = n / 2;
    let pairs = Arc::new(Incidence::from_parts(
        n,
        (0..=half).map(|i| 2 * i as u32).collect(),
        (0..n as u32).collect(),
    ));
    let minus = || Op::Scale(Scale::uniform(Coefficient::exact(-1.0)));
    let largest = net.push("max", Op::Max(pairs.clone()), vec![x], vec![half])?;
    let negative = net.push("minus", minus(), vec![x], vec![n])?;
    let negative = net.push("min", Op::Max(pairs), vec![negative], vec![half])?;
    let smallest = net.push("minus", minus(), vec![negative], vec![half])?;
    let order = if descending { vec![largest, smallest] } else { vec![smallest, largest] };
    let joined = net.push("join", Op::Concat, order, vec![n])?;
    let from = (0..n).map(|k| Some((k % 2 * half + k / 2) as u32));
    let incidence = Arc::new(Incidence::gather(n, from));
    net.push("interleave", Op::Select { incidence, fill: 0.0 }, vec![joined], vec![n])
}
