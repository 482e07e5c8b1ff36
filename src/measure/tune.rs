//! Which cuts of products are fastest on a device: candidates take turns on products of usual shapes.

use super::networks::{Conv, dense};
use super::rate::{best, block};
use crate::backend::Backend;
use crate::backend::gpu::{
    Gpu,
    tile::{Cuts, LOW, SLIM, Tile, WIDE},
};
use crate::deadline::Deadline;
use crate::layer::Affine;
use crate::num::random::Random;

/// A product that a kind of tile is for, and how many vectors of it fit into a moment.
struct Usual {
    affine: Affine,
    vectors: usize,
    adjoint: bool,
}

/// So long may one product take, at a tenth of the peak.
const MOMENT: f64 = 2e-3;

fn usual(peak: f64) -> [Vec<Usual>; 3] {
    let mut random = Random(6);
    let few = |full: usize, affine: &Affine| {
        let most = MOMENT * peak / (40.0 * affine.map.products());
        (most as usize).clamp(1, full)
    };
    let both = |affine: Affine, full: usize| {
        let vectors = few(full, &affine);
        [false, true].map(|adjoint| Usual { affine: affine.clone(), vectors, adjoint })
    };
    let conv = |channels, side, out| Conv { channels, side, out, kernel: 3, stride: 1, pad: 1 };
    let wide = both(dense(&mut random, 1024, 1024), 4096)
        .into_iter()
        .chain(both(conv(64, 28, 64).affine(&mut random), 64))
        .collect();
    // Few outputs along j: images forward out of few maps, backward into three channels.
    let [slim, _] = both(conv(64, 32, 3).affine(&mut random), 64);
    let [_, back] = both(conv(3, 32, 64).affine(&mut random), 64);
    let low = both(dense(&mut random, 4096, 4096), 8).into();
    [wide, vec![slim, back], low]
}

impl Usual {
    fn seconds(&self, gpu: &Gpu) -> f64 {
        let map = gpu.prepare(&self.affine);
        let features = if self.adjoint { self.affine.map.outputs() } else { self.affine.map.inputs() };
        let x = gpu.upload(&block(self.vectors, features));
        best(gpu, |b| drop(if self.adjoint { b.adjoint(&map, &x) } else { b.affine(&map, &x) }))
    }
}

/// The fastest of each kind of tile, and how many workgroups keep the device busy; what the time did not suffice for
/// stays as it was.
pub fn tune(gpu: &Gpu, deadline: &Deadline) -> Cuts {
    let mut cuts = gpu.cuts();
    let [wide, slim, low] = usual(gpu.peak());
    let fitting = |list: &[Tile]| -> Vec<Tile> {
        list.iter().filter(|t| t.fits(gpu.real(), gpu.info().shared, gpu.info().lanes)).copied().collect()
    };
    let everywhere = |tile| Cuts { wide: tile, slim: tile, low: tile, busy: 1, long: usize::MAX };
    cuts.wide = fastest(gpu, deadline, &wide, (cuts.wide, fitting(&WIDE)), everywhere);
    cuts.slim = fastest(gpu, deadline, &slim, (cuts.slim, fitting(&SLIM)), everywhere);
    cuts.low = fastest(gpu, deadline, &low, (cuts.low, fitting(&LOW)), everywhere);
    cuts.busy =
        fastest(gpu, deadline, &low, (cuts.busy, vec![1, 64, 256, 1024]), |busy| Cuts { busy, ..cuts });
    cuts
}

/// Of what stands and candidates for its place the one with the least product of times.
fn fastest<T: Copy>(
    gpu: &Gpu,
    deadline: &Deadline,
    works: &[Usual],
    candidates: (T, Vec<T>),
    cuts: impl Fn(T) -> Cuts,
) -> T {
    let mut known = (f64::INFINITY, candidates.0);
    for candidate in candidates.1 {
        if deadline.is_over() {
            break;
        }
        let gpu = gpu.cut(cuts(candidate));
        let score: f64 = works.iter().map(|w| w.seconds(&gpu).ln()).sum();
        if score < known.0 {
            known = (score, candidate);
        }
    }
    known.1
}
