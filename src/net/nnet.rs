//! The `.nnet` text format of the ACAS Xu networks: layer sizes, input ranges,
//! means and ranges for normalisation, then weights and biases; relu between.
//!
//! The network is the function of un-normalised inputs,
//! `range_out · net((x − mean) / range) + mean_out`. The format's reference
//! evaluation also clips inputs to their stated range first; that is a matter of
//! the region and is left out. Numbers are read as the nearest f64.

use super::npz::{self, Dense};
use super::{Net, Op};
use crate::error::{Error, Result};
use crate::layer::{Piecewise, Scale};
use crate::num::Coefficient;

/// The lines of a file that say something, each a list of numbers.
struct Lines<I>(I);

impl<'t, I: Iterator<Item = &'t str>> Lines<I> {
    fn numbers(&mut self, what: &str) -> Result<Vec<f64>> {
        let line = self.0.next().ok_or_else(|| Error::import(format!("the file ends before the {what}")))?;
        let fields = line.split(',').map(str::trim).filter(|f| !f.is_empty());
        let numbers = fields.map(|f| f.parse::<f64>().ok().filter(|x| x.is_finite()));
        let numbers: Option<Vec<f64>> = numbers.collect();
        numbers.ok_or_else(|| Error::import(format!("in the {what}: a field is not a number")))
    }

    /// The sizes of the input and of every layer.
    fn sizes(&mut self) -> Result<Vec<usize>> {
        let header = self.numbers("header")?;
        let sizes = self.numbers("layer sizes")?;
        match header[..] {
            [layers, ..] if layers >= 1.0 && layers + 1.0 == sizes.len() as f64 => {}
            _ => return Err(Error::import("the header does not match the layer sizes")),
        }
        if sizes.iter().any(|&s| !(1.0..=1e7).contains(&s) || s.fract() != 0.0) {
            return Err(Error::import("a layer size makes no sense"));
        }
        Ok(sizes.iter().map(|&s| s as usize).collect())
    }

    /// Means and ranges of the inputs and, last, of the output.
    fn normalisation(&mut self, inputs: usize) -> Result<[Vec<f64>; 2]> {
        self.numbers("line of the flag that is no longer used")?;
        self.numbers("input minima")?;
        self.numbers("input maxima")?;
        let means = self.numbers("means")?;
        let ranges = self.numbers("ranges")?;
        if means.len() != inputs + 1 || ranges.len() != inputs + 1 {
            return Err(Error::import(format!("means and ranges should have {} values", inputs + 1)));
        }
        if ranges.contains(&0.0) {
            return Err(Error::import("a range is zero"));
        }
        Ok([means, ranges])
    }

    /// Weights and biases of layer k.
    fn layer(&mut self, k: usize, rows: usize, columns: usize) -> Result<[Vec<f64>; 2]> {
        let mut weights = vec![];
        for _ in 0..rows {
            let row = self.numbers("weights")?;
            if row.len() != columns {
                return Err(Error::import(format!("layer {k}: {} weights in a row", row.len())));
            }
            weights.extend(row);
        }
        let mut bias = vec![];
        for _ in 0..rows {
            match self.numbers("biases")?[..] {
                [b] => bias.push(b),
                _ => return Err(Error::import(format!("layer {k}: not one bias in a line"))),
            }
        }
        Ok([weights, bias])
    }
}

pub fn load(bytes: &[u8]) -> Result<Net> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = Lines(text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")));
    let sizes = lines.sizes()?;
    let (inputs, layers) = (sizes[0], sizes.len() - 1);
    let [means, ranges] = lines.normalisation(inputs)?;

    let mut net = Net::new(vec![inputs]);
    let (factor, shift) = (0..inputs)
        .map(|k| {
            let (mean, range) = (Coefficient::exact(means[k]), Coefficient::exact(ranges[k]));
            (Coefficient::ONE.over(range), mean.over(range).negated())
        })
        .unzip();
    let mut x = net.push("normalise", Op::Scale(Scale::new(factor, shift, 1)), vec![0], vec![inputs])?;
    for k in 1..=layers {
        let (columns, rows) = (sizes[k - 1], sizes[k]);
        let [weights, bias] = lines.layer(k, rows, columns)?;
        let name = &format!("layer {k}");
        x = npz::layer(&mut net, x, Dense { name, shape: &[rows, columns], weights, bias: Some(bias) })?;
        if k < layers {
            x = net.push(format!("relu {k}"), Op::Piecewise(Piecewise::RELU), vec![x], vec![rows])?;
        }
    }
    let (mean, range) = (Coefficient::exact(means[inputs]), Coefficient::exact(ranges[inputs]));
    let outputs = sizes[layers];
    x = net.push("denormalise", Op::Scale(Scale::new(vec![range], vec![mean], 1)), vec![x], vec![outputs])?;
    Ok(net.prune(x))
}
