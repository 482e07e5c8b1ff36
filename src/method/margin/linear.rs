//! How far a class leads on a region, by linear bounds of its differences to the other outputs.
//!
//! Proves: f_c(x) − f_j(x) >= lead_j for all x of the region and every other output j; and that all leads are
//!   positive within a smaller radius around the same centre, where the region's lines hold as well.
//! From: Zhang et al. 2018 (CROWN), with the differences as last rows; Weng et al. 2018 (leads and radii).
//! Rounding: as in `rules::linear`; a radius is proven by the lines' support on the smaller region, up.
//! Cost: linear bounds of the region, a backward pass for all other outputs at once.
//! Loose when: many neurons cross zero; exact for networks with fixed statuses.

use super::{ahead, coarse, others};
use crate::analysis::{Budget, Placed, crown, ibp};
use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::num::round::sub_down;
use crate::num::{Norm, Written};
use crate::region::Region;
use crate::rules::linear::{self, Highest, Regions, Relaxed, both};
use crate::sweep::{Ends, ends2};
use ndarray::{Array2, Array3, Axis, concatenate};
use rayon::prelude::*;

/// What is proven of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Led {
    /// How far the class is ahead of every other output at least.
    pub leads: Vec<f64>,
    /// A radius within which all of them are positive; the region's own where they are on all of it.
    pub within: Option<f64>,
    /// Where the lines, extended as if they held everywhere, say that the class is caught up with: no proof.
    pub caught: Option<f64>,
}

/// Tries to widen the radius that a region's lines prove.
const WIDENED: usize = 3;

/// How far classes lead on regions, balls of one norm with a radius above 0.
pub fn leads<B: Backend>(
    placed: &Placed<B>,
    regions: &[&Region],
    classes: &[usize],
    budget: &Budget,
) -> Option<Vec<Led>> {
    // Small lots stay in a core's cache; a device takes all at once.
    let lot = placed.backend().lot();
    let lots: Vec<_> = regions.chunks(lot).zip(classes.chunks(lot)).collect();
    let found: Option<Vec<Vec<Led>>> =
        lots.par_iter().map(|(regions, classes)| together(placed, regions, classes, budget)).collect();
    Some(found?.into_iter().flatten().collect())
}

/// The same of one lot.
fn together<B: Backend>(
    placed: &Placed<B>,
    regions: &[&Region],
    classes: &[usize],
    budget: &Budget,
) -> Option<Vec<Led>> {
    let (b, net) = (placed.backend(), placed.net());
    let all = Regions::each(regions)?;
    let norm = all.ball()?;
    let prepared = placed.prepared(&budget.deadline);
    let each: Vec<Enclosure> = regions.iter().map(|r| ibp::input(&prepared, r)).collect();
    let input = stacked(&each);
    let known = crown::run_briefly(placed, all, input, budget);
    let crown::Brief { ends, spans, relaxations } = &known;
    let relaxed = Relaxed { prepared: &prepared, relaxations, ends, spans };
    let last = net.nodes.len() - 1;
    let (lines, constants) = relaxed.above(last, b.upload(&ahead(classes, net.outputs())), &mut |_, _| {});
    let Seen { constants, top, end, lines } = see(&relaxed, all, norm, lines, constants);
    let apart = forward(&end, classes, &top);
    let leads = |item: usize| apart.row(item).to_vec();
    let mut found: Vec<Led> = (0..regions.len()).map(|i| Led { leads: leads(i), ..Led::default() }).collect();
    if let Some(lines) = lines
        && !prepared.is_late()
    {
        lines.radii(regions, (&constants, &top), &mut found);
    }
    for (led, region) in found.iter_mut().zip(regions) {
        if led.leads.iter().all(|l| *l > 0.0) {
            led.within = region.ball_norm().map(|(_, radius)| radius.ends().lo);
        }
    }
    Some(found)
}

/// What came back at the end: constants of the last lines and their largest values, ends of the outputs.
struct Seen<'a, B: Backend> {
    constants: Array2<f64>,
    top: Array2<f64>,
    end: Ends,
    lines: Option<Lines<'a, B>>,
}

/// All of it in one transfer.
fn see<'a, B: Backend>(
    relaxed: &Relaxed<'a, '_, B>,
    all: Regions,
    norm: Norm,
    lines: Option<B::Block>,
    constants: B::Tops,
) -> Seen<'a, B> {
    let (b, own) = (relaxed.prepared.backend, relaxed.ends.of(0));
    let place = (own, relaxed.span(0));
    let highest = lines.as_ref().map(|a| Highest::of(b, all, place, a, constants.clone()));
    let mut parts: Vec<B::Tops> = b.sides(relaxed.span(relaxed.prepared.net.output())).into();
    parts.push(constants);
    parts.extend(lines.iter().flat_map(|a| linear::around(b, all, own.lo.dim(), a, norm)));
    parts.extend(highest.iter().flat_map(Highest::parts));
    let mut back = b.tops(parts).into_iter();
    let mut next = || back.next().expect("as many as asked for");
    let (below, hi, constants) = (next(), next(), next());
    let end = Ends { lo: -below, hi };
    let sizes = lines.is_some().then(|| [next(), next()]);
    let top = highest.map_or_else(|| constants.clone(), |h| h.read(b, &mut back)[1].clone());
    let lines = lines.zip(sizes).map(|(block, [at, size])| Lines { b, block, at, size });
    Seen { constants, top, end, lines }
}

