//! Every command and flag, once: parsing, help, completions and the man page come from here.
//! Help texts are short enough for 80 columns without wrapping.
// Brackets in help texts are defaults, not links.
#![allow(rustdoc::broken_intra_doc_links)]

pub use super::flag_groups::{Color, Format, ImportFlags, MachineFlags, Precision, PrintFlags, UnitFlags};
use super::help;
use super::job_flags::CertifyFlags;
use crate::method::METHODS;
use crate::method::row::Scope;
use crate::num::Norm;
use crate::problem::Quantity;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
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
    /// Re-verify a certificate
    Check(CheckFlags),
    /// Nodes, shapes, what is supported, memory estimate
    Inspect(InspectFlags),
    /// Processors and graphics adapters, with a self-test
    Devices(ListFlags),
    /// The table of methods, or one of them explained
    Methods(MethodsFlags),
    /// Completions for a shell
    Completions {
        /// bash, zsh, fish, elvish, powershell or nushell
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: Shell,
    },
    /// The manual page, in roff
    Man,
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
    /// all, one output I, or a margin I-J [all]
    #[arg(long, value_name = "all|I|I-J", long_help = help::OUTPUT)]
    pub output: Option<String>,
    /// lipschitz, anchored [lipschitz]
    #[arg(long, value_name = "NAME", hide_possible_values = true, long_help = help::QUANTITY)]
    pub quantity: Option<Quantity>,
}

#[derive(Debug, Default, Args)]
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

/// What a dumped problem holds.
const ASKED: [&str; 6] =
    ["RegionFlags", "QuotientFlags", "UnitFlags", "ImportFlags", "expect", "expect_tolerance"];

#[derive(Debug, Args)]
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
pub struct ListFlags {
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

/// Any word; completions offer the names of the methods of networks, and of layers where asked for.
#[derive(Clone)]
struct MethodName {
    layers: bool,
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
