//! Methods for a bounded region. Most also hold on all of R^n, where they
//! start from unbounded inputs.

pub mod avant;
pub mod gradient;
pub mod jacobian;
pub mod norms;
pub mod parts;
pub mod product;
pub mod recurjac;
