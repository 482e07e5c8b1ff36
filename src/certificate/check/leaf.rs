//! One part of a tree among those whose slopes are known.

use super::room::Room;
use crate::backend::cpu::Cpu;
use crate::problem::Problem;
use crate::sweep::{Gate, Prepared};

/// One item of the gates.
pub struct Leaf<'l> {
    pub problem: &'l Problem,
    pub prepared: &'l Prepared<'l, Cpu>,
    pub gates: &'l [Option<Gate<Cpu>>],
    pub item: usize,
    pub room: &'l Room<'l>,
}
