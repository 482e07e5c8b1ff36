//! Linear bound propagation on the device: coefficients, lines and ends stay there, and so do constants until
//! somebody asks for them.

use super::device::{Device, Slab};
use super::kernels::{CHORD, MEET, ROW_DOT, WINDOW_CHORD};
use super::launch::Pass;
use super::spans::{Chords, Edges, Spans};
use super::tops::{Error, Rule, Tops};
use super::{Arg, Block, Gpu};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::layer::Incidence;
use crate::num::Norm;
use crate::num::round::{add_up, mul_up};
use std::sync::Arc;

/// Invocations that share a row, and steps in which their sums are added.
const LANES: usize = 256;
const STEPS: usize = 8;
/// Those that share one where box and ball meet.
const SHARED: usize = 64;

/// Numbers that a row meets: where it is positive, elsewhere.
struct Tables<'a> {
    positive: Arg<'a>,
    negative: Arg<'a>,
    /// None is larger.
    size: f64,
    /// Only the larger magnitude of both counts.
    magnitudes: bool,
}

/// Per row an upper bound of the sum of v times what it meets, for the numbers v of `values`, which are within the
/// block's reach. None where the device cannot bound it.
///
/// An invocation adds every 256th term in any order, and memory fixes what it adds to others: of as many roundings a
/// sum of all in any order would have, a term meets only these.
fn row_dot(gpu: &Gpu, a: &Block, values: &Slab, tables: Tables) -> Option<Tops> {
    let real = gpu.real();
    let reach = gpu.reach(a);
    let most = mul_up(mul_up(tables.size, reach), a.features as f64);
    let roundings = a.features.div_ceil(LANES) + STEPS + 4;
    if a.lost() || !real.holds(4.0 * most) || !real.holds(tables.size) || !real.sums(roundings) {
        return None;
    }
    let vectors = a.vectors();
    let slab = Arc::new(gpu.device.reals(2 * vectors));
    let rows = tables.positive.rows();
    let args = [Arg::Each(values, a.features), tables.positive, tables.negative, Arg::Each(&slab, 2)];
    let sizes = |first: usize, count: usize| {
        [count, a.features, rows, first, tables.magnitudes as usize]
            .iter()
            .map(|v| *v as u32)
            .collect::<Vec<_>>()
    };
    let pass = Pass { kernel: &ROW_DOT, consts: &gpu.consts(1.0), args: &args };
    gpu.run(&pass, vectors, sizes, |count| Device::fold(count as u64));
    let gamma = real.gamma(roundings);
    // Either factor may be flushed, or the product.
    let flushed = 16.0 * (a.features as f64 + 8.0) * real.tiny();
    let tiny = mul_up(flushed, add_up(add_up(tables.size, reach), 1.0));
    Some(Tops::There { slab, size: (a.items, a.rows), rule: Rule::Sum(Error { gamma, tiny }) })
}

/// A row times both ends.
fn ends<'a>(a: &Block, x: &'a Spans, magnitudes: bool) -> Tables<'a> {
    let table = |slab: &'a Slab| x.table(slab, (a.items, a.rows));
    Tables { positive: table(&x.hi), negative: table(&x.lo), size: x.size, magnitudes }
}

/// The same on the host, for what the device cannot bound.
fn twin(gpu: &Gpu, a: &Block, x: &Spans) -> (<Cpu as Backend>::Block, <Cpu as Backend>::Spans) {
    let [lo, hi] = x.on_host(gpu);
    (Cpu::DOUBLE.upload(&gpu.read(a)), Cpu::DOUBLE.spans(lo, hi))
}

pub fn settle(gpu: &Gpu, a: &Block, x: &Spans) -> (Block, Tops) {
    match row_dot(gpu, a, &a.radius, ends(a, x, true)) {
        Some(rest) => (Block { radius: gpu.zeros(a.len()), ..a.clone() }, rest),
        None => {
            let b = Cpu::DOUBLE;
            let (a, x) = twin(gpu, a, x);
            let (next, rest) = b.settle(&a, &x);
            (gpu.upload(&b.read(&next)), Tops::Here(rest))
        }
    }
}

pub fn chord(gpu: &Gpu, lines: &Chords, a: &Block) -> (Block, Tops) {
    let real = gpu.real();
    let reach = gpu.reach(a);
    let bound = mul_up(lines.slope, reach);
    let fits = lines.slope < real.limit() && 4.0 * bound < real.limit();
    let table = |slab| lines.table(slab, (a.items, a.rows));
    let [below, above] = &lines.shifts;
    let shifts =
        Tables { positive: table(above), negative: table(below), size: lines.shift, magnitudes: false };
    let shift = if fits { row_dot(gpu, a, &a.centre, shifts) } else { None };
    let Some(shift) = shift else {
        let b = Cpu::DOUBLE;
        let (next, shift) = b.chord(&b.chords(lines.on_host(gpu)), &b.upload(&gpu.read(a)));
        return (gpu.upload(&b.read(&next)), Tops::Here(shift));
    };
    let y = gpu.empty((a.items, a.rows, a.features), mul_up(bound, 1.0 + 64.0 * real.unit()));
    let [lower, upper] = &lines.slopes;
    let args = [
        Arg::Each(&a.centre, a.features),
        table(upper),
        table(lower),
        Arg::Each(&y.centre, a.features),
        Arg::Each(&y.radius, a.features),
    ];
    // A slope below the device's numbers is lost with everything it meets.
    let consts = gpu.consts(lines.slope.max(reach));
    gpu.each(&CHORD, (a.vectors(), a.features), &consts, &args, |first| {
        [a.features, a.rows, first].map(|v| v as u32).to_vec()
    });
    (y, shift)
}

