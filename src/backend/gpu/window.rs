//! Primitives over 0/1 matrices: gathers, sums and maxima of windows.

use super::device::Device;
use super::kernels::{SELECT, WINDOW_ADJOINT, WINDOW_GATES, WINDOW_MAX, WINDOW_TANGENT};
use super::{Arg, Block, Gpu, Slab, Slopes};
use crate::backend::Backend;
use crate::layer::Incidence;
use crate::num::round::mul_up;
use std::sync::{Arc, PoisonError};

/// A 0/1 matrix on the device, with its transpose.
pub struct Uploaded {
    pub start: Slab,
    pub index: Slab,
    pub back_start: Slab,
    pub back_index: Slab,
    pub back_edge: Slab,
    /// Entries of the fullest row and column.
    pub row: usize,
    pub column: usize,
    outputs: usize,
    inputs: usize,
    edges: usize,
}

impl Uploaded {
    pub fn new(device: &Device, s: &Incidence) -> Self {
        let back = s.transposed();
        Uploaded {
            start: device.upload_indices(&s.start),
            index: device.upload_indices(&s.index),
            back_start: device.upload_indices(&back.rows.start),
            back_index: device.upload_indices(&back.rows.index),
            back_edge: device.upload_indices(&back.edge),
            row: s.longest(),
            column: s.reach(),
            outputs: s.outputs(),
            inputs: s.inputs,
            edges: s.edges(),
        }
    }

    pub fn forward(&self) -> [Arg<'_>; 2] {
        [Arg::Indices(&self.start, self.outputs + 1), Arg::Indices(&self.index, self.edges)]
    }

    pub fn backward(&self) -> [Arg<'_>; 3] {
        [
            Arg::Indices(&self.back_start, self.inputs + 1),
            Arg::Indices(&self.back_index, self.edges),
            Arg::Indices(&self.back_edge, self.edges),
        ]
    }
}

impl Gpu {
    /// The device's copy of a 0/1 matrix, made at the first use.
    pub(super) fn incidence(&self, incidence: &Incidence) -> Arc<Uploaded> {
        let mut known = self.incidences.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > 4096 {
            known.clear();
        }
        known
            .entry(incidence.identity())
            .or_insert_with(|| Arc::new(Uploaded::new(&self.device, incidence)))
            .clone()
    }
}

fn block(x: &Block) -> [Arg<'_>; 2] {
    [Arg::Each(&x.centre, x.features), Arg::Each(&x.radius, x.features)]
}

fn numbers<const N: usize>(list: [usize; N]) -> Vec<u32> {
    list.iter().map(|v| *v as u32).collect()
}

pub fn select(gpu: &Gpu, s: &Incidence, fill: f64, x: &Block) -> Block {
    let (real, device) = (gpu.real(), gpu.incidence(s));
    let bound = mul_up(device.row.max(1) as f64, gpu.reach(x)).max(fill.abs());
    if x.lost() || !real.holds(2.0 * bound) || !real.sums(device.row + 8) {
        return gpu.twin(&[x], |b, x| b.select(s, fill, x[0]));
    }
    // Roundings of a long sum grow the bound by much less than twice.
    let bound = if device.row > 2 { 2.0 * bound } else { bound };
    let y = gpu.empty((x.items, x.rows, s.outputs()), bound);
    let (centre, radius) = real.enclose(fill, 0.0);
    let mut consts = gpu.consts(1.0);
    consts.extend([centre, radius]);
    let ([xc, xr], [start, index], [yc, yr]) = (block(x), device.forward(), block(&y));
    gpu.each(&SELECT, (x.vectors(), y.features), &consts, &[xc, xr, start, index, yc, yr], |_| {
        numbers([s.outputs(), s.inputs])
    });
    y
}

