//! Norms of rows and columns on the device: a pair of numbers for each comes back.

use super::device::Device;
use super::kernels::{COLUMN_NORMS, ROW_NORMS};
use super::launch::{Arg, Pass};
use super::tops::{Rule, Tops, length};
use super::{Block, Gpu};
use crate::backend::{Backend, cpu::Cpu};
use crate::num::Norm;
use crate::num::round::mul_up;
use ndarray::Array2;
use std::sync::Arc;

/// Can the device sum so many magnitudes, or squares of them?
fn sums(gpu: &Gpu, x: &Block, terms: usize, norm: Norm) -> bool {
    let real = gpu.real();
    let reach = gpu.reach(x);
    let size = if norm == Norm::Two { mul_up(reach, reach) } else { reach };
    !x.lost() && real.sums(terms + 16) && real.holds(4.0 * size * terms as f64)
}

pub fn rows(gpu: &Gpu, x: &Block, norm: Norm) -> Tops {
    if !sums(gpu, x, x.features, norm) {
        let b = Cpu::DOUBLE;
        return Tops::Here(b.row_norms(&b.upload(&gpu.read(x)), norm));
    }
    let vectors = x.vectors();
    let slab = Arc::new(gpu.device.reals(2 * vectors));
    let args = [Arg::Each(&x.centre, x.features), Arg::Each(&x.radius, x.features), Arg::Each(&slab, 2)];
    let sizes = |_: usize, count: usize| vec![count as u32, x.features as u32, (norm == Norm::Two) as u32];
    let pass = Pass { kernel: &ROW_NORMS, consts: &gpu.consts(1.0), args: &args };
    gpu.run(&pass, vectors, sizes, |count| Device::fold(count as u64));
    Tops::There { slab, size: (x.items, x.rows), rule: Rule::Length(x.features, norm) }
}

pub fn columns(gpu: &Gpu, x: &Block, norm: Norm) -> Array2<f64> {
    let shape = (x.items, x.features);
    let device = || {
        if !sums(gpu, x, x.rows, norm) {
            return None;
        }
        let width = x.rows * x.features;
        let out = gpu.device.reals(2 * x.items * x.features);
        let args =
            [Arg::Each(&x.centre, width), Arg::Each(&x.radius, width), Arg::Each(&out, 2 * x.features)];
        gpu.each(&COLUMN_NORMS, (x.items, x.features), &gpu.consts(1.0), &args, |_| {
            [x.features, x.rows, (norm == Norm::Two) as usize].map(|v| v as u32).to_vec()
        });
        let pairs = gpu.device.read(&[(&out, 2 * x.items * x.features)])?.pop()?;
        let values = pairs.chunks_exact(2).map(|p| length(gpu, x.rows, norm, p)).collect();
        Some(Array2::from_shape_vec(shape, values).expect("one norm per column"))
    };
    device().unwrap_or_else(|| {
        let b = Cpu::DOUBLE;
        b.column_norms(&b.upload(&gpu.read(x)), norm)
    })
}
