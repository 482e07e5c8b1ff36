//! Axes of pictures: where numbers come to lie, and round numbers to mark.

use crate::num::round::widen;

/// From numbers to places of a picture, linear or logarithmic.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub from: f64,
    pub to: f64,
    pub log: bool,
    /// Places of both ends.
    pub start: f64,
    pub end: f64,
}

/// Marks of an axis, about.
const COUNT: f64 = 5.0;
/// Powers of ten from which marks between them are left out.
const DECADES: f64 = 3.0;
/// Ratio of ends below which a logarithmic axis is marked like a linear one.
const NARROW: f64 = 8.0;

impl Axis {
    /// Where a number lies; beyond the ends, at the end.
    pub fn place(&self, value: f64) -> f64 {
        let of = |v: f64| if self.log { v.ln() } else { v };
        let share = (of(value) - of(self.from)) / (of(self.to) - of(self.from));
        self.start + (self.end - self.start) * share.clamp(0.0, 1.0)
    }

    /// Round numbers between the ends.
    pub fn ticks(&self) -> Vec<f64> {
        let inside = |v: &f64| widen(self.from, 2) <= *v && *v <= self.to;
        if !self.log || self.to < NARROW * self.from {
            let step = round_step((self.to - self.from) / COUNT);
            let first = (self.from / step).ceil();
            return (0..20).map(|k| (first + k as f64) * step).filter(inside).collect();
        }
        let (low, high) = (self.from.log10(), self.to.log10());
        let digits: &[f64] = if high - low > DECADES { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = (low.floor() as i32)..=(high.ceil() as i32);
        let all: Vec<f64> =
            powers.flat_map(|k| digits.iter().map(move |d| power(*d, k))).filter(inside).collect();
        let every = all.len().div_ceil(2 * COUNT as usize).max(1);
        all.into_iter().step_by(every).collect()
    }
}

/// d · 10^k as a decimal is read.
fn power(d: f64, k: i32) -> f64 {
    format!("{d}e{k}").parse().unwrap_or(f64::INFINITY)
}

/// 1, 2 or 5 times a power of ten, at least as large.
fn round_step(step: f64) -> f64 {
    let k = step.log10().floor() as i32;
    let steps = [1.0, 2.0, 5.0, 10.0].map(|d| power(d, k));
    steps.into_iter().find(|s| *s >= step).unwrap_or(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(from: f64, to: f64, log: bool) -> Vec<f64> {
        Axis { from, to, log, start: 0.0, end: 100.0 }.ticks()
    }

    #[test]
    fn marks_are_round_and_between_the_ends() {
        assert_eq!(ticks(0.0, 3.2, false), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(123.2, 124.9, true), [123.5, 124.0, 124.5]);
        assert_eq!(ticks(0.011, 7.0, true), [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]);
        assert_eq!(ticks(3.0, 2e9, true).len(), 9);
        for k in 0..400 {
            let from = 1.07f64.powi(3 * k - 600);
            for to in [1.001 * from, 1.3 * from, 9.0 * from, 1e4 * from, 1e60 * from] {
                let list = ticks(from, to, true);
                assert!((2..=11).contains(&list.len()), "{from} {to} {list:?}");
                assert!(list.iter().all(|v| *v >= 0.999999 * from && *v <= to) && list.is_sorted());
            }
        }
    }

    #[test]
    fn places_keep_the_order() {
        let axis = Axis { from: 1.0, to: 100.0, log: true, start: 200.0, end: 0.0 };
        assert_eq!([0.5, 1.0, 10.0, 100.0, 1e9].map(|v| axis.place(v)), [200.0, 200.0, 100.0, 0.0, 0.0]);
    }
}
