//! Which features of nonlinear nodes a network's output can depend on, whatever the slopes are.
//!
//! An adjoint pass of intervals around 0 under intervals of slopes: nothing cancels there, so what is exactly 0
//! is 0 on every path. The slope of such a feature may be taken for any number without changing a derivative of
//! the output.

use crate::backend::Backend;
use crate::linalg::Enclosure;
use crate::sweep::{Gate, Prepared};
use ndarray::{Array2, Axis};

/// The same gates with slopes of 0 where they are not relevant: any number is right there.
pub fn settled<B: Backend>(
    b: &B,
    gates: Vec<Option<Gate<B>>>,
    relevant: &[Array2<bool>],
) -> Vec<Option<Gate<B>>> {
    let each = |(k, gate): (usize, Option<Gate<B>>)| match (gate, relevant.get(k)) {
        (Some(Gate::Each(slopes)), Some(relevant)) => {
            let (mut lo, mut hi) = b.read_slopes(&slopes);
            ndarray::Zip::from(&mut lo).and(&mut hi).and(relevant).for_each(|l, h, counts| {
                if !counts {
                    (*l, *h) = (0.0, 0.0);
                }
            });
            Some(Gate::Each(b.upload_slopes(&lo, &hi)))
        }
        (gate, _) => gate,
    };
    gates.into_iter().enumerate().map(each).collect()
}

/// By node, items x features; everything where time has run out. `sizes`: magnitudes of the rows that are asked
/// for, items x outputs.
pub fn relevant<B: Backend>(
    prepared: &Prepared<B>,
    gates: &[Option<Gate<B>>],
    sizes: &Array2<f64>,
) -> Vec<Array2<bool>> {
    let (b, net) = (prepared.backend, prepared.net);
    let items = sizes.nrows();
    let radius = sizes.clone().insert_axis(Axis(1));
    let seeds = Enclosure { centre: ndarray::Array3::zeros(radius.dim()), radius };
    let none = |value: bool| net.nodes.iter().map(|n| Array2::from_elem((items, n.len()), value)).collect();
    let mut found: Vec<Array2<bool>> = none(false);
    prepared.adjoints(gates, b.upload(&seeds), |node, g| {
        if net.nodes[node].op.is_nonlinear() {
            let g = b.read(g);
            let some =
                ndarray::Zip::from(&g.centre).and(&g.radius).map_collect(|c, r| *c != 0.0 || *r != 0.0);
            found[node] = some.remove_axis(Axis(1));
        }
    });
    if prepared.is_late() { none(true) } else { found }
}
