//! The deepest point of a polytope, by a dense simplex method on a tableau.
//!
//! An oracle: nothing here is proven. The point proposes a witness, the multipliers
//! propose a proof of emptiness; both are checked elsewhere.

/// max t with a_i · w + t |a_i| <= b_i and 0 <= w <= width.
pub struct Deepest {
    pub depth: f64,
    pub point: Vec<f64>,
    /// Of the rows, nonnegative.
    pub multipliers: Vec<f64>,
}

const TINY: f64 = 1e-11;

/// None where the method gives up.
pub fn deepest(rows: &[(Vec<f64>, f64)], width: &[f64]) -> Option<Deepest> {
    let (m, n) = (rows.len(), width.len());
    if m == 0 {
        return None;
    }
    let mut t = Tableau::new(rows, width)?;
    for step in 0..50 * (m + n) {
        // Largest gain first; the first gain where that may cycle.
        let Some((column, _)) = t.entering(step > 20 * (m + n)) else { break };
        t.advance(column)?;
    }
    Some(t.answer(m, n))
}

/// Columns: w_0.. w_n, then slacks; the depth is basic in `depth_row` throughout.
struct Tableau {
    /// Coefficients of the nonbasic columns in each row.
    a: Vec<Vec<f64>>,
    rhs: Vec<f64>,
    /// Variable of each row; of each column.
    basic: Vec<Var>,
    outside: Vec<Var>,
    /// Is the column's variable measured from its upper bound?
    flipped: Vec<bool>,
    upper: Vec<f64>,
    depth_row: usize,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Var {
    Point(usize),
    Slack(usize),
    Depth,
}

impl Tableau {
    fn new(rows: &[(Vec<f64>, f64)], width: &[f64]) -> Option<Tableau> {
        let n = width.len();
        let norms: Vec<f64> = rows.iter().map(|(a, _)| a.iter().map(|v| v * v).sum::<f64>().sqrt()).collect();
        if norms.iter().any(|v| !(*v > 0.0 && v.is_finite())) {
            return None;
        }
        // Rows of length one; then t <= b_i − a_i w − s_i for all i.
        let mut a: Vec<Vec<f64>> =
            rows.iter().zip(&norms).map(|((a, _), l)| a.iter().map(|v| v / l).collect()).collect();
        let mut rhs: Vec<f64> = rows.iter().zip(&norms).map(|((_, b), l)| b / l).collect();
        let first = (0..rows.len()).min_by(|&i, &j| rhs[i].total_cmp(&rhs[j]))?;
        let (top, level) = (a[first].clone(), rhs[first]);
        for i in (0..rows.len()).filter(|&i| i != first) {
            // s_i = (b_i − b_first) − (a_i − a_first) w + s_first.
            rhs[i] -= level;
            a[i].iter_mut().zip(&top).for_each(|(x, y)| *x -= y);
        }
        for (i, row) in a.iter_mut().enumerate() {
            row.push(if i == first { 1.0 } else { -1.0 });
        }
        let basic = (0..rows.len()).map(|i| if i == first { Var::Depth } else { Var::Slack(i) }).collect();
        let outside = (0..n).map(Var::Point).chain([Var::Slack(first)]).collect();
        let upper = width.to_vec();
        Some(Tableau { a, rhs, basic, outside, flipped: vec![false; n], upper, depth_row: first })
    }

    fn bound(&self, v: Var) -> f64 {
        if let Var::Point(j) = v { self.upper[j] } else { f64::INFINITY }
    }

    /// The column by which the depth grows.
    fn entering(&self, first: bool) -> Option<(usize, f64)> {
        let gains = self.a[self.depth_row].iter().enumerate().map(|(j, c)| (j, -c));
        let mut gains = gains.filter(|&(j, g)| g > TINY && self.bound(self.outside[j]) > 0.0);
        if first { gains.next() } else { gains.max_by(|a, b| a.1.total_cmp(&b.1)) }
    }

    /// Raises a column's variable until something meets a bound.
    fn advance(&mut self, column: usize) -> Option<()> {
        let mut limit = self.bound(self.outside[column]);
        let mut leaving: Option<(usize, bool)> = None;
        for i in (0..self.a.len()).filter(|&i| i != self.depth_row) {
            let c = self.a[i][column];
            let (room, at_top) = match c {
                c if c > TINY => (self.rhs[i].max(0.0) / c, false),
                c if c < -TINY => ((self.bound(self.basic[i]) - self.rhs[i]).max(0.0) / -c, true),
                _ => continue,
            };
            if room < limit {
                (limit, leaving) = (room, Some((i, at_top)));
            }
        }
        if !limit.is_finite() {
            return None;
        }
        match leaving {
            None => self.flip(column),
            Some((row, at_top)) => {
                if at_top {
                    self.mirror(row);
                }
                self.pivot(row, column);
            }
        }
        Some(())
    }

