//! What a network gives at a point, enclosed.

use super::Prepared;
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::linalg::Enclosure;
use crate::net::Net;
use crate::num::Coefficient;

/// Multiplications that take about a second in double-double arithmetic; larger networks are computed in f64.
const FINE: f64 = 5e8;

/// f(x), as one item and one row.
pub fn values(net: &Net, x: &[Coefficient]) -> Enclosure {
    let cpu = if net.products() <= FINE { Cpu::DOUBLE_DOUBLE } else { Cpu::DOUBLE };
    let trace = Prepared::new(net, &cpu).values(cpu.upload_near(x), None, |_| false);
    cpu.read(trace.output())
}
