//! Where to divide a part.

use crate::backend::Backend;
use crate::net::Op;
use crate::rules::part::{Part, Split, kink};
use crate::sweep::{Bounds, Gate, Prepared};
use ndarray::Array2;
use std::ops::Range;

/// Slopes of the piecewise nodes on the host.
pub type Slopes = Vec<Option<(Array2<f64>, Array2<f64>)>>;

pub fn open_slopes<B: Backend>(b: &B, gates: &[Option<Gate<B>>]) -> Slopes {
    let read = |g: &Option<Gate<B>>| match g {
        Some(Gate::Each(s)) => Some(b.read_slopes(s)),
        _ => None,
    };
    gates.iter().map(read).collect()
}

/// Open neurons of the item that has most of them.
pub fn most_open(slopes: &Slopes) -> usize {
    let items = slopes.iter().flatten().map(|(lo, _)| lo.nrows()).max().unwrap_or(0);
    let open = |i: usize| {
        let each = slopes.iter().flatten();
        each.map(|(lo, hi)| lo.row(i).iter().zip(hi.row(i)).filter(|(l, h)| l < h).count()).sum()
    };
    (0..items).map(open).max().unwrap_or(0)
}

/// What was found out about one part.
pub struct View<'a> {
    pub slopes: &'a Slopes,
    /// Its item among the slopes, its rows among the gradients.
    pub item: usize,
    pub gradients: &'a Bounds,
    pub rows: Range<usize>,
    /// Inputs that vary.
    pub free: &'a [bool],
    /// How much each neuron counts, where that is known.
    pub weights: Option<Vec<f64>>,
}

/// The open neuron whose slope moves the Jacobian most: its slope's width times size and width of the
/// gradient behind it times the root of how far its argument moves, times its part in the bound by scalings
/// (the best of two dozen such products on random networks). Without one, the input along which the box is
/// widest.
pub fn choose<B: Backend>(prepared: &Prepared<B>, part: &Part, view: &View) -> Option<Split> {
    let net = prepared.net;
    let needed = net.needed();
    let mut best: Option<(f64, Split)> = None;
    let mut open = false;
    let mut places = 0;
    for (k, node) in net.nodes.iter().enumerate() {
        let place = places;
        places += if needed[k] && view.slopes[k].is_some() { node.len() } else { 0 };
        let (Op::Piecewise(f), Some((lo, hi))) = (&node.op, &view.slopes[k]) else {
            // Maxima and smooth functions are never decided by cuts.
            open |= node.op.is_nonlinear() && view.gradients.get(k).is_some();
            continue;
        };
        let Some(g) = view.gradients.get(k) else { continue };
        let i = node.inputs[0];
        let [l, u] = part.known[i].as_ref().expect("nonlinear nodes' inputs have ends");
        for j in (0..node.len()).filter(|&j| lo[[view.item, j]] < hi[[view.item, j]]) {
            let gradient = |r: usize| {
                let (a, z) = (g.lo[[r, j]], g.hi[[r, j]]);
                a.abs().max(z.abs()) + (z - a)
            };
            let most = view.rows.clone().map(gradient).fold(0.0, f64::max);
            if most == 0.0 {
                continue;
            }
            let weight = view.weights.as_ref().and_then(|w| w.get(place + j)).copied().unwrap_or(1.0);
            let score = (hi[[view.item, j]] - lo[[view.item, j]]) * most * (u[j] - l[j]).sqrt() * weight;
            let Some(at) = kink(f, j, l[j], u[j]) else { continue };
            if best.as_ref().is_none_or(|(s, _)| score > *s) {
                best = Some((score, Split::Kink { node: i, feature: j, at }));
            }
        }
    }
    if best.is_some() || !open {
        return best.map(|(_, s)| s);
    }
    let width = |j: usize| part.hi[j] - part.lo[j];
    let free = (0..part.lo.len()).filter(|&j| view.free[j]);
    let feature = free.max_by(|&a, &b| width(a).total_cmp(&width(b)))?;
    let at = 0.5 * part.lo[feature] + 0.5 * part.hi[feature];
    (part.lo[feature] < at && at < part.hi[feature]).then_some(Split::Input { feature, at })
}
