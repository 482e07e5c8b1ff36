//! `clarke devices`: what can compute, and whether its arithmetic is what the proofs assume.

use super::flags::{Format, ListFlags};
use super::print::Print;
use crate::engine::cpu as processor;
#[cfg(feature = "gpu")]
use crate::engine::self_test;
use crate::error::{Error, Kind, Result};
use crate::report::{SelfTest, csv::quote};
use serde_json::json;

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

pub fn run(flags: ListFlags) -> Result<i32> {
    let print = Print::new(flags.print);
    let devices: Vec<Device> = std::iter::once(cpu()).chain(gpus()).collect();
    print.result(&text(&devices, &print))?;
    match devices.iter().find_map(|d| d.defect().map(|defect| (d, defect))) {
        None => Ok(0),
        Some((device, defect)) => Err(Error::new(Kind::Check, format!("the self-test failed: {defect}"))
            .at(device.name.clone())
            .next("results of this device are not proofs: do not use it")),
    }
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
fn gpus() -> Vec<Device> {
    vec![]
}

/// All adapters, each opened in each of its number types.
#[cfg(feature = "gpu")]
fn gpus() -> Vec<Device> {
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
    list().into_iter().enumerate().map(one).collect()
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
