//! `clarke devices`: what can compute, and whether its arithmetic is what the proofs assume.

use super::flags::{DevicesFlags, Format};
use super::interrupt;
use super::measured::{self, Timed};
use super::print::Print;
use super::{parse, threads};
#[cfg(feature = "gpu")]
use crate::engine::self_test;
use crate::engine::{Wanted, cpu as processor};
use crate::error::{Error, Kind, Result};
use crate::report::{SelfTest, csv::quote};
use serde_json::json;
use std::time::Duration;

/// For each device and number type, where no other limit is given.
const LIMIT: Duration = Duration::from_secs(60);

/// One device of the list.
pub struct Device {
    /// What `--device` takes.
    pub flag: String,
    pub name: String,
    pub backend: String,
    pub limits: String,
    /// The self-test in every number type that the device has.
    pub tests: Vec<(&'static str, SelfTest)>,
    /// Why it cannot be used at all.
    pub closed: Option<String>,
}

impl Device {
    fn defect(&self) -> Option<&String> {
        self.tests.iter().find_map(|(_, t)| t.defect.as_ref())
    }
}

pub fn run(flags: DevicesFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let wanted = flags.device.as_deref().map_or(Ok(Wanted::Auto), parse::device)?;
    let time = flags.time.as_deref().map_or(Ok(LIMIT), parse::time)?;
    let threads = flags.threads.as_deref().map(|t| parse::count("--threads", t, 1)).transpose()?;
    let devices = listed(wanted)?;
    if flags.bench {
        threads::start(threads.map(|t| usize::try_from(t).unwrap_or(usize::MAX)))?;
        // What computes wrongly is listed, not timed.
        let sound = devices.iter().filter(|d| d.closed.is_none() && d.defect().is_none());
        let timed: Vec<Timed> = sound.flat_map(|d| timed(d, time, &print)).collect();
        print.result(&measured::text(&timed, &print))?;
    } else {
        print.result(&text(&devices, &print))?;
    }
    match devices.iter().find_map(|d| d.defect().map(|defect| (d, defect))) {
        None if flags.bench && interrupt::stop().is_requested() => Ok(interrupt::exit_code()),
        None => Ok(0),
        Some((device, defect)) => Err(Error::new(Kind::Check, format!("the self-test failed: {defect}"))
            .at(device.name.clone())
            .next("results of this device are not proofs: do not use it")),
    }
}

/// Those that are meant.
fn listed(wanted: Wanted) -> Result<Vec<Device>> {
    let list = match wanted {
        Wanted::Auto => std::iter::once(cpu()).chain(gpus(None)).collect(),
        Wanted::Cpu => vec![cpu()],
        Wanted::Gpu(at) => gpus(Some(at.unwrap_or(0))),
    };
    match list.is_empty() {
        true => Err(Error::new(Kind::Device, "there is no such adapter")
            .at("--device")
            .next("`clarke devices` lists what there is")),
        false => Ok(list),
    }
}

/// In every number type that it has.
fn timed(d: &Device, time: Duration, print: &Print) -> Vec<Timed> {
    let Some(at) = d.flag.strip_prefix("gpu:").and_then(|n| n.parse().ok()) else {
        return vec![measured::cpu(&d.flag, &d.name, time, print)];
    };
    gpu_timed(at, d, time, print)
}

#[cfg(not(feature = "gpu"))]
fn gpu_timed(_: usize, _: &Device, _: Duration, _: &Print) -> Vec<Timed> {
    vec![]
}

#[cfg(feature = "gpu")]
fn gpu_timed(at: usize, d: &Device, time: Duration, print: &Print) -> Vec<Timed> {
    use crate::backend::gpu::Real;
    let one = |(number, _): &(&str, SelfTest)| {
        let real = if *number == Real::F64.name() { Real::F64 } else { Real::F32 };
        let timed = measured::gpu(at, real, time, print);
        timed.map_err(|e| print.talk(&format!("{}, {number}: {e}", d.flag))).ok()
    };
    d.tests.iter().filter_map(one).collect()
}

fn text(devices: &[Device], print: &Print) -> String {
    let test = |d: &Device| match (&d.closed, d.defect()) {
        (Some(why), _) => format!("not run: {why}"),
        (_, Some(defect)) => defect.clone(),
        _ => "passed".into(),
    };
    let header = ["device", "backend", "limits", "self-test", "name"];
    let cells: Vec<Vec<String>> = devices
        .iter()
        .map(|d| vec![d.flag.clone(), d.backend.clone(), d.limits.clone(), test(d), d.name.clone()])
        .collect();
    match print.format {
        Format::Human => print.table(&header, &cells),
        Format::Json => {
            let list: Vec<_> = devices
                .iter()
                .map(|d| {
                    json!({"device": d.flag, "name": d.name, "backend": d.backend, "limits": d.limits,
                        "closed": d.closed, "self_test": tests(d)})
                })
                .collect();
            format!("{:#}\n", json!({"schema": "clarke.devices/1", "devices": list}))
        }
        Format::Csv => {
            let line =
                |cells: Vec<String>| cells.iter().map(|c| quote(c)).collect::<Vec<_>>().join(",") + "\n";
            line(header.map(String::from).to_vec()) + &cells.into_iter().map(line).collect::<String>()
        }
    }
}

/// Every number type's self-test by its name.
fn tests(d: &Device) -> serde_json::Map<String, serde_json::Value> {
    d.tests.iter().map(|(real, t)| (real.to_string(), json!(t))).collect()
}

#[cfg(not(feature = "gpu"))]
fn gpus(_: Option<usize>) -> Vec<Device> {
    vec![]
}

/// All adapters or one of them, each opened in each of its number types.
#[cfg(feature = "gpu")]
fn gpus(only: Option<usize>) -> Vec<Device> {
    use crate::backend::gpu::{Choice, Gpu, Real, list};
    let one = |(k, info): (usize, crate::backend::gpu::Info)| {
        let mut device = Device {
            flag: format!("gpu:{k}"),
            name: format!("{}{}", info.name, if info.software { " (software)" } else { "" }),
            backend: info.api,
            limits: format!("{}{} MiB", if info.f64 { "f32, f64, " } else { "f32, " }, info.binding >> 20),
            tests: vec![],
            closed: None,
        };
        for real in [Some(Real::F32), info.f64.then_some(Real::F64)].into_iter().flatten() {
            match Gpu::open(Choice::Index(k), Some(real)) {
                Ok(gpu) => device.tests.push((real.name(), self_test(&gpu.probe()))),
                Err(e) => device.closed = Some(e),
            }
        }
        device
    };
    list().into_iter().enumerate().filter(|(k, _)| only.is_none_or(|n| n == *k)).map(one).collect()
}

fn cpu() -> Device {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let name = processor::name().unwrap_or_else(|| std::env::consts::ARCH.into());
    let limits = format!("{threads} thread{}, f64", if threads == 1 { "" } else { "s" });
    let defect = processor::defect();
    let test = SelfTest { passed: defect.is_none(), defect, ..SelfTest::default() };
    Device {
        flag: "cpu".into(),
        name,
        backend: "cpu".into(),
        limits,
        tests: vec![("f64", test)],
        closed: None,
    }
}
