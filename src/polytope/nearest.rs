//! The point of a polytope that is nearest to a given one, by an active set of its dual.
//!
//! An oracle: nothing here is proven. Points propose witnesses, multipliers propose bounds.
//!
//! min ½‖x − z‖² over A x + d >= t and lo <= x <= hi. For multipliers k >= 0 of the rows x = clamp(z + Aᵀk); while
//! the same coordinates are stopped the dual is a quadratic form of k, so it is solved exactly and again until
//! they stay (a semismooth Newton method, damped where the dual does not grow). The ball comes in by its radius alone.

use super::ball::{Ball, Place};
use super::plane::Plane;
use crate::deadline::Deadline;

/// Half-spaces with rows of length one, in a box, around the centre of an l2 ball.
pub struct Nearest {
    rows: Vec<Vec<f64>>,
    d: Vec<f64>,
    lengths: Vec<f64>,
    lo: Vec<f64>,
    hi: Vec<f64>,
    centre: Vec<f64>,
    radius: f64,
    /// Does the box stop anything?
    cut: bool,
    /// Coordinates that are not stopped, and the rows' products on them.
    free: Vec<bool>,
    gram: Vec<f64>,
    /// The last multipliers: where the next search begins.
    last: Vec<f64>,
    /// A value of the dual beyond which nothing is near enough.
    enough: f64,
    until: Deadline,
}

/// How often coordinates are stopped anew, and multipliers join or leave.
const ROUNDS: usize = 60;
/// What is added to squares of lengths, so that parallel rows can be told apart.
const RIDGE: f64 = 1e-12;
/// How close to the sphere a maximum is sought, in radii; bounds are off by the square of it.
const CLOSE: f64 = 1e-4;

impl Nearest {
    /// None where a row has no length.
    pub fn new(planes: &[Plane], place: Place, ball: &Ball, until: &Deadline) -> Option<Nearest> {
        let length = |p: &Plane| p.a.iter().map(|v| v * v).sum::<f64>().sqrt();
        let lengths: Vec<f64> = planes.iter().map(length).collect();
        if lengths.iter().any(|l| !(*l > 0.0 && l.is_finite())) {
            return None;
        }
        let with = planes.iter().zip(&lengths);
        let rows: Vec<Vec<f64>> = with.clone().map(|(p, l)| p.a.iter().map(|v| v / l).collect()).collect();
        let d = with.map(|(p, l)| p.d / l).collect();
        let (n, m) = (place.lo.len(), rows.len());
        let mut gram = vec![0.0; m * m];
        for i in 0..m {
            for k in 0..=i {
                (gram[i * m + k], gram[k * m + i]) = (dot(&rows[i], &rows[k]), dot(&rows[i], &rows[k]));
            }
        }
        Some(Nearest {
            rows,
            d,
            lengths,
            lo: place.lo.to_vec(),
            hi: place.hi.to_vec(),
            centre: (0..n).map(|j| ball.middle(j)).collect(),
            radius: ball.radius(),
            cut: place.is_cut(ball),
            free: vec![true; n],
            gram,
            last: vec![0.0; m],
            enough: f64::INFINITY,
            until: until.clone(),
        })
    }

    /// A point deep inside; else multipliers of the half-spaces that may show that there is none.
    pub fn deepest(&mut self) -> Result<Vec<f64>, Vec<f64>> {
        let centre = self.centre.clone();
        self.enough = 0.5 * self.radius * self.radius * (1.0 + 1e-9);
        let Some(first) = self.project(&centre, 0.0).filter(|x| self.distance(x) < self.radius) else {
            return Err(self.multipliers(1.0));
        };
        if self.rows.is_empty() {
            return Ok(first);
        }
        let mut best: Option<Vec<f64>> = None;
        let radius = self.radius;
        let mut reach = |depth: f64, best: &mut Option<Vec<f64>>| {
            let found = self.project(&centre, depth).filter(|x| self.distance(x) <= radius - depth);
            let good = found.is_some();
            *best = found.or(best.take());
            good
        };
        // As deep as a power of two allows, then a little deeper.
        let mut depth = radius;
        for _ in 0..40 {
            depth *= 0.5;
            if reach(depth, &mut best) {
                break;
            }
        }
        for step in [0.5, 0.25, 0.125] {
            if best.is_some() && reach(depth * (1.0 + step), &mut best) {
                depth *= 1.0 + step;
            }
        }
        best.ok_or_else(|| self.multipliers(1.0))
    }

