//! Networks with sorts and reflections by their plain definitions, and all the pieces that they can have on a
//! polygon: every order of a group, every side of a mirror.

use crate::common::exact::Dyadic;
use crate::common::nets::Maker;
use crate::common::pieces::{Form, Polygon, Shape, clip, minus, over, plus, tidy, times};
use crate::truth::truth;
use clarke::data::{Array, Values};
use clarke::net::{Net, npz};
use clarke::problem::Problem;
use ndarray::Array2;

#[derive(Debug)]
pub enum Act {
    None,
    Relu,
    /// Groups of this size, ascending.
    Sort(usize),
    /// A vector for every group.
    Reflect(Vec<Vec<f64>>),
}

#[derive(Debug)]
pub struct Layer {
    pub w: Array2<f64>,
    pub b: Vec<f64>,
    pub act: Act,
}

pub fn floats(shape: &[usize], values: Vec<f64>) -> Array {
    Array { shape: shape.to_vec(), values: Values::F64(values) }
}

/// The layers as the arrays of a file.
pub fn net(layers: &[Layer]) -> Net {
    let mut arrays = vec![];
    for (k, Layer { w, b, act }) in (1..).zip(layers) {
        let mut add = |name: &str, array| arrays.push((format!("{name}{k}"), array));
        add("W", floats(&[w.nrows(), w.ncols()], w.iter().copied().collect()));
        add("b", floats(&[b.len()], b.clone()));
        let name = match act {
            Act::None => "identity".into(),
            Act::Relu => "relu".into(),
            Act::Sort(size) if *size == b.len() => "fullsort".into(),
            Act::Sort(size) => format!("groupsort:{size}"),
            Act::Reflect(_) => "householder".into(),
        };
        add("act", Array { shape: vec![], values: Values::Text(vec![name]) });
        if let Act::Reflect(v) = act {
            add("v", floats(&[v.len(), v[0].len()], v.concat()));
        }
    }
    npz::from_arrays(arrays).expect("a network")
}

/// One or two hidden layers of few features, one output layer.
pub fn layers(m: &mut Maker, inputs: usize) -> Vec<Layer> {
    let kind = m.d.size(0, 6);
    let sort = |size: usize, groups: usize| (Act::Sort(size), size * groups);
    let mirrors = |m: &mut Maker, size: usize, groups: usize| {
        let one = |m: &mut Maker| match m.d.size(0, 3) {
            0 => [vec![0.6, 0.8], vec![0.0; 2], vec![1.0, 0.0], vec![0.5, -2.0]][m.d.size(0, 3)].clone(),
            _ => {
                let v: Vec<f64> = (0..size).map(|_| m.d.random.between(-1.0, 1.0)).collect();
                let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
                v.iter().map(|x| x / length).collect()
            }
        };
        let fit = |mut v: Vec<f64>| {
            v.resize(size, 0.5);
            v
        };
        (Act::Reflect((0..groups).map(|_| fit(one(m))).collect()), size * groups)
    };
    let hidden = match kind {
        0 | 1 => vec![sort(5, 1)],
        2 => vec![sort(3 + m.d.size(0, 1), 1), (Act::Relu, 2)],
        3 => vec![sort(3, 2)],
        4 => vec![sort(2, 2), sort(3, 1)],
        5 => {
            let size = m.d.size(2, 3);
            vec![mirrors(m, size, 2)]
        }
        _ => vec![mirrors(m, 2, 2), sort(3, 1)],
    };
    let last = (Act::None, m.d.size(1, 3));
    let mut n = inputs;
    let mut list = vec![];
    for (act, width) in hidden.into_iter().chain([last]) {
        let w = Array2::from_shape_simple_fn((width, n), || m.weight());
        let b = (0..width).map(|_| if m.d.chance(0.3) { 0.0 } else { m.weight() }).collect();
        list.push(Layer { w, b, act });
        n = width;
    }
    list
}

struct Walk<'w> {
    layers: &'w [Layer],
    visit: &'w mut dyn FnMut(&[Form], &Polygon),
    pieces: usize,
}

