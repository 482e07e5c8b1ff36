//! Products with weights, enclosed and plain, side by side.
//!
//! `cargo bench --bench products` times each alone; `-- --table` prints CSV
//! rows `kind,shape,threads,what,min_ms,median_ms,gmacs,ratio` of rivals that
//! took turns, `ratio` against the plain product of the same size and threads.

#[allow(dead_code)]
mod common;

use clarke::backend::Backend;
use clarke::backend::cpu::Cpu;
use clarke::layer::{Affine, ConvShape, LinearMap};
use clarke::linalg::Enclosure;
use common::{Random, in_turns, plain, pool};
use ndarray::Array2;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// One product: `vectors` inputs through a map.
struct Case {
    kind: &'static str,
    shape: &'static str,
    vectors: usize,
    map: LinearMap,
    adjoint: bool,
}

/// rows x inner x columns, as in benches/peers/torch_conv.py.
const DENSE: [(&str, usize, usize, usize); 4] = [
    ("256x256x256", 256, 256, 256),
    ("512x512x512", 512, 512, 512),
    ("1000x784x256", 1000, 784, 256),
    ("10x784x256", 10, 784, 256),
];

/// N, Cin, HxW, Cout, kernel, stride, pad, as in benches/peers/torch_conv.py.
const CONV: [(&str, [usize; 7]); 5] = [
    ("4,16,16x16,16,3,1,1", [4, 16, 16, 16, 3, 1, 1]),
    ("16,32,32x32,64,3,1,1", [16, 32, 32, 64, 3, 1, 1]),
    ("32,64,16x16,128,3,2,1", [32, 64, 16, 128, 3, 2, 1]),
    ("1,64,56x56,64,3,1,1", [1, 64, 56, 64, 3, 1, 1]),
    ("1,64,56x56,128,3,1,1", [1, 64, 56, 128, 3, 1, 1]),
];

fn cases() -> Vec<Case> {
    let mut random = Random::new(1);
    let mut list = vec![];
    for adjoint in [false, true] {
        for (shape, rows, inner, columns) in DENSE {
            let size = if adjoint { (inner, columns) } else { (columns, inner) };
            let map = LinearMap::Dense(Arc::new(random.matrix(size.0, size.1, 0.1)));
            let kind = if adjoint { "dense adjoint" } else { "dense" };
            list.push(Case { kind, shape, vectors: rows, map, adjoint });
        }
        for (name, [vectors, cin, size, cout, k, stride, pad]) in CONV {
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
            let weight = Arc::new(random.vec(cout * cin * k * k, 0.1));
            let map = LinearMap::Conv { shape, weight, adjoint: false };
            let kind = if adjoint { "conv adjoint" } else { "conv" };
            list.push(Case { kind, shape: name, vectors, map, adjoint });
        }
    }
    list
}

impl Case {
    /// Sizes of the one plain matrix product with as many multiplications.
    fn plain(&self) -> (usize, usize, usize) {
        match &self.map {
            LinearMap::Dense(_) if self.adjoint => (self.vectors, self.map.outputs(), self.map.inputs()),
            LinearMap::Dense(_) => (self.vectors, self.map.inputs(), self.map.outputs()),
            LinearMap::Conv { shape, .. } => {
                let pixels = self.vectors * shape.output[0] * shape.output[1];
                let (channels, depth) = (shape.out_channels, shape.depth());
                if self.adjoint { (depth, channels, pixels) } else { (channels, depth, pixels) }
            }
        }
    }

    fn input(&self) -> Enclosure {
        let features = if self.adjoint { self.map.outputs() } else { self.map.inputs() };
        let centre = Random::new(7).block(self.vectors, 1, features);
        let radius = centre.mapv(|c| c.abs() * 1e-3 + 1e-6);
        Enclosure { centre, radius }
    }

    /// The product on a backend, ready to run again and again.
    fn run(&self, backend: Cpu) -> impl FnMut() + use<> {
        let map = backend.prepare(&Affine { map: self.map.clone(), bias: None, repeat: 1 });
        let x = backend.upload(&self.input());
        let adjoint = self.adjoint;
        move || {
            black_box(if adjoint { backend.adjoint(&map, &x) } else { backend.linear(&map, &x) });
        }
    }

    fn run_plain(&self) -> impl FnMut() + use<> {
        let (m, k, n) = self.plain();
        let mut random = Random::new(3);
        let (a, b) = (random.matrix(m, k, 1.0), random.matrix(k, n, 1.0));
        let mut out = Array2::zeros((m, n));
        move || {
            plain(a.view(), b.view(), out.view_mut());
            black_box(&out);
        }
    }
}

const BACKENDS: [(&str, Cpu); 3] =
    [("estimate", Cpu::ESTIMATE), ("double", Cpu::DOUBLE), ("double-double", Cpu::DOUBLE_DOUBLE)];

fn table(filter: Option<&str>) {
    println!("kind,shape,threads,what,min_ms,median_ms,gmacs,ratio");
    for case in cases() {
        if filter.is_some_and(|f| !format!("{} {}", case.kind, case.shape).contains(f)) {
            continue;
        }
        for threads in [1, 2] {
            pool(threads).install(|| {
                let mut names = vec!["plain"];
                let mut rivals: Vec<Box<dyn FnMut()>> = vec![Box::new(case.run_plain())];
                for (name, backend) in BACKENDS {
                    names.push(name);
                    rivals.push(Box::new(case.run(backend)));
                }
                let times = in_turns(Duration::from_millis(1500), &mut rivals);
                let (m, k, n) = case.plain();
                for (name, (least, median)) in names.iter().zip(&times) {
                    println!(
                        "{},\"{}\",{threads},{name},{least:.4},{median:.4},{:.2},{:.2}",
                        case.kind,
                        case.shape,
                        (m * k * n) as f64 / least / 1e6,
                        least / times[0].0
                    );
                }
            });
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--table") {
        let filter = arguments.get(at + 1).filter(|a| !a.starts_with("--"));
        return table(filter.map(|s| &s[..]));
    }
    let mut criterion = common::criterion();
    for case in cases() {
        let mut group = criterion.benchmark_group(format!("{} {}", case.kind, case.shape));
        let (m, k, n) = case.plain();
        group.throughput(criterion::Throughput::Elements((m * k * n) as u64));
        let mut run = case.run_plain();
        group.bench_function("plain", |b| b.iter(&mut run));
        for (name, backend) in BACKENDS {
            let mut run = case.run(backend);
            group.bench_function(name, |b| b.iter(&mut run));
        }
        group.finish();
    }
    criterion.final_summary();
}
