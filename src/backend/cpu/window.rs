//! Maxima over windows: values, who can attain them, and the convex
//! combinations that are their generalised Jacobians.

use super::elementwise::{Entry, Slopes, build, gate_entry};
use super::{Block, Cpu};
use crate::backend::Backend;
use crate::layer::Incidence;
use crate::layer::map::Transposed;
use std::sync::Arc;

/// The edge whose lower end is largest (the first of equals), and that end.
fn champion(windows: &Incidence, x: &Block, base: usize, i: usize) -> (usize, f64) {
    let mut best = (windows.window(i).start, f64::NEG_INFINITY);
    for e in windows.window(i) {
        let l = x.ends(base + windows.index[e] as usize).0;
        if l > best.1 {
            best = (e, l);
        }
    }
    best
}

pub(super) fn max(backend: &Cpu, windows: &Incidence, x: &Block) -> Block {
    let outputs = windows.outputs();
    build(
        backend,
        (x.items, x.rows, outputs),
        #[inline(always)]
        |vector, i| {
            let base = vector * x.features;
            let (edge, floor) = champion(windows, x, base, i);
            let at = base + windows.index[edge] as usize;
            let ceiling = windows
                .window(i)
                .filter(|&e| e != edge)
                .map(|e| x.ends(base + windows.index[e] as usize).1)
                .fold(f64::NEG_INFINITY, f64::max);
            if ceiling <= floor || !backend.proves() {
                Entry::of(x, at)
            } else {
                Entry::from_ends(floor, ceiling.max(x.ends(at).1))
            }
        },
    )
}

/// An edge that never exceeds the champion's lower end is never needed: where
/// both are equal on an open set their gradients agree there.
pub(super) fn gates(backend: &Cpu, windows: &Incidence, x: &Block) -> Slopes {
    let edges = windows.edges();
    let (mut lo, mut hi) = (vec![0.0; x.items * edges], vec![0.0; x.items * edges]);
    for item in 0..x.items {
        let base = item * x.features;
        for i in 0..windows.outputs() {
            let (edge, floor) = champion(windows, x, base, i);
            let mut alone = true;
            if backend.proves() {
                for e in windows.window(i).filter(|&e| e != edge) {
                    if x.ends(base + windows.index[e] as usize).1 > floor {
                        hi[item * edges + e] = 1.0;
                        alone = false;
                    }
                }
            }
            hi[item * edges + edge] = 1.0;
            if alone {
                lo[item * edges + edge] = 1.0;
            }
        }
    }
    Slopes { items: x.items, features: edges, lo: Arc::new(lo), hi: Arc::new(hi) }
}

/// The hull of the open edges' values: contains every convex combination.
pub(super) fn tangent(backend: &Cpu, windows: &Incidence, gates: &Slopes, x: &Block) -> Block {
    let outputs = windows.outputs();
    build(
        backend,
        (x.items, x.rows, outputs),
        #[inline(always)]
        |vector, i| {
            let item = vector / x.rows;
            let mut hull: Option<(f64, f64)> = None;
            for e in windows.window(i) {
                let at = item * gates.features + e;
                if gates.hi[at] == 0.0 {
                    continue;
                }
                let entry = Entry::of(x, vector * x.features + windows.index[e] as usize);
                if gates.lo[at] == 1.0 {
                    return entry;
                }
                let (l, u) = entry.ends();
                hull = Some(hull.map_or((l, u), |(a, b)| (a.min(l), b.max(u))));
            }
            let (l, u) = hull.expect("every window has an open edge");
            Entry::from_ends(l, u)
        },
    )
}

pub(super) fn adjoint(backend: &Cpu, windows: &Incidence, gates: &Slopes, g: &Block) -> Block {
    let Transposed { rows: back, edge } = windows.transposed();
    let double = backend.double();
    build(
        backend,
        (g.items, g.rows, windows.inputs),
        #[inline(always)]
        |vector, j| {
            let item = vector / g.rows;
            let mut sum: Option<Entry> = None;
            for t in back.window(j) {
                let at = item * gates.features + edge[t] as usize;
                if gates.hi[at] == 0.0 {
                    continue;
                }
                let e = Entry::of(g, vector * g.features + back.index[t] as usize);
                let e = gate_entry(backend, gates.lo[at], gates.hi[at], e);
                sum = Some(sum.map_or(e, |s| s.plus(e, double)));
            }
            sum.unwrap_or(Entry::ZERO)
        },
    )
}
