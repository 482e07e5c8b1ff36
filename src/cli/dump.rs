//! Problems as files: `--dump` writes what was asked with everything it rests on, `--problem` asks it again.
//! Small networks travel inside, of others the file says where they lie and what their digest is.

use super::args::BoundArgs;
use super::flags::{BoundFlags, Precision};
use super::problem::{self, Loaded};
use crate::certificate::file::Asked;
use crate::data::read_file;
use crate::engine::Model;
use crate::error::{Error, Result};
use crate::num::Written;
use crate::problem::Problem;
use crate::report::{CentreInfo, RegionInfo, Units, WarningInfo};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const SCHEMA: &str = "clarke.problem/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    version: String,
    problem: Asked,
    options: Options,
    told: Told,
}

/// The flags of the work, as they were written.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    method: Option<String>,
    time: Option<String>,
    gap: Option<String>,
    splits: Option<String>,
    memory: Option<String>,
    seed: Option<String>,
    device: Option<String>,
    precision: Option<String>,
    threads: Option<String>,
    require: Option<String>,
}

/// What reports say besides: where everything came from.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// The network's file, as it was named and from the root.
    net: String,
    place: PathBuf,
    centre: Option<CentreInfo>,
    at: Option<Vec<Written>>,
    region: RegionInfo,
    source: Option<String>,
    units: Units,
    warnings: Vec<WarningInfo>,
}

impl Options {
    pub fn of(flags: &BoundFlags) -> Options {
        let (work, machine) = (&flags.work, &flags.work.machine);
        let precision = machine.precision.and_then(|p| p.to_possible_value());
        Options {
            method: work.method.clone(),
            time: work.time.clone(),
            gap: work.gap.clone(),
            splits: work.splits.clone(),
            memory: work.memory.clone(),
            seed: work.seed.clone(),
            device: machine.device.clone(),
            precision: precision.map(|p| p.get_name().into()),
            threads: machine.threads.clone(),
            require: flags.result.require.clone(),
        }
    }

    /// Takes the place of flags that are not given.
    fn fill(self, flags: &mut BoundFlags) -> Result<()> {
        fn put<T>(flag: &mut Option<T>, dumped: Option<T>) {
            *flag = flag.take().or(dumped);
        }
        let precision = self.precision.map(|p| Precision::from_str(&p, false)).transpose();
        let precision = precision.map_err(|_| bad("its precision is none"))?;
        let work = &mut flags.work;
        put(&mut work.method, self.method);
        put(&mut work.time, self.time);
        put(&mut work.gap, self.gap);
        put(&mut work.splits, self.splits);
        put(&mut work.memory, self.memory);
        put(&mut work.seed, self.seed);
        put(&mut work.machine.device, self.device);
        put(&mut work.machine.precision, precision);
        put(&mut work.machine.threads, self.threads);
        put(&mut flags.result.require, self.require);
        Ok(())
    }
}

/// The problem as text.
pub fn text(args: &BoundArgs, options: Options, loaded: &Loaded) -> String {
    let problem = &loaded.problem;
    let file = File {
        schema: SCHEMA.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        problem: Asked::new((**loaded.model.source()).clone(), &problem.region, &problem.quotient),
        options,
        told: Told {
            net: loaded.net.path.clone(),
            place: args.net.canonicalize().unwrap_or_else(|_| args.net.clone()),
            centre: loaded.centre.clone(),
            at: loaded.at.clone(),
            region: loaded.region.clone(),
            source: loaded.region.source.clone(),
            units: loaded.units.clone(),
            warnings: loaded.warnings.clone(),
        },
    };
    serde_json::to_string(&file).expect("plain data") + "\n"
}

/// A problem that is asked again.
pub struct Replay {
    problem: Asked,
    told: Told,
    /// Where the network is read from: the file named now, or None for the bytes inside.
    net: Option<PathBuf>,
}

impl Replay {
    /// Reads the file; its options take the place of flags that are not given.
    pub fn read(path: &Path, flags: &mut BoundFlags) -> Result<Replay> {
        let place = path.display().to_string();
        let mut read = || -> Result<Replay> {
            let text = String::from_utf8(read_file(path)?).map_err(|_| bad("it is no text"))?;
            let file: File = serde_json::from_str(&text).map_err(|e| bad(&e.to_string()))?;
            if file.schema != SCHEMA {
                return Err(bad(&format!("its schema is {:?}, not {SCHEMA:?}", file.schema)));
            }
            file.options.fill(flags)?;
            let outside = file.problem.net.bytes.is_none().then(|| file.told.place.clone());
            let net = flags.net.clone().or(outside);
            flags.net.get_or_insert_with(|| file.told.net.clone().into());
            Ok(Replay { problem: file.problem, told: file.told, net })
        };
        read().map_err(|e| e.at(format!("--problem {place}")))
    }

    pub fn load(self, args: &BoundArgs) -> Result<Loaded> {
        let model = Model::named(&self.problem.net, self.net.as_deref())?;
        let net = model.net();
        let told = self.told;
        let (region, quotient) = self.problem.read()?;
        let at = told.at.filter(|x| x.len() == net.inputs());
        let output = at.as_ref().map(|x| problem::output(net, x));
        let info = problem::net_info(net, args.net.display().to_string(), model.source());
        let problem = Problem::new(net.clone(), region, quotient)?;
        Ok(Loaded {
            quotient: problem::quotient_info(&problem),
            region: problem::settled(RegionInfo { source: told.source, ..told.region }, &problem),
            problem,
            model,
            net: info,
            centre: told.centre,
            at,
            output,
            units: told.units,
            warnings: told.warnings,
        })
    }
}

fn bad(what: &str) -> Error {
    Error::input(format!("the problem is damaged: {what}")).next("write it again with --dump")
}
