//! TopK: the largest or smallest values along an axis, in order.

use super::call::{Call, Value};
use super::importer::Importer;
use super::index;
use super::rearrange::{Table, permuted, select};
use crate::error::{Error, Result};
use crate::net::groups;

/// Its first output; where the values come from jumps, and is no output here.
pub fn top(importer: &mut Importer, call: &Call) -> Result<Value> {
    let shape = call.computed(0)?.shape.clone();
    let axis = index::axis(call.int("axis", -1)?, shape.len())?;
    let (descending, sorted) = (call.flag("largest", true)?, call.flag("sorted", true)?);
    let wanted = match call.optional(1) {
        Some(_) => call.integers(1)?.to_vec(),
        None => vec![call.int("k", 0)?],
    };
    let size = shape[axis];
    let count = match wanted[..] {
        [k] => usize::try_from(k).ok().filter(|k| (1..=size).contains(k)),
        _ => None,
    };
    let count = count.ok_or_else(|| Error::import(format!("picks {wanted:?} of {size} values")))?;
    if !sorted && count > 1 {
        return Err(Error::unsupported("without an order (sorted = 0)"));
    }
    // The axis comes last for the sort, and goes back to its place.
    let last = shape.len() - 1;
    let mut order: Vec<usize> = (0..=last).filter(|&k| k != axis).collect();
    let back: Vec<usize> = (0..last).take(axis).chain([last]).chain(axis..last).collect();
    order.push(axis);
    let moved = permuted(importer, call, call.value(0)?, &order)?.into_computed()?;
    importer.charge(groups::entries(moved.len(), size))?;
    let node = groups::sort(&mut importer.net, moved.node, size, descending)?;
    let sorted = Value::Computed(super::call::Computed { node, shape: moved.shape });
    let back = permuted(importer, call, &sorted, &back)?;
    let mut shape = shape;
    shape[axis] = count;
    let table = Table::by_axis(importer, &back, shape, |_, i| i as u32)?;
    select(importer, call, &back, table)
}
