//! Affine functions and their sign conditions without rounding.
//!
//! For the few questions that floats leave open: whether a cell whose sides nearly touch has
//! interior. Either a point inside or multipliers that rule one out, both exact.

use crate::deadline::Deadline;
use crate::num::rational::{Rational, is_positive};
use dashu_int::ops::BitTest;
use std::cmp::Ordering;

/// a · x + c.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub a: Vec<Rational>,
    pub c: Rational,
}

impl Form {
    pub fn constant(n: usize, c: Rational) -> Form {
        Form { a: vec![Rational::ZERO; n], c }
    }

    /// x_j.
    pub fn coordinate(n: usize, j: usize) -> Form {
        let mut form = Form::constant(n, Rational::ZERO);
        form.a[j] = Rational::ONE;
        form
    }

    pub fn is_constant(&self) -> bool {
        self.a.iter().all(|a| a.is_zero())
    }

    /// Adds w times another form.
    pub fn add(&mut self, other: &Form, w: &Rational) {
        if w.is_zero() {
            return;
        }
        for (x, y) in self.a.iter_mut().zip(&other.a).filter(|(_, y)| !y.is_zero()) {
            *x += y * w;
        }
        self.c += &other.c * w;
    }

    pub fn at(&self, x: &[Rational]) -> Rational {
        self.a.iter().zip(x).filter(|(a, _)| !a.is_zero()).fold(self.c.clone(), |s, (a, x)| s + a * x)
    }

    /// The largest value on a box.
    pub fn highest(&self, lo: &[Rational], hi: &[Rational]) -> Rational {
        let end = |j: usize| if is_positive(&self.a[j]) { &hi[j] } else { &lo[j] };
        (0..self.a.len())
            .filter(|&j| !self.a[j].is_zero())
            .fold(self.c.clone(), |s, j| s + &self.a[j] * end(j))
    }

    pub fn lowest(&self, lo: &[Rational], hi: &[Rational]) -> Rational {
        self.highest(hi, lo)
    }
}

/// Is there a point strictly inside the box where every form is positive?
pub enum Verdict {
    Inside(Vec<Rational>),
    /// Multipliers λ >= 0 of the forms, not all zero, for which Σ λ_i form_i is nowhere positive on the box.
    Empty(Vec<Rational>),
    /// Given up.
    Unknown,
}

/// Do these multipliers prove that no point inside the box makes all forms positive? Holds for
/// the interior of {form_i >= 0}, too, if some form that counts is not constant.
pub fn refuted(forms: &[Form], multipliers: &[Rational], lo: &[Rational], hi: &[Rational]) -> bool {
    let used = |l: &&Rational| is_positive(l);
    if forms.len() != multipliers.len() || multipliers.iter().any(|l| *l < Rational::ZERO) {
        return false;
    }
    let mut total = Form::constant(lo.len(), Rational::ZERO);
    forms.iter().zip(multipliers).for_each(|(f, l)| total.add(f, l));
    let top = total.highest(lo, hi);
    let moving = forms.iter().zip(multipliers).any(|(f, l)| used(&l) && !f.is_constant());
    top < Rational::ZERO || (top.is_zero() && moving)
}

/// Steps of the simplex method before it gives up.
const STEPS: usize = 2000;
/// What they may cost: products of the lengths of two fractions, in words; a second or two.
const WORK: f64 = 1e8;

