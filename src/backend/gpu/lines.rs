//! Linear bound propagation on the device: coefficients stay there, one
//! constant per row comes back.

use super::device::Device;
use super::kernels::{CHORD, ROW_DOT, WINDOW_CHORD};
use super::launch::Pass;
use super::{Arg, Block, Gpu, Slab};
use crate::backend::cpu::Cpu;
use crate::backend::{Backend, Lines, WindowLines};
use crate::layer::Incidence;
use crate::num::round::{add_up, mul_up};
use ndarray::Array2;
use std::sync::Arc;

fn largest(table: &Array2<f64>) -> f64 {
    table.iter().fold(0.0, |m, v| if v.is_nan() { f64::INFINITY } else { m.max(v.abs()) })
}

/// Per row an upper bound of the sum of v times `positive` where v > 0,
/// `negative` elsewhere, for the numbers v of `values` with this reach.
/// None where the device cannot bound it.
fn row_dot(
    gpu: &Gpu,
    a: &Block,
    values: &Slab,
    positive: &Array2<f64>,
    negative: &Array2<f64>,
) -> Option<Array2<f64>> {
    let real = gpu.real();
    let table = largest(positive).max(largest(negative));
    let reach = gpu.reach(a);
    let most = mul_up(mul_up(table, reach), a.features as f64);
    if a.lost() || !real.holds(4.0 * most) || !real.holds(table) || !real.sums(a.features + 8) {
        return None;
    }
    let up: Vec<f64> = positive.iter().map(|v| real.up(*v)).collect();
    let down: Vec<f64> = negative.iter().map(|v| real.down(*v)).collect();
    let (up, down) = (gpu.device.upload(&up), gpu.device.upload(&down));
    let vectors = a.vectors();
    let sums = gpu.device.reals(2 * vectors);
    let args = [
        Arg::Each(values, a.features),
        Arg::Items(&up, a.features, a.rows),
        Arg::Items(&down, a.features, a.rows),
        Arg::Each(&sums, 2),
    ];
    let sizes = |first: usize, count: usize| {
        [count, a.features, a.rows, first].iter().map(|v| *v as u32).collect::<Vec<_>>()
    };
    let pass = Pass { kernel: &ROW_DOT, consts: &gpu.consts(1.0), args: &args };
    gpu.run(&pass, vectors, sizes, |count| Device::fold(count as u64));
    let parts = gpu.device.read(&[(&sums, 2 * vectors)])?.pop()?;
    // Two products and two sums of as many terms; what a flush may lose.
    let gamma = real.gamma(a.features + 8);
    let flushed = 16.0 * (a.features as f64 + 8.0) * real.tiny();
    let tiny = mul_up(mul_up(flushed, table.max(1.0)), reach.max(1.0));
    let bound = |pair: &[f64]| {
        let size = mul_up(pair[1], 1.0 + 4.0 * gamma);
        let value = add_up(add_up(pair[0], mul_up(2.0 * gamma, size)), tiny);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let values = parts.chunks_exact(2).map(bound).collect();
    Some(Array2::from_shape_vec((a.items, a.rows), values).expect("one sum per row"))
}

pub fn settle(gpu: &Gpu, a: &Block, magnitude: &Array2<f64>) -> (Block, Array2<f64>) {
    match row_dot(gpu, a, &a.radius, magnitude, magnitude) {
        Some(rest) => {
            let zeros = Arc::new(gpu.device.upload(&vec![0.0; a.len()]));
            (Block { radius: zeros, ..a.clone() }, rest)
        }
        None => {
            let b = Cpu::DOUBLE;
            let (next, rest) = b.settle(&b.upload(&gpu.read(a)), magnitude);
            (gpu.upload(&b.read(&next)), rest)
        }
    }
}

pub fn chord(gpu: &Gpu, lines: &Lines, a: &Block) -> (Block, Array2<f64>) {
    let real = gpu.real();
    let size = largest(&lines.upper_slope).max(largest(&lines.lower_slope));
    let bound = mul_up(size, gpu.reach(a));
    let fits = size < real.limit() && 4.0 * bound < real.limit();
    let shift = if fits { row_dot(gpu, a, &a.centre, &lines.upper_shift, &lines.lower_shift) } else { None };
    let Some(shift) = shift else {
        let b = Cpu::DOUBLE;
        let (next, shift) = b.chord(lines, &b.upload(&gpu.read(a)));
        return (gpu.upload(&b.read(&next)), shift);
    };
    let near =
        |table: &Array2<f64>| gpu.device.upload(&table.iter().map(|v| real.near(*v)).collect::<Vec<_>>());
    let (upper, lower) = (near(&lines.upper_slope), near(&lines.lower_slope));
    let y = gpu.empty((a.items, a.rows, a.features), mul_up(bound, 1.0 + 64.0 * real.unit()));
    let args = [
        Arg::Each(&a.centre, a.features),
        Arg::Items(&upper, a.features, a.rows),
        Arg::Items(&lower, a.features, a.rows),
        Arg::Each(&y.centre, a.features),
        Arg::Each(&y.radius, a.features),
    ];
    // A slope below the device's numbers is lost with everything it meets.
    let consts = gpu.consts(size.max(gpu.reach(a)));
    gpu.each(&CHORD, (a.vectors(), a.features), &consts, &args, |first| {
        [a.features, a.rows, first].map(|v| v as u32).to_vec()
    });
    (y, shift)
}

pub fn window_chord(gpu: &Gpu, windows: &Incidence, lines: &WindowLines, a: &Block) -> (Block, Array2<f64>) {
    let real = gpu.real();
    let device = gpu.incidence(windows);
    let bound = mul_up(device.column.max(1) as f64, gpu.reach(a));
    let ceilings = lines.ceiling.mapv(|c| if c.is_nan() { 0.0 } else { c });
    let none = Array2::zeros(ceilings.raw_dim());
    let fits = 4.0 * bound < real.limit() && real.sums(device.column + 8);
    let shift = if fits { row_dot(gpu, a, &a.centre, &ceilings, &none) } else { None };
    let Some(shift) = shift else {
        let b = Cpu::DOUBLE;
        let (next, shift) = b.window_chord(windows, lines, &b.upload(&gpu.read(a)));
        return (gpu.upload(&b.read(&next)), shift);
    };
    let edge: Vec<u32> = lines.edge.iter().copied().collect();
    let attained: Vec<u32> = lines.ceiling.iter().map(|c| c.is_nan() as u32).collect();
    let (bounding, open) = (gpu.device.upload_indices(&edge), gpu.device.upload_indices(&attained));
    let y = gpu.empty((a.items, a.rows, windows.inputs), 2.0 * bound);
    let [start, index, back] = device.backward();
    let args = [
        Arg::Each(&a.centre, a.features),
        Arg::ItemIndices(&bounding, a.features, a.rows),
        Arg::ItemIndices(&open, a.features, a.rows),
        start,
        index,
        back,
        Arg::Each(&y.centre, windows.inputs),
        Arg::Each(&y.radius, windows.inputs),
    ];
    gpu.each(&WINDOW_CHORD, (a.vectors(), windows.inputs), &gpu.consts(1.0), &args, |first| {
        [windows.inputs, windows.outputs(), a.rows, first].map(|v| v as u32).to_vec()
    });
    (y, shift)
}

pub fn support(gpu: &Gpu, a: &Block, lo: &Array2<f64>, hi: &Array2<f64>) -> Array2<f64> {
    row_dot(gpu, a, &a.centre, hi, lo).unwrap_or_else(|| {
        let b = Cpu::DOUBLE;
        b.support(&b.upload(&gpu.read(a)), lo, hi)
    })
}
