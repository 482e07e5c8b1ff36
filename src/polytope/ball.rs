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
use crate::num::norms::{length_up, vector_norm_up};
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

/// Sums that are taken side by side.
const LANES: usize = 8;

/// Two sums over a coefficient and the ends of its coordinate, in plain arithmetic.
fn summed((a, low, high): (&[f64], &[f64], &[f64]), term: impl Fn(f64, f64, f64) -> [f64; 2]) -> [f64; 2] {
    let mut sums = [[0.0; LANES]; 2];
    let whole = a.chunks_exact(LANES).zip(low.chunks_exact(LANES)).zip(high.chunks_exact(LANES));
    for ((a, l), h) in whole {
        for k in 0..LANES {
            let [x, y] = term(a[k], l[k], h[k]);
            sums[0][k] += x;
            sums[1][k] += y;
        }
    }
    let rest = a.len() - a.len() % LANES;
    for j in rest..a.len() {
        let [x, y] = term(a[j], low[j], high[j]);
        sums[0][j - rest] += x;
        sums[1][j - rest] += y;
    }
    sums.map(|s| s.iter().sum())
}

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
        // Sums in any order: what is added below covers all of them.
        let (mut top, mut weight, mut most) = ([0.0; LANES], [0.0; LANES], [0.0f64; LANES]);
        let at = (&v[..n], &sum.a[..n], &sum.size[..n], &self.lo[..n], &self.hi[..n]);
        let centre = (&ball.centre[0][..n], &ball.centre[1][..n]);
        for start in (0..n).step_by(LANES) {
            for k in 0..LANES.min(n - start) {
                let j = start + k;
                let c = if at.0[j] > 0.0 { centre.1[j] } else { centre.0[j] };
                let rest = at.1[j] - at.0[j];
                let end = if rest > 0.0 { at.4[j] } else { at.3[j] };
                let far = at.3[j].abs().max(at.4[j].abs()).max(c.abs());
                most[k] = most[k].max(far);
                top[k] += at.0[j] * c;
                top[k] += if rest == 0.0 { 0.0 } else { rest * end };
                weight[k] += (at.2[j] + 2.0 * at.0[j].abs()) * far;
            }
        }
        let top = sum.d + top.iter().sum::<f64>();
        let weight = sum.weight + weight.iter().sum::<f64>();
        let most = most.iter().fold(0.0f64, |m, v| m.max(*v));
        // 2n products and sums of differences; as much again covers what sizes themselves have lost.
        let slack = add_up(mul_up(2.0 * gamma(sum.rounded + 2 * n + LANES + 8), weight), LOST);
        let size = match ball.norm {
            Norm::Two => length_up(v),
            Norm::One | Norm::Inf => vector_norm_up(v.iter().map(|v| v.abs()), ball.norm.dual()),
        };
        let ball = mul_up(ball.radius, size);
        let top = add_up(add_up(top, slack), ball);
        if most < FAR && !top.is_nan() { top } else { f64::INFINITY }
    }

    /// Of an l2 ball: x = clamp(c + a / μ) is on the sphere for the right μ, and v = μ (x − c).
    fn stretched(&self, ball: &Ball, a: &[f64]) -> Vec<f64> {
        let low: Vec<f64> = (0..a.len()).map(|j| self.lo[j] - ball.middle(j)).collect();
        let high: Vec<f64> = (0..a.len()).map(|j| self.hi[j] - ball.middle(j)).collect();
        let square = ball.radius * ball.radius;
        let corner = |a: f64, l: f64, h: f64| if a > 0.0 { h } else { l };
        let [far, _] = summed((a, &low, &high), |a, l, h| [corner(a, l, h).powi(2), 0.0]);
        if far <= square {
            // The box alone decides.
            return vec![0.0; a.len()];
        }
        let [length, _] = summed((a, &low, &high), |a, _, _| [a * a, 0.0]);
        let mut mu = length.sqrt() / ball.radius;
        // ‖x − c‖ falls as μ grows; between these it is the radius.
        let (mut least, mut most) = (0.0, f64::INFINITY);
        for _ in 0..ROUNDS {
            let [free, stopped] = summed((a, &low, &high), |a, l, h| {
                let way = a / mu;
                let end = way.max(l).min(h);
                if way == end { [a * a, 0.0] } else { [0.0, end * end] }
            });
            if stopped + free / (mu * mu) > square {
                least = mu
            } else {
                most = mu
            }
            let next = (free / (square - stopped)).sqrt();
            if (next - mu).abs() <= 1e-14 * mu {
                break;
            }
            mu = match () {
                _ if least < next && next < most => next,
                _ if least == 0.0 => 0.25 * most,
                _ if most == f64::INFINITY => 4.0 * least,
                _ => f64::sqrt(least * most),
            };
        }
        let each = |(a, (l, h)): (&f64, (&f64, &f64))| a.max(l * mu).min(h * mu);
        let v: Vec<f64> = a.iter().zip(low.iter().zip(&high)).map(each).collect();
        if v.iter().all(|v| v.is_finite()) { v } else { a.to_vec() }
    }

    /// A v that shows that box and ball do not meet, if they do not: from the centre to the box, long enough to
    /// outweigh the function.
    fn apart(&self, ball: &Ball, sum: &Sum) -> Option<Vec<f64>> {
        let way = |j: usize| ball.middle(j).max(self.lo[j]).min(self.hi[j].max(self.lo[j])) - ball.middle(j);
        let inside = |j: usize| self.lo[j] <= ball.middle(j) && ball.middle(j) <= self.hi[j];
        if (0..sum.a.len()).fold(true, |all, j| all & inside(j)) {
            return None;
        }
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
