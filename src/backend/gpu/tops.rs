//! Upper bounds that stay on the device until somebody asks for many of them at once.

use super::Gpu;
use super::device::Slab;
use super::kernels::TALLY;
use super::launch::Arg;
use crate::num::Norm;
use crate::num::round::{add_up, div_up, mul_up, sqrt_up, sub_up};
use ndarray::Array2;
use std::sync::Arc;

/// Upper bounds, one a row of every item.
#[derive(Clone)]
pub enum Tops {
    Here(Array2<f64>),
    There {
        slab: Arc<Slab>,
        size: (usize, usize),
        rule: Rule,
    },
    /// The sum of two.
    Both(Box<[Tops; 2]>),
}

/// What the device's numbers say.
#[derive(Clone)]
pub enum Rule {
    /// A sum of terms and one of their magnitudes.
    Sum(Error),
    /// The bound itself.
    Above,
    /// A lower bound of what this is the negative of.
    Below,
    /// A sum of terms, one of their magnitudes, and what the dual norm of v is made of: its squares, or its largest
    /// entry. The radii of the items' balls, and rows of an item.
    Meet { error: Error, norm: Norm, radii: Arc<Vec<f64>>, rows: usize },
    /// A norm by a sum and a maximum of so many magnitudes or squares.
    Length(usize, Norm),
}

/// What a sum may be off by: so much of twice its terms' magnitudes, and so much besides.
#[derive(Clone, Copy)]
pub struct Error {
    pub gamma: f64,
    pub tiny: f64,
}

impl Error {
    fn above(&self, numbers: &[f64]) -> f64 {
        add_up(add_up(numbers[0], mul_up(self.factor(), numbers[1])), self.tiny)
    }

    /// What a computed sum of magnitudes counts.
    fn factor(&self) -> f64 {
        mul_up(mul_up(2.0, self.gamma), 1.0 + 4.0 * self.gamma)
    }
}

/// The norm behind a sum and a maximum as the device computed them.
pub fn length(gpu: &Gpu, terms: usize, norm: Norm, pair: &[f64]) -> f64 {
    let real = gpu.real();
    let (sum, most) = (pair[0], pair[1]);
    let grow = div_up(1.0, -sub_up(real.gamma(terms + 16) * gpu.widening.0, 1.0));
    // Entries are never subnormal, so a largest one of zero is exact.
    let value = match norm {
        _ if most == 0.0 => 0.0,
        Norm::Inf => mul_up(most, grow),
        _ => {
            let flushed = 16.0 * (terms as f64 + 8.0) * real.tiny() * gpu.widening.0;
            let sum = mul_up(add_up(sum, flushed), grow);
            if norm == Norm::Two { sqrt_up(sum) } else { sum }
        }
    };
    if value >= 0.0 { value } else { f64::INFINITY }
}

impl Rule {
    /// Numbers that it takes.
    fn numbers(&self) -> usize {
        match self {
            Rule::Sum(_) | Rule::Length(..) => 2,
            Rule::Above | Rule::Below => 1,
            Rule::Meet { .. } => 3,
        }
    }

    /// What is no number bounds nothing.
    fn bound(&self, gpu: &Gpu, row: usize, numbers: &[f64]) -> f64 {
        let value = match self {
            Rule::Sum(error) => error.above(numbers),
            Rule::Meet { error, norm, radii, rows } => {
                // A norm's sum has fewer roundings than the other; its entries may be computed once more.
                let grown = add_up(mul_up(numbers[2], 1.0 + 4.0 * error.gamma), error.tiny);
                let length = if *norm == Norm::Two { sqrt_up(grown) } else { grown };
                add_up(error.above(numbers), mul_up(radii[row / rows], length))
            }
            Rule::Above => numbers[0],
            Rule::Below => -numbers[0],
            Rule::Length(terms, norm) => length(gpu, *terms, *norm, numbers),
        };
        if value.is_nan() { f64::INFINITY } else { value }
    }
}

