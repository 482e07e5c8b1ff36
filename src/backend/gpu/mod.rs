//! The GPU backend: the primitives as compute kernels, in f32 or f64.
//!
//! A block keeps an upper bound of its largest magnitude on the host, from row
//! sums of the weights, so that overflow is excluded before a kernel runs; a
//! block for which that fails holds no statement (its reach is infinite) and is
//! continued by the CPU twin where that can still say something.

mod adapter;
mod device;
mod elementwise;
pub mod inflate;
mod kernels;
mod launch;
mod lines;
pub mod loops;
mod norms;
mod probe;
mod product;
mod spans;
mod spectral;
mod speed;
pub mod tile;
mod tops;
mod window;

pub use adapter::{Choice, Info, list, may_be_real};
pub use inflate::{Real, Widening};
pub use probe::Probe;
pub use product::Map;

use crate::backend::cpu::{self, Cpu};
use crate::backend::{Backend, Counts, Lines, WindowLines};
use crate::layer::{Affine, Incidence, Piecewise, Scale};
use crate::linalg::Enclosure;
use crate::linalg::scaling::{Loop, Loops};
use crate::num::Norm;
use crate::num::round::{add_up, mul_up};
use device::{Device, Slab};
use launch::Arg;
use loops::Held;
use ndarray::{Array2, Array3};
use product::Way;
use spans::{Chords, Edges, Spans};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tile::Cuts;
use tops::Tops;

/// All kernels with their text in a number type, for validation without a device.
pub fn kernel_texts(real: Real) -> Vec<(&'static str, String)> {
    kernels::all().map(|k| (k.name.as_ref(), k.text(real))).collect()
}

#[derive(Clone)]
pub struct Gpu {
    device: Arc<Device>,
    incidences: Arc<Mutex<HashMap<u64, Arc<window::Uploaded>>>>,
    /// As many as anybody asked for: nobody writes to blocks that exist.
    zeros: Arc<Mutex<Option<(usize, Arc<Slab>)>>>,
    widening: Widening,
    cuts: Cuts,
    /// Bytes of one binding.
    binding: u64,
    /// Multiplications a second, where they were measured.
    speed: Option<f64>,
}

/// `items x rows x features` in row order, centres and radii apart.
#[derive(Clone)]
pub struct Block {
    items: usize,
    rows: usize,
    features: usize,
    centre: Arc<Slab>,
    radius: Arc<Slab>,
    /// |c| + r of every entry is at most this; infinite: no statement.
    reach: f64,
}

#[derive(Clone)]
pub struct Slopes {
    items: usize,
    features: usize,
    lo: Arc<Slab>,
    hi: Arc<Slab>,
    /// No slope is larger than this.
    size: f64,
    /// The host's, where they came from there.
    here: Option<Arc<[Array2<f64>; 2]>>,
}

impl Block {
    fn vectors(&self) -> usize {
        self.items * self.rows
    }

    fn len(&self) -> usize {
        self.vectors() * self.features
    }

    fn lost(&self) -> bool {
        self.reach.is_infinite()
    }
}

impl Gpu {
    /// Opens an adapter in a number type, or in the widest that it has; the text
    /// says what is wrong otherwise.
    pub fn open(choice: Choice, real: Option<Real>) -> Result<Gpu, String> {
        Gpu::planted(choice, real, |text| text)
    }

    /// The same with another text of its kernels: what it computes proves nothing.
    #[doc(hidden)]
    pub fn planted(choice: Choice, real: Option<Real>, rewrite: fn(String) -> String) -> Result<Gpu, String> {
        let device = Arc::new(Device::open(choice, real, rewrite)?);
        let (binding, cuts) = (device.binding(), Cuts::of(&device.info, device.real));
        let (incidences, zeros) = (Arc::default(), Arc::default());
        Ok(Gpu { device, incidences, zeros, widening: Widening::FULL, cuts, binding, speed: None })
    }

    /// The same device with products cut up otherwise.
    pub fn cut(&self, cuts: Cuts) -> Gpu {
        Gpu { cuts, ..self.clone() }
    }

    pub fn cuts(&self) -> Cuts {
        self.cuts
    }

    /// The same device with another part of the slack for rounding.
    pub fn widened(&self, widening: Widening) -> Gpu {
        Gpu { widening, ..self.clone() }
    }

