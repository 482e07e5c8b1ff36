//! Every command and flag, once: parsing, help, completions and the man page come from here.
//! Help texts are short enough for 80 columns without wrapping.
// Brackets in help texts are defaults, not links.
#![allow(rustdoc::broken_intra_doc_links)]

use super::flag_groups::MethodName;
pub use super::flag_groups::{
    Color, Format, ImportFlags, MachineFlags, Precision, PrintFlags, QuotientFlags, RegionFlags, UnitFlags,
    WorkFlags,
};
use super::help;
use super::job_flags::{
    BatchFlags, CertifyFlags, CompareFlags, DiffFlags, MergeFlags, ReportFlags, SweepFlags,
};
use crate::num::Norm;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(name = "clarke", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(about = "Proven bounds on how steep a neural network can be", long_about = help::ABOUT)]
#[command(after_help = help::EXAMPLES, after_long_help = help::after())]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A proven pair of bounds for one region
    #[command(long_about = help::BOUND)]
    Bound(Box<BoundFlags>),
    /// The norm of every linear layer, all methods side by side
    Layers(Box<LayersFlags>),
    /// Many samples: a radius or yes/no for each, resumable
    #[command(long_about = help::CERTIFY)]
    Certify(Box<CertifyFlags>),
    /// Any instances, one a line of a table, resumable
    #[command(long_about = help::BATCH)]
    Batch(Box<BatchFlags>),
    /// Journals of parts of a job as one
    #[command(long_about = help::MERGE)]
    Merge(MergeFlags),
    /// Journals side by side
    #[command(long_about = help::DIFF)]
    Diff(DiffFlags),
    /// A journal as one self-contained page
    Report(ReportFlags),
    /// Methods side by side on one problem
    #[command(long_about = help::COMPARE)]
    Compare(Box<CompareFlags>),
    /// Both ends against the radius
    #[command(long_about = help::SWEEP)]
    Sweep(Box<SweepFlags>),
    /// Re-verify a certificate
    Check(CheckFlags),
    /// Nodes, shapes, what is supported, memory estimate
    Inspect(InspectFlags),
    /// Processors and graphics adapters: self-test and speed
    #[command(long_about = help::DEVICES)]
    Devices(DevicesFlags),
    /// The table of methods, or one of them explained
    Methods(MethodsFlags),
    /// Completions for a shell
    Completions {
        /// bash, zsh, fish, elvish, powershell or nushell
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: Shell,
    },
    /// The manual page, in roff: of one command or of all
    Man {
        /// a command
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct BoundFlags {
    /// .onnx .npz .safetensors .nnet
    #[arg(value_name = "NET", required_unless_present = "problem")]
    pub net: Option<PathBuf>,
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
    pub result: ResultFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct CheckFlags {
    /// as `bound --certificate` writes it
    #[arg(value_name = "CERT")]
    pub certificate: PathBuf,
    /// the network, where the certificate does not hold it
    #[arg(long, value_name = "NET")]
    pub net: Option<PathBuf>,
    /// limit [1GiB]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub memory: Option<String>,
    /// limit: 60s, 2m [none]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub time: Option<String>,
    #[command(flatten)]
    pub print: PrintFlags,
}

/// What a dumped problem holds.
const ASKED: [&str; 6] =
    ["RegionFlags", "QuotientFlags", "UnitFlags", "ImportFlags", "expect", "expect_tolerance"];

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Result")]
pub struct ResultFlags {
    /// yes or no: 'L<=3' (or <, >=, >)
    #[arg(long, value_name = "CLAIM", long_help = help::REQUIRE)]
    pub require: Option<String>,
    /// network output at the centre must match
    #[arg(long, value_name = "FILE", long_help = help::EXPECT)]
    pub expect: Option<String>,
    /// how closely: T·(1 + the largest value) [1e-4]
    #[arg(long, value_name = "T", allow_hyphen_values = true, requires = "expect", long_help = help::TOLERANCE)]
    pub expect_tolerance: Option<String>,
    /// write a certificate
    #[arg(long, value_name = "FILE", long_help = help::CERTIFICATE)]
    pub certificate: Option<PathBuf>,
    /// both ends against time: .svg or .csv
    #[arg(long, value_name = "FILE", long_help = help::PLOT)]
    pub plot: Option<PathBuf>,
    /// write the problem, to be asked again
    #[arg(long, value_name = "FILE", long_help = help::DUMP)]
    pub dump: Option<PathBuf>,
    /// ask a dumped problem again
    #[arg(long, value_name = "FILE", long_help = help::PROBLEM, conflicts_with_all = ASKED)]
    pub problem: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct LayersFlags {
    /// .onnx .npz .safetensors .nnet
    #[arg(value_name = "NET")]
    pub net: PathBuf,
    /// both norms: 1, 2, inf [2]
    #[arg(long, value_name = "P", hide_possible_values = true, help_heading = "Quotient")]
    pub norm: Option<Norm>,
    /// norm of inputs
    #[arg(long, value_name = "P", hide_possible_values = true, help_heading = "Quotient")]
    pub in_norm: Option<Norm>,
    /// norm of outputs
    #[arg(long, value_name = "Q", hide_possible_values = true, help_heading = "Quotient")]
    pub out_norm: Option<Norm>,
    #[command(flatten)]
    pub import: ImportFlags,
    /// 0: quick methods only [60s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Work", long_help = help::TIME_OF_LAYERS)]
    pub time: Option<String>,
    #[command(flatten)]
    pub machine: MachineFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct InspectFlags {
    /// .onnx .npz .safetensors .nnet
    #[arg(value_name = "NET")]
    pub net: PathBuf,
    #[command(flatten)]
    pub import: ImportFlags,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct MethodsFlags {
    /// a method: formula, cost, when it is loose, an example
    #[arg(value_name = "NAME", hide_possible_values = true, value_parser = MethodName { layers: true })]
    pub name: Option<String>,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Debug, Args)]
pub struct DevicesFlags {
    /// measure rates, kernels and passes
    #[arg(long)]
    pub bench: bool,
    /// one alone: cpu, gpu, gpu:N [all]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// limit for each kind of numbers [60s]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "bench")]
    pub time: Option<String>,
    /// threads [all]
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "bench")]
    pub threads: Option<String>,
    #[command(flatten)]
    pub print: PrintFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    #[value(name = "powershell")]
    PowerShell,
    Nushell,
}
