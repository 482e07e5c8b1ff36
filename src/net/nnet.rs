//! The `.nnet` text format of the ACAS Xu networks: layer sizes, input ranges,
//! means and ranges for normalisation, then weights and biases; relu between.
//!
//! The network is the function of un-normalised inputs,
//! `range_out · net((x − mean) / range) + mean_out`. The format's reference
//! evaluation also clips inputs to their stated range first; that is a matter of
//! the region and is left out. Numbers are read as the nearest f64.

use super::{Net, Op, npz};
use crate::error::{Error, Result};
use crate::layer::{Piecewise, Scale};
use crate::num::Coefficient;

pub fn load(bytes: &[u8]) -> Result<Net> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//"));
    let mut line = |what: &str| {
        let line = lines.next().ok_or_else(|| Error::import(format!("the file ends before the {what}")))?;
        let fields = line.split(',').map(str::trim).filter(|f| !f.is_empty());
        let numbers = fields.map(|f| f.parse::<f64>().ok().filter(|x| x.is_finite()));
        let numbers: Option<Vec<f64>> = numbers.collect();
        numbers.ok_or_else(|| Error::import(format!("in the {what}: a field is not a number")))
    };
    let header = line("header")?;
    let sizes = line("layer sizes")?;
    let layers = match header[..] {
        [layers, ..] if layers >= 1.0 && layers + 1.0 == sizes.len() as f64 => sizes.len() - 1,
        _ => return Err(Error::import("the header does not match the layer sizes")),
    };
    if sizes.iter().any(|&s| !(1.0..=1e7).contains(&s) || s.fract() != 0.0) {
        return Err(Error::import("a layer size makes no sense"));
    }
    let sizes: Vec<usize> = sizes.iter().map(|&s| s as usize).collect();
    let inputs = sizes[0];
    line("line of the flag that is no longer used")?;
    line("input minima")?;
    line("input maxima")?;
    let means = line("means")?;
    let ranges = line("ranges")?;
    if means.len() != inputs + 1 || ranges.len() != inputs + 1 {
        return Err(Error::import(format!("means and ranges should have {} values", inputs + 1)));
    }
    if ranges.contains(&0.0) {
        return Err(Error::import("a range is zero"));
    }

    let mut net = Net::new(vec![inputs]);
    let (factor, shift) = (0..inputs)
        .map(|k| {
            let (mean, range) = (Coefficient::exact(means[k]), Coefficient::exact(ranges[k]));
            (Coefficient::ONE.over(range), mean.over(range).negated())
        })
        .unzip();
    let mut x = net.push("normalise", Op::Scale(Scale::new(factor, shift, 1)), vec![0], vec![inputs])?;
    for k in 0..layers {
        let (columns, rows) = (sizes[k], sizes[k + 1]);
        let mut weights = vec![];
        for _ in 0..rows {
            let row = line("weights")?;
            if row.len() != columns {
                return Err(Error::import(format!("layer {}: {} weights in a row", k + 1, row.len())));
            }
            weights.extend(row);
        }
        let mut bias = vec![];
        for _ in 0..rows {
            match line("biases")?[..] {
                [b] => bias.push(b),
                _ => return Err(Error::import(format!("layer {}: not one bias in a line", k + 1))),
            }
        }
        x = npz::layer(&mut net, x, &format!("layer {}", k + 1), &[rows, columns], weights, Some(bias))?;
        if k + 1 < layers {
            x = net.push(format!("relu {}", k + 1), Op::Piecewise(Piecewise::RELU), vec![x], vec![rows])?;
        }
    }
    let (mean, range) = (Coefficient::exact(means[inputs]), Coefficient::exact(ranges[inputs]));
    let outputs = sizes[layers];
    x = net.push("denormalise", Op::Scale(Scale::new(vec![range], vec![mean], 1)), vec![x], vec![outputs])?;
    Ok(net.prune(x))
}
