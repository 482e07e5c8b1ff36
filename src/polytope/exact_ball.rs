//! Sign conditions of affine functions in a ball, without rounding: either a point inside, or multipliers that
//! rule one out.
//!
//! Proves: no open set of the box lies in the ball where all forms are positive. With multipliers λ >= 0, Σ λ_i
//!   form_i is positive there; of an l2 ball further multipliers are those of the box's faces, and the sum is
//!   nowhere positive on the ball: s(c) + r ‖a‖ <= 0, compared by squares. Of an l1 ball one more number t
//!   splits the sum's coefficients into v = clamp(a, ±t), which the ball bounds by v · c + r t, and the rest,
//!   which the box bounds.
//! From: the theorem of the alternative of Farkas, with the support function of the ball.
//! Rounding: none.

use super::exact::{Form, Verdict, inside};
use crate::deadline::Deadline;
use crate::num::Norm;
use crate::num::rational::{Rational, is_positive};

/// A box around the centre of a ball, and the ball; of the coordinates that vary.
pub struct Round {
    pub lo: Vec<Rational>,
    pub hi: Vec<Rational>,
    pub norm: Norm,
    pub centre: Vec<Rational>,
    pub radius: Rational,
}

impl Round {
    /// How many multipliers there are of so many forms.
    pub fn multipliers(&self, forms: usize) -> usize {
        match self.norm {
            Norm::Two => forms + 2 * self.lo.len(),
            Norm::One => forms + 1,
            Norm::Inf => forms,
        }
    }

    /// Strictly inside box and ball?
    pub fn holds(&self, x: &[Rational]) -> bool {
        let zero = || Rational::ZERO;
        let boxed = (0..x.len()).all(|j| self.lo[j] < x[j] && x[j] < self.hi[j]);
        let way = x.iter().zip(&self.centre).map(|(x, c)| x - c);
        boxed
            && match self.norm {
                Norm::Inf => true,
                Norm::One => way.fold(zero(), |s, d| s + size(&d)) < self.radius,
                Norm::Two => way.fold(zero(), |s, d| s + &d * &d) < &self.radius * &self.radius,
            }
    }

    /// Do these multipliers prove that no open set inside makes all forms positive? Of an l2 ball those of x_j − lo_j
    /// for all j follow those of the forms, then those of hi_j − x_j; of an l1 ball the level.
    pub fn refuted(&self, forms: &[Form], multipliers: &[Rational]) -> bool {
        let n = self.lo.len();
        if multipliers.len() != self.multipliers(forms.len())
            || multipliers.iter().any(|l| *l < Rational::ZERO)
        {
            return false;
        }
        let (own, more) = multipliers.split_at(forms.len());
        let mut total = Form::constant(n, Rational::ZERO);
        forms.iter().zip(own).for_each(|(f, l)| total.add(f, l));
        let moving = forms.iter().zip(own).any(|(f, l)| is_positive(l) && !f.is_constant());
        match self.norm {
            Norm::Inf => false,
            Norm::One => {
                let top = self.levelled(&total, &more[0]);
                top < Rational::ZERO || (top.is_zero() && moving)
            }
            Norm::Two => {
                for j in 0..n {
                    let (low, high) = (&more[j], &more[n + j]);
                    total.a[j] += low - high;
                    total.c += high * &self.hi[j] - low * &self.lo[j];
                }
                let moving = moving || more.iter().any(is_positive);
                let middle = total.at(&self.centre);
                let length = total.a.iter().fold(Rational::ZERO, |s, a| s + a * a);
                let (far, own) = (&self.radius * &self.radius * length, &middle * &middle);
                middle <= Rational::ZERO && (far < own || (far == own && moving))
            }
        }
    }

    /// An upper bound of the form on the l1 ball in the box.
    fn levelled(&self, form: &Form, level: &Rational) -> Rational {
        let mut top = &form.c + level * &self.radius;
        for (j, a) in form.a.iter().enumerate() {
            let v = a.clone().min(level.clone()).max(-level);
            let rest = a - &v;
            top += &v * &self.centre[j];
            top += &rest * if is_positive(&rest) { &self.hi[j] } else { &self.lo[j] };
        }
        top
    }

    /// Multipliers of an l2 ball from those of the forms and the box's point that is nearest under them: what the
    /// forms pull beyond an end of the box is taken back by its face.
    pub fn with_faces(&self, forms: &[Form], mut own: Vec<Rational>, x: &[Rational]) -> Vec<Rational> {
        let n = self.lo.len();
        let mut total = Form::constant(n, Rational::ZERO);
        forms.iter().zip(&own).for_each(|(f, l)| total.add(f, l));
        let mut faces = vec![Rational::ZERO; 2 * n];
        for j in 0..n {
            let rest = &total.a[j] - (&x[j] - &self.centre[j]);
            if x[j] <= self.lo[j] && rest < Rational::ZERO {
                faces[j] = -rest;
            } else if x[j] >= self.hi[j] && is_positive(&rest) {
                faces[n + j] = rest;
            }
        }
        own.extend(faces);
        own
    }

