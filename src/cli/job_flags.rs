//! Flags of commands that go through many samples.
// Brackets in help texts are defaults, not links.
#![allow(rustdoc::broken_intra_doc_links)]

use super::flag_groups::{
    ImportFlags, MachineFlags, PrintFlags, QuotientFlags, RegionFlags, UnitFlags, WorkFlags,
};
use super::help;
use crate::num::Norm;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct CertifyFlags {
    /// .onnx .npz .safetensors .nnet
    #[arg(value_name = "NET")]
    pub net: PathBuf,
    #[command(flatten)]
    pub samples: SampleFlags,
    #[command(flatten)]
    pub units: UnitFlags,
    #[command(flatten)]
    pub import: ImportFlags,
    #[command(flatten)]
    pub work: CertifyWorkFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Samples")]
pub struct SampleFlags {
    /// .npy .npz#name .csv .idx(.gz), or a folder of .png/.jpg
    #[arg(long, value_name = "FILE", long_help = help::INPUTS)]
    pub inputs: String,
    /// a whole number per sample: .npy .csv .idx(.gz)
    #[arg(long, value_name = "FILE", long_help = help::LABELS)]
    pub labels: Option<String>,
    /// rows A to B − 1, from 0: 0..1000 [all]
    #[arg(long, value_name = "A..B")]
    pub rows: Option<String>,
    /// every N-th of them from the I-th on, from 1: 2/4
    #[arg(long, value_name = "I/N", long_help = help::SHARD)]
    pub shard: Option<String>,
    /// yes or no at this radius: 0.01, 8/255
    #[arg(
        long,
        value_name = "R",
        allow_hyphen_values = true,
        required_unless_present = "radius",
        conflicts_with = "radius"
    )]
    pub eps: Option<String>,
    /// the largest radius that can be proven
    #[arg(long)]
    pub radius: bool,
    /// shape of the balls: 1, 2, inf [inf]
    #[arg(long, value_name = "P", hide_possible_values = true)]
    pub norm: Option<Norm>,
    /// balls ∩ box; every sample must lie in it
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    pub clip: Option<String>,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Work")]
pub struct CertifyWorkFlags {
    /// limit for each sample; 0: linear bounds only [10s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, long_help = help::TIME_OF_SAMPLES)]
    pub time: Option<String>,
    /// limit of the whole run [none]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub total_time: Option<String>,
    /// --radius: as close to one that fails [1.01]
    #[arg(long, value_name = "G", allow_hyphen_values = true)]
    pub gap: Option<String>,
    /// open ones first: rows, promising, worst [rows]
    #[arg(long, value_name = "NAME", hide_possible_values = true, long_help = help::ORDER)]
    pub order: Option<Order>,
    /// limit: 8GiB, 512MiB
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub memory: Option<String>,
    /// of random choices [0]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<String>,
    #[command(flatten)]
    pub machine: MachineFlags,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    #[default]
    Rows,
    Promising,
    Worst,
}

impl From<Order> for crate::job::Order {
    fn from(flag: Order) -> Self {
        match flag {
            Order::Rows => Self::Rows,
            Order::Promising => Self::Promising,
            Order::Worst => Self::Worst,
        }
    }
}

#[derive(Debug, Args)]
pub struct MergeFlags {
    /// journals of parts
    #[arg(value_name = "SHARD.jsonl", required = true)]
    pub parts: Vec<PathBuf>,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct CompareFlags {
    /// .onnx .npz .safetensors .nnet
    #[arg(value_name = "NET")]
    pub net: PathBuf,
    /// names of `clarke methods` [all that apply]
    #[arg(long, value_name = "A,B,…", help_heading = "Methods", conflicts_with = "method")]
    pub methods: Option<String>,
    /// as a Markdown table
    #[arg(long, help_heading = "Printing", conflicts_with = "format")]
    pub markdown: bool,
    #[command(flatten)]
    pub region: RegionFlags,
    #[command(flatten)]
    pub quotient: QuotientFlags,
    #[command(flatten)]
    pub units: UnitFlags,
    #[command(flatten)]
    pub import: ImportFlags,
    #[command(flatten)]
    pub work: WorkFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct SweepFlags {
    /// .onnx .npz .safetensors .nnet
    #[arg(value_name = "NET")]
    pub net: PathBuf,
    #[command(flatten)]
    pub region: RegionFlags,
    /// how many radii, logarithmic [20]
    #[arg(long, value_name = "N", help_heading = "Result")]
    pub points: Option<String>,
    /// both ends against the radius: .svg or .csv
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub quotient: QuotientFlags,
    #[command(flatten)]
    pub units: UnitFlags,
    #[command(flatten)]
    pub import: ImportFlags,
    #[command(flatten)]
    pub work: WorkFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct ReportFlags {
    /// a journal of `clarke certify`
    #[arg(value_name = "RUN.jsonl")]
    pub journal: PathBuf,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct BatchFlags {
    /// a table, or VNN-COMP's list of network, property, limit
    #[arg(value_name = "JOBS.csv", long_help = help::JOBS)]
    pub jobs: PathBuf,
    #[command(flatten)]
    pub units: UnitFlags,
    #[command(flatten)]
    pub import: ImportFlags,
    #[command(flatten)]
    pub work: WorkFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct DiffFlags {
    /// journals of `clarke certify`
    #[arg(value_name = "RUN.jsonl", required = true, num_args = 2..)]
    pub journals: Vec<PathBuf>,
    #[command(flatten)]
    pub print: PrintFlags,
}