    /// The column's variable is counted from its other bound.
    fn flip(&mut self, column: usize) {
        let Var::Point(j) = self.outside[column] else { return };
        for (row, rhs) in self.a.iter_mut().zip(&mut self.rhs) {
            *rhs -= row[column] * self.upper[j];
            row[column] = -row[column];
        }
        self.flipped[j] = !self.flipped[j];
    }

    /// The same for a basic variable: x = u − x'.
    fn mirror(&mut self, row: usize) {
        let Var::Point(j) = self.basic[row] else { return };
        self.rhs[row] = self.upper[j] - self.rhs[row];
        self.a[row].iter_mut().for_each(|v| *v = -*v);
        self.flipped[j] = !self.flipped[j];
    }

    fn pivot(&mut self, row: usize, column: usize) {
        let p = self.a[row][column];
        let mut line = std::mem::take(&mut self.a[row]);
        line.iter_mut().for_each(|v| *v /= p);
        line[column] = 1.0 / p;
        let value = self.rhs[row] / p;
        for i in (0..self.a.len()).filter(|&i| i != row) {
            let c = self.a[i][column];
            if c != 0.0 {
                self.a[i][column] = 0.0;
                self.a[i].iter_mut().zip(&line).for_each(|(x, y)| *x -= c * y);
                self.rhs[i] -= c * value;
            }
        }
        self.a[row] = line;
        self.rhs[row] = value;
        std::mem::swap(&mut self.basic[row], &mut self.outside[column]);
    }

    fn answer(&self, m: usize, n: usize) -> Deepest {
        let mut point: Vec<f64> = (0..n).map(|j| if self.flipped[j] { self.upper[j] } else { 0.0 }).collect();
        for (v, &x) in self.basic.iter().zip(&self.rhs) {
            if let Var::Point(j) = *v {
                point[j] = if self.flipped[j] { self.upper[j] - x } else { x };
            }
        }
        let mut multipliers = vec![0.0; m];
        for (v, c) in self.outside.iter().zip(&self.a[self.depth_row]) {
            if let Var::Slack(i) = *v {
                multipliers[i] = c.max(0.0);
            }
        }
        Deepest { depth: self.rhs[self.depth_row], point, multipliers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    #[test]
    fn a_square_and_a_diagonal() {
        // x + y <= 1 in the unit square: the deepest point is where only the row binds.
        let d = deepest(&[(vec![1.0, 1.0], 1.0)], &[1.0, 1.0]).unwrap();
        assert!((d.depth - 0.5f64.sqrt()).abs() < 1e-12, "{}", d.depth);
        let empty = deepest(&[(vec![1.0, 1.0], 0.5), (vec![-1.0, -1.0], -0.75)], &[1.0, 1.0]).unwrap();
        assert!(empty.depth < 0.0 && empty.multipliers.iter().all(|l| (l - 0.5).abs() < 1e-12));
    }

    /// Points attain the depth that multipliers bound.
    #[test]
    fn both_sides_agree() {
        let mut random = Random(3);
        for case in 0..2000 {
            let (m, n) = (1 + case % 12, 1 + case % 7);
            let rows: Vec<(Vec<f64>, f64)> =
                (0..m).map(|_| ((0..n).map(|_| random.signed()).collect(), 2.0 * random.signed())).collect();
            let width: Vec<f64> = (0..n).map(|j| if j % 5 == 4 { 0.0 } else { random.unit() }).collect();
            let d = deepest(&rows, &width).unwrap();
            let length = |a: &[f64]| a.iter().map(|v| v * v).sum::<f64>().sqrt();
            let attained = rows
                .iter()
                .map(|(a, b)| (b - a.iter().zip(&d.point).map(|(a, x)| a * x).sum::<f64>()) / length(a))
                .fold(f64::INFINITY, f64::min);
            let weights: Vec<f64> =
                d.multipliers.iter().zip(&rows).map(|(l, (a, _))| l / length(a)).collect();
            let least: f64 = (0..n)
                .map(|j| {
                    width[j] * weights.iter().zip(&rows).map(|(l, (a, _))| l * a[j]).sum::<f64>().min(0.0)
                })
                .sum();
            let above = weights.iter().zip(&rows).map(|(l, (_, b))| l * b).sum::<f64>() - least;
            let total: f64 = d.multipliers.iter().sum();
            assert!((total - 1.0).abs() < 1e-9, "case {case}: {total}");
            assert!((attained - above).abs() < 1e-9 && (attained - d.depth).abs() < 1e-9, "case {case}");
        }
    }
}
