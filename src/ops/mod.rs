//! What mathematics must know about each operator family, and the sweeps
//! over a network that use it.

pub mod chains;
pub mod exact;
pub mod expansion;
pub mod feedback;
pub mod gradient;
pub mod linear;
pub mod part;
pub mod piecewise;
pub mod smooth;
pub mod softmax;
pub mod sweep;
pub mod ties;
pub mod values;

pub use chains::{Chains, Link};
pub use sweep::{Ends, Gate, Known, Maps, Prepared, Trace};
