//! `--device` and `--precision`: where one command computes, and what a result rests on there.

use super::devices::cpu_name;
use super::flags::Precision;
use super::parse::Device;
use crate::backend::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, Gpu, Probe, Real};
use crate::error::{Error, Kind, Result};
use crate::method::{Budget, Outcome};
use crate::problem::Problem;
#[cfg(feature = "gpu")]
use crate::report::SelfTest;
use crate::report::{DeviceInfo, WarningInfo};
use crate::search::{self, Goal, Progress};

/// Multiplications below which opening a GPU takes longer than the CPU needs.
const WORTH: f64 = 1e10;

/// Memory below which no second try is made.
const LITTLE: u64 = 64 << 20;

/// Share of rounding in an upper bound from which f64 is tried.
const MUCH: f64 = 0.1;
/// How much faster f32 must be for `auto` to begin with it.
#[cfg(feature = "gpu")]
const FASTER: f64 = 8.0;

/// What computes.
pub enum Engine {
    Cpu,
    #[cfg(feature = "gpu")]
    Gpu(Box<Gpu>, Probe),
}

/// A result, and where it comes from.
pub struct Computed {
    pub outcome: Outcome,
    pub device: DeviceInfo,
    pub peak_bytes: u64,
    pub assumptions: Vec<String>,
    pub warnings: Vec<WarningInfo>,
}

/// How one problem is to be solved.
pub struct Order<'a> {
    pub device: Device,
    pub precision: Precision,
    pub method: &'a str,
    pub goal: Goal,
    pub budget: Budget,
    pub seed: u64,
}

/// Solves on the device asked for; in `auto`, trouble with a GPU ends on the CPU with a warning.
pub fn solve(problem: &Problem, order: &Order, mut progress: impl FnMut(Progress)) -> Result<Computed> {
    let work = problem.net.products() * (2.0 + problem.rows() as f64);
    let (engine, warnings) = choose(order.device, order.precision, work)?;
    let again = || open(order.device, order.precision);
    let computed = insist(engine, again, problem, order, &mut progress)?;
    let finer = || open(order.device, Precision::F64);
    let computed = refined(computed, finer, problem, order, &mut progress)?;
    Ok(Computed { warnings: [warnings, computed.warnings].concat(), ..computed })
}

/// In `auto` precision, a result of f32 that owes much of its size to rounding is computed
/// again in f64, where the device has it; the smaller upper end counts.
fn refined(
    first: Computed,
    finer: impl Fn() -> Result<Engine>,
    problem: &Problem,
    order: &Order,
    progress: &mut impl FnMut(Progress),
) -> Result<Computed> {
    let share = first.outcome.rounding_share.unwrap_or(0.0);
    let coarse = first.device.precision == "f32" && order.precision == Precision::Auto;
    let lost = first.outcome.upper.value.get().is_infinite();
    let (lower, upper) = (first.outcome.lower.value.get(), first.outcome.upper.value.get());
    let decided = order.goal.is_decided(lower, upper);
    if !coarse || decided || !(share > MUCH || lost) || order.budget.is_over() {
        return Ok(first);
    }
    let Ok(engine) = finer() else { return Ok(first) };
    let second = insist(engine, finer, problem, order, progress)?;
    Ok(if second.outcome.upper.value < first.outcome.upper.value { second } else { first })
}

/// Another try in less memory where that ran out; then, in `auto`, the CPU.
fn insist(
    mut engine: Engine,
    again: impl Fn() -> Result<Engine>,
    problem: &Problem,
    order: &Order,
    progress: &mut impl FnMut(Progress),
) -> Result<Computed> {
    let mut warnings = vec![];
    let mut budget = order.budget.clone();
    loop {
        let e = match engine.compute(problem, order, &budget, progress) {
            Ok(computed) => return Ok(Computed { warnings, ..computed }),
            Err(e) if e.kind != Kind::Device => return Err(e),
            Err(e) => e,
        };
        if e.what.to_lowercase().contains("memory") && budget.memory > LITTLE {
            budget.memory = (budget.memory / 8).max(LITTLE);
            engine = match again() {
                Ok(engine) => engine,
                Err(e) if order.device == Device::Auto => {
                    warnings.push(warning(&e));
                    Engine::Cpu
                }
                Err(e) => return Err(e),
            };
        } else if order.device == Device::Auto {
            warnings.push(warning(&e));
            engine = Engine::Cpu;
        } else {
            return Err(e);
        }
    }
}

fn warning(e: &Error) -> WarningInfo {
    WarningInfo { code: "gpu".into(), text: format!("{}: {}; the CPU computed", e.place, e.what) }
}

/// The CPU unless a GPU is named, or worth it for so many multiplications; and why not where that
/// is worth a word.
pub fn choose(device: Device, precision: Precision, work: f64) -> Result<(Engine, Vec<WarningInfo>)> {
    let cpu = |warnings| {
        if precision == Precision::F32 {
            return Err(Error::input("the CPU computes in f64")
                .at("--precision f32")
                .next("use auto or f64, or --device gpu"));
        }
        Ok((Engine::Cpu, warnings))
    };
    match device {
        Device::Cpu => cpu(vec![]),
        Device::Auto if work < WORTH => cpu(vec![]),
        Device::Auto => match open(device, precision) {
            Ok(engine) => Ok((engine, vec![])),
            // No GPU is no news; one that computes wrongly is.
            Err(e) if e.kind == Kind::Check => cpu(vec![warning(&e)]),
            Err(_) => cpu(vec![]),
        },
        Device::Gpu(_) => Ok((open(device, precision)?, vec![])),
    }
}