    /// Multipliers λ >= 0 of the half-spaces for which max p · x is about the ball's and the box's largest value
    /// of p + Σ λ_i a_i. There must be points inside.
    pub fn maximise(&mut self, p: &[f64]) -> Option<Vec<f64>> {
        let length = dot(p, p).sqrt();
        if !(length > 0.0 && length.is_finite()) {
            return None;
        }
        self.last.fill(0.0);
        self.enough = f64::INFINITY;
        // The point of the polytope nearest to c + s p is on the sphere for the right s; its multipliers are s λ.
        let centre = self.centre.clone();
        let way = |s: f64| -> Vec<f64> { centre.iter().zip(p).map(|(c, p)| c + s * p).collect() };
        let (mut low, mut high) = (0.0, self.radius / length);
        let mut gaps = [f64::NAN; 2];
        let mut found = vec![];
        for _ in 0..24 {
            let at = if gaps[1].is_nan() {
                high
            } else if gaps[0].is_nan() {
                0.5 * (low + high)
            } else {
                let share = (-gaps[0] / (gaps[1] - gaps[0])).clamp(0.05, 0.95);
                low + share * (high - low)
            };
            let z = way(at);
            let Some(x) = self.project_from(&z, 0.0) else { break };
            found = self.multipliers(at);
            let gap = self.distance(&x) / self.radius - 1.0;
            if gap.abs() < CLOSE || self.until.is_over() {
                break;
            }
            if gap > 0.0 {
                (high, gaps[1]) = (at, gap);
            } else {
                (low, gaps[0]) = (at, gap);
                if gaps[1].is_nan() {
                    high = 4.0 * at;
                }
            }
            if high > 1e9 * self.radius / length {
                break;
            }
        }
        (!found.is_empty()).then_some(found)
    }

    fn multipliers(&self, scale: f64) -> Vec<f64> {
        let most = self.last.iter().copied().fold(0.0, f64::max);
        let kept = |k: f64| if k > 1e-12 * most { k } else { 0.0 };
        self.last.iter().zip(&self.lengths).map(|(k, l)| kept(*k) / (l * scale)).collect()
    }

    fn distance(&self, x: &[f64]) -> f64 {
        x.iter().zip(&self.centre).map(|(x, c)| (x - c).powi(2)).sum::<f64>().sqrt()
    }

    /// From no multipliers at all.
    fn project(&mut self, z: &[f64], depth: f64) -> Option<Vec<f64>> {
        self.last.fill(0.0);
        self.project_from(z, depth)
    }

    /// The point nearest to z at this depth; None where there is none, as far as one can tell.
    fn project_from(&mut self, z: &[f64], depth: f64) -> Option<Vec<f64>> {
        let mut k = self.last.clone();
        let mut x = self.at(z, &k);
        let mut value = self.dual(z, &k, &x, depth);
        let mut damping = 0.0;
        for _ in 0..ROUNDS {
            let same = self.stop(z, &k);
            let constants = self.constants(z, &k, depth);
            let next = solved(&damped(&self.gram, damping, k.len()), &shifted(&constants, damping, &k), &k);
            let there = self.at(z, &next);
            let now = self.dual(z, &next, &there, depth);
            if self.cut && (now < value - 1e-13 * value.abs() || now.is_nan()) {
                // Other coordinates are stopped there: a shorter step.
                damping = f64::max(30.0 * damping, 1e-6);
                continue;
            }
            let moved = next.iter().zip(&k).any(|(a, b)| (a - b).abs() > 1e-12 * (a.abs() + b.abs()));
            (k, x, value, damping) = (next, there, now, if damping > 1e-9 { 0.1 * damping } else { 0.0 });
            let settled = !self.cut || (same && !moved) || value > self.enough;
            if settled || self.until.is_over() {
                break;
            }
        }
        self.last = k;
        // Every row must hold, but for roundings.
        let size = self.radius.max(self.distance(&x)).max(1e-300);
        let holds = |(a, d): (&Vec<f64>, &f64)| dot(a, &x) + d >= depth - 1e-7 * size;
        (x.iter().all(|x| x.is_finite()) && self.rows.iter().zip(&self.d).all(holds)).then_some(x)
    }

    /// clamp(z + Aᵀk).
    fn at(&self, z: &[f64], k: &[f64]) -> Vec<f64> {
        let mut x = self.pulled(z, k);
        if self.cut {
            x.iter_mut().zip(self.lo.iter().zip(&self.hi)).for_each(|(x, (l, h))| *x = x.max(*l).min(*h));
        }
        x
    }

    fn pulled(&self, z: &[f64], k: &[f64]) -> Vec<f64> {
        let mut x = z.to_vec();
        for (row, k) in self.rows.iter().zip(k).filter(|(_, k)| **k != 0.0) {
            x.iter_mut().zip(row).for_each(|(x, a)| *x += k * a);
        }
        x
    }

