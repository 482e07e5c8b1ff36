//! Functions of one number that are linear in pieces, and all their slopes, in fractions.

use crate::common::written;
use clarke::num::Norm;
use clarke::num::rational::{Rational, of};
use ndarray::Array2;

pub fn number(x: f64) -> Rational {
    of(x).expect("a finite float")
}

pub fn fraction(text: &str) -> Rational {
    written(text).value()
}

pub fn abs(x: &Rational) -> Rational {
    if *x < Rational::ZERO { -x } else { x.clone() }
}

/// A norm of numbers; not the Euclidean one.
pub fn norm(list: &[Rational], p: Norm) -> Rational {
    let sizes = list.iter().map(abs);
    match p {
        Norm::One => sizes.fold(Rational::ZERO, |s, x| s + x),
        Norm::Inf => sizes.fold(Rational::ZERO, |s, x| s.max(x)),
        Norm::Two => panic!("roots are no fractions"),
    }
}

/// Layers with relu between them: weights and biases.
pub type Layers = Vec<(Array2<f64>, Vec<f64>)>;

/// A linear piece: slopes and offsets of all outputs on [lo, hi].
#[derive(Clone, Debug)]
pub struct Piece {
    pub lo: Rational,
    pub hi: Rational,
    pub forms: Vec<[Rational; 2]>,
}

impl Piece {
    pub fn slopes(&self) -> Vec<Rational> {
        self.forms.iter().map(|f| f[0].clone()).collect()
    }

    pub fn at(&self, u: &Rational, output: usize) -> Rational {
        &self.forms[output][0] * u + &self.forms[output][1]
    }
}

/// All pieces with interior on [lo, hi], in order.
pub fn pieces(layers: &Layers, lo: &Rational, hi: &Rational) -> Vec<Piece> {
    let middle = (lo + hi) / Rational::from(2);
    let mut forms = vec![[Rational::ONE, Rational::ZERO]];
    for (k, (w, b)) in layers.iter().enumerate() {
        let next = w.rows().into_iter().zip(b).map(|(row, b)| {
            let start = [Rational::ZERO, number(*b)];
            row.iter().zip(&forms).fold(start, |[a, c], (w, f)| {
                let w = number(*w);
                [a + &w * &f[0], c + &w * &f[1]]
            })
        });
        forms = next.collect();
        if k + 1 == layers.len() {
            break;
        }
        for form in &mut forms {
            if !form[0].is_zero() {
                let root = -&form[1] / &form[0];
                if *lo < root && root < *hi {
                    let mut all = pieces(layers, lo, &root);
                    all.extend(pieces(layers, &root, hi));
                    return all;
                }
            }
            if &form[0] * &middle + &form[1] < Rational::ZERO {
                *form = [Rational::ZERO, Rational::ZERO];
            }
        }
    }
    vec![Piece { lo: lo.clone(), hi: hi.clone(), forms }]
}

/// The largest norm of slopes.
pub fn steepest(pieces: &[Piece], q: Norm) -> Rational {
    pieces.iter().map(|p| norm(&p.slopes(), q)).fold(Rational::ZERO, |m, s| m.max(s))
}

/// The largest quotient of one output against u0. On a piece it is monotone, or the slope where it ends at u0.
pub fn anchored(pieces: &[Piece], u0: &Rational, output: usize) -> Rational {
    let home = pieces.iter().find(|p| p.lo <= *u0 && *u0 <= p.hi).expect("the centre is a member");
    let value = home.at(u0, output);
    let mut best = Rational::ZERO;
    for p in pieces {
        if p.lo <= *u0 && *u0 <= p.hi {
            best = best.max(abs(&p.forms[output][0]));
        }
        for u in [&p.lo, &p.hi].into_iter().filter(|u| *u != u0) {
            best = best.max(abs(&((p.at(u, output) - &value) / (u - u0))));
        }
    }
    best
}
