//! The largest value of an affine function where a box meets a ball.
//!
//! Proves: a · x + d <= top for all x in both. For every v, a · x = (a − v) · x + v · x, of which the box bounds
//!   the first term and the ball the second, by v · c + r ‖v‖*; so any v will do.
//! From: Rockafellar 1970 (the support function of an intersection is the infimal convolution of the two).
//! Rounding: outward; sizes of all products are summed up, and what they may have lost is added.
//! Cost: a few passes over the coordinates.
//! Exact when: v is best. It is found in floats: of what an l2 ball gives to coordinates that the box does not
//!   stop, an l1 ball to the largest first.

use crate::num::Norm;
use crate::num::norms::vector_norm_up;
use crate::num::round::{add_up, gamma, mul_up};

/// {x : ‖x − c‖ <= radius} for a c between floats.
#[derive(Clone, Debug)]
pub struct Ball {
    norm: Norm,
    centre: [Vec<f64>; 2],
    radius: f64,
}

impl Ball {
    /// None of l-infinity balls, which are boxes. The radius is an upper bound.
    pub fn new(norm: Norm, centre: [&[f64]; 2], radius: f64) -> Option<Ball> {
        let usual = norm != Norm::Inf && radius.is_finite();
        usual.then(|| Ball { norm, centre: centre.map(<[f64]>::to_vec), radius })
    }

    pub fn norm(&self) -> Norm {
        self.norm
    }

    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// A float near the centre.
    pub fn middle(&self, j: usize) -> f64 {
        0.5 * self.centre[0][j] + 0.5 * self.centre[1][j]
    }
}

/// A box, and the ball that it is cut by.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    pub lo: &'p [f64],
    pub hi: &'p [f64],
    pub ball: Option<&'p Ball>,
}

/// Σ of affine functions, with what it was summed from: a coefficient differs from the exact one by at most
/// γ(rounded) of its size, and the constant by as much of its own.
pub struct Sum {
    pub a: Vec<f64>,
    pub size: Vec<f64>,
    pub d: f64,
    pub weight: f64,
    pub rounded: usize,
}

impl Sum {
    /// One function, exactly.
    pub fn of(a: &[f64], d: f64) -> Sum {
        let size = a.iter().map(|v| v.abs()).collect();
        Sum { a: a.to_vec(), size, d, weight: d.abs(), rounded: 0 }
    }

    /// Adds λ (a · x + d).
    pub fn add(&mut self, a: &[f64], d: f64, l: f64) {
        self.rounded += 1;
        self.d += l * d;
        self.weight += l * d.abs();
        for ((s, t), &v) in self.a.iter_mut().zip(&mut self.size).zip(a) {
            *s += l * v;
            *t += l * v.abs();
        }
    }
}

/// Coordinates from here on are beyond these sums.
const FAR: f64 = 1e100;
/// What products that underflow lose: less than 2^-1074 each, times a coordinate.
const LOST: f64 = 1e-200;
/// Rounds in which coordinates that the box stops are found.
const ROUNDS: usize = 60;