    /// Coordinates that are stopped under these multipliers; true where they were before.
    fn stop(&mut self, z: &[f64], k: &[f64]) -> bool {
        if !self.cut {
            return true;
        }
        let x = self.pulled(z, k);
        let m = self.rows.len();
        let mut same = true;
        for (j, x) in x.iter().enumerate() {
            let free = self.lo[j] < *x && *x < self.hi[j];
            if free != self.free[j] {
                same = false;
                self.free[j] = free;
                let sign = if free { 1.0 } else { -1.0 };
                for i in 0..m {
                    let a = sign * self.rows[i][j];
                    (0..m).for_each(|l| self.gram[i * m + l] += a * self.rows[l][j]);
                }
            }
        }
        same
    }

    /// A x + d − t at the point with no multipliers, stopped coordinates where they are.
    fn constants(&self, z: &[f64], k: &[f64], depth: f64) -> Vec<f64> {
        let mut base = z.to_vec();
        if self.cut {
            let x = self.at(z, k);
            (0..base.len()).filter(|&j| !self.free[j]).for_each(|j| base[j] = x[j]);
        }
        self.rows.iter().zip(&self.d).map(|(a, d)| dot(a, &base) + d - depth).collect()
    }

    /// ½‖x − z‖² − k · (A x + d − t).
    fn dual(&self, z: &[f64], k: &[f64], x: &[f64], depth: f64) -> f64 {
        if !self.cut {
            return 0.0;
        }
        let square = x.iter().zip(z).map(|(x, z)| (x - z).powi(2)).sum::<f64>();
        let each = self.rows.iter().zip(&self.d).zip(k).filter(|(_, k)| **k != 0.0);
        0.5 * square - each.map(|((a, d), k)| k * (dot(a, x) + d - depth)).sum::<f64>()
    }
}

/// The dual's square with that much more, around the multipliers k.
fn damped(q: &[f64], damping: f64, m: usize) -> Vec<f64> {
    let mut q = q.to_vec();
    (0..m).for_each(|i| q[i * m + i] += damping);
    q
}

fn shifted(h: &[f64], damping: f64, k: &[f64]) -> Vec<f64> {
    h.iter().zip(k).map(|(h, k)| h - damping * k).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// min ½ kᵀQk + h · k over k >= 0 (Lawson and Hanson), from these.
fn solved(q: &[f64], h: &[f64], start: &[f64]) -> Vec<f64> {
    let m = h.len();
    let mut k: Vec<f64> = start.to_vec();
    let mut inside: Vec<usize> = (0..m).filter(|&i| k[i] > 0.0).collect();
    let scale = h.iter().fold(0.0f64, |s, v| s.max(v.abs()));
    for _ in 0..4 * m + 8 {
        // What is inside is solved for; what would turn negative leaves at the boundary.
        while !inside.is_empty() {
            let s = stationary(q, h, &inside, m);
            let room =
                |t: usize| if s[t] <= 0.0 { k[inside[t]] / (k[inside[t]] - s[t]) } else { f64::INFINITY };
            let first = (0..s.len()).min_by(|&a, &b| room(a).total_cmp(&room(b))).expect("not empty");
            let step = room(first);
            if step == f64::INFINITY {
                inside.iter().zip(&s).for_each(|(&i, s)| k[i] = *s);
                break;
            }
            let step = if step.is_nan() { 0.0 } else { step };
            inside.iter().zip(&s).for_each(|(&i, s)| k[i] += step * (s - k[i]));
            let gone = inside.remove(first);
            k[gone] = 0.0;
            inside.retain(|&i| k[i] > 0.0);
        }
        let slope = |i: usize| -h[i] - inside.iter().map(|&l| q[i * m + l] * k[l]).sum::<f64>();
        let outside = (0..m).filter(|i| !inside.contains(i)).map(|i| (slope(i), i));
        match outside.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((s, i)) if s > 1e-12 * scale => inside.push(i),
            _ => break,
        }
    }
    k
}

/// Q_SS k = −h_S by Cholesky, with a ridge.
fn stationary(q: &[f64], h: &[f64], set: &[usize], m: usize) -> Vec<f64> {
    let s = set.len();
    let mut l = vec![0.0; s * s];
    let mut y = vec![0.0; s];
    for i in 0..s {
        for j in 0..=i {
            let mut v = q[set[i] * m + set[j]];
            (0..j).for_each(|t| v -= l[i * s + t] * l[j * s + t]);
            l[i * s + j] = if i == j { (v + RIDGE).max(RIDGE).sqrt() } else { v / l[j * s + j] };
        }
        let so_far: f64 = (0..i).map(|t| l[i * s + t] * y[t]).sum();
        y[i] = (-h[set[i]] - so_far) / l[i * s + i];
    }
    for i in (0..s).rev() {
        let later: f64 = (i + 1..s).map(|t| l[t * s + i] * y[t]).sum();
        y[i] = (y[i] - later) / l[i * s + i];
    }
    y
}
