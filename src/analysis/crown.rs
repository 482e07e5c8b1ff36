//! Linear bounds of every pre-activation on the region.
//!
//! Proves: l <= z <= u at the inputs of nonlinear nodes, on boxes and on l1, l2
//!   balls (dual norm), intersected with interval bounds.
//! From: Zhang et al. 2018 (CROWN); any lower slope is sound (Xu et al. 2021),
//!   so neurons that are nearly decided get slopes of their own (`alpha`).
//! Rounding: coefficients are numbers, what they lose goes into the constant.
//! Cost: two backward passes per undecided neuron and slope choice.
//! Loose when: many neurons cross zero; exact for networks with fixed statuses.

use super::around::Around;
use super::pass::Pass;
pub use super::pass::{Brief, Cuts, Given, Statuses};
use super::{Placed, ibp};
use crate::analysis::budget::{Budget, pass};
use crate::backend::Backend;
use crate::layer::LinearMap;
use crate::linalg::Enclosure;
use crate::net::Net;
use crate::num::Norm;
use crate::region::Region;
use crate::rules::linear::Regions;
use crate::rules::reach::{Layers, rough};
use crate::rules::relevance;
use crate::sweep::{Ends, Prepared, ends2};
use ndarray::Array2;

/// On one region, lower slopes optimised.
pub fn run<B: Backend>(placed: &Placed<B>, region: &Region, budget: &Budget) -> Statuses<B> {
    let prepared = placed.prepared(&budget.deadline);
    run_all(placed, Regions::One(region), ibp::input(&prepared, region), budget)
}

/// On many regions, given their boxes.
pub fn run_all<B: Backend>(
    placed: &Placed<B>,
    regions: Regions,
    input: Enclosure,
    budget: &Budget,
) -> Statuses<B> {
    // Whoever asked has work of his own to do: what is not narrowed within a part of the time stays wide.
    let own = budget.part(NARROWED);
    let norm = |map: &LinearMap| placed.size(map, &own.deadline);
    let prepared = placed.prepared(&budget.deadline);
    let pass = || centred(&prepared, placed, regions, (&input, &own, &norm));
    let given = || Given { input: input.clone(), known: None, optimised: true, cuts: None };
    let relevant = counted(&prepared, pass(), given());
    let mut pass = pass();
    pass.relevant = relevant;
    pass.run(given())
}

/// On many regions at once, for a first answer about each: lines, and of l2 balls what distances say before them.
pub fn run_briefly<B: Backend>(
    placed: &Placed<B>,
    regions: Regions,
    input: Enclosure,
    budget: &Budget,
) -> Brief<B> {
    let prepared = placed.prepared(&budget.deadline);
    let norm = |map: &LinearMap| placed.size(map, &budget.deadline);
    let mut pass = Pass::new(&prepared, regions, input.dim().0, budget);
    if regions.ball() == Some(Norm::Two) && squares_fit(prepared.net, budget) {
        let (lo, hi) = ends2(&input, true);
        let layers = Layers { squares: placed.squares(), norm: &norm };
        pass.around = Around::plain(&prepared, layers, regions, &Ends { lo, hi });
    }
    pass.run_briefly(Given { input, known: None, optimised: false, cuts: None })
}

/// Squares of weights take as much room as the weights.
fn squares_fit(net: &Net, budget: &Budget) -> bool {
    8 * net.parameters() as u64 <= budget.memory / SQUARES
}

/// On one region as a checker derives it again, who bounds norms of layers by their rows and columns.
pub fn run_whole<B: Backend>(
    placed: &Placed<B>,
    region: &Region,
    given: Given,
    budget: &Budget,
) -> Statuses<B> {
    let prepared = placed.prepared(&budget.deadline);
    let pass = centred(&prepared, placed, Regions::One(region), (&given.input, budget, &rough));
    pass.run(given)
}

/// With what distances from the centres say, where room and time are there for it.
fn centred<'a, 'n, B: Backend>(
    prepared: &'a Prepared<'n, B>,
    placed: &'a Placed<B>,
    regions: Regions<'a>,
    (input, budget, norm): (&Enclosure, &'a Budget, &'a (dyn Fn(&LinearMap) -> f64 + Sync)),
) -> Pass<'a, 'n, B> {
    let (lo, hi) = ends2(input, true);
    let mut sweep = Pass::new(prepared, regions, input.dim().0, budget);
    if squares_fit(prepared.net, budget) && budget.affords_on(prepared.backend, PASSES * pass(prepared.net)) {
        let layers = Layers { squares: placed.squares(), norm };
        sweep.around = Around::new(prepared, layers, regions, &Ends { lo, hi });
    }
    sweep
}

/// What the output can depend on, by node, as far as ends show without any row. Nothing where that is not known.
fn counted<B: Backend>(prepared: &Prepared<B>, mut pass: Pass<B>, given: Given) -> Vec<Array2<bool>> {
    if pass.around.is_none() {
        return vec![];
    }
    let outputs = Array2::ones((pass.items, prepared.net.outputs()));
    pass.wide = true;
    let wide = pass.run(given);
    relevance::relevant(prepared, &wide.trace.gates, &outputs)
}

/// On parts of a region.
pub fn run_on<B: Backend>(
    prepared: &Prepared<B>,
    regions: Regions,
    given: Given,
    budget: &Budget,
) -> Statuses<B> {
    Pass::new(prepared, regions, given.input.dim().0, budget).run(given)
}

/// Squares of weights may take this part of the memory.
const SQUARES: u64 = 8;

/// What sweeps around the centres cost before any row, in passes.
const PASSES: f64 = 10.0;

/// The part of the time left in which ends are narrowed.
const NARROWED: f64 = 0.5;