impl<'p> Place<'p> {
    pub fn boxed(lo: &'p [f64], hi: &'p [f64]) -> Place<'p> {
        Place { lo, hi, ball: None }
    }

    /// Does the box take anything from the ball, beyond roundings?
    pub fn is_cut(&self, ball: &Ball) -> bool {
        let near = ball.radius * (1.0 - 1e-9);
        (0..self.lo.len()).any(|j| self.lo[j] > ball.middle(j) - near || self.hi[j] < ball.middle(j) + near)
    }

    /// The function's largest value where box and ball meet; infinite where there is no ball.
    pub fn top(&self, sum: &Sum) -> f64 {
        let Some(ball) = self.ball else { return f64::INFINITY };
        let v = match (self.apart(ball, sum), ball.norm) {
            (_, Norm::Inf) => return f64::INFINITY,
            (Some(v), _) => v,
            (None, Norm::Two) => self.stretched(ball, &sum.a),
            (None, Norm::One) => self.levelled(ball, &sum.a),
        };
        self.by(ball, sum, &v)
    }

    /// The bound by this v. A computed difference has the sign of the real one, so the end by it is right.
    fn by(&self, ball: &Ball, sum: &Sum, v: &[f64]) -> f64 {
        let n = v.len();
        let (mut top, mut weight, mut most) = (sum.d, sum.weight, 0.0f64);
        for j in 0..n {
            let c = if v[j] > 0.0 { ball.centre[1][j] } else { ball.centre[0][j] };
            let rest = sum.a[j] - v[j];
            let end = if rest > 0.0 { self.hi[j] } else { self.lo[j] };
            let far = self.lo[j].abs().max(self.hi[j].abs()).max(c.abs());
            most = most.max(far);
            top += v[j] * c;
            top += if rest == 0.0 { 0.0 } else { rest * end };
            weight += (sum.size[j] + 2.0 * v[j].abs()) * far;
        }
        // 2n products and sums of differences; as much again covers what sizes themselves have lost.
        let slack = add_up(mul_up(2.0 * gamma(sum.rounded + 2 * n + 8), weight), LOST);
        let ball = mul_up(ball.radius, vector_norm_up(v.iter().map(|v| v.abs()), ball.norm.dual()));
        let top = add_up(add_up(top, slack), ball);
        if most < FAR && !top.is_nan() { top } else { f64::INFINITY }
    }

    /// Of an l2 ball: x = clamp(c + a / μ) is on the sphere for the right μ, and v = μ (x − c).
    fn stretched(&self, ball: &Ball, a: &[f64]) -> Vec<f64> {
        let ends = |j: usize| (self.lo[j] - ball.middle(j), self.hi[j] - ball.middle(j));
        let square = ball.radius * ball.radius;
        let corner = |(j, a): (usize, &f64)| if *a > 0.0 { ends(j).1 } else { ends(j).0 };
        if a.iter().enumerate().map(corner).map(|d| d * d).sum::<f64>() <= square {
            // The box alone decides.
            return vec![0.0; a.len()];
        }
        let mut mu = a.iter().map(|v| v * v).sum::<f64>().sqrt() / ball.radius;
        // ‖x − c‖ falls as μ grows; between these it is the radius.
        let (mut low, mut high) = (0.0, f64::INFINITY);
        for _ in 0..ROUNDS {
            let (mut free, mut stopped) = (0.0, 0.0);
            for (j, &a) in a.iter().enumerate() {
                let (l, h) = ends(j);
                let way = a / mu;
                if way < l || way > h {
                    stopped += way.max(l).min(h).powi(2);
                } else {
                    free += a * a;
                }
            }
            if stopped + free / (mu * mu) > square {
                low = mu
            } else {
                high = mu
            }
            let next = (free / (square - stopped)).sqrt();
            if (next - mu).abs() <= 1e-14 * mu {
                break;
            }
            mu = match () {
                _ if low < next && next < high => next,
                _ if low == 0.0 => 0.25 * high,
                _ if high == f64::INFINITY => 4.0 * low,
                _ => f64::sqrt(low * high),
            };
        }
        let each = |(j, &a): (usize, &f64)| {
            let (l, h) = ends(j);
            if a < l * mu {
                l * mu
            } else if a > h * mu {
                h * mu
            } else {
                a
            }
        };
        let v: Vec<f64> = a.iter().enumerate().map(each).collect();
        if v.iter().all(|v| v.is_finite()) { v } else { a.to_vec() }
    }

    /// A v that shows that box and ball do not meet, if they do not: from the centre to the box, long enough to
    /// outweigh the function.
    fn apart(&self, ball: &Ball, sum: &Sum) -> Option<Vec<f64>> {
        let way = |j: usize| ball.middle(j).clamp(self.lo[j], self.hi[j].max(self.lo[j])) - ball.middle(j);
        let way: Vec<f64> = (0..sum.a.len()).map(way).collect();
        let length = match ball.norm {
            Norm::Two => way.iter().map(|w| w * w).sum::<f64>().sqrt(),
            Norm::One | Norm::Inf => way.iter().map(|w| w.abs()).sum::<f64>(),
        };
        if length <= ball.radius {
            return None;
        }
        // (a − v) · x + v · c + r ‖v‖ is at most a · x − m (‖way‖ − r).
        let far = |(j, a): (usize, &f64)| a.abs() * self.lo[j].abs().max(self.hi[j].abs());
        let most = sum.a.iter().enumerate().map(far).sum::<f64>() + sum.d.abs();
        let m = 1.0f64.max(4.0 * most / (length - ball.radius));
        let direction = |w: f64| if ball.norm == Norm::Two { w / length } else { sign(w) };
        Some(way.iter().map(|w| m * direction(*w)).collect())
    }

    /// Of an l1 ball: the radius goes to the largest coefficients first, as far as the box lets them; v is a,
    /// cut off at the first one for which not enough is left.
    fn levelled(&self, ball: &Ball, a: &[f64]) -> Vec<f64> {
        let ends = |j: usize| (self.lo[j] - ball.middle(j), self.hi[j] - ball.middle(j));
        let mut left = ball.radius;
        let mut rooms: Vec<(f64, f64)> = vec![];
        for (j, &a) in a.iter().enumerate() {
            let (l, h) = ends(j);
            let nearest = 0.0f64.clamp(l, h.max(l));
            left -= nearest.abs();
            // Towards the centre there is room for nothing; a coordinate's own way out is what it may buy.
            let room = if a > 0.0 { h - nearest.max(0.0) } else { nearest.min(0.0) - l };
            if room > 0.0 && a != 0.0 {
                rooms.push((a.abs(), room));
            }
        }
        rooms.sort_by(|x, y| y.0.total_cmp(&x.0));
        let mut level = 0.0;
        for (size, room) in rooms {
            left -= room;
            if left < 0.0 {
                level = size;
                break;
            }
        }
        let each = |(j, &a): (usize, &f64)| match ends(j) {
            (l, _) if l > 0.0 => level,
            (_, h) if h < 0.0 => -level,
            _ => a.clamp(-level, level),
        };
        a.iter().enumerate().map(each).collect()
    }

    /// Do multipliers of nothing show that box and ball do not meet?
    pub fn is_void(&self) -> bool {
        self.top(&Sum::of(&vec![0.0; self.lo.len()], 0.0)) < 0.0
    }
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::random::Random;

    fn place<'p>(lo: &'p [f64], hi: &'p [f64], ball: &'p Ball) -> Place<'p> {
        Place { lo, hi, ball: Some(ball) }
    }

    /// The point of box and ball where a · x is largest, by bisection of the multiplier.
    fn best(a: &[f64], p: &Place, ball: &Ball) -> Option<f64> {
        let at = |m: f64| -> Vec<f64> {
            let l1 = |j: usize| if a[j].abs() > m { a[j].signum() * 9.0 } else { 0.0 };
            let way = |j: usize| if ball.norm == Norm::Two { a[j] / m } else { l1(j) };
            (0..a.len()).map(|j| (ball.middle(j) + way(j)).clamp(p.lo[j], p.hi[j])).collect()
        };
        let far = |x: &[f64]| -> f64 {
            let way = x.iter().enumerate().map(|(j, x)| x - ball.middle(j));
            match ball.norm {
                Norm::Two => way.map(|d| d * d).sum::<f64>().sqrt(),
                Norm::One | Norm::Inf => way.map(f64::abs).sum(),
            }
        };
        let value = |x: &[f64]| a.iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
        let (mut low, mut high) = (1e-12, 1e12);
        for _ in 0..400 {
            let m = f64::sqrt(low * high);
            if far(&at(m)) > ball.radius { low = m } else { high = m }
        }
        // Of an l1 ball what is left goes to the one coordinate between both.
        let (inner, outer) = (at(high), at(low));
        let (near, away) = (far(&inner), far(&outer));
        let share = if away > near { ((ball.radius - near) / (away - near)).clamp(0.0, 1.0) } else { 0.0 };
        let x: Vec<f64> = inner.iter().zip(&outer).map(|(i, o)| i + share * (o - i)).collect();
        (near <= ball.radius).then(|| value(&x))
    }

    #[test]
    fn largest_values() {
        let mut random = Random(11);
        let mut void = 0;
        for case in 0..4000 {
            let n = 1 + case % 7;
            let mut list = |scale: f64| -> Vec<f64> { (0..n).map(|_| scale * random.signed()).collect() };
            let (a, c, l, w) = (list(1.0), list(0.3), list(1.0), list(0.8));
            let hi: Vec<f64> = l.iter().zip(&w).map(|(l, w)| l + 0.2 + w.abs()).collect();
            let norm = if case % 2 == 0 { Norm::Two } else { Norm::One };
            let radius = 0.1 + 1.5 * random.unit();
            let ball = Ball::new(norm, [&c, &c], radius).expect("a ball");
            let p = place(&l, &hi, &ball);
            let top = p.top(&Sum::of(&a, 0.5));
            match best(&a, &p, &ball) {
                Some(most) => {
                    assert!(top >= most + 0.5 - 1e-9, "case {case}: {top} below {most}");
                    assert!(top <= most + 0.5 + 1e-6, "case {case}: {top} above {most}");
                    assert!(!p.is_void(), "case {case}");
                }
                None => {
                    void += 1;
                    assert!(p.is_void() && top < 0.0, "case {case}: {top}");
                }
            }
        }
        assert!(void > 200, "{void}");
    }
}
