//! Arguments of commands as plain values: flags parsed, defaults filled in, contradictions
//! refused. Nothing has been read from disk yet.

use super::flags::{BoundFlags, ImportFlags, LayersFlags, QuotientFlags, RegionFlags, UnitFlags, WorkFlags};
use super::parse::{self, Require};
use super::print::Print;
use crate::data::{Scale, parse_center};
use crate::engine::{Device, Wanted};
use crate::error::{Error, Result};
use crate::num::{Norm, Written};
use crate::problem::{Output, Quantity};
use crate::report::WarningInfo;
use std::path::PathBuf;
use std::time::Duration;

/// Everything `bound` needs to know.
#[derive(Clone, Debug)]
pub struct BoundArgs {
    pub net: PathBuf,
    pub centre: Option<Centre>,
    pub region: RegionArg,
    pub clip: Option<[Written; 2]>,
    pub in_norm: Norm,
    pub out_norm: Norm,
    pub output: Output,
    pub quantity: Quantity,
    pub scale: Scale,
    pub mean: Option<Vec<Written>>,
    pub std: Option<Vec<Written>>,
    pub import: ImportArgs,
    pub work: WorkArgs,
    pub require: Option<Require>,
    /// File with the network's output at the centre, and by how much of one more than its largest
    /// magnitude that may differ.
    pub expect: Option<String>,
    pub tolerance: f64,
    pub certificate: Option<PathBuf>,
    pub plot: Option<PathBuf>,
    pub dump: Option<PathBuf>,
    pub print: Print,
    /// What deserves a word about the flags themselves.
    pub notes: Vec<WarningInfo>,
}

/// Where the centre comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Centre {
    /// `--input FILE[#ROW]`.
    Input(String),
    /// `--center`.
    Values(Vec<Written>),
    /// The bytes of an array in memory.
    Held(Vec<u8>),
}

