//! The search for the largest radius that linear bounds prove.
//!
//! The least lead falls with the radius, from the margin at the sample itself: the largest radius that is proven is
//! where it comes to 0. It is found by parabolas through that margin and the last two leads, between a radius that
//! is proven and one that is not.

use crate::method::margin::coarse;
use crate::method::margin::linear::Led;

/// Evaluations at most.
const ROUNDS: usize = 10;
/// A radius changes by this factor at a time at most.
const FACTOR: f64 = 3.0;
/// Of the tolerance, by how much radii are asked for below where a parabola ends, and above it once such a one
/// is proven: so that the ends meet from both sides.
const OFF: f64 = 0.4;

/// What is known of one sample's radius.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    pub proven: f64,
    /// The smallest radius at which linear bounds were not enough.
    failed: f64,
    /// The least lead at the sample.
    margin: f64,
    /// Radii and least leads, last one last.
    seen: Vec<(f64, f64)>,
    next: Option<f64>,
    tolerance: f64,
}

impl Bracket {
    /// `guess`: where to begin; the search ends where another radius could be so much larger at most.
    pub fn new(guess: f64, margin: f64, tolerance: f64) -> Bracket {
        let next = (guess > 0.0 && guess.is_finite()).then_some(guess);
        Bracket { proven: 0.0, failed: f64::INFINITY, margin, seen: vec![], next, tolerance }
    }

    /// The radius to look at; none where it is found.
    pub fn next(&self) -> Option<f64> {
        self.next
    }

    /// What linear bounds at radius r have shown.
    pub fn take(&mut self, r: f64, led: &Led) {
        let within = led.within.unwrap_or(0.0);
        self.proven = self.proven.max(within);
        if within < r {
            self.failed = self.failed.min(r);
        }
        self.seen.push((r, led.leads.iter().copied().fold(f64::INFINITY, f64::min)));
        self.next = self.propose();
    }

    fn propose(&self) -> Option<f64> {
        let near = |a: f64, b: f64| a > 0.0 && b <= a * self.tolerance;
        if self.seen.len() >= ROUNDS || near(self.proven, self.failed) {
            return None;
        }
        let &(last, _) = self.seen.last()?;
        let off = OFF * (self.tolerance - 1.0);
        let aim = self.root().map(|root| root.clamp(last / FACTOR, last * FACTOR));
        let aim =
            aim.map(|root| if near(self.proven, root) { root * (1.0 + off) } else { root * (1.0 - off) });
        let inside = aim.filter(|aim| self.proven < *aim && *aim < self.failed);
        let between = (self.proven * self.failed).sqrt();
        let next = coarse(match inside {
            // Not so near to an end that it moves by nothing.
            Some(aim) if self.proven > 0.0 => aim.max(self.proven * (1.0 + off)),
            Some(aim) => aim,
            None if 0.0 < between && between.is_finite() => between,
            None if self.failed.is_finite() => self.failed / FACTOR,
            None => self.proven * FACTOR,
        });
        (next > self.proven && next < self.failed && next > f64::MIN_POSITIVE).then_some(next)
    }

    /// Where the parabola through the margin and the last two leads comes to 0; with one lead that of its square.
    fn root(&self) -> Option<f64> {
        let &(r, lead) = self.seen.last()?;
        // (lead - margin) / r is a line in r for a parabola.
        let fall = |(r, lead): (f64, f64)| (lead - self.margin) / r;
        let slope = fall((r, lead));
        let before = self.seen.len().checked_sub(2).map(|i| self.seen[i]);
        let bend = before.map_or(slope / r, |b| (slope - fall(b)) / (r - b.0));
        let start = slope - bend * r;
        // margin + start x + bend x² = 0, the smallest positive one.
        let root = start * start - 4.0 * bend * self.margin;
        let roots = [-1.0, 1.0].map(|s| -2.0 * self.margin / (start + s * root.sqrt()));
        roots.into_iter().filter(|x| *x > 0.0 && x.is_finite()).min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leads m − a r − b r³: proves r where it is positive, else where lines end.
    fn led(m: f64, [a, b]: [f64; 2], r: f64) -> Led {
        let lead = m - a * r - b * r.powi(3);
        let within = if lead > 0.0 { r } else { 0.5 * m / (a + b * r * r) };
        Led { leads: vec![lead, 2.0 * m], within: (within > 0.0).then_some(within), caught: None }
    }

    #[test]
    fn few_rounds_find_the_largest_radius() {
        for (m, shape, guess) in [
            (0.1, [3.0, 0.0], 0.07),
            (1.0, [0.1, 50.0], 0.7),
            (1e-3, [0.5, 1e6], 7e-4),
            (2.0, [0.1, 3.0], 0.001),
        ] {
            let mut bracket = Bracket::new(guess, m, 1.01);
            let mut rounds = 0;
            while let Some(r) = bracket.next() {
                bracket.take(r, &led(m, shape, r));
                rounds += 1;
            }
            let (mut low, mut root) = (0.0, 1.0);
            for _ in 0..200 {
                let middle = 0.5 * (low + root);
                if led(m, shape, middle).leads[0] > 0.0 { low = middle } else { root = middle }
            }
            assert!(bracket.proven <= root * (1.0 + 1e-12), "{m} {shape:?}");
            assert!(bracket.proven >= root / 1.012, "{m} {shape:?}: {} of {root}, {rounds}", bracket.proven);
            assert!(rounds <= ROUNDS, "{rounds}");
        }
    }

    #[test]
    fn lines_that_prove_nothing_shrink_the_radius() {
        let mut bracket = Bracket::new(1.0, 1.0, 1.01);
        let nothing = Led { leads: vec![-1.0], within: None, caught: None };
        let mut last = f64::INFINITY;
        while let Some(r) = bracket.next() {
            assert!(r < last);
            last = r;
            bracket.take(r, &nothing);
        }
        assert_eq!(bracket.proven, 0.0);
    }
}
