//! Proves: nothing itself; runs the methods of a convolution's symbol, each as good as the last one leaves room for.
//! From: see embedding, cover, power.
//! Rounding: theirs.
//! Cost: a search for the symbols' peaks, then proofs while the two ends are apart and the effort allows.
//! Loose when: the effort does not allow a proof.

use super::embedding::{Searched, is_long, is_small};
use super::screen::Screen;
use super::{Effort, LayerNorm, cover, embedding, gram, power};
use crate::layer::map::LinearMap;
use crate::layer::symbol::correlation::Wrap;
use crate::layer::symbol::groups::price;
use crate::num::Upper;

const CIRCLES: [Wrap; 2] = [Wrap::Circle; 2];
const STRIPS: [[Wrap; 2]; 2] = [[Wrap::Exact, Wrap::Circle], [Wrap::Circle, Wrap::Exact]];
/// Searches before any proof count as this many proofs.
const SEARCH: f64 = 60.0;
/// Proofs of about all frequencies.
const CELLS: f64 = 250.0;
/// Orders up to which all methods run, so that they can be compared.
const CHEAP: usize = 130;
/// Largest order of strips that are exact along one axis.
const STRIP: usize = 1536;
/// Upper over lower beyond which the next method is worth while.
const CLOSE: f64 = 1.0015;
const FAIR: f64 = 1.004;
/// Multiplications of an application from which Lanczos steps are counted.
const HEAVY: f64 = 2e7;

pub fn run(map: &LinearMap, effort: Effort, screen: Option<&dyn Screen>, out: &mut LayerNorm) {
    // The transposed map has the same norm.
    let LinearMap::Conv { shape, weight, .. } = map else { return };
    let map = &LinearMap::Conv { shape: *shape, weight: weight.clone(), adjoint: false };
    let affordable = price(map, CIRCLES).is_some_and(|p| (SEARCH + CELLS) * p.proof <= effort.work);
    let symbols = if affordable { Searched::new(map, CIRCLES) } else { None };
    let mut peaks = symbols.as_ref().map(|s| s.peaks());
    let start = symbols.as_ref().zip(peaks.as_ref()).map(|(s, p)| s.wave(p));
    let exact = price(map, [Wrap::Exact; 2]).filter(|p| p.order <= effort.order && p.proof <= effort.work);
    if effort.lower || exact.is_some() {
        let heavy = (map.products() / HEAVY * 1e-6).min(1e-4).max(effort.tolerance);
        let tolerance = if exact.is_some() { effort.tolerance } else { heavy };
        out.below(power::LANCZOS.name, || power::lanczos(map, tolerance, start));
    }
    if let Some(s) = exact.and_then(|_| Searched::new(map, [Wrap::Exact; 2])) {
        let found = out.lower;
        out.above(gram::ROW.name, || s.exact(found));
    }
    let (Some(symbols), Some(peaks)) = (&symbols, &mut peaks) else { return };
    let price = price(map, CIRCLES).expect("affordable");
    let proofs = (effort.work / price.proof) as usize;
    let apart = |out: &LayerNorm, by: f64| out.upper.get() > by * out.lower.get().max(f64::MIN_POSITIVE);
    if effort.is_late() {
        return;
    }
    let cheap = price.order <= CHEAP && effort.lower;
    // Short circles are proven point by point, which is worth more if the peaks lie between the points.
    let between = is_small(map) && symbols.supremum(peaks) > FAIR * out.lower.get();
    let mut everywhere = Upper::INFINITE;
    if cheap || apart(out, CLOSE) && !between {
        everywhere = out.above(cover::ROW.name, || symbols.sampling(peaks, proofs, screen));
    }
    if !is_long(map) && !effort.is_late() && (cheap || apart(out, CLOSE)) {
        let mut grid = None;
        let find = || {
            let (upper, found) = symbols.embedding(peaks, everywhere, proofs, screen);
            grid = found;
            upper
        };
        if out.above(embedding::ROW.name, find) == out.upper && out.upper_rule == embedding::ROW.name {
            out.grid = grid;
        }
    }
    if apart(out, FAIR) && effort.lower {
        strips(map, effort, out);
    }
}

/// One axis as the banded matrix it is, the other around a circle.
fn strips(map: &LinearMap, effort: Effort, out: &mut LayerNorm) {
    for wrap in STRIPS {
        if effort.is_late() {
            return;
        }
        let fits = price(map, wrap).is_some_and(|p| p.order <= STRIP && SEARCH * p.proof <= effort.work);
        if !fits {
            continue;
        }
        let Some(symbols) = Searched::new(map, wrap) else { continue };
        out.above(embedding::STRIP.name, || {
            symbols.embedding(&mut symbols.peaks(), Upper::INFINITE, usize::MAX, None).0
        });
    }
}
