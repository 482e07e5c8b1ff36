//! Ends of values on the device, and lines around functions on them.

use super::device::Slab;
use super::elementwise::{clip, leaky};
use super::kernels::{SHIFTS, SIGNS, SLOPES, SPANS, WINDOW_LINES};
use super::tops::{self, Rule, Tops};
use super::{Arg, Block, Gpu};
use crate::backend::{Lines, WindowLines};
use crate::layer::{Incidence, Piecewise};
use crate::num::round::{add_up, mul_up};
use ndarray::Array2;
use std::sync::Arc;

/// Ends of values, per item and feature.
#[derive(Clone)]
pub struct Spans {
    pub items: usize,
    pub features: usize,
    pub lo: Arc<Slab>,
    pub hi: Arc<Slab>,
    /// No end is larger; infinite where the device holds none.
    pub size: f64,
    /// The host's, where they came from there.
    here: Option<Arc<[Array2<f64>; 2]>>,
}

/// Lines around a nonlinear function, per item and feature.
#[derive(Clone)]
pub struct Chords {
    items: usize,
    features: usize,
    /// Of the lines below and above.
    pub slopes: [Arc<Slab>; 2],
    pub shifts: [Arc<Slab>; 2],
    /// No slope or shift is larger; infinite where the device holds none.
    pub slope: f64,
    pub shift: f64,
    here: Option<Arc<Lines>>,
}

pub fn largest(table: &Array2<f64>) -> f64 {
    table.iter().fold(0.0, |m, v| if v.is_nan() { f64::INFINITY } else { m.max(v.abs()) })
}

/// Ends that the host knows, rounded outward.
pub fn spans(gpu: &Gpu, lo: Array2<f64>, hi: Array2<f64>) -> Spans {
    assert_eq!(lo.dim(), hi.dim());
    let real = gpu.real();
    let ((items, features), most) = (lo.dim(), largest(&lo).max(largest(&hi)));
    let fits = real.holds(mul_up(4.0, most));
    let put = |table: &Array2<f64>, round: &dyn Fn(f64) -> f64| {
        let list: Vec<f64> = if fits { table.iter().map(|v| round(*v)).collect() } else { vec![] };
        Arc::new(gpu.device.upload(&list))
    };
    let (low, high) = (put(&lo, &|v| real.down(v)), put(&hi, &|v| real.up(v)));
    let size = if fits { gpu.grown(most) } else { f64::INFINITY };
    Spans { items, features, lo: low, hi: high, size, here: Some(Arc::new([lo, hi])) }
}

/// Those of values, one row an item.
pub fn of(gpu: &Gpu, x: &Block) -> Spans {
    assert_eq!(x.rows, 1, "values have one row per item");
    let size = if x.lost() { f64::INFINITY } else { gpu.grown(mul_up(2.0, gpu.reach(x))) };
    let count = if size.is_finite() { x.len() } else { 0 };
    let slab = || Arc::new(gpu.device.reals(count));
    let y = Spans { items: x.items, features: x.features, lo: slab(), hi: slab(), size, here: None };
    if size.is_finite() {
        let each = |slab| Arg::Each(slab, x.features);
        let args = [each(&x.centre), each(&x.radius), each(&y.lo), each(&y.hi)];
        gpu.each(&SPANS, (x.vectors(), x.features), &gpu.consts(1.0), &args, |_| vec![]);
    }
    y
}

impl Spans {
    /// Upper bounds of −lo and hi.
    pub fn sides(&self) -> [Tops; 2] {
        let size = (self.items, self.features);
        match &self.here {
            Some(ends) => [Tops::Here(ends[0].mapv(|l| -l)), Tops::Here(ends[1].clone())],
            None if self.size.is_finite() => [
                Tops::There { slab: self.lo.clone(), size, rule: Rule::Below },
                Tops::There { slab: self.hi.clone(), size, rule: Rule::Above },
            ],
            None => [0, 1].map(|_| Tops::Here(Array2::from_elem(size, f64::INFINITY))),
        }
    }

    /// Both ends on the host.
    pub fn on_host(&self, gpu: &Gpu) -> [Array2<f64>; 2] {
        let [below, hi] = tops::read(gpu, self.sides().into()).try_into().expect("two of two");
        [-below, hi]
    }

