//! Activations of groups of consecutive features: sorts and reflections, written out as maxima and relus.
//!
//! Sorts are networks of comparators (K. E. Batcher 1968; in the form of Knuth, The Art of Computer Programming 3,
//! 5.2.2, algorithm M, for any size), every comparator a maximum of two and a minimum −max(−a, −b). A reflection is
//! z + 2 v relu(−vᵀz) (Singla, Singla & Feizi 2021). What each does as a whole is kept as a `Gain`.

use super::{Gain, Net, Op};
use crate::error::{Error, Result};
use crate::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise, Scale};
use crate::num::Coefficient;
use crate::num::norms::largest;
use crate::num::round::{add_down, add_up, mul_down, mul_up, sub_up};
use std::sync::Arc;

/// Entries of tables that sorts of one node may take.
const TABLES: usize = 1 << 26;

/// Comparators of places (i, j) with i < j, which put the smaller value at i: steps of pairs that do not meet.
pub fn comparators(size: usize) -> Vec<Vec<(usize, usize)>> {
    let mut steps = vec![];
    let top = size.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            let step: Vec<_> =
                (0..size.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)).collect();
            if !step.is_empty() {
                steps.push(step);
            }
            if q == p {
                break;
            }
            (d, r) = (q - p, p);
            q /= 2;
        }
        p /= 2;
    }
    steps
}

/// Entries of the tables that sorting takes, about.
pub fn entries(features: usize, size: usize) -> usize {
    let steps = (size.max(1).ilog2() as usize + 1).pow(2);
    features.saturating_mul(steps).saturating_mul(8)
}

/// Every `size` consecutive features of node x in ascending or descending order.
pub fn sort(net: &mut Net, x: usize, size: usize, descending: bool) -> Result<usize> {
    let n = net.nodes[x].len();
    if size == 0 || !n.is_multiple_of(size) {
        return Err(Error::import(format!("{n} values cannot be sorted in groups of {size}")));
    }
    if entries(n, size) > TABLES {
        return Err(Error::import(format!("sorting {n} values in groups of {size} takes too much memory")));
    }
    let mut at = x;
    let steps = comparators(size);
    for (k, step) in steps.iter().enumerate() {
        let turned = descending && k + 1 == steps.len();
        at = compared(net, at, step, (size, turned))?;
    }
    // However its arguments move, a sort's results move no more: on every piece they are permuted.
    if at != x {
        net.gains.push(Gain { node: at, from: x, norm: [1.0; 3] });
    }
    Ok(at)
}

/// One step of comparators in every group, which is then turned round if `turned`.
fn compared(
    net: &mut Net,
    x: usize,
    step: &[(usize, usize)],
    (size, turned): (usize, bool),
) -> Result<usize> {
    let n = net.nodes[x].len();
    let count = n / size * step.len();
    let pairs: Vec<u32> = (0..n / size)
        .flat_map(|g| step.iter().flat_map(move |&(i, j)| [g * size + i, g * size + j]))
        .map(|i| i as u32)
        .collect();
    let mut from: Vec<u32> = (0..n).map(|k| (2 * count + k) as u32).collect();
    for (c, pair) in pairs.chunks_exact(2).enumerate() {
        from[pair[0] as usize] = (count + c) as u32;
        from[pair[1] as usize] = c as u32;
    }
    let whole = 2 * count == n;
    let starts = (0..=count).map(|c| 2 * c as u32).collect();
    let pairs = Arc::new(Incidence::from_parts(n, starts, pairs));
    let minus = || Op::Scale(Scale::uniform(Coefficient::exact(-1.0)));
    let largest = net.push("max", Op::Max(pairs.clone()), vec![x], vec![count])?;
    let negative = net.push("minus", minus(), vec![x], vec![n])?;
    let negative = net.push("min", Op::Max(pairs), vec![negative], vec![count])?;
    let smallest = net.push("minus", minus(), vec![negative], vec![count])?;
    // Behind them what this step does not compare.
    let parts = if whole { vec![largest, smallest] } else { vec![largest, smallest, x] };
    let joined = if whole { n } else { 2 * count + n };
    let all = net.push("join", Op::Concat, parts, vec![joined])?;
    if turned {
        from.chunks_mut(size).for_each(|group| group.reverse());
    }
    let incidence = Arc::new(Incidence::gather(joined, from.into_iter().map(Some)));
    let shape = net.nodes[x].shape.clone();
    net.push("sorted", Op::Select { incidence, fill: 0.0 }, vec![all], shape)
}

/// Vectors of reflections, one for each of the groups of this size or one for all.
pub struct Vectors {
    pub size: usize,
    pub values: Vec<f64>,
}