#[cfg(not(feature = "gpu"))]
fn open(_: Device, _: Precision) -> Result<Engine> {
    Err(Error::new(Kind::Device, "this build has no GPU support")
        .at("--device gpu")
        .next("use --device cpu, or build with the feature `gpu`"))
}

/// The adapter that was named, or the best real one; its self-test must pass.
#[cfg(feature = "gpu")]
fn open(device: Device, precision: Precision) -> Result<Engine> {
    let choice = match device {
        Device::Gpu(Some(n)) => Choice::Index(n),
        _ if std::env::var_os("CLARKE_SOFTWARE_GPU").is_some_and(|v| v == "1") => Choice::Any,
        _ => Choice::Real,
    };
    let real = match precision {
        Precision::Auto => None,
        Precision::F32 => Some(Real::F32),
        Precision::F64 => Some(Real::F64),
    };
    let open = |real| {
        Gpu::open(choice, real).map_err(|e| {
            Error::new(Kind::Device, e)
                .at("--device")
                .next("`clarke devices` lists what there is; --device cpu always works")
        })
    };
    let mut gpu = open(real)?;
    if real.is_none() && gpu.real() == Real::F64 && !gpu.info().software {
        // Many devices have few units for f64.
        let narrow = open(Some(Real::F32))?;
        if narrow.peak() > FASTER * gpu.peak() {
            gpu = narrow;
        }
    }
    let probe = gpu.probe();
    if let Some(defect) = &probe.defect {
        return Err(Error::new(Kind::Check, format!("the self-test failed: {defect}"))
            .at(gpu.info().name.clone())
            .next("results of this device are not proofs: use --device cpu"));
    }
    Ok(Engine::Gpu(Box::new(gpu), probe))
}

impl Engine {
    fn compute(
        &self,
        problem: &Problem,
        order: &Order,
        budget: &Budget,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Computed> {
        let (method, goal, budget, seed) = (order.method, order.goal, budget.clone(), order.seed);
        let outcome = match self {
            Engine::Cpu => search::solve(problem, &Cpu::DOUBLE, method, goal, budget, seed, progress)?,
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => {
                let outcome = search::solve(problem, gpu.as_ref(), method, goal, budget, seed, progress);
                // What was read after a failure is void, a contradiction included.
                if let Some(failure) = gpu.failure() {
                    return Err(Error::new(Kind::Device, failure)
                        .at(gpu.info().name.clone())
                        .next("use --device auto to fall back to the CPU, or less --memory"));
                }
                outcome?
            }
        };
        Ok(Computed {
            outcome,
            device: self.info(),
            peak_bytes: self.peak_bytes(),
            assumptions: self.assumptions(),
            warnings: vec![],
        })
    }

    pub fn info(&self) -> DeviceInfo {
        let threads = rayon::current_num_threads();
        match self {
            Engine::Cpu => DeviceInfo {
                name: cpu_name().unwrap_or_else(|| std::env::consts::ARCH.into()),
                backend: "cpu".into(),
                driver: String::new(),
                precision: "f64".into(),
                threads,
                self_test: None,
            },
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, probe) => DeviceInfo {
                name: gpu.info().name.clone(),
                backend: gpu.info().api.clone(),
                driver: gpu.info().driver.clone(),
                precision: gpu.real().name().into(),
                threads,
                self_test: Some(self_test(probe)),
            },
        }
    }

    fn peak_bytes(&self) -> u64 {
        match self {
            Engine::Cpu => 0,
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => gpu.peak_bytes(),
        }
    }

    /// What a result of this device rests on beyond the program.
    pub fn assumptions(&self) -> Vec<String> {
        match self {
            Engine::Cpu => vec![],
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => {
                let (name, driver) = (&gpu.info().name, &gpu.info().driver);
                vec![match gpu.real() {
                    Real::F32 => format!("{driver} on {name} keeps the accuracy that WGSL promises for f32"),
                    Real::F64 => format!(
                        "{driver} on {name} rounds f64 + − × to a neighbour (self-test passed; \
                         Vulkan promises less)"
                    ),
                }]
            }
        }
    }
}

