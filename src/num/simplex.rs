//! The deepest point of a polytope, by a dense simplex method on a tableau.
//!
//! An oracle: nothing here is proven. The point proposes a witness, the multipliers
//! propose a proof of emptiness; both are checked elsewhere.

/// {w : a_i · w <= b_i, 0 <= w <= width} around its deepest point.
pub struct Polytope {
    tableau: Tableau,
    lengths: Vec<f64>,
}

/// max t with a_i · w + t |a_i| <= b_i.
pub struct Deepest {
    pub depth: f64,
    pub point: Vec<f64>,
    /// Of the rows, nonnegative.
    pub multipliers: Vec<f64>,
}

const TINY: f64 = 1e-11;

impl Polytope {
    /// None where the method gives up.
    pub fn new(rows: &[(Vec<f64>, f64)], width: &[f64]) -> Option<Polytope> {
        if rows.is_empty() {
            return None;
        }
        let lengths: Vec<f64> =
            rows.iter().map(|(a, _)| a.iter().map(|v| v * v).sum::<f64>().sqrt()).collect();
        let mut tableau = Tableau::new(rows, &lengths, width)?;
        tableau.climb(tableau.depth_row)?;
        Some(Polytope { tableau, lengths })
    }

    pub fn deepest(&self) -> Deepest {
        let t = &self.tableau;
        Deepest { depth: t.rhs[t.depth_row], point: t.point(), multipliers: self.multipliers(t.depth_row) }
    }

    /// Multipliers λ >= 0 of the rows for which max {c · w} is about max over the box of
    /// (c − Σ λ_i a_i) · w + Σ λ_i b_i. The deepest point must lie inside.
    pub fn maximise(&mut self, c: &[f64]) -> Option<Vec<f64>> {
        let row = self.tableau.objective(c);
        let done = self.tableau.climb(row);
        let multipliers = self.multipliers(row);
        self.tableau.drop_last();
        done.map(|()| multipliers)
    }

    fn multipliers(&self, row: usize) -> Vec<f64> {
        let mut list = vec![0.0; self.lengths.len()];
        for (v, c) in self.tableau.outside.iter().zip(&self.tableau.a[row]) {
            if let Var::Slack(i) = *v {
                list[i] = c.max(0.0) / self.lengths[i];
            }
        }
        list
    }
}

/// Rows of length one: each basic variable is rhs − Σ coefficient · column.
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
    Goal,
}

