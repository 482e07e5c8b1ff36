//! A constant added right behind a layer without bias becomes its bias.
//! Exact: `W x + b` is the same real function either way.

use super::{Net, Op};
use crate::layer::{LinearMap, Scale};
use crate::num::Coefficient;
use std::sync::Arc;

pub fn fuse_biases(mut net: Net) -> Net {
    let users = net.users();
    let mut output = net.output();
    for k in 1..net.nodes.len() {
        let Op::Scale(scale) = &net.nodes[k].op else { continue };
        let Some(bias) = bias(scale) else { continue };
        let before = net.nodes[k].inputs[0];
        let (len, repeat) = (net.nodes[k].len(), scale.repeat);
        let Op::Affine(affine) = &mut net.nodes[before].op else { continue };
        let dense = matches!(affine.map, LinearMap::Dense(_));
        let channels = match &affine.map {
            LinearMap::Dense(_) => len,
            LinearMap::Conv { shape, adjoint: false, .. } => shape.out_channels,
            LinearMap::Conv { shape, adjoint: true, .. } => shape.in_channels,
        };
        // One user, every output served once, and one value per channel.
        let fits = bias.len() == channels && bias.len() * repeat == len && (!dense || repeat == 1);
        if affine.bias.is_some() || users[before].len() != 1 || !fits {
            continue;
        }
        affine.bias = Some(Arc::new(bias));
        affine.repeat = repeat;
        for &user in &users[k] {
            net.nodes[user].inputs.iter_mut().filter(|i| **i == k).for_each(|i| *i = before);
        }
        let ends = net.gains.iter_mut().flat_map(|g| [&mut g.node, &mut g.from]);
        ends.filter(|i| **i == k).for_each(|i| *i = before);
        net.nodes[before].shape = net.nodes[k].shape.clone();
        if output == k {
            output = before;
        }
    }
    net.prune(output)
}

/// The shift, if that is all there is and it is made of floats.
fn bias(scale: &Scale) -> Option<Vec<f64>> {
    let plain = scale.factor.iter().all(|&c| c == Coefficient::ONE);
    let floats = scale.shift.iter().all(|c| c.is_exact());
    (plain && floats).then(|| scale.shift.iter().map(|c| c.hi).collect())
}
