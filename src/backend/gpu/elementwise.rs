//! Entrywise primitives on the device.

use super::kernels::{ACTIVATE, COPY, GATE, INTERSECT, SCALE, SUM};
use super::{Arg, Block, Gpu, Slopes};
use crate::backend::Backend;
use crate::layer::{Piecewise, Scale, piecewise};
use crate::num::round::{add_up, mul_up};
use ndarray::Array2;
use std::ops::Range;
use std::sync::Arc;

fn same(x: &Block, y: &Block) {
    assert_eq!((x.items, x.rows, x.features), (y.items, y.rows, y.features));
}

fn dim(x: &Block) -> (usize, usize, usize) {
    (x.items, x.rows, x.features)
}

fn block(x: &Block) -> [Arg<'_>; 2] {
    [Arg::Each(&x.centre, x.features), Arg::Each(&x.radius, x.features)]
}

pub fn scale(gpu: &Gpu, scale: &Scale, x: &Block, shift: bool) -> Block {
    let real = gpu.real();
    let size = |c: &crate::num::Coefficient| add_up(add_up(c.hi.abs(), c.lo.abs()), c.err);
    let most = |list: &[crate::num::Coefficient]| list.iter().map(size).fold(0.0, f64::max);
    let factor = most(&scale.factor);
    let offset = if shift { most(&scale.shift) } else { 0.0 };
    let reach = gpu.reach(x);
    let bound = add_up(mul_up(factor, reach), offset);
    if x.lost() || !real.holds(4.0 * bound) || !real.holds(factor) || !real.holds(offset) {
        return gpu.twin(&[x], |b, x| b.scale(scale, x[0], shift));
    }
    // A factor below the device's numbers becomes zero with a radius.
    let mut consts = gpu.consts(factor);
    let put = |c: &crate::num::Coefficient, to: &mut Vec<f64>| {
        let (centre, radius) = real.enclose(c.hi, add_up(c.lo.abs(), c.err));
        to.extend([centre, radius]);
    };
    for (f, s) in scale.factor.iter().zip(&scale.shift) {
        put(f, &mut consts);
        if shift { put(s, &mut consts) } else { consts.extend([0.0, 0.0]) }
    }
    // The rounded coefficients may be a little larger than the exact ones.
    let y = gpu.empty(dim(x), mul_up(bound, 1.0 + 64.0 * real.unit()));
    let [xc, xr] = block(x);
    let [yc, yr] = block(&y);
    gpu.each(&SCALE, (x.vectors(), x.features), &consts, &[xc, xr, yc, yr], |_| {
        [x.features, scale.repeat, scale.factor.len(), shift as usize].map(|v| v as u32).to_vec()
    });
    y
}

pub fn add(gpu: &Gpu, a: &Block, b: &Block) -> Block {
    same(a, b);
    let reach = add_up(gpu.reach(a), gpu.reach(b));
    if !gpu.real().holds(reach) {
        return gpu.twin(&[a, b], |cpu, x| cpu.sum(x));
    }
    let y = gpu.empty(dim(a), reach);
    let ([ac, ar], [bc, br], [yc, yr]) = (block(a), block(b), block(&y));
    gpu.each(&SUM, (a.vectors(), a.features), &gpu.consts(1.0), &[ac, ar, bc, br, yc, yr], |_| vec![]);
    y
}

/// Features `from` of x become features starting at `to` of y.
fn copy(gpu: &Gpu, x: &Block, from: Range<usize>, y: &Block, to: usize) {
    let ([xc, xr], [yc, yr]) = (block(x), block(y));
    let consts = gpu.consts(1.0);
    gpu.each(&COPY, (x.vectors(), from.len()), &consts, &[xc, xr, yc, yr], |_| {
        [from.len(), x.features, from.start, y.features, to].map(|v| v as u32).to_vec()
    });
}

pub fn concat(gpu: &Gpu, parts: &[&Block]) -> Block {
    let features = parts.iter().map(|p| p.features).sum();
    let reach = parts.iter().map(|p| p.reach).fold(0.0, f64::max);
    if reach.is_infinite() {
        return gpu.twin(parts, |b, x| b.concat(x));
    }
    let y = gpu.empty((parts[0].items, parts[0].rows, features), reach);
    let mut at = 0;
    for p in parts {
        copy(gpu, p, 0..p.features, &y, at);
        at += p.features;
    }
    y
}

