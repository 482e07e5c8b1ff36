//! Ends, lines on them and sums of bounds against exact members.

use super::containment::{Findings, above, apply, contains, function, most, total, zero};
use super::data::{Data, enclosure, windows};
use super::exact::Dyadic;
use clarke::backend::{Backend, NONE};
use ndarray::Array2;

/// Ends contain members; lines on them lie around functions there; rows of single features are what they say.
pub fn ends<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, n) = (d.size(1, 3), d.size(1, 6));
        let x = enclosure(&mut d, items, 1, n);
        let spans = b.spans_of(&x.upload(b));
        let [below, hi]: [Array2<f64>; 2] = b.tops(b.sides(&spans).into()).try_into().expect("two of two");
        let wanted = Array2::from_shape_simple_fn((items, d.size(1, n)), || {
            if d.chance(0.2) { NONE } else { d.size(0, n - 1) as u32 }
        });
        let rows = b.signs(n, &wanted);
        let f = function(&mut d);
        let chords = b.chords_on(&f, &spans);
        let (next, [constant, lost]) = b.settled_chord(&chords, &rows, &spans);
        let constant = b.top(b.total((items, 2 * wanted.ncols()), vec![constant, lost]));
        let next = b.read(&next).centre;
        let single = |v: usize| {
            let (item, row) = (v / (2 * wanted.ncols()), v % (2 * wanted.ncols()));
            let mut own = vec![zero(); n];
            if wanted[[item, row / 2]] != NONE {
                own[wanted[[item, row / 2]] as usize] = Dyadic::of(if row % 2 == 0 { 1.0 } else { -1.0 });
            }
            own
        };
        let single: Vec<Vec<Dyadic>> = (0..2 * items * wanted.ncols()).map(single).collect();
        contains(b, &rows, &single, "signs", out);
        for pick in 0..5 {
            let x = match pick {
                0 => x.extreme(&vec![1.0; n]),
                1 => x.extreme(&vec![-1.0; n]),
                _ => x.members(&mut d),
            };
            for (item, x) in x.iter().enumerate() {
                for (j, x) in x.iter().enumerate() {
                    above(hi[[item, j]], x, "upper end", out);
                    above(below[[item, j]], &x.neg(), "lower end", out);
                }
                for row in 0..2 * wanted.ncols() {
                    let at = 2 * wanted.ncols() * item + row;
                    let value = |j: usize| single[at][j].mul(&apply(&f, j, &x[j]));
                    let line = |j: usize| Dyadic::of(-next[[item, row, j]]).mul(&x[j]);
                    let gap = total((0..n).flat_map(|j| [value(j), line(j)]));
                    above(constant[[item, row]], &gap, &format!("lines around {f:?}"), out);
                }
            }
        }
    }
}

/// Lines around maxima on ends.
pub fn maxima<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, n) = (d.size(1, 3), d.size(1, 6));
        let x = enclosure(&mut d, items, 1, n);
        let spans = b.spans_of(&x.upload(b));
        let w = windows(&mut d, n, 1, 4);
        let wanted =
            Array2::from_shape_simple_fn((items, d.size(1, 3)), || d.size(0, w.outputs() - 1) as u32);
        let rows = 2 * wanted.ncols();
        let (next, shift) = b.window_chord(&w, &b.edges_on(&w, &spans), &b.signs(w.outputs(), &wanted));
        let (next, lost) = b.settle(&next, &spans);
        let constant = b.top(b.total((items, rows), vec![shift, lost]));
        let next = b.read(&next).centre;
        for pick in 0..5 {
            let x = match pick {
                0 => x.extreme(&vec![1.0; n]),
                1 => x.extreme(&vec![-1.0; n]),
                _ => x.members(&mut d),
            };
            for (item, row) in (0..items).flat_map(|i| (0..rows).map(move |r| (i, r))) {
                let window = w.window(wanted[[item, row / 2]] as usize);
                let entries = w.index[window].iter().map(|&j| x[item][j as usize].clone());
                let top = entries.reduce(most).expect("windows have entries");
                let value = if row % 2 == 0 { top } else { top.neg() };
                let line = (0..n).map(|j| Dyadic::of(-next[[item, row, j]]).mul(&x[item][j]));
                above(constant[[item, row]], &total(line.chain([value])), "lines around maxima", out);
            }
        }
    }
}

/// Bounds over one box for all items, and their sums with others.
pub fn sums<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, rows, n) = (d.size(1, 3), d.size(1, 3), d.size(1, 300));
        let size = Array2::from_shape_simple_fn((1, n), || d.weight().abs());
        let a = enclosure(&mut d, items, rows, n).upload(b);
        let wide = size.broadcast((items, n)).expect("one item").to_owned();
        let (settled, _) = b.settle(&a, &b.spans(-&wide, wide));
        let own = b.read(&settled).centre;
        let whole = b.support(&settled, &b.spans(-&size, size.clone()));
        let known = Array2::from_shape_simple_fn((items, rows), || d.weight());
        let parts = vec![
            whole.clone(),
            b.known(known.clone()),
            whole.clone(),
            b.lengths(&settled, clarke::num::Norm::One),
        ];
        let [alone, sum]: [Array2<f64>; 2] =
            b.tops(vec![whole, b.total((items, rows), parts)]).try_into().expect("two of two");
        for at in ndarray::indices((items, rows)) {
            let entry = |j: usize| Dyadic::of(own[[at.0, at.1, j]].abs());
            let best = total((0..n).map(|j| entry(j).mul(&Dyadic::of(size[[0, j]]))));
            above(alone[at], &best, "support of one box", out);
            let length = total((0..n).map(entry));
            let exact = [best.clone(), Dyadic::of(known[at]), best, length];
            above(sum[at], &total(exact), "a sum of bounds", out);
        }
    }
}
