//! Every primitive of the CPU backend contains the exact rational result.

use crate::common::containment::{self, Findings};
use crate::common::data::Data;
use crate::common::exact::Random;
use crate::common::{settled, spans};
use clarke::backend::Backend;
use clarke::backend::cpu::{Cpu, gamma_double};
use clarke::layer::{Affine, LinearMap};
use clarke::linalg::Enclosure;
use ndarray::{Array2, Array3};
use std::sync::Arc;

fn run(name: &str, part: impl Fn(&Cpu, &mut Findings)) {
    for (precision, b) in [("double", Cpu::DOUBLE), ("double-double", Cpu::DOUBLE_DOUBLE)] {
        let mut out = Findings::default();
        part(&b, &mut out);
        out.assert_sound(&format!("{name}, {precision}"));
    }
}

#[test]
fn products_contain_the_exact_result() {
    run("products", |b, out| containment::products(b, Data::new(11), 500, out));
}

#[test]
fn linear_parts_contain_the_exact_result() {
    run("linear parts", |b, out| containment::linear_parts(b, Data::new(12), 1500, out));
}

#[test]
fn scalar_functions_contain_the_exact_result() {
    run("scalar functions", |b, out| containment::scalar_functions(b, Data::new(13), 2500, out));
}

#[test]
fn maxima_contain_the_exact_result() {
    run("maxima", |b, out| containment::maxima(b, Data::new(14), 2500, out));
}

#[test]
fn lines_contain_the_exact_result() {
    run("lines", |b, out| containment::lines(b, Data::new(15), 2500, out));
}

#[test]
fn ends_and_lines_on_them_contain_the_exact_result() {
    run("ends", |b, out| spans::ends(b, Data::new(18), 1500, out));
}

#[test]
fn lines_around_maxima_contain_the_exact_result() {
    run("maxima on ends", |b, out| spans::maxima(b, Data::new(20), 1500, out));
}

#[test]
fn sums_of_bounds_are_above_the_exact_result() {
    run("sums of bounds", |b, out| spans::sums(b, Data::new(19), 300, out));
}

#[test]
fn settled_products_cover_the_exact_result() {
    run("settled products", |b, out| settled::products(b, Data::new(16), 1000, out));
}

/// What vectors share is as good as bounds of their own.
#[test]
fn shared_roundings_are_no_wider() {
    let mut d = Data::new(17);
    let mut random = Random(17);
    let b = Cpu::DOUBLE;
    for round in 0..400 {
        let map = containment::random_map(&mut d, round);
        let (inputs, outputs) = (map.inputs(), map.outputs());
        let prepared = b.prepare(&Affine { map, bias: None, repeat: 1 });
        for (back, from, to) in [(false, inputs, outputs), (true, outputs, inputs)] {
            let a = Array3::from_shape_simple_fn((2, 5, from), || random.between(-1.0, 1.0));
            let size = Array2::from_shape_simple_fn((2, to), || random.between(0.0, 1.0));
            let a = b.upload(&Enclosure::point(a));
            let size = b.spans(-&size, size);
            let (next, lost) = b.settled(&prepared, &a, back, &size);
            let alone = if back { b.adjoint(&prepared, &a) } else { b.linear(&prepared, &a) };
            let (other, own) = b.settle(&alone, &size);
            assert_eq!(b.read(&next).centre, b.read(&other).centre);
            let nothing = b.upload(&Enclosure::zeros(2, 5, from));
            assert!(b.settled(&prepared, &nothing, back, &size).1.iter().all(|l| *l == 0.0));
            let tiny = 1e-250;
            lost.iter().zip(&own).for_each(|(l, o)| assert!(*l <= o * (1.0 + 1e-9) + tiny, "{l:e} {o:e}"));
        }
    }
}

#[test]
fn double_double_is_precise() {
    let mut random = Random(7);
    let (b, n) = (Cpu::DOUBLE_DOUBLE, 300);
    let w = Array2::from_shape_simple_fn((40, n), || random.between(-1.0, 1.0));
    let x: Vec<f64> = (0..n).map(|_| random.between(-1.0, 1.0)).collect();
    let size = w.mapv(f64::abs).dot(&ndarray::arr1(&x).mapv(f64::abs));
    let map = b.prepare(&Affine { map: LinearMap::Dense(Arc::new(w)), bias: None, repeat: 1 });
    let y = b.linear(&map, &b.upload(&Enclosure::vector(&x)));
    let first = b.read(&y);
    let rest = b.read(&b.sum(&[&y, &b.upload(&Enclosure::point(first.centre.mapv(|c| -c)))]));
    for (i, &r) in rest.radius.iter().enumerate() {
        let total = rest.centre[[0, 0, i]].abs() + r;
        assert!(total <= 1e-15 * size[i], "the low part is low");
    }
    // Subtracting what was read leaves hi = low part, so the radius alone counts.
    let deep = b.read(&b.sum(&[
        &y,
        &b.upload(&Enclosure::point(first.centre.mapv(|c| -c))),
        &b.upload(&Enclosure::point(rest.centre.mapv(|c| -c))),
    ]));
    let worst = deep.radius.iter().zip(&size).map(|(r, s)| r / s).fold(0.0, f64::max);
    println!("double-double radius: {worst:e} of sum |w||x|");
    assert!(worst <= 1e-25);
    assert!(gamma_double(1 << 20, 0) < 1e-22);
}