pub fn slice(gpu: &Gpu, x: &Block, range: Range<usize>) -> Block {
    if x.lost() {
        return gpu.twin(&[x], |b, x| b.slice(x[0], range.clone()));
    }
    let y = gpu.empty((x.items, x.rows, range.len()), x.reach);
    copy(gpu, x, range, &y, 0);
    y
}

/// The value and the slopes, which one pass computes together.
pub fn activate(gpu: &Gpu, f: &Piecewise, x: &Block) -> (Block, Slopes) {
    let real = gpu.real();
    let (consts, numbers, most, size) = match f {
        Piecewise::Clip { lo, hi } => clip(gpu, *lo, *hi),
        Piecewise::Leaky { slope } => leaky(gpu, &[*slope], usize::MAX),
        Piecewise::PerFeature { slope, repeat } => leaky(gpu, slope, *repeat),
    };
    let reach = gpu.reach(x);
    let bound = mul_up(size, reach).max(most);
    if x.lost() || !real.holds(2.0 * bound) {
        let y = gpu.twin(&[x], |b, x| b.activate(f, x[0]));
        return (y, unknown_slopes(gpu, f, x));
    }
    let y = gpu.empty(dim(x), bound);
    let slab = || Arc::new(gpu.device.reals(x.len()));
    let slopes = Slopes { items: x.items, features: x.features, lo: slab(), hi: slab(), size, here: None };
    let ([xc, xr], [yc, yr]) = (block(x), block(&y));
    let args = [xc, xr, yc, yr, Arg::Each(&slopes.lo, x.features), Arg::Each(&slopes.hi, x.features)];
    gpu.each(&ACTIVATE, (x.vectors(), x.features), &consts, &args, |_| {
        let mut list = vec![x.features as u32];
        list.extend(&numbers);
        list
    });
    (y, slopes)
}

/// Constants and numbers of the kernel, the largest value, the largest slope.
pub(super) type Setting = (Vec<f64>, Vec<u32>, f64, f64);

pub(super) fn clip(gpu: &Gpu, lo: f64, hi: f64) -> Setting {
    let real = gpu.real();
    let slack = 2.0 * real.tiny();
    // Bounds outside the device's range are never met or always.
    let inside = |v: f64| v.clamp(-real.limit(), real.limit());
    let (low, low_radius) = real.enclose(inside(lo), 0.0);
    let (high, high_radius) = real.enclose(inside(hi), 0.0);
    let (down, up) = (|v: f64| real.down(inside(v)), |v: f64| real.up(inside(v)));
    let below = |v: f64| real.down(-add_up(-v, slack));
    let above = |v: f64| real.up(add_up(v, slack));
    let mut consts = gpu.consts(1.0);
    consts.extend([
        below(down(lo)),
        above(up(lo)),
        below(down(hi)),
        above(up(hi)),
        low,
        low_radius,
        high,
        high_radius,
        down(lo),
        up(hi),
        up(lo),
        down(hi),
    ]);
    if lo >= hi {
        // Constant: every argument counts as below, with the upper value.
        consts[4] = real.up(2.0 * real.limit());
        (consts[8], consts[9]) = (high, high_radius);
    }
    // An infinite bound is no value; a finite one beyond the device is for the twin.
    let value = |v: f64| match v.abs() {
        m if m.is_infinite() => 0.0,
        m if m < real.limit() => add_up(m, 4.0 * slack),
        _ => f64::INFINITY,
    };
    let most = value(lo).max(value(hi));
    (consts, vec![1, u32::MAX, 1], most, 1.0)
}

pub(super) fn leaky(gpu: &Gpu, slopes: &[f64], repeat: usize) -> Setting {
    let real = gpu.real();
    let size = slopes.iter().fold(1.0f64, |m, s| m.max(s.abs()));
    let mut consts = gpu.consts(size);
    consts.push(real.tiny());
    for &s in slopes {
        let s = s.clamp(-real.limit(), real.limit());
        let (c, r) = real.enclose(s, 0.0);
        consts.extend([c, r, real.down(s), real.up(s)]);
    }
    let numbers = vec![0, repeat.min(u32::MAX as usize) as u32, slopes.len() as u32];
    (consts, numbers, 0.0, mul_up(size, 1.0 + 4.0 * real.unit()))
}

