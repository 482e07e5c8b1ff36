//! Norms of layers for a walk along the graph, as exactly as time allows.
//!
//! Proves: ‖diag(scale) W restricted to live inputs‖ <= what it gives, for the pairs of norms that a walk asks for.
//! From: `method::layer` for whole layers and `rules::masks` for what is kept of one; the less of what both say.
//! Rounding: theirs.
//! Cost: that of the norms, each once.
//! Loose when: time is short: then only the cheapest.

use crate::analysis::Measured;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::layer::{Affine, LinearMap};
use crate::linalg::banded::Allowed;
use crate::method::context::Context;
use crate::method::layer::{self, Effort};
use crate::num::{Norm, Upper};
use crate::rules::masks::Masks;
use crate::rules::walk::{Factor, Layer, Norms, Table};
use std::cell::RefCell;

/// Multiplications up to which a convolution is applied to its masks; above,
/// its norm is that of the whole layer times the largest slope.
const APPLY: f64 = 3e8;
/// The part of the time left that the norm of what is kept of one convolution may take.
const SPECTRAL: f64 = 0.2;
/// The part of the memory that it may take.
const MEMORY: u64 = 4;

/// What was found, in the order of the walk.
pub struct Found<'f, 'c, B: Backend> {
    context: &'f Context<'c, B>,
    factors: RefCell<Vec<Factor>>,
}

impl<'f, 'c, B: Backend> Found<'f, 'c, B> {
    pub fn new(context: &'f Context<'c, B>) -> Self {
        Found { context, factors: RefCell::default() }
    }

    pub fn factors(self) -> Vec<Factor> {
        self.factors.into_inner()
    }
}

impl<B: Backend, C: Backend> Norms<B> for Found<'_, '_, C> {
    fn of(&self, node: usize, layer: &Layer<B>, masks: Masks, from: [bool; 3]) -> Table {
        let norm: Box<dyn Fn(Norm, Norm) -> Option<Measured>> = match layer {
            Layer::Run(m) => {
                Box::new(|p, q| Some(Measured::of(masks.norm_of_enclosure(&m.centre, &m.slack, p, q))))
            }
            Layer::One(a) => self.one(a, masks),
        };
        let mut table = Table::default();
        for (r, to) in Norm::ALL.into_iter().enumerate() {
            for (s, p) in Norm::ALL.into_iter().enumerate().filter(|(s, _)| from[*s]) {
                let Some(Measured { upper, grid }) = norm(p, to) else { continue };
                let value = upper.get();
                self.factors.borrow_mut().push(Factor { node, in_norm: p, out_norm: to, value, grid });
                table[s][r] = Some(upper);
            }
        }
        table
    }

    fn is_over(&self) -> bool {
        self.context.budget.is_over()
    }
}

impl<B: Backend> Found<'_, '_, B> {
    fn one<'n>(
        &'n self,
        a: &'n Affine,
        masks: Masks<'n>,
    ) -> Box<dyn Fn(Norm, Norm) -> Option<Measured> + 'n> {
        let Masks { scale, live } = masks;
        let budget = &self.context.budget;
        let all = scale.iter().all(|s| *s == 1.0) && live.iter().all(|l| *l);
        // Dense maps whole, to be scaled after; convolutions with their scales.
        let norm = |p, q| layer::norm(&a.map, p, q, Effort::UPPER.until(&self.context.budget.deadline)).upper;
        let dense = matches!(a.map, LinearMap::Dense(_));
        let unscaled = dense || scale.iter().all(|s| *s == 1.0);
        let two = self.context.layer_norm(&a.map, if unscaled { &[][..] } else { scale }, |effort| {
            let own = || layer::norm(&a.map, Norm::Two, Norm::Two, effort).measured();
            layer::scaled_conv_norm(&a.map, scale, effort).unwrap_or_else(own)
        });
        let top = Upper::proven(scale.iter().fold(0.0, |m: f64, s| m.max(*s)));
        let share = budget.part(SPECTRAL);
        // Too late for more, whole layers have bounds that cost next to nothing.
        let plain = all || (!dense && a.map.products() > APPLY) || budget.is_over();
        Box::new(move |from, to| {
            if !dense && from != to {
                return None;
            }
            let two_two = !dense && (from, to) == (Norm::Two, Norm::Two);
            let known = if plain {
                match (from, to) {
                    (Norm::Two, Norm::Two) if dense => Measured::of(two.upper.times(top)),
                    (Norm::Two, Norm::Two) => two,
                    _ => Measured::of(norm(from, to).times(top)),
                }
            } else {
                let whole = if dense { two.upper } else { Upper::INFINITE };
                let masked = Measured::of(masks.norm(&a.map, whole, from, to));
                if two_two { masked.min(two) } else { masked }
            };
            // What is kept of a convolution has a norm of its own, where there is time for it.
            let work = |work: f64| share.affords_on(&Cpu::DOUBLE, work);
            let allowed = Allowed { work: &work, bytes: share.memory / MEMORY };
            let own = (two_two && !all).then(|| masks.spectral(&a.map, allowed)).flatten();
            Some(own.map_or(known, |n| known.min(Measured::of(n))))
        })
    }
}
