//! GELU written out, as exporters without an operator for it do: x·½·(1 + erf(x/√2)), its factors in
//! any order.
//!
//! The numbers in the file are not quite ½ and √2, and none is taken for another: for a slope c, a
//! factor a and any r, with Φ(z) = (1 + erf(z/√2))/2 and Gelu(z) = z Φ(z),
//!
//! ```text
//! r·(a + a·erf(c r)) = 2 a r Φ(√2 c r) = (√2 a / c)·Gelu(√2 c·r)
//! ```
//!
//! with both factors as coefficients of proven error.

use super::call::{Call, Computed, Gate, Value};
use super::importer::Importer;
use super::tensor::Tensor;
use crate::error::{Error, Result};
use crate::layer::Smooth;
use crate::net::{Net, Op};
use crate::num::Coefficient;

pub fn alone() -> Error {
    Error::unsupported("of Erf outside of GELU, x·(1 + erf(x/√2))")
}

/// The value that only a uniform factor separates from `x`.
fn root(net: &Net, x: &Computed) -> (Computed, Coefficient) {
    let (mut node, mut slope) = (x.node, Coefficient::ONE);
    while let Op::Scale(s) = &net.nodes[node].op
        && let ([factor], [shift]) = (&s.factor[..], &s.shift[..])
        && *shift == Coefficient::ZERO
    {
        slope = slope.times(*factor);
        node = net.nodes[node].inputs[0];
    }
    (Computed { node, shape: x.shape.clone() }, slope)
}

pub fn erf(importer: &Importer, call: &Call) -> Result<Value> {
    let (x, slope) = root(&importer.net, call.computed(0)?);
    Ok(Value::Gate(Gate { x, slope, factor: Coefficient::ONE, shift: Coefficient::ZERO }))
}

/// One of Add, Sub, Mul and Div with a gate as an operand.
pub fn binary(importer: &mut Importer, call: &Call, operator: &str) -> Result<Value> {
    match (call.value(0)?, call.value(1)?) {
        (Value::Gate(gate), Value::Constant(c)) => constant(gate, c, operator, false),
        (Value::Constant(c), Value::Gate(gate)) => constant(gate, c, operator, true),
        (Value::Gate(gate), Value::Computed(x)) | (Value::Computed(x), Value::Gate(gate))
            if operator == "Mul" =>
        {
            product(importer, call, gate, x).map(Value::Computed)
        }
        _ => Err(alone()),
    }
}

fn constant(gate: &Gate, c: &Tensor, operator: &str, first: bool) -> Result<Value> {
    let c = match c.coefficients().as_deref() {
        Some(&[one]) if c.shape.len() <= gate.x.shape.len() => one,
        _ => return Err(alone()),
    };
    let (factor, shift) = match (operator, first) {
        ("Add", _) => (gate.factor, gate.shift.plus(c)),
        ("Sub", false) => (gate.factor, gate.shift.minus(c)),
        ("Sub", true) => (gate.factor.negated(), c.minus(gate.shift)),
        ("Mul", _) => (gate.factor.times(c), gate.shift.times(c)),
        ("Div", false) => (gate.factor.over(c), gate.shift.over(c)),
        _ => return Err(alone()),
    };
    Ok(Value::Gate(Gate { factor, shift, ..gate.clone() }))
}

fn product(importer: &mut Importer, call: &Call, gate: &Gate, x: &Computed) -> Result<Computed> {
    let (r, outer) = root(&importer.net, x);
    let (a, b) = (gate.shift, gate.factor);
    // Erf is odd: a - a erf(c r) is a + a erf(-c r). Equal enclosures of numbers that are not known exactly
    // may hold different numbers.
    let slope = match a.is_exact() && b.is_exact() {
        true if a == b => gate.slope,
        true if a == b.negated() => gate.slope.negated(),
        _ => return Err(alone()),
    };
    if r.node != gate.x.node || r.shape != gate.x.shape {
        return Err(alone());
    }
    let root_of_two = Coefficient::exact(2.0).sqrt();
    let z = importer.factor(call, &r, root_of_two.times(slope))?;
    let y = importer.follow(call, Op::Smooth(Smooth::Gelu { tanh: false }), &z)?;
    importer.factor(call, &y, root_of_two.times(a).over(slope).times(outer))
}
