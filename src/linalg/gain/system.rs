//! The loop's matrix, and products of its rows under scalings of its columns.

use crate::linalg::gram::gram_matrix;
use crate::linalg::product::Product;
use crate::linalg::scaling::Scaling;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice, s};
use rayon::prelude::*;
use std::ops::Range;

/// Columns that one task computes.
pub const PANEL: usize = 128;

/// A matrix G whose first rows are the arguments of neurons that switch together, group after group, and whose
/// columns are inputs, then the neurons' outputs: (z, y) = G (x, e).
pub struct Gain<'a> {
    pub matrix: ArrayView2<'a, f64>,
    pub reach: &'a [f64],
    /// How many neurons switch together, in order.
    pub groups: &'a [usize],
    /// Is Σ s² = 1 asked for, instead of s = 1?
    pub spread: bool,
    /// For s = 1: the inputs' columns times their transpose.
    inputs: Option<Array2<f64>>,
    /// How many neurons feed each row.
    feeds: Vec<usize>,
}

impl<'a> Gain<'a> {
    pub fn new(matrix: ArrayView2<'a, f64>, reach: &'a [f64], groups: &'a [usize], spread: bool) -> Gain<'a> {
        let (m, n) = (reach.len(), matrix.ncols() - reach.len());
        let inputs = (!spread).then(|| gram_matrix(matrix.slice(s![.., ..n]).t()));
        let mut feeds = Vec::with_capacity(matrix.nrows());
        for group in groups {
            feeds.extend(std::iter::repeat_n(feeds.len(), *group));
        }
        feeds.resize(matrix.nrows(), m);
        Gain { matrix, reach, groups, spread, inputs, feeds }
    }

    pub fn neurons(&self) -> usize {
        self.reach.len()
    }

    pub fn inputs(&self) -> usize {
        self.matrix.ncols() - self.neurons()
    }

    pub fn outputs(&self) -> usize {
        self.matrix.nrows() - self.neurons()
    }

    /// The first neuron whose argument one of the neurons from `column` on feeds.
    pub fn fed(&self, column: usize) -> usize {
        self.feeds[..self.neurons()].partition_point(|feeds| *feeds <= column)
    }

    /// 1 / s and 1 / w.
    pub fn columns(&self, scaling: &Scaling) -> Array1<f64> {
        let ones = std::iter::repeat_n(1.0, if self.spread { 0 } else { self.inputs() });
        ones.chain(scaling.inputs.iter().chain(&scaling.neurons).map(|x| 1.0 / x)).collect()
    }

    /// Rows of G times diag(1 / s², 1 / w²) times others' transpose, of columns 1 / s and 1 / w.
    pub fn product(
        &self,
        [rows, others]: [Range<usize>; 2],
        columns: &Array1<f64>,
        mut into: ArrayViewMut2<f64>,
    ) {
        let n = self.inputs();
        let feed = |range: &Range<usize>| range.clone().next_back().map_or(0, |last| self.feeds[last]);
        let end = n + feed(&rows).min(feed(&others));
        let start = match &self.inputs {
            Some(known) => {
                into.assign(&known.slice(s![rows.clone(), others.clone()]));
                n
            }
            None => {
                into.fill(0.0);
                0
            }
        };
        let squares = columns.slice(s![start..end]).mapv(|c| c * c);
        let scaled = &self.matrix.slice(s![others, start..end]) * &squares;
        Product::new(self.matrix.slice(s![rows, start..end]), scaled.t(), into).added().run();
    }

    /// The lower triangle of 1 − A Aᵀ for the rows A of K that feed back, row i of G taken `outer[i]` times.
    pub fn left(&self, outer: &[f64], columns: &Array1<f64>) -> Array2<f64> {
        let m = self.neurons();
        let mut p = Array2::zeros((m, m));
        let panels: Vec<_> = p.axis_chunks_iter_mut(Axis(1), PANEL).enumerate().collect();
        panels.into_par_iter().for_each(|(k, mut panel)| {
            let (from, to) = (k * PANEL, (k * PANEL + PANEL).min(m));
            panel.slice_axis_inplace(Axis(0), Slice::from(from..));
            self.product([from..m, from..to], columns, panel.view_mut());
            for ((i, j), x) in panel.indexed_iter_mut() {
                let unit = if i == j { 1.0 } else { 0.0 };
                *x = unit - outer[from + i] * outer[from + j] * *x;
            }
        });
        p
    }

    /// A Bᵀ for the rows B of the output, and B Bᵀ.
    pub fn outer(&self, outer: &[f64], columns: &Array1<f64>) -> (Array2<f64>, Array2<f64>) {
        let (m, rows) = (self.neurons(), self.outputs());
        let mut cross = Array2::zeros((m, rows));
        let panels: Vec<_> = cross.axis_chunks_iter_mut(Axis(0), PANEL).enumerate().collect();
        panels.into_par_iter().for_each(|(k, mut panel)| {
            let from = k * PANEL;
            self.product([from..from + panel.nrows(), m..m + rows], columns, panel.view_mut());
            panel.rows_mut().into_iter().zip(&outer[from..]).for_each(|(mut row, o)| row *= *o);
        });
        let mut own = Array2::zeros((rows, rows));
        let panels: Vec<_> = own.axis_chunks_iter_mut(Axis(1), PANEL).enumerate().collect();
        panels.into_par_iter().for_each(|(k, panel)| {
            let from = m + k * PANEL;
            self.product([m..m + rows, from..from + panel.ncols()], columns, panel);
        });
        (cross, own)
    }
}