pub fn window_chord(gpu: &Gpu, windows: &Incidence, lines: &Edges, a: &Block) -> (Block, Tops) {
    let real = gpu.real();
    assert_eq!(lines.dim(), (a.items, a.features), "lines of every item");
    let device = gpu.incidence(windows);
    let bound = mul_up(device.column.max(1) as f64, gpu.reach(a));
    let fits = 4.0 * bound < real.limit() && real.sums(device.column + 8);
    let table = |slab| Arg::Items(slab, a.features, a.rows);
    let nothing = gpu.zeros(a.items * a.features);
    let ceilings = Tables {
        positive: table(&lines.ceilings),
        negative: table(&nothing),
        size: lines.size,
        magnitudes: false,
    };
    let shift = if fits { row_dot(gpu, a, &a.centre, ceilings) } else { None };
    let Some(shift) = shift else {
        let b = Cpu::DOUBLE;
        let lines = b.edges(lines.on_host(gpu, windows));
        let (next, shift) = b.window_chord(windows, &lines, &b.upload(&gpu.read(a)));
        return (gpu.upload(&b.read(&next)), Tops::Here(shift));
    };
    let y = gpu.empty((a.items, a.rows, windows.inputs), 2.0 * bound);
    let [start, index, back] = device.backward();
    let args = [
        Arg::Each(&a.centre, a.features),
        Arg::ItemIndices(&lines.bounding, a.features, a.rows),
        Arg::ItemIndices(&lines.attained, a.features, a.rows),
        start,
        index,
        back,
        Arg::Each(&y.centre, windows.inputs),
        Arg::Each(&y.radius, windows.inputs),
    ];
    gpu.each(&WINDOW_CHORD, (a.vectors(), windows.inputs), &gpu.consts(1.0), &args, |first| {
        [windows.inputs, windows.outputs(), a.rows, first].map(|v| v as u32).to_vec()
    });
    (y, shift)
}

pub fn support(gpu: &Gpu, a: &Block, x: &Spans) -> Tops {
    row_dot(gpu, a, &a.centre, ends(a, x, false)).unwrap_or_else(|| {
        let (a, x) = twin(gpu, a, x);
        Tops::Here(Cpu::DOUBLE.support(&a, &x))
    })
}

/// None where the device cannot bound it.
pub fn meet(gpu: &Gpu, a: &Block, y: &Spans, norm: Norm, radii: &[f64]) -> Option<Tops> {
    let real = gpu.real();
    let far = radii.iter().fold(y.size, |m, r| m.max(*r));
    let roundings = a.features.div_ceil(SHARED) + STEPS + 8;
    let square = mul_up(mul_up(far, far), a.features as f64 + 8.0);
    // Multipliers stay so small that they may be squared with what they meet, and none has to be larger.
    let cap = (0.125 * real.limit()).sqrt() / far.max(1.0);
    let least = radii.iter().filter(|r| **r > 0.0).fold(f64::INFINITY, |m, r| m.min(*r));
    let steep = |reach: f64| mul_up(mul_up(4.0, reach), (a.features as f64 + 8.0) / least);
    let reach = if steep(a.reach) <= cap { a.reach } else { gpu.measured(a) };
    let most = mul_up(mul_up(far.max(reach), reach.max(1.0)), 8.0 * (a.features as f64 + 8.0));
    let fits = steep(reach) <= cap && (least >= real.tiny() || least.is_infinite());
    assert_eq!((y.items, y.features, radii.len()), (a.items, a.features, a.items));
    if !fits || a.lost() || a.len() == 0 || !real.holds(most) || !real.holds(square) || !real.sums(roundings)
    {
        return None;
    }
    let vectors = a.vectors();
    // Newton's steps for the multiplier of an l2 ball, halvings for the level of an l1 ball.
    let rounds = if norm == Norm::Two { 10 } else { 24 };
    let near: Vec<f64> = radii.iter().map(|r| real.near(*r)).collect();
    let (near, slab) = (gpu.device.upload(&near), Arc::new(gpu.device.reals(3 * vectors)));
    let table = |slab| y.table(slab, (a.items, a.rows));
    let args = [
        Arg::Each(&a.centre, a.features),
        table(&y.lo),
        table(&y.hi),
        Arg::Items(&near, 1, a.rows),
        Arg::Each(&slab, 3),
    ];
    let sizes = |first: usize, count: usize| {
        [count, a.features, a.rows, first, (norm == Norm::One) as usize, rounds]
            .iter()
            .map(|v| *v as u32)
            .collect::<Vec<_>>()
    };
    let mut consts = gpu.consts(1.0);
    consts.push(real.down(cap));
    gpu.run(&Pass { kernel: &MEET, consts: &consts, args: &args }, vectors, sizes, |count| {
        Device::fold(count as u64)
    });
    let gamma = real.gamma(roundings);
    let flushed = 64.0 * (a.features as f64 + 8.0) * real.tiny();
    let tiny = mul_up(flushed, far.max(reach).max(1.0));
    let (error, radii) = (Error { gamma, tiny }, Arc::new(radii.to_vec()));
    let rule = Rule::Meet { error, norm, radii, rows: a.rows };
    Some(Tops::There { slab, size: (a.items, a.rows), rule })
}
