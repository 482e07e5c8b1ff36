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

/// Upper bounds per row: numbers here, or sums of terms and of their magnitudes on the device.
#[derive(Clone)]
pub enum Tops {
    Here(Array2<f64>),
    There { sums: Arc<Slab>, size: (usize, usize), error: Error },
}

/// What a sum may be off by: so much of twice its terms' magnitudes, and so much besides.
#[derive(Clone, Copy)]
pub struct Error {
    gamma: f64,
    tiny: f64,
}

impl Error {
    /// An upper bound of the exact sum; what is no number bounds nothing.
    fn above(&self, pair: &[f64]) -> f64 {
        let size = mul_up(pair[1], 1.0 + 4.0 * self.gamma);
        let value = add_up(add_up(pair[0], mul_up(2.0 * self.gamma, size)), self.tiny);
        if value.is_nan() { f64::INFINITY } else { value }
    }
}

/// All that is on the device in one transfer.
pub fn tops(gpu: &Gpu, parts: Vec<Tops>) -> Vec<Array2<f64>> {
    let wanted: Vec<(&Slab, usize)> = parts
        .iter()
        .filter_map(|part| match part {
            Tops::Here(_) => None,
            Tops::There { sums, size, .. } => Some((&**sums, 2 * size.0 * size.1)),
        })
        .collect();
    let read = if wanted.is_empty() { Some(vec![]) } else { gpu.device.read(&wanted) };
    let mut read = read.map(Vec::into_iter);
    let one = |part: &Tops| match part {
        Tops::Here(values) => values.clone(),
        Tops::There { size, error, .. } => match read.as_mut().and_then(Iterator::next) {
            Some(pairs) => {
                let values = pairs.chunks_exact(2).map(|pair| error.above(pair)).collect();
                Array2::from_shape_vec(*size, values).expect("one sum per row")
            }
            // The device has failed: nothing is known.
            None => Array2::from_elem(*size, f64::INFINITY),
        },
    };
    parts.iter().map(one).collect()
}

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
) -> Option<Tops> {
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
    let sums = Arc::new(gpu.device.reals(2 * vectors));
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
    // Two products and two sums of as many terms; what a flush may lose.
    let gamma = real.gamma(a.features + 8);
    let flushed = 16.0 * (a.features as f64 + 8.0) * real.tiny();
    let tiny = mul_up(mul_up(flushed, table.max(1.0)), reach.max(1.0));
    Some(Tops::There { sums, size: (a.items, a.rows), error: Error { gamma, tiny } })
}

pub fn settle(gpu: &Gpu, a: &Block, magnitude: &Array2<f64>) -> (Block, Tops) {
    match row_dot(gpu, a, &a.radius, magnitude, magnitude) {
        Some(rest) => (Block { radius: gpu.zeros(a.len()), ..a.clone() }, rest),
        None => {
            let b = Cpu::DOUBLE;
            let (next, rest) = b.settle(&b.upload(&gpu.read(a)), magnitude);
            (gpu.upload(&b.read(&next)), Tops::Here(rest))
        }
    }
}

pub fn chord(gpu: &Gpu, lines: &Lines, a: &Block) -> (Block, Tops) {
    let real = gpu.real();
    let size = largest(&lines.upper_slope).max(largest(&lines.lower_slope));
    let bound = mul_up(size, gpu.reach(a));
    let fits = size < real.limit() && 4.0 * bound < real.limit();
    let shift = if fits { row_dot(gpu, a, &a.centre, &lines.upper_shift, &lines.lower_shift) } else { None };
    let Some(shift) = shift else {
        let b = Cpu::DOUBLE;
        let (next, shift) = b.chord(lines, &b.upload(&gpu.read(a)));
        return (gpu.upload(&b.read(&next)), Tops::Here(shift));
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

pub fn window_chord(gpu: &Gpu, windows: &Incidence, lines: &WindowLines, a: &Block) -> (Block, Tops) {
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
        return (gpu.upload(&b.read(&next)), Tops::Here(shift));
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

pub fn support(gpu: &Gpu, a: &Block, lo: &Array2<f64>, hi: &Array2<f64>) -> Tops {
    row_dot(gpu, a, &a.centre, hi, lo).unwrap_or_else(|| {
        let b = Cpu::DOUBLE;
        Tops::Here(b.support(&b.upload(&gpu.read(a)), lo, hi))
    })
}
