//! Norms of layers again, each by whatever shows what a certificate claims of it.

use super::Checked;
use super::room::Room;
use crate::backend::cpu::Cpu;
use crate::layer::LinearMap;
use crate::layer::lines::{from_one, to_inf};
use crate::layer::reshapes;
use crate::layer::symbol::correlation::Wrap;
use crate::layer::symbol::groups::{Symbols, price};
use crate::linalg::banded::Allowed;
use crate::num::norms::largest;
use crate::num::round::{div_down, sub_down};
use crate::num::{Norm, Upper};
use crate::rules::masks::{Masks, channel_tops, channels_scaled};
use crate::rules::walk::{Factor, Layer, Norms, Table, place};
use std::cell::RefCell;
use std::collections::HashMap;

/// Entries of a convolution up to which its mixed norms and the like are taken from all of them written out; see
/// `rules::masks`.
const WRITTEN: usize = 1 << 22;
/// Orders up to which a convolution is factored whole.
const ORDER: usize = 1024;

/// What is claimed of the layers of a network.
#[derive(Clone)]
pub struct Claims<'c> {
    claims: HashMap<(usize, Norm, Norm), &'c Factor>,
    /// Are they taken for shown?
    believed: bool,
    room: &'c Room<'c>,
    /// Why the walk must end.
    ended: RefCell<Checked<()>>,
}

impl<'c> Claims<'c> {
    /// Only those of the pairs of norms that are `wanted`.
    pub fn new(factors: &'c [Factor], wanted: &dyn Fn(Norm, Norm) -> bool, room: &'c Room<'c>) -> Claims<'c> {
        let wanted = factors.iter().filter(|f| wanted(f.in_norm, f.out_norm) && f.value >= 0.0);
        let claims = wanted.map(|f| ((f.node, f.in_norm, f.out_norm), f)).collect();
        Claims { claims, believed: false, room, ended: RefCell::new(Ok(())) }
    }

    /// What follows if all of them hold.
    pub fn believed(&self) -> Claims<'c> {
        Claims { believed: true, ..self.clone() }
    }

    /// Refused where the walk had to end.
    pub fn ended(self) -> Checked<()> {
        self.ended.into_inner()
    }

    fn shown(&self, layer: &Layer<Cpu>, masks: Masks, claim: &Factor) -> Checked<Upper> {
        self.room.in_time()?;
        match layer {
            Layer::Run(m) => {
                self.room.matrix(m.centre.dim().into())?;
                Ok(masks.norm_of_enclosure(&m.centre, &m.slack, claim.in_norm, claim.out_norm))
            }
            Layer::One(a) => Layered { map: &a.map, masks, claim, room: self.room }.shown(),
        }
    }
}

impl Norms<Cpu> for Claims<'_> {
    fn of(&self, node: usize, layer: &Layer<Cpu>, masks: Masks, from: [bool; 3]) -> Table {
        let mut table = Table::default();
        for (p, q) in Norm::ALL.into_iter().flat_map(|p| Norm::ALL.map(|q| (p, q))) {
            let Some(claim) = self.claims.get(&(node, p, q)).filter(|_| from[place(p)]) else { continue };
            let shown = match self.believed {
                true => Ok(Upper::proven(claim.value)),
                false => self.shown(layer, masks, claim),
            };
            match shown {
                Ok(shown) => table[place(p)][place(q)] = Some(shown),
                Err(refusal) => *self.ended.borrow_mut() = Err(refusal),
            }
        }
        table
    }

    fn is_over(&self) -> bool {
        self.ended.borrow().is_err() || self.room.deadline().is_over()
    }
}

/// One layer with its claim.
struct Layered<'l> {
    map: &'l LinearMap,
    masks: Masks<'l>,
    claim: &'l Factor,
    room: &'l Room<'l>,
}

