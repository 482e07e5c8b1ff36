//! The norm of every generalised Jacobian on a part by a quadratic form of the adjoints, from the input to the output:
//! the loop of open neurons again, node by node.

use super::Checked;
use super::leaf::Leaf;
use crate::num::Upper;
use crate::rules::cut::Cut;
use crate::rules::form::{factors, steepest};
use crate::rules::gradient::selected;
use crate::sweep::Prepared;
use ndarray::Axis;

/// An upper bound for one item of the gates; infinite where the rule shows nothing.
pub fn norm(leaf: &Leaf) -> Checked<f64> {
    let Leaf { problem, prepared, gates, item, room } = *leaf;
    let own = selected(prepared.backend, gates, &[item]);
    let hurried = Prepared::new(prepared.net, prepared.backend).until(room.deadline());
    let Some(cut) = Cut::new(&hurried, &own, &|j| !problem.is_ignored(j)) else { return Ok(f64::INFINITY) };
    room.form(cut.size().width)?;
    room.in_time()?;
    let Some((features, p)) = cut.run() else {
        room.in_time()?;
        return Ok(f64::INFINITY);
    };
    let q = &problem.quotient;
    let moving = (0..problem.net.inputs()).filter(|&j| !problem.is_ignored(j)).count();
    let [input, output] = factors([q.in_norm, q.out_norm], moving, problem.rows()).map(Upper::proven);
    let rows = problem.seeds().centre;
    let longest = steepest(rows.index_axis(Axis(0), 0), &features, &p, q.out_norm);
    Ok(longest.times(input).times(output).get())
}
