//! Are norms of rows and columns never below those of members?

use super::containment::{Findings, above, most, total, zero};
use super::data::{Data, enclosure};
use super::exact::Dyadic;
use clarke::backend::Backend;
use clarke::num::Norm;

pub fn norms<B: Backend>(b: &B, mut d: Data, rounds: usize, out: &mut Findings) {
    for _ in 0..rounds {
        let (items, rows, n) = (d.size(1, 3), d.size(1, 5), d.size(1, 9));
        let x = enclosure(&mut d, items, rows, n);
        let block = x.upload(b);
        let members: Vec<Vec<Vec<Dyadic>>> = (0..3).map(|_| x.members(&mut d)).collect();
        for norm in [Norm::One, Norm::Two, Norm::Inf] {
            let (row, column) = (b.row_norms(&block, norm), b.column_norms(&block, norm));
            for m in &members {
                for (v, m) in m.iter().enumerate() {
                    not_longer(m.iter(), norm, row[[v / rows, v % rows]], "row norm", out);
                }
                for (item, k) in (0..items).flat_map(|i| (0..n).map(move |k| (i, k))) {
                    let entries = (0..rows).map(|r| &m[item * rows + r][k]);
                    not_longer(entries, norm, column[[item, k]], "column norm", out);
                }
            }
        }
    }
}

fn not_longer<'a>(
    v: impl Iterator<Item = &'a Dyadic>,
    norm: Norm,
    bound: f64,
    what: &str,
    out: &mut Findings,
) {
    let size = |x: &Dyadic| if x.sign().is_lt() { x.neg() } else { x.clone() };
    match norm {
        Norm::One => above(bound, &total(v.map(size)), what, out),
        Norm::Inf => above(bound, &v.map(size).fold(zero(), most), what, out),
        Norm::Two if bound.is_finite() => {
            let limit = Dyadic::of(bound).mul(&Dyadic::of(bound));
            let excess = total(v.map(|x| x.mul(x))).add(&limit.neg());
            above(if excess.sign().is_gt() { f64::NAN } else { bound }, &zero(), what, out);
        }
        Norm::Two => above(bound, &zero(), what, out),
    }
}