    /// As a table for vectors of so many items with so many rows.
    pub(super) fn table<'a>(&self, slab: &'a Slab, (items, rows): (usize, usize)) -> Arg<'a> {
        assert!(self.items == items || self.items == 1, "ends of every item, or of one for all");
        Arg::Items(slab, self.features, if self.items == items { rows } else { items * rows })
    }
}

pub fn chords(gpu: &Gpu, lines: Lines) -> Chords {
    let real = gpu.real();
    let (items, features) = lines.lower_slope.dim();
    let slope = largest(&lines.upper_slope).max(largest(&lines.lower_slope));
    let shift = largest(&lines.upper_shift).max(largest(&lines.lower_shift));
    let fits = real.holds(mul_up(4.0, slope)) && real.holds(mul_up(4.0, shift));
    let put = |table: &Array2<f64>, round: &dyn Fn(f64) -> f64| {
        let list: Vec<f64> = if fits { table.iter().map(|v| round(*v)).collect() } else { vec![] };
        Arc::new(gpu.device.upload(&list))
    };
    let near = |v| real.near(v);
    let slopes = [put(&lines.lower_slope, &near), put(&lines.upper_slope, &near)];
    let shifts = [put(&lines.lower_shift, &|v| real.down(v)), put(&lines.upper_shift, &|v| real.up(v))];
    let held = |size: f64| if fits { gpu.grown(size) } else { f64::INFINITY };
    let (slope, shift, here) = (held(slope), held(shift), Some(Arc::new(lines)));
    Chords { items, features, slopes, shifts, slope, shift, here }
}

/// Rows e_j and −e_j in turn.
pub fn signs(gpu: &Gpu, features: usize, wanted: &Array2<u32>) -> Block {
    let (items, rows) = (wanted.nrows(), 2 * wanted.ncols());
    let list: Vec<u32> = wanted.iter().copied().collect();
    let list = gpu.device.upload_indices(&list);
    let centre = Arc::new(gpu.device.reals(items * rows * features));
    // Two rows for every number of the list.
    let args = [Arg::ItemIndices(&list, 1, 2), Arg::Each(&centre, features)];
    gpu.each(&SIGNS, (items * rows, features), &gpu.consts(1.0), &args, |first| {
        [features, first].map(|v| v as u32).to_vec()
    });
    let radius = gpu.zeros(items * rows * features);
    Block { items, rows, features, centre, radius, reach: gpu.grown(1.0) }
}

/// Lines around a piecewise linear function; None of a constant one, and where the device holds no ends.
pub fn chords_on(gpu: &Gpu, f: &Piecewise, x: &Spans) -> Option<Chords> {
    let (consts, numbers, most, size) = match f {
        Piecewise::Leaky { slope } => leaky(gpu, &[*slope], usize::MAX),
        Piecewise::PerFeature { slope, repeat } => leaky(gpu, slope, *repeat),
        Piecewise::Clip { lo, hi } if lo >= hi => return None,
        Piecewise::Clip { lo, hi } => clip(gpu, *lo, *hi),
    };
    let (real, items, features) = (gpu.real(), x.items, x.features);
    // |f(x) − s x| for slopes between those of the pieces.
    let shift = gpu.grown(mul_up(2.0, add_up(most, mul_up(add_up(1.0, size), x.size))));
    if !real.holds(mul_up(4.0, shift)) || !real.holds(mul_up(4.0, size)) {
        return None;
    }
    let slab = || Arc::new(gpu.device.reals(items * features));
    let (slopes, shifts) = ([slab(), slab()], [slab(), slab()]);
    let each = |slab| Arg::Each(slab, features);
    let [lo, hi, below, above] = [&x.lo, &x.hi, &slopes[0], &slopes[1]].map(|s| each(s));
    let sizes = |_: usize| vec![features as u32, numbers[1], numbers[2], numbers[0]];
    gpu.each(&SLOPES, (items, features), &consts, &[lo, hi, below, above], sizes);
    let all = [&x.lo, &x.hi, &slopes[0], &slopes[1], &shifts[0], &shifts[1]].map(|s| each(s));
    gpu.each(&SHIFTS, (items, features), &consts, &all, sizes);
    Some(Chords { items, features, slopes, shifts, slope: gpu.grown(size), shift, here: None })
}

