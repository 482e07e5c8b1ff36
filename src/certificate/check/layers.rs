//! The norm of every generalised Jacobian on a part by a quadratic form of the adjoints, from the input to the output:
//! the loop of open neurons again, node by node.

use super::Checked;
use super::leaf::Leaf;
use crate::rules::cut::Cut;
use crate::rules::form::{factors, steepest};
use crate::rules::gradient::selected;
use crate::sweep::Prepared;

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
    let [input, output] = factors(problem).map(crate::num::Upper::proven);
    Ok(steepest(problem, &features, &p).times(input).times(output).get())
}
