//! Whole passes: the values of regions forward, rows of their Jacobians back, a norm of every row.

use super::Measured;
use super::networks::{alexnet, mnist, small_conv, vgg16};
use super::timing::{Meter, Row, Work};
use crate::linalg::Enclosure;
use crate::net::Net;
use crate::num::Norm;
use crate::num::random::Random;
use crate::sweep::Prepared;
use ndarray::Array3;

/// Bytes of the largest block of rows that are worked on at once.
const BLOCK: f64 = (256 << 20) as f64;

struct Pass {
    name: &'static str,
    net: fn(&mut Random) -> Net,
    /// Multiplications of one pass, roughly: what is not begun need not be built.
    products: f64,
    regions: usize,
    rows: usize,
}

const PASSES: [Pass; 5] = [
    Pass { name: "MNIST 256x4", net: mnist, products: 4e5, regions: 1000, rows: 10 },
    Pass { name: "conv 16-32, dense 100", net: small_conv, products: 7e5, regions: 256, rows: 10 },
    Pass { name: "AlexNet", net: alexnet, products: 7e8, regions: 1, rows: 1000 },
    Pass { name: "VGG-16", net: vgg16, products: 1.55e10, regions: 1, rows: 10 },
    Pass { name: "VGG-16", net: vgg16, products: 1.55e10, regions: 1, rows: 1000 },
];

pub fn run<B: Measured>(meter: &mut Meter<B, impl FnMut(&Row)>) {
    let mut random = Random(2);
    let mut last = None;
    for Pass { name, net, products, regions, rows } in PASSES {
        // Regions first: their number is what a batch is about; a network for one of them takes fewer rows.
        let all = meter.few(regions, 4.0 * products * (1 + rows) as f64);
        let rows = if regions > 1 { rows } else { meter.few(rows, 4.0 * products) };
        // A device that does few rows would measure the same again.
        if last == Some((name, all, rows)) {
            continue;
        }
        last = Some((name, all, rows));
        let shape = format!("{all} region{}, {rows} row{} each", plural(all), plural(rows));
        if meter.begins(&format!("{name}: {shape}"), 4.0 * products * (all * (1 + rows)) as f64) {
            pass(meter, (name, shape), &net(&mut random), (all, rows));
        }
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn pass<B: Measured>(
    meter: &mut Meter<B, impl FnMut(&Row)>,
    (name, shape): (&str, String),
    net: &Net,
    (regions, rows): (usize, usize),
) {
    let backend = meter.backend;
    let prepared = Prepared::new(net, backend);
    let mut random = Random(3);
    let centre = Array3::from_shape_simple_fn((regions, 1, net.inputs()), || random.signed());
    let x = Enclosure { radius: Array3::from_elem(centre.dim(), 1e-3), centre };
    let widest = net.nodes.iter().map(|n| n.shape.iter().product::<usize>()).max().unwrap_or(1);
    let row = 2.0 * meter.bytes() * (regions * widest) as f64;
    let group = ((BLOCK / row) as usize).clamp(1, rows);
    let weights: f64 = net.parameters() as f64 * meter.bytes();
    let work = Work {
        what: name.into(),
        shape,
        operations: 4.0 * net.products() * (regions * (1 + rows)) as f64,
        // Every group of rows reads the weights once.
        bytes: weights * (1 + rows.div_ceil(group)) as f64,
    };
    meter.row(work, true, backend, |b| {
        let trace = prepared.values(b.upload(&x), None, |_| false);
        for first in (0..rows).step_by(group) {
            let count = group.min(rows - first);
            let mut seeds = Enclosure::zeros(regions, count, net.outputs());
            for region in 0..regions {
                (0..count).for_each(|k| seeds.centre[[region, k, (first + k) % net.outputs()]] = 1.0);
            }
            let jacobian = prepared.adjoints(&trace.gates, b.upload(&seeds), |_, _| {});
            drop(b.row_norms(&jacobian, Norm::One));
        }
    });
}
