//! Arguments of commands that go through many samples, as plain values.

use super::args::{BoundArgs, ImportArgs, WorkArgs, normalisation};
use super::flags::{
    BoundFlags, ImportFlags, PrintFlags, QuotientFlags, RegionFlags, ResultFlags, UnitFlags, WorkFlags,
};
use super::job_flags::CertifyFlags;
use super::parse;
use super::print::Print;
use crate::data::Scale;
use crate::error::Result;
use crate::job::samples::Shard;
use crate::job::{Aim, Order};
use crate::num::{Norm, Written};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// Everything `certify` needs to know.
#[derive(Clone, Debug)]
pub struct CertifyArgs {
    pub net: PathBuf,
    pub inputs: String,
    pub labels: Option<String>,
    pub rows: Option<Range<usize>>,
    pub shard: Option<Shard>,
    pub aim: Aim,
    pub norm: Norm,
    pub clip: Option<[Written; 2]>,
    pub scale: Scale,
    pub mean: Option<Vec<Written>>,
    pub std: Option<Vec<Written>>,
    pub import: ImportArgs,
    pub work: WorkArgs,
    pub total: Option<Duration>,
    pub order: Order,
    pub print: Print,
}

impl CertifyArgs {
    pub fn new(flags: CertifyFlags) -> Result<Self> {
        let (samples, work) = (flags.samples, flags.work);
        let [mean, std] = normalisation(&flags.units)?;
        let aim = match &samples.eps {
            Some(text) => Aim::At(parse::radius(text)?),
            None => Aim::Radius,
        };
        let time = work.time.unwrap_or_else(|| "10s".into());
        let shared = WorkFlags {
            time: Some(time),
            gap: work.gap,
            memory: work.memory,
            seed: work.seed,
            machine: work.machine,
            ..WorkFlags::default()
        };
        Ok(CertifyArgs {
            net: flags.net,
            inputs: samples.inputs,
            labels: samples.labels,
            rows: samples.rows.as_deref().map(parse::rows).transpose()?,
            shard: samples.shard.as_deref().map(parse::shard).transpose()?,
            aim,
            norm: samples.norm.unwrap_or(Norm::Inf),
            clip: samples.clip.as_deref().map(parse::clip).transpose()?,
            scale: flags.units.scale.unwrap_or_default(),
            mean,
            std,
            import: ImportArgs::new(flags.import)?,
            work: WorkArgs::new(shared)?,
            total: work.total_time.as_deref().map(parse::total_time).transpose()?,
            order: work.order.unwrap_or_default().into(),
            print: Print::new(flags.print),
        })
    }
}

/// The arguments of `bound` for a command that asks it several times.
pub fn bound_of(parts: Parts) -> Result<BoundArgs> {
    BoundArgs::new(BoundFlags {
        net: Some(parts.net),
        region: parts.region,
        quotient: parts.quotient,
        units: parts.units,
        import: parts.import,
        work: parts.work,
        result: ResultFlags::default(),
        print: parts.print,
    })
}

/// Flags that are those of `bound`.
#[derive(Debug)]
pub struct Parts {
    pub net: PathBuf,
    pub region: RegionFlags,
    pub quotient: QuotientFlags,
    pub units: UnitFlags,
    pub import: ImportFlags,
    pub work: WorkFlags,
    pub print: PrintFlags,
}