    /// Of an l1 ball: by the simplex method on x = c + p − q with Σ (p + q) < r.
    pub fn inside(&self, forms: &[Form], until: &Deadline) -> Verdict {
        let (up, down) = (|j: usize| &self.hi[j] - &self.centre[j], |j: usize| &self.centre[j] - &self.lo[j]);
        let n = self.lo.len();
        let ways = (0..n).flat_map(|j| [(j, true, up(j)), (j, false, down(j))]);
        let ways: Vec<(usize, bool, Rational)> = ways.filter(|w| is_positive(&w.2)).collect();
        let lifted = |f: &Form| {
            let a = ways.iter().map(|(j, up, _)| if *up { f.a[*j].clone() } else { -&f.a[*j] }).collect();
            Form { a, c: f.at(&self.centre) }
        };
        let mut all: Vec<Form> = forms.iter().map(lifted).collect();
        all.push(Form { a: vec![-Rational::ONE; ways.len()], c: self.radius.clone() });
        let width: Vec<Rational> = ways.iter().map(|w| w.2.clone()).collect();
        match inside(&all, &vec![Rational::ZERO; ways.len()], &width, until) {
            Verdict::Inside(w) => {
                let mut x = self.centre.clone();
                for ((j, up, _), w) in ways.iter().zip(w) {
                    x[*j] += if *up { w } else { -w };
                }
                Verdict::Inside(x)
            }
            known @ (Verdict::Empty(_) | Verdict::Unknown) => known,
        }
    }
}

fn size(x: &Rational) -> Rational {
    if *x < Rational::ZERO { -x } else { x.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::rational::of;

    fn form(a: &[f64], c: f64) -> Form {
        Form { a: numbers(a), c: of(c).unwrap() }
    }

    fn numbers(list: &[f64]) -> Vec<Rational> {
        list.iter().map(|x| of(*x).unwrap()).collect()
    }

    fn unit(norm: Norm) -> Round {
        let (lo, hi) = (numbers(&[-1.0, -1.0]), numbers(&[1.0, 1.0]));
        Round { lo, hi, norm, centre: numbers(&[0.0, 0.0]), radius: Rational::ONE }
    }

    /// 3x + 4y >= 5 touches the unit circle; a little less does not rule anything out, as little as a negative one.
    #[test]
    fn tangents() {
        let (ball, none) = (unit(Norm::Two), [0.0; 4]);
        let with = |l: f64| numbers(&[&[l], &none[..]].concat());
        assert!(ball.refuted(&[form(&[3.0, 4.0], -5.0)], &with(1.0)));
        assert!(!ball.refuted(&[form(&[3.0, 4.0], -4.999)], &with(1.0)));
        assert!(!ball.refuted(&[form(&[3.0, 4.0], -5.0)], &with(0.0)));
        assert!(!ball.refuted(&[form(&[-3.0, -4.0], 5.0)], &with(-1.0)));
        assert!(!ball.refuted(&[form(&[3.0, 4.0], -5.0)], &numbers(&[1.0])));
        let diamond = unit(Norm::One);
        let at = |l: f64, t: f64| numbers(&[l, t]);
        assert!(diamond.refuted(&[form(&[3.0, 4.0], -4.0)], &at(1.0, 4.0)));
        assert!(!diamond.refuted(&[form(&[3.0, 4.0], -3.999)], &at(1.0, 4.0)));
        assert!(!diamond.refuted(&[form(&[3.0, 4.0], -4.0)], &at(1.0, 2.5)));
        assert!(!diamond.refuted(&[form(&[3.0, 4.0], -4.0)], &at(1.0, -4.0)));
    }

    /// Half a disc: x <= 0 and x + y >= 1.1 meet in the whole one's box only.
    #[test]
    fn faces() {
        let mut ball = unit(Norm::Two);
        ball.hi[0] = Rational::ZERO;
        let forms = [form(&[1.0, 1.0], -1.1)];
        let x = numbers(&[0.0, 1.0]);
        let all = ball.with_faces(&forms, numbers(&[1.0]), &x);
        assert!(ball.refuted(&forms, &all));
        assert!(!ball.refuted(&forms, &numbers(&[1.0, 0.0, 0.0, 0.0, 0.0])));
        assert!(!unit(Norm::Two).refuted(&forms, &all));
    }
}