impl Tops {
    /// How many are still on the device.
    fn bounds(&self) -> u64 {
        match self {
            Tops::Here(_) => 0,
            Tops::There { size, .. } => (size.0 * size.1) as u64,
            Tops::Both(two) => two.iter().map(Tops::bounds).sum(),
        }
    }

    /// What of it is on the device.
    fn wanted<'t>(&'t self, list: &mut Vec<(&'t Slab, usize)>) {
        match self {
            Tops::Here(_) => {}
            Tops::There { slab, size, rule } => list.push((slab, rule.numbers() * size.0 * size.1)),
            Tops::Both(two) => two.iter().for_each(|part| part.wanted(list)),
        }
    }

    /// From what came back, in the same order; after a failure of the device nothing is known.
    fn said(&self, gpu: &Gpu, back: &mut Option<std::vec::IntoIter<Vec<f64>>>) -> Array2<f64> {
        match self {
            Tops::Here(values) => values.clone(),
            Tops::There { size, rule, .. } => match back.as_mut().and_then(Iterator::next) {
                Some(numbers) => {
                    let each = numbers.chunks_exact(rule.numbers()).enumerate();
                    let each = each.map(|(row, n)| rule.bound(gpu, row, n));
                    Array2::from_shape_vec(*size, each.collect()).expect("a bound for every row")
                }
                None => Array2::from_elem(*size, f64::INFINITY),
            },
            Tops::Both(two) => {
                let [mut sum, rest] = [0, 1].map(|k| two[k].said(gpu, back));
                sum.zip_mut_with(&rest, |t, v| *t = add_up(*t, *v));
                sum
            }
        }
    }
}

/// All that is on the device in one transfer.
pub fn read(gpu: &Gpu, parts: Vec<Tops>) -> Vec<Array2<f64>> {
    let mut wanted = vec![];
    parts.iter().for_each(|part| part.wanted(&mut wanted));
    gpu.device.bounded(parts.iter().map(Tops::bounds).sum());
    let read = if wanted.is_empty() { Some(vec![]) } else { gpu.device.read(&wanted) };
    let mut back = read.map(Vec::into_iter);
    parts.iter().map(|part| part.said(gpu, &mut back)).collect()
}

/// Their sum: what is on the device is added up there.
pub fn total(gpu: &Gpu, size: (usize, usize), parts: Vec<Tops>) -> Tops {
    let (there, here): (Vec<Tops>, Vec<Tops>) = parts
        .into_iter()
        .partition(|part| matches!(part, Tops::There { rule: Rule::Sum(_) | Rule::Above, .. }));
    let mut host = Array2::zeros(size);
    let plain = here.is_empty();
    for part in read(gpu, here) {
        host.zip_mut_with(&part, |t: &mut f64, &v| *t = add_up(*t, v));
    }
    let host = Tops::Here(host);
    if there.is_empty() {
        return host;
    }
    let sum = added(gpu, size, &there);
    if plain { sum } else { Tops::Both(Box::new([sum, host])) }
}

/// No part is larger than a quarter of what the device's numbers may be, and there are few.
fn added(gpu: &Gpu, size: (usize, usize), parts: &[Tops]) -> Tops {
    let real = gpu.real();
    let vectors = size.0 * size.1;
    let sum = Arc::new(gpu.device.reals(vectors));
    for (k, part) in parts.iter().enumerate() {
        let Tops::There { slab, rule, .. } = part else { continue };
        let error = if let Rule::Sum(error) = rule { *error } else { Error { gamma: 0.0, tiny: 0.0 } };
        let mut consts = gpu.consts(1.0);
        consts.extend([real.up(error.factor()), real.up(error.tiny)]);
        let args = [Arg::Each(slab, rule.numbers()), Arg::Each(&sum, 1)];
        gpu.each(&TALLY, (vectors, 1), &consts, &args, |_| vec![rule.numbers() as u32, (k == 0) as u32]);
    }
    Tops::There { slab: sum, size, rule: Rule::Above }
}
