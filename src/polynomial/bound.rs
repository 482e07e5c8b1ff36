//! What multipliers of products of factors 1 ± x prove of a polynomial.
//!
//! The products h are nonnegative on the cube. For any multipliers c >= 0: p <= p + Σ c h, and as no monomial
//! exceeds 1 there, this is at most its constant coefficient plus the magnitudes of all others. Nothing is
//! assumed of c: what is negative or no number counts as zero.

use super::cube::Polynomial;
use super::pattern::Family;
use crate::num::interval::Interval;
use crate::num::round::{add_up, sum_up};

/// An upper bound of f over the cube from one multiplier for every product of the family.
pub fn proven(f: &Polynomial, family: &Family, multipliers: &[f64]) -> f64 {
    let mut total = vec![Interval::ZERO; family.monomials()];
    let mut outside = 0.0;
    for (monomial, c) in f.terms() {
        match family.number(monomial) {
            Some(i) => total[i] = c,
            None => outside = add_up(outside, c.magnitude()),
        }
    }
    let mut rest = multipliers;
    for set in &family.sets {
        let (own, others) = rest.split_at(set.len().min(rest.len()));
        rest = others;
        for (c, &i) in coefficients(own, set.len()).into_iter().zip(set) {
            total[i] = total[i] + c;
        }
    }
    let bound = add_up(add_up(total[0].hi, sum_up(total[1..].iter().map(|c| c.magnitude()))), outside);
    if bound.is_nan() { f64::INFINITY } else { bound }
}

/// Coefficients of Σ_σ c_σ Π (1 + σ_i x_i), by subset of the variables: c_σ counts negatively where a subset has an
/// odd number of minus signs. Signs are bits, as subsets are.
fn coefficients(multipliers: &[f64], size: usize) -> Vec<Interval> {
    let valid = |c: f64| if c > 0.0 && c.is_finite() { c } else { 0.0 };
    let mut list: Vec<Interval> = multipliers.iter().map(|c| Interval::point(valid(*c))).collect();
    list.resize(size, Interval::ZERO);
    let mut step = 1;
    while step < size {
        for block in list.chunks_exact_mut(2 * step) {
            let (low, high) = block.split_at_mut(step);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a + -*b);
            }
        }
        step *= 2;
    }
    list
}
