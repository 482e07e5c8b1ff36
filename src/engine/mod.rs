//! From a network, a device and a region to proven pairs: where work happens, what happens when a device
//! fails, and what a result rests on there.

pub mod certify;
pub mod classes;
pub mod cpu;
pub mod device;
mod home;
pub mod model;
pub mod opened;
pub mod options;
#[cfg(all(test, feature = "gpu"))]
mod tests;
#[cfg(feature = "gpu")]
pub mod tuned;

use crate::analysis::Budget;
use crate::certificate::file::Source;
use crate::error::{Error, Kind, Result};
use crate::method::Outcome;
use crate::net::Net;
use crate::num::round::mul_up;
use crate::num::{Norm, Written};
use crate::problem::{Problem, Question};
use crate::region::Region;
use crate::report::{DeviceInfo, WarningInfo};
use crate::search::Progress;
pub use certify::Certified;
pub use device::{Device, Precision, Wanted};
use home::{Here, Home};
pub use model::Model;
#[cfg(feature = "gpu")]
pub use opened::self_test;
pub use opened::{Chosen, Engine, choose};
pub use options::Options;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Memory below which no second try is made.
const LITTLE: u64 = 64 << 20;
/// Share of rounding in an upper bound from which f64 is tried.
const MUCH: f64 = 0.1;

/// Opens a device.
type Open = Box<dyn Fn(Device) -> Result<Engine> + Send + Sync>;

/// A network with its weights on a device: once, for everything that is asked about it.
#[derive(Clone)]
pub struct Placed(Arc<Inner>);

struct Inner {
    net: Arc<Net>,
    /// What a certificate says of the network's files.
    source: Option<Arc<Source>>,
    device: Device,
    home: Mutex<Home>,
    /// In f64, where f32 is not fine enough.
    finer: OnceLock<Option<Home>>,
    why: Option<String>,
    warnings: Vec<WarningInfo>,
    open: Open,
}

impl Placed {
    /// Opens the device, a GPU in `auto` only for networks that are worth it.
    pub fn new(net: impl Into<Arc<Net>>, device: Device) -> Result<Placed> {
        let net = net.into();
        let rows = net.outputs();
        Placed::of(net, device, rows, None)
    }

    fn of(net: Arc<Net>, device: Device, rows: usize, source: Option<Arc<Source>>) -> Result<Placed> {
        let work = net.products() * (2.0 + rows as f64);
        let chosen = choose(device, work)?;
        Ok(Placed::opened((net, source), device, chosen, Box::new(opened::open)))
    }

    fn opened(
        (net, source): (Arc<Net>, Option<Arc<Source>>),
        device: Device,
        chosen: Chosen,
        open: Open,
    ) -> Placed {
        let Chosen { engine, why, warnings } = chosen;
        let home = Mutex::new(Home::new(net.clone(), engine));
        Placed(Arc::new(Inner { net, source, device, home, finer: OnceLock::new(), why, warnings, open }))
    }

    /// Why it computes where it does, in `auto`.
    #[doc(hidden)]
    pub fn why(&self) -> Option<&str> {
        self.0.why.as_deref()
    }

    #[doc(hidden)]
    pub fn net(&self) -> &Arc<Net> {
        &self.0.net
    }

    fn home(&self) -> Home {
        self.0.home.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on elsewhere.
    fn move_to(&self, engine: Engine) {
        let home = Home::new(self.0.net.clone(), engine);
        *self.0.home.lock().unwrap_or_else(PoisonError::into_inner) = home;
    }

    /// One region.
    pub fn at(&self, region: Region) -> Result<Analysis> {
        self.at_all(vec![region])
    }

    /// Many regions, analysed together.
    pub fn at_all(&self, regions: Vec<Region>) -> Result<Analysis> {
        for region in &regions {
            region.fits(self.0.net.inputs())?;
        }
        let here = self.home().at(&regions);
        Ok(Analysis { placed: self.clone(), regions, here: Mutex::new(here) })
    }
}

/// What is known of regions of a network, for all questions about them.
pub struct Analysis {
    placed: Placed,
    regions: Vec<Region>,
    here: Mutex<Here>,
}

/// A proven pair, and where it comes from.
#[derive(Clone)]
pub struct Answer {
    #[doc(hidden)]
    pub problem: Problem,
    #[doc(hidden)]
    pub outcome: Outcome,
    pub(crate) device: DeviceInfo,
    #[doc(hidden)]
    pub peak_bytes: u64,
    pub(crate) assumptions: Vec<String>,
    #[doc(hidden)]
    pub warnings: Vec<WarningInfo>,
    source: Option<Arc<Source>>,
    here: Here,
    item: usize,
}

impl Answer {
    /// L is at most this.
    pub fn upper(&self) -> f64 {
        self.outcome.upper.value.get()
    }

    /// L is at least this.
    pub fn lower(&self) -> f64 {
        self.outcome.lower.value.get()
    }

    /// The method behind the upper end.
    pub fn upper_by(&self) -> &'static str {
        self.outcome.upper.method
    }

    /// The method behind the lower end.
    pub fn lower_by(&self) -> &'static str {
        self.outcome.lower.method
    }

    /// Do both ends agree to a relative 1e-9?
    pub fn is_exact(&self) -> bool {
        self.outcome.exact
    }

    /// L times a distance, rounded up: how far the output moves within that distance at most.
    pub fn reach(&self, distance: &Written) -> f64 {
        mul_up(self.upper(), distance.ends().hi)
    }

    /// What computed it.
    pub fn device(&self) -> &DeviceInfo {
        &self.device
    }

    /// What it rests on beyond the program: nothing on the CPU.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }
}

