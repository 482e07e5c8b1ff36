//! Flags that many commands share.
// Brackets in help texts are defaults, not links.
#![allow(rustdoc::broken_intra_doc_links)]

use super::help;
use crate::data::Scale;
use crate::num::Norm;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
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

#[derive(Debug, Args)]
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
#[derive(Debug, Default, Args)]
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
