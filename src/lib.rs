//! Proven bounds on how steep a neural network can be.
//!
//! For a network f, a region X and norms p, q the question is
//!
//! ```text
//! L = sup { ‖f(x) − f(y)‖_q / ‖x − y‖_p : x ≠ y in X }
//! ```
//!
//! and the answer a pair of numbers, lower ≤ L ≤ upper, both proven with the rounding of the
//! computation included.
//!
//! # From a file to a pair
//!
//! ```
//! use clarke::{Device, Model, Norm, Options, Question, Region, Scale, Written, load_input};
//! use std::time::Duration;
//!
//! # fn main() -> clarke::Result<()> {
//! let model = Model::open("tests/data/digits.onnx")?;
//! let sample = load_input("tests/data/digits.npy#0", model.input_shape(), Scale::Unit)?.values;
//! let exact = |text| Written::parse(text).expect("a number");
//! let region = Region::ball_of(sample, exact("0.02"), Norm::Inf, Some([exact("0"), exact("1")]))?;
//!
//! let placed = model.on(Device::auto())?; // its weights are on a device from here on
//! let here = placed.at(region)?; // what is known of the region is computed once
//! let options = Options::default().time(Duration::from_secs(10));
//! let pair = here.bound(&Question::lipschitz(Norm::Inf), &options)?;
//! assert!(0.0 < pair.lower() && pair.lower() <= pair.upper() && pair.upper().is_finite());
//! # Ok(())
//! # }
//! ```
//!
//! # The picture
//!
//! Three lives: a network on a device lives for the run, what is known of regions for all questions about
//! them, a question for its answer.
//!
//! ```text
//!  net file ──import──▶ Net ──on a device──▶ Placed ─┐
//!                                                    ├─▶ Analysis ─┐
//!                         point, radius ──▶ Region ──┘             ├─methods, search─▶ Pair ──▶ report
//!                                          norms, output: Question ┘
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `num` | numbers that know their rounding: `Upper`, `Lower`, intervals, norms, decimals |
//! | `linalg` | matrices and proofs about them: norms, signs, factorisations |
//! | `polynomial` | polynomials on a cube: a solver's multipliers, and what they prove |
//! | `polytope` | half-spaces in a box: oracles, and what multipliers prove |
//! | `layer` | one layer as data: linear maps, scalar functions, symbols of convolutions |
//! | `data` | files of numbers: arrays, pictures, tables, properties |
//! | `net` | a network as data, and the importers |
//! | `region` | boxes, balls, everything |
//! | `problem` | network, region and the quotient that is measured |
//! | `backend` | where arithmetic happens: enclosures of blocks of numbers, nothing of networks |
//! | `sweep` | a network on a backend: values, tangents, adjoints |
//! | `rules` | what proves, shared by methods and the checker: lines, gradients, loops, exact pieces |
//! | `certificate` | evidence of a bound as plain data, files of it, and the checker that derives it again |
//! | `analysis` | a network on a device, and what is known of regions, each thing computed once |
//! | `method` | one file per method, the table `METHODS` of them, and the order in which they run |
//! | `search` | branch and bound: the region divided until the two ends meet |
//! | `engine` | devices, their failures, options, pairs and their certificates |
//! | `measure` | what a device does: rates, kernels, whole passes |
//! | `job` | many samples: journals, radii, what is open and what is done |
//! | `report` | results as text: JSON, a table, CSV |
//! | `cli` | one file per command; no arithmetic |
//! | `python` | the commands for Python, on what it holds in memory |
//! | `error` | one error type: what, where, what to do next |
//! | `deadline` | when work ends: a clock, and a request to stop |
//!
//! # Arrows
//!
//! A module imports only what stands to the right; `tests/suite/architecture.rs` enforces it:
//!
//! ```text
//! python → cli → job → engine → search → method → analysis, certificate → rules → sweep → backend → layer → linalg, polytope → num
//! rules, analysis, method, search, certificate → problem → net → layer    problem → region → linalg
//! method → polynomial → num    job, engine → report → data → num    net → data    everything but num → error    everything → deadline
//! engine → measure → sweep
//! ```
//!
//! Nothing below `method` knows a paper, a backend knows neither networks nor regions, and nothing
//! below `cli` prints.
//!
//! # Soundness
//!
//! An `Upper` or a `Lower` is a proven number; what is unproven has the type `Estimate`, and
//! nothing turns one into the other. The CPU computes in f64 and rounds outward: every operation is
//! followed by a step that is proven to cover its error. Points that prove lower bounds are evaluated
//! in double-double arithmetic. Each method's file opens with what it proves, from where, and what is
//! rounded in which direction.

#![warn(missing_docs)]

#[doc(hidden)]
#[allow(missing_docs)]
pub mod analysis;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod backend;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod certificate;
#[cfg(feature = "cli")]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod cli;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod data;
#[doc(hidden)]
pub mod deadline;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod job;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod layer;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod linalg;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod measure;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod method;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod net;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod num;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod polynomial;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod polytope;
#[doc(hidden)]
pub mod problem;
#[cfg(feature = "python")]
mod python;
#[doc(hidden)]
pub mod region;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod report;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod rules;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod search;
#[doc(hidden)]
#[allow(missing_docs)]
pub mod sweep;

pub use certificate::check::Limits;
pub use certificate::file::Certificate;
pub use data::{LoadedInput, Rows, Scale, load_input, load_rows};
pub use deadline::{Deadline, Stop};
pub use engine::{Analysis, Answer, Device, Model, Options, Placed, Precision, Wanted};
pub use error::{Error, Result};
pub use method::{Decision, METHODS};
pub use net::Options as Import;
pub use num::{Norm, Written};
pub use problem::{Output, Quantity, Question};
pub use region::Region;
