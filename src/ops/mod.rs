//! What mathematics must know about each operator family.

pub mod smooth;