/// The region before `--clip`.
#[derive(Clone, Debug, PartialEq)]
pub enum RegionArg {
    /// Everything; with a clip range, the box of that range.
    Global,
    Ball {
        radius: Written,
        norm: Norm,
    },
    Box(String),
    Vnnlib(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportArgs {
    pub input_shape: Option<Vec<usize>>,
    pub output_name: Option<String>,
    pub keep_softmax: bool,
}

/// Bytes that blocks of numbers may take where nobody says so.
pub const MEMORY: u64 = 4 << 30;

/// How close the ends of an exact constant are.
pub const EXACT: f64 = 1.0 + 1e-9;

#[derive(Clone, Debug, PartialEq)]
pub struct WorkArgs {
    /// "auto", "exact" or a row of the method table.
    pub method: String,
    /// Zero: single-pass methods only.
    pub time: Duration,
    pub gap: f64,
    pub gap_given: bool,
    pub splits: Option<u64>,
    pub device: Device,
    pub threads: Option<usize>,
    pub memory: Option<u64>,
    pub seed: u64,
}

/// Everything `layers` needs to know.
#[derive(Clone, Debug)]
pub struct LayersArgs {
    pub net: PathBuf,
    pub in_norm: Norm,
    pub out_norm: Norm,
    pub import: ImportArgs,
    pub work: WorkArgs,
    pub print: Print,
}

/// Mean and deviation per channel.
pub fn normalisation(flags: &UnitFlags) -> Result<[Option<Vec<Written>>; 2]> {
    let mean = flags.mean.as_deref().map(|t| parse::numbers("--mean", t)).transpose()?;
    let std = flags.std.as_deref().map(parse::std).transpose()?;
    if let (Some(m), Some(s)) = (&mean, &std)
        && m.len() != s.len()
    {
        return Err(Error::input(format!("{} means and {} deviations", m.len(), s.len()))
            .at("--mean and --std")
            .next("give one number per channel in both"));
    }
    Ok([mean, std])
}

impl BoundArgs {
    pub fn new(flags: BoundFlags) -> Result<Self> {
        let both = flags.quotient.norm.unwrap_or(Norm::Inf);
        let in_norm = flags.quotient.in_norm.unwrap_or(both);
        let centre = centre(&flags.region)?;
        let region = region(&flags.region, in_norm)?;
        let clip = flags.region.clip.as_deref().map(parse::clip).transpose()?;
        let quantity = flags.quotient.quantity.unwrap_or(Quantity::Lipschitz);
        let alone = region == RegionArg::Global && clip.is_none();
        if alone && centre.is_some() && flags.result.expect.is_none() {
            return Err(Error::input("there is a centre, but no region around it")
                .at("--input or --center")
                .next("add --eps R, or leave the centre out for the global constant"));
        }
        if quantity == Quantity::Anchored && (centre.is_none() || alone) {
            return Err(Error::input("the anchored quotient needs a centre and a region")
                .at("--quantity anchored")
                .next("give --input or --center, and --eps"));
        }
        let [mean, std] = normalisation(&flags.units)?;
        let notes = notes(&flags.quotient, in_norm, &region);
        let require = flags.result.require.as_deref().map(parse::require).transpose()?;
        let mut work = WorkArgs::new(flags.work)?;
        if require.is_some() && !work.gap_given {
            // The question decides how close the ends must come.
            work.gap = EXACT;
        }
        Ok(BoundArgs {
            notes,
            net: flags.net.ok_or_else(|| Error::input("no network is given").at("NET"))?,
            centre,
            region,
            clip,
            in_norm,
            out_norm: flags.quotient.out_norm.unwrap_or(both),
            output: flags.quotient.output.as_deref().map_or(Ok(Output::All), parse::output)?,
            quantity,
            scale: flags.units.scale.unwrap_or_default(),
            mean,
            std,
            import: ImportArgs::new(flags.import)?,
            work,
            require,
            expect: flags.result.expect,
            tolerance: flags.result.expect_tolerance.as_deref().map_or(Ok(1e-4), parse::tolerance)?,
            certificate: flags.result.certificate,
            plot: flags.result.plot.map(parse::plot).transpose()?,
            dump: flags.result.dump,
            print: Print::new(flags.print),
        })
    }
}

impl LayersArgs {
    pub fn new(flags: LayersFlags) -> Result<Self> {
        let both = flags.norm.unwrap_or(Norm::Two);
        Ok(LayersArgs {
            net: flags.net,
            in_norm: flags.in_norm.unwrap_or(both),
            out_norm: flags.out_norm.unwrap_or(both),
            import: ImportArgs::new(flags.import)?,
            work: WorkArgs::new(WorkFlags {
                time: flags.time,
                machine: flags.machine,
                ..WorkFlags::default()
            })?,
            print: Print::new(flags.print),
        })
    }
}

impl ImportArgs {
    pub fn new(flags: ImportFlags) -> Result<Self> {
        let input_shape = flags.input_shape.as_deref().map(parse::shape).transpose()?;
        Ok(ImportArgs { input_shape, output_name: flags.output_name, keep_softmax: flags.keep_softmax })
    }

    /// The same for the importers.
    pub fn options(&self) -> crate::net::Options {
        crate::net::Options {
            keep_softmax: self.keep_softmax,
            input_shape: self.input_shape.clone(),
            output: self.output_name.clone(),
        }
    }
}

impl WorkArgs {
    pub fn new(flags: WorkFlags) -> Result<Self> {
        let method = flags.method.unwrap_or_else(|| "auto".into());
        let gap_given = flags.gap.is_some();
        let gap = match flags.gap.as_deref().map(parse::gap).transpose()? {
            Some(gap) => gap,
            None if method == "exact" => EXACT,
            None => 1.01,
        };
        let machine = flags.machine;
        let threads = machine.threads.as_deref().map(|t| parse::count("--threads", t, 1)).transpose()?;
        Ok(WorkArgs {
            time: flags.time.as_deref().map_or(Ok(Duration::from_secs(60)), parse::time)?,
            splits: flags.splits.as_deref().map(|t| parse::count("--splits", t, 0)).transpose()?,
            device: Device {
                wanted: machine.device.as_deref().map_or(Ok(Wanted::Auto), parse::device)?,
                precision: machine.precision.unwrap_or_default().into(),
            },
            threads: threads.map(|t| usize::try_from(t).unwrap_or(usize::MAX)),
            memory: flags.memory.as_deref().map(parse::memory).transpose()?,
            seed: flags.seed.as_deref().map_or(Ok(0), |t| parse::count("--seed", t, 0))?,
            method,
            gap,
            gap_given,
        })
    }
}

/// Flags that overrule others silently.
fn notes(flags: &QuotientFlags, in_norm: Norm, region: &RegionArg) -> Vec<WarningInfo> {
    let Some(both) = flags.norm else { return vec![] };
    let note = |side: &str, own: Norm, more: &str| WarningInfo {
        code: "norm-overruled".into(),
        text: format!("--{side}-norm {own} overrules --norm {both}{more}"),
    };
    let mut notes = vec![];
    if let Some(own) = flags.in_norm.filter(|own| *own != both) {
        let shaped = matches!(region, RegionArg::Ball { norm, .. } if *norm == in_norm);
        notes.push(note("in", own, if shaped { ", for the shape of the ball too" } else { "" }));
    }
    if let Some(own) = flags.out_norm.filter(|own| *own != both) {
        notes.push(note("out", own, ""));
    }
    notes
}

fn centre(flags: &RegionFlags) -> Result<Option<Centre>> {
    match (&flags.input, &flags.center) {
        (Some(_), Some(_)) => Err(Error::input("--input and --center both give a centre")
            .at("--input and --center")
            .next("leave one of them out")),
        (Some(spec), None) => Ok(Some(Centre::Input(spec.clone()))),
        (None, Some(text)) => parse_center(text).map(|v| Some(Centre::Values(v))),
        (None, None) => Ok(None),
    }
}

fn region(flags: &RegionFlags, in_norm: Norm) -> Result<RegionArg> {
    let given: Vec<&str> = [("--eps", &flags.eps), ("--box", &flags.box_file), ("--vnnlib", &flags.vnnlib)]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|_| name))
        .collect();
    if given.len() > 1 {
        return Err(Error::input(format!("{} each give a region", given.join(" and ")))
            .at(given.join(" and "))
            .next("keep one; --clip LO,HI intersects it with a range"));
    }
    if flags.ball.is_some() && flags.eps.is_none() {
        return Err(Error::input("--ball shapes a ball, but there is no radius")
            .at("--ball")
            .next("add --eps R"));
    }
    if let Some(text) = &flags.eps {
        let radius = parse::radius(text)?;
        if flags.input.is_none() && flags.center.is_none() {
            return Err(Error::input("a ball needs a centre")
                .at("--eps")
                .next("give --input FILE#ROW or --center \"0.1,0.2,…\""));
        }
        return Ok(RegionArg::Ball { radius, norm: flags.ball.unwrap_or(in_norm) });
    }
    Ok(match (&flags.box_file, &flags.vnnlib) {
        (Some(path), _) => RegionArg::Box(path.clone()),
        (_, Some(path)) => RegionArg::Vnnlib(path.clone()),
        _ => RegionArg::Global,
    })
}
