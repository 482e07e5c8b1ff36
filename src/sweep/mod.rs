//! A network on a backend: values forward, tangents forward (columns of the Jacobian), adjoints backward (its
//! rows).
//!
//! Everything is an enclosure for every point of every item's region, so the adjoint sweep over slope intervals
//! is the interval Clarke Jacobian.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod chains;
pub mod cones;
mod derivatives;
mod maps;
mod multiplied;
mod prepared;
pub mod softmax;
mod state;
pub mod values;

pub use chains::{Chain, Chains, Link};
pub use cones::{Cones, Layouts};
pub use maps::Maps;
pub use prepared::Prepared;
pub use state::{Bounds, Ends, Gate, Spanned, Trace, brought, enclosure, ends2, host_ends, upload_ends};