/// One answer under way.
struct Asked<'a> {
    item: usize,
    problem: Problem,
    options: &'a Options,
    budget: Budget,
    progress: &'a mut (dyn FnMut(Progress) + Send),
}

/// Work in one of the pool's own threads: from outside, every step that many threads share waits for one of them
/// to wake.
fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::join(work, || ()).0
}

impl Analysis {
    /// All of them, in order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The pair of the first region.
    pub fn bound(&self, question: &Question, options: &Options) -> Result<Answer> {
        self.bound_at(0, question, options)
    }

    /// Interval and linear bounds of all regions in as few sweeps as memory allows, within one answer's time.
    /// Nothing that is asked afterwards depends on it but how long that takes.
    pub fn prepare(&self, options: &Options) {
        inside(|| self.here().analyse(&options.budget()));
    }

    /// The pairs of all regions, one after the other, each within the options' time.
    pub fn bound_all(&self, question: &Question, options: &Options) -> Result<Vec<Answer>> {
        self.prepare(options);
        (0..self.regions.len()).map(|item| self.bound_at(item, question, options)).collect()
    }

    /// How steep the differences of each region's class and every other output are: for each region, in
    /// the order of the outputs without its class.
    pub fn margins(&self, classes: &[usize], norm: Norm, options: &Options) -> Result<Vec<Vec<Answer>>> {
        self.prepare(options);
        let outputs = self.placed.net().outputs();
        let of = |(item, &class): (usize, &usize)| {
            let others = (0..outputs).filter(|&other| other != class);
            let margin = |other| self.bound_at(item, &Question::margin(class, other, norm), options);
            others.map(margin).collect()
        };
        classes.iter().take(self.regions.len()).enumerate().map(of).collect()
    }

    /// The pair of one of the regions.
    pub fn bound_at(&self, item: usize, question: &Question, options: &Options) -> Result<Answer> {
        self.bound_within(item, question, options, options.budget(), &mut |_| {})
    }

    /// The same within a time that has begun; `progress` sees every improvement.
    #[doc(hidden)]
    pub fn bound_within(
        &self,
        item: usize,
        question: &Question,
        options: &Options,
        budget: Budget,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Answer> {
        let problem = Problem::new(self.placed.0.net.clone(), self.regions[item].clone(), *question)?;
        let mut asked = Asked { item, problem, options, budget, progress };
        inside(|| {
            let mut pair = self.insist(&mut asked)?;
            pair.warnings.splice(0..0, self.placed.0.warnings.iter().cloned());
            self.refined(pair, &mut asked)
        })
    }

    /// What is known here, moved along where the network has moved.
    fn here(&self) -> Here {
        let home = self.placed.home();
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if !here.is_at(&home) {
            *here = home.at(&self.regions);
        }
        here.clone()
    }

    /// Another try in less memory where that ran out; then, in `auto`, the CPU.
    fn insist(&self, asked: &mut Asked) -> Result<Answer> {
        let (placed, device) = (&self.placed, self.placed.0.device);
        let mut warnings = vec![];
        let mut budget = asked.budget.clone();
        loop {
            let e = match self.here().compute(asked, &budget) {
                Ok(pair) => {
                    let source = placed.0.source.clone();
                    return Ok(Answer { warnings, source, ..pair });
                }
                Err(e) if e.kind != Kind::Device => return Err(e),
                Err(e) => e,
            };
            let auto = device.wanted == Wanted::Auto;
            let mut give_up = |e: Error| {
                if !auto {
                    return Err(e);
                }
                warnings.push(opened::warning(&e));
                placed.move_to(Engine::Cpu);
                Ok(())
            };
            if e.what.to_lowercase().contains("memory") && budget.memory > LITTLE {
                budget.memory = (budget.memory / 8).max(LITTLE);
                match (placed.0.open)(device) {
                    Ok(engine) => placed.move_to(engine),
                    Err(e) => give_up(e)?,
                }
            } else {
                give_up(e)?;
            }
        }
    }

    /// In `auto` precision, a result of f32 that owes much of its size to rounding is computed
    /// again in f64, where the device has it; the smaller upper end counts.
    fn refined(&self, first: Answer, asked: &mut Asked) -> Result<Answer> {
        let share = first.outcome.rounding_share.unwrap_or(0.0);
        let device = self.placed.0.device;
        let coarse = first.device.precision == "f32" && device.precision == Precision::Auto;
        let decided = asked.options.goal().is_decided(first.lower(), first.upper());
        if !coarse || decided || !(share > MUCH || first.upper().is_infinite()) || asked.budget.is_over() {
            return Ok(first);
        }
        let finer = self.placed.0.finer.get_or_init(|| {
            let engine = (self.placed.0.open)(device.in_precision(Precision::F64)).ok()?;
            Some(Home::new(self.placed.0.net.clone(), engine))
        });
        let Some(home) = finer else { return Ok(first) };
        // What fails there costs nothing that is known.
        let budget = asked.budget.clone();
        match home.at(&self.regions).compute(asked, &budget) {
            Ok(second) if second.upper() < first.upper() => {
                Ok(Answer { warnings: first.warnings, source: first.source, ..second })
            }
            Ok(_) => Ok(first),
            Err(e) if e.kind == Kind::Device => Ok(first),
            Err(e) => Err(e),
        }
    }
}
