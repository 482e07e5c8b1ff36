//! The largest singular value of a matrix whose rows read columns near each other.
//!
//! Proves: ‖M‖_2 <= the reported number.
//! From: t I − MᵀM ⪰ 0 by a verified Cholesky factorisation, as in `spectral`; columns are cut into groups so that
//!   no row meets more than two neighbouring ones, so that all blocks but those beside the diagonal are zero.
//! Rounding: the Gram matrix errs by gamma ‖M‖_F², the factorisation by what `cholesky` says.
//! Cost: n b² multiplications for n columns in groups of b, about.
//! Exact when: t, a Ritz value plus 1e-4 of it, passes at once: up to half of that.

use super::cholesky::{Tridiagonal, slack, tridiagonal_up_to};
use super::gram::gram_error;
use super::lanczos::top_eigenpair;
use crate::num::Upper;
use crate::num::norms::{Norm, largest, vector_norm_up};
use crate::num::round::{add_up, gamma, mul_down, mul_up, sqrt_up, sub_down};
use ndarray::{Array1, Array2, ArrayView1};

/// Entries of a matrix by rows; columns ascend within each. Values are the matrix's up to `gamma(2)`.
pub struct Sparse {
    columns: usize,
    start: Vec<usize>,
    index: Vec<u32>,
    value: Vec<f64>,
}

/// What may be spent: `work` says of so many multiplications whether there is still time for them, of none whether
/// there is any.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    pub work: &'a dyn Fn(f64) -> bool,
    pub bytes: u64,
}

impl Sparse {
    /// What a matrix of so many entries takes with its transpose, at most, while it grows.
    pub fn bytes(entries: usize) -> u64 {
        36 * entries as u64
    }

    pub fn new(columns: usize) -> Sparse {
        Sparse { columns, start: vec![0], index: vec![], value: vec![] }
    }

    /// One row more.
    pub fn push(&mut self, mut row: Vec<(u32, f64)>) {
        row.sort_unstable_by_key(|e| e.0);
        self.index.extend(row.iter().map(|e| e.0));
        self.value.extend(row.iter().map(|e| e.1));
        self.start.push(self.index.len());
    }

    fn rows(&self) -> usize {
        self.start.len() - 1
    }

    fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let own = self.start[i]..self.start[i + 1];
        (&self.index[own.clone()], &self.value[own])
    }

    pub fn transposed(&self) -> Sparse {
        let mut start = vec![0; self.columns + 1];
        self.index.iter().for_each(|&j| start[j as usize + 1] += 1);
        (0..self.columns).for_each(|j| start[j + 1] += start[j]);
        let mut next = start.clone();
        let (mut index, mut value) = (vec![0; self.index.len()], vec![0.0; self.index.len()]);
        for i in 0..self.rows() {
            let (columns, values) = self.row(i);
            for (&j, &v) in columns.iter().zip(values) {
                let at = &mut next[j as usize];
                (index[*at], value[*at]) = (i as u32, v);
                *at += 1;
            }
        }
        Sparse { columns: self.rows(), start, index, value }
    }

    /// MᵀM v.
    fn squared(&self, v: ArrayView1<f64>) -> Array1<f64> {
        let mut y = Array1::zeros(self.columns);
        for i in 0..self.rows() {
            let (columns, values) = self.row(i);
            let dot: f64 = columns.iter().zip(values).map(|(&j, x)| x * v[j as usize]).sum();
            columns.iter().zip(values).for_each(|(&j, x)| y[j as usize] += x * dot);
        }
        y
    }

    /// Where groups of columns start, and the end.
    fn groups(&self) -> Vec<usize> {
        // By column: past the last one that a row from here on meets.
        let mut past: Vec<usize> = (1..=self.columns).collect();
        for i in 0..self.rows() {
            if let (Some(&first), Some(&last)) = (self.row(i).0.first(), self.row(i).0.last()) {
                past[first as usize] = past[first as usize].max(last as usize + 1);
            }
        }
        let mut starts = vec![0];
        let (mut reach, mut end) = (0, LEAST.min(self.columns));
        while end < self.columns {
            let from = *starts.last().expect("one at least");
            reach = past[from..end].iter().fold(reach, |m: usize, &p| m.max(p));
            starts.push(end);
            end = reach.max(end + LEAST).min(self.columns);
        }
        starts.push(self.columns);
        starts
    }
}

/// Columns of a group at least.
const LEAST: usize = 192;

/// Multiplications in blocks cost this part of those in sweeps.
const DENSE: f64 = 0.25;