impl Walk<'_> {
    fn layer(&mut self, k: usize, x: &[Form], polygon: &Polygon) {
        let Some(Layer { w, b, .. }) = self.layers.get(k) else {
            self.pieces += 1;
            return (self.visit)(x, polygon);
        };
        let row = |(i, b): (usize, &f64)| {
            let start = [Dyadic::of(0.0), Dyadic::of(0.0), Dyadic::of(*b)];
            w.row(i).iter().zip(x).fold(start, |s, (w, x)| plus(&s, &times(x, &Dyadic::of(*w)))).map(tidy)
        };
        let z: Vec<Form> = b.iter().enumerate().map(row).collect();
        self.next(k, &z, vec![], polygon);
    }

    /// The groups of z behind those that are `done`.
    fn next(&mut self, k: usize, z: &[Form], done: Vec<Form>, polygon: &Polygon) {
        let at = done.len();
        if at == z.len() {
            return self.layer(k + 1, &done, polygon);
        }
        let zero = [0; 3].map(|_| Dyadic::of(0.0));
        match &self.layers[k].act {
            Act::None => self.layer(k + 1, z, polygon),
            Act::Relu => {
                for (condition, value) in [(z[at].clone(), z[at].clone()), (minus(&z[at]), zero)] {
                    if let Some(part) = clip(polygon, &condition) {
                        self.next(k, z, [&done[..], &[value]].concat(), &part);
                    }
                }
            }
            Act::Sort(size) => self.orders(k, z, (done, (at..at + size).collect()), polygon),
            Act::Reflect(vectors) => {
                let v = &vectors[at / vectors[0].len()];
                let group = &z[at..at + v.len()];
                let scaled = |t: &Form, v: f64| times(t, &Dyadic::of(v));
                let across = group.iter().zip(v).fold(zero, |s, (z, v)| plus(&s, &scaled(z, *v))).map(tidy);
                let turned = |(z, v): (&Form, &f64)| plus(z, &scaled(&across, -2.0 * v)).map(tidy);
                let other: Vec<Form> = group.iter().zip(v).map(turned).collect();
                for (condition, value) in [(across.clone(), group), (minus(&across), &other[..])] {
                    if let Some(part) = clip(polygon, &condition) {
                        self.next(k, z, [&done[..], value].concat(), &part);
                    }
                }
            }
        }
    }

    /// Every order that the features `rest` can have; the smallest comes next.
    fn orders(&mut self, k: usize, z: &[Form], (done, rest): (Vec<Form>, Vec<usize>), polygon: &Polygon) {
        if rest.is_empty() {
            return self.next(k, z, done, polygon);
        }
        for &i in &rest {
            let others: Vec<usize> = rest.iter().copied().filter(|&j| j != i).collect();
            let above = |part: Polygon, &j: &usize| clip(&part, &plus(&z[j], &minus(&z[i])));
            if let Some(part) = others.iter().try_fold(polygon.clone(), above) {
                self.orders(k, z, ([&done[..], &z[i..=i]].concat(), others), &part);
            }
        }
    }
}

/// The constant by all orders and sides.
pub fn enumerated(layers: &[Layer], problem: &Problem) -> f64 {
    let found = over(problem, Shape::Exact, truth, |input, polygon, visit| {
        let mut walk = Walk { layers, visit, pieces: 0 };
        walk.layer(0, &input, polygon);
        walk.pieces
    });
    found.expect("at most two inputs vary").0
}

/// Value and Jacobian at a point by sorting and reflecting; None near a tie or a mirror.
pub fn plain(layers: &[Layer], x: &[f64]) -> (Vec<f64>, Option<Array2<f64>>) {
    let mut z = x.to_vec();
    let mut j = Array2::eye(x.len());
    let mut clear = true;
    for Layer { w, b, act } in layers {
        z = w
            .rows()
            .into_iter()
            .zip(b)
            .map(|(w, b)| w.iter().zip(&z).map(|(w, z)| w * z).sum::<f64>() + b)
            .collect();
        j = w.dot(&j);
        let near = 1e-9 * (1.0 + z.iter().fold(0.0f64, |m, z| m.max(z.abs())));
        match act {
            Act::None => {}
            Act::Relu => {
                for (i, z) in z.iter_mut().enumerate() {
                    clear &= z.abs() > near;
                    if *z < 0.0 {
                        *z = 0.0;
                        j.row_mut(i).fill(0.0);
                    }
                }
            }
            Act::Sort(size) => {
                let mut order: Vec<usize> = (0..z.len()).collect();
                for group in order.chunks_mut(*size) {
                    group.sort_by(|&a, &b| z[a].total_cmp(&z[b]));
                    clear &= group.windows(2).all(|p| z[p[1]] - z[p[0]] > near);
                }
                z = order.iter().map(|&i| z[i]).collect();
                j = j.select(ndarray::Axis(0), &order);
            }
            Act::Reflect(vectors) => {
                let size = vectors[0].len();
                for (g, v) in vectors.iter().enumerate() {
                    let group = g * size..(g + 1) * size;
                    let across: f64 = z[group.clone()].iter().zip(v).map(|(z, v)| z * v).sum();
                    clear &= across.abs() > near || v.iter().all(|v| *v == 0.0);
                    if across < 0.0 {
                        let rows = j.slice(ndarray::s![group.clone(), ..]).to_owned();
                        let turned = ndarray::aview1(v).dot(&rows);
                        for (i, v) in group.zip(v) {
                            z[i] -= 2.0 * v * across;
                            j.row_mut(i).scaled_add(-2.0 * v, &turned);
                        }
                    }
                }
            }
        }
    }
    (z, clear.then_some(j))
}
