//! One layer as data: linear maps, scalar functions, and what is computed from these alone.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod apply;
pub mod chord;
pub mod lines;
pub mod map;
pub mod piecewise;
pub mod reshapes;
pub mod smooth;
pub mod symbol;

pub use map::{Affine, ConvShape, Incidence, LinearMap, Scale};
pub use piecewise::{Piece, Piecewise};
pub use smooth::Smooth;
