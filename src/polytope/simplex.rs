//! The deepest point of a polytope, by a dense simplex method on a tableau.
//!
//! An oracle: nothing here is proven. The point proposes a witness, the multipliers
//! propose a proof of emptiness; both are checked elsewhere.

use crate::deadline::Deadline;
use pulp::Arch;
use std::collections::BinaryHeap;

/// {w : a_i · w <= b_i, 0 <= w <= width} around its deepest point.
pub struct Polytope {
    tableau: Tableau,
    lengths: Vec<f64>,
    deepest: Deepest,
    until: Deadline,
}

/// max t with a_i · w + t |a_i| <= b_i.
#[derive(Clone)]
pub struct Deepest {
    pub depth: f64,
    pub point: Vec<f64>,
    /// Of the rows, nonnegative.
    pub multipliers: Vec<f64>,
}

const TINY: f64 = 1e-11;
/// Flips between two looks at the clock.
const LOOK: usize = 16;

impl Polytope {
    /// None where the method gives up, or the time is up.
    pub fn new(rows: &[(Vec<f64>, f64)], width: &[f64], until: &Deadline) -> Option<Polytope> {
        if rows.is_empty() {
            return None;
        }
        let lengths: Vec<f64> =
            rows.iter().map(|(a, _)| a.iter().map(|v| v * v).sum::<f64>().sqrt()).collect();
        let mut tableau = Tableau::new(rows, &lengths, width)?;
        let mut goal = tableau.row(tableau.depth_row);
        tableau.climb(&mut goal, until)?;
        let multipliers = multipliers(&tableau, &goal, &lengths);
        let deepest = Deepest { depth: tableau.rhs[tableau.depth_row], point: tableau.point(), multipliers };
        Some(Polytope { tableau, lengths, deepest, until: until.clone() })
    }

    pub fn deepest(&self) -> &Deepest {
        &self.deepest
    }

    /// Multipliers λ >= 0 of the rows for which max {c · w} is about max over the box of
    /// (c − Σ λ_i a_i) · w + Σ λ_i b_i. The deepest point must lie inside.
    pub fn maximise(&mut self, c: &[f64]) -> Option<Vec<f64>> {
        let mut goal = self.tableau.objective(c);
        let done = self.tableau.climb(&mut goal, &self.until);
        done.map(|()| multipliers(&self.tableau, &goal, &self.lengths))
    }
}

fn multipliers(tableau: &Tableau, goal: &[f64], lengths: &[f64]) -> Vec<f64> {
    let mut list = vec![0.0; lengths.len()];
    for (v, c) in tableau.outside.iter().zip(goal) {
        if let Var::Slack(i) = *v {
            list[i] = c.max(0.0) / lengths[i];
        }
    }
    list
}

/// Rows of length one: each basic variable is rhs − Σ coefficient · nonbasic variable.
struct Tableau {
    /// Coefficients, one nonbasic variable after the other.
    a: Vec<f64>,
    rhs: Vec<f64>,
    /// Upper bounds of the basic variables.
    top: Vec<f64>,
    /// Variable of each row; of each column.
    basic: Vec<Var>,
    outside: Vec<Var>,
    /// Is the coordinate measured from its upper bound?
    flipped: Vec<bool>,
    upper: Vec<f64>,
    depth_row: usize,
    /// How far each row lets a column's variable rise.
    room: Vec<f64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Var {
    Point(usize),
    Slack(usize),
    Depth,
}

#[derive(PartialEq)]
enum Step {
    Flip,
    Pivot,
}

impl Tableau {
    fn new(rows: &[(Vec<f64>, f64)], norms: &[f64], width: &[f64]) -> Option<Tableau> {
        let (m, n) = (rows.len(), width.len());
        if norms.iter().any(|v| !(*v > 0.0 && v.is_finite())) {
            return None;
        }
        // Rows of length one; then t <= b_i − a_i w − s_i for all i.
        let mut rhs: Vec<f64> = rows.iter().zip(norms).map(|((_, b), l)| b / l).collect();
        let first = (0..m).min_by(|&i, &j| rhs[i].total_cmp(&rhs[j]))?;
        let level = rhs[first];
        // s_i = (b_i − b_first) − (a_i − a_first) w + s_first.
        rhs.iter_mut().enumerate().filter(|(i, _)| *i != first).for_each(|(_, r)| *r -= level);
        let mut a = Vec::with_capacity(m * (n + 1));
        for j in 0..n {
            let entry = |i: usize| rows[i].0[j] / norms[i];
            let own = entry(first);
            a.extend((0..m).map(|i| if i == first { own } else { entry(i) - own }));
        }
        a.extend((0..m).map(|i| if i == first { 1.0 } else { -1.0 }));
        Some(Tableau {
            a,
            rhs,
            top: vec![f64::INFINITY; m],
            basic: (0..m).map(|i| if i == first { Var::Depth } else { Var::Slack(i) }).collect(),
            outside: (0..n).map(Var::Point).chain([Var::Slack(first)]).collect(),
            flipped: vec![false; n],
            upper: width.to_vec(),
            depth_row: first,
            room: vec![0.0; m],
        })
    }