/// What a factorisation and its Gram matrix cost, in multiplications of sweeps.
fn work(m: &Sparse, groups: &[usize]) -> f64 {
    let size = |k: usize| groups.get(k + 1).map_or(0.0, |end| (end - groups[k]) as f64);
    let block = |k: usize| {
        let (own, next) = (size(k), size(k + 1));
        DENSE * (own.powi(3) / 6.0 + own * next * (own + next) / 2.0)
    };
    // Entry by entry costs more than in blocks.
    let gram = |i: usize| 2.0 * (m.row(i).0.len() as f64).powi(2);
    (0..groups.len() - 1).map(block).sum::<f64>() + (0..m.rows()).map(gram).sum::<f64>()
}

/// Bytes of the blocks that are held at a time.
fn bytes(groups: &[usize]) -> u64 {
    let widest = groups.windows(2).map(|g| g[1] - g[0]).max().unwrap_or(0) as u64;
    8 * BLOCKS * widest * widest
}

/// A group's own block, the one below it, what it leaves, the panel before, and one more while they are made.
const BLOCKS: u64 = 5;

/// Blocks of t I − MᵀM.
struct Shifted<'m> {
    m: &'m Sparse,
    allowed: Allowed<'m>,
    /// Rows by the first column that they meet.
    order: Vec<usize>,
    groups: Vec<usize>,
    shift: f64,
    /// The next group, the next row, and what rows before have left for the group's own block.
    at: usize,
    row: usize,
    left: Array2<f64>,
}

impl<'m> Shifted<'m> {
    fn new(m: &'m Sparse, groups: Vec<usize>, shift: f64, allowed: Allowed<'m>) -> Shifted<'m> {
        let mut order: Vec<usize> = (0..m.rows()).filter(|&i| !m.row(i).0.is_empty()).collect();
        order.sort_by_key(|&i| m.row(i).0[0]);
        let first = groups[1];
        let left = Array2::zeros((first, first));
        Shifted { m, allowed, order, groups, shift, at: 0, row: 0, left }
    }
}

impl Tridiagonal for Shifted<'_> {
    fn blocks(&self) -> usize {
        self.groups.len() - 1
    }

    fn next(&mut self) -> Option<(Array2<f64>, Array2<f64>)> {
        if !(self.allowed.work)(0.0) {
            return None;
        }
        let (from, to) = (self.groups[self.at], self.groups[self.at + 1]);
        let end = self.groups.get(self.at + 2).copied().unwrap_or(to);
        let mut below = Array2::zeros((end - to, to - from));
        let mut own = std::mem::replace(&mut self.left, Array2::zeros((end - to, end - to)));
        while let Some(&i) = self.order.get(self.row)
            && (self.m.row(i).0[0] as usize) < to
        {
            let (columns, values) = self.m.row(i);
            let split = columns.partition_point(|&j| (j as usize) < to);
            assert!(columns.last().is_none_or(|&j| (j as usize) < end), "a row meets two groups at most");
            for (t, (&j, &x)) in columns.iter().zip(values).enumerate() {
                // Of the lower triangle: columns up to j.
                let j = j as usize;
                let (target, before, base) = if t < split {
                    (own.row_mut(j - from), 0..t + 1, from)
                } else {
                    let mut row = below.row_mut(j - to);
                    add(&mut row, &columns[..split], &values[..split], (from, -x));
                    (self.left.row_mut(j - to), split..t + 1, to)
                };
                let mut target = target;
                add(&mut target, &columns[before.clone()], &values[before], (base, -x));
            }
            self.row += 1;
        }
        own.diag_mut().mapv_inplace(|g| sub_down(self.shift, -g));
        self.at += 1;
        Some((own, below))
    }
}

/// row[j − base] += factor value.
fn add(row: &mut ndarray::ArrayViewMut1<f64>, columns: &[u32], values: &[f64], (base, factor): (usize, f64)) {
    let row = row.as_slice_mut().expect("rows are contiguous");
    columns.iter().zip(values).for_each(|(&j, v)| row[j as usize - base] += factor * v);
}

/// Parts of a Ritz value that are added to it in turn.
const EXCESS: [f64; 4] = [1e-4, 4e-4, 2e-3, 1e-2];
/// Multiplications of the estimate for every entry.
const ESTIMATE: f64 = 200.0;

/// None where it is not `allowed`, or no proof went through.
pub fn norm_upper(m: &Sparse, allowed: Allowed) -> Option<Upper> {
    if m.index.is_empty() {
        return Some(Upper::proven(0.0));
    }
    let turned = m.transposed();
    let proof = Proof::new([m, &turned], allowed)?;
    let m = proof.m;
    // Nothing at all ends the search for an estimate.
    let mut apply = |v: ArrayView1<f64>| match (allowed.work)(0.0) {
        true => m.squared(v),
        false => Array1::zeros(m.columns),
    };
    let (ritz, _) = top_eigenpair(m.columns, &mut apply, 1e-5);
    for excess in EXCESS {
        if !(allowed.work)(proof.price) {
            return None;
        }
        if let Some(norm) = proof.shifted(ritz * (1.0 + excess)) {
            return Some(Upper::proven(norm));
        }
    }
    None
}

