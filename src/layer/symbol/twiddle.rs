//! Roots of unity with a proven error.

use std::f64::consts::PI;

/// Every part of a root lies within this of the exact number.
pub const ERROR: f64 = 4.0 * f64::EPSILON;

/// cos and sin of 2π k / n.
///
/// The angle is reduced to an eighth of the circle in integers; there it errs by
/// at most 3 · 2^-53 x, the Taylor sums of degree 17 by less than 1e-17, and
/// Horner's scheme, whose terms shrink from 1, by less than 4 · 2^-53: below
/// `ERROR` = 2^-50 with room to spare.
pub fn root(k: i64, n: i64) -> (f64, f64) {
    assert!(n > 0 && n < 1 << 40);
    let k = k.rem_euclid(n);
    // Eighths of the circle, and what is left of n/8 in units of 1/(8 n).
    let (octant, rest) = (8 * k / n, 8 * k % n);
    let part = if octant % 2 == 0 { rest } else { n - rest };
    let x = PI / 4.0 * (part as f64 / n as f64);
    let (c, s) = (cosine(x), sine(x));
    // Odd eighths run back from the next multiple of a quarter.
    let (c, s) = if matches!(octant % 4, 1 | 2) { (s, c) } else { (c, s) };
    match octant {
        0 | 1 => (c, s),
        2 | 3 => (-c, s),
        4 | 5 => (-c, -s),
        _ => (c, -s),
    }
}

fn horner(x2: f64, first: i32) -> f64 {
    // 1 − x²/((f+1)(f+2)) (1 − x²/((f+3)(f+4)) (…)).
    (0..8).rev().fold(1.0, |rest, j| {
        let f = (first + 2 * j) as f64;
        1.0 - x2 / ((f + 1.0) * (f + 2.0)) * rest
    })
}

fn cosine(x: f64) -> f64 {
    horner(x * x, 0)
}

fn sine(x: f64) -> f64 {
    x * horner(x * x, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_on_the_circle_and_compose() {
        for n in [1i64, 2, 3, 4, 5, 7, 8, 12, 16, 17, 224, 1000, 99_991] {
            for k in (-2 * n..2 * n).step_by((n as usize / 40).max(1)) {
                let (c, s) = root(k, n);
                let angle = 2.0 * PI * k as f64 / n as f64;
                let library = 4.0 * f64::EPSILON * (1.0 + angle.abs());
                assert!((c - angle.cos()).abs() < ERROR + library, "cos {k}/{n}");
                assert!((s - angle.sin()).abs() < ERROR + library, "sin {k}/{n}");
                assert!((c * c + s * s - 1.0).abs() < 4.0 * ERROR);
                // (c + is)² is the root of twice the angle.
                let (c2, s2) = root(2 * k, n);
                assert!((c * c - s * s - c2).abs() < 4.0 * ERROR && (2.0 * c * s - s2).abs() < 4.0 * ERROR);
            }
        }
        assert_eq!((root(0, 5), root(1, 4).1, root(2, 4).0, root(3, 4).1), ((1.0, 0.0), 1.0, -1.0, -1.0));
    }
}
