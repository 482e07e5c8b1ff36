//! What may not happen at the outputs: any of some alternatives, each a few conditions that hold together.

use super::others;
use super::refute::Target;
use crate::num::Written;
use crate::num::round::{add_down, mul_down, sub_down};
use ndarray::{Array1, Array2, ArrayView1};

/// Conditions rows · y <= limits; an alternative is the conditions that make it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub rows: Array2<f64>,
    pub limits: Vec<Written>,
    pub any: Vec<Vec<usize>>,
}

impl Statement {
    /// Another class is at least as far.
    pub fn caught(class: usize, outputs: usize) -> Statement {
        let others: Vec<usize> = others(class, outputs).collect();
        let mut rows = Array2::zeros((others.len(), outputs));
        for (mut row, &other) in rows.outer_iter_mut().zip(&others) {
            (row[class], row[other]) = (1.0, -1.0);
        }
        let any = (0..others.len()).map(|r| vec![r]).collect();
        Statement { rows, limits: vec![Written::ZERO; others.len()], any }
    }

    /// What rows are at least, by ends of the outputs.
    pub fn lows(&self, lo: ArrayView1<f64>, hi: ArrayView1<f64>) -> Array1<f64> {
        let least = |row: ArrayView1<f64>| {
            let each = row.iter().zip(lo.iter().zip(&hi)).filter(|(a, _)| **a != 0.0);
            each.fold(0.0, |sum, (a, (l, h))| add_down(sum, mul_down(*a, if *a > 0.0 { *l } else { *h })))
        };
        self.rows.outer_iter().map(least).collect()
    }

    /// By how much condition r is missed at least where its row is at least this.
    pub fn missed(&self, r: usize, low: f64) -> f64 {
        sub_down(low, self.limits[r].ends().hi)
    }

    /// Which condition of an alternative is missed most, and by how much at least.
    fn most_missed(&self, alternative: &[usize], lows: ArrayView1<f64>) -> Option<(usize, f64)> {
        let each = alternative.iter().map(|&r| (r, self.missed(r, lows[r])));
        each.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Is every alternative missed where rows are at least these?
    pub fn is_missed(&self, lows: ArrayView1<f64>) -> bool {
        let missed = |all: &Vec<usize>| self.most_missed(all, lows).is_some_and(|(_, by)| by > 0.0);
        self.any.iter().all(missed)
    }

    /// In the alternative that is nearest to being met, the condition that is met on the smallest share of what its
    /// row takes there. (The one that is missed most would be the same one over and over on parts that its boundary
    /// cuts, while another condition misses all of them.)
    pub fn nearest(&self, lows: ArrayView1<f64>, spread: impl Fn(usize) -> f64) -> Option<usize> {
        let by = |all: &Vec<usize>| self.most_missed(all, lows).map(|(_, by)| by);
        let each = self.any.iter().filter_map(|all| Some((all, by(all)?)));
        let (all, _) = each.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let share = |r: usize| match spread(r) {
            wide if wide > 0.0 => -self.missed(r, lows[r]) / wide,
            _ => f64::INFINITY,
        };
        all.iter().copied().map(|r| (r, share(r))).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(r, _)| r)
    }
}

impl Target for Statement {
    fn apart(&self, y: &[f64]) -> (f64, Vec<f64>) {
        let y = ArrayView1::from(y);
        let far = |r: usize| self.rows.row(r).dot(&y) - self.limits[r].nearest();
        let most = |all: &Vec<usize>| all.iter().map(|&r| (far(r), r)).max_by(|a, b| a.0.total_cmp(&b.0));
        // An alternative of no conditions is met everywhere.
        let each = self.any.iter().map(|all| most(all).unwrap_or((f64::NEG_INFINITY, usize::MAX)));
        match each.min_by(|a, b| a.0.total_cmp(&b.0)) {
            None => (f64::INFINITY, vec![0.0; y.len()]),
            Some((far, usize::MAX)) => (far, vec![0.0; y.len()]),
            Some((far, r)) => (far, self.rows.row(r).iter().map(|a| -a).collect()),
        }
    }

    /// Is some alternative met for certain?
    fn is_met(&self, lo: &[f64], hi: &[f64]) -> bool {
        // −row · y is at least −limit.
        let negated = Statement { rows: -self.rows.clone(), ..self.clone() };
        let lows = negated.lows(ArrayView1::from(lo), ArrayView1::from(hi));
        self.any.iter().any(|all| all.iter().all(|&r| -lows[r] <= self.limits[r].ends().lo))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    fn written(text: &str) -> Written {
        Written::parse(text).expect("a number")
    }

    /// y0 <= y1 and y0 <= 0.1, or y1 <= -1.
    fn either() -> Statement {
        let rows = arr2(&[[1.0, -1.0], [1.0, 0.0], [0.0, 1.0]]);
        let limits = ["0", "0.1", "-1"].map(written).to_vec();
        Statement { rows, limits, any: vec![vec![0, 1], vec![2]] }
    }

    #[test]
    fn alternatives_are_missed_one_by_one() {
        let s = either();
        let ends = |lo: [f64; 2], hi: [f64; 2]| s.lows(arr1(&lo).view(), arr1(&hi).view());
        assert!(s.is_missed(ends([0.2, 0.0], [0.3, 0.1]).view()));
        assert!(!s.is_missed(ends([0.05, 0.0], [0.3, 0.1]).view()));
        assert!(!s.is_missed(ends([0.2, -2.0], [0.3, 0.1]).view()));
        let lows = ends([0.05, 5.0], [0.3, 6.0]);
        assert_eq!(s.nearest(lows.view(), |_| 1.0), Some(1));
        assert_eq!(s.nearest(lows.view(), |r| if r == 1 { 0.01 } else { 10.0 }), Some(0));
    }

    #[test]
    fn what_is_met_is_met_for_certain() {
        let s = either();
        assert!(s.is_met(&[0.05, 0.06], &[0.06, 0.07]));
        assert!(!s.is_met(&[0.05, 0.05], &[0.06, 0.07]), "y0 may be above y1");
        assert!(!s.is_met(&[0.1, 0.5], &[0.1000001, 0.6]), "y0 may be above 0.1");
        assert!(s.is_met(&[3.0, -1.5], &[4.0, -1.0]));
        assert!(s.apart(&[0.05, 0.06]).0 < 0.0 && s.apart(&[1.0, 0.5]).0 > 0.0);
    }

    #[test]
    fn nothing_and_everything() {
        let of = |any| Statement { rows: Array2::zeros((0, 1)), limits: vec![], any };
        let (never, always) = (of(vec![]), of(vec![vec![]]));
        assert!(never.is_missed(arr1(&[]).view()) && !never.is_met(&[0.0], &[0.0]));
        assert!(!always.is_missed(arr1(&[]).view()) && always.is_met(&[0.0], &[0.0]));
        assert!(always.apart(&[0.0]).0 < 0.0 && never.apart(&[0.0]).0 > 0.0);
    }
}
