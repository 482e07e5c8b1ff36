//! Numbers that know their rounding.

pub mod dd;
pub mod decimal;
pub mod elementary;
pub mod interval;
pub mod normal;
pub mod norms;
pub mod random;
pub mod rational;
pub mod round;
pub mod written;

pub use dd::Coefficient;
pub use interval::Interval;
pub use norms::Norm;
pub use round::{Estimate, Lower, Upper};
pub use written::Written;
