//! Kernels and whole passes on a GPU.
//!
//! `cargo bench --bench gpu` prints CSV rows `what,shape,precision,widening,ms,gflops,of_peak,
//! dispatches,submissions`, both products counted; `of_peak` is against the rate that products and
//! sums alone reach on the same device, measured first. CLARKE_GPU=N picks an adapter of
//! `clarke devices`, else the best real one; CLARKE_SOFTWARE_GPU=1 allows a software driver, which
//! gets smaller work: its times say little, its counts are the same. `-- --networks` leaves single
//! kernels out.

#[allow(dead_code)]
mod common;

use clarke::backend::Backend;
use clarke::backend::gpu::inflate::Widening;
use clarke::backend::gpu::{Choice, Gpu, Real};
use clarke::layer::{Affine, ConvShape, Incidence, LinearMap, Piecewise};
use clarke::linalg::Enclosure;
use clarke::net::{Net, Op};
use clarke::num::Norm;
use clarke::sweep::Prepared;
use common::Random;
use ndarray::{Array2, Array3};
use std::sync::Arc;
use std::time::Instant;

/// The best of a few runs, in seconds.
fn best(gpu: &Gpu, mut work: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    let begun = Instant::now();
    for k in 0..12 {
        let started = Instant::now();
        work();
        gpu.wait();
        // The first builds pipelines, which does not matter if it is long.
        let seconds = started.elapsed().as_secs_f64();
        if k > 0 || seconds > 20.0 {
            least = least.min(seconds);
        }
        if least.is_finite() && begun.elapsed().as_secs_f64() > 2.0 {
            break;
        }
    }
    least
}

struct Row<'a> {
    what: &'a str,
    shape: String,
    widening: &'a str,
    /// Operations, both products counted.
    flops: f64,
}

fn print(gpu: &Gpu, peak: f64, row: Row, work: impl FnMut()) {
    let before = gpu.counts();
    let mut runs = 0;
    let mut work = work;
    let seconds = best(gpu, || {
        runs += 1;
        work();
    });
    let after = gpu.counts();
    let rate = row.flops / seconds;
    println!(
        "{},\"{}\",{},{},{:.4},{:.3},{:.3},{},{}",
        row.what,
        row.shape,
        gpu.real().name(),
        row.widening,
        seconds * 1e3,
        rate / 1e9,
        rate / peak,
        (after.0 - before.0) / runs,
        (after.1 - before.1) / runs
    );
}

fn dense(random: &mut Random, rows: usize, columns: usize) -> Affine {
    let scale = (6.0 / columns as f64).sqrt();
    let map = LinearMap::Dense(Arc::new(random.matrix(rows, columns, scale)));
    Affine { map, bias: Some(Arc::new(random.vec(rows, 0.1))), repeat: 1 }
}

fn conv(random: &mut Random, [cin, size, cout, k, stride, pad]: [usize; 6]) -> (Affine, usize) {
    let out = (size + 2 * pad - k) / stride + 1;
    let shape = ConvShape {
        groups: 1,
        in_channels: cin,
        out_channels: cout,
        input: [size; 2],
        output: [out; 2],
        kernel: [k; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 2],
    };
    let scale = (6.0 / (cin * k * k) as f64).sqrt();
    let weight = Arc::new(random.vec(cout * cin * k * k, scale));
    let bias = Some(Arc::new(random.vec(cout, 0.1)));
    (Affine { map: LinearMap::Conv { shape, weight, adjoint: false }, bias, repeat: out * out }, out)
}

fn block(random: &mut Random, items: usize, rows: usize, features: usize) -> Enclosure {
    let centre = random.block(items, rows, features);
    Enclosure { radius: centre.mapv(|c| 1e-2 * c.abs()), centre }
}