    /// The same device as if its bindings could hold no more than this.
    pub fn bound_by(&self, bytes: u64) -> Gpu {
        Gpu { binding: self.binding.min(bytes), ..self.clone() }
    }

    fn consts(&self, flush: f64) -> Vec<f64> {
        inflate::common(self.real(), flush, self.widening)
    }

    pub fn info(&self) -> &Info {
        &self.device.info
    }

    /// The self-test of the adapter's arithmetic.
    pub fn probe(&self) -> Probe {
        probe::run(&self.device)
    }

    /// Operations per second that the device reaches with products and sums alone.
    pub fn peak(&self) -> f64 {
        probe::peak(&self.device)
    }

    /// Bytes per second that copies on the device read and write.
    pub fn bandwidth(&self) -> f64 {
        probe::bandwidth(self)
    }

    pub fn real(&self) -> Real {
        self.device.real
    }

    /// What went wrong since the device was opened; what was read after that is void.
    pub fn failure(&self) -> Option<String> {
        self.device.failure()
    }

    /// From now on this device counts as failed, as if it had been lost.
    pub fn break_down(&self, text: &str) {
        self.device.break_down(text);
    }

    pub fn peak_bytes(&self) -> u64 {
        self.device.peak_bytes()
    }

    fn lost(&self, items: usize, rows: usize, features: usize) -> Block {
        let nothing = Arc::new(self.device.reals(0));
        Block { items, rows, features, centre: nothing.clone(), radius: nothing, reach: f64::INFINITY }
    }

    fn empty(&self, (items, rows, features): (usize, usize, usize), reach: f64) -> Block {
        let slab = || Arc::new(self.device.reals(items * rows * features));
        Block { items, rows, features, centre: slab(), radius: slab(), reach: self.grown(reach) }
    }

    /// So many zeros, or more.
    fn zeros(&self, count: usize) -> Arc<Slab> {
        let mut known = self.zeros.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((most, slab)) if *most >= count => slab.clone(),
            _ => {
                let most = if count < 1 << 24 { count.next_power_of_two() } else { count };
                let slab = Arc::new(self.device.blank(most));
                *known = Some((most, slab.clone()));
                slab
            }
        }
    }

    /// With room for the roundings of one kernel.
    fn grown(&self, reach: f64) -> f64 {
        let real = self.real();
        let next = add_up(mul_up(reach, 1.0 + 1024.0 * real.unit()), 1024.0 * real.tiny());
        if next <= real.limit() { next } else { f64::INFINITY }
    }

    /// A bound of the largest magnitude, measured where the host's is large.
    fn reach(&self, x: &Block) -> f64 {
        if x.reach <= self.real().comfortable() { x.reach } else { self.measured(x) }
    }

    fn measured(&self, x: &Block) -> f64 {
        if x.lost() || x.len() == 0 {
            return x.reach;
        }
        let mut most: f64 = 0.0;
        let args = [Arg::Each(&x.centre, x.features)];
        for (first, count) in self.slices(x.vectors(), &args) {
            let entries = count * x.features;
            let groups = entries.div_ceil(256 * 16).clamp(1, 1024);
            let out = self.device.reals(groups);
            let [c, r] = [&x.centre, &x.radius].map(|s| s.view(self.real(), first * x.features, entries));
            self.device.launch(
                &kernels::REACH,
                &[entries as u32],
                &self.consts(1.0),
                &[c, r, out.view(self.real(), 0, groups)],
                [groups as u32, 1, 1],
            );
            match self.device.read(&[(&out, groups)]) {
                Some(parts) => most = parts[0].iter().fold(most, |a, b| a.max(*b)),
                None => return f64::INFINITY,
            }
        }
        self.grown(most).min(x.reach)
    }

    /// The CPU twin of a primitive, for what the device cannot bound.
    fn twin(&self, x: &[&Block], work: impl Fn(&Cpu, &[&cpu::Block]) -> cpu::Block) -> Block {
        let b = Cpu::DOUBLE;
        let blocks: Vec<cpu::Block> = x.iter().map(|x| b.upload(&self.read(x))).collect();
        let y = work(&b, &blocks.iter().collect::<Vec<_>>());
        self.upload(&b.read(&y))
    }
}