/// Is ‖M‖_2 proven to be at most `norm`, by one factorisation?
pub fn proves(m: &Sparse, norm: f64, allowed: Allowed) -> bool {
    if m.index.is_empty() {
        return norm >= 0.0;
    }
    let turned = m.transposed();
    let Some(proof) = Proof::new([m, &turned], allowed) else { return false };
    // What is left of the square once all that a proof can lose is taken off.
    let square = mul_down(norm, norm);
    let order = proof.m.columns;
    let lost = add_up(proof.error, slack(order, mul_up(order as f64, square), false));
    let shift = square - mul_up(lost, 1.0 + 1e-6) - 4.0 * mul_up(norm, proof.entries());
    shift > 0.0 && proof.shifted(shift).is_some_and(|shown| shown <= norm)
}

/// The side with the cheaper factorisation, and its errors.
struct Proof<'m> {
    m: &'m Sparse,
    groups: Vec<usize>,
    price: f64,
    allowed: Allowed<'m>,
    size: f64,
    error: f64,
}

impl<'m> Proof<'m> {
    /// Of a matrix and its transpose; None where it is not `allowed`.
    fn new(sides: [&'m Sparse; 2], allowed: Allowed<'m>) -> Option<Proof<'m>> {
        let top = largest(sides[0].value.iter().map(|x| x.abs()));
        let estimate = ESTIMATE * sides[0].index.len() as f64;
        if !(1e-60..1e60).contains(&top) || !(allowed.work)(estimate) {
            return None;
        }
        let [own, other] = sides.map(|m| (m.groups(), m));
        let [price, reversed] = [&own, &other].map(|(groups, m)| work(m, groups));
        let (groups, m) = if reversed < price { other } else { own };
        let price = price.min(reversed);
        let room = Sparse::bytes(m.index.len()).saturating_add(bytes(&groups));
        if room > allowed.bytes || !(allowed.work)(price + estimate) {
            return None;
        }
        let size = vector_norm_up(m.value.iter().map(|x| x.abs()), Norm::Two);
        let error = gram_error(m.rows() + 2, m.columns, size);
        Some(Proof { m, groups, price, allowed, size, error })
    }

    /// What a factorisation of shift I − MᵀM shows of ‖M‖_2.
    fn shifted(&self, shift: f64) -> Option<f64> {
        let mut blocks = Shifted::new(self.m, self.groups.clone(), shift, self.allowed);
        let eta = tridiagonal_up_to(self.m.columns, &mut blocks)?;
        let square = add_up(add_up(shift, eta), self.error);
        Some(add_up(sqrt_up(square), self.entries()))
    }

    /// What entries may be off by, in norm.
    fn entries(&self) -> f64 {
        add_up(mul_up(gamma(2), self.size), 1e-280)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::spectral::spectral_upper;
    use crate::num::random::Random;

    #[test]
    fn bands_have_the_norms_of_their_matrices() {
        let mut random = Random(5);
        for case in 0..60 {
            let (rows, columns, width) = (50 + 17 * (case % 7), 40 + 101 * (case % 9), 3 + case % 40);
            let mut dense = Array2::<f64>::zeros((rows, columns));
            for i in 0..rows {
                let first = (i * columns / rows).min(columns - 1);
                for j in first..columns.min(first + width) {
                    if random.unit() < 0.7 {
                        dense[[i, j]] = random.normal();
                    }
                }
            }
            let mut m = Sparse::new(columns);
            for row in dense.rows() {
                let entries = row.iter().enumerate().filter(|e| *e.1 != 0.0);
                m.push(entries.map(|(j, x)| (j as u32, *x)).collect());
            }
            let truth = spectral_upper(dense.view()).get();
            for m in [&m, &m.transposed()] {
                let all = Allowed { work: &|_| true, bytes: 1 << 30 };
                let found = norm_upper(m, all).expect("a proof").get();
                assert!(truth * (1.0 - 1e-9) <= found && found <= truth * 1.0003, "{case}: {found} {truth}");
                assert!(proves(m, found, all) && !proves(m, truth * (1.0 - 1e-7), all), "{case}");
                assert!(norm_upper(m, Allowed { bytes: 1 << 10, ..all }).is_none());
                // Time that ends anywhere on the way leaves nothing, or the same.
                for looks in 0..12 {
                    let left = std::cell::Cell::new(looks);
                    let work = |_| left.replace(left.get() - 1) > 0;
                    let cut = norm_upper(m, Allowed { work: &work, ..all });
                    assert!(cut.is_none_or(|n| n.get() >= truth * (1.0 - 1e-9)), "{case}: {looks}");
                }
            }
        }
    }
}
