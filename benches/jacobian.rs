//! The interval Clarke Jacobian of a batch of images: values forward, rows back.
//!
//! A small network, MNIST 784-256x4-10 with random weights, and the network of
//! that shape in the folder CLARKE_ZOO when it is set. `cargo bench --bench jacobian` times
//! with criterion; `-- --table` prints CSV rows
//! `network,batch,threads,what,min_ms,median_ms,bound` of rivals that took turns: the whole pass, and a
//! library's matrix products of the same sizes, one for centres and one for radii. `bound` is the mean over
//! the images of the largest row sum of magnitudes.

#[allow(dead_code)]
mod common;

use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::data::{Scale, load_rows};
use clarke::layer::{Affine, LinearMap, Piecewise};
use clarke::linalg::Enclosure;
use clarke::net::{Net, Op, Options, load};
use clarke::num::round::sum_up;
use clarke::sweep::Prepared;
use common::{Random, in_turns, plain, pool};
use ndarray::{Array2, Array3, Axis};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The program's.
#[cfg(all(feature = "cli", not(feature = "python")))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FILE: &str = "vnncomp2021-mnistfc/mnist-net_256x4.onnx";
const EPS: f64 = 0.001;
const BATCHES: [usize; 2] = [1, 100];

fn random_net(sizes: &[usize]) -> Net {
    let mut random = Random::new(5);
    let mut net = Net::new(vec![sizes[0]]);
    for (layer, size) in sizes.windows(2).enumerate() {
        let weight = random.matrix(size[1], size[0], (6.0 / size[0] as f64).sqrt());
        let map = LinearMap::Dense(Arc::new(weight));
        let bias = Some(Arc::new(random.vec(size[1], 0.1)));
        let at = net.output();
        let affine = Op::Affine(Affine { map, bias, repeat: 1 });
        net.push(format!("dense {layer}"), affine, vec![at], vec![size[1]]).expect("sizes agree");
        if layer + 2 < sizes.len() {
            let at = net.output();
            net.push(format!("relu {layer}"), Op::Piecewise(Piecewise::RELU), vec![at], vec![size[1]])
                .expect("sizes agree");
        }
    }
    net
}

fn networks() -> Vec<(&'static str, Net)> {
    let mut list = vec![
        ("random 20x3", random_net(&[10, 20, 20, 20, 2])),
        ("random 256x4", random_net(&[784, 256, 256, 256, 256, 10])),
    ];
    if let Some(zoo) = std::env::var_os("CLARKE_ZOO") {
        let net = load(&Path::new(&zoo).join(FILE), &Options::default()).expect("the zoo's network");
        list.push(("mnist 256x4", net));
    }
    list
}

/// Balls of radius EPS around images: for the trained network the first ones of its data set beside the zoo, else of
/// random grey values.
fn images(name: &str, count: usize, features: usize) -> Enclosure {
    let zoo = std::env::var_os("CLARKE_ZOO").filter(|_| name.starts_with("mnist"));
    let digits = zoo.and_then(|zoo| {
        let path = Path::new(&zoo).parent()?.join("images/mnist/t10k-images-idx3-ubyte.gz");
        load_rows(path.to_str()?, &[features], Scale::Unit).ok()
    });
    let centre = match digits {
        Some(rows) => {
            let row = |i| rows.get(i).expect("an image").iter().map(|v| v.nearest()).collect::<Vec<f64>>();
            let all = (0..count).flat_map(row).collect();
            Array3::from_shape_vec((count, 1, features), all).expect("images of one size")
        }
        None => Random::new(11).block(count, 1, features).mapv(|v| 0.5 + 0.5 * v),
    };
    Enclosure { radius: Array3::from_elem(centre.dim(), EPS), centre }
}

/// One row per output, the same for every image.
fn seeds(count: usize, outputs: usize) -> Enclosure {
    let unit = Array2::eye(outputs).insert_axis(Axis(0));
    Enclosure::point(unit.broadcast((count, outputs, outputs)).expect("one more axis").to_owned())
}

