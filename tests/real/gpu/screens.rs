//! Norms of symbols by squarings on a device, against factorisations.

use clarke::backend::gpu::Gpu;
use clarke::layer::symbol::correlation::Wrap;
use clarke::layer::symbol::groups::Symbols;
use clarke::layer::{ConvShape, LinearMap};
use clarke::method::layer::embedding::Searched;
use clarke::method::layer::screen::{Squared, Symbol};
use clarke::num::Upper;
use clarke::num::random::Random;
use libtest_mimic::Failed;
use std::sync::Arc;

const CIRCLES: [Wrap; 2] = [Wrap::Circle; 2];

/// Channels, groups, side, kernel, stride, dilation.
const SHAPES: [[usize; 7]; 6] = [
    [3, 8, 1, 16, 3, 1, 1],
    [8, 3, 1, 15, 3, 2, 1],
    [4, 6, 2, 12, 3, 1, 2],
    [5, 5, 1, 20, 5, 2, 1],
    [6, 6, 6, 9, 3, 1, 1],
    [7, 2, 1, 11, 1, 1, 1],
];

fn map(
    [inputs, outputs, groups, side, kernel, stride, dilation]: [usize; 7],
    noise: &mut Random,
) -> LinearMap {
    let pad = dilation * (kernel - 1) / 2;
    let shape = ConvShape {
        groups,
        in_channels: inputs,
        out_channels: outputs,
        input: [side; 2],
        output: [(side - 1) / stride + 1; 2],
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [dilation; 2],
        pad: [pad; 2],
    };
    let weight = (0..outputs * shape.depth()).map(|_| noise.signed()).collect();
    LinearMap::Conv { shape, weight: Arc::new(weight), adjoint: false }
}

/// What the device proves is true; what has room to spare it proves; bounds hardly change.
pub fn agree(gpu: &Gpu) -> Result<(), Failed> {
    let mut noise = Random(45);
    let screen = Squared(gpu);
    for shape in SHAPES {
        let map = map(shape, &mut noise);
        let symbols = Symbols::new(&map, CIRCLES).ok_or("a kernel has symbols")?;
        for (k, group) in symbols.groups.iter().enumerate() {
            let symbol = Symbol::new(&screen, &symbols, k);
            let asked: Vec<_> = (0..24)
                .map(|u| [(u, 48), (7 * u % 48, 48)])
                .flat_map(|at| {
                    let norm = group.search(at, None, 1e-12).0;
                    [(at, norm * (1.0 - 1e-6)), (at, norm * 1.06)]
                })
                .collect();
            let shown = symbol.holds(&asked);
            let wrong = shown.iter().step_by(2).filter(|s| **s).count();
            let missed = shown.iter().skip(1).step_by(2).filter(|s| !**s).count();
            if wrong > 0 || missed > 0 {
                return Err(format!("{shape:?} group {k}: {wrong} wrong, {missed} missed of 24").into());
            }
        }
        let searched = Searched::new(&map, CIRCLES).ok_or("a kernel has symbols")?;
        let bound = |screen: Option<&dyn clarke::method::layer::screen::Screen>| {
            searched.embedding(&mut searched.peaks(), Upper::INFINITE, usize::MAX, screen).0.get()
        };
        let (plain, screened) = (bound(None), bound(Some(&screen)));
        if !(screened >= plain * (1.0 - 1e-5) && screened <= plain * (1.0 + 1e-5)) {
            return Err(format!("{shape:?}: {screened} with squarings, {plain} without").into());
        }
    }
    match gpu.failure() {
        Some(failure) => Err(format!("{failure:?}").into()),
        None => Ok(()),
    }
}
