//! Bounds of a polynomial on a cube by products of more and more factors.
//!
//! Proves: f <= f + Σ c h <= its constant coefficient + Σ |the others|, h products of factors 1 ± x, c >= 0.
//! From: Krivine's certificates as linear programs, Latorre et al. 2020 (sections 3 and 4): sparse by cliques
//!   of variables that share monomials. Here without powers, x² being 1 at vertices, and first with products of the
//!   polynomial's own monomials only.
//! Rounding: the sum over multipliers in intervals, whatever a solver proposed.
//! Cost: interior-point steps; sets of k variables have 2^k products of 2^k coefficients.
//! Loose when: products have fewer factors than cliques variables. Exact, to 1e-8 or so, when they have as many.

use crate::backend::cpu::Cpu;
use crate::method::context::Budget;
use crate::method::why::Why;
use crate::polynomial::{Cliques, Family, Monomial, Polynomial, Program, proven};

/// Nothing is gained where a vertex is so near.
const CLOSED: f64 = 1e-8;
/// What a coefficient of a product takes in bytes, and in multiplications before the solver's first step.
const BYTES: f64 = 200.0;
const ENTRY: f64 = 5000.0;
/// Setting up the solver and each of its steps run to their end: neither may take more than such a part of the time.
const PARTS: f64 = 10.0;

#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub upper: f64,
    /// The best vertex that was met: unproven.
    pub vertex: f64,
    /// Factors of the products that show the bound.
    pub degree: usize,
}

impl Found {
    /// Without any products.
    pub fn simple(f: &Polynomial, budget: &Budget) -> Found {
        let vertex = f.climb(&mut vec![false; f.variables()], &budget.deadline);
        Found { upper: f.most(), vertex, degree: 0 }
    }

    fn is_closed(&self, enough: f64) -> bool {
        !self.upper.is_finite() || self.upper <= enough.max(self.vertex) + CLOSED * self.vertex.abs()
    }
}

/// Improves until a vertex, `enough` or the end of what time and memory allow is reached.
pub fn bound(f: &Polynomial, budget: &Budget, enough: f64) -> Result<Found, Why> {
    let mut found = Found::simple(f, budget);
    let mut longest = f.degree();
    // What stands against all monomials is the reason, not what came of trying without the longest.
    let mut refused = None;
    while !found.is_closed(enough) {
        match improve(f, budget, (longest, None), &mut found) {
            Ok(()) => break,
            Err(why) if longest <= 2 || budget.is_over() => return Err(refused.unwrap_or(why)),
            Err(why) => refused = refused.or(Some(why)),
        }
        longest -= 1;
    }
    if found.is_closed(enough) || budget.is_brief() {
        return Ok(found);
    }
    let cliques = Cliques::new(f.terms().map(|t| t.0), f.variables());
    for degree in 3..=cliques.width() {
        if found.is_closed(enough)
            || improve(f, budget, (longest, Some((&cliques, degree))), &mut found).is_err()
        {
            break;
        }
    }
    Ok(found)
}

/// With products of exactly so many factors within cliques, or of the monomials' own variables.
pub fn at(f: &Polynomial, budget: &Budget, degree: Option<usize>) -> Result<Found, Why> {
    let mut found = Found::simple(f, budget);
    let cliques = Cliques::new(f.terms().map(|t| t.0), f.variables());
    let within = degree.map(|d| (&cliques, d.min(cliques.width())));
    improve(f, budget, (f.degree(), within), &mut found)?;
    Ok(found)
}

/// One linear program: monomials up to `longest` variables, and sets within cliques.
fn improve(
    f: &Polynomial,
    budget: &Budget,
    (longest, within): (usize, Option<(&Cliques, usize)>),
    found: &mut Found,
) -> Result<(), Why> {
    let monomials: Vec<&Monomial> = f.terms().map(|t| t.0).filter(|m| m.len() <= longest).collect();
    let own: f64 = monomials.iter().map(|m| 4f64.powi(m.len() as i32)).sum();
    let entries = own + within.map_or(0.0, |(cliques, degree)| cliques.entries(degree));
    budget.holds((BYTES * entries) as u64)?;
    budget.admits(&Cpu::DOUBLE, PARTS * ENTRY * entries)?;
    let family = Family::new(&monomials, within);
    let Some(program) = Program::new(f, &family) else { return Ok(()) };
    budget.holds(program.bytes())?;
    budget.admits(&Cpu::DOUBLE, PARTS * program.step())?;
    let proposal = program.solve(&budget.deadline);
    let upper = proven(f, &family, &proposal.multipliers);
    if upper < found.upper {
        (found.upper, found.degree) = (upper, family.degree());
    }
    let moment = |v: u32| family.number(&[v]).map_or(0.0, |i| proposal.moments[i]);
    let mut minus: Vec<bool> = (0..f.variables() as u32).map(|v| moment(v) < 0.0).collect();
    found.vertex = found.vertex.max(f.climb(&mut minus, &budget.deadline));
    Ok(())
}