/// z where vᵀz > 0 and (I − 2 v vᵀ) z elsewhere, for every `size` consecutive features z of node x.
pub fn reflect(net: &mut Net, x: usize, vectors: Vectors) -> Result<usize> {
    let (n, Vectors { size, values }) = (net.nodes[x].len(), vectors);
    let one = values.len() == size;
    if size == 0 || !n.is_multiple_of(size) || !(one || values.len() == n) {
        let groups = values.len().checked_div(size).unwrap_or(0);
        return Err(Error::import(format!("{groups} vectors of {size} numbers for {n} values")));
    }
    let v: Vec<f64> = values.iter().copied().cycle().take(n).collect();
    let groups = n / size;
    let map = |ins: usize, outs: usize, weight: Vec<f64>| {
        let one = [1, 1];
        let shape = ConvShape {
            groups,
            in_channels: ins,
            out_channels: outs,
            input: one,
            output: one,
            kernel: one,
            stride: one,
            dilation: one,
            pad: [0, 0],
        };
        let map = LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false };
        Op::Affine(Affine { map, bias: None, repeat: 1 })
    };
    let shape = net.nodes[x].shape.clone();
    let across = map(n, groups, v.iter().map(|v| -v).collect());
    let beyond = net.push("beyond", across, vec![x], vec![groups])?;
    let beyond = net.push("relu", Op::Piecewise(Piecewise::RELU), vec![beyond], vec![groups])?;
    let back = map(groups, n, v.iter().map(|v| 2.0 * v).collect());
    let back = net.push("back", back, vec![beyond], shape.clone())?;
    let node = net.push("reflected", Op::Add, vec![x, back], shape)?;
    net.gains.push(Gain { node, from: x, norm: reflection(&v, size) });
    Ok(node)
}

/// Upper bounds of ‖·‖_p for all slopes between I and I − 2 v vᵀ of every group, p in `Norm::ALL`. The
/// matrix is symmetric, and its eigenvalues are 1 and 1 − 2 vᵀv.
fn reflection(v: &[f64], size: usize) -> [f64; 3] {
    // |1 − 2 t| for t in [lo, hi]
    let apart = |lo: f64, hi: f64| sub_up(1.0, 2.0 * lo).max(sub_up(2.0 * hi, 1.0));
    let spectral = |v: &[f64]| {
        let hi = v.iter().fold(0.0, |s, x| add_up(s, mul_up(*x, *x)));
        let lo = v.iter().fold(0.0, |s, x| add_down(s, mul_down(*x, *x)));
        apart(lo, hi)
    };
    let row = |v: &[f64], i: usize| {
        let own = apart(mul_down(v[i], v[i]), mul_up(v[i], v[i]));
        let others = (0..v.len()).filter(|&j| j != i).map(|j| mul_up(2.0 * v[i].abs(), v[j].abs()));
        others.fold(own, add_up)
    };
    let rows = |v: &[f64]| largest((0..v.len()).map(|i| row(v, i)));
    let [two, sums] =
        [&spectral as &dyn Fn(&[f64]) -> f64, &rows].map(|norm| largest(v.chunks(size).map(norm)).max(1.0));
    [sums, two, sums]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network of comparators sorts everything if it sorts every list of zeros and ones.
    #[test]
    fn comparators_sort() {
        for size in 0..=16usize {
            let steps = comparators(size);
            for bits in 0u32..1 << size {
                let mut list: Vec<u32> = (0..size).map(|k| bits >> k & 1).collect();
                for step in &steps {
                    let mut met: Vec<usize> = step.iter().flat_map(|&(i, j)| [i, j]).collect();
                    met.sort_unstable();
                    assert!(met.windows(2).all(|w| w[0] != w[1]), "{size}: pairs of one step meet");
                    for &(i, j) in step {
                        assert!(i < j);
                        (list[i], list[j]) = (list[i].min(list[j]), list[i].max(list[j]));
                    }
                }
                assert!(list.is_sorted(), "{size} {bits:b}");
            }
        }
        let counts = [2, 3, 4, 5, 6, 7, 8].map(|n| comparators(n).iter().map(Vec::len).sum::<usize>());
        assert_eq!(counts, [1, 3, 5, 9, 12, 16, 19], "the fewest that are possible");
    }

    #[test]
    fn gains_of_reflections() {
        let [one, two, inf] = reflection(&[0.6, 0.8, 1.0, 0.0], 2);
        assert!((1.0..1.0 + 1e-15).contains(&two), "{two}");
        // Rows of I − 2 v vᵀ: 0.28, 0.96.
        assert!(one == inf && (1.24..1.24 + 1e-15).contains(&one), "{one}");
        let [one, two, _] = reflection(&[2.0, 0.0], 2);
        assert!(two == 7.0 && one == 7.0, "not of length 1");
        assert_eq!(reflection(&[0.0; 4], 2), [1.0; 3]);
        assert_eq!(reflection(&[1e200; 2], 2), [f64::INFINITY; 3]);
    }
}
