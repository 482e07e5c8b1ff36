//! Norms of the rows and columns of linear maps, both ends.
//!
//! Of convolutions per border class: outputs that see the same taps have the same row, up to a shift. Sums of
//! magnitudes are compensated and rounded outward.

use super::map::{ConvShape, LinearMap};
use crate::num::norms::{Norm, vector_norm_down, vector_norm_up};
use crate::num::{Lower, Upper};
use ndarray::{ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Which lines of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Rows,
    Columns,
}

/// The taps that meet the map, and at how many places of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    pub taps: Vec<usize>,
    pub count: usize,
}

/// Both ends of one number.
pub type Ends = (f64, f64);

/// Classes of the outputs (rows) or inputs (columns) on an axis of a forward convolution.
pub fn classes(shape: &ConvShape, axis: usize, side: Side) -> Vec<Class> {
    let places = if side == Side::Rows { shape.output[axis] } else { shape.input[axis] };
    let mut seen = vec![Vec::new(); places];
    for t in 0..shape.kernel[axis] {
        for o in 0..shape.output[axis] {
            if let Some(i) = shape.source(axis, o, t) {
                seen[if side == Side::Rows { o } else { i }].push(t);
            }
        }
    }
    let mut counts = BTreeMap::new();
    seen.into_iter().for_each(|taps| *counts.entry(taps).or_insert(0) += 1);
    counts.into_iter().map(|(taps, count)| Class { taps, count }).collect()
}

/// The most taps on one place.
pub fn most_taps(shape: &ConvShape, axis: usize, side: Side) -> usize {
    classes(shape, axis, side).iter().map(|c| c.taps.len()).max().unwrap_or(0)
}

/// Classes that no other contains: norms grow with the taps.
fn maximal(classes: Vec<Class>) -> Vec<Class> {
    let within = |a: &Class, b: &Class| a.taps.iter().all(|t| b.taps.contains(t));
    let keep = |a: &Class| !classes.iter().any(|b| a.taps != b.taps && within(a, b));
    classes.iter().filter(|a| keep(a)).cloned().collect()
}

/// Norms of the lines that the channel pairs and taps of one class form.
fn conv_lines(
    shape: &ConvShape,
    weight: &[f64],
    side: Side,
    norm: Norm,
    [ys, xs]: [&[Class]; 2],
) -> Vec<(Ends, usize)> {
    let [_, kw] = shape.kernel;
    let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let channels = if side == Side::Rows { shape.out_channels } else { shape.in_channels };
    let lines = (0..channels).into_par_iter().flat_map_iter(|channel| {
        let pairs: Vec<usize> = match side {
            Side::Rows => (0..ins).map(|c| channel * ins + c).collect(),
            Side::Columns => {
                let group = channel / ins;
                (0..outs).map(|o| (group * outs + o) * ins + channel % ins).collect()
            }
        };
        let mut found = Vec::with_capacity(ys.len() * xs.len());
        for y in ys {
            for x in xs {
                let magnitudes: Vec<f64> = pairs
                    .iter()
                    .flat_map(|pair| {
                        let kernel = &weight[pair * shape.taps()..];
                        y.taps.iter().flat_map(move |t| x.taps.iter().map(move |u| kernel[t * kw + u].abs()))
                    })
                    .collect();
                found.push((ends(magnitudes.iter().copied(), norm), y.count * x.count));
            }
        }
        found
    });
    lines.collect()
}

fn ends(magnitudes: impl Iterator<Item = f64> + Clone, norm: Norm) -> Ends {
    (vector_norm_down(magnitudes.clone(), norm), vector_norm_up(magnitudes, norm))
}

fn dense_lines(w: ArrayView2<f64>, norm: Norm) -> Vec<(Ends, usize)> {
    let line = |row: ArrayView1<f64>| (ends(row.iter().map(|x| x.abs()), norm), 1);
    // Blocks of rows are copied, so that columns are read in the order of memory.
    let blocks: Vec<_> = w.axis_chunks_iter(Axis(0), 64).collect();
    let lines = blocks.par_iter().flat_map_iter(|b| {
        let b = b.as_standard_layout().into_owned();
        b.rows().into_iter().map(line).collect::<Vec<_>>()
    });
    lines.collect()
}

fn lines(map: &LinearMap, side: Side, norm: Norm, only_maximal: bool) -> Vec<(Ends, usize)> {
    match map {
        LinearMap::Dense(w) if side == Side::Rows => dense_lines(w.view(), norm),
        LinearMap::Dense(w) => dense_lines(w.t(), norm),
        LinearMap::Conv { shape, weight, adjoint } => {
            let side = match (side, adjoint) {
                (Side::Rows, false) | (Side::Columns, true) => Side::Rows,
                _ => Side::Columns,
            };
            let axis = |a| {
                let all = classes(shape, a, side);
                if only_maximal { maximal(all) } else { all }
            };
            conv_lines(shape, weight, side, norm, [&axis(0), &axis(1)])
        }
    }
}

/// Both ends of the largest norm of a row or column.
pub fn extreme(map: &LinearMap, side: Side, norm: Norm) -> (Lower, Upper) {
    let lines = lines(map, side, norm, true);
    lines.into_iter().fold((Lower::ZERO, Upper::proven(0.0)), |(low, high), ((down, up), _)| {
        (low.max(Lower::proven(down)), high.max(Upper::proven(up)))
    })
}

/// ‖W‖_{1→q}.
pub fn from_one(map: &LinearMap, q: Norm) -> (Lower, Upper) {
    extreme(map, Side::Columns, q)
}

/// ‖W‖_{p→∞}.
pub fn to_inf(map: &LinearMap, p: Norm) -> (Lower, Upper) {
    extreme(map, Side::Rows, p.dual())
}

/// l1 norms of all rows or columns, with how often each occurs.
pub fn line_sums(map: &LinearMap, side: Side) -> Vec<(Ends, usize)> {
    lines(map, side, Norm::One, false)
}
