//! Products of numbers that are settled at once, against exact ones.

use super::containment::{Findings, above, product, random_map, total};
use super::data::{Data, matrix};
use super::exact::Dyadic;
use clarke::backend::{Backend, Lines};
use clarke::layer::Affine;
use clarke::linalg::Enclosure;
use ndarray::{Array2, Array3};

/// |exact − computed| . magnitude is at most what is charged for it, forward and back.
pub fn products<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for round in 0..rounds {
        let map = random_map(&mut d, round);
        let dense = matrix(&map);
        let prepared = b.prepare(&Affine { map, bias: None, repeat: 1 });
        for back in [false, true] {
            let (from, to) =
                if back { (dense.nrows(), dense.ncols()) } else { (dense.ncols(), dense.nrows()) };
            let (items, rows) = (d.size(1, 3), d.size(1, 6));
            let zero = d.chance(0.1);
            let a = Array3::from_shape_simple_fn((items, rows, from), || if zero { 0.0 } else { d.weight() });
            let mut size = Array2::from_shape_simple_fn((items, to), || d.weight().abs());
            if d.chance(0.05) {
                size.fill(f64::INFINITY);
            }
            let (next, lost) = b.settled(
                &prepared,
                &b.upload(&Enclosure::point(a.clone())),
                back,
                &b.spans(-&size, size.clone()),
            );
            let (next, lost) = (b.read(&next), b.top(lost));
            assert!(next.radius.iter().all(|r| *r == 0.0), "settled coefficients are numbers");
            for (item, row) in (0..items).flat_map(|i| (0..rows).map(move |r| (i, r))) {
                let own: Vec<Dyadic> = (0..from).map(|j| Dyadic::of(a[[item, row, j]])).collect();
                let mut uncovered = false;
                let gaps = product(&dense, &own, back).into_iter().enumerate().filter_map(|(j, exact)| {
                    let gap = exact.add(&Dyadic::of(-next.centre[[item, row, j]]));
                    let gap = if gap.sign().is_lt() { gap.neg() } else { gap };
                    let size = size[[item, j]];
                    if size.is_infinite() {
                        uncovered |= !gap.sign().is_eq() && lost[[item, row]] < f64::INFINITY;
                        return None;
                    }
                    Some(gap.mul(&Dyadic::of(size)))
                });
                above(lost[[item, row]], &total(gaps), "settled product", out);
                if uncovered {
                    out.violations.push("settled product: an error times infinity is not charged".into());
                }
            }
        }
    }
}

/// c s(c) x + c t(c) is at most the new coefficients' x and both charges for all |x| <= magnitude.
pub fn chord<B: Backend>(b: &B, d: &mut Data, lines: &Lines, a: &B::Block, out: &mut Findings) {
    let before = b.read(a);
    let (items, rows, n) = before.dim();
    let size = Array2::from_shape_simple_fn((items, n), || d.weight().abs());
    let (next, [shift, lost]) = b.settled_chord(&b.chords(lines.clone()), a, &b.spans(-&size, size.clone()));
    let (next, shift, lost) = (b.read(&next), b.top(shift), b.top(lost));
    assert!(next.radius.iter().all(|r| *r == 0.0), "settled coefficients are numbers");
    for (item, row) in (0..items).flat_map(|i| (0..rows).map(move |r| (i, r))) {
        let one = |j: usize| {
            let c = before.centre[[item, row, j]];
            let (s, t) = match c > 0.0 {
                true => (lines.upper_slope[[item, j]], lines.upper_shift[[item, j]]),
                false => (lines.lower_slope[[item, j]], lines.lower_shift[[item, j]]),
            };
            let gap = Dyadic::of(c).mul(&Dyadic::of(s)).add(&Dyadic::of(-next.centre[[item, row, j]]));
            let gap = if gap.sign().is_lt() { gap.neg() } else { gap };
            [gap.mul(&Dyadic::of(size[[item, j]])), Dyadic::of(c).mul(&Dyadic::of(t))]
        };
        let [gaps, shifts]: [Vec<Dyadic>; 2] = [0, 1].map(|k| (0..n).map(|j| one(j)[k].clone()).collect());
        above(lost[[item, row]], &total(gaps), "settled chord", out);
        above(shift[[item, row]], &total(shifts), "constant of a settled chord", out);
    }
}
