//! A network on one opened device, and what is known of regions there.

use super::opened::Engine;
use super::{Answer, Asked};
use crate::analysis::{self, Budget, Site, together};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::backend::gpu::Gpu;
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::error::{Error, Kind};
use crate::method::layer::two;
use crate::method::margin::linear::{self, Led};
use crate::method::margin::refute::{self, Counterexample};
use crate::method::margin::statement::Statement;
use crate::method::{Context, Outcome};
use crate::net::Net;
use crate::region::Region;
use crate::search;
use crate::search::property::{self, Decided};
use std::sync::Arc;

/// A network and regions of it on one backend.
pub struct On<B: Backend> {
    pub placed: Arc<analysis::Placed<B>>,
    pub sites: Arc<[Site<B>]>,
}

impl<B: Backend> Clone for On<B> {
    fn clone(&self) -> Self {
        On { placed: self.placed.clone(), sites: self.sites.clone() }
    }
}

impl<B: Backend> On<B> {
    fn new(placed: &Arc<analysis::Placed<B>>, regions: &[Region]) -> Self {
        let sites = regions.iter().map(|r| Site::new(r.clone())).collect();
        On { placed: placed.clone(), sites }
    }

    fn solve(&self, asked: &mut Asked, budget: &Budget) -> Result<Outcome> {
        let at = (&*self.placed, &self.sites[asked.item]);
        let context = Context::new(&asked.problem, at, budget.clone(), asked.options.seed);
        let context = context.towards(asked.options.goal());
        search::solve(&context, &asked.options.method, asked.progress)
    }
}

/// A network on a device.
#[derive(Clone)]
pub struct Home {
    engine: Engine,
    net: OnEngine,
}

#[derive(Clone)]
enum OnEngine {
    Cpu(Arc<analysis::Placed<Cpu>>),
    #[cfg(feature = "gpu")]
    Gpu(Arc<analysis::Placed<Gpu>>),
}

impl Home {
    pub fn new(net: Arc<Net>, engine: Engine) -> Home {
        let on = match &engine {
            Engine::Cpu => OnEngine::Cpu(analysis::Placed::measured(net, Cpu::DOUBLE, two)),
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => OnEngine::Gpu(analysis::Placed::measured(net, gpu.clone(), two)),
        };
        Home { engine, net: on }
    }

    pub fn at(&self, regions: &[Region]) -> Here {
        let sites = match &self.net {
            OnEngine::Cpu(placed) => Sites::Cpu(On::new(placed, regions)),
            #[cfg(feature = "gpu")]
            OnEngine::Gpu(placed) => Sites::Gpu(On::new(placed, regions)),
        };
        Here { home: self.clone(), sites }
    }
}

impl Home {
    /// What results from here rest on.
    pub fn assumptions(&self) -> Vec<String> {
        self.engine.assumptions()
    }

    pub fn is_cpu(&self) -> bool {
        matches!(self.engine, Engine::Cpu)
    }

    /// How far classes lead, by linear bounds.
    pub fn leads(&self, regions: &[&Region], classes: &[usize], budget: &Budget) -> Result<Option<Vec<Led>>> {
        match &self.net {
            OnEngine::Cpu(placed) => Ok(linear::leads(placed, regions, classes, budget)),
            #[cfg(feature = "gpu")]
            OnEngine::Gpu(placed) => {
                let found = linear::leads(placed, regions, classes, budget);
                failed(placed.backend()).map_or(Ok(found), Err)
            }
        }
    }

    /// The same at a member, or nearer.
    pub fn refuted_at(
        &self,
        region: &Region,
        class: usize,
        x: Vec<f64>,
        budget: &Budget,
    ) -> Option<Counterexample> {
        match &self.net {
            OnEngine::Cpu(placed) => refute::at_point(placed, region, class, x, budget),
            #[cfg(feature = "gpu")]
            OnEngine::Gpu(placed) => refute::at_point(placed, region, class, x, budget),
        }
    }

