//! `--device` and `--precision`: where one command computes, and what a result rests on there.

use super::devices::cpu_name;
use super::flags::Precision;
use super::parse::Device;
use crate::backend::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, Gpu, Probe, Real};
use crate::error::{Error, Kind, Result};
use crate::method::{self, Budget, Outcome};
use crate::problem::Problem;
#[cfg(feature = "gpu")]
use crate::report::SelfTest;
use crate::report::{DeviceInfo, WarningInfo};

/// Multiplications below which opening a GPU takes longer than the CPU needs.
const WORTH: f64 = 1e10;

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
    pub gap: f64,
    pub budget: Budget,
    pub seed: u64,
}

/// Solves on the device asked for; in `auto`, trouble with a GPU ends on the CPU with a warning.
pub fn solve(problem: &Problem, order: &Order, mut progress: impl FnMut(f64, f64)) -> Result<Computed> {
    let work = problem.net.products() * (2.0 + problem.rows() as f64);
    let (engine, mut warnings) = choose(order.device, order.precision, work)?;
    let computed = match engine.compute(problem, order, &mut progress) {
        Err(e) if e.kind == Kind::Device && order.device == Device::Auto => {
            warnings.push(warning(&e));
            Engine::Cpu.compute(problem, order, &mut progress)?
        }
        result => result?,
    };
    Ok(Computed { warnings, ..computed })
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
    let gpu = Gpu::open(choice, real).map_err(|e| {
        Error::new(Kind::Device, e)
            .at("--device")
            .next("`clarke devices` lists what there is; --device cpu always works")
    })?;
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
        progress: &mut impl FnMut(f64, f64),
    ) -> Result<Computed> {
        let (method, gap, budget, seed) = (order.method, order.gap, order.budget.clone(), order.seed);
        let outcome = match self {
            Engine::Cpu => method::solve(problem, &Cpu::DOUBLE, method, gap, budget, seed, progress)?,
            #[cfg(feature = "gpu")]
            Engine::Gpu(gpu, _) => {
                let outcome = method::solve(problem, gpu.as_ref(), method, gap, budget, seed, progress);
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
