//! Which products of factors 1 ± x a bound may use: sets of variables that belong together.
//!
//! Variables that share a monomial are neighbours; the cliques of a chordal completion of that graph hold every
//! monomial. A family takes products within these cliques only. With every clique itself in the family the
//! bound that the products show is the maximum: what agrees on the cliques of a chordal graph is one distribution.

use super::cube::Monomial;
use std::collections::HashMap;

/// A row of a symmetric relation between variables.
#[derive(Clone, PartialEq)]
struct Row(Vec<u64>);

impl Row {
    fn flip(&mut self, v: u32) {
        self.0[v as usize / 64] ^= 1 << (v % 64);
    }

    fn has(&self, v: u32) -> bool {
        self.0[v as usize / 64] >> (v % 64) & 1 == 1
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|w| w.count_ones()).sum()
    }

    fn join(&mut self, other: &Row) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn members(&self) -> Vec<u32> {
        (0..64 * self.0.len() as u32).filter(|&v| self.has(v)).collect()
    }
}

/// A chordal completion: every variable with those of its neighbours that are eliminated after it.
pub struct Cliques {
    heads: Vec<(u32, Vec<u32>)>,
}

impl Cliques {
    /// Variables are eliminated one by one, fewest neighbours first.
    pub fn new<'m>(monomials: impl Iterator<Item = &'m Monomial>, count: usize) -> Cliques {
        let mut rows = vec![Row(vec![0; count.div_ceil(64)]); count];
        for monomial in monomials {
            let mut whole = Row(vec![0; count.div_ceil(64)]);
            monomial.iter().for_each(|&v| whole.flip(v));
            monomial.iter().for_each(|&v| rows[v as usize].join(&whole));
        }
        // Every variable is its own neighbour where it occurs at all.
        let mut left: Vec<u32> = (0..count as u32).filter(|&v| rows[v as usize].has(v)).collect();
        let mut heads = vec![];
        while let Some(at) = (0..left.len()).min_by_key(|&i| rows[left[i] as usize].count()) {
            let v = left.remove(at);
            let mut own = rows[v as usize].clone();
            own.flip(v);
            let later = own.members();
            for &u in &later {
                rows[u as usize].join(&own);
                rows[u as usize].flip(v);
            }
            heads.push((v, later));
        }
        Cliques { heads }
    }

    /// Variables of the largest one.
    pub fn width(&self) -> usize {
        self.heads.iter().map(|(_, later)| later.len() + 1).max().unwrap_or(0)
    }

    /// Coefficients of products of so many factors within cliques: a set is counted where its first variable goes.
    pub fn entries(&self, degree: usize) -> f64 {
        let sets = self.heads.iter().map(|(_, later)| choices(later.len(), (degree - 1).min(later.len())));
        sets.sum::<f64>() * 4f64.powi(degree as i32)
    }
}

/// Sets of variables with all of their subsets, numbered.
pub struct Family {
    /// The empty monomial is number 0.
    numbers: HashMap<Monomial, usize>,
    /// By set, and by which of its variables are in a subset: that monomial's number.
    pub sets: Vec<Vec<usize>>,
}

/// How many subsets of k members n things have, about.
fn choices(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product()
}

/// Moves to the next k-subset of 0..n in lexicographic order.
fn advance(chosen: &mut [usize], n: usize) -> bool {
    let k = chosen.len();
    let Some(at) = (0..k).rev().find(|&i| chosen[i] < n - k + i) else { return false };
    chosen[at] += 1;
    (at + 1..k).for_each(|i| chosen[i] = chosen[i - 1] + 1);
    true
}

impl Family {
    /// These monomials, and all sets of so many variables within cliques.
    pub fn new(monomials: &[&Monomial], within: Option<(&Cliques, usize)>) -> Family {
        let mut family = Family { numbers: HashMap::from([(vec![], 0)]), sets: vec![] };
        let degree = within.map_or(0, |(_, degree)| degree);
        let mut own = monomials.to_vec();
        own.sort_by_key(|m| std::cmp::Reverse(m.len()));
        // Large sets first: one with a number is a part of one before.
        let (longer, rest) = own.split_at(own.partition_point(|m| m.len() > degree));
        longer.iter().for_each(|m| family.push(m));
        let heads = within.map_or(&[][..], |(cliques, _)| &cliques.heads);
        let (wide, narrow): (Vec<_>, Vec<_>) = heads.iter().partition(|(_, later)| later.len() + 1 >= degree);
        wide.iter().for_each(|(v, later)| family.subsets(*v, later, degree));
        narrow.iter().for_each(|(v, later)| family.subsets(*v, later, later.len() + 1));
        rest.iter().for_each(|m| family.push(m));
        family
    }

    /// All sets of `size` variables that are v and some of these.
    fn subsets(&mut self, v: u32, later: &[u32], size: usize) {
        let mut chosen: Vec<usize> = (0..size - 1).collect();
        loop {
            let mut set: Monomial = chosen.iter().map(|&i| later[i]).chain([v]).collect();
            set.sort_unstable();
            self.push(&set);
            if !advance(&mut chosen, later.len()) {
                return;
            }
        }
    }

    fn push(&mut self, set: &[u32]) {
        if self.numbers.contains_key(set) {
            return;
        }
        let number = |mask: usize| {
            let members = set.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
            let next = self.numbers.len();
            *self.numbers.entry(members.map(|(_, v)| *v).collect()).or_insert(next)
        };
        self.sets.push((0..1 << set.len()).map(number).collect());
    }

    pub fn number(&self, monomial: &[u32]) -> Option<usize> {
        self.numbers.get(monomial).copied()
    }

    /// Monomials, the empty one included.
    pub fn monomials(&self) -> usize {
        self.numbers.len()
    }

    /// Products of factors: one for every choice of signs of every set.
    pub fn products(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Factors of its largest products.
    pub fn degree(&self) -> usize {
        self.sets.iter().map(|s| s.len().trailing_zeros() as usize).max().unwrap_or(0)
    }
}
