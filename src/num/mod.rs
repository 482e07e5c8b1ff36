//! Numbers that know their rounding; nothing of networks.

pub mod dd;
pub mod map;
pub mod norms;
pub mod piecewise;
pub mod round;
pub mod tensor;

pub use map::{Affine, Coefficient, ConvShape, Incidence, LinearMap, Scale};
pub use norms::Norm;
pub use piecewise::{Piece, Piecewise};
pub use round::{Estimate, Lower, Upper};
pub use tensor::{Enclosure, centre_radius};