impl Tableau {
    fn new(rows: &[(Vec<f64>, f64)], norms: &[f64], width: &[f64]) -> Option<Tableau> {
        let n = width.len();
        if norms.iter().any(|v| !(*v > 0.0 && v.is_finite())) {
            return None;
        }
        // Rows of length one; then t <= b_i − a_i w − s_i for all i.
        let mut a: Vec<Vec<f64>> =
            rows.iter().zip(norms).map(|((a, _), l)| a.iter().map(|v| v / l).collect()).collect();
        let mut rhs: Vec<f64> = rows.iter().zip(norms).map(|((_, b), l)| b / l).collect();
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

    /// Until the goal's row cannot grow.
    fn climb(&mut self, goal: usize) -> Option<()> {
        let limit = 20 * (self.a.len() + self.outside.len());
        for step in 0..2 * limit {
            // Largest gain first; the first gain where that may cycle.
            let gains = self.a[goal].iter().enumerate().map(|(j, c)| (j, -c));
            let mut gains = gains.filter(|&(j, g)| g > TINY && self.bound(self.outside[j]) > 0.0);
            let best = if step > limit { gains.next() } else { gains.max_by(|a, b| a.1.total_cmp(&b.1)) };
            let Some((column, _)) = best else { return Some(()) };
            self.advance(column, goal)?;
        }
        None
    }

    /// Appends the row of c · w.
    fn objective(&mut self, c: &[f64]) -> usize {
        let mut row = vec![0.0; self.outside.len()];
        let mut rhs = 0.0;
        let sign = |j: usize| if self.flipped[j] { -c[j] } else { c[j] };
        for (v, coefficient) in self.outside.iter().zip(&mut row) {
            if let Var::Point(j) = *v {
                *coefficient -= sign(j);
            }
        }
        for ((v, a), r) in self.basic.iter().zip(&self.a).zip(&self.rhs) {
            if let Var::Point(j) = *v {
                row.iter_mut().zip(a).for_each(|(x, y)| *x += sign(j) * y);
                rhs += sign(j) * r;
            }
        }
        rhs += (0..c.len()).filter(|&j| self.flipped[j]).map(|j| c[j] * self.upper[j]).sum::<f64>();
        self.a.push(row);
        self.rhs.push(rhs);
        self.basic.push(Var::Goal);
        self.a.len() - 1
    }

    fn drop_last(&mut self) {
        self.a.pop();
        self.rhs.pop();
        self.basic.pop();
    }

    /// Raises a column's variable until something meets a bound.
    fn advance(&mut self, column: usize, goal: usize) -> Option<()> {
        let mut limit = self.bound(self.outside[column]);
        let mut leaving: Option<(usize, bool)> = None;
        for i in (0..self.a.len()).filter(|&i| i != goal) {
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

    fn point(&self) -> Vec<f64> {
        let from = |j: usize, x: f64| if self.flipped[j] { self.upper[j] - x } else { x };
        let mut point: Vec<f64> = (0..self.upper.len()).map(|j| from(j, 0.0)).collect();
        for (v, &x) in self.basic.iter().zip(&self.rhs) {
            if let Var::Point(j) = *v {
                point[j] = from(j, x);
            }
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    #[test]
    fn a_square_and_a_diagonal() {
        // x + y <= 1 in the unit square: the deepest point is where only the row binds.
        let rows = [(vec![1.0, 1.0], 1.0)];
        let mut p = Polytope::new(&rows, &[1.0, 1.0]).unwrap();
        assert!((p.deepest().depth - 0.5f64.sqrt()).abs() < 1e-12);
        let l = p.maximise(&[2.0, 1.0]).unwrap();
        assert!((l[0] - 1.0).abs() < 1e-12, "{l:?}");
        let empty = Polytope::new(&[(vec![1.0, 1.0], 0.5), (vec![-1.0, -1.0], -0.75)], &[1.0, 1.0]);
        let empty = empty.unwrap().deepest();
        let weight = 0.5 / 2f64.sqrt();
        assert!(empty.depth < 0.0 && empty.multipliers.iter().all(|l| (l - weight).abs() < 1e-12));
    }

    fn inner(a: &[f64], x: &[f64]) -> f64 {
        a.iter().zip(x).map(|(a, x)| a * x).sum()
    }

    /// max over the box of (c − Σ λ a) · w + Σ λ b.
    fn dual(c: &[f64], l: &[f64], rows: &[(Vec<f64>, f64)], width: &[f64]) -> f64 {
        let rest = |j: usize| c[j] - l.iter().zip(rows).map(|(l, (a, _))| l * a[j]).sum::<f64>();
        let over: f64 = (0..c.len()).map(|j| width[j] * rest(j).max(0.0)).sum();
        over + l.iter().zip(rows).map(|(l, (_, b))| l * b).sum::<f64>()
    }

    /// Points attain what multipliers bound.
    #[test]
    fn both_sides_agree() {
        let mut random = Random(3);
        let mut inside = 0;
        for case in 0..3000 {
            let (m, n) = (1 + case % 12, 1 + case % 7);
            let rows: Vec<(Vec<f64>, f64)> =
                (0..m).map(|_| ((0..n).map(|_| random.signed()).collect(), 2.0 * random.signed())).collect();
            let width: Vec<f64> = (0..n).map(|j| if j % 5 == 4 { 0.0 } else { random.unit() }).collect();
            let mut p = Polytope::new(&rows, &width).unwrap();
            let d = p.deepest();
            let depth = |(a, b): &(Vec<f64>, f64)| (b - inner(a, &d.point)) / inner(a, a).sqrt();
            let attained = rows.iter().map(depth).fold(f64::INFINITY, f64::min);
            let above = dual(&vec![0.0; n], &d.multipliers, &rows, &width);
            assert!((attained - above).abs() < 1e-9 && (attained - d.depth).abs() < 1e-9, "case {case}");
            if d.depth < 1e-6 {
                continue;
            }
            for _ in 0..5 {
                let c: Vec<f64> = (0..n).map(|_| random.signed()).collect();
                let row = p.tableau.objective(&c);
                p.tableau.climb(row).unwrap();
                let x = p.tableau.point();
                p.tableau.drop_last();
                let l = p.maximise(&c).unwrap();
                assert!(rows.iter().all(|(a, b)| inner(a, &x) <= b + 1e-9), "case {case}");
                assert!((inner(&c, &x) - dual(&c, &l, &rows, &width)).abs() < 1e-8, "case {case}");
                inside += 1;
            }
        }
        assert!(inside > 1000);
    }
}
