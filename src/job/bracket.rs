//! The search for the largest radius that linear bounds prove.
//!
//! At a radius r the lines say that the class is caught up with at w(r): they prove min(r, w(r)), and the
//! largest radius they can prove is where w(r) = r. Both change by powers of each other, about, so it is found
//! by secants of ln (w / r) against ln r.

use crate::method::margin::linear::Led;

/// Evaluations at most.
const ROUNDS: usize = 8;
/// What the logarithm of w / r loses for one of r, where two radii do not say it.
const SLOPE: f64 = 3.0;
const SLOPES: [f64; 2] = [1.0, 20.0];
/// A radius changes by this factor at a time at most.
const FACTOR: f64 = 3.0;
/// Of the tolerance, by how much radii are asked for below where the secant ends: a radius just above proves
/// nothing of itself.
const BELOW: f64 = 0.4;

/// What is known of one sample's radius.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    pub proven: f64,
    /// The smallest radius at which linear bounds were not enough.
    failed: f64,
    /// Logarithms of radii and of w / r, last one last.
    seen: Vec<(f64, f64)>,
    next: Option<f64>,
    tolerance: f64,
}

impl Bracket {
    /// `guess`: where to begin; the search ends where another radius could be so much larger at most.
    pub fn new(guess: f64, tolerance: f64) -> Bracket {
        let next = (guess > 0.0 && guess.is_finite()).then_some(guess);
        Bracket { proven: 0.0, failed: f64::INFINITY, seen: vec![], next, tolerance }
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
        let most = SLOPE * FACTOR.ln();
        let apart = led.caught.map_or(-most, |w| (w / r).ln());
        self.seen.push((r.ln(), apart));
        self.next = self.propose();
    }

    fn propose(&self) -> Option<f64> {
        let root = self.root()?;
        let near = |a: f64, b: f64| a > 0.0 && b <= a * self.tolerance;
        if self.seen.len() >= ROUNDS || near(self.proven, self.failed.min(root)) {
            return None;
        }
        let aim = root * (1.0 - BELOW * (self.tolerance - 1.0));
        let between = (self.proven * self.failed).sqrt();
        let next = match self.proven < aim && aim < self.failed {
            true => aim,
            false if 0.0 < between && between.is_finite() => between,
            false => self.failed / FACTOR,
        };
        (next > self.proven && next.is_finite() && next > f64::MIN_POSITIVE).then_some(next)
    }

    /// Where w(r) = r by the last two radii.
    fn root(&self) -> Option<f64> {
        let &(r, apart) = self.seen.last()?;
        let before = self.seen.len().checked_sub(2).map(|i| self.seen[i]);
        let slope = before.map(|(s, other)| (other - apart) / (r - s)).filter(|s| s.is_finite() && *s > 0.0);
        let slope = slope.map_or(SLOPE, |s| s.clamp(SLOPES[0], SLOPES[1]));
        let most = FACTOR.ln();
        Some((r + (apart / slope).clamp(-most, most)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are caught up with at w(r) = a / (1 + b r): proves min(r, w).
    fn led(a: f64, b: f64, r: f64) -> Led {
        let w = a / (1.0 + b * r);
        let within = if w >= r { r } else { w };
        Led { leads: vec![], within: (within > 0.0).then_some(within), caught: Some(w) }
    }

    #[test]
    fn few_rounds_find_the_largest_radius() {
        for (a, b, guess) in [(0.1, 3.0, 0.07), (1.0, 50.0, 0.7), (1e-3, 1e4, 7e-4), (2.0, 0.1, 0.01)] {
            let mut bracket = Bracket::new(guess, 1.01);
            let mut rounds = 0;
            while let Some(r) = bracket.next() {
                bracket.take(r, &led(a, b, r));
                rounds += 1;
            }
            // a = r (1 + b r).
            let root = (-1.0 + f64::sqrt(1.0 + 4.0 * a * b)) / (2.0 * b);
            assert!(bracket.proven <= root * (1.0 + 1e-12), "{a} {b}");
            assert!(bracket.proven >= root / 1.012, "{a} {b}: {} of {root} in {rounds}", bracket.proven);
            assert!(rounds <= ROUNDS);
        }
    }

    #[test]
    fn lines_that_prove_nothing_shrink_the_radius() {
        let mut bracket = Bracket::new(1.0, 1.01);
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