fn jacobian(prepared: &Prepared<Cpu>, x: &Enclosure, rows: &Enclosure) -> Enclosure {
    let b = prepared.backend;
    let trace = prepared.values(b.upload(x), None, |_| false);
    b.read(&prepared.adjoints(&trace.gates, b.upload(rows), |_, _| {}))
}

/// Mean over the images of the norm from infinity to infinity.
fn bound(jacobian: &Enclosure) -> f64 {
    let magnitude = jacobian.magnitude();
    let norm = |item: ndarray::ArrayView2<f64>| {
        item.rows().into_iter().map(|r| sum_up(r.iter().copied())).fold(0.0, f64::max)
    };
    magnitude.outer_iter().map(norm).sum::<f64>() / magnitude.len_of(Axis(0)) as f64
}

/// The pass's matrix products alone, on matrices of the same sizes: centre and
/// radius, values and rows.
fn products(net: &Net, batch: usize) -> impl FnMut() + use<> {
    let mut random = Random::new(9);
    let mut list = vec![];
    for node in &net.nodes {
        let Op::Affine(Affine { map: LinearMap::Dense(w), .. }) = &node.op else { continue };
        let (out, inputs) = w.dim();
        for (vectors, from, to, adjoint) in
            [(batch, inputs, out, false), (batch * net.outputs(), out, inputs, true)]
        {
            let x = random.matrix(vectors, from, 1.0);
            list.push((w.clone(), x, Array2::zeros((vectors, to)), adjoint));
        }
    }
    move || {
        for (w, x, out, adjoint) in &mut list {
            for _ in ["centre", "radius"] {
                plain(x.view(), if *adjoint { w.view() } else { w.t() }, out.view_mut());
            }
            black_box(&out);
        }
    }
}

fn table() {
    println!("network,batch,threads,what,min_ms,median_ms,bound");
    for (name, net) in networks() {
        let prepared = Prepared::new(&net, &Cpu::DOUBLE);
        for batch in BATCHES {
            let (x, rows) = (images(name, batch, net.inputs()), seeds(batch, net.outputs()));
            let found = bound(&jacobian(&prepared, &x, &rows));
            for threads in [1, 2] {
                pool(threads).install(|| {
                    let pass = || drop(black_box(jacobian(&prepared, &x, &rows)));
                    let mut rivals: Vec<Box<dyn FnMut()>> =
                        vec![Box::new(pass), Box::new(products(&net, batch))];
                    let times = in_turns(Duration::from_secs(3), &mut rivals);
                    let ((a, b), (c, d)) = (times[0], times[1]);
                    println!("{name},{batch},{threads},pass,{a:.4},{b:.4},{found:.6}");
                    println!("{name},{batch},{threads},products alone,{c:.4},{d:.4},");
                });
            }
        }
    }
}

fn main() {
    if std::env::args().any(|a| a == "--table") {
        return table();
    }
    let mut criterion = common::criterion();
    for (name, net) in networks() {
        let prepared = Prepared::new(&net, &Cpu::DOUBLE);
        for batch in BATCHES {
            let (x, rows) = (images(name, batch, net.inputs()), seeds(batch, net.outputs()));
            println!("{name}, {batch} images: bound {:.6}", bound(&jacobian(&prepared, &x, &rows)));
            let mut group = criterion.benchmark_group(format!("jacobian {name}"));
            group.throughput(criterion::Throughput::Elements(batch as u64));
            group.bench_function(format!("{batch} images"), |b| b.iter(|| jacobian(&prepared, &x, &rows)));
            let mut alone = products(&net, batch);
            group.bench_function(format!("{batch} images, products alone"), |b| b.iter(&mut alone));
            group.finish();
        }
    }
    criterion.final_summary();
}