    fn bound(&self, v: Var) -> f64 {
        if let Var::Point(j) = v { self.upper[j] } else { f64::INFINITY }
    }

    fn row(&self, row: usize) -> Vec<f64> {
        self.a.iter().skip(row).step_by(self.rhs.len()).copied().collect()
    }

    /// Columns that raise the goal, and by how much.
    fn gains(&self, goal: &[f64]) -> impl Iterator<Item = (usize, f64)> {
        let gains = goal.iter().enumerate().map(|(j, c)| (j, -c));
        gains.filter(|&(j, g)| g > TINY && self.bound(self.outside[j]) > 0.0)
    }

    /// Until the goal, of which each column takes its coefficient, cannot grow.
    fn climb(&mut self, goal: &mut [f64], until: &Deadline) -> Option<()> {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let limit = 20 * (self.rhs.len() + self.outside.len());
                let mut steps = 0;
                while steps < 2 * limit {
                    if until.is_over() {
                        return None;
                    }
                    // Largest gain first; the first gain where that may cycle.
                    let most = |best: (usize, f64), g: (usize, f64)| if g.1 >= best.1 { g } else { best };
                    let first = steps > limit;
                    let best = if first { self.gains(goal).next() } else { self.gains(goal).reduce(most) };
                    let Some((column, _)) = best else { return Some(()) };
                    steps += 1;
                    if self.advance(column, goal)? == Step::Pivot || first {
                        continue;
                    }
                    // A flip leaves the other gains as they are: the next ones in order. Positive floats
                    // have the order of their bits.
                    let mut next: BinaryHeap<(u64, usize)> =
                        self.gains(goal).map(|(j, g)| (g.to_bits(), j)).collect();
                    while let Some((_, column)) = next.pop() {
                        steps += 1;
                        if steps % LOOK == 0 && until.is_over() {
                            return None;
                        }
                        if self.advance(column, goal)? == Step::Pivot {
                            break;
                        }
                    }
                }
                None
            },
        )
    }

    /// Each column's coefficient in the row of c · w.
    fn objective(&self, c: &[f64]) -> Vec<f64> {
        let m = self.rhs.len();
        let sign = |v: Var| match v {
            Var::Point(j) if self.flipped[j] => -c[j],
            Var::Point(j) => c[j],
            Var::Slack(_) | Var::Depth => 0.0,
        };
        let weight: Vec<f64> = self.basic.iter().map(|v| sign(*v)).collect();
        let inner = |column: &[f64]| column.iter().zip(&weight).map(|(a, w)| a * w).sum::<f64>();
        self.outside.iter().zip(self.a.chunks_exact(m)).map(|(v, a)| inner(a) - sign(*v)).collect()
    }

    /// Raises a column's variable until something meets a bound.
    #[inline(always)]
    fn advance(&mut self, column: usize, goal: &mut [f64]) -> Option<Step> {
        let m = self.rhs.len();
        let own = &self.a[column * m..(column + 1) * m];
        let (rhs, top, room) = (&self.rhs[..m], &self.top[..m], &mut self.room[..m]);
        for i in 0..m {
            let free = if own[i] > 0.0 { rhs[i] } else { top[i] - rhs[i] };
            let free = if free > 0.0 { free } else { 0.0 } / own[i].abs();
            room[i] = if own[i].abs() > TINY { free } else { f64::INFINITY };
        }
        let mut limit = self.bound(self.outside[column]);
        let mut leaving = None;
        for (i, &r) in self.room.iter().enumerate() {
            if r < limit {
                (limit, leaving) = (r, Some(i));
            }
        }
        if !limit.is_finite() {
            return None;
        }
        let Some(row) = leaving else {
            self.flip(column, goal);
            return Some(Step::Flip);
        };
        if self.a[column * m + row] < 0.0 {
            self.mirror(row);
        }
        self.pivot(row, column, goal);
        Some(Step::Pivot)
    }

    /// The column's variable is counted from its other bound.
    #[inline(always)]
    fn flip(&mut self, column: usize, goal: &mut [f64]) {
        let Var::Point(j) = self.outside[column] else { return };
        let m = self.rhs.len();
        for (a, rhs) in self.a[column * m..(column + 1) * m].iter_mut().zip(&mut self.rhs) {
            *rhs -= *a * self.upper[j];
            *a = -*a;
        }
        goal[column] = -goal[column];
        self.flipped[j] = !self.flipped[j];
    }

    /// The same for a basic variable: x = u − x'.
    #[inline(always)]
    fn mirror(&mut self, row: usize) {
        let Var::Point(j) = self.basic[row] else { return };
        self.rhs[row] = self.upper[j] - self.rhs[row];
        let m = self.rhs.len();
        self.a.iter_mut().skip(row).step_by(m).for_each(|v| *v = -*v);
        self.flipped[j] = !self.flipped[j];
    }

    #[inline(always)]
    fn pivot(&mut self, row: usize, column: usize, goal: &mut [f64]) {
        let m = self.rhs.len();
        let (before, rest) = self.a.split_at_mut(column * m);
        let (own, after) = rest.split_at_mut(m);
        let p = own[row];
        let value = self.rhs[row] / p;
        own[row] = 0.0;
        let less = |x: &mut [f64], f: f64| x.iter_mut().zip(&*own).for_each(|(x, c)| *x -= c * f);
        let others = before.chunks_exact_mut(m).chain(after.chunks_exact_mut(m));
        for (k, a) in others.enumerate() {
            let f = a[row] / p;
            if f != 0.0 {
                less(a, f);
                a[row] = f;
                goal[k + (k >= column) as usize] -= goal[column] * f;
            }
        }
        less(&mut self.rhs, value);
        self.rhs[row] = value;
        own.iter_mut().for_each(|c| *c = -*c / p);
        own[row] = 1.0 / p;
        goal[column] = -goal[column] / p;
        std::mem::swap(&mut self.basic[row], &mut self.outside[column]);
        self.top[row] = self.bound(self.basic[row]);
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
        let mut p = Polytope::new(&rows, &[1.0, 1.0], &Deadline::never()).unwrap();
        assert!((p.deepest().depth - 0.5f64.sqrt()).abs() < 1e-12);
        let l = p.maximise(&[2.0, 1.0]).unwrap();
        assert!((l[0] - 1.0).abs() < 1e-12, "{l:?}");
        let rows = [(vec![1.0, 1.0], 0.5), (vec![-1.0, -1.0], -0.75)];
        let empty = Polytope::new(&rows, &[1.0, 1.0], &Deadline::never()).unwrap();
        let empty = empty.deepest();
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
            let mut p = Polytope::new(&rows, &width, &Deadline::never()).unwrap();
            let d = p.deepest.clone();
            let depth = |(a, b): &(Vec<f64>, f64)| (b - inner(a, &d.point)) / inner(a, a).sqrt();
            let attained = rows.iter().map(depth).fold(f64::INFINITY, f64::min);
            let above = dual(&vec![0.0; n], &d.multipliers, &rows, &width);
            assert!((attained - above).abs() < 1e-9 && (attained - d.depth).abs() < 1e-9, "case {case}");
            if d.depth < 1e-6 {
                continue;
            }
            for _ in 0..5 {
                let c: Vec<f64> = (0..n).map(|_| random.signed()).collect();
                let mut goal = p.tableau.objective(&c);
                p.tableau.climb(&mut goal, &Deadline::never()).unwrap();
                let x = p.tableau.point();
                let l = p.maximise(&c).unwrap();
                assert!(rows.iter().all(|(a, b)| inner(a, &x) <= b + 1e-9), "case {case}");
                assert!((inner(&c, &x) - dual(&c, &l, &rows, &width)).abs() < 1e-8, "case {case}");
                inside += 1;
            }
        }
        assert!(inside > 1000);
    }
}
