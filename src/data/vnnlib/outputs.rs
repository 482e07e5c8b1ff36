//! What a property says about outputs: any of some alternatives, each of them conditions that hold together.

use crate::num::Written;
use std::collections::HashSet;

/// Σ coefficient · output <= at_most.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub terms: Vec<(usize, f64)>,
    pub at_most: Written,
}

impl Condition {
    /// Equal for equal conditions and for no others: what is printed does not tell 1/10 from the float next to it.
    pub fn key(&self) -> (Vec<(usize, u64)>, u64, String) {
        let (bits, text) = self.at_most.key();
        (self.terms.iter().map(|(j, a)| (*j, a.to_bits())).collect(), bits, text.into())
    }
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

    /// The same, each condition of an alternative once.
    pub fn once(mut self) -> Outputs {
        for all in &mut self.any {
            let mut known = HashSet::new();
            all.retain(|c| known.insert(c.key()));
        }
        self
    }

    /// Both together.
    pub fn and(mut self, other: Outputs) -> Option<Outputs> {
        if self.any.len().saturating_mul(other.any.len()) > MOST {
            return None;
        }
        // Most asserts are one condition, and there may be thousands of them.
        if let [more] = &other.any[..] {
            self.any.iter_mut().for_each(|all| all.extend(more.iter().cloned()));
            return Some(self);
        }
        let both = |a: &Vec<Condition>, b: &Vec<Condition>| [&a[..], b].concat();
        let any = self.any.iter().flat_map(|a| other.any.iter().map(move |b| both(a, b))).collect();
        Some(Outputs { any })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(output: usize) -> Outputs {
        Outputs::one(Condition { terms: vec![(output, 1.0)], at_most: Written::ZERO })
    }

    /// The outputs of each alternative.
    fn shape(outputs: &Outputs) -> Vec<Vec<usize>> {
        outputs.any.iter().map(|all| all.iter().map(|c| c.terms[0].0).collect()).collect()
    }

    /// The float 0.1 is larger than 1/10, and both read 0.1.
    #[test]
    fn numbers_that_print_alike_are_not_the_same() {
        let at_most = |x: Option<Written>| Condition { terms: vec![(0, 1.0)], at_most: x.expect("a number") };
        let both = [at_most(Written::parse("0.1").ok()), at_most(Written::float(0.1))];
        assert_eq!(format!("{:?}", both[0]), format!("{:?}", both[1]));
        let twice = Outputs { any: vec![[&both[..], &both].concat()] };
        assert_eq!(twice.once().any, [both.to_vec()]);
    }

    #[test]
    fn alternatives_are_multiplied_and_none_is_lost() {
        let both = |a: Outputs, b: Outputs| shape(&a.and(b).expect("few"));
        let either = || one(0).or(one(1)).expect("few");
        assert_eq!(both(Outputs::always(), either()), [[0], [1]]);
        assert_eq!(both(either(), Outputs::always()), [[0], [1]]);
        assert_eq!(both(either(), one(2)), [[0, 2], [1, 2]]);
        assert_eq!(both(one(2), either()), [[2, 0], [2, 1]]);
        let more = one(2).or(one(3)).expect("few");
        assert_eq!(both(either(), more), [[0, 2], [0, 3], [1, 2], [1, 3]]);
        let never = Outputs { any: vec![] };
        assert!(both(never.clone(), either()).is_empty() && both(either(), never).is_empty());
    }
}
