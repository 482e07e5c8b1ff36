//! Fully connected networks as named arrays: `W1, b1, W2, b2, …`.
//!
//! `W_k` is out × in; a missing `b_k` is zero. The optional string `act_k` names
//! the function behind layer k: `relu` (the default between layers), `identity`
//! (the default at the end), `leaky:0.1`, `abs`, `tanh`, `sigmoid`, `softplus`,
//! `elu`, `gelu`, `silu`, `groupsort:G` (every G consecutive features in ascending order),
//! `fullsort` (all of them), `maxmin:2` (neighbours 2i, 2i+1 become their maximum, then their
//! minimum) and `householder`: with the vectors v in the rows of `v_k`, one for each group of
//! as many consecutive features as it has columns (or a single one, for all groups), features z
//! stay where vᵀz > 0 and become (I − 2 v vᵀ) z elsewhere. v is what the file says: it need not
//! have length 1, and rounded vectors do not.

use super::groups::{self, Vectors};
use super::{Net, Op, foreign};
use crate::data::{Array, Values};
use crate::error::{Error, Result};
use crate::layer::{Affine, LinearMap, Piecewise, Smooth};
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
        let last = if act.trim() == "householder" {
            reflect(&mut so_far, last, take("v"), &format!("v{k}"))?
        } else {
            activate(&mut so_far, last, &act).map_err(|e| e.at(format!("act{k}")))?
        };
        net = Some((so_far, last));
    }
    // A name that is nothing like those of here tells most about the file.
    let own =
        |name: &str| ["W", "b", "act", "v"].contains(&name.trim_end_matches(|c: char| c.is_ascii_digit()));
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
        ("maxmin", "2") => return groups::sort(net, x, 2, true),
        ("fullsort", "") => return groups::sort(net, x, net.nodes[x].len(), false),
        ("groupsort", size) => match size.parse() {
            Ok(size) => return groups::sort(net, x, size, false),
            Err(_) => return Err(Error::import(format!("{size:?} is no group size; write groupsort:2"))),
        },
        _ => return Err(Error::unsupported(format!("the activation {act:?}"))),
    };
    net.push(name, op, vec![x], shape)
}

/// The reflections whose vectors are the rows of an array.
fn reflect(net: &mut Net, x: usize, array: Option<Array>, name: &str) -> Result<usize> {
    let place = || format!("array {name:?}");
    let array = array
        .ok_or_else(|| Error::import("householder needs its vectors as rows of this array").at(place()))?;
    let (shape, values) = floats(array, name)?;
    let Some(&size) = shape.last().filter(|_| shape.len() <= 2) else {
        return Err(Error::import(format!("should be a matrix, has the shape {shape:?}")).at(place()));
    };
    groups::reflect(net, x, Vectors { size, values }).map_err(|e| e.at(place()))
}
