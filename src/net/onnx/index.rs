//! Shapes and index tables: which input element each output element comes from.
//! Callers charge for the memory first (`Importer::charge`).

use crate::error::{Error, Result};

/// "No input": the place is filled with a constant.
pub const NONE: u32 = u32::MAX;
/// No tensor may be longer than this.
pub const LONGEST: usize = 1 << 31;

/// Number of elements.
pub fn volume(shape: &[usize]) -> Result<usize> {
    let product = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    product
        .filter(|&n| n <= LONGEST)
        .ok_or_else(|| Error::import(format!("the shape {shape:?} is too large")))
}

/// Row-major strides.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut out = vec![1usize; shape.len()];
    for k in (1..shape.len()).rev() {
        out[k - 1] = out[k].saturating_mul(shape[k]);
    }
    out
}

/// The common shape of two operands.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], k: usize| (k + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    (0..rank)
        .map(|k| match (at(a, k), at(b, k)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(Error::import(format!("the shapes {a:?} and {b:?} do not fit together"))),
        })
        .collect()
}

/// A possibly negative axis of a tensor of this rank.
pub fn axis(value: i64, rank: usize) -> Result<usize> {
    let r = rank as i64;
    if (-r..r).contains(&value) {
        return Ok(value.rem_euclid(r) as usize);
    }
    Err(Error::import(format!("axis {value} of a tensor of rank {rank}")))
}

/// Distinct axes, in order.
pub fn axes(values: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut out = values.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>>>()?;
    out.sort_unstable();
    if out.windows(2).any(|w| w[0] == w[1]) {
        return Err(Error::import(format!("repeated axes in {values:?}")));
    }
    Ok(out)
}

/// Element (i, j, …) of the output is element `Σ i stride` of the input.
pub fn strided(shape: &[usize], strides: &[usize]) -> Vec<u32> {
    let mut out = vec![0u32];
    for (&n, &stride) in shape.iter().zip(strides) {
        let mut next = Vec::with_capacity(out.len() * n);
        for &base in &out {
            next.extend((0..n).map(|i| base + (i * stride) as u32));
        }
        out = next;
    }
    out
}

/// Output coordinate i of axis k comes from input coordinate `maps[k][i]`.
pub fn by_axis(input: &[usize], maps: &[Vec<u32>]) -> Vec<u32> {
    let mut out = vec![0u32];
    for (map, stride) in maps.iter().zip(strides(input)) {
        let mut next = Vec::with_capacity(out.len() * map.len());
        for &base in &out {
            let place = |&i: &u32| if base == NONE || i == NONE { NONE } else { base + i * stride as u32 };
            next.extend(map.iter().map(place));
        }
        out = next;
    }
    out
}

/// Strides that repeat a tensor of shape `from` over the shape `to`.
pub fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let missing = to.len() - from.len();
    (0..to.len())
        .map(|k| match k.checked_sub(missing) {
            Some(i) if from[i] != 1 => own[i],
            _ => 0,
        })
        .collect()
}

/// If a tensor of shape `from`, repeated over `to`, is its own values in the
/// pattern `(k / repeat) % len`: that `repeat`.
pub fn pattern(from: &[usize], to: &[usize]) -> Option<usize> {
    let missing = to.len().checked_sub(from.len())?;
    let first = (0..from.len()).find(|&i| from[i] != 1);
    let (Some(first), Some(last)) = (first, (0..from.len()).rev().find(|&i| from[i] != 1)) else {
        return Some(1);
    };
    let same = (first..=last).all(|i| from[i] == to[i + missing]);
    same.then(|| to[missing + last + 1..].iter().product())
}
