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
//! use clarke::engine::{Device, Options, Placed};
//! use clarke::{Norm, Output, Quantity, Question, Region, Written};
//! use clarke::data::{Scale, load_input};
//! use std::{path::Path, time::Duration};
//!
//! # fn main() -> clarke::Result<()> {
//! let net = clarke::load(Path::new("tests/data/digits.onnx"), &clarke::Options::default())?;
//! let centre = load_input("tests/data/digits.npy#0", &net.nodes[0].shape, Scale::Unit)?.values;
//! let exact = |text| Written::parse(text).expect("a number");
//! let region = Region::ball_of(centre, exact("0.02"), Norm::Inf, Some([exact("0"), exact("1")]))?;
//!
//! let placed = Placed::new(net, Device::auto())?; // its weights are on a device from here on
//! let here = placed.at(region)?; // what is known of the region is computed once
//! let question = Question {
//!     in_norm: Norm::Inf,
//!     out_norm: Norm::Inf,
//!     output: Output::All,
//!     quantity: Quantity::Lipschitz,
//! };
//! let pair = here.bound(&question, &Options::default().time(Duration::from_secs(10)))?;
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
//! | [`num`] | numbers that know their rounding: [`Upper`], [`Lower`], intervals, norms, decimals |
//! | [`linalg`] | matrices and proofs about them: norms, signs, factorisations |
//! | [`polytope`] | half-spaces in a box: oracles, and what multipliers prove |
//! | [`layer`] | one layer as data: linear maps, scalar functions, symbols of convolutions |
//! | [`data`] | files of numbers: arrays, pictures, tables, properties |
//! | [`net`] | a network as data, and the importers |
//! | [`region`] | boxes, balls, everything |
//! | [`problem`] | network, region and the quotient that is measured |
//! | [`backend`] | where arithmetic happens: enclosures of blocks of numbers, nothing of networks |
//! | [`sweep`] | a network on a backend: values, tangents, adjoints |
//! | [`rules`] | what proves, shared by methods and the checker: lines, gradients, loops, exact pieces |
//! | [`certificate`] | evidence of a bound as plain data, files of it, and the checker that derives it again |
//! | [`analysis`] | a network on a device, and what is known of regions, each thing computed once |
//! | [`method`] | one file per method, the table [`METHODS`] of them, and the order in which they run |
//! | [`search`] | branch and bound: the region divided until the two ends meet |
//! | [`engine`] | devices, their failures, options, pairs and their certificates |
//! | [`report`] | results as text: JSON, a table, CSV |
//! | [`cli`] | one file per command; no arithmetic |
//! | [`error`] | one error type: what, where, what to do next |
//! | [`deadline`] | when work ends: a clock, and a request to stop |
//!
//! # Arrows
//!
//! A module imports only what stands to the right; `tests/suite/architecture.rs` enforces it:
//!
//! ```text
//! cli → engine → search → method → analysis, certificate → rules → sweep → backend → layer → linalg, polytope → num
//! rules, analysis, method, search, certificate → problem → net → layer    problem → region → linalg
//! engine → report → data → num    net → data    everything but num → error    everything → deadline
//! ```
//!
//! Nothing below `method` knows a paper, a backend knows neither networks nor regions, and nothing
//! below `cli` prints.
//!
//! # Soundness
//!
//! An [`Upper`] or a [`Lower`] is a proven number; what is unproven has the type [`Estimate`], and
//! nothing turns one into the other. The CPU computes in f64 and rounds outward: every operation is
//! followed by a step that is proven to cover its error. Points that prove lower bounds are evaluated
//! in double-double arithmetic. Each method's file opens with what it proves, from where, and what is
//! rounded in which direction.

pub mod analysis;
pub mod backend;
pub mod certificate;
pub mod cli;
pub mod data;
pub mod deadline;
pub mod engine;
pub mod error;
pub mod layer;
pub mod linalg;
pub mod method;
pub mod net;
pub mod num;
pub mod polytope;
pub mod problem;
pub mod region;
pub mod report;
pub mod rules;
pub mod search;
pub mod sweep;

pub use backend::Backend;
pub use backend::cpu::Cpu;
pub use certificate::{Bound, LowerBound};
pub use deadline::{Deadline, Stop};
pub use error::{Error, Result};
pub use method::{Budget, Decision, Goal, METHODS, Outcome};
pub use net::{Net, Options, load};
pub use num::{Estimate, Lower, Norm, Upper, Written};
pub use problem::{Output, Problem, Quantity, Question};
pub use region::Region;
pub use search::solve;