    /// Can outputs on the region meet the statement?
    pub fn decide(
        &self,
        region: &Region,
        statement: &Statement,
        seed: u64,
        budget: &Budget,
    ) -> Result<Decided> {
        match &self.net {
            OnEngine::Cpu(placed) => Ok(property::decide(placed, region, statement, seed, budget)),
            #[cfg(feature = "gpu")]
            OnEngine::Gpu(placed) => {
                let found = property::decide(placed, region, statement, seed, budget);
                failed(placed.backend()).map_or(Ok(found), Err)
            }
        }
    }

    /// Where lines of the centres say that other classes catch up.
    pub fn linear_radii(&self, regions: &[&Region], classes: &[usize], budget: &Budget) -> Vec<Option<f64>> {
        match &self.net {
            OnEngine::Cpu(placed) => refute::linear(placed, regions, classes, budget),
            #[cfg(feature = "gpu")]
            OnEngine::Gpu(placed) => refute::linear(placed, regions, classes, budget),
        }
    }

    /// A point at which another class leads.
    pub fn refute(
        &self,
        region: &Region,
        class: usize,
        seed: u64,
        budget: &Budget,
    ) -> Option<Counterexample> {
        match &self.net {
            OnEngine::Cpu(placed) => refute::search(placed, region, class, seed, budget),
            #[cfg(feature = "gpu")]
            OnEngine::Gpu(placed) => refute::search(placed, region, class, seed, budget),
        }
    }
}

/// What was read after a failure is void, a contradiction included.
#[cfg(feature = "gpu")]
fn failed(gpu: &Gpu) -> Option<Error> {
    gpu.failure().map(|failure| {
        Error::new(Kind::Device, failure)
            .at(gpu.info().name.clone())
            .next("use --device auto to fall back to the CPU, or less --memory")
    })
}

/// Regions of a network on a device.
#[derive(Clone)]
pub struct Here {
    home: Home,
    sites: Sites,
}

#[derive(Clone)]
enum Sites {
    Cpu(On<Cpu>),
    #[cfg(feature = "gpu")]
    Gpu(On<Gpu>),
}

impl Here {
    /// Is this where the network is now?
    pub fn is_at(&self, home: &Home) -> bool {
        match (&self.home.net, &home.net) {
            (OnEngine::Cpu(a), OnEngine::Cpu(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "gpu")]
            (OnEngine::Gpu(a), OnEngine::Gpu(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "gpu")]
            (OnEngine::Cpu(_), OnEngine::Gpu(_)) | (OnEngine::Gpu(_), OnEngine::Cpu(_)) => false,
        }
    }

    /// Interval and linear bounds of all regions, in as few sweeps as memory allows.
    pub fn analyse(&self, budget: &Budget) {
        match &self.sites {
            Sites::Cpu(on) => together::analyse(&on.placed, &on.sites, budget),
            #[cfg(feature = "gpu")]
            Sites::Gpu(on) => together::analyse(&on.placed, &on.sites, budget),
        }
    }

    pub fn compute(&self, asked: &mut Asked, budget: &Budget) -> Result<Answer> {
        let outcome = match &self.sites {
            Sites::Cpu(on) => on.solve(asked, budget)?,
            #[cfg(feature = "gpu")]
            Sites::Gpu(on) => {
                let outcome = on.solve(asked, budget);
                match failed(on.placed.backend()) {
                    Some(failure) => return Err(failure),
                    None => outcome?,
                }
            }
        };
        let engine = &self.home.engine;
        Ok(Answer {
            problem: asked.problem.clone(),
            outcome,
            device: engine.info(),
            peak_bytes: engine.peak_bytes(),
            assumptions: engine.assumptions(),
            warnings: vec![],
            source: None,
            here: self.clone(),
            item: asked.item,
        })
    }

    /// The same on the CPU, where proofs are checked, and the region's place there.
    pub fn on_cpu(&self, item: usize) -> (On<Cpu>, usize) {
        match &self.sites {
            Sites::Cpu(on) => (on.clone(), item),
            #[cfg(feature = "gpu")]
            Sites::Gpu(on) => {
                let placed = analysis::Placed::measured(on.placed.net().clone(), Cpu::DOUBLE, two);
                (On::new(&placed, std::slice::from_ref(&on.sites[item].region)), 0)
            }
        }
    }
}