/// Single kernels, with and without what covers rounding.
fn kernels(gpu: &Gpu, peak: f64, software: bool) {
    let mut random = Random::new(1);
    let small = if software { 32 } else { 1 };
    for (vectors, rows, columns) in
        [(4096 / small, 1024, 1024), (4096 / small, 4096 / small, 4096 / small), (1024 / small, 256, 784)]
    {
        let map = gpu.prepare(&dense(&mut random, rows, columns));
        let x = gpu.upload(&block(&mut random, 1, vectors, columns));
        let y = gpu.upload(&block(&mut random, 1, vectors, rows));
        let flops = 4.0 * (vectors * rows * columns) as f64;
        for (widening, gpu) in [("with", gpu.clone()), ("without", gpu.widened(Widening::NONE))] {
            let row = |what| Row { what, shape: format!("{vectors}x{columns}x{rows}"), widening, flops };
            print(&gpu, peak, row("dense"), || drop(gpu.affine(&map, &x)));
            print(&gpu, peak, row("dense adjoint"), || drop(gpu.adjoint(&map, &y)));
        }
    }
    for (vectors, c) in [
        (64 / small, [64, 56, 64, 3, 1, 1]),
        (64 / small, [128, 28, 128, 3, 2, 1]),
        (64 / small, [3, if software { 28 } else { 224 }, 64, 3, 1, 1]),
        (64 / small, [512, 14, 512, 3, 1, 1]),
    ] {
        let (affine, out) = conv(&mut random, c);
        let map = gpu.prepare(&affine);
        let x = gpu.upload(&block(&mut random, 1, vectors, affine.map.inputs()));
        let y = gpu.upload(&block(&mut random, 1, vectors, affine.map.outputs()));
        let flops = 4.0 * (vectors * c[0] * c[2] * c[3] * c[3] * out * out) as f64;
        for (widening, gpu) in [("with", gpu.clone()), ("without", gpu.widened(Widening::NONE))] {
            let row = |what| Row { what, shape: format!("{vectors} of {c:?}"), widening, flops };
            print(&gpu, peak, row("conv"), || drop(gpu.affine(&map, &x)));
            print(&gpu, peak, row("conv adjoint"), || drop(gpu.adjoint(&map, &y)));
        }
    }
    let x = gpu.upload(&block(&mut random, 16, 8, 65_536 / small));
    let size = (16 * 8 * 65_536 / small) as f64;
    let row = |what, flops| Row { what, shape: format!("{size}"), widening: "with", flops: flops * size };
    print(gpu, peak, row("sum", 2.0), || drop(gpu.sum(&[&x, &x])));
    let table = Array2::from_elem((16, 65_536 / small), 0.5);
    let slopes = gpu.upload_slopes(&table.mapv(|_| 0.0), &table);
    print(gpu, peak, row("gate", 8.0), || drop(gpu.gate(&slopes, &x)));
    print(gpu, peak, row("activate", 8.0), || drop(gpu.activate(&Piecewise::RELU, &x)));
}

fn push(net: &mut Net, op: Op, shape: Vec<usize>) {
    let at = net.output();
    net.push(format!("node {}", at + 1), op, vec![at], shape).expect("sizes agree");
}

fn relu(net: &mut Net) {
    let shape = net.nodes[net.output()].shape.clone();
    push(net, Op::Piecewise(Piecewise::RELU), shape);
}

/// 784-256x4-10.
fn mnist(random: &mut Random) -> Net {
    let mut net = Net::new(vec![784]);
    for (k, (rows, columns)) in
        [(256, 784), (256, 256), (256, 256), (256, 256), (10, 256)].into_iter().enumerate()
    {
        push(&mut net, Op::Affine(dense(random, rows, columns)), vec![rows]);
        if k < 4 {
            relu(&mut net);
        }
    }
    net
}

/// Maxima over k x k windows with this stride.
fn pool(net: &mut Net, channels: usize, size: usize, k: usize, stride: usize) -> usize {
    let out = (size - k) / stride + 1;
    let windows = (0..channels * out * out).map(|i| {
        let (c, y, x) = (i / (out * out), i / out % out * stride, i % out * stride);
        (0..k * k).map(|t| (c * size * size + (y + t / k) * size + x + t % k) as u32).collect::<Vec<_>>()
    });
    let incidence = Incidence::new(channels * size * size, windows);
    push(net, Op::Max(Arc::new(incidence)), vec![channels, out, out]);
    out
}