/// Slopes of a function whose argument may be anything.
fn unknown_slopes(gpu: &Gpu, f: &Piecewise, x: &Block) -> Slopes {
    let ends = |k: usize| match f.piece(k, f64::NEG_INFINITY, f64::INFINITY) {
        piecewise::Piece::Fixed { slope, .. } => [slope, slope],
        piecewise::Piece::Free { slope, .. } => slope,
    };
    let of = |end: usize| Array2::from_shape_fn((x.items, x.features), |(_, k)| ends(k)[end]);
    upload_slopes(gpu, &of(0), &of(1))
}

pub fn upload_slopes(gpu: &Gpu, lo: &Array2<f64>, hi: &Array2<f64>) -> Slopes {
    assert_eq!(lo.dim(), hi.dim());
    let real = gpu.real();
    let limit = real.limit().sqrt();
    let down: Vec<f64> = lo.iter().map(|v| real.down(v.clamp(-limit, limit))).collect();
    let up: Vec<f64> = hi.iter().map(|v| real.up(v.clamp(-limit, limit))).collect();
    let fine = lo.iter().zip(hi).all(|(l, h)| l.abs() <= limit && h.abs() <= limit);
    let size = down.iter().chain(&up).fold(0.0f64, |m, v| m.max(v.abs()));
    let (items, features) = lo.dim();
    Slopes {
        items,
        features,
        lo: Arc::new(gpu.device.upload(&down)),
        hi: Arc::new(gpu.device.upload(&up)),
        // Slopes beyond the device make everything behind them unknown.
        size: if fine { size } else { f64::INFINITY },
        here: Some(Arc::new([lo.clone(), hi.clone()])),
    }
}

pub fn read_slopes(gpu: &Gpu, s: &Slopes) -> (Array2<f64>, Array2<f64>) {
    if let Some(ends) = &s.here {
        return (ends[0].clone(), ends[1].clone());
    }
    let count = s.items * s.features;
    let shape = (s.items, s.features);
    let parts = if s.size.is_finite() { gpu.device.read(&[(&s.lo, count), (&s.hi, count)]) } else { None };
    match parts {
        Some(mut parts) => {
            let (hi, lo) = (parts.pop().expect("two"), parts.pop().expect("two"));
            let array = |v| Array2::from_shape_vec(shape, v).expect("slopes");
            (array(lo), array(hi))
        }
        None => (Array2::from_elem(shape, f64::NEG_INFINITY), Array2::from_elem(shape, f64::INFINITY)),
    }
}

pub fn gate(gpu: &Gpu, s: &Slopes, x: &Block) -> Block {
    assert_eq!((s.items, s.features), (x.items, x.features));
    let real = gpu.real();
    let bound = if s.size == 0.0 { 0.0 } else { mul_up(s.size, gpu.reach(x)) };
    if x.lost() || !real.holds(2.0 * bound) {
        let (lo, hi) = read_slopes(gpu, s);
        return gpu.twin(&[x], |b, x| b.gate(&b.upload_slopes(&lo, &hi), x[0]));
    }
    let y = gpu.empty(dim(x), bound);
    let ([xc, xr], [yc, yr]) = (block(x), block(&y));
    let table = |slab| Arg::Items(slab, s.features, x.rows);
    let args = [xc, xr, table(&s.lo), table(&s.hi), yc, yr];
    gpu.each(&GATE, (x.vectors(), x.features), &gpu.consts(s.size), &args, |first| {
        [x.features, x.rows, first].map(|v| v as u32).to_vec()
    });
    y
}

pub fn intersect(gpu: &Gpu, a: &Block, b: &Block) -> Block {
    same(a, b);
    if a.lost() || b.lost() {
        return if a.lost() { b.clone() } else { a.clone() };
    }
    let y = gpu.empty(dim(a), a.reach.max(b.reach));
    let ([ac, ar], [bc, br], [yc, yr]) = (block(a), block(b), block(&y));
    let consts = gpu.consts(1.0);
    gpu.each(&INTERSECT, (a.vectors(), a.features), &consts, &[ac, ar, bc, br, yc, yr], |_| vec![]);
    y
}