impl Backend for Gpu {
    type Block = Block;
    type Map = Map;
    type Tops = Tops;
    type Spans = Spans;
    type Chords = Chords;
    type Edges = Edges;
    type Slopes = Slopes;

    fn proves(&self) -> bool {
        true
    }

    fn speed(&self) -> f64 {
        self.planned()
    }

    fn loops<'a>(&'a self, all: &[Loop], spread: bool) -> Option<Box<dyn Loops + 'a>> {
        let held = if self.speed() >= loops::PAYS { Held::new(self, all, spread) } else { None };
        held.map(|held| Box::new(held) as Box<dyn Loops + 'a>)
    }

    fn unrounded(&self) -> Option<Self> {
        Some(self.widened(Widening::NONE))
    }

    fn finish(&self) {
        let _ = self.device.read(&[]);
    }

    fn counts(&self) -> Counts {
        self.device.counts()
    }

    fn upload(&self, x: &Enclosure) -> Block {
        let (items, rows, features) = x.dim();
        let real = self.real();
        let (mut centres, mut radii) =
            (Vec::with_capacity(x.centre.len()), Vec::with_capacity(x.centre.len()));
        let mut reach: f64 = 0.0;
        for (&c, &r) in x.centre.iter().zip(&x.radius) {
            // Far below the limit, so that the conversions themselves stay finite.
            if !real.holds(add_up(c.abs(), r)) {
                return self.lost(items, rows, features);
            }
            let (c, r) = real.enclose(c, r);
            reach = reach.max(add_up(c.abs(), r));
            centres.push(c);
            radii.push(r);
        }
        Block {
            items,
            rows,
            features,
            centre: Arc::new(self.device.upload(&centres)),
            radius: Arc::new(self.device.upload(&radii)),
            reach: if reach <= real.limit() { reach } else { f64::INFINITY },
        }
    }

    fn read(&self, x: &Block) -> Enclosure {
        let dim = (x.items, x.rows, x.features);
        let nothing =
            || Enclosure { centre: Array3::zeros(dim), radius: Array3::from_elem(dim, f64::INFINITY) };
        if x.lost() {
            return nothing();
        }
        let Some(mut parts) = self.device.read(&[(&x.centre, x.len()), (&x.radius, x.len())]) else {
            return nothing();
        };
        let (mut radius, mut centre) = (parts.pop().expect("two"), parts.pop().expect("two"));
        for (c, r) in centre.iter_mut().zip(&mut radius) {
            // Out of reach of any correct device; never let it pass.
            if !(c.abs() <= x.reach && *r >= 0.0 && *r <= x.reach) {
                (*c, *r) = (0.0, f64::INFINITY);
            }
        }
        Enclosure {
            centre: Array3::from_shape_vec(dim, centre).expect("block size"),
            radius: Array3::from_shape_vec(dim, radius).expect("block size"),
        }
    }

    fn dim(&self, x: &Block) -> (usize, usize, usize) {
        (x.items, x.rows, x.features)
    }

    fn prepare(&self, affine: &Affine) -> Map {
        product::prepare(self, affine)
    }

    fn affine(&self, map: &Map, x: &Block) -> Block {
        product::run(self, map, x, Way::Affine)
    }

    fn linear(&self, map: &Map, x: &Block) -> Block {
        product::run(self, map, x, Way::Linear)
    }

    fn adjoint(&self, map: &Map, g: &Block) -> Block {
        product::run(self, map, g, Way::Adjoint)
    }

    fn scale(&self, scale: &Scale, x: &Block, shift: bool) -> Block {
        elementwise::scale(self, scale, x, shift)
    }

    fn select(&self, incidence: &Incidence, fill: f64, x: &Block) -> Block {
        window::select(self, incidence, fill, x)
    }

    fn select_adjoint(&self, incidence: &Incidence, g: &Block) -> Block {
        window::select(self, &incidence.transposed().rows, 0.0, g)
    }

    fn sum(&self, parts: &[&Block]) -> Block {
        let first = parts[0].clone();
        parts[1..].iter().fold(first, |s, p| elementwise::add(self, &s, p))
    }

    fn concat(&self, parts: &[&Block]) -> Block {
        elementwise::concat(self, parts)
    }

    fn slice(&self, x: &Block, features: Range<usize>) -> Block {
        elementwise::slice(self, x, features)
    }

    fn activate(&self, function: &Piecewise, x: &Block) -> Block {
        elementwise::activate(self, function, x).0
    }

    fn piecewise_slopes(&self, function: &Piecewise, x: &Block) -> Slopes {
        assert_eq!(x.rows, 1, "slopes belong to values");
        elementwise::activate(self, function, x).1
    }

    fn upload_slopes(&self, lo: &Array2<f64>, hi: &Array2<f64>) -> Slopes {
        elementwise::upload_slopes(self, lo, hi)
    }

    fn read_slopes(&self, slopes: &Slopes) -> (Array2<f64>, Array2<f64>) {
        elementwise::read_slopes(self, slopes)
    }

    fn gate(&self, slopes: &Slopes, x: &Block) -> Block {
        elementwise::gate(self, slopes, x)
    }

    fn window_max(&self, windows: &Incidence, x: &Block) -> Block {
        window::max(self, windows, x)
    }

    fn window_gates(&self, windows: &Incidence, x: &Block) -> Slopes {
        window::gates(self, windows, x)
    }

    fn window_tangent(&self, windows: &Incidence, gates: &Slopes, x: &Block) -> Block {
        window::tangent(self, windows, gates, x)
    }

    fn window_adjoint(&self, windows: &Incidence, gates: &Slopes, g: &Block) -> Block {
        window::adjoint(self, windows, gates, g)
    }

    fn intersect(&self, a: &Block, b: &Block) -> Block {
        elementwise::intersect(self, a, b)
    }

    fn spans(&self, lo: Array2<f64>, hi: Array2<f64>) -> Spans {
        spans::spans(self, lo, hi)
    }

    fn spans_of(&self, x: &Block) -> Spans {
        spans::of(self, x)
    }

    fn sides(&self, spans: &Spans) -> [Tops; 2] {
        spans.sides()
    }

    fn chords(&self, lines: Lines) -> Chords {
        spans::chords(self, lines)
    }

    fn chords_on(&self, function: &Piecewise, x: &Spans) -> Chords {
        spans::chords_on(self, function, x).unwrap_or_else(|| {
            let [lo, hi] = x.on_host(self);
            self.chords(Lines::around(function, &lo, &hi, None))
        })
    }

    fn edges(&self, lines: WindowLines) -> Edges {
        spans::edges(self, lines)
    }

    fn edges_on(&self, windows: &Incidence, x: &Spans) -> Edges {
        spans::edges_on(self, windows, x).unwrap_or_else(|| {
            let [lo, hi] = x.on_host(self);
            self.edges(WindowLines::new(windows, &lo, &hi))
        })
    }

    fn signs(&self, features: usize, wanted: &Array2<u32>) -> Block {
        spans::signs(self, features, wanted)
    }

    fn settle(&self, a: &Block, x: &Spans) -> (Block, Tops) {
        lines::settle(self, a, x)
    }

    fn chord(&self, lines: &Chords, a: &Block) -> (Block, Tops) {
        lines::chord(self, lines, a)
    }

    fn window_chord(&self, windows: &Incidence, table: &Edges, a: &Block) -> (Block, Tops) {
        lines::window_chord(self, windows, table, a)
    }

    fn support(&self, a: &Block, x: &Spans) -> Tops {
        lines::support(self, a, x)
    }

    fn meet(&self, a: &Block, y: &dyn Fn() -> Spans, norm: Norm, radii: &[f64]) -> Option<Tops> {
        lines::meet(self, a, &y(), norm, radii)
    }

    fn known(&self, values: Array2<f64>) -> Tops {
        Tops::Here(values)
    }

    fn tops(&self, parts: Vec<Tops>) -> Vec<Array2<f64>> {
        tops::read(self, parts)
    }

    fn total(&self, size: (usize, usize), parts: Vec<Tops>) -> Tops {
        tops::total(self, size, parts)
    }

    fn lengths(&self, x: &Block, norm: Norm) -> Tops {
        norms::rows(self, x, norm)
    }

    fn column_norms(&self, x: &Block, norm: Norm) -> Array2<f64> {
        norms::columns(self, x, norm)
    }
}