/// Decides by the simplex method: the largest t with x = lo + width (u + t), u >= 0, and every
/// form at least t times the double of what it can lose on the box. Given up where fractions grow so long
/// that the steps cost too much, or the time is up.
pub fn inside(forms: &[Form], lo: &[Rational], hi: &[Rational], until: &Deadline) -> Verdict {
    let n = lo.len();
    let width: Vec<Rational> = lo.iter().zip(hi).map(|(l, h)| h - l).collect();
    if width.iter().any(|w| !is_positive(w)) {
        return Verdict::Unknown;
    }
    if let Some(k) = forms.iter().position(|f| f.is_constant() && !is_positive(&f.c)) {
        let mut multipliers = vec![Rational::ZERO; forms.len()];
        multipliers[k] = Rational::ONE;
        return Verdict::Empty(multipliers);
    }
    // Rows of t + s = b + α u.
    let mut rows: Vec<Vec<Rational>> = vec![];
    let mut scale: Vec<Rational> = vec![];
    let (two, one) = (Rational::from(2), Rational::ONE);
    for f in forms {
        let steps: Vec<Rational> = f.a.iter().zip(&width).map(|(a, w)| a * w).collect();
        let size: Rational = steps.iter().fold(Rational::ZERO, |s, a| s + abs(a));
        let size = if size.is_zero() { one.clone() } else { size };
        let d = &size * &two - steps.iter().fold(Rational::ZERO, |s, a| s + a);
        let start = f.at(lo);
        rows.push(steps.iter().map(|a| a / &d).chain([&start / &d]).collect());
        scale.push(d);
    }
    for j in 0..n {
        let row = (0..=n).map(|k| match k {
            _ if k == j => -(&one / &two),
            _ if k == n => &one / &two,
            _ => Rational::ZERO,
        });
        rows.push(row.collect());
        scale.push(two.clone());
    }
    let first = (0..rows.len()).min_by(|&i, &k| rows[i][n].cmp(&rows[k][n])).expect("rows of the box");
    let mut table = Table::new(rows, first);
    let mut left = WORK;
    for _ in 0..STEPS {
        match table.step(&mut left, until) {
            Step::Done => {}
            Step::Best => return table.verdict(forms, lo, &width, &scale),
            Step::Costly => break,
        }
    }
    Verdict::Unknown
}

/// The length of a fraction, in words.
fn words(x: &Rational) -> f64 {
    1.0 + ((x.numerator().bit_len() + x.denominator().bit_len()) / 64) as f64
}

/// How a step ended.
enum Step {
    Done,
    /// There is none that helps.
    Best,
    Costly,
}

fn abs(x: &Rational) -> Rational {
    if *x < Rational::ZERO { -x } else { x.clone() }
}

/// Each basic variable is its row's last entry plus the row times the nonbasic variables,
/// all of which are >= 0; the basic one of `goal` is t, which is free.
struct Table {
    rows: Vec<Vec<Rational>>,
    goal: usize,
    /// Variables by number: u_j for j < n, then slacks by row; t has none.
    basic: Vec<Option<usize>>,
    outside: Vec<usize>,
}

impl Table {
    fn new(mut rows: Vec<Vec<Rational>>, first: usize) -> Table {
        let n = rows[0].len() - 1;
        let top = rows[first].clone();
        // t = b + α u − s of the first row; s_i = (b_i + α_i u) − t of the others.
        for (i, row) in rows.iter_mut().enumerate() {
            let last = row.pop().expect("a constant");
            let sign = if i == first { -Rational::ONE } else { Rational::ONE };
            if i != first {
                row.iter_mut().zip(&top).for_each(|(x, y)| *x -= y);
                row.push(sign);
                row.push(last - &top[n]);
            } else {
                row.push(sign);
                row.push(last);
            }
        }
        let basic = (0..rows.len()).map(|i| (i != first).then_some(n + i)).collect();
        let outside = (0..n).chain([n + first]).collect();
        Table { rows, goal: first, basic, outside }
    }

    /// One pivot by Bland's rule.
    fn step(&mut self, left: &mut f64, until: &Deadline) -> Step {
        let last = self.outside.len();
        let goal = &self.rows[self.goal];
        let entering = (0..last).filter(|&k| is_positive(&goal[k])).min_by_key(|&k| self.outside[k]);
        let Some(column) = entering else { return Step::Best };
        let mut leaving: Option<(Rational, usize)> = None;
        for (i, row) in self.rows.iter().enumerate().filter(|(i, _)| *i != self.goal) {
            if row[column] >= Rational::ZERO {
                continue;
            }
            let room = &row[last] / -&row[column];
            let better = match &leaving {
                None => true,
                Some((r, k)) => match room.cmp(r) {
                    Ordering::Less => true,
                    Ordering::Equal => self.basic[i] < self.basic[*k],
                    Ordering::Greater => false,
                },
            };
            if better {
                leaving = Some((room, i));
            }
        }
        let Some((_, row)) = leaving else { return Step::Best };
        if self.pivot(row, column, left, until) { Step::Done } else { Step::Costly }
    }

