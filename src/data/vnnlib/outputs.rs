//! What a property says about outputs: any of some alternatives, each of them conditions that hold together.

use crate::num::Written;

/// Σ coefficient · output <= at_most.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub terms: Vec<(usize, f64)>,
    pub at_most: Written,
}

/// Alternatives of conditions: none are never met, one of nothing always.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    pub any: Vec<Vec<Condition>>,
}

/// More are not written out.
const MOST: usize = 4096;

impl Outputs {
    /// What holds of everything.
    pub fn always() -> Outputs {
        Outputs { any: vec![vec![]] }
    }

    pub fn one(condition: Condition) -> Outputs {
        Outputs { any: vec![vec![condition]] }
    }

    /// Either of both; None where these are too many.
    pub fn or(mut self, other: Outputs) -> Option<Outputs> {
        self.any.extend(other.any);
        (self.any.len() <= MOST).then_some(self)
    }

    /// Both together.
    pub fn and(self, other: Outputs) -> Option<Outputs> {
        if other == Outputs::always() {
            return Some(self);
        }
        if self.any.len().saturating_mul(other.any.len()) > MOST {
            return None;
        }
        let both = |a: &Vec<Condition>, b: &Vec<Condition>| -> Vec<Condition> {
            a.iter().chain(b.iter().filter(|c| !a.contains(c))).cloned().collect()
        };
        let any = self.any.iter().flat_map(|a| other.any.iter().map(move |b| both(a, b))).collect();
        Some(Outputs { any })
    }
}
