//! Results as plain data and as text: JSON for programs, a table for people, CSV for lists.
//! Nothing is computed here but the rounding of printed digits, always away from the claim.

mod axis;
pub mod chart;
pub mod checked;
pub mod compare;
pub mod count;
pub mod csv;
pub mod gallery;
pub mod html;
pub mod human;
pub mod json;
pub mod plot;
pub mod quality;
pub mod sweep;

use crate::num::round::sub_down;
pub use quality::Quality;
use serde::{Deserialize, Serialize};

/// The result of `bound`; its serialised form is the JSON contract, field for field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "schema", rename = "clarke.bound/1")]
pub struct BoundReport {
    pub tool: Tool,
    pub net: NetInfo,
    pub centre: Option<CentreInfo>,
    pub output: Option<OutputInfo>,
    pub region: RegionInfo,
    pub units: Units,
    pub quotient: QuestionInfo,
    pub upper: UpperInfo,
    pub lower: LowerInfo,
    pub quality: Quality,
    pub estimate: Option<EstimateInfo>,
    pub exact: bool,
    pub status: Status,
    pub require: Option<Requirement>,
    pub seed: u64,
    pub splits: u64,
    pub nodes: u64,
    /// Part of the upper bound that is due to rounding, from 0 to 1.
    pub rounding_share: Option<f64>,
    pub seconds: Seconds,
    pub peak_bytes: PeakBytes,
    pub device: DeviceInfo,
    pub assumptions: Vec<String>,
    pub warnings: Vec<WarningInfo>,
    /// Path of the certificate, once it is written.
    pub certificate: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    pub version: String,
    pub commit: String,
}

impl Tool {
    /// This build. The commit is known where the build was told `CLARKE_COMMIT`.
    pub fn current() -> Self {
        let commit = option_env!("CLARKE_COMMIT").unwrap_or("unknown");
        Tool { version: env!("CARGO_PKG_VERSION").into(), commit: commit.into() }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NetInfo {
    pub path: String,
    pub sha256: String,
    pub inputs: usize,
    pub outputs: usize,
    pub parameters: usize,
    pub free_neurons: Option<usize>,
    pub layers: usize,
    pub neurons: usize,
}

/// Where the centre comes from: a file and the row in it, or the command line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CentreInfo {
    pub input: Option<String>,
    pub row: Option<usize>,
    /// Of the file.
    pub sha256: Option<String>,
}

/// What the network gives at the centre, enclosed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OutputInfo {
    #[serde(serialize_with = "json::all_down")]
    pub lower: Vec<f64>,
    #[serde(serialize_with = "json::all_up")]
    pub upper: Vec<f64>,
    /// The output that is proven to be larger than all others.
    pub class: Option<usize>,
    /// A lower bound of how much it is larger.
    #[serde(serialize_with = "json::some_down")]
    pub margin: Option<f64>,
}

impl OutputInfo {
    /// From proven ends of every output; of what is no number nothing is known.
    pub fn of(lower: Vec<f64>, upper: Vec<f64>) -> Self {
        let lower: Vec<f64> = lower.iter().map(|l| if l.is_nan() { f64::NEG_INFINITY } else { *l }).collect();
        let upper: Vec<f64> = upper.iter().map(|u| if u.is_nan() { f64::INFINITY } else { *u }).collect();
        let best = (0..lower.len()).max_by(|&i, &j| lower[i].total_cmp(&lower[j]));
        let lead = |i: usize| {
            let others = (0..upper.len()).filter(|&j| j != i);
            others.map(|j| sub_down(lower[i], upper[j])).fold(f64::INFINITY, f64::min)
        };
        let class = best.map(|i| (i, lead(i))).filter(|(_, margin)| *margin > 0.0 && margin.is_finite());
        OutputInfo { class: class.map(|c| c.0), margin: class.map(|c| c.1), lower, upper }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegionInfo {
    /// "ball", "box" or "global".
    pub kind: String,
    pub norm: Option<String>,
    pub radius: Option<f64>,
    /// Numbers are the nearest to what was written, texts are that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_text: Option<String>,
    pub clip: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_text: Option<[String; 2]>,
    pub global: bool,
    pub fixed_inputs: usize,
    /// The name of the file a box came from, for people.
    #[serde(skip)]
    pub source: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Units {
    /// "unit" or "raw".
    pub scale: String,
    pub mean: Option<Vec<f64>>,
    pub std: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_text: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_text: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QuestionInfo {
    pub in_norm: String,
    /// A norm, or "abs" for a scalar output.
    pub out_norm: String,
    /// "all", "3" or "3-5".
    pub output: String,
    /// "lipschitz" or "anchored".
    pub quantity: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpperInfo {
    #[serde(flatten, serialize_with = "json::upper")]
    pub value: f64,
    pub method: String,
    pub proved: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LowerInfo {
    #[serde(flatten, serialize_with = "json::lower")]
    pub value: f64,
    pub method: String,
    pub proved: bool,
    pub witness: Option<WitnessInfo>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WitnessInfo {
    /// "piece", "pair" or "anchored".
    pub kind: String,
    pub x: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<Vec<f64>>,
    /// The point as fractions, where floats would lie outside the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EstimateInfo {
    pub value: f64,
    pub method: String,
}

/// Why the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Exact,
    Gap,
    Done,
    Time,
    Splits,
    Memory,
    Interrupted,
    Error,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Exact => "exact",
            Status::Gap => "gap",
            Status::Done => "done",
            Status::Time => "time",
            Status::Splits => "splits",
            Status::Memory => "memory",
            Status::Interrupted => "interrupted",
            Status::Error => "error",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Requirement {
    pub text: String,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Proved,
    Refuted,
    Undecided,
}

impl Answer {
    pub fn name(self) -> &'static str {
        match self {
            Answer::Proved => "proved",
            Answer::Refuted => "refuted",
            Answer::Undecided => "undecided",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    pub import: f64,
    pub bound: f64,
    pub search: f64,
    pub check: f64,
}

impl Seconds {
    pub fn total(&self) -> f64 {
        self.import + self.bound + self.search + self.check
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeakBytes {
    pub host: u64,
    pub device: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeviceInfo {
    pub name: String,
    /// "cpu", "vulkan", "metal" or "dx12".
    pub backend: String,
    pub driver: String,
    /// "f32" or "f64".
    pub precision: String,
    pub threads: usize,
    /// Of a GPU's arithmetic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
}

/// What the look at an adapter's arithmetic found. Flushing, contraction and
/// reassociation are allowed for, and only noted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SelfTest {
    pub passed: bool,
    pub defect: Option<String>,
    pub flushes: bool,
    pub contracts: bool,
    pub reassociates: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningInfo {
    pub code: String,
    pub text: String,
}
