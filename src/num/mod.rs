//! Numbers that know their rounding; nothing of networks.

pub mod apply;
pub mod band;
pub mod cholesky;
pub mod correlation;
pub mod dd;
pub mod descent;
pub mod direction;
pub mod eigen;
pub mod elementary;
pub mod gain;
pub mod interval;
pub mod lanczos;
pub mod linalg;
pub mod map;
pub mod normal;
pub mod norms;
pub mod operator;
pub mod peaks;
pub mod piecewise;
pub mod random;
pub mod rational;
pub mod round;
pub mod simplex;
pub mod solve;
pub mod tensor;
pub mod twiddle;
pub mod written;

pub use interval::Interval;
pub use map::{Affine, Coefficient, ConvShape, Incidence, LinearMap, Scale};
pub use norms::Norm;
pub use piecewise::{Piece, Piecewise};
pub use round::{Estimate, Lower, Upper};
pub use tensor::{Enclosure, centre_radius};
pub use written::Written;