impl Chords {
    /// As a table for vectors of so many items with so many rows.
    pub(super) fn table<'a>(&self, slab: &'a Slab, (items, rows): (usize, usize)) -> Arg<'a> {
        assert_eq!(self.items, items, "lines of every item");
        Arg::Items(slab, self.features, rows)
    }

    /// The lines on the host; slopes of 0 and infinite shifts after a failure.
    pub fn on_host(&self, gpu: &Gpu) -> Lines {
        if let Some(lines) = &self.here {
            return (**lines).clone();
        }
        let dim = (self.items, self.features);
        let wanted = [&self.slopes[0], &self.shifts[0], &self.slopes[1], &self.shifts[1]];
        let read = gpu.device.read(&wanted.map(|s| (&**s, dim.0 * dim.1)));
        let all = |v: f64| Array2::from_elem(dim, v);
        match read.and_then(|parts| <[Vec<f64>; 4]>::try_from(parts).ok()) {
            Some(parts) => {
                let [lower_slope, lower_shift, upper_slope, upper_shift] =
                    parts.map(|v| Array2::from_shape_vec(dim, v).expect("lines"));
                Lines { lower_slope, lower_shift, upper_slope, upper_shift }
            }
            None => Lines {
                lower_slope: all(0.0),
                lower_shift: all(f64::NEG_INFINITY),
                upper_slope: all(0.0),
                upper_shift: all(f64::INFINITY),
            },
        }
    }
}

/// Lines around maxima of windows, per item and window.
#[derive(Clone)]
pub struct Edges {
    items: usize,
    outputs: usize,
    /// The edge that bounds from below, and does it attain the maximum?
    pub bounding: Arc<Slab>,
    pub attained: Arc<Slab>,
    /// Upper bounds of maxima that it does not attain, else 0.
    pub ceilings: Arc<Slab>,
    /// None is larger; infinite where the device holds none.
    pub size: f64,
    from: From,
}

#[derive(Clone)]
enum From {
    Host(Arc<WindowLines>),
    Ends(Spans),
}

pub fn edges(gpu: &Gpu, lines: WindowLines) -> Edges {
    let real = gpu.real();
    let (items, outputs) = lines.edge.dim();
    let ceilings = lines.ceiling.mapv(|c| if c.is_nan() { 0.0 } else { c });
    let most = largest(&ceilings);
    let fits = real.holds(mul_up(4.0, most));
    let up: Vec<f64> = ceilings.iter().map(|v| if fits { real.up(*v) } else { 0.0 }).collect();
    let attained: Vec<u32> = lines.ceiling.iter().map(|c| c.is_nan() as u32).collect();
    let edge: Vec<u32> = lines.edge.iter().copied().collect();
    let [bounding, attained] = [edge, attained].map(|list| Arc::new(gpu.device.upload_indices(&list)));
    let ceilings = Arc::new(gpu.device.upload(&up));
    let size = if fits { gpu.grown(most) } else { f64::INFINITY };
    Edges { items, outputs, bounding, attained, ceilings, size, from: From::Host(Arc::new(lines)) }
}

/// None where the device holds no ends.
pub fn edges_on(gpu: &Gpu, windows: &Incidence, x: &Spans) -> Option<Edges> {
    if !x.size.is_finite() {
        return None;
    }
    let (items, outputs, count) = (x.items, windows.outputs(), x.items * windows.outputs());
    let [bounding, attained] = [0, 1].map(|_| Arc::new(gpu.device.indices(count)));
    let ceilings = Arc::new(gpu.device.reals(count));
    let device = gpu.incidence(windows);
    let [start, index] = device.forward();
    let args = [
        Arg::Each(&x.lo, x.features),
        Arg::Each(&x.hi, x.features),
        start,
        index,
        Arg::ItemIndices(&bounding, outputs, 1),
        Arg::ItemIndices(&attained, outputs, 1),
        Arg::Each(&ceilings, outputs),
    ];
    gpu.each(&WINDOW_LINES, (items, outputs), &gpu.consts(1.0), &args, |_| {
        vec![outputs as u32, windows.inputs as u32]
    });
    let (size, from) = (x.size, From::Ends(x.clone()));
    Some(Edges { items, outputs, bounding, attained, ceilings, size, from })
}

impl Edges {
    /// Items and windows.
    pub fn dim(&self) -> (usize, usize) {
        (self.items, self.outputs)
    }

    /// The lines on the host.
    pub fn on_host(&self, gpu: &Gpu, windows: &Incidence) -> WindowLines {
        match &self.from {
            From::Host(lines) => (**lines).clone(),
            From::Ends(x) => {
                let [lo, hi] = x.on_host(gpu);
                WindowLines::new(windows, &lo, &hi)
            }
        }
    }
}