fn stacked(each: &[Enclosure]) -> Enclosure {
    let stack = |side: fn(&Enclosure) -> &Array3<f64>| {
        let views: Vec<_> = each.iter().map(|e| side(e).view()).collect();
        concatenate(Axis(0), &views).expect("inputs of one size")
    };
    Enclosure { centre: stack(|e| &e.centre), radius: stack(|e| &e.radius) }
}

/// Leads by lines or by the ends of the outputs themselves, whichever are larger.
fn forward(ends: &Ends, classes: &[usize], top: &Array2<f64>) -> Array2<f64> {
    let mut leads = top.mapv(|t| -t);
    for (item, &class) in classes.iter().enumerate() {
        for (row, other) in others(class, ends.lo.ncols()).enumerate() {
            let apart = sub_down(ends.lo[[item, class]], ends.hi[[item, other]]);
            leads[[item, row]] = leads[[item, row]].max(apart);
        }
    }
    leads
}

/// Linear functions above the differences f_j − f_c, on all items' regions.
struct Lines<'a, B: Backend> {
    b: &'a B,
    block: B::Block,
    /// Their values at the centres without the constants, and their dual norms.
    at: Array2<f64>,
    size: Array2<f64>,
}

impl<B: Backend> Lines<'_, B> {
    /// Radii that the lines prove, and where they end; their constants, and their largest values on the regions.
    fn radii(&self, regions: &[&Region], (constants, top): (&Array2<f64>, &Array2<f64>), found: &mut [Led]) {
        // At most what was written: beyond it the lines need not hold.
        let own: Vec<f64> = regions.iter().map(|r| r.ball_norm().map_or(0.0, |(_, r)| r.ends().lo)).collect();
        let highest =
            |top: &Array2<f64>, i: usize| top.row(i).iter().fold(f64::NEG_INFINITY, |m, v| m.max(*v));
        let mut tried: Vec<f64> = vec![0.0; regions.len()];
        for (i, led) in found.iter_mut().enumerate() {
            led.caught = self.caught(i, constants);
            tried[i] = coarse(led.caught.unwrap_or(0.0) * (1.0 - 1e-9));
        }
        for _ in 0..=WIDENED {
            let open = |i: usize| tried[i] > 0.0 && tried[i] < own[i] && highest(top, i) >= 0.0;
            let open: Vec<usize> = (0..regions.len()).filter(|&i| open(i)).collect();
            if open.is_empty() {
                return;
            }
            let now = self.tops(regions, constants, &open, &tried);
            for i in open {
                let (at, end) = (highest(&now, i), highest(top, i));
                if at.is_nan() || at >= 0.0 {
                    tried[i] = 0.0;
                    continue;
                }
                found[i].within = Some(tried[i]);
                // The support is convex in the radius: where the chord meets 0 it is at most 0.
                let next = coarse(tried[i] + (own[i] - tried[i]) * (-at / (end - at)) * (1.0 - 1e-9));
                tried[i] = if next > tried[i] * 1.002 { next } else { 0.0 };
            }
        }
    }

    /// Largest values of the lines on regions of other radii, of these items.
    fn tops(
        &self,
        regions: &[&Region],
        constants: &Array2<f64>,
        open: &[usize],
        radii: &[f64],
    ) -> Array2<f64> {
        let smaller = |i: usize| match open.contains(&i) {
            true => Written::float(radii[i]).and_then(|r| regions[i].with_radius(r)),
            false => None,
        };
        let smaller: Vec<Option<Region>> = (0..regions.len()).map(smaller).collect();
        let all: Vec<&Region> = smaller.iter().zip(regions).map(|(s, r)| s.as_ref().unwrap_or(r)).collect();
        let each: Vec<Enclosure> = all.iter().filter_map(|r| r.enclosure()).collect();
        let (lo, hi) = ends2(&stacked(&each), true);
        let (box_, span) = (Ends { lo: lo.clone(), hi: hi.clone() }, self.b.spans(lo, hi));
        let constants = self.b.known(constants.clone());
        let [_, top] = both(self.b, Regions::Each(&all), (&box_, &span), Some(&self.block), constants);
        top
    }

    /// The radius at which the first line reaches 0, without a clip.
    fn caught(&self, item: usize, constants: &Array2<f64>) -> Option<f64> {
        let rows = self.at.row(item).into_iter().zip(self.size.row(item)).zip(constants.row(item));
        let reach = |((at, size), constant): ((&f64, &f64), &f64)| {
            let at = at + constant;
            if at < 0.0 { -at / size } else { 0.0 }
        };
        let least = rows.map(reach).fold(f64::INFINITY, f64::min);
        (least > 0.0 && least.is_finite()).then_some(least)
    }
}