    /// Solves the row for the column's variable; false, and a table that is none any more, where that costs
    /// more than is left.
    fn pivot(&mut self, row: usize, column: usize, left: &mut f64, until: &Deadline) -> bool {
        let mut line = std::mem::take(&mut self.rows[row]);
        let p = std::mem::replace(&mut line[column], -Rational::ONE);
        line.iter_mut().for_each(|x| *x = -&*x / &p);
        for (_, other) in self.rows.iter_mut().enumerate().filter(|(i, _)| *i != row) {
            let c = std::mem::take(&mut other[column]);
            if c.is_zero() {
                continue;
            }
            *left -= line.iter().map(words).sum::<f64>() * words(&c);
            if *left < 0.0 || until.is_over() {
                return false;
            }
            other.iter_mut().zip(&line).filter(|(_, y)| !y.is_zero()).for_each(|(x, y)| *x += &c * y);
        }
        self.rows[row] = line;
        let outgoing = self.basic[row].replace(self.outside[column]);
        self.outside[column] = outgoing.expect("t stays");
        true
    }

    fn verdict(&self, forms: &[Form], lo: &[Rational], width: &[Rational], scale: &[Rational]) -> Verdict {
        let (n, last) = (lo.len(), self.outside.len());
        let t = &self.rows[self.goal][last];
        if is_positive(t) {
            let mut u = vec![t.clone(); n];
            for (row, v) in self.rows.iter().zip(&self.basic) {
                if let Some(j) = v.filter(|&j| j < n) {
                    u[j] += &row[last];
                }
            }
            return Verdict::Inside((0..n).map(|j| &lo[j] + &width[j] * &u[j]).collect());
        }
        let mut multipliers = vec![Rational::ZERO; forms.len()];
        for (k, &v) in self.outside.iter().enumerate() {
            if let Some(i) = v.checked_sub(n).filter(|&i| i < forms.len()) {
                multipliers[i] = -&self.rows[self.goal][k] / &scale[i];
            }
        }
        Verdict::Empty(multipliers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;
    use crate::num::rational::of;

    fn form(a: &[f64], c: f64) -> Form {
        Form { a: a.iter().map(|x| of(*x).unwrap()).collect(), c: of(c).unwrap() }
    }

    fn numbers(list: &[f64]) -> Vec<Rational> {
        list.iter().map(|x| of(*x).unwrap()).collect()
    }

    /// A face is no interior, however thin a piece is.
    #[test]
    fn thin_cells() {
        let (lo, hi) = (numbers(&[-1.0]), numbers(&[1.0]));
        let touching = [form(&[1.0], 0.0), form(&[-1.0], 0.0)];
        let Verdict::Empty(l) = inside(&touching, &lo, &hi, &Deadline::never()) else {
            panic!("a point has no interior")
        };
        assert!(refuted(&touching, &l, &lo, &hi));
        // No float lies between 1/2 and 1/2 + 2^-60.
        let top = Form { c: of(0.5).unwrap() + of(2f64.powi(-60)).unwrap(), ..form(&[-1.0], 0.0) };
        let thin = [form(&[1.0], -0.5), top];
        let Verdict::Inside(x) = inside(&thin, &lo, &hi, &Deadline::never()) else { panic!("2^-60 is wide") };
        assert!(thin.iter().all(|f| is_positive(&f.at(&x))));
        assert!(!refuted(&thin, &[Rational::ONE, Rational::ONE], &lo, &hi));
    }

    #[test]
    fn either_a_point_or_multipliers() {
        let mut random = Random(5);
        let mut counts = [0, 0];
        for case in 0..400 {
            let (m, n) = (1 + case % 9, 1 + case % 4);
            // Small integers make many degenerate cells.
            let mut small = || (random.signed() * 3.0).round();
            let forms: Vec<Form> =
                (0..m).map(|_| form(&(0..n).map(|_| small()).collect::<Vec<_>>(), small())).collect();
            let (lo, hi) = (numbers(&vec![-1.0; n]), numbers(&vec![1.0; n]));
            match inside(&forms, &lo, &hi, &Deadline::never()) {
                Verdict::Inside(x) => {
                    counts[0] += 1;
                    assert!(forms.iter().all(|f| is_positive(&f.at(&x))), "case {case}");
                    assert!((0..n).all(|j| lo[j] < x[j] && x[j] < hi[j]), "case {case}");
                }
                Verdict::Empty(l) => {
                    counts[1] += 1;
                    let zero = forms.iter().any(|f| f.is_constant() && f.c.is_zero());
                    assert!(zero || refuted(&forms, &l, &lo, &hi), "case {case}");
                }
                Verdict::Unknown => panic!("case {case}"),
            }
        }
        assert!(counts[0] > 50 && counts[1] > 50, "{counts:?}");
    }
}
