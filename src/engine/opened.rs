//! A device that was opened: the CPU, or a GPU whose self-test has passed.

use super::cpu;
use super::device::{Device, Precision, Wanted};
#[cfg(feature = "gpu")]
use super::tuned;
#[cfg(feature = "gpu")]
use crate::backend::Backend;
#[cfg(feature = "gpu")]
use crate::backend::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, Gpu, Probe, Real};
use crate::error::{Error, Kind, Result};
#[cfg(feature = "gpu")]
use crate::measure::rate;
#[cfg(feature = "gpu")]
use crate::report::SelfTest;
use crate::report::{DeviceInfo, WarningInfo};
#[cfg(feature = "gpu")]
use std::sync::Arc;

/// Multiplications below which opening a GPU takes longer than the CPU needs.
const WORTH: f64 = 1e10;
/// How much faster f32 must be for `auto` to begin with it.
#[cfg(feature = "gpu")]
const FASTER: f64 = 8.0;

/// What computes.
#[derive(Clone)]
pub enum Engine {
    Cpu,
    #[cfg(feature = "gpu")]
    Gpu(Arc<Gpu>, Probe),
}

pub fn warning(e: &Error) -> WarningInfo {
    WarningInfo { code: "gpu".into(), text: format!("{}: {}; the CPU computed", e.place, e.what) }
}

/// What computes, and why.
pub struct Chosen {
    pub engine: Engine,
    /// The reason, where nobody named a device.
    pub why: Option<String>,
    pub warnings: Vec<WarningInfo>,
}

/// The CPU unless a GPU is named, or by what was measured sooner done with so many multiplications.
pub fn choose(device: Device, work: f64) -> Result<Chosen> {
    let cpu = |why: Option<String>, warnings| {
        if device.precision == Precision::F32 {
            return Err(Error::input("the CPU computes in f64")
                .at("--precision f32")
                .next("use auto or f64, or --device gpu"));
        }
        Ok(Chosen { engine: Engine::Cpu, why, warnings })
    };
    match device.wanted {
        Wanted::Cpu => cpu(None, vec![]),
        Wanted::Auto if work < WORTH => cpu(
            Some(format!("the CPU: {work:.1e} multiplications a pass are done before a GPU is open")),
            vec![],
        ),
        Wanted::Auto => match open(device) {
            Ok(engine) => Ok(compared(engine, work)),
            // No GPU is no news; one that computes wrongly is.
            Err(e) if e.kind == Kind::Check => cpu(None, vec![warning(&e)]),
            Err(e) => cpu(Some(format!("the CPU: {}", e.what)), vec![]),
        },
        Wanted::Gpu(_) => Ok(Chosen { engine: open(device)?, why: None, warnings: vec![] }),
    }
}

/// The device that was opened, or the CPU where that is measured to need less time. A software driver was asked for.
fn compared(engine: Engine, work: f64) -> Chosen {
    #[cfg(feature = "gpu")]
    if let Engine::Gpu(gpu, _) = &engine
        && !gpu.info().software
    {
        let [cpu, own] = [rate(&Cpu::DOUBLE), rate(gpu.as_ref())].map(|r| work / r);
        let times = format!("a pass takes about {cpu:.2} s on the CPU, {own:.2} s on {}", gpu.info().name);
        let engine = if own < cpu { engine } else { Engine::Cpu };
        return Chosen { engine, why: Some(times), warnings: vec![] };
    }
    let why = Some(format!("a GPU: {work:.1e} multiplications a pass"));
    Chosen { engine, why, warnings: vec![] }
}

#[cfg(not(feature = "gpu"))]
pub fn open(_: Device) -> Result<Engine> {
    Err(Error::new(Kind::Device, "this build has no GPU support")
        .at("--device gpu")
        .next("use --device cpu, or build with the feature `gpu`"))
}

/// The adapter that was named, or the best real one; its self-test must pass.
#[cfg(feature = "gpu")]
pub fn open(device: Device) -> Result<Engine> {
    let choice = match device.wanted {
        Wanted::Gpu(Some(n)) => Choice::Index(n),
        _ if std::env::var_os("CLARKE_SOFTWARE_GPU").is_some_and(|v| v == "1") => Choice::Any,
        _ => Choice::Real,
    };
    let real = match device.precision {
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
    let mut gpu = tuned::recall(gpu);
    if !gpu.info().software {
        // The product is too small to show all that large ones reach.
        gpu = gpu.paced(rate(&gpu).max(gpu.speed()));
    }
    let probe = gpu.probe();
    if let Some(defect) = &probe.defect {
        return Err(Error::new(Kind::Check, format!("the self-test failed: {defect}"))
            .at(gpu.info().name.clone())
            .next("results of this device are not proofs: use --device cpu"));
    }
    Ok(Engine::Gpu(Arc::new(gpu), probe))
}

impl Engine {
    pub fn info(&self) -> DeviceInfo {
        let threads = rayon::current_num_threads();
        match self {
            Engine::Cpu => DeviceInfo {
                name: cpu::name().unwrap_or_else(|| std::env::consts::ARCH.into()),
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

    pub fn peak_bytes(&self) -> u64 {
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