/// A stack of convolutions (kernel, stride, pad, channels) and pools (kernel, stride), then dense layers.
fn stack(random: &mut Random, size: usize, parts: &[&[usize]], ends: &[usize]) -> Net {
    let mut net = Net::new(vec![3, size, size]);
    let (mut channels, mut size) = (3, size);
    for part in parts {
        match **part {
            [k, stride, pad, to] => {
                let (affine, out) = conv(random, [channels, size, to, k, stride, pad]);
                push(&mut net, Op::Affine(affine), vec![to, out, out]);
                relu(&mut net);
                (channels, size) = (to, out);
            }
            [k, stride] => size = pool(&mut net, channels, size, k, stride),
            _ => unreachable!("a convolution or a pool"),
        }
    }
    for (k, &to) in ends.iter().enumerate() {
        let from = net.outputs();
        push(&mut net, Op::Affine(dense(random, to, from)), vec![to]);
        if k + 1 < ends.len() {
            relu(&mut net);
        }
    }
    net
}

fn alexnet(random: &mut Random) -> Net {
    let parts: [&[usize]; 8] = [
        &[11, 4, 2, 64],
        &[3, 2],
        &[5, 1, 2, 192],
        &[3, 2],
        &[3, 1, 1, 384],
        &[3, 1, 1, 256],
        &[3, 1, 1, 256],
        &[3, 2],
    ];
    stack(random, 224, &parts, &[4096, 4096, 1000])
}

fn vgg16(random: &mut Random) -> Net {
    let mut parts: Vec<Vec<usize>> = vec![];
    for (channels, count) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
        parts.extend((0..count).map(|_| vec![3, 1, 1, channels]));
        parts.push(vec![2, 2]);
    }
    let parts: Vec<&[usize]> = parts.iter().map(Vec::as_slice).collect();
    stack(random, 224, &parts, &[4096, 4096, 1000])
}

/// Values of a batch forward, then the norms of so many rows of the Jacobian, in groups.
fn pass(gpu: &Gpu, peak: f64, name: &str, net: &Net, items: usize, rows: usize, group: usize) {
    let prepared = Prepared::new(net, gpu);
    let mut random = Random::new(3);
    let centre = random.block(items, 1, net.inputs());
    let x = Enclosure { radius: Array3::from_elem(centre.dim(), 1e-3), centre };
    let flops = 4.0 * net.products() * (items * (1 + rows)) as f64;
    let row = |what| Row { what, shape: format!("{items} items {rows} rows"), widening: "with", flops };
    print(gpu, peak, row(name), || {
        let trace = prepared.values(gpu.upload(&x), None, |_| false);
        for first in (0..rows).step_by(group) {
            let count = group.min(rows - first);
            let mut seeds = Enclosure::zeros(items, count, net.outputs());
            for item in 0..items {
                (0..count).for_each(|k| seeds.centre[[item, k, (first + k) % net.outputs()]] = 1.0);
            }
            let jacobian = prepared.adjoints(&trace.gates, gpu.upload(&seeds), |_, _| {});
            drop(gpu.row_norms(&jacobian, Norm::One));
        }
    });
}

fn main() {
    let software = std::env::var("CLARKE_SOFTWARE_GPU").is_ok_and(|v| v == "1");
    let named = std::env::var("CLARKE_GPU").ok().and_then(|v| v.parse().ok()).map(Choice::Index);
    let choice = named.unwrap_or(if software { Choice::Any } else { Choice::Real });
    println!("what,shape,precision,widening,ms,gflops,of_peak,dispatches,submissions");
    for real in [Real::F32, Real::F64] {
        let gpu = match Gpu::open(choice, Some(real)) {
            Ok(gpu) => gpu,
            Err(e) => {
                eprintln!("{}: {e}", real.name());
                continue;
            }
        };
        let info = gpu.info();
        let peak = gpu.peak();
        println!("# {} ({}), {}: {:.1} GFLOP/s peak", info.name, info.driver, real.name(), peak / 1e9);
        let software = info.software;
        if !std::env::args().any(|a| a == "--networks") {
            kernels(&gpu, peak, software);
        }
        let mut random = Random::new(2);
        let net = mnist(&mut random);
        pass(&gpu, peak, "mnist 256x4", &net, if software { 20 } else { 1000 }, 10, 10);
        let rows: &[(usize, usize)] = if software { &[(1, 1)] } else { &[(10, 10), (1000, 100)] };
        for (name, net) in [("alexnet", alexnet(&mut random)), ("vgg16", vgg16(&mut random))] {
            for &(rows, group) in rows {
                pass(&gpu, peak, name, &net, 1, rows, group);
            }
        }
        if let Some(e) = gpu.failure() {
            eprintln!("{}: {e}", real.name());
        }
    }
}
