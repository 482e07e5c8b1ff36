//! Single kernels: products of the shapes that networks have, and what runs over entries once.

use super::networks::Conv;
use super::timing::{Meter, Row, Work};
use super::{Measured, networks};
use crate::layer::{Affine, Piecewise};
use crate::linalg::Enclosure;
use crate::num::Norm;
use crate::num::random::Random;
use ndarray::{Array2, Array3};

/// Vectors, outputs, inputs.
const DENSE: [(usize, usize, usize); 3] = [(4096, 1024, 1024), (4096, 4096, 4096), (1024, 256, 784)];
/// Vectors at once of a convolution.
const MAPS: usize = 64;
const CONV: [Conv; 4] = [
    Conv { channels: 64, side: 56, out: 64, kernel: 3, stride: 1, pad: 1 },
    Conv { channels: 128, side: 28, out: 128, kernel: 3, stride: 2, pad: 1 },
    Conv { channels: 3, side: 224, out: 64, kernel: 3, stride: 1, pad: 1 },
    Conv { channels: 512, side: 14, out: 512, kernel: 3, stride: 1, pad: 1 },
];
/// Items, rows and features of what runs over entries.
const ENTRIES: (usize, usize, usize) = (16, 8, 1 << 16);

/// Random centres, radii of a hundredth.
fn block(items: usize, rows: usize, features: usize) -> Enclosure {
    let mut random = Random(7);
    let centre = Array3::from_shape_simple_fn((items, rows, features), || random.signed());
    Enclosure { radius: centre.mapv(|c| 1e-2 * c.abs()), centre }
}

pub fn run<B: Measured>(meter: &mut Meter<B, impl FnMut(&Row)>) {
    let mut random = Random(1);
    for (full, rows, columns) in DENSE {
        let vectors = meter.few(full, 4.0 * (rows * columns) as f64);
        let shape = format!("{vectors} x {columns} to {rows}");
        product(meter, "dense", shape, vectors, &networks::dense(&mut random, rows, columns));
    }
    for conv in CONV {
        let affine = conv.affine(&mut random);
        let vectors = meter.few(MAPS, 4.0 * affine.map.products());
        let Conv { channels, side, out, kernel, stride, .. } = conv;
        let shape =
            format!("{vectors} x {channels}x{side}x{side} to {out}, kernel {kernel}, stride {stride}");
        product(meter, "conv", shape, vectors, &affine);
    }
    entries(meter);
}

/// A product forward and backward, with what covers rounding and without.
fn product<B: Measured>(
    meter: &mut Meter<B, impl FnMut(&Row)>,
    name: &str,
    shape: String,
    vectors: usize,
    affine: &Affine,
) {
    let operations = 4.0 * affine.map.products() * vectors as f64;
    if !meter.begins(&format!("{name}: {shape}"), operations) {
        return;
    }
    let backend = meter.backend;
    let map = backend.prepare(affine);
    let (inputs, outputs) = (affine.map.inputs(), affine.map.outputs());
    let x = backend.upload(&block(1, vectors, inputs));
    let y = backend.upload(&block(1, vectors, outputs));
    let numbers = affine.map.weights().len() + 2 * vectors * (inputs + outputs);
    let bytes = meter.bytes() * numbers as f64;
    let work = |way| Work { what: format!("{name}{way}"), shape: shape.clone(), operations, bytes };
    let plain = backend.unrounded();
    for (widening, backend) in [(true, Some(backend)), (false, plain.as_ref())] {
        let Some(backend) = backend else { continue };
        meter.row(work(""), widening, backend, |b| drop(b.affine(&map, &x)));
        meter.row(work(" adjoint"), widening, backend, |b| drop(b.adjoint(&map, &y)));
    }
}

/// What reads and writes every entry once: bandwidth is all it needs.
fn entries<B: Measured>(meter: &mut Meter<B, impl FnMut(&Row)>) {
    let (items, rows, features) = ENTRIES;
    let size = (items * rows * features) as f64;
    if !meter.begins("sum, gate, activate, row norms", 8.0 * size) {
        return;
    }
    let backend = meter.backend;
    let x = backend.upload(&block(items, rows, features));
    let table = Array2::from_elem((items, features), 0.5);
    let slopes = backend.upload_slopes(&Array2::zeros((items, features)), &table);
    let half = 2.0 * meter.bytes() * size;
    let shape = format!("{items} x {rows} x {features}");
    let work = |what: &str, each: f64, moved: f64| Work {
        what: what.into(),
        shape: shape.clone(),
        operations: each * size,
        bytes: moved * half,
    };
    meter.row(work("sum", 2.0, 2.0), true, backend, |b| drop(b.sum(&[&x, &x])));
    meter.row(work("gate", 8.0, 2.0), true, backend, |b| drop(b.gate(&slopes, &x)));
    meter.row(work("activate", 8.0, 2.0), true, backend, |b| drop(b.activate(&Piecewise::RELU, &x)));
    meter.row(work("row norms", 4.0, 1.0), true, backend, |b| drop(b.row_norms(&x, Norm::One)));
}
