//! However a product is cut up, it contains the exact result and is no wider; and a cut that is wrong is seen.

use super::{alone, data, gpu, widths};
use crate::common::containment::{Findings, products};
use clarke::backend::gpu::tile::{Cuts, LOW, SLIM, Tile, WIDE};
use clarke::backend::gpu::{Choice, Gpu, Real};
use libtest_mimic::{Failed, Trial};

/// Random maps of every kind, each forward and back: what takes long is the driver's compiler.
const ROUNDS: usize = 24;

/// This tile for everything, whatever its size, and sums in slices of a few products.
fn everywhere(gpu: &Gpu, tile: Tile, sliced: bool) -> Gpu {
    let (busy, long) = if sliced { (1 << 20, 2) } else { (1, usize::MAX) };
    gpu.cut(Cuts { wide: tile, slim: tile, low: tile, busy, long })
}

fn candidates() -> impl Iterator<Item = Tile> {
    WIDE.into_iter().chain(SLIM).chain(LOW)
}

pub fn trials(absent: bool) -> Vec<Trial> {
    let mut trials = vec![];
    for real in [Real::F32, Real::F64] {
        for tile in candidates() {
            let name = format!("tile_{}_contains_{}", tile.name().replace(", ", "_"), real.name());
            trials.push(Trial::test(name, move || contains(real, tile)).with_ignored_flag(absent));
        }
    }
    for (what, fault) in FAULTS {
        let name = format!("planted_{what}_is_caught");
        trials.push(Trial::test(name, move || caught(Real::F32, *fault)).with_ignored_flag(absent));
    }
    trials
}

fn contains(real: Real, tile: Tile) -> Result<(), Failed> {
    let _one = alone();
    let gpu = gpu(real)?;
    if !tile.fits(real, gpu.info().shared, gpu.info().lanes) {
        println!("{} has not {} bytes of shared memory", gpu.info().name, tile.shared(real));
        return Ok(());
    }
    for sliced in [false, true] {
        let mut out = Findings::default();
        products(&everywhere(gpu, tile, sliced), data(gpu, 31 + sliced as u64), ROUNDS, &mut out);
        out.assert_sound(&tile.name());
    }
    widths::products(&everywhere(gpu, tile, false))?;
    match gpu.failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

/// Changes of the text.
const FAULTS: &[(&str, fn(String) -> String)] = &[
    // Products of one half again, instead of the other's.
    ("half", |t| t.replace("half = 1u - half;", "")),
    // What lies behind a sum's end counts as well.
    ("mask_of_k", |t| t.replace("+ k0 < end {", "+ k0 < end + 3u {")),
    ("mask_of_zeros", |t| t.replace("if live0.y {", "if false {")),
    ("slice_lost", |t| t.replace("s < sizes[1]; s++", "s + 1u < sizes[1]; s++")),
    ("slices_overlap", |t| {
        t.replace("let first = slice * sizes[7];", "let first = slice * (sizes[7] - 1u);")
    }),
    ("taps_too_early", |t| t.replace("mark(lane, half, next + DEPTH", "mark(lane, 1u - half, next + DEPTH")),
];

fn caught(real: Real, fault: fn(String) -> String) -> Result<(), Failed> {
    let _one = alone();
    let gpu = Gpu::planted(Choice::Any, Some(real), fault)?;
    let doubled = candidates().find(|t| t.double && t.fits(real, gpu.info().shared, gpu.info().lanes));
    let tile = doubled.ok_or("no tile with two halves fits")?;
    let mut out = Findings::default();
    for sliced in [false, true] {
        products(&everywhere(&gpu, tile, sliced), data(&gpu, 33), ROUNDS, &mut out);
    }
    println!("{} violations among {} entries", out.violations.len(), out.entries);
    if out.violations.is_empty() { Err("nothing is found".into()) } else { Ok(()) }
}
