//! Polynomials in variables of [-1, 1], each at most to the first power, with coefficients in intervals.
//!
//! Such a polynomial is affine in each variable, so that its maximum over the cube is at a vertex; at vertices
//! x² = 1, which is how products are reduced to this form: they agree with it there.

use crate::deadline::Deadline;
use crate::num::interval::Interval;
use crate::num::round::{add_up, sum_up};
use std::collections::BTreeMap;

/// Variables in ascending order.
pub type Monomial = Vec<u32>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polynomial {
    terms: BTreeMap<Monomial, Interval>,
}

/// The variables of the product of two monomials where every x² is 1.
fn product(a: &[u32], b: &[u32]) -> Monomial {
    let mut both = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => both.push(*x),
            std::cmp::Ordering::Greater => both.push(*y),
            std::cmp::Ordering::Equal => {}
        }
        i += (x <= y) as usize;
        j += (y <= x) as usize;
    }
    both.extend_from_slice(&a[i..]);
    both.extend_from_slice(&b[j..]);
    both
}

impl Polynomial {
    /// Adds c times a monomial. What is no number may be any.
    pub fn add(&mut self, monomial: Monomial, c: Interval) {
        if c != Interval::ZERO {
            let own = self.terms.entry(monomial).or_insert(Interval::ZERO);
            *own = *own + c;
            if own.lo.is_nan() || own.hi.is_nan() {
                *own = Interval::new(f64::NEG_INFINITY, f64::INFINITY);
            }
        }
    }

    /// Adds c times a variable times another polynomial.
    pub fn add_times(&mut self, c: Interval, variable: u32, other: &Polynomial) {
        if c != Interval::ZERO {
            other.terms.iter().for_each(|(m, own)| self.add(product(m, &[variable]), c * *own));
        }
    }

    /// Adds the square of another polynomial, as it is at vertices.
    pub fn add_square(&mut self, other: &Polynomial) {
        let terms: Vec<(&Monomial, Interval)> = other.terms.iter().map(|(m, c)| (m, *c)).collect();
        for (i, &(m, c)) in terms.iter().enumerate() {
            self.add(vec![], c.sqr());
            for &(n, d) in &terms[..i] {
                self.add(product(m, n), (c * d).double());
            }
        }
    }

    pub fn negated(&self) -> Polynomial {
        Polynomial { terms: self.terms.iter().map(|(m, c)| (m.clone(), -*c)).collect() }
    }

    pub fn terms(&self) -> impl Iterator<Item = (&Monomial, Interval)> {
        self.terms.iter().map(|(m, c)| (m, *c))
    }

    pub fn coefficient(&self, monomial: &[u32]) -> Interval {
        self.terms.get(monomial).copied().unwrap_or(Interval::ZERO)
    }

    pub fn len(&self) -> usize {
        self.terms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Variables of its largest monomial.
    pub fn degree(&self) -> usize {
        self.terms.keys().map(Vec::len).max().unwrap_or(0)
    }

    /// One more than the largest variable in it.
    pub fn variables(&self) -> usize {
        self.terms.keys().filter_map(|m| m.last()).map(|v| *v as usize + 1).max().unwrap_or(0)
    }

    /// At most this, as no monomial exceeds 1.
    pub fn most(&self) -> f64 {
        let others = self.terms.iter().filter(|(m, _)| !m.is_empty());
        add_up(self.coefficient(&[]).hi, sum_up(others.map(|(_, c)| c.magnitude())))
    }

    /// Moves a vertex (is a variable -1?) while one more flip helps and there is time, and gives about the value
    /// there: unproven.
    pub fn climb(&self, minus: &mut [bool], until: &Deadline) -> f64 {
        let terms: Vec<(&Monomial, f64)> =
            self.terms.iter().map(|(m, c)| (m, 0.5 * c.lo + 0.5 * c.hi)).collect();
        let scale: f64 = terms.iter().map(|(_, c)| c.abs()).sum();
        for round in 0.. {
            let mut value = 0.0;
            let mut gains = vec![0.0; minus.len()];
            for (m, c) in &terms {
                let odd = m.iter().filter(|v| minus[**v as usize]).count() % 2 == 1;
                let own = if odd { -c } else { *c };
                value += own;
                m.iter().for_each(|v| gains[*v as usize] -= 2.0 * own);
            }
            let best = (0..gains.len()).max_by(|&i, &j| gains[i].total_cmp(&gains[j]));
            let goes_on = round < 2 * gains.len() && !until.is_over();
            match best.filter(|&i| gains[i] > 1e-12 * scale && goes_on) {
                Some(i) => minus[i] = !minus[i],
                None => return value,
            }
        }
        f64::NAN
    }
}