/// The self-test as a report has it.
#[cfg(feature = "gpu")]
pub fn self_test(probe: &Probe) -> SelfTest {
    SelfTest {
        passed: probe.defect.is_none(),
        defect: probe.defect.clone(),
        flushes: probe.flushes,
        contracts: probe.contracts,
        reassociates: probe.reassociates,
    }
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::*;
    use crate::net::{Options, load};
    use crate::num::Norm;
    use crate::problem::{Output, Quantity, Quotient};
    use crate::region::Region;
    use std::cell::Cell;
    use std::path::Path;
    use std::time::Duration;

    fn problem() -> Problem {
        let net = load(Path::new("tests/data/digits.onnx"), &Options::default()).expect("the digits");
        let region = Region::ball(&[0.5; 64], 0.02, Norm::Inf, None).expect("a ball");
        let (output, quantity) = (Output::All, Quantity::Lipschitz);
        let quotient = Quotient { in_norm: Norm::Inf, out_norm: Norm::Inf, output, quantity };
        Problem::new(net, region, quotient).expect("a problem")
    }

    fn order(device: Device) -> Order<'static> {
        // Never the reason to leave something out, on the slowest machine.
        let budget = Budget::new(Duration::from_secs(3600), 1 << 30);
        let goal = Goal::from(1.01);
        Order { device, precision: Precision::Auto, method: "jacobian-ibp", goal, budget, seed: 0 }
    }

    /// A device that fails, and after that one that fails so many times more.
    fn broken(text: &'static str, more: usize, device: Device) -> Option<(usize, Result<Computed>)> {
        let fresh = || Gpu::open(Choice::Any, None).ok();
        let sick = |gpu: Gpu| {
            gpu.break_down(text);
            Engine::Gpu(Box::new(gpu), Probe::default())
        };
        let first = sick(fresh()?);
        let opened = Cell::new(0);
        let again = || {
            opened.set(opened.get() + 1);
            let gpu = fresh().expect("the same adapter");
            if opened.get() <= more {
                Ok(sick(gpu))
            } else {
                Ok(Engine::Gpu(Box::new(gpu), Probe::default()))
            }
        };
        let found = insist(first, again, &problem(), &order(device), &mut |_| {});
        Some((opened.get(), found))
    }

    /// A deep network at a radius far below f32's rounding.
    fn deep() -> Problem {
        use crate::net::{Net, Op};
        use crate::num::random::Random;
        use crate::num::{Affine, LinearMap, Piecewise};
        let mut random = Random(4);
        let mut net = Net::new(vec![32]);
        for k in 0..11 {
            let w = ndarray::Array2::from_shape_simple_fn((32, 32), || 0.3 * random.normal());
            let affine = Affine { map: LinearMap::Dense(w.into()), bias: None, repeat: 1 };
            let at = net.output();
            net.push(format!("layer {k}"), Op::Affine(affine), vec![at], vec![32]).expect("sizes agree");
            let at = net.output();
            let relu = Op::Piecewise(Piecewise::RELU);
            net.push(format!("relu {k}"), relu, vec![at], vec![32]).expect("sizes agree");
        }
        let centre: Vec<f64> = (0..32).map(|_| random.normal()).collect();
        let region = Region::ball(&centre, 1e-7, Norm::Inf, None).expect("a ball");
        Problem::new(net, region, problem().quotient).expect("a problem")
    }

    #[test]
    fn coarse_results_are_computed_again_where_rounding_shows() {
        let engine =
            |real| Some(Engine::Gpu(Box::new(Gpu::open(Choice::Any, Some(real)).ok()?), Probe::default()));
        let Some(coarse) = engine(Real::F32) else { return };
        let order = order(Device::Gpu(None));
        let nothing = &mut |_: Progress| {};
        let finer = || Ok(engine(Real::F64).expect("software drivers have f64"));
        let first = coarse.compute(&deep(), &order, &order.budget, nothing).expect("a pair");
        let (share, upper) = (first.outcome.rounding_share.expect("cheap"), first.outcome.upper.value);
        assert!(share > MUCH, "{share}");
        let again = refined(first, finer, &deep(), &order, nothing).expect("a pair");
        assert!(again.device.precision == "f64" && again.outcome.upper.value < upper);
        // Asked for f32, it stays.
        let first = coarse.compute(&deep(), &order, &order.budget, nothing).expect("a pair");
        let asked = Order { precision: Precision::F32, ..order };
        assert_eq!(refined(first, finer, &deep(), &asked, nothing).expect("a pair").device.precision, "f32");
    }

    #[test]
    fn a_device_that_fails_ends_on_the_cpu_or_as_an_error() {
        let Some((opened, found)) = broken("the device was lost", 0, Device::Auto) else { return };
        let found = found.expect("the CPU's result");
        assert_eq!((opened, found.device.backend.as_str(), found.warnings.len()), (0, "cpu", 1));
        let upper = found.outcome.upper.value.get();
        assert!(upper.is_finite() && found.assumptions.is_empty());
        let (_, named) = broken("the device was lost", 0, Device::Gpu(None)).expect("an adapter");
        assert_eq!(named.err().map(|e| e.exit_code()), Some(4));
        // Less memory helps at the second try, or never.
        let (opened, found) = broken("Out of Memory", 0, Device::Gpu(None)).expect("an adapter");
        let found = found.expect("the GPU's result");
        assert!(opened == 1 && found.device.backend != "cpu");
        assert!((found.outcome.upper.value.get() / upper - 1.0).abs() < 1e-6);
        let (opened, found) = broken("Out of Memory", 9, Device::Auto).expect("an adapter");
        assert!(opened == 2 && found.expect("the CPU's result").device.backend == "cpu");
    }
}