pub fn max(gpu: &Gpu, windows: &Incidence, x: &Block) -> Block {
    if x.lost() {
        return gpu.twin(&[x], |b, x| b.window_max(windows, x[0]));
    }
    let device = gpu.incidence(windows);
    let y = gpu.empty((x.items, x.rows, windows.outputs()), x.reach);
    let ([xc, xr], [start, index], [yc, yr]) = (block(x), device.forward(), block(&y));
    let consts = gpu.consts(1.0);
    gpu.each(&WINDOW_MAX, (x.vectors(), y.features), &consts, &[xc, xr, start, index, yc, yr], |_| {
        numbers([windows.outputs(), windows.inputs])
    });
    y
}

pub fn gates(gpu: &Gpu, windows: &Incidence, x: &Block) -> Slopes {
    assert_eq!(x.rows, 1, "gates belong to values");
    if x.lost() {
        let cpu = crate::backend::cpu::Cpu::DOUBLE;
        let gates = cpu.window_gates(windows, &cpu.upload(&gpu.read(x)));
        let (lo, hi) = cpu.read_slopes(&gates);
        return gpu.upload_slopes(&lo, &hi);
    }
    let device = gpu.incidence(windows);
    let edges = windows.edges();
    let slab = || Arc::new(gpu.device.reals(x.items * edges));
    let slopes = Slopes { items: x.items, features: edges, lo: slab(), hi: slab(), size: 1.0, here: None };
    let ([xc, xr], [start, index]) = (block(x), device.forward());
    let args = [xc, xr, start, index, Arg::Each(&slopes.lo, edges), Arg::Each(&slopes.hi, edges)];
    gpu.each(&WINDOW_GATES, (x.items, windows.outputs()), &gpu.consts(1.0), &args, |_| {
        numbers([windows.outputs(), windows.inputs, edges])
    });
    slopes
}

pub fn tangent(gpu: &Gpu, windows: &Incidence, gates: &Slopes, x: &Block) -> Block {
    if x.lost() {
        return gpu.lost(x.items, x.rows, windows.outputs());
    }
    let device = gpu.incidence(windows);
    let y = gpu.empty((x.items, x.rows, windows.outputs()), x.reach);
    let table = |slab| Arg::Items(slab, gates.features, x.rows);
    let ([xc, xr], [start, index], [yc, yr]) = (block(x), device.forward(), block(&y));
    let args = [xc, xr, table(&gates.lo), table(&gates.hi), start, index, yc, yr];
    let consts = gpu.consts(1.0);
    gpu.each(&WINDOW_TANGENT, (x.vectors(), y.features), &consts, &args, |first| {
        numbers([windows.outputs(), windows.inputs, windows.edges(), x.rows, first])
    });
    y
}

pub fn adjoint(gpu: &Gpu, windows: &Incidence, gates: &Slopes, g: &Block) -> Block {
    let (real, device) = (gpu.real(), gpu.incidence(windows));
    let bound = mul_up(device.column.max(1) as f64, gpu.reach(g));
    if g.lost() || !real.holds(4.0 * bound) || !real.sums(device.column + 8) {
        let (lo, hi) = gpu.read_slopes(gates);
        return gpu.twin(&[g], |b, g| b.window_adjoint(windows, &b.upload_slopes(&lo, &hi), g[0]));
    }
    let bound = if device.column > 1 { 2.0 * bound } else { bound };
    let y = gpu.empty((g.items, g.rows, windows.inputs), bound);
    let table = |slab| Arg::Items(slab, gates.features, g.rows);
    let ([gc, gr], [start, index, edge], [yc, yr]) = (block(g), device.backward(), block(&y));
    let args = [gc, gr, table(&gates.lo), table(&gates.hi), start, index, edge, yc, yr];
    gpu.each(&WINDOW_ADJOINT, (g.vectors(), y.features), &gpu.consts(1.0), &args, |first| {
        numbers([windows.inputs, windows.outputs(), windows.edges(), g.rows, first])
    });
    y
}
