//! Flags that many commands share.
// Brackets in help texts are defaults, not links.
#![allow(rustdoc::broken_intra_doc_links)]

use super::help;
use crate::data::Scale;
use crate::method::METHODS;
use crate::method::row::Scope;
use crate::num::Norm;
use crate::problem::Quantity;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Units")]
pub struct UnitFlags {
    /// 8-bit images: divided by 255 or as they are [unit]
    #[arg(long, value_name = "unit|raw", hide_possible_values = true, long_help = help::SCALE)]
    pub scale: Option<Scale>,
    /// (x − mean)/std per channel, in front of the net
    #[arg(long, value_name = "A,B,C", allow_hyphen_values = true, long_help = help::MEAN)]
    pub mean: Option<String>,
    /// see --mean
    #[arg(long, value_name = "A,B,C", allow_hyphen_values = true)]
    pub std: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct ImportFlags {
    /// for dynamic axes: 1,3,224,224
    #[arg(long, value_name = "SIZES", long_help = help::INPUT_SHAPE)]
    pub input_shape: Option<String>,
    /// which output [the only one, or the first float]
    #[arg(long, value_name = "NAME")]
    pub output_name: Option<String>,
    /// keep a softmax at the end
    #[arg(long)]
    pub keep_softmax: bool,
}

/// Where the work happens.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineFlags {
    /// auto, cpu, gpu, gpu:N [auto]
    #[arg(long, value_name = "DEVICE", long_help = help::DEVICE)]
    pub device: Option<String>,
    /// auto, f32, f64 [auto]
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub precision: Option<Precision>,
    /// threads [all]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub threads: Option<String>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Printing")]
pub struct PrintFlags {
    /// human, json, csv [human]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub format: Option<Format>,
    /// write there instead of to stdout
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// no talk on stderr
    #[arg(long, short)]
    pub quiet: bool,
    /// more talk on stderr
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// auto, always, never [auto]
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<Color>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Human,
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    #[default]
    Auto,
    F32,
    F64,
}

impl From<Precision> for crate::engine::Precision {
    fn from(flag: Precision) -> Self {
        match flag {
            Precision::Auto => Self::Auto,
            Precision::F32 => Self::F32,
            Precision::F64 => Self::F64,
        }
    }
}

impl ValueEnum for Norm {
    fn value_variants<'a>() -> &'a [Self] {
        &[Norm::Inf, Norm::Two, Norm::One]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Norm::One => PossibleValue::new("1").aliases(["l1", "L1"]),
            Norm::Two => PossibleValue::new("2").aliases(["l2", "L2"]),
            Norm::Inf => PossibleValue::new("inf").aliases(["linf", "Linf", "LINF", "l∞", "∞", "Inf", "oo"]),
        })
    }
}

impl ValueEnum for Scale {
    fn value_variants<'a>() -> &'a [Self] {
        &[Scale::Unit, Scale::Raw]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Scale::Unit => "unit",
            Scale::Raw => "raw",
        }))
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Region (none: everything)")]
pub struct RegionFlags {
    /// centre: .npy .npz .csv .png .jpg .idx, rows from 0
    #[arg(long, value_name = "FILE[#ROW]", long_help = help::INPUT)]
    pub input: Option<String>,
    /// centre, instead of --input
    #[arg(long, value_name = "A,B,…", allow_hyphen_values = true, long_help = help::CENTER)]
    pub center: Option<String>,
    /// radius of the ball around the centre: 0.01, 8/255
    #[arg(long, value_name = "R", allow_hyphen_values = true, long_help = help::EPS)]
    pub eps: Option<String>,
    /// the box of a 2×n .npy: lo, hi
    #[arg(long = "box", value_name = "FILE", long_help = help::BOX)]
    pub box_file: Option<String>,
    /// the input box of a property
    #[arg(long, value_name = "FILE", long_help = help::VNNLIB)]
    pub vnnlib: Option<String>,
    /// shape of the ball: inf, 2, 1 [the input norm]
    #[arg(long, value_name = "P", hide_possible_values = true, long_help = help::BALL)]
    pub ball: Option<Norm>,
    /// region ∩ box; alone: the box itself
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true, long_help = help::CLIP)]
    pub clip: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Quotient")]
pub struct QuotientFlags {
    /// both norms: 1, 2, inf [inf]
    #[arg(long, value_name = "P", hide_possible_values = true, long_help = help::NORM)]
    pub norm: Option<Norm>,
    /// norm of inputs
    #[arg(long, value_name = "P", hide_possible_values = true)]
    pub in_norm: Option<Norm>,
    /// norm of outputs
    #[arg(long, value_name = "Q", hide_possible_values = true)]
    pub out_norm: Option<Norm>,
    /// all, I, I-J (a margin), margins:I, pairs [all]
    #[arg(long, value_name = "all|I|I-J|…", long_help = help::OUTPUT)]
    pub output: Option<String>,
    /// lipschitz, anchored [lipschitz]
    #[arg(long, value_name = "NAME", hide_possible_values = true, long_help = help::QUANTITY)]
    pub quantity: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Work")]
pub struct WorkFlags {
    /// auto, or a name of `clarke methods` [auto]
    #[arg(long, value_name = "NAME", hide_possible_values = true, value_parser = MethodName { layers: false }, long_help = help::METHOD)]
    pub method: Option<String>,
    /// limit: 60s, 2m, 500ms; 0: single passes only [60s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, long_help = help::TIME)]
    pub time: Option<String>,
    /// stop at upper ≤ G·lower [1.01; exact: 1+1e-9]
    #[arg(long, value_name = "G", allow_hyphen_values = true, long_help = help::GAP)]
    pub gap: Option<String>,
    /// limit of splits of the region
    #[arg(long, value_name = "N", allow_hyphen_values = true, long_help = help::SPLITS)]
    pub splits: Option<String>,
    /// limit: 8GiB, 512MiB
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub memory: Option<String>,
    /// of random choices [0]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<String>,
    #[command(flatten)]
    pub machine: MachineFlags,
}

/// Any word; completions offer the names of the methods of networks, and of layers where asked for.
#[derive(Clone)]
pub struct MethodName {
    pub layers: bool,
}

impl TypedValueParser for MethodName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let rows = METHODS.iter().filter(|row| self.layers || row.scope != Scope::Layer);
        let names = rows.map(|row| row.name).filter(|name| !name.contains(' '));
        Some(Box::new(std::iter::once("auto").chain(names).map(PossibleValue::new)))
    }
}

impl ValueEnum for Quantity {
    fn value_variants<'a>() -> &'a [Self] {
        &[Quantity::Lipschitz, Quantity::Anchored]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Quantity::Lipschitz => "lipschitz",
            Quantity::Anchored => "anchored",
        }))
    }
}