impl Layered<'_> {
    /// The claimed norm where it is shown, else the best that is.
    fn shown(&self) -> Checked<Upper> {
        let Layered { map, masks, claim, room } = *self;
        let (p, q) = (claim.in_norm, claim.out_norm);
        if !masks.scale.iter().all(|s| *s >= 0.0) {
            return Ok(Upper::INFINITE);
        }
        let entries = map.inputs().saturating_mul(map.outputs());
        let written = matches!(map, LinearMap::Dense(_)) || entries <= WRITTEN;
        room.matrix(if written { [map.outputs(), map.inputs()] } else { [1, map.inputs() + map.outputs()] })?;
        let known = masks.norm(map, Upper::INFINITE, p, q).min(self.whole(p, q));
        if known.get() <= claim.value || (p, q) != (Norm::Two, Norm::Two) || claim.value.is_nan() {
            return Ok(known);
        }
        let shown = match map {
            LinearMap::Dense(_) => false,
            LinearMap::Conv { .. } => {
                let reshaped = reshapes::upper(map, ORDER).times(Upper::proven(self.top()));
                if reshaped.get() <= claim.value {
                    return Ok(known.min(reshaped));
                }
                // What the region leaves out counts in bands alone.
                let whole = masks.live.iter().all(|l| *l) && self.symbols()?;
                whole || self.banded() || self.symbols()?
            }
        };
        room.in_time()?;
        Ok(if shown { known.min(Upper::proven(claim.value)) } else { known })
    }

    fn top(&self) -> f64 {
        largest(self.masks.scale.iter().copied())
    }

    /// Of the whole layer, times the largest scale; of a dense one's 2-norm by what is written out.
    fn whole(&self, p: Norm, q: Norm) -> Upper {
        let top = Upper::proven(self.top());
        match (p, q) {
            (_, Norm::Inf) => to_inf(self.map, p).1.times(top),
            (Norm::One, _) => from_one(self.map, q).1.times(top),
            (Norm::Two, Norm::Two) if matches!(self.map, LinearMap::Dense(_)) && !self.is_plain() => {
                let (scale, live) = (vec![1.0; self.map.outputs()], vec![true; self.map.inputs()]);
                let all = Masks { scale: &scale, live: &live };
                all.norm(self.map, Upper::INFINITE, p, q).times(top)
            }
            _ => Upper::INFINITE,
        }
    }

    /// Is all of it kept as it is?
    fn is_plain(&self) -> bool {
        self.masks.scale.iter().all(|s| *s == 1.0) && self.masks.live.iter().all(|l| *l)
    }

    /// By factorisations of what is kept of it.
    fn banded(&self) -> bool {
        let in_time = |_: f64| !self.room.deadline().is_over();
        self.masks.proves(self.map, self.claim.value, Allowed { work: &in_time, bytes: self.room.bytes() })
    }

    /// By factorisations of the symbol of the whole layer with the largest scale of each channel.
    fn symbols(&self) -> Checked<bool> {
        let LinearMap::Conv { shape, weight, adjoint } = self.map else { return Ok(false) };
        let tops = channel_tops(shape, *adjoint, self.masks.scale);
        if !tops.iter().all(|t| t.is_finite()) {
            return Ok(false);
        }
        let scaled;
        let (map, norm) = if tops.iter().all(|t| *t == tops[0]) {
            (self.map, if tops[0] > 0.0 { div_down(self.claim.value, tops[0]) } else { return Ok(true) })
        } else {
            let (map, lost) = channels_scaled(shape, weight, *adjoint, &tops);
            scaled = map;
            (&scaled, sub_down(self.claim.value, lost.get()))
        };
        let more = || !self.room.deadline().is_over();
        for wrap in [[Wrap::Exact; 2], [Wrap::Circle; 2]] {
            let exact = wrap == [Wrap::Exact; 2];
            let Some(price) = price(map, wrap).filter(|p| !exact || p.order <= ORDER) else { continue };
            // Every thread factors a cell of its own.
            self.room.matrix([price.order, price.order.saturating_mul(rayon::current_num_threads())])?;
            self.room.matrix([1, price.held as usize])?;
            let Some(symbols) = Symbols::new(map, wrap) else { continue };
            let grid = self.claim.grid.filter(|_| !exact);
            if symbols.proves(norm, grid, &more) || grid.is_some() && symbols.proves(norm, None, &more) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
