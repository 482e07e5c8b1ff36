//! A network on a device: it lives for the run, and so do the networks that are made of it.

use super::Site;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::deadline::Deadline;
use crate::layer::LinearMap;
use crate::layer::symbol::cells::Grid;
use crate::net::Net;
use crate::num::Upper;
use crate::region::Region;
use crate::rules::reach;
use crate::sweep::{Maps, Prepared};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A network that is made of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derived {
    /// Maxima as trees of relu.
    Kinks,
    /// g(y, t) = t f(y / t).
    Homogeneous,
    /// From one node to another.
    Section(usize, usize),
    /// Of magnitudes; `linear`: without what makes them tight.
    Magnitudes { linear: bool },
}

/// The part of the time left that the norm of one layer may take.
const MEASURED: f64 = 0.05;

/// An upper bound of a layer's norm, and what shows it again.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub upper: Upper,
    /// Of a convolution: the circle of frequencies, where it was one.
    pub grid: Option<Grid>,
}

impl Measured {
    pub fn of(upper: Upper) -> Measured {
        Measured { upper, grid: None }
    }

    /// The smaller one.
    pub fn min(self, other: Measured) -> Measured {
        if other.upper < self.upper { other } else { self }
    }
}

/// The norm of a map under scales of its rows, and the work that finding it might take.
struct LayerNorm {
    map: LinearMap,
    scale: Vec<f64>,
    found: Measured,
    work: f64,
}

/// A norm is looked for again where so many times the work is allowed.
const MORE: f64 = 4.0;

/// A network with its weights on a device, uploaded once.
pub struct Placed<B: Backend> {
    net: Arc<Net>,
    backend: Arc<B>,
    maps: Maps<B>,
    /// In double-double arithmetic, for points.
    exact: OnceLock<Arc<Placed<Cpu>>>,
    /// In plain arithmetic, for proposals.
    sketch: OnceLock<Arc<Placed<Cpu>>>,
    derived: Mutex<Vec<(Derived, Option<Arc<Placed<B>>>)>>,
    everywhere: OnceLock<Site<B>>,
    norms: Mutex<Vec<LayerNorm>>,
    squares: OnceLock<Maps<B>>,
    /// Norms by `measure`, which may be worse.
    sizes: Mutex<Vec<LayerNorm>>,
    /// Upper bounds of norms of layers, where better ones than the cheapest are to be had.
    measure: Measure,
}

/// An upper bound of ‖A‖_2 that takes no longer than a deadline allows.
pub type Measure = fn(&LinearMap, &Deadline) -> Upper;

fn rough(map: &LinearMap, _: &Deadline) -> Upper {
    Upper::proven(reach::rough(map))
}

impl<B: Backend> Placed<B> {
    pub fn new(net: impl Into<Arc<Net>>, backend: impl Into<Arc<B>>) -> Arc<Placed<B>> {
        let (net, backend) = (net.into(), backend.into());
        Placed::measured(net, backend, rough)
    }

    /// The same where norms of layers are bounded by `measure`.
    pub fn measured(
        net: impl Into<Arc<Net>>,
        backend: impl Into<Arc<B>>,
        measure: Measure,
    ) -> Arc<Placed<B>> {
        let (net, backend) = (net.into(), backend.into());
        let maps = Maps::new(&net, &*backend);
        Placed::with(net, backend, maps, measure)
    }

    fn with(net: Arc<Net>, backend: Arc<B>, maps: Maps<B>, measure: Measure) -> Arc<Placed<B>> {
        Arc::new(Placed {
            net,
            backend,
            maps,
            exact: OnceLock::new(),
            sketch: OnceLock::new(),
            derived: Mutex::new(vec![]),
            everywhere: OnceLock::new(),
            norms: Mutex::new(vec![]),
            squares: OnceLock::new(),
            sizes: Mutex::new(vec![]),
            measure,
        })
    }

    pub fn net(&self) -> &Arc<Net> {
        &self.net
    }

    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// For sweeps that end with the time.
    pub fn prepared(&self, until: &Deadline) -> Prepared<'_, B> {
        Prepared::of(&self.net, &*self.backend, &self.maps).until(until)
    }

    pub fn exact(&self) -> &Arc<Placed<Cpu>> {
        self.exact.get_or_init(|| Placed::new(self.net.clone(), Cpu::DOUBLE_DOUBLE))
    }

    pub fn sketch(&self) -> &Arc<Placed<Cpu>> {
        self.sketch.get_or_init(|| Placed::new(self.net.clone(), Cpu::ESTIMATE))
    }

    /// What is known on all of R^n.
    pub fn everywhere(&self) -> &Site<B> {
        self.everywhere.get_or_init(|| Site::new(Region::Whole))
    }

    /// A network that is made of this one, with the weights that both have; None where there is none.
    pub fn derived(&self, which: Derived, make: impl FnOnce(&Net) -> Option<Net>) -> Option<Arc<Placed<B>>> {
        let mut all = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = all.iter().find(|(d, _)| *d == which) {
            return known.clone();
        }
        let placed = make(&self.net).map(|net| {
            let maps = self.maps.of(&self.net, &net, &*self.backend);
            Placed::with(Arc::new(net), self.backend.clone(), maps, self.measure)
        });
        all.push((which, placed.clone()));
        placed
    }

    /// The same function without maxima, where it has some.
    pub fn kinks(&self) -> Option<Arc<Placed<B>>> {
        self.derived(Derived::Kinks, Net::without_maxima)
    }

    /// From one node to another; None unless the first lies on all ways from the input.
    pub fn section(&self, from: usize, to: usize) -> Option<Arc<Placed<B>>> {
        self.derived(Derived::Section(from, to), |net| net.section(from, to))
    }

    /// The squares of all weights.
    pub fn squares(&self) -> &Maps<B> {
        self.squares.get_or_init(|| Maps::squares(&self.net, &self.backend))
    }

    /// An upper bound of a layer's norm, found once.
    pub fn size(&self, map: &LinearMap, until: &Deadline) -> f64 {
        let find = || {
            let own = until.part(MEASURED);
            (Measured::of((self.measure)(map, &own)), !until.is_over())
        };
        once(&self.sizes, (map, &[], 0.0), find).upper.get()
    }

    /// The norm of a map under these scales of its rows, found once where `find` had the time it wanted; once more
    /// where much more work is allowed.
    pub fn norm(
        &self,
        (map, scale, work): (&LinearMap, &[f64], f64),
        find: impl FnOnce() -> (Measured, bool),
    ) -> Measured {
        once(&self.norms, (map, scale, work), find)
    }
}

/// What a list knows of a map under these scales, or what is found now.
fn once(
    list: &Mutex<Vec<LayerNorm>>,
    (map, scale, work): (&LinearMap, &[f64], f64),
    find: impl FnOnce() -> (Measured, bool),
) -> Measured {
    let lock = || list.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |n: &LayerNorm| n.map.is_same(map) && n.scale == scale;
    let known = lock().iter().find(|n| same(n)).map(|n| (n.found, n.work));
    if let Some((found, before)) = known
        && work <= MORE * before
    {
        return found;
    }
    let (found, in_time) = find();
    let found = known.map_or(found, |(before, _)| before.min(found));
    if in_time {
        let mut list = lock();
        list.retain(|n| !same(n));
        list.push(LayerNorm { map: map.clone(), scale: scale.to_vec(), found, work });
    }
    found
}
